"""Every state of a verdict, by table; and that better news never makes a worse verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.estimate import Estimate, Refusal
from rpeval.findings.finding import Finding
from rpeval.findings.planted import planted_and_found
from rpeval.findings.verdicts import judge_benefit, offset_share, relabeled


def est(value, se, df=50):
    return Estimate(value, se=se, low=value - 2.01 * se, high=value + 2.01 * se, df=df)


@pytest.mark.parametrize(("estimate", "options", "state"), [
    (Refusal("No list.", "Add one."), {}, "not estimable"),
    (est(-3, 0.5), {"causal": False}, "descriptive only"),
    (est(2, 0.5), {}, "contradicted"),
    (est(-0.2, 0.2), {}, "no meaningful effect"),
    (est(-0.9, 0.02), {}, "no meaningful effect"),
    (est(-3, 0.5), {"breakdown": 0.8}, "supported"),
    (est(-3, 0.5), {"breakdown": 0.4}, "leaning"),
    (est(-3, 0.5), {"breakdown": None}, "leaning"),
    (est(-3, 0.5), {"breakdown": 0.8, "caps": ("Relabeled.",)}, "leaning"),
    (est(-0.95, 0.4), {"breakdown": 0.8}, "leaning"),
    (est(-2, 1.5), {"breakdown": 0.8}, "leaning"),
    (est(-1, 1.5), {"breakdown": 0.8}, "inconclusive"),
    (est(1, 1.5), {"breakdown": 0.8}, "inconclusive"),
])  # fmt: skip
def test_the_first_state_that_fits(estimate, options, state):
    options = {"breakdown": 0.8} | options
    verdict = judge_benefit(estimate, better="lower", margin=1.0, **options)
    assert verdict.state == state
    assert verdict.reasons


def test_the_same_rule_for_an_outcome_where_higher_is_better():
    rise = Estimate(0.2, se=0.05, low=0.1, high=0.3, df=58)
    assert judge_benefit(rise, better="higher", margin=0.1, breakdown=1.0).state == "supported"
    assert judge_benefit(rise, better="lower", margin=0.1, breakdown=1.0).state == "contradicted"


@given(st.floats(-5, 5), st.floats(0.05, 3), st.floats(0.1, 2))
def test_supported_needs_an_interval_without_zero_and_a_change_that_matters(value, se, margin):
    e = est(value, se)
    verdict = judge_benefit(e, better="lower", margin=margin, breakdown=1.0)
    if verdict.state == "supported":
        assert e.high < 0
        assert e.value <= -margin
    if verdict.state == "contradicted":
        assert e.low > 0
    mirrored = judge_benefit(est(-value, se), better="higher", margin=margin, breakdown=1.0)
    assert mirrored.state == verdict.state


def test_a_fall_taken_back_by_other_removals():
    assert relabeled(est(-4, 0.5), est(-0.3, 0.8))
    assert not relabeled(est(-4, 0.5), est(-3.9, 0.8))
    assert not relabeled(est(-1, 0.8), est(0.0, 0.8))
    assert not relabeled(est(-4, 0.5), Refusal("No in-school suspensions.", "Add them."))
    assert offset_share(Estimate(-4.0), Estimate(-3.0)) == 0.25


def test_planted_values_are_found_inside_or_outside():
    found = {
        "a.b": Finding("a.b", "B", 2.0, "exact", "2", low=1.0, high=3.0),
        "a.c": Finding("a.c", "C", 2.0, "exact", "2"),
        "a.d": Finding("a.d", "D", None, "text", "not estimated", reason="r"),
    }
    table = planted_and_found({k: {"value": 3.5} for k in ["a.b", "a.c", "a.d", "a.e"]}, found)
    assert table[["id", "inside"]].values.tolist() == [
        ["a.b", "no"],
        ["a.c", "no interval"],
        ["a.d", "no interval"],
    ]
