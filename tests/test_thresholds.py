from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from newsclf.decisions.thresholds import DEFAULT_THRESHOLD, f1_thresholds

judged = st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1, max_size=15)


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
