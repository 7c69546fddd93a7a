from __future__ import annotations

import re

import numpy as np
import pytest
import Stemmer
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from newsclf.text.tfidf import Tfidf
from newsclf.text.tokens import tokenize

WORD = re.compile(r"(?u)\b\w\w+\b")
STEMMER = Stemmer.Stemmer("english")

word = st.sampled_from(
    ["border", "Border_", "borders", "force", "police", "straße", "國境", "aa", "x"]
)
text = st.one_of(
    st.lists(word, max_size=12).map(" ".join),
    st.text(st.characters(categories=None), max_size=20),
    st.tuples(st.lists(word, max_size=4).map("-".join), st.text(max_size=8)).map(" ".join),
)
training = st.lists(text, min_size=1, max_size=8)


def stems(document: str) -> list[str]:
    return STEMMER.stemWords(WORD.findall(document.lower()))


def reference(
    batch: list[str], min_df: int, *, stem: bool = False, longest: int = 2
) -> TfidfVectorizer | None:
    reads = {"tokenizer": stems, "token_pattern": None} if stem else {}
    vectorizer = TfidfVectorizer(
        ngram_range=(1, longest), sublinear_tf=True, min_df=min_df, **reads
    )
    try:
        return vectorizer.fit(batch)
    except ValueError:
        return None


def assert_same(tfidf: Tfidf, expected: TfidfVectorizer, batch: list[str], *, stem: bool) -> None:
    tokens = tokenize(batch).stemmed() if stem else tokenize(batch)
    weights = tfidf.transform(tokens).toarray()
    np.testing.assert_allclose(weights, expected.transform(batch).toarray(), rtol=0, atol=1e-9)


@given(training, st.lists(text, min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 2))
def test_weights_and_columns_equal_scikit_learns(
    batch: list[str], unseen: list[str], min_df: int, longest: int
) -> None:
    tfidf = Tfidf.fit(tokenize(batch), min_df=min_df, longest=longest)
    expected = reference(batch, min_df, longest=longest)
    if expected is None:
        assert tfidf.features() == []
        assert tfidf.transform(tokenize(unseen)).shape == (len(unseen), 0)
        return
    assert tfidf.features() == expected.get_feature_names_out().tolist()
    assert_same(tfidf, expected, batch, stem=False)
    assert_same(tfidf, expected, unseen, stem=False)


@settings(max_examples=40)
@given(training, st.lists(text, min_size=1, max_size=5))
def test_stemmed_weights_equal_scikit_learns_with_a_stemming_tokenizer(
    batch: list[str], unseen: list[str]
) -> None:
    expected = reference(batch, 1, stem=True)
    if expected is None:
        return
    tfidf = Tfidf.fit(tokenize(batch).stemmed(), min_df=1)
    assert tfidf.features() == expected.get_feature_names_out().tolist()
    assert_same(tfidf, expected, batch, stem=True)
    assert_same(tfidf, expected, unseen, stem=True)


def test_rows_without_a_known_word_are_zero_and_others_have_unit_length() -> None:
    tfidf = Tfidf.fit(tokenize(["border police", "border force"]), min_df=1)
    weights = tfidf.transform(tokenize(["border border", "", "unheard of"])).toarray()
    np.testing.assert_allclose(np.linalg.norm(weights, axis=1), [1, 0, 0])


def test_an_empty_batch_gives_an_empty_matrix_with_every_column() -> None:
    tfidf = Tfidf.fit(tokenize(["border police"]), min_df=1)
    assert tfidf.transform(tokenize([])).shape == (0, 3)


def test_a_pair_does_not_cross_from_one_text_into_the_next() -> None:
    assert "police border" not in Tfidf.fit(tokenize(["police", "border"]), min_df=1).features()


def test_a_pair_does_not_bridge_a_word_that_training_never_saw() -> None:
    tfidf = Tfidf.fit(tokenize(["border police"]), min_df=1)
    weights = tfidf.transform(tokenize(["border unheard police"])).toarray()[0]
    assert weights[tfidf.features().index("border police")] == 0


@pytest.mark.parametrize("other", [["border force"], ["border police", "police"]])
def test_fingerprints_tell_vocabularies_and_weights_apart(other: list[str]) -> None:
    first = Tfidf.fit(tokenize(["border police"]), min_df=1)
    assert first.fingerprint == Tfidf.fit(tokenize(["border police"]), min_df=1).fingerprint
    assert first.fingerprint != Tfidf.fit(tokenize(other), min_df=1).fingerprint
