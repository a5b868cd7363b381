"""Every state and sentence of the verdicts, by table; and that better news never makes a worse verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.estimate import Estimate, Refusal
from rpeval.findings.finding import Finding
from rpeval.findings.planted import planted_and_found
from rpeval.findings.verdicts import judge_benefit, judge_gap, judge_harm, judge_substitution


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


@pytest.mark.parametrize(("ratio", "seen", "state", "capped"), [
    (Estimate(60.0, low=30.0, high=90.0), ["in school"], "substituted", True),
    (Estimate(60.0, low=10.0, high=90.0), ["in school"], "may be substituted", True),
    (Estimate(5.0, low=-9.0, high=20.0), ["in school"], "not substituted", False),
    (Estimate(5.0, low=-9.0, high=40.0), ["in school"], "cannot tell", False),
    (Refusal("No fall.", "Look."), ["in school"], "cannot tell", False),
    (Estimate(0.0, low=-1.0, high=1.0), [], "cannot be seen", True),
])  # fmt: skip
def test_what_other_removals_took_back_follows_its_rule(ratio, seen, state, capped):
    judged = judge_substitution(ratio, seen=seen)
    assert (judged.state, judged.capped) == (state, capped)
    assert judged.reason.endswith(".")


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


@pytest.mark.parametrize(("estimate", "state", "reason"), [
    (None, "not assessed", "The study has no data on it."),
    (Refusal("No survey.", "Add one."), "not assessed", "No survey."),
    (Estimate(0.0), "not assessed", "The estimate has no interval."),
    (Estimate(float("nan"), low=-1.0, high=1.0), "not assessed", "The estimate has no interval."),
    (est(3, 0.5), "harm", "The interval lies wholly beyond the margin."),
    (est(1.2, 0.5), "harm signal", "The interval lies wholly on the worse side of zero."),
    (est(0.5, 0.1), "harm signal", "The interval lies wholly on the worse side of zero."),
    (est(0.1, 0.5), "cleared", "A worsening as large as the margin is ruled out."),
    (est(-2, 0.5), "cleared", "A worsening as large as the margin is ruled out."),
    (est(0.3, 0.5), "not ruled out", "A worsening as large as the margin is not ruled out."),
    (est(0.0, 2.0), "not ruled out", "A worsening as large as the margin is not ruled out."),
    (Estimate(0.1, low=-0.5, high=0.9), "cleared", "A worsening as large as the margin is ruled out."),
    (Estimate(0.1, low=-0.5, high=1.1), "not ruled out", "A worsening as large as the margin is not ruled out."),
])  # fmt: skip
def test_harm_by_table(estimate, state, reason):
    reading = judge_harm(estimate, better="lower", margin=1.0)
    assert (reading.state, reading.reasons) == (state, (reason,))
    assert (reading.worst is None) == (state == "not assessed")


def test_harm_is_the_other_direction_where_higher_is_better():
    fall = est(-0.30, 0.05)
    assert judge_harm(fall, better="higher", margin=0.10).state == "harm"
    assert judge_harm(fall, better="lower", margin=0.10).state == "cleared"


def test_the_harm_not_ruled_out_is_the_one_sided_bound():
    """0.1 + 1.676 x 0.5: the 95th percentile of t with 50 degrees of freedom is 1.6759."""
    assert judge_harm(est(0.1, 0.5), better="lower", margin=1.0).worst == pytest.approx(0.938, abs=1e-3)
    assert judge_harm(est(-0.1, 0.5), better="higher", margin=1.0).worst == pytest.approx(0.938, abs=1e-3)


@given(st.floats(-5, 5), st.floats(0.05, 3), st.floats(0.1, 2), st.floats(0, 2))
def test_less_harm_is_never_judged_worse(value, se, margin, less):
    order = ["cleared", "not ruled out", "harm signal", "harm"]
    now = judge_harm(est(value, se), better="lower", margin=margin)
    then = judge_harm(est(value - less, se), better="lower", margin=margin)
    assert order.index(then.state) <= order.index(now.state)
    mirrored = judge_harm(est(-value, se), better="higher", margin=margin)
    assert mirrored.state == now.state


UP, NONE, DOWN = est(4, 0.5), est(0.0, 0.5), est(-4, 0.5)
WIDER, LEVEL, NARROWER = est(0.3, 0.1), est(0.0, 0.1), est(-0.3, 0.1)


def gap(difference, log_ratio, own=NONE, reference=NONE, **options):
    options = {"before": 9.0, "better": "lower", "affected_n": 60, "enrolled_n": 400} | options
    return judge_gap(difference, log_ratio, own, reference, **options)


@pytest.mark.parametrize(("difference", "log_ratio", "state"), [
    (DOWN, NARROWER, "narrowed"),
    (DOWN, LEVEL, "narrowed"),
    (DOWN, est(0.09, 0.1), "narrowed"),
    (DOWN, est(0.11, 0.1), "scale-dependent"),
    (DOWN, est(0.05, 0.01), "scale-dependent"),
    (DOWN, WIDER, "scale-dependent"),
    (UP, WIDER, "widened"),
    (UP, LEVEL, "widened"),
    (UP, NARROWER, "scale-dependent"),
    (NONE, LEVEL, "cannot tell"),
    (NONE, NARROWER, "cannot tell"),
    (NONE, WIDER, "cannot tell"),
    (Refusal("No list.", "Add one."), NARROWER, "cannot tell"),
    (DOWN, Refusal("A zero.", "Pool years."), "cannot tell"),
    (Estimate(-4.0), NARROWER, "cannot tell"),
])  # fmt: skip
def test_gap_by_table(difference, log_ratio, state):
    assert gap(difference, log_ratio).state == state
    mirrored = [e if isinstance(e, Refusal) else flip(e) for e in (difference, log_ratio)]
    assert gap(*mirrored, before=-9.0).state == state


def flip(e):
    return Estimate(-e.value, se=e.se, low=e.low and -e.high, high=e.high and -e.low, df=e.df)


@pytest.mark.parametrize(("difference", "log_ratio", "own", "reference", "how"), [
    (DOWN, NARROWER, DOWN, NONE, "leveling up"),
    (DOWN, NARROWER, DOWN, DOWN, "leveling up"),
    (DOWN, NARROWER, NONE, UP, "leveling down"),
    (DOWN, NARROWER, UP, UP, "leveling down"),
    (DOWN, NARROWER, DOWN, UP, "leveling up and down"),
    (DOWN, NARROWER, NONE, NONE, "unclear"),
    (DOWN, NARROWER, Refusal("r", "f"), NONE, "not assessed"),
    (UP, WIDER, NONE, DOWN, "pulling ahead"),
    (UP, WIDER, DOWN, DOWN, "pulling ahead"),
    (UP, WIDER, UP, NONE, "falling behind"),
    (UP, WIDER, UP, UP, "falling behind"),
    (UP, WIDER, UP, DOWN, "pulling ahead and falling behind"),
    (DOWN, WIDER, DOWN, DOWN, "leveling up"),
    (NONE, LEVEL, DOWN, UP, "not assessed"),
])  # fmt: skip
def test_who_moved_the_gap(difference, log_ratio, own, reference, how):
    assert gap(difference, log_ratio, own, reference).how == how


def test_who_moved_it_where_higher_is_better_and_where_the_group_is_ahead():
    """Belonging: the group stood 0.4 below, gained 0.2, and the gap rose toward zero."""
    gain, closer = est(0.2, 0.05), est(0.2, 0.05)
    reading = judge_gap(
        closer,
        closer,
        gain,
        est(0.0, 0.05),
        before=-0.4,
        better="higher",
        margin=0.1,
        affected_n=99,
        enrolled_n=400,
    )
    assert (reading.state, reading.how) == ("narrowed", "leveling up")
    ahead = gap(UP, WIDER, NONE, DOWN, before=-9.0)  # the reference was worse off, and gained
    assert (ahead.state, ahead.how) == ("narrowed", "leveling up")


def test_small_cells_and_no_gap_are_not_judged():
    few = "A group has under 10 students with the outcome or under 30 students."
    for options in ({"affected_n": 9}, {"enrolled_n": 29}):
        reading = gap(DOWN, NARROWER, DOWN, NONE, **options)
        assert (reading.state, reading.how, reading.reasons) == ("cannot tell", "not assessed", (few,))
    none = ("There was no gap before the program that could narrow or widen.",)
    assert gap(DOWN, NARROWER, before=0.0).reasons == none
    assert gap(DOWN, NARROWER, before=float("nan")).reasons == none
    assert gap(DOWN, NARROWER, before=Refusal("No years before.", "Add some.")).reasons == (
        "No years before.",
    )


def test_the_sentences_of_a_gap():
    assert gap(DOWN, WIDER).reasons == (
        "The difference between the groups narrowed.", "The ratio between the groups widened.", "The two scales disagree.",
    )  # fmt: skip
    assert gap(est(-0.5, 0.1), LEVEL).reasons == (
        "The difference between the groups narrowed.", "The ratio between the groups did not clearly change.",
        "The change is smaller than the smallest change that matters.",
    )  # fmt: skip
    assert gap(DOWN, NARROWER, before=3.0).reasons[-1] == (
        "The change is larger than the gap was: the groups would change sides."
    )
