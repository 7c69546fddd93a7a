"""How far the annotators of a corpus agree, label by label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from newsclf.corpus.quality.findings import Finding, Severity, Table
from newsclf.corpus.store import Corpus
from newsclf.metrics.agreement import cohen_kappa, krippendorff_alpha
from newsclf.records import Annotation
from newsclf.schemes import LabelScheme

LOWEST_ALPHA = 0.667
"""Below it not even tentative conclusions hold (Krippendorff 2004, Content Analysis, p. 241)."""

_MOST_ANNOTATORS = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on a task, or on one of its labels.

    Parameters
    ----------
    task : str
        The task.
    label : str or None
        None for the whole task: the mean over labels where several may be given, else agreement
        on which one was.
    alpha : float
        Krippendorff's, nominal; NaN where nobody differs because one value was used.
    kappa : float
        Cohen's, the mean over pairs of annotators weighted by the articles they share. The 20
        annotators with the most articles are paired.
    """

    task: str
    label: str | None
    alpha: float
    kappa: float


@dataclass(frozen=True, eq=False)
class Judgements:
    """What annotators said of one task, judgement by judgement; rules are left out.

    Parameters
    ----------
    article, annotator : ndarray of int64, shape (n_judgements,)
        Numbers from 0.
    y : ndarray of int64, shape (n_judgements, n_labels)
        1 for a label that was given.
    """

    article: NDArray[np.int64]
    annotator: NDArray[np.int64]
    y: NDArray[np.int64]

    @classmethod
    def of(cls, annotations: Sequence[Annotation], scheme: LabelScheme) -> Judgements:
        """Gather the judgements of a task."""
        task = scheme.name
        said = [
            each
            for each in annotations
            if task in each.labels and not each.annotator.startswith("weak:")
        ]
        rows = [[name in each.labels[task] for name in scheme.label_ids] for each in said]
        return cls(
            _numbered([each.id for each in said]),
            _numbered([each.annotator for each in said]),
            np.array(rows, dtype=np.int64).reshape(len(said), len(scheme.labels)),
        )

    def alpha(self, values: NDArray[np.int64]) -> float:
        """Return Krippendorff's alpha of one value a judgement."""
        if not len(values):
            return float("nan")
        order = np.argsort(self.article, kind="stable")
        counts = np.bincount(self.article)
        # who said what does not matter to alpha, so each article's values are packed together
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        matrix = np.full((counts.max(), len(counts)), np.nan)
        matrix[place, self.article[order]] = values[order]
        return krippendorff_alpha(matrix)

    def kappa(self, values: NDArray[np.int64]) -> float:
        """Return the weighted mean of Cohen's kappas of one value a judgement."""
        total = weights = 0.0
        for first, second in self._pairs():
            kappa = cohen_kappa(values[first], values[second])
            if not np.isnan(kappa):
                total += kappa * len(first)
                weights += len(first)
        return total / weights if weights else float("nan")

    def _pairs(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        busiest = np.argsort(-np.bincount(self.annotator), kind="stable")[:_MOST_ANNOTATORS]
        rows = [np.flatnonzero(self.annotator == annotator) for annotator in busiest]
        for a, b in combinations(rows, 2):
            _, first, second = np.intersect1d(
                self.article[a], self.article[b], assume_unique=True, return_indices=True
            )
            if len(first):
                yield a[first], b[second]


def agreement(annotations: Sequence[Annotation], scheme: LabelScheme) -> list[Agreement]:
    """Measure agreement on a task and on each of its labels.

    Parameters
    ----------
    annotations : sequence of Annotation
        What annotators said; those named ``weak:`` are rules and do not count.
    scheme : LabelScheme
        The task.

    Returns
    -------
    list of Agreement
        The task first, then its labels in order, without those that nobody used. Empty where no
        article was judged twice.
    """
    said = Judgements.of(annotations, scheme)
    if len(said.article) == len(np.unique(said.article)):
        return []
    by_label = [
        Agreement(scheme.name, label, said.alpha(column), said.kappa(column))
        for label, column in zip(scheme.label_ids, said.y.T, strict=True)
        if column.any()
    ]
    if scheme.kind == "single":
        chosen = np.where(said.y.any(axis=1), said.y.argmax(axis=1), -1)
        whole = Agreement(scheme.name, None, said.alpha(chosen), said.kappa(chosen))
    else:
        alpha, kappa = (_mean([getattr(each, name) for each in by_label]) for name in _MEASURES)
        whole = Agreement(scheme.name, None, alpha, kappa)
    return [whole, *by_label]


def check_agreement(corpus: Corpus) -> Iterator[Finding | Table]:
    """Report tasks and labels on which annotators agree too little to be learned."""
    measured = [
        each for scheme in corpus.schemes.values() for each in agreement(corpus.annotations, scheme)
    ]
    for each in measured:
        if each.alpha < LOWEST_ALPHA:
            about = f"{each.task} label {each.label}" if each.label else f"task {each.task}"
            yield Finding(
                Severity.WARNING,
                "low_agreement",
                f"annotators agree on the {about} at Krippendorff's alpha {each.alpha:.2f}, below "
                f"{LOWEST_ALPHA}; make its definition clearer, and settle the differences",
                task=each.task,
                label=each.label,
                details={"alpha": each.alpha},
            )
    if measured:
        rows = [
            (each.task, each.label, _rounded(each.alpha), _rounded(each.kappa)) for each in measured
        ]
        columns = ("task", "label", "Krippendorff's alpha", "Cohen's kappa")
        yield Table.of("agreement", "Agreement between annotators", columns, rows)


_MEASURES = ("alpha", "kappa")


def _numbered(names: list[str]) -> NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
