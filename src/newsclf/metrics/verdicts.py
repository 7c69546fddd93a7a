"""Whether systems differ on the same articles: tests, corrections, and a sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from newsclf.errors import ConfigError
from newsclf.metrics.paired import (
    MEASURES,
    McNemar,
    articles_needed,
    bootstrap_differences,
    holm,
    mcnemar,
    paired_scores,
    randomisation_p,
)

LEVEL = 0.05
"""Chance of calling any difference real where there is none, over all tests of a comparison."""

CONFIDENCE = 0.95
POWER = 0.8
FEWEST_ARTICLES = 30
"""Articles below which no bootstrap interval is given: so few draws say little of others."""

NAMES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "accuracy": "accuracy",
}
"""What people read for each measure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ by one measure.

    Parameters
    ----------
    measure : str
        ``macro_f1``, ``micro_f1`` or ``exact_match``; where every article has one label and is
        given one, ``accuracy`` stands for the last two, which are then the same.
    first, second : float
        The models' scores, between 0 and 1.
    interval : (float, float), optional
        Paired bootstrap 95 % interval of the second score less the first.
    standard_error : float
        Of that difference, by the bootstrap.
    p, corrected_p : float
        Of McNemar's test for exact match and accuracy, of approximate randomisation for the
        others; as it is, and by Holm's method for all tests of the comparison.
    more_articles : int, optional
        How many more would tell a difference of this size with a power of 0.8, where it is not
        real now; none where there is no difference or too few articles to say.
    """

    measure: str
    first: float
    second: float
    interval: tuple[float, float] | None
    standard_error: float
    p: float
    corrected_p: float
    more_articles: int | None = None

    @property
    def difference(self) -> float:
        """The second score less the first."""
        return self.second - self.first

    @property
    def real(self) -> bool:
        """Whether chance is an unlikely cause, at `LEVEL` over all tests of the comparison."""
        return self.corrected_p <= LEVEL

    @property
    def size(self) -> str:
        """The difference in points of a hundred, such as ``'0.3 points lower'``."""
        if not self.difference:
            return "the same"
        way = "higher" if self.difference > 0 else "lower"
        return f"{100 * abs(self.difference):.1f} points {way}"

    @property
    def certainty(self) -> str:
        """The interval, where there is one, and the corrected p-value, in words."""
        p = f"{self.corrected_p:.2f}" if self.corrected_p >= 0.1 else f"{self.corrected_p:.2g}"
        if self.interval is None:
            return f"corrected p {p}"
        low, high = (100 * end for end in self.interval)
        return f"95 % interval {low:.1f} to {high:.1f}, corrected p {p}"


@dataclass(frozen=True, slots=True)
class PairComparison:
    """How a model compares with the first one.

    Parameters
    ----------
    first, second : str
        The models' names.
    n_articles : int
        Articles that both were scored on.
    same : bool
        Whether they gave every article the same labels; then nothing is tested.
    differences : tuple of Difference
        One a measure, macro-F1 first.
    mcnemar : McNemar
        Test and effect size of exact match.
    broken, mended : tuple of int
        Rows that the first model alone has exactly right, and the second alone.
    """

    first: str
    second: str
    n_articles: int
    same: bool
    differences: tuple[Difference, ...]
    mcnemar: McNemar
    broken: tuple[int, ...]
    mended: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """Whether the difference is real, in words: macro-F1 decides, others are added."""
        if self.same:
            return f"No difference: the predictions of {self.second} and {self.first} are the same."
        macro, *others = self.differences
        told = "Real" if macro.real else "No"
        passed_over = "".join(
            f" Its {NAMES[other.measure]} does differ: {other.size}, {other.certainty}."
            for other in others
            if other.real and not macro.real
        )
        return (
            f"{told} difference: macro-F1 of {self.second} is {macro.size} than that of "
            f"{self.first}, {macro.certainty}{self._what_is_missing(macro)}.{passed_over}"
        )

    def _what_is_missing(self, macro: Difference) -> str:
        if macro.interval is None:
            return (
                f"; {self.n_articles} stories are too few for an interval; "
                f"{FEWEST_ARTICLES} are needed"
            )
        if macro.more_articles is None:
            return ""
        more = "more than a million"
        if macro.more_articles < 1_000_000:
            more = f"about {float(f'{macro.more_articles:.2g}'):,.0f} more"
        return (
            f"; {more} stories would be needed to tell a difference of this size at "
            f"{100 * POWER:.0f} % power"
        )


def compare_predictions(
    y: ArrayLike, predictions: Mapping[str, ArrayLike], *, seed: int = 0
) -> tuple[PairComparison, ...]:
    """Compare systems' labels for the same articles with those of the first system.

    Parameters
    ----------
    y : array-like of bool, shape (n_articles, n_labels)
        Labels that the articles have.
    predictions : mapping of str to array-like of bool, shape (n_articles, n_labels)
        Labels that they were given, by system.
    seed : int
        The same seed gives the same result.

    Returns
    -------
    tuple of PairComparison
        Every system after the first; p-values are corrected for all tests made here.

    Raises
    ------
    ConfigError
        When there are fewer than two systems, no article, or arrays of different shapes.

    Examples
    --------
    >>> y = np.eye(3, dtype=bool)[[0, 1, 2] * 20]
    >>> [pair] = compare_predictions(y, {"old": y, "new": y})
    >>> pair.sentence
    'No difference: the predictions of new and old are the same.'
    """
    return corrected(compare_pairs(np.asarray(y, dtype=bool), predictions, seed))


def compare_pairs(
    y: NDArray[np.bool_], predictions: Mapping[str, ArrayLike], seed: int
) -> tuple[PairComparison, ...]:
    """Compare as `compare_predictions` does, with p-values that are yet to be corrected.

    Parameters
    ----------
    y, predictions, seed
        As for `compare_predictions`.

    Raises
    ------
    ConfigError
        When there is nothing to compare, or the shapes differ.
    """
    if len(predictions) < 2 or not len(y):
        raise ConfigError("comparing takes two systems or more, and an article or more")
    given = {name: np.asarray(labels, dtype=bool) for name, labels in predictions.items()}
    for name, labels in given.items():
        if labels.shape != y.shape:
            raise ConfigError(
                f"the predictions of {name} have the shape {labels.shape}, the labels {y.shape}; "
                "all systems are compared on the same articles and labels"
            )
    (first, a), *others = given.items()
    return tuple(_compare_pair(y, first, a, second, b, seed) for second, b in others)


def _compare_pair(
    y: NDArray[np.bool_],
    first: str,
    a: NDArray[np.bool_],
    second: str,
    b: NDArray[np.bool_],
    seed: int,
) -> PairComparison:
    """Compare two systems; the p-values are not corrected yet."""
    a_right, b_right = (a == y).all(axis=1), (b == y).all(axis=1)
    table = mcnemar(a_right, b_right)
    p = [*randomisation_p(y, a, b, seed=seed)[:-1].tolist(), table.p]
    draws = bootstrap_differences(y, a, b, seed=seed)
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(draws, [tail, 1 - tail], axis=0).tolist()
    enough = len(y) >= FEWEST_ARTICLES
    columns = zip(
        MEASURES,
        paired_scores(y, a).tolist(),
        paired_scores(y, b).tolist(),
        [ends if enough else None for ends in zip(lows, highs, strict=True)],
        draws.std(axis=0).tolist(),
        p,
        p,
        strict=True,
    )
    macro, micro, exact = (Difference(*column) for column in columns)
    several = any((labels.sum(axis=1) != 1).any() for labels in (y, a, b))
    return PairComparison(
        first=first,
        second=second,
        n_articles=len(y),
        same=bool((a == b).all()),
        differences=(macro, micro, exact)
        if several
        else (macro, replace(exact, measure="accuracy")),
        mcnemar=table,
        broken=tuple(np.flatnonzero(a_right & ~b_right).tolist()),
        mended=tuple(np.flatnonzero(b_right & ~a_right).tolist()),
    )


def corrected(pairs: Sequence[PairComparison]) -> tuple[PairComparison, ...]:
    """Correct p-values for all the tests made, and say how many more articles would tell.

    Parameters
    ----------
    pairs : sequence of PairComparison
        From `compare_pairs`: all that were compared, for Holm's correction is over all of them.
    """
    tested = [found for pair in pairs if not pair.same for found in pair.differences]
    corrected = iter(holm([found.p for found in tested]).tolist())
    return tuple(
        pair
        if pair.same
        else replace(
            pair,
            differences=tuple(
                _with_more_articles(
                    replace(found, corrected_p=next(corrected)), pair.n_articles, len(tested)
                )
                for found in pair.differences
            ),
        )
        for pair in pairs
    )


def _with_more_articles(found: Difference, n_articles: int, n_tests: int) -> Difference:
    """Add how many more articles are needed, at the level that the strictest test is held to."""
    if found.real or n_articles < FEWEST_ARTICLES:
        return found
    needed = articles_needed(
        found.difference, found.standard_error, n_articles, level=LEVEL / n_tests, power=POWER
    )
    if not n_articles < needed < math.inf:
        return found
    return replace(found, more_articles=math.ceil(needed) - n_articles)
