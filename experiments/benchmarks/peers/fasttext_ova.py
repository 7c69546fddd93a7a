"""fastText's one-vs-all classifier, as a peer: `python fasttext_ova.py REQUEST.json RESPONSE.json`.

The environment: `pip install fasttext-numpy2-wheel`, which is fastText built for numpy 2.

Text is prepared and the model set as in fastText's own tutorial for several labels a text (lower
case, punctuation apart, learning rate 0.5, bigrams), but with more epochs, as a few hundred
stories need. A story without any label is passed over in training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import fasttext  # type: ignore[import-not-found]
import protocol

# One thread makes a run repeatable, but fastText then sets only a tenth of its input table and
# leaves the rest as the allocator gave it: zeros if the table is large, perhaps NaN if it is not.
# The buckets keep it large.
SETTINGS = {
    "loss": "ova",
    "lr": 0.5,
    "epoch": 200,
    "dim": 100,
    "wordNgrams": 2,
    "bucket": 200_000,
    "thread": 1,
    "seed": 0,
    "verbose": 0,
}


def fit(stories: Sequence[protocol.Story], labels: Sequence[str]) -> protocol.Scorer:
    """Train a model on the stories, whose labels it knows by their number."""
    tags = [f"__label__{number}" for number in range(len(labels))]
    tag_of = dict(zip(labels, tags, strict=True))
    with TemporaryDirectory() as folder:
        corpus = Path(folder) / "train.txt"
        lines = (training_line(story, tag_of) for story in stories)
        corpus.write_text("".join(lines), encoding="utf-8")
        model = fasttext.train_supervised(str(corpus), **SETTINGS)

    def score(texts: Sequence[str]) -> protocol.Scores:
        predictions = zip(*model.predict([one_line(text) for text in texts], k=-1), strict=True)
        found = (dict(zip(known, map(float, scores), strict=True)) for known, scores in predictions)
        return [[row.get(tag, 0.0) for tag in tags] for row in found]

    return score


def training_line(story: protocol.Story, tag_of: Mapping[str, str]) -> str:
    """Write a story as fastText reads it: its labels and then its text, on one line."""
    return " ".join([*(tag_of[label] for label in story["labels"]), one_line(story["text"])]) + "\n"


def one_line(text: str) -> str:
    """Write a text in lower case on one line, with spaces around punctuation."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


if __name__ == "__main__":
    protocol.run(f"fasttext-numpy2-wheel {version('fasttext-numpy2-wheel')}", fit)
