"""What every exchange format has: a reader of rows, a writer, and what it can carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from newsclf.corpus.lines import BadRow
from newsclf.corpus.store import Corpus


@dataclass(frozen=True, slots=True)
class Member:
    """A file to read, or a file in an archive.

    Parameters
    ----------
    name : str
        What messages call it: the path, or ``archive.zip:member.csv``.
    suffix : str
        Lower case, with the dot, after taking off ``.gz``: ``.csv``.
    open : callable
        Opens the bytes, unpacked and bounded.
    """

    name: str
    suffix: str
    open: Callable[[], AbstractContextManager[BinaryIO]]

    @classmethod
    def of(cls, path: Path) -> Member:
        """Return a plain file as a member."""
        return cls(str(path), path.suffix.lower(), lambda: path.open("rb"))


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as another program wrote it.

    Parameters
    ----------
    path : str
        The member's name.
    line : int
        One-based: a line of a text file, a row of a sheet, an entry of a list.
    values : dict
        By column. A format with a shape of its own gives a row as ``articles.jsonl`` has it, and
        perhaps ``annotations``: a list of ``{"annotator": ..., "labels": {task: [...]}}``.
    """

    path: str
    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What may be said of a source, where guessing is not wanted.

    Parameters
    ----------
    encoding : str, optional
        Of text; detected when not given.
    delimiter : str, optional
        Between the cells of a CSV file; detected when not given.
    sheet : str, optional
        Of a workbook; the first when not given.
    task : str, optional
        The task of labels, where the format does not name it; ``topic`` when not given.
    say : callable
        Takes a sentence about what was detected.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    task: str | None = None
    say: Callable[[str], None] = lambda _: None


Rows = Iterator[SourceRow | BadRow]
Predictions = Mapping[str, Mapping[str, Any]]
"""Rows that ``newsclf tag`` wrote, by article id."""


@dataclass(frozen=True, slots=True)
class Format:
    """An exchange format.

    Parameters
    ----------
    name : str
        What the command line calls it.
    suffixes : tuple of str
        File endings that are read with it unless told otherwise.
    read : callable
        Takes a `Member` and `ReadOptions`. Where `folder` is true, takes the folder's path in
        place of the member.
    write : callable
        Takes a corpus, a temporary path that does not exist yet, and predictions (empty where
        there are none).
    carries : frozenset of str
        Fields of `LabelledArticle` that survive a round trip, ``annotations`` and ``predictions``.
    columns : bool
        Whether rows are columns of somebody's choice, to be mapped to fields.
    folder : bool
        Whether it is a folder.
    companions : callable
        Takes a corpus, and returns texts that belong beside the file, by their suffix.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Any, ReadOptions], Rows]
    write: Callable[[Corpus, Path, Predictions], None]
    carries: frozenset[str]
    columns: bool = False
    folder: bool = False
    companions: Callable[[Corpus], Mapping[str, str]] = lambda _: {}
