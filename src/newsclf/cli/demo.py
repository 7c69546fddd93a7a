"""``newsclf demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STORIES_SHOWN = 8


def demo(
    output: Annotated[
        Path | None, typer.Option(help="Keep the trained bundle in this folder.")
    ] = None,
) -> None:
    """Train on the shipped corpus, show the scores, and tag a few incoming stories.

    Needs nothing but the installed package and takes well under a minute.
    """
    from newsclf.cli.screen import out, show_evaluation, show_tagged, working
    from newsclf.config import RunConfig, TaskConfig
    from newsclf.corpus import read_corpus
    from newsclf.corpus.rows import article_from_row, parse_json_row
    from newsclf.evaluate import evaluate
    from newsclf.files import shipped_data
    from newsclf.train import train

    folder = shipped_data() / "govnews"
    corpus = read_corpus(folder)
    tasks = {task: TaskConfig() for task in corpus.schemes}
    run = RunConfig(
        name="govnews", corpus=folder, train_on=("train", "valid"), seed=13, tasks=tasks
    )
    learned, held_out = corpus.split(*run.train_on), corpus.split("test")
    out.print(f"Training on {len(learned)} labelled stories: {', '.join(tasks)} ...")
    with working() as bar:
        bundle = train(
            run, corpus, on_task=lambda task: bar.update(bar.task_ids[0], description=task)
        )
    out.print(f"\nScores on {len(held_out)} stories that it has not seen:\n")
    show_evaluation(evaluate(bundle, held_out))
    lines = (shipped_data() / "incoming" / "incoming.jsonl").read_bytes().splitlines()
    stories = [article_from_row(parse_json_row(line)) for line in lines[:STORIES_SHOWN]]
    out.print("\nIncoming stories, tagged:\n")
    show_tagged(zip(stories, bundle.tag(stories), strict=True))
    if output is not None:
        bundle.save(output)
        out.print(f"\nThe bundle is in {output}.", highlight=False)
