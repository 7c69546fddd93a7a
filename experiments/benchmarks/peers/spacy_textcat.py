"""spaCy's text categoriser, as a peer: `python spacy_textcat.py REQUEST.json RESPONSE.json`.

The environment: `pip install spacy`. The component is `textcat_multilabel` as it comes, an ensemble
of a bag of words and a convolutional network, trained for ten rounds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib.metadata import version

import protocol
import spacy  # type: ignore[import-not-found]
from spacy.training import Example  # type: ignore[import-not-found]
from spacy.util import fix_random_seed, minibatch  # type: ignore[import-not-found]

ROUNDS = 10
BATCH = 16


def fit(stories: Sequence[protocol.Story], labels: Sequence[str]) -> protocol.Scorer:
    """Train a pipeline of the one component."""
    fix_random_seed(0)
    order = random.Random(0)
    nlp = spacy.blank("en")
    categoriser = nlp.add_pipe("textcat_multilabel")
    for label in labels:
        categoriser.add_label(label)
    examples = [
        Example.from_dict(
            nlp.make_doc(story["text"]),
            {"cats": {label: label in story["labels"] for label in labels}},
        )
        for story in stories
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(ROUNDS):
        order.shuffle(examples)
        for batch in minibatch(examples, size=BATCH):
            nlp.update(batch, sgd=optimizer)

    def score(texts: Sequence[str]) -> protocol.Scores:
        return [[doc.cats[label] for label in labels] for doc in nlp.pipe(texts, batch_size=64)]

    return score


if __name__ == "__main__":
    protocol.run(f"spacy {version('spacy')}", fit)
