"""Lines of files, each of bounded length, and rows that could not be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from newsclf.corpus.rows import MAX_LINE_BYTES, RowError
from newsclf.errors import InputError


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used.

    Parameters
    ----------
    path : str
        The file, as it was given; a member of an archive follows a colon.
    line : int
        One-based.
    code : str
        One of `RowError`'s.
    message : str
        What was wrong, and what to do.
    article_id : str, optional
        The row's id, where it has one.
    """

    path: str
    line: int
    code: str
    message: str
    article_id: str | None = None

    @classmethod
    def of(cls, error: RowError, path: str, line: int) -> BadRow:
        """Say where a row's error was."""
        return cls(path, line, error.code, str(error), error.article_id)

    def as_error(self) -> InputError:
        """Return the exception that stops a reader which wants every row."""
        about = f" (article {self.article_id})" if self.article_id else ""
        return InputError(f"{self.message}{about}", path=self.path, line=self.line)


def bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's lines with their line ends.

    Parameters
    ----------
    file : binary file
        Read from where it stands.

    Yields
    ------
    bytes
        A line longer than `MAX_LINE_BYTES` is cut one byte after the bound, and the rest of it is
        skipped, so memory stays bounded and what follows is the file's next line.
    """
    while line := file.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        yield line
