from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from newsclf.bundle import Bundle, Manifest, TaskModel, TaskRecord, read_manifest
from newsclf.card import model_card
from newsclf.classifiers.head import LogisticHead
from newsclf.classifiers.linear import Hybrid, Linear
from newsclf.cli import app
from newsclf.corpus import Corpus
from newsclf.errors import BundleError, ConfigError, OutputError
from newsclf.records import Text
from newsclf.registry import (
    RegistryError,
    Stage,
    find_bundle,
    list_bundles,
    next_version,
    read_registry,
)
from newsclf.registry.differences import differences
from newsclf.registry.export import export_pipeline, pipeline
from newsclf.registry.history import Event
from newsclf.registry.state import NameRecord, Promoted, change, read_history
from newsclf.schemes import Label, LabelScheme
from newsclf.text.tfidf import Tfidf
from newsclf.text.tokens import tokenize


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
        "desk@01",
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


def promoted(version: int) -> NameRecord:
    return NameRecord(promoted={version: Promoted(sha256="0" * 64)}, succession=(version,))


def event(version: int, name: str = "desk") -> Event:
    return Event(what="promote", name=name, origin=None, to=f"{name}@{version}")


def test_a_change_says_who_when_what_from_where_to_where_and_why(tmp_path: Path) -> None:
    what = event(1).model_copy(update={"why": "first"})
    change(tmp_path, seen=NameRecord(), new=promoted(1), event=what)
    [line] = (tmp_path / "history.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (row["what"], row["from"], row["to"], row["why"]) == ("promote", None, "desk@1", "first")
    assert row["when"].endswith("+00:00")
    assert row["who"]
    assert read_registry(tmp_path).record("desk") == promoted(1)
    assert read_history(tmp_path) == [what]


def test_a_change_that_rests_on_what_is_no_longer_so_is_refused(tmp_path: Path) -> None:
    change(tmp_path, seen=NameRecord(), new=promoted(1), event=event(1))
    change(tmp_path, seen=NameRecord(), new=promoted(7), event=event(7, "wire"))
    with pytest.raises(RegistryError, match=r"^desk@1 was promoted by another process; look again"):
        change(tmp_path, seen=NameRecord(), new=promoted(2), event=event(2))
    assert read_registry(tmp_path).record("desk") == promoted(1)
    assert len(read_history(tmp_path)) == 2


def test_no_change_is_lost_when_many_are_made_at_once(tmp_path: Path) -> None:
    def promote_ten(worker: int) -> None:
        for version in range(worker * 10, worker * 10 + 10):
            while True:
                seen = read_registry(tmp_path).record("desk")
                new = seen.model_copy(update={"succession": (*seen.succession, version)})
                try:
                    change(tmp_path, seen=seen, new=new, event=event(version))
                except RegistryError:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(promote_ten, range(4)))
    order = read_registry(tmp_path).record("desk").succession
    assert sorted(order) == list(range(40))
    assert [entry.to for entry in read_history(tmp_path)] == [f"desk@{v}" for v in order]


@pytest.mark.parametrize("kept", [0, 40], ids=["a lost line", "a line cut short"])
def test_a_history_that_a_crash_left_behind_is_completed(kept: int, tmp_path: Path) -> None:
    for version in (1, 2):
        seen = read_registry(tmp_path).record("desk")
        change(tmp_path, seen=seen, new=promoted(version), event=event(version))
    path = tmp_path / "history.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    assert [entry.to for entry in read_history(tmp_path)] == ["desk@1", "desk@2"]
    change(tmp_path, seen=promoted(2), new=promoted(3), event=event(3))
    assert path.read_bytes().startswith(first + second)
    assert [entry.to for entry in read_history(tmp_path)] == ["desk@1", "desk@2", "desk@3"]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"names": {"../x": {}}}', '{"stages": {}}']
)
def test_a_damaged_registry_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "registry.json").write_text(text)
    with pytest.raises(RegistryError, match=r"registry\.json is not a registry that this newsclf"):
        find_bundle("desk", tmp_path)


def test_a_damaged_history_is_refused(tmp_path: Path) -> None:
    change(tmp_path, seen=NameRecord(), new=promoted(1), event=event(1))
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(RegistryError, match=r"history\.jsonl, line 2: not an event"):
        read_history(tmp_path)


def test_a_folder_that_cannot_be_locked_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot lock .*nothing was changed"):
        change(tmp_path / "nowhere", seen=NameRecord(), new=promoted(1), event=event(1))


def test_a_bundle_is_in_the_stage_that_its_version_and_its_manifest_say() -> None:
    old, new = Promoted(sha256="a" * 64), Promoted(sha256="b" * 64)
    record = NameRecord(promoted={1: old, 2: new}, succession=(1, 2))
    assert record.stage(1, old.sha256) is Stage.ARCHIVED
    assert record.stage(2, new.sha256) is Stage.PRODUCTION
    assert record.stage(2, old.sha256) is Stage.CHANGED
    assert record.stage(3, new.sha256) is Stage.CANDIDATE
    back = record.rolled_back()
    assert back.stage(1, old.sha256) is Stage.PRODUCTION
    assert back.stage(2, new.sha256) is Stage.ARCHIVED


def test_a_bundle_does_not_differ_from_itself(tiny_bundle: Bundle) -> None:
    other = tiny_bundle.manifest.model_copy(update={"version": 9})
    assert differences(tiny_bundle.manifest, other) == []


def test_differences_are_named_value_by_value(tiny_bundle: Bundle) -> None:
    first = tiny_bundle.manifest
    topic = first.tasks["topic"]
    scheme = topic.scheme.model_copy(update={"labels": topic.scheme.labels[:-1]})
    lost = topic.scheme.labels[-1]
    changed = topic.model_copy(update={"scheme": scheme, "metrics": {"macro_f1": 0.5}})
    second = first.model_copy(
        update={"tasks": {"topic": changed}, "corpus": first.corpus | {"version": "2.0.0"}}
    )
    found = {row.where: (row.first, row.second) for row in differences(first, second)}
    assert found["tasks.topic.metrics.macro_f1"] == (topic.metrics["macro_f1"], 0.5)
    assert found[f"tasks.topic.scheme.labels.{lost.id}.title"] == (lost.title, None)
    assert found["corpus.version"] == (first.corpus["version"], "2.0.0")
    assert found["tasks.stance.classifier"] == ("linear", None)
    assert not any(where.startswith(("config", "environment")) for where in found)


def learned(
    batch: Sequence[str], n_labels: int, *, multi_label: bool, ngrams: int, seed: int
) -> TaskModel:
    """A task with a vocabulary of some texts, any weights, and a class that none of them had."""
    labels = tuple(Label(id=f"l{row}", title="L", definition="D.") for row in range(n_labels))
    scheme = LabelScheme(
        name="beat",
        title="Beat",
        version="1",
        kind="multi" if multi_label else "single",
        question="Whose?",
        labels=labels,
    )
    classifier = Linear(scheme.label_ids, multi_label=multi_label, ngrams=ngrams)
    classifier.stem_ = False
    classifier.tfidf_ = Tfidf.fit(tokenize(batch), min_df=1, longest=ngrams)
    draw = np.random.default_rng(seed)
    intercepts = draw.normal(size=n_labels)
    intercepts[1:2] = -np.inf
    classifier.head_ = LogisticHead(
        draw.normal(scale=5, size=(len(classifier.tfidf_.ngrams), n_labels)),
        intercepts,
        multi_label,
    )
    record = TaskRecord(classifier="linear", scheme=scheme, thresholds={}, metrics={})
    return TaskModel(record, classifier)


word = st.sampled_from(["border", "police", "Force", "straße", "國境", "aa", "x", "well-known"])
story = st.one_of(st.lists(word, max_size=8).map(" ".join), st.text(max_size=20))


@given(
    batch=st.lists(story, min_size=1, max_size=6).map(lambda texts: [*texts, "border force"]),
    unseen=st.lists(st.tuples(story, story), min_size=1, max_size=5),
    n_labels=st.integers(1, 4),
    multi_label=st.booleans(),
    ngrams=st.integers(1, 2),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_an_exported_pipeline_gives_the_same_probabilities(
    batch: list[str],
    unseen: list[tuple[str, str]],
    n_labels: int,
    multi_label: bool,
    ngrams: int,
    seed: int,
) -> None:
    n_labels = n_labels if multi_label else max(n_labels, 2)
    model = learned(batch, n_labels, multi_label=multi_label, ngrams=ngrams, seed=seed)
    ours = model.classifier.predict_proba([Text(*pair) for pair in unseen])
    theirs = pipeline(model).predict_proba(["\n".join(pair) for pair in unseen])
    np.testing.assert_allclose(theirs[:, -n_labels:], ours, rtol=0, atol=1e-6)


def test_an_exported_file_tags_without_newsclf(
    tiny_bundle: Bundle, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    articles = tiny_corpus.split("test")
    texts = [f"{article.headline}\n{article.body}" for article in articles]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    program = (
        "import json, sys, joblib; loaded = joblib.load(sys.argv[1]); "
        "texts = json.load(open(sys.argv[2])); "
        "print(json.dumps([loaded.predict_proba(texts).tolist(), loaded.predict(texts).tolist()]));"
        "assert not any(name.startswith('newsclf') for name in sys.modules)"
    )
    for task, model in tiny_bundle.tasks.items():
        export_pipeline(tiny_bundle, tmp_path / task, task=task)
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                program,
                tmp_path / task,
                tmp_path / "texts.json",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        probabilities, predicted = json.loads(done.stdout)
        expected = model.classifier.predict_proba([article.text for article in articles])
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)
        if model.record.scheme.kind == "multi":
            assert np.array_equal(predicted, expected > 0.5)
        else:
            best = expected.argmax(axis=1)
            assert predicted == [model.record.scheme.label_ids[column] for column in best]


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"stem_": True}, "it reads stems"),
        ({"tfidf_": Tfidf.fit(tokenize([""]))}, "it has learned no word"),
        ({"__class__": Hybrid}, "its classifier is 'linear'"),
    ],
)
def test_what_cannot_be_exported_is_named(change: dict[str, object], obstacle: str) -> None:
    model = learned(["border force"], 2, multi_label=True, ngrams=1, seed=0)
    for name, value in change.items():
        setattr(model.classifier, name, value)
    with pytest.raises(ConfigError, match=f"^beat cannot be exported: {obstacle}; what can be is"):
        pipeline(model)


def test_an_export_needs_a_task_and_a_free_path(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Give --task: topic, stance"):
        export_pipeline(tiny_bundle, tmp_path / "x")
    with pytest.raises(ConfigError, match="tiny@3 has no task 'topics'; did you mean 'topic'"):
        export_pipeline(tiny_bundle, tmp_path / "x", task="topics")
    (tmp_path / "x").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export_pipeline(tiny_bundle, tmp_path / "x", task="topic")
    assert (tmp_path / "x").read_text() == "mine"


def test_the_commands_list_diff_card_and_export(models: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(
            app, ["models", *arguments, "--models", str(models)], env={"COLUMNS": "200"}
        )
        assert done.exit_code == 0, done.output
        return done.output

    desk, wire = json.loads(run("list", "--json"))
    assert (desk["name"], desk["version"], desk["stage"]) == ("desk", 1, "candidate")
    assert set(wire["macro_f1"]) == {"topic", "stance"}
    assert f"topic {desk['macro_f1']['topic']:.3f}" in run("list")
    assert "desk and wire differ in nothing but their files" in run("diff", "desk", "wire")
    assert run("card", "desk") == model_card(read_manifest(models / "desk"))
    said = run("export", "desk", "--task", "topic", "--output", str(tmp_path / "topic.joblib"))
    assert "a joblib file runs whatever code is in it" in said
    assert (tmp_path / "topic.joblib").exists()


def test_two_bundles_of_one_version_are_told_apart_by_folder_alone(
    tiny_model: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        shutil.copytree(tiny_model, tmp_path / name)
    with pytest.raises(BundleError, match=r"one and .*two are both tiny@3; name the folder"):
        find_bundle("tiny", tmp_path)
    assert find_bundle(str(tmp_path / "one"), tmp_path) == tmp_path / "one"
    assert next_version("tiny", tmp_path) == 4
    assert next_version("other", tmp_path) == 1
