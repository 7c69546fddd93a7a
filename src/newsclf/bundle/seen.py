"""Which articles a bundle has seen, in training or calibration, without their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from newsclf.errors import BundleError
from newsclf.records import Article
from newsclf.text.fingerprint import fingerprint

_FILE = "seen.safetensors"
_NONE = np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class Seen:
    """Fingerprints of articles.

    Parameters
    ----------
    fingerprints : ndarray of uint64, shape (n_articles,)
        Sorted, each once.
    """

    fingerprints: NDArray[np.uint64] = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, articles: Iterable[Article]) -> Self:
        """Remember articles."""
        return cls(np.unique(_fingerprints(articles)))

    def and_also(self, articles: Iterable[Article]) -> Self:
        """Remember further articles."""
        return type(self)(np.union1d(self.fingerprints, _fingerprints(articles)))

    def among(self, articles: Iterable[Article]) -> NDArray[np.bool_]:
        """Return which articles were seen: read the same but for case and white space."""
        return np.isin(_fingerprints(articles), self.fingerprints)

    def save(self, folder: Path) -> None:
        """Write the fingerprints into a bundle's folder."""
        save_file({"fingerprints": self.fingerprints}, folder / _FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the fingerprints; a bundle of format 1 has none.

        Raises
        ------
        BundleError
            When the file holds something else.
        """
        if not (folder / _FILE).exists():
            return cls()
        try:
            found = load_file(folder / _FILE)["fingerprints"]
        except (SafetensorError, KeyError, OSError) as error:
            raise BundleError(f"{folder / _FILE} holds no fingerprints: {error}") from None
        if found.dtype != np.uint64 or found.ndim != 1:
            raise BundleError(f"{folder / _FILE} holds no fingerprints")
        return cls(found)


def _fingerprints(articles: Iterable[Article]) -> NDArray[np.uint64]:
    texts = (f"{article.headline}\n{article.body}" for article in articles)
    return np.array([int.from_bytes(fingerprint(text)[:8], "big") for text in texts], np.uint64)
