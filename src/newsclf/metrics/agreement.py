"""Agreement between annotators beyond chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def krippendorff_alpha(values: ArrayLike) -> float:
    """Return Krippendorff's alpha for nominal values.

    Parameters
    ----------
    values : array-like of float, shape (n_annotators, n_units)
        What each annotator said of each unit, as a code; NaN where nothing was said. Units with
        fewer than two values do not count.

    Returns
    -------
    float
        1 for perfect agreement, 0 for chance, NaN where there are not two different values to
        agree on.

    References
    ----------
    K. Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section D: nominal data,
    any number of observers, missing data.

    Examples
    --------
    >>> round(krippendorff_alpha([[0, 0, 1, 1], [0, 1, 1, np.nan]]), 3)
    0.444
    """
    counts = _value_counts(np.asarray(values, dtype=np.float64))
    per_unit = counts.sum(axis=1, keepdims=True)
    pairable = counts[per_unit[:, 0] > 1]
    per_unit = per_unit[per_unit[:, 0] > 1]
    n_values = pairable.sum()
    totals = pairable.sum(axis=0)
    chance = n_values**2 - (totals**2).sum()
    if chance == 0:
        return float("nan")
    agreeing = (pairable * (pairable - 1) / (per_unit - 1)).sum()
    return float(1 - (n_values - 1) * (n_values - agreeing) / chance)


def cohen_kappa(a: ArrayLike, b: ArrayLike) -> float:
    """Return Cohen's kappa of two annotators.

    Parameters
    ----------
    a, b : array-like, shape (n_units,)
        What each said of the same units, as codes.

    Returns
    -------
    float
        1 for perfect agreement, 0 for chance, NaN where both gave one value throughout, or
        there is no unit.

    References
    ----------
    J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20(1).

    Examples
    --------
    >>> cohen_kappa([0, 0, 1, 1], [0, 1, 1, 1])
    0.5
    """
    first, second = np.asarray(a), np.asarray(b)
    if not len(first):
        return float("nan")
    known = np.union1d(first, second)
    observed = (first == second).mean()
    expected = sum((first == value).mean() * (second == value).mean() for value in known)
    return float("nan") if len(known) == 1 else float((observed - expected) / (1 - expected))


def _value_counts(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how often each unit got each value, shape (n_units, n_values)."""
    n_units = values.shape[1]
    unit = np.broadcast_to(np.arange(n_units), values.shape)
    said = ~np.isnan(values)
    known, codes = np.unique(values[said], return_inverse=True)
    cells = np.bincount(unit[said] * len(known) + codes, minlength=n_units * len(known))
    return cells.reshape(n_units, len(known)).astype(np.float64)
