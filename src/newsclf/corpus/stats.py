"""What a corpus consists of, in numbers: its texts, where they are from, and their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from newsclf.corpus.rows import SPLITS
from newsclf.corpus.splits import day_of
from newsclf.corpus.store import Corpus
from newsclf.records import LabelledArticle

NO_SPLIT = "(none)"
PERCENTILES = (5, 25, 50, 75, 95)
TOP = 10
"""How many of the most frequent values are kept of a field."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long texts are.

    Parameters
    ----------
    total : int
        Over all articles.
    percentiles : dict of int to float
        By `PERCENTILES`, of one article's headline and body together.
    """

    total: int
    percentiles: dict[int, float]


@dataclass(frozen=True, slots=True)
class Values:
    """What a field holds.

    Parameters
    ----------
    distinct : int
        How many values there are.
    missing : int
        Articles that have none.
    top : dict of str to int
        Articles by value, for the `TOP` most frequent.
    """

    distinct: int
    missing: int
    top: dict[str, int]


@dataclass(frozen=True, slots=True)
class Dates:
    """When articles were published.

    Parameters
    ----------
    first, last : str, optional
        ISO 8601 days; nothing where no article has a date.
    undated : int
        Articles without a date, or with one that is not ISO 8601.
    by_year : dict of int to int
        Articles by year, the oldest first.
    """

    first: str | None
    last: str | None
    undated: int
    by_year: dict[int, int]


@dataclass(frozen=True, slots=True)
class TaskStats:
    """The labels of a task.

    Parameters
    ----------
    judged : int
        Articles that were judged for it.
    labels_per_article : float
        Mean over the judged.
    share_with_none : float
        Of the judged.
    weak_share : float
        Of the judged: those that only rules labelled (annotators whose name starts ``weak:``).
    labels : dict of str to dict of str to int
        Articles by label, in the scheme's order, and by split.
    annotators : dict of str to int
        How many articles each annotator labelled, the busiest first.
    """

    judged: int
    labels_per_article: float
    share_with_none: float
    weak_share: float
    labels: dict[str, dict[str, int]]
    annotators: dict[str, int]


@dataclass(frozen=True, slots=True)
class CorpusStats:
    """What `corpus_stats` counts.

    Parameters
    ----------
    name, version : str
        The corpus's.
    articles : int
        How many.
    splits : dict of str to int
        Articles by split; those without one are under `NO_SPLIT`.
    words, characters : Lengths
        Words are what white space separates.
    sources, genres, countries, languages : Values
        By the field of the article.
    dates : Dates
        Of publication.
    tasks : dict of str to TaskStats
        By task.
    """

    name: str
    version: str
    articles: int
    splits: dict[str, int]
    words: Lengths
    characters: Lengths
    sources: Values
    genres: Values
    countries: Values
    languages: Values
    dates: Dates
    tasks: dict[str, TaskStats]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them."""
        return asdict(self)


def corpus_stats(corpus: Corpus) -> CorpusStats:
    """Count what a corpus consists of.

    Parameters
    ----------
    corpus : Corpus
        With one article or more.
    """
    articles = corpus.articles
    splits = _splits_there(articles)
    return CorpusStats(
        name=corpus.info.name,
        version=corpus.info.version,
        articles=len(articles),
        splits=_by_split(articles, splits),
        words=_lengths([len(f"{a.headline} {a.body}".split()) for a in articles]),
        characters=_lengths([len(a.headline) + len(a.body) for a in articles]),
        sources=_values(article.source for article in articles),
        genres=_values(article.genre for article in articles),
        countries=_values(article.country for article in articles),
        languages=_values(article.language for article in articles),
        dates=_dates(articles),
        tasks={task: _task_stats(corpus, task, splits) for task in corpus.schemes},
    )


def _splits_there(articles: Iterable[LabelledArticle]) -> tuple[str, ...]:
    there = {article.split or NO_SPLIT for article in articles}
    return tuple(name for name in (*SPLITS, NO_SPLIT) if name in there)


def _by_split(articles: Iterable[LabelledArticle], splits: Sequence[str]) -> dict[str, int]:
    counts = Counter(article.split or NO_SPLIT for article in articles)
    return {name: counts[name] for name in splits}


def _lengths(lengths: Sequence[int]) -> Lengths:
    percentiles = np.percentile(lengths, PERCENTILES).tolist()
    return Lengths(sum(lengths), dict(zip(PERCENTILES, percentiles, strict=True)))


def _values(values: Iterable[str | None]) -> Values:
    counts = Counter(value or None for value in values)
    missing = counts.pop(None, 0)
    top = {value: count for value, count in counts.most_common(TOP) if value is not None}
    return Values(len(counts), missing, top)


def _dates(articles: Sequence[LabelledArticle]) -> Dates:
    days = [day for article in articles if (day := day_of(article.published))]
    return Dates(
        first=min(days).isoformat() if days else None,
        last=max(days).isoformat() if days else None,
        undated=len(articles) - len(days),
        by_year=dict(sorted(Counter(day.year for day in days).items())),
    )


def _task_stats(corpus: Corpus, task: str, splits: Sequence[str]) -> TaskStats:
    judged = [article for article in corpus.articles if task in article.labels]
    given = [len(article.labels[task]) for article in judged]
    said = [annotation for annotation in corpus.annotations if task in annotation.labels]
    read = {each.id for each in said if not each.annotator.startswith("weak:")}
    by_rule = {each.id for each in said} - read
    by_label = {
        label: _by_split((a for a in judged if label in a.labels[task]), splits)
        for label in corpus.schemes[task].label_ids
    }
    return TaskStats(
        judged=len(judged),
        labels_per_article=_ratio(sum(given), len(judged)),
        share_with_none=_ratio(given.count(0), len(judged)),
        weak_share=_ratio(sum(article.id in by_rule for article in judged), len(judged)),
        labels=by_label,
        annotators=dict(Counter(each.annotator for each in said).most_common()),
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
