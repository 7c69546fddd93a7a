"""What the annotation tools' formats share: JSON of a known shape, and labels by annotator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import orjson

from newsclf.corpus.exchange.base import Member
from newsclf.corpus.rows import RowError
from newsclf.corpus.store import Corpus
from newsclf.errors import InputError
from newsclf.records import LabelledArticle

MAX_JSON_BYTES = 512 * 1024 * 1024
"""Longest JSON document that is read, for it has to be in memory at once."""

ARTICLE_FIELDS = tuple(field.name for field in fields(LabelledArticle) if field.name != "labels")

CARRIES = frozenset({*ARTICLE_FIELDS, "labels", "annotations"})
"""What annotation tools carry; most carry predictions besides."""


def json_entries(member: Member) -> list[Any]:
    """Return the entries of a file that is one JSON list.

    Parameters
    ----------
    member : Member
        The file.

    Raises
    ------
    InputError
        When it has more than `MAX_JSON_BYTES`, is not JSON, or is another thing than a list.
    """
    with member.open() as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        message = f"the JSON has more than {MAX_JSON_BYTES:,} bytes; export it in parts"
        raise InputError(message, path=member.name)
    try:
        entries = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error}", path=member.name) from None
    if not isinstance(entries, list):
        raise InputError("expected a JSON list of entries", path=member.name)
    return entries


def objects(value: object, what: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects, empty for null.

    Raises
    ------
    RowError
        When it is another thing.
    """
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise RowError("wrong_type", f"{what} must be a list of objects")


def an_object(value: object, what: str) -> dict[str, Any]:
    """Return a JSON object, empty for null.

    Raises
    ------
    RowError
        When it is another thing.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise RowError("wrong_type", f"{what} must be an object")


def strings(value: object, what: str) -> list[str]:
    """Return a list of strings: a string alone is one, null is none.

    Raises
    ------
    RowError
        When it is another thing.
    """
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    texts = [item for item in values if isinstance(item, str)]
    if len(texts) == len(values):
        return texts
    raise RowError("wrong_type", f"{what} must be a list of strings")


def annotations_by_id(corpus: Corpus) -> dict[str, list[tuple[str, Mapping[str, tuple[str, ...]]]]]:
    """Return each annotator's name and labels, by article."""
    by_id: dict[str, list[tuple[str, Mapping[str, tuple[str, ...]]]]] = {}
    for annotation in corpus.annotations:
        by_id.setdefault(annotation.id, []).append((annotation.annotator, annotation.labels))
    return by_id


def predicted_labels(prediction: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the labels that a model gave to an article, by task."""
    labels: dict[str, list[str]] = {}
    for tag in prediction.get("tags", []):
        labels.setdefault(tag["task"], []).append(tag["label"])
    return labels
