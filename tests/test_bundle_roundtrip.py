from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from safetensors.numpy import save_file

from newsclf import load
from newsclf.bundle import Bundle, Seen, verify
from newsclf.classifiers import CLASSIFIER_NAMES
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus
from newsclf.errors import BundleError, ConfigError, OutputError
from newsclf.records import Article
from newsclf.train import train

FILES = (
    "README.md",
    "bundle.json",
    "seen.safetensors",
    "stance/classifier.json",
    "stance/weights.safetensors",
    "topic/classifier.json",
    "topic/weights.safetensors",
)
OLD = Path(__file__).parent / "bundles"


def tiny(corpus: Corpus, classifier: str, *tasks: str) -> Bundle:
    options: dict[str, Any] = {} if classifier in ("dummy", "static") else {"stemming": "never"}
    how = TaskConfig(classifier=classifier, options=options)
    run = RunConfig(name="tiny", corpus=Path("unused"), seed=5, tasks=dict.fromkeys(tasks, how))
    with parallel_config(backend="sequential"):
        return train(run, corpus)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "bundle.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("classifier", CLASSIFIER_NAMES)
def test_a_loaded_bundle_predicts_the_same_to_the_bit(
    classifier: str, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    bundle = tiny(tiny_corpus, classifier, "stance")
    bundle.save(tmp_path / "saved")
    loaded = load(tmp_path / "saved")
    stories = tiny_corpus.split("test")
    expected, found = bundle.probabilities(stories), loaded.probabilities(stories)
    assert expected.keys() == found.keys() == {"stance"}
    assert np.array_equal(expected["stance"], found["stance"])
    assert bundle.tag(stories) == loaded.tag(stories)
    assert {path.rsplit(".", 1)[-1] for path in contents(tmp_path / "saved")} <= {
        "json",
        "md",
        "safetensors",
    }


def test_a_loaded_bundle_of_several_tasks_tags_the_same(
    tiny_bundle: Bundle, tiny_model: Path, tiny_corpus: Corpus
) -> None:
    stories = tiny_corpus.split("test")
    loaded = load(tiny_model)
    assert list(loaded.tasks) == ["topic", "stance"]
    assert loaded.reference == "tiny@3"
    assert loaded.tag(stories) == tiny_bundle.tag(stories)
    assert loaded.tag([]) == []
    assert tuple(sorted(contents(tiny_model))) == FILES


def test_every_story_has_one_tag_of_a_single_label_task(
    tiny_bundle: Bundle, tiny_corpus: Corpus
) -> None:
    for tagged in tiny_bundle.tag(tiny_corpus.articles):
        assert [tag.task for tag in tagged.tags].count("stance") == 1
        chosen = next(tag for tag in tagged.tags if tag.task == "stance")
        assert chosen.probability == max(tagged.scores["stance"].values())


def test_the_same_configuration_and_seed_give_the_same_bytes(
    tiny_corpus: Corpus, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        tiny(tiny_corpus, "linear", "stance").save(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_bundle_holds_no_path_of_the_machine_that_trained_it(tiny_model: Path) -> None:
    for name, data in contents(tiny_model).items():
        assert str(Path.cwd()).encode() not in data, name


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused_by_the_name_of_its_file(name: str, copy: Path) -> None:
    path = copy / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x80
    path.write_bytes(data)
    with pytest.raises(BundleError, match=re.escape(name)):
        load(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_its_name(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{re.escape(Path(name).name)}.*(missing|No such file)"):
        load(copy)


@pytest.mark.parametrize("name", ["x.pkl", "topic/x.pkl", "topic/more.json", ".hidden", "new/a"])
def test_an_added_file_is_refused(name: str, copy: Path) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match=rf"{re.escape(name)} is not listed in bundle.json"):
        load(copy)


def test_a_link_in_place_of_a_file_is_refused(copy: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.json"
    (copy / "topic/classifier.json").rename(target)
    (copy / "topic/classifier.json").symlink_to(target)
    with pytest.raises(BundleError, match=r"topic/classifier\.json"):
        load(copy)


def test_a_link_to_a_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "topic").rename(tmp_path / "elsewhere")
    (copy / "topic").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="topic is not listed"):
        load(copy)


@pytest.mark.parametrize("name", ["../outside.json", "topic/../../outside.json", "x.pkl"])
def test_a_path_that_a_bundle_may_not_hold_is_refused(
    name: str, copy: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.json").write_text("{}")

    def list_it(document: dict[str, Any]) -> None:
        document["files"][name] = {"sha256": "0" * 64, "size": 2}

    edit_manifest(copy, list_it)
    with pytest.raises(BundleError, match="may not hold"):
        load(copy)


def test_an_absolute_path_in_the_manifest_is_refused(copy: Path, tmp_path: Path) -> None:
    def list_it(document: dict[str, Any]) -> None:
        document["files"][str(tmp_path / "outside.json")] = {"sha256": "0" * 64, "size": 2}

    edit_manifest(copy, list_it)
    with pytest.raises(BundleError, match="may not hold"):
        load(copy)


@pytest.mark.parametrize("found", [0, 3, "1", None])
def test_an_unknown_format_is_refused(found: object, copy: Path) -> None:
    edit_manifest(copy, lambda document: document.update(format=found))
    with pytest.raises(BundleError, match="this newsclf reads formats 1 to 2"):
        load(copy)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_a_manifest_that_is_not_json_is_refused(text: str, copy: Path) -> None:
    (copy / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json is not a bundle's manifest"):
        load(copy)


def test_a_manifest_that_is_a_list_is_refused(copy: Path) -> None:
    (copy / "bundle.json").write_text("[]")
    with pytest.raises(BundleError, match=r"bundle\.json has format None"):
        load(copy)


def test_a_manifest_with_an_unknown_key_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda document: document.update(code="import os"))
    with pytest.raises(BundleError, match="code"):
        load(copy)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle at .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"no bundle at .*bundle\.json"):
        verify(tmp_path)


def test_a_task_with_an_unknown_classifier_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda document: document["tasks"]["topic"].update(classifier="os.system"))
    with pytest.raises(BundleError, match="'topic' names an unknown classifier"):
        load(copy)


def test_a_task_with_another_classifier_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda document: document["tasks"]["topic"].update(classifier="dummy"))
    with pytest.raises(BundleError, match="topic does not hold a dummy"):
        load(copy)


def test_a_task_under_the_name_of_another_scheme_is_refused(copy: Path) -> None:
    def swap(document: dict[str, Any]) -> None:
        tasks = document["tasks"]
        tasks["topic"], tasks["stance"] = tasks["stance"], tasks["topic"]

    edit_manifest(copy, swap)
    with pytest.raises(BundleError, match="unknown classifier or scheme"):
        load(copy)


def test_labels_other_than_those_of_the_scheme_are_refused(copy: Path) -> None:
    edit_manifest(copy, lambda document: document["tasks"]["topic"]["scheme"]["labels"].reverse())
    with pytest.raises(BundleError, match="has other labels than its scheme"):
        load(copy)


def test_a_missing_threshold_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda document: document["tasks"]["topic"]["thresholds"].popitem())
    with pytest.raises(BundleError, match="threshold"):
        load(copy)


def test_an_existing_folder_is_replaced_only_by_force(tiny_bundle: Bundle, copy: Path) -> None:
    (copy / "README.md").write_text("changed")
    with pytest.raises(OutputError, match="exists already"):
        tiny_bundle.save(copy)
    assert (copy / "README.md").read_text() == "changed"
    tiny_bundle.save(copy, force=True)
    assert load(copy).reference == "tiny@3"


def test_a_folder_that_is_no_bundle_is_never_replaced(tiny_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("Dear editor")
    with pytest.raises(OutputError, match="letters"):
        tiny_bundle.save(tmp_path / "letters", force=True)
    assert (tmp_path / "letters" / "one.txt").read_text() == "Dear editor"
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_a_bundle_of_format_1_still_loads_and_tags() -> None:
    bundle = load(OLD / "format_1")
    assert bundle.manifest.tasks["topic"].routing is None
    [tagged] = bundle.tag([Article("1", "Border police", "Officers searched a lorry.")])
    assert [(tag.label, round(tag.probability, 4)) for tag in tagged.tags] == [
        ("policing", 0.8746),
        ("justice", 0.5281),
        ("environment", 0.1381),
        ("critical", 0.375),
    ]


@pytest.mark.parametrize("tasks", [[], {"topic": 1}, {"topic": {"thresholds": [0.5]}}, None])
def test_a_broken_bundle_of_format_1_is_refused(tasks: object, tmp_path: Path) -> None:
    shutil.copytree(OLD / "format_1", tmp_path / "old")
    edit_manifest(tmp_path / "old", lambda document: document.update(tasks=tasks))
    with pytest.raises(BundleError, match="is not a bundle's manifest"):
        load(tmp_path / "old")


def test_a_bundle_knows_the_stories_that_it_learned_from(
    tiny_model: Path, tiny_corpus: Corpus
) -> None:
    bundle = load(tiny_model)
    learned, fresh = tiny_corpus.split("train"), tiny_corpus.split("test")
    assert bundle.seen.among(learned).all()
    assert not bundle.seen.among(fresh).any()
    bundle.refuse_seen(fresh)
    disguised = replace(learned[0], id="x", headline=f"  {learned[0].headline.upper()}\n")
    with pytest.raises(ConfigError, match=r"tiny@3 was trained .* on 1 of these 13 .* \(x\)"):
        bundle.refuse_seen([*fresh, disguised])


@pytest.mark.parametrize("arrays", [{"other": np.zeros(2)}, {"fingerprints": np.zeros((2, 2))}])
def test_fingerprints_of_another_shape_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    save_file(arrays, tmp_path / "seen.safetensors")
    with pytest.raises(BundleError, match="holds no fingerprints"):
        Seen.load(tmp_path)


def test_a_calibration_of_other_labels_is_refused(copy: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        del document["tasks"]["topic"]["calibration"]["labels"]["policing"]

    edit_manifest(copy, change)
    with pytest.raises(BundleError, match="the calibration of topic is not that of its labels"):
        load(copy)
