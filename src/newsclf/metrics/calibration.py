"""How far probabilities are from what they say: Brier score, calibration error, reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

BINS = 15


def brier_score(y: ArrayLike, p: ArrayLike) -> float:
    """Return the mean squared difference of probabilities from labels.

    Every decision on a label counts alike, so for a task this is the mean of its labels' binary
    scores. The multi-class score of Brier (1950) sums over labels: this times their number.

    Parameters
    ----------
    y : array-like of bool, any shape
        Whether the article has the label.
    p : array-like of float, the same shape
        Probabilities.

    References
    ----------
    G. W. Brier (1950), Verification of forecasts expressed in terms of probability, Monthly
    Weather Review 78(1).

    Examples
    --------
    >>> round(brier_score([1, 0], [0.8, 0.4]), 2)
    0.1
    """
    difference = np.asarray(p, dtype=np.float64) - np.asarray(y, dtype=bool)
    return float((difference**2).mean())


def expected_calibration_error(
    y: ArrayLike, p: ArrayLike, *, bins: int = BINS, equal_width: bool = False
) -> float:
    """Return the calibration error of a task: the mean of its labels' errors.

    Of each label it is the mean, over articles, of how far the share of articles with the label
    in a bin is from the bin's mean probability. Bins hold equally many articles, as most
    probabilities of most labels are near 0 and bins of equal width would lump them together.
    It is not debiased: chance alone moves a bin's share, so that with few articles a bin the
    error is overrated (Kumar, Liang and Ma 2019), never flattered; `chance_calibration_error` says
    what a perfect model would get.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Which labels the articles have.
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities.
    bins : int
        At most so many; articles of equal probability are in one.
    equal_width : bool
        Bins of equal width, as Naeini et al. have them.

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht (2015), Obtaining well calibrated probabilities
    using Bayesian binning, AAAI. M. Kull et al. (2019), Beyond temperature scaling, NeurIPS
    (classwise error). A. Kumar, P. Liang and T. Ma (2019), Verified uncertainty calibration,
    NeurIPS.

    Examples
    --------
    >>> round(expected_calibration_error([[1], [0], [1], [1]], [[0.9], [0.2], [0.9], [0.2]]), 3)
    0.2
    """
    labels, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    errors = [
        pooled_calibration_error(
            labels[:, j], probabilities[:, j], bins=bins, equal_width=equal_width
        )
        for j in range(labels.shape[1])
    ]
    return float(np.mean(errors))


def pooled_calibration_error(
    y: ArrayLike, p: ArrayLike, *, bins: int = BINS, equal_width: bool = False
) -> float:
    """Return the calibration error of all decisions together, whichever label they are on.

    One label's overconfidence can hide another's diffidence here, which it cannot in
    `expected_calibration_error`; in turn there are many decisions a bin, and little chance.

    Parameters
    ----------
    y : array-like of bool, any shape
        Whether the article has the label.
    p : array-like of float, the same shape
        Probabilities.
    bins, equal_width
        As for `expected_calibration_error`.
    """
    curve = reliability_curve(y, p, bins=bins, equal_width=equal_width)
    return float(np.average(np.abs(curve.observed - curve.predicted), weights=curve.count))


def chance_calibration_error(
    p: ArrayLike, *, bins: int = BINS, equal_width: bool = False, rounds: int = 100, seed: int = 0
) -> float:
    """Return the `expected_calibration_error` to expect if the probabilities were exactly right.

    It is the mean error over labels drawn from the probabilities (consistency resampling): an
    error near it is chance, whatever its size.

    Parameters
    ----------
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities.
    bins, equal_width
        As for `expected_calibration_error`.
    rounds : int
        Number of draws.
    seed : int
        The same seed gives the same figure.

    References
    ----------
    J. Broecker and L. A. Smith (2007), Increasing the reliability of reliability diagrams, Weather
    and Forecasting 22(3).

    Examples
    --------
    >>> chance_calibration_error([[1.0], [0.0], [1.0]])
    0.0
    """
    probabilities, rng = np.asarray(p, dtype=np.float64), np.random.default_rng(seed)
    errors = []
    for column in probabilities.T:
        bin_of = _bins(column, bins, equal_width=equal_width)
        drawn = rng.random((rounds, len(column))) < column
        errors += [np.abs(np.bincount(bin_of, excess)).sum() for excess in drawn - column]
    return float(np.mean(errors) / len(probabilities))


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """What was predicted and what was seen, bin by bin; shape (n_bins,) each, no bin is empty.

    Parameters
    ----------
    predicted : ndarray of float64
        Mean probability; ascending.
    observed : ndarray of float64
        Share of decisions that were true.
    count : ndarray of int64
        Decisions in the bin.
    low, high : ndarray of float64
        Wilson 95 % interval of `observed`.
    """

    predicted: Floats
    observed: Floats
    count: NDArray[np.int64]
    low: Floats
    high: Floats


def reliability_curve(
    y: ArrayLike, p: ArrayLike, *, bins: int = BINS, equal_width: bool = False
) -> ReliabilityCurve:
    """Return the reliability curve of a label, or of several labels together.

    Parameters
    ----------
    y : array-like of bool, any shape
        Whether the article has the label.
    p : array-like of float, the same shape
        Probabilities.
    bins, equal_width
        As for `expected_calibration_error`.

    Examples
    --------
    >>> curve = reliability_curve([0, 0, 0, 1], [0.1, 0.1, 0.7, 0.9], bins=2)
    >>> curve.predicted.round(2).tolist(), curve.observed.tolist(), curve.count.tolist()
    ([0.1, 0.8], [0.0, 0.5], [2, 2])
    """
    truth, predicted = np.ravel(np.asarray(y, bool)), np.ravel(np.asarray(p, np.float64))
    bin_of = _bins(predicted, bins, equal_width=equal_width)
    count = np.bincount(bin_of, minlength=bins)
    filled = count > 0
    hits = np.bincount(bin_of, truth, minlength=bins)[filled]
    total = np.bincount(bin_of, predicted, minlength=bins)[filled]
    low, high = wilson_interval(hits, count[filled])
    return ReliabilityCurve(total / count[filled], hits / count[filled], count[filled], low, high)


def wilson_interval(
    hits: ArrayLike, count: ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a share.

    Parameters
    ----------
    hits, count : array-like of float, the same shape
        How many of how many; `count` is positive.
    level : float
        How often the interval is to hold the true share.

    Returns
    -------
    low, high : ndarray of float64

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22.

    Examples
    --------
    >>> low, high = wilson_interval([8], [10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.49], [0.943])
    """
    n, share = np.asarray(count, np.float64), np.asarray(hits, np.float64) / np.asarray(count)
    z = ndtri((1 + level) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


def _bins(p: Floats, bins: int, *, equal_width: bool) -> NDArray[np.intp]:
    """Return the bin of each probability; bins are closed above."""
    shares = np.linspace(0, 1, bins + 1)
    edges = shares if equal_width else np.percentile(p, 100 * shares)
    return np.searchsorted(edges[1:-1], p)
