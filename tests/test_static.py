from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from newsclf.errors import BundleError
from newsclf.files import shipped_data
from newsclf.text.static import StaticEncoder
from newsclf.text.tokens import tokenize

TEXTS = ["Border officers searched a lorry", "The court heard the case", "國境 警察", "Überprüfung"]


@pytest.fixture(scope="module")
def encoder() -> StaticEncoder:
    return StaticEncoder.shipped()


@pytest.mark.parametrize("name", ["table.safetensors", "tokenizer.json"])
def test_a_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(shipped_data() / "static_encoder", folder)
    with (folder / name).open("r+b") as file:
        file.seek(-20, 2)
        byte = file.read(1)[0]
        file.seek(-20, 2)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(BundleError, match=rf"{name} is damaged; install newsclf again"):
        StaticEncoder.load(folder)


def test_an_unchanged_copy_encodes_alike(tmp_path: Path, encoder: StaticEncoder) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(shipped_data() / "static_encoder", folder)
    tokens = tokenize(TEXTS)
    np.testing.assert_array_equal(StaticEncoder.load(folder).encode(tokens), encoder.encode(tokens))


def test_the_shipped_encoder_is_read_once(encoder: StaticEncoder) -> None:
    assert StaticEncoder.shipped() is encoder


def test_rows_have_unit_length(encoder: StaticEncoder) -> None:
    vectors = encoder.encode(tokenize(TEXTS))
    assert vectors.shape == (len(TEXTS), encoder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("texts", [[""], ["", "?!", "a"]])
def test_texts_without_words_have_zero_rows(encoder: StaticEncoder, texts: list[str]) -> None:
    vectors = encoder.encode(tokenize(texts))
    assert vectors.shape == (len(texts), encoder.dimensions)
    assert not vectors.any()


def test_no_texts_give_no_rows(encoder: StaticEncoder) -> None:
    assert encoder.encode(tokenize([])).shape == (0, encoder.dimensions)


def test_a_vector_does_not_depend_on_the_batch(encoder: StaticEncoder) -> None:
    together = encoder.encode(tokenize([*TEXTS, "", "other words come first"][::-1]))[::-1]
    alone = np.vstack([encoder.encode(tokenize([text])) for text in TEXTS])
    np.testing.assert_allclose(together[: len(TEXTS)], alone, rtol=0, atol=1e-6)


def test_the_order_of_words_does_not_matter(encoder: StaticEncoder) -> None:
    forwards, backwards = encoder.encode(
        tokenize(["officers searched the lorry", "lorry the searched officers"])
    )
    np.testing.assert_allclose(forwards, backwards, rtol=0, atol=1e-6)


def test_a_repeated_word_weighs_more(encoder: StaticEncoder) -> None:
    court, once, twice = encoder.encode(tokenize(["court", "court lorry", "court court lorry"]))
    assert court @ twice > court @ once


def test_related_words_are_nearer_than_unrelated_ones(encoder: StaticEncoder) -> None:
    police, officer, banana = encoder.encode(tokenize(["police", "officer", "banana"]))
    assert police @ officer > police @ banana
