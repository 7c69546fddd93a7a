"""Rows out of JSON: JSONL, documents, and the items of ninjs."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import orjson

from newsclf.corpus.exchange.base import Member, Rows, SourceRow
from newsclf.corpus.lines import BadRow, bounded_lines
from newsclf.corpus.rows import RowError, parse_json_row
from newsclf.errors import InputError
from newsclf.tag.ninjs import is_ninjs, row_from_item

MAX_JSON_BYTES = 512 * 1024 * 1024
"""Longest JSON document that is read, for it has to be in memory at once."""

Lines = Iterable[tuple[int, bytes | RowError]]


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a UTF-8 file, of bounded length, without a byte order mark."""
    for number, line in enumerate(bounded_lines(file), 1):
        yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def recoded_lines(member: Member, encoding: str) -> Iterator[tuple[int, bytes | RowError]]:
    """Yield the lines of a file in another encoding as UTF-8."""
    from newsclf.corpus.exchange.base import ReadOptions
    from newsclf.corpus.exchange.encoding import decoded_lines, encoding_of

    chosen = encoding_of(member, ReadOptions(encoding=encoding))
    for number, line in decoded_lines(member, chosen):
        yield number, line if isinstance(line, RowError) else line.encode(errors="surrogatepass")


def read_lines(lines: Lines, name: str, *, only_items: bool = False) -> Rows:
    """Yield a row for each line of JSONL; a ninjs item has its fields in their places.

    Parameters
    ----------
    lines : iterable of (int, bytes or RowError)
        Numbered; an error in place of a line that cannot be read.
    name : str
        What messages call the file.
    only_items : bool
        Take every object for a ninjs item.
    """
    for number, line in lines:
        try:
            if isinstance(line, RowError):
                raise line
            row = parse_json_row(line)
            is_item = only_items or is_ninjs(row)
            yield SourceRow(name, number, row_from_item(row) if is_item else row)
        except RowError as error:
            yield BadRow.of(error, name, number)


def read_items(member: Member) -> Rows:
    """Yield the ninjs items of a file: one a line, a list of them, or a single one."""
    with member.open() as file:
        first = next(numbered_lines(file), (1, b""))[1]
    if isinstance(_parsed(first), dict):
        with member.open() as file:
            yield from read_lines(numbered_lines(file), member.name, only_items=True)
        return
    document = _parsed(_content(member))
    entries = document if isinstance(document, list) else [document]
    if not any(isinstance(entry, dict) for entry in entries):
        message = "expected ninjs: an object a line, a list of objects, or a single one"
        raise InputError(message, path=member.name)
    yield from _items(entries, member.name)


def items_of_document(member: Member) -> Rows | None:
    """Return the rows of a JSON document of ninjs items, or None where it is another document."""
    document = _parsed(_content(member))
    entries = document if isinstance(document, list) else [document]
    first = entries[0] if entries else None
    return _items(entries, member.name) if isinstance(first, dict) and is_ninjs(first) else None


def _items(entries: list[Any], name: str) -> Rows:
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            message = "expected a ninjs item, which is a JSON object"
            yield BadRow(name, number, "not_an_object", message)
            continue
        try:
            yield SourceRow(name, number, row_from_item(entry))
        except RowError as error:
            yield BadRow.of(error, name, number)


def _content(member: Member) -> bytes:
    with member.open() as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        message = f"has more than {MAX_JSON_BYTES:,} bytes; write it as JSONL, a row a line"
        raise InputError(message, path=member.name)
    return data.removeprefix(codecs.BOM_UTF8)


def _parsed(data: bytes) -> Any:
    """Parse JSON; nothing where it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
