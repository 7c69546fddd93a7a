"""``newsclf runs``: what trainings there were, and how two of them differ."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.options import RUNS, RunsFolder

app = typer.Typer(help="List, show, compare and export training runs.", no_args_is_help=True)

RunReference = Annotated[
    str, typer.Argument(help="A run's folder, or a name, name-version, or its id.")
]


@app.command("list")
def list_all(runs: RunsFolder = RUNS) -> None:
    """List the runs, the newest first."""
    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.errors import NewsclfError
    from newsclf.runs import list_runs

    found = list_runs(runs)
    if not found:
        out.print(f"no run in {runs}; 'newsclf train' leaves one", highlight=False)
        return
    table = Table("run", "corpus", "macro-F1 by task", "seconds")
    for folder, run in found:
        if isinstance(run, NewsclfError):
            table.add_row(f"[red]damaged[/red]: {escape(str(run))}", "", "", str(folder))
            continue
        scores = (f"{task} {scores['macro_f1']:.3f}" for task, scores in run.metrics.items())
        corpus = f"{run.record.corpus['name']} {run.record.corpus['version']}"
        table.add_row(run.record.id, corpus, ", ".join(scores), f"{run.record.seconds:.1f}")
    out.print(table)


@app.command("show")
def show(run: RunReference, runs: RunsFolder = RUNS) -> None:
    """Show a run's configuration, corpus, metrics and environment."""
    from newsclf.cli.screen import out
    from newsclf.runs import find_run

    found = find_run(run, runs)
    record = found.record
    out.print(f"{record.id} in {found.folder}", highlight=False)
    out.print(f"{record.started:%Y-%m-%d %H:%M:%S %Z}, {record.seconds:.1f} s", highlight=False)
    for fact, value in found.facts().items():
        out.print(f"    {fact} = {value}", highlight=False, markup=False, soft_wrap=True)


@app.command("diff")
def diff(first: RunReference, second: RunReference, runs: RunsFolder = RUNS) -> None:
    """Show what differs between two runs: configuration, corpus, metrics, environment.

    [bold]newsclf runs diff govnews-1 govnews-2[/bold]
    """
    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.runs import diff_runs, find_run

    left, right = find_run(first, runs), find_run(second, runs)
    differences = diff_runs(left, right)
    if not differences:
        out.print(f"{left.record.id} and {right.record.id} do not differ", highlight=False)
        return
    table = Table("", left.record.id, right.record.id)
    for fact, one, other in differences:
        table.add_row(
            *(escape("" if value is None else str(value)) for value in (fact, one, other))
        )
    out.print(table)


@app.command("export")
def export(
    run: RunReference,
    mlflow: Annotated[
        str, typer.Option(help="Address of the MLflow server or store, such as http://HOST:5000.")
    ],
    runs: RunsFolder = RUNS,
) -> None:
    """Copy a run into MLflow, with its files.

    [bold]newsclf runs export govnews --mlflow http://localhost:5000[/bold]
    """
    from newsclf.cli.screen import out
    from newsclf.runs import export_to_mlflow, find_run

    found = find_run(run, runs)
    made = export_to_mlflow(found, mlflow)
    out.print(f"{found.record.id} is run {made} in {mlflow}", highlight=False, soft_wrap=True)
