"""CSV (RFC 4180) and TSV: read row by row past bad rows, written safe for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.cells import (
    ARTICLE_COLUMNS,
    cells_of,
    checked_header,
    restore_formula,
    task_column,
)
from newsclf.corpus.exchange.encoding import WrongEncodingError, decoded_lines, encoding_of
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import MAX_LINE_BYTES, RowError
from newsclf.corpus.store import Corpus
from newsclf.errors import ConfigError, InputError, OutputError

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_ROWS = 100

csv.field_size_limit(MAX_LINE_BYTES)  # of the whole process; `_Records` bounds rows at the same


def _read(member: Member, options: ReadOptions, *, delimiter: str | None = None) -> Rows:
    lines = _Lines(decoded_lines(member, encoding_of(member, options)))
    if options.delimiter is not None:
        delimiter = _checked_delimiter(options.delimiter)
    elif delimiter is None:
        delimiter = _detect_delimiter(lines.peek(_SAMPLE_CHARACTERS))
        options.say(f"{member.name}: delimiter: {_DELIMITERS[delimiter]}, detected")
    records = _Records(lines, delimiter)
    header = _header(records, member.name)
    for record in records:
        try:
            values = _values(record, header)
        except RowError as error:
            yield BadRow.of(error, member.name, record.line)
        else:
            yield SourceRow(member.name, record.line, values)


def _write(corpus: Corpus, path: Path, _: Predictions, *, delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([*ARTICLE_COLUMNS, *map(task_column, corpus.schemes)])
        for article in corpus.articles:
            cells = cells_of(article, corpus.schemes)
            if any("\0" in cell for cell in cells):
                raise OutputError(
                    f"article {article.id!r} has a NUL character, which CSV cannot carry; "
                    "remove it, or write JSONL"
                )
            writer.writerow(cells)


_CARRIES = frozenset((*ARTICLE_COLUMNS, "labels"))
CSV = Format("csv", (".csv",), _read, partial(_write, delimiter=","), _CARRIES, columns=True)
TSV = Format(
    "tsv",
    (".tsv", ".tab"),
    partial(_read, delimiter="\t"),
    partial(_write, delimiter="\t"),
    _CARRIES,
    columns=True,
)


class _Record(NamedTuple):
    line: int
    cells: list[str] | RowError


class _Lines:
    """Numbered physical lines, ended by LF, CR LF or CR, that can be put back."""

    def __init__(self, decoded: Iterator[tuple[int, str | RowError]]) -> None:
        self._source = enumerate(_physical(line for _, line in decoded), 1)
        self._waiting: deque[tuple[int, str | RowError]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, str | RowError]:
        return self._waiting.popleft() if self._waiting else next(self._source)

    def put_back(self, lines: list[tuple[int, str | RowError]]) -> None:
        self._waiting.extendleft(reversed(lines))

    def peek(self, characters: int) -> list[str]:
        """Return the lines within the next so many characters, and leave them to be read."""
        seen = []
        texts: list[str] = []
        while characters > 0 and (item := next(self._source, None)):
            seen.append(item)
            texts.append(_text(item[1]))
            characters -= len(texts[-1])
        self.put_back(seen)
        return texts


class _Records:
    """Records out of lines: a bad one ends where its first line ends, and the rest are read."""

    def __init__(self, lines: _Lines, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._taken: list[tuple[int, str | RowError]] = []

    def __iter__(self) -> Iterator[_Record]:
        while record := self._next():
            if isinstance(record.cells, RowError) or any(record.cells):
                yield record

    def _next(self) -> _Record | None:
        self._taken.clear()
        cells: list[str] | RowError
        try:
            cells = next(csv.reader(self._texts(), delimiter=self._delimiter, strict=True))
        except StopIteration:
            return None
        except csv.Error as error:
            cells = RowError("bad_quote", f"{error}; double each quotation mark in a quoted cell")
            self._resume_after_first_line()
        except RowError as error:
            cells = error
            self._resume_after_first_line()
        errors = [line for _, line in self._taken if isinstance(line, RowError)]
        return _Record(self._taken[0][0], errors[0] if errors else cells)

    def _texts(self) -> Iterator[str]:
        length = 0
        for item in self._lines:
            self._taken.append(item)
            text = _text(item[1])
            length += len(text)
            if length > MAX_LINE_BYTES:
                message = f"the row has more than {MAX_LINE_BYTES:,} characters; is a quote open?"
                raise RowError("line_too_long", message)
            yield text

    def _resume_after_first_line(self) -> None:
        self._lines.put_back(self._taken[1:])
        del self._taken[1:]


def _physical(lines: Iterator[str | RowError]) -> Iterator[str | RowError]:
    for line in lines:
        if isinstance(line, str) and "\r" in line:
            yield from io.StringIO(line, newline="")
        else:
            yield line


def _text(line: str | RowError) -> str:
    if isinstance(line, str):
        return line
    return line.text if isinstance(line, WrongEncodingError) else ""


def _header(records: _Records, path: str) -> list[str]:
    first = next(iter(records), None)
    if first is None:
        raise InputError("is empty; the first row has the names of the columns", path=path)
    if isinstance(first.cells, RowError):
        raise BadRow.of(first.cells, path, first.line).as_error()
    return checked_header(first.cells, path)


def _values(record: _Record, header: list[str]) -> dict[str, str]:
    if isinstance(record.cells, RowError):
        raise record.cells
    if len(record.cells) != len(header):
        message = f"the row has {len(record.cells)} cells, the header has {len(header)}"
        raise RowError("ragged_row", f"{message}; quote cells that hold the delimiter")
    if any("\0" in cell for cell in record.cells):
        raise RowError("nul_character", "the row has a NUL character; remove it")
    return dict(zip(header, map(restore_formula, record.cells), strict=True))


def _checked_delimiter(delimiter: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ConfigError(f"a delimiter is one character, such as ',' or ';', not {delimiter!r}")
    return delimiter


def _detect_delimiter(lines: list[str]) -> str:
    return max(_DELIMITERS, key=lambda delimiter: _regularity(lines, delimiter))


def _regularity(lines: list[str], delimiter: str) -> tuple[bool, float, int]:
    """Whether there are columns, the share of rows as wide as the first, and that width."""
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        widths = [len(row) for row in islice(rows, _SAMPLE_ROWS) if row]
    except csv.Error:  # a line that cannot be read tells nothing of the delimiter
        return False, 0.0, 0
    first = widths[0] if widths else 0
    return first > 1, widths.count(first) / max(len(widths), 1), first
