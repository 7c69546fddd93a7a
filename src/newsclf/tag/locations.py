"""Where inputs and outputs lie: on this machine, or in a store that fsspec reaches."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from errno import ENOENT
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from newsclf.errors import ConfigError, OutputError
from newsclf.files import atomic_file

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


class RemoteStat(NamedTuple):
    """A file's size in bytes, and when it was written last, in nanoseconds."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class RemotePath:
    """A file or folder in a store that fsspec reaches: the part of `Path` that tagging uses.

    Parameters
    ----------
    url : str
        For example ``s3://bucket/archive/2024.jsonl``. Credentials come from where the store's
        own library looks for them, never from the address.

    Examples
    --------
    >>> str(RemotePath("memory://run/out.jsonl").with_name("out.csv") / "x")
    'memory://run/out.csv/x'
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The end of the name, from its last dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        """The folder that it lies in."""
        return RemotePath(self.url.rstrip("/").rpartition("/")[0])

    def with_name(self, name: str) -> RemotePath:
        """Return the address beside this one that has another name."""
        return self.parent / name

    def resolve(self) -> RemotePath:
        """Return the address itself: it leads to the same place from every machine."""
        return self

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the file to read; what is written goes through `whole_file`.

        Raises
        ------
        OSError
            When it cannot be read.
        """
        if mode != "rb":
            raise ValueError(f"RemotePath.open reads bytes, mode {mode!r} is not offered")
        with _plain_errors():
            return cast(BinaryIO, self._files().open(self.url, mode))

    def read_bytes(self) -> bytes:
        """Return the content of a small file."""
        with self.open() as file:
            return file.read()

    def exists(self) -> bool:
        """Say whether there is a file or a folder."""
        return bool(self._files().exists(self.url))

    def is_file(self) -> bool:
        """Say whether there is a file."""
        return bool(self._files().isfile(self.url))

    def is_dir(self) -> bool:
        """Say whether there is a folder: in an object store, whether names start so."""
        return bool(self._files().isdir(self.url))

    def stat(self) -> RemoteStat:
        """Return the file's size and when it was written last.

        Raises
        ------
        OSError
            When there is no such file.
        """
        files = self._files()
        with _plain_errors():
            size = int(files.size(self.url))
            try:
                modified = files.modified(self.url).timestamp()
            except NotImplementedError:
                modified = 0.0
        return RemoteStat(size, round(modified * 1e9))

    def iterdir(self) -> Iterator[RemotePath]:
        """Yield what lies in the folder, by name; nothing when there is no folder."""
        files = self._files()
        found = files.ls(self.url, detail=False) if files.isdir(self.url) else []
        yield from (self / str(name).rstrip("/").rpartition("/")[2] for name in sorted(found))

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """Yield what lies in the folder under names of a pattern, such as ``*.done``."""
        yield from (place for place in self.iterdir() if fnmatchcase(place.name, pattern))

    def mkdir(self, *, parents: bool = True, exist_ok: bool = True) -> None:
        """Do nothing: in a store, a folder is there once a file is in it."""

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the file."""
        files = self._files()
        if not missing_ok or files.exists(self.url):
            with _plain_errors():
                files.rm_file(self.url)

    def replace(self, target: RemotePath) -> RemotePath:
        """Give the file another address in the same store, in place of what was there."""
        with _plain_errors():
            self._files().mv(self.url, target.url)
        return target

    def _files(self, **options: bool) -> Any:
        """Return the store; its listings are not remembered, for other machines write too."""
        from fsspec import filesystem

        protocol = self.url.partition("://")[0]
        try:
            return filesystem(protocol, use_listings_cache=False, **options)
        except ImportError as error:
            raise ConfigError(f"{self.url} cannot be reached: {error}") from None
        except ValueError:
            raise ConfigError(
                f"{self.url} cannot be reached: fsspec knows no {protocol}://; "
                "give a path, or an address such as s3://, gs:// or abfs://"
            ) from None


Location = Path | RemotePath


def location(text: Path | str) -> Path:
    """Return where a name leads.

    Parameters
    ----------
    text : Path or str
        A path, a ``file://`` address, or the address of a store that fsspec knows. Addresses of the
        web stay paths: they are feeds, which are fetched by other rules.

    Returns
    -------
    Path
        Or a `RemotePath`, which passes for one wherever tagging takes a path.

    Examples
    --------
    >>> location("file:///data/in.jsonl") == location("/data/in.jsonl")
    True
    >>> location("s3://archive/in.jsonl").name
    'in.jsonl'
    """
    if text != "-" and Path(text) == Path("-"):
        return Path(text).absolute()  # a file of that name, and no standard stream
    found = _SCHEME.match(str(text))
    if found is None or found[1].lower() in ("http", "https"):  # a feed: `ingest` fetches those
        return Path(text)
    if found[1].lower() in ("file", "local"):
        return Path(str(text)[found.end() :])
    return cast(Path, RemotePath(found[1].lower() + str(text)[found.end(1) :]))


def same_place(one: Location, other: Location) -> bool:
    """Say whether two existing files are one.

    Parameters
    ----------
    one, other : Location
        Links are followed on this machine; addresses of a store are compared as they are.
    """
    if isinstance(one, RemotePath) or isinstance(other, RemotePath):
        return one == other
    return one.samefile(other)


def whole_file(place: Location) -> AbstractContextManager[IO[bytes]]:
    """Open a binary file that appears whole when the block ends well, or not at all.

    On this machine it is written beside its place, synced and renamed; in an object store, it is
    sent while it is written and becomes an object when the block ends.

    Parameters
    ----------
    place : Location
        The destination.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    return _whole_object(place) if isinstance(place, RemotePath) else atomic_file(place)


def remove_folder(place: Location) -> None:
    """Remove a folder and what lies in it, where there is one.

    Raises
    ------
    OutputError
        When it cannot be removed.
    """
    try:
        if isinstance(place, RemotePath):
            if place.exists():
                place._files().rm(place.url, recursive=True)
        elif place.exists():
            shutil.rmtree(place)
    except OSError as error:
        raise OutputError(f"cannot remove {place}: {error.strerror or error}") from None


@contextmanager
def _whole_object(place: RemotePath) -> Iterator[IO[bytes]]:
    files = place._files(skip_instance_cache=True)  # a transaction is of all that an instance opens
    try:
        with files.transaction, files.open(place.url, "wb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {place}: {reason}; nothing was written") from error


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Give a store's errors the reason that a system's have: many hold the address alone."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), *error.args[-1:]) from None
    except OSError as error:
        if error.strerror is None:
            error.strerror = str(error)
        raise
