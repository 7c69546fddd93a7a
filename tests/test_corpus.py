from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.corpus import Corpus, indicators, lines, read_corpus, write_corpus
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError, article_from_row, parse_json_row
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.records import MAX_TEXT_CHARACTERS, LabelledArticle
from newsclf.schemes import write_scheme
from strategies import INFO, SCHEMES, corpora

PLAIN = {"id": "a1", "headline": "Border", "body": "A lorry."}


def folder_of(folder: Path, *rows: bytes | dict[str, Any], **info: Any) -> Path:
    for name, made in SCHEMES.items():
        write_scheme(made, folder / "schemes" / f"{name}.toml")
    named = {"schemes": [f"schemes/{name}.toml" for name in SCHEMES]}
    document = INFO.model_dump(mode="json", exclude_none=True) | named | info
    (folder / "corpus.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / "articles.jsonl").write_bytes(b"\n".join(lines))
    return folder


@settings(max_examples=25)
@given(corpora, st.booleans())
def test_a_corpus_is_read_back_as_it_was_written(made: Corpus, parquet: bool) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "corpus"
        write_corpus(made, folder, parquet=parquet)
        suffix = "parquet" if parquet else "jsonl"
        assert {path.name for path in folder.iterdir()} == {
            "corpus.toml",
            "schemes",
            f"articles.{suffix}",
            *(["annotations.jsonl"] if made.annotations else []),
        }
        again = read_corpus(folder)
        assert again.articles == made.articles
        assert again.annotations == made.annotations
        assert again.schemes == SCHEMES
        assert again.sha256 == made.sha256


@settings(max_examples=25)
@given(corpora)
def test_a_dataset_holds_each_article_in_its_split(made: Corpus) -> None:
    for split, dataset in made.to_datasets().items():
        chosen = [article for article in made.articles if (article.split or "all") == split]
        assert dataset["id"] == [article.id for article in chosen]
        assert dataset["body"] == [article.body for article in chosen]
        for task, its_scheme in SCHEMES.items():
            named = dataset.features[task].feature
            assert named.names == list(its_scheme.label_ids)
            found = [
                None if given is None else tuple(named.int2str(list(given)))
                for given in dataset[task]
            ]
            assert found == [article.labels.get(task) for article in chosen]


@pytest.mark.parametrize("parquet", [False, True])
def test_the_shipped_corpus_survives_a_round_trip(
    small_corpus: Corpus, tmp_path: Path, parquet: bool
) -> None:
    write_corpus(small_corpus, tmp_path / "copy", parquet=parquet)
    again = read_corpus(tmp_path / "copy")
    assert again.articles == small_corpus.articles
    assert again.schemes == small_corpus.schemes
    assert again.info.provenance == small_corpus.info.provenance


def test_the_checksum_changes_with_a_label(small_corpus: Corpus) -> None:
    first, *rest = small_corpus.articles
    bare = LabelledArticle(first.id, first.headline, first.body, split=first.split)
    changed = Corpus(small_corpus.info, small_corpus.schemes, (bare, *rest))
    assert changed.sha256 != small_corpus.sha256


def test_an_existing_folder_is_replaced_only_when_forced(
    small_corpus: Corpus, tmp_path: Path
) -> None:
    (tmp_path / "old.txt").touch()
    with pytest.raises(OutputError, match=r"exists already; choose another path, or --force"):
        write_corpus(small_corpus, tmp_path)
    assert (tmp_path / "old.txt").exists()
    write_corpus(small_corpus, tmp_path, force=True)
    assert not (tmp_path / "old.txt").exists()
    assert read_corpus(tmp_path).articles == small_corpus.articles


BAD_ROWS = {
    "not JSON": (b"{'id': 1}", r"not valid JSON: "),
    "half a surrogate": (rb'{"id": "a2", "body": "\ud800"}', r"not valid JSON: "),
    "not UTF-8": (b'{"id": "a2", "body": "\xff"}', r"not valid JSON: "),
    "not a number of JSON": (b'{"id": "a2", "body": NaN}', r"not valid JSON: "),
    "list": (b"[1]", r"expected a JSON object, found a list"),
    "null": (b"null", r"expected a JSON object, found null"),
    "no id": ({"body": "A lorry."}, r"the row has no id"),
    "empty id": ({"id": "", "body": "A lorry."}, r"the row has no id"),
    "blank id": ({"id": " ", "body": "A lorry."}, r"the row has no id"),
    "boolean id": ({"id": True, "body": "A."}, r"id must be a string, not a boolean"),
    "fractional id": ({"id": 1.5, "body": "A."}, r"id must be a string, not a number"),
    "no text": ({"id": "a2"}, r"headline and body are both empty or missing \(article a2\)"),
    "blank text": (
        {"id": "a2", "headline": " ", "body": None},
        r"headline and body are both empty or missing \(article a2\)",
    ),
    "number for a body": ({"id": "a2", "body": 5}, r"body must be a string, not a number"),
    "list for a source": (
        {"id": "a2", "body": "A.", "source": []},
        r"source must be a string, not a list \(article a2\)",
    ),
    "unknown key": (
        {"id": "a2", "body": "A.", "headlin": "B"},
        r"unknown key 'headlin'; did you mean 'headline'\? \(article a2\)",
    ),
    "unknown split": (
        {"id": "a2", "body": "A.", "split": "trian"},
        r"unknown split 'trian'; did you mean 'train'\?",
    ),
    "number for a split": ({"id": "a2", "body": "A.", "split": 1}, r"split must be a string"),
    "unknown task": (
        {"id": "a2", "body": "A.", "labels": {"baet": []}},
        r"no scheme for the task 'baet'; did you mean 'beat'\?",
    ),
    "unknown label": (
        {"id": "a2", "body": "A.", "labels": {"beat": ["cort"]}},
        r"unknown beat label 'cort'; did you mean 'court'\? \(article a2\)",
    ),
    "repeated label": (
        {"id": "a2", "body": "A.", "labels": {"beat": ["court", "court"]}},
        r"a beat label is given twice",
    ),
    "two labels where one is due": (
        {"id": "a2", "body": "A.", "labels": {"tone": ["warm", "cold"]}},
        r"tone takes one label, 2 are given \(article a2\)",
    ),
    "list for the labels": (
        {"id": "a2", "body": "A.", "labels": ["court"]},
        r"labels must be an object of lists by task, not a list",
    ),
    "null for the labels": (
        {"id": "a2", "body": "A.", "labels": None},
        r"labels must be an object of lists by task, not null",
    ),
    "string for a label list": (
        {"id": "a2", "body": "A.", "labels": {"beat": "court"}},
        r"labels\.beat must be a list of strings",
    ),
    "number for a label": (
        {"id": "a2", "body": "A.", "labels": {"beat": [1]}},
        r"labels\.beat must be a list of strings",
    ),
    "used id": (PLAIN, r"the id 'a1' was used on line 1 already; ids occur once"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path: Path, kind: str) -> None:
    row, message = BAD_ROWS[kind]
    folder = folder_of(tmp_path, PLAIN, b"", row)
    where = re.escape(f"{folder / 'articles.jsonl'}, line 3: ")
    with pytest.raises(InputError, match=f"^{where}{message}"):
        read_corpus(folder)


def test_a_bad_row_of_a_parquet_file_is_refused_with_its_number(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "articles.jsonl").unlink()
    rows = [PLAIN, PLAIN | {"id": "a2", "labels": {"beat": ["cort"]}}]
    table = pa.table(
        {key: [row.get(key) for row in rows] for key in ("id", "headline", "body", "labels")}
    )
    pq.write_table(table, folder / "articles.parquet")
    message = r"articles\.parquet, line 2: unknown beat label 'cort'; did you mean 'court'\?"
    with pytest.raises(InputError, match=message):
        read_corpus(folder)


@pytest.mark.parametrize("labels", [["court"], ["court", "budget"], "court"])
def test_a_labels_column_of_another_type_is_refused(tmp_path: Path, labels: Any) -> None:
    folder = folder_of(tmp_path)
    (folder / "articles.jsonl").unlink()
    pq.write_table(pa.Table.from_pylist([PLAIN | {"labels": labels}]), folder / "articles.parquet")
    with pytest.raises(InputError, match=r"articles\.parquet, line 1: labels must be an object"):
        read_corpus(folder)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "articles.jsonl").unlink()
    (folder / "articles.parquet").write_bytes(b"not Parquet")
    with pytest.raises(InputError, match=r"articles\.parquet: cannot be read as Parquet"):
        read_corpus(folder)


def test_an_overlong_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr("newsclf.corpus.rows.MAX_LINE_BYTES", 100)
    folder = folder_of(tmp_path, PLAIN, PLAIN | {"id": "a2", "body": "lorry " * 40})
    with pytest.raises(InputError, match=r"line 2: the line has more than 100 bytes"):
        read_corpus(folder)


def test_a_text_is_taken_up_to_its_longest_and_refused_beyond() -> None:
    longest = "x" * MAX_TEXT_CHARACTERS
    assert len(article_from_row({"id": "a", "headline": None, "body": longest}).body) == len(
        longest
    )
    with pytest.raises(RowError, match=r"the text has more than 4,000,000 characters") as caught:
        article_from_row({"id": "a", "headline": "x", "body": longest})
    assert (caught.value.code, caught.value.article_id) == ("text_too_long", "a")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({}, "missing_id"),
        ({"id": []}, "wrong_type"),
        ({"id": "a", "body": {}}, "wrong_type"),
        ({"id": "a"}, "empty_text"),
    ],
)
def test_a_row_error_has_a_code_for_programs(row: dict[str, Any], code: str) -> None:
    with pytest.raises(RowError, match=r".") as caught:
        article_from_row(row)
    assert caught.value.code == code


@pytest.mark.parametrize(("line", "code"), [(b"{", "invalid_json"), (b"1", "not_an_object")])
def test_a_line_error_has_a_code_for_programs(line: bytes, code: str) -> None:
    with pytest.raises(RowError, match=r".") as caught:
        parse_json_row(line)
    assert caught.value.code == code


def test_other_keys_of_an_unlabelled_row_are_left_aside() -> None:
    article = article_from_row({"id": 7, "headline": None, "body": "A lorry.", "section": [1]})
    assert (article.id, article.headline, article.body) == ("7", "", "A lorry.")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: there is no such corpus folder"):
        read_corpus(tmp_path / "nowhere")


def test_a_folder_without_a_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*corpus\.toml: No such file"):
        read_corpus(tmp_path)


def test_a_folder_without_articles_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with pytest.raises(InputError, match=r"articles\.jsonl: the corpus has no article"):
        read_corpus(folder)
    (folder / "articles.jsonl").unlink()
    with pytest.raises(InputError, match=r"articles\.jsonl: cannot be read: No such file"):
        read_corpus(folder)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"licens": "CC0"}, r"corpus\.toml: unknown key 'licens'; did you mean 'licence'\?"),
        ({"version": 1}, r"corpus\.toml: version: Input should be a valid string"),
        ({"schemes": ["none.toml"]}, r"cannot read .*none\.toml: No such file"),
    ],
)
def test_a_bad_description_is_refused(tmp_path: Path, info: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_corpus(folder_of(tmp_path, PLAIN, **info))


def test_a_missing_split_is_answered_with_those_there_are(tmp_path: Path) -> None:
    made = read_corpus(folder_of(tmp_path, PLAIN | {"split": "train"}, PLAIN | {"id": "a2"}))
    assert [article.id for article in made.split("train", "test")] == ["a1"]
    message = r"corpus tiny has no article in split test; its splits are \(none\), train"
    with pytest.raises(ConfigError, match=message):
        made.split("test")


def test_indicators_leave_out_what_was_not_judged() -> None:
    given = [{}, {"beat": ()}, {"beat": ("court", "border"), "tone": ()}, {"tone": ("cold",)}]
    made = [LabelledArticle(str(n), "A", "", labels=one) for n, one in enumerate(given)]
    judged, y = indicators(made, SCHEMES["beat"])
    assert [article.id for article in judged] == ["1", "2"]
    np.testing.assert_array_equal(y, [[False, False, False], [True, True, False]])
    judged, y = indicators(made, SCHEMES["tone"])
    assert [article.id for article in judged] == ["3"]
    np.testing.assert_array_equal(y, [[False, True]])
    judged, y = indicators([], SCHEMES["beat"])
    assert (judged, y.shape, y.dtype) == ([], (0, 3), np.dtype(bool))


def test_the_shipped_corpus_has_its_articles_and_splits(corpus: Corpus) -> None:
    assert len(corpus.articles) == 488
    assert Counter(article.split for article in corpus.articles) == {
        "train": 338,
        "valid": 77,
        "test": 73,
    }
    assert tuple(corpus.schemes) == ("topic", "frame", "stance")


def test_every_label_of_the_shipped_corpus_occurs_in_training(corpus: Corpus) -> None:
    for task in corpus.schemes.values():
        _, y = indicators(corpus.split("train"), task)
        assert y.any(axis=0).all()


def test_the_shipped_corpus_becomes_three_datasets(corpus: Corpus) -> None:
    datasets = corpus.to_datasets()
    assert {name: len(rows) for name, rows in datasets.items()} == {
        "train": 338,
        "valid": 77,
        "test": 73,
    }


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ({"id": "a1"}, "wrong_type", "no annotator"),
        ({"id": "zz", "annotator": "A", "labels": {}}, "unknown_id", "no article has the id 'zz'"),
        ({"id": "a1", "annotator": "A", "labels": {"beat": ["x"]}}, "invalid_label", "unknown"),
        ({"id": "a1", "annotator": "B", "labels": {}}, "repeated_id", "'B' labelled 'a1' already"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_named(
    row: dict[str, Any], code: str, message: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, PLAIN)
    rows = [{"id": "a1", "annotator": "B", "labels": {"tone": ["warm"]}}, row]
    (folder / "annotations.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=rf"annotations.jsonl, line 2: .*{message}"):
        read_corpus(folder)
    bad: list[BadRow] = []
    assert len(read_corpus(folder, on_bad=bad.append).annotations) == 1
    assert [(found.line, found.code) for found in bad] == [(2, code)]


def test_reading_goes_on_after_a_bad_row_when_it_may(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, PLAIN, b"{", PLAIN, {"id": "a2", "headline": " "})
    bad: list[BadRow] = []
    assert len(read_corpus(folder, on_bad=bad.append).articles) == 1
    assert [(found.line, found.code) for found in bad] == [
        (2, "invalid_json"),
        (3, "repeated_id"),
        (4, "empty_text"),
    ]


def test_a_task_has_one_scheme(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, PLAIN, schemes=["schemes/beat.toml", "schemes/beat.toml"])
    with pytest.raises(ConfigError, match="a scheme for the task 'beat' is listed already"):
        read_corpus(folder)
