"""Labels kept apart from the text that they are of, and the text fetched to join them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsclf.corpus.fetch.collect import FetchSummary, Progress, Terms, collect
from newsclf.corpus.fetch.content import (
    ATTRIBUTION,
    GOVUK,
    OGL,
    LeftOutError,
    content_item,
    page_path,
    story_row,
)
from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.fetch.polite import POLITE, Limits, PoliteClient
from newsclf.corpus.lines import bounded_lines
from newsclf.corpus.rows import RowError, labelled_from_row, parse_json_row
from newsclf.errors import InputError, explain_validation
from newsclf.files import sha256_of
from newsclf.schemes import LabelScheme

MEASURED_CHARACTERS = 6_000
"""Characters of a body whose words are counted."""

TOLERANCE = 0.1
"""Share of the words that may have come or gone before a story counts as changed."""


class StandoffLabel(BaseModel):
    """What was said of a story, and how to find the story again.

    Parameters
    ----------
    id : str
        The article's in the corpus.
    url : str
        The page's.
    published : str, optional
        ISO 8601 date; the page's own where there is none.
    headline_sha256 : str
        SHA-256 of the headline, lower case and with single spaces, in UTF-8.
    words : int
        Of the first `MEASURED_CHARACTERS` of the body.
    labels : mapping of str to tuple of str
        By task.
    target, split : str, optional
        As in `LabelledArticle`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    url: str
    published: str | None = None
    headline_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    words: Annotated[int, Field(ge=0)]
    labels: dict[str, tuple[str, ...]]
    target: str | None = None
    split: Literal["train", "valid", "test"] | None = None


def read_standoff(path: Path, schemes: Mapping[str, LabelScheme]) -> list[StandoffLabel]:
    """Read stand-off labels: a JSON object a line.

    Parameters
    ----------
    path : Path
        The file.
    schemes : mapping of str to LabelScheme
        Of the labels; by task.

    Raises
    ------
    InputError
        When a line is not valid, has a label that its scheme does not have, or repeats an id; the
        message names file and line.
    """
    found: dict[str, StandoffLabel] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(bounded_lines(file), 1):
                if not line.strip():
                    continue
                try:
                    label = _label_of(line, schemes)
                except RowError as error:
                    raise InputError(str(error), path=path, line=number) from None
                if label.id in found:
                    message = f"the id {label.id!r} was used already; ids occur once"
                    raise InputError(message, path=path, line=number)
                found[label.id] = label
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    return list(found.values())


def fetch_standoff_corpus(
    labels: Path,
    into: Path,
    *,
    schemes: Mapping[str, LabelScheme],
    base: str = GOVUK,
    allow_private: bool = False,
    force: bool = False,
    limits: Limits = POLITE,
    on_progress: Progress = lambda _done, _all: None,
) -> FetchSummary:
    """Fetch the stories of stand-off labels from the Content API into a labelled corpus.

    A story whose headline or length is another than when it was labelled is kept, and the summary
    says so; one that is gone is left out, and counted.

    Parameters
    ----------
    labels : Path
        As `read_standoff` reads it.
    into : Path
        The corpus folder to write; the journal is ``<into>.fetch`` until then.
    schemes : mapping of str to LabelScheme
        Of the labels; by task.
    base : str
        Where the API is; the host of a story's address is not asked.
    allow_private : bool
        Connect to addresses of private networks too.
    force : bool
        Replace a corpus that exists, and a journal that is of other labels.
    limits : Limits
        How fast, how long and how much.
    on_progress : callable
        See `Progress`.

    Raises
    ------
    ConfigError
        When the journal is of other labels.
    InputError
        When the labels are not valid, the API cannot be read, or no story was found.
    OutputError
        When the corpus exists or cannot be written.
    """
    wanted = read_standoff(labels, schemes)
    tasks = {task for label in wanted for task in label.labels}
    used = {task: scheme for task, scheme in schemes.items() if task in tasks}
    base = base.rstrip("/")
    asked = {"base": base, "labels": labels.name, "labels_sha256": sha256_of(labels)}
    terms = Terms(OGL, "the GOV.UK Content API", ATTRIBUTION)
    with PoliteClient(allow_private=allow_private, limits=limits) as client:

        def bring(journal: Journal) -> None:
            fetch_standoff(wanted, journal, client, base=base, on_progress=on_progress)

        return collect(into, asked, bring, terms=terms, schemes=used, force=force)


def fetch_standoff(
    wanted: list[StandoffLabel],
    journal: Journal,
    client: PoliteClient,
    *,
    base: str = GOVUK,
    on_progress: Progress = lambda _done, _all: None,
) -> None:
    """Record the stories of labels that a journal does not have yet.

    Parameters
    ----------
    wanted : list of StandoffLabel
        What was said of which stories.
    journal : Journal
        Has every story that an earlier run has done.
    client : PoliteClient
        What asks.
    base, on_progress
        As for `fetch_standoff_corpus`.
    """
    for done, label in enumerate(wanted, 1):
        key = f"id {label.id}"
        if key not in journal:
            try:
                row = story_row(content_item(client, base, page_path(label.url)), base, label.id)
                entry = Entry(key, _joined(row, label), note=what_changed(row, label))
            except LeftOutError as reason:
                entry = Entry(key, left_out=str(reason))
            journal.record(entry)
        on_progress(done, len(wanted))


def what_changed(row: Mapping[str, Any], label: StandoffLabel) -> str | None:
    """Say how a story differs from the one that was labelled.

    Parameters
    ----------
    row : mapping
        The story as it is now; ``headline`` and ``body`` are read.
    label : StandoffLabel
        What it was.

    Returns
    -------
    str or None
        None where the headline is the same and the length about the same.
    """
    differs = []
    headline = " ".join(row["headline"].lower().split())
    if hashlib.sha256(headline.encode()).hexdigest() != label.headline_sha256:
        differs.append("the headline is another")
    words = len(row["body"][:MEASURED_CHARACTERS].split())
    if abs(words - label.words) > TOLERANCE * label.words:
        differs.append(f"the body has {words:,} words and had {label.words:,}")
    return "; ".join(differs) or None


def _label_of(line: bytes, schemes: Mapping[str, LabelScheme]) -> StandoffLabel:
    row = parse_json_row(line)
    try:
        label = StandoffLabel.model_validate(row)
    except ValidationError as error:
        message = explain_validation(error.errors(), StandoffLabel.model_fields)
        raise RowError("wrong_type", message) from None
    labelled_from_row({"id": label.id, "headline": "-", "labels": row["labels"]}, schemes)
    return label


def _joined(row: dict[str, Any], label: StandoffLabel) -> dict[str, Any]:
    return row | {
        "published": label.published or row["published"],
        "labels": {task: list(labels) for task, labels in label.labels.items()},
        "target": label.target,
        "split": label.split,
    }
