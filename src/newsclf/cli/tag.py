"""``newsclf tag``."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder

if TYPE_CHECKING:
    from newsclf.tag import Summary
    from newsclf.tag.ingest import InputOptions

SOME_ROWS_REFUSED = 3


def tag(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSONL, CSV, TSV, Excel, Parquet, ninjs or RSS files, .gz or .zst of these, or "
            "folders, or addresses of these (s3://, gs://, https://); - is standard input.",
        ),
    ],
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            help="A bundle's folder, or a name, or name@version; repeat it to tag with several.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="File or address to write; - is standard output."),
    ],
    output_format: Annotated[
        str, typer.Option("--format", help="Of the output: jsonl, csv, parquet or ninjs.")
    ] = "jsonl",
    scores: Annotated[
        bool, typer.Option("--scores", help="Add every label's probability.")
    ] = False,
    input_format: Annotated[
        str | None, typer.Option(help="Of the inputs (default: recognised).")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that says which column is which field.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="A field's column, as headline=Title."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes (default: one a core).")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from what an earlier run did.")
    ] = False,
    fail_over: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Stop when more rows than this are refused, as 1%."),
    ] = None,
    summary_file: Annotated[
        Path | None, typer.Option("--summary", help="Write the counts to a JSON file.")
    ] = None,
    log: Annotated[
        Literal["json"] | None,
        typer.Option(help="json: progress as JSON lines on standard error."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Tag stories: one output row for every input row, in order.

    Each row has an id, a headline and a body. One that cannot be tagged becomes an error row, is
    repeated in OUTPUT.errors.jsonl, and makes the exit status 3. What is done is kept in
    OUTPUT.parts until the output is whole: a run that was stopped goes on with --resume.

    [bold]newsclf tag incoming.jsonl --model govnews --output tagged.jsonl[/bold]
    """
    from newsclf.cli.screen import show_summary
    from newsclf.files import atomic_file
    from newsclf.registry import find_bundle
    from newsclf.tag import tag_files
    from newsclf.tag.locations import location

    destination = location(output)
    if summary_file is not None:
        _refuse_summary(summary_file, [Path(text) for text in inputs], destination, force=force)
    share = _share(fail_over)
    options = _input_options(input_format, mapping, column or [])
    folders = [find_bundle(reference, models) for reference in model]
    with (
        _terminated_like_interrupted(),
        _saying_how_to_go_on(destination),
        _progress(log=log, quiet=quiet) as show,
    ):
        summary = tag_files(
            [location(text) for text in inputs],
            folders,
            destination,
            scores=scores,
            force=force,
            resume=resume,
            jobs=jobs,
            output_format=output_format,
            input_options=options,
            engine=engine,
            fail_over=share,
            on_progress=show,
        )
    if summary_file is not None:
        with atomic_file(summary_file) as file:
            file.write(json.dumps(summary.as_json(), indent=1).encode() + b"\n")
    if log == "json":
        _log("done", summary)
    elif not quiet:
        show_summary(summary)
    if not summary.tagged:
        raise typer.Exit(1)
    if summary.refused:
        raise typer.Exit(SOME_ROWS_REFUSED)


def _refuse_summary(path: Path, inputs: Sequence[Path], output: Path, *, force: bool) -> None:
    """Refuse a summary that would take another file's place, or has no folder to lie in."""
    from newsclf.errors import OutputError
    from newsclf.files import refuse_existing
    from newsclf.tag.assemble import errors_path

    written = (output, errors_path(output))
    taken = {one.resolve() for one in (*inputs, *written) if isinstance(one, Path)}
    if path.resolve() in taken:
        raise OutputError(f"{path} is an input or the output; choose another --summary")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} for the --summary; make it first")
    refuse_existing(path, force=force)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let a run that is told to end stop its workers, as one that is interrupted does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _share(percent: str | None) -> float | None:
    if percent is None:
        return None
    try:
        share = float(percent.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(
            f"{percent!r} is not a percentage between 0% and 100%", param_hint="'--fail-over'"
        )
    return share


def _input_options(
    input_format: str | None, mapping: Path | None, columns: list[str]
) -> InputOptions:
    from newsclf.cli.data.importing import column_mapping
    from newsclf.tag.ingest import InputOptions

    given = column_mapping(mapping, columns, [], ";") if mapping or columns else None
    return InputOptions(format=input_format, mapping=given)


@contextmanager
def _saying_how_to_go_on(output: Path) -> Iterator[None]:
    from newsclf.cli.screen import err
    from newsclf.errors import NewsclfError
    from newsclf.tag.run import working_folder_of

    try:
        yield
    except (NewsclfError, KeyboardInterrupt):
        if working_folder_of(output).is_dir():
            err.print(
                f"What is done is kept in {working_folder_of(output)}; "
                "the same command with --resume goes on from it.",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        raise


@contextmanager
def _progress(*, log: str | None, quiet: bool) -> Iterator[Callable[[Summary], None]]:
    from newsclf.cli.screen import tagging

    if log == "json":
        yield _logger()
        return
    with tagging(quiet=quiet) as show:
        yield show


def _logger() -> Callable[[Summary], None]:
    """Return what logs the counts, at most once a second."""
    last = -1.0

    def show(summary: Summary) -> None:
        nonlocal last
        if summary.seconds - last >= 1:
            last = summary.seconds
            _log("tagging", summary)

    return show


def _log(event: str, summary: Summary) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    left = summary.seconds_left
    row = {"time": now, "event": event, **summary.as_json()}
    if left is not None:
        row["seconds_left"] = round(left, 1)
    typer.echo(json.dumps(row), err=True)
