"""Calibration error, and what may be published unseen, on the shipped corpus and on real news.

::

    python experiments/benchmarks/decisions.py [--benchmarks FOLDER]

Shipped stories: ``hybrid`` learns from the train split; calibration and thresholds are chosen out
of fold; promises are tested on the valid split and measured on the test split. Real news:
``hybrid`` learns from all shipped stories; the labelled GOV.UK stories in a folder of public data
sets, which are not part of this repository, are cut in two halves at random. On the first,
calibration and thresholds are chosen, or it is learned from like the shipped stories; on the second
the promise is tested; the test part measures both.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from newsclf.bundle import Bundle
from newsclf.calibrate import promised, recalibrated
from newsclf.config import Promise, RunConfig, TaskConfig
from newsclf.corpus import Corpus, indicators, read_corpus
from newsclf.corpus.rows import labelled_from_row
from newsclf.files import shipped_data
from newsclf.metrics.calibration import (
    brier_score,
    chance_calibration_error,
    expected_calibration_error,
    pooled_calibration_error,
)
from newsclf.metrics.scores import macro_f1
from newsclf.records import LabelledArticle
from newsclf.train import train

PROMISES = [Promise(precision=precision, confidence=0.9) for precision in (0.95, 0.9, 0.85)]


def main() -> None:
    """Measure both and print the results as Markdown."""
    benchmarks = _benchmarks()
    corpus = read_corpus(shipped_data() / "govnews")
    calibrations, promises = [], []
    bundle = _trained(corpus, "train")
    test = corpus.split("test")
    calibrations += _calibration_rows("shipped", bundle, test)
    promises += _promise_rows("shipped", bundle, corpus.split("valid"), test)
    folder = benchmarks / "govuk_news" if benchmarks else None
    if folder is not None and folder.is_dir():
        labelled = _stories(folder / "train.jsonl.gz", corpus)
        test = _stories(folder / "test.jsonl.gz", corpus)
        order = np.random.default_rng(0).permutation(len(labelled)).tolist()
        first, second = (
            [labelled[row] for row in half] for half in np.array_split(np.array(order), 2)
        )
        everything = _trained(corpus, "train", "valid", "test")
        for name, bundle in (
            ("GOV.UK, half to calibrate", recalibrated(everything, first)),
            ("GOV.UK, half to learn from", _trained(_with(corpus, first), "train")),
        ):
            calibrations += _calibration_rows(name, bundle, test)
            promises += _promise_rows(name, bundle, second, test)
    else:
        print(f"Real news is left out: there is no folder {folder or '(--benchmarks)'}\n")
    print("| stories | task | | calibration error (chance) | pooled | Brier score | macro-F1 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(calibrations), "\n")
    print("| stories | task | promised | tested on | auto tags on the test side | right | review |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(promises))


def _trained(corpus: Corpus, *splits: str) -> Bundle:
    tasks = {task: TaskConfig() for task in corpus.schemes}
    run = RunConfig(name="measured", corpus=Path("unused"), train_on=splits, seed=13, tasks=tasks)
    return train(run, corpus)


def _with(corpus: Corpus, stories: Sequence[LabelledArticle]) -> Corpus:
    articles = [replace(article, split="train") for article in (*corpus.articles, *stories)]
    return replace(corpus, articles=tuple(articles))


def _stories(path: Path, corpus: Corpus) -> list[LabelledArticle]:
    with gzip.open(path, "rb") as file:
        return [labelled_from_row(orjson.loads(line), corpus.schemes) for line in file]


def _calibration_rows(
    stories: str, bundle: Bundle, articles: Sequence[LabelledArticle]
) -> Iterator[str]:
    raw = bundle.raw_probabilities(articles)
    for task, model in bundle.tasks.items():
        _, y = indicators(articles, model.record.scheme)
        for name, p in (("raw", raw[task]), ("calibrated", model.calibrated(raw[task]))):
            given = model.assigned(p)
            f1 = f"{macro_f1(y, given):.3f}" if name == "calibrated" else ""
            yield (
                f"| {stories}, {len(y)} | {task} | {name} | {expected_calibration_error(y, p):.3f} "
                f"({chance_calibration_error(p):.3f}) | {pooled_calibration_error(y, p):.3f} "
                f"| {brier_score(y, p):.4f} | {f1} |"
            )


def _promise_rows(
    stories: str,
    bundle: Bundle,
    calibration: Sequence[LabelledArticle],
    test: Sequence[LabelledArticle],
) -> Iterator[str]:
    probabilities = bundle.probabilities(test)
    for promise in PROMISES:
        routed = promised(bundle, calibration, promise)
        for task, model in routed.tasks.items():
            _, y = indicators(test, model.record.scheme)
            p = probabilities[task]
            assigned = model.assigned(p)
            auto = model.auto(p, assigned)
            routing = model.record.routing
            start = f"| {stories} | {task} | {promise.precision:.0%} | {len(calibration)} | "
            if routing is None or routing.threshold is None:
                more = routing.needed if routing else None
                yield start + f"refused; needs about {more or 'very many'} more stories | | |"
                continue
            review = (assigned & ~auto).any(axis=1).mean()
            yield start + (
                f"{auto.sum()} of {assigned.sum()} ({auto.sum() / assigned.sum():.0%}) "
                f"| {(auto & y).sum() / max(auto.sum(), 1):.1%} | {1000 * review:.0f} of 1,000 |"
            )


def _benchmarks() -> Path | None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmarks", type=Path, help="folder of public data sets")
    return parser.parse_args().benchmarks


if __name__ == "__main__":
    main()
