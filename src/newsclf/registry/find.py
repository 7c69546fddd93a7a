"""Bundles by name: which there are under ``models/``, and which one is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from newsclf.bundle import Manifest, read_manifest
from newsclf.errors import BundleError
from newsclf.files import sha256_of
from newsclf.registry.state import read_registry

_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]{0,63})(@(?P<version>[1-9]\d{0,8}))?")


def list_bundles(models: Path) -> list[tuple[Path, Manifest | BundleError]]:
    """Return the bundles in a folder of models, each with its manifest.

    Parameters
    ----------
    models : Path
        Usually ``models``; it need not exist.

    Returns
    -------
    list of (Path, Manifest or BundleError)
        By folder name; an error stands for a manifest that cannot be read.
    """
    folders = sorted(path.parent for path in models.glob("[!.]*/bundle.json"))
    return [(folder, _manifest_or_error(folder)) for folder in folders]


def find_bundle(reference: str, models: Path) -> Path:
    """Return the folder of the bundle that is meant.

    Parameters
    ----------
    reference : str
        A folder that holds a bundle, or a name under `models`: as ``name@version``, or alone,
        which means the version in production or, where none is, the highest.
    models : Path
        The folder of models.

    Raises
    ------
    BundleError
        When there is none, naming those there are, or when the one that was promoted is gone or
        has changed since.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    readable = [
        (manifest, folder)
        for folder, manifest in list_bundles(models)
        if isinstance(manifest, Manifest)
    ]
    if match := _REFERENCE.fullmatch(reference):
        name, record = match["name"], read_registry(models).record(match["name"])
        version = int(match["version"]) if match["version"] else record.production
        matching = [
            (manifest.version, folder)
            for manifest, folder in readable
            if manifest.name == name and version in (None, manifest.version)
        ]
        if version in record.promoted:
            folders = [folder for _, folder in matching]
            return _as_promoted(f"{name}@{version}", record.promoted[version].sha256, folders)
        if matching:
            return max(matching)[1]
    names = ", ".join(f"{manifest.name}@{manifest.version}" for manifest, _ in readable)
    known = f"there are {names}" if names else "there is none yet; make one with 'newsclf train'"
    raise BundleError(f"no model {reference!r} in {models} or as a folder; {known}")


def _as_promoted(reference: str, sha256: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if sha256_of(folder / "bundle.json") == sha256:
            return folder
    if folders:
        raise BundleError(
            f"{folders[0]} was changed after {reference} was promoted; restore what it held, and "
            "give what is there now another version"
        )
    raise BundleError(f"{reference} was promoted, but no folder of models holds it; restore it")


def _manifest_or_error(folder: Path) -> Manifest | BundleError:
    try:
        return read_manifest(folder)
    except BundleError as error:
        return error
