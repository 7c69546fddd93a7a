"""``newsclf calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder

if TYPE_CHECKING:
    from newsclf.bundle import Bundle


def calibrate(
    model: Annotated[str, typer.Argument(help="A bundle's folder, or a name, or name@version.")],
    corpus: Annotated[Path, typer.Option(help="Labelled corpus, a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new bundle.")],
    split: Annotated[
        list[str] | None,
        typer.Option(help="Split to choose calibration and thresholds on (default: as they are)."),
    ] = None,
    promise_split: Annotated[
        list[str] | None,
        typer.Option(help="Another split, to test the promise on (default: no promise)."),
    ] = None,
    precision: Annotated[
        float, typer.Option(help="Share of the auto tags that is promised to be right.")
    ] = 0.95,
    confidence: Annotated[float, typer.Option(help="How often such a promise is kept.")] = 0.9,
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Of the new bundle (default: the next free one)."),
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Fit a model's decisions to your own stories: calibration, thresholds, what may be auto.

    Its classifiers stay as they are. Use labelled stories drawn as they come in, which it has not
    learned from, and two separate splits: a promise cannot be tested on what the thresholds were
    chosen on.

    [bold]newsclf calibrate govnews --corpus data/mine --split train --promise-split valid
    --output models/mine[/bold]
    """
    from newsclf.bundle import load
    from newsclf.calibrate import promised, recalibrated
    from newsclf.config import Promise
    from newsclf.corpus import read_corpus
    from newsclf.evaluate import check_schemes
    from newsclf.files import refuse_existing
    from newsclf.registry import find_bundle, next_version, refuse_promoted

    if not (split or promise_split):
        raise typer.BadParameter("give --split, --promise-split or both")
    if both := set(split or ()) & set(promise_split or ()):
        raise typer.BadParameter(
            f"{', '.join(sorted(both))} is in --split too", param_hint="--promise-split"
        )
    if not (0 < precision < 1 and 0 < confidence < 1):
        raise typer.BadParameter("--precision and --confidence are between 0 and 1")
    refuse_existing(output, force=force)
    refuse_promoted(output)
    bundle = load(find_bundle(model, models))
    labelled = read_corpus(corpus)
    check_schemes(bundle, labelled.schemes)
    about = f"{labelled.info.name} {labelled.info.version}"
    if split:
        on = f"{about}, split {' and '.join(split)}"
        bundle = recalibrated(bundle, labelled.split(*split), on=on)
    if promise_split:
        promise = Promise(precision=precision, confidence=confidence)
        on = f"{about}, split {' and '.join(promise_split)}"
        bundle = promised(bundle, labelled.split(*promise_split), promise, on=on)
    name = bundle.manifest.name
    free = max(next_version(name, folder) for folder in (models, output.parent))
    bundle = bundle.renumbered(version or max(free, bundle.manifest.version + 1))
    bundle.save(output, force=force)
    _show(bundle, output)


def _show(bundle: Bundle, folder: Path) -> None:
    from newsclf.cli.screen import out, show_routing

    out.print(f"{bundle.reference} written to {folder}", highlight=False, markup=False)
    for task, model in bundle.tasks.items():
        metrics = model.record.metrics
        if "calibration_error" in metrics:
            out.print(
                f"    {task}: calibration error {metrics['calibration_error_before']:.3f} before, "
                f"{metrics['calibration_error']:.3f} after",
                highlight=False,
            )
    show_routing(bundle.manifest)
