"""What is wrong with labels: too rare, always together, redundant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from newsclf.corpus.quality.findings import Finding, Severity, Table
from newsclf.corpus.rows import SPLITS
from newsclf.corpus.store import Corpus, indicators
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

FEWEST = 10
"""Articles that a label needs to be learned and scored at all."""

FEWEST_TRAIN = 5
"""Of those, in the training split: one for each fold of cross-validation."""


def check_labels(corpus: Corpus) -> Iterator[Finding | Table]:
    """Report, task by task, labels that are rare, always occur together, or are redundant."""
    counts: list[tuple[str | int | None, ...]] = []
    together: list[tuple[str | int | None, ...]] = []
    for scheme in corpus.schemes.values():
        judged, y = indicators(corpus.articles, scheme)
        both = y.T.astype(np.int64) @ y.astype(np.int64)
        yield from _rare(scheme, judged, y)
        yield from _inseparable(scheme, both)
        yield from _redundant(scheme, judged, y)
        counts += _counts(scheme, judged, y)
        together += _together(scheme, both)
    by_split = ("task", "label", "title", *SPLITS, "no split")
    yield Table.of("labels", "Labels by split", by_split, counts)
    by_pair = ("task", "label", "other label", "articles")
    yield Table.of("together", "Labels that occur together", by_pair, together)


def check_annotators(corpus: Corpus) -> Iterator[Finding]:
    """Report tasks with labels that rules gave, not readers."""
    for task in corpus.schemes:
        ids = {
            annotation.id: None
            for annotation in corpus.annotations
            if annotation.annotator.startswith("weak:") and task in annotation.labels
        }
        if ids:
            yield Finding(
                Severity.NOTE,
                "weak_labels",
                f"{len(ids):,} articles have weak {task} labels, given by rules",
                tuple(ids)[:20],
                len(ids),
                task,
            )


def _rare(
    scheme: LabelScheme, judged: list[LabelledArticle], y: NDArray[np.bool_]
) -> Iterator[Finding]:
    train = np.array([article.split == "train" for article in judged], dtype=bool)
    for label, column in zip(scheme.label_ids, y.T, strict=True):
        total, learned = int(column.sum()), int(column[train].sum())
        if total == 0:
            code, message = "unused_label", f"no article has the {scheme.name} label {label}"
        elif total < FEWEST or (train.any() and learned < FEWEST_TRAIN):
            code = "rare_label"
            message = (
                f"{total:,} articles have the {scheme.name} label {label}, {learned:,} of them in "
                f"train; it needs {FEWEST} and {FEWEST_TRAIN} to be learned, so add some or merge "
                "it with another"
            )
        else:
            continue
        yield Finding(Severity.WARNING, code, message, count=total, task=scheme.name, label=label)


def _inseparable(scheme: LabelScheme, both: NDArray[np.int64]) -> Iterator[Finding]:
    count = both.diagonal()
    always = (both == count[:, None]) & (both == count[None, :]) & (both >= FEWEST)
    for i, j in np.argwhere(np.triu(always, 1)).tolist():
        one, other = scheme.label_ids[i], scheme.label_ids[j]
        message = (
            f"the {scheme.name} labels {one} and {other} never occur one without the other in "
            f"{both[i, j]:,} articles, so no model can tell them apart"
        )
        yield Finding(
            Severity.WARNING,
            "inseparable_labels",
            message,
            count=int(both[i, j]),
            task=scheme.name,
            label=one,
            details={"other": other},
        )


def _redundant(
    scheme: LabelScheme, judged: list[LabelledArticle], y: NDArray[np.bool_]
) -> Iterator[Finding]:
    position = {label: column for column, label in enumerate(scheme.label_ids)}
    redundant = np.zeros(len(judged), dtype=bool)
    above: list[set[int]] = []
    for column, label in enumerate(scheme.labels):
        parent = position[label.parent] if label.parent is not None else None
        above.append(set() if parent is None else {parent, *above[parent]})
        for ancestor in above[column]:
            redundant |= y[:, column] & y[:, ancestor]
    if redundant.any():
        ids = [judged[row].id for row in np.flatnonzero(redundant)]
        yield Finding(
            Severity.NOTE,
            "redundant_label",
            f"{len(ids):,} articles have a {scheme.name} label and one above it, which it implies",
            tuple(ids[:20]),
            len(ids),
            scheme.name,
        )


def _counts(
    scheme: LabelScheme, judged: list[LabelledArticle], y: NDArray[np.bool_]
) -> list[tuple[str | int | None, ...]]:
    split = np.array([article.split or "" for article in judged], dtype=object)
    by_split = [y[split == name].sum(axis=0).tolist() for name in (*SPLITS, "")]
    return [
        (scheme.name, label.id, label.title, *(counts[column] for counts in by_split))
        for column, label in enumerate(scheme.labels)
    ]


def _together(scheme: LabelScheme, both: NDArray[np.int64]) -> list[tuple[str | int | None, ...]]:
    names = scheme.label_ids
    pairs = np.argwhere(np.triu(both, 1) > 0).tolist()
    return [(scheme.name, names[i], names[j], int(both[i, j])) for i, j in pairs]
