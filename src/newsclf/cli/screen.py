"""What people see: tables on standard output, progress on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from newsclf.bundle import Manifest
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
    """Print a table a task: each label, then the averages with their intervals, then notes."""
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
            shown = (f"{ratio:.3f}" if support else "-" for ratio in ratios)
            table.add_row(label, *shown, str(support))
        table.add_section()
        intervals = evaluation.intervals
        for name, average, interval in (
            ("macro", evaluation.macro, intervals and intervals.macro),
            ("micro", evaluation.micro, intervals and intervals.micro),
            ("sample", evaluation.sample, intervals and intervals.sample),
        ):
            reach = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-"
            table.add_row(f"{name} average", *(f"{ratio:.3f}" for ratio in average), reach)
        out.print(table)
        for note in evaluation.notes:
            out.print(note, highlight=False, markup=False)
    drawn = {evaluation.cluster for evaluation in found.values()}
    units = {"article": "articles", "source": "sources", "duplicates": "groups of near copies"}
    over = " and ".join(units[cluster] for cluster in sorted(drawn))
    out.print(f"The last column of an average is its bootstrap 95 % interval over {over}.")


def show_routing(manifest: Manifest) -> None:
    """Print for each task what may be published without an editor, and what that rests on."""
    for task, record in manifest.tasks.items():
        routing = record.routing
        if routing is None:
            continue
        if routing.threshold is None:
            out.print(f"{task}: every tag is for review; {routing.reason}", highlight=False)
            continue
        promise = routing.promise
        out.print(
            f"{task}: {routing.auto_share:.0%} of the tags are auto, from a probability of "
            f"{routing.threshold:g}; {promise.precision:.0%} of them right is promised with "
            f"{promise.confidence:.0%} confidence; {routing.review_per_1000:.0f} of 1,000 stories "
            f"for an editor ({routing.reason})",
            highlight=False,
        )


def show_tagged(pairs: Iterable[tuple[Article, TaggedArticle]]) -> None:
    """Print tagged articles, a headline and its tags."""
    for article, tagged in pairs:
        out.print(f"[bold]{escape(article.headline or article.id)}[/bold]")
        tags = (f"{tag.task} {tag.label} ({tag.probability:.2f})" for tag in tagged.tags)
        out.print(f"    {'; '.join(tags) or 'no tag'}")


@contextmanager
def tagging(*, quiet: bool = False) -> Iterator[Callable[[Summary], None]]:
    """Give what shows how far a tagging run is, how fast it goes and how long it will take."""
    with working(quiet=quiet) as bar:

        def show(summary: Summary) -> None:
            left = summary.seconds_left
            ending = "" if left is None else f", {_duration(left)} left"
            bar.update(
                bar.task_ids[0],
                description=f"{summary.rows:,} rows, {summary.rate:,.0f} a second{ending}",
                completed=summary.bytes_read,
                total=summary.bytes_total,
            )

        yield show


def show_summary(summary: Summary) -> None:
    """Print what became of a tagging run's rows, on standard error."""
    err.print(
        f"{summary.rows:,} rows with {summary.model}: {summary.tagged:,} tagged, "
        f"{summary.refused.total():,} refused, {summary.seconds:.1f} s "
        f"({summary.rate:,.0f} a second)",
        highlight=False,
    )
    if summary.rows_before:
        err.print(f"    done by an earlier run: {summary.rows_before:,}", highlight=False)
    for code, count in summary.refused.most_common():
        err.print(f"    refused, {code}: {count:,}", highlight=False)
    by_task: dict[str, list[str]] = {}
    for (task, label), count in summary.tags.most_common():
        by_task.setdefault(task, []).append(f"{label} {count:,}")
    for task, counts in sorted(by_task.items()):
        err.print(f"    {task}: {', '.join(counts)}", highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02}"
