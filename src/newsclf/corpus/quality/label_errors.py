"""Labels that a model which did not see them finds hard to believe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newsclf.corpus.quality.findings import Cell, Finding, Severity
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

FEWEST = 10
"""Articles that have a label, and that lack it, before it is judged."""

LEAST_PROBABLE = 0.8
"""Probability from which a label that was not given is missed."""

SMALLEST_FACTOR = 2.0
"""How many times lower a given label's odds must be than in the corpus at large. Without it a
model that knows little would doubt whatever it cannot explain."""

MOST_EXPLAINED = 1000
"""Suspects of a task that are given a sentence."""

COLUMNS = ("task", "article", "headline", "label", "given", "probability", "rather", "sentence")
"""Of the report's table of suspects."""

_READ_CHARACTERS = 20_000
_MOST_SENTENCES = 100
_SHOWN_CHARACTERS = 300

Score = Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is doubtful.

    Parameters
    ----------
    article, label : int
        Row and column.
    given : bool
        Whether the article has the label, or lacks it.
    probability : float
        That the article should have it.
    instead : int, optional
        The likeliest label, where an article has exactly one.
    """

    article: int
    label: int
    given: bool
    probability: float
    instead: int | None = None

    @property
    def quality(self) -> float:
        """Probability of what was given; the suspects with the lowest come first."""
        return self.probability if self.given else 1 - self.probability

    def is_denied(self, share: float) -> bool:
        """Say whether the model denies what was given, where a share of articles has the label."""
        if not self.given:
            return self.probability >= LEAST_PROBABLE
        odds = self.probability / (1 - self.probability)
        return odds * SMALLEST_FACTOR <= share / (1 - share)


def find_label_errors(
    y: NDArray[np.bool_], probabilities: NDArray[np.float64], *, multi_label: bool
) -> list[Suspect]:
    """Find labels that are doubtful, by confident learning.

    Of what confident learning points at, only that is kept which the model denies with some force:
    see `LEAST_PROBABLE` and `SMALLEST_FACTOR`.

    Parameters
    ----------
    y : ndarray of bool, shape (n_articles, n_labels)
        The labels. Those that fewer than `FEWEST` articles have, or lack, are not judged.
    probabilities : ndarray of float64, shape (n_articles, n_labels)
        By models that did not learn from the article.
    multi_label : bool
        Whether an article may have any number of labels, or has exactly one.

    Returns
    -------
    list of Suspect
        The most doubtful first.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang (2021), Confident Learning: Estimating Uncertainty in
    Dataset Labels, Journal of Artificial Intelligence Research 70. As implemented by cleanlab.
    """
    common = np.flatnonzero((y.sum(axis=0) >= FEWEST) & ((~y).sum(axis=0) >= FEWEST))
    find = _wrong_cells if multi_label else _wrong_rows
    found = find(y[:, common], probabilities[:, common], common)
    suspects = [suspect for suspect in found if suspect.is_denied(y[:, suspect.label].mean())]
    return sorted(suspects, key=lambda suspect: (suspect.quality, suspect.article, suspect.label))


def sentences_against(
    bodies: Sequence[str], suspects: Sequence[Suspect], score: Score
) -> list[str]:
    """Return for each suspect the sentence that speaks most against what was given.

    Parameters
    ----------
    bodies : sequence of str
        Of all articles; suspects point into them.
    suspects : sequence of Suspect
        What `find_label_errors` returned, or the first of it.
    score : callable
        Takes sentences and, for each, the row of its article; returns scores of shape
        (n_sentences, n_labels), higher where a label is likelier.

    Returns
    -------
    list of str
        Empty where a body has no sentence. Sentences are looked for in the first 20,000
        characters and cut to 300.
    """
    from nupunkt import sent_tokenize

    split: dict[int, list[str]] = {}
    for suspect in suspects:
        if suspect.article not in split:
            found = sent_tokenize(bodies[suspect.article][:_READ_CHARACTERS])[:_MOST_SENTENCES]
            split[suspect.article] = [str(part).strip() for part in found if str(part).strip()]
    sentences = [sentence for found in split.values() for sentence in found]
    if not sentences:
        return ["" for _ in suspects]
    lengths = [len(found) for found in split.values()]
    scores = score(sentences, np.repeat(np.array(list(split)), lengths))
    ends = dict(zip(split, np.cumsum(lengths).tolist(), strict=True))
    return [
        _worst(suspect, split[suspect.article], scores[: ends[suspect.article]])
        for suspect in suspects
    ]


def suspect_findings(
    articles: Sequence[LabelledArticle], scheme: LabelScheme, suspects: Sequence[Suspect]
) -> Iterator[Finding]:
    """Report how many labels of a task are doubtful."""
    if suspects:
        ids = list(dict.fromkeys(articles[suspect.article].id for suspect in suspects))
        message = (
            f"{len(suspects):,} {scheme.name} labels are doubtful: a model that did not see them "
            "speaks against them; look at the most doubtful first"
        )
        yield Finding(
            Severity.WARNING,
            "label_error",
            message,
            tuple(ids[:20]),
            len(suspects),
            scheme.name,
        )


def suspect_rows(
    articles: Sequence[LabelledArticle],
    scheme: LabelScheme,
    suspects: Sequence[Suspect],
    sentences: Sequence[str],
) -> list[tuple[Cell, ...]]:
    """Return rows of the report's table of suspects; sentences may be fewer."""
    names = scheme.label_ids
    padded = [*sentences, *[""] * (len(suspects) - len(sentences))]
    return [
        (
            scheme.name,
            articles[suspect.article].id,
            articles[suspect.article].headline[:120],
            names[suspect.label],
            suspect.given,
            round(suspect.probability, 4),
            None if suspect.instead is None else names[suspect.instead],
            sentence,
        )
        for suspect, sentence in zip(suspects, padded, strict=True)
    ]


def _wrong_cells(
    y: NDArray[np.bool_], p: NDArray[np.float64], labels: NDArray[np.intp]
) -> Iterator[Suspect]:
    from cleanlab.filter import find_label_issues

    for column, label in enumerate(labels.tolist()):
        both = np.stack([1 - p[:, column], p[:, column]], axis=1)
        wrong = find_label_issues(y[:, column].astype(np.int64), both, n_jobs=1)
        for row in np.flatnonzero(wrong).tolist():
            yield Suspect(row, label, bool(y[row, column]), float(p[row, column]))


def _wrong_rows(
    y: NDArray[np.bool_], p: NDArray[np.float64], labels: NDArray[np.intp]
) -> Iterator[Suspect]:
    from cleanlab.filter import find_label_issues

    judged = np.flatnonzero(y.any(axis=1))
    if len(labels) < 2:
        return
    given = y[judged].argmax(axis=1)
    share = p[judged] / p[judged].sum(axis=1, keepdims=True)
    wrong = find_label_issues(given, share, n_jobs=1)
    for place in np.flatnonzero(wrong).tolist():
        column, rather = int(given[place]), int(share[place].argmax())
        probability = float(share[place, column])
        row, instead = int(judged[place]), int(labels[rather])
        yield Suspect(row, int(labels[column]), True, probability, instead)


def _worst(suspect: Suspect, sentences: list[str], scores: NDArray[np.float32]) -> str:
    """Return the sentence that is furthest from what was given; `scores` end with its article's."""
    if not sentences:
        return ""
    own = scores[-len(sentences) :]
    for_label = own[:, suspect.label]
    against = -for_label if suspect.given else for_label
    if suspect.instead is not None:
        against = own[:, suspect.instead] - for_label
    return sentences[int(against.argmax())][:_SHOWN_CHARACTERS]
