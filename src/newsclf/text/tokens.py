"""Words as integers: a batch of texts tokenised by pyarrow's string kernels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from newsclf.text.arrow import numbers, picked, string_array

_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_")
_BLANK_ASCII = bytes(byte if byte in _WORD_BYTES or byte >= 0x80 else 0x20 for byte in range(256))
"""ASCII that is no lower-case word character becomes a blank; UTF-8 sequences stay as they are."""

_NO_WORD_BEYOND_ASCII = re.compile(r"[^\w\x00-\x7f]")


@dataclass(frozen=True)
class Tokens:
    """The words of a batch of texts, each distinct word once.

    Parameters
    ----------
    codes : ndarray of int32, shape (n_tokens,)
        For each token, in text order, its position in `words`.
    offsets : ndarray of int64, shape (n_texts + 1,)
        Text `i` has the tokens ``offsets[i]`` to ``offsets[i + 1]``.
    words : pyarrow.StringArray, shape (n_words,)
        The distinct words.
    """

    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]
    words: pa.StringArray

    def text_of_token(self) -> NDArray[np.int64]:
        """Return for each token the text that it is in, shape (n_tokens,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def stemmed(self) -> Tokens:
        """Return the same tokens with each word replaced by its English Snowball stem."""
        stems = _stemmer().stemWords(self.words.to_pylist())
        distinct = string_array([stem.encode() for stem in stems]).dictionary_encode()
        codes = numbers(distinct.indices).astype(np.int32)
        return Tokens(codes[self.codes], self.offsets, distinct.dictionary)


def tokenize(texts: Iterable[str]) -> Tokens:
    r"""Split texts into lower-case words of two characters or more.

    The words are those of scikit-learn's default ``token_pattern``, ``(?u)\b\w\w+\b``, after
    ``str.lower``.

    Parameters
    ----------
    texts : iterable of str
        Any Unicode, lone surrogates included.

    Returns
    -------
    Tokens
        One text for each that was given.

    Examples
    --------
    >>> tokens = tokenize(["A border, the Border!", "Überprüfung"])
    >>> tokens.words.to_pylist()
    ['border', 'the', 'überprüfung']
    >>> tokens.codes.tolist(), tokens.offsets.tolist()
    ([0, 1, 0, 2], [0, 3, 4])
    """
    words_by_text = pc.ascii_split_whitespace(_blanked(texts))
    tokens = pc.list_flatten(words_by_text)
    text = numbers(pc.list_parent_indices(words_by_text))
    long_enough = np.flatnonzero(numbers(pc.utf8_length(tokens)) > 1)
    encoded = picked(tokens, long_enough).dictionary_encode()
    counts = np.bincount(text[long_enough], minlength=len(words_by_text))
    return Tokens(
        numbers(encoded.indices).astype(np.int32),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        encoded.dictionary,
    )


def _blanked(texts: Iterable[str]) -> pa.LargeStringArray:
    return string_array([_lowered(text).encode().translate(_BLANK_ASCII) for text in texts])


def _lowered(text: str) -> str:
    lowered = text.lower()
    return lowered if lowered.isascii() else _NO_WORD_BEYOND_ASCII.sub(" ", lowered)


@cache
def _stemmer():  # type: ignore[no-untyped-def]  # PyStemmer has no type hints
    import Stemmer

    return Stemmer.Stemmer("english")
