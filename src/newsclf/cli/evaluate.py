"""``newsclf evaluate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder


class Draw(StrEnum):
    """What the bootstrap draws."""

    ARTICLE = "article"
    SOURCE = "source"
    DUPLICATES = "duplicates"


def evaluate(
    model: Annotated[str, typer.Argument(help="A bundle's folder, or a name, or name@version.")],
    corpus: Annotated[Path, typer.Option(help="Labelled corpus, a folder.")],
    split: Annotated[str, typer.Option(help="Which split to score.")] = "test",
    cluster: Annotated[
        Draw,
        typer.Option(
            help="What the intervals draw: articles, or all of a source or all near copies of a "
            "text together."
        ),
    ] = Draw.ARTICLE,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the scores to this file as JSON.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a report with plots to this file as HTML.")
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Score a model on labelled articles: labels, averages, slices and errors.

    [bold]newsclf evaluate govnews --corpus data/govnews --html report.html[/bold]
    """
    import json

    from newsclf.bundle import load
    from newsclf.cli.screen import show_evaluation
    from newsclf.corpus import read_corpus
    from newsclf.evaluate import check_schemes
    from newsclf.evaluate import evaluate as evaluate_bundle
    from newsclf.files import atomic_file, refuse_existing
    from newsclf.registry import find_bundle

    for file_wanted in (json_file, html_file):
        if file_wanted is not None:
            refuse_existing(file_wanted, force=force)
    bundle = load(find_bundle(model, models))
    labelled = read_corpus(corpus)
    check_schemes(bundle, labelled.schemes)
    found = evaluate_bundle(bundle, labelled.split(split), cluster=cluster.value)
    show_evaluation(found)
    if json_file is not None:
        tasks = {task: evaluation.to_json() for task, evaluation in found.items()}
        report = {"model": bundle.reference, "split": split, "tasks": tasks}
        with atomic_file(json_file) as file:
            file.write(json.dumps(report, indent=2).encode() + b"\n")
    if html_file is not None:
        from newsclf.report import write_report

        title = f"{bundle.reference} on {labelled.info.name}, split {split}"
        write_report(found, html_file, title=title)
