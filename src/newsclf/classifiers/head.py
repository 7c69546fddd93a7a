"""The part of a linear classifier that predicts: weights, intercepts, and how they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, softmax

Features = csr_array | NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """Weights that turn features into probabilities.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (n_features, n_labels)
        One column a label.
    intercepts : ndarray of float64, shape (n_labels,)
        Minus infinity for a class that no training article had.
    multi_label : bool
        A logistic function a label, or one softmax over all.
    """

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    multi_label: bool

    def probabilities(self, blocks: Iterable[Features]) -> NDArray[np.float64]:
        """Return probabilities, shape (n_texts, n_labels).

        Parameters
        ----------
        blocks : iterable of csr_array or ndarray, shape (n_texts, n_columns)
            The features in blocks of columns, in the order of the coefficients' rows.
        """
        logits: NDArray[np.float64] = self.intercepts
        start = 0
        for block in blocks:
            stop = start + block.shape[1]
            logits = logits + block @ self.coefficients[start:stop]
            start = stop
        return expit(logits) if self.multi_label else softmax(logits, axis=1)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the arrays to store."""
        return {"coefficients": self.coefficients, "intercepts": self.intercepts}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.float64]], *, multi_label: bool
    ) -> LogisticHead:
        """Rebuild a head from the arrays that it stored."""
        return cls(arrays["coefficients"], arrays["intercepts"], multi_label)
