"""TF-IDF over word n-grams, equal to scikit-learn's ``TfidfVectorizer`` and faster."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsclf.text.arrow import numbers, string_array
from newsclf.text.tokens import Tokens

_NO_WORD = -1


@dataclass(frozen=True)
class Tfidf:
    """A fitted TF-IDF weighting of words and pairs of adjacent words.

    Term frequency is ``1 + ln(tf)``, document frequency is smoothed, rows have unit length:
    scikit-learn's ``TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)``, with the same columns
    in the same order.

    Parameters
    ----------
    words : tuple of str
        The words that occur in any feature, sorted.
    ngrams : ndarray of int32, shape (n_features, 2)
        For each feature its first word and its second, or -1 where it is a single word, as
        positions in `words`.
    idf : ndarray of float64, shape (n_features,)
        Inverse document frequencies.

    Examples
    --------
    >>> from newsclf.text.tokens import tokenize
    >>> tokens = tokenize(["border police", "border force"])
    >>> tfidf = Tfidf.fit(tokens, min_df=1)
    >>> tfidf.features()
    ['border', 'border force', 'border police', 'force', 'police']
    >>> tfidf.transform(tokens).shape
    (2, 5)
    """

    words: tuple[str, ...]
    ngrams: NDArray[np.int32]
    idf: NDArray[np.float64]

    @classmethod
    def fit(cls, tokens: Tokens, *, min_df: int = 2, longest: int = 2) -> Self:
        """Learn the vocabulary and the document frequencies of a batch.

        Parameters
        ----------
        tokens : Tokens
            The training texts.
        min_df : int
            Fewest texts that a feature must occur in.
        longest : int
            1 for single words, 2 for pairs of adjacent words too.
        """
        text = tokens.text_of_token()
        singles = tokens.codes.astype(np.int64)
        pairs, text_of_pair = _adjacent(singles, text, len(tokens.words))
        if longest == 1:
            pairs, text_of_pair = pairs[:0], text_of_pair[:0]
        n_texts = len(tokens.offsets) - 1
        single_keys, single_df = _document_frequency(singles, text, n_texts, min_df)
        pair_keys, pair_df = _document_frequency(pairs, text_of_pair, n_texts, min_df)
        first, second = np.divmod(pair_keys, max(len(tokens.words), 1))
        ngrams = np.concatenate(
            [
                np.stack([single_keys, np.full_like(single_keys, _NO_WORD)], axis=1),
                np.stack([first, second], axis=1),
            ]
        )
        frequency = np.concatenate([single_df, pair_df])
        idf = np.log((1 + n_texts) / (1 + frequency)) + 1
        return cls._sorted(ngrams, idf, tokens.words.to_pylist())

    @classmethod
    def _sorted(cls, ngrams: NDArray[np.int64], idf: NDArray[np.float64], words: list[str]) -> Self:
        used = sorted({words[code] for code in ngrams.ravel() if code != _NO_WORD})
        position = {word: index for index, word in enumerate(used)}
        recode = np.array([position.get(word, _NO_WORD) for word in words] + [_NO_WORD])
        names = [_name(pair, words) for pair in ngrams.tolist()]
        order = sorted(range(len(names)), key=names.__getitem__)
        return cls(tuple(used), recode[ngrams[order]].astype(np.int32).reshape(-1, 2), idf[order])

    def features(self) -> list[str]:
        """Return the n-grams, column by column."""
        return [_name(pair, self.words) for pair in self.ngrams.tolist()]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the weights: equal ones transform alike."""
        digest = hashlib.sha256("\n".join(self.words).encode("utf-8"))
        digest.update(self.ngrams.tobytes())
        digest.update(self.idf.tobytes())
        return digest.hexdigest()

    def transform(self, tokens: Tokens) -> csr_array:
        """Weigh the features of a batch.

        Parameters
        ----------
        tokens : Tokens
            Tokenised, and stemmed, as the training texts were.

        Returns
        -------
        csr_array of float64, shape (n_texts, n_features)
            Rows of unit length, or zero where a text has no known word.
        """
        columns, texts = self._occurrences(tokens)
        n_texts = len(tokens.offsets) - 1
        counts = csr_array(
            (np.ones(len(columns)), (texts, columns)), shape=(n_texts, len(self.ngrams))
        )
        counts.sum_duplicates()
        weights = (1 + np.log(counts.data)) * self.idf[counts.indices]
        row = np.repeat(np.arange(n_texts), np.diff(counts.indptr))
        length = np.sqrt(np.bincount(row, weights=weights**2, minlength=n_texts))
        counts.data = weights / length[row]
        return counts

    def _occurrences(self, tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        known = pc.index_in(tokens.words, string_array([word.encode() for word in self.words]))
        words = np.where(numbers(pc.is_valid(known)), numbers(known), _NO_WORD)
        codes = words[tokens.codes]
        text = tokens.text_of_token()
        pairs, text_of_pair = _adjacent(codes, text, len(self.words))
        single_columns, pair_keys, pair_columns = self._lookup()
        singles = np.where(codes == _NO_WORD, _NO_WORD, single_columns[codes])
        found = _find(pairs, pair_keys, pair_columns)
        columns = np.concatenate([singles, found])
        texts = np.concatenate([text, text_of_pair])
        return columns[columns != _NO_WORD], texts[columns != _NO_WORD]

    def _lookup(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        column = np.arange(len(self.ngrams))
        first, second = self.ngrams.astype(np.int64).T
        single = second == _NO_WORD
        single_columns = np.full(len(self.words) + 1, _NO_WORD, dtype=np.int64)
        single_columns[first[single]] = column[single]
        keys = first[~single] * len(self.words) + second[~single]
        order = np.argsort(keys)
        return single_columns, keys[order], column[~single][order]


def _adjacent(
    codes: NDArray[np.int64], text: NDArray[np.int64], n_words: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a key for each pair of adjacent known words of a text, and the text it is in."""
    first, second = codes[:-1], codes[1:]
    kept = (text[:-1] == text[1:]) & (first != _NO_WORD) & (second != _NO_WORD)
    return (first * n_words + second)[kept], text[:-1][kept]


def _document_frequency(
    keys: NDArray[np.int64], text: NDArray[np.int64], n_texts: int, min_df: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    distinct, inverse = np.unique(keys, return_inverse=True)
    in_text = np.unique(inverse.astype(np.int64) * n_texts + text)
    frequency = np.bincount(in_text // max(n_texts, 1), minlength=len(distinct))
    return distinct[frequency >= min_df], frequency[frequency >= min_df]


def _find(
    keys: NDArray[np.int64], known: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    if not len(known):
        return np.full(len(keys), _NO_WORD, dtype=np.int64)
    position = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[position] == keys, columns[position], _NO_WORD)


def _name(ngram: list[int], words: list[str] | tuple[str, ...]) -> str:
    first, second = ngram
    return words[first] if second == _NO_WORD else f"{words[first]} {words[second]}"
