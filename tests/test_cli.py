from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from newsclf import __version__
from newsclf.corpus import Corpus, write_corpus

GOOD = '{"id": "ok", "headline": "Border police", "body": "Officers searched a lorry."}\n'
CONFIG = """
name = "desk"
corpus = "stories"
[tasks.stance]
classifier = "linear"
options = { stemming = "never" }
[tasks.topic]
classifier = "dummy"
"""


def run(folder: Path, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run newsclf in a folder; whatever happens, nobody sees a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "newsclf", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LOKY_MAX_CPU_COUNT": "1", "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done


def decisions(text: str) -> Sequence[str]:
    rows = [json.loads(line) for line in text.splitlines()]
    return [row["error"]["code"] if "error" in row else row["decision"] for row in rows]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Corpus) -> Path:
    """A folder with a corpus, a configuration and the model that was trained with it."""
    folder = tmp_path_factory.mktemp("desk")
    write_corpus(tiny_corpus, folder / "stories")
    (folder / "run.toml").write_text(CONFIG)
    done = run(folder, "train", "run.toml")
    assert done.returncode == 0, done.stderr
    assert "desk@1 written to models/desk" in done.stdout
    assert "stance: linear, out-of-fold macro-F1" in done.stdout
    return folder


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"newsclf {__version__}\n")


def test_a_model_is_not_replaced_unasked(desk: Path) -> None:
    done = run(desk, "train", "run.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("newsclf: models/desk exists already")


def test_scores_are_shown_and_written(desk: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    done = run(desk, "evaluate", "desk", "--corpus", "stories", "--json", scores)
    assert done.returncode == 0, done.stderr
    assert "stance: 12 articles" in done.stdout
    assert "macro average" in done.stdout
    report = json.loads(scores.read_bytes())
    assert (report["model"], report["split"]) == ("desk@1", "test")
    assert set(report["tasks"]) == {"stance", "topic"}
    again = run(desk, "evaluate", "desk", "--corpus", "stories", "--json", scores)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_standard_input_is_tagged_to_standard_output(desk: Path) -> None:
    done = run(desk, "tag", "-", "--model", "desk@1", "--output", "-", "--scores", given=GOOD * 2)
    assert done.returncode == 0, done.stderr
    assert decisions(done.stdout) == ["review", "review"]
    assert list(json.loads(done.stdout.splitlines()[0])["scores"]) == ["stance", "topic"]
    assert "2 rows with desk@1: 2 tagged, 0 refused" in done.stderr


def test_refused_rows_make_the_exit_status_3(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD + "\n" + GOOD)
    output = tmp_path / "out.jsonl"
    done = run(desk, "tag", tmp_path / "in.jsonl", "-m", "models/desk", "-o", output)
    assert (done.returncode, done.stdout) == (3, "")
    assert decisions(output.read_text()) == ["review", "invalid_json", "review"]
    assert decisions((tmp_path / "out.jsonl.errors.jsonl").read_text()) == ["invalid_json"]
    assert "refused, invalid_json: 1" in done.stderr


def test_nothing_tagged_makes_the_exit_status_1_and_quiet_is_quiet(desk: Path) -> None:
    done = run(desk, "tag", "-", "-m", "desk", "-o", "-", "-q", given="[]\n")
    assert (done.returncode, done.stderr) == (1, "")
    assert decisions(done.stdout) == ["not_an_object"]


def test_the_summary_is_written_and_progress_logged_as_json(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD + "nonsense\n" + GOOD)
    files = ["-o", tmp_path / "out.jsonl", "--summary", tmp_path / "summary.json"]
    done = run(desk, "tag", tmp_path / "in.jsonl", "-m", "desk", *files, "--log", "json")
    assert done.returncode == 3
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert (summary["rows"], summary["tagged"]) == (3, 2)
    assert (summary["refused"], summary["models"]) == ({"invalid_json": 1}, ["desk@1"])
    assert (summary["shards"], summary["shards_done_before"]) == (1, 0)
    assert sum(summary["tags"]["stance"].values()) == 2
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert logged[-1] == {"time": logged[-1]["time"], "event": "done", **summary, "seconds_left": 0}


def test_a_run_that_stops_says_how_to_go_on_and_does(desk: Path, tmp_path: Path) -> None:
    lines = [GOOD if row % 10 else "nonsense\n" for row in range(12_000)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    command = ["tag", tmp_path / "in.jsonl", "-m", "desk", "-o", tmp_path / "out.jsonl"]
    done = run(desk, *command, "--fail-over", "1%")
    assert done.returncode == 1
    assert "were refused (invalid_json: " in done.stderr
    assert "which is more than 1 %" in done.stderr
    assert "the same command with --resume goes on from it" in done.stderr
    again = run(desk, *command)
    assert (again.returncode, "was not finished" in again.stderr) == (1, True)
    rest = run(desk, *command, "--resume")
    assert (rest.returncode, "12,000 rows" in rest.stderr) == (3, True)
    assert "done by an earlier run: " in rest.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 12_000


def test_no_input_at_all_is_explained(desk: Path) -> None:
    done = run(desk, "tag", "-", "-m", "desk", "-o", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "newsclf: -: there is no line to tag\n"


def test_an_unknown_model_is_answered_with_those_there_are(desk: Path) -> None:
    done = run(desk, "tag", "-", "-m", "dusk", "-o", "-", given=GOOD)
    assert (done.returncode, done.stdout) == (1, "")
    expected = "newsclf: no model 'dusk' in models or as a folder; there are desk@1\n"
    assert done.stderr == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["tag", "-", "-o", "-"],
        ["tag", "-", "-m", "desk", "-o", "-", "--jobs", "0"],
        ["tag", "-", "-m", "desk", "-o", "-", "--fail-over", "some"],
        ["tag", "-", "-m", "desk", "-o", "-", "--column", "headline"],
        ["tag", "-", "-m", "desk", "-o", "-", "--log", "xml"],
        ["tga"],
        ["train", "run.toml", "--frce"],
    ],
    ids=[
        "no model",
        "no worker",
        "no share",
        "no column",
        "no log",
        "no such command",
        "no such option",
    ],
)
def test_wrong_usage_makes_the_exit_status_2(arguments: list[str], desk: Path) -> None:
    done = run(desk, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: " in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("classifier =", "clasifier =", "did you mean 'classifier'?"),
        ("stemming", "steming", "linear has no option 'steming'; did you mean 'stemming'?"),
        ("tasks.stance", "tasks.stanse", "has no task 'stanse'; did you mean 'stance'?"),
        ('"stories"', '"storeys"', "there is no such corpus folder"),
        (
            'stemming = "never"',
            'stemming = "never", min_df = "two"',
            "linear: option min_df: Input should be",
        ),
    ],
)
def test_a_mistake_in_a_configuration_is_explained(
    old: str, new: str, message: str, desk: Path
) -> None:
    (desk / "wrong.toml").write_text(CONFIG.replace('"desk"', '"wrong"').replace(old, new, 1))
    done = run(desk, "train", "wrong.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert not (desk / "models" / "wrong").exists()


def test_models_are_listed_shown_and_verified(desk: Path) -> None:
    listed = run(desk, "models", "list")
    assert (listed.returncode, "desk@1" in listed.stdout) == (0, True)
    shown = run(desk, "models", "show", "desk")
    assert (shown.returncode, "most probable" in shown.stdout) == (0, True)
    verified = run(desk, "models", "verify", "desk@1")
    assert verified.returncode == 0
    assert verified.stdout == "desk@1: 5 files, all as they were written\n"


def test_a_model_that_was_tampered_with_is_refused(desk: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(desk / "models" / "desk", tmp_path / "copy")
    (copy / "topic" / "extra.pkl").write_bytes(b"\x80\x04.")
    for arguments in (["models", "verify", copy], ["tag", "-", "-m", copy, "-o", "-"]):
        done = run(desk, *arguments, given=GOOD)
        assert (done.returncode, done.stdout) == (1, "")
        assert "topic/extra.pkl is not listed in bundle.json" in done.stderr


def test_no_model_yet_is_no_error(tmp_path: Path) -> None:
    done = run(tmp_path, "models", "list")
    assert done.returncode == 0
    assert done.stdout == "no model in models; make one with 'newsclf train'\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_standard_output_is_one_line_of_error(desk: Path) -> None:
    command = [sys.executable, "-m", "newsclf", "tag", "-", "--model", "desk", "-o", "-", "-q"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=desk, input=GOOD.encode(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"newsclf: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_stop_says_so_and_leaves_nothing(
    told: signal.Signals, desk: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tagged.jsonl"
    command = [sys.executable, "-m", "newsclf", "tag", "-", "--model", "desk", "-o", output]
    with subprocess.Popen(
        command, cwd=desk, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(GOOD.encode())
        process.stdin.flush()
        while process.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.05)
        process.send_signal(told)
        assert b"interrupted; no output was written" in process.stderr.read()
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_summary_takes_no_other_file_s_place(desk: Path, tmp_path: Path) -> None:
    stories = tmp_path / "in.jsonl"
    stories.write_text(GOOD)
    output = tmp_path / "out.jsonl"
    for summary, message in (
        (stories, "is an input or the output"),
        (output, "is an input or the output"),
        (tmp_path / "no" / "s.json", "there is no folder"),
    ):
        done = run(
            desk, "tag", stories, "-m", "desk", "-o", output, "--summary", summary, "--force"
        )
        assert (done.returncode, message in done.stderr) == (1, True)
        assert not output.exists()
    assert stories.read_text() == GOOD
