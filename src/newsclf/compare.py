"""Comparison: whether models differ on the same articles, by how much, and on which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle import Bundle
from newsclf.corpus import indicators
from newsclf.errors import ConfigError, did_you_mean
from newsclf.metrics.verdicts import PairComparison, compare_pairs, corrected
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

MOST_FLIPPED = 100
"""Flipped articles of either kind that are listed in the report."""


@dataclass(frozen=True, slots=True)
class Flip:
    """An article that one of two models alone has exactly right.

    Parameters
    ----------
    id, headline : str
        The article's.
    labels, first, second : tuple of str
        What it has, and what each model gives it.
    """

    id: str
    headline: str
    labels: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TaskComparison:
    """How models compare on a task.

    Parameters
    ----------
    scheme : LabelScheme
        The task's labels.
    articles : sequence of LabelledArticle
        Those that were judged.
    assigned : mapping of str to ndarray of bool, shape (n_articles, n_labels)
        What each model gives them.
    pairs : tuple of PairComparison
        Every model against the first.
    """

    scheme: LabelScheme
    articles: Sequence[LabelledArticle]
    assigned: Mapping[str, NDArray[np.bool_]]
    pairs: tuple[PairComparison, ...]

    def flips(self, pair: PairComparison, rows: Sequence[int]) -> list[Flip]:
        """Return what a pair of models gives to articles, for example to ``pair.broken[:5]``."""
        return [
            Flip(
                id=self.articles[row].id,
                headline=self.articles[row].headline,
                labels=tuple(self.articles[row].labels[self.scheme.name]),
                first=self._given(pair.first, row),
                second=self._given(pair.second, row),
            )
            for row in rows
        ]

    def to_json(self) -> dict[str, object]:
        """Return the comparison as JSON can hold it; of the flipped articles, `MOST_FLIPPED`."""
        return {"articles": len(self.articles), "pairs": [self._pair(pair) for pair in self.pairs]}

    def _pair(self, pair: PairComparison) -> dict[str, object]:
        measures = {
            found.measure: {"difference": found.difference, "real": found.real} | asdict(found)
            for found in pair.differences
        }
        flipped = {
            name: {
                "count": len(rows),
                "articles": [asdict(flip) for flip in self.flips(pair, rows[:MOST_FLIPPED])],
            }
            for name, rows in (("right_to_wrong", pair.broken), ("wrong_to_right", pair.mended))
        }
        return {
            "first": pair.first,
            "second": pair.second,
            "same": pair.same,
            "sentence": pair.sentence,
            "measures": measures,
            "mcnemar": pair.mcnemar._asdict(),
            "flipped": flipped,
        }

    def _given(self, model: str, row: int) -> tuple[str, ...]:
        return tuple(np.array(self.scheme.label_ids)[self.assigned[model][row]].tolist())


@dataclass(frozen=True, eq=False)
class Comparison:
    """How models compare on every task that they share.

    Parameters
    ----------
    models : tuple of str
        ``name@version``, with a number after it where several are called the same.
    tasks : mapping of str to TaskComparison
        By task.
    left_out : mapping of str to str
        Why a task of some model was not compared.
    """

    models: tuple[str, ...]
    tasks: Mapping[str, TaskComparison]
    left_out: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """Return the comparison as JSON can hold it."""
        return {
            "models": list(self.models),
            "tasks": {task: found.to_json() for task, found in self.tasks.items()},
            "left_out": dict(self.left_out),
        }


def compare(
    bundles: Sequence[Bundle], articles: Sequence[LabelledArticle], *, seed: int = 0
) -> Comparison:
    """Compare models with the first of them on labelled articles.

    Parameters
    ----------
    bundles : sequence of Bundle
        Two or more.
    articles : sequence of LabelledArticle
        Each task is compared on those that were judged for it.
    seed : int
        The same seed gives the same comparison.

    Raises
    ------
    ConfigError
        When there are fewer than two bundles, one of them learned from an article, they share no
        task that an article was judged for, or they have different labels for a task.
    """
    if len(bundles) < 2:
        raise ConfigError("comparing takes two models or more")
    for bundle in bundles:
        bundle.refuse_seen(articles)
    models = dict(zip(_distinct([bundle.reference for bundle in bundles]), bundles, strict=True))
    left_out = _not_shared(models)
    samples = {
        task: _Judged.of(_shared_scheme(task, models), articles)
        for task in bundles[0].tasks
        if task not in left_out
    }
    judged = {task: sample for task, sample in samples.items() if sample.rows}
    left_out |= {task: "no article was judged for it" for task in samples if task not in judged}
    if not judged:
        reasons = "; ".join(f"{task}: {reason}" for task, reason in left_out.items())
        raise ConfigError(f"there is no task to compare ({reasons})")
    return Comparison(tuple(models), _compare_tasks(judged, models, articles, seed), left_out)


def _distinct(references: Sequence[str]) -> list[str]:
    """Add a number to every reference that occurs before."""
    seen: Counter[str] = Counter()
    names = []
    for reference in references:
        seen[reference] += 1
        names.append(reference if seen[reference] == 1 else f"{reference} ({seen[reference]})")
    return names


def _not_shared(models: Mapping[str, Bundle]) -> dict[str, str]:
    """Return the tasks that some model lacks, and which."""
    without = {
        task: [name for name, other in models.items() if task not in other.tasks]
        for bundle in models.values()
        for task in bundle.tasks
    }
    return {task: f"not a task of {', '.join(names)}" for task, names in without.items() if names}


def _shared_scheme(task: str, models: Mapping[str, Bundle]) -> LabelScheme:
    (first, bundle), *others = models.items()
    scheme = bundle.tasks[task].record.scheme
    for name, other in others:
        theirs = other.tasks[task].record.scheme
        if theirs.kind != scheme.kind:
            raise ConfigError(
                f"{task} is {scheme.kind}-label in {first} and {theirs.kind}-label in {name}; "
                "models are compared on one scheme"
            )
        if theirs.label_ids != scheme.label_ids:
            raise ConfigError(
                f"{task} has other labels in {first} than in {name}: "
                f"{_how_labels_differ(scheme.label_ids, theirs.label_ids)}; "
                "models are compared on one scheme"
            )
    return scheme


def _how_labels_differ(first: Sequence[str], second: Sequence[str]) -> str:
    only_first = [label for label in first if label not in second]
    only_second = [label for label in second if label not in first]
    parts = [f"{', '.join(only_first)} in the first alone"] if only_first else []
    parts += [f"{', '.join(only_second)} in the second alone"] if only_second else []
    return " and ".join(parts) or "the same ones in another order"


class _Judged(NamedTuple):
    """The articles that were judged for a task, and where they stand among all."""

    scheme: LabelScheme
    articles: list[LabelledArticle]
    y: NDArray[np.bool_]
    rows: list[int]

    @classmethod
    def of(cls, scheme: LabelScheme, articles: Sequence[LabelledArticle]) -> _Judged:
        judged, y = indicators(articles, scheme)
        for article in judged:
            for label in article.labels[scheme.name]:
                if label not in scheme.label_ids:
                    raise ConfigError(
                        f"article {article.id} has the {scheme.name} label {label!r}, which the "
                        f"models do not know{did_you_mean(label, scheme.label_ids)}"
                    )
        row_of = {article.id: row for row, article in enumerate(articles)}
        return cls(scheme, judged, y, [row_of[article.id] for article in judged])


def _compare_tasks(
    judged: Mapping[str, _Judged],
    models: Mapping[str, Bundle],
    articles: Sequence[LabelledArticle],
    seed: int,
) -> dict[str, TaskComparison]:
    probabilities = {name: bundle.probabilities(articles) for name, bundle in models.items()}
    found: dict[str, TaskComparison] = {}
    for task, sample in judged.items():
        assigned = {
            name: bundle.tasks[task].assigned(probabilities[name][task][sample.rows])
            for name, bundle in models.items()
        }
        pairs = compare_pairs(sample.y, assigned, seed)
        found[task] = TaskComparison(sample.scheme, sample.articles, assigned, pairs)
    together = iter(corrected([pair for task in found.values() for pair in task.pairs]))
    return {
        task: replace(one, pairs=tuple(islice(together, len(one.pairs))))
        for task, one in found.items()
    }
