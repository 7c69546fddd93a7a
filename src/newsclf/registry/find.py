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
        When there is none, naming those there are, when two are the same version, or when the one
        that was promoted is gone or has changed since.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    if match := _REFERENCE.fullmatch(reference):
        name = match["name"]
        version = int(match["version"]) if match["version"] else None
        version = version or read_registry(models).record(name).production
        version = version or max(_versions(name, models), default=None)
        if version is not None:
            return find_version(name, version, models)
    raise _unknown(repr(reference), models)


def find_version(name: str, version: int, models: Path) -> Path:
    """Return the folder of a version under `models`, whatever folders there are elsewhere.

    Parameters
    ----------
    name : str
        Of the bundle.
    version : int
        Of the bundle.
    models : Path
        The folder of models.

    Raises
    ------
    BundleError
        When there is none, or more than one, or the one that was promoted is gone or has changed
        since.
    """
    folders = _versions(name, models).get(version, [])
    promoted = read_registry(models).record(name).promoted.get(version)
    if promoted is not None:
        return _as_promoted(f"{name}@{version}", promoted.sha256, folders)
    if not folders:
        raise _unknown(f"'{name}@{version}'", models)
    if len(folders) > 1:
        raise BundleError(
            f"{' and '.join(map(str, folders))} are both {name}@{version}; name the folder that is "
            "meant, and give the other another version"
        )
    return folders[0]


def next_version(name: str, models: Path) -> int:
    """Return the version after the highest of a name under `models`, or 1."""
    return max(_versions(name, models), default=0) + 1


def refuse_promoted(folder: Path) -> None:
    """Refuse to replace a bundle that is or was in production: going back to it needs its files.

    Parameters
    ----------
    folder : Path
        Where a bundle is about to be written; the registry is that of the folder above.

    Raises
    ------
    BundleError
        When what stands there was promoted.
    """
    if not (folder / "bundle.json").is_file():
        return
    manifest = read_manifest(folder)
    promoted = read_registry(folder.parent).record(manifest.name).promoted.get(manifest.version)
    if promoted is not None and promoted.sha256 == sha256_of(folder / "bundle.json"):
        raise BundleError(
            f"{folder} holds {manifest.name}@{manifest.version}, which is or was in production and "
            "is kept so that it can be gone back to; give the new one a higher version"
        )


def _versions(name: str, models: Path) -> dict[int, list[Path]]:
    """Return the folders of a name's bundles, by version."""
    found: dict[int, list[Path]] = {}
    for folder, manifest in list_bundles(models):
        if isinstance(manifest, Manifest) and manifest.name == name:
            found.setdefault(manifest.version, []).append(folder)
    return found


def _unknown(reference: str, models: Path) -> BundleError:
    readable = (each for _, each in list_bundles(models) if isinstance(each, Manifest))
    names = ", ".join(f"{manifest.name}@{manifest.version}" for manifest in readable)
    known = f"there are {names}" if names else "there is none yet; make one with 'newsclf train'"
    return BundleError(f"no model {reference} in {models} or as a folder; {known}")


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
