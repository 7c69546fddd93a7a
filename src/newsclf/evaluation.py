"""Evaluation records: what was predicted, how good it is, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from newsclf.metrics.bootstrap import LEAST_GROUPS, Interval, Intervals
from newsclf.metrics.scores import Average, LabelScores
from newsclf.schemes import LabelScheme
from newsclf.slices import Slice, worst_slice

Cluster = Literal["article", "source", "duplicates"]
"""What is drawn for the bootstrap intervals."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of articles on one task.

    Parameters
    ----------
    ids : tuple of str
        The articles'.
    probabilities : ndarray of float64, shape (n_articles, n_labels)
        In the order of the scheme.
    assigned : ndarray of bool, shape (n_articles, n_labels)
        Which labels became tags.
    thresholds : ndarray of float64, shape (n_labels,), optional
        The probability from which a label became a tag; None where the most probable one does.
    auto : ndarray of bool, shape (n_articles, n_labels), optional
        Which tags may be published without an editor; None where nothing is promised.
    """

    ids: tuple[str, ...]
    probabilities: NDArray[np.float64]
    assigned: NDArray[np.bool_]
    thresholds: NDArray[np.float64] | None = None
    auto: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from frequencies; see `newsclf.metrics.calibration`.

    Parameters
    ----------
    expected_error : float
        Mean of the labels' expected calibration errors, 0 at best.
    pooled_error : float
        The same with all labels taken together.
    brier : float
        Mean squared difference of probability and outcome, 0 at best.
    """

    expected_error: float
    pooled_error: float
    brier: float


@dataclass(frozen=True)
class AutoScores:
    """What goes through without an editor.

    Parameters
    ----------
    share : float
        Of the tags.
    precision : float or None
        Share of them that is right; None where none goes through.
    n_tags : int
        Tags that go through.
    """

    share: float
    precision: float | None
    n_tags: int


@dataclass(frozen=True)
class ArticleError:
    """An article whose labels are not those that it should have.

    Parameters
    ----------
    id, headline : str
        The article's.
    missed, wrong : mapping of str to float
        Labels that it has and was not given, and that it was given and has not, with their
        probabilities.
    """

    id: str
    headline: str
    missed: Mapping[str, float]
    wrong: Mapping[str, float]

    @property
    def confidence(self) -> float:
        """The probability that the model gave to its surest mistake."""
        return max([*self.wrong.values(), *(1 - p for p in self.missed.values())])


@dataclass(frozen=True, eq=False)
class TaskEvaluation:
    """A model's scores on one task.

    Parameters
    ----------
    scheme : LabelScheme
        The labels, in the order of every array.
    y : ndarray of bool, shape (n_articles, n_labels)
        Labels that the articles have.
    predictions : Predictions
        What the model says of them.
    by_label : LabelScores
        Precision, recall, F1 and support of each label.
    average_precision, roc_auc : ndarray of float64, shape (n_labels,)
        NaN where undefined.
    macro, micro, sample : Average
        Over all labels, tags and articles.
    macro_occurring : Average
        Over the labels that some article has.
    none : Average
        Of the statement that an article has no label.
    hierarchical : Average, optional
        With the ancestors of each label, where the scheme is a tree.
    coverage_error, exact_match, hamming_loss : float
        See `newsclf.metrics`.
    cluster : 'article', 'source' or 'duplicates'
        What was drawn for the intervals.
    n_groups : int
        How many there are.
    intervals : Intervals, optional
        Bootstrap 95 % intervals; None with fewer than `LEAST_GROUPS` groups.
    calibration : Calibration
        Of the probabilities.
    auto : AutoScores, optional
        Where the predictions say what goes through without an editor.
    slices : tuple of Slice
        By source, genre, length, year and language.
    errors : tuple of ArticleError
        The most confident first; at most `newsclf.evaluate.MOST_ERRORS`.
    n_errors : int
        Articles with an error.
    """

    scheme: LabelScheme
    y: NDArray[np.bool_]
    predictions: Predictions
    by_label: LabelScores
    average_precision: NDArray[np.float64]
    roc_auc: NDArray[np.float64]
    macro: Average
    macro_occurring: Average
    micro: Average
    sample: Average
    none: Average
    hierarchical: Average | None
    coverage_error: float
    exact_match: float
    hamming_loss: float
    cluster: Cluster
    n_groups: int
    intervals: Intervals | None
    calibration: Calibration
    auto: AutoScores | None
    slices: tuple[Slice, ...]
    errors: tuple[ArticleError, ...]
    n_errors: int

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels' ids, in the order of the scores."""
        return self.scheme.label_ids

    @property
    def n_articles(self) -> int:
        """Articles that were judged for the task."""
        return len(self.y)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of all labels."""
        return self.macro.f1

    @property
    def micro_f1(self) -> float:
        """F1 of all tags together."""
        return self.micro.f1

    @property
    def macro_interval(self) -> Interval | None:
        """Bootstrap 95 % interval of `macro_f1`."""
        return self.intervals.macro if self.intervals else None

    @property
    def micro_interval(self) -> Interval | None:
        """Bootstrap 95 % interval of `micro_f1`."""
        return self.intervals.micro if self.intervals else None

    @property
    def unseen(self) -> tuple[str, ...]:
        """Labels that no article has, so that their recall and F1 are undefined."""
        pairs = zip(self.labels, self.by_label.support.tolist(), strict=True)
        return tuple(label for label, support in pairs if not support)

    @property
    def worst_slice(self) -> Slice | None:
        """The slice with the lowest micro-F1."""
        return worst_slice(self.slices)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores must know, in sentences."""
        return tuple(_notes(self))

    def to_json(self) -> dict[str, object]:
        """Return the scores as JSON can hold them; what is undefined is null."""
        return _to_json(self)


def _notes(evaluation: TaskEvaluation) -> Iterator[str]:
    if evaluation.unseen:
        yield (
            f"No article has the label {' or '.join(evaluation.unseen)}: recall and F1 are "
            "undefined there, and count as 0 in the macro average over all labels."
        )
    if evaluation.intervals is None:
        drawn = {"article": "articles", "source": "sources", "duplicates": "groups of near copies"}
        yield (
            f"{evaluation.n_groups} {drawn[evaluation.cluster]} are too few for intervals; "
            f"{LEAST_GROUPS} are needed."
        )
    if (worst := evaluation.worst_slice) is not None:
        below = worst.micro_interval is not None and worst.micro_interval[1] < evaluation.micro_f1
        yield (
            f"The worst slice is {worst.field} {worst.value}, with a micro-F1 of "
            f"{worst.micro_f1:.3f} on {worst.n_articles:,} articles against "
            f"{evaluation.micro_f1:.3f} on all; the difference is "
            f"{'more' if below else 'no more'} than its interval allows for."
        )


def _to_json(evaluation: TaskEvaluation) -> dict[str, object]:
    averages = {
        name: average._asdict()
        for name in ("macro", "macro_occurring", "micro", "sample", "none", "hierarchical")
        if (average := getattr(evaluation, name)) is not None
    }
    return {
        "articles": evaluation.n_articles,
        "macro_f1": evaluation.macro_f1,
        "macro_f1_interval": _as_list(evaluation.macro_interval),
        "micro_f1": evaluation.micro_f1,
        "micro_f1_interval": _as_list(evaluation.micro_interval),
        "averages": averages,
        "intervals": _intervals_to_json(evaluation.intervals),
        "coverage_error": _or_none(evaluation.coverage_error),
        "exact_match": evaluation.exact_match,
        "hamming_loss": evaluation.hamming_loss,
        "calibration": asdict(evaluation.calibration),
        "auto": asdict(evaluation.auto) if evaluation.auto else None,
        "cluster": evaluation.cluster,
        "groups": evaluation.n_groups,
        "notes": list(evaluation.notes),
        "labels": _labels_to_json(evaluation),
        "slices": [found.to_json() for found in evaluation.slices],
        "articles_with_errors": evaluation.n_errors,
        "errors": [asdict(error) for error in evaluation.errors],
    }


def _intervals_to_json(intervals: Intervals | None) -> dict[str, list[float]] | None:
    if intervals is None:
        return None
    return {
        name: list(getattr(intervals, name))
        for name in ("macro", "macro_occurring", "micro", "sample")
    }


def _labels_to_json(evaluation: TaskEvaluation) -> dict[str, dict[str, Any]]:
    scores, intervals = evaluation.by_label, evaluation.intervals
    return {
        label: {
            "precision": scores.precision[j].item(),
            "recall": scores.recall[j].item() if scores.support[j] else None,
            "f1": scores.f1[j].item() if scores.support[j] else None,
            "f1_interval": _as_list(intervals.labels[j] if intervals else None),
            "support": scores.support[j].item(),
            "average_precision": _or_none(evaluation.average_precision[j].item()),
            "roc_auc": _or_none(evaluation.roc_auc[j].item()),
        }
        for j, label in enumerate(evaluation.labels)
    }


def _as_list(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
