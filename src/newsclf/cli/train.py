"""``newsclf train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder


def train(
    config: Annotated[Path, typer.Argument(help="Run configuration, TOML.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder of the bundle [default: MODELS/NAME].")
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Train a bundle from a configuration and a labelled corpus.

    [bold]newsclf train experiments/govnews.toml[/bold] trains topic, frame and stance on the
    shipped corpus and writes models/govnews.
    """
    from newsclf.cli.screen import out, working
    from newsclf.config import read_config
    from newsclf.corpus import read_corpus
    from newsclf.files import refuse_existing
    from newsclf.train import train as train_bundle

    run = read_config(config)
    folder = output or models / run.name
    refuse_existing(folder, force=force)
    corpus = read_corpus(run.corpus)
    with working() as bar:
        bundle = train_bundle(
            run, corpus, on_task=lambda task: bar.update(bar.task_ids[0], description=task)
        )
    bundle.save(folder, force=force)
    out.print(f"{bundle.reference} written to {folder}", highlight=False)
    for task, model in bundle.tasks.items():
        metrics = model.record.metrics
        out.print(
            f"    {task}: {model.record.classifier}, out-of-fold macro-F1 "
            f"{metrics['macro_f1']:.3f}, micro-F1 {metrics['micro_f1']:.3f}",
            highlight=False,
        )
