"""The gate: whether a candidate does as well as what is in production."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle import Bundle
from newsclf.corpus import indicators
from newsclf.metrics.bootstrap import bootstrap_intervals
from newsclf.metrics.scores import label_scores
from newsclf.records import LabelledArticle
from newsclf.registry.history import Figure


@dataclass(frozen=True)
class Verdict:
    """What came of holding a candidate against production.

    Parameters
    ----------
    reasons : tuple of str
        What speaks against promoting it; none, and it may be.
    figures : dict of str to Figure
        By task, and ``task: label`` for a protected label.
    notes : tuple of str
        What was not compared, or only in part.
    """

    reasons: tuple[str, ...] = ()
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def judge(
    candidate: Bundle,
    production: Bundle | None,
    gold: Sequence[LabelledArticle],
    protected: Collection[str] = (),
) -> Verdict:
    """Hold a candidate against production on the same stories.

    What speaks against it: the macro-F1 of a task, or the F1 of a protected label, below the lower
    end of production's bootstrap 95 % interval, or too few stories for an interval; a task or a
    protected label that production has and the candidate has not; no story to evaluate it on.
    Where the labels differ, those that both have are compared.

    Parameters
    ----------
    candidate : Bundle
        What is to be promoted.
    production : Bundle, optional
        What it is to replace; without it the candidate is only evaluated.
    gold : sequence of LabelledArticle
        The stories.
    protected : collection of str
        Labels, of any task, that are compared one by one too.
    """
    before = production.tasks if production else {}
    gone = sorted(before.keys() - candidate.tasks.keys())
    reasons = [f"it does not tag for {task}, as production does" for task in gone]
    notes: list[str] = []
    figures: dict[str, Figure] = {}
    for task in candidate.tasks:
        found = _judge_task(task, candidate, production, gold, protected)
        reasons += found.reasons
        notes += found.notes
        figures |= found.figures
    if not figures:
        reasons.append("the gold set has no story that was judged for any of its tasks")
    return Verdict(tuple(reasons), figures, tuple(notes))


def _judge_task(
    task: str,
    candidate: Bundle,
    production: Bundle | None,
    gold: Sequence[LabelledArticle],
    protected: Collection[str],
) -> Verdict:
    now = _Outcome.of(candidate, task, gold)
    if now is None:
        return Verdict(notes=(f"no gold story was judged for {task}, so it was not compared",))
    before = _Outcome.of(production, task, gold) if production else None
    if before is None:
        scores = now.scores(task, protected)
        return Verdict(figures={what: Figure(candidate=score) for what, score in scores.items()})
    common = [label for label in before.labels if label in now.labels]
    reasons = [
        f"{task} has no longer the protected label {label}"
        for label in before.labels
        if label in protected and label not in common
    ]
    if not common:
        return Verdict((*reasons, f"{task} has no label in common with production"))
    figures = _compared(task, now.on(common), before.on(common), protected)
    reasons += [fault for what, figure in figures.items() if (fault := _fault(task, what, figure))]
    return Verdict(tuple(reasons), figures, tuple(_labels_apart(task, now.labels, before.labels)))


class _Outcome(NamedTuple):
    """What the gold stories have of a task's labels, and what a bundle gives them."""

    labels: Sequence[str]
    y: NDArray[np.bool_]
    given: NDArray[np.bool_]

    @classmethod
    def of(cls, bundle: Bundle, task: str, gold: Sequence[LabelledArticle]) -> Self | None:
        if task not in bundle.tasks:
            return None
        model = bundle.tasks[task]
        judged, y = indicators(gold, model.record.scheme)
        if not judged:
            return None
        given = model.assigned(bundle.probabilities(judged)[task])
        return cls(model.record.scheme.label_ids, y, given)

    def on(self, labels: Sequence[str]) -> Self:
        """Return the outcome for some of the labels."""
        columns = [self.labels.index(label) for label in labels]
        return type(self)(labels, self.y[:, columns], self.given[:, columns])

    def scores(self, task: str, protected: Collection[str]) -> dict[str, float]:
        """Return macro-F1 under the task's name, and F1 under those of the protected labels."""
        f1 = label_scores(self.y, self.given).f1
        by_label = zip(self.labels, f1.tolist(), strict=True)
        return {task: float(f1.mean())} | {
            f"{task}: {label}": score for label, score in by_label if label in protected
        }

    def lowest(self, task: str) -> dict[str, float]:
        """Return the lower ends of their intervals, where there are stories enough for one."""
        intervals = bootstrap_intervals(self.y, self.given)
        if intervals is None:
            return {}
        by_label = zip(self.labels, intervals.labels, strict=True)
        return {task: intervals.macro[0]} | {
            f"{task}: {label}": interval[0] for label, interval in by_label if interval
        }


def _compared(
    task: str, now: _Outcome, before: _Outcome, protected: Collection[str]
) -> dict[str, Figure]:
    then, lowest = before.scores(task, protected), before.lowest(task)
    return {
        what: Figure(candidate=score, production=then[what], lowest=lowest.get(what))
        for what, score in now.scores(task, protected).items()
    }


def _fault(task: str, what: str, figure: Figure) -> str | None:
    if figure.lowest is None:
        return f"{what}: the gold set has too few stories to tell a fall from chance"
    if not figure.fell:
        return None
    score = "macro-F1" if what == task else "F1"
    return (
        f"{what}: {score} {figure.candidate:.3f} is below {figure.lowest:.3f}, the lower end of "
        f"the 95 % interval of production's {figure.production:.3f}"
    )


def _labels_apart(task: str, now: Sequence[str], before: Sequence[str]) -> Iterator[str]:
    added = [label for label in now if label not in before]
    dropped = [label for label in before if label not in now]
    changes = [f"{', '.join(added)} added"] if added else []
    changes += [f"{', '.join(dropped)} dropped"] if dropped else []
    if changes:
        yield (
            f"{task} has other labels than in production ({'; '.join(changes)}); the "
            f"{len(before) - len(dropped)} that both have were compared"
        )
