from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsclf import load
from newsclf.bundle import Bundle
from newsclf.calibrate import promised, recalibrated
from newsclf.card import model_card
from newsclf.config import Promise
from newsclf.corpus import Corpus, write_corpus
from newsclf.errors import ConfigError
from newsclf.records import Decision, LabelledArticle
from test_cli import run

EASY = Promise(precision=0.3, confidence=0.6)


@pytest.fixture(scope="module")
def fresh(corpus: Corpus) -> tuple[LabelledArticle, ...]:
    """Two hundred stories that the tiny bundle did not learn from."""
    return corpus.articles[72:272]


def test_recalibrating_changes_decisions_and_no_classifier(
    tiny_bundle: Bundle, fresh: tuple[LabelledArticle, ...]
) -> None:
    changed = recalibrated(tiny_bundle, fresh[:100], on="mine")
    before, after = (bundle.tasks["topic"].record for bundle in (tiny_bundle, changed))
    assert after.calibration != before.calibration
    assert after.thresholds != before.thresholds
    assert changed.tasks["topic"].classifier is tiny_bundle.tasks["topic"].classifier
    assert changed.manifest.tasks["topic"] is after
    assert changed.seen.among(fresh[:100]).all()
    assert not changed.seen.among(fresh[100:]).any()
    assert changed.manifest.decided_on == {"calibration and thresholds": "mine"}
    assert "The calibration and thresholds: mine." in model_card(changed.manifest)


def test_tags_that_a_promise_covers_are_auto_and_so_are_articles_of_nothing_else(
    tiny_bundle: Bundle, fresh: tuple[LabelledArticle, ...]
) -> None:
    bundle = promised(tiny_bundle, fresh[:100], EASY)
    routing = bundle.tasks["topic"].record.routing
    assert routing is not None
    assert routing.threshold is not None
    tagged = bundle.tag(fresh[100:])
    for article in tagged:
        decisions = {tag.decision for tag in article.tags}
        expected = {frozenset(): Decision.NONE, frozenset([Decision.AUTO]): Decision.AUTO}
        assert article.decision == expected.get(frozenset(decisions), Decision.REVIEW)
        auto = [tag for tag in article.tags if tag.decision == Decision.AUTO]
        assert all(
            tag.probability >= bundle.tasks[tag.task].record.routing.threshold for tag in auto
        )
    assert {article.decision for article in tagged} >= {Decision.AUTO, Decision.REVIEW}


def test_choosing_thresholds_anew_ends_a_promise(
    tiny_bundle: Bundle, fresh: tuple[LabelledArticle, ...]
) -> None:
    bundle = recalibrated(promised(tiny_bundle, fresh[:100], EASY), fresh[100:])
    assert all(model.record.routing is None for model in bundle.tasks.values())


def test_a_promise_is_not_tested_on_what_the_thresholds_rest_on(
    tiny_bundle: Bundle, fresh: tuple[LabelledArticle, ...]
) -> None:
    changed = recalibrated(tiny_bundle, fresh[:100])
    with pytest.raises(ConfigError, match="trained or calibrated on 50 of these 100 articles"):
        promised(changed, fresh[50:150], EASY)


def test_what_was_learned_from_calibrates_nothing(
    tiny_bundle: Bundle, tiny_corpus: Corpus, fresh: tuple[LabelledArticle, ...]
) -> None:
    mixed = [*fresh[:5], tiny_corpus.articles[0]]
    for change in (recalibrated, lambda *given: promised(*given, EASY)):
        with pytest.raises(ConfigError, match="tiny@3 was trained or calibrated on 1 of these 6"):
            change(tiny_bundle, mixed)
    unjudged = [replace(article, labels={}) for article in fresh[:5]]
    with pytest.raises(ConfigError, match="no article was judged for any of the tasks topic, sta"):
        recalibrated(tiny_bundle, unjudged)


def test_the_command_makes_the_next_version(
    tiny_model: Path, corpus: Corpus, fresh: tuple[LabelledArticle, ...], tmp_path: Path
) -> None:
    rows = [replace(one, split="train" if n < 100 else "valid") for n, one in enumerate(fresh)]
    write_corpus(replace(corpus, articles=tuple(rows), annotations=()), tmp_path / "mine")
    arguments = ("calibrate", tiny_model, "--corpus", "mine", "--output", "new")
    done = run(
        tmp_path, *arguments, "--split", "train", "--promise-split", "valid", "--precision", "0.3"
    )
    assert done.returncode == 0, done.stderr
    assert "tiny@4 written to new" in done.stdout
    assert "topic: calibration error 0." in done.stdout
    assert "of the tags are auto" in done.stdout
    assert load(tmp_path / "new").reference == "tiny@4"
    for wrong in (
        [],
        ["--split", "a", "--promise-split", "a"],
        ["--split", "a", "--precision", "1"],
    ):
        refused = run(tmp_path, *arguments, "--force", *wrong)
        assert refused.returncode == 2, refused.stderr
