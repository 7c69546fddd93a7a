"""What ``bundle.json`` says, and whether a bundle's files are what it says."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed_version
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf import __version__
from newsclf.config import BundleName, Objective
from newsclf.decisions.calibration import TaskCalibration
from newsclf.decisions.routing import Routing
from newsclf.decisions.thresholds import Threshold
from newsclf.errors import BundleError
from newsclf.files import sha256_of
from newsclf.schemes import LabelScheme

FORMAT_VERSION = 2
"""Raised when a bundle written now could not be read by the newsclf before; the loader of every
earlier format stays, with a bundle of that format among the tests."""

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 8 * 1024**3
_SUFFIXES = (".json", ".md", ".safetensors")


class FileRecord(BaseModel):
    """Checksum and size, in bytes, of a file in a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int


class TaskRecord(BaseModel):
    """What the manifest says of a task.

    Parameters
    ----------
    classifier : str
        Registered name.
    scheme : LabelScheme
        The labels, in the order of the scores.
    objective : Objective
        What the thresholds were chosen for.
    thresholds : dict of str to Threshold
        By label; empty for a single-label task, which takes its most probable label.
    calibration : TaskCalibration, optional
        What turns the classifier's probabilities into calibrated ones.
    routing : Routing, optional
        Which tags may be published unseen, and the promise that this rests on.
    metrics : dict
        Scores on the articles that the thresholds were chosen on, each by a model that did not
        see it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classifier: str
    scheme: LabelScheme
    objective: Objective = Objective()
    thresholds: dict[str, Threshold]
    calibration: TaskCalibration | None = None
    routing: Routing | None = None
    metrics: dict[str, float]


class Manifest(BaseModel):
    """The contents of ``bundle.json``.

    Parameters
    ----------
    format : int
        Version of this format.
    name, version
        Of the bundle.
    tasks : dict of str to TaskRecord
        In the order in which tags are given.
    corpus : dict of str to str
        Name, version, licence and SHA-256 of what it was trained on.
    config : dict
        The run's configuration.
    decided_on : dict of str to str
        What the calibration and thresholds, and a promise, rest on, where that is not the training
        articles.
    environment : dict of str to str
        Versions of Python and of the libraries that matter.
    files : dict of str to FileRecord
        Every other file, by its path in the bundle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    name: BundleName
    version: int
    tasks: dict[str, TaskRecord]
    corpus: dict[str, str]
    config: dict[str, Any]
    decided_on: dict[str, str] = {}
    environment: dict[str, str]
    files: dict[str, FileRecord] = {}


def verify(folder: Path) -> Manifest:
    """Check a bundle's manifest and the checksum of every file; load no weights.

    Parameters
    ----------
    folder : Path
        A bundle's folder.

    Raises
    ------
    BundleError
        Naming the file that is missing, changed, or does not belong there.
    """
    manifest = read_manifest(folder)
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    for name in sorted(present - manifest.files.keys() - {"bundle.json"}):
        raise BundleError(f"{folder / name} is not listed in bundle.json; the bundle is refused")
    for name, record in manifest.files.items():
        _verify_file(folder, name, record)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read ``bundle.json`` alone; one of an earlier format is brought up to this one.

    Raises
    ------
    BundleError
        When the folder has none, or it is not a manifest of a known format.
    """
    path = folder / "bundle.json"
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleError(f"{path} is larger than any manifest; the bundle is refused")
        document = json.loads(path.read_bytes())
        found = document.get("format") if isinstance(document, dict) else None
        if found == 1:
            document = _from_format_1(document)
        elif found != FORMAT_VERSION:
            raise BundleError(
                f"{path} has format {found!r}; this newsclf reads formats 1 to {FORMAT_VERSION}"
            )
        return Manifest.model_validate(document)
    except OSError as error:
        raise BundleError(f"no bundle at {folder}: {path.name}: {error.strerror}") from None
    except (ValidationError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not a bundle's manifest: {error}") from None


def environment() -> dict[str, str]:
    """Return the versions of Python, newsclf and the libraries that results depend on."""
    libraries = ("numpy", "scipy", "scikit-learn", "pyarrow", "tokenizers", "PyStemmer")
    return {"python": platform.python_version(), "newsclf": __version__} | {
        name: installed_version(name) for name in libraries
    }


def _from_format_1(document: dict[str, Any]) -> dict[str, Any]:
    """Format 1 had thresholds as bare numbers, and neither calibration nor routing."""
    try:
        for record in document["tasks"].values():
            record["thresholds"] = {
                label: {"value": value, "support": 0}
                for label, value in record["thresholds"].items()
            }
    except (AttributeError, KeyError, TypeError):
        raise ValueError("its tasks are not those of format 1") from None
    return document | {"format": FORMAT_VERSION}


def _verify_file(folder: Path, name: str, record: FileRecord) -> None:
    pure, path = PurePosixPath(name), folder / name
    if pure.is_absolute() or ".." in pure.parts or pure.suffix not in _SUFFIXES:
        raise BundleError(f"{folder}: a bundle may not hold {name!r}; it is refused")
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path} is missing from the bundle; train or copy it again")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES or size != record.size or sha256_of(path) != record.sha256:
        raise BundleError(f"{path} was changed after the bundle was written; it is refused")
