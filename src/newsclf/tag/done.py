"""What came of a run's shards: counts, and the markers that say a shard is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from newsclf.files import sha256_of
from newsclf.tag.locations import whole_file
from newsclf.tag.outputs import OUTPUTS, Layout, OutputFormat
from newsclf.tag.plan import Shard


@dataclass
class Counts:
    """What became of some input lines.

    Parameters
    ----------
    tagged : int
        Lines that were tagged.
    refused : Counter
        Lines that were not, by error code.
    tags : Counter
        Tags given, by (task, label).
    bytes_read : int
        Size of the lines.
    """

    tagged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    tags: Counter[tuple[str, str]] = field(default_factory=Counter)
    bytes_read: int = 0

    @property
    def rows(self) -> int:
        """All rows: each was tagged or refused."""
        return self.tagged + self.refused.total()

    def add(self, other: Counts) -> None:
        """Count other lines too."""
        self.tagged += other.tagged
        self.refused += other.refused
        self.tags += other.tags
        self.bytes_read += other.bytes_read

    def as_json(self) -> dict[str, Any]:
        """Return the counts as they stand in files, in an order that does not vary."""
        by_task: dict[str, dict[str, int]] = {}
        for (task, label), count in sorted(self.tags.items()):
            by_task.setdefault(task, {})[label] = count
        return {
            "rows": self.rows,
            "tagged": self.tagged,
            "refused": dict(sorted(self.refused.items())),
            "tags": by_task,
            "bytes": self.bytes_read,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Counts:
        """Return the counts that `as_json` wrote."""
        tags = {
            (task, label): n for task, found in row["tags"].items() for label, n in found.items()
        }
        return Counts(row["tagged"], Counter(row["refused"]), Counter(tags), row["bytes"])


@dataclass(frozen=True)
class Done:
    """A shard that is done, and how to tell that it still is.

    Parameters
    ----------
    index : int
        The shard's.
    input : str
        Checksum of the lines.
    first_line : int
        Number of the first of them, which stands in error rows.
    output : str
        Checksum of the rows that were written.
    errors : str, optional
        Checksum of the error rows among them, where there are any.
    counts : Counts
        What became of the lines.
    """

    index: int
    input: str
    first_line: int
    output: str
    errors: str | None
    counts: Counts

    def as_json(self) -> dict[str, Any]:
        """Return the marker's content."""
        return {**vars(self), "counts": self.counts.as_json()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Done:
        """Return what `as_json` wrote."""
        return cls(**{**row, "counts": Counts.from_json(row["counts"])})


class Model(NamedTuple):
    """A bundle that tags: its folder, and the checksum of its manifest."""

    folder: Path
    sha256: str


@dataclass(frozen=True)
class Work:
    """What is the same for all shards of a run.

    Parameters
    ----------
    folder : Path
        The run's working folder.
    models : tuple of Model
        Each process loads them once, and again when a folder holds another bundle than before.
    layout : Layout
        What the rows have in common.
    form : str
        A key of `newsclf.tag.outputs.OUTPUTS`.
    """

    folder: Path
    models: tuple[Model, ...]
    layout: Layout
    form: str = "jsonl"

    @property
    def format(self) -> OutputFormat:
        """The format of the rows."""
        return OUTPUTS[self.form]

    def output(self, index: int) -> Path:
        """Return where the rows of a shard are."""
        return self.folder / f"{index:06}{self.format.part_suffix}"

    def errors(self, index: int) -> Path:
        """Return where the error rows of a shard are."""
        return self.folder / f"{index:06}.errors.jsonl"

    def marker(self, index: int) -> Path:
        """Return what says that a shard is done."""
        return self.folder / f"{index:06}.done"


def read_done(shard: Shard, work: Work) -> Done | None:
    """Return what came of a shard that an earlier run did, if it still stands there whole.

    Parameters
    ----------
    shard : Shard
        As it is planned now.
    work : Work
        Where to look.
    """
    try:
        done = Done.from_json(json.loads(work.marker(shard.index).read_bytes()))
        whole = sha256_of(work.output(shard.index)) == done.output and (
            done.errors is None or sha256_of(work.errors(shard.index)) == done.errors
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    now = (shard.index, shard.sha256, shard.first_line)
    return done if whole and now == (done.index, done.input, done.first_line) else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small file of JSON, whole or not at all."""
    with whole_file(path) as file:
        file.write(json.dumps(content, indent=1).encode() + b"\n")
