"""The fast classifiers: logistic regression on words, on static embeddings, or on both."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array, hstack

from newsclf.classifiers.base import Classifier, Validation
from newsclf.classifiers.head import Features, LogisticHead
from newsclf.errors import BundleError, ConfigError
from newsclf.records import Text
from newsclf.text.batch import TextBatch
from newsclf.text.static import StaticEncoder
from newsclf.text.tfidf import Tfidf

if TYPE_CHECKING:
    from newsclf.classifiers.logistic import Fitted

Stemming = Literal["auto", "always", "never"]
_STEMMING: dict[str, tuple[bool, ...]] = {
    "auto": (True, False),
    "always": (True,),
    "never": (False,),
}


class LogisticClassifier(Classifier):
    """Logistic regression a label, over features that a subclass makes.

    Attributes
    ----------
    head_ : LogisticHead
        The weights.
    strengths_ : tuple of float
        The regularisation that cross-validation chose, as scikit-learn's ``C``.
    """

    head_: LogisticHead
    strengths_: tuple[float, ...]

    @abstractmethod
    def _blocks(self, texts: TextBatch) -> Iterator[Features]:
        """Return the features of a batch, in blocks of columns."""

    def predict_proba(
        self,
        texts: Sequence[Text],
        *,
        targets: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """Return each label's probability, shape (n_articles, n_labels)."""
        return self.head_.probabilities(self._blocks(TextBatch.of(texts)))

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.safetensors``."""
        state = {"parameters": self._parameters(), "strengths": self.strengths_} | self._state()
        (folder / "classifier.json").write_text(
            json.dumps(state, ensure_ascii=False), encoding="utf-8"
        )
        arrays = self.head_.arrays() | self._arrays()
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, folder / "weights.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``classifier.json`` and ``weights.safetensors``."""
        state = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "weights.safetensors")
        classifier = cls(**state["parameters"])
        classifier.strengths_ = tuple(state["strengths"])
        multi_label = classifier.multi_label
        classifier.head_ = LogisticHead.from_arrays(arrays, multi_label=multi_label)
        classifier._restore(state, arrays)
        return classifier

    def _state(self) -> dict[str, Any]:
        return {}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {}

    @abstractmethod
    def _restore(self, state: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None: ...

    def _fitted(self, blocks: Sequence[Features], y: NDArray[np.bool_]) -> Fitted:
        from newsclf.classifiers.logistic import Fitted

        X = hstack([csr_array(block) for block in blocks], format="csr", dtype=np.float64)
        return Fitted.choose(X, y, multi_label=self.multi_label, seed=self.seed)

    def _keep(self, fitted: Fitted) -> None:
        self.head_ = fitted.head
        self.strengths_ = fitted.strengths
        self.out_of_fold_ = fitted.out_of_fold


class Static(LogisticClassifier):
    """Logistic regression on static embeddings: reads meaning, not words.

    Good with few articles and words that training never saw; `Hybrid` is better where there are
    hundreds of articles or more.
    """

    encoder_: StaticEncoder

    def _fit(
        self,
        texts: TextBatch,
        y: NDArray[np.bool_],
        targets: Sequence[str] | None,
        valid: Validation | None,
    ) -> None:
        self.encoder_ = StaticEncoder.shipped()
        self._keep(self._fitted(list(self._blocks(texts)), y))

    def _blocks(self, texts: TextBatch) -> Iterator[Features]:
        yield texts.static(self.encoder_)

    def _state(self) -> dict[str, Any]:
        return _encoder_state(self.encoder_)

    def _restore(self, state: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.encoder_ = _encoder_of(state)


class Linear(LogisticClassifier):
    """Logistic regression on TF-IDF of single words and pairs of adjacent words.

    Parameters
    ----------
    labels, multi_label, seed
        As in `Classifier`.
    stemming : 'auto', 'always' or 'never'
        Whether words are reduced to their English Snowball stems; ``auto`` lets cross-validation
        choose.
    min_df : int
        Fewest training articles that a word or a pair must occur in.
    ngrams : int
        1 for single words, 2 for pairs of adjacent words too.
    """

    tfidf_: Tfidf
    stem_: bool

    def __init__(
        self,
        labels: Sequence[str],
        *,
        multi_label: bool = True,
        seed: int = 0,
        stemming: Stemming = "auto",
        min_df: int = 2,
        ngrams: int = 2,
    ) -> None:
        super().__init__(labels, multi_label=multi_label, seed=seed)
        self.stemming = stemming
        self.min_df = min_df
        self.ngrams = ngrams

    def _parameters(self) -> dict[str, Any]:
        own = {"stemming": self.stemming, "min_df": self.min_df, "ngrams": self.ngrams}
        return super()._parameters() | own

    def _fit(
        self,
        texts: TextBatch,
        y: NDArray[np.bool_],
        targets: Sequence[str] | None,
        valid: Validation | None,
    ) -> None:
        self._keep(self._fit_words(texts, y))

    def _fit_words(self, texts: TextBatch, y: NDArray[np.bool_]) -> Fitted:
        """Fit the weighting and a head on words, stemmed or not as ranks best out of fold."""
        if self.stemming not in _STEMMING:
            allowed = ", ".join(_STEMMING)
            raise ConfigError(f"stemming must be one of {allowed}, not {self.stemming!r}")
        if self.ngrams not in (1, 2):
            raise ConfigError(f"ngrams must be 1 or 2, not {self.ngrams!r}")
        min_df = min(self.min_df, len(texts))
        tried = []
        for stem in _STEMMING[self.stemming]:
            tokens = texts.tokens(stem=stem)
            tfidf = Tfidf.fit(tokens, min_df=min_df, longest=self.ngrams)
            tried.append((stem, tfidf, self._fitted([texts.tfidf(tfidf, stem=stem)], y)))
        self.stem_, self.tfidf_, fitted = max(tried, key=lambda attempt: attempt[2].score)
        return fitted

    def _blocks(self, texts: TextBatch) -> Iterator[Features]:
        yield texts.tfidf(self.tfidf_, stem=self.stem_)

    def _state(self) -> dict[str, Any]:
        return {"stem": self.stem_, "words": self.tfidf_.words}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {"ngrams": self.tfidf_.ngrams, "idf": self.tfidf_.idf}

    def _restore(self, state: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.stem_ = state["stem"]
        self.tfidf_ = Tfidf(tuple(state["words"]), arrays["ngrams"], arrays["idf"])


class Hybrid(Linear):
    """Logistic regression on TF-IDF and static embeddings: the default.

    Words carry what is particular to a beat, embeddings carry the meaning of words that training
    never saw. Three heads (on words, on embeddings, on both) are averaged by their logits, which
    is a linear model again and costs no more to predict with. Takes the parameters of `Linear`,
    but reads single words unless told otherwise.
    """

    encoder_: StaticEncoder

    def __init__(
        self,
        labels: Sequence[str],
        *,
        multi_label: bool = True,
        seed: int = 0,
        stemming: Stemming = "auto",
        min_df: int = 2,
        ngrams: int = 1,
    ) -> None:
        super().__init__(
            labels,
            multi_label=multi_label,
            seed=seed,
            stemming=stemming,
            min_df=min_df,
            ngrams=ngrams,
        )

    def _fit(
        self,
        texts: TextBatch,
        y: NDArray[np.bool_],
        targets: Sequence[str] | None,
        valid: Validation | None,
    ) -> None:
        self.encoder_ = StaticEncoder.shipped()
        on_words = self._fit_words(texts, y)
        words, meaning = self._blocks(texts)
        on_both = self._fitted([words, meaning], y)
        on_meaning = self._fitted([meaning], y)
        members = [
            on_words.placed(0, meaning.shape[1]),
            on_meaning.placed(words.shape[1], 0),
            on_both,
        ]
        self._keep(on_both.average(members, y))

    def _blocks(self, texts: TextBatch) -> Iterator[Features]:
        yield from super()._blocks(texts)
        yield texts.static(self.encoder_)

    def _state(self) -> dict[str, Any]:
        return super()._state() | _encoder_state(self.encoder_)

    def _restore(self, state: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        super()._restore(state, arrays)
        self.encoder_ = _encoder_of(state)


def _encoder_state(encoder: StaticEncoder) -> dict[str, Any]:
    return {"encoder": {"name": encoder.name, "sha256": encoder.sha256}}


def _encoder_of(state: dict[str, Any]) -> StaticEncoder:
    wanted = state["encoder"]
    encoder = StaticEncoder.shipped()
    if encoder.sha256 != wanted["sha256"]:
        raise BundleError(
            f"the bundle was trained with another version of the static encoder {wanted['name']} "
            "than the installed newsclf ships; install the version named in the bundle"
        )
    return encoder
