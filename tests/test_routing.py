from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import expit

import newsclf.decisions.routing
from newsclf.decisions.bounds import binomial_p_value
from newsclf.decisions.routing import GRID, Promise, Routing, fit_routing, routed
from newsclf.errors import ConfigError

PROMISE = Promise(precision=0.95, confidence=0.9)


class Stories(NamedTuple):
    y: NDArray[np.bool_]
    p: NDArray[np.float64]
    assigned: NDArray[np.bool_]


def drawn(n: int, random: np.random.Generator) -> Stories:
    """Draw stories whose labels share a cause, with overconfident probabilities.

    A third has a second label in play, and 2 % or more have no label at all.
    """
    labels, rows = 6, np.arange(n)
    strength = random.normal(-5, 1, (n, labels))
    first = random.integers(labels, size=n)
    second = (first + random.integers(1, labels, size=n)) % labels
    strength[rows, first] = random.normal(2.2, 2, n)
    both = random.random(n) < 0.35
    strength[rows[both], second[both]] = random.normal(1, 1.5, both.sum())
    shared = random.normal(0, 1, (n, 1))
    y = random.random((n, labels)) < expit(1.6 * strength + shared)
    y[random.random(n) < 0.02] = False
    p = expit(1.8 * strength + 0.5)
    return Stories(y, p, p >= 0.4)


def certain(n: int, wrong: int = 0) -> Stories:
    """Make stories with one tag each, of which the given number is wrong."""
    y = np.arange(n)[:, None] >= wrong
    return Stories(y, np.full((n, 1), 0.8), np.ones((n, 1), dtype=bool))


@pytest.fixture(scope="module")
def population() -> Stories:
    return drawn(60_000, np.random.default_rng(0))


@pytest.fixture(scope="module")
def is_kept(population: Stories) -> Callable[[Routing], bool]:
    known: dict[tuple[float, int], float] = {}

    def check(routing: Routing) -> bool:
        if routing.threshold is None:
            return True
        key = routing.threshold, routing.tags_per_article
        if key not in known:
            auto = routed(population.p, population.assigned, routing)
            known[key] = population.y[auto].mean()
        return known[key] >= routing.promise.precision

    return check


@pytest.mark.parametrize(("stories", "draws"), [(100, 300), (300, 300), (1000, 200)])
@pytest.mark.parametrize("precision", [0.9, 0.95])
def test_the_promise_is_kept_as_often_as_it_says(
    is_kept: Callable[[Routing], bool], stories: int, draws: int, precision: float
) -> None:
    random = np.random.default_rng(stories)
    promise = Promise(precision=precision, confidence=0.9)
    routings = [fit_routing(*drawn(stories, random), promise) for _ in range(draws)]
    assert np.mean([is_kept(routing) for routing in routings]) >= 0.88
    if stories == 1000:
        assert np.mean([routing.threshold is None for routing in routings]) < 0.3


def test_betting_on_several_tags_an_article_keeps_the_promise(
    is_kept: Callable[[Routing], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newsclf.decisions.routing, "AMPLE", 10)
    random, promise = np.random.default_rng(2), Promise(precision=0.9, confidence=0.9)
    routings = [fit_routing(*drawn(500, random), promise) for _ in range(200)]
    assert min(routing.tags_per_article for routing in routings) == 2
    assert np.mean([routing.threshold is None for routing in routings]) < 0.3
    assert np.mean([is_kept(routing) for routing in routings]) >= 0.88


def test_a_promise_needs_45_tags_without_an_error() -> None:
    refused, made = fit_routing(*certain(44), PROMISE), fit_routing(*certain(45), PROMISE)
    assert refused.threshold is None
    assert refused.needed in (1, 2)
    assert made.threshold == 0.8
    assert made.auto_tags == 45
    assert made.auto_share == 1
    assert made.review_per_1000 == 0


def test_a_refusal_says_about_how_many_more_stories_would_do() -> None:
    refused = fit_routing(*certain(50, wrong=1), PROMISE)
    assert refused.needed is not None
    assert f"about {refused.needed} more labelled stories" in refused.reason
    more = 50 + refused.needed
    wrong = round(more / 50)
    assert fit_routing(*certain(more + 5, wrong=wrong), PROMISE).threshold == 0.8
    assert fit_routing(*certain(more - 20, wrong=wrong), PROMISE).threshold is None


def test_where_too_many_tags_are_wrong_no_number_of_stories_is_named() -> None:
    refused = fit_routing(*certain(200, wrong=20), PROMISE)
    assert refused.threshold is None
    assert refused.needed is None
    assert "200 surest tags tested, 20 wrong (10.0%)" in refused.reason
    assert "train a better classifier" in refused.reason


def test_stories_without_a_tag_leave_nothing_to_promise() -> None:
    y = np.zeros((50, 3), dtype=bool)
    refused = fit_routing(y, np.full((50, 3), 0.1), y, PROMISE)
    assert refused.threshold is None
    assert refused.review_per_1000 == 0
    assert "no calibration story has a tag" in refused.reason


def test_the_tags_of_a_story_with_no_label_are_wrong() -> None:
    stories = certain(100)
    stories.y[:3] = False
    made = fit_routing(*stories, Promise(precision=0.9, confidence=0.9))
    assert made.wrong_tags == 3
    assert made.expected_error == pytest.approx(0.03)


def test_the_threshold_is_the_lowest_before_errors_begin() -> None:
    stories = certain(400)
    stories.p[:] = np.linspace(0.3, 0.99, 400)[:, None]
    stories.y[:] = stories.p >= 0.6
    made = fit_routing(*stories, PROMISE)
    assert made.threshold is not None
    auto = stories.p >= made.threshold
    assert 0.55 < made.threshold < 0.6
    assert binomial_p_value(made.wrong_tags, auto.sum(), 0.05) <= 0.1
    lower = stories.p >= made.threshold - 0.01
    assert binomial_p_value((lower & ~stories.y).sum(), lower.sum(), 0.05) > 0.1


def test_of_an_article_the_most_probable_tag_is_auto_and_the_others_are_reviewed() -> None:
    made = fit_routing(*certain(45), PROMISE)
    p = np.array([[0.85, 0.9, 0.1], [0.9, 0.9, 0.1], [0.7, 0.1, 0.1], [0.1, 0.1, 0.99]])
    auto = routed(p, (p >= 0.5) & (np.arange(4) < 3)[:, None], made)
    assert auto.tolist() == [[False, True, False], [True, False, False], [False] * 3, [False] * 3]


def test_where_tags_are_ample_several_tags_of_an_article_may_be_auto() -> None:
    y, p = np.ones((2000, 2), dtype=bool), np.full((2000, 2), 0.8)
    made = fit_routing(y, p, y, PROMISE)
    assert made.tags_per_article == 2
    assert made.auto_share == 1
    assert routed([[0.9, 0.85]], [[True, True]], made).all()


def test_a_refused_routing_sends_every_tag_to_review() -> None:
    refused = fit_routing(*certain(5), PROMISE)
    assert not routed([[1.0]], [[True]], refused).any()


def test_figures_describe_what_routing_does_with_the_calibration_stories() -> None:
    stories = drawn(2000, np.random.default_rng(5))
    made = fit_routing(*stories, Promise(precision=0.9, confidence=0.9))
    auto = routed(stories.p, stories.assigned, made)
    assert made.auto_tags == auto.sum()
    assert made.wrong_tags == (auto & ~stories.y).sum()
    assert made.auto_share == pytest.approx(auto.sum() / stories.assigned.sum())
    seen = (stories.assigned & ~auto).any(axis=1)
    assert made.review_per_1000 == pytest.approx(1000 * seen.mean())
    assert Routing.model_validate_json(made.model_dump_json()) == made


@given(st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_better_labels_never_raise_the_threshold(n: int, seed: int) -> None:
    stories, promise = drawn(n, np.random.default_rng(seed)), Promise(precision=0.9)
    as_judged = fit_routing(*stories, promise)
    all_right = fit_routing(stories.y | stories.assigned, stories.p, stories.assigned, promise)
    assert as_judged.tags_per_article == all_right.tags_per_article
    if as_judged.threshold is not None:
        assert all_right.threshold is not None
        assert all_right.threshold <= as_judged.threshold


@pytest.mark.parametrize("value", [0, 1, 95, float("nan")])
def test_a_promise_is_a_share_between_0_and_1(value: float) -> None:
    with pytest.raises(ValidationError, match="precision"):
        Promise(precision=value)


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"one shape.*\(2, 1\), \(3, 1\), \(2, 1\)"):
        fit_routing(np.ones((2, 1)), np.ones((3, 1)), np.ones((2, 1)), PROMISE)
    with pytest.raises(ConfigError, match="an article or more"):
        fit_routing(np.ones((0, 1)), np.ones((0, 1)), np.ones((0, 1)), PROMISE)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="probabilities from 0 to 1"):
        fit_routing([[True]], [[value]], [[True]], PROMISE)


@pytest.mark.filterwarnings("ignore:Fixed sequence testing")
def test_mapie_with_its_looser_bound_accepts_no_lower_threshold() -> None:
    risk_control = pytest.importorskip("mapie.risk_control")
    random = np.random.default_rng(4)
    p = random.uniform(0.3, 1, (1000, 1))
    y = random.random((1000, 1)) < expit(12 * (p - 0.5))
    counts = np.array([(p >= threshold).sum() for threshold in GRID])
    tested = GRID[counts >= 0.3 * len(p)]
    oracle = risk_control.BinaryClassificationController(
        predict_function=lambda x: np.hstack([1 - x, x]),
        risk="precision",
        target_level=0.95,
        confidence_level=0.9,
        list_predict_params=tested,
        fwer_method="fixed_sequence",
    )
    oracle.calibrate(p, y[:, 0].astype(int))
    ours = fit_routing(y, p, np.ones_like(y), PROMISE)
    assert ours.threshold is not None
    assert ours.threshold <= min(oracle.valid_predict_params) <= ours.threshold + 0.05
