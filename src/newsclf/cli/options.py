"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelsFolder = Annotated[
    Path,
    typer.Option(
        "--models", envvar="NEWSCLF_MODELS", help="Folder that holds the models.", show_default=True
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what exists at the output.")]
RunsFolder = Annotated[
    Path,
    typer.Option(
        "--runs", envvar="NEWSCLF_RUNS", help="Folder that holds the runs.", show_default=True
    ),
]

MODELS = Path("models")
RUNS = Path("experiments/runs")
