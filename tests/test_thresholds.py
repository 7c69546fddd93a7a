from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from newsclf.decisions.thresholds import (
    DEFAULT_THRESHOLD,
    MIN_SUPPORT,
    Cost,
    Objective,
    Threshold,
    choose_thresholds,
    f1_thresholds,
)

judged = st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1, max_size=15)


share = st.integers(1, 10).map(lambda tenths: tenths / 10)


def f1(y: NDArray[np.bool_], taken: NDArray[np.bool_]) -> float:
    return float(2 * (y & taken).sum() / (y.sum() + taken.sum()))


@given(judged)
def test_no_other_threshold_has_a_better_f1(rows: list[tuple[bool, int]]) -> None:
    y = np.array([has for has, _ in rows])
    p = np.array([twentieths for _, twentieths in rows]) / 20
    (threshold,) = f1_thresholds(y[:, None], p[:, None])
    if not y.any():
        assert threshold == DEFAULT_THRESHOLD
        return
    best = max(f1(y, p >= candidate) for candidate in p)
    assert f1(y, p >= threshold) == pytest.approx(best, abs=1e-12)


@given(judged)
def test_a_threshold_lies_midway_between_neighbouring_probabilities(
    rows: list[tuple[bool, int]],
) -> None:
    y = np.array([[True] if index == 0 else [has] for index, (has, _) in enumerate(rows)])
    p = np.array([[twentieths / 20] for _, twentieths in rows])
    (threshold,) = f1_thresholds(y, p)
    taken = p[p >= threshold].min()
    left = p[p < threshold].max(initial=0.0)
    assert threshold == pytest.approx((taken + left) / 2)


def test_each_label_has_its_own_threshold() -> None:
    y = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    p = [[0.9, 0.1, 0.7], [0.5, 0.6, 0.7], [0.7, 0.4, 0.9]]
    np.testing.assert_allclose(f1_thresholds(y, p), [0.6, 0.25, 0.5])


def test_articles_of_equal_probability_are_taken_together() -> None:
    (threshold,) = f1_thresholds([[1], [0], [0]], [[0.8], [0.8], [0.2]])
    assert threshold == pytest.approx(0.5)


def test_of_equally_good_thresholds_the_highest_is_chosen() -> None:
    (threshold,) = f1_thresholds([[1], [0], [0], [1]], [[0.9], [0.6], [0.5], [0.3]])
    assert f1(np.array([1, 0, 0, 1], bool), np.array([1, 0, 0, 0], bool)) == pytest.approx(2 / 3)
    assert threshold == pytest.approx(0.75)


def columns(rows: list[tuple[bool, int]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([has for has, _ in rows]), np.array([n for _, n in rows]) / 20


def chosen(y: NDArray[np.bool_], p: NDArray[np.float64], objective: Objective) -> Threshold:
    return choose_thresholds(y[:, None], p[:, None], ["border"], objective)["border"]


def candidates(p: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Return every set of articles that some threshold takes, from the largest to none."""
    return [p >= value for value in [*np.unique(p), 2.0]]


@given(judged, share)
def test_a_precision_is_reached_with_the_most_recall(
    rows: list[tuple[bool, int]], precision: float
) -> None:
    y, p = columns(rows)
    threshold = chosen(y, p, Objective(precision=precision))
    right = [taken for taken in candidates(p)[:-1] if (y & taken).sum() / taken.sum() >= precision]
    assert threshold.met == bool(right)
    expected = right[0] if right else np.zeros_like(y)
    np.testing.assert_array_equal(p >= threshold.value, expected)


@given(judged, share)
def test_a_recall_is_reached_with_the_fewest_tags(
    rows: list[tuple[bool, int]], recall: float
) -> None:
    y, p = columns(rows)
    threshold = chosen(y, p, Objective(recall=recall))
    assert threshold.met == y.any()
    if y.any():
        enough = [taken for taken in candidates(p) if (y & taken).sum() / y.sum() >= recall]
        np.testing.assert_array_equal(p >= threshold.value, enough[-1])


@given(judged, st.integers(1, 5), st.integers(1, 5))
def test_no_other_threshold_costs_less(
    rows: list[tuple[bool, int]], wrong: int, missed: int
) -> None:
    y, p = columns(rows)
    cost = Cost(false_positive=wrong, false_negative=missed)

    def total(taken: NDArray[np.bool_]) -> int:
        return int(wrong * (taken & ~y).sum() + missed * (y & ~taken).sum())

    threshold = chosen(y, p, Objective(cost=cost))
    assert total(p >= threshold.value) == min(map(total, candidates(p)))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30),
    st.sampled_from(
        [
            Objective(),
            Objective(precision=0.9),
            Objective(recall=0.9),
            Objective(cost=Cost(false_positive=1, false_negative=3)),
        ]
    ),
)
def test_a_threshold_is_above_0_and_beyond_1_only_to_keep_out_a_certainty(
    rows: list[tuple[bool, float]], objective: Objective
) -> None:
    y, p = np.array([has for has, _ in rows]), np.array([value for _, value in rows])
    threshold = chosen(y, p, objective)
    assert threshold.value > 0
    assert threshold.value <= 1 or p.max() == 1


def test_the_default_objective_is_each_label_s_best_f1() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((200, 3))
    y = rng.random((200, 3)) < p
    found = choose_thresholds(y, p, ["a", "b", "c"], Objective())
    assert [t.value for t in found.values()] == f1_thresholds(y, p).tolist()
    assert [t.support for t in found.values()] == y.sum(axis=0).tolist()
    assert not any(t.shared for t in found.values())


def test_a_precision_out_of_reach_is_said_and_gives_no_tag() -> None:
    y, p = np.array([False] * 5 + [True] * 10), np.full(15, 0.8)
    threshold = chosen(y, p, Objective(precision=0.9))
    assert (threshold.met, threshold.value) == (False, pytest.approx(0.9))


def test_a_recall_out_of_reach_is_said_and_takes_all_but_probability_0() -> None:
    y, p = np.array([True, True, False]), np.array([0.0, 0.6, 0.2])
    threshold = chosen(y, p, Objective(recall=1.0))
    assert (threshold.met, threshold.value) == (False, pytest.approx(0.1))


def with_rare_labels(*n_positive: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    y = np.arange(100)[:, None] < np.array(n_positive)
    return y, np.clip(0.3 * y + 0.6 * rng.random(y.shape), 0.01, 0.99)


def test_rare_labels_share_a_threshold() -> None:
    y, p = with_rare_labels(40, 6, 5, MIN_SUPPORT)
    found = choose_thresholds(y, p, ["a", "b", "c", "d"], Objective())
    (together,) = f1_thresholds(y[:, 1:3].reshape(-1, 1), p[:, 1:3].reshape(-1, 1))
    assert found["b"] == found["c"] == Threshold(value=together, support=11, shared=True)
    assert not found["a"].shared
    assert not found["d"].shared


def test_labels_that_are_rare_even_together_take_the_threshold_of_all() -> None:
    y, p = with_rare_labels(40, 3, 0)
    found = choose_thresholds(y, p, ["a", "b", "c"], Objective())
    (of_all,) = f1_thresholds(y.reshape(-1, 1), p.reshape(-1, 1))
    assert found["b"] == found["c"] == Threshold(value=of_all, support=43, shared=True)


def test_a_rare_label_on_its_own_shares_with_none() -> None:
    y, p = with_rare_labels(3)
    found = choose_thresholds(y, p, ["a"], Objective())
    assert found["a"].support == 3
    assert not found["a"].shared


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"precision": 0.9, "recall": 0.9}, "one thing, not precision and recall; keep one"),
        ({"precision": 95}, "less than or equal to 1"),
        ({"recall": 0}, "greater than 0"),
        ({"cost": {"false_positive": 1}}, "Field required"),
        ({"cost": {"false_positive": 1, "false_negative": -2}}, "greater than 0"),
        ({"accuracy": 0.9}, "Extra inputs"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(
    document: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Objective.model_validate(document)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "best F1"),
        ({"recall": 0.8}, "recall of at least 0.8"),
        (
            {"cost": {"false_positive": 1, "false_negative": 2.5}},
            "lowest cost at 1 a wrong tag and 2.5 a missed one",
        ),
    ],
)
def test_an_objective_says_what_it_is(document: dict[str, object], said: str) -> None:
    assert str(Objective.model_validate(document)) == said
