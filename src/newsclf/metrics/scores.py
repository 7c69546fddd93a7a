"""Precision, recall and F1 of labels and articles, their averages, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Average(NamedTuple):
    """Precision, recall and F1 over labels or articles, each between 0 and 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Scores of each label, shape (n_labels,) each; a ratio of nothing to nothing counts as 0.

    Parameters
    ----------
    precision, recall, f1 : ndarray of float64
        Between 0 and 1.
    support : ndarray of int64
        Articles that have the label.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


def label_scores(y: ArrayLike, predicted: ArrayLike) -> LabelScores:
    """Score each label.

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that they were given.
    """
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    hits, n_given, support = (truth & given).sum(0), given.sum(0), truth.sum(0)
    return LabelScores(
        _ratio(hits, n_given), _ratio(hits, support), _ratio(2 * hits, n_given + support), support
    )


def article_scores(y: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Return precision, recall and F1 of each article, shape (n_articles, 3).

    Having no label counts as a label of its own: an article that was judged to have none scores 1
    when it was given none, and 0 when it was given any.

    Examples
    --------
    >>> article_scores([[1, 1], [0, 0]], [[1, 0], [0, 0]]).round(3).tolist()
    [[1.0, 0.5, 0.667], [1.0, 1.0, 1.0]]
    """
    truth, given = _with_none(y), _with_none(predicted)
    hits, n_given, n_due = (truth & given).sum(1), given.sum(1), truth.sum(1)
    return np.stack([hits / n_given, hits / n_due, 2 * hits / (n_given + n_due)], axis=1)


def macro_average(y: ArrayLike, predicted: ArrayLike) -> Average:
    """Average over labels, every label counting alike."""
    scores = label_scores(y, predicted)
    return Average(*(float(of.mean()) for of in (scores.precision, scores.recall, scores.f1)))


def micro_average(y: ArrayLike, predicted: ArrayLike) -> Average:
    """Score all tags together, every tag counting alike."""
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    return _overall(truth.ravel(), given.ravel())


def sample_average(y: ArrayLike, predicted: ArrayLike) -> Average:
    """Average `article_scores`, every article counting alike."""
    return Average(*article_scores(y, predicted).mean(axis=0).tolist())


def none_average(y: ArrayLike, predicted: ArrayLike) -> Average:
    """Score the statement that an article has no label.

    Precision is the share of the articles given no label that have none, recall the share of those
    that have none that were given none.
    """
    return _overall(_with_none(y)[:, -1], _with_none(predicted)[:, -1])


def hierarchical_average(
    y: ArrayLike, predicted: ArrayLike, parents: Sequence[int | None]
) -> Average:
    """Score all tags together in a tree, where each tag stands for its ancestors too.

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        As in `label_scores`.
    parents : sequence of int or None
        Position of each label's parent, which comes before the label; None for a root.

    References
    ----------
    S. Kiritchenko, S. Matwin, R. Nock and F. Famili (2006), Learning and evaluation in the presence
    of class hierarchies, Canadian AI.

    Examples
    --------
    A sibling of the right label is half right where their parent is right.

    >>> hierarchical_average([[0, 1, 0]], [[0, 0, 1]], [None, 0, 0])
    Average(precision=0.5, recall=0.5, f1=0.5)
    """
    return micro_average(_with_ancestors(y, parents), _with_ancestors(predicted, parents))


def macro_f1(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean of the labels' F1, every label counting alike.

    Examples
    --------
    >>> macro_f1([[1, 0], [1, 1]], [[1, 0], [1, 0]])
    0.5
    """
    return macro_average(y, predicted).f1


def micro_f1(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the F1 of all tags together, every tag counting alike."""
    return micro_average(y, predicted).f1


def exact_match(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the share of articles that were given exactly the labels that they have."""
    return float((np.asarray(y, dtype=bool) == np.asarray(predicted, dtype=bool)).all(1).mean())


def hamming_loss(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the share of all pairs of article and label that are wrong."""
    return float((np.asarray(y, dtype=bool) != np.asarray(predicted, dtype=bool)).mean())


def confusion(y: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Count which labels stand in the place of which.

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        As in `label_scores`.

    Returns
    -------
    ndarray of int64, shape (n_labels + 1, n_labels + 1)
        On the diagonal, how often a label was right; elsewhere, in how many articles the row's
        label was missed and the column's given wrongly. The last row and column stand for none:
        nothing was missed, or nothing given wrongly. With one label an article, this is the usual
        confusion matrix.

    Examples
    --------
    >>> confusion([[1, 0], [1, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]).tolist()
    [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    """
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    missed, wrong = _with_none(truth & ~given), _with_none(given & ~truth)
    counts = missed.T.astype(np.int64) @ wrong.astype(np.int64)
    np.fill_diagonal(counts, [*(truth & given).sum(0), (~truth & ~given).all(1).sum()])
    return counts


def bootstrap_interval(
    y: ArrayLike,
    predicted: ArrayLike,
    score: Callable[[ArrayLike, ArrayLike], float],
    *,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of a score (Efron and Tibshirani 1993).

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        Articles are drawn with replacement.
    score : callable
        Such as `macro_f1`.
    level : float
        Share of the draws that the interval covers.
    rounds : int
        Number of draws.
    seed : int
        The same seed gives the same interval.
    """
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    draws = np.random.default_rng(seed).integers(len(truth), size=(rounds, len(truth)))
    scores = [score(truth[draw], given[draw]) for draw in draws]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _with_none(labels: ArrayLike) -> NDArray[np.bool_]:
    """Append a column that says whether a row has no label."""
    rows = np.asarray(labels, dtype=bool)
    return np.column_stack([rows, ~rows.any(axis=1)])


def _with_ancestors(labels: ArrayLike, parents: Sequence[int | None]) -> NDArray[np.bool_]:
    closed = np.array(labels, dtype=bool)
    for child in reversed(range(len(parents))):
        parent = parents[child]
        if parent is not None:
            closed[:, parent] |= closed[:, child]
    return closed


def _overall(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> Average:
    scores = label_scores(truth[:, None], given[:, None])
    return Average(scores.precision.item(), scores.recall.item(), scores.f1.item())


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    numerator, denominator = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
