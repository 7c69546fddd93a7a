"""The contract that every classifier keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from newsclf.errors import ConfigError
from newsclf.records import Text
from newsclf.text.batch import TextBatch

Validation = tuple[Sequence[Text], ArrayLike]


class Classifier(ABC):
    """A method that learns the labels of one task.

    Constructors store what they are given, `fit` checks it and returns the classifier, and what
    was learned ends in an underscore, as in scikit-learn.

    Parameters
    ----------
    labels : sequence of str
        The labels, in the order of every column.
    multi_label : bool
        Whether an article may have any number of labels, or has exactly one.
    seed : int
        The same seed and data give the same classifier.

    Attributes
    ----------
    out_of_fold_ : ndarray of float64, shape (n_articles, n_labels)
        After `fit`: probabilities of the training articles, each from a model that did not see it.
        Thresholds and calibration are chosen on them.
    """

    out_of_fold_: NDArray[np.float64]

    def __init__(self, labels: Sequence[str], *, multi_label: bool = True, seed: int = 0) -> None:
        self.labels = tuple(labels)
        self.multi_label = multi_label
        self.seed = seed

    def fit(
        self,
        texts: Sequence[Text],
        y: ArrayLike,
        *,
        targets: Sequence[str] | None = None,
        valid: Validation | None = None,
    ) -> Self:
        """Learn from labelled articles.

        Parameters
        ----------
        texts : sequence of Text
            Headline and body of each article. A `TextBatch` shares its arrays among tasks.
        y : array-like of bool, shape (n_articles, n_labels)
            True where the article has the label.
        targets : sequence of str, optional
            What a stance is towards, for classifiers that read it.
        valid : (texts, y), optional
            Articles to stop early on, for classifiers that do.

        Raises
        ------
        ConfigError
            When shapes do not match, there is no article, or a single-label article does not have
            exactly one label.
        """
        self._fit(TextBatch.of(texts), self._checked(texts, y), targets, valid)
        return self

    @abstractmethod
    def predict_proba(
        self, texts: Sequence[Text], *, targets: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """Return each label's probability, shape (n_articles, n_labels).

        Rows of a single-label classifier sum to 1.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learned into an existing folder, without pickle."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the result predicts the same, to the bit."""

    @abstractmethod
    def _fit(
        self,
        texts: TextBatch,
        y: NDArray[np.bool_],
        targets: Sequence[str] | None,
        valid: Validation | None,
    ) -> None: ...

    def _parameters(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        return {
            "labels": list(self.labels),
            "multi_label": self.multi_label,
            "seed": self.seed,
        }

    def _checked(self, texts: Sequence[Text], y: ArrayLike) -> NDArray[np.bool_]:
        owner = type(self).__name__
        given = np.asarray(y, dtype=bool)
        expected = (len(texts), len(self.labels))
        if given.shape != expected:
            raise ConfigError(f"y of {owner}.fit must have the shape {expected}, not {given.shape}")
        if not len(texts):
            raise ConfigError(f"{owner}.fit needs at least one article")
        if not self.multi_label and not np.all(given.sum(axis=1) == 1):
            row = int(np.argmax(given.sum(axis=1) != 1))
            raise ConfigError(
                f"y of a single-label {owner}.fit must have one label a row; "
                f"row {row} has {given[row].sum()}"
            )
        return given
