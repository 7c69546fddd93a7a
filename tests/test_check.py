from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from joblib import parallel_config

from newsclf import check
from newsclf.check import check_corpus
from newsclf.corpus import Corpus, write_corpus
from newsclf.corpus.quality.findings import Report
from newsclf.errors import ConfigError, InputError
from newsclf.records import LabelledArticle
from strategies import INFO, SCHEMES, corpora

WORDS = {
    "border": [
        "coast",
        "patrol",
        "boat",
        "lorry",
        "visa",
        "fence",
        "ferry",
        "passport",
        "customs",
        "harbour",
    ],
    "court": [
        "judge",
        "jury",
        "trial",
        "verdict",
        "appeal",
        "lawyer",
        "sentence",
        "bench",
        "clerk",
        "hearing",
    ],
    "budget": [
        "tax",
        "spending",
        "deficit",
        "loan",
        "treasury",
        "bond",
        "grant",
        "audit",
        "revenue",
        "price",
    ],
}
COMMON = [
    "the minister said on this day that",
    "and people who live near it asked for",
    "because nobody had been told of the",
    "before a new plan was put to them with",
]


def checked(folder: Path, **options: bool) -> Report:
    with parallel_config(backend="sequential"):
        return check_corpus(folder, **options)


def made_corpus(n: int = 300) -> Corpus:
    """Return articles that are plain English, distinct, labelled rightly and split evenly."""
    rng = np.random.default_rng(0)
    articles = []
    for row in range(n):
        beat = list(WORDS)[row % 3]
        parts = [
            f"{rng.choice(COMMON)} {' and '.join(rng.choice(WORDS[beat], 4, replace=False))}"
            for _ in range(9)
        ]
        labels = {"beat": (beat,), "tone": ("warm" if row % 2 else "cold",)}
        split = "test" if row % 7 == 0 else "train"
        body = ". ".join(part.capitalize() for part in parts) + "."
        articles.append(
            LabelledArticle(f"a{row}", f"Number {row}", body, labels=labels, split=split)
        )
    return Corpus(INFO, SCHEMES, tuple(articles))


@pytest.fixture(scope="module")
def clean() -> Corpus:
    return made_corpus()


def written(corpus: Corpus, folder: Path) -> Path:
    write_corpus(corpus, folder)
    return folder


def test_a_clean_corpus_has_nothing_wrong(clean: Corpus, tmp_path: Path) -> None:
    report = checked(written(clean, tmp_path / "corpus"))
    # a tone that no word tells is nothing a model could doubt
    assert [finding.message for finding in report.findings] == []
    assert not report.has_errors


def test_planted_faults_are_found(clean: Corpus, tmp_path: Path) -> None:
    articles = list(clean.articles)
    articles[50] = replace(articles[0], id="copy", split="train")
    for row in range(100, 110):
        wrong = "court" if articles[row].labels["beat"] != ("court",) else "border"
        articles[row] = replace(articles[row], labels={"beat": (wrong,)})
    articles[200] = replace(articles[200], body=articles[200].body + " caf\ufffd")
    folder = written(replace(clean, articles=tuple(articles)), tmp_path / "corpus")
    with (folder / "articles.jsonl").open("a") as file:
        file.write('{"id": "bad"}\nnot json\n')

    report = checked(folder)
    assert report.has_errors
    assert report.n_articles == 300
    found = {finding.code: finding for finding in report.findings}
    assert found.keys() == {
        "empty_text",
        "invalid_json",
        "duplicates_across_splits",
        "lost_characters",
        "label_error",
    }
    assert set(found["duplicates_across_splits"].articles) == {"a0", "copy"}
    assert "line 301" in found["empty_text"].message
    rows = report.tables["label_errors"].rows
    doubted = {row[1] for row in rows if row[0] == "beat"}
    assert len(doubted & {f"a{row}" for row in range(100, 110)}) >= 9
    assert all(row[-1] for row in rows)


def test_label_errors_can_be_left_out(clean: Corpus, tmp_path: Path) -> None:
    report = checked(written(clean, tmp_path / "corpus"), label_errors=False)
    assert "label_errors" not in report.tables


def test_each_part_of_the_work_is_announced(small_corpus: Corpus, tmp_path: Path) -> None:
    steps: list[str] = []
    with parallel_config(backend="sequential"):
        report = check_corpus(written(small_corpus, tmp_path / "corpus"), on_step=steps.append)
    assert steps[0] == "reading"
    assert steps[-1] == "doubting stance labels"
    assert {finding.code for finding in report.findings} >= {"too_few_judged"}


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such corpus folder"):
        check_corpus(tmp_path / "nowhere")


def test_without_the_extra_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("newsclf.extras.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'newsclf\[check\]'"):
        check_corpus(tmp_path)


@settings(max_examples=8)
@given(corpus=corpora)
def test_any_corpus_can_be_checked(
    tmp_path_factory: pytest.TempPathFactory, corpus: Corpus
) -> None:
    folder = tmp_path_factory.mktemp("any") / "corpus"
    write_corpus(corpus, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "FEWEST_JUDGED", 1)
        report = checked(folder)
    assert report.n_articles == len(corpus.articles)
