"""The baseline that reads nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from newsclf.classifiers.base import Classifier, Validation
from newsclf.records import Text
from newsclf.text.batch import TextBatch


class Dummy(Classifier):
    """Gives each article every label with the share of training articles that had it.

    A single-label task therefore gets its majority label. Any classifier worth its cost is
    better than this one.

    Examples
    --------
    >>> texts = [Text("a", ""), Text("b", "")]
    >>> Dummy(["x", "y"]).fit(texts, [[1, 0], [1, 1]]).predict_proba(texts[:1]).tolist()
    [[1.0, 0.5]]
    """

    shares_: NDArray[np.float64]

    def _fit(
        self,
        texts: TextBatch,
        y: NDArray[np.bool_],
        targets: Sequence[str] | None,
        valid: Validation | None,
    ) -> None:
        self.shares_ = y.mean(axis=0)
        others = max(len(y) - 1, 1)
        self.out_of_fold_ = (y.sum(axis=0) - y) / others

    def predict_proba(
        self,
        texts: Sequence[Text],
        *,
        targets: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """Return the same shares for every text."""
        return np.tile(self.shares_, (len(texts), 1))

    def save(self, folder: Path) -> None:
        """Write ``classifier.json``."""
        state = {"parameters": self._parameters(), "shares": self.shares_.tolist()}
        (folder / "classifier.json").write_text(json.dumps(state), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``classifier.json``."""
        state = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        classifier = cls(**state["parameters"])
        classifier.shares_ = np.array(state["shares"])
        return classifier
