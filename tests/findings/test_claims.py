"""Every claim and worry is answered; harms travel with benefits; no state says more than the findings do."""

import json
from types import SimpleNamespace as S

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.findings.claims import (
    EFFECTS,
    GAPS,
    HARM,
    KNOWN,
    NOT_JUDGED,
    OTHERS,
    RECORDED,
    SUPPORTED_RECORDED,
    WORST_FIRST,
    answer_checks,
    answer_claims,
    board,
)
from rpeval.findings.finding import Finding
from rpeval.inputs.claims import read_register

CLAIM_STATES = (
    EFFECTS | GAPS | OTHERS | {NOT_JUDGED, RECORDED, SUPPORTED_RECORDED} | {"not measurable", "not checkable"}
)


@pytest.fixture(scope="module")
def register(root):
    return read_register(root)


def finding(id, decision="", value=-2.0, **more):
    shown = "not estimated" if value is None else str(value)
    return Finding(id, f"Label of {id}", value, "exact", shown, decision=decision, **more)


def found(**decisions):
    """Findings by id, with __ for the dot."""
    return {id.replace("__", "."): finding(id.replace("__", "."), told) for id, told in decisions.items()}


def answers(register, findings):
    told = (*answer_claims(register, findings), *answer_checks(register, findings))
    return {answer.id: answer for answer in told}


def test_a_study_without_findings_answers_every_claim(register):
    told = answers(register, {})
    assert list(told) == [*register.claims, *register.checks]
    for id, claim in register.claims.items():
        assert told[id].state == ("not measurable" if claim.checkable else "not checkable")
        assert told[id].beside == tuple((check, "not assessed") for check in claim.beside)
    assert {told[id].state for id in register.checks} == {"not assessed"}
    assert told["C12"].reason == f"It would need {register.claims['C12'].needs}."


@pytest.mark.parametrize(("decisions", "id", "state", "by"), [
    ({"suspensions__att": "supported"}, "C01", "supported", "suspensions.att"),
    ({"suspensions__expelled_per_100__att": "leaning"}, "C01", "leaning", "suspensions.expelled_per_100.att"),
    ({"suspensions__att": "inconclusive", "suspensions__expelled_per_100__att": "supported"}, "C01",
     "inconclusive", "suspensions.att"),
    ({"suspensions__att": "", "suspensions__expelled_per_100__att": "supported"}, "C01", "supported",
     "suspensions.expelled_per_100.att"),
    ({"suspensions__att": ""}, "C01", "not judged", "suspensions.att"),
    ({"suspensions__att": "nonsense"}, "C01", "not judged", "suspensions.att"),
    ({"suspensions__gap__black_white__att": "scale-dependent"}, "C13", "scale-dependent",
     "suspensions.gap.black_white.att"),
    ({"suspensions__gap__black_white__att": "contradicted"}, "C13", "widened",
     "suspensions.gap.black_white.att"),
    ({"suspensions__gap__black_white__att": "narrowed"}, "C13", "narrowed", "suspensions.gap.black_white.att"),
    ({"belonging__gap__black_white__att": "supported"}, "C15", "narrowed", "belonging.gap.black_white.att"),
    ({"implementation__agreements": "partly met"}, "C35", "partly met", "implementation.agreements"),
    ({"incident__recurrence": "leaning", "implementation__agreements": "met"}, "C09", "leaning",
     "incident.recurrence"),
    ({"harms__student_safety__att": "harm signal"}, "C26", "contradicted", "harms.student_safety.att"),
    ({"harms__student_safety__att": "cleared"}, "C26", "not judged", "harms.student_safety.att"),
    ({"mechanism__belonging_first": "consistent with"}, "C43", "consistent with", "mechanism.belonging_first"),
    ({"external__oakland": "overstated"}, "C36", "overstated", "external.oakland"),
    ({"removals__total__att": "no meaningful effect"}, "C12", "no meaningful effect", "removals.total.att"),
])  # fmt: skip
def test_claims_by_table(register, decisions, id, state, by):
    told = answers(register, found(**decisions))[id]
    assert (told.state, told.finding) == (state, by)
    assert {name for name, _ in told.also} <= set(found(**decisions)) - {by}


def test_a_refused_estimate_is_told_with_its_reason(register):
    refused = {"suspensions.att": finding("suspensions.att", value=None, reason="No adoption list.")}
    told = answers(register, refused)["C01"]
    assert (told.state, told.reason) == ("not estimable", "No adoption list.")
    both = refused | found(suspensions__expelled_per_100__att="supported")
    assert answers(register, both)["C01"].also == (("suspensions.att", "not estimable"),)


def test_a_suppressed_number_takes_its_verdict_with_it(register):
    hidden = finding("suspensions.att", "supported", value=None, suppressed=True, reason="Fewer than 10.")
    assert answers(register, {"suspensions.att": hidden})["C01"].state == "not estimable"
    gap = finding(
        "suspensions.gap.a_b.att", "cannot tell", value=None, suppressed=True, reason="Fewer than 10."
    )
    assert answers(register, {"suspensions.gap.a_b.att": gap})["C13"].state == "not estimable"
    told = {
        "suspensions.gap.a_b.att": finding(
            "suspensions.gap.a_b.att", "cannot tell", value=None, reason="No gap before."
        )
    }
    assert answers(register, told)["C13"].state == "cannot tell"


def test_the_verdict_of_a_room_is_that_of_its_effect(register):
    findings = found(suspensions__att="") | {
        "suspensions.verdict": finding("suspensions.verdict", value="contradicted"),
    }
    assert answers(register, findings)["C01"].state == "contradicted"


FALL = {"suspensions__att": "supported", "suspensions__removals_per_100__att": "supported"}


@pytest.mark.parametrize(("more", "state"), [
    ({}, "supported"),
    ({"removals__substitution": "not substituted"}, "supported"),
    ({"removals__substitution": "cannot tell"}, "supported"),
    ({"removals__substitution": "substituted"}, SUPPORTED_RECORDED),
    ({"removals__substitution": "may be substituted"}, SUPPORTED_RECORDED),
    ({"removals__substitution": "cannot be seen"}, SUPPORTED_RECORDED),
    ({"suspensions__relabeled": ""}, SUPPORTED_RECORDED),
    ({"screens__hidden": "flagged"}, SUPPORTED_RECORDED),
    ({"screens__recording": "flagged"}, SUPPORTED_RECORDED),
    ({"screens__hidden": "not flagged"}, "supported"),
    ({"suspensions__iss_per_100__att": "contradicted"}, SUPPORTED_RECORDED),
])  # fmt: skip
def test_recorded_suspensions_alone_do_not_support_everything(register, more, state):
    told = answers(register, found(**FALL, **more))
    assert {told[id].state for id in ("C12", "C21", "C40")} == {state}
    assert told["C01"].state == "supported"
    assert bool(told["C40"].reason) == (state == SUPPORTED_RECORDED)


def test_a_source_without_other_removals_caps_too(register):
    told = answers(register, found(suspensions__att="leaning"))
    assert told["C40"].state == RECORDED
    assert told["C40"].reason == "Removals under another label cannot be seen in these data."
    assert answers(register, found(suspensions__att="contradicted"))["C40"].state == "contradicted"


@pytest.mark.parametrize(("response", "state", "check"), [
    (75, "supported", "not ruled out"),
    (60, "supported", "not ruled out"),
    (59.9, "leaning", "harm signal"),
    (None, "supported", "not assessed"),
])  # fmt: skip
def test_a_survey_that_few_answered_gives_no_more_than_a_leaning(register, response, state, check):
    findings = found(belonging__att="supported") | {
        "belonging.response": finding("belonging.response", value=response)
    }
    told = answers(register, findings)
    assert (told["C23"].state, told["A22"].state) == (state, check)


def test_what_cannot_be_told_apart_makes_a_description(register):
    findings = found(
        suspensions__att="contradicted", belonging__att="supported", suspensions__gap__a_b__att="narrowed"
    )
    told = answers(register, findings | found(design__inseparable=""))
    assert {told[id].state for id in ("C01", "C13", "C23", "C40")} == {"descriptive only"}
    signal = answers(register, findings | found(suspensions__paths_differed=""))
    assert (signal["A18"].state, signal["C01"].state) == ("harm signal", "contradicted")


@pytest.mark.parametrize(("decisions", "id", "state"), [
    ({"harms__staff_safety__att": "cleared", "harms__staff_left_per_100__att": "harm"}, "A03", "harm"),
    ({"harms__staff_safety__att": "not ruled out", "harms__staff_left_per_100__att": "cleared"}, "A03",
     "not ruled out"),
    ({"harms__achievement_sd__att": "cleared"}, "A01", "cleared"),
    ({"harms__achievement_sd__att": "cleared", "harms__achievement_sd__black__att": "harm signal"}, "A01",
     "harm signal"),
    ({"screens__severity": "not flagged"}, "A09", "not ruled out"),
    ({"screens__severity": "flagged"}, "A09", "harm signal"),
    ({"suspensions__gap__black_white__att": "widened"}, "A10", "harm"),
    ({"suspensions__gap__black_white__att": "narrowed"}, "A10", "cleared"),
    ({"suspensions__gap__black_white__att": "narrowed", "suspensions__gap__latino_white__att": "widened"}, "A10",
     "harm"),
    ({"suspensions__gap__black_white__att": "contradicted"}, "A10", "harm"),
    ({"suspensions__gap__black_white__att": "cannot tell"}, "A10", "not ruled out"),
    ({"suspensions__gap__black_white__att": "scale-dependent"}, "A10", "harm signal"),
    ({"removals__substitution": "cannot tell"}, "A06", "not ruled out"),
    ({"removals__substitution": "cannot be seen"}, "A06", "not assessed"),
    ({"suspensions__arrested_per_100__att": "contradicted"}, "A16", "harm signal"),
    ({"suspensions__arrested_per_100__att": "leaning"}, "A16", "not ruled out"),
    ({"implementation__voluntary": "not met"}, "A12", "harm signal"),
    ({"harms__exits_per_100__att": ""}, "A17", "not assessed"),
])  # fmt: skip
def test_checks_by_table(register, decisions, id, state):
    assert answers(register, found(**decisions))[id].state == state


def test_missing_and_refused_data_never_clear(register):
    refused = finding("harms.achievement_sd.att", "not assessed", value=None, reason="No scores.")
    told = answers(register, {"harms.achievement_sd.att": refused})["A01"]
    assert (told.state, told.reason) == ("not assessed", "No scores.")


IDS = ["suspensions.att", "suspensions.verdict", "suspensions.removals_per_100.att", "suspensions.relabeled",
       "suspensions.gap.black_white.att", "suspensions.gap.black_white.att", "removals.substitution", "removals.total.att",
       "belonging.att", "belonging.response", "survey.relationships.att", "harms.achievement_sd.att",
       "harms.student_safety.att", "screens.recording", "incident.recurrence", "implementation.agreements",
       "design.inseparable", "external.oakland", "cost.per_day", "data.schools"]  # fmt: skip
decided = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["", *sorted(KNOWN)]))


@given(decided, st.sets(st.sampled_from(IDS)))
def test_no_claim_is_ever_lost(register, decisions, refused):
    findings = {id: finding(id, d, None if id in refused else 1.0) for id, d in decisions.items()}
    claims, checks = answer_claims(register, findings), answer_checks(register, findings)
    assert [a.id for a in claims] == list(register.claims)
    assert [a.id for a in checks] == list(register.checks)
    weighed = {a.id: a.state for a in checks}
    for answer in claims:
        assert answer.state in CLAIM_STATES
        assert answer.beside == tuple((c, weighed[c]) for c in register.claims[answer.id].beside)
        assert answer.finding in findings or answer.reason
    assert set(weighed.values()) <= set(WORST_FIRST)
    assert len(board((*claims, *checks), register, findings)) == 83


@given(decided, st.sampled_from(sorted(HARM)), st.sampled_from(IDS))
def test_a_finding_more_never_hides_a_harm(register, decisions, more, id):
    """Where no better source takes the place of a lesser one, which `otherwise` names."""
    register = S(claims=register.claims, checks={
        c: check.model_copy(update={"otherwise": ()}) for c, check in register.checks.items()})  # fmt: skip
    fewer = {i: finding(i, d) for i, d in decisions.items() if i != id}
    before = answer_checks(register, fewer)
    after = answer_checks(register, fewer | {id: finding(id, more)})
    for old, new in zip(before, after, strict=True):
        if old.state in ("harm", "harm signal"):
            assert WORST_FIRST.index(new.state) <= WORST_FIRST.index(old.state)


def test_the_order_of_findings_of_different_patterns_does_not_matter(register):
    findings = found(
        **FALL, removals__substitution="substituted", suspensions__gap__black_white__att="widened"
    )
    backwards = dict(reversed(findings.items()))
    assert answer_claims(register, findings) == answer_claims(register, backwards)


def test_the_board_prints_released_text_and_the_harms_in_the_same_row(register):
    findings = {
        "suspensions.att": finding("suspensions.att", "supported", unit="per 100 students", low=-3.0, high=-1.0,
                                   level=0.95, shown_interval="−3.0 to −1.0"),
        "suspensions.relabeled": finding("suspensions.relabeled", value="Taken back."),
    }  # fmt: skip
    table = board(answer_claims(register, findings), register, findings).set_index("id")
    row = table.loc["C40"]
    assert row["answer"].startswith("Supported for recorded suspensions only. ")
    assert row["number"] == "Label of suspensions.att: -2.0 per 100 students (95% CI −3.0 to −1.0)"
    assert row["beside"].startswith("Removals get another label: harm signal; ")
    lost = table.loc["C05", "answer"]
    assert lost.startswith("Not measurable with this study's data: it would need a log of the sections")
    assert table.notna().all().all()


def golden(root, name):
    told = json.loads((root / f"tests/golden/{name}.json").read_text(encoding="utf-8"))
    kept = ("value", "kind", "shown", "low", "high", "decision", "reason")
    return {id: Finding(id, id, **{k: f[k] for k in kept}) for id, f in told.items()}


@pytest.mark.parametrize(("name", "expected"), [
    ("lakeshore", {"C01": "supported", "C40": "supported"}),
    ("riverbend", {"C40": RECORDED, "C21": RECORDED, "C13": "widened", "C22": "widened"}),
    ("prairie", {"C01": "inconclusive", "C12": "inconclusive", "C40": "inconclusive"}),
])  # fmt: skip
def test_the_simulated_studies_answer_what_was_planted(root, register, name, expected):
    told = answers(register, golden(root, name))
    assert len(told) == 83
    assert {id: told[id].state for id in expected} == expected
    raised = {id for id, state in told["C40"].beside if state in ("harm", "harm signal")}
    assert ("A06" in raised) == (name == "riverbend")
