"""``newsclf models``: what bundles there are, what is in them, and which is in production."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.options import MODELS, Force, ModelsFolder

if TYPE_CHECKING:
    from newsclf.bundle import Manifest, TaskRecord
    from newsclf.errors import BundleError
    from newsclf.registry import Registry
    from newsclf.registry.history import Figure

_CELL_CHARACTERS = 80

app = typer.Typer(
    help="List, compare, promote, roll back, verify and export models.", no_args_is_help=True
)

ModelReference = Annotated[
    str, typer.Argument(help="A bundle's folder, or a name, or name@version.")
]
ModelName = Annotated[str, typer.Argument(help="The name that a model's versions share.")]


@app.command("list")
def list_models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one array, in place of a table.")
    ] = False,
    models: ModelsFolder = MODELS,
) -> None:
    """List the models in the folder of models: stage, and out-of-fold macro-F1 a task.

    [bold]newsclf models list --json[/bold]
    """
    import json

    from newsclf.cli.screen import out
    from newsclf.registry import list_bundles, read_registry

    registry = read_registry(models)
    rows = [_listed(folder, found, registry) for folder, found in list_bundles(models)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        _show_list(rows)
    else:
        out.print(f"no model in {models}; make one with 'newsclf train'", highlight=False)


@app.command("show")
def show_model(model: ModelReference, models: ModelsFolder = MODELS) -> None:
    """Show a model's stage, tasks, thresholds, training data, environment and history.

    [bold]newsclf models show govnews[/bold]
    """
    from newsclf.bundle import read_manifest
    from newsclf.cli.screen import out, show_routing
    from newsclf.registry import find_bundle, read_registry

    folder = find_bundle(model, models)
    manifest = read_manifest(folder)
    size = sum(record.size for record in manifest.files.values())
    stage = _listed(folder, manifest, read_registry(models))["stage"]
    out.print(f"{manifest.name}@{manifest.version} ({stage}) in {folder}, {size / 1e6:.1f} MB")
    for name, group in (("corpus", manifest.corpus), ("environment", manifest.environment)):
        out.print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in group.items()))
    for task, record in manifest.tasks.items():
        _show_task(task, record)
    show_routing(manifest)
    _show_history(manifest.name, models)


@app.command("verify")
def verify_model(model: ModelReference, models: ModelsFolder = MODELS) -> None:
    """Check that every file of a model is the one that was written, and that it loads.

    [bold]newsclf models verify govnews@1[/bold]
    """
    from newsclf.bundle import load
    from newsclf.cli.screen import out
    from newsclf.registry import find_bundle

    bundle = load(find_bundle(model, models))
    files = len(bundle.manifest.files)
    out.print(f"{bundle.reference}: {files} files, all as they were written", highlight=False)


@app.command("gold")
def set_gold(
    name: ModelName,
    corpus: Annotated[Path, typer.Option(help="Labelled corpus, a folder.")],
    split: Annotated[str, typer.Option(help="Which split to judge on.")] = "test",
    protect: Annotated[
        list[str] | None,
        typer.Option(help="Label whose own F1 may not fall; give the option once a label."),
    ] = None,
    models: ModelsFolder = MODELS,
    force: Annotated[bool, typer.Option("--force", help="Replace the gold set there is.")] = False,
) -> None:
    """Set the stories that every version has to do well on before it is promoted.

    [bold]newsclf models gold govnews --corpus data/govnews --protect policing[/bold]
    """
    from newsclf.cli.screen import out
    from newsclf.registry.gold import gold_stories
    from newsclf.registry.gold import set_gold as set_gold_set

    gold = set_gold_set(name, models, corpus, split=split, protected=protect or (), force=force)
    count = len(gold_stories(name, gold, models))
    guarded = f"; protected: {', '.join(gold.protected)}" if gold.protected else ""
    out.print(
        f"{name} is judged on {count} stories, split {split} of {corpus}{guarded}", highlight=False
    )


@app.command("promote")
def promote(
    model: ModelReference,
    override: Annotated[
        str | None,
        typer.Option(help="Promote whatever speaks against it, for this reason, which is kept."),
    ] = None,
    models: ModelsFolder = MODELS,
) -> None:
    """Put a version into production, if it does as well on the gold set as the one there.

    [bold]newsclf models promote govnews@2[/bold]
    """
    from newsclf.cli.screen import out
    from newsclf.registry.promotion import NotPromotedError
    from newsclf.registry.promotion import promote as promote_bundle

    try:
        event, notes = promote_bundle(model, models, override=override)
    except NotPromotedError as refused:
        _show_figures(refused.verdict.figures)
        _say(refused.verdict.notes)
        raise
    _show_figures(event.figures)
    _say([*notes, *(f"overridden: {reason}" for reason in event.overrode)])
    out.print(event.sentence, highlight=False)


@app.command("rollback")
def rollback(
    name: ModelName,
    why: Annotated[str, typer.Option(help="Reason, for the history.")] = "",
    models: ModelsFolder = MODELS,
) -> None:
    """Put the version before the one in production back.

    [bold]newsclf models rollback govnews --why "too many stories for review"[/bold]
    """
    from newsclf.cli.screen import out
    from newsclf.registry.promotion import rollback as roll_back

    out.print(roll_back(name, models, why=why).sentence, highlight=False)


@app.command("diff")
def diff(
    first: ModelReference,
    second: Annotated[str, typer.Argument(help="The model to compare it with.")],
    models: ModelsFolder = MODELS,
) -> None:
    """Show side by side what two models do not share: labels, thresholds, scores, training.

    [bold]newsclf models diff govnews@1 govnews@2[/bold]
    """
    from rich.markup import escape
    from rich.table import Column, Table

    from newsclf.bundle import read_manifest
    from newsclf.cli.screen import out
    from newsclf.registry import find_bundle
    from newsclf.registry.differences import differences

    found = differences(*(read_manifest(find_bundle(model, models)) for model in (first, second)))
    if not found:
        out.print(f"{first} and {second} differ in nothing but their files", highlight=False)
        return
    table = Table(Column("what", overflow="fold"), escape(first), escape(second))
    for where, *values in found:
        table.add_row(escape(where), *(escape(_cell(value)) for value in values))
    out.print(table)


@app.command("card")
def card(model: ModelReference, models: ModelsFolder = MODELS) -> None:
    """Print a model's card, in Markdown.

    [bold]newsclf models card govnews[/bold]
    """
    from newsclf.bundle import verify
    from newsclf.registry import find_bundle

    folder = find_bundle(model, models)
    verify(folder)
    typer.echo((folder / "README.md").read_text(encoding="utf-8"), nl=False)


@app.command("export")
def export(
    model: ModelReference,
    output: Annotated[Path, typer.Option(help="The file, such as topic.joblib.")],
    task: Annotated[
        str | None, typer.Option(help="Which task; needed where the model has several.")
    ] = None,
    models: ModelsFolder = MODELS,
    force: Force = False,
) -> None:
    """Write a task of the classifier linear as a scikit-learn pipeline, for joblib to load.

    [bold]newsclf models export govnews --task topic --output topic.joblib[/bold]
    """
    from importlib.metadata import version

    from newsclf.bundle import load
    from newsclf.registry import find_bundle
    from newsclf.registry.export import export_pipeline

    bundle = load(find_bundle(model, models))
    export_pipeline(bundle, output, task=task, force=force)
    _say(
        [
            f"{output} written, from {bundle.reference}: text in as headline, line break, body; "
            "probabilities out as they are before calibration, and no thresholds",
            f"load it with joblib and scikit-learn {version('scikit-learn')}; a joblib file runs "
            "whatever code is in it, so load none from strangers",
        ]
    )


def _listed(folder: Path, found: Manifest | BundleError, registry: Registry) -> dict[str, Any]:
    from newsclf.errors import BundleError
    from newsclf.files import sha256_of

    if isinstance(found, BundleError):
        return {"folder": str(folder), "error": str(found)}
    stage = registry.record(found.name).stage(found.version, sha256_of(folder / "bundle.json"))
    return {
        "name": found.name,
        "version": found.version,
        "stage": stage.value,
        "macro_f1": {task: record.metrics["macro_f1"] for task, record in found.tasks.items()},
        "corpus": f"{found.corpus['name']} {found.corpus['version']}",
        "folder": str(folder),
    }


def _show_list(rows: Iterable[Mapping[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import out

    table = Table("model", "stage", "macro-F1", "trained on", "folder")
    for row in rows:
        if "error" in row:
            table.add_row(f"[red]damaged[/red]: {escape(row['error'])}", "", "", "", row["folder"])
            continue
        scores = "\n".join(f"{task} {score:.3f}" for task, score in row["macro_f1"].items())
        model = f"{row['name']}@{row['version']}"
        table.add_row(model, row["stage"], scores, row["corpus"], row["folder"])
    out.print(table)


def _show_task(task: str, record: TaskRecord) -> None:
    """Show each label's threshold, and the articles with the label that it rests on."""
    from rich.table import Table

    from newsclf.cli.screen import out

    macro, micro = record.metrics["macro_f1"], record.metrics["micro_f1"]
    aim = f", thresholds for the {record.objective}" if record.thresholds else ""
    title = f"{task}: {record.classifier}, held-out macro-F1 {macro:.3f}, micro {micro:.3f}{aim}"
    table = Table("label", "threshold", "rests on", title=title, title_justify="left")
    for label in record.scheme.label_ids:
        threshold = record.thresholds.get(label)
        if threshold is None:
            table.add_row(label, "most probable", "")
            continue
        shared = ", shared with other rare labels" if threshold.shared else ""
        unmet = "; out of reach" if not threshold.met else ""
        table.add_row(
            label, f"{threshold.value:.3f}", f"{threshold.support:,} articles{shared}{unmet}"
        )
    out.print(table)


def _show_history(name: str, models: Path) -> None:
    from newsclf.registry.state import read_history

    _say(
        f"{event.when[:16]} UTC, {event.who}: {event.sentence}{event.why and f' ({event.why})'}"
        for event in read_history(models)
        if event.name == name
    )


def _show_figures(figures: Mapping[str, Figure]) -> None:
    from rich.table import Table

    from newsclf.cli.screen import out

    if not figures:
        return
    table = Table("F1 on the gold set", title_justify="left")
    for heading in ("candidate", "production", "at least"):
        table.add_column(heading, justify="right")
    for what, figure in figures.items():
        values = (figure.candidate, figure.production, figure.lowest)
        table.add_row(what, *("" if value is None else f"{value:.3f}" for value in values))
    out.print(table)


def _say(lines: Iterable[str]) -> None:
    from newsclf.cli.screen import out

    for line in lines:
        out.print(line, highlight=False, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _CELL_CHARACTERS else f"{text[:_CELL_CHARACTERS]}…"
