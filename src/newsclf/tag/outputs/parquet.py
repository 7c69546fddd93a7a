"""Rows as a Parquet file with a typed schema: parts are JSONL, and the file is made at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from newsclf.tag.outputs.base import Layout, OutputFormat
from newsclf.tag.outputs.jsonl import error_line, tagged_line

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 10_000
"""Rows of a row group, at most."""

GROUP_BYTES = 16 * 1024 * 1024
"""Bytes of JSON that a row group is made of, about, at most."""


def schema_of(layout: Layout) -> pa.Schema:
    """Return the types of the columns; a row has tags or an error, and null for the other."""
    import pyarrow as pa

    text = pa.string()
    tag = [("task", text), ("label", text), ("probability", pa.float64()), ("decision", text)]
    if layout.several:
        tag.append(("model", text))
    fields = [
        ("id", text),
        ("model", text),
        ("decision", text),
        ("tags", pa.list_(pa.struct(tag))),
    ]
    if layout.scores:
        by_task = {
            task: pa.struct([(label, pa.float64()) for label in scheme.label_ids])
            for task, scheme in layout.schemes.items()
        }
        fields.append(("scores", pa.struct(list(by_task.items()))))
    error = pa.struct([("code", text), ("message", text)])
    return pa.schema([*fields, ("file", text), ("line", pa.int64()), ("error", error)])


def _assemble(parts: Sequence[Path], destination: IO[bytes], layout: Layout) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(layout)
    with pq.ParquetWriter(destination, schema, compression="zstd") as writer:
        for rows in _groups(parts):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


PARQUET = OutputFormat("parquet", ".parquet", ".jsonl", tagged_line, error_line, _assemble)


def _groups(parts: Sequence[Path]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for line in _lines(parts):
        rows.append(orjson.loads(line))
        size += len(line)
        if len(rows) == GROUP_ROWS or size >= GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _lines(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            yield from file
