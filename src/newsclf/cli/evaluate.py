"""``newsclf evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder


def evaluate(
    model: Annotated[str, typer.Argument(help="A bundle's folder, or a name, or name@version.")],
    corpus: Annotated[Path, typer.Option(help="Labelled corpus, a folder.")],
    split: Annotated[str, typer.Option(help="Which split to score.")] = "test",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the scores to this file as JSON.")
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Score a model on labelled articles, label by label, macro and micro.

    [bold]newsclf evaluate govnews --corpus data/govnews[/bold]
    """
    import json

    from newsclf.bundle import load
    from newsclf.cli.screen import show_evaluation
    from newsclf.corpus import read_corpus
    from newsclf.evaluate import evaluate as evaluate_bundle
    from newsclf.files import atomic_file, refuse_existing
    from newsclf.registry import find_bundle

    if json_file is not None:
        refuse_existing(json_file, force=force)
    bundle = load(find_bundle(model, models))
    found = evaluate_bundle(bundle, read_corpus(corpus).split(split))
    show_evaluation(found)
    if json_file is not None:
        tasks = {task: evaluation.to_json() for task, evaluation in found.items()}
        report = {"model": bundle.reference, "split": split, "tasks": tasks}
        with atomic_file(json_file) as file:
            file.write(json.dumps(report, indent=2).encode() + b"\n")
