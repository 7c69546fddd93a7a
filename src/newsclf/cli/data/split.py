"""``newsclf data split``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.corpus import Corpus


def split(
    corpus: Annotated[Path, typer.Argument(help="Corpus, a folder.")],
    into: Annotated[
        Path | None,
        typer.Option(help="Folder of the new corpus (default: the same, with --force)."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="stratified (by the labels of all tasks) or time (newest last).")
    ] = "stratified",
    shares: Annotated[
        str, typer.Option(help="Shares of train, valid and test, in that order.")
    ] = "70/15/15",
    group: Annotated[
        str | None,
        typer.Option(help="Keep articles with the same value of this field together."),
    ] = None,
    duplicates: Annotated[
        bool,
        typer.Option(
            "--duplicates/--no-duplicates", help="Keep near-duplicates on one side of every split."
        ),
    ] = True,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Draw this many folds into folds.json in place of splits."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same splits.")] = 13,
    force: Force = False,
) -> None:
    """Divide a corpus into train, valid and test, or into folds.

    The method, the seed and a hash of the content are recorded in corpus.toml or folds.json.

    [bold]newsclf data split data/stories --force --group source[/bold]
    """
    from newsclf.cli.screen import working
    from newsclf.corpus import read_corpus, write_corpus
    from newsclf.corpus.splits import draw_folds, draw_splits, write_folds
    from newsclf.files import refuse_existing

    destination = into or corpus
    wanted = _shares(shares)
    refuse_existing(destination / "folds.json" if folds else destination, force=force)
    read = read_corpus(corpus)
    with working() as bar:
        bar.update(bar.task_ids[0], description="looking for what belongs together")
        groups, unit = _groups(read, group, duplicates)
    if folds:
        drawn = draw_folds(read, folds, seed=seed, groups=groups)
        write_folds(read, drawn, destination, k=folds, seed=seed, unit=unit)
        _show({f"fold {number}": drawn.count(number) for number in range(folds)})
        return
    made = draw_splits(read, method=method, shares=wanted, seed=seed, groups=groups, unit=unit)
    write_corpus(made, destination, force=force)
    _show({name: len(made.split(name)) for name in wanted})


def _shares(text: str) -> dict[str, float]:
    from newsclf.corpus.rows import SPLITS

    parts = text.split("/")
    if len(parts) != len(SPLITS) or not all(part.strip().isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r} is not of the form 70/15/15", param_hint="--shares")
    total = sum(map(int, parts))
    if not total:
        raise typer.BadParameter("the shares are all zero", param_hint="--shares")
    return {name: int(part) / total for name, part in zip(SPLITS, parts, strict=True) if int(part)}


def _groups(corpus: Corpus, field: str | None, duplicates: bool) -> tuple[list[int] | None, str]:
    """Return each article's group, and what the groups are; None where articles stand alone."""
    from newsclf.corpus.splits import field_groups, joined

    found: list[int] | None = None
    units = []
    if field is not None:
        found = field_groups(corpus, field)
        units.append(field)
    if duplicates:
        from newsclf.corpus.quality.duplicates import clusters, near_duplicates
        from newsclf.extras import require

        require("check")
        texts = [f"{article.headline}\n{article.body}" for article in corpus.articles]
        cluster = list(clusters(near_duplicates(texts), len(texts)))
        found = cluster if found is None else joined(found, cluster)
        units.append("near-duplicates")
    return found, " and ".join(units) or "article"


def _show(counts: dict[str, int]) -> None:
    from newsclf.cli.screen import out

    for name, count in counts.items():
        out.print(f"{name}: {count:,} articles", highlight=False)
