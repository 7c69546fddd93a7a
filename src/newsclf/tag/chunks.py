"""The lines of a shard, in chunks, each line of bounded length."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from newsclf.corpus.lines import bounded_lines
from newsclf.tag.locations import location
from newsclf.tag.plan import Shard, changed_while_read, unreadable

_LINES = 1024
_BYTES = 4 * 1024 * 1024
_BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines of one input.

    Parameters
    ----------
    source : str
        The input, as it was given.
    first_line : int
        One-based number of the first line.
    lines : list of bytes
        A line that is too long is cut one byte after the bound, which `parse_json_row` refuses.
    spooled : bool
        Whether the lines are those that `newsclf.tag.ingest` writes.
    """

    source: str
    first_line: int
    lines: list[bytes]
    spooled: bool = False


def read_chunks(shard: Shard) -> Iterator[Chunk]:
    """Read a shard, and see at its end whether it still holds what it did when it was planned.

    Parameters
    ----------
    shard : Shard
        Part of a file.

    Raises
    ------
    InputError
        When the file cannot be read, or the shard's bytes are others.
    """
    try:
        with location(shard.path).open("rb") as file:
            part = _Part(file, shard)
            lines = bounded_lines(cast("BinaryIO", io.BufferedReader(part, _BUFFER)))
            yield from _chunks(lines, shard)
    except OSError as error:
        raise unreadable(shard.source, error) from None
    if part.sha256 != shard.sha256:
        raise changed_while_read(shard.source)


def _chunks(all_lines: Iterator[bytes], shard: Shard) -> Iterator[Chunk]:
    first, lines, size = shard.first_line, list[bytes](), 0
    for line in all_lines:
        lines.append(line)
        size += len(line)
        if len(lines) == _LINES or size >= _BYTES:
            yield Chunk(shard.source, first, lines, shard.spooled)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield Chunk(shard.source, first, lines, shard.spooled)


class _Part(io.RawIOBase):
    """The bytes of a shard, and their checksum once they are read."""

    def __init__(self, file: BinaryIO, shard: Shard) -> None:
        file.seek(shard.start)
        self._file = file
        self._left = shard.size
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def readable(self) -> bool:
        return True

    # typeshed lets any writable buffer be given; BufferedReader gives memoryviews
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._file.read(min(len(buffer), self._left))
        self._digest.update(piece)
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)
