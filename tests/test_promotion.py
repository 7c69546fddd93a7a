from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import cast
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from newsclf.bundle import Bundle, TaskModel
from newsclf.classifiers.linear import Linear
from newsclf.cli import app
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, read_corpus, write_corpus
from newsclf.errors import BundleError, ConfigError, NewsclfError
from newsclf.records import LabelledArticle
from newsclf.registry import (
    RegistryError,
    Stage,
    find_bundle,
    promotion,
    read_registry,
    refuse_promoted,
)
from newsclf.registry.gate import judge
from newsclf.registry.gold import set_gold
from newsclf.registry.history import Event
from newsclf.registry.promotion import NotPromotedError, promote, rollback
from newsclf.registry.state import NameRecord, change, read_history
from newsclf.train import train

Save = Callable[..., Path]


def inverted(bundle: Bundle, task: str, labels: Sequence[str] = ()) -> Bundle:
    """A bundle that says the opposite of what it should, for some labels or for all."""
    model = bundle.tasks[task]
    classifier = copy(cast("Linear", model.classifier))
    columns = [row for row, label in enumerate(classifier.labels) if not labels or label in labels]
    coefficients = classifier.head_.coefficients.copy()
    coefficients[:, columns] *= -1
    classifier.head_ = replace(classifier.head_, coefficients=coefficients)
    return bundle.with_decisions(
        {**bundle.tasks, task: TaskModel(model.record, classifier)}, [], {}
    )


def trained(corpus: Corpus, *, without: str = "") -> Bundle:
    """A bundle of dummies, perhaps from a scheme that has one topic fewer."""
    topic = corpus.schemes["topic"]
    labels = tuple(label for label in topic.labels if label.id != without)
    schemes = {"topic": topic.model_copy(update={"labels": labels})}
    articles = tuple(
        replace(
            article,
            labels={"topic": tuple(label for label in article.labels["topic"] if label != without)},
        )
        for article in corpus.articles
    )
    tasks = {"topic": TaskConfig(classifier="dummy")}
    config = RunConfig(name="desk", corpus=Path("unused"), tasks=tasks)
    return train(config, Corpus(corpus.info, schemes, articles))


def without_task(bundle: Bundle, task: str) -> Bundle:
    others = {name: model for name, model in bundle.tasks.items() if name != task}
    return bundle.with_decisions(others, [], {})


@pytest.fixture(scope="module")
def stories(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stories to judge on, which no bundle was trained on."""
    articles = tuple(replace(article, split="test") for article in corpus.articles[72:232])
    folder = tmp_path_factory.mktemp("gold") / "stories"
    write_corpus(Corpus(corpus.info, corpus.schemes, articles), folder)
    return folder


@pytest.fixture(scope="module")
def gold(stories: Path) -> tuple[LabelledArticle, ...]:
    return read_corpus(stories).articles


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def save(models: Path, tiny_bundle: Bundle) -> Save:
    """Saves a bundle as desk@VERSION, by default one that is as good as any other."""

    def save_version(version: int, bundle: Bundle = tiny_bundle) -> Path:
        update = {"name": "desk", "version": version}
        folder = models / f"desk@{version}"
        replace(bundle, manifest=bundle.manifest.model_copy(update=update)).save(folder)
        return folder

    return save_version


def stages(models: Path) -> dict[int, Stage]:
    record = read_registry(models).record("desk")
    return {
        version: record.stage(version, entry.sha256) for version, entry in record.promoted.items()
    }


def test_the_first_promotion_is_evaluated_and_kept(save: Save, models: Path, stories: Path) -> None:
    save(1)
    set_gold("desk", models, stories)
    event, notes = promote("desk", models)
    assert (event.what, event.origin, event.to) == ("promote", None, "desk@1")
    assert 0 < event.figures["topic"].candidate < 1
    assert event.figures["topic"].production is None
    assert notes == ()
    assert read_registry(models).record("desk").promoted[1].figures == event.figures
    assert stages(models) == {1: Stage.PRODUCTION}


def test_what_was_never_evaluated_is_not_promoted(save: Save, models: Path) -> None:
    save(1)
    with pytest.raises(NotPromotedError, match=r"never evaluated.*'newsclf models gold desk"):
        promote("desk", models)
    assert read_history(models) == []


def test_an_equal_version_takes_over_and_a_bare_name_means_it(
    save: Save, models: Path, stories: Path
) -> None:
    save(1)
    save(2)
    save(9)
    set_gold("desk", models, stories)
    promote("desk@1", models)
    assert find_bundle("desk", models) == models / "desk@1"
    event, _ = promote("desk@2", models)
    assert event.sentence == "desk@2 was promoted in place of desk@1"
    assert stages(models) == {1: Stage.ARCHIVED, 2: Stage.PRODUCTION}
    assert find_bundle("desk", models) == models / "desk@2"


def test_a_worse_version_is_refused_with_the_figures(
    save: Save, models: Path, stories: Path, tiny_bundle: Bundle
) -> None:
    save(1)
    save(2, inverted(tiny_bundle, "topic"))
    set_gold("desk", models, stories)
    promote("desk@1", models)
    with pytest.raises(
        NotPromotedError,
        match=r"desk@2 is not promoted: topic: macro-F1 0\.\d{3} is below 0\.\d{3}, the lower end",
    ) as caught:
        promote("desk@2", models)
    figures = caught.value.verdict.figures
    assert figures["topic"].fell
    assert not figures["stance"].fell
    assert stages(models) == {1: Stage.PRODUCTION}


def test_an_override_promotes_and_keeps_the_reason_and_what_it_overrode(
    save: Save, models: Path, stories: Path, tiny_bundle: Bundle
) -> None:
    save(1)
    save(2, inverted(tiny_bundle, "topic"))
    set_gold("desk", models, stories)
    promote("desk@1", models)
    promote("desk@2", models, override="new codebook")
    last = read_history(models)[-1]
    assert (last.to, last.why) == ("desk@2", "new codebook")
    assert [reason.partition(" 0.")[0] for reason in last.overrode] == ["topic: macro-F1"]
    assert stages(models)[2] is Stage.PRODUCTION


@pytest.mark.parametrize("override", ["", "  "])
def test_an_override_needs_words(override: str, save: Save, models: Path) -> None:
    save(1)
    with pytest.raises(ConfigError, match="--override needs the reason in words"):
        promote("desk", models, override=override)


def test_the_fall_of_a_protected_label_is_refused_where_the_average_hides_it(
    tiny_bundle: Bundle, gold: tuple[LabelledArticle, ...]
) -> None:
    worse = inverted(tiny_bundle, "topic", ["policing"])
    unprotected = judge(worse, tiny_bundle, gold[:80])
    assert unprotected.reasons == ()
    verdict = judge(worse, tiny_bundle, gold[:80], ["policing"])
    assert [reason.partition(" 0.")[0] for reason in verdict.reasons] == ["topic: policing: F1"]
    assert verdict.figures["topic: policing"].fell


def test_a_gold_set_that_is_too_small_to_compare_on_says_so(
    tiny_bundle: Bundle, gold: tuple[LabelledArticle, ...]
) -> None:
    assert judge(tiny_bundle, None, gold[:9], ["policing"]).reasons == ()
    assert judge(tiny_bundle, tiny_bundle, gold[:9], ["policing"]).reasons == tuple(
        f"{what}: the gold set has too few stories to tell a fall from chance"
        for what in ("topic", "topic: policing", "stance")
    )


def test_labels_are_compared_where_both_have_them_and_the_others_are_named(
    tiny_corpus: Corpus, gold: tuple[LabelledArticle, ...]
) -> None:
    larger, smaller = trained(tiny_corpus), trained(tiny_corpus, without="policing")
    for first, second, done in ((smaller, larger, "dropped"), (larger, smaller, "added")):
        verdict = judge(first, second, gold)
        assert verdict.figures["topic"].candidate == verdict.figures["topic"].production
        assert verdict.reasons == ()
        [note] = verdict.notes
        assert f"other labels than in production (policing {done})" in note


def test_a_protected_label_or_a_task_may_not_go(
    tiny_bundle: Bundle, tiny_corpus: Corpus, gold: tuple[LabelledArticle, ...]
) -> None:
    larger, smaller = trained(tiny_corpus), trained(tiny_corpus, without="policing")
    [reason] = judge(smaller, larger, gold, ["policing"]).reasons
    assert reason == "topic has no longer the protected label policing"
    [reason] = judge(without_task(tiny_bundle, "stance"), tiny_bundle, gold).reasons
    assert reason == "it does not tag for stance, as production does"


def test_a_task_that_no_gold_story_was_judged_for_is_named(
    tiny_bundle: Bundle, gold: tuple[LabelledArticle, ...]
) -> None:
    only_topic = [replace(article, labels={"topic": article.labels["topic"]}) for article in gold]
    verdict = judge(tiny_bundle, tiny_bundle, only_topic)
    assert verdict.reasons == ()
    assert verdict.notes == ("no gold story was judged for stance, so it was not compared",)
    unjudged = [replace(article, labels={}) for article in gold]
    assert judge(tiny_bundle, None, unjudged).reasons == (
        "the gold set has no story that was judged for any of its tasks",
    )


def test_a_candidate_that_learned_from_the_gold_set_is_refused(
    save: Save, models: Path, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    save(1)
    write_corpus(tiny_corpus, tmp_path / "stories")
    set_gold("desk", models, tmp_path / "stories", split="train")
    with pytest.raises(NotPromotedError, match="trained or calibrated on 60 of these 60"):
        promote("desk", models)


def test_a_gold_set_that_changed_is_refused(
    save: Save, models: Path, stories: Path, tmp_path: Path
) -> None:
    save(1)
    moved = shutil.copytree(stories, tmp_path / "stories")
    set_gold("desk", models, moved)
    path = moved / "articles.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(NotPromotedError, match="is not what it was when it was set"):
        promote("desk", models)
    shutil.rmtree(moved)
    with pytest.raises(NotPromotedError, match="no such corpus folder"):
        promote("desk", models)


def test_stories_of_other_splits_may_change(
    save: Save, models: Path, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    save(1)
    write_corpus(tiny_corpus, tmp_path / "stories")
    set_gold("desk", models, tmp_path / "stories")
    fewer = Corpus(tiny_corpus.info, tiny_corpus.schemes, tiny_corpus.articles[5:])
    write_corpus(fewer, tmp_path / "stories", force=True)
    assert promote("desk", models)[0].to == "desk@1"


def test_a_gold_set_is_replaced_only_when_asked(save: Save, models: Path, stories: Path) -> None:
    save(1)
    set_gold("desk", models, stories)
    with pytest.raises(RegistryError, match=r"has a gold set already.*--force replaces it"):
        set_gold("desk", models, stories)
    set_gold("desk", models, stories, protected=["policing"], force=True)
    assert [event.what for event in read_history(models)] == ["gold", "gold"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dusk", {}, "is called 'dusk'; did you mean 'desk'"),
        ("../desk", {}, "is called '../desk'"),
        ("desk", {"split": "gold"}, "has no article in split gold; its splits are test"),
        ("desk", {"protected": ["polising"]}, "'polising'; did you mean 'policing'"),
    ],
)
def test_a_gold_set_that_cannot_be_is_refused(
    name: str, options: dict[str, object], message: str, save: Save, models: Path, stories: Path
) -> None:
    save(1)
    with pytest.raises(NewsclfError, match=message):
        set_gold(name, models, stories, **options)  # type: ignore[arg-type]


def test_a_label_of_few_stories_cannot_be_protected(
    save: Save, models: Path, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    save(1)
    write_corpus(tiny_corpus, tmp_path / "stories")
    with pytest.raises(ConfigError, match=r"'policing' cannot be protected: \d stories of split t"):
        set_gold("desk", models, tmp_path / "stories", protected=["policing"])
    assert read_registry(models).record("desk").gold is None


def test_a_rollback_goes_back_one_version_at_a_time_and_is_kept(save: Save, models: Path) -> None:
    for version in (1, 2, 3):
        save(version)
        promote(f"desk@{version}", models, override="no gold set yet")
    assert rollback("desk", models, why="too cautious").sentence == (
        "desk was rolled back from desk@3 to desk@2"
    )
    assert find_bundle("desk", models) == models / "desk@2"
    assert stages(models)[3] is Stage.ARCHIVED
    rollback("desk", models)
    with pytest.raises(RegistryError, match="desk@1 is in production, and none was before it"):
        rollback("desk", models)
    assert [(event.what, event.origin, event.to) for event in read_history(models)][-2:] == [
        ("rollback", "desk@3", "desk@2"),
        ("rollback", "desk@2", "desk@1"),
    ]


def test_only_what_was_promoted_is_rolled_back(save: Save, models: Path, stories: Path) -> None:
    save(1)
    with pytest.raises(RegistryError, match="nothing called 'desk' was ever promoted"):
        rollback("desk", models)
    set_gold("desk", models, stories)
    with pytest.raises(RegistryError, match="no version is in production"):
        rollback("desk", models)


def test_a_rollback_to_a_damaged_version_is_refused(save: Save, models: Path) -> None:
    for version in (1, 2):
        promote(f"desk@{save(version).name[-1]}", models, override="no gold set yet")
    (models / "desk@1" / "topic" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="was changed after the bundle was written"):
        rollback("desk", models)
    assert find_bundle("desk", models) == models / "desk@2"


def test_what_changed_after_its_promotion_is_noticed(
    save: Save, models: Path, tiny_bundle: Bundle
) -> None:
    folder = save(1)
    promote("desk", models, override="no gold set yet")
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="desk@1 was promoted, but no folder of models holds it"):
        find_bundle("desk", models)
    save(1, inverted(tiny_bundle, "topic"))
    for reference in ("desk", "desk@1"):
        with pytest.raises(BundleError, match="was changed after desk@1 was promoted"):
            find_bundle(reference, models)


def test_production_that_cannot_be_read_stands_in_the_way_of_a_promotion(
    save: Save, models: Path, stories: Path
) -> None:
    set_up = save(1)
    set_gold("desk", models, stories)
    promote("desk", models)
    shutil.rmtree(set_up)
    save(2)
    with pytest.raises(NotPromotedError, match="desk@1 was promoted, but no folder"):
        promote("desk@2", models)


def test_what_is_in_production_is_not_promoted_again(save: Save, models: Path) -> None:
    save(1)
    promote("desk", models, override="no gold set yet")
    with pytest.raises(RegistryError, match="desk@1 is in production already"):
        promote("desk", models)


def test_a_bundle_from_elsewhere_is_not_promoted(tiny_model: Path, models: Path) -> None:
    with pytest.raises(BundleError, match=r"is not in .*models.*copy it to .*tiny@3 first"):
        promote(str(tiny_model), models)


def promote_at_once(version: int, models: Path, barrier: Barrier, said: Path) -> None:
    """Promote, but wait with the change until the other process has come as far."""

    def together(models: Path, *, seen: NameRecord, new: NameRecord, event: Event) -> None:
        barrier.wait(timeout=60)
        change(models, seen=seen, new=new, event=event)

    with patch.object(promotion, "change", together):
        try:
            promote(f"desk@{version}", models, override="race")
        except RegistryError as error:
            said.write_text(str(error))
        else:
            said.write_text("promoted")


def test_of_two_processes_that_promote_at_once_one_wins_and_the_other_is_told(
    save: Save, models: Path, tmp_path: Path
) -> None:
    for version in (1, 2):
        save(version)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    said = {version: tmp_path / str(version) for version in (1, 2)}
    processes = [
        context.Process(target=promote_at_once, args=(version, models, barrier, path))
        for version, path in said.items()
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    winner = read_registry(models).record("desk").production
    assert winner in said
    assert said[winner].read_text() == "promoted"
    assert said[3 - winner].read_text() == (
        f"desk@{winner} was promoted by another process; look again"
    )
    assert [event.to for event in read_history(models)] == [f"desk@{winner}"]


def test_the_commands_promote_refuse_and_roll_back(
    save: Save, models: Path, stories: Path, tiny_bundle: Bundle
) -> None:
    def run(*arguments: str) -> tuple[int, str, BaseException | None]:
        done = CliRunner().invoke(
            app, ["models", *arguments, "--models", str(models)], env={"COLUMNS": "200"}
        )
        return done.exit_code, done.output, done.exception

    save(1)
    save(2, inverted(tiny_bundle, "topic"))
    code, output, _ = run("gold", "desk", "--corpus", str(stories), "--protect", "policing")
    assert (code, "judged on 160 stories, split test" in output) == (0, True)
    code, output, _ = run("promote", "desk@1")
    assert (code, "desk@1 was promoted\n" in output) == (0, True)
    code, output, error = run("promote", "desk@2")
    assert (code, "at least" in output) == (1, True)
    assert isinstance(error, NotPromotedError)
    code, output, _ = run("promote", "desk@2", "--override", "trial")
    assert "overridden: topic: macro-F1" in output
    assert "desk@2 was promoted in place of desk@1" in output
    code, output, _ = run("rollback", "desk", "--why", "trial over")
    assert (code, output) == (0, "desk was rolled back from desk@2 to desk@1\n")
    code, output, _ = run("show", "desk")
    assert "desk@1 (production)" in output
    assert "to desk@1 (trial over)" in output


def test_production_is_looked_up_under_models_alone(
    save: Save, models: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2):
        promote(f"desk@{save(version).name[-1]}", models, override="no gold set yet")
    shutil.rmtree(models / "desk@1")
    save(1, inverted(tiny_bundle, "topic"))
    monkeypatch.chdir(models)
    with pytest.raises(BundleError, match="was changed after desk@1 was promoted"):
        rollback("desk", Path())


def test_what_was_promoted_is_not_replaced(save: Save, models: Path) -> None:
    folder = save(1)
    refuse_promoted(folder)
    refuse_promoted(models / "nothing")
    promote("desk", models, override="no gold set yet")
    with pytest.raises(
        BundleError, match=r"desk@1, which is or was in production.* higher version"
    ):
        refuse_promoted(folder)
