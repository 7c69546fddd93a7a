from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from newsclf.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(path) or "newsclf", command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help.strip()
    for parameter in command.params:
        if "--install-completion" in parameter.opts or "--show-completion" in parameter.opts:
            continue
        assert (parameter.help or "").strip().endswith((".", "]")), parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_no_words_of_a_help_text_are_taken_for_markup(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert "[" not in (parameter.help or ""), parameter.name


@pytest.mark.parametrize("name", [name for name, c in COMMANDS.items() if name != "newsclf"])
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"newsclf {name}" in README


def test_every_file_that_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_readme_s_commands_and_code_run(tmp_path: Path) -> None:
    for name in ("data", "experiments"):
        (tmp_path / name).symlink_to(ROOT / name)
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]
    assert len(lines) >= 4
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "newsclf"
        done = subprocess.run(
            [sys.executable, "-m", "newsclf", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"COLUMNS": "120"},
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    [program] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "task='topic', label='policing'" in done.stdout
