"""Calibration: probabilities that mean what they say, label by label.

Each label gets the curve, out of four, whose held-out log loss is lowest. Rare labels share
strength. They take the method that is best for the task, and the parameters of a label's sigmoid
or beta curve are drawn towards those of the task, which are fitted on the decisions on all labels
together. The draw is a Gaussian prior of fixed width (partial pooling): it decides where a label
has hardly a positive, and fades as the label's own positives outweigh it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from newsclf.decisions.curves import (
    N_SLOPES,
    Floats,
    LabelCalibration,
    LogisticMethod,
    Method,
    fit_isotonic,
    fit_logistic,
    log_features,
    smoothed_targets,
)
from newsclf.errors import ConfigError

FOLDS = 5
MIN_FOR_CHOICE = 10
"""Articles with the label from which its method is its own and not the task's."""

MIN_FOR_ISOTONIC = 50
"""Articles with the label, and as many without, from which an isotonic curve is considered."""

METHODS: tuple[Method, ...] = get_args(Method)
_IDENTITY = LabelCalibration(method="identity")

Bools = NDArray[np.bool_]


class TaskCalibration(BaseModel):
    """The calibration of a task.

    Parameters
    ----------
    labels : dict of str to LabelCalibration
        A curve for each label.
    single : bool
        Whether an article has exactly one label, so that its probabilities sum to 1.

    Examples
    --------
    >>> curve = LabelCalibration(method="sigmoid", parameters=(1, 0.5))
    >>> task = TaskCalibration(labels={"border": curve}, single=False)
    >>> task.apply([[0.5], [0.9]], ["border"]).round(2).tolist()
    [[0.62], [0.94]]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, LabelCalibration]
    single: bool

    def apply(self, p: ArrayLike, label_ids: Sequence[str]) -> Floats:
        """Return calibrated probabilities.

        Parameters
        ----------
        p : array-like of float, shape (n_articles, n_labels)
            Raw probabilities.
        label_ids : sequence of str
            The labels, in the order of the columns.

        Returns
        -------
        ndarray of float64, shape (n_articles, n_labels)
            Within a label, articles keep their order. Of a single-label task the rows are then
            divided by their sums.
        """
        raw = np.asarray(p, dtype=np.float64)
        calibrated = _applied([self.labels[label] for label in label_ids], raw)
        return _rows_summing_to_one(calibrated) if self.single else calibrated


def fit_calibration(
    y: ArrayLike, p: ArrayLike, label_ids: Sequence[str], *, single: bool, seed: int
) -> TaskCalibration:
    """Choose and fit a calibration curve for each label.

    The method is chosen by log loss over five folds: identity, sigmoid (Platt 1999, with his
    smoothed targets), beta (Kull, Silva Filho and Flach 2017), or isotonic (Zadrozny and Elkan
    2002) where the label has 50 articles with it and 50 without. A label that fewer than 10
    articles have takes the method that is best for all labels together. Fewer than five articles
    are left as they are.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Which labels the articles have. A label that none has takes the task's curve, lowered as
        its absence from that many articles warrants.
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities by models that did not see the article.
    label_ids : sequence of str
        The labels, in the order of the columns.
    single : bool
        Whether an article has exactly one label.
    seed : int
        Shuffles the folds.

    Raises
    ------
    ConfigError
        When shapes do not match, or `p` holds what is no probability.

    References
    ----------
    J. Platt (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin
    Classifiers. M. Kull, T. Silva Filho and P. Flach (2017), Beta calibration, AISTATS.
    """
    truth, raw = _checked(y, p, label_ids)
    if len(truth) < FOLDS:
        return TaskCalibration(labels=dict.fromkeys(label_ids, _IDENTITY), single=single)
    losses = _held_out_losses(truth, raw, seed)
    chosen = [METHODS[row] for row in losses.argmin(axis=0)]
    fitted = {method: _fitted(method, truth, raw) for method in set(chosen)}
    curves = {label: fitted[chosen[j]][j] for j, label in enumerate(label_ids)}
    return TaskCalibration(labels=curves, single=single)


def cross_calibrated(
    y: ArrayLike, p: ArrayLike, label_ids: Sequence[str], *, single: bool, seed: int
) -> Floats:
    """Return probabilities calibrated without the article itself.

    Thresholds, routing and calibration error are chosen and measured on these, since on the
    articles that a curve was fitted to it looks better than it is.

    Parameters
    ----------
    y, p, label_ids, single, seed
        As for `fit_calibration`.

    Returns
    -------
    ndarray of float64, shape (n_articles, n_labels)
        Each fifth of the articles by a calibration that was chosen and fitted on the others.

    Raises
    ------
    ConfigError
        When shapes do not match, or `p` holds what is no probability.
    """
    truth, raw = _checked(y, p, label_ids)
    calibrated = np.empty_like(raw)
    for held_out in _folds(truth, seed):
        others = truth[~held_out], raw[~held_out]
        calibration = fit_calibration(*others, label_ids, single=single, seed=seed)
        calibrated[held_out] = calibration.apply(raw[held_out], label_ids)
    return calibrated


def _checked(y: ArrayLike, p: ArrayLike, label_ids: Sequence[str]) -> tuple[Bools, Floats]:
    truth, raw = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != raw.shape or truth.shape[1] != len(label_ids):
        raise ConfigError(
            f"calibration needs labels and probabilities of the shape (articles, labels); there "
            f"are {len(label_ids)} labels, y has the shape {truth.shape} and p {raw.shape}"
        )
    wrong = np.argwhere(~((raw >= 0) & (raw <= 1)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ConfigError(
            f"calibration needs probabilities between 0 and 1; article {row} (counted from 0) has "
            f"{raw[row, column]} for {label_ids[column]}"
        )
    return truth, raw


def _held_out_losses(y: Bools, p: Floats, seed: int) -> Floats:
    """Return log losses, shape (n_methods, n_labels): a rare label's are those of the task.

    They are infinite where a method is ruled out.
    """
    losses = np.zeros((len(METHODS), y.shape[1]))
    for held_out in _folds(y, seed):
        for row, method in enumerate(METHODS):
            q = _applied(_fitted(method, y[~held_out], p[~held_out]), p[held_out])
            losses[row] += _log_losses(y[held_out], q)
    losses[:, y.sum(axis=0) < MIN_FOR_CHOICE] = losses.sum(axis=1, keepdims=True)
    n_rarer = np.minimum(y.sum(axis=0), (~y).sum(axis=0))
    losses[METHODS.index("isotonic"), n_rarer < MIN_FOR_ISOTONIC] = np.inf
    return losses


def _log_losses(y: Bools, p: Floats) -> Floats:
    given_to_truth = np.where(y, p, 1 - p)
    return np.asarray(-np.log(np.maximum(given_to_truth, 1e-12)).sum(axis=0))


def _fitted(method: Method, y: Bools, p: Floats) -> list[LabelCalibration]:
    columns = range(y.shape[1])
    if method == "identity":
        return [_IDENTITY for _ in columns]
    if method == "isotonic":
        return [fit_isotonic(y[:, j], p[:, j]) for j in columns]
    return _fitted_logistic(method, y, p)


def _fitted_logistic(method: LogisticMethod, y: Bools, p: Floats) -> list[LabelCalibration]:
    """Fit the task's curve on all decisions, then each label's, drawn towards it."""
    features, n_slopes = log_features(method, p), N_SLOPES[method]
    decisions = features.reshape(y.size, n_slopes + 1)
    unchanged = np.array([1.0] * n_slopes + [0.0])
    shared = fit_logistic(decisions, smoothed_targets(y).ravel(), unchanged, n_slopes)
    own = [
        fit_logistic(features[:, j], smoothed_targets(y[:, j]), shared, n_slopes)
        for j in range(y.shape[1])
    ]
    return [LabelCalibration(method=method, parameters=tuple(fit.tolist())) for fit in own]


def _folds(y: Bools, seed: int) -> Iterator[Bools]:
    """Yield masks of held-out articles; articles are dealt out label by label, rarest first."""
    by_rarity = np.argsort(y.sum(axis=0), kind="stable")
    rarest = np.where(y.any(axis=1), y[:, by_rarity].argmax(axis=1), y.shape[1])
    shuffled = np.random.default_rng(seed).permutation(len(y))
    dealt = shuffled[np.argsort(rarest[shuffled], kind="stable")]
    fold = np.empty(len(y), dtype=np.intp)
    fold[dealt] = np.arange(len(y)) % FOLDS
    yield from (fold == held_out for held_out in range(min(FOLDS, len(y))))


def _applied(curves: Sequence[LabelCalibration], p: Floats) -> Floats:
    return np.stack([curve.apply(p[:, j]) for j, curve in enumerate(curves)], axis=1)


def _rows_summing_to_one(p: Floats) -> Floats:
    totals = p.sum(axis=1, keepdims=True)
    even = np.full_like(p, 1 / p.shape[1])
    return np.asarray(np.divide(p, totals, out=even, where=totals > 0))
