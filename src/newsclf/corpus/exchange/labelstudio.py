"""Label Studio: its JSON and JSON-MIN exports, and tasks that it imports.

https://labelstud.io/guide/task_format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.tools import (
    ARTICLE_FIELDS,
    CARRIES,
    an_object,
    annotations_by_id,
    json_entries,
    objects,
    predicted_labels,
    strings,
)
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError, row_from_labelled
from newsclf.corpus.store import Corpus
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

_MIN_FIELDS = {*ARTICLE_FIELDS, "article_id", "text", "annotator"} | {
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
}


def read_labelstudio(member: Member, _options: ReadOptions) -> Rows:
    """Yield the stories of a Label Studio export.

    Parameters
    ----------
    member : Member
        JSON, or JSON-MIN. A submitted annotation judged every task that has a choice somewhere in
        the file. Predictions are not read: what a model said is no label.
    _options : ReadOptions
        Nothing is left to say.

    Raises
    ------
    InputError
        When the file is no JSON list, or too large.
    """
    entries = json_entries(member)
    if any(isinstance(entry, dict) and "data" in entry for entry in entries):
        yield from _full_rows(member, entries)
    else:
        yield from _min_rows(member, entries)


def write_labelstudio(corpus: Corpus, path: Path, predictions: Predictions) -> None:
    """Write a corpus as tasks that Label Studio imports.

    Parameters
    ----------
    corpus : Corpus
        Its final labels become an annotation that is ground truth. An annotator becomes an e-mail
        address in ``completed_by``; Label Studio takes an unknown one where its setting
        ``ALLOW_IMPORT_TASKS_WITH_UNKNOWN_EMAILS`` says so.
    path : Path
        The JSON file.
    predictions : mapping
        Shown to annotators beforehand.
    """
    annotations = annotations_by_id(corpus)
    tasks = []
    for number, article in enumerate(corpus.articles, 1):
        said: list[dict[str, Any]] = [
            _annotation(labels) | {"completed_by": {"email": annotator}}
            for annotator, labels in annotations.get(article.id, [])
        ]
        if article.labels:
            said.append(_annotation(article.labels) | {"ground_truth": True})
        task = {"id": number, "data": _data(article), "annotations": said}
        if article.id in predictions:
            task["predictions"] = [_prediction(predictions[article.id])]
        tasks.append(task)
    path.write_bytes(orjson.dumps(tasks, option=orjson.OPT_INDENT_2))


def labelling_config(schemes: Mapping[str, LabelScheme]) -> str:
    """Return the labelling interface of schemes, as Label Studio's settings take it.

    Parameters
    ----------
    schemes : mapping of str to LabelScheme
        By task; one becomes a question. Annotators see the titles of its labels, and their
        definitions as hints; results hold the ids.

    References
    ----------
    https://labelstud.io/tags/choices
    """
    lines = ["<View>", '  <Header value="$headline"/>', '  <Text name="text" value="$text"/>']
    for task, scheme in schemes.items():
        kind = "multiple" if scheme.kind == "multi" else "single"
        lines.append(f"  <Header value={quoteattr(scheme.question or scheme.title or task)}/>")
        lines.append(f'  <Choices name={quoteattr(task)} toName="text" choice="{kind}">')
        lines += [
            f"    <Choice value={quoteattr(label.title or label.id)} alias={quoteattr(label.id)}"
            f" hint={quoteattr(label.definition)}/>"
            for label in scheme.labels
        ]
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>", ""])


def companions(corpus: Corpus) -> dict[str, str]:
    """Return the files that belong beside the tasks: their text by suffix."""
    return {".xml": labelling_config(corpus.schemes)}


def _data(article: LabelledArticle) -> dict[str, Any]:
    row = row_from_labelled(article)
    rest = {key: row[key] for key in ARTICLE_FIELDS if key not in ("id", "body")}
    return {"article_id": article.id, "text": article.body, **rest}


def _annotation(labels: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "result": [_choices(task, list(given)) for task, given in labels.items()],
        "judged": list(labels),
    }


def _prediction(prediction: Mapping[str, Any]) -> dict[str, Any]:
    tags = prediction.get("tags", [])
    labels = predicted_labels(prediction)
    return {
        "model_version": prediction.get("model", ""),
        "score": min((tag["probability"] for tag in tags), default=0.0),
        "result": [_choices(task, given) for task, given in labels.items()],
    }


def _choices(task: str, labels: list[str]) -> dict[str, Any]:
    value = {"choices": labels}
    return {"from_name": task, "to_name": "text", "type": "choices", "value": value}


def _full_rows(member: Member, entries: list[Any]) -> Rows:
    asked = _asked(entries)
    for number, entry in enumerate(entries, 1):
        try:
            yield SourceRow(member.name, number, _full_row(an_object(entry, "a task"), asked))
        except RowError as error:
            yield BadRow.of(error, member.name, number)


def _asked(entries: list[Any]) -> list[str]:
    """Return the tasks that some annotation of the file has a choice for."""
    asked: dict[str, None] = {}
    for entry in entries:
        try:
            for annotation in objects(an_object(entry, "a task").get("annotations"), "annotations"):
                asked |= dict.fromkeys(_labels_of(annotation))
        except RowError:
            continue  # it is reported where its row is read
    return list(asked)


def _full_row(entry: dict[str, Any], asked: list[str]) -> dict[str, Any]:
    row = _article_row(an_object(entry.get("data"), "data"), entry.get("id"))
    said = []
    for annotation in objects(entry.get("annotations"), "annotations"):
        if annotation.get("was_cancelled"):
            continue
        found = _labels_of(annotation)
        judged = strings(annotation.get("judged", asked), "judged")
        labels = {task: found.get(task, []) for task in dict.fromkeys([*judged, *found])}
        if annotation.get("ground_truth"):
            row["labels"] = labels
        if annotator := _annotator(annotation.get("completed_by")):
            said.append({"annotator": annotator, "labels": labels})
    return row | {"annotations": said}


def _labels_of(annotation: dict[str, Any]) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for item in objects(annotation.get("result"), "result"):
        task = item.get("from_name")
        if item.get("type") == "choices" and isinstance(task, str):
            value = an_object(item.get("value"), "value")
            labels.setdefault(task, []).extend(strings(value.get("choices"), "choices"))
    return labels


def _annotator(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return None if value is None else str(value)


def _min_rows(member: Member, entries: list[Any]) -> Rows:
    rows: dict[str, SourceRow] = {}
    for number, entry in enumerate(entries, 1):
        try:
            given = an_object(entry, "an entry")
            row = _article_row(given, None)
            labels = dict(_min_labels(given))
        except RowError as error:
            yield BadRow.of(error, member.name, number)
            continue
        kept = rows.setdefault(str(row["id"]), SourceRow(member.name, number, row))
        if annotator := _annotator(given.get("annotator")):
            said = kept.values.setdefault("annotations", [])
            said.append({"annotator": annotator, "labels": labels})
    yield from rows.values()


def _min_labels(entry: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for key, value in entry.items():
        if isinstance(value, dict) and "choices" in value:
            yield key, strings(value["choices"], key)
        elif isinstance(value, str) and key not in _MIN_FIELDS:
            yield key, [value]


def _article_row(data: dict[str, Any], task_id: object) -> dict[str, Any]:
    row = {key: data[key] for key in ARTICLE_FIELDS if key in data}
    row["id"] = data.get("article_id", data.get("id", task_id))
    row["body"] = data.get("text", data.get("body"))
    if row["id"] is None:
        raise RowError("missing_id", "the entry has no id")
    return row


LABELSTUDIO = Format(
    name="labelstudio",
    suffixes=(),
    read=read_labelstudio,
    write=write_labelstudio,
    companions=companions,
    carries=CARRIES | {"predictions"},
)
