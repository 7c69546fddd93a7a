"""``newsclf init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make the project in, new or empty.")],
) -> None:
    """Make a project: a scheme to edit, stories to start from, a first run that works.

    [bold]newsclf init newsdesk[/bold]
    """
    import shlex

    from newsclf.cli.screen import out
    from newsclf.scaffold import FILES, make_project

    make_project(folder)
    out.print(f"A project is in {folder}:", highlight=False, markup=False)
    for name, purpose in FILES.items():
        out.print(f"    {name:<24} {purpose}", highlight=False)
    out.print("\nNext:", highlight=False)
    for command in (f"cd {shlex.quote(str(folder))}", "newsclf train experiments/first.toml"):
        out.print(f"    {command}", highlight=False, markup=False, soft_wrap=True)
