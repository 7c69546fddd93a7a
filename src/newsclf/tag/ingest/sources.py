"""Rows out of files, archives, folders, feeds and standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from newsclf.corpus.exchange.base import Member, ReadOptions, Rows
from newsclf.corpus.lines import BadRow
from newsclf.errors import InputError
from newsclf.tag.ingest.feeds import read_address, read_feed
from newsclf.tag.ingest.jsonrows import (
    items_of_document,
    numbered_lines,
    read_items,
    read_lines,
    recoded_lines,
)
from newsclf.tag.ingest.kinds import (
    FEED,
    NINJS,
    STANDARD_INPUT,
    UTF_16_MARKS,
    InputOptions,
    is_known,
    kind_of_suffix,
    web_address,
)
from newsclf.tag.ingest.tables import mapped, read_exchange

MOST_UNPACKED = 64 * 1024 * 1024 * 1024
"""Bytes that an archive may unpack to: it is read as a stream, and its lines go to disk."""


def read_rows(source: Path, options: InputOptions) -> Rows:
    """Yield the rows of an input, each in the shape of an article's row.

    Parameters
    ----------
    source : Path
        See `newsclf.tag.ingest.spool`.
    options : InputOptions
        What was said of it.
    """
    if (address := web_address(source)) is not None:
        yield from read_address(address)
    elif source == STANDARD_INPUT:
        yield from _standard_input(options)
    elif source.is_dir():
        yield from _folder(source, options)
    else:
        yield from _file(source, options)


def _standard_input(options: InputOptions) -> Rows:
    """Read lines as they come, and another format from a copy, for it may be read twice."""
    if options.format in (None, "jsonl") and not options.encoding:
        lines = numbered_lines(sys.stdin.buffer)
        yield from _mapped(read_lines(lines, "-"), "-", options)
        return
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield from _member(replace(Member.of(Path(copy.name)), name="-"), options)


def _file(path: Path, options: InputOptions) -> Rows:
    from newsclf.corpus.exchange.opening import Limits, open_members

    for member in open_members(path, Limits(total_bytes=MOST_UNPACKED)):
        yield from _member(member, options)


def _folder(folder: Path, options: InputOptions) -> Rows:
    """Read the text files of a folder, each a story, then the files of rows in it."""
    from newsclf.corpus.exchange.folders import read_folder
    from newsclf.corpus.exchange.formats import FORMATS

    chosen = FORMATS.get(options.format or "")
    if chosen is not None and chosen.folder:
        yield from read_exchange(chosen, folder, options)
        return
    if options.format is None:
        yield from read_folder(folder, ReadOptions(encoding=options.encoding))
    for path in _files_of_rows(folder):
        if path.resolve().is_relative_to(folder.resolve()):
            yield from _file(path, options)
        else:
            message = f"the link leads out of {folder}; copy the file into it"
            yield BadRow(str(path), 1, "outside_folder", message)


def _files_of_rows(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and is_known(path) and not is_hidden:
            yield path


def _member(member: Member, options: InputOptions) -> Rows:
    kind = options.format or kind_of_suffix(member.suffix)
    if kind == FEED:
        yield from read_feed(member)
    elif kind == NINJS:
        yield from read_items(member)
    elif kind == "jsonl":
        yield from _mapped(_json_lines(member, options), member.name, options)
    elif kind == "json" and (items := items_of_document(member)) is not None:
        yield from items
    else:
        yield from _exchange(kind, member, options)


def _json_lines(member: Member, options: InputOptions) -> Rows:
    with member.open() as file:
        is_wide = file.read(2) in UTF_16_MARKS
    encoding = options.encoding or ("utf-16" if is_wide else None)
    if encoding is not None:
        yield from read_lines(recoded_lines(member, encoding), member.name)
        return
    with member.open() as file:
        yield from read_lines(numbered_lines(file), member.name)


def _mapped(rows: Rows, name: str, options: InputOptions) -> Rows:
    """Take the rows of JSONL as they are, unless a mapping was given."""
    return rows if options.mapping is None else mapped(rows, name, options.mapping)


def _exchange(kind: str, member: Member, options: InputOptions) -> Rows:
    from newsclf.corpus.exchange.formats import format_named

    chosen = format_named(kind)
    if chosen.folder:
        raise InputError(f"is a file, and {kind} is read from a folder", path=member.name)
    yield from read_exchange(chosen, member, options)
