from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import newsclf
from newsclf.extras import EXTRAS

FOUNDATION = {"errors", "records", "schemes", "config", "files", "extras"}
LIBRARIES = {"text", "metrics", "decisions"}
STEPS = {"bundle", "calibrate", "card", "check", "compare", "crossval", "evaluate", "evaluation"}
STEPS |= {"learning", "report", "runs", "scaffold", "slices", "space", "train", "tune"}
APPLICATIONS = {"registry", "tag"}
SERVERS = {"service", "review"}
BELOW_STEPS = FOUNDATION | LIBRARIES | {"corpus", "classifiers"}
BELOW_SERVERS = BELOW_STEPS | STEPS | APPLICATIONS

NUMERICAL = {"numpy", "scipy", "pyarrow", "tokenizers", "safetensors", "Stemmer"}
ANY = None


class Layer(NamedTuple):
    """What the modules of a layer may import: parts of newsclf, and distributions from outside."""

    parts: set[str]
    inside: set[str] | None
    outside: set[str] | None


LAYERS = [
    Layer(FOUNDATION, FOUNDATION, {"numpy", "pydantic", "tomli_w"}),
    Layer(LIBRARIES, FOUNDATION, NUMERICAL | {"pydantic"}),
    Layer(
        {"corpus"},
        {"records", "schemes", "errors", "files", "extras", "text", "metrics"},
        {"datasets", "pyarrow", "orjson", "numpy", "scipy", "pydantic", "tomli_w", "joblib"}
        | {"charset_normalizer", "openpyxl"}
        | {package for extra in ("check", "fetch") for package in EXTRAS[extra]},
    ),
    Layer({"classifiers"}, {"text", "errors", "records", "files"}, ANY),
    Layer(STEPS, BELOW_STEPS | STEPS, ANY),
    Layer(APPLICATIONS, BELOW_STEPS | STEPS | APPLICATIONS, ANY),
    Layer(SERVERS, BELOW_SERVERS | SERVERS, ANY),
    Layer({"cli", "__main__"}, ANY, ANY),
    Layer({"__init__"}, {"bundle"}, set()),
]

ONLY_IN = {
    "typer": ("newsclf.cli",),
    "rich": ("newsclf.cli",),
    "fastapi": ("newsclf.service", "newsclf.review"),
    "sqlalchemy": ("newsclf.service", "newsclf.review"),
    "torch": ("newsclf.classifiers.embedding", "newsclf.classifiers.transformer"),
    "transformers": ("newsclf.classifiers.embedding", "newsclf.classifiers.transformer"),
    "pickle": (),
    "cloudpickle": (),
    "dill": (),
}

ROOT = Path(newsclf.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def layer_of(path: Path) -> Layer:
    part = part_of(dotted(path))
    found = [layer for layer in LAYERS if part in layer.parts]
    assert found, f"{part} is in no layer: give it a place in the table of this test"
    return found[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, anywhere in it."""
    package = dotted(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module == "newsclf":
                names = [alias.name for alias in node.names if not alias.name.startswith("__")]
                yield from (f"newsclf.{name}" for name in names)
            else:
                yield module


each_module = pytest.mark.parametrize("path", MODULES, ids=dotted)


@each_module
def test_a_module_imports_only_the_layers_below_it(path: Path) -> None:
    layer = layer_of(path)
    used = {part_of(name) for name in imports(path) if name.startswith("newsclf.")}
    allowed = used if layer.inside is ANY else layer.inside | {part_of(dotted(path))}
    assert used - allowed == set()


@each_module
def test_a_module_imports_only_the_libraries_of_its_layer(path: Path) -> None:
    layer = layer_of(path)
    used = {name.partition(".")[0] for name in imports(path)} - {"newsclf"}
    beyond = used - sys.stdlib_module_names
    assert beyond - (beyond if layer.outside is ANY else layer.outside) == set()


@each_module
def test_a_reserved_library_is_imported_only_in_its_place(path: Path) -> None:
    name = dotted(path)
    used = {imported.partition(".")[0] for imported in imports(path)}
    misplaced = {
        library
        for library in used & ONLY_IN.keys()
        if not any(name == place or name.startswith(f"{place}.") for place in ONLY_IN[library])
    }
    assert misplaced == set()


def test_imports_are_found_wherever_they_stand() -> None:
    found = set(imports(ROOT / "__init__.py"))
    assert "newsclf.bundle" in found
    assert {"newsclf.errors", "newsclf.files"} <= set(imports(ROOT / "text" / "static.py"))
