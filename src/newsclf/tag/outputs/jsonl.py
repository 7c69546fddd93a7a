"""Rows as JSON objects, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from newsclf.corpus.rows import RowError
from newsclf.records import Article, Tag, TaggedArticle
from newsclf.tag.outputs.base import (
    Layout,
    OutputFormat,
    concatenate,
    decision_of,
    rounded,
    shown_path,
)


def tagged_line(_: Article, tagged: Sequence[TaggedArticle], layout: Layout) -> bytes:
    """Encode what bundles said of an article: its tags, and whose they are if several tagged it."""
    row: dict[str, Any] = {
        "id": tagged[0].id,
        "model": layout.model,
        "decision": decision_of(tagged),
        "tags": [_tag_row(tag, said.model, layout) for said in tagged for tag in said.tags],
    }
    if layout.scores:
        row["scores"] = {
            task: {label: rounded(p) for label, p in by_label.items()}
            for said in tagged
            for task, by_label in said.scores.items()
        }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def error_line(error: RowError, file: str, line: int, _: Layout | None = None) -> bytes:
    """Encode why a row could not be tagged, as it stands in ``<output>.errors.jsonl`` too."""
    row = {
        "id": error.article_id,
        "file": shown_path(file),
        "line": line,
        "error": {"code": error.code, "message": str(error)},
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _tag_row(tag: Tag, model: str, layout: Layout) -> dict[str, Any]:
    row = {
        "task": tag.task,
        "label": tag.label,
        "probability": rounded(tag.probability),
        "decision": tag.decision,
    }
    if layout.several:
        row["model"] = model
    return row


JSONL = OutputFormat("jsonl", ".jsonl", ".jsonl", tagged_line, error_line, concatenate)
