"""The formats there are, and which of them a source is in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from newsclf.corpus.exchange.annif import ANNIF_FOLDER, ANNIF_TSV
from newsclf.corpus.exchange.argilla import ARGILLA
from newsclf.corpus.exchange.base import Format, Member, ReadOptions, Rows
from newsclf.corpus.exchange.csvfiles import CSV, TSV
from newsclf.corpus.exchange.doccano import DOCCANO
from newsclf.corpus.exchange.fasttext import FASTTEXT
from newsclf.corpus.exchange.folders import FOLDER
from newsclf.corpus.exchange.hub import DATASETS, read_hub
from newsclf.corpus.exchange.labelstudio import LABELSTUDIO
from newsclf.corpus.exchange.opening import open_members
from newsclf.corpus.exchange.prodigy import PRODIGY
from newsclf.corpus.exchange.tables import EXCEL, JSON, JSONL, PARQUET
from newsclf.errors import ConfigError, InputError, did_you_mean

FORMATS = {
    found.name: found
    for found in (
        CSV,
        TSV,
        EXCEL,
        JSON,
        JSONL,
        PARQUET,
        FOLDER,
        DATASETS,
        ANNIF_TSV,
        ANNIF_FOLDER,
        FASTTEXT,
        LABELSTUDIO,
        ARGILLA,
        DOCCANO,
        PRODIGY,
    )
}

HUB = "hf:"
"""How the name of a Hugging Face dataset begins, as a source."""

_SAMPLE_BYTES = 256 * 1024


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    ConfigError
        When there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f"unknown format {name!r}{did_you_mean(name, FORMATS)}")
    return FORMATS[name]


def format_of_name(path: Path) -> Format:
    """Return the format that a file's ending stands for.

    Raises
    ------
    ConfigError
        When the ending is no format's.
    """
    for found in FORMATS.values():
        if path.suffix.lower() in found.suffixes:
            return found
    raise ConfigError(f"{path}: say which format with --format; there are {', '.join(FORMATS)}")


def read_source(source: str, options: ReadOptions, name: str | None = None) -> tuple[Format, Rows]:
    """Open a source, whatever it is.

    Parameters
    ----------
    source : str
        A file, an archive of files, a folder, or ``hf:NAME`` for a Hugging Face dataset.
    options : ReadOptions
        What the reader is told.
    name : str, optional
        The format; recognised by name and content when not given.

    Returns
    -------
    format : Format
        What it was read as.
    rows : iterator
        Its rows, read as they are asked for.

    Raises
    ------
    InputError
        When there is nothing to read, or its format is not recognised.
    ConfigError
        When the format's name is unknown.
    """
    if source.startswith(HUB):
        return DATASETS, read_hub(source.removeprefix(HUB))
    path = Path(source)
    chosen = format_named(name) if name else None
    if path.is_dir():
        chosen = chosen or _folder_format(path)
        if not chosen.folder:
            raise InputError(f"is a folder, and {chosen.name} is read from a file", path=path)
        return chosen, chosen.read(path, options)
    if chosen is not None and chosen.folder:
        raise InputError(f"is a file, and {chosen.name} is read from a folder", path=path)
    members = _readable(path, chosen)
    first = next(members, None)
    if first is None:
        endings = ", ".join(
            sorted({suffix for found in FORMATS.values() for suffix in found.suffixes})
        )
        raise InputError(f"holds nothing to read; files end in {endings}", path=path)
    return first[1], _rows_of(first, members, options)


def _rows_of(
    first: tuple[Member, Format], others: Iterator[tuple[Member, Format]], options: ReadOptions
) -> Rows:
    yield from first[1].read(first[0], options)
    for member, its_format in others:
        yield from its_format.read(member, options)


def _readable(path: Path, chosen: Format | None) -> Iterator[tuple[Member, Format]]:
    """Yield the members that can be read, each with its format."""
    for member in open_members(path):
        if chosen is not None:
            yield member, chosen
        elif (found := _file_format(member)) is not None:
            yield member, found


def _folder_format(path: Path) -> Format:
    if any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json")):
        return DATASETS
    if any(path.rglob("*.key")) or any(path.rglob("*.tsv")):
        return ANNIF_FOLDER
    return FOLDER


def _file_format(member: Member) -> Format | None:
    for found in FORMATS.values():
        if member.suffix in found.suffixes and not found.folder:
            return _told_apart(found, member)
    return None


def _told_apart(by_suffix: Format, member: Member) -> Format:
    """Look into a file whose ending several programs use."""
    if by_suffix.name == "json":
        return _tool_of(_first_entry(member)) or JSON
    if by_suffix.name == "jsonl":
        return _tool_of(_first_entry(member)) or JSONL
    if by_suffix.name == "tsv":
        with member.open() as file:
            line = file.readline(_SAMPLE_BYTES)
        return ANNIF_TSV if b"\t<" in line and line.rstrip().endswith(b">") else TSV
    return by_suffix


def _first_entry(member: Member) -> dict[str, Any]:
    """Return the first object of a JSON list or of JSON lines; nothing where there is none."""
    with member.open() as file:
        sample = file.read(_SAMPLE_BYTES).decode("utf-8-sig", errors="replace")
    try:
        found, _ = json.JSONDecoder().raw_decode(sample.lstrip().removeprefix("[").lstrip())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _tool_of(entry: dict[str, Any]) -> Format | None:
    if isinstance(entry.get("data"), dict) and ("annotations" in entry or "predictions" in entry):
        return LABELSTUDIO
    if isinstance(entry.get("fields"), dict) and "responses" in entry:
        return ARGILLA
    if "text" in entry and ({"_task_hash", "answer", "options"} & entry.keys()):
        return PRODIGY
    if "text" in entry and isinstance(entry.get("label", entry.get("labels")), list):
        return DOCCANO
    return None
