"""The history of a registry: one line an event, appended and never rewritten."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from newsclf.errors import OutputError


class Figure(BaseModel):
    """An F1 on the gold set, and what it was held against.

    Parameters
    ----------
    candidate : float
        Of the bundle that was to be promoted, between 0 and 1.
    production : float, optional
        Of the bundle in production, where there was one.
    lowest : float, optional
        The lower end of production's bootstrap 95 % interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: float
    production: float | None = None
    lowest: float | None = None

    @property
    def fell(self) -> bool:
        """Whether the candidate is worse than production's interval allows."""
        if self.production is None or self.lowest is None:
            return False
        return self.candidate < min(self.production, self.lowest)


class Event(BaseModel):
    """A change of the registry.

    Parameters
    ----------
    when : str
        UTC time, ISO 8601.
    who : str
        The operating system's name of the user.
    what : 'gold', 'promote' or 'rollback'
        What was done.
    name : str
        The name of the bundles it was done to.
    origin, to : str or None
        In JSON ``from`` and ``to``: ``name@version`` in production before and after, or the
        SHA-256 of the gold set before and after.
    why : str
        The reason that was given, if any.
    overrode : tuple of str
        What spoke against it.
    figures : dict of str to Figure
        By task, and ``task: label`` for a protected label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    when: str = Field(default_factory=lambda: datetime.now(UTC).isoformat())
    who: str = Field(default_factory=lambda: _user())
    what: Literal["gold", "promote", "rollback"]
    name: str
    origin: str | None = Field(validation_alias="from", serialization_alias="from")
    to: str
    why: str = ""
    overrode: tuple[str, ...] = ()
    figures: dict[str, Figure] = {}

    @property
    def sentence(self) -> str:
        """What happened, without when, who and why."""
        before = f" in place of {self.origin}" if self.origin else ""
        return {
            "gold": f"the gold set of {self.name} was set",
            "promote": f"{self.to} was promoted{before}",
            "rollback": f"{self.name} was rolled back from {self.origin} to {self.to}",
        }[self.what]


def complete(path: Path, event: Event) -> None:
    """Append an event to a history, unless it is the last there.

    A line that was cut short by a crash goes: its event stands in the registry's state still, and
    is what this function is then called with.

    Parameters
    ----------
    path : Path
        ``history.jsonl``; the caller holds the registry's lock.
    event : Event
        What has become the registry's last event.

    Raises
    ------
    OutputError
        When the line cannot be written.
    """
    line = event.model_dump_json(by_alias=True).encode() + b"\n"
    try:
        with path.open("a+b") as file:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                file.truncate(sum(map(len, lines[:-1])))
                del lines[-1]
            if lines[-1:] != [line]:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; {event.sentence} all the same, and the line "
            "is added with the next change"
        ) from error


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
