from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsclf.bundle import Bundle, Manifest
from newsclf.errors import BundleError
from newsclf.registry import find_bundle, list_bundles


def saved(bundle: Bundle, folder: Path, *, name: str, version: int) -> Path:
    manifest: Manifest = bundle.manifest.model_copy(update={"name": name, "version": version})
    Bundle(manifest, bundle.tasks).save(folder)
    return folder


@pytest.fixture(scope="module")
def models(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registry") / "models"
    saved(tiny_bundle, root / "desk", name="desk", version=1)
    saved(tiny_bundle, root / "other", name="wire", version=2)
    (root / "notes").mkdir()
    return root


def test_bundles_are_listed_by_folder(models: Path) -> None:
    found = [
        (folder.name, m.name, m.version)
        for folder, m in list_bundles(models)
        if isinstance(m, Manifest)
    ]
    assert found == [("desk", "desk", 1), ("other", "wire", 2)]


def test_a_folder_of_models_need_not_exist(tmp_path: Path) -> None:
    assert list_bundles(tmp_path / "nowhere") == []
    with pytest.raises(BundleError, match="there is none yet; make one with 'newsclf train'"):
        find_bundle("desk", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("reference", "folder"),
    [("desk", "desk"), ("desk@1", "desk"), ("wire", "other"), ("wire@2", "other")],
)
def test_a_bundle_is_found_by_name_and_version(reference: str, folder: str, models: Path) -> None:
    assert find_bundle(reference, models) == models / folder


def test_a_bundle_is_found_by_its_folder(models: Path, tmp_path: Path) -> None:
    assert find_bundle(str(models / "other"), tmp_path) == models / "other"


@pytest.mark.parametrize(
    "reference",
    [
        "dusk",
        "other",
        "desk@2",
        "desk@",
        "desk@1.0",
        "desk@-1",
        "DESK",
        "",
        ".",
        "..",
        "../x",
        "../models/nothing",
        "a/b",
        "/nowhere",
        "desk/../../x",
        "*",
        "desk\x1b[31m",
    ],
)
def test_what_is_not_there_is_refused_with_a_list_of_what_is(reference: str, models: Path) -> None:
    with pytest.raises(BundleError, match=r"no model '.*there are desk@1, wire@2"):
        find_bundle(reference, models)


def test_what_an_interrupted_run_left_is_no_bundle(models: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    shutil.copytree(models / "desk", root / ".desk.01234567")
    shutil.copytree(models / "desk", root / "desk")
    assert [folder.name for folder, _ in list_bundles(root)] == ["desk"]
    assert find_bundle("desk", root) == root / "desk"


def test_a_damaged_bundle_does_not_hide_the_others(tiny_bundle: Bundle, tmp_path: Path) -> None:
    saved(tiny_bundle, tmp_path / "desk", name="desk", version=1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "bundle.json").write_text("{", encoding="utf-8")
    assert isinstance(dict(list_bundles(tmp_path))[tmp_path / "broken"], BundleError)
    assert find_bundle("desk", tmp_path) == tmp_path / "desk"


def test_a_bare_name_means_the_highest_version(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for version in (2, 10, 9):
        saved(tiny_bundle, tmp_path / f"desk-{version}", name="desk", version=version)
    assert find_bundle("desk", tmp_path) == tmp_path / "desk-10"
