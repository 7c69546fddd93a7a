"""Rows of tables, whose columns are fields by their names or by a mapping."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsclf.corpus.exchange.base import Format, Member, ReadOptions, Rows, SourceRow
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError
from newsclf.errors import ConfigError, InputError
from newsclf.records import Article
from newsclf.tag.ingest.kinds import InputOptions

if TYPE_CHECKING:
    from newsclf.corpus.exchange.mapping import ColumnMapping

SAMPLE_ROWS = 200
"""Rows whose columns are looked at before the first is read."""

_TEXT_NAMES = {
    "headline": ("headline", "title", "heading"),
    "body": ("body", "text", "content", "body_text", "article_text", "full_text"),
}
_NEAR = 0.75
_FIELDS = frozenset(field.name for field in fields(Article))


def read_exchange(chosen: Format, source: Member | Path, options: InputOptions) -> Rows:
    """Yield the rows of a source in an exchange format.

    Parameters
    ----------
    chosen : Format
        What it is read as.
    source : Member or Path
        A file, or the path of a folder where the format is one.
    options : InputOptions
        What was said of it.

    Raises
    ------
    InputError
        When it cannot be read, or no column is known to hold text.
    """
    said = ReadOptions(options.encoding, options.delimiter, options.sheet)
    rows = chosen.read(source, said)
    name = source.name if isinstance(source, Member) else str(source)
    yield from mapped(rows, name, options.mapping) if chosen.columns else rows


def mapped(rows: Rows, name: str, given: ColumnMapping | None) -> Rows:
    """Yield rows with their columns as fields; labels are left aside.

    Parameters
    ----------
    rows : iterator
        By column.
    name : str
        What messages call the source.
    given : ColumnMapping, optional
        Which column is which field; the others are told by their names.
    """
    from newsclf.corpus.exchange.mapping import apply_mapping

    first = list(islice(rows, SAMPLE_ROWS))
    sample = [row.values for row in first if isinstance(row, SourceRow)]
    mapping = _mapping_of(sample, name, given) if sample else None
    for row in chain(first, rows):
        if isinstance(row, BadRow) or mapping is None:
            yield row
            continue
        try:
            yield SourceRow(row.path, row.line, apply_mapping(row, mapping))
        except RowError as error:
            yield BadRow.of(error, row.path, row.line)


def _mapping_of(
    sample: Sequence[dict[str, Any]], name: str, given: ColumnMapping | None
) -> ColumnMapping:
    """Tell columns by their names alone: what a text looks like is no ground to tag it unseen."""
    from newsclf.corpus.exchange.mapping import (
        NOTHING_KNOWN,
        ColumnMapping,
        check_mapping,
        guess_mapping,
    )

    columns = list(dict.fromkeys(column for values in sample for column in values))
    known = ColumnMapping(fields=given.fields) if given else NOTHING_KNOWN
    check_mapping(known, columns, name)
    try:
        guessed = guess_mapping(columns, (), {}, known).fields
    except ConfigError:
        guessed = {}
    if not known.fields.keys() & _TEXT_NAMES.keys():
        _refuse_wrong_columns(columns, guessed, name)
    return ColumnMapping(fields={f: column for f, column in guessed.items() if f in _FIELDS})


def _refuse_wrong_columns(columns: Sequence[str], guessed: Any, name: str) -> None:
    free = [column for column in columns if column not in guessed.values()]
    missing = [field for field in _TEXT_NAMES if field not in guessed]
    near = [(field, column) for field in missing for column in _nearest(field, free)]
    if len(missing) < len(_TEXT_NAMES) and not near:
        return
    wanted = " or ".join(missing)
    hint = "".join(f"; did you mean {column!r} for {field}?" for field, column in near)
    field, column = near[0] if near else ("body", columns[0])
    raise InputError(
        f"no column is the {wanted}{hint or ';'} The columns are {', '.join(columns)}. "
        f"Say which it is: --column {field}={column}",
        path=name,
    )


def _nearest(field: str, columns: Sequence[str]) -> list[str]:
    by_name = {column.casefold(): column for column in columns}
    matches = (
        difflib.get_close_matches(known, by_name, n=1, cutoff=_NEAR) for known in _TEXT_NAMES[field]
    )
    return [by_name[found[0]] for found in matches if found][:1]
