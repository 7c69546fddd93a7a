"""Bundles by name: which there are under ``models/``, and which one is meant."""

from __future__ import annotations

import re
from pathlib import Path

from newsclf.bundle import Manifest, read_manifest
from newsclf.errors import BundleError

_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]{0,63})(@(?P<version>\d{1,9}))?")


def list_bundles(models: Path) -> list[tuple[Path, Manifest]]:
    """Return the bundles in a folder of models, by name.

    Parameters
    ----------
    models : Path
        Usually ``models``; it need not exist.
    """
    folders = sorted(path.parent for path in models.glob("[!.]*/bundle.json"))
    return [(folder, read_manifest(folder)) for folder in folders]


def find_bundle(reference: str, models: Path) -> Path:
    """Return the folder of the bundle that is meant.

    Parameters
    ----------
    reference : str
        A folder that holds a bundle, or a name under `models`, alone or as ``name@version``.
    models : Path
        The folder of models.

    Raises
    ------
    BundleError
        When there is none, naming those there are.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    match = _REFERENCE.fullmatch(reference)
    there = list_bundles(models)
    if match:
        for folder, manifest in there:
            wanted = match["version"] is None or int(match["version"]) == manifest.version
            if manifest.name == match["name"] and wanted:
                return folder
    names = ", ".join(f"{manifest.name}@{manifest.version}" for _, manifest in there)
    known = f"there are {names}" if names else "there is none yet; make one with 'newsclf train'"
    raise BundleError(f"no model {reference!r} in {models} or as a folder; {known}")
