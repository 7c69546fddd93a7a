"""``newsclf train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import MODELS, RUNS, Force, ModelsFolder, RunsFolder


def train(
    config: Annotated[Path, typer.Argument(help="Run configuration, TOML.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the bundle (default: MODELS/NAME, from version 2 NAME@N)."),
    ] = None,
    models: ModelsFolder = MODELS,
    runs: RunsFolder = RUNS,
    no_run: Annotated[bool, typer.Option("--no-run", help="Leave no record of the run.")] = False,
    force: Force = False,
) -> None:
    """Train a bundle from a configuration and a labelled corpus.

    [bold]newsclf train experiments/govnews.toml[/bold] trains topic, frame and stance on the
    shipped corpus and writes models/govnews.
    """
    from datetime import UTC, datetime

    from newsclf.cli.screen import out, show_routing, working
    from newsclf.config import read_config
    from newsclf.corpus import read_corpus
    from newsclf.files import refuse_existing
    from newsclf.registry import refuse_promoted
    from newsclf.runs import record_run
    from newsclf.train import train as train_bundle

    run = read_config(config)
    folder = output or models / (run.name if run.version == 1 else f"{run.name}@{run.version}")
    refuse_existing(folder, force=force)
    refuse_promoted(folder)
    corpus = read_corpus(run.corpus)
    started = datetime.now(UTC)
    with working() as bar:
        bundle = train_bundle(
            run, corpus, on_task=lambda task: bar.update(bar.task_ids[0], description=task)
        )
    bundle.save(folder, force=force)
    lines = [f"{bundle.reference} written to {folder}"]
    for task, model in bundle.tasks.items():
        metrics = model.record.metrics
        lines.append(
            f"    {task}: {model.record.classifier}, out-of-fold macro-F1 "
            f"{metrics['macro_f1']:.3f}, micro-F1 {metrics['micro_f1']:.3f}"
        )
    if not no_run:
        run_folder = record_run(
            bundle, run, corpus, runs, beside=config.parent, started=started, log=lines
        )
        lines.append(f"    recorded in {run_folder}")
    for line in lines:
        out.print(line, highlight=False)
    show_routing(bundle.manifest)
