"""One fetch from its first request to its corpus, through a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.rows import annotation_from_row, labelled_from_row
from newsclf.corpus.store import Corpus, CorpusInfo, write_corpus
from newsclf.errors import InputError
from newsclf.schemes import LabelScheme

Progress = Callable[[int, int | None], None]
"""Takes the number of stories done so far, and of all of them where that is known."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Something to know about a story that is kept.

    Parameters
    ----------
    id, url : str
        The story's.
    what : str
        In a sentence's words.
    """

    id: str
    url: str | None
    what: str


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What became of a fetch.

    Parameters
    ----------
    corpus : Path
        The folder.
    kept : int
        Stories in it.
    resumed : int
        Stories that an earlier run, which was stopped, had dealt with.
    left_out : mapping of str to int
        Stories that are not in it, by reason.
    changed : tuple of Changed
        Stories that are in it, with something to know about them.
    """

    corpus: Path
    kept: int
    resumed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    changed: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the corpus says of where its text is from.

    Parameters
    ----------
    licence : str
        SPDX identifier, or a sentence.
    origin : str
        Whose API or feed it was.
    attribution : str
        What the licence asks to be said.
    """

    licence: str
    origin: str
    attribution: str = ""


def collect(
    into: Path,
    query: Mapping[str, Any],
    bring: Callable[[Journal], None],
    *,
    terms: Terms,
    schemes: Mapping[str, LabelScheme],
    force: bool = False,
) -> FetchSummary:
    """Fetch stories, resuming where an earlier run stopped, and write them as a corpus.

    A run that is stopped at any moment and started again ends with the corpus of a run that was
    not: articles are in the order of (published, id), and the date in ``corpus.toml`` is the one
    on which the fetch began.

    Parameters
    ----------
    into : Path
        The corpus folder to write.
    query : mapping
        What decides the corpus's content, as JSON.
    bring : callable
        Records every story that the journal does not have yet.
    terms : Terms
        For ``corpus.toml``.
    schemes : mapping of str to LabelScheme
        Of the labels that the stories have; by task.
    force : bool
        Replace a corpus that exists, and a journal that is of another query.

    Raises
    ------
    InputError
        When no story could be kept.
    ConfigError, OutputError
        As `Journal.begin`.
    """
    with Journal.begin(into, query, force=force) as journal:
        resumed = sum(_is_story(entry) for entry in journal.entries)
        bring(journal)
        summary = _summary(into, journal, resumed)
        if not summary.kept:
            journal.remove()
            reasons = "".join(f", {count} {why}" for why, count in summary.left_out.items())
            raise InputError(f"no story was found{reasons}; ask for others", path=into)
        corpus = _corpus(into.name, query, journal, terms, schemes)
        journal.about_to_write()
        write_corpus(corpus, into, force=True)
        journal.remove()
    return summary


def _corpus(
    name: str,
    query: Mapping[str, Any],
    journal: Journal,
    terms: Terms,
    schemes: Mapping[str, LabelScheme],
) -> Corpus:
    kept = [entry for entry in journal.entries if entry.article is not None]
    articles = [labelled_from_row(entry.article, schemes) for entry in kept if entry.article]
    said = [annotation_from_row(entry.annotation, schemes) for entry in kept if entry.annotation]
    asked = orjson.dumps(query, option=orjson.OPT_SORT_KEYS).decode()
    sentences = [f"Fetched from {terms.origin}; begun on {journal.began}; query: {asked}."]
    info = CorpusInfo(
        name=name,
        version=journal.began,
        licence=terms.licence,
        provenance=" ".join([*sentences, terms.attribution]).strip(),
        schemes=(),
    )
    articles.sort(key=lambda article: (article.published or "", article.id))
    said.sort(key=lambda annotation: annotation.id)
    return Corpus(info, schemes, tuple(articles), tuple(said))


def _summary(into: Path, journal: Journal, resumed: int) -> FetchSummary:
    left_out = Counter(entry.left_out for entry in journal.entries if entry.left_out)
    kept = [entry.article | {"note": entry.note} for entry in journal.entries if entry.article]
    changed = (Changed(row["id"], row["url"], row["note"]) for row in kept if row["note"])
    return FetchSummary(into, len(kept), resumed, dict(sorted(left_out.items())), tuple(changed))


def _is_story(entry: Entry) -> bool:
    return entry.article is not None or entry.left_out is not None
