"""The records that travel through newsclf: articles, people's labels, models' tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

MAX_TEXT_CHARACTERS = 4_000_000
"""Longest headline and body, together, that an article may have."""


class Text(NamedTuple):
    """What classifiers read of an article; either may be empty."""

    headline: str
    body: str


@dataclass(frozen=True, slots=True)
class Article:
    """A story.

    Parameters
    ----------
    id : str
        Unique in its corpus or feed.
    headline, body : str
        The text; at least one of them has a character that is not white space.
    published : str, optional
        ISO 8601 date.
    source, genre, country, url, language : str, optional
        Where it appeared, the kind of text, ISO 3166 country, address, ISO 639 language.
    target : str, optional
        The public measure that a stance is towards.
    """

    id: str
    headline: str
    body: str
    published: str | None = None
    source: str | None = None
    genre: str | None = None
    country: str | None = None
    url: str | None = None
    language: str | None = None
    target: str | None = None

    @property
    def text(self) -> Text:
        """The headline and the body, as classifiers take them."""
        return Text(self.headline, self.body)


@dataclass(frozen=True, slots=True)
class LabelledArticle(Article):
    """A story and what people said of it.

    Parameters
    ----------
    labels : mapping of str to tuple of str
        Labels by task. A missing task was not judged; an empty tuple was judged to have none.
    split : str, optional
        ``train``, ``valid`` or ``test``.
    """

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator said of an article.

    Parameters
    ----------
    id : str
        The article's.
    annotator : str
        A name or code; one that starts with ``weak:`` is a rule and not a reader.
    labels : mapping of str to tuple of str
        Labels by task, as in `LabelledArticle`.
    """

    id: str
    annotator: str
    labels: Mapping[str, tuple[str, ...]]


class Decision(StrEnum):
    """What becomes of a tag or an article: published, seen by an editor, or left without a tag."""

    AUTO = "auto"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that a model gives to an article.

    Parameters
    ----------
    task, label : str
        Which scheme, and which of its labels.
    probability : float
        Between 0 and 1.
    decision : Decision
        Whether it may be published without an editor.
    """

    task: str
    label: str
    probability: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class TaggedArticle:
    """What a bundle says of an article.

    Parameters
    ----------
    id : str
        The article's.
    model : str
        ``name@version`` of the bundle.
    decision : Decision
        ``review`` when any tag needs an editor, ``none`` when there is no tag.
    tags : tuple of Tag
        The labels that passed their thresholds, task by task, the most probable first.
    scores : mapping of str to mapping of str to float
        Every label's probability, by task.
    """

    id: str
    model: str
    decision: Decision
    tags: tuple[Tag, ...]
    scores: Mapping[str, Mapping[str, float]]
