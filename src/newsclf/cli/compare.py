"""``newsclf compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder

if TYPE_CHECKING:
    from newsclf.compare import Comparison, Flip, TaskComparison
    from newsclf.metrics.verdicts import PairComparison

FLIPS_SHOWN = 5


def compare(
    model: Annotated[
        list[str],
        typer.Argument(
            help="Two models or more, each a folder, a name or name@version; the first is what "
            "the others are held against."
        ),
    ],
    corpus: Annotated[Path, typer.Option(help="Labelled corpus, a folder.")],
    split: Annotated[str, typer.Option(help="Which split to compare on.")] = "test",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the comparison to this file as JSON.")
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Say whether models differ on labelled articles, or whether it may be chance.

    [bold]newsclf compare govnews@1 govnews@2 --corpus data/govnews[/bold]
    """
    import json

    from newsclf.bundle import load
    from newsclf.compare import compare as compare_bundles
    from newsclf.corpus import read_corpus
    from newsclf.files import atomic_file, refuse_existing
    from newsclf.registry import find_bundle

    if json_file is not None:
        refuse_existing(json_file, force=force)
    bundles = [load(find_bundle(reference, models)) for reference in model]
    found = compare_bundles(bundles, read_corpus(corpus).split(split))
    _show(found)
    if json_file is not None:
        with atomic_file(json_file) as file:
            file.write(json.dumps({"split": split} | found.to_json(), indent=2).encode() + b"\n")


def _show(found: Comparison) -> None:
    from newsclf.cli.screen import out

    for task, comparison in found.tasks.items():
        out.print(f"[bold]{task}[/bold]: {len(comparison.articles):,} articles", highlight=False)
        for pair in comparison.pairs:
            _show_pair(comparison, pair)
    for task, reason in found.left_out.items():
        out.print(f"[bold]{task}[/bold]: left out, {reason}", highlight=False)
    out.print(
        "Differences are those of the second model from the first. p is of approximate "
        "randomisation for F1, of McNemar's test for exact match and accuracy; the last column is "
        "corrected for all these tests by Holm's method.",
        highlight=False,
    )


def _show_pair(comparison: TaskComparison, pair: PairComparison) -> None:
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.metrics.verdicts import NAMES

    out.print(pair.sentence, highlight=False, markup=False)
    if pair.same:
        return
    table = Table("measure")
    for heading in (pair.first, pair.second, "difference", "95 % interval", "p", "corrected"):
        table.add_column(heading, justify="right")
    for found in pair.differences:
        ends = found.interval
        table.add_row(
            NAMES[found.measure],
            f"{found.first:.3f}",
            f"{found.second:.3f}",
            f"{found.difference:+.3f}",
            "too few" if ends is None else f"{ends[0]:+.3f} to {ends[1]:+.3f}",
            _shown_p(found.p),
            _shown_p(found.corrected_p),
        )
    out.print(table)
    test = pair.mcnemar
    out.print(
        f"{test.only_first:,} articles are right in {pair.first} alone, {test.only_second:,} in "
        f"{pair.second} alone: Cohen's g {test.cohen_g:+.2f}",
        highlight=False,
    )
    for what, rows in (("Right to wrong", pair.broken), ("Wrong to right", pair.mended)):
        out.print(f"{what}: {len(rows):,} articles", highlight=False)
        for flip in comparison.flips(pair, rows[:FLIPS_SHOWN]):
            _show_flip(flip, pair)
        if len(rows) > FLIPS_SHOWN:
            out.print(f"    and {len(rows) - FLIPS_SHOWN:,} more", highlight=False)


def _show_flip(flip: Flip, pair: PairComparison) -> None:
    from newsclf.cli.screen import out

    has, first, second = (
        ", ".join(labels) or "no label" for labels in (flip.labels, flip.first, flip.second)
    )
    given = f"{pair.first} gives {first}; {pair.second} gives {second}"
    out.print(f"    {flip.id}  {flip.headline}", highlight=False, markup=False)
    out.print(f"        has {has}; {given}", highlight=False, markup=False)


def _shown_p(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"
