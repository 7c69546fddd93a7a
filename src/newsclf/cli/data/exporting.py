"""``newsclf data export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import Force


def export(
    corpus: Annotated[Path, typer.Argument(help="Corpus, a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file or folder to write.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format", help="As for import (default: by the ending of the output's name)."
        ),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Only articles of this split (default: all).")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Output of 'newsclf tag', given to annotators as suggestions."),
    ] = None,
    force: Force = False,
) -> None:
    """Write a corpus for a spreadsheet, another program, or an annotation tool.

    [bold]newsclf data export data/govnews --output stories.json --format labelstudio[/bold]
    """
    from dataclasses import replace

    from newsclf.cli.screen import err, out
    from newsclf.corpus import read_corpus
    from newsclf.corpus.exchange.exporting import export_corpus, read_predictions
    from newsclf.corpus.exchange.formats import format_named, format_of_name

    target = format_named(format_name) if format_name else format_of_name(output)
    read = read_corpus(corpus)
    if split:
        chosen = read.split(*split)
        ids = {article.id for article in chosen}
        said = tuple(one for one in read.annotations if one.id in ids)
        read = replace(read, articles=chosen, annotations=said)
    suggested = read_predictions(predictions) if predictions else None
    lost = export_corpus(read, output, target, predictions=suggested, force=force)
    out.print(
        f"{len(read.articles):,} articles written to {output}, {target.name}",
        highlight=False,
        markup=False,
    )
    if lost:
        err.print(f"{target.name} cannot carry {', '.join(lost)}; these were left out")
