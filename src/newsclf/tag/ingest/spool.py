"""An input of any kind written as the lines that workers read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import orjson

from newsclf.corpus.exchange.base import SourceRow
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import MAX_LINE_BYTES, RowError, article_from_row
from newsclf.records import Article
from newsclf.tag.ingest.kinds import PLAIN, InputOptions
from newsclf.tag.ingest.sources import read_rows
from newsclf.tag.locations import whole_file
from newsclf.tag.outputs.base import shown_path

_FIELDS = tuple(field.name for field in fields(Article))


def spool(source: Path, destination: Path, options: InputOptions = PLAIN) -> None:
    """Write an input as lines that say where each row was.

    A line is ``{"file": ..., "line": N, "row": {...}}`` with the fields of an article, or
    ``{"file": ..., "line": N, "error": {"code", "message", "id"}}`` for a row that holds none.
    Rows are read as they are written, so memory does not grow with the input.

    Parameters
    ----------
    source : Path
        A file, plain or packed, an archive, a folder, the address of a feed, or a dash, which is
        standard input.
    destination : Path
        The file of lines, which appears when it is whole.
    options : InputOptions
        What was said of the input.

    Raises
    ------
    InputError
        When the input cannot be read, unpacks beyond its bounds, or has no column of text.
    ConfigError
        When an option names what there is not, or an extra is not installed.
    OutputError
        When the lines cannot be written.
    """
    with whole_file(destination) as file:
        for line in spooled_lines(source, options):
            file.write(line)


def spooled_lines(source: Path, options: InputOptions = PLAIN) -> Iterator[bytes]:
    """Yield the lines that `spool` writes."""
    for row in read_rows(source, options):
        if isinstance(row, BadRow):
            yield _error_line(row)
            continue
        try:
            yield _article_line(row)
        except RowError as error:
            yield _error_line(BadRow.of(error, row.path, row.line))


def _error_line(bad: BadRow) -> bytes:
    error = {
        "code": bad.code,
        "message": _writable(bad.message),
        "id": _writable(bad.article_id or "") or None,
    }
    line = {"file": shown_path(bad.path), "line": bad.line, "error": error}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _article_line(row: SourceRow) -> bytes:
    article = article_from_row(row.values)
    held = {"file": shown_path(row.path), "line": row.line, "row": _known(article)}
    try:
        line = orjson.dumps(held, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        message = "half of a surrogate pair is in the text, which is no character; remove it"
        raise RowError("wrong_encoding", message) from None
    if len(line) > MAX_LINE_BYTES:
        raise RowError("line_too_long", f"the row has more than {MAX_LINE_BYTES:,} bytes")
    return line


def _known(article: Article) -> dict[str, str]:
    values = ((name, getattr(article, name)) for name in _FIELDS)
    return {name: value for name, value in values if value is not None}


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()
