from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from newsclf.bundle import Bundle
from newsclf.cli import app
from newsclf.corpus import Corpus, write_corpus
from newsclf.errors import ConfigError
from newsclf.evaluate import (
    MOST_ERRORS,
    Predictions,
    TaskEvaluation,
    check_schemes,
    evaluate,
    evaluate_predictions,
)
from newsclf.metrics.scores import macro_f1, micro_f1
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme

NAMES = ("border", "court", "budget")


def story(row: int, labels: tuple[str, ...], **fields: str) -> LabelledArticle:
    return LabelledArticle(
        id=f"s{row}", headline=f"Story {row}", body="word " * row, labels={"beat": labels}, **fields
    )


def predicted(articles: list[LabelledArticle], p: list[list[float]]) -> Predictions:
    probabilities = np.array(p)
    ids = tuple(article.id for article in articles)
    return Predictions(ids, probabilities, probabilities >= 0.5, np.full(3, 0.5))


def score(beat: LabelScheme, labels: list[tuple[str, ...]], p: list[list[float]]) -> TaskEvaluation:
    articles = [story(row, given) for row, given in enumerate(labels)]
    return evaluate_predictions(beat, articles, predicted(articles, p))


def many(n: int = 60) -> tuple[list[LabelledArticle], Predictions]:
    """Return stories of two sources, the labels of one of which are always missed."""
    articles = [
        story(
            row,
            ("border",),
            source="Good" if row % 3 else "Bad",
            published=f"{2020 + row % 2}-01-01",
            language="en",
        )
        for row in range(n)
    ]
    return articles, predicted(articles, [[0.9 if row % 3 else 0.1, 0, 0] for row in range(n)])


def test_a_bundle_is_scored_on_what_it_tags(tiny_bundle: Bundle, tiny_corpus: Corpus) -> None:
    articles = tiny_corpus.split("test")
    found = evaluate(tiny_bundle, articles)["topic"]
    tagged = tiny_bundle.tag(articles)
    given = [
        [(label in {t.label for t in one.tags if t.task == "topic"}) for label in found.labels]
        for one in tagged
    ]
    truth = [[label in article.labels["topic"] for label in found.labels] for article in articles]
    assert found.micro_f1 == pytest.approx(micro_f1(truth, given))
    assert found.macro_f1 == pytest.approx(macro_f1(truth, given))
    assert found.n_articles == len(articles)


def test_json_holds_everything_and_no_nan(tiny_bundle: Bundle, tiny_corpus: Corpus) -> None:
    for found in evaluate(tiny_bundle, tiny_corpus.split("test")).values():
        document = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert document["macro_f1"] == found.macro_f1
        assert document["micro_f1_interval"] == list(found.micro_interval or ())
        assert document["labels"].keys() == set(found.labels)
        assert {"slices", "errors", "notes", "calibration", "averages"} <= document.keys()


def test_a_label_never_seen_is_undefined_and_said(beat: LabelScheme) -> None:
    found = score(beat, [("border",), ("court",)], [[0.9, 0, 0.6], [0, 0.9, 0]])
    assert found.unseen == ("budget",)
    assert found.macro_f1 == pytest.approx(2 / 3)
    assert found.macro_occurring.f1 == 1.0
    labels = found.to_json()["labels"]
    assert isinstance(labels, dict)
    assert labels["budget"]["f1"] is labels["budget"]["average_precision"] is None
    assert any("No article has the label budget" in note for note in found.notes)


def test_too_few_articles_for_an_interval_are_said(beat: LabelScheme) -> None:
    found = score(beat, [("border",)] * 9, [[0.9, 0, 0]] * 9)
    assert found.micro_interval is None
    assert any("9 articles are too few" in note for note in found.notes)
    assert score(beat, [("border",)] * 10, [[0.9, 0, 0]] * 10).micro_interval == (1.0, 1.0)


def test_articles_of_a_source_are_drawn_together_when_asked(beat: LabelScheme) -> None:
    articles, predictions = many()
    found = evaluate_predictions(beat, articles, predictions, cluster="source")
    assert found.n_groups == 2
    assert any("2 sources are too few" in note for note in found.notes)
    alone = [replace(article, source=None) for article in articles]
    assert evaluate_predictions(beat, alone, predictions, cluster="source").n_groups == 60


def test_near_copies_are_drawn_together_when_asked(beat: LabelScheme) -> None:
    articles, predictions = many(30)
    same = [replace(article, headline="The same words", body="again") for article in articles]
    assert evaluate_predictions(beat, same, predictions, cluster="duplicates").n_groups == 1


def test_saying_none_is_scored(beat: LabelScheme) -> None:
    found = score(beat, [(), (), ("border",)], [[0, 0, 0], [0.8, 0, 0], [0, 0, 0]])
    assert found.none == pytest.approx((0.5, 0.5, 0.5))


def test_a_tree_is_scored_with_ancestors(beat: LabelScheme) -> None:
    root, first, second = beat.labels
    tree = beat.model_copy(
        update={
            "labels": (
                root,
                first.model_copy(update={"parent": "border"}),
                second.model_copy(update={"parent": "border"}),
            )
        }
    )
    case = ([("court",)], [[0.0, 0.0, 0.9]])
    found = score(tree, *case).hierarchical
    assert found is not None
    assert found.f1 == pytest.approx(0.5)
    assert score(beat, *case).hierarchical is None


def test_errors_are_listed_with_their_evidence_the_surest_first(beat: LabelScheme) -> None:
    found = score(
        beat,
        [("border",), ("border",), ("court",)],
        [[0.9, 0.6, 0], [0.9, 0, 0], [0.1, 0.05, 0.7]],
    )
    assert found.n_errors == 2
    first, second = found.errors
    assert (first.id, first.headline) == ("s2", "Story 2")
    assert (first.missed, first.wrong) == ({"court": 0.05}, {"budget": 0.7})
    assert (second.missed, second.wrong) == ({}, {"court": 0.6})
    assert first.confidence == pytest.approx(0.95)


def test_listed_errors_are_bounded_and_counted(beat: LabelScheme) -> None:
    n = MOST_ERRORS + 5
    found = score(beat, [("border",)] * n, [[0.1, 0, 0]] * n)
    assert (len(found.errors), found.n_errors) == (MOST_ERRORS, n)


def test_slices_are_scored_and_the_worst_named(beat: LabelScheme) -> None:
    found = evaluate_predictions(beat, *many())
    sources = {s.value: s for s in found.slices if s.field == "source"}
    assert {name: s.n_articles for name, s in sources.items()} == {"Good": 40, "Bad": 20}
    assert sources["Good"].micro_interval == (1.0, 1.0)
    assert found.worst_slice == sources["Bad"]
    assert any("source Bad" in note and "is more than" in note for note in found.notes)
    assert {s.field for s in found.slices} == {"source", "length", "year"}  # all are in English
    assert sum(s.n_articles for s in found.slices if s.field == "length") == 60


def test_a_slice_of_few_articles_is_left_out(beat: LabelScheme) -> None:
    articles, predictions = many(60)
    few = [replace(a, source="Few" if row < 9 else "Rest") for row, a in enumerate(articles)]
    found = evaluate_predictions(beat, few, predictions)
    assert {s.value for s in found.slices if s.field == "source"} == {"Rest"}


def test_what_goes_through_without_an_editor_is_scored(beat: LabelScheme) -> None:
    articles, predictions = many(30)
    auto = predictions.assigned & (np.arange(30) < 15)[:, None]
    found = evaluate_predictions(beat, articles, replace(predictions, auto=auto))
    assert found.auto is not None
    assert (found.auto.share, found.auto.precision, found.auto.n_tags) == (0.5, 1.0, 10)
    assert evaluate_predictions(beat, articles, predictions).auto is None


def test_predictions_of_other_articles_are_refused(beat: LabelScheme) -> None:
    articles, predictions = many(12)
    with pytest.raises(ConfigError, match="no beat prediction for s12"):
        evaluate_predictions(beat, [*articles, story(12, ())], predictions)
    with pytest.raises(ConfigError, match="predictions are about s11, not among"):
        evaluate_predictions(beat, articles[:-1], predictions)
    with pytest.raises(ConfigError, match="not in the order"):
        evaluate_predictions(beat, articles[::-1], predictions)
    with pytest.raises(ConfigError, match="no article was judged for the task beat"):
        evaluate_predictions(beat, [], predicted([], np.zeros((0, 3)).tolist()))


def test_a_corpus_with_other_labels_is_refused(tiny_bundle: Bundle, tiny_corpus: Corpus) -> None:
    check_schemes(tiny_bundle, tiny_corpus.schemes)
    topic = tiny_corpus.schemes["topic"]
    renamed = topic.labels[0].model_copy(update={"id": "renamed"})
    other = topic.model_copy(update={"labels": (renamed, *topic.labels[1:])})
    with pytest.raises(ConfigError, match=f"only the model has {topic.labels[0].id}.*renamed"):
        check_schemes(tiny_bundle, {"topic": other})
    single = topic.model_copy(update={"kind": "single"})
    with pytest.raises(ConfigError, match="multi-label in tiny@3 and single-label"):
        check_schemes(tiny_bundle, {"topic": single})


def test_an_article_with_a_label_that_the_bundle_does_not_know_is_refused(
    tiny_bundle: Bundle, tiny_corpus: Corpus
) -> None:
    article = replace(tiny_corpus.split("test")[0], labels={"topic": ("cooking",)})
    with pytest.raises(ConfigError, match=f"article {article.id} .*unknown topic label 'cooking'"):
        evaluate(tiny_bundle, [article])


def test_articles_that_the_bundle_learned_from_are_refused(
    tiny_bundle: Bundle, tiny_corpus: Corpus
) -> None:
    with pytest.raises(ConfigError, match=r"trained or calibrated on 60 of these 72 articles"):
        evaluate(tiny_bundle, tiny_corpus.articles)


def test_articles_judged_for_no_task_are_refused(tiny_bundle: Bundle, tiny_corpus: Corpus) -> None:
    unjudged = [replace(article, labels={}) for article in tiny_corpus.split("test")]
    with pytest.raises(ConfigError, match="no article was judged for any of the tasks"):
        evaluate(tiny_bundle, unjudged)


def test_the_command_prints_and_writes_both_reports(
    tiny_model: Path, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    write_corpus(tiny_corpus, tmp_path / "corpus")
    files = ["--json", str(tmp_path / "e.json"), "--html", str(tmp_path / "e.html")]
    arguments = ["evaluate", str(tiny_model), "--corpus", str(tmp_path / "corpus"), *files]
    done = CliRunner().invoke(app, [*arguments, "--cluster", "duplicates"])
    assert done.exit_code == 0, done.output
    assert "interval over groups of near copies" in " ".join(done.output.split())
    assert json.loads((tmp_path / "e.json").read_bytes())["tasks"].keys() == {"topic", "stance"}
    assert "tiny@3" in (tmp_path / "e.html").read_text(encoding="utf-8")
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
