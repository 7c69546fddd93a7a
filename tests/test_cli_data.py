from __future__ import annotations

import gzip
import json
import re
import zipfile
from pathlib import Path

import pytest

from govuk_server import serving, story
from newsclf.corpus import Corpus, read_corpus, write_corpus
from newsclf.files import shipped_data
from test_cli import run

SCHEMES = [
    argument
    for task in ("topic", "frame", "stance")
    for argument in ("--scheme", str(shipped_data() / "schemes" / f"{task}.toml"))
]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Corpus) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stories"
    write_corpus(tiny_corpus, folder)
    return folder


def test_a_spreadsheet_is_exported_and_imported(stories: Path, tmp_path: Path) -> None:
    out = run(tmp_path, "data", "export", stories, "-o", "a.xlsx", "--split", "test")
    assert (out.returncode, out.stdout) == (0, "12 articles written to a.xlsx, excel\n")
    done = run(tmp_path, "data", "import", "a.xlsx", "--into", "again", *SCHEMES)
    assert done.returncode == 0, done.stderr
    assert "12 articles written to again" in done.stdout
    assert "topic: 9 labels\n" in done.stdout
    assert re.search(r"headline +│ headline +│ \w", done.stderr)
    assert read_corpus(tmp_path / "again").articles == read_corpus(stories).split("test")


def test_a_guessed_mapping_is_printed_and_can_be_given_back(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Nr,Title,Words,Beat\n1,Gates,They reopened.,Border|Customs\n")
    arguments = ("data", "import", "a.csv", "--into", "c", "--labels", "topic=Beat")
    shown = run(tmp_path, *arguments, "--separator", "|", "--column", "id=Nr", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert 'body = "Words"' in shown.stdout
    assert not (tmp_path / "c").exists()
    (tmp_path / "map.toml").write_text(shown.stdout)
    done = run(tmp_path, "data", "import", "a.csv", "--into", "c", "--mapping", "map.toml")
    assert "topic: 2 labels, a scheme made of the labels that occur" in done.stdout
    [article] = read_corpus(tmp_path / "c").articles
    assert (article.id, article.labels["topic"]) == ("1", ("border", "customs"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "body=Word"], "there is no column 'Word' for body; did you mean 'Words'?"),
        (["--column", "text=Words"], "articles have no field 'text'"),
        (["--format", "exel"], "unknown format 'exel'; did you mean 'excel'?"),
    ],
)
def test_a_wrong_mapping_is_explained(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Title,Words\nGates,They reopened.\n")
    done = run(tmp_path, "data", "import", "a.csv", "--into", "c", *arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_bad_rows_are_named_or_skipped_and_counted(tmp_path: Path) -> None:
    rows = ["id,body", "a,Gates", "b,Tax,3", "c,\0", 'd,"open', "e,Fine"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    done = run(tmp_path, "data", "import", "a.csv", "--into", "c")
    assert done.returncode == 1
    assert "a.csv, line 3: " in done.stderr
    assert "--skip-bad" in done.stderr
    assert not (tmp_path / "c").exists()
    done = run(tmp_path, "data", "import", "a.csv", "--into", "c", "--skip-bad")
    assert done.returncode == 0, done.stderr
    assert "2 articles written" in done.stdout
    assert "3 rows skipped: " in done.stderr
    for code in ("ragged_row 1", "nul_character 1", "bad_quote 1"):
        assert code in done.stderr


def test_hostile_archives_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as bomb:
        bomb.write(b"id,body\n" + b"a" * 300_000_000)
    with zipfile.ZipFile(tmp_path / "climb.zip", "w") as archive:
        archive.writestr("../../outside.csv", "id,body\na,b\n")
    for name, message in (("bomb.csv.gz", "times"), ("climb.zip", "climb.zip:../../outside.csv")):
        done = run(tmp_path, "data", "import", name, "--into", "c")
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_formulas_are_harmless_in_an_exported_table(tmp_path: Path) -> None:
    row = {"id": "=1+1", "headline": "@SUM(A1)", "body": "-2+3 is one"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    assert run(tmp_path, "data", "import", "a.jsonl", "--into", "c").returncode == 0
    assert run(tmp_path, "data", "export", "c", "-o", "a.csv").returncode == 0
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("'=1+1,'@SUM(A1),'-2+3 is")
    assert run(tmp_path, "data", "import", "a.csv", "--into", "d").returncode == 0
    assert read_corpus(tmp_path / "d").articles == read_corpus(tmp_path / "c").articles


def test_counts_are_shown_and_written(stories: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "data", "stats", stories, "--json", "s.json")
    assert done.returncode == 0, done.stderr
    assert "72 articles" in done.stdout
    assert json.loads((tmp_path / "s.json").read_text())["splits"] == {"train": 60, "test": 12}


def test_splits_are_drawn_recorded_and_drawn_again(stories: Path, tmp_path: Path) -> None:
    refused = run(tmp_path, "data", "split", stories)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    for name in ("a", "b"):
        done = run(tmp_path, "data", "split", stories, "--into", name, "--shares", "50/25/25")
        assert done.returncode == 0, done.stderr
    assert done.stdout == "train: 36 articles\nvalid: 18 articles\ntest: 18 articles\n"
    assert (tmp_path / "a" / "corpus.toml").read_bytes() == (
        tmp_path / "b" / "corpus.toml"
    ).read_bytes()
    drawn = read_corpus(tmp_path / "a").info.drawn
    assert drawn is not None
    assert (drawn.method, drawn.seed, drawn.unit) == ("stratified", 13, "near-duplicates")
    folds = run(tmp_path, "data", "split", "a", "--folds", "3", "--group", "source")
    assert folds.returncode == 0, folds.stderr
    assert json.loads((tmp_path / "a" / "folds.json").read_text())["k"] == 3


@pytest.mark.parametrize("shares", ["70/30", "a/b/c", "0/0/0"])
def test_wrong_shares_are_wrong_usage(shares: str, stories: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "data", "split", stories, "--into", "a", "--shares", shares)
    assert done.returncode == 2
    assert "--shares" in done.stderr


def test_a_check_s_exit_status_says_whether_anything_is_an_error(
    stories: Path, tmp_path: Path
) -> None:
    done = run(
        tmp_path,
        "data",
        "check",
        stories,
        "--json",
        "r.json",
        "--html",
        "r.html",
        "--no-label-errors",
    )
    assert done.returncode == 0, done.stderr
    assert "tiny" in done.stdout or "govnews: 72 articles; 0 errors" in done.stdout
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    lines = (stories / "articles.jsonl").read_text().splitlines()
    twin = json.loads(lines[0]) | {"id": "twin", "split": "test"}
    copy = tmp_path / "leaking"
    write_corpus(read_corpus(stories), copy)
    (copy / "articles.jsonl").write_text("\n".join([*lines, json.dumps(twin), "{"]))
    done = run(tmp_path, "data", "check", copy, "--no-label-errors")
    assert done.returncode == 1
    assert "2 errors" in done.stdout
    assert "invalid_json" in done.stdout


def test_stories_of_gov_uk_are_fetched(tmp_path: Path) -> None:
    with serving([story(number, f"2025-05-{number:02}") for number in range(1, 6)]) as server:
        arguments = ("--base", server.base, "--into", "c", "--limit", "3")
        refused = run(tmp_path, "data", "fetch", "govuk", *arguments)
        assert refused.returncode == 1
        assert "--allow-private" in refused.stderr
        done = run(tmp_path, "data", "fetch", "govuk", *arguments, "--allow-private")
    assert done.returncode == 0, done.stderr
    assert "3 stories written to c" in done.stdout
    corpus = read_corpus(tmp_path / "c")
    assert corpus.info.licence == "OGL-UK-3.0"
    assert len(corpus.articles) == 3


def test_labels_and_filters_do_not_go_together(tmp_path: Path) -> None:
    done = run(tmp_path, "data", "fetch", "govuk", "--into", "c", "--labels", "l", "--limit", "3")
    assert done.returncode == 2
    assert "leave out the filters" in done.stderr
