from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.corpus.quality.duplicates import (
    SHINGLE,
    Pair,
    check_duplicates,
    clusters,
    near_duplicates,
)
from newsclf.corpus.quality.findings import Finding, Table
from newsclf.errors import ConfigError
from newsclf.records import LabelledArticle
from newsclf.text.tokens import tokenize
from strategies import characters

WORDS = np.array([f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in "prstvz"])


def story(rng: np.random.Generator, n_words: int = 150) -> list[str]:
    return list(WORDS[rng.integers(len(WORDS), size=n_words)])


def changed(words: list[str], rng: np.random.Generator, n_changes: int) -> list[str]:
    copy = list(words)
    for place in rng.choice(len(words), n_changes, replace=False):
        copy[place] = f"new{rng.integers(10**6)}"
    return copy


def jaccard(one: str, other: str) -> float:
    a, b = (shingles(text) for text in (one, other))
    return len(a & b) / len(a | b)


def shingles(text: str) -> set[tuple[str, ...]]:
    tokens = tokenize([text])
    words = np.array(tokens.words.to_pylist(), dtype=object)[tokens.codes].tolist()
    return {tuple(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1))}


def test_planted_copies_at_the_threshold_are_found_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    originals = [story(rng) for _ in range(600)]
    planted = []
    while len(planted) < 200:
        copy = changed(originals[len(planted)], rng, 5)
        if 0.8 <= jaccard(" ".join(originals[len(planted)]), " ".join(copy)) < 0.83:
            planted.append(copy)
    found = near_duplicates([" ".join(words) for words in originals + planted])
    hits = {(pair.i, pair.j) for pair in found} & {(i, 600 + i) for i in range(200)}
    assert len(hits) >= 198
    assert len(found) == len(hits)


@given(st.lists(st.text(characters, max_size=40), max_size=8))
def test_a_pair_has_the_jaccard_index_that_it_says(texts: list[str]) -> None:
    for pair in near_duplicates(texts, 0.3):
        assert pair.i < pair.j
        if pair.jaccard < 1:
            expected = jaccard(texts[pair.i], texts[pair.j])
            assert pair.jaccard == pytest.approx(expected)


@given(st.lists(st.text(characters, max_size=40), max_size=6), st.text(characters, min_size=1))
def test_an_equal_text_is_always_found(texts: list[str], again: str) -> None:
    expected = bool(again.strip())
    found = near_duplicates([again, *texts, f" {again}\n"])
    joined = clusters(found, len(texts) + 2)
    assert (joined[0] == joined[-1]) == expected


def test_texts_without_a_word_are_like_no_other() -> None:
    assert near_duplicates(["!!!", "???", "", " ", "a"]) == []


def test_short_texts_are_compared_whole() -> None:
    assert near_duplicates(["Border force", "border, force!", "Border guard"]) == [Pair(0, 1, 1.0)]


def test_many_texts_that_are_all_alike_take_linear_time_and_form_one_cluster() -> None:
    rng = np.random.default_rng(5)
    original = story(rng, 60)
    texts = [" ".join(changed(original, rng, 1)) for _ in range(1500)]
    start = time.perf_counter()
    found = near_duplicates([*texts, *[texts[0]] * 20_000])
    assert time.perf_counter() - start < 20
    assert len(found) < 200_000
    assert len(set(clusters(found, 21_500).tolist())) == 1


def test_the_same_texts_give_the_same_pairs() -> None:
    rng = np.random.default_rng(7)
    texts = [" ".join(changed(story(np.random.default_rng(1)), rng, 4)) for _ in range(30)]
    assert near_duplicates(texts) == near_duplicates(texts)


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"threshold must be between 0\.1 and 1"):
        near_duplicates(["a"], threshold)


def test_copies_across_splits_are_an_error_and_copies_within_one_a_warning() -> None:
    body = " ".join(story(np.random.default_rng(9), 50))
    other = " ".join(story(np.random.default_rng(10), 50))
    articles = [
        LabelledArticle("a", "One", body, split="train"),
        LabelledArticle("b", "One", body, split="test"),
        LabelledArticle("c", "Two", other, split="train"),
        LabelledArticle("d", "Two", other, split="train"),
        LabelledArticle("e", "Two", other, split=None),
        LabelledArticle("f", "Three", "", split="test"),
    ]
    pairs = near_duplicates([f"{article.headline} {article.body}" for article in articles])
    found = list(check_duplicates(articles, pairs, clusters(pairs, len(articles))))
    leak, within = (each for each in found if isinstance(each, Finding))
    assert (leak.code, leak.severity, leak.articles) == (
        "duplicates_across_splits",
        "error",
        ("a", "b"),
    )
    assert (within.code, within.severity, within.articles) == (
        "duplicates",
        "warning",
        ("c", "d", "e"),
    )
    (table,) = (each for each in found if isinstance(each, Table))
    assert [row[:2] for row in table.rows] == [(1, "a"), (1, "b"), (2, "c"), (2, "d"), (2, "e")]
