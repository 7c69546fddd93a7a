"""What a benchmark asks of a peer, and what the peer answers: one JSON file each.

A peer is another text classifier that lives in an environment of its own, so it is run as a
script, `python PEER.py REQUEST.json RESPONSE.json`, and imports nothing but this module, which
needs only the standard library.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypedDict


class Story(TypedDict):
    """A training text with every label that it has, which may be none."""

    text: str
    labels: list[str]


class Request(TypedDict):
    """The stories to learn from, the fold that each is held out in, and named lists of texts."""

    labels: list[str]
    train: list[Story]
    folds: list[int]
    tests: dict[str, list[str]]


Scores = list[list[float]]
"""One row a text, one column a label in the order of the request; higher is likelier."""


class Response(TypedDict):
    """Scores for every story by a model that has not seen it, and for every test text.

    The seconds are those of one fit to all the stories and of scoring all the test texts.
    """

    version: str
    out_of_fold: Scores
    tests: dict[str, Scores]
    fit_seconds: float
    predict_seconds: float


Scorer = Callable[[Sequence[str]], Scores]
Fit = Callable[[Sequence[Story], Sequence[str]], Scorer]


def run(version: str, fit: Fit) -> None:
    """Answer the request that the command line names, with the models that `fit` trains."""
    parser = argparse.ArgumentParser()
    parser.add_argument("request", type=Path)
    parser.add_argument("response", type=Path)
    arguments = parser.parse_args()
    request: Request = json.loads(arguments.request.read_text(encoding="utf-8"))
    response = answer(request, version, fit)
    arguments.response.write_text(json.dumps(response), encoding="utf-8")


def answer(request: Request, version: str, fit: Fit) -> Response:
    """Score the training stories out of fold, and the tests by a model of all the stories."""
    started = perf_counter()
    score = fit(request["train"], request["labels"])
    fitted = perf_counter()
    tests = {name: score(texts) for name, texts in request["tests"].items()}
    scored = perf_counter()
    return {
        "version": version,
        "out_of_fold": out_of_fold(request, fit),
        "tests": tests,
        "fit_seconds": fitted - started,
        "predict_seconds": scored - fitted,
    }


def out_of_fold(request: Request, fit: Fit) -> Scores:
    """Score each story by a model fitted to the stories of the other folds."""
    placed = list(zip(request["train"], request["folds"], strict=True))
    scores: dict[int, list[float]] = {}
    for held_out in sorted(set(request["folds"])):
        score = fit([story for story, fold in placed if fold != held_out], request["labels"])
        inside = [index for index, (_, fold) in enumerate(placed) if fold == held_out]
        rows = score([placed[index][0]["text"] for index in inside])
        scores.update(zip(inside, rows, strict=True))
    return [scores[index] for index in range(len(placed))]
