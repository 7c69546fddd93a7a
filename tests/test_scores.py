from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)
from sklearn.metrics import (
    coverage_error as sklearn_coverage_error,
)
from sklearn.metrics import (
    hamming_loss as sklearn_hamming_loss,
)

from newsclf.metrics.bootstrap import LEAST_GROUPS, bootstrap_intervals
from newsclf.metrics.ranking import average_precision, coverage_error, roc_auc
from newsclf.metrics.scores import (
    bootstrap_interval,
    confusion,
    exact_match,
    hamming_loss,
    hierarchical_average,
    label_scores,
    macro_average,
    macro_f1,
    micro_average,
    micro_f1,
    none_average,
    sample_average,
)

shape = st.tuples(st.integers(1, 12), st.integers(2, 5))
truth_and_tags = shape.flatmap(lambda size: st.tuples(arrays(bool, size), arrays(bool, size)))
truth_and_probabilities = shape.flatmap(
    lambda size: st.tuples(
        arrays(bool, size), arrays(float, size, elements=st.sampled_from([0.0, 0.2, 0.5, 0.9]))
    )
)
Pair = tuple[NDArray[np.bool_], NDArray[np.bool_]]
Ranked = tuple[NDArray[np.bool_], NDArray[np.float64]]


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
    for average, ours in (("macro", macro_average(*pair)), ("micro", micro_average(*pair))):
        *expected, _ = precision_recall_fscore_support(*pair, average=average, zero_division=0)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    assert macro_f1(*pair) == macro_average(*pair).f1
    assert micro_f1(*pair) == micro_average(*pair).f1


@given(truth_and_tags)
def test_having_no_label_counts_as_a_label_of_an_article(pair: Pair) -> None:
    with_none = [np.column_stack([side, ~side.any(axis=1)]) for side in pair]
    *expected, _ = precision_recall_fscore_support(*with_none, average="samples", zero_division=0)
    np.testing.assert_allclose(sample_average(*pair), expected, rtol=0, atol=1e-12)
    *expected, _ = precision_recall_fscore_support(
        *(side[:, -1] for side in with_none), average="binary", zero_division=0
    )
    np.testing.assert_allclose(none_average(*pair), expected, rtol=0, atol=1e-12)


@given(truth_and_tags)
def test_whole_articles_and_single_decisions_are_counted(pair: Pair) -> None:
    y, predicted = pair
    same = [tuple(a) == tuple(b) for a, b in zip(y.tolist(), predicted.tolist(), strict=True)]
    assert exact_match(y, predicted) == pytest.approx(np.mean(same))
    assert hamming_loss(y, predicted) == pytest.approx(sklearn_hamming_loss(y, predicted))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_with_one_label_an_article_confusions_are_the_usual_matrix(
    codes: list[tuple[int, int]],
) -> None:
    truth, given_code = np.array(codes).T
    found = confusion(truth[:, None] == np.arange(4), given_code[:, None] == np.arange(4))
    expected = confusion_matrix(truth, given_code, labels=range(4))
    np.testing.assert_array_equal(found[:4, :4], expected)
    assert not found[4].any()
    assert not found[:, 4].any()


@given(truth_and_tags)
def test_in_a_scheme_without_a_tree_the_hierarchical_average_is_the_micro(pair: Pair) -> None:
    assert hierarchical_average(*pair, [None] * pair[0].shape[1]) == micro_average(*pair)


def test_ancestors_reach_the_root() -> None:
    found = hierarchical_average([[0, 0, 1, 0]], [[0, 0, 0, 1]], [None, 0, 1, 1])
    assert found == pytest.approx((2 / 3, 2 / 3, 2 / 3))


@given(truth_and_probabilities)
def test_rankings_of_articles_equal_scikit_learns(pair: Ranked) -> None:
    y, p = pair
    precision, area = average_precision(y, p), roc_auc(y, p)
    for label in range(y.shape[1]):
        if y[:, label].any():
            expected = average_precision_score(y[:, label], p[:, label])
            assert precision[label] == pytest.approx(expected)
        else:
            assert np.isnan(precision[label])
        if 0 < y[:, label].sum() < len(y):
            assert area[label] == pytest.approx(roc_auc_score(y[:, label], p[:, label]))
        else:
            assert np.isnan(area[label])


@given(truth_and_probabilities)
def test_coverage_equals_scikit_learns_on_articles_with_a_label(pair: Ranked) -> None:
    y, p = pair
    labelled = y.any(axis=1)
    if labelled.any():
        expected = sklearn_coverage_error(y[labelled], p[labelled])
        assert coverage_error(y, p) == pytest.approx(expected)
    else:
        assert np.isnan(coverage_error(y, p))


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


def test_weighted_sums_give_the_intervals_of_drawn_copies() -> None:
    y, predicted = sample(40)
    found = bootstrap_intervals(y, predicted, rounds=60, seed=3)
    assert found is not None
    for ours, score in (
        (found.macro, macro_f1),
        (found.micro, micro_f1),
        (found.sample, lambda a, b: sample_average(a, b).f1),
        (found.labels[1], lambda a, b: f1_score(a[:, 1], b[:, 1])),
    ):
        expected = bootstrap_interval(y, predicted, score, rounds=60, seed=3)
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_rounds_in_several_blocks_give_the_same_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once = bootstrap_intervals(*sample(), rounds=50)
    monkeypatch.setattr("newsclf.metrics.bootstrap._BLOCK_CELLS", 7 * 60)
    assert bootstrap_intervals(*sample(), rounds=50) == once


def test_copies_of_articles_widen_an_interval_only_when_they_are_drawn_together() -> None:
    y, predicted = sample(60)
    copied = [np.repeat(side, 5, axis=0) for side in (y, predicted)]
    alone = bootstrap_intervals(y, predicted)
    apart = bootstrap_intervals(*copied)
    together = bootstrap_intervals(*copied, groups=np.repeat(np.arange(60) + 100, 5))
    assert alone is not None
    assert apart is not None
    assert together is not None
    np.testing.assert_allclose(together.micro, alone.micro)
    assert apart.micro[1] - apart.micro[0] < 0.6 * (together.micro[1] - together.micro[0])


def test_too_few_groups_give_no_interval() -> None:
    y, predicted = sample()
    few = np.arange(len(y)) % (LEAST_GROUPS - 1)
    assert bootstrap_intervals(y, predicted, groups=few) is None
    assert bootstrap_intervals(y, predicted, groups=np.arange(len(y)) % LEAST_GROUPS) is not None


def test_a_label_that_few_articles_have_gets_no_interval_of_its_own() -> None:
    y, predicted = sample()
    y[:, 0] = np.arange(len(y)) < LEAST_GROUPS - 1
    y[:, 1] = np.arange(len(y)) < LEAST_GROUPS
    y[:, 2] = False
    found = bootstrap_intervals(y, predicted)
    assert found is not None
    assert found.labels[0] is None
    assert found.labels[1] is not None
    assert found.macro_occurring[0] > found.macro[0]
