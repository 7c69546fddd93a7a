"""Files that are whole or absent, and where the data that ships with newsclf lies."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from newsclf.errors import OutputError


def shipped_data() -> Path:
    """Return the folder of data that ships with newsclf: in the wheel, or in a checkout."""
    package = Path(__file__).parent
    inside_wheel = package / "data"
    return inside_wheel if inside_wheel.is_dir() else package.parents[1] / "data"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Parameters
    ----------
    path : Path
        An existing file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse an output path that exists, unless told to overwrite it.

    Parameters
    ----------
    path : Path
        Where something is about to be written.
    force : bool
        Whether overwriting was asked for.

    Raises
    ------
    OutputError
        When the path exists and `force` is false.
    """
    if path.exists() and not force:
        raise OutputError(f"{path} exists already; choose another path, or --force to replace it")


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under `path` whole, or not at all.

    It is written beside its destination, synced, and renamed when the block ends without an
    exception; otherwise it is removed and whatever was at `path` stays.

    Parameters
    ----------
    path : Path
        The destination; its folder is created when missing.

    Raises
    ------
    OutputError
        When the file cannot be written, for want of space or permission.
    """
    temporary = _beside(path)
    try:
        with _as_output_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync(path.parent)
    finally:
        if temporary.exists():
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that appears under `path` whole, or not at all.

    Parameters
    ----------
    path : Path
        The destination. A folder that stands there is replaced when the block ends well.

    Raises
    ------
    OutputError
        When the folder cannot be written, for want of space or permission.
    """
    temporary = _beside(path)
    try:
        with _as_output_error(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                _sync(file)
            _swap_in(temporary, path)
            _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; nothing was written") from error


def _swap_in(temporary: Path, path: Path) -> None:
    if not path.exists():
        temporary.rename(path)
        return
    aside = _beside(path)
    path.rename(aside)
    try:
        temporary.rename(path)
    except OSError:
        aside.rename(path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(4)}"
