from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from newsclf.metrics.scores import bootstrap_interval, label_scores, macro_f1, micro_f1

shape = st.tuples(st.integers(1, 12), st.integers(2, 5))
truth_and_tags = shape.flatmap(lambda size: st.tuples(arrays(bool, size), arrays(bool, size)))
Pair = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def sample(n_articles: int = 60) -> Pair:
    rng = np.random.default_rng(5)
    y = rng.random((n_articles, 3)) < 0.4
    return y, y ^ (rng.random(y.shape) < 0.2)


@given(truth_and_tags)
def test_label_scores_equal_scikit_learns(pair: Pair) -> None:
    found = label_scores(*pair)
    expected = precision_recall_fscore_support(*pair, average=None, zero_division=0)
    for ours, theirs in zip(
        (found.precision, found.recall, found.f1, found.support), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@given(truth_and_tags)
def test_averages_equal_scikit_learns(pair: Pair) -> None:
    for average, ours in (("macro", macro_f1(*pair)), ("micro", micro_f1(*pair))):
        assert ours == pytest.approx(f1_score(*pair, average=average, zero_division=0), abs=1e-12)


def test_nothing_given_where_nothing_was_due_counts_as_zero() -> None:
    nothing = np.zeros((3, 2), dtype=bool)
    assert macro_f1(nothing, nothing) == micro_f1(nothing, nothing) == 0.0


def test_lists_of_zeros_and_ones_are_taken() -> None:
    assert micro_f1([[1, 0], [1, 1]], [[1, 0], [1, 0]]) == pytest.approx(0.8)


def test_an_interval_holds_the_score_and_widens_with_its_level() -> None:
    y, predicted = sample()
    low, high = bootstrap_interval(y, predicted, macro_f1, rounds=200)
    lower, higher = bootstrap_interval(y, predicted, macro_f1, level=0.99, rounds=200)
    assert 0 <= lower <= low < macro_f1(y, predicted) < high <= higher <= 1
    assert higher - lower > high - low


def test_an_interval_is_that_of_the_drawn_quantiles() -> None:
    y, predicted = sample(20)
    draws = np.random.default_rng(7).integers(20, size=(50, 20))
    scores = [f1_score(y[d], predicted[d], average="micro", zero_division=0) for d in draws]
    interval = bootstrap_interval(y, predicted, micro_f1, level=0.8, rounds=50, seed=7)
    np.testing.assert_allclose(interval, np.quantile(scores, [0.1, 0.9]))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    y, predicted = sample()
    first, again, other = (
        bootstrap_interval(y, predicted, macro_f1, rounds=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_more_articles_give_a_narrower_interval() -> None:
    few, many = (bootstrap_interval(*sample(n), micro_f1, rounds=200) for n in (30, 600))
    assert many[1] - many[0] < few[1] - few[0]


def test_a_perfect_prediction_has_an_interval_of_one_point() -> None:
    y = np.ones((5, 2), dtype=bool)
    assert bootstrap_interval(y, y, micro_f1, rounds=20) == (1.0, 1.0)
