"""Which tags may be published without an editor, from a promise that is tested before it is made.

The promise is about stories like those it was calibrated on. Where sources, subjects or the way
of writing change, or the calibration stories were not drawn as the incoming ones are, it does not
hold: calibrate again on stories of the new kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from newsclf.config import Promise
from newsclf.decisions.bounds import betting_p_value, binomial_p_value
from newsclf.errors import ConfigError

GRID = np.array([0.999, 0.998, 0.995, *np.arange(99, -1, -1) / 100])
"""Routing thresholds to be tested, strictest first; fixed before any story is seen."""

START_SHARE = 0.3
"""Share of the tags at which testing starts: at fewer, a single error would end it."""

AMPLE = 40
"""How many times the fewest tags that could do an article's second tag asks for. Below that,
testing one tag an article lets more tags through than testing two."""

OUTLOOK = 100
"""A promise that needs more than so many times the stories is not worth labelling for."""


class Routing(BaseModel):
    """How the tags of one task are routed, and what that rests on.

    Parameters
    ----------
    promise : Promise
        What was asked for.
    threshold : float or None
        Probability from which a tag is ``auto``; None where the promise could not be made.
    tags_per_article : int
        How many tags of an article may be ``auto``: the most probable ones.
    calibration_articles : int
        Stories that it was calibrated on.
    auto_tags, wrong_tags : int
        Of theirs, the tags that are ``auto``, and those of them that are wrong.
    auto_share : float
        Share of the tags that is ``auto``.
    expected_error : float or None
        Share of the ``auto`` tags that was wrong; None where there are none.
    review_per_1000 : float
        Of 1,000 stories, those with a tag for an editor to look at.
    needed : int or None
        About how many more labelled stories the promise needs, at the precision observed. None
        where the promise is made, or where no reasonable number would do.
    reason : str
        The finding in a sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    promise: Promise
    threshold: float | None
    tags_per_article: int
    calibration_articles: int
    auto_tags: int
    wrong_tags: int
    auto_share: float
    expected_error: float | None
    review_per_1000: float
    needed: int | None
    reason: str


def fit_routing(y: ArrayLike, p: ArrayLike, assigned: ArrayLike, promise: Promise) -> Routing:
    """Find the lowest routing threshold at which the promise can be made, by learn then test.

    The thresholds of `GRID` are tested from the strictest on, each at the full error level, until
    one is not shown to keep the promise (fixed-sequence testing); the last that was is taken. The
    independent unit is the story. Where at most one tag of a story may be ``auto`` the test is
    exactly binomial; where there are tags enough for more, it bets on whole stories, whose tags may
    depend on each other in any way. Both figures that depend on the data, the tags allowed a
    story and the threshold at which testing starts, are taken from counts of tags and never
    from the labels. Skipping thresholds of too few tags leaves the level as it is where stricter
    thresholds make fewer errors; the tests simulate how often the promise is kept.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Labels of stories that the classifier and its thresholds have not seen; all false for a
        story judged to have none.
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities, from 0 to 1.
    assigned : array-like of bool, shape (n_articles, n_labels)
        Which labels become tags.
    promise : Promise
        What to promise.

    Raises
    ------
    ConfigError
        When the arrays differ in shape or `p` holds something else than probabilities.

    References
    ----------
    A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan and L. Lei (2021), Learn then Test:
    Calibrating Predictive Algorithms to Achieve Risk Control, arXiv 2110.01052.

    Examples
    --------
    >>> y, p = np.ones((100, 1), dtype=bool), np.full((100, 1), 0.8)
    >>> fit_routing(y, p, p > 0.5, Promise(precision=0.95, confidence=0.9)).threshold
    0.8
    >>> fit_routing(y[:30], p[:30], p[:30] > 0.5, Promise()).needed
    16
    """
    labels, probabilities, given = _checked(y, p, assigned)
    most = _tags_per_article(given, promise)
    eligible = _most_probable(probabilities, given, most)

    def auto_at(threshold: float) -> NDArray[np.bool_]:
        return eligible & (probabilities >= threshold)

    def keeps_promise(threshold: float) -> bool:
        return _p_value(labels, auto_at(threshold), promise, most) <= _error_level(promise)

    counts = np.array([auto_at(threshold).sum() for threshold in GRID])
    distinct = (counts >= START_SHARE * eligible.sum()) & (np.diff(counts, prepend=0) > 0)
    candidates = GRID[distinct & (counts >= most * _fewest_tags(promise))].tolist()
    kept = list(takewhile(keeps_promise, candidates))
    if kept:
        auto, threshold, needed = auto_at(kept[-1]), kept[-1], None
        reason = _found(labels, auto)
    else:
        auto, threshold = np.zeros_like(given), None
        tried = [auto_at(candidate) for candidate in candidates[:1] or GRID[distinct]]
        needed = min(_stories_needed(labels, tried, promise, most), default=None)
        reason = _found(labels, tried[-1] if tried else auto) + _shortfall(promise, needed)
    return Routing(
        promise=promise,
        threshold=threshold,
        tags_per_article=most,
        needed=needed,
        reason=reason,
        **_figures(labels, given, auto),
    )


def routed(p: ArrayLike, assigned: ArrayLike, routing: Routing) -> NDArray[np.bool_]:
    """Return which tags are ``auto``, shape (n_articles, n_labels); the other tags are for review.

    Parameters
    ----------
    p : array-like of float, shape (n_articles, n_labels)
        Probabilities.
    assigned : array-like of bool, shape (n_articles, n_labels)
        Which labels become tags.
    routing : Routing
        Of this task.
    """
    probabilities, given = np.asarray(p, dtype=np.float64), np.asarray(assigned, dtype=bool)
    if routing.threshold is None:
        return np.zeros_like(given)
    eligible = _most_probable(probabilities, given, routing.tags_per_article)
    return eligible & (probabilities >= routing.threshold)


def _checked(
    y: ArrayLike, p: ArrayLike, assigned: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    labels, given = np.asarray(y, dtype=bool), np.asarray(assigned, dtype=bool)
    probabilities = np.asarray(p, dtype=np.float64)
    shapes = [array.shape for array in (labels, probabilities, given)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2 or not len(labels):
        raise ConfigError(
            "routing needs y, p and assigned of one shape, (n_articles, n_labels), and an "
            f"article or more; their shapes are {', '.join(map(str, shapes))}"
        )
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ConfigError("routing needs probabilities from 0 to 1; p holds something else")
    return labels, probabilities, given


def _error_level(promise: Promise) -> float:
    return 1 - promise.confidence


def _fewest_tags(promise: Promise) -> int:
    """Return how many tags show the promised precision where none is wrong."""
    return int(np.ceil(np.log(_error_level(promise)) / np.log(promise.precision)))


def _tags_per_article(given: NDArray[np.bool_], promise: Promise) -> int:
    """Return how many tags of an article may be auto: more than one where tags are ample."""
    counts = given.sum(axis=1)
    ample = [
        most
        for most in range(2, counts.max() + 1)
        if np.minimum(counts, most).sum() >= AMPLE * most * _fewest_tags(promise)
    ]
    return max(ample, default=1)


def _most_probable(
    probabilities: NDArray[np.float64], given: NDArray[np.bool_], most: int
) -> NDArray[np.bool_]:
    """Return which tags are among the `most` probable ones of their article."""
    order = np.argsort(np.where(given, -probabilities, np.inf), axis=1, kind="stable")
    among = np.zeros_like(given)
    np.put_along_axis(among, order[:, :most], True, axis=1)
    return among & given


def _p_value(
    labels: NDArray[np.bool_], auto: NDArray[np.bool_], promise: Promise, most: int
) -> float:
    rate = 1 - promise.precision
    wrong, tags = (auto & ~labels).sum(axis=1), auto.sum(axis=1)
    if most == 1:
        return float(binomial_p_value(wrong.sum(), tags.sum(), rate))
    return betting_p_value(wrong, tags, rate, most)


def _figures(
    labels: NDArray[np.bool_], given: NDArray[np.bool_], auto: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return what `Routing` says of the calibration stories."""
    tags, wrong = int(auto.sum()), int((auto & ~labels).sum())
    return {
        "calibration_articles": len(given),
        "auto_tags": tags,
        "wrong_tags": wrong,
        "auto_share": tags / max(int(given.sum()), 1),
        "expected_error": wrong / tags if tags else None,
        "review_per_1000": 1000 * float((given & ~auto).any(axis=1).mean()),
    }


def _stories_needed(
    labels: NDArray[np.bool_], routings: Iterable[NDArray[np.bool_]], promise: Promise, most: int
) -> Iterator[int]:
    """Yield how many more stories would show the promise, were as large a share of tags wrong."""
    growth = np.geomspace(1 / most, OUTLOOK, 1000)
    for auto in routings:
        tags, wrong = growth * auto.sum(), growth * (auto & ~labels).sum()
        enough = binomial_p_value(wrong, tags, 1 - promise.precision) <= _error_level(promise)
        if enough.any():
            times = most * growth[enough.argmax()]
            yield max(1, int(np.ceil(len(labels) * (times - 1))))


def _found(labels: NDArray[np.bool_], tested: NDArray[np.bool_]) -> str:
    tags, wrong = int(tested.sum()), int((tested & ~labels).sum())
    if not tags:
        return "no calibration story has a tag"
    return f"{tags:,} surest tags tested, {wrong:,} wrong ({wrong / tags:.1%})"


def _shortfall(promise: Promise, needed: int | None) -> str:
    asked = f"{100 * promise.precision:.4g}% right with {100 * promise.confidence:.4g}% confidence"
    if needed is None:
        return f": no ground to promise {asked}; promise less, or train a better classifier"
    return f": too few to promise {asked}; about {needed:,} more labelled stories may do"
