from __future__ import annotations

import os
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest

from newsclf.classifiers import classifier_class
from newsclf.cli.init import init
from newsclf.config import read_config
from newsclf.corpus import read_corpus
from newsclf.errors import OutputError
from newsclf.scaffold import FILES, STORIES, make_project
from newsclf.schemes import read_scheme


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "desk"
    make_project(folder)
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "newsclf", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LOKY_MAX_CPU_COUNT": "1", "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stories_take_their_scheme_from_the_file_that_is_edited(project: Path) -> None:
    stories = read_corpus(project / "data" / "stories")
    edited = project / "data" / "schemes" / "topic.toml"
    assert stories.info.schemes == ("../schemes/topic.toml",)
    assert stories.schemes == {"topic": read_scheme(edited)}
    assert list(project.rglob("topic.toml")) == [edited]
    assert edited.read_text().startswith("# The labels")


def test_the_stories_are_a_stratified_sample_with_every_label_in_every_split(
    project: Path,
) -> None:
    stories = read_corpus(project / "data" / "stories")
    assert len(stories.articles) == STORIES
    assert {task for article in stories.articles for task in article.labels} == {"topic"}
    for split in ("train", "valid", "test"):
        used = {label for article in stories.split(split) for label in article.labels["topic"]}
        assert used == set(stories.schemes["topic"].label_ids)
    assert stories.info.licence == "CC0-1.0"
    assert stories.info.provenance.startswith("A sample of govnews")
    assert stories.info.drawn is not None
    assert stories.info.drawn.sha256 == stories.content_sha256


def test_two_projects_are_the_same(project: Path, tmp_path: Path) -> None:
    make_project(tmp_path / "other")
    files = [path.relative_to(project) for path in project.rglob("*") if path.is_file()]
    assert len(files) == 8
    for name in files:
        assert (tmp_path / "other" / name).read_bytes() == (project / name).read_bytes()


def test_what_is_commented_out_in_the_first_run_is_valid_and_the_default(
    project: Path, tmp_path: Path
) -> None:
    given = (project / "experiments" / "first.toml").read_text()
    everything = tmp_path / "everything.toml"
    everything.write_text(re.sub(r"^# (?=\[|\w+ = )", "", given, flags=re.MULTILINE))
    tasks = read_config(everything).tasks
    assert set(tasks) == {"topic", "frame"}
    parameters = signature(classifier_class(tasks["topic"].classifier)).parameters
    options = tasks["topic"].options
    assert options.keys() == parameters.keys() - {"labels", "multi_label", "seed"}
    assert options == {name: parameters[name].default for name in options}


def test_what_is_listed_is_what_is_there(project: Path) -> None:
    assert all((project / name).exists() for name in FILES)
    readme = (project / "README.md").read_text()
    for name in re.findall(r"(?:data|experiments)/[\w./]+\w", readme):
        assert (project / name).exists() or name == "data/mine", name


def test_the_command_says_what_it_made_and_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my [bold] desk"
    init(folder)
    said = capsys.readouterr().out
    assert all(name in said for name in FILES)
    assert re.search(r"cd '.*my \[bold\] desk'\n    newsclf train experiments/first.toml\n$", said)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    make_project(folder)
    assert (folder / "README.md").exists()


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not an empty folder; choose a new one"):
        make_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "desk"
    path.write_text("mine")
    with pytest.raises(OutputError, match="is not an empty folder"):
        make_project(path)
    assert path.read_text() == "mine"


@pytest.mark.slow
def test_the_commands_of_the_new_readme_run_in_order(project: Path) -> None:
    readme = (project / "README.md").read_text()
    first_steps = readme.partition("## ")[0]
    commands = re.findall(r"^    newsclf (.*)$", first_steps, flags=re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["train", "evaluate", "tag"]
    trained, evaluated, _ = [run(project, *command.split()) for command in commands]
    assert "first@1 written to models/first" in trained
    assert "topic: 18 articles" in evaluated
    stories = (project / "data" / "incoming.jsonl").read_bytes().splitlines()
    assert len((project / "tagged.jsonl").read_bytes().splitlines()) == len(stories)
