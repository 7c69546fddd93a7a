from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from newsclf.decisions.calibration import (
    METHODS,
    TaskCalibration,
    cross_calibrated,
    fit_calibration,
)
from newsclf.decisions.curves import (
    LabelCalibration,
    fit_isotonic,
    fit_logistic,
    log_features,
    smoothed_targets,
)
from newsclf.errors import ConfigError
from newsclf.metrics.calibration import (
    brier_score,
    chance_calibration_error,
    expected_calibration_error,
    pooled_calibration_error,
    reliability_curve,
    wilson_interval,
)

Drawn = tuple[NDArray[np.bool_], NDArray[np.float64]]

probability = st.floats(0, 1)
judged = st.lists(st.tuples(st.booleans(), probability), min_size=1, max_size=60)
slope = st.floats(0, 5)
intercept = st.floats(-5, 5)
knots = st.lists(probability, min_size=1, max_size=6).flatmap(
    lambda raw: st.lists(probability, min_size=len(raw), max_size=len(raw)).map(
        lambda calibrated: tuple(zip(sorted(raw), sorted(calibrated), strict=True))
    )
)
curve = st.one_of(
    st.just(LabelCalibration(method="identity")),
    st.builds(LabelCalibration, method=st.just("sigmoid"), parameters=st.tuples(slope, intercept)),
    st.builds(
        LabelCalibration, method=st.just("beta"), parameters=st.tuples(slope, slope, intercept)
    ),
    st.builds(LabelCalibration, method=st.just("isotonic"), knots=knots),
)


def drawn(n: int, base_rates: list[float], *, seed: int = 0) -> Drawn:
    """Return labels, and the probabilities that they were drawn from."""
    rng = np.random.default_rng(seed)
    true = expit(logit(base_rates) + 1.5 * rng.standard_normal((n, len(base_rates))))
    return rng.random(true.shape) < true, true


def names(p: NDArray[np.float64]) -> list[str]:
    return [f"label_{column}" for column in range(p.shape[1])]


def columns(rows: list[tuple[bool, float]]) -> Drawn:
    return np.array([has for has, _ in rows]), np.array([p for _, p in rows])


@given(curve, st.lists(probability, min_size=2, max_size=30))
def test_a_curve_keeps_the_order_of_articles_and_stays_between_0_and_1(
    curve: LabelCalibration, p: list[float]
) -> None:
    calibrated = curve.apply(np.sort(p))
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated) >= -1e-12).all()


@given(st.lists(curve, min_size=2, max_size=4), st.booleans())
def test_a_calibration_is_the_same_after_a_round_trip_through_json(
    curves: list[LabelCalibration], single: bool
) -> None:
    labels = dict(zip("abcd", curves, strict=False))
    calibration = TaskCalibration(labels=labels, single=single)
    again = TaskCalibration.model_validate_json(calibration.model_dump_json())
    p = np.linspace(0, 1, 7)[:, None].repeat(len(labels), axis=1)
    assert again == calibration
    np.testing.assert_array_equal(again.apply(p, list(labels)), calibration.apply(p, list(labels)))


@given(st.lists(curve, min_size=2, max_size=4), st.data())
def test_probabilities_of_a_single_label_task_sum_to_1(
    curves: list[LabelCalibration], data: st.DataObject
) -> None:
    labels = dict(zip("abcd", curves, strict=False))
    row = st.lists(probability, min_size=len(labels), max_size=len(labels))
    p = np.array(data.draw(st.lists(row, min_size=1, max_size=5)))
    calibrated = TaskCalibration(labels=labels, single=True).apply(p, list(labels))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)


def test_columns_are_matched_to_labels_by_name() -> None:
    down = LabelCalibration(method="sigmoid", parameters=(1, -2))
    same = LabelCalibration(method="identity")
    calibration = TaskCalibration(labels={"a": down, "b": same}, single=False)
    np.testing.assert_allclose(calibration.apply([[0.5, 0.5]], ["b", "a"]), [[0.5, expit(-2)]])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"method": "sigmoid", "parameters": (1,)}, "sigmoid takes 2 parameters"),
        ({"method": "beta", "parameters": (1, -1, 0)}, "a slope of beta is negative"),
        ({"method": "beta", "parameters": (1, 1, float("nan"))}, "finite"),
        ({"method": "isotonic"}, "needs at least one"),
        ({"method": "identity", "knots": ((0, 0),)}, "knots belong to isotonic"),
        ({"method": "isotonic", "knots": ((0, 0.5), (1, 0.4))}, "do not ascend"),
        ({"method": "isotonic", "knots": ((0, 0), (1, 1.5))}, "less than or equal to 1"),
        ({"method": "spline"}, "'identity', 'sigmoid', 'beta' or 'isotonic'"),
    ],
)
def test_a_curve_that_would_mislead_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LabelCalibration.model_validate(document)


@given(judged)
def test_isotonic_is_that_of_scikit_learn_on_smoothed_targets(
    rows: list[tuple[bool, float]],
) -> None:
    y, p = columns([(has, round(value, 3)) for has, value in rows])
    oracle = IsotonicRegression(out_of_bounds="clip").fit(p, smoothed_targets(y))
    grid = np.linspace(0, 1, 50)
    np.testing.assert_allclose(fit_isotonic(y, p).apply(grid), oracle.predict(grid), atol=1e-9)


def test_isotonic_keeps_only_its_corners() -> None:
    y, p = drawn(2000, [0.3])
    assert len(fit_isotonic(y[:, 0], p[:, 0]).knots) < 100


@pytest.mark.parametrize("method", ["sigmoid", "beta"])
@pytest.mark.parametrize("centre", ["near", "far"])
def test_a_logistic_fit_has_no_better_neighbour(method: str, centre: str) -> None:
    y, p = drawn(300, [0.3])
    features = log_features("sigmoid" if method == "sigmoid" else "beta", p[:, 0])
    n_slopes = features.shape[1] - 1
    start = np.full(n_slopes + 1, 1.0 if centre == "near" else 30.0)
    targets = smoothed_targets(y[:, 0])
    precision = np.array([4.0] * n_slopes + [1.0])

    def loss(parameters: NDArray[np.float64]) -> float:
        logits = features @ parameters
        penalty = precision @ (parameters - start) ** 2 / 2
        return float(np.logaddexp(0, logits).sum() - targets @ logits + penalty)

    fitted = fit_logistic(features, targets, start, n_slopes)
    nudges = np.concatenate([np.eye(n_slopes + 1), -np.eye(n_slopes + 1)]) * 0.01
    allowed = [nudge for nudge in nudges if (fitted + nudge)[:n_slopes].min() >= 0]
    assert all(loss(fitted + nudge) > loss(fitted) for nudge in allowed)


def test_probabilities_that_rank_backwards_are_flattened_and_not_reversed() -> None:
    y, p = drawn(500, [0.5])
    fitted = fit_logistic(log_features("sigmoid", 1 - p[:, 0]), y[:, 0] * 1.0, np.ones(2), 1)
    assert fitted[0] == 0
    assert expit(fitted[1]) == pytest.approx(y.mean(), abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_the_one_that_the_distortion_calls_for(method: str) -> None:
    y, true = drawn(4000, [0.4])
    distorted = {
        "identity": true,
        "sigmoid": expit(2.5 * logit(true) + 2),
        "beta": true**0.2,
        "isotonic": np.where(true < 0.5, 0.1 * true, 0.9 + 0.1 * true),
    }
    seen = distorted[method]
    calibration = fit_calibration(y, seen, ["border"], single=False, seed=0)
    repaired = calibration.apply(seen, ["border"])
    assert np.abs(repaired - true).mean() < 0.03
    chosen = calibration.labels["border"].method
    assert chosen == method or (method == "identity" and chosen != "isotonic")


def test_isotonic_waits_for_fifty_articles_with_the_label() -> None:
    y, true = drawn(400, [0.08])
    assert y.sum() < 50
    steps = np.where(true < 0.1, 0.01 * true, 0.99 + 0.01 * true)
    calibration = fit_calibration(y, steps, ["border"], single=False, seed=0)
    assert calibration.labels["border"].method != "isotonic"


def test_held_out_articles_are_better_calibrated_after_than_before() -> None:
    base_rates = [0.02, 0.1, 0.3, 0.6]
    y, true = drawn(1000, base_rates)
    unseen_y, unseen_true = drawn(4000, base_rates, seed=1)
    seen, unseen = (expit(2 * logit(p) + 1) for p in (true, unseen_true))
    after = fit_calibration(y, seen, names(seen), single=False, seed=0).apply(unseen, names(unseen))
    assert expected_calibration_error(unseen_y, after) < 0.03
    assert expected_calibration_error(unseen_y, unseen) > 0.06
    assert brier_score(unseen_y, after) < brier_score(unseen_y, unseen)


def test_rare_labels_borrow_the_task_s_curve() -> None:
    unseen_true = drawn(5000, [0.003], seed=99)[1]
    errors = {"alone": 0.0, "together": 0.0}
    for seed in range(6):
        y, true = drawn(500, [0.3, 0.3, 0.3, 0.003], seed=seed)
        assert 0 < y[:, 3].sum() < 10
        for how, kept in (("alone", slice(3, 4)), ("together", slice(0, 4))):
            labels, raw = names(true)[kept], expit(3 * logit(true[:, kept]))
            calibration = fit_calibration(y[:, kept], raw, labels, single=False, seed=0)
            calibrated = calibration.apply(expit(3 * logit(unseen_true)), ["label_3"])
            errors[how] += np.abs(calibrated - unseen_true).mean()
    assert errors["together"] < 0.95 * errors["alone"]


def test_a_rare_label_takes_the_method_that_is_best_for_the_task() -> None:
    y, true = drawn(2000, [0.4, 0.4])
    y[:, 1] = False
    y[:3, 1] = True
    seen = true.copy()
    seen[:, 0] = true[:, 0] ** 0.2
    calibration = fit_calibration(y, seen, ["common", "rare"], single=False, seed=0)
    assert calibration.labels["common"].method == "beta"
    assert calibration.labels["rare"].method == "beta"


def test_a_label_without_an_article_is_lowered() -> None:
    y, true = drawn(400, [0.3, 0.3])
    y[:, 1] = False
    calibration = fit_calibration(y, true, ["seen", "unseen"], single=False, seed=0)
    calibrated = calibration.apply(true, ["seen", "unseen"])
    assert calibrated[:, 1].mean() < 0.05 < true[:, 1].mean()


def test_the_same_seed_gives_the_same_calibration() -> None:
    y, p = drawn(200, [0.1, 0.4])
    one, two = (fit_calibration(y, p, names(p), single=False, seed=7) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("article", [0, 17, 59])
def test_no_article_is_calibrated_by_its_own_label(article: int) -> None:
    has, p = drawn(60, [0.5, 0.5, 0.8])
    half = np.arange(60) % 2 == 0
    y = np.column_stack([half, ~half, has[:, 2]])  # the first two alone decide on the folds
    other = y.copy()
    other[article, 2] = not y[article, 2]
    before, after = (
        cross_calibrated(labels, p, names(p), single=False, seed=0) for labels in (y, other)
    )
    np.testing.assert_array_equal(after[article], before[article])
    assert (after != before).any()


def test_folds_are_shuffled_by_the_seed() -> None:
    y, p = drawn(60, [0.4])
    one, two = (cross_calibrated(y, p, ["border"], single=False, seed=seed) for seed in (0, 1))
    assert not np.allclose(one, two)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), probability, probability), max_size=12), st.booleans())
def test_any_articles_can_be_calibrated(
    rows: list[tuple[bool, float, float]], single: bool
) -> None:
    y = np.array([(has, not has) for has, _, _ in rows], dtype=bool).reshape(-1, 2)
    p = np.array([row[1:] for row in rows]).reshape(-1, 2)
    calibrated = cross_calibrated(y, p, ["a", "b"], single=single, seed=0)
    assert calibrated.shape == p.shape
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


def test_fewer_than_five_articles_are_left_as_they_are() -> None:
    p = [[0.2], [0.9], [0.6], [0.1]]
    calibration = fit_calibration([[0], [1], [0], [0]], p, ["border"], single=False, seed=0)
    assert calibration.apply(p, ["border"]).tolist() == p


def test_arrays_that_do_not_match_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"there are 1 labels, y has the shape \(1, 2\) and p"):
        fit_calibration([[0, 1]], [[0.1, 0.9]], ["border"], single=False, seed=0)


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_what_is_no_probability_is_refused_with_its_place(wrong: float) -> None:
    with pytest.raises(ConfigError, match=rf"article 1 .* has {wrong} for court"):
        cross_calibrated(
            [[0, 1]] * 2, [[0.1, 0.9], [0.2, wrong]], ["border", "court"], single=False, seed=0
        )


def test_a_large_task_is_calibrated_in_seconds() -> None:
    y, true = drawn(5000, np.geomspace(0.002, 0.5, 30).tolist())
    started = time.perf_counter()
    fit_calibration(y, expit(2 * logit(true)), names(true), single=False, seed=0)
    assert time.perf_counter() - started < 10


@given(judged)
def test_the_brier_score_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    y, p = columns(rows)
    assert brier_score(y, p) == pytest.approx(brier_score_loss(y, p, pos_label=True))


@given(judged, st.integers(1, 12), st.booleans())
def test_the_reliability_curve_is_that_of_scikit_learn(
    rows: list[tuple[bool, float]], bins: int, equal_width: bool
) -> None:
    y, p = columns(rows)
    strategy = "uniform" if equal_width else "quantile"
    observed, predicted = calibration_curve(y, p, n_bins=bins, strategy=strategy, pos_label=True)
    curve = reliability_curve(y, p, bins=bins, equal_width=equal_width)
    np.testing.assert_allclose(curve.observed, observed)
    np.testing.assert_allclose(curve.predicted, predicted)
    assert curve.count.sum() == len(y)
    assert ((curve.low <= curve.observed + 1e-12) & (curve.observed <= curve.high + 1e-12)).all()


def test_bins_hold_equally_many_articles() -> None:
    y, p = drawn(150, [0.1])
    assert reliability_curve(y, p).count.tolist() == [10] * 15


def test_calibration_error_is_the_mean_gap_of_each_label() -> None:
    y = [[1, 0], [0, 0], [1, 1], [0, 1]]
    p = [[0.7, 0.5], [0.3, 0.5], [0.7, 0.5], [0.3, 0.5]]
    assert expected_calibration_error(y, p, bins=2) == pytest.approx((0.3 + 0.0) / 2)


def test_pooled_error_lets_labels_make_up_for_each_other() -> None:
    y = np.array([[1, 0]] * 10)
    p = np.full((10, 2), 0.5)
    assert pooled_calibration_error(y, p) == pytest.approx(0)
    assert expected_calibration_error(y, p) == pytest.approx(0.5)


def test_perfect_probabilities_have_the_error_of_chance() -> None:
    errors = [
        expected_calibration_error(y, p) / chance_calibration_error(p)
        for y, p in (drawn(80, [0.1, 0.3, 0.5], seed=seed) for seed in range(40))
    ]
    assert np.mean(errors) == pytest.approx(1, abs=0.05)
    y, p = drawn(80, [0.1, 0.3, 0.5])
    assert expected_calibration_error(y, p**3) > 2 * chance_calibration_error(p**3)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_s_interval_is_that_of_scipy(counted: tuple[int, int]) -> None:
    hits, n = counted
    oracle = binomtest(hits, n).proportion_ci(confidence_level=0.9, method="wilson")
    low, high = wilson_interval([hits], [n], level=0.9)
    np.testing.assert_allclose([low[0], high[0]], [oracle.low, oracle.high], atol=1e-9)
