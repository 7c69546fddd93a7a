from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import TINY_CONFIG
from newsclf.bundle import Bundle
from newsclf.cli.runs import app
from newsclf.config import RunConfig, read_config
from newsclf.corpus import Corpus, write_corpus
from newsclf.errors import ConfigError, InputError, NewsclfError
from newsclf.files import sha256_of
from newsclf.runs import Run, diff_runs, export_to_mlflow, find_run, list_runs, read_run, record_run

NOON = datetime(2025, 5, 15, 12, tzinfo=UTC)


class Desk:
    """Records runs of the tiny bundle, as if a minute lay between them."""

    def __init__(self, folder: Path, bundle: Bundle, corpus: Corpus) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.bundle = bundle
        self.corpus = corpus
        self.recorded = 0

    def record(self, config: RunConfig = TINY_CONFIG) -> Path:
        started = NOON + timedelta(minutes=self.recorded)
        self.recorded += 1
        return record_run(
            self.bundle,
            config,
            self.corpus,
            self.runs,
            beside=self.folder,
            started=started,
            log=["trained", "written"],
        )


@pytest.fixture
def desk(tmp_path: Path, tiny_bundle: Bundle, tiny_corpus: Corpus) -> Desk:
    return Desk(tmp_path, tiny_bundle, tiny_corpus)


def git(folder: Path, *arguments: str) -> str:
    who = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
    identity = {f"GIT_{name}": "desk" for name in who}
    done = subprocess.run(
        [shutil.which("git") or "", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | identity,
    )
    return done.stdout.strip()


def test_a_run_holds_what_it_was_made_from_and_what_came_of_it(desk: Desk) -> None:
    folder = desk.record()
    run = read_run(folder)
    assert folder.name.startswith("tiny-3-20250515T120000Z-")
    assert run.record.started == NOON
    assert run.record.corpus["sha256"] == desk.corpus.sha256
    assert run.metrics["stance"] == desk.bundle.tasks["stance"].record.metrics
    assert run.environment["versions"] == desk.bundle.manifest.environment
    assert (folder / "log.txt").read_text() == "trained\nwritten\n"
    assert read_config(folder / "config.toml").tasks == TINY_CONFIG.tasks


def test_predictions_are_the_out_of_fold_probabilities_of_the_training_articles(desk: Desk) -> None:
    lines = (desk.record() / "predictions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == [article.id for article in desk.corpus.split("train")]
    model = desk.bundle.tasks["topic"]
    expected = dict(
        zip(model.record.scheme.label_ids, model.classifier.out_of_fold_[7].tolist(), strict=True)
    )
    assert rows[7]["scores"]["topic"] == expected


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_recorded_and_whether_files_differ_from_it(desk: Desk) -> None:
    desk.folder = desk.runs.parent / "checkout"
    desk.folder.mkdir()
    assert read_run(desk.record()).environment["git"] == {}
    (desk.folder / "run.toml").write_text("name = 'tiny'")
    git(desk.folder, "init", "-q")
    git(desk.folder, "add", "run.toml")
    git(desk.folder, "commit", "-q", "-m", "first")
    commit = git(desk.folder, "rev-parse", "HEAD")
    assert read_run(desk.record()).environment["git"] == {"commit": commit, "dirty": False}
    (desk.folder / "run.toml").write_text("name = 'tinier'")
    assert read_run(desk.record()).environment["git"] == {"commit": commit, "dirty": True}


def test_runs_are_listed_newest_first_and_found_by_the_start_of_their_id(desk: Desk) -> None:
    assert list_runs(desk.runs) == []
    first, second = desk.record(), desk.record()
    assert [folder for folder, _ in list_runs(desk.runs)] == [second, first]
    assert find_run("tiny", desk.runs).folder == find_run("tiny-3", desk.runs).folder == second
    assert find_run(first.name, desk.runs).folder == first
    assert find_run(str(first), desk.folder).folder == first
    with pytest.raises(ConfigError, match=rf"several runs .*: {second.name}, {first.name}"):
        find_run("tiny-3-2", desk.runs)
    for reference in ("small", ""):
        expected = f"no run '{reference}' in .*; the newest are {second.name}"
        with pytest.raises(ConfigError, match=expected):
            find_run(reference, desk.runs)


def test_a_difference_names_what_was_changed_and_nothing_else(desk: Desk) -> None:
    first = read_run(desk.record())
    assert diff_runs(first, read_run(desk.record())) == []
    stance = TINY_CONFIG.tasks["stance"].model_copy(update={"options": {"min_df": 3}})
    tasks = {"topic": TINY_CONFIG.tasks["topic"], "stance": stance}
    second = read_run(desk.record(TINY_CONFIG.model_copy(update={"tasks": tasks, "seed": 6})))
    assert diff_runs(first, second) == [
        ("config.seed", 5, 6),
        ("config.tasks.stance.options.stemming", "never", None),
        ("config.tasks.stance.options.min_df", None, 3),
    ]


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "environment.json", "config.toml"])
def test_a_run_that_lacks_a_file_or_has_a_broken_one_is_refused(desk: Desk, name: str) -> None:
    path = desk.record() / name
    path.write_text("[{")
    whole = desk.record()
    (shown, run), (damaged, error) = list_runs(desk.runs)
    assert (shown, damaged) == (whole, path.parent)
    assert isinstance(run, Run)
    assert name in str(error)
    assert find_run("tiny", desk.runs).folder == whole
    path.unlink()
    with pytest.raises(NewsclfError, match=name):
        read_run(path.parent)


@pytest.mark.parametrize("content", ["[]", '{"id": 3}'])
def test_a_record_of_another_shape_is_refused(desk: Desk, content: str) -> None:
    path = desk.record() / "run.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"run.json: not a (JSON object|run's record)"):
        read_run(path.parent)


def test_the_commands_list_show_and_compare(desk: Desk) -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    where = ["--runs", str(desk.runs)]
    assert "no run in" in runner.invoke(app, ["list", *where]).output
    first = desk.record()
    second = desk.record(TINY_CONFIG.model_copy(update={"seed": 6}))
    listed = runner.invoke(app, ["list", *where]).output
    assert listed.index(second.name) < listed.index(first.name)
    shown = runner.invoke(app, ["show", first.name, *where]).output
    assert "2025-05-15 12:00:00 UTC" in shown
    assert "config.seed = 5" in shown
    compared = runner.invoke(app, ["diff", first.name, second.name, *where]).output
    assert "config.seed" in compared
    assert "config.name" not in compared
    same = runner.invoke(app, ["diff", first.name, first.name, *where]).output
    assert "do not differ" in same


def test_without_the_extra_the_command_that_installs_it_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(desk.record())
    monkeypatch.setattr("newsclf.extras.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'newsclf\[mlflow\]'"):
        export_to_mlflow(run, "http://localhost:5000")


def test_mlflow_gets_parameters_metrics_and_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = read_run(desk.record())
    uri = (desk.folder / "mlflow").as_uri()
    made = export_to_mlflow(run, uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    there = client.get_run(made)
    assert there.info.status == "FINISHED"
    assert there.data.tags["newsclf.run"] == run.record.id
    assert there.data.params["tasks.stance.options.stemming"] == "never"
    assert there.data.metrics["stance.macro_f1"] == run.metrics["stance"]["macro_f1"]
    assert {file.path for file in client.list_artifacts(made)} >= {"run.json", "predictions.jsonl"}


TRAIN = """
import sys
from pathlib import Path
from newsclf.config import read_config
from newsclf.corpus import read_corpus
from newsclf.train import train

config = read_config(Path(sys.argv[1]))
train(config, read_corpus(config.corpus)).save(Path(sys.argv[2]))
"""


def test_training_twice_gives_the_same_files_to_the_bit(
    tmp_path: Path, tiny_corpus: Corpus
) -> None:
    write_corpus(tiny_corpus, tmp_path / "stories")
    (tmp_path / "run.toml").write_text("""
name = "desk"
corpus = "stories"
[tasks.stance]
classifier = "hybrid"
options = { stemming = "never" }
[tasks.topic]
classifier = "linear"
options = { stemming = "never" }
""")
    folders = [tmp_path / "first", tmp_path / "second"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, tmp_path / "run.toml", folder],
            env=os.environ | {"PYTHONHASHSEED": str(number), "LOKY_MAX_CPU_COUNT": "1"},
        )
        for number, folder in enumerate(folders)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    first, second = (
        {path.relative_to(folder): sha256_of(path) for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert {Path("bundle.json"), Path("README.md")} < first.keys()
    assert first == second
