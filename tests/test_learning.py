from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from typer.testing import CliRunner

from newsclf import learning
from newsclf.cli.learning import learning_curve as curve_command
from newsclf.config import RunConfig
from newsclf.corpus import Corpus, write_corpus
from newsclf.crossval import HeldOut, checked_metric
from newsclf.errors import ConfigError
from newsclf.learning import (
    FOLDS,
    TENTHS,
    LearningCurve,
    PowerLaw,
    check_picture,
    draw_curves,
    learning_curve,
)
from newsclf.records import LabelledArticle

SIZES = np.array([30, 60, 120, 210, 300])
CONFIG = RunConfig.model_validate(
    {"name": "desk", "corpus": "stories", "tasks": {"stance": {"classifier": "linear"}}}
)

scores = st.lists(st.floats(0, 1), min_size=5, max_size=5)


def curve_of(*rows: Sequence[float]) -> LearningCurve:
    return LearningCurve("macro_f1", SIZES, np.array(rows))


@given(st.floats(0.3, 1), st.floats(0, 3), st.floats(0.1, 1.8))
def test_a_power_law_is_found_again(limit: float, scale: float, decay: float) -> None:
    true = PowerLaw(limit, scale, decay)
    fitted = PowerLaw.fit(SIZES, [true.at(n) for n in SIZES])
    assert fitted.at(600) == pytest.approx(true.at(600), abs=1e-3)


@given(scores)
def test_a_fitted_curve_never_falls_and_stays_below_one(found: list[float]) -> None:
    law = PowerLaw.fit(SIZES, found)
    assert law.limit <= 1
    assert law.at(600) >= law.at(300) - 1e-9
    assert law.at(10**9) <= 1 + 1e-9


@settings(max_examples=15)
@given(st.lists(scores, min_size=2, max_size=4))
def test_intervals_hold_their_means_and_gains_are_no_losses(rows: list[list[float]]) -> None:
    curve = curve_of(*rows)
    assert all(low <= mean <= high for mean, low, high in curve.points)
    assert curve.gain().low >= -1e-9


def test_intervals_are_t_intervals_widened_for_the_articles_that_repeats_share() -> None:
    rows = [[0.4, 0.5, 0.6, 0.7, 0.70], [0.5, 0.5, 0.6, 0.7, 0.74], [0.4, 0.5, 0.6, 0.7, 0.78]]
    last = np.array(rows)[:, -1]
    plain = ttest_1samp(last, 0).confidence_interval()
    mean, low, high = curve_of(*rows).points[-1]
    widened = np.sqrt(1 + len(rows) / (FOLDS - 1))
    assert mean == pytest.approx(0.74)
    assert high - low == pytest.approx((plain.high - plain.low) * widened)


def test_a_flat_curve_gains_nothing_and_a_steep_one_what_its_law_says() -> None:
    assert curve_of([0.6] * 5, [0.6] * 5).gain() == pytest.approx((0, 0, 0), abs=1e-9)
    true = PowerLaw(0.9, 3, 0.5)
    steep = [true.at(n) for n in SIZES]
    gain = true.at(600) - true.at(300)
    assert curve_of(steep, steep).gain() == pytest.approx((gain, gain, gain), abs=1e-3)


def test_the_interval_of_a_gain_holds_the_truth_about_as_often_as_it_says() -> None:
    true = PowerLaw(0.85, 2, 0.5)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(20):
        noise = rng.normal(0, 0.01, (5, 5))
        gain = curve_of(*(np.array([true.at(n) for n in SIZES]) + noise)).gain()
        held += gain.low <= true.at(600) - true.at(300) <= gain.high
    assert held >= 14


class Laboratory:
    """Stands in for training: scores follow a power law of the articles learned from."""

    def __init__(self, law: PowerLaw) -> None:
        self.law = law
        self.calls: list[tuple[frozenset[str], frozenset[str]]] = []

    def hold_out(
        self,
        config: RunConfig,
        corpus: Corpus,
        learned: Sequence[LabelledArticle],
        held_out: Sequence[LabelledArticle],
    ) -> dict[str, HeldOut]:
        sides = [frozenset(article.id for article in side) for side in (learned, held_out)]
        self.calls.append((sides[0], sides[1]))
        y = np.ones((1000, 1), dtype=bool)
        precision = self.law.at(len(learned))
        # with every article labelled, an F1 of f comes of f / (2 - f) tags
        assigned = np.linspace(0, 1, 1000)[:, None] <= precision / (2 - precision)
        return {task: HeldOut(y, assigned) for task in config.tasks}


@pytest.fixture
def laboratory(monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    made = Laboratory(PowerLaw(0.9, 2, 0.5))
    monkeypatch.setattr(learning, "hold_out", made.hold_out)
    return made


def test_parts_hold_one_another_and_never_what_they_are_scored_on(
    laboratory: Laboratory, tiny_corpus: Corpus
) -> None:
    told: list[tuple[int, int]] = []
    learning_curve(CONFIG, tiny_corpus, repeats=3, on_fit=lambda *done: told.append(done))
    train = {article.id for article in tiny_corpus.split("train")}
    width = len(TENTHS)
    repeats = [laboratory.calls[width * n : width * n + width] for n in range(3)]
    for calls in repeats:
        assert len({held for _, held in calls}) == 1
        assert all(small < large for (small, _), (large, _) in pairwise(calls))
        assert calls[-1][0] | calls[-1][1] == train
        assert not calls[-1][0] & calls[-1][1]
    assert len({calls[0][1] for calls in repeats}) == 3
    assert told == [(done, 15) for done in range(15)]


def test_what_doubling_would_buy_is_read_off_the_curve(
    laboratory: Laboratory, tiny_corpus: Corpus
) -> None:
    curve = learning_curve(CONFIG, tiny_corpus, repeats=2)["stance"]
    assert curve.sizes.tolist() == pytest.approx([4.8, 9.6, 19.2, 33.6, 48], abs=2)
    true = laboratory.law.at(96) - laboratory.law.at(48)
    assert curve.gain().mean == pytest.approx(true, abs=0.02)


def test_too_few_articles_or_repeats_are_refused(tiny_corpus: Corpus) -> None:
    few = Corpus(tiny_corpus.info, tiny_corpus.schemes, tiny_corpus.articles[:49])
    with pytest.raises(ConfigError, match="49 articles and 5 repeats; a learning curve needs 50"):
        learning_curve(CONFIG, few)
    with pytest.raises(ConfigError, match="60 articles and 1 repeats"):
        learning_curve(CONFIG, tiny_corpus, repeats=1)


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curves = {"topic": curve_of([0.4, 0.5, 0.6, 0.65, 0.7], [0.4, 0.5, 0.62, 0.65, 0.7])}
    draw_curves(curves, tmp_path / "curve.svg")
    draw_curves(curves, tmp_path / "curve.PNG")
    assert b"<svg" in (tmp_path / "curve.svg").read_bytes()
    assert (tmp_path / "curve.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot draw curve.gif; give a file that ends in .svg"):
        check_picture(Path("curve.gif"))


def test_the_command_shows_and_writes_the_curve(
    monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    write_corpus(tiny_corpus, tmp_path / "stories")
    task = '[tasks.stance]\nclassifier = "linear"\noptions = { stemming = "never" }\n'
    (tmp_path / "run.toml").write_text(f'name = "desk"\ncorpus = "stories"\n{task}')
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(curve_command)
    arguments = ["run.toml", "--repeats", "2", "--json", "curve.json", "--metric", "micro_f1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Twice the labels (96 articles) would add" in done.output
    report = json.loads((tmp_path / "curve.json").read_bytes())["stance"]
    assert report["metric"] == "micro_f1"
    assert [point["articles"] for point in report["points"]][-1] == 48
    assert set(report) == {"metric", "points", "power_law", "gain_of_doubling"}


def test_an_unknown_metric_is_answered_with_what_was_meant() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'macro-f1'; did you mean 'macro_f1'"):
        checked_metric("macro-f1")
