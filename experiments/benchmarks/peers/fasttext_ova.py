"""fastText's one-vs-all classifier, as a peer: `python fasttext_ova.py REQUEST.json RESPONSE.json`.

The environment: `pip install fasttext-numpy2-wheel`, which is fastText built for numpy 2.

The settings are those that fastText's own tutorial ends on for several labels a text (learning
rate 0.5, bigrams, 200,000 buckets), with more epochs, as a few hundred stories need; one thread
makes a run repeatable. A story without any label is passed over in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import fasttext  # type: ignore[import-not-found]

import protocol

PREFIX = "__label__"
SETTINGS = {
    "loss": "ova",
    "lr": 0.5,
    "epoch": 50,
    "dim": 100,
    "wordNgrams": 2,
    "bucket": 200_000,
    "thread": 1,
    "seed": 0,
    "verbose": 0,
}


def fit(stories: Sequence[protocol.Story], labels: Sequence[str]) -> protocol.Scorer:
    """Train a model on the stories, whose labels it knows by their number."""
    tags = [f"{PREFIX}{number}" for number in range(len(labels))]
    tag_of = dict(zip(labels, tags, strict=True))
    with TemporaryDirectory() as folder:
        corpus = Path(folder) / "train.txt"
        corpus.write_text("".join(training_line(story, tag_of) for story in stories), encoding="utf-8")
        model = fasttext.train_supervised(str(corpus), **SETTINGS)

    def score(texts: Sequence[str]) -> protocol.Scores:
        predictions = zip(*model.predict([one_line(text) for text in texts], k=-1), strict=True)
        found = (dict(zip(known, map(float, scores), strict=True)) for known, scores in predictions)
        return [[row.get(tag, 0.0) for tag in tags] for row in found]

    return score


def training_line(story: protocol.Story, tag_of: dict[str, str]) -> str:
    """Write a story as fastText reads it: its labels and then its text, on one line."""
    return " ".join([*(tag_of[label] for label in story["labels"]), one_line(story["text"])]) + "\n"


def one_line(text: str) -> str:
    return " ".join(text.lower().split())


if __name__ == "__main__":
    protocol.run(f"fasttext {version('fasttext-numpy2-wheel')}", fit)
