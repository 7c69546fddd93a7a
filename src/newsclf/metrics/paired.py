"""Whether two systems differ on the same articles: paired tests, and how many articles they need.

A score of a weighting of the articles depends on the weighted sums of a few counts an article
alone, so a thousand resamples are one product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtri

MEASURES = ("macro_f1", "micro_f1", "exact_match")
"""What is compared, in the order of the columns of every array of scores."""

_CELLS = 1 << 22
"""Resampled articles that are held in memory at a time."""

_ROUNDING = 1e-9
"""Differences that are this close count as equal: they are sums in another order."""


class McNemar(NamedTuple):
    """McNemar's test of which of two systems is right more often.

    Parameters
    ----------
    only_first, only_second : int
        Articles that this system alone has right.
    p : float
        Two-sided mid-p value; 1 where no article tells the two apart.
    cohen_g : float
        Effect size, -0.5 to 0.5: the second system's share of those articles, less a half. Cohen
        calls 0.05 small, 0.15 medium and 0.25 large.
    """

    only_first: int
    only_second: int
    p: float
    cohen_g: float


def paired_scores(y: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Return a system's macro-F1, micro-F1 and share of articles with exactly the right labels.

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that they were given.

    Returns
    -------
    ndarray of float64, shape (3,)
        In the order of `MEASURES`. Where every article has exactly one label and is given one,
        micro-F1 and exact match are both the accuracy.

    Examples
    --------
    >>> paired_scores([[1, 0], [1, 1]], [[1, 0], [1, 0]]).round(3).tolist()
    [0.5, 0.8, 0.5]
    """
    counts = _counts(y, predicted)
    return _scores(counts.sum(axis=0, keepdims=True), len(counts)).ravel()


def bootstrap_differences(
    y: ArrayLike, first: ArrayLike, second: ArrayLike, *, rounds: int = 2000, seed: int = 0
) -> NDArray[np.float64]:
    """Draw the difference of two systems' scores by the paired bootstrap.

    Parameters
    ----------
    y, first, second : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that each system gives. Articles are drawn with
        replacement, the same ones for both systems.
    rounds : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    ndarray of float64, shape (rounds, 3)
        Second less first, columns as in `MEASURES`. Its quantiles are a percentile interval, its
        standard deviation is the difference's standard error.

    References
    ----------
    B. Efron and R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    counts = np.hstack([_counts(y, first), _counts(y, second)])
    n_articles, width = len(counts), counts.shape[1] // 2
    rng = np.random.default_rng(seed)
    differences = []
    for size in _chunks(rounds, n_articles):
        draws = rng.integers(n_articles, size=(size, n_articles))
        draws += np.arange(size)[:, None] * n_articles
        times = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        sums = times.astype(np.float32) @ counts
        differences.append(_differences(sums[:, :width], sums[:, width:], n_articles))
    return np.concatenate(differences)


def randomisation_p(
    y: ArrayLike, first: ArrayLike, second: ArrayLike, *, rounds: int = 9999, seed: int = 0
) -> NDArray[np.float64]:
    """Return p-values of two systems' differences by approximate randomisation.

    Were the systems alike, it would not matter whose labels an article got from which; so in each
    round a fair coin decides for every article whether the two swap theirs.

    Parameters
    ----------
    y, first, second : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that each system gives.
    rounds : int
        Number of rounds; no p-value is below ``1 / (rounds + 1)``.
    seed : int
        The same seed gives the same p-values.

    Returns
    -------
    ndarray of float64, shape (3,)
        Two-sided, in the order of `MEASURES`; 1 where the systems' labels are the same.

    References
    ----------
    E. Noreen (1989), Computer-Intensive Methods for Testing Hypotheses. A. Yeh (2000), More
    accurate tests for the statistical significance of result differences, COLING.
    """
    a, b = _counts(y, first), _counts(y, second)
    change = (b - a)[(a != b).any(axis=1)]
    a_total, b_total = a.sum(axis=0), b.sum(axis=0)
    observed = np.abs(_differences(a_total[None], b_total[None], len(a)))
    rng = np.random.default_rng(seed)
    as_large = np.zeros(len(MEASURES))
    for size in _chunks(rounds, len(change)):
        swapped = rng.integers(2, size=(size, len(change)), dtype=np.uint8)
        moved = swapped.astype(np.float32) @ change
        drawn = np.abs(_differences(a_total + moved, b_total - moved, len(a)))
        as_large += (drawn >= observed - _ROUNDING).sum(axis=0)
    return np.asarray((as_large + 1) / (rounds + 1))


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Test which of two systems is right more often, on the articles where one alone is right.

    Parameters
    ----------
    first_right, second_right : array-like of bool, shape (n_articles,)
        Which articles each system has right.

    References
    ----------
    M. Fagerland, S. Lydersen and P. Laake (2013), The McNemar test for binary matched-pairs data:
    mid-p and asymptotic are better than exact conditional, BMC Medical Research Methodology 13.

    Examples
    --------
    >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1])
    McNemar(only_first=4, only_second=1, p=0.21875, cohen_g=-0.3)
    """
    one, other = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    n_telling, fewer = only_first + only_second, min(only_first, only_second)
    if not n_telling:
        return McNemar(0, 0, 1.0, 0.0)
    below = bdtr(fewer - 1, n_telling, 0.5) if fewer else 0.0
    p = bdtr(fewer, n_telling, 0.5) + below
    return McNemar(only_first, only_second, float(p), only_second / n_telling - 0.5)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Correct p-values for the number of tests made, by Holm's step-down method.

    Parameters
    ----------
    p : array-like of float, shape (n_tests,)
        Of any tests, dependent or not.

    Returns
    -------
    ndarray of float64, shape (n_tests,)
        To be held against the level that the tests keep together.

    References
    ----------
    S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6(2).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def articles_needed(
    difference: float, standard_error: float, n_articles: int, *, level: float, power: float = 0.8
) -> float:
    """Return how many articles would tell a difference of the size that was seen.

    Parameters
    ----------
    difference : float
        Of two systems' scores.
    standard_error : float
        Of that difference, on `n_articles`; it shrinks with the square root of their number.
    n_articles : int
        How many there are now.
    level : float
        Level of the two-sided test, between 0 and 1.
    power : float
        Chance with which the test should find the difference.

    Returns
    -------
    float
        In all, those there are included; infinite where there is no difference.

    Examples
    --------
    >>> round(articles_needed(0.01, 0.01, 1000, level=0.05))
    7849
    """
    if difference == 0:
        return math.inf
    deviations = float(ndtri(1 - level / 2) + ndtri(power))
    return n_articles * (deviations * standard_error / difference) ** 2


def _counts(y: ArrayLike, predicted: ArrayLike) -> NDArray[np.float32]:
    """Count for each article its hits and its labels due or given, label by label, and exactness.

    Sums of them are whole numbers below 2**24, which float32 holds exactly, for up to eight
    million articles.
    """
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    exact = (truth == given).all(axis=1, keepdims=True)
    return np.hstack([truth & given, truth.astype(np.float32) + given, exact], dtype=np.float32)


def _scores(sums: NDArray[np.float32], n_articles: int) -> NDArray[np.float64]:
    """Return the scores of weighted sums of counts, shape (n_sums, 3)."""
    n_labels = sums.shape[1] // 2
    hits, sizes = np.float64(2) * sums[:, :n_labels], sums[:, n_labels:-1].astype(np.float64)
    macro = _ratio(hits, sizes).mean(axis=1)
    micro = _ratio(hits.sum(axis=1), sizes.sum(axis=1))
    return np.column_stack([macro, micro, sums[:, -1] / np.float64(n_articles)])


def _differences(
    first: NDArray[np.float32], second: NDArray[np.float32], n_articles: int
) -> NDArray[np.float64]:
    return _scores(second, n_articles) - _scores(first, n_articles)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _chunks(rounds: int, n_articles: int) -> Iterator[int]:
    """Share out rounds so that each part's resample fits in memory."""
    most = max(1, _CELLS // max(1, n_articles))
    for done in range(0, rounds, most):
        yield min(most, rounds - done)
