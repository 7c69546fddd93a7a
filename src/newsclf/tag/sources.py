"""The inputs of a run as files of lines: read in place, or written to its folder first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from newsclf.errors import InputError
from newsclf.files import sha256_of
from newsclf.tag.done import write_json
from newsclf.tag.ingest import InputOptions, is_plain_jsonl, spool
from newsclf.tag.plan import Source, unreadable
from newsclf.tag.run import read_json

STANDARD_STREAM = Path("-")


def sources_of(inputs: Sequence[Path], folder: Path, options: InputOptions) -> list[Source]:
    """Return the inputs as files of lines.

    Parameters
    ----------
    inputs : sequence of Path
        As they were given; a dash is standard input.
    folder : Path
        Where those that are not plain JSONL are written as such. What an earlier run wrote there
        whole is used again, unless the input has changed.
    options : InputOptions
        How to read them.

    Raises
    ------
    InputError
        When an input cannot be read.
    """
    return [_source(number, path, folder, options) for number, path in enumerate(inputs)]


def _source(number: int, path: Path, folder: Path, options: InputOptions) -> Source:
    if is_plain_jsonl(path, options):
        return Source(path, str(path))
    lines, marker = folder / f"spool-{number}.jsonl", folder / f"spool-{number}.done"
    now = {"input": str(path), "sha256": _sha256(path), "options": repr(options)}
    as_it_was = {**read_json(marker), "lines": None} == {**now, "lines": None}
    if not as_it_was or now["sha256"] is None:  # what a stream has now is known by reading it
        marker.unlink(missing_ok=True)
        spool(path, lines, options)
        if _sha256(path) != now["sha256"]:
            raise InputError(
                "was changed while it was read; tag it again when it is whole", path=path
            )
        write_json(marker, {**now, "lines": sha256_of(lines)})
    return Source(lines, str(path), spooled=True)


def _sha256(path: Path) -> str | None:
    """Return the checksum of a file, or of all in a folder; a stream has none before it is read."""
    try:
        if path.is_dir():
            names = sorted(found for found in path.rglob("*") if found.is_file())
            listed = "".join(f"{found.relative_to(path)}\0{sha256_of(found)}\n" for found in names)
            return hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest()
        return sha256_of(path) if path.is_file() else None
    except OSError as error:
        raise unreadable(str(path), error) from None
