from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings

from newsclf.corpus import Corpus
from newsclf.corpus.exchange.annif import ANNIF_FOLDER, ANNIF_TSV
from newsclf.corpus.exchange.base import Format, Member, ReadOptions, SourceRow
from newsclf.corpus.exchange.fasttext import FASTTEXT
from newsclf.corpus.exchange.folders import FOLDER
from newsclf.corpus.exchange.hub import DATASETS, read_hub
from newsclf.corpus.lines import BadRow
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.records import Article, LabelledArticle
from strategies import INFO, SCHEMES, corpora


def read(form: Format, path: Path, **options: Any) -> list[SourceRow | BadRow]:
    source = path if form.folder else Member.of(path)
    return list(form.read(source, ReadOptions(**options)))


def values(form: Format, path: Path, **options: Any) -> list[dict[str, Any]]:
    rows = read(form, path, **options)
    assert all(isinstance(row, SourceRow) for row in rows), rows
    return [row.values for row in rows if isinstance(row, SourceRow)]


def round_trip(form: Format, corpus: Corpus) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        form.write(corpus, path, {})
        return values(form, path)


def corpus_of(*articles: LabelledArticle) -> Corpus:
    return Corpus(INFO, SCHEMES, articles)


def given_labels(article: LabelledArticle) -> dict[str, list[str]]:
    return {task: list(labels) for task, labels in article.labels.items() if labels}


def without_white_space(text: str) -> str:
    return " ".join(text.removeprefix("\ufeff").split())


STORY = LabelledArticle("a", "Court opens", "The doors\topened.\nPeople came.", split="train")


@given(corpora)
def test_fasttext_keeps_words_and_labels_of_any_corpus(corpus: Corpus) -> None:
    rows = round_trip(FASTTEXT, corpus)
    assert [row["labels"] for row in rows] == [given_labels(a) for a in corpus.articles]
    assert [without_white_space(row["body"]) for row in rows] == [
        without_white_space(f"{a.headline} {a.body}") for a in corpus.articles
    ]


@given(corpora)
def test_annif_tsv_keeps_words_and_labels_of_any_corpus(corpus: Corpus) -> None:
    rows = round_trip(ANNIF_TSV, corpus)
    assert [row["labels"] for row in rows] == [given_labels(a) for a in corpus.articles]
    assert [without_white_space(row["body"]) for row in rows] == [
        without_white_space(f"{a.headline} {a.body}") for a in corpus.articles
    ]


@given(corpora)
def test_annif_folder_keeps_stories_and_labels_of_any_corpus(corpus: Corpus) -> None:
    assume(all(a.headline.removeprefix("\ufeff").strip() for a in corpus.articles))
    rows = {row["id"]: row for row in round_trip(ANNIF_FOLDER, corpus)}
    for article in corpus.articles:
        row = rows[article.id]
        assert row["headline"] == without_white_space(article.headline)
        assert row["body"] == article.body
        assert row["labels"] == given_labels(article)


@given(corpora)
def test_a_folder_keeps_stories_and_splits_of_any_corpus(corpus: Corpus) -> None:
    assume(all(a.headline.removeprefix("\ufeff").strip() for a in corpus.articles))
    rows = {row["id"]: row for row in round_trip(FOLDER, corpus)}
    for article in corpus.articles:
        row = rows[article.id]
        assert row["headline"] == without_white_space(article.headline)
        assert (row["body"], row["split"]) == (article.body, article.split)


@settings(max_examples=20)
@given(corpora)
def test_datasets_keeps_every_column_of_any_corpus(corpus: Corpus) -> None:
    rows = {row["id"]: row for row in round_trip(DATASETS, corpus)}
    for article in corpus.articles:
        row = rows[article.id]
        for field in fields(Article):
            assert row[field.name] == getattr(article, field.name)
        assert row["split"] == article.split
        judged = {task: row[task] for task in SCHEMES if row[task] is not None}
        assert judged == {task: list(labels) for task, labels in article.labels.items()}


def test_fasttext_labels_without_a_task_are_of_the_task_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "news.ft"
    path.write_text(
        "\ufeff__label__border __label__tone:warm Gates reopen\n\n__label__court Ruling\n"
    )
    first, second = values(FASTTEXT, path, task="beat")
    assert first == {
        "id": "news-1",
        "headline": "",
        "body": "Gates reopen",
        "labels": {"beat": ["border"], "tone": ["warm"]},
    }
    assert (second["id"], second["labels"]) == ("news-3", {"beat": ["court"]})


def test_a_word_that_fasttext_takes_for_a_label_is_written_as_a_word(tmp_path: Path) -> None:
    FASTTEXT.write(corpus_of(LabelledArticle("a", "__label__fake news", "")), tmp_path / "o", {})
    assert (tmp_path / "o").read_text() == "labelfake news\n"


def test_a_line_in_another_encoding_is_a_bad_row_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "news.ft"
    path.write_bytes(b"__label__a caf\xe9\n__label__b th\xc3\xa9\n")
    bad, good = read(FASTTEXT, path)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (1, "wrong_encoding")
    assert isinstance(good, SourceRow)
    assert good.values["body"] == "thé"
    assert values(FASTTEXT, path, encoding="latin-1")[0]["body"] == "café"


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "news.ft"
    path.write_text("tea\n")
    with pytest.raises(ConfigError, match="no text encoding 'klingon'"):
        read(FASTTEXT, path, encoding="klingon")


def test_annif_subjects_are_the_last_parts_of_their_uris(tmp_path: Path) -> None:
    path = tmp_path / "news.tsv"
    path.write_text(
        "Gates reopen\t<http://example.org/subjects/border> <http://example.org/v#court>\n"
        "Taxes fall\t<urn:newsclf:tone:warm>\n"
        "no tab here\n"
    )
    first, second, bad = read(ANNIF_TSV, path)
    assert isinstance(first, SourceRow)
    assert first.values["labels"] == {"topic": ["border", "court"]}
    assert isinstance(second, SourceRow)
    assert second.values["labels"] == {"tone": ["warm"]}
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (3, "no_tab")


def test_annif_folder_reads_tsv_and_key_files_beside_texts(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(f"Headline {name}\n\nBody.")
    (tmp_path / "one.tsv").write_text("<http://example.org/border>\tThe border\textra\n")
    (tmp_path / "two.key").write_text("court\n\nbudget\n")
    rows = {row["id"]: row for row in values(ANNIF_FOLDER, tmp_path)}
    assert rows["one"]["labels"] == {"topic": ["border"]}
    assert rows["two"]["labels"] == {"topic": ["court", "budget"]}
    assert rows["three"]["labels"] == {}
    assert rows["three"]["headline"] == "Headline three"


def test_sub_folders_are_splits_and_labels(tmp_path: Path) -> None:
    for name in ("train/border/1.txt", "test/border/1.txt", "court/2.md", "3.txt", "4.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n\nGates reopen\r\n\r\nPeople came.")
    rows = {row["id"]: row for row in values(FOLDER, tmp_path, task="beat")}
    assert rows.keys() == {"train/border/1", "test/border/1", "court/2", "3"}
    assert rows["train/border/1"]["split"] == "train"
    assert rows["train/border/1"]["labels"] == {"beat": ["border"]}
    assert (rows["court/2"]["split"], rows["court/2"]["labels"]) == (None, {"beat": ["court"]})
    assert rows["3"]["labels"] == {}
    assert (rows["3"]["headline"], rows["3"]["body"]) == ("Gates reopen", "People came.")


def test_a_link_out_of_the_folder_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "b.txt").write_text("Court opens")
    bad, good = read(FOLDER, inside)
    assert isinstance(bad, BadRow)
    assert bad.code == "outside_folder"
    assert isinstance(good, SourceRow)


@pytest.mark.parametrize("article_id", ["../up", "..", ".hidden", "/etc/x", "a/b.txt", "50%25"])
def test_any_id_is_the_name_of_a_file_inside_the_folder(tmp_path: Path, article_id: str) -> None:
    corpus = corpus_of(LabelledArticle(article_id, "Court opens", ""))
    FOLDER.write(corpus, tmp_path / "out", {})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [row["id"] for row in values(FOLDER, tmp_path / "out")] == [article_id]


def test_an_id_too_long_for_a_file_name_is_refused(tmp_path: Path) -> None:
    corpus = corpus_of(LabelledArticle("x" * 300, "Court opens", ""))
    with pytest.raises(OutputError, match="too long for the name of a file"):
        FOLDER.write(corpus, tmp_path / "out", {})


@pytest.mark.parametrize("form", [FOLDER, ANNIF_FOLDER, DATASETS])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, form: Format) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read(form, tmp_path / "nowhere")


def test_a_single_saved_dataset_is_read_with_names_for_numbers(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["court", "border"])})
    rows = {"text": ["Gates reopen", "Ruling"], "label": [1, None]}
    saved = Dataset.from_dict(rows, features=features)
    saved.save_to_disk(str(tmp_path / "saved"))
    assert values(DATASETS, tmp_path / "saved") == [
        {"split": None, "text": "Gates reopen", "label": "border"},
        {"split": None, "text": "Ruling", "label": None},
    ]


def test_validation_is_our_split_valid(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    saved = DatasetDict({"validation": Dataset.from_dict({"text": ["Gates reopen"]})})
    saved.save_to_disk(str(tmp_path / "saved"))
    assert values(DATASETS, tmp_path / "saved") == [{"split": "valid", "text": "Gates reopen"}]


@pytest.mark.parametrize("name", ["weights.pkl", "train/loader.py"])
def test_a_saved_dataset_with_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    DATASETS.write(corpus_of(STORY), tmp_path / "saved", {})
    (tmp_path / "saved" / name).write_bytes(b"")
    with pytest.raises(InputError, match=rf"has no {name}"):
        read(DATASETS, tmp_path / "saved")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train/state.json", '"data-', '"../../data-'),
        ("train/state.json", '"data-', '"/data-'),
        ("dataset_dict.json", '"train"', '"../train"'),
        ("dataset_dict.json", '"train"', '".."'),
    ],
)
def test_a_saved_dataset_that_points_outside_its_folder_is_refused(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    DATASETS.write(corpus_of(STORY), tmp_path / "saved", {})
    file = tmp_path / "saved" / name
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match="outside its folder"):
        read(DATASETS, tmp_path / "saved")


@pytest.mark.parametrize("content", ["[", "[]", '{"features": 3}'])
def test_a_broken_saved_dataset_is_refused(tmp_path: Path, content: str) -> None:
    DATASETS.write(corpus_of(STORY), tmp_path / "saved", {})
    (tmp_path / "saved" / "train" / "dataset_info.json").write_text(content)
    with pytest.raises(InputError, match="not a folder that datasets saved"):
        read(DATASETS, tmp_path / "saved")


@pytest.mark.parametrize("name", ["", "../local", "a/b/c", "a:b:c", "https://example.org/x"])
def test_a_name_that_no_hub_dataset_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="names no dataset"):
        list(read_hub(name))


def test_without_a_network_the_hub_is_said_to_be_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import datasets

    def offline(*_: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset_builder", offline)
    with pytest.raises(InputError, match=r"hf:owner/name: the Hugging Face Hub cannot be reached"):
        list(read_hub("owner/name"))


def test_a_hub_dataset_of_pickles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from datasets.packaged_modules.pandas.pandas import Pandas

    def builder(*_: object) -> Pandas:
        return Pandas.__new__(Pandas)

    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    with pytest.raises(InputError, match="made of 'pandas' files"):
        list(read_hub("owner/name"))
