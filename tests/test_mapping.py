from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.corpus.exchange.base import SourceRow
from newsclf.corpus.exchange.cells import (
    cell_from_labels,
    checked_header,
    escape_formula,
    labels_from_cell,
    restore_formula,
    task_column,
)
from newsclf.corpus.exchange.mapping import (
    ColumnMapping,
    TaskColumns,
    apply_mapping,
    check_mapping,
    guess_mapping,
    label_id,
    match_label,
    read_mapping,
)
from newsclf.corpus.rows import RowError
from newsclf.errors import ConfigError, InputError
from strategies import SCHEMES, scheme

TEXT = ColumnMapping(fields={"body": "text"})
ids = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)


def row(**values: object) -> SourceRow:
    return SourceRow("news.zip:old/stories.csv.gz", 7, values)


def task(**given: object) -> ColumnMapping:
    columns = TaskColumns.model_validate(given)
    return ColumnMapping(fields={"body": "text"}, tasks={"beat": columns})


@given(st.none() | st.lists(ids, unique=True).map(tuple))
def test_labels_come_back_from_a_cell(labels: tuple[str, ...] | None) -> None:
    assert labels_from_cell(cell_from_labels(labels)) == labels


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("a; b;a;", ("a", "b")),
        (" (None) ", ()),
        (["b", "a"], ("b", "a")),
        ([], ()),
        (3, ("3",)),
        ("  ", None),
        (float("nan"), None),
    ],
)
def test_cells_of_every_kind_give_labels(cell: object, labels: tuple[str, ...] | None) -> None:
    assert labels_from_cell(cell) == labels


@given(st.text() | st.text("'=+-@\t\ra", max_size=4))
def test_a_formula_is_escaped_and_every_text_comes_back(text: str) -> None:
    escaped = escape_formula(text)
    assert not re.match(r"[=+\-@\t\r]", escaped)
    assert restore_formula(escaped) == text


def test_a_header_with_a_nameless_or_repeated_column_is_refused() -> None:
    assert checked_header([" a ", "b"], "x.csv") == ["a", "b"]
    with pytest.raises(InputError, match=r"x\.csv: column 2 of 3 has no name"):
        checked_header(["a", " ", "c"], "x.csv")
    with pytest.raises(InputError, match="two columns are called 'a'"):
        checked_header(["a", "b", "a "], "x.csv")


def test_columns_are_recognised_by_their_usual_names() -> None:
    columns = ["GUID", "Title", "Body Text", "pubDate", "Link", "Beat", "Category", "notes"]
    mapping = guess_mapping(columns, [], SCHEMES)
    assert mapping.fields == {
        "id": "GUID",
        "headline": "Title",
        "body": "Body Text",
        "published": "pubDate",
        "url": "Link",
    }
    found = {name: given.column for name, given in mapping.tasks.items()}
    assert found == {"beat": "Beat", "topic": "Category"}


def test_an_exact_name_is_preferred_to_a_synonym() -> None:
    mapping = guess_mapping(["text", "title", "body", "headline"], [], {})
    assert mapping.fields == {"headline": "headline", "body": "body"}


def test_labels_are_recognised_by_their_values() -> None:
    sample = [{"text": "A story", "c1": "Border; court"}, {"text": "Another", "c1": "budget"}]
    mapping = guess_mapping(["text", "c1"], sample, SCHEMES)
    assert mapping.tasks == {"beat": TaskColumns(column="c1")}


def test_the_longest_text_is_the_body_when_no_name_says_so() -> None:
    sample = [{"t1": "short", "t2": "a much longer text", "n": 5}]
    assert guess_mapping(["t1", "t2", "n"], sample, {}).fields == {"body": "t2"}


def test_headlines_alone_do_for_a_text() -> None:
    sample = [{"title": "Police numbers rise", "author": "AB"}]
    assert guess_mapping(["title", "author"], sample, {}).fields == {"headline": "title"}


def test_a_table_without_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="no column holds text among n, m"):
        guess_mapping(["n", "m"], [{"n": 1, "m": 2}], {})


def test_a_task_that_is_called_like_a_field_has_a_column_of_its_own() -> None:
    schemes = {"genre": scheme("genre", "multi", "a", "b")}
    mapping = guess_mapping(["body", "genre", task_column("genre")], [], schemes)
    assert mapping.fields["genre"] == "genre"
    assert mapping.tasks == {"genre": TaskColumns(column="labels.genre")}


def test_a_missing_column_is_named_with_the_nearest_and_the_rest() -> None:
    with pytest.raises(ConfigError, match=r"'text' for body; did you mean 'texts'\? The columns"):
        check_mapping(TEXT, ["id", "texts"], "a.csv")
    with pytest.raises(ConfigError, match=r"'c1' for beat\. The columns are text, zzz"):
        check_mapping(task(column="c1"), ["text", "zzz"], "a.csv")
    check_mapping(TEXT, ["text"], "a.csv")


def test_a_row_without_an_id_gets_its_place() -> None:
    assert apply_mapping(row(text="A story"), TEXT) == {
        "id": "stories-7",
        "body": "A story",
        "labels": {},
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        (2.5, "2.5"),
        (dt.date(2025, 5, 15), "2025-05-15"),
        (dt.datetime(2025, 5, 15), "2025-05-15"),
        (dt.datetime(2025, 5, 15, 9, 30, tzinfo=dt.UTC), "2025-05-15T09:30:00+00:00"),
        (float("nan"), None),
        ("", None),
        (" kept ", " kept "),
    ],
)
def test_numbers_and_dates_become_text(value: object, text: str | None) -> None:
    mapping = ColumnMapping(fields={"published": "when"})
    assert apply_mapping(row(when=value), mapping)["published"] == text


def test_labels_are_translated_by_the_mapping() -> None:
    mapping = task(column="c", separator="|", values={"Frontier": "border"})
    made = apply_mapping(row(text="t", c="Frontier|court|border"), mapping)
    assert made["labels"] == {"beat": ["border", "court"]}


def test_an_empty_cell_was_not_judged_and_none_was() -> None:
    assert apply_mapping(row(text="t", c=""), task(column="c"))["labels"] == {}
    assert apply_mapping(row(text="t", c="(none)"), task(column="c"))["labels"] == {"beat": []}


def test_each_label_may_have_a_column() -> None:
    mapping = task(columns={"b": "border", "c": "court"})
    assert apply_mapping(row(b=1, c="No"), mapping)["labels"] == {"beat": ["border"]}
    assert apply_mapping(row(b=True, c="X"), mapping)["labels"] == {"beat": ["border", "court"]}
    assert apply_mapping(row(b=0.0, c=False), mapping)["labels"] == {"beat": []}
    assert apply_mapping(row(b="", c=None), mapping)["labels"] == {}
    with pytest.raises(RowError, match="column 'c' says 'maybe'; write 1, true, yes or x"):
        apply_mapping(row(b=1, c="maybe"), mapping)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Dev", "valid"), ("training", "train"), ("fold9", "test"), ("", None), ("odd", "odd")],
)
def test_splits_are_translated(theirs: str, ours: str | None) -> None:
    mapping = ColumnMapping(fields={"split": "s"}, splits={"fold9": "test"})
    assert apply_mapping(row(s=theirs), mapping)["split"] == ours


def test_an_annotator_has_the_labels() -> None:
    mapping = task(column="c").model_copy(update={"fields": {"annotator": "who"}})
    made = apply_mapping(row(who="A", c="court"), mapping)
    assert made["labels"] == {}
    assert made["annotations"] == [{"annotator": "A", "labels": {"beat": ["court"]}}]
    assert "annotations" not in apply_mapping(row(who="", c="court"), mapping)


def test_a_row_of_the_corpus_shape_stays_as_it_is() -> None:
    values = {"id": "a", "headline": "H", "labels": {"beat": []}, "annotations": [], "extra": 1}
    mapping = guess_mapping(list(values), [values], SCHEMES)
    assert apply_mapping(row(**values), mapping) == values


def test_fields_may_be_swapped_in_a_row_of_the_corpus_shape() -> None:
    mapping = ColumnMapping(fields={"headline": "body", "body": "headline"})
    made = apply_mapping(row(id="a", headline="H", body="B", labels={}), mapping)
    assert (made["headline"], made["body"]) == ("B", "H")


def test_labels_match_by_id_then_title() -> None:
    crime = scheme("beat", "multi", "crime_punishment", "law")
    assert match_label(" Crime & Punishment", crime) == "crime_punishment"
    assert match_label("LAW", crime) == "law"
    assert match_label("sport", crime) is None


@given(st.text())
def test_any_text_makes_an_identifier(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", label_id(text))


@given(ids.filter(lambda made: not made.endswith("_") and "__" not in made))
def test_an_identifier_stays_as_it_is(identifier: str) -> None:
    assert label_id(identifier) == identifier


def test_a_mapping_reads_back_what_it_shows(tmp_path: Path) -> None:
    mapping = ColumnMapping(
        fields={"body": "text", "split": "s"},
        tasks={
            "beat": TaskColumns(column="c", separator="|", values={"Court": "court"}),
            "tone": TaskColumns(columns={"w": "warm"}),
        },
        splits={"fold9": "test"},
    )
    path = tmp_path / "mapping.toml"
    path.write_text(mapping.to_toml())
    assert read_mapping(path) == mapping


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("fields = {}\nfield = {}", "unknown key 'field'; did you mean 'fields'"),
        ("[fields]\nbod = 'x'", "fields.bod"),
        ("[fields]\n[tasks.beat]\nseparator = '|'", "give either 'column' or 'columns'"),
        ("[fields]\n[tasks.beat]\ncolumn='c'\nseparator = ''", "'separator' is empty"),
        ("[fields]\n[splits]\na = 'b'", "splits.a"),
    ],
)
def test_a_mapping_that_is_not_valid_is_explained(tmp_path: Path, toml: str, message: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError, match=message):
        read_mapping(path)
