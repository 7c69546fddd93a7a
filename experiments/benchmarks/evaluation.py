"""Time and memory of an evaluation, intervals and slices included.

::

    python experiments/benchmarks/evaluation.py [--articles 20000] [--labels 30]

Labels are drawn at random, three an article on average, and probabilities are those labels with
noise. Memory is the most that the process has held so far.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from newsclf.evaluate import Predictions, evaluate_predictions
from newsclf.metrics.bootstrap import bootstrap_intervals
from newsclf.records import LabelledArticle
from newsclf.schemes import Label, LabelScheme

Case = tuple[LabelScheme, list[LabelledArticle], Predictions]


def main() -> None:
    """Print seconds and peak memory as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--labels", type=int, default=30)
    options = parser.parse_args()
    scheme, articles, predictions = draw(options.articles, options.labels)
    y = np.array([[label in a.labels["beat"] for label in scheme.label_ids] for a in articles])
    print(f"{options.articles:,} articles, {options.labels} labels, 1,000 rounds.\n")
    print(f"Before: {peak_mb():,.0f} MB.\n")
    print("| step | seconds | peak MB |\n| --- | ---: | ---: |")
    groups = np.arange(len(articles)) // 4
    start = time.perf_counter()
    bootstrap_intervals(y, predictions.assigned)
    report("intervals over articles", start)
    start = time.perf_counter()
    bootstrap_intervals(y, predictions.assigned, groups=groups)
    report("intervals over groups of four", start)
    start = time.perf_counter()
    evaluate_predictions(scheme, articles, predictions)
    report("whole evaluation, with slices", start)


def draw(n_articles: int, n_labels: int) -> Case:
    """Return a scheme, articles with labels, and predictions that are often right."""
    rng = np.random.default_rng(0)
    names = [f"label_{j}" for j in range(n_labels)]
    labels = tuple(Label(id=name, title=name, definition="Drawn.") for name in names)
    scheme = LabelScheme(
        name="beat", title="Beat", version="1", kind="multi", question="?", labels=labels
    )
    y = rng.random((n_articles, n_labels)) < 3 / n_labels
    p = np.clip(0.6 * y + 0.3 * rng.random(y.shape) + 0.1 * rng.standard_normal(y.shape), 0, 1)
    articles = [
        LabelledArticle(
            id=f"a{row}",
            headline="Headline",
            body="word " * int(rng.integers(50, 400)),
            published=f"20{rng.integers(10, 26)}-01-01",
            source=f"source {rng.integers(40)}",
            genre=f"genre {rng.integers(4)}",
            language="en",
            labels={"beat": tuple(names[j] for j in np.flatnonzero(y[row]))},
        )
        for row in range(n_articles)
    ]
    ids = tuple(article.id for article in articles)
    return scheme, articles, Predictions(ids, p, p >= 0.5, np.full(n_labels, 0.5))


def report(step: str, start: float) -> None:
    """Print a row of the table."""
    print(f"| {step} | {time.perf_counter() - start:.1f} | {peak_mb():,.0f} |")


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
