"""The configuration of a training run, read from TOML; unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsclf.errors import ConfigError, explain_validation
from newsclf.schemes import read_toml

BundleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class TaskConfig(BaseModel):
    """How one task is learned.

    Parameters
    ----------
    classifier : str
        A registered classifier's name.
    options : dict
        Arguments of its constructor, beyond the labels and the seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classifier: str = "hybrid"
    options: dict[str, Any] = {}


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BundleName
    version: Annotated[int, Field(ge=1)] = 1
    corpus: Path
    train_on: tuple[str, ...] = ("train",)
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    tasks: Annotated[dict[str, TaskConfig], Field(min_length=1)]


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
        known = {*RunConfig.model_fields, *TaskConfig.model_fields}
        raise ConfigError(f"{path}: {explain_validation(error.errors(), known)}") from None
    return config.model_copy(update={"corpus": path.parent / config.corpus})
