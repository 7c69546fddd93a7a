"""The working folder of a run, ``<output>.parts``: what is done, for whom, and who is at it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from newsclf import __version__
from newsclf.errors import OutputError
from newsclf.files import sha256_of
from newsclf.tag.done import Counts, Model, write_json
from newsclf.tag.locations import RemotePath, remove_folder
from newsclf.tag.plan import Plan

RUN_FORMAT = 1
"""Raised when a run that was begun with the newsclf before could not be gone on with."""

_MANIFEST = "run.json"
_LOCK = "lock"
_WHOLE = "whole.json"


def working_folder_of(output: Path) -> Path:
    """Return where a run to an output keeps what is done: ``<output>.parts``."""
    return output.with_name(f"{output.name}.parts")


@contextmanager
def working_folder(output: Path, *, resume: bool, force: bool) -> Iterator[Path]:
    """Give the working folder of the run that writes an output, for this process alone.

    It is removed when the block ends well, and when nothing in it is worth going on from; else it
    stays, for ``--resume``.

    Parameters
    ----------
    output : Path
        The run's destination.
    resume : bool
        Go on from what an earlier run did.
    force : bool
        Throw away what an earlier run did, unless `resume` is true.

    Raises
    ------
    OutputError
        When another run is at it, an earlier one was not finished and neither `resume` nor `force`
        is true, or the folder cannot be made.
    """
    folder = working_folder_of(output)
    with _locked(folder, output):
        if force and not resume:
            forget(folder)
        elif _begun(folder) and not resume:
            raise OutputError(
                f"an earlier run to {output} was not finished; go on from what it did with "
                "--resume, or start again with --force"
            )
        for left in folder.glob(".*"):
            left.unlink()
        try:
            yield folder
        except BaseException:
            if not _begun(folder):
                _remove(folder)
            raise
        _remove(folder)


def manifest_of(plan: Plan, models: Sequence[Model], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a run the one it is.

    Parameters
    ----------
    plan : Plan
        What is read.
    models : sequence of Model
        What tags.
    options : mapping
        What the rows depend on beside these, as JSON.
    """
    files = [{k: v for k, v in asdict(file).items() if k != "modified"} for file in plan.files]
    return {
        "format": RUN_FORMAT,
        "newsclf": __version__,
        "inputs": files,
        "models": [{"folder": str(folder), "sha256": sha256} for folder, sha256 in models],
        "options": dict(options),
        "shards": [asdict(shard) for shard in plan.shards],
    }


def settle_manifest(folder: Path, manifest: dict[str, Any], *, force: bool) -> None:
    """Refuse to go on with a run that was another, and note what this one is.

    Parameters
    ----------
    folder : Path
        The working folder.
    manifest : dict
        What `manifest_of` says of this run.
    force : bool
        Start again where something is different.

    Raises
    ------
    OutputError
        Naming what is different.
    """
    earlier = read_json(folder / _MANIFEST)
    different = _differences(earlier, manifest) if earlier else []
    if different and not force:
        raise OutputError(
            f"{folder} is of a run that cannot be gone on with, since {'; '.join(different)}; "
            "start again with --force"
        )
    if different:
        for marker in (*folder.glob("[0-9]*.done"), folder / _WHOLE):
            marker.unlink(missing_ok=True)
    if different or not earlier:
        write_json(folder / _MANIFEST, manifest)


def note_whole(folder: Path, written: Mapping[str, Path], counts: Counts) -> None:
    """Note the checksums of what is about to get its name, and the run's counts.

    Parameters
    ----------
    folder : Path
        The working folder.
    written : mapping of str to Path
        Whole files in it, by the name that they are to have.
    counts : Counts
        Of all rows.
    """
    files = {name: sha256_of(path) for name, path in written.items()}
    write_json(folder / _WHOLE, {"files": files, "counts": counts.as_json()})


def read_whole(folder: Path) -> tuple[Mapping[str, str], Counts] | None:
    """Return what `note_whole` noted, if it did."""
    noted = read_json(folder / _WHOLE)
    return (noted["files"], Counts.from_json(noted["counts"])) if noted else None


def forget(folder: Path) -> None:
    """Throw away what a run did; what says that its output is whole goes last."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name == _WHOLE):
        if path.name != _LOCK:
            path.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of JSON holds; nothing where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}; start again with --force") from None
    return content if isinstance(content, dict) else {}


def _differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in words what is not as it was; shards follow from the inputs."""
    if earlier.get("format") != now["format"]:
        return ["another version of newsclf began it"]
    found = []
    if earlier["newsclf"] != now["newsclf"]:
        found.append(f"newsclf was {earlier['newsclf']} and is {now['newsclf']}")
    found += _different_inputs(earlier["inputs"], now["inputs"])
    if [m["sha256"] for m in earlier["models"]] != [m["sha256"] for m in now["models"]]:
        before = ", ".join(m["folder"] for m in earlier["models"])
        found.append(f"the models are not those in {before} as they were")
    for name, value in now["options"].items():
        if earlier["options"].get(name) != value:
            found.append(f"{name} was {earlier['options'].get(name)} and is {value}")
    return found


def _different_inputs(
    earlier: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[str]:
    names = [file["name"] for file in earlier]
    if names != [file["name"] for file in now]:
        return [f"the inputs were {' '.join(names)}"]
    return [
        f"{after['name']} was changed ({before['size']:,} bytes then, {after['size']:,} now)"
        for before, after in zip(earlier, now, strict=True)
        if before["sha256"] != after["sha256"]
    ]


@contextmanager
def _locked(folder: Path, output: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system gives back however the process ends."""
    if isinstance(folder, RemotePath):  # a store has no lock to hold
        yield
        return
    while True:
        try:
            _make(folder)
            file = (folder / _LOCK).open("a+b")
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"cannot write {folder}: {reason}; nothing was written") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OutputError(
                    f"another run is writing {output}; wait for it, or choose another output"
                ) from None
            if _is_at(file.fileno(), folder / _LOCK):
                yield
                return


def _make(folder: Path) -> None:
    inside = list(folder.iterdir()) if folder.is_dir() else []
    is_ours = not inside or (folder / _LOCK).is_file()
    if not is_ours or any(path.is_dir() for path in inside):
        raise OutputError(f"{folder} is no run's working folder; choose another output")
    folder.mkdir(parents=True, exist_ok=True)


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether an open file is the one at a path, and was not removed meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _begun(folder: Path) -> bool:
    return any(folder.glob("*.done")) or (folder / _WHOLE).is_file()


def _remove(folder: Path) -> None:
    forget(folder)
    remove_folder(folder)
