"""The probability from which a label becomes a tag, chosen for a stated objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from newsclf.config import Cost, Objective

DEFAULT_THRESHOLD = 0.5
MIN_SUPPORT = 10
"""Articles with the label from which it has a threshold of its own."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Threshold(BaseModel):
    """The probability from which a label is given, and what it rests on.

    Parameters
    ----------
    value : float
        Above 0 and at most 1; beyond 1 only where an article that must not get the label has a
        probability of 1.
    support : int
        Articles with the label, or with any of the labels that share the threshold, that it was
        chosen on.
    shared : bool
        Whether it was chosen on several labels together, for want of support.
    met : bool
        Whether the objective was reached on those articles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    support: Annotated[int, Field(ge=0)]
    shared: bool = False
    met: bool = True


def choose_thresholds(
    y: ArrayLike, p: ArrayLike, label_ids: Sequence[str], objective: Objective
) -> dict[str, Threshold]:
    """Choose a threshold for each label.

    Labels that fewer than 10 articles have share one, chosen on their decisions together or, where
    together they still have fewer than 10, on those of all labels.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Which labels the articles have.
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities, calibrated by what did not see the article.
    label_ids : sequence of str
        The labels, in the order of the columns.
    objective : Objective
        What is wanted.

    Returns
    -------
    dict of str to Threshold
        By label. Where a precision is out of reach the threshold is above every probability; where
        a recall is, it is below all but 0.

    Examples
    --------
    >>> y = [[True]] * 10 + [[False]] * 10
    >>> p = [[0.9]] * 8 + [[0.6]] * 2 + [[0.6]] * 2 + [[0.2]] * 8
    >>> chosen = choose_thresholds(y, p, ["border"], Objective(precision=0.95))["border"]
    >>> chosen.value, chosen.support, chosen.met
    (0.75, 10, True)
    """
    truth, probabilities = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
    rare = truth.sum(axis=0) < MIN_SUPPORT
    pool = rare if truth[:, rare].sum() >= MIN_SUPPORT else np.ones_like(rare)
    return {
        label: _threshold(truth, probabilities, pool if rare[j] else _only(j, rare.size), objective)
        for j, label in enumerate(label_ids)
    }


def f1_thresholds(y: ArrayLike, p: ArrayLike) -> Floats:
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
    return np.array([_best_f1(_cuts(labels[:, j], probabilities[:, j])) for j in columns])


def _only(column: int, n_columns: int) -> Bools:
    return np.asarray(np.arange(n_columns) == column)


def _threshold(y: Bools, p: Floats, pool: Bools, objective: Objective) -> Threshold:
    truth = y[:, pool].ravel()
    value, met = _chosen(_cuts(truth, p[:, pool].ravel()), objective)
    return Threshold(value=value, support=int(truth.sum()), shared=bool(pool.sum() > 1), met=met)


class _Cuts(NamedTuple):
    """The ways to divide a ranking into those taken and those left, the fewest taken first.

    Articles of equal probability are taken together or not at all, those of probability 0 never.
    """

    thresholds: Floats
    taken: NDArray[np.intp]
    hits: NDArray[np.intp]
    n_positive: int


def _cuts(y: Bools, p: Floats) -> _Cuts:
    order = np.argsort(-p, kind="stable")
    ranked, hits = p[order], np.cumsum(y[order])
    following = np.append(ranked[1:], 0.0)
    last = np.flatnonzero(ranked > following)
    between = (ranked[last] + following[last]) / 2
    between = np.where(between > following[last], between, ranked[last])
    return _Cuts(
        np.append(_above(ranked), between),
        np.append(0, last + 1),
        np.append(0, hits[last]),
        int(y.sum()),
    )


def _above(ranked: Floats) -> float:
    highest = ranked.max(initial=0.0)
    return float((highest + 1) / 2 if highest < 1 else np.nextafter(1.0, 2.0))


def _chosen(cuts: _Cuts, objective: Objective) -> tuple[float, bool]:
    """Return a threshold, and whether the objective is met."""
    if objective.precision is not None:
        return _lowest_with_precision(cuts, objective.precision)
    if objective.recall is not None:
        return _highest_with_recall(cuts, objective.recall)
    if objective.cost is not None:
        return _cheapest(cuts, objective.cost), True
    return _best_f1(cuts), True


def _lowest_with_precision(cuts: _Cuts, precision: float) -> tuple[float, bool]:
    found = cuts.hits / np.maximum(cuts.taken, 1)
    reached = np.flatnonzero(found >= precision)
    cut = reached[-1] if len(reached) else 0
    return float(cuts.thresholds[cut]), len(reached) > 0


def _highest_with_recall(cuts: _Cuts, recall: float) -> tuple[float, bool]:
    if not cuts.n_positive:
        return DEFAULT_THRESHOLD, False
    reached = np.flatnonzero(cuts.hits / cuts.n_positive >= recall)
    cut = reached[0] if len(reached) else -1
    return float(cuts.thresholds[cut]), len(reached) > 0


def _cheapest(cuts: _Cuts, cost: Cost) -> float:
    wrong, missed = cuts.taken - cuts.hits, cuts.n_positive - cuts.hits
    total = cost.false_positive * wrong + cost.false_negative * missed
    return float(cuts.thresholds[np.argmin(total)])


def _best_f1(cuts: _Cuts) -> float:
    if not cuts.n_positive or len(cuts.taken) == 1:
        return DEFAULT_THRESHOLD
    f1 = 2 * cuts.hits[1:] / (cuts.taken[1:] + cuts.n_positive)
    return float(cuts.thresholds[1 + np.argmax(f1)])
