from __future__ import annotations

import math
import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from newsclf.corpus.quality.agreement import agreement, check_agreement
from newsclf.corpus.quality.findings import Finding
from newsclf.corpus.store import Corpus
from newsclf.metrics.agreement import cohen_kappa, krippendorff_alpha
from newsclf.records import Annotation
from strategies import INFO, SCHEMES

codes = st.sampled_from([0.0, 1.0, 2.0, math.nan])
said = st.tuples(st.integers(2, 4), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=codes)
)


@given(said)
def test_alpha_is_that_of_the_krippendorff_package(values: np.ndarray) -> None:
    paired = values[:, (~np.isnan(values)).sum(axis=0) > 1]
    assume(len(np.unique(paired[~np.isnan(paired)])) > 1)
    expected = krippendorff.alpha(values, level_of_measurement="nominal")
    assert krippendorff_alpha(values) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    assume(len({*a, *b}) > 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(a, b)
    assert cohen_kappa(a, b) == pytest.approx(expected)


def test_agreement_is_undefined_where_only_one_value_was_used() -> None:
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(cohen_kappa([1, 1], [1, 1]))
    assert math.isnan(cohen_kappa([], []))


def annotations(**by_annotator: list[str]) -> list[Annotation]:
    return [
        Annotation(f"a{row}", annotator.replace("weak_", "weak:"), {"beat": tuple(said.split())})
        for annotator, all_said in by_annotator.items()
        for row, said in enumerate(all_said)
    ]


def test_a_multi_label_task_has_the_mean_alpha_of_the_labels_in_use() -> None:
    made = annotations(x=["border", "court", "", "court"], y=["border", "court", "court", "court"])
    whole, border, court = agreement(made, SCHEMES["beat"])
    assert (whole.label, border.label, court.label) == (None, "border", "court")
    assert border.alpha == 1
    assert court.alpha == pytest.approx(krippendorff_alpha([[0, 1, 0, 1], [0, 1, 1, 1]]))
    assert court.kappa == pytest.approx(cohen_kappa([0, 1, 0, 1], [0, 1, 1, 1]))
    assert whole.alpha == pytest.approx((border.alpha + court.alpha) / 2)


def test_a_single_label_task_is_measured_on_the_label_chosen() -> None:
    made = [
        Annotation(f"a{row}", annotator, {"tone": (tone,) if tone else ()})
        for annotator, tones in {"x": ["warm", "cold", ""], "y": ["warm", "warm", ""]}.items()
        for row, tone in enumerate(tones)
    ]
    expected = krippendorff_alpha([[0, 1, 2], [0, 0, 2]])
    assert agreement(made, SCHEMES["tone"])[0].alpha == pytest.approx(expected)


def test_rules_do_not_count_as_annotators() -> None:
    made = annotations(x=["border", "court"], weak_rule=["court", "border"])
    assert agreement(made, SCHEMES["beat"]) == []


def test_annotators_who_share_no_article_have_no_agreement_to_measure() -> None:
    made = [Annotation("a", "x", {"beat": ()}), Annotation("b", "y", {"beat": ()})]
    assert agreement(made, SCHEMES["beat"]) == []


def test_kappa_weighs_pairs_by_the_articles_they_share() -> None:
    made = annotations(x=["border", "court", "border"], y=["border", "court", "court"], z=["court"])
    border = agreement(made, SCHEMES["beat"])[1]
    xy = cohen_kappa([1, 0, 1], [1, 0, 0])
    assert border.kappa == pytest.approx((3 * xy + 0 + 0) / 5)


def test_low_agreement_is_a_warning_on_its_label() -> None:
    made = annotations(x=["border", "court", "", "court"], y=["border", "", "court", "court"])
    found = list(check_agreement(Corpus(INFO, SCHEMES, (), tuple(made))))
    low = [each for each in found if isinstance(each, Finding)]
    assert {(each.code, each.severity, each.label) for each in low} >= {
        ("low_agreement", "warning", "court")
    }
    assert "border" not in {each.label for each in low}
