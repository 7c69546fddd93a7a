"""A run cut into shards: consecutive whole lines of one file, each with its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from newsclf.errors import InputError

_SMALLEST = 2 * 1024 * 1024
"""About 1,000 stories: what is tagged together, and worth the three files that a shard makes."""

_LARGEST = 16 * 1024 * 1024
_SHARDS = 64
"""How many shards a run of middle size is cut into."""

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shard:
    """What a worker does at a time.

    Parameters
    ----------
    index : int
        Its place in the output.
    path : str
        The file to read.
    source : str
        What people call the input.
    start, end : int
        Bytes of the file, from the start of a line to the end of one.
    first_line : int
        One-based number of its first line.
    sha256 : str
        Checksum of its bytes.
    spooled : bool
        Whether the lines are those that `newsclf.tag.ingest` writes.
    """

    index: int
    path: str
    source: str
    start: int
    end: int
    first_line: int
    sha256: str
    spooled: bool

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when the run was planned.

    Parameters
    ----------
    name : str
        What people call it.
    size : int
        In bytes.
    sha256 : str
        Checksum of the whole.
    modified : int
        Time of the last change, in nanoseconds.
    """

    name: str
    size: int
    sha256: str
    modified: int


@dataclass(frozen=True, slots=True)
class Source:
    """JSONL that is read in place, or that another input was written as.

    Parameters
    ----------
    path : Path
        The file of lines.
    name : str
        The input, as it was given.
    spooled : bool
        Whether `path` is what the input was written as.
    """

    path: Path
    name: str
    spooled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run reads.

    Parameters
    ----------
    files : tuple of FileRecord
        One for each source.
    shards : tuple of Shard
        In the order of the output.
    """

    files: tuple[FileRecord, ...]
    shards: tuple[Shard, ...]


class _Piece(NamedTuple):
    size: int
    lines: int
    sha256: str


def plan_run(sources: Sequence[Source]) -> Plan:
    """Cut sources into shards, in one pass over each.

    Where the cuts are depends on the sources alone, never on how many processes there are: so the
    same lines are always tagged together, and every run gives the same bytes.

    Parameters
    ----------
    sources : sequence of Source
        In the order of the output.

    Raises
    ------
    InputError
        When one cannot be read.
    """
    shard_bytes = min(_LARGEST, max(_SMALLEST, sum(map(_size, sources)) // _SHARDS))
    files, shards = list[FileRecord](), list[Shard]()
    for source in sources:
        try:
            record, pieces = _read(source, shard_bytes)
        except OSError as error:
            raise unreadable(source.name, error) from None
        files.append(record)
        shards += _shards(source, pieces, len(shards))
    return Plan(tuple(files), tuple(shards))


def unreadable(name: str, error: OSError) -> InputError:
    """Return the error for an input that the system does not give."""
    return InputError(f"cannot be read: {error.strerror}", path=name)


def record_of(path: Path, name: str) -> FileRecord:
    """Return a file's size, checksum and time of change.

    Parameters
    ----------
    path : Path
        An existing file.
    name : str
        What people call it.
    """
    before = path.stat()
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(name, before.st_size, sha256, before.st_mtime_ns)


def refuse_changed(path: Path, record: FileRecord) -> None:
    """Refuse a file that is not as it was when the run was planned.

    Raises
    ------
    InputError
        When it was written to, or is gone.
    """
    try:
        now = path.stat()
    except OSError as error:
        raise unreadable(record.name, error) from None
    if (now.st_size, now.st_mtime_ns) != (record.size, record.modified):
        raise changed_while_read(record.name)


def changed_while_read(name: str) -> InputError:
    """Return the error for an input that was written to during the run."""
    return InputError(
        "was changed while it was read; once nothing writes to it, start again with --force",
        path=name,
    )


def _size(source: Source) -> int:
    try:
        return source.path.stat().st_size
    except OSError as error:
        raise unreadable(source.name, error) from None


def _read(source: Source, shard_bytes: int) -> tuple[FileRecord, list[_Piece]]:
    before = source.path.stat()
    with source.path.open("rb") as file:
        whole = hashlib.sha256()
        pieces = list(_pieces(file, shard_bytes, whole))
    size = sum(piece.size for piece in pieces)
    return FileRecord(source.name, size, whole.hexdigest(), before.st_mtime_ns), pieces


def _pieces(file: BinaryIO, shard_bytes: int, whole: hashlib._Hash) -> Iterator[_Piece]:
    """Cut after the first line end at or beyond each `shard_bytes`."""
    digest, size, lines = hashlib.sha256(), 0, 0
    last = b"\n"
    while block := file.read(_BLOCK):
        whole.update(block)
        while block:
            end = block.find(b"\n", max(shard_bytes - size - 1, 0)) + 1
            part = block[:end] if end else block
            digest.update(part)
            size += len(part)
            lines += part.count(b"\n")
            last = part[-1:]
            if end:
                yield _Piece(size, lines, digest.hexdigest())
                digest, size, lines = hashlib.sha256(), 0, 0
            block = block[len(part) :]
    if size:
        yield _Piece(size, lines + (last != b"\n"), digest.hexdigest())


def _shards(source: Source, pieces: Sequence[_Piece], first_index: int) -> Iterator[Shard]:
    path = str(source.path.resolve())
    start, line = 0, 1
    for index, piece in enumerate(pieces, first_index):
        end = start + piece.size
        yield Shard(
            index, path, source.name, start, end, line, piece.sha256, spooled=source.spooled
        )
        start, line = end, line + piece.lines
