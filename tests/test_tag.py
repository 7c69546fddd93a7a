from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsclf.bundle import Bundle, load, read_manifest
from newsclf.corpus import Corpus
from newsclf.errors import BundleError, ConfigError, InputError, OutputError
from newsclf.files import sha256_of
from newsclf.tag import Summary, tag_files
from newsclf.tag.chunks import Chunk
from newsclf.tag.done import Model, Work
from newsclf.tag.outputs import Layout
from newsclf.tag.plan import Source, plan_run
from newsclf.tag.worker import tag_chunk

GOOD = b'{"id": "ok", "headline": "Border police", "body": "Officers searched a lorry."}'
REFUSED: dict[str, tuple[bytes, str, str | None]] = {
    "invalid JSON": (b'{"id": "a", "headline": ', "invalid_json", None),
    "empty line": (b"", "invalid_json", None),
    "blank line": (b"  \t ", "invalid_json", None),
    "not UTF-8": (b'{"id": "a", "headline": "\xff\xfe"}', "invalid_json", None),
    "lone surrogate escape": (b'{"id": "a", "headline": "\\ud800"}', "invalid_json", None),
    "NaN": (b'{"id": "a", "headline": "b", "n": NaN}', "invalid_json", None),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "invalid_json", None),
    "deep value": (
        b'{"id": "a", "x": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        "invalid_json",
        None,
    ),
    "list": (b"[1, 2]", "not_an_object", None),
    "string": (b'"story"', "not_an_object", None),
    "null": (b"null", "not_an_object", None),
    "no id": (b'{"headline": "a"}', "missing_id", None),
    "null id": (b'{"id": null, "headline": "a"}', "missing_id", None),
    "blank id": (b'{"id": " ", "headline": "a"}', "missing_id", None),
    "boolean id": (b'{"id": true, "headline": "a"}', "wrong_type", None),
    "fractional id": (b'{"id": 1.5, "headline": "a"}', "wrong_type", None),
    "no text": (b'{"id": "a"}', "empty_text", "a"),
    "blank text": (b'{"id": "a", "headline": " ", "body": "\\n"}', "empty_text", "a"),
    "null text": (b'{"id": 7, "headline": null, "body": null}', "empty_text", "7"),
    "number for a text": (b'{"id": "a", "headline": 3}', "wrong_type", "a"),
    "list for a text": (b'{"id": "a", "headline": "b", "body": ["c"]}', "wrong_type", "a"),
    "object for a target": (b'{"id": "a", "headline": "b", "target": {}}', "wrong_type", "a"),
}
ACCEPTED: dict[str, bytes] = {
    "NUL": b'{"id": "ok", "headline": "a\\u0000b", "body": "\\u0000"}',
    "integer id": b'{"id": 12, "headline": "Police"}',
    "other keys": b'{"id": "ok", "body": "Police", "desk": {"x": [1]}}',
    "key twice": b'{"id": "a", "id": "ok", "headline": "Police"}',
    "carriage return": GOOD + b"\r",
    "astral": '{"id": "ok", "headline": "🚓 police"}'.encode(),
}


def write_lines(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def story(row: int) -> bytes:
    return orjson.dumps({"id": f"s{row}", "headline": f"Police {row}", "body": "Border court tax."})


def work_with(model: Path, *, scores: bool) -> Work:
    layout = Layout.of([read_manifest(model)], scores=scores)
    return Work(Path("unused"), (Model(model, sha256_of(model / "bundle.json")),), layout)


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl", [GOOD, b"nonsense", GOOD])


def test_every_line_gives_one_line_in_order(
    tiny_model: Path, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    stories = tiny_corpus.articles
    lines = [orjson.dumps({"id": a.id, "headline": a.headline, "body": a.body}) for a in stories]
    output = tmp_path / "out.jsonl"
    summary = tag_files([write_lines(tmp_path / "in.jsonl", lines)], [tiny_model], output)
    rows = rows_of(output)
    assert [row["id"] for row in rows] == [article.id for article in stories]
    assert {row["model"] for row in rows} == {"tiny@3"}
    assert (summary.model, summary.tagged, summary.rows) == ("tiny@3", len(rows), len(rows))
    assert summary.tags == Counter((t["task"], t["label"]) for row in rows for t in row["tags"])
    assert summary.bytes_read == (tmp_path / "in.jsonl").stat().st_size
    for row in rows:
        assert row.keys() == {"id", "model", "decision", "tags"}
        assert row["decision"] == "review"
        assert all(0 <= tag["probability"] <= 1 for tag in row["tags"])
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl"]


def test_a_line_that_cannot_be_tagged_has_a_code_and_a_place(
    tiny_model: Path, tmp_path: Path
) -> None:
    source = write_lines(
        tmp_path / "in.jsonl", [x for line, _, _ in REFUSED.values() for x in (line, GOOD)]
    )
    output = tmp_path / "out.jsonl"
    summary = tag_files([source], [tiny_model], output, jobs=1)
    rows = rows_of(output)
    assert [row["id"] for row in rows[1::2]] == ["ok"] * len(REFUSED)
    for row, (name, (_, code, article_id)) in zip(rows[::2], REFUSED.items(), strict=True):
        assert (name, row["error"]["code"], row["id"]) == (name, code, article_id)
        assert row["error"]["message"]
    places = [(row["file"], row["line"]) for row in rows[::2]]
    assert places == [(str(source), number) for number in range(1, 2 * len(REFUSED), 2)]
    assert summary.refused == Counter(code for _, code, _ in REFUSED.values())
    assert rows_of(tmp_path / "out.jsonl.errors.jsonl") == rows[::2]


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_unusual_line_is_tagged(name: str, tiny_model: Path, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [ACCEPTED[name]])
    assert tag_files([source], [tiny_model], tmp_path / "out.jsonl").tagged == 1


def test_a_last_line_without_its_end_is_tagged(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(GOOD + b"\n" + GOOD)
    assert tag_files([tmp_path / "in.jsonl"], [tiny_model], tmp_path / "out.jsonl").tagged == 2


@pytest.mark.parametrize("length", [150, 199, 200, 201, 400, 402, 1000])
def test_an_overlong_line_is_refused_once(
    length: int, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.corpus.rows.MAX_LINE_BYTES", 200)
    monkeypatch.setattr("newsclf.corpus.lines.MAX_LINE_BYTES", 200)
    long = b'{"id": "ok", "headline": "' + b"a" * (length - 28) + b'"}'
    assert len(long) == length
    output = tmp_path / "out.jsonl"
    tag_files([write_lines(tmp_path / "in.jsonl", [GOOD, long, GOOD])], [tiny_model], output)
    found = [row.get("error", {}).get("code") for row in rows_of(output)]
    assert found == [None, "line_too_long" if length >= 200 else None, None]


def test_text_that_is_too_long_is_refused(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.corpus.rows.MAX_TEXT_CHARACTERS", 20)
    output = tmp_path / "out.jsonl"
    source = write_lines(tmp_path / "in.jsonl", [GOOD, b'{"id": "b", "body": "Police"}'])
    assert tag_files([source], [tiny_model], output).refused == {"text_too_long": 1}


def test_an_existing_output_is_replaced_only_by_force(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("mine")
    with pytest.raises(OutputError, match=r"out\.jsonl exists already"):
        tag_files([incoming], [tiny_model], output)
    assert output.read_text() == "mine"
    tag_files([incoming], [tiny_model], output, force=True)
    assert len(rows_of(output)) == 3


def test_an_existing_errors_file_is_replaced_only_by_force(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    errors = tmp_path / "out.jsonl.errors.jsonl"
    errors.write_text("mine")
    with pytest.raises(OutputError, match=r"errors\.jsonl exists already"):
        tag_files([incoming], [tiny_model], tmp_path / "out.jsonl")
    assert errors.read_text() == "mine"
    clean = write_lines(tmp_path / "clean.jsonl", [GOOD])
    tag_files([clean], [tiny_model], tmp_path / "out.jsonl", force=True)
    assert not errors.exists()


def test_an_output_that_is_an_input_is_refused(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    before = incoming.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(incoming)
    for output in (incoming, tmp_path / "link.jsonl"):
        with pytest.raises(ConfigError, match="is an input too"):
            tag_files([incoming], [tiny_model], output, force=True)
    assert incoming.read_bytes() == before


def test_an_input_where_the_errors_would_go_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "out.jsonl.errors.jsonl", [GOOD])
    with pytest.raises(ConfigError, match="is an input too"):
        tag_files([source], [tiny_model], tmp_path / "out.jsonl", force=True)
    assert source.read_bytes() == GOOD + b"\n"


def test_no_line_at_all_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [])
    with pytest.raises(InputError, match=r"in\.jsonl: there is no line to tag"):
        tag_files([source], [tiny_model], tmp_path / "out.jsonl")
    assert names_in(tmp_path) == ["in.jsonl"]


def test_an_input_that_cannot_be_read_is_named(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl: (cannot be read|there is no such file)"):
        tag_files([incoming, tmp_path / "nowhere.jsonl"], [tiny_model], tmp_path / "out.jsonl")
    assert names_in(tmp_path) == ["in.jsonl"]


def test_an_output_in_an_input_folder_is_refused(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    with pytest.raises(ConfigError, match="lies in the input"):
        tag_files([tmp_path], [tiny_model], tmp_path / "deeper" / "out.jsonl")
    assert names_in(tmp_path) == ["in.jsonl"]


def test_a_model_that_was_tampered_with_tags_nothing(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    (copy / "topic" / "classifier.json").write_text("{}")
    with pytest.raises(BundleError, match=r"classifier\.json was changed"):
        tag_files([incoming], [copy], tmp_path / "out.jsonl")
    assert names_in(tmp_path) == ["in.jsonl", "model"]


def test_an_interruption_before_anything_is_done_leaves_nothing_behind(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    (tmp_path / "out.jsonl").write_text("earlier")

    def stop(summary: Summary) -> None:
        raise KeyboardInterrupt("stop now")

    with pytest.raises(KeyboardInterrupt, match="stop now"):
        tag_files([incoming], [tiny_model], tmp_path / "out.jsonl", force=True, on_progress=stop)
    assert (tmp_path / "out.jsonl").read_text() == "earlier"
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl"]


def test_two_workers_give_the_same_bytes_as_one(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.tag.plan._SMALLEST", 20_000)
    monkeypatch.setattr("newsclf.tag.engines.local._WORTH_WORKERS", 0)
    lines = [b"broken" if row % 97 == 5 else story(row) for row in range(1500)]
    source = write_lines(tmp_path / "in.jsonl", lines)
    for jobs in (1, 2):
        seen: list[int] = []
        summary = tag_files(
            [source],
            [tiny_model],
            tmp_path / f"{jobs}",
            jobs=jobs,
            on_progress=lambda summary, seen=seen: seen.append(summary.rows),  # type: ignore[misc]
        )
        assert (summary.rows, summary.refused) == (1500, {"invalid_json": 16})
        assert (seen[0], seen[-1], len(seen)) == (0, 1500, summary.shards + 1)
        assert seen == sorted(seen)
        assert summary.shards > 3
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    errors = [(tmp_path / f"{jobs}.errors.jsonl").read_bytes() for jobs in (1, 2)]
    assert errors[0] == errors[1]
    places = [row["line"] for row in rows_of(tmp_path / "1.errors.jsonl")]
    assert places == [row + 1 for row in range(1500) if row % 97 == 5]


def test_several_inputs_follow_each_other(tiny_model: Path, tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.jsonl", [story(1), b"?"])
    two = write_lines(tmp_path / "two.jsonl", [b"!", story(2)])
    tag_files([one, two, one], [tiny_model], tmp_path / "out.jsonl")
    rows = rows_of(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["s1", None, None, "s2", "s1", None]
    places = [(row["file"], row["line"]) for row in rows if "error" in row]
    assert places == [(str(one), 2), (str(two), 1), (str(one), 2)]


def test_scores_are_every_label_of_every_task(
    tiny_model: Path, tiny_corpus: Corpus, tmp_path: Path, incoming: Path
) -> None:
    output = tmp_path / "out.jsonl"
    tag_files([incoming], [tiny_model], output, scores=True)
    first, refused, _ = rows_of(output)
    assert list(first["scores"]) == ["topic", "stance"]
    for task, by_label in first["scores"].items():
        assert tuple(by_label) == tiny_corpus.schemes[task].label_ids
    assert sum(first["scores"]["stance"].values()) == pytest.approx(1, abs=1e-5)
    for tag in first["tags"]:
        assert first["scores"][tag["task"]][tag["label"]] == tag["probability"]
    assert "scores" not in refused


def test_a_file_name_that_is_not_text_can_be_reported(tiny_model: Path, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    try:
        write_lines(source, [b"nonsense", GOOD])
    except OSError:
        pytest.skip("the file system takes only UTF-8 names")
    tag_files([source], [tiny_model], tmp_path / "out.jsonl")
    assert rows_of(tmp_path / "out.jsonl")[0]["file"].endswith(".jsonl")


def test_a_model_that_was_replaced_is_the_one_that_tags(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    bundle = load(tiny_model)
    for version in (1, 2):
        manifest = bundle.manifest.model_copy(update={"version": version})
        Bundle(manifest, bundle.tasks).save(tmp_path / "model", force=True)
        tag_files([incoming], [tmp_path / "model"], tmp_path / "out.jsonl", force=True)
        assert rows_of(tmp_path / "out.jsonl")[0]["model"] == f"tiny@{version}"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))))
@example(lines=[GOOD, b"", GOOD, b"\x00", b"\r", b'{"id": 1e400}'])
def test_any_bytes_are_counted_and_never_crash(lines: list[bytes], tiny_model: Path) -> None:
    result = tag_chunk(Chunk("-", 1, lines), work_with(tiny_model, scores=True))
    assert result.counts.rows == len(lines)
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert len(rows) == len(lines)
    assert [row for row in rows if "error" in row] == [
        json.loads(line) for line in result.errors.splitlines()
    ]


FIELD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    objects=st.lists(
        st.dictionaries(st.sampled_from(["id", "headline", "body", "target"]), FIELD), max_size=6
    )
)
def test_any_objects_are_counted_and_never_crash(
    objects: list[dict[str, Any]], tiny_model: Path
) -> None:
    lines = [json.dumps(row).encode() for row in objects]
    result = tag_chunk(Chunk("-", 1, lines), work_with(tiny_model, scores=False))
    assert result.counts.rows == len(result.output.splitlines()) == len(lines)


def test_several_bundles_give_one_row_with_the_tags_of_each(
    tiny_bundle: Bundle, tmp_path: Path, incoming: Path
) -> None:
    halves = []
    for task, model in tiny_bundle.tasks.items():
        half = tiny_bundle.with_decisions({task: model}, [], {})
        manifest = half.manifest.model_copy(update={"name": task})
        Bundle(manifest, half.tasks).save(tmp_path / task)
        halves.append(tmp_path / task)
    output = tmp_path / "out.jsonl"
    summary = tag_files([incoming], halves, output, scores=True)
    first, refused, _ = rows_of(output)
    assert (summary.model, first["model"]) == ("topic@3,stance@3",) * 2
    assert {(tag["task"], tag["model"]) for tag in first["tags"]} == {
        ("topic", "topic@3"),
        ("stance", "stance@3"),
    }
    assert list(first["scores"]) == ["topic", "stance"]
    assert refused["error"]["code"] == "invalid_json"


def test_two_bundles_with_one_task_are_refused(
    tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    with pytest.raises(ConfigError, match=r"tiny@3 and tiny@3 have the task topic"):
        tag_files([incoming], [tiny_model, tiny_model], tmp_path / "out.jsonl")
    assert names_in(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_format": "jason"}, "unknown output format 'jason'"),
        ({"engine": "rai"}, "unknown engine 'rai'; did you mean 'ray'"),
        ({"resume": True, "output": Path("-")}, "cannot be gone on with"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path, incoming: Path
) -> None:
    given = {"output": tmp_path / "out.jsonl"} | arguments
    with pytest.raises(ConfigError, match=message):
        tag_files([incoming], [tiny_model], **given)
    assert names_in(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize("size", [1, 50, 51, 52, 1000, 10**6])
@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_shards_are_whole_lines_that_cover_the_file(
    size: int, ending: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.tag.plan._SMALLEST", size)
    monkeypatch.setattr("newsclf.tag.plan._LARGEST", size)
    monkeypatch.setattr("newsclf.tag.plan._BLOCK", 64)
    content = b"\n".join([b"x" * (row * 37 % 200) for row in range(100)]) + ending
    (tmp_path / "in.jsonl").write_bytes(content)
    plan = plan_run([Source(tmp_path / "in.jsonl", "in")])
    assert [shard.index for shard in plan.shards] == list(range(len(plan.shards)))
    position, lines = 0, 1
    for shard in plan.shards:
        part = content[shard.start : shard.end]
        assert (shard.start, shard.first_line) == (position, lines)
        assert shard.sha256 == hashlib.sha256(part).hexdigest()
        assert part.endswith(b"\n") or shard is plan.shards[-1]
        position, lines = shard.end, lines + part.count(b"\n")
    assert position == len(content) == plan.files[0].size
    assert plan.files[0].sha256 == hashlib.sha256(content).hexdigest()


FULL_DISK = """
import resource, sys
from pathlib import Path
from newsclf.errors import OutputError
from newsclf.tag import tag_files
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    tag_files([Path(sys.argv[1])], [Path(sys.argv[2])], Path(sys.argv[3]), jobs=1)
except OutputError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_no_half_an_output(tiny_model: Path, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [story(row) for row in range(1100)])
    output = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, source, tiny_model, output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    part = tmp_path / "out.jsonl.parts" / "000000.jsonl"
    assert done.stdout.strip() == f"cannot write {part}: File too large; nothing was written"
    assert names_in(tmp_path) == ["in.jsonl"]
