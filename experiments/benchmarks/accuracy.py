"""Accuracy of our classifiers and of their peers, trained on the same stories, in one run.

::

    python experiments/benchmarks/accuracy.py --benchmarks FOLDER \
        --annif-python ANNIF_ENV/bin/python --fasttext-python FASTTEXT_ENV/bin/python

Trains on the ``train`` and ``valid`` splits of the shipped corpus and scores on its ``test`` split
and on real GOV.UK news (``FOLDER/govuk_news/test.jsonl.gz``, labelled with the same codebook, not
part of this repository; without it that half of the table is left out, and said). Our thresholds
are the bundle's own. Every peer gets the best of the thresholds 0.1 to 0.5 on its out-of-fold
scores, by macro-F1. Nothing is chosen on a test set. ``peers/*.py`` say how to make the peers'
environments.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from newsclf.classifiers import CLASSIFIER_NAMES
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, indicators, read_corpus
from newsclf.corpus.rows import labelled_from_row
from newsclf.files import shipped_data
from newsclf.metrics.scores import bootstrap_interval, macro_f1, micro_f1
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme
from newsclf.train import train

HERE = Path(__file__).parent
TRAIN_ON = ("train", "valid")
SEED = 13
PEER_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)

Tests = dict[str, Sequence[LabelledArticle]]
Assigned = dict[str, np.ndarray]
"""Labels given to the articles of each test set, shape (n_articles, n_labels)."""


def main() -> None:
    """Run every method on every task, and print one Markdown table."""
    options = _options()
    corpus = read_corpus(shipped_data() / "govnews")
    tests: Tests = {"shipped test": corpus.split("test")} | _govuk(options.benchmarks, corpus)
    print(
        "| task | method | " + " | ".join(f"{name}: macro-F1 | micro-F1" for name in tests) + " |"
    )
    print("| --- | --- |" + " --- | --- |" * len(tests))
    for task, scheme in corpus.schemes.items():
        for method, run in _methods(options).items():
            print(_row(task, method, scheme, tests, run(corpus, task, tests)), flush=True)


def _methods(
    options: argparse.Namespace,
) -> dict[str, Callable[[Corpus, str, Tests], Assigned]]:
    ours = {name: _ours(name) for name in CLASSIFIER_NAMES}
    peers = {"scikit-learn TF-IDF + one-vs-rest": _sklearn}
    if options.fasttext_python:
        peers["fastText, one-vs-all loss"] = _script(options.fasttext_python, "fasttext_ova.py")
    if options.annif_python:
        peers["Annif omikuji"] = _script(options.annif_python, "annif_omikuji.py")
    return ours | peers


def _ours(name: str) -> Callable[[Corpus, str, Tests], Assigned]:
    def run(corpus: Corpus, task: str, tests: Tests) -> Assigned:
        config = RunConfig(
            name=name,
            corpus=Path(),
            train_on=TRAIN_ON,
            seed=SEED,
            tasks={task: TaskConfig(classifier=name)},
        )
        bundle = train(config, corpus)
        return {
            test: bundle.tasks[task].assigned(bundle.probabilities(articles)[task])
            for test, articles in tests.items()
        }

    return run


def _sklearn(corpus: Corpus, task: str, tests: Tests) -> Assigned:
    request = _request(corpus, task, tests)
    texts = [story["text"] for story in request["train"]]
    y = _indicators(request)
    folds = np.array(request["folds"])
    held_out = np.zeros(y.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        model = _pipeline().fit(
            [t for t, i in zip(texts, inside, strict=True) if not i], y[~inside]
        )
        held_out[inside] = model.predict_proba([t for t, i in zip(texts, inside, strict=True) if i])
    model = _pipeline().fit(texts, y)
    scores = {name: model.predict_proba(given) for name, given in request["tests"].items()}
    return _assigned(corpus.schemes[task], y, held_out, scores)


def _pipeline() -> object:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    return make_pipeline(
        words,
        OneVsRestClassifier(LogisticRegression(C=10, class_weight="balanced", max_iter=2000)),
    )


def _script(python: Path, script: str) -> Callable[[Corpus, str, Tests], Assigned]:
    def run(corpus: Corpus, task: str, tests: Tests) -> Assigned:
        request = _request(corpus, task, tests)
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder) / "request.json", Path(folder) / "response.json"
            asked.write_text(json.dumps(request), encoding="utf-8")
            subprocess.run(
                [python, HERE / "peers" / script, asked, answered],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            answer = json.loads(answered.read_text(encoding="utf-8"))
        scores = {name: np.array(rows) for name, rows in answer["tests"].items()}
        held_out = np.array(answer["out_of_fold"])
        return _assigned(corpus.schemes[task], _indicators(request), held_out, scores)

    return run


def _request(corpus: Corpus, task: str, tests: Tests) -> dict:
    judged, _ = indicators(corpus.split(*TRAIN_ON), corpus.schemes[task])
    folds = np.zeros(len(judged), dtype=int)
    splitter = KFold(5, shuffle=True, random_state=SEED)
    for number, (_, inside) in enumerate(splitter.split(folds)):
        folds[inside] = number
    return {
        "labels": list(corpus.schemes[task].label_ids),
        "train": [{"text": _text(a), "labels": list(a.labels[task])} for a in judged],
        "folds": folds.tolist(),
        "tests": {name: [_text(a) for a in articles] for name, articles in tests.items()},
    }


def _indicators(request: dict) -> np.ndarray:
    return np.array([[x in s["labels"] for x in request["labels"]] for s in request["train"]])


def _assigned(
    scheme: LabelScheme, y: np.ndarray, held_out: np.ndarray, scores: dict[str, np.ndarray]
) -> Assigned:
    """Give the most probable label, or those that pass the best threshold out of fold."""
    if scheme.kind == "single":
        return {name: s == s.max(axis=1, keepdims=True) for name, s in scores.items()}
    best = max(PEER_THRESHOLDS, key=lambda threshold: macro_f1(y, held_out >= threshold))
    return {name: s >= best for name, s in scores.items()}


def _row(task: str, method: str, scheme: LabelScheme, tests: Tests, assigned: Assigned) -> str:
    cells = []
    for name, articles in tests.items():
        _, y = indicators(articles, scheme)
        macro, micro = macro_f1(y, assigned[name]), micro_f1(y, assigned[name])
        low, high = bootstrap_interval(y, assigned[name], macro_f1)
        cells += [f"{macro:.3f} ({low:.3f} to {high:.3f})", f"{micro:.3f}"]
    return f"| {task} | {method} | " + " | ".join(cells) + " |"


def _govuk(benchmarks: Path | None, corpus: Corpus) -> Tests:
    path = benchmarks / "govuk_news" / "test.jsonl.gz" if benchmarks else None
    if path is None or not path.is_file():
        print("no real GOV.UK news: give --benchmarks FOLDER to score on it", file=sys.stderr)
        return {}
    with gzip.open(path) as lines:
        return {"real GOV.UK": [labelled_from_row(json.loads(x), corpus.schemes) for x in lines]}


def _text(article: LabelledArticle) -> str:
    return f"{article.headline}\n{article.body}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmarks", type=Path, help="folder of the benchmark data sets")
    parser.add_argument("--annif-python", type=Path, help="Python of an environment with Annif")
    parser.add_argument("--fasttext-python", type=Path, help="Python of one with fastText")
    return parser.parse_args()


if __name__ == "__main__":
    main()
