"""Prodigy: the JSONL of its interfaces ``choice`` and ``classification``.

A line is one annotator's answer to one story; a line without an answer waits for one.
https://prodi.gy/docs/api-interfaces
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.doccano import body_of, shown_text
from newsclf.corpus.exchange.plain import labels_by_task, prefixed
from newsclf.corpus.exchange.tools import (
    ARTICLE_FIELDS,
    CARRIES,
    an_object,
    annotations_by_id,
    objects,
    predicted_labels,
    strings,
)
from newsclf.corpus.lines import BadRow, bounded_lines
from newsclf.corpus.rows import RowError, parse_json_row
from newsclf.corpus.store import Corpus
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

Labels = dict[str, list[str]]


def read_prodigy(member: Member, options: ReadOptions) -> Rows:
    """Yield the stories of ``prodigy db-out``, each with what all annotators said.

    Parameters
    ----------
    member : Member
        JSONL. Lines of one story share ``meta.id``, or ``_input_hash``. An answer without an
        annotator is final. Ignored lines, rejected choices and lines without an answer judge
        nothing; a rejected single label says that its task was judged.
    options : ReadOptions
        The task of labels that name none.
    """
    stories: dict[str, _Story] = {}
    with member.open() as file:
        for number, line in enumerate(bounded_lines(file), 1):
            if not line.strip():
                continue
            try:
                given = parse_json_row(line)
                row = _article_row(given)
                annotator = _annotator(given)
                labels = _answer(given, options.task)
            except RowError as error:
                yield BadRow.of(error, member.name, number)
                continue
            story = stories.setdefault(str(row["id"]), _Story(number, row))
            if labels is not None:
                story.add(annotator, labels)
    for story in stories.values():
        yield SourceRow(member.name, story.number, story.values())


def write_prodigy(corpus: Corpus, path: Path, predictions: Predictions) -> None:
    """Write a corpus as lines for ``prodigy db-in``, or for the stream of a ``choice`` recipe.

    Parameters
    ----------
    corpus : Corpus
        A line for each annotator, and one for the final labels.
    path : Path
        The JSONL file.
    predictions : mapping
        Selected beforehand on a line without an answer, so that a person sees them.
    """
    annotations = annotations_by_id(corpus)
    options = [
        {"id": f"{task}:{label.id}", "text": label.title}
        for task, scheme in corpus.schemes.items()
        for label in scheme.labels
    ]
    with path.open("wb") as file:
        for article in corpus.articles:
            said = annotations.get(article.id, [])
            for line in _lines(article, said, predictions.get(article.id)):
                task = line | {"options": options, "config": _config(corpus.schemes)}
                file.write(orjson.dumps(task, option=orjson.OPT_APPEND_NEWLINE))


class _Story:
    """A story's row, filled line by line."""

    def __init__(self, number: int, row: dict[str, Any]) -> None:
        self.number = number
        self._row = row
        self._said: dict[str | None, Labels] = {}

    def add(self, annotator: str | None, labels: Labels) -> None:
        said = self._said.setdefault(annotator, {})
        for task, given in labels.items():
            said[task] = [*said.get(task, []), *given]

    def values(self) -> dict[str, Any]:
        final = self._said.pop(None, {})
        said = [{"annotator": name, "labels": labels} for name, labels in self._said.items()]
        return self._row | ({"labels": final} if final else {}) | {"annotations": said}


def _lines(
    article: LabelledArticle,
    said: Iterable[tuple[str, Mapping[str, tuple[str, ...]]]],
    prediction: Mapping[str, Any] | None,
) -> Iterator[dict[str, Any]]:
    keys = [key for key in ARTICLE_FIELDS if key != "body"]
    meta = {key: getattr(article, key) for key in keys if getattr(article, key) is not None}
    shown = {"text": shown_text(article.headline, article.body), "meta": meta}
    answers = [(annotator, labels) for annotator, labels in said]
    for annotator, labels in [*answers, *([(None, article.labels)] if article.labels else [])]:
        answer = {"accept": prefixed(labels), "judged": list(labels), "answer": "accept"}
        yield shown | answer | {"_annotator_id": annotator}
    if prediction is not None:
        yield shown | {"accept": prefixed(predicted_labels(prediction))}
    elif not (answers or article.labels):
        yield shown


def _config(schemes: Mapping[str, LabelScheme]) -> dict[str, str]:
    single = len(schemes) == 1 and next(iter(schemes.values())).kind == "single"
    return {"choice_style": "single" if single else "multiple"}


def _article_row(line: dict[str, Any]) -> dict[str, Any]:
    meta = an_object(line.get("meta"), "meta")
    row = {key: meta[key] for key in ARTICLE_FIELDS if key in meta}
    row["id"] = meta.get("id", line.get("_input_hash"))
    row["body"] = body_of(line.get("text"), meta.get("headline"))
    if row["id"] is None:
        raise RowError("missing_id", "the line has neither meta.id nor _input_hash")
    return row


def _annotator(line: dict[str, Any]) -> str | None:
    key = "_annotator_id" if line.get("_annotator_id") else "_session_id"
    value = line.get(key)
    if value is None or isinstance(value, str):
        return value
    raise RowError("wrong_type", f"{key} must be a string")


def _answer(line: dict[str, Any], task: str | None) -> Labels | None:
    """Return the labels of a line's answer, None where it judges nothing."""
    answer = line.get("answer")
    if "label" in line and answer in ("accept", "reject"):
        given = labels_by_task(strings(line["label"], "label"), task)
        return given if answer == "accept" else {name: [] for name in given}
    if answer != "accept":
        return None
    if "judged" in line:
        judged: Iterable[str] = strings(line["judged"], "judged")
    else:
        options = (str(option.get("id")) for option in objects(line.get("options"), "options"))
        judged = labels_by_task(options, task)
    accepted = labels_by_task(strings(line.get("accept"), "accept"), task)
    return {name: [] for name in judged} | accepted


PRODIGY = Format(
    name="prodigy",
    suffixes=(),
    read=read_prodigy,
    write=write_prodigy,
    carries=CARRIES | {"predictions"},
)
