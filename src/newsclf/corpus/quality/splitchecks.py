"""What is wrong with splits: unevenly spread labels, leaking dates, an outdated record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from newsclf.corpus.quality.findings import Finding, Severity, Table
from newsclf.corpus.rows import SPLITS
from newsclf.corpus.splits import day_of
from newsclf.corpus.store import Corpus, CorpusInfo, indicators
from newsclf.records import LabelledArticle

LEVEL = 0.01
"""Probability that any uneven label is reported where none is."""

SMALLEST_EFFECT = 0.2
"""Cohen's h that is worth reporting: his "small", such as 5 % against 10 %."""


def check_balance(corpus: Corpus) -> Iterator[Finding]:
    """Report labels that are much more frequent in one split than in another.

    Shares are compared on the arcsine scale, where their variance does not depend on them, at a
    level that is divided by the number of comparisons (Bonferroni).

    References
    ----------
    J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 6.
    """
    comparisons = [
        (task, one, other, splits)
        for task, splits in ((task, _by_split(corpus, task)) for task in corpus.schemes)
        for one, other in combinations(splits, 2)
    ]
    n_tests = sum(len(corpus.schemes[task].labels) for task, *_ in comparisons)
    critical = norm.isf(LEVEL / 2 / max(n_tests, 1))
    for task, one, other, splits in comparisons:
        effect, z = _difference(splits[one], splits[other])
        uneven = (np.abs(effect) >= SMALLEST_EFFECT) & (np.abs(z) >= critical)
        for column in np.flatnonzero(uneven).tolist():
            label = corpus.schemes[task].label_ids[column]
            share, other_share = (float(splits[name][:, column].mean()) for name in (one, other))
            yield Finding(
                Severity.WARNING,
                "uneven_label",
                f"the {task} label {label} is on {share:.1%} of the {one} articles and on "
                f"{other_share:.1%} of the {other} articles; draw the splits again, stratified",
                task=task,
                label=label,
                details={one: share, other: other_share},
            )


def check_record(corpus: Corpus) -> Iterator[Finding]:
    """Report splits that were drawn when the corpus had other content."""
    drawn = corpus.info.drawn
    if drawn is not None and drawn.sha256 != corpus.content_sha256:
        message = "articles or labels changed since the splits were drawn; draw them again"
        yield Finding(Severity.WARNING, "splits_outdated", message)


def check_dates(corpus: Corpus) -> Iterator[Finding | Table]:
    """Report dates that cannot be read, and a split by time that time contradicts."""
    dates = [day_of(article.published) for article in corpus.articles]
    unread = [
        article.id
        for article, read in zip(corpus.articles, dates, strict=True)
        if article.published and read is None
    ]
    if unread:
        message = f"{len(unread):,} articles have a date that is not ISO 8601, such as 2026-05-31"
        yield Finding.about(unread, Severity.WARNING, "unreadable_date", message)
    if _is_by_time(corpus.info):
        yield from _leaks(corpus.articles, dates)
    months = [f"{read.year:04}-{read.month:02}" for read in dates if read is not None]
    known, counts = np.unique(np.array(months, dtype=str), return_counts=True)
    rows = list(zip(known.tolist(), counts.tolist(), strict=True))
    yield Table.of("months", "Articles over time", ("month", "articles"), rows)


def _by_split(corpus: Corpus, task: str) -> dict[str, NDArray[np.bool_]]:
    judged, y = indicators(corpus.articles, corpus.schemes[task])
    split = np.array([article.split or "" for article in judged], dtype=object)
    return {name: y[split == name] for name in SPLITS if (split == name).any()}


def _difference(
    one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Cohen's h of each column, and the same in standard errors."""
    effect = 2 * (np.arcsin(np.sqrt(one.mean(axis=0))) - np.arcsin(np.sqrt(other.mean(axis=0))))
    return effect, effect / np.sqrt(1 / len(one) + 1 / len(other))


def _is_by_time(info: CorpusInfo) -> bool:
    if info.drawn is not None:
        return info.drawn.method == "time"
    return re.search(r"\btime\b", info.splits.lower()) is not None


def _leaks(articles: Sequence[LabelledArticle], dates: Sequence[date | None]) -> Iterator[Finding]:
    for earlier, later in combinations(SPLITS, 2):
        ends = [
            day
            for article, day in zip(articles, dates, strict=True)
            if article.split == earlier and day is not None
        ]
        if not ends:
            continue
        ids = [
            article.id
            for article, day in zip(articles, dates, strict=True)
            if article.split == later and day is not None and day < max(ends)
        ]
        if ids:
            message = (
                f"{len(ids):,} {later} articles were published before the last {earlier} article "
                f"({max(ends)}), though the corpus says that it is split by time"
            )
            yield Finding.about(ids, Severity.ERROR, "dates_leak", message)
