"""Which kind of input something is, told cheaply by its name and its start."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from newsclf.errors import InputError
from newsclf.tag.ninjs import is_ninjs

if TYPE_CHECKING:
    from newsclf.corpus.exchange.mapping import ColumnMapping

STANDARD_INPUT = Path("-")
NINJS = "ninjs"
FEED = "feed"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "excel",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".rss": FEED,
    ".atom": FEED,
    ".xml": FEED,
    ".ninjs": NINJS,
}
_LINES = ("", ".jsonl", ".ndjson")
_PACKED = (".gz", ".zst", ".zip")
_SAMPLE_BYTES = 256 * 1024


@dataclass(frozen=True)
class InputOptions:
    """What may be said of the inputs, where telling it by name and content is not wanted.

    Parameters
    ----------
    format : str, optional
        ``jsonl``, ``ninjs``, ``feed``, or an exchange format of `newsclf.corpus.exchange`.
    mapping : ColumnMapping, optional
        Which column is which field; told by their names when not given.
    encoding, delimiter, sheet : str, optional
        As for `newsclf.corpus.exchange.base.ReadOptions`.
    """

    format: str | None = None
    mapping: ColumnMapping | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


PLAIN = InputOptions()
"""Nothing is said."""


def is_plain_jsonl(path: Path, options: InputOptions = PLAIN) -> bool:
    """Return whether an input is a file of rows that can be read where it lies.

    Parameters
    ----------
    path : Path
        The input; a file whose ending is no other format's is JSONL.
    options : InputOptions
        What was said of it.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    if path == STANDARD_INPUT or web_address(path) or path.is_dir():
        return False
    if options.format not in (None, "jsonl") or options.mapping or options.encoding:
        return False
    suffix = path.suffix.lower()
    if suffix in _PACKED or (options.format is None and suffix in _BY_SUFFIX):
        return False
    return not _needs_conversion(path)


def kind_of_suffix(suffix: str) -> str:
    """Return the kind of input that a file's ending stands for; JSONL unless it is another's."""
    return _BY_SUFFIX.get(suffix, "jsonl")


def is_known(path: Path) -> bool:
    """Return whether a file in a folder has the ending of an input."""
    inner = path.with_suffix("") if path.suffix.lower() in (".gz", ".zst") else path
    suffix = inner.suffix.lower()
    return suffix in _BY_SUFFIX or suffix in _LINES[1:] or path.suffix.lower() == ".zip"


def web_address(path: Path | str) -> str | None:
    """Return the web address that an input is; a path has lost one of its slashes."""
    found = re.match(r"(https?):/+(.+)", str(path), re.IGNORECASE | re.DOTALL)
    return f"{found[1].lower()}://{found[2]}" if found else None


def _needs_conversion(path: Path) -> bool:
    """Return whether a file starts with a byte order mark or a ninjs item."""
    try:
        with path.open("rb") as file:
            start = file.readline(_SAMPLE_BYTES)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    if start.startswith((codecs.BOM_UTF8, *UTF_16_MARKS)):
        return True
    try:
        first = orjson.loads(start)
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and is_ninjs(first)
