"""Rows as ninjs 3 items, one a line."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from newsclf.corpus.rows import RowError
from newsclf.records import Article, TaggedArticle
from newsclf.tag.ninjs import item_from_error, item_from_tagged
from newsclf.tag.outputs.base import Layout, OutputFormat, concatenate, decision_of, shown_path


def _encode(article: Article, tagged: Sequence[TaggedArticle], layout: Layout) -> bytes:
    tags = [(said.model, tag) for said in tagged for tag in said.tags]
    item = item_from_tagged(article, tags, decision_of(tagged), layout.labels)
    return orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE)


def _encode_error(error: RowError, file: str, line: int, _: Layout) -> bytes:
    item = item_from_error(error, shown_path(file), line)
    return orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE)


NINJS = OutputFormat(
    "ninjs", ".jsonl", ".jsonl", _encode, _encode_error, concatenate, carries_scores=False
)
