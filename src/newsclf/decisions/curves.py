"""The curves that turn a label's raw probability into a calibrated one, and how they are fitted.

Sigmoid and beta curves are logistic regressions on logarithms of the raw probability, so that one
penalised fit serves both. Every curve ascends: calibration never reverses the order of articles.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
Method = Literal["identity", "sigmoid", "beta", "isotonic"]
LogisticMethod = Literal["sigmoid", "beta"]
UnitFloat = Annotated[float, Field(ge=0, le=1)]

N_SLOPES = {"sigmoid": 1, "beta": 2}
SLOPE_PRECISION = 4.0
"""Inverse variance of a label's slope around the task's: they differ by about a half."""

INTERCEPT_PRECISION = 1.0
"""Inverse variance of a label's intercept around the task's: they differ by about 1."""

_SMALLEST = 1e-12
_MAX_STEPS = 50


class LabelCalibration(BaseModel):
    """The calibration curve of one label.

    Parameters
    ----------
    method : 'identity', 'sigmoid', 'beta' or 'isotonic'
        Which curve. With `s` for the logistic function, a sigmoid is ``s(a logit(p) + b)`` and a
        beta curve ``s(a ln p - b ln(1 - p) + c)``.
    parameters : tuple of float
        ``(a, b)`` of a sigmoid, ``(a, b, c)`` of a beta curve; slopes are not negative.
    knots : tuple of (float, float)
        Raw and calibrated probability at the corners of an isotonic curve, both ascending; a line
        joins neighbours.

    Examples
    --------
    >>> halved_odds = LabelCalibration(method="sigmoid", parameters=(1, -np.log(2)))
    >>> halved_odds.apply(np.array([0.5, 0.8])).round(3).tolist()
    [0.333, 0.667]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    parameters: tuple[FiniteFloat, ...] = ()
    knots: tuple[tuple[UnitFloat, UnitFloat], ...] = ()

    @model_validator(mode="after")
    def _is_an_ascending_curve(self) -> Self:
        expected = N_SLOPES.get(self.method, -1) + 1
        if len(self.parameters) != expected:
            raise ValueError(f"{self.method} takes {expected} parameters")
        if any(slope < 0 for slope in self.parameters[:-1]):
            raise ValueError(f"a slope of {self.method} is negative")
        if (self.method == "isotonic") != bool(self.knots):
            raise ValueError("knots belong to isotonic, which needs at least one")
        if self.knots and (np.diff(self.knots, axis=0) < 0).any():
            raise ValueError("knots do not ascend")
        return self

    def apply(self, p: Floats) -> Floats:
        """Return calibrated probabilities of the raw ones, of any shape."""
        if self.method == "identity":
            return p
        if self.method == "isotonic":
            raw, calibrated = np.transpose(self.knots)
            return np.asarray(np.interp(p, raw, calibrated))
        return np.asarray(expit(log_features(self.method, p) @ np.array(self.parameters)))


def log_features(method: LogisticMethod, p: Floats) -> Floats:
    """Return what a sigmoid or beta curve is linear in.

    Parameters
    ----------
    method : 'sigmoid' or 'beta'
        Which curve.
    p : ndarray of float64, any shape
        Raw probabilities.

    Returns
    -------
    ndarray of float64, shape (*p.shape, 2) for a sigmoid or (*p.shape, 3) for a beta curve
        Those with a slope first, then a constant 1.
    """
    inside = np.clip(p, _SMALLEST, 1 - _SMALLEST)
    log_yes, log_no = np.log(inside), np.log1p(-inside)
    slopes = [log_yes - log_no] if method == "sigmoid" else [log_yes, -log_no]
    return np.stack([*slopes, np.ones_like(inside)], axis=-1)


def smoothed_targets(y: NDArray[np.bool_]) -> Floats:
    """Return Platt's targets: labels drawn in from 0 and 1, the more so the fewer there are.

    Parameters
    ----------
    y : ndarray of bool
        Which articles have the label; decisions of several labels count together.

    Examples
    --------
    >>> smoothed_targets(np.array([True, True, False, False])).tolist()
    [0.75, 0.75, 0.25, 0.25]
    """
    n_positive = np.count_nonzero(y)
    return np.where(y, (n_positive + 1) / (n_positive + 2), 1 / (y.size - n_positive + 2))


def fit_isotonic(y: NDArray[np.bool_], p: Floats) -> LabelCalibration:
    """Fit the ascending curve with the least squared error, by pooling adjacent violators.

    Parameters
    ----------
    y : ndarray of bool, shape (n_articles,)
        Which articles have the label. Smoothed targets keep the curve off 0 and 1.
    p : ndarray of float64, shape (n_articles,)
        Raw probabilities; at least one.

    References
    ----------
    B. Zadrozny and C. Elkan (2002), Transforming classifier scores into accurate multiclass
    probability estimates, KDD.
    """
    from scipy.optimize import isotonic_regression

    raw, group, counts = np.unique(p, return_inverse=True, return_counts=True)
    means = np.bincount(group, smoothed_targets(y)) / counts
    fitted = np.clip(isotonic_regression(means, weights=counts).x, 0, 1)
    level = np.diff(fitted) == 0
    inside_a_step = np.r_[False, level] & np.r_[level, False]
    corners = np.column_stack([raw, fitted])[~inside_a_step]
    return LabelCalibration(method="isotonic", knots=tuple(map(tuple, corners.tolist())))


def fit_logistic(features: Floats, targets: Floats, centre: Floats, n_slopes: int) -> Floats:
    """Fit a logistic regression whose parameters are drawn towards a centre.

    A slope that would come out negative is set to 0 and the rest is fitted again, as Kull et al.
    do for beta curves.

    Parameters
    ----------
    features : ndarray of float64, shape (n, n_parameters)
        Those with a slope first.
    targets : ndarray of float64, shape (n,)
        Between 0 and 1.
    centre : ndarray of float64, shape (n_parameters,)
        Where the parameters are without any evidence.
    n_slopes : int
        How many parameters may not be negative.

    Returns
    -------
    ndarray of float64, shape (n_parameters,)
    """
    precision = np.full(len(centre), INTERCEPT_PRECISION)
    precision[:n_slopes] = SLOPE_PRECISION
    free = np.ones(len(centre), dtype=bool)
    while True:
        fitted = np.zeros_like(centre)
        fitted[free] = _newton(features[:, free], targets, centre[free], precision[free])
        negative = fitted < 0
        negative[n_slopes:] = False
        if not negative.any():
            return fitted
        free &= ~negative


def _newton(features: Floats, targets: Floats, centre: Floats, precision: Floats) -> Floats:
    """Minimise log loss plus ``precision (parameters - centre)^2 / 2``, by damped Newton steps."""

    def loss(parameters: Floats) -> float:
        logits = features @ parameters
        penalty = precision @ (parameters - centre) ** 2 / 2
        return float(penalty - np.sum(log_expit(-logits)) - targets @ logits)

    parameters, reached = centre, loss(centre)
    for _ in range(_MAX_STEPS):
        q = expit(features @ parameters)
        gradient = features.T @ (q - targets) + precision * (parameters - centre)
        curvature = (features.T * (q * (1 - q))) @ features + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < 1e-9 * (1 + abs(reached)):
            break
        while (tried := loss(parameters - step)) > reached:
            step /= 2
        parameters, reached = parameters - step, tried
    return parameters
