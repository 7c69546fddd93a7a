"""The report of an evaluation: one HTML page that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from newsclf.evaluation import TaskEvaluation
from newsclf.extras import require
from newsclf.files import atomic_file
from newsclf.metrics.scores import confusion

if TYPE_CHECKING:
    from newsclf.metrics.bootstrap import Interval
    from newsclf.metrics.scores import Average

_MOST_CONFUSIONS = 20


def write_report(evaluations: Mapping[str, TaskEvaluation], path: Path, *, title: str) -> None:
    """Write evaluations as a self-contained HTML page.

    Texts from the corpus are escaped, and the page's content security policy forbids scripts and
    anything from outside.

    Parameters
    ----------
    evaluations : mapping of str to TaskEvaluation
        What `newsclf.evaluate.evaluate` returned.
    path : Path
        The file; it appears whole or not at all.
    title : str
        Heading of the page, such as ``govnews@3 on the split test``.

    Raises
    ------
    ConfigError
        When the packages of the extra ``check`` are missing.
    OutputError
        When the file cannot be written.
    """
    require("check")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from newsclf.report.plots import overview_plots, threshold_plots

    environment = Environment(
        loader=PackageLoader("newsclf.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters.update(score=_score, interval=_interval)
    tasks = [
        {
            "evaluation": evaluation,
            "averages": _averages(evaluation),
            "confusions": _confusions(evaluation),
            "plots": overview_plots(evaluation),
            "threshold_plots": threshold_plots(evaluation),
        }
        for evaluation in evaluations.values()
    ]
    page = environment.get_template("page.html.jinja").render(title=title, tasks=tasks)
    with atomic_file(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def _averages(evaluation: TaskEvaluation) -> list[tuple[str, Average, Interval | None]]:
    named = {
        "Macro, all labels": "macro",
        "Macro, labels that occur": "macro_occurring",
        "Micro": "micro",
        "Sample": "sample",
        "Saying that there is no label": "none",
        "Hierarchical": "hierarchical",
    }
    rows = [
        (title, getattr(evaluation, name), getattr(evaluation.intervals, name, None))
        for title, name in named.items()
    ]
    return [row for row in rows if row[1] is not None]


def _confusions(evaluation: TaskEvaluation) -> list[tuple[str, str, int]]:
    """Return the commonest pairs of a missed label and a wrong one, and how often they occur."""
    counts = confusion(evaluation.y, evaluation.predictions.assigned)
    np.fill_diagonal(counts, 0)
    names = (*evaluation.labels, "none")
    cells = zip(*np.unravel_index(np.argsort(-counts, axis=None), counts.shape), strict=True)
    found = [(names[i], names[j], int(counts[i, j])) for i, j in list(cells)[:_MOST_CONFUSIONS]]
    return [row for row in found if row[2]]


def _score(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
