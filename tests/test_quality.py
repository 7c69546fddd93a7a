from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from numpy.typing import NDArray

from newsclf.corpus import Corpus
from newsclf.corpus.lines import BadRow
from newsclf.corpus.quality.duplicates import clusters
from newsclf.corpus.quality.findings import MOST_IDS, Finding, Report, Severity, Table
from newsclf.corpus.quality.held_out import FOLDS, Encoder, HeldOut, draw_folds
from newsclf.corpus.quality.label_errors import (
    Suspect,
    find_label_errors,
    sentences_against,
)
from newsclf.corpus.quality.labels import check_annotators, check_labels
from newsclf.corpus.quality.page import write_page
from newsclf.corpus.quality.refused import RefusedRows
from newsclf.corpus.quality.splitchecks import check_balance, check_dates
from newsclf.corpus.quality.texts import check_boilerplate, check_texts, look_at
from newsclf.corpus.store import SplitRecord
from newsclf.records import Annotation, LabelledArticle
from newsclf.schemes import Label, LabelScheme
from strategies import INFO, SCHEMES, corpora

ENGLISH = (
    "The minister told reporters on Tuesday that the new patrol boats would be in the water before "
    "the end of the year, and that crews had been trained for them. She said that the cost had "
    "risen because engines had become dearer, not because anything had been changed. "
)
FRENCH = (
    "Le ministre a déclaré mardi aux journalistes que les nouveaux bateaux seraient mis à l'eau "
    "avant la fin de l'année et que les équipages avaient été formés. Elle a dit que le coût avait "
    "augmenté parce que les moteurs étaient devenus plus chers, et pour aucune autre raison. "
)


def article(name: str, body: str = ENGLISH, **fields: object) -> LabelledArticle:
    return replace(LabelledArticle(name, "Patrol boats on their way", body), **fields)


def codes(found: Iterable[Finding | Table]) -> dict[str, Finding]:
    return {each.code: each for each in found if isinstance(each, Finding)}


def text_findings(*articles: LabelledArticle) -> dict[str, Finding]:
    with parallel_config(backend="sequential"):
        return codes(check_texts(articles, look_at(articles)))


def test_plain_english_news_has_nothing_wrong() -> None:
    assert text_findings(article("a"), article("b", ENGLISH.replace("boats", "ships"))) == {}


def test_texts_that_are_too_short_or_too_long_are_named() -> None:
    found = text_findings(article("short", "A few words."), article("long", "word " * 5001))
    assert found["very_short"].articles == ("short",)
    assert found["very_long"].articles == ("long",)


def test_a_text_in_another_language_than_the_article_says_is_named() -> None:
    found = text_findings(
        article("fr", FRENCH), article("said", FRENCH, language="fr-CA"), article("en")
    )
    assert found.keys() == {"other_language"}
    assert found["other_language"].articles == ("fr",)
    assert "'en' and are in 'fr'" in found["other_language"].message


def test_a_text_whose_paragraphs_are_in_two_languages_is_mixed() -> None:
    found = text_findings(article("both", f"{ENGLISH}\n\n{FRENCH}\n\n{ENGLISH}"))
    assert found["mixed_languages"].articles == ("both",)


def test_an_unknown_language_code_is_not_judged() -> None:
    assert text_findings(article("a", FRENCH, language="qqq")) == {}


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("lost_characters", "the caf\ufffd owner"),
        ("control_characters", "the minister\x92s car"),
        ("wrong_encoding", "the cafÃ© owner\u2019s car"),
    ],
)
def test_damaged_characters_are_named(code: str, damage: str) -> None:
    found = text_findings(
        article("bad", ENGLISH + damage), article("good", f"{ENGLISH} café\u2019s")
    )
    assert found[code].articles == ("bad",)
    assert all(each.articles == ("bad",) for each in found.values())


def test_a_wrongly_decoded_text_is_shown_with_what_it_should_be() -> None:
    message = text_findings(article("bad", f"{ENGLISH}\nThe cafÃ© owner"))["wrong_encoding"].message
    assert "'The cafÃ© owner' should be 'The café owner'" in message


def boilerplate(articles: Sequence[LabelledArticle]) -> list[Finding | Table]:
    with parallel_config(backend="sequential"):
        facts = look_at(articles)
    return list(check_boilerplate(articles, facts, np.arange(len(articles))))


def test_a_sentence_that_many_articles_share_is_boilerplate() -> None:
    closing = "Follow the department on the usual channels for more."
    articles = [
        article(f"a{n}", f"Story {n} tells of {n} boats that came in. It was the {n}th. {closing}")
        for n in range(30)
    ] + [article("all", f"{closing}")]
    found = boilerplate(articles)
    assert codes(found)["boilerplate"].count == 1
    assert codes(found)["mostly_boilerplate"].articles == ("all",)
    (table,) = (each for each in found if isinstance(each, Table))
    assert table.rows == ((closing, 31),)


def test_near_duplicates_do_not_make_boilerplate_of_one_another() -> None:
    articles = [article(f"a{n}") for n in range(10)]
    with parallel_config(backend="sequential"):
        facts = look_at(articles)
    one_cluster = np.zeros(10, dtype=np.int64)
    assert list(check_boilerplate(articles, facts, one_cluster)) == []


def labelled(beats: Sequence[str], splits: Sequence[str | None] = ()) -> Corpus:
    padded = [*splits, *[None] * (len(beats) - len(splits))]
    articles = tuple(
        article(f"a{row}", labels={"beat": tuple(beat.split())}, split=split)
        for row, (beat, split) in enumerate(zip(beats, padded, strict=True))
    )
    return Corpus(INFO, {"beat": SCHEMES["beat"]}, articles)


def test_labels_with_few_articles_are_named() -> None:
    corpus = labelled(["border"] * 12 + ["court"] * 3, ["train"] * 4 + ["test"] * 11)
    found = [each for each in check_labels(corpus) if isinstance(each, Finding)]
    assert [(each.code, each.label, each.count) for each in found] == [
        ("rare_label", "border", 12),
        ("rare_label", "court", 3),
        ("unused_label", "budget", 0),
    ]


def test_labels_that_never_part_are_inseparable() -> None:
    apart = labelled(["border court"] * 12 + ["border"] + ["budget"] * 12)
    never = labelled(["border court"] * 12 + ["budget"] * 12)
    assert "inseparable_labels" not in codes(check_labels(apart))
    found = codes(check_labels(never))["inseparable_labels"]
    assert (found.label, found.details["other"], found.count) == ("border", "court", 12)


def test_a_label_given_with_one_above_it_is_redundant() -> None:
    parents = {"crime": None, "drugs": "crime", "opium": "drugs"}
    made = [
        Label(id=name, title=name, definition=".", parent=parent)
        for name, parent in parents.items()
    ]
    scheme = LabelScheme(
        name="iptc", title="", version="1", kind="multi", question="", labels=tuple(made)
    )
    given = [("crime", "opium"), ("drugs",), ("crime", "drugs")]
    articles = tuple(article(f"a{n}", labels={"iptc": labels}) for n, labels in enumerate(given))
    found = codes(check_labels(Corpus(INFO, {"iptc": scheme}, articles)))["redundant_label"]
    assert (found.articles, found.severity) == (("a0", "a2"), "note")


def test_labels_from_rules_are_noted() -> None:
    annotations = (
        Annotation("a0", "weak:words", {"beat": ("border",)}),
        Annotation("a0", "x", {"beat": ()}),
    )
    corpus = replace(labelled(["border"]), annotations=annotations)
    (found,) = check_annotators(corpus)
    assert (found.code, found.count, found.articles) == ("weak_labels", 1, ("a0",))


def test_a_label_that_is_uneven_over_splits_is_named_and_chance_is_not() -> None:
    splits = ["train"] * 200 + ["test"] * 200
    even = labelled(["border"] * 20 + [""] * 180 + ["border"] * 24 + [""] * 176, splits)
    uneven = labelled(["border"] * 20 + [""] * 180 + ["border"] * 60 + [""] * 140, splits)
    assert codes(check_balance(even)) == {}
    assert codes(check_balance(uneven))["uneven_label"].details == {"train": 0.1, "test": 0.3}


def dated(days: dict[str, str], splits: str) -> Corpus:
    articles = tuple(
        article(f"{split}{day}", published=day, split=split) for day, split in days.items()
    )
    return Corpus(INFO.model_copy(update={"splits": splits}), {}, articles)


def test_a_test_article_before_a_train_one_leaks_only_where_the_split_is_by_time() -> None:
    days = {"2026-01-01": "train", "2026-03-01": "train", "2026-02-01": "test"}
    assert codes(check_dates(dated(days, "at random"))) == {}
    found = codes(check_dates(dated(days, "70 / 30 by time")))["dates_leak"]
    assert (found.severity, found.articles) == ("error", ("test2026-02-01",))
    later = {"2026-01-01": "train", "2026-01-02T10:00:00Z": "test"}
    assert codes(check_dates(dated(later, "by time"))) == {}


def test_the_record_of_how_splits_were_drawn_goes_before_the_sentence_about_them() -> None:
    corpus = dated({"2026-03-01": "train", "2026-02-01": "test"}, "from the oldest to the newest")
    for method, expected in (("time", {"dates_leak"}), ("stratified", set())):
        drawn = SplitRecord(method=method, seed=0, shares={}, unit="article", sha256="")
        info = corpus.info.model_copy(update={"drawn": drawn})
        assert codes(check_dates(replace(corpus, info=info))).keys() == expected


def test_dates_that_cannot_be_read_are_named() -> None:
    found = codes(check_dates(dated({"1 May": "train", "2026-05-01": "train"}, "by time")))
    assert found["unreadable_date"].articles == ("train1 May",)


def test_refused_rows_are_one_error_a_fault_with_the_first_places() -> None:
    refused = RefusedRows()
    for line in range(1, 40):
        refused.add(BadRow("a.jsonl", line, "empty_text", "no text", f"id{line}"))
    refused.add(BadRow("a.jsonl", 50, "invalid_json", "not JSON"))
    empty, invalid = refused.findings()
    assert (empty.code, empty.count, len(empty.articles)) == ("empty_text", 39, MOST_IDS)
    assert "a.jsonl, line 1: no text" in empty.message
    assert (invalid.severity, invalid.articles) == (Severity.ERROR, ())


def about(beats: NDArray[np.bool_], rng: np.random.Generator) -> list[str]:
    """Return texts that have words of their labels among words of no label."""
    texts = []
    for row in beats:
        own = [f"beat{label}word{rng.integers(12)}" for label in np.flatnonzero(row).repeat(12)]
        texts.append(" ".join([*own, *(f"filler{n}" for n in rng.integers(200, size=20))]))
    return texts


def learned(y: NDArray[np.bool_], texts: list[str], *, multi_label: bool) -> HeldOut:
    fold = draw_folds(np.arange(len(y)))
    encoded = Encoder.fit(texts).encode(texts)
    return HeldOut.fit(encoded, y, fold, multi_label=multi_label)


@pytest.mark.parametrize("multi_label", [True, False])
def test_flipped_labels_are_found_and_clean_ones_are_left_alone(multi_label: bool) -> None:
    rng = np.random.default_rng(0)
    truth = np.eye(4, dtype=bool)[rng.integers(4, size=600)]
    if multi_label:
        truth |= np.eye(4, dtype=bool)[rng.integers(4, size=600)]
    texts = about(truth, rng)
    clean = learned(truth, texts, multi_label=multi_label).probabilities
    assert find_label_errors(truth, clean, multi_label=multi_label) == []

    flipped = rng.choice(600, 18, replace=False)
    y = truth.copy()
    if multi_label:
        y[flipped, 0] ^= True
    else:
        y[flipped] = np.roll(truth[flipped], 1, axis=1)
    noisy = learned(y, texts, multi_label=multi_label).probabilities
    suspects = find_label_errors(y, noisy, multi_label=multi_label)
    assert len({suspect.article for suspect in suspects[:36]} & set(flipped.tolist())) >= 15
    assert [suspect.quality for suspect in suspects] == sorted(s.quality for s in suspects)
    if not multi_label:
        first = suspects[0]
        assert first.instead == truth[first.article].argmax()


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.booleans())
def test_held_out_probabilities_are_probabilities(seed: int, n: int, multi_label: bool) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random((n, 3)) < 0.3 if multi_label else np.eye(3, dtype=bool)[rng.integers(3, size=n)]
    texts = [*about(y, rng)[1:], ""]
    p = learned(y, texts, multi_label=multi_label).probabilities
    assert p.shape == (n, 3)
    assert ((p >= 0) & (p <= 1)).all()
    assert multi_label or np.allclose(p.sum(axis=1), 1)


def test_a_held_out_model_did_not_learn_from_the_copies_of_an_article() -> None:
    cluster = np.repeat(np.arange(20), 3)
    fold = draw_folds(cluster)
    assert all(len(set(fold[cluster == number])) == 1 for number in range(20))
    assert set(fold) == set(range(FOLDS))


def test_the_sentence_that_speaks_most_against_a_label_is_chosen() -> None:
    def score(sentences: Sequence[str], article: NDArray[np.int64]) -> NDArray[np.float32]:
        assert len(sentences) == len(article)
        both = [[text.count("court"), text.count("border")] for text in sentences]
        return np.array(both, dtype=np.float32)

    bodies = ["", "A border. A court and a court. Nothing at all.", "No sentence has either."]
    suspects = [
        Suspect(1, 0, given=False, probability=0.9),
        Suspect(1, 1, given=True, probability=0.1),
        Suspect(1, 0, given=True, probability=0.1, instead=1),
        Suspect(0, 0, given=True, probability=0.1),
    ]
    assert sentences_against(bodies, suspects, score) == [
        "A court and a court.",
        "A court and a court.",
        "A border.",
        "",
    ]


def test_a_report_puts_errors_first_and_is_json() -> None:
    note = Finding(Severity.NOTE, "n", "A note.")
    error = Finding.about([f"a{n}" for n in range(50)], Severity.ERROR, "e", "An error.", figure=1)
    table = Table.of("t", "T", ("number",), [(n,) for n in range(20_000)])
    report = Report.of("tiny", 50, [note, table, error])
    assert report.findings == (error, note)
    assert report.has_errors
    assert not Report.of("tiny", 50, [note]).has_errors
    written = json.loads(json.dumps(report.to_json()))
    assert written["findings"][0]["count"] == 50
    assert len(written["findings"][0]["articles"]) == MOST_IDS
    assert written["tables"]["t"]["total"] == 20_000


HOSTILE = "<script>alert(1)</script>\"'&$x^{$"


def test_hostile_text_is_inert_on_the_page(tmp_path: Path) -> None:
    scheme = SCHEMES["beat"].model_copy(
        update={"labels": (Label(id="border", title=HOSTILE, definition="."),)}
    )
    articles = [
        article(f"{HOSTILE}{n}", headline=HOSTILE, labels={"beat": ("border",)}) for n in range(2)
    ]
    corpus = Corpus(INFO.model_copy(update={"name": HOSTILE}), {"beat": scheme}, tuple(articles))
    evidence = Table.of("duplicates", HOSTILE, (HOSTILE,), [(each.id,) for each in articles])
    finding = Finding.about([each.id for each in articles], Severity.ERROR, "x", HOSTILE)
    report = Report.of(HOSTILE, 2, [finding, evidence, *check_labels(corpus)])
    write_page(report, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page


@settings(max_examples=3)
@given(corpora)
def test_a_page_is_whole_and_loads_nothing(
    tmp_path_factory: pytest.TempPathFactory, corpus: Corpus
) -> None:
    path = tmp_path_factory.mktemp("page") / "page.html"
    found = [*check_labels(corpus), *check_dates(corpus)]
    write_page(Report.of(corpus.info.name, len(corpus.articles), found), path)
    page = path.read_text(encoding="utf-8")
    assert page.endswith("</html>")
    assert (
        page.count("<img ") == page.count('src="data:image/svg+xml;base64,') == page.count("alt=")
    )
    assert "http://" not in page
    assert "https://" not in page


@settings(max_examples=30)
@given(corpora)
def test_any_text_can_be_looked_at(corpus: Corpus) -> None:
    with parallel_config(backend="sequential"):
        facts = look_at(corpus.articles)
    assert len(facts) == len(corpus.articles)
    list(check_texts(corpus.articles, facts))
    list(check_boilerplate(corpus.articles, facts, clusters([], len(facts))))
