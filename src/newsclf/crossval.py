"""Held-out predictions: train on some articles of a corpus, tag others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from newsclf.config import RunConfig
from newsclf.corpus import Corpus, indicators
from newsclf.errors import ConfigError, did_you_mean
from newsclf.metrics.scores import macro_f1, micro_f1
from newsclf.records import LabelledArticle
from newsclf.train import train

Metric = Literal["macro_f1", "micro_f1"]
METRICS: dict[Metric, Callable[[ArrayLike, ArrayLike], float]] = {
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
}
TITLES: dict[Metric, str] = {"macro_f1": "macro-F1", "micro_f1": "micro-F1"}


class HeldOut(NamedTuple):
    """What articles have of a task, and what a model that did not see them gave them.

    Parameters
    ----------
    y, assigned : ndarray of bool, shape (n_articles, n_labels)
        Labels that the articles have, and that they were given.
    """

    y: NDArray[np.bool_]
    assigned: NDArray[np.bool_]

    @classmethod
    def pooled(cls, parts: Sequence[HeldOut]) -> Self:
        """Put the predictions of several folds together, to be scored as one.

        An F1 of all folds together is the fairest; a mean of the folds' F1 depends on which fold
        a rare label fell into (Forman and Scholz 2010, "Apples-to-Apples in Cross-Validation
        Studies").
        """
        y, assigned = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return cls(y, assigned)

    def score(self, metric: Metric) -> float:
        """Return a score between 0 and 1."""
        return METRICS[metric](self.y, self.assigned)


def hold_out(
    config: RunConfig,
    corpus: Corpus,
    learned: Sequence[LabelledArticle],
    held_out: Sequence[LabelledArticle],
) -> dict[str, HeldOut]:
    """Train on some articles and tag others.

    Parameters
    ----------
    config : RunConfig
        What to learn, and how; its ``train_on`` and its ``promise`` have no effect.
    corpus : Corpus
        Gives the schemes.
    learned, held_out : sequence of LabelledArticle
        What to learn from, and what to tag.

    Returns
    -------
    dict of str to HeldOut
        By task, over the held-out articles that were judged for it.

    Raises
    ------
    ConfigError
        When the configuration is not valid, or no learned article was judged for a task.
    """
    everything = tuple(replace(article, split="train") for article in learned)
    part = replace(corpus, articles=everything, annotations=())
    learning = config.model_copy(update={"train_on": ("train",), "promise": None})
    bundle = train(learning, part)
    probabilities = bundle.probabilities(held_out)
    found = {}
    for task, model in bundle.tasks.items():
        judged, y = indicators(held_out, model.record.scheme)
        ids = {article.id for article in judged}
        rows = np.array([article.id in ids for article in held_out], dtype=bool)
        found[task] = HeldOut(y, model.assigned(probabilities[task][rows]))
    return found


def training_part(config: RunConfig, corpus: Corpus) -> Corpus:
    """Return a corpus of the articles that a run learns from, and no others.

    Raises
    ------
    ConfigError
        When the corpus has no such split.
    """
    return replace(corpus, articles=corpus.split(*config.train_on), annotations=())


def parted(
    corpus: Corpus, folds: Sequence[int], held_out: int
) -> tuple[tuple[LabelledArticle, ...], tuple[LabelledArticle, ...]]:
    """Return the articles outside a fold, and those in it.

    Parameters
    ----------
    corpus : Corpus
        What the folds are of.
    folds : sequence of int, shape (n_articles,)
        From `newsclf.corpus.splits.draw_folds`.
    held_out : int
        A fold's number.
    """
    pairs = list(zip(corpus.articles, folds, strict=True))
    outside = tuple(article for article, fold in pairs if fold != held_out)
    inside = tuple(article for article, fold in pairs if fold == held_out)
    return outside, inside


def checked_metric(name: str) -> Metric:
    """Return a metric by its name.

    Raises
    ------
    ConfigError
        When there is none of that name.
    """
    for metric in METRICS:
        if metric == name:
            return metric
    raise ConfigError(f"unknown metric {name!r}{did_you_mean(name, METRICS)}")
