from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"datasets", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "tokenizers", "torch"}
ONLY_FOR_TRAINING = {"datasets", "pandas", "sklearn", "torch"}

HELP = """
import sys
from newsclf.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
print("\\n", " ".join(sys.modules))
"""

TAG = """
import sys
from newsclf.cli import app
try:
    app(["tag", sys.argv[1], "-m", sys.argv[2], "-o", sys.argv[3], "--jobs", "1"])
except SystemExit as leaving:
    assert not leaving.code, leaving.code
print("\\n", " ".join(sys.modules))
"""


def imported(program: str, *arguments: str | Path) -> set[str]:
    """Return the top-level packages that a program had imported when it ended."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_nothing_heavy() -> None:
    assert not imported(HELP) & HEAVY


def test_tagging_imports_nothing_that_only_training_needs(tiny_model: Path, tmp_path: Path) -> None:
    story = {"id": "1", "headline": "Border police", "body": "Officers searched a lorry."}
    (tmp_path / "in.jsonl").write_text(json.dumps(story) + "\n")
    found = imported(TAG, tmp_path / "in.jsonl", tiny_model, tmp_path / "out.jsonl")
    assert "numpy" in found
    assert not found & ONLY_FOR_TRAINING
