"""Files and archives opened safely: nothing is unpacked beyond its bounds."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol, cast

from newsclf.corpus.exchange.base import Member
from newsclf.errors import InputError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an archive may unpack.

    Parameters
    ----------
    total_bytes : int
        Of everything that one archive unpacks to.
    ratio : int
        Unpacked bytes for each packed byte, of a member that unpacks to more than 1 MiB.
    entries : int
        Files and folders in one archive.
    """

    total_bytes: int = 4 * 1024 * MIB
    ratio: int = 200
    entries: int = 10_000


LIMITS = Limits()
WORKBOOK_LIMITS = Limits(total_bytes=512 * MIB)
"""A workbook's strings are held in memory, so it may unpack to less."""

_RATIO_COUNTS_FROM = MIB
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


def open_members(path: Path, limits: Limits = LIMITS) -> Iterator[Member]:
    """Yield the file at a path, or the files of the archive there.

    Parameters
    ----------
    path : Path
        A plain file, a ``.gz`` or ``.zst`` of one, or a ``.zip`` of many, each of which may be
        packed too. Folders, ``__MACOSX/`` and files whose names start with a dot are skipped.
    limits : Limits
        How far archives may unpack.

    Yields
    ------
    Member
        Read it before asking for the next: the archive is open only in between.

    Raises
    ------
    InputError
        When the file is missing; when an archive is damaged, encrypted, has a member that points
        outside it, or unpacks beyond the limits. Bytes are counted as they are unpacked as well,
        so an archive that states a wrong size is stopped while it is read.
    """
    if path.is_dir():
        raise InputError("is a folder, where a file is needed", path=path)
    if not path.exists():
        raise InputError("there is no such file", path=path)
    if path.suffix.lower() == ".zip":
        yield from _zip_members(path, limits)
    elif _suffix(path.name) in _UNPACKERS:
        budget = _Budget(limits)
        yield Member(str(path), _inner_suffix(path.name), lambda: _open_packed(path, budget))
    else:
        yield Member(str(path), path.suffix.lower(), lambda: _open_plain(path))


@contextmanager
def checked_workbook(
    stream: BinaryIO, name: str, limits: Limits = WORKBOOK_LIMITS
) -> Iterator[BinaryIO]:
    """Give a workbook, which is a zip archive itself, once its directory has been checked.

    Parameters
    ----------
    stream : binary file
        The workbook's bytes; it need not be seekable.
    name : str
        What messages call it.
    limits : Limits
        How far the workbook may unpack.

    Yields
    ------
    binary file
        Seekable, at its start.

    Raises
    ------
    InputError
        When it is not a zip archive, or breaks a rule of `open_members`.
    """
    with seekable(stream) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_directory(archive, name, limits)
        except _DAMAGED as error:
            raise InputError(f"is not an .xlsx workbook: {error}", path=name) from None
        file.seek(0)
        yield file


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Give a stream itself where it can seek, else a temporary copy of it.

    Parameters
    ----------
    stream : binary file
        Bounded already, as a `Member` opens it.
    """
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, MIB)
        copy.seek(0)
        yield cast(BinaryIO, copy)


@dataclass(slots=True)
class _Budget:
    """What an archive has unpacked so far; a member that is read twice counts once."""

    limits: Limits
    unpacked: Counter[int] = field(default_factory=Counter)

    def charge(self, entry: int, unpacked: int, packed: int, name: str) -> None:
        self.unpacked[entry] = max(self.unpacked[entry], unpacked)
        _check_size(self.unpacked.total(), name, self.limits)
        _check_ratio(unpacked, packed, name, self.limits)


class _Readable(Protocol):
    """A stream of bytes, unpacked or not."""

    def read(self, size: int, /) -> bytes: ...


def _gzip_stream(packed: IO[bytes]) -> AbstractContextManager[_Readable]:
    return gzip.GzipFile(fileobj=packed)


def _zstd_stream(packed: IO[bytes]) -> AbstractContextManager[_Readable]:
    import pyarrow as pa

    stream: AbstractContextManager[_Readable] = pa.CompressedInputStream(packed, "zstd")
    return stream


_UNPACKERS = {".gz": _gzip_stream, ".zst": _zstd_stream}


class _Counted(io.RawIOBase):
    """Reads an unpacking stream, and charges what comes out of it."""

    def __init__(
        self,
        source: _Readable,
        budget: _Budget,
        name: str,
        packed: int,
        entry: int = 0,
    ) -> None:
        self._source = source
        self._budget = budget
        self._name = name
        self._packed = packed
        self._entry = entry
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    # typeshed lets any writable buffer be given; BufferedReader gives memoryviews
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            piece = self._source.read(len(buffer))
        except _DAMAGED as error:
            raise _damaged(self._name, error) from None
        self._unpacked += len(piece)
        self._budget.charge(self._entry, self._unpacked, self._packed, self._name)
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _open_plain(path: Path) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=path) from None
        yield file


@contextmanager
def _open_packed(path: Path, budget: _Budget) -> Iterator[BinaryIO]:
    unpack = _UNPACKERS[_suffix(path.name)]
    with _open_plain(path) as packed, unpack(packed) as source:
        counted = _Counted(source, budget, str(path), path.stat().st_size)
        yield cast(BinaryIO, io.BufferedReader(counted, MIB))


def _zip_members(path: Path, limits: Limits) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise _damaged(str(path), error) from None
    with archive:
        _check_directory(archive, str(path), limits)
        budget = _Budget(limits)
        for entry, info in enumerate(archive.infolist()):
            if not _is_skipped(info):
                yield _zip_member(archive, info, entry, f"{path}:{info.filename}", budget)


def _zip_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: int, name: str, budget: _Budget
) -> Member:
    unpack = _UNPACKERS.get(_suffix(info.filename))
    suffix = _inner_suffix(info.filename) if unpack else _suffix(info.filename)
    if suffix == ".zip":
        raise InputError("is an archive in an archive; unpack it and import it alone", path=name)

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with ExitStack() as stack:
            try:
                source: _Readable = stack.enter_context(archive.open(info))
            except (*_DAMAGED, NotImplementedError) as error:
                raise _damaged(name, error) from None
            if unpack:
                source = stack.enter_context(unpack(cast(IO[bytes], source)))
            counted = _Counted(source, budget, name, info.compress_size, entry)
            yield cast(BinaryIO, io.BufferedReader(counted, MIB))

    return Member(name, suffix, opened)


def _check_directory(archive: zipfile.ZipFile, path: str, limits: Limits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.entries:
        message = f"has {len(entries):,} entries, more than {limits.entries:,}; split the archive"
        raise InputError(message, path=path)
    _check_size(sum(info.file_size for info in entries), path, limits)
    for info in entries:
        name = f"{path}:{info.filename}"
        if _points_outside(info.filename):
            raise InputError("points outside the archive; pack it with plain names", path=name)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise InputError("is a symbolic link; pack the file itself", path=name)
        if info.flag_bits & 1:
            raise InputError("is encrypted; unpack it and import what it holds", path=name)
        _check_ratio(info.file_size, info.compress_size, name, limits)


def _check_size(unpacked: int, name: str, limits: Limits) -> None:
    if unpacked > limits.total_bytes:
        raise InputError(
            f"unpacks to more than {limits.total_bytes:,} bytes; "
            "if you trust it, unpack it yourself and import the parts",
            path=name,
        )


def _check_ratio(unpacked: int, packed: int, name: str, limits: Limits) -> None:
    if unpacked > _RATIO_COUNTS_FROM and unpacked > limits.ratio * packed:
        raise InputError(
            f"unpacks to more than {limits.ratio} times its packed size, as a bomb does; "
            "if you trust it, unpack it yourself and import that",
            path=name,
        )


def _points_outside(name: str) -> bool:
    is_absolute = name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None
    return is_absolute or "\\" in name or ".." in name.split("/")


def _is_skipped(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    return info.is_dir() or "__MACOSX" in parts or parts[-1].startswith(".")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _inner_suffix(name: str) -> str:
    return _suffix(PurePosixPath(name).stem)


def _damaged(name: str, error: BaseException) -> InputError:
    return InputError(f"is damaged or cut short: {error}; fetch it again", path=name)
