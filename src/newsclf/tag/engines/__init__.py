"""Engines: what maps the tagger's work over the shards of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from newsclf.errors import ConfigError, did_you_mean
from newsclf.tag.done import Done, Work
from newsclf.tag.plan import Shard

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Maps work over shards, in any order, one result each."""

    def __call__(self, shards: Sequence[Shard], work: Work, *, jobs: int | None) -> Iterator[Done]:
        """Yield what came of each shard as soon as it is done."""


def engine_named(name: str) -> Engine:
    """Return an engine by its name.

    Parameters
    ----------
    name : str
        One of `ENGINES`.

    Raises
    ------
    ConfigError
        When there is none of that name, or its extra is not installed.
    """
    if name not in ENGINES:
        raise ConfigError(f"unknown engine {name!r}{did_you_mean(name, ENGINES)}")
    if name == "ray":
        from newsclf.tag.engines import ray

        return ray.map_shards
    from newsclf.tag.engines import local

    return local.map_shards
