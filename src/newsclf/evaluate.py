"""Evaluation: how well a bundle does on articles with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsclf.bundle import Bundle
from newsclf.corpus import indicators
from newsclf.errors import ConfigError
from newsclf.metrics.scores import (
    LabelScores,
    bootstrap_interval,
    label_scores,
    macro_f1,
    micro_f1,
)
from newsclf.records import LabelledArticle

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class TaskEvaluation:
    """A bundle's scores on one task.

    Parameters
    ----------
    labels : tuple of str
        In the order of the scores.
    by_label : LabelScores
        Precision, recall, F1 and support of each label.
    macro_f1, micro_f1 : float
        Between 0 and 1.
    macro_interval, micro_interval : (float, float)
        Bootstrap 95 % intervals over articles.
    n_articles : int
        Articles that were judged for the task.
    """

    labels: tuple[str, ...]
    by_label: LabelScores
    macro_f1: float
    macro_interval: Interval
    micro_f1: float
    micro_interval: Interval
    n_articles: int

    def to_json(self) -> dict[str, object]:
        """Return the scores as JSON can hold them."""
        scores = self.by_label
        columns = (scores.precision, scores.recall, scores.f1, scores.support)
        return {
            "articles": self.n_articles,
            "macro_f1": self.macro_f1,
            "macro_f1_interval": list(self.macro_interval),
            "micro_f1": self.micro_f1,
            "micro_f1_interval": list(self.micro_interval),
            "labels": {
                label: {"precision": p, "recall": r, "f1": f, "support": n}
                for label, p, r, f, n in zip(
                    self.labels, *(column.tolist() for column in columns), strict=True
                )
            },
        }


def evaluate(bundle: Bundle, articles: Sequence[LabelledArticle]) -> dict[str, TaskEvaluation]:
    """Score a bundle on labelled articles.

    Parameters
    ----------
    bundle : Bundle
        What to score.
    articles : sequence of LabelledArticle
        Each task is scored on those that were judged for it.

    Returns
    -------
    dict of str to TaskEvaluation
        By task, for the tasks that some article was judged for.

    Raises
    ------
    ConfigError
        When no article was judged for any of the bundle's tasks.
    """
    found = {
        task: evaluation
        for task in bundle.tasks
        if (evaluation := _evaluate_task(bundle, task, articles)) is not None
    }
    if not found:
        raise ConfigError(f"no article was judged for any of the tasks {', '.join(bundle.tasks)}")
    return found


def _evaluate_task(
    bundle: Bundle, task: str, articles: Sequence[LabelledArticle]
) -> TaskEvaluation | None:
    model = bundle.tasks[task]
    judged, y = indicators(articles, model.record.scheme)
    if not judged:
        return None
    assigned = model.assigned(bundle.probabilities(judged)[task])
    return TaskEvaluation(
        labels=model.record.scheme.label_ids,
        by_label=label_scores(y, assigned),
        macro_f1=macro_f1(y, assigned),
        macro_interval=bootstrap_interval(y, assigned, macro_f1),
        micro_f1=micro_f1(y, assigned),
        micro_interval=bootstrap_interval(y, assigned, micro_f1),
        n_articles=len(judged),
    )
