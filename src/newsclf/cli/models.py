"""``newsclf models``: what bundles there are, what is in them, whether they are whole."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.options import MODELS, ModelsFolder

app = typer.Typer(help="List, show and verify models.", no_args_is_help=True)

ModelReference = Annotated[
    str, typer.Argument(help="A bundle's folder, or a name, or name@version.")
]


@app.command("list")
def list_models(models: ModelsFolder = MODELS) -> None:
    """List the models in the folder of models."""
    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.errors import BundleError
    from newsclf.registry import list_bundles

    found = list_bundles(models)
    if not found:
        out.print(f"no model in {models}; make one with 'newsclf train'", highlight=False)
        return
    table = Table("model", "tasks", "trained on", "folder")
    for folder, manifest in found:
        if isinstance(manifest, BundleError):
            table.add_row(f"[red]damaged[/red]: {escape(str(manifest))}", "", "", str(folder))
            continue
        corpus = f"{manifest.corpus['name']} {manifest.corpus['version']}"
        table.add_row(
            f"{manifest.name}@{manifest.version}", ", ".join(manifest.tasks), corpus, str(folder)
        )
    out.print(table)


@app.command("show")
def show_model(model: ModelReference, models: ModelsFolder = MODELS) -> None:
    """Show a model's tasks, thresholds, training data and environment."""
    from rich.table import Table

    from newsclf.bundle import read_manifest
    from newsclf.cli.screen import out
    from newsclf.registry import find_bundle

    folder = find_bundle(model, models)
    manifest = read_manifest(folder)
    size = sum(record.size for record in manifest.files.values())
    out.print(f"{manifest.name}@{manifest.version} in {folder}, {size / 1e6:.1f} MB")
    for name, group in (("corpus", manifest.corpus), ("environment", manifest.environment)):
        out.print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in group.items()))
    for task, record in manifest.tasks.items():
        macro, micro = record.metrics["macro_f1"], record.metrics["micro_f1"]
        title = f"{task}: {record.classifier}, out-of-fold macro-F1 {macro:.3f}, micro {micro:.3f}"
        table = Table("label", "threshold", title=title, title_justify="left")
        for label in record.scheme.label_ids:
            threshold = record.thresholds.get(label)
            table.add_row(label, "most probable" if threshold is None else f"{threshold:.3f}")
        out.print(table)


@app.command("verify")
def verify_model(model: ModelReference, models: ModelsFolder = MODELS) -> None:
    """Check that every file of a model is the one that was written, and that it loads."""
    from newsclf.bundle import load
    from newsclf.cli.screen import out
    from newsclf.registry import find_bundle

    bundle = load(find_bundle(model, models))
    files = len(bundle.manifest.files)
    out.print(f"{bundle.reference}: {files} files, all as they were written", highlight=False)
