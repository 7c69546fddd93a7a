from __future__ import annotations

import datetime as dt
import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsclf.corpus import Corpus
from newsclf.corpus.exchange import csvfiles, tables
from newsclf.corpus.exchange.base import Format, Member, ReadOptions, SourceRow
from newsclf.corpus.exchange.csvfiles import CSV, TSV
from newsclf.corpus.exchange.mapping import apply_mapping, guess_mapping
from newsclf.corpus.exchange.opening import open_members
from newsclf.corpus.exchange.tables import EXCEL, JSON, JSONL, PARQUET
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import annotation_from_row, labelled_from_row
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.records import Annotation, Article, LabelledArticle
from strategies import INFO, SCHEMES, corpora

FORMATS = [CSV, TSV, EXCEL, JSON, JSONL, PARQUET]
HOSTILE = '=1+1\r\'=2\n"quoted", a;b\tc| \u2028_x000D_ _x005F_x000D_\r\n '
HOSTILE_ARTICLE = LabelledArticle("-7", HOSTILE, "'" + HOSTILE, target="@x", labels={"beat": ()})
HOSTILE_CORPUS = Corpus(INFO, SCHEMES, (HOSTILE_ARTICLE,))

TEXTS = tuple(field.name for field in fields(Article) if field.name != "id")
NOT_CARRIED = {
    "csv": (0,),
    "tsv": (0,),
    "excel": (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF),
}

by_name = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


def carried(form: Format, corpus: Corpus) -> Corpus:
    """Return what a format can carry of a corpus; an optional field that is empty is none."""
    gone = dict.fromkeys(NOT_CARRIED.get(form.name, ()))
    ids = {article.id: article.id for article in corpus.articles}
    if gone:
        ids = {old: f"{row}{old}".translate(gone) for row, old in enumerate(ids)}
    articles = []
    for article in corpus.articles:
        texts = {name: getattr(article, name) for name in TEXTS}
        kept = {name: (text or "").translate(gone) or None for name, text in texts.items()}
        kept |= {name: (kept[name] or "") for name in ("headline", "body")}
        kept["headline"] = kept["headline"] if kept["headline"].strip() else "H"
        articles.append(replace(article, **kept, id=ids[article.id]))
    said = corpus.annotations if "annotations" in form.carries else ()
    return Corpus(corpus.info, corpus.schemes, tuple(articles), said)


def read(form: Format, path: Path, options: ReadOptions | None = None) -> list[SourceRow | BadRow]:
    options = options or ReadOptions()
    return [row for member in open_members(path) for row in form.read(member, options)]


def rows(form: Format, path: Path, options: ReadOptions | None = None) -> list[SourceRow]:
    found = read(form, path, options)
    assert not [row for row in found if isinstance(row, BadRow)]
    return [row for row in found if isinstance(row, SourceRow)]


def written(form: Format, corpus: Corpus, folder: Path) -> Path:
    path = folder / f"articles{form.suffixes[0]}"
    form.write(corpus, path, {})
    return path


def of_text(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def bad(form: Format, path: Path) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in read(form, path) if isinstance(row, BadRow)]


def mapped(found: list[SourceRow]) -> Iterator[dict[str, object]]:
    columns = list(dict.fromkeys(name for row in found for name in row.values))
    mapping = guess_mapping(columns, [row.values for row in found], SCHEMES)
    return (apply_mapping(row, mapping) for row in found)


@by_name
@given(corpora)
@example(HOSTILE_CORPUS)
def test_articles_come_back_through_a_guessed_mapping(form: Format, corpus: Corpus) -> None:
    corpus = carried(form, corpus)
    with TemporaryDirectory() as folder:
        found = list(mapped(rows(form, written(form, corpus, Path(folder)))))
    said = [
        annotation_from_row({"id": row["id"], **annotation}, SCHEMES)
        for row in found
        for annotation in row.pop("annotations", ())  # type: ignore[attr-defined]
    ]
    assert tuple(labelled_from_row(row, SCHEMES) for row in found) == corpus.articles
    assert sorted(said, key=key) == sorted(corpus.annotations, key=key)


def key(annotation: Annotation) -> tuple[str, str]:
    return annotation.id, annotation.annotator


@by_name
def test_a_corpus_without_schemes_comes_back(form: Format, tmp_path: Path) -> None:
    article = LabelledArticle("a", "Headline", "")
    found = rows(form, written(form, Corpus(INFO, {}, (article,)), tmp_path))
    assert [labelled_from_row(row, {}) for row in mapped(found)] == [article]


@by_name
def test_a_packed_file_is_read_like_a_plain_one(form: Format, tmp_path: Path) -> None:
    path = written(form, HOSTILE_CORPUS, tmp_path)
    packed = of_text(tmp_path, gzip.compress(path.read_bytes()), f"{path.name}.gz")
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, path.name)
    plain = [row.values for row in rows(form, path)]
    assert [row.values for row in rows(form, packed)] == plain
    assert [row.values for row in rows(form, archive)] == plain


@pytest.mark.parametrize("form", [EXCEL, JSON, PARQUET], ids=lambda form: form.name)
def test_a_file_of_another_kind_is_refused(form: Format, tmp_path: Path) -> None:
    path = of_text(tmp_path, b"PK\x00{]", f"a{form.suffixes[0]}")
    with pytest.raises(InputError, match=rf"a{form.suffixes[0]}: (is not|cannot be read as)"):
        read(form, path)


def test_csv_follows_rfc_4180(tmp_path: Path) -> None:
    article = LabelledArticle("1", 'A "b", c', "d\ne", labels={"beat": ("court", "border")})
    content = written(CSV, Corpus(INFO, SCHEMES, (article,)), tmp_path).read_bytes().decode()
    assert content == (
        "id,headline,body,published,source,genre,country,url,language,target,split,beat,tone\r\n"
        '1,"A ""b"", c","d\ne",,,,,,,,,court;border,\r\n'
    )


def test_a_nul_is_not_written_to_csv(tmp_path: Path) -> None:
    corpus = Corpus(INFO, {}, (LabelledArticle("a7", "nul \0", ""),))
    with pytest.raises(OutputError, match="article 'a7' has a NUL character, which CSV cannot"):
        written(CSV, corpus, tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_detected_and_said(tmp_path: Path, delimiter: str) -> None:
    lines = [["id", "text"], ["1", '"One, two; three|\tand\nmore"'], ["2", "Four"]]
    path = of_text(tmp_path, "\n".join(map(delimiter.join, lines)))
    said: list[str] = []
    found = rows(CSV, path, ReadOptions(say=said.append))
    assert [row.values["text"] for row in found] == ["One, two; three|\tand\nmore", "Four"]
    assert said == [f"{path}: delimiter: {csvfiles._DELIMITERS[delimiter]}, detected"]


def test_a_delimiter_that_was_given_is_used(tmp_path: Path) -> None:
    path = of_text(tmp_path, "a:b\n1,2:3\n")
    assert rows(CSV, path, ReadOptions(delimiter=":"))[0].values == {"a": "1,2", "b": "3"}
    with pytest.raises(ConfigError, match="a delimiter is one character, such as ',' or ';'"):
        rows(CSV, path, ReadOptions(delimiter="::"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_where_records_start(tmp_path: Path, end: str) -> None:
    path = of_text(tmp_path, end.join(["a,b", '1,"x', 'y"', "", "2,z"]))
    assert [(row.line, row.values["b"]) for row in rows(CSV, path)] == [(2, f"x{end}y"), (5, "z")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1,2,3", "ragged_row"),
        ("1", "ragged_row"),
        ("1,a\0b", "nul_character"),
        ('1,"a"b', "bad_quote"),
        ('1,"never closed', "bad_quote"),
    ],
)
def test_good_rows_go_on_after_a_bad_one(tmp_path: Path, line: str, code: str) -> None:
    path = of_text(tmp_path, f"a,b\n0,x\n{line}\n2,y\n3,z\n")
    found = read(CSV, path)
    assert [(row.line, getattr(row, "code", None)) for row in found] == [
        (2, None),
        (3, code),
        (4, None),
        (5, None),
    ]


def test_a_ragged_row_says_how(tmp_path: Path) -> None:
    (row,) = read(CSV, of_text(tmp_path, "a,b\n1,2,3\n"))
    assert isinstance(row, BadRow)
    assert row.message.startswith("the row has 3 cells, the header has 2")


def test_an_open_quote_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfiles, "MAX_LINE_BYTES", 50)
    path = of_text(tmp_path, 'a,b\n1,"open\n' + "2,fine\n" * 20)
    found = read(CSV, path)
    assert (found[0].line, getattr(found[0], "code", None)) == (2, "line_too_long")
    assert [row.line for row in found[1:] if isinstance(row, SourceRow)] == list(range(3, 23))


def test_an_undecodable_line_spoils_its_record_alone(tmp_path: Path) -> None:
    path = of_text(tmp_path, "a,b\né,é\né,é\n".encode() + b'1,"x\n\xe9\ny"\n2,z\n')
    found = read(CSV, path)
    assert [(row.line, getattr(row, "code", None)) for row in found[2:]] == [
        (4, "wrong_encoding"),
        (7, None),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = of_text(tmp_path, "id,text\r\n1,“Café” for £5\r\n".encode(encoding))
    assert rows(CSV, path)[0].values == {"id": "1", "text": "“Café” for £5"}


@pytest.mark.parametrize("form", [CSV, TSV])
def test_a_table_without_a_proper_header_is_refused(form: Format, tmp_path: Path) -> None:
    mark = "," if form is CSV else "\t"
    for header, message in (("a{}a", "two columns"), ("a{}", "column 2 of 2"), ("", "is empty")):
        with pytest.raises(InputError, match=message):
            read(form, of_text(tmp_path, header.format(mark) + "\n"))


def workbook(path: Path, *values: list[object], title: str = "One") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in values:
        book.active.append(row)
    book.create_sheet("Two").append(["b"])
    book.save(path)
    return path


def test_excel_cells_become_text(tmp_path: Path) -> None:
    cells = [7, 7.0, 2.5, dt.date(2025, 5, 15), dt.datetime(2025, 5, 15, 9, 30), True, None, "x"]
    path = workbook(tmp_path / "a.xlsx", [*"abcdefgh"], [], cells, ["last"])
    found = rows(EXCEL, path)
    expected = ["7", "7", "2.5", "2025-05-15", "2025-05-15T09:30:00", "True", "", "x"]
    assert list(found[0].values.values()) == expected
    assert [row.line for row in found] == [3, 4]


def test_a_formula_is_not_evaluated_or_written(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["a", "b"], ["=1+1", "x"])
    assert rows(EXCEL, path)[0].values == {"a": "", "b": "x"}
    ours = openpyxl.load_workbook(written(EXCEL, HOSTILE_CORPUS, tmp_path))
    assert {cell.data_type for row in ours.active.iter_rows() for cell in row} <= {"s", "n"}


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    said: list[str] = []
    path = workbook(tmp_path / "a.xlsx", ["a"], ["1"])
    assert rows(EXCEL, path, ReadOptions(say=said.append))[0].values == {"a": "1"}
    assert said == [f"{path}: sheet 'One', the first of 2"]
    assert rows(EXCEL, path, ReadOptions(sheet="Two")) == []
    with pytest.raises(ConfigError, match="has no sheet 'Twoo'; did you mean 'Two'"):
        rows(EXCEL, path, ReadOptions(sheet="Twoo"))


def test_a_row_of_a_sheet_that_is_wider_than_the_header_is_reported(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["a"], ["1", "2"], ["3"])
    assert bad(EXCEL, path) == [(2, "ragged_row")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bell \a", r"article 'a7' has the character U\+0007, which Excel cannot carry"),
        ("x" * 32_768, "article 'a7' has a text of more than 32,767 characters"),
    ],
)
def test_what_excel_cannot_carry_is_refused(tmp_path: Path, text: str, message: str) -> None:
    corpus = Corpus(INFO, {}, (LabelledArticle("a7", text, ""),))
    with pytest.raises(OutputError, match=message):
        written(EXCEL, corpus, tmp_path)


def test_json_may_have_its_list_in_an_object(tmp_path: Path) -> None:
    listed = [{"a": 1}, "x", {"a": 2}]
    for document in (listed, {"count": 3, "items": listed}):
        path = of_text(tmp_path, json.dumps(document), "a.json")
        first, second, third = read(JSON, path)
        assert isinstance(second, BadRow)
        assert (second.line, second.code) == (2, "not_an_object")
        assert [row.values for row in (first, third) if isinstance(row, SourceRow)] == [
            {"a": 1},
            {"a": 2},
        ]


@pytest.mark.parametrize(("document", "count"), [({}, 0), ({"a": [], "b": []}, 2), (3, 0)])
def test_json_without_one_list_is_refused(tmp_path: Path, document: object, count: int) -> None:
    path = of_text(tmp_path, json.dumps(document), "a.json")
    with pytest.raises(InputError, match=f"one list in it; {count} lists are found"):
        read(JSON, path)


def test_json_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_JSON_BYTES", 3)
    with pytest.raises(InputError, match="has more than 3 bytes; write it as JSONL"):
        read(JSON, of_text(tmp_path, "[{}]", "a.json"))


def test_jsonl_goes_on_after_a_bad_line(tmp_path: Path) -> None:
    path = of_text(tmp_path, '{"a": 1}\n\nno\n[]\n{"a": 2}', "a.jsonl")
    assert bad(JSONL, path) == [(3, "invalid_json"), (4, "not_an_object")]
    good = [row for row in read(JSONL, path) if isinstance(row, SourceRow)]
    assert [(row.line, row.values) for row in good] == [(1, {"a": 1}), (5, {"a": 2})]


def test_parquet_of_other_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    values = {"id": [1, 2], "text": ["One", None], "tags": [["a"], []]}
    pq.write_table(pa.table(values), path)
    assert [row.values for row in rows(PARQUET, path)] == [
        {"id": 1, "text": "One", "tags": ["a"]},
        {"id": 2, "text": None, "tags": []},
    ]


def test_parquet_with_two_columns_of_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(InputError, match="two columns are called 'a'"):
        read(PARQUET, path)


def test_parquet_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LIMITS", replace(tables.LIMITS, total_bytes=10))
    path = written(PARQUET, HOSTILE_CORPUS, tmp_path)
    with pytest.raises(InputError, match="unpacks to more than 10 bytes"):
        read(PARQUET, path)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(['"', ",", "\n", "\r", "a", "\0", "é"]), max_size=30))
def test_any_csv_is_read_to_its_end(pieces: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = of_text(Path(folder), "h,i\n" + "".join(pieces) + "\nlast,row\n")
        found = list(CSV.read(Member.of(path), ReadOptions()))
    last = found[-1]
    assert isinstance(last, SourceRow) or last.code in {"bad_quote", "ragged_row"}
    assert [row.line for row in found] == sorted({row.line for row in found})


def test_a_line_that_is_no_csv_tells_nothing_of_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\x00\r\x8d")
    with pytest.raises(InputError, match=r"a\.csv"):
        list(CSV.read(Member.of(path), ReadOptions()))
