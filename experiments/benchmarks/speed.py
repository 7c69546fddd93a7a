"""Speed of batch tagging against scikit-learn on the same articles, in one run.

::

    python experiments/benchmarks/speed.py [--articles 20000] [--memory-articles 200000]
        [--repeats 3] [--annif-python PATH] [--fasttext-python PATH] [--spacy-python PATH]

Articles of about 2 KB are put together from sentences of the shipped corpus. The sklearn side is
what people build first: a TfidfVectorizer and a one-vs-rest logistic regression for each of the
three tasks, run one after another with joblib over two processes, on texts already in memory and
without JSON. Its vectorisers and weights are those of the ``linear`` bundle (trained without stems,
which would only slow sklearn down), so predictions must be equal, and are checked. Our side is
``newsclf tag`` from a file to a file, two processes. Each is timed three times after a warm-up, and
medians are given. Peers live in environments of their own, learn the labels of all tasks at once,
and score texts in memory in one process, once; their rate is doubled, as if a second process
cost nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import psutil
from joblib import Parallel, delayed
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from newsclf.bundle import Bundle, load, read_manifest
from newsclf.classifiers.head import LogisticHead
from newsclf.classifiers.linear import Linear
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, read_corpus
from newsclf.files import sha256_of, shipped_data
from newsclf.records import Article
from newsclf.tag.chunks import Chunk
from newsclf.tag.done import Model, Work
from newsclf.tag.outputs import Layout
from newsclf.tag.pipeline import tag_files
from newsclf.tag.worker import tag_chunk
from newsclf.train import train

PROCESSES = 2
REPEATS = 3
BATCH = 500
CHARACTERS = 2000


def main() -> None:
    """Time everything and print the results as Markdown."""
    options = _options()
    corpus = read_corpus(shipped_data() / "govnews")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        articles = synthetic(corpus, options.articles)
        source = written(articles, folder / "articles.jsonl")
        bundles = {kind: trained(kind, corpus, folder) for kind in ("linear", "hybrid")}
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {PROCESSES} processes")
        print("\n| what | articles a second | times scikit-learn |\n| --- | --- | --- |")
        linear = load(bundles["linear"])
        texts = [f"{a.headline}\n{a.body}" for a in articles]
        base = rate(len(texts), lambda: sklearn_assigned(linear, texts), options.repeats)
        print(f"| scikit-learn, three pipelines | {base:,.0f} | 1.0 |", flush=True)
        for kind, bundle in bundles.items():
            target = folder / f"{kind}.jsonl"
            run = partial(run_tagger, source, bundle, target)
            ours = rate(len(texts), run, options.repeats)
            print(f"| newsclf tag, {kind} | {ours:,.0f} | {ours / base:.1f} |", flush=True)
        for script, python in peers(options).items():
            name, theirs = peer_rate(python, script, corpus, texts[: options.peer_articles], folder)
            print(f"| {name} | {theirs:,.0f} | {theirs / base:.1f} |", flush=True)
        check_equal(linear, texts[:2000], articles[:2000])
        print("\nPredictions of scikit-learn and of the linear bundle on 2,000 articles: equal")
        overhead(bundles["hybrid"], source, articles)
        bundle_figures(bundles["hybrid"])
        for count in (10_000, options.memory_articles):
            memory(corpus, bundles["hybrid"], folder, count)


def synthetic(corpus: Corpus, count: int) -> list[Article]:
    """Return articles of about `CHARACTERS` characters made of the corpus's sentences."""
    draw = random.Random(0)
    sentences = [s for a in corpus.articles for s in a.body.replace("\n", " ").split(". ") if s]
    articles = []
    for number in range(count):
        body = ""
        while len(body) < CHARACTERS:
            body += draw.choice(sentences) + ". "
        articles.append(Article(str(number), draw.choice(corpus.articles).headline, body))
    return articles


def written(articles: Sequence[Article], path: Path) -> Path:
    """Write articles as JSONL."""
    with path.open("w", encoding="utf-8") as file:
        for a in articles:
            file.write(json.dumps({"id": a.id, "headline": a.headline, "body": a.body}) + "\n")
    return path


def trained(kind: str, corpus: Corpus, folder: Path) -> Path:
    """Train a bundle of one kind of classifier for all tasks."""
    options = {"stemming": "never"} if kind == "linear" else {}
    tasks = {task: TaskConfig(classifier=kind, options=options) for task in corpus.schemes}
    config = RunConfig(name=kind, corpus=folder, train_on=("train", "valid"), seed=13, tasks=tasks)
    train(config, corpus).save(folder / kind)
    return folder / kind


def rate(count: int, run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median rate of some runs after a warm-up; a single run has none."""
    if repeats > 1:
        run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return count / statistics.median(seconds)


def run_tagger(source: Path, bundle: Path, output: Path) -> None:
    """Tag from file to file."""
    tag_files([source], [bundle], output, force=True, jobs=PROCESSES)


def peers(options: argparse.Namespace) -> dict[str, Path]:
    """Return the peers' scripts that an environment was given for."""
    given = {
        "fasttext_ova.py": options.fasttext_python,
        "annif_omikuji.py": options.annif_python,
        "spacy_textcat.py": options.spacy_python,
    }
    return {script: python for script, python in given.items() if python is not None}


def peer_rate(
    python: Path, script: str, corpus: Corpus, texts: Sequence[str], folder: Path
) -> tuple[str, float]:
    """Train a peer on all tasks' labels, and return its version and twice its rate."""
    stories = corpus.split("train", "valid")
    train = [
        {
            "text": f"{story.headline}\n{story.body}",
            "labels": [f"{task}:{one}" for task, given in story.labels.items() for one in given],
        }
        for story in stories
    ]
    labels = sorted({label for story in train for label in story["labels"]})
    folds = [row % 2 for row in range(len(train))]
    request = {"labels": labels, "train": train, "folds": folds, "tests": {"texts": list(texts)}}
    asked, answered = folder / "request.json", folder / "response.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    program = Path(__file__).parent / "peers" / script
    subprocess.run(
        [str(python), str(program), str(asked), str(answered)], check=True, capture_output=True
    )
    response = json.loads(answered.read_text(encoding="utf-8"))
    return response["version"], PROCESSES * len(texts) / response["predict_seconds"]


def sklearn_assigned(bundle: Bundle, texts: Sequence[str]) -> list[np.ndarray]:
    """Tag with three scikit-learn pipelines, one after another, each over two processes."""
    return [_sklearn_task(bundle, task, texts) for task in bundle.tasks]


def _sklearn_task(bundle: Bundle, task: str, texts: Sequence[str]) -> np.ndarray:
    model = bundle.tasks[task]
    classifier = cast("Linear", model.classifier)
    vectoriser = _vectoriser(classifier)
    run = Parallel(n_jobs=PROCESSES)
    parts = run(
        delayed(_sklearn_logits)(vectoriser, classifier.head_, texts[start : start + BATCH])
        for start in range(0, len(texts), BATCH)
    )
    logits = np.concatenate(parts)
    multi = classifier.multi_label
    raw = expit(logits) if multi else softmax(logits, axis=1)
    return model.assigned(model.calibrated(raw))


def _vectoriser(classifier: Linear) -> TfidfVectorizer:
    features = classifier.tfidf_.features()
    vectoriser = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        vocabulary=features,
    )
    vectoriser.idf_ = classifier.tfidf_.idf
    return vectoriser


def _sklearn_logits(
    vectoriser: TfidfVectorizer, head: LogisticHead, texts: Sequence[str]
) -> np.ndarray:
    return vectoriser.transform(texts) @ head.coefficients + head.intercepts


def check_equal(bundle: Bundle, texts: Sequence[str], articles: Sequence[Article]) -> None:
    """Stop unless both sides assign the same labels."""
    theirs = sklearn_assigned(bundle, texts)
    ours = bundle.probabilities(articles)
    for (task, probabilities), expected in zip(ours.items(), theirs, strict=True):
        if not np.array_equal(bundle.tasks[task].assigned(probabilities), expected):
            sys.exit(f"predictions differ for {task}")


def overhead(model: Path, source: Path, articles: Sequence[Article]) -> None:
    """Print the share of reading, JSON and writing in the time of tagging, in one process."""
    lines = source.read_bytes().splitlines(keepends=True)[:5000]
    bundle = load(model)
    chunks = [Chunk("", 1, lines[start : start + 512]) for start in range(0, len(lines), 512)]
    work = Work(
        Path(),
        (Model(model, sha256_of(model / "bundle.json")),),
        Layout.of([read_manifest(model)]),
    )
    whole = rate(len(lines), lambda: [tag_chunk(chunk, work) for chunk in chunks])
    cut = [articles[start : start + 512] for start in range(0, len(lines), 512)]
    scoring = rate(len(lines), lambda: [bundle.probabilities(part) for part in cut])
    share = 1 - whole / scoring
    print(f"\nReading, JSON and records: {share:.0%} of the time of tagging with hybrid")


def bundle_figures(model: Path) -> None:
    """Print a bundle's size and the time to load it in a process that has imported newsclf."""
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    script = (
        "import sys, time; from pathlib import Path; from newsclf.bundle import load; "
        "import newsclf.classifiers.linear; s = time.perf_counter(); load(Path(sys.argv[1])); "
        "print(time.perf_counter() - s)"
    )
    runs = [
        float(subprocess.check_output([sys.executable, "-c", script, str(model)]))
        for _ in range(REPEATS)
    ]
    print(f"Hybrid bundle: {size / 1e6:.1f} MB, loaded in {statistics.median(runs):.2f} s")


def memory(corpus: Corpus, model: Path, folder: Path, count: int) -> None:
    """Print the peak memory of ``newsclf tag``, its workers included, and its rate."""
    source = folder / "memory.jsonl"
    with source.open("w", encoding="utf-8") as file:
        some = [
            json.dumps({"id": a.id, "headline": a.headline, "body": a.body})
            for a in synthetic(corpus, 2000)
        ]
        file.writelines(some[number % len(some)] + "\n" for number in range(count))
    command = [sys.executable, "-m", "newsclf", "tag", str(source), "--model", str(model)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--output", str(folder / "m.jsonl"), "--force", "-q"])
    peak = peak_memory(process)
    per_second = count / (time.perf_counter() - start)
    print(
        f"Tagging {count:,} articles with hybrid: at most {peak / 1e6:.0f} MB in all processes, "
        f"{per_second:,.0f} a second, start included"
    )


def peak_memory(process: subprocess.Popen[bytes]) -> int:
    """Return the largest sum of resident, unshared memory of a process and its children."""
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(member.memory_full_info().pss for member in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.2)
    return peak


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--memory-articles", type=int, default=200_000)
    parser.add_argument("--peer-articles", type=int, default=2_000)
    for peer in ("annif", "fasttext", "spacy"):
        parser.add_argument(f"--{peer}-python", type=Path, help=f"of an environment with {peer}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
