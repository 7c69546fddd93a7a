from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.bundle import Bundle
from newsclf.corpus.exchange.cells import restore_formula
from newsclf.corpus.rows import RowError
from newsclf.errors import ConfigError
from newsclf.records import Article, Decision, Tag, TaggedArticle
from newsclf.tag.outputs import OUTPUTS, Layout, OutputFormat, error_line, output_format
from strategies import articles, scheme

BEAT = scheme("beat", "multi", "border", "court", "budget")
TONE = scheme("tone", "single", "warm", "cold")
ONE = Layout(("a@1",), {"beat": BEAT, "tone": TONE})
TWO = Layout(("a@1", "b@2"), {"beat": BEAT, "tone": TONE})
ERROR = RowError("empty_text", "=no text", "e1")


def tagged(article_id: str, scores: dict[str, dict[str, float]], model: str) -> TaggedArticle:
    given = [
        Tag(task, label, p, Decision.AUTO if p > 0.9 else Decision.REVIEW)
        for task, by_label in scores.items()
        for label, p in by_label.items()
        if p >= 0.5
    ]
    decisions = {tag.decision for tag in given} or {Decision.NONE}
    return TaggedArticle(article_id, model, max(decisions), tuple(given), scores)


BEATS = {"beat": {"border": 0.95, "court": 0.5, "budget": 0.1}}
TONES = {"tone": {"warm": 0.0000001, "cold": 0.9999999}}
STORY = Article("s1", "Police", "Border", language="en")
SAID = (tagged("s1", BEATS | TONES, "a@1"),)
SAID_BY_TWO = (tagged("s1", BEATS, "a@1"), tagged("s1", TONES, "b@2"))


def written(
    form: OutputFormat,
    rows: Sequence[tuple[Article, Sequence[TaggedArticle]] | RowError],
    layout: Layout,
    parts: int = 2,
) -> bytes:
    """Write rows as parts, and put those together."""
    encoded = [
        form.encode_error(row, "in.jsonl", number, layout)
        if isinstance(row, RowError)
        else form.encode(*row, layout)
        for number, row in enumerate(rows, 1)
    ]
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{part}{form.part_suffix}" for part in range(parts)]
        for part, path in enumerate(paths):
            start, end = (len(rows) * cut // parts for cut in (part, part + 1))
            path.write_bytes(b"".join(encoded[start:end]))
        form.assemble(paths, out, layout)
    return out.getvalue()


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def cells_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def table_of(content: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


def test_a_json_line_has_the_tags_of_one_bundle() -> None:
    (row,) = lines_of(written(OUTPUTS["jsonl"], [(STORY, SAID)], ONE, parts=1))
    assert row == {
        "id": "s1",
        "model": "a@1",
        "decision": "review",
        "tags": [
            {"task": "beat", "label": "border", "probability": 0.95, "decision": "auto"},
            {"task": "beat", "label": "court", "probability": 0.5, "decision": "review"},
            {"task": "tone", "label": "cold", "probability": 1.0, "decision": "auto"},
        ],
    }


def test_each_tag_of_several_bundles_says_whose_it_is() -> None:
    layout = Layout(TWO.models, TWO.schemes, scores=True)
    (row,) = lines_of(written(OUTPUTS["jsonl"], [(STORY, SAID_BY_TWO)], layout, parts=1))
    assert row["model"] == "a@1,b@2"
    assert [tag["model"] for tag in row["tags"]] == ["a@1", "a@1", "b@2"]
    assert row["scores"] == {"beat": BEATS["beat"], "tone": {"warm": 0.0, "cold": 1.0}}


@pytest.mark.parametrize(
    ("scores", "decision"), [((0.1, 0.2), "none"), ((0.1, 0.95), "auto"), ((0.6, 0.95), "review")]
)
def test_an_article_needs_an_editor_when_any_bundle_says_so(
    scores: tuple[float, float], decision: str
) -> None:
    said = [tagged("s1", {"beat": {"border": p}}, "a@1") for p in scores]
    assert json.loads(OUTPUTS["jsonl"].encode(STORY, said, ONE))["decision"] == decision


def test_an_error_is_a_row_of_its_own_in_every_format() -> None:
    rows = [(STORY, SAID), ERROR, (STORY, SAID)]
    error = {"code": "empty_text", "message": "=no text"}
    found = lines_of(written(OUTPUTS["jsonl"], rows, ONE))
    assert found[1] == {"id": "e1", "file": "in.jsonl", "line": 2, "error": error}
    assert json.loads(error_line(ERROR, "in.jsonl", 2)) == found[1]
    cells = cells_of(written(OUTPUTS["csv"], rows, ONE))[1]
    assert (cells["id"], cells["file"], cells["line"]) == ("e1", "in.jsonl", "2")
    assert (cells["error_code"], cells["error_message"]) == ("empty_text", "'=no text")
    assert (cells["decision"], cells["beat"], cells["tone_probability"]) == ("", "", "")
    row = table_of(written(OUTPUTS["parquet"], rows, ONE))[1]
    assert (row["error"], row["file"], row["line"], row["tags"]) == (error, "in.jsonl", 2, None)
    item = lines_of(written(OUTPUTS["ninjs"], rows, ONE))[1]
    assert item["edNote"] == "newsclf: error empty_text: =no text (in.jsonl, line 2)"


def test_a_csv_has_a_header_and_a_pair_of_columns_a_task() -> None:
    content = written(OUTPUTS["csv"], [(STORY, SAID)], ONE, parts=1)
    header, row, end = content.decode().split("\r\n")
    assert header == (
        "id,model,decision,beat,beat_probability,tone,tone_probability,"
        "file,line,error_code,error_message"
    )
    assert row == "s1,a@1,review,border;court,0.95;0.5,cold,1,,,,"
    assert end == ""


def test_a_csv_with_scores_has_a_column_a_label() -> None:
    layout = Layout(TWO.models, TWO.schemes, scores=True)
    (cells,) = cells_of(written(OUTPUTS["csv"], [(STORY, SAID_BY_TWO)], layout, parts=1))
    assert (cells["beat.budget"], cells["tone.warm"], cells["tone.cold"]) == ("0.1", "0", "1")
    assert cells["model"] == "a@1,b@2"


def test_a_task_that_is_called_like_another_column_gets_a_name_of_its_own() -> None:
    names = ("id", "topic_probability", "topic", "file")
    layout = Layout(("a@1",), {name: scheme(name, "multi", "x") for name in names})
    header = written(OUTPUTS["csv"], [], layout).decode().strip().split(",")
    assert len(set(header)) == len(header) == 3 + 2 * len(names) + 4


def test_a_cell_that_a_spreadsheet_would_run_is_escaped() -> None:
    said = [tagged("=cmd()", BEATS, "a@1")]
    assert cells_of(written(OUTPUTS["csv"], [(STORY, said)], ONE))[0]["id"] == "'=cmd()"


def test_a_parquet_file_is_typed_and_the_same_wherever_parts_are_cut() -> None:
    rows = [(STORY, SAID_BY_TWO), ERROR] * 20
    layout = Layout(TWO.models, TWO.schemes, scores=True)
    whole = written(OUTPUTS["parquet"], rows, layout, parts=1)
    assert whole == written(OUTPUTS["parquet"], rows, layout, parts=4)
    first = table_of(whole)[0]
    assert [tag["model"] for tag in first["tags"]] == ["a@1", "a@1", "b@2"]
    assert first["scores"]["beat"] == BEATS["beat"]
    assert str(pq.read_schema(io.BytesIO(whole)).field("line").type) == "int64"


def test_a_parquet_file_has_row_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsclf.tag.outputs.parquet.GROUP_ROWS", 7)
    content = written(OUTPUTS["parquet"], [(STORY, SAID)] * 20, ONE)
    assert pq.ParquetFile(io.BytesIO(content)).metadata.num_row_groups == 3
    monkeypatch.setattr("newsclf.tag.outputs.parquet.GROUP_BYTES", 1)
    content = written(OUTPUTS["parquet"], [(STORY, SAID)] * 20, ONE)
    assert pq.ParquetFile(io.BytesIO(content)).metadata.num_row_groups == 20


def test_a_parquet_file_of_no_row_has_its_columns() -> None:
    assert pq.read_schema(io.BytesIO(written(OUTPUTS["parquet"], [], ONE))).names[0] == "id"


def test_a_format_without_a_place_for_scores_refuses_them() -> None:
    assert output_format("csv", scores=True).name == "csv"
    with pytest.raises(ConfigError, match=r"ninjs has no place for scores; .* jsonl, csv, parquet"):
        output_format("ninjs", scores=True)
    with pytest.raises(ConfigError, match="unknown output format 'parket'; did you mean 'parquet'"):
        output_format("parket")


def test_bundles_with_a_task_of_the_same_name_are_refused(tiny_bundle: Bundle) -> None:
    layout = Layout.of([tiny_bundle.manifest], scores=True)
    assert (layout.model, list(layout.schemes)) == ("tiny@3", ["topic", "stance"])
    other = tiny_bundle.manifest.model_copy(update={"version": 4})
    with pytest.raises(ConfigError, match="both tiny@3 and tiny@4 have the task topic"):
        Layout.of([tiny_bundle.manifest, other])


probabilities = st.floats(0, 1)
said = st.builds(
    lambda article, beats, warm: (
        article,
        [
            tagged(article.id, {"beat": dict(zip(BEAT.label_ids, beats, strict=True))}, "a@1"),
            tagged(article.id, {"tone": {"warm": warm, "cold": 1 - warm}}, "b@2"),
        ],
    ),
    articles,
    st.tuples(probabilities, probabilities, probabilities),
    probabilities,
)
errors = st.builds(
    RowError, st.sampled_from(["empty_text"]), st.text(), st.none() | st.text(min_size=1)
)


@settings(max_examples=50)
@given(rows=st.lists(said | errors, max_size=5))
def test_any_row_is_one_row_in_every_format(rows: list[Any]) -> None:
    ids = [row.article_id if isinstance(row, RowError) else row[0].id for row in rows]
    found = {name: written(form, rows, TWO) for name, form in OUTPUTS.items()}
    assert [row["id"] for row in lines_of(found["jsonl"])] == ids
    assert [row["id"] for row in table_of(found["parquet"])] == ids
    assert len(lines_of(found["ninjs"])) == len(ids)
    cells = [restore_formula(row["id"]) for row in cells_of(found["csv"])]
    assert cells == [(article_id or "").replace("\0", "\ufffd") for article_id in ids]
