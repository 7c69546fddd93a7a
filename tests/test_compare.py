from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from newsclf.bundle import Bundle, TaskModel
from newsclf.cli.compare import compare as compare_command
from newsclf.compare import compare
from newsclf.corpus import Corpus, write_corpus
from newsclf.decisions.thresholds import Threshold
from newsclf.errors import ConfigError, OutputError
from newsclf.metrics.paired import McNemar
from newsclf.metrics.scores import macro_f1
from newsclf.metrics.verdicts import Difference, PairComparison, compare_predictions
from newsclf.schemes import LabelScheme

Labels = NDArray[np.bool_]
SHARES = np.linspace(0.04, 0.2, 12)


def system(y: Labels, rng: np.random.Generator) -> Labels:
    """Give labels with a recall and a precision of about 0.8."""
    shares = y.mean(axis=0)
    wrong = 0.2 * shares / (1 - shares)
    return np.where(y, rng.random(y.shape) < 0.8, rng.random(y.shape) < wrong)


def simulated(seed: int) -> tuple[Labels, Labels, np.random.Generator]:
    rng = np.random.default_rng([2, seed])
    y = rng.random((1000, len(SHARES))) < SHARES
    return y, system(y, rng), rng


def pair_of(y: Labels, first: Labels, second: Labels, seed: int = 0) -> PairComparison:
    [pair] = compare_predictions(y, {"old": first, "new": second}, seed=seed)
    return pair


def test_a_copy_never_differs() -> None:
    for seed in range(100):
        y, first, _ = simulated(seed)
        pair = pair_of(y[:200], first[:200], first[:200].copy())
        assert pair.same
        assert not any(found.real for found in pair.differences)
        assert pair.sentence == "No difference: the predictions of new and old are the same."


def test_two_systems_as_good_as_each_other_are_seldom_told_apart() -> None:
    alarms = 0
    for seed in range(40):
        y, first, rng = simulated(seed)
        alarms += any(found.real for found in pair_of(y, first, system(y, rng)).differences)
    assert alarms <= 4


def test_a_planted_loss_of_five_points_is_real() -> None:
    for seed in range(20):
        y, first, rng = simulated(seed)
        second = first & (rng.random(y.shape) > 0.08)
        assert -0.07 < macro_f1(y, second) - macro_f1(y, first) < -0.01
        pair = pair_of(y, first, second)
        assert pair.differences[0].real
        assert pair.sentence.startswith("Real difference: macro-F1 of new is ")
        assert "points lower" in pair.sentence


def test_a_comparison_of_more_systems_is_corrected_for_more_tests() -> None:
    y, first, rng = simulated(1)
    second, third = first & (rng.random(y.shape) > 0.01), system(y, rng)
    alone = pair_of(y, first, second)
    with_copy, together, _ = compare_predictions(
        y, {"old": first, "copy": first, "new": second, "other": third}
    )
    assert with_copy.same
    for one, among in zip(alone.differences, together.differences, strict=True):
        assert one.p == among.p
        assert one.p <= one.corrected_p <= among.corrected_p
    assert min(found.corrected_p / found.p for found in together.differences) > 1


def test_the_interval_holds_the_difference_and_the_seed_decides_it() -> None:
    y, first, rng = simulated(2)
    second = system(y, rng)
    pair, again, other = (pair_of(y, first, second, seed) for seed in (0, 0, 1))
    assert pair == again != other
    for found in pair.differences:
        assert found.interval is not None
        assert found.interval[0] < found.difference < found.interval[1]


def test_what_is_missing_to_tell_is_what_more_articles_bring() -> None:
    y, first, _ = simulated(3)
    second = first.copy()
    second[:2] = y[:2]
    second[5, :2] ^= True
    pair = pair_of(y, first, second)
    macro = pair.differences[0]
    assert not macro.real
    assert macro.more_articles is not None
    assert "more stories would be needed to tell a difference of this size at 80 %" in pair.sentence
    times = 2 + macro.more_articles // len(y)
    grown = pair_of(*(np.tile(labels, (times, 1)) for labels in (y, first, second)))
    assert grown.differences[0].p < macro.p
    assert grown.differences[0].real


def test_few_articles_give_no_interval_and_say_so() -> None:
    y, first, rng = simulated(4)
    pair = pair_of(y[:29], first[:29], system(y[:29] | y[29:58], rng))
    assert all(found.interval is None and found.more_articles is None for found in pair.differences)
    assert "29 stories are too few for an interval; 30 are needed" in pair.sentence
    assert "95 % interval" not in pair.sentence


def test_where_every_article_has_one_label_accuracy_stands_for_what_is_the_same() -> None:
    labels = np.eye(3, dtype=bool)
    rng = np.random.default_rng(6)
    y, first, second = (labels[rng.integers(3, size=50)] for _ in range(3))
    single = pair_of(y, first, second)
    assert [found.measure for found in single.differences] == ["macro_f1", "accuracy"]
    assert single.differences[1].first == (y & first).any(axis=1).mean()
    assert single.differences[1].p == single.mcnemar.p
    second[0] = True
    measures = [found.measure for found in pair_of(y, first, second).differences]
    assert measures == ["macro_f1", "micro_f1", "exact_match"]


def test_the_articles_that_flipped_are_those_one_system_alone_has_right() -> None:
    y = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
    first, second = y.copy(), y.copy()
    first[1], second[0], second[4] = [0, 0], [1, 1], [0, 1]
    first[3], second[3] = [1, 0], [0, 1]
    pair = pair_of(y, first, second)
    assert (pair.broken, pair.mended) == ((0, 4), (1,))
    assert (pair.mcnemar.only_first, pair.mcnemar.only_second) == (2, 1)


def test_another_measure_that_differs_is_not_passed_over() -> None:
    def difference(measure: str, corrected_p: float) -> Difference:
        return Difference(measure, 0.8, 0.82, (0.01, 0.03), 0.01, corrected_p, corrected_p)

    differences = difference("macro_f1", 0.4), difference("micro_f1", 0.002)
    pair = PairComparison("a", "b", 900, False, differences, McNemar(0, 0, 1.0, 0.0), (), ())
    assert pair.sentence == (
        "No difference: macro-F1 of b is 2.0 points higher than that of a, 95 % interval 1.0 to "
        "3.0, corrected p 0.40. Its micro-F1 does differ: 2.0 points higher, 95 % interval 1.0 to "
        "3.0, corrected p 0.002."
    )


def test_arrays_that_do_not_fit_are_refused() -> None:
    y = np.ones((4, 2), dtype=bool)
    with pytest.raises(ConfigError, match=r"predictions of b have the shape \(3, 2\)"):
        compare_predictions(y, {"a": y, "b": y[:3]})
    with pytest.raises(ConfigError, match="two systems or more"):
        compare_predictions(y, {"a": y})
    with pytest.raises(ConfigError, match="an article or more"):
        compare_predictions(y[:0], {"a": y[:0], "b": y[:0]})


def with_scheme(bundle: Bundle, task: str, scheme: LabelScheme) -> Bundle:
    model = bundle.tasks[task]
    record = model.record.model_copy(update={"scheme": scheme})
    return Bundle(bundle.manifest, dict(bundle.tasks) | {task: TaskModel(record, model.classifier)})


def lax(bundle: Bundle) -> Bundle:
    """Return a bundle of another name that gives a topic wherever it may be right."""
    model = bundle.tasks["topic"]
    thresholds = dict.fromkeys(model.record.scheme.label_ids, Threshold(value=0.05, support=0))
    record = model.record.model_copy(update={"thresholds": thresholds})
    records = dict(bundle.manifest.tasks) | {"topic": record}
    manifest = bundle.manifest.model_copy(update={"name": "lax", "tasks": records})
    return Bundle(manifest, dict(bundle.tasks) | {"topic": TaskModel(record, model.classifier)})


@pytest.fixture(scope="session")
def stories(tiny_corpus: Corpus) -> Corpus:
    """The first third of the sixty stories that the bundle learned from."""
    articles = [
        replace(article, body=article.body[: len(article.body) // 3], split="test")
        for article in tiny_corpus.split("train")
    ]
    return Corpus(tiny_corpus.info, tiny_corpus.schemes, tuple(articles))


def test_a_bundle_against_itself_is_the_same_by_two_names(
    tiny_bundle: Bundle, stories: Corpus
) -> None:
    found = compare([tiny_bundle, tiny_bundle], stories.articles)
    assert found.models == ("tiny@3", "tiny@3 (2)")
    assert set(found.tasks) == {"topic", "stance"}
    assert all(pair.same for task in found.tasks.values() for pair in task.pairs)


def test_a_worse_bundle_is_told_with_the_articles_that_it_lost(
    tiny_bundle: Bundle, stories: Corpus
) -> None:
    found = compare([tiny_bundle, lax(tiny_bundle)], stories.articles)
    [pair] = found.tasks["topic"].pairs
    assert pair.differences[0].real
    assert "macro-F1 of lax@3 is" in pair.sentence
    [flip] = found.tasks["topic"].flips(pair, pair.broken[:1])
    article = stories.articles[pair.broken[0]]
    assert (flip.id, flip.headline) == (article.id, article.headline)
    assert set(flip.labels) == set(flip.first) == set(article.labels["topic"])
    assert set(flip.first) < set(flip.second)
    assert found.tasks["stance"].pairs[0].same


def test_p_values_are_corrected_over_tasks_and_copies_are_no_tests(
    tiny_bundle: Bundle, stories: Corpus
) -> None:
    alone = compare([tiny_bundle, lax(tiny_bundle)], stories.articles).tasks["topic"].pairs[0]
    three = compare([tiny_bundle, tiny_bundle, lax(tiny_bundle)], stories.articles)
    both = three.tasks["topic"].pairs
    assert [pair.second for pair in both] == ["tiny@3 (2)", "lax@3"]
    assert both[1] == alone


def test_tasks_that_cannot_be_compared_are_left_out_and_said(
    tiny_bundle: Bundle, stories: Corpus
) -> None:
    topic_only = Bundle(tiny_bundle.manifest, {"topic": tiny_bundle.tasks["topic"]})
    found = compare([tiny_bundle, topic_only], stories.articles)
    assert set(found.tasks) == {"topic"}
    assert found.left_out == {"stance": "not a task of tiny@3 (2)"}
    unjudged = [replace(article, labels={"stance": ()}) for article in stories.articles]
    with pytest.raises(ConfigError, match=r"no task to compare .*topic: no article was judged"):
        compare([tiny_bundle, topic_only], unjudged)


def test_schemes_that_differ_are_refused_by_label(tiny_bundle: Bundle, stories: Corpus) -> None:
    scheme = tiny_bundle.tasks["stance"].record.scheme
    gone = scheme.label_ids[-1]
    fewer = scheme.model_copy(update={"labels": scheme.labels[:-1]})
    turned = scheme.model_copy(update={"labels": scheme.labels[::-1]})
    multi = scheme.model_copy(update={"kind": "multi"})
    for changed, message in (
        (fewer, f"stance has other labels in .*: {gone} in the first alone"),
        (turned, "the same ones in another order"),
        (multi, r"stance is single-label in tiny@3 and multi-label in tiny@3 \(2\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            compare([tiny_bundle, with_scheme(tiny_bundle, "stance", changed)], stories.articles)


def test_a_label_that_the_models_do_not_know_is_refused(
    tiny_bundle: Bundle, stories: Corpus
) -> None:
    [first, *others] = stories.articles
    odd = replace(first, labels={"topic": ("wether",)})
    with pytest.raises(ConfigError, match=f"article {first.id} has the topic label 'wether'"):
        compare([tiny_bundle, tiny_bundle], [odd, *others])


def test_one_bundle_is_not_a_comparison(tiny_bundle: Bundle, stories: Corpus) -> None:
    with pytest.raises(ConfigError, match="two models or more"):
        compare([tiny_bundle], stories.articles)


def test_the_command_shows_and_writes_what_it_found(
    tiny_bundle: Bundle, tiny_model: Path, stories: Corpus, tmp_path: Path
) -> None:
    lax(tiny_bundle).save(tmp_path / "models" / "lax")
    write_corpus(stories, tmp_path / "stories")
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(compare_command)
    report = tmp_path / "report.json"
    arguments = [str(tiny_model), "lax", "--models", str(tmp_path / "models")]
    arguments += ["--corpus", str(tmp_path / "stories"), "--json", str(report)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0
    written = json.loads(report.read_bytes())
    assert (written["split"], written["models"]) == ("test", ["tiny@3", "lax@3"])
    [pair] = written["tasks"]["topic"]["pairs"]
    lost = pair["flipped"]["right_to_wrong"]
    assert lost["count"] == len(lost["articles"]) == pair["mcnemar"]["only_first"] > 5
    assert pair["measures"]["macro_f1"]["real"]
    shown = " ".join(done.output.split())
    assert f"Right to wrong: {lost['count']} articles" in shown
    assert f"and {lost['count'] - 5} more" in shown
    assert pair["sentence"] in shown
    assert "the predictions of lax@3 and tiny@3 are the same" in shown
    with pytest.raises(OutputError, match=r"report.json exists already"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
