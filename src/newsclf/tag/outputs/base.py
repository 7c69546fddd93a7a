"""What every output format has: a row's encoding, an error's, and how parts become one file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Self

from newsclf.bundle import Manifest
from newsclf.corpus.rows import RowError
from newsclf.errors import ConfigError
from newsclf.records import Article, Decision, TaggedArticle
from newsclf.schemes import Label, LabelScheme

_PROBABILITY_DIGITS = 6


@dataclass(frozen=True)
class Layout:
    """What the rows of a run have in common.

    Parameters
    ----------
    models : tuple of str
        ``name@version`` of each bundle, in the order in which they tag.
    schemes : mapping of str to LabelScheme
        By task, in the order of the tags.
    scores : bool
        Whether each row carries every label's probability.
    """

    models: tuple[str, ...]
    schemes: Mapping[str, LabelScheme]
    scores: bool = False

    @classmethod
    def of(cls, manifests: Sequence[Manifest], *, scores: bool = False) -> Self:
        """Return the layout of what bundles say together.

        Raises
        ------
        ConfigError
            When two bundles have a task of the same name.
        """
        models = tuple(f"{manifest.name}@{manifest.version}" for manifest in manifests)
        schemes: dict[str, LabelScheme] = {}
        owners: dict[str, str] = {}
        for model, manifest in zip(models, manifests, strict=True):
            for task, record in manifest.tasks.items():
                if task in schemes:
                    raise ConfigError(
                        f"both {owners[task]} and {model} have the task {task}; "
                        "tag with one of them, or in two runs"
                    )
                schemes[task], owners[task] = record.scheme, model
        return cls(models, schemes, scores)

    @property
    def model(self) -> str:
        """The bundles, as they stand in every row: ``a@1,b@2``."""
        return ",".join(self.models)

    @cached_property
    def labels(self) -> dict[tuple[str, str], Label]:
        """The labels, by task and id."""
        return {
            (task, label.id): label
            for task, scheme in self.schemes.items()
            for label in scheme.labels
        }

    @property
    def several(self) -> bool:
        """Whether there are several bundles, so that each tag says whose it is."""
        return len(self.models) > 1


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format that tagged articles are written in.

    Parameters
    ----------
    name : str
        What the command line calls it.
    suffix : str
        Of the file, with the dot.
    part_suffix : str
        Of the parts that are assembled into the file.
    encode : callable
        Takes an article, what each bundle said of it and the `Layout`; returns the row's bytes in
        a part.
    encode_error : callable
        Takes what was wrong with a row, its file and line, and the `Layout`; returns the row's
        bytes in a part.
    assemble : callable
        Takes the parts in order, a binary file to write to, and the `Layout`. The bytes do not
        depend on where the parts were cut.
    carries_scores : bool
        Whether it has a place for every label's probability.
    """

    name: str
    suffix: str
    part_suffix: str
    encode: Callable[[Article, Sequence[TaggedArticle], Layout], bytes]
    encode_error: Callable[[RowError, str, int, Layout], bytes]
    assemble: Callable[[Sequence[Path], IO[bytes], Layout], None]
    carries_scores: bool = True


def decision_of(tagged: Sequence[TaggedArticle]) -> Decision:
    """Return what becomes of an article that several bundles tagged."""
    decisions = {article.decision for article in tagged}
    return next((d for d in (Decision.REVIEW, Decision.AUTO) if d in decisions), Decision.NONE)


def rounded(probability: float) -> float:
    """Return a probability with as many digits as rows show."""
    return round(probability, _PROBABILITY_DIGITS)


def shown_path(path: str) -> str:
    """Return a path that can be written as UTF-8, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="replace")


def concatenate(parts: Sequence[Path], destination: IO[bytes], _: Layout) -> None:
    """Write the parts one after the other."""
    for part in parts:
        with part.open("rb") as file:
            shutil.copyfileobj(file, destination, 1024 * 1024)
