from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from newsclf.decisions.bounds import betting_p_value, binomial_p_value

rates = st.floats(0.01, 0.5)
counts = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair)))


@given(counts, rates)
def test_the_binomial_p_value_is_the_chance_of_so_few_wrong_tags(
    pair: tuple[int, int], rate: float
) -> None:
    wrong, tags = pair
    assert binomial_p_value(wrong, tags, rate) == pytest.approx(binom.cdf(wrong, tags, rate))


@given(counts.filter(lambda pair: pair[0] < pair[1]), rates, st.floats(0.01, 0.5))
def test_it_rejects_when_the_clopper_pearson_bound_lies_below_the_rate(
    pair: tuple[int, int], rate: float, level: float
) -> None:
    wrong, tags = pair
    bound = beta.ppf(1 - level, wrong + 1, tags - wrong)
    if abs(bound - rate) > 1e-9:
        assert (binomial_p_value(wrong, tags, rate) <= level) == (bound < rate)


@given(counts, rates)
def test_another_wrong_tag_never_lowers_the_p_values(pair: tuple[int, int], rate: float) -> None:
    wrong, tags = pair
    n_wrong, each = np.arange(tags + 1), np.ones(tags)
    assert np.all(np.diff(binomial_p_value(n_wrong, tags, rate)) >= -1e-12)
    fewer, more = each * (each.cumsum() <= wrong), each * (each.cumsum() <= wrong + 1)
    assert betting_p_value(fewer, each, rate, 2) <= betting_p_value(more, each, rate, 2) + 1e-12


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60), rates)
def test_betting_gives_a_p_value_and_the_order_of_articles_does_not_matter(
    articles: list[tuple[int, int]], rate: float
) -> None:
    tags = np.array([max(pair) for pair in articles])
    wrong = np.array([min(pair) for pair in articles])
    value = betting_p_value(wrong, tags, rate, 3)
    assert 0 <= value <= 1
    assert betting_p_value(wrong[::-1], tags[::-1], rate, 3) == pytest.approx(value)


def test_articles_without_a_tag_are_no_evidence() -> None:
    with_tags = betting_p_value([0] * 90, [1] * 90, 0.1, 2)
    assert betting_p_value([0] * 500, [1] * 90 + [0] * 410, 0.1, 2) == pytest.approx(with_tags)
    assert betting_p_value([0], [0], 0.1, 2) == 1


def test_an_article_of_wrong_tags_alone_is_no_certain_loss() -> None:
    assert betting_p_value([2] + [0] * 900, [2] * 901, 0.05, 2) < 0.01


@pytest.mark.parametrize("tags_of_a_good_article", [1, 3])
def test_betting_rejects_a_true_null_no_more_often_than_its_level(
    tags_of_a_good_article: int,
) -> None:
    """One article in 25 has three tags, all wrong; the rate tested is exactly the true one."""
    random, bad_share = np.random.default_rng(3), 0.04
    tags_of_kinds = np.array([tags_of_a_good_article, 3])
    rate = 3 * bad_share / (tags_of_kinds @ [1 - bad_share, bad_share])
    rejected = []
    for bad in random.random((2000, 300)) < bad_share:
        rejected.append(betting_p_value(3 * bad, tags_of_kinds[bad.astype(int)], rate, 3) <= 0.1)
    assert np.mean(rejected) <= 0.12
