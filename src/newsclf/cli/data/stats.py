"""``newsclf data stats``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.corpus.stats import CorpusStats, TaskStats, Values


def stats(
    corpus: Annotated[Path, typer.Argument(help="Corpus, a folder.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as JSON.")
    ] = None,
    force: Force = False,
) -> None:
    """Count a corpus: articles, lengths, dates, labels by split, annotators.

    [bold]newsclf data stats data/govnews[/bold]
    """
    import json

    from newsclf.corpus import read_corpus
    from newsclf.corpus.stats import corpus_stats
    from newsclf.files import atomic_file, refuse_existing

    if json_file is not None:
        refuse_existing(json_file, force=force)
    found = corpus_stats(read_corpus(corpus))
    _show(found)
    if json_file is not None:
        with atomic_file(json_file) as file:
            file.write(json.dumps(found.to_json(), indent=2).encode() + b"\n")


def _show(found: CorpusStats) -> None:
    from newsclf.cli.screen import out

    splits = ", ".join(f"{name} {count:,}" for name, count in found.splits.items())
    out.print(f"{found.name} {found.version}: {found.articles:,} articles", highlight=False)
    out.print(f"splits: {splits}", highlight=False)
    percentiles = ", ".join(f"{at} % {words:,.0f}" for at, words in found.words.percentiles.items())
    out.print(f"words: {found.words.total:,} in all; percentiles {percentiles}", highlight=False)
    dates = found.dates
    if dates.first:
        undated = f"; {dates.undated:,} undated" if dates.undated else ""
        out.print(f"dates: {dates.first} to {dates.last}{undated}", highlight=False)
    for name in ("sources", "genres", "countries", "languages"):
        _show_values(name, getattr(found, name))
    for task, stats in found.tasks.items():
        _show_task(task, stats)


def _show_values(name: str, values: Values) -> None:
    from newsclf.cli.screen import out

    if not values.distinct:
        return
    top = ", ".join(f"{value} {count:,}" for value, count in values.top.items())
    out.print(f"{name} ({values.distinct:,}): {top}", highlight=False, markup=False)


def _show_task(task: str, stats: TaskStats) -> None:
    from rich.table import Table

    from newsclf.cli.screen import out

    title = (
        f"{task}: {stats.judged:,} judged, {stats.labels_per_article:.2f} labels an article, "
        f"{stats.share_with_none:.0%} with none"
    )
    splits = list(next(iter(stats.labels.values()), {}))
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for split in splits:
        table.add_column(split, justify="right")
    for label, counts in stats.labels.items():
        table.add_row(label, *(f"{counts[split]:,}" for split in splits))
    out.print(table)
    if stats.annotators:
        said = ", ".join(f"{name} {count:,}" for name, count in stats.annotators.items())
        out.print(f"annotators: {said}", highlight=False, markup=False)
    if stats.weak_share:
        out.print(f"{stats.weak_share:.0%} labelled by rules alone", highlight=False)
