"""``newsclf tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import RUNS, RunsFolder

if TYPE_CHECKING:
    from newsclf.tune import TunedTask


def tune(
    config: Annotated[Path, typer.Argument(help="Run configuration with a space, TOML.")],
    jobs: Annotated[int, typer.Option(min=1, help="Trials that run at the same time.")] = 1,
    outer: Annotated[
        int,
        typer.Option(min=0, help="Folds that score the tuning as a whole; 0 leaves them out."),
    ] = 3,
    runs: RunsFolder = RUNS,
) -> None:
    """Search the options that a configuration declares open, task by task.

    [bold]newsclf tune experiments/govnews-tune.toml[/bold] writes the best configuration into
    experiments/runs/govnews-tune; run it again to go on where it was interrupted.
    """
    from newsclf.cli.screen import out, working
    from newsclf.config import read_config
    from newsclf.corpus import read_corpus
    from newsclf.crossval import TITLES
    from newsclf.tune import Progress
    from newsclf.tune import tune as tune_run

    run = read_config(config)
    folder = runs / f"{run.name}-tune"
    with working() as bar:

        def show(progress: Progress) -> None:
            bar.update(
                bar.task_ids[0],
                description=f"{progress.search}, best {progress.best:.3f}",
                completed=progress.done,
                total=progress.trials,
            )

        corpus = read_corpus(run.corpus)
        found = tune_run(run, corpus, folder, outer=outer, jobs=jobs, on_trial=show)
    best = folder / "best.toml"
    text = found.save(best)
    for task, tuned in found.tasks.items():
        _show(task, TITLES[found.metric], tuned)
    out.print(text, highlight=False, markup=False, soft_wrap=True)
    out.print(f"the above is in {best}; newsclf train {best}", highlight=False, soft_wrap=True)


def _show(task: str, metric: str, tuned: TunedTask) -> None:
    from rich.table import Table

    from newsclf.cli.screen import out

    out.print(
        f"[bold]{task}[/bold]: {tuned.trials} trials, {tuned.pruned} given up early; best "
        f"{metric} {tuned.score:.3f} on the folds it was chosen on",
        highlight=False,
    )
    if tuned.nested is not None and tuned.untuned is not None:
        out.print(
            f"    on folds that tuning did not see: {tuned.nested:.3f} tuned, "
            f"{tuned.untuned:.3f} as configured; the former is the one to report",
            highlight=False,
        )
    if tuned.importances:
        table = Table("option", "importance")
        for option, share in tuned.importances.items():
            table.add_row(option, f"{share:.2f}")
        out.print(table)
