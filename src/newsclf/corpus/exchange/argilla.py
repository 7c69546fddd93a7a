"""Argilla 2: the JSON that ``dataset.records.to_json`` writes and ``from_json`` reads.

A question is a task; its responses are what annotators said, its suggestions what a model said.
Users of Argilla are UUIDs, and it refuses an empty answer, so metadata hold the annotators' names,
the corpus's final labels, and the tasks that were judged to have no label.
https://docs.argilla.io/latest/how_to_guides/import_export/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

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
from newsclf.corpus.rows import RowError
from newsclf.corpus.store import Corpus
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

_METADATA_FIELDS = tuple(key for key in ARTICLE_FIELDS if key not in ("id", "headline", "body"))


def read_argilla(member: Member, _options: ReadOptions) -> Rows:
    """Yield the stories of an Argilla export.

    Parameters
    ----------
    member : Member
        A JSON list of records. Suggestions are not read: what a model said is no label.
    _options : ReadOptions
        Nothing is left to say.

    Raises
    ------
    InputError
        When the file is no JSON list, or too large.
    """
    for number, entry in enumerate(json_entries(member), 1):
        try:
            yield SourceRow(member.name, number, _row(an_object(entry, "a record")))
        except RowError as error:
            yield BadRow.of(error, member.name, number)


def write_argilla(corpus: Corpus, path: Path, predictions: Predictions) -> None:
    """Write a corpus as records that Argilla reads.

    Parameters
    ----------
    corpus : Corpus
        A task becomes a question: a ``LabelQuestion`` where one label may be given, else a
        ``MultiLabelQuestion``. An annotator's user id is a UUID made of the name.
    path : Path
        The JSON file.
    predictions : mapping
        Become suggestions.
    """
    annotations = annotations_by_id(corpus)
    records = []
    for article in corpus.articles:
        metadata = _metadata(article)
        responses: dict[str, list[dict[str, Any]]] = {}
        for annotator, labels in annotations.get(article.id, []):
            user = _user_id(annotator)
            metadata |= {f"annotator.{user}": annotator, f"none.{user}": _without(labels)}
            for task, given in labels.items():
                if given:
                    answer = {"value": _value(given, corpus.schemes[task]), "user_id": user}
                    responses.setdefault(task, []).append(answer)
        record = {
            "id": article.id,
            "fields": {"headline": article.headline, "text": article.body},
            "metadata": {key: value for key, value in metadata.items() if value not in (None, [])},
            "suggestions": _suggestions(predictions.get(article.id, {}), corpus.schemes),
            "responses": responses,
            "vectors": {},
        }
        records.append(record)
    path.write_bytes(orjson.dumps(records, option=orjson.OPT_INDENT_2))


def _metadata(article: LabelledArticle) -> dict[str, Any]:
    about = {key: getattr(article, key) for key in _METADATA_FIELDS}
    final = {f"labels.{task}": list(given) for task, given in article.labels.items()}
    return about | final | {"none": _without(article.labels)}


def _without(labels: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [task for task, given in labels.items() if not given]


def _user_id(annotator: str) -> str:
    try:
        return str(UUID(annotator))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"urn:newsclf:annotator:{annotator}"))


def _value(labels: tuple[str, ...] | list[str], scheme: LabelScheme) -> str | list[str]:
    return labels[0] if scheme.kind == "single" else list(labels)


def _suggestions(
    prediction: Mapping[str, Any], schemes: Mapping[str, LabelScheme]
) -> dict[str, dict[str, Any]]:
    scores: dict[str, list[float]] = {}
    for tag in prediction.get("tags", []):
        scores.setdefault(tag["task"], []).append(tag["probability"])
    return {
        task: {
            "value": _value(labels, schemes[task]),
            "score": scores[task][0] if schemes[task].kind == "single" else scores[task],
            "agent": prediction.get("model"),
        }
        for task, labels in predicted_labels(prediction).items()
        if task in schemes
    }


def _row(record: dict[str, Any]) -> dict[str, Any]:
    texts = an_object(record.get("fields"), "fields")
    metadata = an_object(record.get("metadata"), "metadata")
    if record.get("id") is None:
        raise RowError("missing_id", "the record has no id")
    row = {
        "id": record["id"],
        "headline": texts.get("headline", texts.get("title")),
        "body": texts.get("text", texts.get("body")),
        **{key: metadata[key] for key in _METADATA_FIELDS if key in metadata},
        "annotations": _annotations(record, metadata),
    }
    labels = {
        key.removeprefix("labels."): strings(value, key)
        for key, value in metadata.items()
        if key.startswith("labels.")
    }
    labels |= {task: [] for task in strings(metadata.get("none"), "none")}
    return row | ({"labels": labels} if labels else {})


def _annotations(record: dict[str, Any], metadata: dict[str, Any]) -> list[dict[str, Any]]:
    said: dict[str, dict[str, list[str]]] = {}
    names: dict[str, Any] = {}
    for key, value in metadata.items():
        kind, _, user = key.partition(".")
        if kind == "annotator":
            names[user] = value
            none = strings(metadata.get(f"none.{user}"), f"none.{user}")
            said[user] = {task: [] for task in none}
    for task, answers in an_object(record.get("responses"), "responses").items():
        for answer in objects(answers, f"responses.{task}"):
            if answer.get("status", "submitted") == "submitted":
                labels = said.setdefault(str(answer.get("user_id")), {})
                labels[task] = strings(answer.get("value"), f"responses.{task}")
    return [{"annotator": names.get(user, user), "labels": said[user]} for user in said]


ARGILLA = Format(
    name="argilla",
    suffixes=(),
    read=read_argilla,
    write=write_argilla,
    carries=CARRIES | {"predictions"},
)
