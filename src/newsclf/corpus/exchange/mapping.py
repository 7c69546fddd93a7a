"""Which column of somebody's table is which field of an article, and what its labels mean."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from newsclf.corpus.exchange.base import SourceRow
from newsclf.corpus.exchange.cells import labels_from_cell
from newsclf.corpus.rows import RowError
from newsclf.errors import ConfigError, explain_validation
from newsclf.schemes import Identifier, LabelScheme, read_toml

Field = Literal[
    "id",
    "headline",
    "body",
    "published",
    "source",
    "genre",
    "country",
    "url",
    "language",
    "target",
    "split",
    "annotator",
]

_SYNONYMS: dict[Field, tuple[str, ...]] = {
    "id": ("guid", "uuid", "_id", "doc_id", "document_id", "article_id", "key"),
    "headline": ("title", "heading", "subject"),
    "body": ("text", "content", "article", "body_text", "article_text", "full_text", "description"),
    "published": ("date", "published_at", "pubdate", "pub_date", "publication_date"),
    "source": ("publisher", "outlet", "organisation", "organization"),
    "genre": ("document_type", "doc_type"),
    "country": ("country_code",),
    "url": ("link", "href", "uri"),
    "language": ("lang", "locale"),
    "split": ("subset", "partition"),
    "annotator": ("annotator_id", "coder", "rater"),
}
_TOPIC_COLUMNS = ("category", "categories", "topics", "tags", "label", "labels", "class")
_SPLITS: dict[str, str] = {
    "training": "train",
    "dev": "valid",
    "val": "valid",
    "validation": "valid",
    "testing": "test",
}
_YES = {"1", "1.0", "true", "yes", "x"}
_NO = {"0", "0.0", "false", "no"}
_MOSTLY = 0.8


class TaskColumns(BaseModel):
    """Where the labels of a task are.

    Parameters
    ----------
    column : str, optional
        The one column that holds them.
    columns : mapping of str to str, optional
        In place of `column`: one column for each label, with 1, true, yes or x where it is given
        and 0, false or no where it is not. An article with every one of them empty is not judged.
    separator : str
        Between labels in a cell of `column`.
    values : mapping of str to str
        Their labels to ours; others stay as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    columns: dict[str, str] | None = None
    separator: str = ";"
    values: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.column is None) == (self.columns is None):
            raise ValueError("give either 'column' or 'columns'")
        if not self.separator:
            raise ValueError("'separator' is empty; give a character such as ';'")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(self.columns) if self.columns else (self.column or "",)


class ColumnMapping(BaseModel):
    """Which column is which field, and where the labels of each task are.

    Parameters
    ----------
    fields : mapping of str to str
        Columns by field.
    tasks : mapping of str to TaskColumns
        Where the labels are, by task.
    splits : mapping of str to str
        Their names of splits to ours; usual ones, such as ``dev``, are known.

    Examples
    --------
    >>> mapping = ColumnMapping(
    ...     fields={"headline": "title", "body": "text"},
    ...     tasks={"topic": TaskColumns(column="tags", separator="|")})
    >>> print(mapping.to_toml())
    [fields]
    headline = "title"
    body = "text"
    <BLANKLINE>
    [tasks.topic]
    column = "tags"
    separator = "|"
    <BLANKLINE>
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[Field, str] = {}
    tasks: dict[Identifier, TaskColumns] = {}
    splits: dict[str, Literal["train", "valid", "test"]] = {}

    @property
    def uses(self) -> list[tuple[str, str]]:
        """Each field or task, and a column that it is read from."""
        labels = ((task, name) for task, given in self.tasks.items() for name in given.names)
        return [*self.fields.items(), *labels]

    def overruled(self, other: ColumnMapping) -> ColumnMapping:
        """Return this mapping, with what another one says in place of what this one says."""
        return ColumnMapping(
            fields=self.fields | other.fields,
            tasks=self.tasks | other.tasks,
            splits=self.splits | other.splits,
        )

    def to_toml(self) -> str:
        """Return the mapping as a TOML file has it."""
        return tomli_w.dumps(self.model_dump(exclude_defaults=True))


NOTHING_KNOWN = ColumnMapping()
"""A mapping to be guessed as a whole."""


def read_mapping(path: Path) -> ColumnMapping:
    """Read a column mapping from a TOML file.

    Raises
    ------
    ConfigError
        When it is missing, is not TOML, or is not a mapping.
    """
    try:
        return ColumnMapping.model_validate(read_toml(path))
    except ValidationError as error:
        known = {*ColumnMapping.model_fields, *TaskColumns.model_fields}
        raise ConfigError(f"{path}: {explain_validation(error.errors(), known)}") from None


def guess_mapping(
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    schemes: Mapping[str, LabelScheme],
    given: ColumnMapping = NOTHING_KNOWN,
) -> ColumnMapping:
    """Guess a mapping by the names of columns, then by what is in them.

    Parameters
    ----------
    columns : sequence of str
        There are.
    sample : sequence of mapping
        Some rows, by column.
    schemes : mapping of str to LabelScheme
        The tasks that are wanted; a column of a task's name, or most of whose values are labels
        of its scheme, holds its labels. Without one, a column called ``category`` or the like
        holds topics.
    given : ColumnMapping
        What is known; the rest is guessed among the columns that it does not use.

    Raises
    ------
    ConfigError
        When no column holds text.
    """
    used = {name for _, name in given.uses}
    free = {
        _plain(name): name
        for name in reversed(columns)
        if name not in used and not _is_corpus_part(name, sample)
    }
    wanted = [field for field in get_args(Field) if field not in given.fields]
    fields = dict(_take(free, {field: (field,) for field in wanted}))
    missing = {task: scheme for task, scheme in schemes.items() if task not in given.tasks}
    tasks = dict(_take(free, {task: (f"labels_{task}", task) for task in missing}))
    fields |= _take(free, {f: _SYNONYMS[f] for f in wanted if f in _SYNONYMS and f not in fields})
    tasks |= _by_values(free, sample, {t: s for t, s in missing.items() if t not in tasks})
    if "topic" not in tasks | given.tasks:
        tasks |= _take(free, {"topic": _TOPIC_COLUMNS})
    if "body" in wanted and "body" not in fields:
        fields |= _longest_text(free, sample, fields.get("headline"))
    guessed = ColumnMapping(
        fields=fields, tasks={task: TaskColumns(column=name) for task, name in tasks.items()}
    ).overruled(given)
    if not guessed.fields.keys() & {"headline", "body"}:
        raise ConfigError(
            f"no column holds text among {', '.join(columns)}; say which is the body in a mapping"
        )
    return guessed


def check_mapping(mapping: ColumnMapping, columns: Sequence[str], path: Path | str) -> None:
    """Check that every column of a mapping is there.

    Raises
    ------
    ConfigError
        Naming the column, the nearest one that there is, and all of them.
    """
    for use, name in mapping.uses:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(
                f"{path}: there is no column {name!r} for {use}{hint} "
                f"The columns are {', '.join(columns)}"
            )


def apply_mapping(row: SourceRow, mapping: ColumnMapping) -> dict[str, Any]:
    """Shape a row as ``articles.jsonl`` has it.

    Parameters
    ----------
    row : SourceRow
        By column. One that has the shape already, with ``labels`` an object, keeps what it has.
    mapping : ColumnMapping
        Which column is which.

    Returns
    -------
    dict
        Fields, ``labels`` by task, and ``annotations`` where the row has them. Where there is an
        annotator, the labels are in the annotation alone. An empty cell is an absent field, and a
        row without an id gets its file's name and line.

    Raises
    ------
    RowError
        When a column that says whether a label is given says something else.
    """
    made: dict[str, Any] = {}
    if isinstance(row.values.get("labels"), dict):
        mapped = set(mapping.fields.values())
        made = {name: value for name, value in row.values.items() if name not in mapped}
    made |= {field: _text(row.values.get(name)) for field, name in mapping.fields.items()}
    if made.get("id") is None:
        made["id"] = f"{_stem(row.path)}-{row.line}"
    if made.get("split") is not None:
        made["split"] = _split(made["split"], mapping.splits)
    labels = dict(_labels(row.values, mapping.tasks))
    made["labels"] = made.get("labels", {}) | labels
    if isinstance(row.values.get("annotations"), list):
        made["annotations"] = row.values["annotations"]
    if (annotator := made.pop("annotator", None)) is not None:
        made["annotations"] = [{"annotator": annotator, "labels": made["labels"]}]
        made["labels"] = {}
    return made


def match_label(value: str, scheme: LabelScheme) -> str | None:
    """Find the label of a scheme that a text means: its title, else its id.

    Where neither is equal, case does not count, nor do white space and punctuation.

    Parameters
    ----------
    value : str
        For example ``"Crime & punishment"``.
    scheme : LabelScheme
        Where to look.
    """
    for alike in (str, _plain):
        for names in ([label.title for label in scheme.labels], scheme.label_ids):
            for label, name in zip(scheme.labels, names, strict=True):
                if alike(name) == alike(value):
                    return label.id
    return None


def label_id(value: str) -> str:
    """Make an identifier of any text, for a scheme that is inferred from data.

    Two texts may get the same one.

    Examples
    --------
    >>> label_id("Crime & Punishment"), label_id("5G"), label_id("Éducation")
    ('crime_punishment', 'label_5g', 'education')
    """
    decomposed = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", decomposed.lower()).strip("_")
    if not words[:1].isalpha():
        words = f"label_{words}" if words else f"label_{value.encode().hex()}"
    return words[:64].rstrip("_")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or name


def _is_corpus_part(name: str, sample: Sequence[Mapping[str, Any]]) -> bool:
    kind = {"labels": dict, "annotations": list}.get(name)
    return kind is not None and any(isinstance(row.get(name), kind) for row in sample)


def _take(free: dict[str, str], wanted: Mapping[Any, tuple[str, ...]]) -> Iterator[tuple[Any, str]]:
    for use, names in wanted.items():
        for name in map(_plain, names):
            if name in free:
                yield use, free.pop(name)
                break


def _by_values(
    free: dict[str, str], sample: Sequence[Mapping[str, Any]], schemes: Mapping[str, LabelScheme]
) -> Iterator[tuple[str, str]]:
    for task, scheme in schemes.items():
        for plain, column in list(free.items()):
            cells = (labels_from_cell(row.get(column)) for row in sample)
            labels = [label for cell in cells for label in cell or ()]
            known = sum(match_label(label, scheme) is not None for label in labels)
            if labels and known >= _MOSTLY * len(labels):
                del free[plain]
                yield task, column
                break


def _longest_text(
    free: Mapping[str, str], sample: Sequence[Mapping[str, Any]], headline: str | None
) -> dict[str, str]:
    """Find the column of the longest text; it is no body when headlines are longer."""
    candidates = [*free.values(), *([headline] if headline else [])]
    lengths = {name: _mean_length(row.get(name) for row in sample) for name in candidates}
    longest = max(lengths, key=lambda name: lengths[name], default=None)
    if longest is None or longest == headline or not lengths[longest]:
        return {}
    return {"body": longest}


def _mean_length(values: Iterable[object]) -> float:
    lengths = [len(value) for value in values if isinstance(value, str)]
    return sum(lengths) / len(lengths) if lengths else 0.0


def _text(value: Any) -> Any:
    """Turn a number or a date into text; what no text can be made of is refused later."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


def _stem(path: str) -> str:
    return PurePosixPath(path.rpartition(":")[2]).name.partition(".")[0]


def _split(name: Any, splits: Mapping[str, str]) -> Any:
    if not isinstance(name, str):
        return name
    if name in splits:
        return splits[name]
    usual = name.strip().casefold()
    return _SPLITS.get(usual, usual)


def _labels(
    values: Mapping[str, Any], tasks: Mapping[str, TaskColumns]
) -> Iterator[tuple[str, list[str]]]:
    for task, given in tasks.items():
        if given.columns is not None:
            labels = _indicated(values, given.columns)
        else:
            labels = labels_from_cell(values.get(given.column or ""), given.separator)
        if labels is not None:
            ours = (given.values.get(label, label) for label in labels)
            yield task, list(dict.fromkeys(ours))


def _indicated(values: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[str, ...] | None:
    said = {column: str(_text(values.get(column)) or "").strip().casefold() for column in columns}
    for column, word in said.items():
        if word and word not in _YES | _NO:
            allowed = "write 1, true, yes or x, else 0, false or no"
            raise RowError("invalid_label", f"column {column!r} says {word[:40]!r}; {allowed}")
    if not any(said.values()):
        return None
    return tuple(label for column, label in columns.items() if said[column] in _YES)
