"""Input files cut into chunks of whole lines, each line of bounded length."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from newsclf.corpus.lines import bounded_lines
from newsclf.errors import InputError

STANDARD_STREAM = Path("-")

_LINES = 1024
_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines of one input.

    Parameters
    ----------
    source : str
        The input's path, as it was given.
    first_line : int
        One-based number of the first line.
    lines : list of bytes
        A line that is too long is cut one byte after the bound, which `parse_json_row` refuses.
    """

    source: str
    first_line: int
    lines: list[bytes]


def read_chunks(inputs: Sequence[Path]) -> Iterator[Chunk]:
    """Cut inputs into chunks.

    Parameters
    ----------
    inputs : sequence of Path
        JSONL files; a dash is standard input.

    Raises
    ------
    InputError
        When an input cannot be read.
    """
    for path in inputs:
        try:
            if path == STANDARD_STREAM:
                yield from _chunks_of(sys.stdin.buffer, "-")
            else:
                with path.open("rb") as file:
                    yield from _chunks_of(file, str(path))
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=path) from None


def _chunks_of(file: BinaryIO, source: str) -> Iterator[Chunk]:
    first, lines, size = 1, list[bytes](), 0
    for line in bounded_lines(file):
        lines.append(line)
        size += len(line)
        if len(lines) == _LINES or size >= _BYTES:
            yield Chunk(source, first, lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield Chunk(source, first, lines)
