"""Rows as CSV (RFC 4180), safe for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from newsclf.corpus.exchange.cells import SEPARATOR, escape_formula
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

_FIRST = ("id", "model", "decision")
_LAST = ("file", "line", "error_code", "error_message")


def header(layout: Layout) -> list[str]:
    """Name the columns.

    Each task has one with its labels and one with their probabilities, both separated by ``;``.
    With scores, each label has one with its probability: ``topic.policing``.
    """
    return [*_FIRST, *_task_columns(layout), *_score_columns(layout), *_LAST]


def _encode(_: Article, tagged: Sequence[TaggedArticle], layout: Layout) -> bytes:
    cells = [tagged[0].id, layout.model, decision_of(tagged)]
    by_task: dict[str, list[Tag]] = {task: [] for task in layout.schemes}
    for article in tagged:
        for tag in article.tags:
            by_task[tag.task].append(tag)
    for tags in by_task.values():
        cells += [SEPARATOR.join(tag.label for tag in tags)]
        cells += [SEPARATOR.join(_number(tag.probability) for tag in tags)]
    if layout.scores:
        scores = {task: found for article in tagged for task, found in article.scores.items()}
        cells += [
            _number(scores[task][label])
            for task, scheme in layout.schemes.items()
            for label in scheme.label_ids
        ]
    return _record([*cells, *("" for _ in _LAST)])


def _encode_error(error: RowError, file: str, line: int, layout: Layout) -> bytes:
    between = len(header(layout)) - len(_FIRST) - len(_LAST)
    first = [error.article_id or "", layout.model, ""]
    last = [shown_path(file), str(line), error.code, str(error)]
    return _record([*first, *("" for _ in range(between)), *last])


def _assemble(parts: Sequence[Path], destination: IO[bytes], layout: Layout) -> None:
    destination.write(_record(header(layout)))
    concatenate(parts, destination, layout)


CSV = OutputFormat("csv", ".csv", ".csv", _encode, _encode_error, _assemble)


def _task_columns(layout: Layout) -> Iterator[str]:
    """Yield two names a task, none of them used already."""
    taken = {*_FIRST, *_LAST}
    for task in layout.schemes:
        pair = (task, f"{task}_probability")
        if not taken.isdisjoint(pair):
            pair = (f"labels.{task}", f"labels.{task}_probability")
        taken.update(pair)
        yield from pair


def _score_columns(layout: Layout) -> list[str]:
    if not layout.scores:
        return []
    return [f"{task}.{label}" for task, s in layout.schemes.items() for label in s.label_ids]


def _number(probability: float) -> str:
    return format(rounded(probability), "g")


def _record(cells: Iterable[str]) -> bytes:
    """Write a record; a NUL, which CSV cannot carry, becomes the replacement character."""
    text = io.StringIO()
    safe = (escape_formula(cell.replace("\0", "\ufffd")) for cell in cells)
    csv.writer(text, lineterminator="\r\n").writerow(safe)
    return text.getvalue().encode()
