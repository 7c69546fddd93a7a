"""Excel, JSON, JSONL and Parquet: tables of anybody's columns, and a corpus's own rows."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.cells import (
    ARTICLE_COLUMNS,
    cells_of,
    checked_header,
    restore_formula,
    task_column,
)
from newsclf.corpus.exchange.encoding import decoded_lines, encoding_of
from newsclf.corpus.exchange.opening import LIMITS, MIB, checked_workbook, seekable
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError, parse_json_row, row_from_annotation, row_from_labelled
from newsclf.corpus.store import Corpus
from newsclf.errors import ConfigError, InputError, OutputError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

MAX_JSON_BYTES = 512 * MIB
"""Longest JSON document that is read, for it is read whole."""

_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_BATCH_ROWS = 1_000
_NOT_IN_EXCEL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EXCEL_ESCAPE = re.compile(r"_x00([01][0-9A-Fa-f]|5F|5f)_")
_BROKEN_WORKBOOK = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    SyntaxError,  # of XML, by both of the parsers that openpyxl may use
    TypeError,
    ValueError,
)


def _read_excel(member: Member, options: ReadOptions) -> Rows:
    with member.open() as stream, checked_workbook(stream, member.name) as file:
        rows = _sheet_rows(file, member.name, options)
        header: list[str] | None = None
        for number, cells in rows:
            if not any(cells):
                continue
            if header is None:
                header = checked_header(cells, member.name)
            elif len(cells) > len(header):
                message = f"the row has {len(cells)} cells, the header has {len(header)}"
                yield BadRow(member.name, number, "ragged_row", f"{message}; name every column")
            else:
                padded = [*cells, *[""] * (len(header) - len(cells))]
                yield SourceRow(member.name, number, dict(zip(header, padded, strict=True)))
        if header is None:
            message = "the sheet is empty; the first row has the names of the columns"
            raise InputError(message, path=member.name)


def _write_excel(corpus: Corpus, path: Path, _: Predictions) -> None:
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("articles")
    header = [*ARTICLE_COLUMNS, *map(task_column, corpus.schemes)]
    rows = [[_excel_text(name, "the header") for name in header]]
    for article in corpus.articles:
        about = f"article {article.id!r}"
        rows.append([_excel_text(cell, about) for cell in cells_of(article, corpus.schemes)])
    for row in rows:
        sheet.append([_text_cell(sheet, text) for text in row])
    workbook.save(path)


def _read_json(member: Member, options: ReadOptions) -> Rows:
    encoding = encoding_of(member, options)
    with member.open() as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        message = f"has more than {MAX_JSON_BYTES:,} bytes; write it as JSONL, a row a line"
        raise InputError(message, path=member.name)
    try:
        document = orjson.loads(data.decode(encoding.name))
    except ValueError as error:
        raise InputError(f"is not valid JSON: {error}", path=member.name) from None
    for number, row in enumerate(_only_list(document, member.name), 1):
        if isinstance(row, dict):
            yield SourceRow(member.name, number, row)
        else:
            message = "the entry is no JSON object; make it one, with a key for each column"
            yield BadRow(member.name, number, "not_an_object", message)


def _write_json(corpus: Corpus, path: Path, _: Predictions) -> None:
    path.write_bytes(orjson.dumps(list(_corpus_rows(corpus)), option=orjson.OPT_INDENT_2))


def _read_jsonl(member: Member, options: ReadOptions) -> Rows:
    for number, line in decoded_lines(member, encoding_of(member, options)):
        try:
            if isinstance(line, RowError):
                raise line
            if line.strip():
                yield SourceRow(member.name, number, parse_json_row(line.encode()))
        except RowError as error:
            yield BadRow.of(error, member.name, number)


def _write_jsonl(corpus: Corpus, path: Path, _: Predictions) -> None:
    with path.open("wb") as file:
        for row in _corpus_rows(corpus):
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _read_parquet(member: Member, _: ReadOptions) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with member.open() as stream, seekable(stream) as file:
        try:
            source = pq.ParquetFile(file)
            _check_parquet(source, member.name)
            number = 0
            for batch in source.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield SourceRow(member.name, number, _without_unjudged(row))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(f"cannot be read as Parquet: {error}", path=member.name) from None


def _write_parquet(corpus: Corpus, path: Path, _: Predictions) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _arrow_schema(list(corpus.schemes))
    pq.write_table(pa.Table.from_pylist(list(_corpus_rows(corpus)), schema=schema), path)


_CELLS = frozenset((*ARTICLE_COLUMNS, "labels"))
_EVERYTHING = _CELLS | {"annotations"}
EXCEL = Format("excel", (".xlsx",), _read_excel, _write_excel, _CELLS, columns=True)
JSON = Format("json", (".json",), _read_json, _write_json, _EVERYTHING, columns=True)
JSONL = Format("jsonl", (".jsonl", ".ndjson"), _read_jsonl, _write_jsonl, _EVERYTHING, columns=True)
PARQUET = Format(
    "parquet", (".parquet", ".pq"), _read_parquet, _write_parquet, _EVERYTHING, columns=True
)


def _sheet_rows(file: Any, path: str, options: ReadOptions) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook

    try:
        workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = _chosen_sheet(workbook, path, options)
        sheet.reset_dimensions()  # the file may claim more rows and columns than it has
        rows = sheet.iter_rows(max_row=_SHEET_ROWS, values_only=True)
        for number, values in enumerate(rows, 1):
            yield number, _without_empty_end([_cell_text(value) for value in values])
    except _BROKEN_WORKBOOK as error:
        message = f"cannot be read as a workbook: {error}; save it again as .xlsx"
        raise InputError(message, path=path) from None


def _chosen_sheet(workbook: Workbook, path: str, options: ReadOptions) -> Worksheet:
    sheets = {sheet.title: sheet for sheet in workbook.worksheets}
    if not sheets:
        raise InputError("the workbook has no sheet of cells", path=path)
    if options.sheet is None:
        first = next(iter(sheets))
        if len(sheets) > 1:
            options.say(f"{path}: sheet {first!r}, the first of {len(sheets)}")
        return sheets[first]
    if options.sheet not in sheets:
        hint = did_you_mean(options.sheet, sheets)
        raise ConfigError(f"{path} has no sheet {options.sheet!r}{hint}")
    return sheets[options.sheet]


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        unescaped = _EXCEL_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)
        return restore_formula(unescaped)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _excel_text(text: str, about: str) -> str:
    """Escape a carriage return, which XML would lose, as ECMA-376 does (part 1, ST_Xstring)."""
    if found := _NOT_IN_EXCEL.search(text):
        raise OutputError(
            f"{about} has the character U+{ord(found[0]):04X}, which Excel cannot carry; "
            "remove it, or write JSONL"
        )
    escaped = text.replace("_x", "_x005F_x").replace("\r", "_x000D_")
    if len(escaped.encode("utf-16-le")) > 2 * _CELL_CHARACTERS:
        raise OutputError(
            f"{about} has a text of more than {_CELL_CHARACTERS:,} characters, the most that a "
            "cell of Excel holds; write CSV or JSONL"
        )
    return escaped


def _text_cell(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, text or None)
    cell.data_type = "s"
    return cell


def _only_list(document: object, path: str) -> list[object]:
    lists = [document] if isinstance(document, list) else []
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
    if len(lists) != 1:
        message = "needs a list of objects, or one object with one list in it"
        raise InputError(f"{message}; {len(lists)} lists are found", path=path)
    return lists[0]


def _corpus_rows(corpus: Corpus) -> Iterator[dict[str, Any]]:
    said = defaultdict(list)
    for annotation in corpus.annotations:
        row = row_from_annotation(annotation)
        said[row.pop("id")].append(row)
    for article in corpus.articles:
        row = row_from_labelled(article)
        yield row | {"annotations": said[article.id]} if article.id in said else row


def _check_parquet(source: Any, path: str) -> None:
    checked_header(source.schema_arrow.names, path)
    groups = range(source.metadata.num_row_groups)
    size = sum(source.metadata.row_group(group).total_byte_size for group in groups)
    if size > LIMITS.total_bytes:
        message = f"unpacks to more than {LIMITS.total_bytes:,} bytes; split it into several files"
        raise InputError(message, path=path)


def _without_unjudged(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out the nulls that stand for absent keys in a column of objects."""
    shaped = {key: value for key, value in row.items() if key != "annotations" or value}
    for holder in (shaped, *_objects(shaped.get("annotations"))):
        if isinstance(labels := holder.get("labels"), dict):
            holder["labels"] = {task: given for task, given in labels.items() if given is not None}
    return shaped


def _objects(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _arrow_schema(tasks: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    text = [pa.field(name, pa.string()) for name in ARTICLE_COLUMNS]
    if not tasks:  # Parquet has no object without a key
        return pa.schema(text)
    labels = pa.field("labels", pa.struct([(task, pa.list_(pa.string())) for task in tasks]))
    annotation = pa.struct([pa.field("annotator", pa.string()), labels])
    return pa.schema([*text, labels, pa.field("annotations", pa.list_(annotation))])
