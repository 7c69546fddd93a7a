"""Label schemes: the labels of one task, what each means, and how they are ordered."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from newsclf.errors import ConfigError, did_you_mean, explain_validation

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MediaTopic = Annotated[str, Field(pattern=r"^medtop:\d{8}$")]


class Label(BaseModel):
    """One label of a scheme.

    Parameters
    ----------
    id : str
        Lower-case letters, digits and underscores.
    title : str
        What people read.
    definition : str
        When to give the label, in the codebook's words.
    excludes : str
        What the label does not cover.
    parent : str, optional
        The label above it, where the scheme is a tree.
    iptc : tuple of str
        Nearest IPTC Media Topics (exact or broader), as ``medtop:NNNNNNNN``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    title: str
    definition: str
    excludes: str = ""
    parent: str | None = None
    iptc: tuple[MediaTopic, ...] = ()


class LabelScheme(BaseModel):
    """The ordered labels of one task.

    Parameters
    ----------
    name : str
        The task: ``topic``, ``frame``, ``stance`` or one of your own.
    title : str
        What people read.
    version : str
        Changed when a label is added, removed or redefined.
    kind : 'multi' or 'single'
        Any number of labels an article, or exactly one.
    question : str
        What an annotator answers.
    labels : tuple of Label
        In the order of every array of scores.

    Examples
    --------
    >>> scheme = LabelScheme(
    ...     name="tone", title="Tone", version="1", kind="single", question="How does it sound?",
    ...     labels=(Label(id="warm", title="Warm", definition="Friendly."),
    ...             Label(id="cold", title="Cold", definition="Distant.")))
    >>> scheme.label_ids
    ('warm', 'cold')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Identifier
    title: str
    version: str
    kind: Literal["multi", "single"]
    question: str
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=2000)]

    @model_validator(mode="after")
    def _labels_form_a_forest(self) -> Self:
        seen: set[str] = set()
        for label in self.labels:
            if label.id in seen:
                raise ValueError(f"label {label.id!r} is listed twice")
            if label.parent is not None and label.parent not in seen:
                raise ValueError(
                    f"label {label.id!r} has the parent {label.parent!r}, not listed above it"
                )
            seen.add(label.id)
        if self.kind == "single" and len(self.labels) < 2:
            raise ValueError("a single-label scheme needs two labels or more")
        return self

    @property
    def label_ids(self) -> tuple[str, ...]:
        """The labels' ids, in order."""
        return tuple(label.id for label in self.labels)

    def check(self, labels: tuple[str, ...]) -> None:
        """Check labels given to an article.

        Raises
        ------
        ValueError
            When a label is unknown or repeated, or there are several in a single-label scheme.
        """
        known = self.label_ids
        for label in labels:
            if label not in known:
                raise ValueError(f"unknown {self.name} label {label!r}{did_you_mean(label, known)}")
        if len(set(labels)) < len(labels):
            raise ValueError(f"a {self.name} label is given twice")
        if self.kind == "single" and len(labels) > 1:
            raise ValueError(f"{self.name} takes one label, {len(labels)} are given")


def read_scheme(path: Path) -> LabelScheme:
    """Read a label scheme from a TOML file.

    Parameters
    ----------
    path : Path
        A file like those in ``data/schemes/``.

    Raises
    ------
    ConfigError
        When the file is missing, is not TOML, or is not a scheme.
    """
    document = read_toml(path)
    try:
        return LabelScheme.model_validate(document)
    except ValidationError as error:
        known = {*LabelScheme.model_fields, *Label.model_fields}
        raise ConfigError(f"{path}: {explain_validation(error.errors(), known)}") from None


def write_scheme(scheme: LabelScheme, path: Path) -> None:
    """Write a label scheme as a TOML file that `read_scheme` reads back equal.

    Parameters
    ----------
    scheme : LabelScheme
        What to write.
    path : Path
        The file; its folder is created when missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    document = scheme.model_dump(mode="json", exclude_defaults=True)
    path.write_text(tomli_w.dumps(document), encoding="utf-8")


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ConfigError
        When it cannot be read or is not TOML; TOML's own message names line and column.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
