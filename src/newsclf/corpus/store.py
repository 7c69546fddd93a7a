"""A labelled corpus: a folder that holds ``corpus.toml`` and ``articles.jsonl`` or ``.parquet``.

Where several annotators are kept, what each said is in ``annotations.jsonl``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import tomli_w
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf.corpus.lines import BadRow, bounded_lines
from newsclf.corpus.rows import (
    SPLITS,
    RowError,
    annotation_from_row,
    labelled_from_row,
    parse_json_row,
    row_from_annotation,
    row_from_labelled,
)
from newsclf.errors import ConfigError, InputError, explain_validation
from newsclf.files import atomic_folder, refuse_existing
from newsclf.records import Annotation, Article, LabelledArticle
from newsclf.schemes import LabelScheme, read_scheme, read_toml, write_scheme

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features


Method = Literal["stratified", "time"]


class SplitRecord(BaseModel):
    """How the splits of a corpus were drawn, so that they can be drawn again and checked.

    Parameters
    ----------
    method : 'stratified' or 'time'
        By the labels of every task, or from the oldest to the newest.
    seed : int
        Of the drawing; without effect on ``time``.
    shares : dict of str to float
        By split; they add up to 1.
    unit : str
        What was kept in one split: ``article``, or for example ``source``.
    sha256 : str
        The corpus's `Corpus.content_sha256`; another one means that it changed since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    seed: int
    shares: dict[str, float]
    unit: str
    sha256: str

    @property
    def sentence(self) -> str:
        """The record, but for the hash, as people read it."""
        shares = ", ".join(f"{name} {100 * share:.3g} %" for name, share in self.shares.items())
        how = {
            "stratified": f"stratified by the labels of every task with seed {self.seed}",
            "time": "from the oldest to the newest",
        }[self.method]
        kept = "" if self.unit == "article" else f", kept together by {self.unit}"
        return f"{shares}, {how}{kept}"


class CorpusInfo(BaseModel):
    """What ``corpus.toml`` says.

    Parameters
    ----------
    name, version, licence, provenance : str
        For people, and for the model card.
    schemes : tuple of str
        Paths of the scheme files, relative to the corpus folder.
    splits : str
        How the splits were drawn, for people.
    drawn : SplitRecord, optional
        The same for programs, where newsclf drew them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    licence: str
    provenance: str
    schemes: tuple[str, ...]
    splits: str = ""
    drawn: SplitRecord | None = None


@dataclass(frozen=True)
class Corpus:
    """Labelled articles and the schemes of their labels.

    Parameters
    ----------
    info : CorpusInfo
        Name, version, licence, provenance.
    schemes : mapping of str to LabelScheme
        By task.
    articles : tuple of LabelledArticle
        With ids that occur once.
    annotations : tuple of Annotation
        What each annotator said, where that is kept.
    """

    info: CorpusInfo
    schemes: Mapping[str, LabelScheme]
    articles: tuple[LabelledArticle, ...]
    annotations: tuple[Annotation, ...] = ()

    def split(self, *names: str) -> tuple[LabelledArticle, ...]:
        """Return the articles of one split or several.

        Raises
        ------
        ConfigError
            When there is none, naming the splits there are.
        """
        chosen = tuple(article for article in self.articles if article.split in names)
        if not chosen:
            there = sorted({article.split or "(none)" for article in self.articles})
            raise ConfigError(
                f"corpus {self.info.name} has no article in split {' or '.join(names)}; "
                f"its splits are {', '.join(there)}"
            )
        return chosen

    @property
    def sha256(self) -> str:
        """Hash of the articles' content, labels and splits, whatever file they came from."""
        digest = hashlib.sha256()
        for article in self.articles:
            digest.update(orjson.dumps(row_from_labelled(article), option=orjson.OPT_SORT_KEYS))
        return digest.hexdigest()

    @property
    def content_sha256(self) -> str:
        """Hash of the articles' content and labels, whatever their order and their splits."""
        digest = hashlib.sha256()
        for article in sorted(self.articles, key=lambda article: article.id):
            row = row_from_labelled(article)
            del row["split"]
            digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
        return digest.hexdigest()

    def to_datasets(self) -> DatasetDict:
        """Return the corpus as a Hugging Face ``DatasetDict``, one ``Dataset`` a split.

        Each task is a column: a list of ``ClassLabel`` where several labels may be given, null
        where the task was not judged. Articles without a split are under ``all``.
        """
        from datasets import DatasetDict

        by_split: dict[str, list[LabelledArticle]] = {}
        for name in SPLITS:
            if chosen := [article for article in self.articles if article.split == name]:
                by_split[name] = chosen
        if rest := [article for article in self.articles if article.split is None]:
            by_split["all"] = rest
        return DatasetDict({name: self._dataset(rows) for name, rows in by_split.items()})

    def _dataset(self, articles: Iterable[LabelledArticle]) -> Dataset:
        from datasets import Dataset

        features = self._features()
        names = [field.name for field in fields(Article)]
        rows = [
            {name: getattr(article, name) for name in names}
            | {task: _as_list(article.labels.get(task)) for task in self.schemes}
            for article in articles
        ]
        columns = {name: [row[name] for row in rows] for name in features}
        return Dataset.from_dict(columns, features=features)

    def _features(self) -> Features:
        from datasets import ClassLabel, Features, List, Value

        text = {field.name: Value("string") for field in fields(Article)}
        tasks = {
            task: List(ClassLabel(names=list(scheme.label_ids)))
            for task, scheme in self.schemes.items()
        }
        return Features(text | tasks)


def indicators(
    articles: Iterable[LabelledArticle], scheme: LabelScheme
) -> tuple[list[LabelledArticle], NDArray[np.bool_]]:
    """Return the articles that were judged for a task, and their labels as an array.

    Parameters
    ----------
    articles : iterable of LabelledArticle
        Any articles. Those that were not judged, and those without a label where the scheme asks
        for exactly one, are left out.
    scheme : LabelScheme
        The task.

    Returns
    -------
    articles : list of LabelledArticle
        The `n` judged ones.
    y : ndarray of bool, shape (n, n_labels)
        Columns in the scheme's order.
    """
    judged = [
        article
        for article in articles
        if scheme.name in article.labels and (scheme.kind == "multi" or article.labels[scheme.name])
    ]
    y = [[label in article.labels[scheme.name] for label in scheme.label_ids] for article in judged]
    return judged, np.array(y, dtype=bool).reshape(len(judged), len(scheme.labels))


def read_corpus(folder: Path, *, on_bad: Callable[[BadRow], None] | None = None) -> Corpus:
    """Read a corpus folder.

    Parameters
    ----------
    folder : Path
        Holds ``corpus.toml``, either ``articles.jsonl`` or ``articles.parquet``, and perhaps
        ``annotations.jsonl``.
    on_bad : callable, optional
        Takes each row that cannot be used, and reading goes on; without it the first raises.

    Raises
    ------
    ConfigError
        When ``corpus.toml`` or a scheme is not valid.
    InputError
        When an article is not valid or an id occurs twice; the message names file and line.
    """
    if not folder.is_dir():
        raise InputError("there is no such corpus folder", path=folder)
    report = on_bad or _refuse
    info = _read_info(folder / "corpus.toml")
    schemes = _read_schemes(folder, info)
    parquet = folder / "articles.parquet"
    jsonl = folder / "articles.jsonl"
    path = parquet if parquet.exists() and not jsonl.exists() else jsonl
    rows = _parquet_rows(path) if path is parquet else _jsonl_lines(path)
    articles = tuple(_checked_articles(rows, schemes, path, report))
    if not articles:
        raise InputError("the corpus has no article", path=path)
    path = folder / "annotations.jsonl"
    ids = {article.id for article in articles}
    lines = _jsonl_lines(path) if path.exists() else iter(())
    annotations = tuple(_checked_annotations(lines, schemes, ids, path, report))
    return Corpus(info, schemes, articles, annotations)


def write_corpus(
    corpus: Corpus, folder: Path, *, parquet: bool = False, force: bool = False
) -> None:
    """Write a corpus folder, schemes included; it appears whole or not at all.

    Parameters
    ----------
    corpus : Corpus
        What to write.
    folder : Path
        The destination.
    parquet : bool
        Write ``articles.parquet`` (through ``datasets``) in place of ``articles.jsonl``.
    force : bool
        Replace a folder that exists.

    Raises
    ------
    OutputError
        When the folder exists, or cannot be written.
    """
    refuse_existing(folder, force=force)
    info = corpus.info.model_copy(
        update={"schemes": tuple(f"schemes/{task}.toml" for task in corpus.schemes)}
    )
    rows = [row_from_labelled(article) for article in corpus.articles]
    with atomic_folder(folder) as temporary:
        _write_info(info, temporary / "corpus.toml")
        for task, scheme in corpus.schemes.items():
            write_scheme(scheme, temporary / "schemes" / f"{task}.toml")
        if parquet:
            _write_parquet(rows, corpus.schemes, temporary / "articles.parquet")
        else:
            lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
            (temporary / "articles.jsonl").write_bytes(b"".join(lines))
        if corpus.annotations:
            said = (row_from_annotation(annotation) for annotation in corpus.annotations)
            lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in said)
            (temporary / "annotations.jsonl").write_bytes(b"".join(lines))


def _refuse(bad: BadRow) -> None:
    raise bad.as_error()


def _read_info(path: Path) -> CorpusInfo:
    try:
        return CorpusInfo.model_validate(read_toml(path))
    except ValidationError as error:
        message = explain_validation(error.errors(), CorpusInfo.model_fields)
        raise ConfigError(f"{path}: {message}") from None


def _read_schemes(folder: Path, info: CorpusInfo) -> dict[str, LabelScheme]:
    schemes: dict[str, LabelScheme] = {}
    for name in info.schemes:
        scheme = read_scheme(folder / name)
        if scheme.name in schemes:
            raise ConfigError(
                f"{folder / name}: a scheme for the task {scheme.name!r} is listed already in "
                f"{folder / 'corpus.toml'}; a task has one"
            )
        schemes[scheme.name] = scheme
    return schemes


def _write_info(info: CorpusInfo, path: Path) -> None:
    path.write_text(
        tomli_w.dumps(info.model_dump(mode="json", exclude_none=True)), encoding="utf-8"
    )


def _jsonl_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(bounded_lines(file), 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot be read as Parquet: {error}", path=path) from None
    for number, row in enumerate(table.to_pylist(), 1):
        row["labels"] = labels = row.get("labels") or {}
        if isinstance(labels, dict):
            row["labels"] = {task: given for task, given in labels.items() if given is not None}
        yield number, row


def _write_parquet(
    rows: list[dict[str, Any]], schemes: Mapping[str, LabelScheme], path: Path
) -> None:
    from datasets import Dataset, Features, List, Value

    text = {field.name: Value("string") for field in fields(LabelledArticle)}
    labels = {task: List(Value("string")) for task in schemes}
    features = Features(text | {"labels": labels})
    Dataset.from_list(rows, features=features).to_parquet(path)


def _checked_articles(
    rows: Iterable[tuple[int, bytes | dict[str, Any]]],
    schemes: Mapping[str, LabelScheme],
    path: Path,
    report: Callable[[BadRow], None],
) -> Iterator[LabelledArticle]:
    first_seen: dict[str, int] = {}
    for number, given in rows:
        try:
            row = parse_json_row(given) if isinstance(given, bytes) else given
            article = labelled_from_row(row, schemes)
        except RowError as error:
            report(BadRow.of(error, str(path), number))
            continue
        if (earlier := first_seen.setdefault(article.id, number)) == number:
            yield article
        else:
            message = f"the id {article.id!r} was used on line {earlier} already; ids occur once"
            report(BadRow(str(path), number, "repeated_id", message))


def _checked_annotations(
    lines: Iterable[tuple[int, bytes]],
    schemes: Mapping[str, LabelScheme],
    ids: set[str],
    path: Path,
    report: Callable[[BadRow], None],
) -> Iterator[Annotation]:
    seen: set[tuple[str, str]] = set()
    for number, line in lines:
        try:
            annotation = annotation_from_row(parse_json_row(line), schemes)
        except RowError as error:
            report(BadRow.of(error, str(path), number))
            continue
        key = (annotation.id, annotation.annotator)
        if annotation.id in ids and key not in seen:
            seen.add(key)
            yield annotation
        elif key in seen:
            message = f"annotator {annotation.annotator!r} labelled {annotation.id!r} already"
            report(BadRow(str(path), number, "repeated_id", message))
        else:
            message = f"no article has the id {annotation.id!r}"
            report(BadRow(str(path), number, "unknown_id", message))


def _as_list(labels: tuple[str, ...] | None) -> list[str] | None:
    return None if labels is None else list(labels)
