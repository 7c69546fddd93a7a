"""A batch of texts that remembers the arrays made of it, so that all tasks share them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsclf.records import Text
from newsclf.text.static import StaticEncoder
from newsclf.text.tfidf import Tfidf
from newsclf.text.tokens import Tokens, tokenize

T = TypeVar("T")


class TextBatch(Sequence[Text]):
    """Texts, and the arrays that have been made of them.

    Parameters
    ----------
    texts : iterable of Text
        Headline and body of each article.

    Examples
    --------
    >>> batch = TextBatch([Text("Border force", "Officers searched a lorry.")])
    >>> batch.tokens().words.to_pylist()
    ['border', 'force', 'officers', 'searched', 'lorry']
    """

    def __init__(self, texts: Iterable[Text]) -> None:
        self._texts = tuple(texts)
        self._made: dict[Hashable, object] = {}

    @classmethod
    def of(cls, texts: Iterable[Text]) -> TextBatch:
        """Return `texts` itself when it is a batch already, else a batch of them."""
        return texts if isinstance(texts, TextBatch) else cls(texts)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | Sequence[Text]:
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)

    def tokens(self, *, stem: bool = False) -> Tokens:
        """Return the words of headline and body, stemmed if asked for."""
        if stem:
            return self._once("stems", lambda: self.tokens().stemmed())
        joined = (f"{headline}\n{body}" for headline, body in self._texts)
        return self._once("words", lambda: tokenize(joined))

    def tfidf(self, weighting: Tfidf, *, stem: bool = False) -> csr_array:
        """Return TF-IDF features, shape (n_texts, n_features)."""
        key = (weighting.fingerprint, stem)
        return self._once(key, lambda: weighting.transform(self.tokens(stem=stem)))

    def static(self, encoder: StaticEncoder) -> NDArray[np.float32]:
        """Return static embeddings, shape (n_texts, n_dimensions)."""
        return self._once(encoder.sha256, lambda: encoder.encode(self.tokens()))

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])
