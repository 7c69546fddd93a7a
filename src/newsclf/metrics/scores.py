"""Precision, recall and F1 a label, their macro and micro averages, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def macro_f1(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean of the labels' F1, every label counting alike.

    Examples
    --------
    >>> macro_f1([[1, 0], [1, 1]], [[1, 0], [1, 0]])
    0.5
    """
    return float(label_scores(y, predicted).f1.mean())


def micro_f1(y: ArrayLike, predicted: ArrayLike) -> float:
    """Return the F1 of all tags together, every tag counting alike."""
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    return float(_ratio(2 * (truth & given).sum(), given.sum() + truth.sum()))


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


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    numerator, denominator = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
