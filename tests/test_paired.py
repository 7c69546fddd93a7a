from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, norm

from newsclf.metrics import paired
from newsclf.metrics.paired import (
    articles_needed,
    bootstrap_differences,
    holm,
    mcnemar,
    paired_scores,
    randomisation_p,
)
from newsclf.metrics.scores import macro_f1, micro_f1

shape = st.tuples(st.integers(1, 12), st.integers(1, 5))
two_arrays = shape.flatmap(lambda size: st.tuples(arrays(bool, size), arrays(bool, size)))
p_values = st.lists(st.floats(0, 1), max_size=8)
Labels = NDArray[np.bool_]


def sample(n_articles: int, *, seed: int = 5) -> tuple[Labels, Labels, Labels]:
    rng = np.random.default_rng(seed)
    y = rng.random((n_articles, 3)) < 0.4
    return y, y ^ (rng.random(y.shape) < 0.1), y ^ (rng.random(y.shape) < 0.25)


def naive_scores(y: Labels, predicted: Labels) -> list[float]:
    exact = float((y == predicted).all(axis=1).mean())
    return [macro_f1(y, predicted), micro_f1(y, predicted), exact]


@given(two_arrays)
def test_scores_equal_those_of_evaluation(pair: tuple[Labels, Labels]) -> None:
    np.testing.assert_allclose(paired_scores(*pair), naive_scores(*pair), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cells", [40, 100, 1 << 22])
def test_the_bootstrap_scores_the_same_drawn_articles_for_both(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paired, "_CELLS", cells)
    y, a, b = sample(40)
    expected = [
        np.subtract(naive_scores(y[draw], b[draw]), naive_scores(y[draw], a[draw]))
        for draw in np.random.default_rng(3).integers(40, size=(25, 40))
    ]
    found = bootstrap_differences(y, a, b, rounds=25, seed=3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_randomisation_approaches_the_share_of_all_swaps() -> None:
    y, a, b = sample(10)
    observed = np.abs(np.subtract(naive_scores(y, b), naive_scores(y, a)))
    swapped = []
    for swap in product([False, True], repeat=10):
        kept = ~np.array(swap)[:, None]
        one, other = np.where(kept, a, b), np.where(kept, b, a)
        swapped.append(np.abs(np.subtract(naive_scores(y, one), naive_scores(y, other))))
    exact = (np.array(swapped) >= observed - 1e-9).mean(axis=0)
    assert (exact > 0.01).all()
    assert (exact[:2] < 0.9).all()
    found = randomisation_p(y, a, b, rounds=20_000)
    np.testing.assert_allclose(found, exact, rtol=0, atol=0.015)


def test_randomisation_works_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = randomisation_p(*sample(30), rounds=5000)
    monkeypatch.setattr(paired, "_CELLS", 100)
    np.testing.assert_allclose(randomisation_p(*sample(30), rounds=5000), whole, atol=0.03)


def test_randomisation_finds_no_p_below_its_rounds_and_none_between_twins() -> None:
    y, _, _ = sample(200)
    assert randomisation_p(y, y, ~y, rounds=99).tolist() == [0.01, 0.01, 0.01]
    assert randomisation_p(y, ~y, ~y, rounds=99).tolist() == [1, 1, 1]


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    y, a, b = sample(10)
    for draw in (bootstrap_differences, randomisation_p):
        first, again, other = (draw(y, a, b, rounds=200, seed=seed).tolist() for seed in (1, 1, 2))
        assert first == again != other


@given(arrays(bool, (30, 2)))
def test_mcnemar_is_the_mid_p_binomial_test(right: Labels) -> None:
    found = mcnemar(right[:, 0], right[:, 1])
    n_telling = found.only_first + found.only_second
    assert n_telling == (right[:, 0] != right[:, 1]).sum()
    if n_telling:
        exact = binomtest(found.only_first, n_telling).pvalue
        same = binom.pmf(found.only_first, n_telling, 0.5)
        equal = found.only_first == found.only_second
        assert found.p == pytest.approx(1.0 if equal else exact - same)
        assert found.cohen_g == pytest.approx(found.only_second / n_telling - 0.5)


def test_mcnemar_without_an_article_that_tells_finds_nothing() -> None:
    assert mcnemar([1, 0], [1, 0]) == (0, 0, 1.0, 0.0)


@given(p_values)
def test_holm_rejects_what_stepping_down_rejects(p: list[float]) -> None:
    level, rejected = 0.05, set()
    for rank, test in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[test] * (len(p) - rank) > level:
            break
        rejected.add(test)
    assert set(np.flatnonzero(holm(p) <= level)) == rejected


@given(p_values)
def test_holm_keeps_order_and_never_lowers_a_p(p: list[float]) -> None:
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


@settings(max_examples=20)
@given(st.floats(0.001, 0.2), st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_the_articles_needed_give_the_power(difference: float, error: float, level: float) -> None:
    needed = articles_needed(difference, error, 500, level=level, power=0.9)
    shrunk = error * (500 / needed) ** 0.5
    beyond = norm.sf(norm.isf(level / 2) - difference / shrunk)
    assert beyond == pytest.approx(0.9)
    assert articles_needed(-difference, error, 500, level=level, power=0.9) == needed


def test_no_number_of_articles_tells_no_difference() -> None:
    assert articles_needed(0.0, 0.1, 500, level=0.05) == float("inf")
