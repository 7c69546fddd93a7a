"""Fitting logistic regression for each label, its regularisation chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

from newsclf.classifiers.head import LogisticHead

FOLDS = 5
REPEATS = 2
"""Rounds of cross-validation, each with other folds; held-out probabilities are their means."""

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse regularisation strengths (scikit-learn's ``C``) that are tried."""

_LARGEST_GRAM = 2000


@dataclass(frozen=True)
class Fitted:
    """A head, how it was chosen, and its out-of-fold probabilities.

    Parameters
    ----------
    head : LogisticHead
        Fitted on all articles.
    strengths : tuple of float
        The chosen ``C``; several where heads were averaged.
    score : float
        Mean average precision over labels, out of fold.
    out_of_fold : ndarray of float64, shape (n_articles, n_labels)
        Probabilities by models that did not see the article.
    """

    head: LogisticHead
    strengths: tuple[float, ...]
    score: float
    out_of_fold: NDArray[np.float64]

    @classmethod
    def choose(cls, X: csr_array, y: NDArray[np.bool_], *, multi_label: bool, seed: int) -> Self:
        """Fit a head, with the strength that ranks best out of fold.

        Parameters
        ----------
        X : csr_array, shape (n_articles, n_features)
            Features.
        y : ndarray of bool, shape (n_articles, n_labels)
            Labels.
        multi_label : bool
            One problem a label, or one with a class a label.
        seed : int
            Shuffles the folds.
        """
        problems = _problems(y, multi_label=multi_label)
        with threadpool_limits(1):
            reduced, restore = _reduced(X)
            run = Parallel(n_jobs=min(cpu_count(), len(problems)))
            held_out = run(delayed(_out_of_fold)(reduced, targets, seed) for targets in problems)
            by_strength = np.concatenate(held_out, axis=2)
            scores = [_mean_average_precision(y, p) for p in by_strength]
            best = int(np.argmax(scores))
            solved = [_solve(reduced, targets, STRENGTHS[best]) for targets in problems]
        coefficients = restore(np.hstack([weights for weights, _ in solved]))
        intercepts = np.concatenate([intercept for _, intercept in solved])
        head = LogisticHead(coefficients, intercepts, multi_label)
        return cls(head, (STRENGTHS[best],), scores[best], by_strength[best])

    @classmethod
    def average(cls, members: Sequence[Fitted], y: NDArray[np.bool_]) -> Self:
        """Average the logits of heads on the same columns: one linear model again.

        Parameters
        ----------
        members : sequence of Fitted
            Fitted on the same articles, with coefficients for the same columns.
        y : ndarray of bool, shape (n_articles, n_labels)
            Labels, to score the average.
        """
        heads = [member.head for member in members]
        multi_label = heads[0].multi_label
        head = LogisticHead(
            np.mean([head.coefficients for head in heads], axis=0),
            np.mean([head.intercepts for head in heads], axis=0),
            multi_label,
        )
        tiny = np.finfo(np.float64).tiny
        clipped = [np.clip(member.out_of_fold, tiny, 1 - 1e-16) for member in members]
        link, inverse = (logit, expit) if multi_label else (np.log, partial(softmax, axis=1))
        logits = np.mean([link(p) for p in clipped], axis=0)
        out_of_fold = np.asarray(inverse(logits), dtype=np.float64)
        strengths = tuple(strength for member in members for strength in member.strengths)
        return cls(head, strengths, _mean_average_precision(y, out_of_fold), out_of_fold)

    def placed(self, before: int, after: int) -> Self:
        """Return the head with columns of weight 0 around its own."""
        padded = np.pad(self.head.coefficients, ((before, after), (0, 0)))
        head = LogisticHead(padded, self.head.intercepts, self.head.multi_label)
        return replace(self, head=head)


def _problems(y: NDArray[np.bool_], *, multi_label: bool) -> list[NDArray[np.bool_]]:
    """Return one (n, 1) problem a label, or a single (n, n_labels) one."""
    return [y[:, [label]] for label in range(y.shape[1])] if multi_label else [y]


def _reduced(X: csr_array) -> tuple[Any, Any]:
    """Rotate features into as many dimensions as there are articles.

    A penalised linear model's weights lie in the span of its training rows, so fitting on
    ``U sqrt(S)``, where ``X X' = U S U'``, gives the same model (the representer theorem).

    Returns
    -------
    features : ndarray or csr_array, shape (n_articles, n_dimensions)
    restore : callable
        Turns weights on these features into weights on the columns of `X`.
    """
    n_articles, n_features = X.shape
    if n_articles > min(n_features, _LARGEST_GRAM):
        return X, lambda weights: weights
    values, vectors = np.linalg.eigh((X @ X.T).toarray())
    kept = values > values[-1] * 1e-12
    roots = np.sqrt(values[kept])
    return vectors[:, kept] * roots, lambda weights: X.T @ (vectors[:, kept] / roots @ weights)


def _classes(targets: NDArray[np.bool_]) -> NDArray[np.intp]:
    return targets[:, 0].astype(np.intp) if targets.shape[1] == 1 else targets.argmax(axis=1)


def _model(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=2000)


def _out_of_fold(
    X: NDArray[np.float64], targets: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    """Return held-out probabilities, shape (n_strengths, n_articles, n_columns)."""
    classes = _classes(targets)
    present, sizes = np.unique(classes, return_counts=True)
    folds = min(FOLDS, int(np.sort(sizes)[-2])) if len(present) > 1 else 0
    if folds < 2 or not X.shape[1]:
        return np.tile(targets.mean(axis=0), (len(STRENGTHS), len(targets), 1))
    out = np.zeros((len(STRENGTHS), *targets.shape))
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=REPEATS, random_state=seed)
    with warnings.catch_warnings():
        # a class smaller than the number of folds is missing from some; it gets 0 there
        warnings.simplefilter("ignore", UserWarning)
        splits = list(splitter.split(X, classes))
    for learned, held_out in splits:
        model = _model(STRENGTHS[0]).set_params(warm_start=True)
        for place, C in enumerate(STRENGTHS):
            model.set_params(C=C).fit(X[learned], classes[learned])
            predicted = model.predict_proba(X[held_out])
            columns = model.classes_ if targets.shape[1] > 1 else [0]
            out[place][np.ix_(held_out, columns)] += predicted[:, -len(columns) :]
    return out / REPEATS


def _solve(
    X: NDArray[np.float64], targets: NDArray[np.bool_], C: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (n_features, n_columns) and intercepts (n_columns,) of one problem."""
    classes = _classes(targets)
    present = np.unique(classes)
    n_columns = targets.shape[1]
    weights = np.zeros((X.shape[1], n_columns))
    if n_columns == 1 and (len(present) < 2 or not X.shape[1]):
        rate = (targets.sum() + 0.5) / (len(targets) + 1)
        return weights, np.array([np.log(rate / (1 - rate))])
    intercepts = np.full(n_columns, -np.inf)
    intercepts[present if n_columns > 1 else 0] = 0.0
    if len(present) > 1 and X.shape[1]:
        model = _model(C).fit(X, classes)
        columns: Sequence[int] | NDArray[np.intp] = present if n_columns > 1 else [0]
        # two classes come as one column: the weights of the second against the first
        columns = columns[-len(model.coef_) :]
        weights[:, columns] = model.coef_.T
        intercepts[columns] = model.intercept_
    return weights, intercepts


def _mean_average_precision(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    known = y.any(axis=0) & ~y.all(axis=0)
    scores = [average_precision_score(y[:, j], p[:, j]) for j in np.flatnonzero(known)]
    return float(np.mean(scores)) if scores else 0.0
