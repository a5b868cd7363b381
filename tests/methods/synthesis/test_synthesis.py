"""A synthesis by hand, its invariances, its refusals, and whether its intervals hold."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.synthesis.comparable import comparable
from rpeval.methods.synthesis.looks import by_group, difference, one_left_out, small_studies
from rpeval.methods.synthesis.pooling import (
    caution,
    common_effect,
    der_simonian_laird,
    pooled,
    prediction,
    shares,
)
from rpeval.methods.synthesis.spread import spread

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))
MEANS = (pooled, common_effect, der_simonian_laird, prediction)


def frame(values, errors, **more) -> pd.DataFrame:
    names = [f"s{i}" for i in range(len(values))]
    return pd.DataFrame({"study": names, "value": values, "se": errors, **more}, dtype=None)


def told(**more) -> pd.DataFrame:
    """Three studies that may be pooled."""
    same = {"finding": "suspensions.att", "unit": "per 100 students", "outcome": "oss_per_100", "definition": "events",
            "weights": "schools", "method": "imputation", "simulated": "no"}  # fmt: skip
    return frame([-1.0, -2.0, 0.5], [0.5, 0.8, 1.1], district=["A", "B", "C"], **(same | more))


def refusal(run, *args, **more) -> str:
    with pytest.raises(MethodError) as error:
        run(*args, **more)
    return str(error.value)


# By hand


def test_two_studies_by_hand():
    """Values 0 and 4, errors 1: Q = 8, tau² where 8 / (1 + tau²) = 1 is 7; mean 2, se = sqrt(8 / 2) = 2."""
    two = frame([0.0, 4.0], [1.0, 1.0])
    found = pooled(two)
    assert (found.value, found.se, found.df) == pytest.approx((2.0, 2.0, 1.0))
    assert found.high == pytest.approx(2 + 12.7062047 * 2)
    assert spread(two).tau.value == pytest.approx(7**0.5)
    assert spread(two).q == pytest.approx(8.0)
    assert spread(two).share.value == pytest.approx(100 * 7 / 8)


def test_where_estimates_agree_the_interval_is_no_narrower_than_with_one_effect():
    """Equal values: the plain Hartung–Knapp interval would have no width at all."""
    alike = frame([1.0, 1.0, 1.0], [0.5, 0.5, 0.5])
    found = pooled(alike)
    assert found.se == pytest.approx(common_effect(alike).se)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 2) * 0.5 / 3**0.5)
    assert "held at one" in found.method
    assert (spread(alike).tau.low, spread(alike).tau.value, spread(alike).tau.high) == (0.0, 0.0, 0.0)


def test_prediction_is_wider_than_the_mean_and_needs_three():
    three = frame([0.0, 2.0, 4.0], [1.0, 1.0, 1.0])  # tau² = 3, se² = 4/3
    found = prediction(three)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 1) * (3 + 4 / 3) ** 0.5)
    assert found.se is None
    assert "three" in refusal(prediction, three.iloc[:2])


def test_leaving_each_out_pools_the_rest():
    four = frame([0.0, 1.0, 3.0, 8.0], [1.0, 1.5, 0.7, 1.0])
    rows = one_left_out(four)
    for i, row in enumerate(rows.itertuples()):
        rest = pooled(four.drop(index=i))
        assert (row.study, row.value, row.low) == (
            f"s{i}",
            pytest.approx(rest.value),
            pytest.approx(rest.low),
        )
    assert "leaving one out" in refusal(one_left_out, four.iloc[:2])


def test_groups_share_one_spread():
    """x: 0 and 4, y: 10 and 14, errors 1: both Q 8/(1+t), together 2 (df): tau² = 7, se = sqrt(8/2) = 2, t(2)."""
    rows = by_group(frame([0.0, 4.0, 10.0, 14.0], [1.0] * 4, design=list("xxyy")), by="design")
    assert rows["value"].tolist() == pytest.approx([2.0, 12.0])
    assert rows["se"].tolist() == pytest.approx([2.0, 2.0])
    apart = difference(rows, studies=4)
    assert (apart.value, apart.se, apart.df) == pytest.approx((10.0, 8**0.5, 2.0))


def test_the_weak_power_of_q_is_that_of_a_simulation():
    """Half of the variance real: tau² equals the sampling variance of 12 equally sure studies."""
    rng = np.random.default_rng(1)
    drawn = rng.normal(0, 2**0.5, (4000, 12))
    q = ((drawn - drawn.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    seen = 100 * (q > stats.chi2.ppf(0.95, 11)).mean()
    assert spread(frame(np.zeros(12), np.ones(12))).power == pytest.approx(seen, abs=3)


# Invariances

studies = st.lists(
    st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=3, max_size=12
).map(lambda rows: frame(*map(list, zip(*rows, strict=True))))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(studies, st.floats(0.01, 100), st.floats(-50, 50))
def test_units_and_origin_do_not_matter(drawn, times, shift):
    other = drawn.assign(value=times * drawn["value"] + shift, se=times * drawn["se"])
    for mean in MEANS:
        a, b = mean(drawn), mean(other)
        for end in ("value", "low", "high"):
            assert getattr(b, end) == pytest.approx(
                times * getattr(a, end) + shift, rel=1e-5, abs=1e-5 * times
            )
    assert spread(other).tau.value == pytest.approx(
        times * spread(drawn).tau.value, rel=1e-4, abs=1e-4 * times
    )


@settings(max_examples=40, deadline=None)
@given(studies, st.randoms())
def test_order_does_not_matter(drawn, random):
    order = list(drawn.index)
    random.shuffle(order)
    for mean in MEANS:
        assert mean(drawn.loc[order]).low == pytest.approx(mean(drawn).low, rel=1e-6, abs=1e-6)
    assert shares(drawn).sum() == pytest.approx(100)


@settings(max_examples=40, deadline=None)
@given(studies)
def test_the_interval_is_never_narrower_than_with_one_effect(drawn):
    found, same = pooled(drawn), common_effect(drawn)
    assert found.se >= same.se * (1 - 1e-9)
    told = spread(drawn).tau
    assert told.low <= told.value * (1 + 1e-9) + 1e-9


def test_a_study_counted_twice_makes_the_answer_look_surer_which_is_why_it_is_refused():
    once = told()
    twice = pd.concat([once, once.assign(study=once["study"] + "b")], ignore_index=True)
    assert pooled(twice).high - pooled(twice).low < pooled(once).high - pooled(once).low
    assert refusal(comparable, twice).count("One district stands 2 times") == 3


# Refusals


def test_one_study_is_no_synthesis():
    for method in (pooled, common_effect, der_simonian_laird, spread, prediction):
        assert "a mean needs two" in refusal(method, frame([1.0], [1.0]))


def test_few_studies_are_told_loudly():
    says = caution(frame([1.0, 2.0], [1.0, 1.0]))
    assert "Only 2 studies" in says
    assert "6.5 times as wide" in says
    assert "not their mean" in says
    assert "2.2 times" in caution(frame([1.0] * 3, [1.0] * 3))
    assert caution(frame([1.0] * 5, [1.0] * 5)) == ""


def test_everything_that_differs_is_told_at_once_with_the_studies_on_each_side():
    mixed = told(unit=["per 100 students", "per 100 students", "hours"], outcome=["oss_per_100", "iss_per_100", "oss_per_100"],
                 simulated=["no", "yes", "no"], method=["imputation", "imputation", "two-way"],
                 definition=["events", "events", "students"], weights=["schools", "students", "schools"])  # fmt: skip
    said = refusal(comparable, mixed)
    assert said.startswith("6 problems")
    assert "They differ in unit: per 100 students (s0, s1); hours (s2)." in said
    assert "They differ in simulated: no (s0, s2); yes (s1)." in said
    assert "never together" in said


@pytest.mark.parametrize(
    "column", ["simulated", "finding", "unit", "outcome", "definition", "weights", "method"]
)
def test_each_difference_alone_is_refused(column):
    values = told()[column].tolist()
    assert f"They differ in {column}" in refusal(comparable, told(**{column: [*values[:2], "other"]}))
    assert f"They differ in {column}" in refusal(comparable, told(**{column: [*values[:2], None]}))


def test_one_district_twice_is_refused_under_any_spelling():
    assert "One district stands 2 times: s0, s1" in refusal(
        comparable, told().assign(district=["Lake", " lake ", "C"])
    )
    assert "One district id" in refusal(comparable, told(district_id=["9900001", "9900001", "9900002"]))
    comparable(told(district_id=["none", "none", "none"]))


def test_one_estimate_under_two_names_is_refused_and_equal_rounded_ones_are_not():
    copied = told().assign(value=[-1.23456, -1.23456, 0.5], se=[0.5, 0.5, 1.0])
    assert "to the last digit: s0, s1" in refusal(comparable, copied)
    comparable(told().assign(value=[-1.2, -1.2, 0.5], se=[0.5, 0.5, 1.0]))


def test_standard_errors_are_read_from_intervals_by_their_t():
    ends = told().assign(se=[np.nan, np.nan, 1.0], low=[-3.0, -6.0, None], high=[1.0, 2.0, None], level=[0.95, 0.9, None],
                         df=[12.0, None, None])  # fmt: skip
    found = comparable(ends)
    assert found["se"].tolist() == pytest.approx([2 / stats.t.ppf(0.975, 12), 4 / stats.norm.ppf(0.95), 1.0])
    assert found["se_from"].tolist() == ["interval", "interval", "reported"]
    assert found.loc[2, ["low", "high"]].tolist() == pytest.approx([0.5 - 1.959964, 0.5 + 1.959964])


def test_lopsided_intervals_and_missing_errors_are_refused_by_name():
    lopsided = told().assign(se=[np.nan, 1.0, 1.0], low=[-2.0, None, None], high=[3.0, None, None])
    assert "around the value: s0" in refusal(comparable, lopsided)
    assert "around the value: s1, s2" in refusal(comparable, told().assign(se=[1.0, 0.0, -1.0]))


def test_groups_and_funnels_that_cannot_be_judged_are_refused():
    assert "one kind" in refusal(by_group, told(design="staggered"), by="design")
    assert "A group has one study only: x (s2)" in refusal(
        by_group, told(design=["y", "y", "x"]), by="design"
    )
    assert "below 10" in refusal(small_studies, frame([1.0] * 9, np.linspace(1, 4, 9)))
    assert "equally sure" in refusal(small_studies, frame([1.0] * 10, np.linspace(1, 1.9, 10)))


# Do the intervals hold?


@pytest.mark.parametrize(("studies", "tau"), [(5, 0.0), (5, 1.0), (8, 1.0), (10, 2.0)])
def test_the_interval_holds_over_few_studies_with_few_schools_each(studies, tau):
    """300 syntheses: four Monte Carlo standard errors below 95 % is 90; the usual interval misses more often."""
    import synthesis

    told = synthesis.judge(synthesis.Case(studies, tau), 300)
    assert told["pooled"] >= 90
    assert told["pooled"] >= told["usual"]
    assert told["prediction"] >= 80
