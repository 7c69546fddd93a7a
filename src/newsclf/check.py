"""Checking: what is wrong with a corpus folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsclf.corpus import Corpus, indicators, read_corpus
from newsclf.corpus.quality.agreement import check_agreement
from newsclf.corpus.quality.duplicates import check_duplicates, clusters, near_duplicates
from newsclf.corpus.quality.findings import Cell, Finding, Report, Severity, Table
from newsclf.corpus.quality.held_out import Encoder, HeldOut, draw_folds
from newsclf.corpus.quality.label_errors import (
    COLUMNS,
    MOST_EXPLAINED,
    find_label_errors,
    sentences_against,
    suspect_findings,
    suspect_rows,
)
from newsclf.corpus.quality.labels import check_annotators, check_labels
from newsclf.corpus.quality.refused import RefusedRows
from newsclf.corpus.quality.splitchecks import check_balance, check_dates, check_record
from newsclf.corpus.quality.texts import Texts, check_boilerplate, check_texts, look_at
from newsclf.extras import require

FEWEST_JUDGED = 50
"""Articles of a task before its labels are doubted."""


def check_corpus(
    folder: Path,
    *,
    on_step: Callable[[str], None] = lambda _: None,
    label_errors: bool = True,
) -> Report:
    """Check a corpus: its rows, texts, duplicates, labels, splits and annotators.

    Parameters
    ----------
    folder : Path
        What `newsclf.corpus.read_corpus` reads. Rows that cannot be used are findings.
    on_step : callable
        Takes a few words before each part of the work.
    label_errors : bool
        Whether to look for doubtful labels, which takes the longest.

    Raises
    ------
    ConfigError
        When the extra ``check`` is not installed, or ``corpus.toml`` or a scheme is not valid.
    InputError
        When there is no such folder, or no article in it.
    """
    require("check")
    refused = RefusedRows()
    on_step("reading")
    corpus = read_corpus(folder, on_bad=refused.add)
    found = [*refused.findings(), *_checks(corpus, on_step, label_errors=label_errors)]
    return Report.of(corpus.info.name, len(corpus.articles), found)


def _checks(
    corpus: Corpus, on_step: Callable[[str], None], *, label_errors: bool
) -> Iterator[Finding | Table]:
    articles = corpus.articles
    on_step("comparing texts")
    pairs = near_duplicates(Texts(articles))
    cluster = clusters(pairs, len(articles))
    yield from check_duplicates(articles, pairs, cluster)
    on_step("reading texts")
    facts = look_at(articles)
    yield from check_texts(articles, facts)
    yield from check_boilerplate(articles, facts, cluster)
    del facts
    on_step("counting labels")
    yield from check_labels(corpus)
    yield from check_annotators(corpus)
    yield from check_balance(corpus)
    yield from check_record(corpus)
    yield from check_dates(corpus)
    yield from check_agreement(corpus)
    if label_errors:
        yield from _label_errors(corpus, cluster, on_step)


def _label_errors(
    corpus: Corpus, cluster: NDArray[np.int64], on_step: Callable[[str], None]
) -> Iterator[Finding | Table]:
    on_step("encoding texts")
    texts = Texts(corpus.articles)
    encoder = Encoder.fit(texts)
    encoded = encoder.encode(texts)
    place = {article.id: row for row, article in enumerate(corpus.articles)}
    folds = draw_folds(cluster)
    rows: list[tuple[Cell, ...]] = []
    for scheme in corpus.schemes.values():
        on_step(f"doubting {scheme.name} labels")
        judged, y = indicators(corpus.articles, scheme)
        if len(judged) < FEWEST_JUDGED:
            message = (
                f"{len(judged):,} articles are judged for {scheme.name}; fewer than "
                f"{FEWEST_JUDGED} are too few to look for wrong labels"
            )
            yield Finding(Severity.NOTE, "too_few_judged", message, task=scheme.name)
            continue
        chosen = np.array([place[article.id] for article in judged])
        fold = folds[chosen]
        multi_label = scheme.kind == "multi"
        own = encoded if len(judged) == len(encoded) else encoded[chosen]
        held_out = HeldOut.fit(own, y, fold, multi_label=multi_label)
        suspects = find_label_errors(y, held_out.probabilities, multi_label=multi_label)
        score = held_out.scorer(encoder, fold)
        bodies = [article.body for article in judged]
        sentences = sentences_against(bodies, suspects[:MOST_EXPLAINED], score)
        yield from suspect_findings(judged, scheme, suspects)
        rows += suspect_rows(judged, scheme, suspects, sentences)
    yield Table.of("label_errors", "Doubtful labels", COLUMNS, rows)
