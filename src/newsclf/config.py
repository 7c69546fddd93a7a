"""The configuration of a training run, read from TOML; unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from newsclf.errors import ConfigError, explain_validation
from newsclf.schemes import read_toml

Share = Annotated[float, Field(gt=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BundleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Cost(BaseModel):
    """What mistakes cost, in any unit.

    Parameters
    ----------
    false_positive : float
        A tag that the article should not have.
    false_negative : float
        A tag that it lacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    false_positive: Price
    false_negative: Price


class Objective(BaseModel):
    """What thresholds are chosen for: the best F1, unless one other thing is asked for.

    Parameters
    ----------
    precision : float, optional
        Share of a label's tags that are right, at least; of the thresholds that reach it, the
        lowest finds the most.
    recall : float, optional
        Share of the articles with a label that get it, at least; of the thresholds that reach it,
        the highest errs the least.
    cost : Cost, optional
        The threshold with the lowest total cost.

    Examples
    --------
    >>> str(Objective()), str(Objective(precision=0.9))
    ('best F1', 'precision of at least 0.9')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Share | None = None
    recall: Share | None = None
    cost: Cost | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        asked = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(asked) > 1:
            raise ValueError(f"an objective is one thing, not {' and '.join(asked)}; keep one")
        return self

    def __str__(self) -> str:
        if self.precision is not None:
            return f"precision of at least {self.precision:g}"
        if self.recall is not None:
            return f"recall of at least {self.recall:g}"
        if self.cost is not None:
            wrong, missed = self.cost.false_positive, self.cost.false_negative
            return f"lowest cost at {wrong:g} a wrong tag and {missed:g} a missed one"
        return "best F1"


class TaskConfig(BaseModel):
    """How one task is learned.

    Parameters
    ----------
    classifier : str
        A registered classifier's name.
    options : dict
        Arguments of its constructor, beyond the labels and the seed.
    space : dict
        What ``newsclf tune`` may change; see `newsclf.space`. Training does not read it, and it is
        left out where a configuration is written.
    objective : Objective
        What the thresholds are chosen for: the best F1, a precision, a recall or a cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classifier: str = "hybrid"
    options: dict[str, Any] = {}
    space: Annotated[dict[str, Any], Field(exclude=True)] = {}
    objective: Objective = Objective()


class Promise(BaseModel):
    """What is promised of the tags that no editor sees.

    Parameters
    ----------
    precision : float
        Share of them that is right, between 0 and 1.
    confidence : float
        How often a promise so made is kept, over calibration sets, between 0 and 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: OpenShare = 0.95
    confidence: OpenShare = 0.9


class PromiseConfig(Promise):
    """What is promised of tags that no editor sees, and on which stories that is tested.

    Parameters
    ----------
    splits : tuple of str
        Splits that are not learned from.
    """

    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("valid",)

    @property
    def promise(self) -> Promise:
        """The promise alone."""
        return Promise(precision=self.precision, confidence=self.confidence)


class RunConfig(BaseModel):
    """A training run.

    Parameters
    ----------
    name : str
        The bundle's name.
    version : int
        The bundle's version.
    corpus : Path
        Corpus folder; a relative path starts at the folder of the configuration file.
    train_on : tuple of str
        Splits that are learned from.
    seed : int
        The same configuration, corpus and seed give the same bundle.
    tasks : dict of str to TaskConfig
        Which of the corpus's tasks are learned, and how.
    promise : PromiseConfig, optional
        Sets up routing; without it every tag is for review.
    tune : dict
        How ``newsclf tune`` searches the tasks' spaces; left out like them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BundleName
    version: Annotated[int, Field(ge=1)] = 1
    corpus: Path
    train_on: tuple[str, ...] = ("train",)
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    tasks: Annotated[dict[str, TaskConfig], Field(min_length=1)]
    promise: PromiseConfig | None = None
    tune: Annotated[dict[str, Any], Field(exclude=True)] = {}

    @model_validator(mode="after")
    def _promises_on_unseen_stories(self) -> Self:
        if self.promise and (learned := set(self.promise.splits) & set(self.train_on)):
            raise ValueError(
                f"promise.splits has {', '.join(sorted(learned))}, which train_on learns from; a "
                "promise is tested on stories that the model has not seen"
            )
        return self


def read_config(path: Path) -> RunConfig:
    """Read a run configuration.

    Parameters
    ----------
    path : Path
        A TOML file like ``experiments/govnews.toml``.

    Raises
    ------
    ConfigError
        When it cannot be read, has an unknown key (the message says which was meant) or a value
        that is not allowed.
    """
    try:
        config = RunConfig.model_validate(read_toml(path))
    except ValidationError as error:
        models = (RunConfig, TaskConfig, PromiseConfig, Objective, Cost)
        known = {key for model in models for key in model.model_fields}
        raise ConfigError(f"{path}: {explain_validation(error.errors(), known)}") from None
    return config.model_copy(update={"corpus": path.parent / config.corpus})
