"""Static embeddings: a table of word-piece vectors, summed over the words of a text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsclf.errors import BundleError
from newsclf.files import sha256_of, shipped_data
from newsclf.text.tokens import Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, eq=False)
class StaticEncoder:
    """A sentence encoder distilled into a table, after model2vec.

    The vector of a text is the sum of its word pieces' vectors, at unit length. Word pieces
    depend on nothing but their word, so each distinct word of a batch is looked up once.

    Parameters
    ----------
    name : str
        Recorded in bundles.
    sha256 : str
        Of the table's file, recorded in bundles.
    vectors : ndarray of int8, shape (n_pieces, n_dimensions)
        One row a word piece.
    scales : ndarray of float32, shape (n_pieces,)
        What each row is multiplied by.
    tokenizer : tokenizers.Tokenizer
        Gives the word pieces' ids.
    """

    name: str
    sha256: str
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    tokenizer: Tokenizer

    @classmethod
    @cache
    def shipped(cls) -> StaticEncoder:
        """Return the encoder that ships with newsclf, read once."""
        return cls.load(shipped_data() / "static_encoder")

    @classmethod
    def load(cls, folder: Path) -> StaticEncoder:
        """Read an encoder folder, as ``experiments/static_encoder/build.py`` writes it.

        Raises
        ------
        BundleError
            When a file differs from the checksum recorded beside it.
        """
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        record = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        for name, expected in record["files"].items():
            if sha256_of(folder / name) != expected:
                raise BundleError(f"{folder / name} is damaged; install newsclf again")
        table = load_file(folder / "table.safetensors")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        checksum = record["files"]["table.safetensors"]
        return cls(record["name"], checksum, table["vectors"], table["scales"], tokenizer)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def encode(self, tokens: Tokens) -> NDArray[np.float32]:
        """Embed a batch of texts.

        Parameters
        ----------
        tokens : Tokens
            Not stemmed.

        Returns
        -------
        ndarray of float32, shape (n_texts, n_dimensions)
            Rows of unit length, or zero where a text has no word.
        """
        words = self._word_vectors(tokens.words.to_pylist())
        counts = csr_array(
            (np.ones(len(tokens.codes), dtype=np.float32), tokens.codes, tokens.offsets),
            shape=(len(tokens.offsets) - 1, len(words)),
        )
        sums: NDArray[np.float32] = counts @ words
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        sums /= lengths
        return sums

    def _word_vectors(self, words: list[str]) -> NDArray[np.float32]:
        encodings = self.tokenizer.encode_batch_fast(words, add_special_tokens=False)
        pieces = [encoding.ids for encoding in encodings]
        lengths = [len(ids) for ids in pieces]
        flat = np.array([piece for ids in pieces for piece in ids], dtype=np.int64)
        word_of_piece = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        weights = csr_array(
            (self.scales[flat], np.arange(len(flat)), word_of_piece), shape=(len(words), len(flat))
        )
        return weights @ self.vectors[flat].astype(np.float32)
