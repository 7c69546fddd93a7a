"""The state of a registry: ``registry.json``, changed by one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf.config import BundleName
from newsclf.errors import NewsclfError, OutputError
from newsclf.files import atomic_file
from newsclf.registry.history import Event, Figure, complete


class RegistryError(NewsclfError):
    """A registry that cannot be read, or does not allow what was asked of it."""


class Stage(StrEnum):
    """Where a bundle stands: not yet in production, there now, there once, or no longer itself."""

    CANDIDATE = "candidate"
    PRODUCTION = "production"
    ARCHIVED = "archived"
    CHANGED = "changed"


class GoldSet(BaseModel):
    """The stories that every version of a name is judged on.

    Parameters
    ----------
    corpus : str
        Corpus folder, relative to the folder of models.
    split : str
        Which of its splits.
    sha256 : str
        Hash of the split's stories and labels.
    protected : tuple of str
        Labels whose own F1 may not fall.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: str
    split: str
    sha256: str
    protected: tuple[str, ...] = ()


class Promoted(BaseModel):
    """A version that is or was in production.

    Parameters
    ----------
    sha256 : str
        Of its ``bundle.json``, which holds the hashes of its other files.
    figures : dict of str to Figure
        Its scores on the gold set when it was promoted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    figures: dict[str, Figure] = {}


class NameRecord(BaseModel):
    """What the registry holds of the bundles of one name.

    Parameters
    ----------
    gold : GoldSet, optional
        What they are judged on.
    promoted : dict of int to Promoted
        By version: those that are or were in production.
    succession : tuple of int
        Versions as they followed each other in production, but for those that were rolled back;
        the last is there now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold: GoldSet | None = None
    promoted: dict[int, Promoted] = {}
    succession: tuple[int, ...] = ()

    @property
    def production(self) -> int | None:
        """The version in production."""
        return self.succession[-1] if self.succession else None

    def stage(self, version: int, sha256: str) -> Stage:
        """Return where a bundle stands.

        Parameters
        ----------
        version : int
            Of the bundle.
        sha256 : str
            Of its ``bundle.json``; another one than when the version was promoted makes it
            ``changed``.
        """
        if version not in self.promoted:
            return Stage.CANDIDATE
        if self.promoted[version].sha256 != sha256:
            return Stage.CHANGED
        return Stage.PRODUCTION if version == self.production else Stage.ARCHIVED

    def with_production(self, version: int, promoted: Promoted) -> Self:
        """Return the record with another version in production."""
        entries = self.promoted | {version: promoted}
        succession = (*self.succession, version)
        return self.model_copy(update={"promoted": entries, "succession": succession})

    def rolled_back(self) -> Self:
        """Return the record with the version before the one in production back there."""
        return self.model_copy(update={"succession": self.succession[:-1]})


class Registry(BaseModel):
    """The contents of ``registry.json``.

    Parameters
    ----------
    format : 1
        Version of this format.
    names : dict of str to NameRecord
        By the bundles' name.
    last : Event, optional
        What led to this state; `change` copies it into the history, after a crash too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    names: dict[BundleName, NameRecord] = {}
    last: Event | None = None

    def record(self, name: str) -> NameRecord:
        """Return what is known of a name; an empty record where nothing is."""
        return self.names.get(name, NameRecord())


def read_registry(models: Path) -> Registry:
    """Read the state of a registry.

    Parameters
    ----------
    models : Path
        The folder of models; without a ``registry.json`` every bundle in it is a candidate.

    Raises
    ------
    RegistryError
        When ``registry.json`` cannot be read or is not a registry.
    """
    path = models / "registry.json"
    try:
        return Registry.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Registry()
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RegistryError(
            f"{path} is not a registry that this newsclf reads: {where}: {first['msg']}; restore "
            "it, or move it away and promote again"
        ) from None


def read_history(models: Path) -> list[Event]:
    """Return every change of a registry, the oldest first.

    Raises
    ------
    RegistryError
        When a line of ``history.jsonl`` is not an event.
    """
    last = read_registry(models).last
    path = models / "history.jsonl"
    events = []
    for number, line in enumerate(_whole_lines(path), 1):
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError:
            raise RegistryError(f"{path}, line {number}: not an event of a registry") from None
    return events if last is None or events[-1:] == [last] else [*events, last]


def change(models: Path, *, seen: NameRecord, new: NameRecord, event: Event) -> None:
    """Replace what the registry holds of a name, and add the event to its history.

    Parameters
    ----------
    models : Path
        The folder of models.
    seen : NameRecord
        What the caller's decision rests on.
    new : NameRecord
        What is to stand in its place.
    event : Event
        What is done, and to which name.

    Raises
    ------
    RegistryError
        When another process has changed the record since it was seen; nothing is written then.
    OutputError
        When the state or the history cannot be written.
    """
    with _locked(models):
        registry = read_registry(models)
        history = models / "history.jsonl"
        if registry.last is not None:
            complete(history, registry.last)
        if registry.record(event.name) != seen:
            raise RegistryError(f"{_latest(models, event.name)} by another process; look again")
        names = registry.names | {event.name: new}
        changed = Registry(names=names, last=event)
        with atomic_file(models / "registry.json") as file:
            file.write(changed.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
        complete(history, event)


def _latest(models: Path, name: str) -> str:
    events = [event for event in read_history(models) if event.name == name]
    return events[-1].sentence if events else f"the record of {name} was changed"


def _whole_lines(path: Path) -> Iterator[bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {error.strerror}") from None
    yield from data[: data.rfind(b"\n") + 1].splitlines()


@contextmanager
def _locked(models: Path) -> Iterator[None]:
    path = models / ".lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise OutputError(f"cannot lock {path}: {error.strerror}; nothing was changed") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
