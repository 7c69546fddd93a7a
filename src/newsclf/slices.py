"""Slices: the scores on the articles of one source, genre, length, year or language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from newsclf.metrics.bootstrap import Intervals, bootstrap_intervals
from newsclf.metrics.scores import label_scores, micro_f1
from newsclf.records import LabelledArticle

LEAST_ARTICLES = 10
"""A slice with fewer articles is not scored."""

MOST_VALUES = 10
"""Of a field with more values, those with the most articles are taken."""


@dataclass(frozen=True)
class Slice:
    """The scores on the articles that have one value of one field.

    Parameters
    ----------
    field, value : str
        Such as ``source`` and ``Home Office``.
    n_articles : int
        At least `LEAST_ARTICLES`.
    macro_f1 : float
        Over the labels that some article of the slice has.
    micro_f1 : float
        Over all tags.
    macro_interval, micro_interval : (float, float) or None
        Bootstrap 95 % intervals; None where the articles form too few groups.
    """

    field: str
    value: str
    n_articles: int
    macro_f1: float
    macro_interval: tuple[float, float] | None
    micro_f1: float
    micro_interval: tuple[float, float] | None

    def to_json(self) -> dict[str, object]:
        """Return the slice as JSON can hold it."""
        return asdict(self)


def score_slices(
    articles: Sequence[LabelledArticle],
    y: NDArray[np.bool_],
    given: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
) -> tuple[Slice, ...]:
    """Score the slices of articles by source, genre, length, year and language.

    Parameters
    ----------
    articles : sequence of LabelledArticle
        Those that were judged.
    y, given : ndarray of bool, shape (n_articles, n_labels)
        Labels that they have, and that they were given.
    groups : ndarray of int64, shape (n_articles,), optional
        Which articles are drawn together for an interval.

    Returns
    -------
    tuple of Slice
        Field by field, the largest first. A field in which all articles are alike has none.
    """
    return tuple(_slices(articles, y, given, groups))


def worst_slice(slices: Sequence[Slice]) -> Slice | None:
    """Return the slice with the lowest micro-F1, or None when there is no slice."""
    return min(slices, key=lambda found: found.micro_f1, default=None)


def _slices(
    articles: Sequence[LabelledArticle],
    y: NDArray[np.bool_],
    given: NDArray[np.bool_],
    groups: NDArray[np.int64] | None,
) -> Iterator[Slice]:
    for field, values in _fields(articles).items():
        counts = Counter(value for value in values if value is not None)
        column = np.array(values, dtype=object)
        for value, n_articles in counts.most_common(MOST_VALUES):
            if LEAST_ARTICLES <= n_articles < len(articles):
                rows = np.flatnonzero(column == value)
                inside = None if groups is None else groups[rows]
                intervals = bootstrap_intervals(y[rows], given[rows], groups=inside)
                yield _slice(field, value, y[rows], given[rows], intervals)


def _fields(articles: Sequence[LabelledArticle]) -> dict[str, list[str | None]]:
    plain: dict[str, Callable[[LabelledArticle], str | None]] = {
        "source": lambda article: article.source,
        "genre": lambda article: article.genre,
        "year": lambda article: article.published[:4] if article.published else None,
        "language": lambda article: article.language,
    }
    values = {field: [read(article) for article in articles] for field, read in plain.items()}
    return values | {"length": _lengths(articles)}


def _lengths(articles: Sequence[LabelledArticle]) -> list[str | None]:
    """Name each article's third, by its number of words."""
    words = np.array([len(" ".join(article.text).split()) for article in articles])
    low, high = np.quantile(words, [1 / 3, 2 / 3]).astype(int).tolist()
    names = (f"up to {low:,} words", f"{low + 1:,} to {high:,} words", f"over {high:,} words")
    return [names[third] for third in np.searchsorted([low, high], words, side="left").tolist()]


def _slice(
    field: str,
    value: str,
    y: NDArray[np.bool_],
    given: NDArray[np.bool_],
    intervals: Intervals | None,
) -> Slice:
    scores = label_scores(y, given)
    occurring = scores.f1[scores.support > 0]
    return Slice(
        field=field,
        value=value,
        n_articles=len(y),
        macro_f1=float(occurring.mean()) if len(occurring) else 0.0,
        macro_interval=intervals.macro_occurring if intervals else None,
        micro_f1=micro_f1(y, given),
        micro_interval=intervals.micro if intervals else None,
    )
