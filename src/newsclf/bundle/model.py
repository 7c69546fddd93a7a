"""Bundles: fitted classifiers and what turns their probabilities into decisions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle.manifest import FileRecord, Manifest, TaskRecord, verify
from newsclf.bundle.seen import Seen
from newsclf.card import model_card
from newsclf.classifiers import CLASSIFIER_NAMES, Classifier, classifier_class
from newsclf.decisions.routing import routed
from newsclf.errors import BundleError, ConfigError, OutputError
from newsclf.files import atomic_folder, refuse_existing, sha256_of
from newsclf.records import Article, Decision, Tag, TaggedArticle
from newsclf.text.batch import TextBatch

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

SEEN_SHOWN = 5
"""Articles that a refusal names."""


@dataclass(frozen=True, eq=False)
class TaskModel:
    """A fitted classifier and what turns its probabilities into tags.

    Parameters
    ----------
    record : TaskRecord
        Scheme, calibration, thresholds, routing and metrics.
    classifier : Classifier
        Fitted.
    """

    record: TaskRecord
    classifier: Classifier

    @cached_property
    def _thresholds(self) -> Floats:
        given = self.record.thresholds
        return np.array([given[label].value for label in self.record.scheme.label_ids])

    def calibrated(self, raw: Floats) -> Floats:
        """Return calibrated probabilities of the classifier's, shape (n_articles, n_labels)."""
        calibration = self.record.calibration
        return raw if calibration is None else calibration.apply(raw, self.record.scheme.label_ids)

    def assigned(self, probabilities: Floats) -> Bools:
        """Return which labels become tags, shape (n_articles, n_labels)."""
        if self.record.scheme.kind == "single":
            best = probabilities.argmax(axis=1)
            return np.asarray(best[:, None] == np.arange(probabilities.shape[1]))
        return np.asarray(probabilities >= self._thresholds)

    def auto(self, probabilities: Floats, assigned: Bools) -> Bools:
        """Return which tags may be published unseen, shape (n_articles, n_labels)."""
        routing = self.record.routing
        if routing is None:
            return np.zeros_like(assigned)
        return routed(probabilities, assigned, routing)


@dataclass(frozen=True, eq=False)
class Bundle:
    """What is deployed: a classifier for each task, with schemes and decisions.

    Parameters
    ----------
    manifest : Manifest
        Everything but the weights.
    tasks : mapping of str to TaskModel
        By task.
    seen : Seen
        Which articles it learned from, or has its decisions from.
    """

    manifest: Manifest
    tasks: Mapping[str, TaskModel]
    seen: Seen = field(default_factory=Seen)

    @property
    def reference(self) -> str:
        """``name@version``, as it stands in every tagged article."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def with_decisions(
        self,
        tasks: Mapping[str, TaskModel],
        articles: Sequence[Article],
        decided_on: Mapping[str, str],
    ) -> Bundle:
        """Return the bundle with other decisions for its tasks.

        Parameters
        ----------
        tasks : mapping of str to TaskModel
            All of them, with the classifiers that there were.
        articles : sequence of Article
            What the new decisions rest on; they count as seen from here on.
        decided_on : mapping of str to str
            What to say of that, by what was decided.
        """
        records = {task: model.record for task, model in tasks.items()}
        update = {"tasks": records, "decided_on": self.manifest.decided_on | dict(decided_on)}
        manifest = self.manifest.model_copy(update=update)
        return Bundle(manifest, tasks, self.seen.and_also(articles))

    def renumbered(self, version: int) -> Bundle:
        """Return the bundle under another version."""
        manifest = self.manifest.model_copy(update={"version": version})
        return Bundle(manifest, self.tasks, self.seen)

    def refuse_seen(self, articles: Sequence[Article]) -> None:
        """Refuse articles that the bundle was trained or calibrated on, whatever their ids.

        Raises
        ------
        ConfigError
            Naming the first of them.
        """
        seen = np.flatnonzero(self.seen.among(articles)).tolist()
        if seen:
            first = ", ".join(articles[row].id for row in seen[:SEEN_SHOWN])
            raise ConfigError(
                f"{self.reference} was trained or calibrated on {len(seen):,} of these "
                f"{len(articles):,} articles ({first}{', ...' if len(seen) > SEEN_SHOWN else ''}); "
                "take others"
            )

    def raw_probabilities(self, articles: Sequence[Article]) -> dict[str, Floats]:
        """Return by task what the classifiers say, shape (n_articles, n_labels)."""
        texts = TextBatch(article.text for article in articles)
        targets = [article.target or "" for article in articles]
        return {
            task: model.classifier.predict_proba(texts, targets=targets)
            for task, model in self.tasks.items()
        }

    def probabilities(self, articles: Sequence[Article]) -> dict[str, Floats]:
        """Return by task each label's calibrated probability, shape (n_articles, n_labels)."""
        raw = self.raw_probabilities(articles)
        return {task: model.calibrated(raw[task]) for task, model in self.tasks.items()}

    def tag(self, articles: Iterable[Article]) -> list[TaggedArticle]:
        """Tag articles.

        A tag is ``auto`` where its task's routing promises that it may be published unseen, and
        otherwise ``review``; without routing, every tag is for review.

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
        decisions = {task: _decisions(self.tasks[task], p) for task, p in probabilities.items()}
        return [
            self._tagged(article, row, probabilities, decisions)
            for row, article in enumerate(batch)
        ]

    def _tagged(
        self,
        article: Article,
        row: int,
        probabilities: Mapping[str, Floats],
        decisions: Mapping[str, list[list[Decision]]],
    ) -> TaggedArticle:
        scores = {
            task: dict(zip(self.tasks[task].record.scheme.label_ids, p[row].tolist(), strict=True))
            for task, p in probabilities.items()
        }
        tags: list[Tag] = []
        for task, by_label in scores.items():
            decided = zip(by_label.items(), decisions[task][row], strict=True)
            given = [
                Tag(task, label, probability, decision)
                for (label, probability), decision in decided
                if decision is not Decision.NONE
            ]
            tags += sorted(given, key=lambda tag: -tag.probability)
        return TaggedArticle(article.id, self.reference, _of_article(tags), tuple(tags), scores)

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
            self.seen.save(temporary)
            (temporary / "README.md").write_text(model_card(self.manifest), encoding="utf-8")
            manifest = self.manifest.model_copy(update={"files": _file_records(temporary)})
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
    return Bundle(manifest, tasks, Seen.load(root))


def _decisions(model: TaskModel, probabilities: Floats) -> list[list[Decision]]:
    assigned = model.assigned(probabilities)
    auto = model.auto(probabilities, assigned)
    names = np.array([Decision.NONE, Decision.REVIEW, Decision.AUTO], dtype=object)
    decided: list[list[Decision]] = names[assigned.astype(np.intp) + auto].tolist()
    return decided


def _of_article(tags: Sequence[Tag]) -> Decision:
    if not tags:
        return Decision.NONE
    every_tag_is_auto = all(tag.decision is Decision.AUTO for tag in tags)
    return Decision.AUTO if every_tag_is_auto else Decision.REVIEW


def _file_records(folder: Path) -> dict[str, FileRecord]:
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileRecord(
            sha256=sha256_of(path), size=path.stat().st_size
        )
        for path in written
    }


def _load_task(root: Path, task: str, record: TaskRecord) -> TaskModel:
    if task != record.scheme.name or record.classifier not in CLASSIFIER_NAMES:
        raise BundleError(f"{root}: the task {task!r} names an unknown classifier or scheme")
    try:
        classifier = classifier_class(record.classifier).load(root / task)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise BundleError(f"{root / task} does not hold a {record.classifier}: {error}") from None
    labels = record.scheme.label_ids
    expected = labels if record.scheme.kind == "multi" else ()
    if set(record.thresholds) != set(expected):
        raise BundleError(f"{root}: the thresholds of {task} are not those of its labels")
    if record.calibration is not None and set(record.calibration.labels) != set(labels):
        raise BundleError(f"{root}: the calibration of {task} is not that of its labels")
    if classifier.labels != labels:
        raise BundleError(f"{root / task} has other labels than its scheme in bundle.json")
    return TaskModel(record, classifier)
