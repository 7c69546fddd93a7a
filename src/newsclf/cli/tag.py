"""``newsclf tag``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder

SOME_ROWS_REFUSED = 3


def tag(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="JSONL files; - is standard input.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="A bundle's folder, or a name, or name@version.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="JSONL file; - is standard output.")
    ],
    scores: Annotated[
        bool, typer.Option("--scores", help="Add every label's probability.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes [default: one a core].")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Tag stories: one output line for every input line, in order.

    Each line is an object with an id, a headline and a body. A line that cannot be tagged becomes
    an error row, is repeated in OUTPUT.errors.jsonl, and makes the exit status 3.

    [bold]newsclf tag incoming.jsonl --model govnews --output tagged.jsonl[/bold]
    """
    from newsclf.cli.screen import show_summary, working
    from newsclf.registry import find_bundle
    from newsclf.tag import Summary, tag_files

    folder = find_bundle(model, models)
    sizes = [path.stat().st_size if path.is_file() else 0 for path in inputs]
    total = sum(sizes) if all(sizes) else None
    with working(total, quiet=quiet) as bar:

        def show(summary: Summary) -> None:
            rate = summary.rows / max(summary.seconds, 1e-9)
            text = f"{summary.rows:,} rows, {rate:,.0f} a second"
            bar.update(bar.task_ids[0], description=text, completed=summary.bytes_read)

        summary = tag_files(
            inputs, folder, output, scores=scores, force=force, jobs=jobs, on_progress=show
        )
    if not quiet:
        show_summary(summary)
    if not summary.tagged:
        raise typer.Exit(1)
    if summary.refused:
        raise typer.Exit(SOME_ROWS_REFUSED)
