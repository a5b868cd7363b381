"""Delivery, mechanism and citation by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.estimate import Estimate, Refusal
from rpeval.findings.noncausal import Reading, judge_citation, judge_delivery, judge_mechanism, judge_parts


@pytest.mark.parametrize(("reached", "of", "state"), [
    (80, 100, "met"), (100, 100, "met"), (79.9, 100, "partly met"), (40, 100, "partly met"),
    (39.9, 100, "not met"), (0, 100, "not met"), (None, 100, "not assessed"), (5, None, "not assessed"),
    (0, 0, "not assessed"),
])  # fmt: skip
def test_delivery_by_table(reached, of, state):
    assert judge_delivery(reached, of, share=80).state == state


def test_delivery_prints_its_denominator():
    assert judge_delivery(12, 40, share=80).reasons == ("12 of 40, 30%, where 80% was the threshold.",)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1, 100))
def test_more_delivered_is_never_judged_worse(less, more, share):
    order = ["not met", "partly met", "met"]
    low, high = (judge_delivery(x, 100, share=share).state for x in sorted((less, more)))
    assert order.index(low) <= order.index(high)


@pytest.mark.parametrize(("states", "state"), [
    (["met", "met"], "met"), (["met", "not met"], "partly met"), (["partly met", "not met"], "partly met"),
    (["not met", "not met"], "not met"), (["met", "not assessed"], "partly met"),
    (["not assessed"], "not assessed"), ([], "not assessed"), (["not met", "not assessed"], "not met"),
])  # fmt: skip
def test_parts_by_table(states, state):
    assert judge_parts([Reading(s, ()) for s in states]).state == state


@pytest.mark.parametrize(("estimate", "expected", "state"), [
    (Estimate(0.3, low=0.1, high=0.5), "higher", "consistent with"),
    (Estimate(0.3, low=0.1, high=0.5), "lower", "not consistent with"),
    (Estimate(-0.3, low=-0.5, high=-0.1), "lower", "consistent with"),
    (Estimate(0.3, low=-0.1, high=0.7), "higher", "cannot tell"),
    (Estimate(0.3), "higher", "cannot tell"),
    (Refusal("No survey.", "Add one."), "higher", "cannot tell"),
])  # fmt: skip
def test_mechanism_by_table(estimate, expected, state):
    reading = judge_mechanism(estimate, expected=expected)
    assert reading.state == state
    assert reading.reasons


@pytest.mark.parametrize(("cited", "published", "options", "state"), [
    (-40, -40, {}, "accurate"), (-40, -36, {}, "overstated"), (-40, -39.6, {"tolerance": 0.5}, "accurate"),
    (-20, -40, {}, "accurate"), (40, -40, {}, "overstated"), (128, 11, {}, "overstated"),
    (-40, -40, {"replaced": True}, "outdated"), (-50, -40, {"replaced": True}, "overstated"),
    (None, -40, {}, "not found"), (-40, None, {}, "not found"),
])  # fmt: skip
def test_citation_by_table(cited, published, options, state):
    assert judge_citation(cited, published, **options).state == state
