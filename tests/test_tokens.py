from __future__ import annotations

import re

import numpy as np
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from newsclf.text.tokens import Tokens, tokenize

WORD = re.compile(r"(?u)\b\w\w+\b")

any_character = st.characters(categories=None)
any_text = st.text(any_character)
word = st.sampled_from(
    ["Border", "police", "POLICING", "İstanbul", "straße", "ﬁne", "naïve", "x", "9", "_a", "don't"]
)
separator = st.one_of(st.sampled_from([" ", "\n", "\x1f", "\u00a0", "-", "", "\ud800"]), any_text)
mixed_text = st.lists(st.tuples(word, separator)).map(
    lambda parts: "".join(piece for part in parts for piece in part)
)
texts = st.lists(st.one_of(any_text, mixed_text), max_size=6)


def spelled_out(tokens: Tokens) -> list[list[str]]:
    words = tokens.words.to_pylist()
    bounds = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [[words[code] for code in tokens.codes[start:stop]] for start, stop in bounds]


@given(texts)
def test_words_are_those_of_the_default_token_pattern(batch: list[str]) -> None:
    assert spelled_out(tokenize(batch)) == [WORD.findall(text.lower()) for text in batch]


@given(texts)
def test_each_distinct_word_is_held_once(batch: list[str]) -> None:
    words = tokenize(batch).words.to_pylist()
    assert len(set(words)) == len(words)


@given(texts)
def test_stemming_replaces_each_token_by_its_snowball_stem(batch: list[str]) -> None:
    stemmer = Stemmer.Stemmer("english")
    expected = [stemmer.stemWords(WORD.findall(text.lower())) for text in batch]
    assert spelled_out(tokenize(batch).stemmed()) == expected


def test_words_with_one_stem_become_one_word() -> None:
    stemmed = tokenize(["policing police policed"]).stemmed()
    assert stemmed.words.to_pylist() == ["polic"]
    assert stemmed.codes.tolist() == [0, 0, 0]


def test_every_unicode_character_is_judged_as_the_pattern_judges_it() -> None:
    around = ["".join(f"a{chr(c)}b " for c in range(s, s + 4096)) for s in range(0, 0x110000, 4096)]
    assert spelled_out(tokenize(around)) == [WORD.findall(text.lower()) for text in around]


def test_a_generator_of_texts_is_read_once() -> None:
    assert spelled_out(tokenize(text for text in ("one two", ""))) == [["one", "two"], []]


def test_no_texts_give_no_tokens() -> None:
    tokens = tokenize([])
    assert tokens.offsets.tolist() == [0]
    assert len(tokens.codes) == len(tokens.words) == len(tokens.text_of_token()) == 0


def test_text_of_token_skips_texts_without_words() -> None:
    np.testing.assert_array_equal(tokenize(["", "aa bb", "!", "cc"]).text_of_token(), [1, 1, 3])
