"""Articles out of JSON rows and back: the one place where a row is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import orjson

from newsclf.errors import NewsclfError, did_you_mean
from newsclf.records import MAX_TEXT_CHARACTERS, Annotation, Article, LabelledArticle
from newsclf.schemes import LabelScheme

MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longest line of a JSONL file that is read; four bytes a character of the longest text, twice."""

SPLITS = ("train", "valid", "test")

_TEXT_FIELDS = ("headline", "body")
_OPTIONAL_FIELDS = ("published", "source", "genre", "country", "url", "language", "target")
_LABELLED_FIELDS = frozenset(field.name for field in fields(LabelledArticle))


class RowError(NewsclfError):
    """A row that is no article.

    Parameters
    ----------
    code : str
        Stable and short, for programs: ``invalid_json``, ``not_an_object``, ``missing_id``,
        ``wrong_type``, ``empty_text``, ``text_too_long``, ``line_too_long``, ``unknown_key``,
        ``invalid_label``, ``repeated_id``; of tables and text ``wrong_encoding``, ``ragged_row``,
        ``nul_character``, ``bad_quote``.
    message : str
        What was wrong, for people.
    article_id : str, optional
        The row's id, where it has one.
    """

    def __init__(self, code: str, message: str, article_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.article_id = article_id


def parse_json_row(line: bytes) -> dict[str, Any]:
    """Parse one line of JSONL into an object.

    Parameters
    ----------
    line : bytes
        UTF-8, with or without its line end.

    Raises
    ------
    RowError
        When the line is too long, is not JSON (RFC 8259), or is another thing than an object.
    """
    if len(line) > MAX_LINE_BYTES:
        raise RowError("line_too_long", f"the line has more than {MAX_LINE_BYTES:,} bytes")
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RowError("invalid_json", f"not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise RowError("not_an_object", f"expected a JSON object, found {_json_type(row)}")
    return row


def article_from_row(row: Mapping[str, Any]) -> Article:
    """Make an article of a row; keys that an article does not have are left aside.

    Parameters
    ----------
    row : mapping
        ``id``, ``headline`` and ``body``, and the optional fields of `Article`. An id may be an
        integer; a text may be null or missing as long as the other has something in it.

    Raises
    ------
    RowError
        When the id is missing, a field has the wrong type, or there is no text, or too much.

    Examples
    --------
    >>> article_from_row({"id": 7, "headline": "Police numbers rise"}).id
    '7'
    """
    article_id = _identifier(row)
    headline, body = (_string(row, key, article_id) or "" for key in _TEXT_FIELDS)
    if not (headline.strip() or body.strip()):
        raise RowError("empty_text", "headline and body are both empty or missing", article_id)
    if len(headline) + len(body) > MAX_TEXT_CHARACTERS:
        message = f"the text has more than {MAX_TEXT_CHARACTERS:,} characters"
        raise RowError("text_too_long", message, article_id)
    optional = {key: _string(row, key, article_id) for key in _OPTIONAL_FIELDS if key in row}
    return Article(article_id, headline, body, **optional)


def labelled_from_row(
    row: Mapping[str, Any], schemes: Mapping[str, LabelScheme]
) -> LabelledArticle:
    """Make a labelled article of a row, and check its labels.

    Parameters
    ----------
    row : mapping
        An article's fields, ``labels`` by task, and ``split``. Other keys are refused.
    schemes : mapping of str to LabelScheme
        The schemes by task.

    Raises
    ------
    RowError
        When the row is no article, has a key that articles do not have, or a label that its
        scheme does not have.
    """
    article = article_from_row(row)
    for key in row:
        if key not in _LABELLED_FIELDS:
            message = f"unknown key {key!r}{did_you_mean(key, _LABELLED_FIELDS)}"
            raise RowError("unknown_key", message, article.id)
    split = _string(row, "split", article.id)
    if split is not None and split not in SPLITS:
        message = f"unknown split {split!r}{did_you_mean(split, SPLITS)}"
        raise RowError("wrong_type", message, article.id)
    shared = {field.name: getattr(article, field.name) for field in fields(Article)}
    return LabelledArticle(**shared, labels=_labels(row, schemes, article.id), split=split)


def row_from_labelled(article: LabelledArticle) -> dict[str, Any]:
    """Return the row of a labelled article, as it stands in ``articles.jsonl``."""
    row = {field.name: getattr(article, field.name) for field in fields(LabelledArticle)}
    row["labels"] = {task: list(labels) for task, labels in article.labels.items()}
    return row


def annotation_from_row(row: Mapping[str, Any], schemes: Mapping[str, LabelScheme]) -> Annotation:
    """Make an annotation of a row ``{"id": ..., "annotator": ..., "labels": {...}}``.

    Parameters
    ----------
    row : mapping
        A line of ``annotations.jsonl``.
    schemes : mapping of str to LabelScheme
        The schemes by task.

    Raises
    ------
    RowError
        When the id or the annotator is missing, or a label is not its scheme's.
    """
    article_id = _identifier(row)
    annotator = _string(row, "annotator", article_id)
    if not (annotator and annotator.strip()):
        raise RowError("wrong_type", "the row has no annotator", article_id)
    return Annotation(article_id, annotator, _labels(row, schemes, article_id))


def row_from_annotation(annotation: Annotation) -> dict[str, Any]:
    """Return the row of an annotation, as it stands in ``annotations.jsonl``."""
    labels = {task: list(given) for task, given in annotation.labels.items()}
    return {"id": annotation.id, "annotator": annotation.annotator, "labels": labels}


def _identifier(row: Mapping[str, Any]) -> str:
    value = row.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    if value is None or isinstance(value, str):
        raise RowError("missing_id", "the row has no id")
    raise RowError("wrong_type", f"id must be a string, not {_json_type(value)}")


def _string(row: Mapping[str, Any], key: str, article_id: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    message = f"{key} must be a string, not {_json_type(value)}"
    raise RowError("wrong_type", message, article_id)


def _labels(
    row: Mapping[str, Any], schemes: Mapping[str, LabelScheme], article_id: str
) -> dict[str, tuple[str, ...]]:
    given = row.get("labels", {})
    if not isinstance(given, dict):
        message = f"labels must be an object of lists by task, not {_json_type(given)}"
        raise RowError("wrong_type", message, article_id)
    checked = {}
    for task, labels in given.items():
        if task not in schemes:
            message = f"no scheme for the task {task!r}{did_you_mean(task, schemes)}"
            raise RowError("invalid_label", message, article_id)
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise RowError("wrong_type", f"labels.{task} must be a list of strings", article_id)
        try:
            schemes[task].check(tuple(labels))
        except ValueError as error:
            raise RowError("invalid_label", str(error), article_id) from None
        checked[task] = tuple(labels)
    return checked


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
