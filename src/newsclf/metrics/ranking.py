"""How well probabilities order articles and labels, whatever the thresholds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Curve(NamedTuple):
    """Precision and recall at each threshold, shape (n_thresholds,) each, the highest first."""

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def precision_recall_curve(y: ArrayLike, p: ArrayLike) -> Curve:
    """Return precision and recall of one label at each of its probabilities, taken as threshold.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles,)
        Whether the articles have the label; at least one has.
    p : array-like of float, shape (n_articles,)
        The label's probabilities.

    Examples
    --------
    >>> precision_recall_curve([1, 0, 1], [0.9, 0.8, 0.3]).recall.tolist()
    [0.5, 0.5, 1.0]
    """
    truth, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    last_of_ties = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hits = np.cumsum(truth[order])[last_of_ties]
    return Curve(ranked[last_of_ties], hits / (last_of_ties + 1), hits / truth.sum())


def average_precision(y: ArrayLike, p: ArrayLike) -> NDArray[np.float64]:
    """Return the area under each label's precision-recall curve, in steps.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Which labels the articles have.
    p : array-like of float, shape (n_articles, n_labels)
        Their probabilities.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        Between 0 and 1; NaN for a label that no article has.

    Examples
    --------
    >>> average_precision([[1], [0], [1]], [[0.9], [0.8], [0.3]]).round(3).tolist()
    [0.833]
    """
    truth, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    columns = zip(truth.T, probabilities.T, strict=True)
    return np.array([_average_precision(label, ranked) for label, ranked in columns])


def roc_auc(y: ArrayLike, p: ArrayLike) -> NDArray[np.float64]:
    """Return for each label how often an article that has it is above one that has not.

    This is the area under the receiver operating characteristic, computed from ranks (Hanley and
    McNeil 1982); an equal probability counts as half.

    Parameters
    ----------
    y, p
        As for `average_precision`.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        Between 0 and 1; NaN for a label that every article has, or none.
    """
    from scipy.stats import rankdata

    truth = np.asarray(y, dtype=bool)
    n_with = truth.sum(axis=0)
    n_pairs = n_with * (len(truth) - n_with)
    rank_sum = np.where(truth, rankdata(np.asarray(p, dtype=np.float64), axis=0), 0.0).sum(axis=0)
    above = rank_sum - n_with * (n_with + 1) / 2
    undefined = np.full(truth.shape[1], np.nan)
    return np.asarray(np.divide(above, n_pairs, out=undefined, where=n_pairs > 0))


def coverage_error(y: ArrayLike, p: ArrayLike) -> float:
    """Return how many of the most probable labels one must take to have all that are due.

    Parameters
    ----------
    y, p
        As for `average_precision`.

    Returns
    -------
    float
        Mean over the articles that have a label, at best their number of labels; NaN where no
        article has one.

    References
    ----------
    G. Tsoumakas, I. Katakis and I. Vlahavas (2010), Mining multi-label data, in Data Mining and
    Knowledge Discovery Handbook.
    """
    truth, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    labelled = truth.any(axis=1)
    if not labelled.any():
        return float("nan")
    least = np.where(truth, probabilities, np.inf).min(axis=1, keepdims=True)
    return float((probabilities >= least).sum(axis=1)[labelled].mean())


def _average_precision(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    if not y.any():
        return float("nan")
    curve = precision_recall_curve(y, p)
    return float((np.diff(curve.recall, prepend=0.0) * curve.precision).sum())
