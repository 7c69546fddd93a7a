"""The command line. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from newsclf import __version__
from newsclf.cli import (
    calibrate,
    compare,
    data,
    demo,
    evaluate,
    init,
    learning,
    models,
    runs,
    tag,
    train,
    tune,
)
from newsclf.errors import NewsclfError

INTERRUPTED = 130

app = typer.Typer(
    name="newsclf",
    help="Topic, framing and stance tags for government news: train, evaluate, batch-tag.",
    epilog=(
        "Start with [bold]newsclf demo[/bold]. Exit status: 0 done, 1 failed, 2 wrong usage, "
        "3 some rows could not be tagged."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("calibrate")(calibrate.calibrate)
app.command("tune")(tune.tune)
app.command("learning-curve")(learning.learning_curve)
app.command("tag")(tag.tag)
app.add_typer(models.app, name="models")
app.add_typer(runs.app, name="runs")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"newsclf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and leave.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line, and turn newsclf's errors into a message and exit status 1."""
    # joblib warns of chunks in flight whenever a run ends early, which its message says already
    warnings.filterwarnings("ignore", category=UserWarning, module="joblib")
    try:
        app()
    except NewsclfError as error:
        sys.exit(f"newsclf: {error}")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            print("newsclf: interrupted; no output was written", file=sys.stderr)
        raise
