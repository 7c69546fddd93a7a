"""What a worker does with a chunk: parse, tag, and write the output lines."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from newsclf.bundle import Bundle, load
from newsclf.corpus.rows import RowError, article_from_row, parse_json_row
from newsclf.records import Article, TaggedArticle
from newsclf.tag.chunks import Chunk

_PROBABILITY_DIGITS = 6


@dataclass
class Counts:
    """What became of some input lines.

    Parameters
    ----------
    tagged : int
        Lines that were tagged.
    refused : Counter
        Lines that were not, by error code.
    tags : Counter
        Tags given, by (task, label).
    bytes_read : int
        Size of the lines.
    """

    tagged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    tags: Counter[tuple[str, str]] = field(default_factory=Counter)
    bytes_read: int = 0

    def add(self, other: Counts) -> None:
        """Count other lines too."""
        self.tagged += other.tagged
        self.refused += other.refused
        self.tags += other.tags
        self.bytes_read += other.bytes_read


@dataclass
class TaggedChunk(Counts):
    """The output of a chunk.

    Parameters
    ----------
    output : bytes
        One JSON line for each input line, in order.
    errors : bytes
        Those of them that are error rows.
    """

    output: bytes = b""
    errors: bytes = b""


def tag_chunk(model: Path, chunk: Chunk, *, scores: bool, sha256: str = "") -> TaggedChunk:
    """Tag a chunk's articles; a line that holds none becomes an error row.

    Parameters
    ----------
    model : Path
        The bundle's folder; each process loads it once, and again when `sha256` is another.
    chunk : Chunk
        The lines.
    scores : bool
        Whether each row carries every label's probability.
    sha256 : str
        Checksum of the bundle's manifest: a folder may hold another bundle than a run ago.
    """
    rows = [_article(line) for line in chunk.lines]
    articles = [row for row in rows if isinstance(row, Article)]
    tagged = iter(_bundle(model, sha256).tag(articles))
    result = TaggedChunk(bytes_read=sum(map(len, chunk.lines)))
    output = []
    errors = []
    for number, row in enumerate(rows, chunk.first_line):
        if isinstance(row, RowError):
            line = _dump(_error_row(row, number, chunk.source))
            errors.append(line)
            result.refused[row.code] += 1
        else:
            article = next(tagged)
            line = _dump(_tagged_row(article, scores=scores))
            result.tagged += 1
            result.tags.update((tag.task, tag.label) for tag in article.tags)
        output.append(line)
    result.output, result.errors = b"".join(output), b"".join(errors)
    return result


@lru_cache(maxsize=1)
def _bundle(model: Path, sha256: str) -> Bundle:  # noqa: ARG001  a part of the cache's key
    return load(model)


def _article(line: bytes) -> Article | RowError:
    try:
        return article_from_row(parse_json_row(line))
    except RowError as error:
        return error


def _tagged_row(article: TaggedArticle, *, scores: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": article.id,
        "model": article.model,
        "decision": article.decision,
        "tags": [
            {
                "task": tag.task,
                "label": tag.label,
                "probability": round(tag.probability, _PROBABILITY_DIGITS),
                "decision": tag.decision,
            }
            for tag in article.tags
        ],
    }
    if scores:
        row["scores"] = {
            task: {label: round(p, _PROBABILITY_DIGITS) for label, p in by_label.items()}
            for task, by_label in article.scores.items()
        }
    return row


def _error_row(error: RowError, line: int, source: str) -> dict[str, Any]:
    return {
        "id": error.article_id,
        "file": os.fsencode(source).decode(errors="replace"),
        "line": line,
        "error": {"code": error.code, "message": str(error)},
    }


def _dump(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
