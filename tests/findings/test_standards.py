"""The self-assessment against published ratings and by table; nothing that is unknown helps a study."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.findings.finding import Finding
from rpeval.findings.standards import (
    FAILS,
    NOT_ELIGIBLE,
    ORDER,
    STANDING,
    WITH,
    WITHOUT,
    Baseline,
    Facts,
    facts_of,
    low_attrition,
    rate,
    tiers,
)
from rpeval.inputs.claims import read_attrition


@pytest.fixture(scope="module")
def table(root):
    return read_attrition(root)


TRIAL = Facts(design="trial", program=9, comparison=9, attrition=(0.0, 0.0), nonresponse=(5.0, 1.0),
              joiners_at_risk=False, positive=("incidents",), students=5878)  # fmt: skip
ALIKE = (Baseline("suspensions", 0.04),)
PANEL = Facts(design="comparison groups", program=24, comparison=36, baselines=ALIKE, positive=("suspensions",),
              students=30_000)  # fmt: skip


@pytest.mark.parametrize("size", [0.0, 0.05])
def test_pittsburgh_is_with_reservations_because_compromised(table, size):
    """WWC review 88826: 44 schools, a compromised trial, arms alike before, 17,661 students."""
    facts = Facts(design="trial", program=22, comparison=22, compromised=True, attrition=(0.0, 0.0),
                  nonresponse=(10.0, 1.0), joiners_at_risk=False, baselines=(Baseline("suspensions", size),),
                  positive=("suspensions",), students=17_661)  # fmt: skip
    found = rate(facts, attrition=table)
    assert found.rating == WITH
    assert ("compromised", "The assignment was compromised.") in {(r.fact, r.says) for r in found.reasons}
    assert rate(replace(facts, compromised=False), attrition=table).rating == WITHOUT
    assert tiers(facts, found).schools == 2


@pytest.mark.parametrize("lost", [(0.0, 0.0), (5.5, 5.5)])
def test_the_trial_of_eighteen_schools_is_without_reservations_and_strong(table, lost):
    """WWC review 90793: 18 schools, low attrition of schools and low non-response of 5,878 students."""
    facts = replace(TRIAL, nonresponse=lost)
    found = rate(facts, attrition=table)
    assert (found.rating, found.other) == (WITHOUT, WITHOUT)
    tier = tiers(facts, found)
    assert (tier.schools, tier.districts) == (1, 3), "one district is one site where sites are districts"


def test_before_and_after_without_comparison_is_not_eligible(table):
    facts = Facts(design="single group", program=20, comparison=0, baselines=ALIKE, positive=("suspensions",))
    found = rate(facts, attrition=table)
    assert found.rating == NOT_ELIGIBLE
    assert tiers(facts, found).schools is None


@pytest.mark.parametrize(
    ("program", "comparison", "fact"), [(1, 30, "program"), (30, 1, "comparison"), (1, 1, "program")]
)
@pytest.mark.parametrize("design", ["trial", "comparison groups"])
def test_one_school_in_an_arm_is_a_confound(table, design, program, comparison, fact):
    found = rate(replace(TRIAL, design=design, program=program, comparison=comparison, baselines=ALIKE),
                 attrition=table)  # fmt: skip
    assert found.rating == FAILS
    assert [r.fact for r in found.reasons] == [fact]
    assert "confound" in found.reasons[0].says


@pytest.mark.parametrize(("size", "adjusted", "rating"), [
    (0.04, False, WITH), (-0.04, False, WITH), (0.05, False, WITH),
    (0.10, False, FAILS), (0.10, True, WITH), (-0.10, True, WITH), (0.25, True, WITH),
    (0.30, False, FAILS), (0.30, True, FAILS), (None, True, FAILS),
])  # fmt: skip
def test_alike_before_by_table(table, size, adjusted, rating):
    facts = replace(PANEL, baselines=(Baseline("suspensions", size, adjusted),))
    assert rate(facts, attrition=table).rating == rating


def test_each_outcome_has_its_own_rating_and_the_best_is_the_studys(table):
    facts = replace(PANEL, baselines=(*ALIKE, Baseline("scores", 0.4, adjusted=True)), positive=("scores",))
    found = rate(facts, attrition=table)
    assert (found.rating, found.outcomes) == (WITH, {"suspensions": WITH, "scores": FAILS})
    assert tiers(facts, found).schools is None, "the better outcome is not the one with the effect"


@pytest.mark.parametrize(("change", "rating"), [
    ({}, WITHOUT),
    ({"joiners_at_risk": True}, FAILS), ({"joiners_at_risk": None}, FAILS),
    ({"attrition": None}, FAILS), ({"nonresponse": None}, FAILS),
    ({"nonresponse": (20.0, 6.0)}, FAILS),
    ({"nonresponse": (20.0, 6.0), "baselines": ALIKE}, WITH),
    ({"joiners_at_risk": None, "baselines": ALIKE}, WITH),
    ({"compromised": True}, FAILS),
])  # fmt: skip
def test_what_takes_a_trial_down(table, change, rating):
    assert rate(replace(TRIAL, **change), attrition=table).rating == rating


def test_both_attrition_boundaries_are_told(table):
    """20 percent overall: 5.4 points are low for the cautious boundary, 10.0 for the optimistic."""
    facts = replace(TRIAL, nonresponse=(20.0, 6.0), baselines=ALIKE)
    cautious, optimistic = rate(facts, attrition=table), rate(facts, attrition=table, boundary="optimistic")
    assert (cautious.rating, cautious.other) == (WITH, WITHOUT)
    assert (optimistic.rating, optimistic.other) == (WITHOUT, WITH)


@pytest.mark.parametrize(("overall", "differential", "low"), [
    (0, 5.7, True), (0, 5.8, False), (10, 6.3, True), (10, -6.4, False), (30, 4.1, True), (30, 4.2, False),
    (57, 0.0, True), (57, 0.1, False), (58, 0.0, False), (57.5, 0.0, False), (100, 0.0, False),
    (29.5, 4.2, False), (29.5, 4.1, True),
])  # fmt: skip
def test_the_cautious_boundary(table, overall, differential, low):
    assert low_attrition(overall, differential, limits=table.cautious) is low


@pytest.mark.parametrize(("change", "schools", "districts"), [
    ({}, 2, 3),
    ({"districts": 2}, 2, 2),
    ({"students": 349}, 3, 3), ({"students": 350}, 2, 3), ({"students": None}, 3, 3),
    ({"positive": ()}, None, None), ({"positive": (), "rationale": True}, 4, 4),
    ({"negative": ("safety",)}, None, None), ({"negative": ("safety",), "rationale": True}, 4, 4),
    ({"baselines": (Baseline("suspensions", 0.4),)}, None, None),
    ({"baselines": (Baseline("suspensions", 0.4),), "controls": True}, 3, 3),
])  # fmt: skip
def test_tiers_by_table(table, change, schools, districts):
    facts = replace(PANEL, **change)
    found = tiers(facts, rate(facts, attrition=table))
    assert (found.schools, found.districts) == (schools, districts)
    assert found.standing == STANDING == "self-assessed against WWC 5.0; not a WWC review"


KNOWN = st.builds(
    Facts, design=st.sampled_from(["trial", "comparison groups"]), program=st.integers(2, 30),
    comparison=st.integers(2, 30), attrition=st.tuples(st.floats(0, 70), st.floats(-15, 15)),
    nonresponse=st.tuples(st.floats(0, 70), st.floats(-15, 15)), compromised=st.booleans(),
    joiners_at_risk=st.booleans(), students=st.integers(1, 5000), districts=st.integers(1, 3),
    baselines=st.builds(lambda g, a: (Baseline("y", g, a),), st.floats(-0.5, 0.5), st.booleans()),
    positive=st.just(("y",)),
)  # fmt: skip
UNKNOWN = st.sampled_from(["attrition", "nonresponse", "joiners_at_risk", "students", "baseline"])


@given(KNOWN, UNKNOWN)
def test_not_to_know_a_fact_never_helps(table, facts, fact):
    unknown = {"baselines": (Baseline("y", None),)} if fact == "baseline" else {fact: None}
    before, after = (rate(f, attrition=table) for f in (facts, replace(facts, **unknown)))
    assert ORDER.index(after.rating) <= ORDER.index(before.rating)
    read = [tiers(f, r) for f, r in ((facts, before), (replace(facts, **unknown), after))]
    assert (read[1].schools or 9) >= (read[0].schools or 9)
    assert (read[0].districts or 9) >= (read[0].schools or 9), (
        "districts are never more sites than schools here"
    )


@given(KNOWN)
def test_arms_can_trade_places(table, facts):
    swapped = replace(facts, program=facts.comparison, comparison=facts.program,
                      baselines=tuple(Baseline(b.outcome, -b.effect_size, b.adjusted) for b in facts.baselines))  # fmt: skip
    assert rate(swapped, attrition=table).rating == rate(facts, attrition=table).rating


def number(id, value, **more):
    return Finding(id, id, value, "exact", str(value), **more)


def test_facts_come_from_findings_and_say_from_which(table):
    findings = {f.id: f for f in (
        number("data.adopters", 24), number("data.comparisons", 36),
        number("suspensions.att", -4.9, low=-6.4, high=-3.5, decision="supported"),
        number("belonging.att", 0.1, low=-0.1, high=0.3, decision="leaning"),
        number("harms.student_safety.att", -0.2, low=-0.3, high=-0.1, decision="harm"),
        number("standards.baseline.suspensions", 0.12),
    )}  # fmt: skip
    outcomes = {
        "suspensions": "suspensions.att",
        "belonging": "belonging.att",
        "safety": "harms.student_safety.att",
    }
    facts = facts_of(findings, design="comparison groups", outcomes=outcomes, adjusted=True, students=30_000)
    assert (facts.program, facts.comparison, facts.positive, facts.negative) == (24, 36, ("suspensions",), ("safety",))  # fmt: skip
    found = rate(facts, attrition=table)
    assert found.outcomes == {"suspensions": WITH, "belonging": FAILS, "safety": FAILS}
    assert {r.fact: r.finding for r in found.reasons}[
        "baseline.suspensions"
    ] == "standards.baseline.suspensions"
    assert tiers(facts, found).schools is None, "a significant harm overrides"
    assert rate(facts_of({}, design="comparison groups", outcomes=outcomes, adjusted=True), attrition=table).rating == NOT_ELIGIBLE  # fmt: skip
