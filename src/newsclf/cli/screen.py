"""What people see: tables on standard output, progress on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from newsclf.evaluate import TaskEvaluation
    from newsclf.records import Article, TaggedArticle
    from newsclf.tag import Summary

out = Console()
err = Console(stderr=True)


@contextmanager
def working(total: float | None = None, *, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on standard error while a block runs, where that is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=err, transient=True, disable=quiet or not err.is_terminal
    ) as bar:
        bar.add_task("starting", total=total)
        yield bar


def show_evaluation(found: Mapping[str, TaskEvaluation]) -> None:
    """Print a table a task: each label, then both averages with their intervals."""
    for task, evaluation in found.items():
        table = Table(title=f"{task}: {evaluation.n_articles} articles", title_justify="left")
        table.add_column("label")
        for heading in ("precision", "recall", "F1", "articles"):
            table.add_column(heading, justify="right")
        scores = evaluation.by_label
        for label, *ratios, support in zip(
            evaluation.labels,
            scores.precision,
            scores.recall,
            scores.f1,
            scores.support,
            strict=True,
        ):
            table.add_row(label, *(f"{ratio:.3f}" for ratio in ratios), str(support))
        table.add_section()
        for name, value, (low, high) in (
            ("macro", evaluation.macro_f1, evaluation.macro_interval),
            ("micro", evaluation.micro_f1, evaluation.micro_interval),
        ):
            table.add_row(f"{name} average", "", "", f"{value:.3f}", f"{low:.3f} to {high:.3f}")
        out.print(table)
    out.print("The last column of an average is its bootstrap 95 % interval over articles.")


def show_tagged(pairs: Iterable[tuple[Article, TaggedArticle]]) -> None:
    """Print tagged articles, a headline and its tags."""
    for article, tagged in pairs:
        out.print(f"[bold]{escape(article.headline or article.id)}[/bold]")
        tags = (f"{tag.task} {tag.label} ({tag.probability:.2f})" for tag in tagged.tags)
        out.print(f"    {'; '.join(tags) or 'no tag'}")


def show_summary(summary: Summary) -> None:
    """Print what became of a tagging run's rows, on standard error."""
    rate = summary.rows / summary.seconds if summary.seconds else 0
    err.print(
        f"{summary.rows:,} rows with {summary.model}: {summary.tagged:,} tagged, "
        f"{summary.refused.total():,} refused, {summary.seconds:.1f} s ({rate:,.0f} a second)",
        highlight=False,
    )
    for code, count in summary.refused.most_common():
        err.print(f"    refused, {code}: {count:,}", highlight=False)
