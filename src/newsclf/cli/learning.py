"""``newsclf learning-curve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.learning import LearningCurve

_BAR = 40


def learning_curve(
    config: Annotated[Path, typer.Argument(help="Run configuration, TOML.")],
    metric: Annotated[str, typer.Option(help="macro_f1 or micro_f1.")] = "macro_f1",
    repeats: Annotated[int, typer.Option(min=2, help="Draws of held-out articles.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the curves to this file as JSON.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the curves into this file, .svg or .png.")
    ] = None,
    force: Force = False,
) -> None:
    """Show how scores grow with labelled articles, and what twice as many would buy.

    [bold]newsclf learning-curve experiments/govnews.toml --plot curve.svg[/bold]
    """
    import json

    from newsclf.cli.screen import working
    from newsclf.config import read_config
    from newsclf.corpus import read_corpus
    from newsclf.crossval import checked_metric
    from newsclf.files import atomic_file, refuse_existing
    from newsclf.learning import check_picture, draw_curves
    from newsclf.learning import learning_curve as curves_of

    for path in filter(None, (json_file, plot)):
        refuse_existing(path, force=force)
    if plot is not None:
        check_picture(plot)
    run = read_config(config)
    with working() as bar:
        curves = curves_of(
            run,
            read_corpus(run.corpus),
            metric=checked_metric(metric),
            repeats=repeats,
            on_fit=lambda done, total: bar.update(
                bar.task_ids[0], description="training", completed=done, total=total
            ),
        )
    for task, curve in curves.items():
        _show(task, curve)
    if json_file is not None:
        report = {task: curve.to_json() for task, curve in curves.items()}
        with atomic_file(json_file) as file:
            file.write(json.dumps(report, indent=2).encode() + b"\n")
    if plot is not None:
        draw_curves(curves, plot)


def _show(task: str, curve: LearningCurve) -> None:
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.crossval import TITLES

    table = Table(title=task, title_justify="left")
    table.add_column("articles", justify="right")
    table.add_column(TITLES[curve.metric], justify="right")
    table.add_column("95 % interval")
    table.add_column("from 0 to 1", min_width=_BAR)
    for size, (mean, low, high) in zip(curve.sizes, curve.points, strict=True):
        bar = "█" * round(_BAR * mean)
        table.add_row(f"{size:,}", f"{mean:.3f}", f"{low:.3f} to {high:.3f}", bar)
    out.print(table)
    size, gain = int(curve.sizes[-1]), curve.gain()
    out.print(
        f"Twice the labels ({2 * size:,} articles) would add {100 * gain.mean:.1f} points "
        f"({100 * gain.low:.1f} to {100 * gain.high:.1f} as the draws vary).",
        highlight=False,
    )
