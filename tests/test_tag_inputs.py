from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from newsclf.corpus.exchange.mapping import ColumnMapping
from newsclf.corpus.fetch.polite import Answer
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.records import Decision
from newsclf.tag.ingest import InputOptions, is_plain_jsonl, spool
from newsclf.tag.ingest.spool import spooled_lines
from newsclf.tag.ninjs import item_from_tagged
from strategies import articles

ROW = {"id": "s1", "headline": "Police", "body": "Border, court."}
LINE = orjson.dumps(ROW)
ITEM = {"uri": "urn:x:1", "headline": "Police", "body_text": "Border."}
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Office</title>
<item><guid>g1</guid><title>Police</title><description>&lt;p&gt;Border&lt;/p&gt;</description>
</item></channel></rss>"""


def spooled(source: Path, options: InputOptions | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in spooled_lines(source, options or InputOptions())]


def rows(source: Path, options: InputOptions | None = None) -> list[dict[str, Any]]:
    return [line.get("row") or line["error"] for line in spooled(source, options)]


def file(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def mapping(**columns: str) -> InputOptions:
    return InputOptions(mapping=ColumnMapping.model_validate({"fields": columns}))


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BytesIO]:
    taken = io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(taken))
    yield taken
    taken.close()


@pytest.mark.parametrize("name", ["in.jsonl", "in.ndjson", "in", "in.txt", "IN.JSONL"])
def test_a_file_of_json_lines_is_read_where_it_lies(name: str, tmp_path: Path) -> None:
    assert is_plain_jsonl(file(tmp_path / name, LINE))
    assert is_plain_jsonl(file(tmp_path / name, b"nonsense"))
    assert is_plain_jsonl(file(tmp_path / name, b""))


def test_what_is_no_file_of_json_lines_is_not_read_where_it_lies(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "a.zst", "a.csv", "a.json", "a.parquet", "a.xlsx", "a.xml", "a.zip"):
        assert not is_plain_jsonl(file(tmp_path / name, LINE))
    plain = file(tmp_path / "a.jsonl", LINE)
    assert not is_plain_jsonl(plain, InputOptions(format="csv"))
    assert not is_plain_jsonl(plain, mapping(body="text"))
    assert is_plain_jsonl(tmp_path / "a.csv", InputOptions(format="jsonl"))
    assert not is_plain_jsonl(file(tmp_path / "b.jsonl", b"\xef\xbb\xbf" + LINE))
    assert not is_plain_jsonl(file(tmp_path / "c.jsonl", orjson.dumps(ITEM)))
    assert not any(map(is_plain_jsonl, (Path("-"), Path("https://x.org/feed"), tmp_path)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl: cannot be read: No such file"):
        is_plain_jsonl(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match=r"a\.csv: there is no such file"):
        rows(tmp_path / "a.csv")


def test_telling_what_json_lines_are_imports_little(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from newsclf.tag.ingest import is_plain_jsonl\n"
        "assert is_plain_jsonl(Path(sys.argv[1])); print(*sys.modules)"
    )
    command = [sys.executable, "-c", program, file(tmp_path / "a.jsonl", LINE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert not found & {"datasets", "sklearn", "torch", "pandas", "httpx", "openpyxl", "selectolax"}


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.jsonl"])
def test_every_line_is_accounted_for_with_its_place(name: str, tmp_path: Path) -> None:
    content = b"\n".join([b"\xef\xbb\xbf" + LINE, b"", b"id,headline,body", b'{"id": "e"}', LINE])
    pack = {"gz": gzip.compress, "zst": lambda data: pa.compress(data, "zstd", asbytes=True)}
    path = file(tmp_path / name, pack.get(name.rpartition(".")[2], bytes)(content))
    found = spooled(path)
    assert [(line["file"], line["line"]) for line in found] == [(str(path), n) for n in range(1, 6)]
    assert found[0]["row"] == found[4]["row"] == ROW
    assert [line.get("error", {}).get("code") for line in found] == [
        None,
        "invalid_json",
        "invalid_json",
        "empty_text",
        None,
    ]
    assert found[3]["error"]["id"] == "e"


def test_lines_appear_when_all_are_written(tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl.gz", gzip.compress(LINE + b"\n" + LINE))
    spool(source, tmp_path / "parts" / "spool-0.jsonl")
    lines = (tmp_path / "parts" / "spool-0.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [ROW, ROW]
    file(source, source.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: is damaged or cut short"):
        spool(source, tmp_path / "spool-1.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl.gz", "parts"]
    with pytest.raises(OutputError, match="cannot write"):
        spool(file(tmp_path / "b.csv", "id,body\n1,a\n"), source / "spool-2.jsonl")


def test_a_bomb_is_bounded(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl.gz", gzip.compress(bytes(16 * 1024 * 1024)))
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: unpacks to more than 200 times"):
        rows(path)


def test_standard_input_is_json_lines(stdin: io.BytesIO) -> None:
    stdin.write(LINE + b"\n{}\n" + orjson.dumps(ITEM))
    stdin.seek(0)
    found = spooled(Path("-"))
    assert [(line["file"], line["line"]) for line in found] == [("-", 1), ("-", 2), ("-", 3)]
    assert found[2]["row"] == {"id": "urn:x:1", "headline": "Police", "body": "Border."}


def test_standard_input_is_what_it_is_said_to_be(stdin: io.BytesIO) -> None:
    stdin.write(b"id;title;text\n7;Police;Border\n")
    stdin.seek(0)
    found = spooled(Path("-"), InputOptions(format="csv"))
    assert found == [
        {"file": "-", "line": 2, "row": {"id": "7", "headline": "Police", "body": "Border"}}
    ]


def test_a_table_has_its_columns_told_by_their_names(tmp_path: Path) -> None:
    table = "Title,Text,Date,topic\n'=Police,Border,2025-05-15,policing\n"
    expected = {"headline": "=Police", "body": "Border", "published": "2025-05-15", "id": "a-2"}
    assert rows(file(tmp_path / "a.csv", table)) == [expected]
    assert rows(file(tmp_path / "a.tsv", table.replace(",", "\t"))) == [expected]
    assert rows(file(tmp_path / "a.csv.gz", gzip.compress(table.encode()))) == [expected]
    latin = file(tmp_path / "b.csv", "title,text\nCafé,Curaçao\n".encode("latin-1"))
    assert rows(latin, InputOptions(encoding="latin-1"))[0]["headline"] == "Café"


def test_excel_json_and_parquet_are_tables_too(tmp_path: Path) -> None:
    workbook = Workbook()
    for cells in (["id", "title", "text"], [7, "Police", "Border"]):
        workbook.active.append(cells)
    workbook.save(tmp_path / "a.xlsx")
    values = {"id": 7, "title": "Police", "text": "Border"}
    pq.write_table(pa.Table.from_pylist([values]), tmp_path / "a.parquet")
    file(tmp_path / "a.json", orjson.dumps([values]))
    for name in ("a.xlsx", "a.parquet", "a.json"):
        assert rows(tmp_path / name) == [{"id": "7", "headline": "Police", "body": "Border"}]


def test_a_mapping_says_which_column_is_which(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", b'{"key": "k", "h": "Police", "b": "Border"}\n\n')
    found = rows(path, mapping(id="key", headline="h", body="b"))
    assert found[0] == {"id": "k", "headline": "Police", "body": "Border"}
    assert found[1]["code"] == "invalid_json"
    with pytest.raises(ConfigError, match=r"no column 'bdy' for body\. The columns are key, h, b"):
        rows(path, mapping(headline="h", body="bdy"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["id", "headlin", "bod"], r"did you mean 'headlin' for headline\?; did you mean 'bod'"),
        (["id", "headline", "bdy"], r"is the body; did you mean 'bdy' for body\? The columns are"),
        (
            ["key", "author"],
            r"no column is the headline or body; The columns are key, author",
        ),
    ],
)
def test_wrong_columns_are_listed_with_the_nearest_name(
    columns: list[str], message: str, tmp_path: Path
) -> None:
    table = pa.Table.from_pylist([dict.fromkeys(columns, "a long text that reads like a body")])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"a\.parquet: .*{message}"):
        rows(tmp_path / "a.parquet")


def test_a_table_with_headlines_alone_is_read(tmp_path: Path) -> None:
    assert rows(file(tmp_path / "a.csv", "id,title\n1,Police\n")) == [
        {"id": "1", "headline": "Police", "body": ""}
    ]


def test_a_bad_row_of_a_table_is_an_error_line(tmp_path: Path) -> None:
    content = 'id,title,text\n1,a,b\n{"id": "2", "headline": "a", "body": "b"}, x\n3,,\n4,a,b\n'
    found = spooled(file(tmp_path / "a.csv", content))
    assert [line["line"] for line in found] == [2, 3, 4, 5]
    assert [line.get("error", {}).get("code") for line in found] == [
        None,
        "ragged_row",
        "empty_text",
        None,
    ]


def test_ninjs_is_told_from_rows_in_lines_and_documents(tmp_path: Path) -> None:
    expected = {"id": "urn:x:1", "headline": "Police", "body": "Border."}
    for name, content in {
        "a.jsonl": orjson.dumps(ITEM) + b"\n",
        "a.json": orjson.dumps(ITEM, option=orjson.OPT_INDENT_2),
        "b.json": orjson.dumps([ITEM]),
        "a.ninjs": orjson.dumps(ITEM, option=orjson.OPT_INDENT_2),
        "b.ninjs": orjson.dumps([ITEM]),
        "c.ninjs": orjson.dumps(ITEM),
    }.items():
        assert rows(file(tmp_path / name, content)) == [expected], name
    mixed = rows(file(tmp_path / "c.json", orjson.dumps([ITEM, 3, ITEM | {"headlines": 1}])))
    assert [row.get("code") for row in mixed] == [None, "not_an_object", "wrong_type"]
    with pytest.raises(InputError, match=r"d\.ninjs: expected ninjs"):
        rows(file(tmp_path / "d.ninjs", b"[1]"))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(articles=st.lists(articles, max_size=3))
def test_ninjs_that_was_written_is_read_again(articles: list[Any], tmp_path: Path) -> None:
    items = [item_from_tagged(article, [], Decision.NONE, {}) for article in articles]
    content = b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items)
    found = rows(file(tmp_path / "a.ninjs", content or b"[{}]"))
    expected = [(a.id, a.headline, a.body) for a in articles]
    assert [(row["id"], row["headline"], row["body"]) for row in found if "code" not in row] == (
        expected
    )


def test_utf_16_is_read_by_its_mark(tmp_path: Path) -> None:
    content = "\n".join([LINE.decode(), "nonsense", LINE.decode()]).encode("utf-16")
    found = rows(file(tmp_path / "a.jsonl", content))
    assert found[0] == found[2] == ROW
    assert found[1]["code"] == "invalid_json"


def test_a_feed_is_read(tmp_path: Path) -> None:
    (row,) = rows(file(tmp_path / "a.rss", RSS))
    assert (row["headline"], row["body"], row["source"]) == ("Police", "Border", "Office")
    with pytest.raises(InputError, match=r"a\.xml: expected an RSS or Atom feed, found XML"):
        rows(file(tmp_path / "a.xml", "<a/>"))


def test_the_address_of_a_feed_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def get(_: object, url: str) -> Answer:
        asked.append(url)
        return Answer(url, "application/rss+xml", RSS.encode())

    monkeypatch.setattr("newsclf.corpus.fetch.polite.PoliteClient.get", get)
    (line,) = spooled(Path("https://example.org/feed?a=b"))
    assert asked == ["https://example.org/feed?a=b"]
    assert (line["file"], line["row"]["headline"]) == ("https://example.org/feed?a=b", "Police")


def test_an_address_of_a_private_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        rows(Path("http://127.0.0.1:9/feed"))


def test_a_folder_gives_its_texts_and_then_its_files_in_order(tmp_path: Path) -> None:
    file(tmp_path / "in" / "b.txt", "Police\n\nBorder\n")
    file(tmp_path / "in" / "a.md", "Court\n\nTax\n")
    file(tmp_path / "in" / "z" / "c.csv", "id,text\n1,Border\n")
    file(tmp_path / "in" / "d.jsonl.gz", gzip.compress(LINE))
    file(tmp_path / "in" / ".hidden.jsonl", LINE)
    file(tmp_path / "in" / "e.pdf", b"%PDF")
    assert [row["id"] for row in rows(tmp_path / "in")] == ["a", "b", "s1", "1"]


def test_a_link_that_leads_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").symlink_to(file(tmp_path / "secret.jsonl", LINE))
    (found,) = rows(tmp_path / "in")
    assert found["code"] == "outside_folder"


def test_an_archive_gives_the_rows_of_its_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jsonl", LINE)
        archive.writestr("b.csv", "id,text\n1,Border\n")
    found = spooled(tmp_path / "a.zip")
    assert [line["file"].rpartition(":")[2] for line in found] == ["a.jsonl", "b.csv"]


def test_a_format_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", LINE)
    with pytest.raises(ConfigError, match="unknown format 'cvs'; did you mean 'csv'"):
        rows(path, InputOptions(format="cvs"))
    with pytest.raises(InputError, match=r"a\.jsonl: is a file, and folder is read from a folder"):
        rows(path, InputOptions(format="folder"))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.json", "a.ninjs"]))
@example(content=b"\x00\r\x8d", name="a.csv")
def test_any_bytes_give_rows_or_a_clear_error(content: bytes, name: str, tmp_path: Path) -> None:
    try:
        found = rows(file(tmp_path / name, content))
    except (InputError, ConfigError):
        return
    assert all("code" in row or row["id"] for row in found)
