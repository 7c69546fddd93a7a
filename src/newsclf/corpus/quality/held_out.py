"""Probabilities of labels, each from a model that did not learn from the article."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.sparse import csr_array
from scipy.special import expit

from newsclf.text.static import StaticEncoder
from newsclf.text.tfidf import Tfidf
from newsclf.text.tokens import tokenize

FOLDS = 5

_SKETCH = 1792
_PENALTY = 3.0
_LEARN_FROM = 10_000
_READ_CHARACTERS = 20_000
_BLOCK = 2000


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turns texts into short dense rows: static embeddings, and a sketch of TF-IDF.

    The sketch adds each word's weight, with a random sign, to one of 1,792 columns, which keeps
    inner products in expectation (count sketch; Weinberger and others 2009, Feature Hashing for
    Large Scale Multitask Learning).

    Parameters
    ----------
    tfidf : Tfidf
        Of single words.
    projection : csr_array, shape (n_features, 1792)
        A sign in each row.
    static : StaticEncoder
        The encoder that ships with newsclf.
    """

    tfidf: Tfidf
    projection: csr_array
    static: StaticEncoder

    @classmethod
    def fit(cls, texts: Sequence[str], *, seed: int = 0) -> Self:
        """Learn words and their weights from up to 10,000 of the texts, evenly drawn."""
        step = -(-len(texts) // _LEARN_FROM)
        tokens = tokenize(text[:_READ_CHARACTERS] for text in texts[:: max(step, 1)])
        tfidf = Tfidf.fit(tokens, min_df=min(2, len(texts)), longest=1)
        n_features = len(tfidf.ngrams)
        rng = np.random.default_rng(seed)
        signs = rng.choice(np.array([-1, 1], dtype=np.float32), n_features)
        columns = rng.integers(_SKETCH, size=n_features)
        rows = np.arange(n_features)
        projection = csr_array((signs, (rows, columns)), shape=(n_features, _SKETCH))
        return cls(tfidf, projection, StaticEncoder.shipped())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Encode the first 20,000 characters of each text.

        Returns
        -------
        ndarray of float16, shape (n_texts, n_columns)
            The sketch, the embedding, and a column of ones for the intercept.
        """
        width = _SKETCH + self.static.dimensions + 1
        encoded = np.ones((len(texts), width), dtype=np.float16)
        for start in range(0, len(texts), _BLOCK):
            block = texts[start : start + _BLOCK]
            tokens = tokenize(text[:_READ_CHARACTERS] for text in block)
            rows = encoded[start : start + _BLOCK]
            rows[:, :_SKETCH] = (self.tfidf.transform(tokens) @ self.projection).toarray()
            rows[:, _SKETCH:-1] = self.static.encode(tokens)
        return encoded


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out probabilities, and the models that they come from.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_articles, n_labels)
        Calibrated; rows sum to 1 where an article has exactly one label.
    weights : ndarray of float32, shape (FOLDS, n_columns, n_labels)
        Of the model that did not learn from a fold.
    """

    probabilities: NDArray[np.float64]
    weights: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        encoded: NDArray[np.float16],
        y: NDArray[np.bool_],
        fold: NDArray[np.int64],
        *,
        multi_label: bool,
    ) -> Self:
        """Fit a ridge regression for each fold, and calibrate what they say of it.

        The normal equations are summed up fold by fold, so leaving a fold out is a subtraction
        and one solution serves all labels: many labels cost little more than one.

        Parameters
        ----------
        encoded : ndarray of float16, shape (n_articles, n_columns)
            What `Encoder.encode` returned.
        y : ndarray of bool, shape (n_articles, n_labels)
            Their labels.
        fold : ndarray of int64, shape (n_articles,)
            Below `FOLDS`; near duplicates belong in the same one, or they hide each other's
            errors.
        multi_label : bool
            Whether an article may have any number of labels, or has exactly one.

        References
        ----------
        J. Platt (1999), Probabilistic Outputs for Support Vector Machines, for the calibration.
        """
        sums = [_normal_equations(encoded, y, np.flatnonzero(fold == k)) for k in range(FOLDS)]
        gram = sum(gram for gram, _ in sums) + _PENALTY * np.eye(encoded.shape[1], dtype=np.float32)
        moments = sum(moments for _, moments in sums)
        scores = np.zeros(y.shape)
        weights = []
        for k, (own_gram, own_moments) in enumerate(sums):
            weights.append(solve(gram - own_gram, moments - own_moments, assume_a="pos"))
            for rows in _blocks(np.flatnonzero(fold == k)):
                scores[rows] = encoded[rows].astype(np.float32) @ weights[k]
        probabilities = _calibrated(scores, y)
        if not multi_label:
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return cls(probabilities, np.stack(weights))

    def scorer(
        self, encoder: Encoder, fold: NDArray[np.int64]
    ) -> Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float32]]:
        """Return a function that scores pieces of articles, as their held-out models do.

        It takes the pieces and, for each, the row of the article that it is from, and returns
        scores of shape (n_pieces, n_labels).
        """

        def score(pieces: Sequence[str], article: NDArray[np.int64]) -> NDArray[np.float32]:
            encoded = encoder.encode(pieces).astype(np.float32)
            scores = np.empty((len(pieces), self.weights.shape[2]), dtype=np.float32)
            for k, weights in enumerate(self.weights):
                rows = fold[article] == k
                scores[rows] = encoded[rows] @ weights
            return scores

        return score


def draw_folds(cluster: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.int64]:
    """Deal clusters of articles out to folds at random.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n_articles,)
        Articles with the same number come into the same fold.
    seed : int
        The same seed gives the same folds.
    """
    known, which = np.unique(cluster, return_inverse=True)
    fold_of_cluster = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    return fold_of_cluster[which]


def _normal_equations(
    encoded: NDArray[np.float16], y: NDArray[np.bool_], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    width = encoded.shape[1]
    gram = np.zeros((width, width), dtype=np.float32)
    moments = np.zeros((width, y.shape[1]), dtype=np.float32)
    for block in _blocks(rows):
        X = encoded[block].astype(np.float32)
        gram += X.T @ X
        moments += X.T @ y[block].astype(np.float32)
    return gram, moments


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _calibrated(scores: NDArray[np.float64], y: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit a logistic curve of slope 0 or more to each column, by Newton's method."""
    positive = y.sum(axis=0)
    negative = len(y) - positive
    target = np.where(y, (positive + 1) / (positive + 2), 1 / (negative + 2))
    slope = np.full(y.shape[1], 5.0)
    intercept = np.log((positive + 1) / (negative + 1)) - slope * scores.mean(axis=0)
    for _ in range(50):
        p = expit(slope * scores + intercept)
        error, weight = p - target, p * (1 - p)
        g0, g1 = error.sum(axis=0), (error * scores).sum(axis=0)
        h00 = weight.sum(axis=0) + 1e-9
        h01 = (weight * scores).sum(axis=0)
        h11 = (weight * scores**2).sum(axis=0) + 1e-6
        determinant = h00 * h11 - h01**2
        step = (h00 * g1 - h01 * g0) / determinant
        # a long step may overshoot where the curve is flat
        damping = np.minimum(1, 20 / np.maximum(np.abs(step), 1e-9))
        slope = slope - damping * step
        intercept = intercept - damping * (h11 * g0 - h01 * g1) / determinant
    base = (positive + 1) / (len(y) + 2)
    return np.asarray(np.where(slope > 0, expit(slope * scores + intercept), base))
