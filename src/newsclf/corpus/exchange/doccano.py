"""doccano: the JSONL of its projects for text classification.

doccano shows one text, gives its own ids, and keeps every other key of a line, so these hold the
story's id, its headline and what annotators said.
https://doccano.github.io/doccano/
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.plain import labels_by_task, prefixed, stem
from newsclf.corpus.exchange.tools import (
    ARTICLE_FIELDS,
    CARRIES,
    annotations_by_id,
    objects,
    strings,
)
from newsclf.corpus.lines import BadRow, bounded_lines
from newsclf.corpus.rows import RowError, parse_json_row
from newsclf.corpus.store import Corpus

_NO_ANNOTATOR = {"all", "unknown"}


def read_doccano(member: Member, options: ReadOptions) -> Rows:
    """Yield the stories of a doccano export.

    Parameters
    ----------
    member : Member
        JSONL. In an archive a file is named after the annotator whose labels it has; ``all`` and
        ``unknown`` are nobody. A line without a label was not judged, for doccano does not tell;
        ``judged`` lists tasks that were.
    options : ReadOptions
        The task of labels that name none.
    """
    annotator = _annotator(member)
    with member.open() as file:
        for number, line in enumerate(bounded_lines(file), 1):
            if not line.strip():
                continue
            try:
                row = _row(parse_json_row(line), annotator, options)
            except RowError as error:
                yield BadRow.of(error, member.name, number)
                continue
            yield SourceRow(member.name, number, row)


def write_doccano(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Write a corpus as lines that doccano imports.

    Parameters
    ----------
    corpus : Corpus
        A label has its task in front, for a project has one set of labels.
    path : Path
        The JSONL file.
    _predictions : mapping
        Left out.
    """
    annotations = annotations_by_id(corpus)
    with path.open("wb") as file:
        for article in corpus.articles:
            said = [
                {"annotator": annotator, "labels": labels}
                for annotator, labels in annotations.get(article.id, [])
            ]
            about = {key: getattr(article, key) for key in ARTICLE_FIELDS if key != "body"}
            line = about | {
                "article_id": about.pop("id"),
                "text": shown_text(article.headline, article.body),
                "label": prefixed(article.labels),
                "judged": list(article.labels),
                "annotations": said,
            }
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def shown_text(headline: str, body: str) -> str:
    """Return what an annotator reads: the headline, an empty line, the body."""
    return f"{headline}\n\n{body}"


def body_of(text: object, headline: object) -> object:
    """Return a shown text without the headline in front of it, where it has one."""
    if isinstance(text, str) and isinstance(headline, str):
        return text.removeprefix(f"{headline}\n\n")
    return text


def _annotator(member: Member) -> str | None:
    in_archive = ".zip:" in member.name.lower()
    name = stem(member)
    return name if in_archive and name not in _NO_ANNOTATOR else None


def _row(line: dict[str, Any], annotator: str | None, options: ReadOptions) -> dict[str, Any]:
    row = {key: line[key] for key in ARTICLE_FIELDS if key in line}
    row["id"] = line.get("article_id", line.get("id"))
    row["body"] = body_of(line.get("text", line.get("data")), line.get("headline"))
    if row["id"] is None:
        raise RowError("missing_id", "the line has no id")
    given = strings(line.get("label", line.get("labels")), "label")
    judged = strings(line.get("judged"), "judged")
    labels: dict[str, list[str]] = {task: [] for task in judged}
    labels |= labels_by_task(given, options.task)
    said = objects(line.get("annotations"), "annotations")
    if labels and annotator:
        said = [*said, {"annotator": annotator, "labels": labels}]
    elif labels:
        row["labels"] = labels
    return row | {"annotations": said}


DOCCANO = Format(
    name="doccano",
    suffixes=(),
    read=read_doccano,
    write=write_doccano,
    carries=CARRIES,
)
