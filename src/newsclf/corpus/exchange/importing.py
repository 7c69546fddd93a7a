"""A corpus out of a source: mapped, matched to schemes, settled, checked row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from newsclf.corpus.exchange.base import Format, ReadOptions, SourceRow
from newsclf.corpus.exchange.formats import read_source
from newsclf.corpus.exchange.mapping import (
    NOTHING_KNOWN,
    ColumnMapping,
    apply_mapping,
    check_mapping,
    guess_mapping,
)
from newsclf.corpus.exchange.schemes import inferred_schemes, matched
from newsclf.corpus.exchange.settle import majority
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError, annotation_from_row, labelled_from_row
from newsclf.corpus.store import Corpus, CorpusInfo
from newsclf.errors import InputError
from newsclf.records import Annotation, LabelledArticle
from newsclf.schemes import LabelScheme

SAMPLE_ROWS = 200
"""Rows that a mapping is guessed from."""


@dataclass(frozen=True)
class Source:
    """A source that was opened, before its rows are read.

    Parameters
    ----------
    name : str
        As it was given.
    format : Format
        What it is read as.
    columns : tuple of str
        Names in the first rows; empty for a format with a shape of its own.
    sample : tuple of dict
        The first rows.
    mapping : ColumnMapping or None
        Which column is which field; None for a format with a shape of its own.
    rows : iterator
        All rows, the first ones included; to be read once.
    """

    name: str
    format: Format
    columns: tuple[str, ...]
    sample: tuple[dict[str, Any], ...]
    mapping: ColumnMapping | None
    rows: Iterator[SourceRow | BadRow]


def open_source(
    name: str,
    options: ReadOptions,
    schemes: Mapping[str, LabelScheme],
    *,
    format_name: str | None = None,
    mapping: ColumnMapping = NOTHING_KNOWN,
) -> Source:
    """Open a source and find out how it is read.

    Parameters
    ----------
    name : str
        A file, an archive, a folder, or ``hf:NAME``.
    options : ReadOptions
        What the reader is told.
    schemes : mapping of str to LabelScheme
        Their labels help to guess which column holds which task.
    format_name : str, optional
        The format; recognised when not given.
    mapping : ColumnMapping
        Which column is which field; guessed where it does not say.

    Raises
    ------
    InputError
        When there is nothing to read.
    ConfigError
        When the mapping names a column that is not there, or no column can be the text.
    """
    found, rows = read_source(name, options, format_name)
    first = list(islice(rows, SAMPLE_ROWS))
    everything = chain(first, rows)
    sample = tuple(row.values for row in first if isinstance(row, SourceRow))
    if not found.columns or not sample:
        return Source(name, found, (), sample, None, everything)
    columns = tuple(dict.fromkeys(column for values in sample for column in values))
    check_mapping(mapping, columns, name)
    chosen = guess_mapping(columns, sample, schemes, mapping)
    return Source(name, found, columns, sample, chosen, everything)


def import_corpus(
    source: Source,
    info: CorpusInfo,
    schemes: Mapping[str, LabelScheme],
    *,
    on_bad: Callable[[BadRow], None] | None = None,
    on_row: Callable[[int], None] = lambda _: None,
) -> Corpus:
    """Read a source into a corpus.

    Parameters
    ----------
    source : Source
        From `open_source`.
    info : CorpusInfo
        Name, version, licence and provenance of the corpus.
    schemes : mapping of str to LabelScheme
        By task; a task without one gets a scheme made of the labels that occur.
    on_bad : callable, optional
        Takes each row that cannot be used; without it the first raises.
    on_row : callable
        Called with the number of rows read so far.

    Raises
    ------
    InputError
        When a row cannot be used and `on_bad` is not given, or no row can.
    """
    report = on_bad or _refuse
    rows = list(_shaped(source, report, on_row))
    complete = dict(schemes) | inferred_schemes((row for _, row in rows), schemes)
    articles: dict[str, LabelledArticle] = {}
    annotations: dict[tuple[str, str], Annotation] = {}
    for place, row in rows:
        try:
            _take(matched(row, complete), complete, articles, annotations)
        except RowError as error:
            report(BadRow.of(error, place.path, place.line))
    if not articles:
        raise InputError("no row could be used; nothing was imported", path=source.name)
    settled = _settled(articles, annotations.values(), complete)
    return Corpus(info, complete, settled, tuple(annotations.values()))


def _refuse(bad: BadRow) -> None:
    error = bad.as_error()
    raise InputError(f"{error}; mend the row, or leave such rows out with --skip-bad")


def _shaped(
    source: Source, report: Callable[[BadRow], None], on_row: Callable[[int], None]
) -> Iterator[tuple[SourceRow, dict[str, Any]]]:
    """Yield each row in the shape of ``articles.jsonl``, beside where it came from."""
    for number, row in enumerate(source.rows, 1):
        on_row(number)
        if isinstance(row, BadRow):
            report(row)
            continue
        try:
            yield row, apply_mapping(row, source.mapping) if source.mapping else row.values
        except RowError as error:
            report(BadRow.of(error, row.path, row.line))


def _take(
    row: dict[str, Any],
    schemes: Mapping[str, LabelScheme],
    articles: dict[str, LabelledArticle],
    annotations: dict[tuple[str, str], Annotation],
) -> None:
    """Add a row's article, and what its annotators said, unless any of it is wrong."""
    said = row.pop("annotations", None) or []
    article = labelled_from_row(row, schemes)
    given = [annotation_from_row({"id": article.id} | one, schemes) for one in said]
    if article.id in articles and not given:
        raise RowError("repeated_id", f"the id {article.id!r} was used already; ids occur once")
    for annotation in given:
        if (annotation.id, annotation.annotator) in annotations:
            message = f"annotator {annotation.annotator!r} labelled it already"
            raise RowError("repeated_id", message, article.id)
    articles.setdefault(article.id, article)
    annotations.update({(one.id, one.annotator): one for one in given})


def _settled(
    articles: Mapping[str, LabelledArticle],
    annotations: Iterable[Annotation],
    schemes: Mapping[str, LabelScheme],
) -> tuple[LabelledArticle, ...]:
    """Give the majority's labels to articles that have annotators and no labels of their own."""
    by_id: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        by_id.setdefault(annotation.id, []).append(annotation)
    settled = []
    for article in articles.values():
        said = by_id.get(article.id, [])
        if said and not article.labels:
            voted = {task: majority(said, scheme) for task, scheme in schemes.items()}
            labels = {task: given for task, given in voted.items() if given is not None}
            article = replace(article, labels=labels)
        settled.append(article)
    return tuple(settled)
