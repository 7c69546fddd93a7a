"""Bootstrap intervals of F1 from weighted sums, for articles or for groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from newsclf.metrics.scores import article_scores

Interval = tuple[float, float]

LEAST_GROUPS = 10
"""With fewer articles, or groups of them, an interval would say more than is known."""

_BLOCK_CELLS = 2**21


@dataclass(frozen=True)
class Intervals:
    """Intervals of F1.

    Parameters
    ----------
    macro, macro_occurring, micro, sample : (float, float)
        Of the mean over all labels, over the labels that some article has, over all tags, and over
        the articles.
    labels : tuple of (float, float) or None
        Of each label's F1; None for a label in fewer than `LEAST_GROUPS` groups.
    """

    macro: Interval
    macro_occurring: Interval
    micro: Interval
    sample: Interval
    labels: tuple[Interval | None, ...]


def bootstrap_intervals(
    y: ArrayLike,
    predicted: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
) -> Intervals | None:
    """Return percentile bootstrap intervals of F1.

    Articles that are much alike say less than their number suggests. Where `groups` tells which
    belong together, whole groups are drawn (the cluster bootstrap).

    A round draws weights, not copies of articles: F1 depends on sums only, so all the rounds are a
    few products of a matrix of weights and the matrix of counts.

    Parameters
    ----------
    y, predicted : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that they were given.
    groups : array-like of int, shape (n_articles,), optional
        The group of each article; each is its own when left out.
    level : float
        Share of the draws that an interval covers.
    rounds : int
        Number of draws.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    Intervals or None
        None where there are fewer than `LEAST_GROUPS` groups.

    References
    ----------
    B. Efron and R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. A. C. Davison
    and D. V. Hinkley (1997), Bootstrap Methods and their Application, section 3.8, for groups.
    """
    truth, given = np.asarray(y, dtype=bool), np.asarray(predicted, dtype=bool)
    sums = _sums_by_group(_counts(truth, given), groups)
    if len(sums) < LEAST_GROUPS:
        return None
    drawn = np.concatenate(list(_drawn_sums(sums, rounds, np.random.default_rng(seed))))
    n_labels = truth.shape[1]
    hits, due_or_given, samples = np.split(drawn, [n_labels, 2 * n_labels], axis=1)
    f1 = _f1(hits, due_or_given)
    shares = [(1 - level) / 2, (1 + level) / 2]
    by_label = np.quantile(f1, shares, axis=0).T.tolist()
    often = np.count_nonzero(_sums_by_group(truth, groups), axis=0) >= LEAST_GROUPS
    occurs = truth.any(axis=0)
    return Intervals(
        macro=_interval(f1.mean(axis=1), shares),
        macro_occurring=_interval(f1[:, occurs].mean(axis=1) if occurs.any() else [0.0], shares),
        micro=_interval(_f1(hits.sum(axis=1), due_or_given.sum(axis=1)), shares),
        sample=_interval(samples[:, 0] / samples[:, 1], shares),
        labels=tuple(
            (low, high) if enough else None
            for (low, high), enough in zip(by_label, often.tolist(), strict=True)
        ),
    )


def _counts(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what F1 is made of, shape (n_articles, 2 n_labels + 2).

    For each label whether it was right, and whether it was due plus whether it was given; then the
    article's own F1, and one.
    """
    due_or_given = np.add(truth, given, dtype=np.int64)
    article_f1 = article_scores(truth, given)[:, 2]
    return np.column_stack([truth & given, due_or_given, article_f1, np.ones(len(truth))])


def _sums_by_group(rows: NDArray[np.generic], groups: ArrayLike | None) -> NDArray[np.float64]:
    values = np.asarray(rows, dtype=np.float64)
    if groups is None:
        return values
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    member = csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
    return np.asarray(member @ values)


def _drawn_sums(
    sums: NDArray[np.float64], rounds: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Yield the sums over the groups that each round draws, for a block of rounds at a time."""
    n = len(sums)
    block = max(1, _BLOCK_CELLS // n)
    for start in range(0, rounds, block):
        size = min(block, rounds - start)
        drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield weights.astype(np.float64) @ sums


def _f1(hits: NDArray[np.float64], due_or_given: NDArray[np.float64]) -> NDArray[np.float64]:
    zeros = np.zeros_like(hits)
    return np.divide(2 * hits, due_or_given, out=zeros, where=due_or_given > 0)


def _interval(values: ArrayLike, shares: list[float]) -> Interval:
    low, high = np.quantile(np.asarray(values), shares)
    return float(low), float(high)
