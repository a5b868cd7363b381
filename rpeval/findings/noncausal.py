"""Verdicts that speak of no cause: what was carried out, what fits a mechanism, what a citation is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rpeval.estimate import Estimate, Refusal

Delivered = Literal["met", "partly met", "not met", "not assessed"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A state and why.

    state   : one of those that the rule gives
    reasons : what decided, with its numbers
    """

    state: str
    reasons: tuple[str, ...]


def judge_delivery(reached: float | None, of: float | None, *, share: float, partly: float = 0.5) -> Reading:
    """Judge whether what was promised was carried out, against a threshold fixed before.

    reached, of : how many were reached, and of how many; None where the study does not know
    share       : percent that must be reached
    partly      : part of the threshold from which it counts as partly met
    The states: not assessed (no number, or nobody to reach); met; partly met; not met. Never causal.

    >>> judge_delivery(64, 80, share=80).state, judge_delivery(40, 80, share=80).state
    ('met', 'partly met')
    """
    if reached is None or not of:
        return Reading("not assessed", ("The study has no count of it.",))
    percent = 100 * reached / of
    state: Delivered = "met" if percent >= share else "partly met" if percent >= partly * share else "not met"
    return Reading(state, (f"{reached:g} of {of:g}, {percent:.0f}%, where {share:g}% was the threshold.",))


def judge_parts(parts: Sequence[Reading]) -> Reading:
    """Judge a promise of several parts, such as each of five practices: met only where every part is.

    Not assessed where no part is; parts that are not assessed keep the whole from being met.

    >>> judge_parts([Reading("met", ()), Reading("not met", ())]).state
    'partly met'
    """
    states = [part.state for part in parts]
    counted = f"{states.count('met')} of {len(states)} parts met."
    if set(states) <= {"not assessed"}:
        return Reading("not assessed", ("No part of it was assessed.",))
    if set(states) == {"met"}:
        return Reading("met", (counted,))
    some = {"met", "partly met"} & set(states)
    return Reading("partly met" if some else "not met", (counted,))


def judge_mechanism(estimate: Estimate | Refusal, *, expected: Literal["lower", "higher"]) -> Reading:
    """Judge whether a difference fits a mechanism that is claimed; it can fit without being true.

    estimate : mediation, moderation or order of events, with its interval
    expected : on which side of zero the mechanism puts it
    The states: consistent with (interval wholly on that side); not consistent with (wholly on the other);
    cannot tell. There is no stronger state: what was not assigned by lottery shows no mechanism.

    >>> judge_mechanism(Estimate(0.3, low=0.1, high=0.5), expected="higher").state
    'consistent with'
    """
    if isinstance(estimate, Refusal):
        return Reading("cannot tell", (estimate.reason,))
    if not all(e is not None and math.isfinite(e) for e in (estimate.low, estimate.high)):
        return Reading("cannot tell", ("The estimate has no interval.",))
    sign = 1.0 if expected == "higher" else -1.0
    low, high = sorted((sign * estimate.low, sign * estimate.high))
    if low > 0:
        return Reading("consistent with", ("The interval lies wholly on the expected side of zero.",))
    if high < 0:
        return Reading("not consistent with", ("The interval lies wholly on the other side of zero.",))
    return Reading("cannot tell", ("The interval includes zero.",))


def judge_citation(
    cited: float | None, published: float | None, *, tolerance: float = 0.0, replaced: bool = False
) -> Reading:
    """Judge a number that is cited against the number that was published, both as effects from zero.

    cited, published : None where no number is given, or none was found in the source
    tolerance        : difference that rounding allows, same unit
    replaced         : whether a later version of the source gives another number
    The states: not found; overstated (further from zero than published, or on its other side); outdated;
    accurate. A number that is cited smaller than published is accurate in what it claims.

    >>> judge_citation(-40, -40).state, judge_citation(-60, -40).state, judge_citation(None, -40).state
    ('accurate', 'overstated', 'not found')
    """
    if cited is None or published is None:
        return Reading("not found", ("There is no number to compare.",))
    side = math.copysign(1.0, cited)
    if side * cited > side * published + tolerance:
        return Reading("overstated", (f"{cited:g} is cited, {published:g} was published.",))
    if replaced:
        return Reading("outdated", ("A later version gives another number.",))
    return Reading("accurate", (f"{cited:g} is cited, {published:g} was published.",))
