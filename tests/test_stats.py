from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from newsclf.corpus import Corpus
from newsclf.corpus.stats import Dates, Values, corpus_stats
from newsclf.records import Annotation, LabelledArticle
from strategies import INFO, SCHEMES, corpora


@pytest.fixture(scope="module")
def desk() -> Corpus:
    articles = (
        LabelledArticle(
            "a",
            "Border force",
            "searched a lorry",
            published="2024-12-31",
            source="Coast Wire",
            labels={"beat": ("border", "court"), "tone": ("cold",)},
            split="train",
        ),
        LabelledArticle(
            "b",
            "Budget",
            "",
            published="2025-02-01T08:00:00Z",
            source="Coast Wire",
            labels={"beat": ()},
            split="test",
        ),
        LabelledArticle("c", "Court", "sits", published="soon", labels={"beat": ("court",)}),
        LabelledArticle("d", "Weather", "today", source="Hill Post"),
    )
    said = (
        Annotation("a", "kim", {"beat": ("border",), "tone": ("cold",)}),
        Annotation("a", "weak:words", {"beat": ("border",)}),
        Annotation("b", "weak:words", {"beat": ()}),
        Annotation("c", "weak:words", {"tone": ("warm",)}),
    )
    return Corpus(INFO, SCHEMES, articles, said)


def test_articles_and_texts_are_counted(desk: Corpus) -> None:
    found = corpus_stats(desk)
    assert (found.name, found.version, found.articles) == ("tiny", "1", 4)
    assert found.splits == {"train": 1, "test": 1, "(none)": 2}
    assert found.words.total == 5 + 1 + 2 + 2
    assert found.words.percentiles[50] == 2
    assert found.characters.total == 28 + 6 + 9 + 12
    assert list(found.characters.percentiles) == [5, 25, 50, 75, 95]


def test_fields_have_their_most_frequent_values_and_what_is_missing(desk: Corpus) -> None:
    found = corpus_stats(desk)
    assert found.sources == Values(2, missing=1, top={"Coast Wire": 2, "Hill Post": 1})
    assert found.genres == Values(0, missing=4, top={})


def test_only_the_most_frequent_values_are_kept() -> None:
    articles = tuple(
        LabelledArticle(f"{number} {copy}", "A", "", country=f"C{number}")
        for number in range(12)
        for copy in range(number + 1)
    )
    found = corpus_stats(Corpus(INFO, SCHEMES, articles)).countries
    assert found.distinct == 12
    assert list(found.top) == [f"C{number}" for number in range(11, 1, -1)]


def test_dates_are_a_range_years_and_what_has_none(desk: Corpus) -> None:
    expected = Dates("2024-12-31", "2025-02-01", undated=2, by_year={2024: 1, 2025: 1})
    assert corpus_stats(desk).dates == expected


def test_labels_are_counted_by_split_in_the_scheme_s_order(desk: Corpus) -> None:
    beat = corpus_stats(desk).tasks["beat"]
    assert (beat.judged, beat.labels_per_article, beat.share_with_none) == (3, 1.0, 1 / 3)
    assert list(beat.labels) == ["border", "court", "budget"]
    assert beat.labels["court"] == {"train": 1, "test": 0, "(none)": 1}
    assert beat.labels["budget"] == {"train": 0, "test": 0, "(none)": 0}


def test_a_judgement_is_weak_where_only_rules_made_it(desk: Corpus) -> None:
    tasks = corpus_stats(desk).tasks
    assert tasks["beat"].weak_share == 1 / 3
    assert tasks["beat"].annotators == {"weak:words": 2, "kim": 1}
    assert tasks["tone"].weak_share == 0
    assert tasks["tone"].annotators == {"kim": 1, "weak:words": 1}


@settings(max_examples=50)
@given(corpora)
def test_counts_add_up_and_fit_into_json(corpus: Corpus) -> None:
    found = corpus_stats(corpus)
    assert sum(found.splits.values()) == found.articles == len(corpus.articles)
    assert sum(found.dates.by_year.values()) + found.dates.undated == found.articles
    for values in (found.sources, found.genres, found.countries, found.languages):
        assert sum(values.top.values()) + values.missing == found.articles
    for task, stats in found.tasks.items():
        given = sum(len(article.labels.get(task, ())) for article in corpus.articles)
        assert sum(sum(by_split.values()) for by_split in stats.labels.values()) == given
        assert stats.labels_per_article * stats.judged == pytest.approx(given)
    assert json.loads(json.dumps(found.to_json()))["articles"] == found.articles
