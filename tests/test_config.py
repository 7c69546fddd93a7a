from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joblib import parallel_config

from newsclf.config import Objective, PromiseConfig, RunConfig, TaskConfig, read_config
from newsclf.corpus import Corpus
from newsclf.errors import ConfigError
from newsclf.train import train

MINIMAL = 'name = "desk"\ncorpus = "../stories"\n[tasks.topic]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_configuration_has_defaults(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, MINIMAL))
    assert config.name == "desk"
    assert (config.version, config.seed, config.train_on) == (1, 0, ("train",))
    assert config.tasks == {"topic": TaskConfig(classifier="hybrid", options={})}


def test_a_full_configuration_is_read(tmp_path: Path) -> None:
    text = (
        'name = "desk.2-b_c"\nversion = 4\ncorpus = "c"\ntrain_on = ["train", "valid"]\nseed = 9\n'
        '[tasks.stance]\nclassifier = "linear"\noptions = { stemming = "never" }\n'
    )
    config = read_config(written(tmp_path, text))
    assert (config.version, config.seed, config.train_on) == (4, 9, ("train", "valid"))
    assert config.tasks["stance"].options == {"stemming": "never"}


def test_a_relative_corpus_starts_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "stories").mkdir()
    config = read_config(written(tmp_path / "runs", MINIMAL))
    assert config.corpus.resolve() == (tmp_path / "stories").resolve()


def test_an_absolute_corpus_stays(tmp_path: Path) -> None:
    text = MINIMAL.replace("../stories", str(tmp_path / "elsewhere"))
    assert read_config(written(tmp_path, text)).corpus == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead = 3\n" + MINIMAL, r"run\.toml: unknown key 'sead'; did you mean 'seed'\?"),
        (MINIMAL + 'clasifier = "dummy"', r"'tasks\.topic\.clasifier'; did you mean 'classifier'"),
        (MINIMAL + "zzz = 1", "unknown key 'tasks.topic.zzz'; allowed are"),
        ("version = 0\n" + MINIMAL, "version: .*greater than or equal to 1"),
        ('version = "one"\n' + MINIMAL, "version: .*integer"),
        ("seed = -1\n" + MINIMAL, "seed: "),
        ("seed = 4294967296\n" + MINIMAL, "seed: .*4294967296"),
        ('train_on = "train"\n' + MINIMAL, "train_on: .*tuple"),
        ("train_on = [1]\n" + MINIMAL, "train_on"),
        (MINIMAL + "classifier = 3", "tasks.topic.classifier: .*string"),
        (MINIMAL + "options = []", "tasks.topic.options: .*dictionary"),
        ('corpus = "c"\n[tasks.topic]\n', "key 'name' is missing"),
        ('name = "desk"\n[tasks.topic]\n', "key 'corpus' is missing"),
        ('name = "desk"\ncorpus = "c"\n', "key 'tasks' is missing"),
        ('name = "desk"\ncorpus = "c"\n[tasks]\n', "tasks: .*at least 1"),
        ("", "is missing"),
        ("name = \n", r"run\.toml is not valid TOML: .*line 1"),
        (MINIMAL + "[tasks.topic]\n", "is not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(written(tmp_path, text))


@pytest.mark.parametrize("name", ["", "Desk", "../desk", "a/b", ".desk", "a" * 65, "a b", "a\\n"])
def test_a_name_that_could_not_be_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name: "):
        read_config(written(tmp_path, MINIMAL.replace('"desk"', f'"{name}"')))


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml: No such file"):
        read_config(tmp_path / "nowhere.toml")


def test_a_configuration_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_config(tmp_path / "run.toml")


def test_the_shipped_configuration_is_valid() -> None:
    path = Path(__file__).parents[1] / "experiments" / "govnews.toml"
    config = read_config(path)
    assert list(config.tasks) == ["topic", "frame", "stance"]
    assert (config.corpus / "corpus.toml").is_file()


def run(task: str = "stance", *, train_on: tuple[str, ...] = ("train",), **how: Any) -> RunConfig:
    return RunConfig(
        name="t", corpus=Path("unused"), train_on=train_on, tasks={task: TaskConfig(**how)}
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (run("stence"), "has no task 'stence'; did you mean 'stance'"),
        (run("weather"), "has no task 'weather'; allowed are frame, stance, topic"),
        (run(classifier="linaer"), "unknown classifier 'linaer'; did you mean 'linear'"),
        (
            run(classifier="linear", options={"steming": "never"}),
            "linear has no option 'steming'; did you mean 'stemming'",
        ),
        (run(classifier="dummy", options={"seed": 1}), "dummy has no option 'seed'"),
        (run(classifier="linear", options={"stemming": "often"}), "option stemming: .*'never'"),
        (run(classifier="linear", options={"stemming": {}}), "option stemming: .*'never'"),
        (run(classifier="linear", options={"min_df": "two"}), "option min_df: .*integer"),
        (run(train_on=("trian",)), "no article in split trian; its splits are test, train"),
        (run(train_on=()), "no article in split"),
    ],
)
def test_training_explains_what_is_wrong(
    config: RunConfig, message: str, tiny_corpus: Corpus
) -> None:
    with parallel_config(backend="sequential"), pytest.raises(ConfigError, match=message):
        train(config, tiny_corpus)


def test_training_says_which_task_it_is_at(tiny_corpus: Corpus) -> None:
    seen: list[str] = []
    tasks = {task: TaskConfig(classifier="dummy") for task in ("stance", "topic")}
    config = RunConfig(name="t", corpus=Path("unused"), tasks=tasks)
    bundle = train(config, tiny_corpus, on_task=seen.append)
    assert seen == list(bundle.tasks) == ["stance", "topic"]
    assert bundle.tasks["stance"].record.thresholds == {}
    assert set(bundle.tasks["topic"].record.metrics) == {
        "macro_f1",
        "micro_f1",
        "calibration_error",
        "calibration_error_before",
    }


def test_a_task_that_nobody_judged_cannot_be_learned(tiny_corpus: Corpus) -> None:
    unjudged = tuple(replace(article, labels={}) for article in tiny_corpus.articles)
    corpus = Corpus(tiny_corpus.info, tiny_corpus.schemes, unjudged)
    with pytest.raises(ConfigError, match="no training article was judged for the task stance"):
        train(run(classifier="dummy"), corpus)


def test_a_single_label_task_has_no_thresholds_to_choose(tiny_corpus: Corpus) -> None:
    how = TaskConfig(classifier="dummy", objective=Objective(precision=0.9))
    config = RunConfig(name="t", corpus=Path("unused"), tasks={"stance": how})
    with pytest.raises(
        ConfigError, match=r"stance takes its most probable label, .*of at least 0.9"
    ):
        train(config, tiny_corpus)


def test_a_promise_is_not_tested_on_what_is_learned_from(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        'name = "t"\ncorpus = "c"\ntrain_on = ["train", "valid"]\n[promise]\nprecision = 0.9\n'
        "[tasks.topic]\n"
    )
    with pytest.raises(ConfigError, match=r"promise.splits has valid, which train_on learns from"):
        read_config(tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("objective = { precison = 0.9 }", "did you mean 'precision'"),
        ("objective = { precision = 0.9, recall = 0.8 }", "an objective is one thing"),
        ("objective = { recall = 1.5 }", "less than or equal to 1"),
    ],
)
def test_a_wrong_objective_is_explained(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f'name = "t"\ncorpus = "c"\n[tasks.topic]\n{line}\n')
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "run.toml")


def test_routing_is_set_up_on_the_splits_of_the_promise(tiny_corpus: Corpus) -> None:
    tasks = {task: TaskConfig(classifier="dummy") for task in ("stance", "topic")}
    promise = PromiseConfig(precision=0.2, confidence=0.6, splits=("test",))
    config = RunConfig(name="t", corpus=Path("unused"), tasks=tasks, promise=promise)
    bundle = train(config, tiny_corpus)
    routing = bundle.tasks["stance"].record.routing
    assert routing is not None
    assert (routing.calibration_articles, routing.promise.precision) == (12, 0.2)
