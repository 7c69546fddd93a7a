from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from joblib import parallel_config
from numpy.typing import NDArray

from newsclf.classifiers import CLASSIFIER_NAMES, Classifier, classifier_class
from newsclf.errors import ConfigError
from newsclf.records import Text
from newsclf.text.batch import TextBatch

LABELS = ("border", "court", "budget")
WORDS = {
    "border": "border patrol lorry crossing customs passport",
    "court": "court judge sentence appeal trial verdict",
    "budget": "budget tax levy spending treasury deficit",
}
N_ARTICLES = 24
AWKWARD = {
    "empty": Text("", ""),
    "blank": Text(" \n", "\t"),
    "one megabyte": Text("Border", "border court budget " * 52_000),
    "Arabic": Text("شرطة الحدود", "فتش الضباط شاحنة عند المعبر"),
    "Chinese": Text("邊境警察", "警察在邊境搜查了一輛卡車"),
    "emoji": Text("🚓🚔", "🛂👮🏽‍♀️ 🇫🇷"),
    "surrogate": Text("\ud800", "border \udfff patrol"),
    "control characters": Text("\x00\x1b", "court\x00judge"),
}

pytestmark = pytest.mark.parametrize("name", CLASSIFIER_NAMES)
multi_and_single = pytest.mark.parametrize("multi", [True, False], ids=["multi", "single"])


@pytest.fixture(autouse=True)
def one_process() -> Iterator[None]:
    """Spare the tests the price of worker processes."""
    with parallel_config(backend="sequential"):
        yield


def articles(*, multi: bool) -> tuple[list[Text], NDArray[np.bool_]]:
    rng = np.random.default_rng(3)
    y = np.zeros((N_ARTICLES, len(LABELS)), dtype=bool)
    texts = []
    for row in range(N_ARTICLES):
        y[row, row % 3] = True
        if multi and row % 4 == 0:
            y[row, (row + 1) % 3] = True
        vocabulary = [w for label in np.flatnonzero(y[row]) for w in WORDS[LABELS[label]].split()]
        headline, body = (" ".join(rng.choice(vocabulary, size)) for size in (3, 12))
        texts.append(Text(headline.capitalize(), f"The {body}."))
    return texts, y


def make(name: str, *, multi: bool, **others: Any) -> Classifier:
    return classifier_class(name)(LABELS, multi_label=multi, **others)


@cache
def fitted(name: str, *, multi: bool) -> Classifier:
    return make(name, multi=multi).fit(*articles(multi=multi))


def assert_probabilities(p: NDArray[np.float64], n_texts: int, *, multi: bool) -> None:
    assert p.shape == (n_texts, len(LABELS))
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1)).all()
    if not multi:
        np.testing.assert_allclose(p.sum(axis=1), 1)


@multi_and_single
def test_probabilities_are_probabilities(name: str, multi: bool) -> None:
    texts, _ = articles(multi=multi)
    assert_probabilities(fitted(name, multi=multi).predict_proba(texts), len(texts), multi=multi)


@multi_and_single
def test_what_is_learned_ranks_labels_better_than_chance(name: str, multi: bool) -> None:
    if name == "dummy":
        pytest.skip("it reads nothing")
    texts = [Text(words, words) for words in WORDS.values()]
    p = fitted(name, multi=multi).predict_proba(texts)
    np.testing.assert_array_equal(p.argmax(axis=1), range(len(LABELS)))


@multi_and_single
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_texts_are_predicted(name: str, multi: bool, kind: str) -> None:
    p = fitted(name, multi=multi).predict_proba([AWKWARD[kind]])
    assert_probabilities(p, 1, multi=multi)


@multi_and_single
def test_awkward_texts_are_learned_from(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    texts[: len(AWKWARD)] = AWKWARD.values()
    p = make(name, multi=multi).fit(texts, y).predict_proba(texts)
    assert_probabilities(p, len(texts), multi=multi)


@multi_and_single
def test_no_texts_give_no_rows(name: str, multi: bool) -> None:
    assert fitted(name, multi=multi).predict_proba([]).shape == (0, len(LABELS))


@multi_and_single
def test_out_of_fold_probabilities_cover_the_training_articles(name: str, multi: bool) -> None:
    held_out = fitted(name, multi=multi).out_of_fold_
    assert held_out.shape == (N_ARTICLES, len(LABELS))
    assert held_out.dtype == np.float64
    assert ((held_out >= 0) & (held_out <= 1)).all()
    assert not np.array_equal(
        held_out, fitted(name, multi=multi).predict_proba(articles(multi=multi)[0])
    )


@multi_and_single
def test_a_label_that_no_article_has_is_never_likely(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    kept = ~y[:, 2]
    chosen = [text for text, keep in zip(texts, kept, strict=True) if keep]
    classifier = make(name, multi=multi).fit(chosen, y[kept])
    p = classifier.predict_proba(texts)
    assert_probabilities(p, len(texts), multi=multi)
    assert (p[:, 2] < 0.1).all()
    assert classifier.out_of_fold_.shape == (len(chosen), len(LABELS))


@multi_and_single
def test_a_label_that_every_article_has_is_always_likely(name: str, multi: bool) -> None:
    texts, _ = articles(multi=multi)
    y = np.tile([True, False, False], (len(texts), 1))
    p = make(name, multi=multi).fit(texts, y).predict_proba(texts)
    assert_probabilities(p, len(texts), multi=multi)
    assert (p[:, 0] > 0.9).all()


@multi_and_single
def test_a_label_of_one_article_is_learned(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    y[:, :] = [True, False, False]
    y[1] = [False, True, False]
    p = make(name, multi=multi).fit(texts, y).predict_proba(texts)
    assert_probabilities(p, len(texts), multi=multi)
    if name != "dummy":
        assert p[:, 1].argmax() == 1


@multi_and_single
def test_one_article_is_enough(name: str, multi: bool) -> None:
    classifier = make(name, multi=multi).fit([Text("Border patrol", "")], [[1, 0, 0]])
    p = classifier.predict_proba([Text("Border patrol", "A lorry."), Text("", "")])
    assert_probabilities(p, 2, multi=multi)
    assert (p.argmax(axis=1) == 0).all()
    assert classifier.out_of_fold_.shape == (1, len(LABELS))


@multi_and_single
def test_articles_without_a_word_are_learned_from(name: str, multi: bool) -> None:
    texts = [Text("!", "?"), Text("?", ""), Text("", "…")] * 2
    classifier = make(name, multi=multi).fit(texts, np.tile(np.eye(3, dtype=bool), (2, 1)))
    assert_probabilities(classifier.predict_proba(texts), len(texts), multi=multi)


@multi_and_single
def test_articles_that_share_no_word_are_learned_from(name: str, multi: bool) -> None:
    texts = [
        Text(word, "") for word in ("patrol", "verdict", "deficit", "customs", "trial", "levy")
    ]
    classifier = make(name, multi=multi).fit(texts, np.tile(np.eye(3, dtype=bool), (2, 1)))
    assert_probabilities(classifier.predict_proba(texts), len(texts), multi=multi)


@multi_and_single
def test_the_same_seed_gives_the_same_classifier(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    again = make(name, multi=multi).fit(texts, y)
    first = fitted(name, multi=multi)
    np.testing.assert_array_equal(again.predict_proba(texts), first.predict_proba(texts))
    np.testing.assert_array_equal(again.out_of_fold_, first.out_of_fold_)


@multi_and_single
def test_the_number_of_processes_does_not_matter(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    alone = fitted(name, multi=multi)
    with parallel_config(backend="loky"):
        together = make(name, multi=multi).fit(texts, y)
    np.testing.assert_array_equal(together.out_of_fold_, alone.out_of_fold_)
    np.testing.assert_array_equal(together.predict_proba(texts), alone.predict_proba(texts))


@multi_and_single
def test_a_loaded_classifier_predicts_the_same_to_the_bit(
    name: str, multi: bool, tmp_path: Path
) -> None:
    texts = [*articles(multi=multi)[0], *AWKWARD.values()]
    classifier = fitted(name, multi=multi)
    classifier.save(tmp_path)
    loaded = classifier_class(name).load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(texts), classifier.predict_proba(texts))
    assert (loaded.labels, loaded.multi_label, loaded.seed) == (LABELS, multi, 0)


@multi_and_single
def test_saved_files_hold_no_pickle(name: str, multi: bool, tmp_path: Path) -> None:
    fitted(name, multi=multi).save(tmp_path)
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".toml"}
    assert ".json" in suffixes


@multi_and_single
def test_a_batch_and_a_list_of_texts_give_equal_results(name: str, multi: bool) -> None:
    texts, y = articles(multi=multi)
    of_list, batch = fitted(name, multi=multi), TextBatch(texts)
    of_batch = make(name, multi=multi).fit(batch, y)
    np.testing.assert_array_equal(of_batch.out_of_fold_, of_list.out_of_fold_)
    np.testing.assert_array_equal(of_batch.predict_proba(batch), of_list.predict_proba(texts))


def test_tasks_that_share_a_batch_do_not_disturb_each_other(name: str) -> None:
    texts, y = articles(multi=True)
    batch = TextBatch(texts)
    make(name, multi=True).fit(batch, ~y)
    make(name, multi=True).fit(batch[:6], y[:6])
    shared = make(name, multi=True).fit(batch, y).predict_proba(batch)
    np.testing.assert_array_equal(shared, fitted(name, multi=True).predict_proba(texts))


@multi_and_single
def test_no_connection_is_opened(name: str, multi: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_keywords: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    texts, y = articles(multi=multi)
    assert make(name, multi=multi).fit(texts, y).predict_proba(texts).any()


def test_the_constructor_stores_what_it_is_given(name: str) -> None:
    kind = classifier_class(name)
    keywords = [key for key in inspect.signature(kind).parameters if key != "labels"]
    given: dict[str, Any] = {key: object() for key in keywords}
    classifier = kind(list(LABELS), **given)
    assert classifier.labels == LABELS
    assert {key: getattr(classifier, key) for key in keywords} == given


def test_fit_returns_the_classifier(name: str) -> None:
    classifier = make(name, multi=True)
    assert classifier.fit([Text("Border", "")], [[1, 0, 0]]) is classifier


@multi_and_single
@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (1, 3), (3, 3), (2,), (2, 3, 1)])
def test_a_target_array_of_another_shape_is_refused(
    name: str, multi: bool, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ConfigError, match=r"fit must have the shape \(2, 3\), not \("):
        make(name, multi=multi).fit([Text("a", ""), Text("b", "")], np.ones(shape, dtype=bool))


@multi_and_single
def test_no_article_is_refused(name: str, multi: bool) -> None:
    with pytest.raises(ConfigError, match=r"fit needs at least one article"):
        make(name, multi=multi).fit([], np.zeros((0, 3), dtype=bool))


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0]])
def test_another_number_of_labels_than_one_is_refused_where_one_is_due(
    name: str, row: list[int]
) -> None:
    message = rf"must have one label a row; row 1 has {sum(row)}"
    with pytest.raises(ConfigError, match=message):
        make(name, multi=False).fit([Text("a", ""), Text("b", "")], [[0, 1, 0], row])


def test_ngrams_of_three_words_are_refused(name: str) -> None:
    if "ngrams" not in inspect.signature(classifier_class(name)).parameters:
        pytest.skip("it reads no words")
    texts, y = articles(multi=True)
    with pytest.raises(ConfigError, match="ngrams must be 1 or 2, not 3"):
        make(name, multi=True, ngrams=3).fit(texts, y)


def test_an_unknown_stemming_is_refused(name: str) -> None:
    if "stemming" not in inspect.signature(classifier_class(name)).parameters:
        pytest.skip("it has no stemming")
    texts, y = articles(multi=True)
    with pytest.raises(ConfigError, match=r"stemming must be one of auto, always, never, not 'no'"):
        make(name, multi=True, stemming="no").fit(texts, y)


def test_a_misspelled_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"unknown classifier '{name}x'; did you mean '{name}'\?"
    ):
        classifier_class(f"{name}x")
