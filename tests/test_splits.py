from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.corpus import Corpus, read_corpus, write_corpus
from newsclf.corpus.splits import (
    day_of,
    draw_folds,
    draw_splits,
    field_groups,
    joined,
    read_folds,
    write_folds,
)
from newsclf.errors import ConfigError, InputError
from newsclf.records import LabelledArticle
from strategies import INFO, SCHEMES, corpora, labels

SHARES = {"train": 0.5, "valid": 0.25, "test": 0.25}
BEATS = SCHEMES["beat"].label_ids


def corpus_of(articles: Sequence[LabelledArticle]) -> Corpus:
    return Corpus(INFO, SCHEMES, tuple(articles))


def story(number: int, **fields: Any) -> LabelledArticle:
    return LabelledArticle(f"s{number:04d}", "Border", "A lorry.", **fields)


def split_by_id(corpus: Corpus) -> dict[str, str | None]:
    return {article.id: article.split for article in corpus.articles}


def news(n: int, seed: int = 0) -> Corpus:
    """Articles with labels of unequal frequency, a tenth of them with none."""
    random = Random(seed)
    chances = dict(zip(BEATS, (0.5, 0.15, 0.03), strict=True))
    return corpus_of(
        [
            story(
                number,
                labels={
                    "beat": tuple(name for name, p in chances.items() if random.random() < p),
                    "tone": (random.choice(["warm", "cold"]),),
                },
                source=f"source {int(random.paretovariate(1))}",
                published=f"2025-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
            )
            for number in range(n)
        ]
    )


def unevenness(corpus: Corpus) -> float:
    """Mean distance of a label's prevalence in a split from its prevalence in the corpus."""

    def prevalence(articles: Sequence[LabelledArticle]) -> np.ndarray:
        given = [article.labels["beat"] for article in articles]
        return np.mean([[name in each for name in BEATS] for each in given], axis=0)

    overall = prevalence(corpus.articles)
    splits = [prevalence(corpus.split(name)) for name in SHARES]
    return float(np.mean([np.abs(each - overall).mean() for each in splits]))


made = st.lists(st.tuples(labels, st.integers(0, 40)), min_size=6, max_size=40)


@settings(max_examples=60)
@given(made, st.integers(0, 3))
def test_sizes_are_the_shares_to_the_article(
    rows: list[tuple[dict[str, tuple[str, ...]], int]], seed: int
) -> None:
    corpus = corpus_of([story(n, labels=given) for n, (given, _) in enumerate(rows)])
    drawn = draw_splits(corpus, shares=SHARES, seed=seed)
    assert [replace(a, split=None) for a in drawn.articles] == list(corpus.articles)
    sizes = Counter(article.split for article in drawn.articles)
    for name, share in SHARES.items():
        assert abs(sizes[name] - share * len(rows)) < 1


@settings(max_examples=60)
@given(made, st.integers(0, 3))
def test_a_group_is_never_separated_and_no_split_outgrows_its_share_by_a_group(
    rows: list[tuple[dict[str, tuple[str, ...]], int]], seed: int
) -> None:
    corpus = corpus_of([story(n, labels=given) for n, (given, _) in enumerate(rows)])
    groups = [group for _, group in rows]
    try:
        drawn = draw_splits(corpus, shares=SHARES, seed=seed, groups=groups, unit="source")
    except ConfigError as error:
        assert "would get none" in str(error)
        return
    assert_whole(groups, [article.split for article in drawn.articles])
    sizes = Counter(article.split for article in drawn.articles)
    largest = max(Counter(groups).values())
    for name, share in SHARES.items():
        assert sizes[name] < share * len(rows) + 1 + largest


def test_sizes_hold_however_labels_fall() -> None:
    for seed in range(10):
        drawn = draw_splits(news(100, seed), shares=SHARES, seed=seed)
        sizes = Counter(article.split for article in drawn.articles)
        assert sizes == {"train": 50, "valid": 25, "test": 25}


def test_small_groups_make_up_for_large_ones() -> None:
    corpus = corpus_of([story(n) for n in range(100)])
    drawn = draw_splits(corpus, shares=SHARES, groups=[min(n, 50) for n in range(100)])
    sizes = Counter(article.split for article in drawn.articles)
    assert sizes == {"train": 50, "valid": 25, "test": 25}


def assert_whole(groups: Sequence[int], parts: Sequence[object]) -> None:
    assert len(set(zip(groups, parts, strict=True))) == len(set(groups))


@pytest.mark.parametrize("method", ["stratified", "time"])
def test_the_order_of_articles_and_their_old_splits_change_nothing(method: str) -> None:
    corpus = news(80)
    shuffled = [replace(article, split="test") for article in corpus.articles]
    Random(5).shuffle(shuffled)
    one = draw_splits(corpus, method=method, seed=4)
    other = draw_splits(corpus_of(shuffled), method=method, seed=4)
    assert split_by_id(one) == split_by_id(other)
    assert one.info == other.info


def test_how_groups_are_numbered_changes_nothing() -> None:
    corpus = news(80)
    groups = field_groups(corpus, "source")
    one = draw_splits(corpus, seed=4, groups=groups)
    other = draw_splits(corpus, seed=4, groups=[-3 * group for group in groups])
    assert split_by_id(one) == split_by_id(other)


def test_another_seed_draws_other_splits() -> None:
    corpus = news(80)
    assert split_by_id(draw_splits(corpus, seed=1)) == split_by_id(draw_splits(corpus, seed=1))
    assert split_by_id(draw_splits(corpus, seed=1)) != split_by_id(draw_splits(corpus, seed=2))


def test_stratified_splits_have_labels_more_evenly_than_random_ones() -> None:
    at_random, stratified = [], []
    for seed in range(8):
        corpus = news(400, seed)
        stratified.append(unevenness(draw_splits(corpus, shares=SHARES, seed=seed)))
        names = ["train"] * 200 + ["valid"] * 100 + ["test"] * 100
        Random(seed).shuffle(names)
        articles = [replace(a, split=s) for a, s in zip(corpus.articles, names, strict=True)]
        at_random.append(unevenness(corpus_of(articles)))
    assert np.mean(stratified) < np.mean(at_random) / 4


def test_articles_judged_to_have_no_label_are_stratified_too() -> None:
    judged = [story(n, labels={"beat": ()}) for n in range(20)]
    drawn = draw_splits(corpus_of(judged + [story(n) for n in range(20, 100)]), shares=SHARES)
    without = Counter(article.split for article in drawn.articles if article.labels)
    assert without == {"train": 10, "valid": 5, "test": 5}


def test_the_articles_of_a_rare_label_go_to_the_splits_in_their_shares() -> None:
    rare = [story(n, labels={"beat": ("budget", "border")}) for n in range(4)]
    rest = [story(n, labels={"beat": ("border",)}) for n in range(4, 100)]
    drawn = draw_splits(corpus_of(rare + rest), shares=SHARES)
    found = Counter(a.split for a in drawn.articles if "budget" in a.labels["beat"])
    assert found == {"train": 2, "valid": 1, "test": 1}


days = st.dates().map(str) | st.sampled_from(["2025-05-15", "2025-05-15T23:00:00Z", "20250516"])


@settings(max_examples=60)
@given(st.lists(st.tuples(days, st.integers(0, 12)), min_size=3, max_size=30))
def test_no_test_story_is_as_old_as_one_to_learn_from(rows: list[tuple[str, int]]) -> None:
    corpus = corpus_of([story(n, published=day) for n, (day, _) in enumerate(rows)])
    groups = [group for _, group in rows]
    try:
        drawn = draw_splits(corpus, method="time", shares=SHARES, groups=groups)
    except ConfigError as error:
        assert "stretches of time" in str(error)
        return
    assert_whole(groups, [article.split for article in drawn.articles])
    by_split = {name: [day_of(a.published) for a in drawn.split(name)] for name in SHARES}
    assert max(by_split["train"]) < min(by_split["valid"])  # type: ignore[type-var]
    assert max(by_split["valid"]) < min(by_split["test"])  # type: ignore[type-var]


def test_splits_by_time_have_their_shares_where_days_differ() -> None:
    corpus = corpus_of(
        [story(n, published=f"2025-{n % 12 + 1:02d}-{n + 1:02d}") for n in range(20)]
    )
    drawn = draw_splits(corpus, method="time", shares=SHARES)
    assert Counter(a.split for a in drawn.articles) == {"train": 10, "valid": 5, "test": 5}


def test_a_busy_day_leaves_something_for_every_split() -> None:
    dates = ["2025-05-01"] * 18 + ["2025-05-02", "2025-05-03"]
    corpus = corpus_of([story(n, published=day) for n, day in enumerate(dates)])
    drawn = draw_splits(corpus, method="time", shares=SHARES)
    assert Counter(a.split for a in drawn.articles) == {"train": 18, "valid": 1, "test": 1}


@pytest.mark.parametrize("published", [None, "", "May 2025"])
def test_an_article_without_a_date_cannot_be_split_by_time(published: str | None) -> None:
    corpus = corpus_of([story(1, published="2025-05-15"), story(2, published=published)])
    with pytest.raises(InputError, match=r"'s0002' has no date .* like 2025-05-15"):
        draw_splits(corpus, method="time")


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 0.7, "test": 0.2}, "add up to 0.9; they must add up to 1"),
        ({"train": 1.5, "test": -0.5}, "the share of test is -0.5"),
        ({"train": float("nan"), "test": 1}, "the share of train is nan"),
        ({"train": 0.5, "tests": 0.5}, "unknown split 'tests'; did you mean 'test'"),
        ({}, "add up to 0"),
    ],
)
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw_splits(news(20), shares=shares)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda c: draw_splits(c, method="times"), "unknown method 'times'; did you mean 'time'"),
        (lambda c: draw_splits(c, groups=[1, 2]), "2 group numbers for 20 articles"),
        (lambda c: draw_splits(c, groups=[1] * 20, unit="source"), r"\(source\) makes 1 units"),
        (lambda c: field_groups(c, "sauce"), "no field 'sauce'; did you mean 'source'"),
        (lambda c: draw_folds(c, 1), "1 folds were asked for; allowed are 2 to 100"),
        (lambda c: draw_folds(c, 21), "fold 20 would get none of 20 articles"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: Callable[[Corpus], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(news(20))


def test_the_drawing_is_recorded_and_read_back(tmp_path: Path) -> None:
    drawn = draw_splits(news(40), seed=7, groups=range(40), unit="source")
    write_corpus(drawn, tmp_path / "corpus")
    again = read_corpus(tmp_path / "corpus")
    assert again.info.drawn == drawn.info.drawn
    assert again.info.drawn is not None
    assert again.info.drawn.sha256 == again.content_sha256
    assert again.info.splits == (
        "train 70 %, valid 15 %, test 15 %, stratified by the labels of every task with seed 7, "
        "kept together by source"
    )


def test_the_content_s_hash_leaves_splits_out_and_labels_in() -> None:
    corpus = news(10)
    first, *rest = corpus.articles
    moved = corpus_of([*rest, replace(first, split="test")])
    relabelled = corpus_of([replace(first, labels={}), *rest])
    assert moved.content_sha256 == corpus.content_sha256
    assert relabelled.content_sha256 != corpus.content_sha256


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_joined_groups_are_the_finest_that_keep_both(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    together = joined(first, second)
    groups = [{n} for n in range(len(pairs))]
    for one in range(len(pairs)):
        for other in range(one):
            if first[one] == first[other] or second[one] == second[other]:
                merged = groups[one] | groups[other]
                for member in merged:
                    groups[member] = merged
    same = {(a, b) for a, x in enumerate(together) for b, y in enumerate(together) if x == y}
    assert same == {(a, b) for a, group in enumerate(groups) for b in group}


def test_folds_are_even_and_keep_groups() -> None:
    corpus = news(120)
    assert set(Counter(draw_folds(corpus, 7)).values()) == {17, 18}
    groups = [number // 3 for number in range(120)]
    assert_whole(groups, draw_folds(corpus, 5, groups=groups))


@settings(max_examples=25)
@given(corpora.filter(lambda corpus: len(corpus.articles) >= 2), st.integers(0, 5))
def test_folds_are_read_back_as_they_were_written(corpus: Corpus, seed: int) -> None:
    folds = draw_folds(corpus, 2, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        write_folds(corpus, folds, Path(folder), k=2, seed=seed)
        assert read_folds(Path(folder), corpus) == folds


def test_folds_of_a_corpus_that_changed_are_refused(tmp_path: Path) -> None:
    corpus = news(10)
    write_folds(corpus, draw_folds(corpus, 2), tmp_path, k=2, seed=0)
    relabelled = corpus_of([replace(article, labels={}) for article in corpus.articles])
    with pytest.raises(InputError, match=r"folds\.json: the folds are not of corpus tiny as it is"):
        read_folds(tmp_path, relabelled)


def test_folds_that_lack_an_article_are_refused(tmp_path: Path) -> None:
    corpus = news(10)
    write_folds(corpus, draw_folds(corpus, 2), tmp_path, k=2, seed=0)
    path = tmp_path / "folds.json"
    record = json.loads(path.read_bytes())
    del record["folds"]["s0003"]
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="draw them again"):
        read_folds(tmp_path, corpus)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folds": {"s0001": 2}}, "2 folds start at 0"),
        ({"folds": {"s0001": -1}}, "greater than or equal to 0"),
        ({"k": 1_000_000}, "k: Input should be less than or equal to 100"),
        ({"method": "guess"}, "method: Input should be 'stratified'"),
        ({"fold": {}}, "unknown key 'fold'; did you mean 'folds'"),
    ],
)
def test_a_file_of_folds_that_is_not_valid_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    corpus = news(10)
    write_folds(corpus, draw_folds(corpus, 2), tmp_path, k=2, seed=0)
    path = tmp_path / "folds.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(InputError, match=message):
        read_folds(tmp_path, corpus)


def test_folds_that_are_missing_or_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folds\.json: cannot be read: No such file"):
        read_folds(tmp_path, news(10))
    (tmp_path / "folds.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="Invalid JSON"):
        read_folds(tmp_path, news(10))


def test_a_file_of_folds_is_read_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.corpus.splits.MAX_FOLDS_BYTES", 10)
    (tmp_path / "folds.json").write_text("[" * 11)
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_folds(tmp_path, news(10))
