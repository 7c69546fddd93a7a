from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.classifiers import CLASSIFIER_NAMES
from newsclf.config import RunConfig
from newsclf.errors import ConfigError
from newsclf.space import Space, TuneSettings, read_settings, read_spaces
from newsclf.train import check_options

DIMENSIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "classifier": st.lists(st.sampled_from(["hybrid", "dummy"]), unique=True).map(
        lambda names: {"choices": ["linear", *names]}
    ),
    "min_df": st.tuples(st.integers(1, 9), st.integers(10, 99), st.booleans()).map(
        lambda drawn: {"low": drawn[0], "high": drawn[1], "log": drawn[2]}
    ),
    "stemming": st.just({"choices": ["never", "always", "auto"]}),
    "ngrams": st.just({"choices": [1, 2]}),
}


def configured(space: dict[str, Any], **tune: object) -> RunConfig:
    task = {
        "classifier": "linear",
        "options": {"ngrams": 1},
        "objective": {"precision": 0.9},
        "space": space,
    }
    document = {"name": "a", "corpus": "c", "tasks": {"topic": task}, "tune": tune}
    return RunConfig.model_validate(document)


def space_of(space: dict[str, Any]) -> Space:
    return read_spaces(configured(space))["topic"]


@given(st.fixed_dictionaries({}, optional=DIMENSIONS).filter(len), st.integers(0, 99))
def test_whatever_a_space_suggests_can_be_trained(space: dict[str, Any], seed: int) -> None:
    sampler = optuna.samplers.RandomSampler(seed=seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    how = space_of(space).suggest(optuna.create_study(sampler=sampler).ask())
    assert how.classifier in CLASSIFIER_NAMES
    check_options(how.classifier, how.options)
    for option, table in space.items():
        value = how.classifier if option == "classifier" else how.options.get(option)
        if "choices" in table:
            assert value is None or value in table["choices"]
        else:
            assert value is None or table["low"] <= value <= table["high"]


def test_an_option_is_left_out_for_a_classifier_that_lacks_it() -> None:
    space = space_of(
        {"classifier": {"choices": ["dummy", "linear"]}, "min_df": {"low": 1, "high": 9}}
    )
    dummy = space.suggest(optuna.trial.FixedTrial({"classifier": "dummy"}))  # type: ignore[arg-type]
    assert (dummy.classifier, dummy.options) == ("dummy", {})
    drawn = optuna.trial.FixedTrial({"classifier": "linear", "min_df": 4})
    linear = space.suggest(drawn)  # type: ignore[arg-type]
    assert (linear.classifier, linear.options) == ("linear", {"ngrams": 1, "min_df": 4})
    assert linear.objective == space.task.objective


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, r"a declares nothing to tune; add a table such as \[tasks.topic.space\]"),
        ({"min_fd": {"low": 1, "high": 2}}, "no option 'min_fd' in linear; did you mean 'min_df'"),
        ({"min_df": {"low": 3, "high": 2}}, "space.min_df: low is 3 and high 2; low must be the"),
        ({"min_df": {"low": 0, "high": 2, "log": True}}, "with log = true it must be above 0"),
        (
            {"min_df": {"low": 0.5, "high": 2.5}},
            "linear: option min_df: Input should be a valid int",
        ),
        ({"min_df": {"low": 1}}, r"key 'high' is missing; give \{ choices"),
        ({"min_df": 3}, r"space.min_df: .*give \{ choices"),
        ({"min_df": {"choices": []}}, "at least 1 item"),
        ({"min_df": {"choices": [1], "log": True}}, "unknown key 'log'"),
        ({"stemming": {"choices": ["auto", "some"]}}, "linear: option stemming: Input should be"),
        ({"classifier": {"choices": ["linaer"]}}, "unknown classifier 'linaer'; did you mean 'lin"),
        ({"classifier": {"low": 1, "high": 2}}, "takes choices of classifiers' names"),
        (
            {"classifier": {"choices": ["dummy"]}, "min_df": {"low": 1, "high": 2}},
            "no option 'min_df' in dummy; allowed are",
        ),
    ],
)
def test_a_space_that_is_not_valid_is_explained(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_spaces(configured(space))


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ({"trails": 3}, r"\[tune\]: unknown key 'trails'; did you mean 'trials'"),
        ({"folds": 1}, r"\[tune\]: folds: Input should be greater than or equal to 2"),
        ({"metric": "accuracy"}, r"\[tune\]: metric: Input should be 'macro_f1' or 'micro_f1'"),
        ({"timeout": 0}, r"\[tune\]: timeout: Input should be greater than 0"),
    ],
)
def test_settings_that_are_not_valid_are_explained(tune: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(configured({}, **tune))


def test_without_settings_the_defaults_hold() -> None:
    assert read_settings(configured({})) == TuneSettings(trials=30, folds=5, metric="macro_f1")


def test_a_space_is_left_out_where_a_configuration_is_written() -> None:
    config = configured({"min_df": {"low": 1, "high": 2}}, trials=3)
    document = config.model_dump(mode="json")
    assert "tune" not in document
    assert "space" not in document["tasks"]["topic"]
