"""What a study's findings answer to each claim and each worry of the register: none is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rpeval.findings.finding import Finding
from rpeval.findings.patterns import match

NOT_MEASURABLE, NOT_CHECKABLE, NOT_ESTIMABLE = "not measurable", "not checkable", "not estimable"
NOT_JUDGED, NOT_ASSESSED = "not judged", "not assessed"
DESCRIPTIVE, RECORDED = "descriptive only", "recorded suspensions only"
SUPPORTED_RECORDED = "supported for recorded suspensions only"

EFFECTS = {"contradicted", "no meaningful effect", "supported", "leaning", "inconclusive"}
GAPS = {"narrowed", "widened", "scale-dependent", "cannot tell"}
OTHERS = {
    DESCRIPTIVE, NOT_ESTIMABLE, "met", "partly met", "not met", "consistent with", "not consistent with",
    "accurate", "overstated", "outdated", "not found",
}  # fmt: skip

# What a decision says of a harm. Only what rules a harm out clears it: a screen that saw nothing does not.
HARM = {
    "harm": "harm", "harm signal": "harm signal", "cleared": "cleared", "not ruled out": "not ruled out",
    "widened": "harm", "scale-dependent": "harm signal", "narrowed": "cleared",
    "cannot tell": "not ruled out",
    "substituted": "harm", "may be substituted": "harm signal", "not substituted": "cleared",
    "flagged": "harm signal", "not flagged": "not ruled out",
    "contradicted": "harm signal", "supported": "cleared", "no meaningful effect": "cleared",
    "leaning": "not ruled out", "inconclusive": "not ruled out",
    "not met": "harm signal", "partly met": "not ruled out", "met": "cleared",
}  # fmt: skip
WORST_FIRST = ("harm", "harm signal", "not ruled out", "cleared", NOT_ASSESSED)
RAISED = ("harm", "harm signal")

# What a decision on a harm says of a benefit that is claimed of the same outcome.
BENEFIT = {"harm": "contradicted", "harm signal": "contradicted"}
# What a verdict on the effect on a gap says of the gap.
GAP = {"contradicted": "widened", "supported": "narrowed", "inconclusive": "cannot tell"}
SILENT = {"cannot tell", "cannot be seen", NOT_ASSESSED}
KNOWN = EFFECTS | GAPS | OTHERS | SILENT | set(HARM)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a study says to one claim, or to one worry.

    id, who, says : of the register; who is empty for a worry
    state         : the verdict's state; "not measurable" for a claim and "not assessed" for a worry on which
                    the study has no data
    finding       : id of the finding that decides, empty where none does
    reason        : why there is no stronger answer: what would be needed, what was refused, what caps it
    also          : other findings that bear on it, with their states
    beside        : ids of the checks that belong in the same box, with their states
    """

    id: str
    who: tuple[str, ...]
    says: str
    state: str
    finding: str = ""
    reason: str = ""
    also: tuple[tuple[str, str], ...] = ()
    beside: tuple[tuple[str, str], ...] = ()


def answer_claims(register: Any, findings: Mapping[str, Finding]) -> tuple[Answer, ...]:
    """Answer every claim of the register by the findings of one study.

    Use for the board of claims. The first finding that the study has decides: one with a verdict before one
    without, and that before one that was refused.
    register : as `rpeval.inputs.claims.read_register` gives it; findings : by id
    The states are those of `judge_benefit`, `judge_gap` and `rpeval.findings.noncausal`, and: not measurable
    (no finding: says what data it would need); not judged (a number, but no verdict on it as a benefit); not
    checkable; and, where the register says that recorded suspensions alone cannot support a claim,
    "supported for recorded suspensions only" and "recorded suspensions only". What caps a state: effects that
    cannot be told apart from other changes (A18: descriptive only), a survey that misleads (A22: at most
    leaning), removals under another label or out of sight (A06 to A08: recorded suspensions only).
    Returns one Answer for each claim, in the order of the register.
    """
    states = {check.id: check.state for check in answer_checks(register, findings)}
    return tuple(_answer(id, claim, findings, states) for id, claim in register.claims.items())


def answer_checks(register: Any, findings: Mapping[str, Finding]) -> tuple[Answer, ...]:
    """Answer every worry of the register: harm, harm signal, not ruled out, cleared or not assessed.

    The worst of all findings that judge it decides, so that no harm hides behind a better one. Missing data
    never clear a worry, and neither does a screen that raised no flag.
    register, findings : as in `answer_claims`
    Returns one Answer for each check, in the order of the register.
    """
    return tuple(_weigh(id, check, findings) for id, check in register.checks.items())


def asked_for(register: Any, asked: Sequence[str]) -> tuple[str, ...]:
    """Give the ids of the claims that a study was asked to answer, in the order of the register.

    register : as in `answer_claims`; asked : claim ids and organizations; all claims where it is empty

    >>> from types import SimpleNamespace as S
    >>> register = S(claims={"C01": S(who=("A",)), "C02": S(who=("A", "B"))})
    >>> asked_for(register, ["B"]), asked_for(register, [])
    (('C02',), ('C01', 'C02'))
    """
    known = register.claims.items()
    return tuple(id for id, claim in known if not asked or {id, *claim.who} & set(asked))


def decision(id: str, findings: Mapping[str, Finding]) -> str:
    """Give the state of a finding: its own, or for "<x>.att" that of "<x>.verdict"; empty where none is.

    >>> found = {"a.att": Finding("a.att", "Effect", -2.0, "exact", "−2.0"),
    ...          "a.verdict": Finding("a.verdict", "Verdict", "leaning", "text", "leaning")}
    >>> decision("a.att", found)
    'leaning'
    """
    finding = findings[id]
    if finding.value is None:
        told = finding.decision in SILENT and not finding.suppressed
        return finding.decision if told else NOT_ESTIMABLE
    judged = findings.get(f"{id.removesuffix('att')}verdict") if id.endswith(".att") else None
    for one in filter(None, (finding, judged)):
        for told in (one.decision, one.value):
            if told in KNOWN:
                return str(told)
    return ""


def board(answers: Sequence[Answer], register: Any, findings: Mapping[str, Finding]) -> pd.DataFrame:
    """Lay answers out for a reader: one row each, the harms in the same row as the benefit.

    answers : of claims or of checks; register, findings : as in `answer_claims`
    Returns columns id, who, says, answer, number (as it may be printed), also, beside: all text.
    """
    rows = [
        {
            "id": a.id, "who": "; ".join(a.who), "says": a.says, "answer": _words(a),
            "number": quoted(a.finding, findings),
            "also": "; ".join(f"{findings[id].label}: {state}" for id, state in a.also),
            "beside": "; ".join(f"{register.checks[id].worry}: {state}" for id, state in a.beside),
        }
        for a in answers
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["id", "who", "says", "answer", "number", "also", "beside"])


def _answer(id: str, claim: Any, findings: Mapping[str, Finding], checks: Mapping[str, str]) -> Answer:
    beside = tuple((check, checks[check]) for check in claim.beside)
    told = {"id": id, "who": claim.who, "says": claim.says, "beside": beside}
    if not claim.checkable:
        return Answer(**told, state=NOT_CHECKABLE, reason="No data could show whether it holds.")
    states = {name: _claimed(name, findings) for name in match(findings, claim.answered_by)}
    if not states:
        return Answer(**told, state=NOT_MEASURABLE, reason=f"It would need {claim.needs}.")
    weakest = ("", NOT_JUDGED, NOT_ESTIMABLE)
    first = min(states, key=lambda name: weakest.index(states[name]) if states[name] in weakest else 0)
    state, reason = _cap(states.pop(first), first, claim, checks)
    reason = reason or findings[first].reason or _unjudged(state, first, findings)
    return Answer(**told, state=state, finding=first, reason=reason, also=tuple(states.items()))


def _stated(id: str, findings: Mapping[str, Finding]) -> str:
    """Give the state of a finding, a verdict on the effect on a gap as what it says of the gap."""
    state = decision(id, findings)
    return GAP.get(state, state) if "gap" in id.split(".") else state


def _claimed(id: str, findings: Mapping[str, Finding]) -> str:
    """Give what a finding says of a claim."""
    state = _stated(id, findings)
    state = BENEFIT.get(state, state)
    return state if state in EFFECTS | GAPS | OTHERS else NOT_JUDGED


def _cap(state: str, id: str, claim: Any, checks: Mapping[str, str]) -> tuple[str, str]:
    """Lower a state that other findings do not let stand, and say which."""
    if checks.get("A18") == "harm" and state in EFFECTS | GAPS:
        return DESCRIPTIVE, "Other changes of the same years cannot be told apart from the program."
    room = id.split(".")[0]
    doubted = room in ("belonging", "survey") and checks.get("A22") in RAISED
    if doubted and state in ("supported", "narrowed"):
        return "leaning", "The survey raises doubts."
    if claim.recorded and state in ("supported", "leaning"):
        if checks.get("A06") in (*RAISED, NOT_ASSESSED):
            raised = "Other removals took back part of the fall, or may have."
            unseen = "Removals under another label cannot be seen in these data."
            return _recorded(state), raised if checks["A06"] in RAISED else unseen
        if {checks.get("A07"), checks.get("A08")} & set(RAISED):
            return _recorded(state), "The schools' own log may not hold all removals."
    return state, ""


def _unjudged(state: str, id: str, findings: Mapping[str, Finding]) -> str:
    """Say why a number gives no answer: it was judged as a harm alone, or not at all."""
    if state != NOT_JUDGED:
        return ""
    told = decision(id, findings)
    return (
        f"It was looked at as a harm only: {told}." if told in WORST_FIRST else "There is no verdict on it."
    )


def _recorded(state: str) -> str:
    return SUPPORTED_RECORDED if state == "supported" else RECORDED


def _weigh(id: str, check: Any, findings: Mapping[str, Finding]) -> Answer:
    names = match(findings, check.answered_by) or match(findings, check.otherwise)
    states = {name: HARM.get(_stated(name, findings), NOT_ASSESSED) for name in names}
    for flag in check.flagged_by:
        states |= {name: _raised(flag, findings[name]) for name in match(findings, (flag.finding,))}
    if not states:
        return Answer(id, (), check.worry, NOT_ASSESSED, reason=f"It would need {check.needs}.")
    worst = min(states, key=lambda name: WORST_FIRST.index(states[name]))
    state = states.pop(worst)
    return Answer(id, (), check.worry, state, worst, findings[worst].reason, also=tuple(states.items()))


def _raised(flag: Any, finding: Finding) -> str:
    """Say what a flag's finding means: by its being there, or by its value."""
    raised = "harm" if flag.harm else "harm signal"
    if flag.below is None and flag.above is None:
        return raised
    if finding.value is None or isinstance(finding.value, str):
        return NOT_ASSESSED
    low = flag.below is not None and finding.value < flag.below
    high = flag.above is not None and finding.value > flag.above
    return raised if low or high else "not ruled out"


def _words(answer: Answer) -> str:
    state = answer.state[0].upper() + answer.state[1:]
    if answer.state == NOT_MEASURABLE:
        return f"{state} with this study's data: {answer.reason[0].lower()}{answer.reason[1:]}"
    return f"{state}. {answer.reason}".strip()


def quoted(id: str, findings: Mapping[str, Finding]) -> str:
    """Write a number as the board quotes it; empty for a text, or where there is no number.

    >>> quoted("data.schools", {"data.schools": Finding("data.schools", "Schools", 60, "count", "60")})
    'Schools: 60'
    """
    if id not in findings or isinstance(findings[id].value, str | None):
        return ""
    f = findings[id]
    interval = f" ({f.level:.0%} CI {f.shown_interval})" if f.shown_interval and f.level else ""
    return f"{f.label}: {f.shown} {f.unit}".strip() + interval
