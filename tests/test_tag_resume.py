from __future__ import annotations

import fcntl
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from newsclf.bundle import Bundle
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.tag import Summary, tag_files
from newsclf.tag.ingest import spool
from newsclf.tag.worker import tag_shard

ROWS = 600


def story(row: int) -> bytes:
    return orjson.dumps({"id": f"s{row}", "headline": f"Police {row}", "body": "Border court tax."})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsclf.tag.plan._SMALLEST", 4_000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    lines = [b"broken" if row % 50 == 5 else story(row) for row in range(ROWS)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path / "in.jsonl"


@pytest.fixture
def expected(tiny_model: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("whole") / "out.jsonl"
    tag_files([source], [tiny_model], output, jobs=1)
    return output.read_bytes()


def stop_after(shards: int) -> Any:
    def stop(summary: Summary) -> None:
        if summary.shards_done == shards:
            raise KeyboardInterrupt("stop now")

    return stop


@pytest.fixture
def stopped(tiny_model: Path, source: Path, tmp_path: Path) -> Path:
    """The output of a run that was interrupted after three shards."""
    output = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt, match="stop now"):
        tag_files([source], [tiny_model], output, jobs=1, on_progress=stop_after(3))
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl.parts"]
    return output


def test_a_run_goes_on_where_it_was_stopped_and_gives_the_same_bytes(
    stopped: Path, source: Path, tiny_model: Path, tmp_path: Path, expected: bytes
) -> None:
    seen: list[Summary] = []
    summary = tag_files([source], [tiny_model], stopped, resume=True, on_progress=seen.append)
    assert stopped.read_bytes() == expected
    assert (summary.shards_before, summary.shards_done) == (3, summary.shards)
    assert 0 < summary.rows_before < summary.rows == ROWS
    assert summary.refused == {"invalid_json": ROWS // 50}
    assert len((tmp_path / "out.jsonl.errors.jsonl").read_bytes().splitlines()) == ROWS // 50
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.errors.jsonl"]


def test_only_what_is_missing_is_done(
    stopped: Path, source: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def noted(shard: Any, work: Any) -> Any:
        done.append(shard.index)
        return tag_shard(shard, work)

    monkeypatch.setattr("newsclf.tag.engines.local.tag_shard", noted)
    summary = tag_files([source], [tiny_model], stopped, resume=True, jobs=1)
    assert done == list(range(3, summary.shards))


def test_an_unfinished_run_is_not_begun_again_unasked(
    stopped: Path, source: Path, tiny_model: Path, expected: bytes
) -> None:
    with pytest.raises(OutputError, match=r"was not finished; go on .* --resume, or .* --force"):
        tag_files([source], [tiny_model], stopped)
    summary = tag_files([source], [tiny_model], stopped, force=True)
    assert (summary.shards_before, stopped.read_bytes()) == (0, expected)


def test_going_on_with_nothing_is_a_run_as_any_other(
    source: Path, tiny_model: Path, tmp_path: Path, expected: bytes
) -> None:
    summary = tag_files([source], [tiny_model], tmp_path / "out.jsonl", resume=True)
    assert (summary.shards_before, (tmp_path / "out.jsonl").read_bytes()) == (0, expected)


def test_an_input_that_was_changed_since_is_noticed(
    stopped: Path, source: Path, tiny_model: Path
) -> None:
    source.write_bytes(source.read_bytes().replace(b"Police 599", b"police 599"))
    with pytest.raises(OutputError, match=r"in\.jsonl was changed .*; start again with --force"):
        tag_files([source], [tiny_model], stopped, resume=True)
    summary = tag_files([source], [tiny_model], stopped, resume=True, force=True)
    assert (summary.shards_before, summary.rows) == (0, ROWS)


def test_other_options_are_noticed(stopped: Path, source: Path, tiny_model: Path) -> None:
    with pytest.raises(OutputError, match="since scores was False and is True"):
        tag_files([source], [tiny_model], stopped, resume=True, scores=True)
    with pytest.raises(OutputError, match="since format was jsonl and is csv"):
        tag_files([source], [tiny_model], stopped, resume=True, output_format="csv")
    with pytest.raises(OutputError, match="since the inputs were"):
        tag_files([source, source], [tiny_model], stopped, resume=True)


def test_another_bundle_is_noticed(
    stopped: Path, source: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    tiny_bundle.renumbered(4).save(tmp_path / "other")
    with pytest.raises(OutputError, match="the models are not those"):
        tag_files([source], [tmp_path / "other"], stopped, resume=True)


@pytest.mark.parametrize("damage", ["rows", "marker", "no rows"])
def test_a_damaged_part_is_done_again(
    damage: str, stopped: Path, source: Path, tiny_model: Path, expected: bytes
) -> None:
    parts = stopped.with_name("out.jsonl.parts")
    if damage == "rows":
        (parts / "000001.jsonl").write_bytes(b"{}\n")
    elif damage == "marker":
        (parts / "000001.done").write_bytes(b'{"index": 1')
    else:
        (parts / "000001.jsonl").unlink()
    summary = tag_files([source], [tiny_model], stopped, resume=True)
    assert (summary.shards_before, stopped.read_bytes()) == (2, expected)


def test_a_run_that_was_stopped_once_its_output_was_whole_is_done(
    source: Path, tiny_model: Path, tmp_path: Path, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("newsclf.tag.run._remove", lambda _: os.abort)
        tag_files([source], [tiny_model], output)
    assert (tmp_path / "out.jsonl.parts").is_dir()
    summary = tag_files([source], [tiny_model], output, resume=True)
    assert (summary.rows, output.read_bytes()) == (ROWS, expected)
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.errors.jsonl"]


def test_a_file_that_somebody_else_put_at_the_output_is_not_replaced(
    stopped: Path, source: Path, tiny_model: Path
) -> None:
    stopped.write_text("mine")
    with pytest.raises(OutputError, match=r"out\.jsonl exists already"):
        tag_files([source], [tiny_model], stopped, resume=True)
    assert stopped.read_text() == "mine"
    assert stopped.with_name("out.jsonl.parts").is_dir()


def test_a_second_run_to_the_same_output_is_told(
    stopped: Path, source: Path, tiny_model: Path
) -> None:
    with stopped.with_name("out.jsonl.parts").joinpath("lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for resume, force in ((False, False), (True, False), (False, True)):
            with pytest.raises(OutputError, match=r"another run is writing .*out\.jsonl"):
                tag_files([source], [tiny_model], stopped, resume=resume, force=force)
    tag_files([source], [tiny_model], stopped, resume=True)


def test_a_folder_that_is_no_run_s_is_left_alone(
    source: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="is no run's working folder"):
        tag_files([source], [tiny_model], tmp_path / "out.jsonl", force=True)
    assert names_in(tmp_path / "out.jsonl.parts") == ["thesis.txt"]


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(story(1) + b"\n")


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Police 599", b"police 599"))


@pytest.mark.parametrize("how", [grow, change, Path.unlink])
def test_an_input_that_changes_while_it_is_read_is_noticed(
    how: Any, source: Path, tiny_model: Path, tmp_path: Path
) -> None:
    def once(summary: Summary) -> None:
        if summary.shards_done == 2:
            how(source)

    message = r"in\.jsonl: (was changed while it was read|cannot be read)"
    with pytest.raises(InputError, match=message):
        tag_files([source], [tiny_model], tmp_path / "out.jsonl", jobs=1, on_progress=once)
    assert not (tmp_path / "out.jsonl").exists()
    assert (tmp_path / "out.jsonl.parts").is_dir()


def test_a_run_whose_rows_are_refused_stops_at_the_bound_and_can_go_on(
    tiny_model: Path, tmp_path: Path
) -> None:
    lines = [b"broken" if row % 10 == 5 else story(row) for row in range(3000)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    given = {"jobs": 1, "output": tmp_path / "out.jsonl"}
    with pytest.raises(InputError, match=r"10. of the first 1,0.. rows were refused"):
        tag_files([tmp_path / "in.jsonl"], [tiny_model], fail_over=0.05, **given)
    assert not (tmp_path / "out.jsonl").exists()
    summary = tag_files([tmp_path / "in.jsonl"], [tiny_model], resume=True, fail_over=0.2, **given)
    assert (summary.rows, summary.rows_before > 1000) == (3000, True)


def test_a_folder_that_cannot_be_written_is_named(
    source: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write .*out\.jsonl\.parts: Not a directory"):
        tag_files([source], [tiny_model], tmp_path / "file" / "out.jsonl")


RUN = """
import sys
from pathlib import Path
import newsclf.tag.plan
newsclf.tag.plan._SMALLEST = 4_000
from newsclf.tag import tag_files
tag_files([Path(sys.argv[1])], [Path(sys.argv[2])], Path(sys.argv[3]), resume=True, jobs=1)
"""


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(
    source: Path, tiny_model: Path, tmp_path: Path, expected: bytes
) -> None:
    output, parts = tmp_path / "out.jsonl", tmp_path / "out.jsonl.parts"
    draw = random.Random(7)
    kills = 0
    while not output.exists() or parts.exists():
        process = subprocess.Popen([sys.executable, "-c", RUN, source, tiny_model, output])
        begun = time.monotonic()
        while process.poll() is None and not (kills < 3 and list(parts.glob("*.done"))):
            assert time.monotonic() - begun < 60
            time.sleep(0.01)
        if process.poll() is None:
            time.sleep(draw.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 1
    assert output.read_bytes() == expected
    errors = (tmp_path / "out.jsonl.errors.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["line"] for line in errors] == list(range(6, ROWS, 50))
    assert names_in(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.errors.jsonl"]


def test_a_run_that_was_whole_is_not_taken_for_one_of_another_input(
    tiny_model: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("newsclf.tag.run._remove", lambda _folder: None)
        tag_files([source], [tiny_model], output, jobs=1)
    source.write_bytes(story(0) + b"\n")
    with pytest.raises(OutputError, match=r"in\.jsonl was changed"):
        tag_files([source], [tiny_model], output, jobs=1, resume=True)
    tag_files([source], [tiny_model], output, jobs=1, resume=True, force=True)
    assert output.read_bytes().count(b"\n") == 1


def test_a_stream_that_has_something_else_now_is_noticed(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.jsonl"

    def tag(lines: bytes, **arguments: Any) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        tag_files([Path("-")], [tiny_model], output, jobs=1, **arguments)

    stories = b"".join(story(row) + b"\n" for row in range(ROWS))
    with pytest.raises(KeyboardInterrupt, match="stop now"):
        tag(stories, on_progress=stop_after(3))
    with pytest.raises(OutputError, match="- was changed"):
        tag(story(0) + b"\n", resume=True)
    tag(stories, resume=True)
    assert output.read_bytes().count(b"\n") == ROWS


def test_a_table_that_grows_while_it_is_read_is_noticed(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "in.csv"
    table.write_text("id,body\na,Border court\n")

    def spool_and_grow(*arguments: Any) -> None:
        spool(*arguments)
        with table.open("a") as file:
            file.write("b,Tax\n")

    monkeypatch.setattr("newsclf.tag.sources.spool", spool_and_grow)
    with pytest.raises(InputError, match=r"in\.csv: was changed while it was read"):
        tag_files([table], [tiny_model], tmp_path / "out.jsonl", jobs=1)
    assert names_in(tmp_path) == ["in.csv"]


def test_only_a_file_is_replaced(tiny_model: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OutputError, match=f"{name} is there and is no file"):
            tag_files([source], [tiny_model], tmp_path / name, jobs=1, force=True)
    with pytest.raises(ConfigError, match="no file's name"):
        tag_files([source], [tiny_model], Path("/"), jobs=1)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    tag_files([source], [tiny_model], tmp_path / "link", jobs=1)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").is_file()


def test_a_small_run_has_a_bound_too(tiny_model: Path, source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="12 of the first 600 rows were refused"):
        tag_files([source], [tiny_model], tmp_path / "out.jsonl", jobs=1, fail_over=0.01)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_part_that_another_process_wrote_over_is_not_put_together(
    tiny_model: Path, source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"

    def spoil(summary: Summary) -> None:
        if summary.shards_done == summary.shards:
            [part] = (tmp_path / "out.jsonl.parts").glob("000000.jsonl")
            part.write_bytes(b"{}\n")

    with pytest.raises(OutputError, match=r"000000\.jsonl was changed by another process"):
        tag_files([source], [tiny_model], output, jobs=1, on_progress=spoil)
    assert not output.exists()
