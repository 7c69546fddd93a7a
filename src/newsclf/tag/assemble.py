"""The output out of the parts that the workers wrote, in order."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from newsclf.errors import OutputError
from newsclf.files import refuse_existing, sha256_of
from newsclf.tag.done import Counts, Done, Work
from newsclf.tag.locations import RemotePath, whole_file
from newsclf.tag.run import note_whole, read_whole


def errors_path(output: Path) -> Path:
    """Return where the error rows of an output go as well: ``<output>.errors.jsonl``."""
    return output.with_name(f"{output.name}.errors.jsonl")


def finished(output: Path, folder: Path) -> Counts | None:
    """Return the counts of an earlier run that had written its output when it was stopped."""
    noted = read_whole(folder)
    if noted is None or not output.is_file():
        return None
    return noted[1] if noted[0].get(output.name) == sha256_of(output) else None


def refuse_outputs(output: Path, folder: Path, *, force: bool) -> None:
    """Refuse to replace files, except those that this run itself wrote before it was stopped.

    Raises
    ------
    OutputError
        When one exists, unless told to overwrite it.
    """
    noted = read_whole(folder)
    ours = noted[0] if noted else {}
    for path in (output, errors_path(output)):
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is there and is no file; choose another output")
        if not (path.is_file() and ours.get(path.name) == sha256_of(path)):
            refuse_existing(path, force=force)


def assemble(output: Path, work: Work, done: Sequence[Done], counts: Counts) -> None:
    """Write the output, and the error rows beside it, each whole or not at all.

    They are put together in the working folder, and then given their names.

    Parameters
    ----------
    output : Path
        The destination.
    work : Work
        Where the parts are, and their format.
    done : sequence of Done
        The shards, in order.
    counts : Counts
        Of all rows.

    Raises
    ------
    OutputError
        When they cannot be written.
    """
    whole = {errors_path(output): work.folder / "whole.errors", output: work.folder / "whole.rows"}
    if not counts.refused:
        del whole[errors_path(output)]
    for path, temporary in whole.items():
        with whole_file(temporary) as file:
            write = _write_rows if path == output else _write_errors
            write(work, done, file)
    note_whole(work.folder, {path.name: found for path, found in whole.items()}, counts)
    try:
        if not counts.refused:
            errors_path(output).unlink(missing_ok=True)
        for path, temporary in whole.items():
            temporary.replace(path)
        if not isinstance(output, RemotePath):
            _sync(output.parent)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from error


def assemble_to_standard_output(work: Work, done: Sequence[Done]) -> None:
    """Write the rows to standard output.

    Raises
    ------
    OutputError
        When it takes no more.
    """
    with _standard_output() as file:
        _write_rows(work, done, file)


def _write_rows(work: Work, done: Sequence[Done], file: IO[bytes]) -> None:
    parts = [work.output(shard.index) for shard in done]
    for part, shard in zip(parts, done, strict=True):
        if sha256_of(part) != shard.output:
            raise OutputError(f"{part} was changed by another process; start again with --force")
    work.format.assemble(parts, file, work.layout)


def _write_errors(work: Work, done: Sequence[Done], file: IO[bytes]) -> None:
    for shard in done:
        if shard.errors:
            with work.errors(shard.index).open("rb") as part:
                shutil.copyfileobj(part, file, 1024 * 1024)


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write standard output: {error.strerror}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
