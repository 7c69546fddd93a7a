"""Bundles by name: which there are under ``models/``, and which one is meant."""

from __future__ import annotations

import re
from pathlib import Path

from newsclf.bundle import Manifest, read_manifest
from newsclf.errors import BundleError

_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]{0,63})(@(?P<version>\d{1,9}))?")


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
        A folder that holds a bundle, or a name under `models`: alone, which means its highest
        version, or as ``name@version``.
    models : Path
        The folder of models.

    Raises
    ------
    BundleError
        When there is none, naming those there are.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    readable = [
        (manifest, folder)
        for folder, manifest in list_bundles(models)
        if isinstance(manifest, Manifest)
    ]
    if match := _REFERENCE.fullmatch(reference):
        matching = [
            (manifest.version, folder)
            for manifest, folder in readable
            if manifest.name == match["name"] and match["version"] in (None, str(manifest.version))
        ]
        if matching:
            return max(matching)[1]
    names = ", ".join(f"{manifest.name}@{manifest.version}" for manifest, _ in readable)
    known = f"there are {names}" if names else "there is none yet; make one with 'newsclf train'"
    raise BundleError(f"no model {reference!r} in {models} or as a folder; {known}")


def _manifest_or_error(folder: Path) -> Manifest | BundleError:
    try:
        return read_manifest(folder)
    except BundleError as error:
        return error
