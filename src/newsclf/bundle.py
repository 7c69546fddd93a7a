"""Bundles: the only module that reads or writes model files.

A bundle is a folder: ``bundle.json`` (the manifest), ``README.md`` (the model card) and one folder
a task. The manifest holds the size and the SHA-256 of every other file, and a folder that holds
anything else is refused.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf import __version__
from newsclf.card import model_card
from newsclf.classifiers import CLASSIFIER_NAMES, Classifier, classifier_class
from newsclf.config import BundleName
from newsclf.errors import BundleError, ConfigError, OutputError
from newsclf.files import atomic_folder, refuse_existing, sha256_of
from newsclf.records import Article, Decision, Tag, TaggedArticle
from newsclf.schemes import LabelScheme
from newsclf.text.batch import TextBatch

FORMAT_VERSION = 1
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
    thresholds : dict of str to float
        By label; empty for a single-label task, which takes its most probable label.
    metrics : dict
        Out-of-fold scores on the training articles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classifier: str
    scheme: LabelScheme
    thresholds: dict[str, float]
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
    environment: dict[str, str]
    files: dict[str, FileRecord] = {}


@dataclass(frozen=True, eq=False)
class TaskModel:
    """A fitted classifier and what turns its probabilities into tags.

    Parameters
    ----------
    record : TaskRecord
        Scheme, thresholds and metrics.
    classifier : Classifier
        Fitted.
    """

    record: TaskRecord
    classifier: Classifier

    @cached_property
    def _thresholds(self) -> NDArray[np.float64]:
        given = self.record.thresholds
        return np.array([given[label] for label in self.record.scheme.label_ids])

    def assigned(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which labels become tags, shape (n_articles, n_labels)."""
        if self.record.scheme.kind == "single":
            best = probabilities.argmax(axis=1)
            return np.asarray(best[:, None] == np.arange(probabilities.shape[1]))
        return np.asarray(probabilities >= self._thresholds)


@dataclass(frozen=True, eq=False)
class Bundle:
    """What is deployed: a classifier for each task, with schemes and thresholds.

    Parameters
    ----------
    manifest : Manifest
        Everything but the weights.
    tasks : mapping of str to TaskModel
        By task.
    """

    manifest: Manifest
    tasks: Mapping[str, TaskModel]

    @property
    def reference(self) -> str:
        """``name@version``, as it stands in every tagged article."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def probabilities(self, articles: Sequence[Article]) -> dict[str, NDArray[np.float64]]:
        """Return by task the probability of each label, shape (n_articles, n_labels)."""
        texts = TextBatch(article.text for article in articles)
        targets = [article.target or "" for article in articles]
        return {
            task: model.classifier.predict_proba(texts, targets=targets)
            for task, model in self.tasks.items()
        }

    def tag(self, articles: Iterable[Article]) -> list[TaggedArticle]:
        """Tag articles.

        Every tag's decision is ``review``: nothing is published unseen before routing has been
        set up on calibration data.

        Parameters
        ----------
        articles : iterable of Article
            They are held in memory together; `newsclf.tag` works through files of any size.

        Returns
        -------
        list of TaggedArticle
            One for each article, in order.
        """
        batch = list(articles)
        if not batch:
            return []
        probabilities = self.probabilities(batch)
        assigned = {task: self.tasks[task].assigned(p) for task, p in probabilities.items()}
        return [
            self._tagged(article, row, probabilities, assigned) for row, article in enumerate(batch)
        ]

    def _tagged(
        self,
        article: Article,
        row: int,
        probabilities: Mapping[str, NDArray[np.float64]],
        assigned: Mapping[str, NDArray[np.bool_]],
    ) -> TaggedArticle:
        scores = {
            task: dict(zip(self.tasks[task].record.scheme.label_ids, p[row].tolist(), strict=True))
            for task, p in probabilities.items()
        }
        tags: list[Tag] = []
        for task, by_label in scores.items():
            given = [
                Tag(task, label, probability, Decision.REVIEW)
                for (label, probability), is_given in zip(
                    by_label.items(), assigned[task][row].tolist(), strict=True
                )
                if is_given
            ]
            tags += sorted(given, key=lambda tag: -tag.probability)
        decision = Decision.REVIEW if tags else Decision.NONE
        return TaggedArticle(article.id, self.reference, decision, tuple(tags), scores)

    def save(self, folder: Path, *, force: bool = False) -> None:
        """Write the bundle; it appears whole or not at all.

        Parameters
        ----------
        folder : Path
            The destination.
        force : bool
            Replace a bundle that stands there.

        Raises
        ------
        OutputError
            When the folder exists, is another thing than a bundle, or cannot be written.
        """
        refuse_existing(folder, force=force)
        if folder.exists() and not (folder / "bundle.json").is_file():
            raise OutputError(f"{folder} is no bundle, so it is not replaced; choose another path")
        with atomic_folder(folder) as temporary:
            for task, model in self.tasks.items():
                (temporary / task).mkdir()
                model.classifier.save(temporary / task)
            (temporary / "README.md").write_text(model_card(self.manifest), encoding="utf-8")
            written = sorted(path for path in temporary.rglob("*") if path.is_file())
            files = {
                path.relative_to(temporary).as_posix(): FileRecord(
                    sha256=sha256_of(path), size=path.stat().st_size
                )
                for path in written
            }
            manifest = self.manifest.model_copy(update={"files": files})
            text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
            (temporary / "bundle.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path | str) -> Bundle:
    """Load a bundle, after checking every file in it.

    Parameters
    ----------
    folder : Path or str
        A bundle's folder.

    Raises
    ------
    BundleError
        When it is no bundle, has another format, was tampered with, or does not hold together.
    """
    root = Path(folder)
    manifest = verify(root)
    tasks = {task: _load_task(root, task, record) for task, record in manifest.tasks.items()}
    return Bundle(manifest, tasks)


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
    """Read ``bundle.json`` alone.

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
        if found != FORMAT_VERSION:
            raise BundleError(
                f"{path} has format {found!r}; this newsclf reads format {FORMAT_VERSION}"
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


def _verify_file(folder: Path, name: str, record: FileRecord) -> None:
    pure, path = PurePosixPath(name), folder / name
    if pure.is_absolute() or ".." in pure.parts or pure.suffix not in _SUFFIXES:
        raise BundleError(f"{folder}: a bundle may not hold {name!r}; it is refused")
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path} is missing from the bundle; train or copy it again")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES or size != record.size or sha256_of(path) != record.sha256:
        raise BundleError(f"{path} was changed after the bundle was written; it is refused")


def _load_task(root: Path, task: str, record: TaskRecord) -> TaskModel:
    if task != record.scheme.name or record.classifier not in CLASSIFIER_NAMES:
        raise BundleError(f"{root}: the task {task!r} names an unknown classifier or scheme")
    try:
        classifier = classifier_class(record.classifier).load(root / task)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise BundleError(f"{root / task} does not hold a {record.classifier}: {error}") from None
    expected = record.scheme.label_ids if record.scheme.kind == "multi" else ()
    if set(record.thresholds) != set(expected):
        raise BundleError(f"{root}: the thresholds of {task} are not those of its labels")
    if classifier.labels != record.scheme.label_ids:
        raise BundleError(f"{root / task} has other labels than its scheme in bundle.json")
    return TaskModel(record, classifier)
