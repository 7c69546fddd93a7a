"""The probability from which a label becomes a tag."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_THRESHOLD = 0.5


def f1_thresholds(y: ArrayLike, p: ArrayLike) -> NDArray[np.float64]:
    """Choose for each label the threshold with the best F1 (Lipton, Elkan and Narayanaswamy 2014).

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Which labels the articles have.
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities by models that did not see the article.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        Midway between the last probability that is taken and the first that is not. A label
        without a positive article gets 0.5.

    Examples
    --------
    >>> f1_thresholds([[1], [0], [1], [0]], [[0.9], [0.2], [0.4], [0.1]]).round(2).tolist()
    [0.3]
    """
    labels, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    columns = range(labels.shape[1])
    return np.array([_f1_threshold(labels[:, j], probabilities[:, j]) for j in columns])


def _f1_threshold(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    if not y.any():
        return DEFAULT_THRESHOLD
    order = np.argsort(-p, kind="stable")
    ranked = p[order]
    hits = np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    following = np.append(ranked[1:], 0.0)
    f1[ranked == following] = -1.0  # articles of equal probability are taken together or not at all
    best = int(np.argmax(f1))
    if f1[best] < 0:
        return DEFAULT_THRESHOLD
    return float((ranked[best] + following[best]) / 2)
