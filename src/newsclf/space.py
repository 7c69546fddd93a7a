"""The search space of ``newsclf tune``: what a configuration's ``[tune]`` and ``space`` tables say.

.. code-block:: toml

    [tune]
    trials = 40
    timeout = 1800

    [tasks.topic.space]
    classifier = { choices = ["linear", "hybrid"] }
    min_df = { low = 1, high = 8, log = true }
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from newsclf.classifiers import classifier_class
from newsclf.config import RunConfig, TaskConfig
from newsclf.crossval import Metric
from newsclf.errors import ConfigError, did_you_mean, explain_validation
from newsclf.train import check_options, option_types

if TYPE_CHECKING:
    from optuna.trial import Trial

CLASSIFIER = "classifier"


class TuneSettings(BaseModel):
    """The ``[tune]`` table.

    Parameters
    ----------
    trials : int
        Configurations that are tried for each task.
    timeout : float, optional
        Seconds for each search, after which no further trial starts.
    folds : int
        Of the cross-validation that scores a trial.
    metric : 'macro_f1' or 'micro_f1'
        What is made as high as it can be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)] = 30
    timeout: Annotated[float, Field(gt=0)] | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    metric: Metric = "macro_f1"


class Choices(BaseModel):
    """Any of a list of values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choices: Annotated[tuple[str | int | float | bool, ...], Field(min_length=1)]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must be allowed if all are to be."""
        return self.choices

    def suggest(self, trial: Trial, option: str) -> Any:
        """Take a value for a trial."""
        return trial.suggest_categorical(option, self.choices)


class Range(BaseModel):
    """Whole numbers from `low` to `high` where both are whole, else real ones; `log` for scales."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low} and high {self.high}; low must be the lower")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low}; with log = true it must be above 0")
        return self

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must be allowed if all are to be."""
        return self.low, self.high

    def suggest(self, trial: Trial, option: str) -> Any:
        """Take a value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(option, self.low, self.high, log=self.log)
        return trial.suggest_float(option, self.low, self.high, log=self.log)


Dimension = Choices | Range


class Space(BaseModel):
    """What may be changed of how a task is learned.

    Parameters
    ----------
    task : TaskConfig
        The task as it stands; what the space does not name stays so.
    dimensions : dict of str to Choices or Range
        By option; ``classifier`` is one of them.
    """

    model_config = ConfigDict(frozen=True)

    task: TaskConfig
    dimensions: dict[str, Dimension]

    def suggest(self, trial: Trial) -> TaskConfig:
        """Take a configuration for a trial.

        Options that the classifier of the trial does not have are left out.
        """
        name = self.task.classifier
        if CLASSIFIER in self.dimensions:
            name = self.dimensions[CLASSIFIER].suggest(trial, CLASSIFIER)
        types = option_types(name)
        options = {option: value for option, value in self.task.options.items() if option in types}
        for option, dimension in self.dimensions.items():
            if option in types:
                options[option] = dimension.suggest(trial, option)
        changes = {"classifier": name, "options": options, "space": {}}
        return self.task.model_copy(update=changes)


def read_settings(config: RunConfig) -> TuneSettings:
    """Read a configuration's ``[tune]`` table; a missing one means the defaults.

    Raises
    ------
    ConfigError
        When it has an unknown key, or a value that is not allowed.
    """
    try:
        return TuneSettings.model_validate(config.tune)
    except ValidationError as error:
        message = explain_validation(error.errors(), TuneSettings.model_fields)
        raise ConfigError(f"[tune]: {message}") from None


def read_spaces(config: RunConfig) -> dict[str, Space]:
    """Read the search space of each task that declares one.

    Parameters
    ----------
    config : RunConfig
        Tasks with their ``space`` tables.

    Raises
    ------
    ConfigError
        When no task has a space, or one names an option that no classifier in it has, or a value
        that is not allowed.
    """
    spaces = {task: _read_space(task, how) for task, how in config.tasks.items() if how.space}
    if not spaces:
        task = next(iter(config.tasks))
        raise ConfigError(
            f"{config.name} declares nothing to tune; add a table such as [tasks.{task}.space] "
            "with min_df = { low = 1, high = 8 }"
        )
    return spaces


def _read_space(task: str, how: TaskConfig) -> Space:
    dimensions = {
        option: _read_dimension(f"tasks.{task}.space.{option}", table)
        for option, table in how.space.items()
    }
    classifiers: tuple[str, ...] = (how.classifier,)
    if CLASSIFIER in dimensions:
        classifiers = _checked_classifiers(task, dimensions[CLASSIFIER])
    for option, dimension in dimensions.items():
        if option != CLASSIFIER:
            _check_option(f"tasks.{task}.space", option, dimension, classifiers)
    return Space(task=how, dimensions=dimensions)


def _read_dimension(where: str, table: object) -> Dimension:
    kinds: Mapping[bool, type[Dimension]] = {True: Choices, False: Range}
    kind = kinds[isinstance(table, dict) and "choices" in table]
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        message = explain_validation(error.errors(), {*Choices.model_fields, *Range.model_fields})
        raise ConfigError(
            f"{where}: {message}; give {{ choices = [...] }}, or {{ low = ..., high = ... }}"
        ) from None


def _checked_classifiers(task: str, dimension: Dimension) -> tuple[str, ...]:
    names = dimension.extremes
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"tasks.{task}.space.classifier takes choices of classifiers' names")
    for name in names:
        classifier_class(name)
    return names


def _check_option(
    where: str, option: str, dimension: Dimension, classifiers: Iterable[str]
) -> None:
    having = [name for name in classifiers if option in option_types(name)]
    if not having:
        known = {known for name in classifiers for known in option_types(name)} | {CLASSIFIER}
        names = ", ".join(classifiers)
        raise ConfigError(f"{where}: no option {option!r} in {names}{did_you_mean(option, known)}")
    for name in having:
        for value in dimension.extremes:
            check_options(name, {option: value})
