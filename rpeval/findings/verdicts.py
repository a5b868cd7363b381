"""What may be concluded of a benefit, a harm, a gap: pure rules from numbers to a state, with the reasons."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from rpeval.estimate import Estimate, Refusal
from rpeval.findings.finding import show_number

State = Literal[
    "not estimable", "descriptive only", "contradicted", "no meaningful effect",
    "supported", "leaning", "inconclusive",
]  # fmt: skip

Harm = Literal["harm", "harm signal", "cleared", "not ruled out", "not assessed"]
Gap = Literal["narrowed", "widened", "scale-dependent", "cannot tell"]
How = Literal[
    "leveling up", "leveling down", "leveling up and down", "pulling ahead", "falling behind",
    "pulling ahead and falling behind", "unclear", "not assessed",
]  # fmt: skip
Better = Literal["lower", "higher"]

LEANING_FROM = 0.80
BREAKDOWN_FROM = 0.5
TAKEN_BACK = 25.0  # percent of the fall


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why it is not a stronger one.

    state       : one of seven, see `judge_benefit`
    reasons     : the rule that decided, then each cap that applied
    probability : that the effect has the claimed direction, under a flat prior; None when not estimated
    """

    state: State
    reasons: tuple[str, ...]
    probability: float | None = None


def judge_benefit(
    estimate: Estimate | Refusal, *, better: Better, margin: float,
    breakdown: float | None = None, causal: bool = True, caps: tuple[str, ...] = (),
) -> Verdict:  # fmt: skip
    """Judge the claim that a program moved an outcome in the better direction; the first state that fits.

    estimate  : the effect with its interval, or why there is none
    better    : direction that is the benefit
    margin    : smallest change that matters, in the estimate's unit, positive
    breakdown : how large the violation of parallel trends may be, relative to those seen before the program,
                before the effect is lost; None when it was not assessed, which caps the verdict at leaning
    causal    : False when the design is a description or a before-after comparison
    caps      : reasons found elsewhere (survey response, other removals) that cap it at leaning
    The states: not estimable; descriptive only; contradicted (interval wholly in the worse direction);
    no meaningful effect (90 % interval inside the margin); supported (interval wholly in the better
    direction, estimate at least the margin, breakdown at least 0.5, no cap); leaning (probability of the
    better direction at least .80); inconclusive.

    >>> fall = Estimate(value=-3.0, se=0.5, low=-4.0, high=-2.0, df=59)
    >>> judge_benefit(fall, better="lower", margin=1.0, breakdown=1.0).state
    'supported'
    >>> judge_benefit(fall, better="lower", margin=1.0).state
    'leaning'
    """
    if isinstance(estimate, Refusal):
        return Verdict("not estimable", (estimate.reason,))
    if not causal:
        return Verdict("descriptive only", ("The design has no comparison that could show a cause.",))
    sign = -1.0 if better == "lower" else 1.0
    gain, low, high = sign * estimate.value, *sorted((sign * estimate.low, sign * estimate.high))
    odds = float(_t(estimate).cdf(gain / estimate.se))
    if high < 0:
        return Verdict("contradicted", ("The interval lies wholly on the worse side of zero.",), odds)
    wide = float(_t(estimate).ppf(0.95)) * estimate.se
    if abs(gain) + wide < margin:
        return Verdict("no meaningful effect", ("Effects as large as the margin are ruled out.",), odds)
    missing = _what_is_missing(gain, low, margin, breakdown, caps)
    if not missing:
        return Verdict("supported", ("Direction, size and sensitivity all hold.",), odds)
    return Verdict("leaning" if odds >= LEANING_FROM else "inconclusive", missing, odds)


def _what_is_missing(gain, low, margin, breakdown, caps) -> tuple[str, ...]:
    missing = list(caps)
    if low <= 0:
        missing.append("The interval includes zero.")
    if gain < margin:
        missing.append("The estimate is smaller than the smallest change that matters.")
    if breakdown is None:
        missing.append("Sensitivity to trends that were not parallel was not assessed.")
    elif breakdown < BREAKDOWN_FROM:
        missing.append("Small departures from parallel trends could explain it.")
    return tuple(missing)


def _t(estimate: Estimate):
    return stats.t(estimate.df) if estimate.df else stats.norm()


@dataclass(frozen=True, slots=True)
class HarmReading:
    """Whether a harm was found, ruled out, or neither.

    state   : one of five, see `judge_harm`
    reasons : the rule that decided
    worst   : the most harm that is not ruled out (one-sided 95 %), in the estimate's unit, positive where the
              outcome would be worse; None where it was not assessed
    """

    state: Harm
    reasons: tuple[str, ...]
    worst: float | None = None


def judge_harm(estimate: Estimate | Refusal | None, *, better: Better, margin: float) -> HarmReading:
    """Judge whether a program did harm to an outcome: the first state that fits.

    Use it for each outcome on which somebody fears harm. It asks more than that no harm was seen: a harm is
    cleared only if one as large as the margin is ruled out.

    estimate : the effect with its 95 % interval, why there is none, or None where the study has no such data
    better   : the direction in which the outcome is better, so that the other one is harm
    margin   : the largest worsening that would be accepted, in the estimate's unit, positive
    The states: not assessed (no estimate: never a clearance); harm (the interval lies wholly beyond the
    margin); harm signal (wholly on the worse side of zero, even if within the margin); cleared (the one-sided
    95 % bound is better than the margin); not ruled out.
    Source: non-inferiority testing.

    >>> judge_harm(Estimate(0.2, se=0.3, low=-0.4, high=0.8), better="lower", margin=1.0).state
    'cleared'
    >>> judge_harm(None, better="lower", margin=1.0).state
    'not assessed'
    """
    if isinstance(estimate, Refusal):
        return HarmReading("not assessed", (estimate.reason,))
    if estimate is None:
        return HarmReading("not assessed", ("The study has no data on it.",))
    if not _has_interval(estimate):
        return HarmReading("not assessed", ("The estimate has no interval.",))
    sign = 1.0 if better == "lower" else -1.0
    low, high = sorted((sign * estimate.low, sign * estimate.high))
    worst = sign * estimate.value + float(_t(estimate).ppf(0.95)) * estimate.se if estimate.se else high
    if low > margin:
        return HarmReading("harm", ("The interval lies wholly beyond the margin.",), worst)
    if low > 0:
        return HarmReading("harm signal", ("The interval lies wholly on the worse side of zero.",), worst)
    if worst < margin:
        return HarmReading("cleared", ("A worsening as large as the margin is ruled out.",), worst)
    return HarmReading("not ruled out", ("A worsening as large as the margin is not ruled out.",), worst)


def _has_interval(estimate: Estimate) -> bool:
    numbers = (estimate.value, estimate.low, estimate.high)
    return all(number is not None and math.isfinite(number) for number in numbers)


@dataclass(frozen=True, slots=True)
class GapReading:
    """What happened to a gap between two groups, and through whom.

    state   : one of four, see `judge_gap`
    how     : which group moved it, see `judge_gap`
    reasons : what was found on each scale, and what limits it
    """

    state: Gap
    how: How
    reasons: tuple[str, ...]


def judge_gap(
    difference: Estimate | Refusal, log_ratio: Estimate | Refusal, own: Estimate | Refusal,
    reference: Estimate | Refusal, *, before: float | Refusal, better: Better,
    affected_n: float, enrolled_n: float, margin: float = 1.0,
    ratio_margin: float = 0.10, least_cell: int = 10, least_n: int = 30,
) -> GapReading:  # fmt: skip
    """Judge the effect on a gap on both its scales, and say which group moved it.

    Use it for every statement on equity: a gap in points falls with the level, so a narrower difference can
    go with a wider ratio.

    difference : effect on the gap in the outcome's points (group minus reference)
    log_ratio  : effect on the log of the ratio of the two groups' rates
    own, reference : effect on each group's own outcome
    before     : the gap before the program, in points; its sign says which side is narrowing
    better     : the direction in which the outcome is better
    affected_n, enrolled_n : the smaller group's students with the outcome, and students
    margin, ratio_margin   : smallest changes that matter, in points and on the log scale
    least_cell, least_n    : fewest students with the outcome and fewest students for which a gap is judged
    The states: narrowed or widened (the interval of the difference lies wholly on that side, and the ratio
    does not go the other way: neither clearly nor by its margin); scale-dependent (it does); cannot tell.
    How: a gap narrows by leveling up (the worse-off group gained), leveling down (the better-off group lost)
    or both; it widens by pulling ahead (the better-off group gained), falling behind (the worse-off group
    lost) or both; unclear where neither group's own interval excludes zero on that side.

    >>> fall = Estimate(-4.0, low=-6.0, high=-2.0)
    >>> judge_gap(fall, Estimate(-0.2, low=-0.4, high=0.0), fall, Estimate(0.0, low=-1.0, high=1.0),
    ...           before=9.0, better="lower", affected_n=60, enrolled_n=400).how
    'leveling up'
    """
    refused = [e.reason for e in (difference, log_ratio) if isinstance(e, Refusal)]
    if affected_n < least_cell or enrolled_n < least_n:
        few = f"A group has under {least_cell} students with the outcome or under {least_n} students."
        refused.insert(0, few)
    if isinstance(before, Refusal):
        refused.append(before.reason)
    elif not math.isfinite(before) or before == 0:
        refused.append("There was no gap before the program that could narrow or widen.")
    if refused:
        return GapReading("cannot tell", "not assessed", tuple(dict.fromkeys(refused)))
    sign = math.copysign(1.0, before)
    side, ratio_side = _side(difference, sign), _side(log_ratio, sign)
    told = (_said("difference", side), _said("ratio", ratio_side))
    if side == 0:
        return GapReading("cannot tell", "not assessed", told)
    along = sign * log_ratio.value * side  # above zero where the ratio goes the way of the difference
    state: Gap = "narrowed" if side < 0 else "widened"
    if ratio_side == -side or along <= -ratio_margin:
        state = "scale-dependent"
        told = (*told, "The two scales disagree.")
    how = _how(own, reference, side, group_is_worse_off=(before > 0) == (better == "lower"), better=better)
    return GapReading(state, how, (*told, *_limits(difference.value, before, margin)))


def _side(effect: Estimate, sign: float) -> int:
    """Say where an effect's interval lies: 1 wholly on the side of `sign`, -1 on the other, 0 on neither."""
    if not _has_interval(effect):
        return 0
    low, high = sorted((sign * effect.low, sign * effect.high))
    return 1 if low > 0 else -1 if high < 0 else 0


def _said(scale: str, side: int) -> str:
    ends = {1: "widened", -1: "narrowed", 0: "did not clearly change"}
    return f"The {scale} between the groups {ends[side]}."


def _limits(effect: float, before: float, margin: float) -> tuple[str, ...]:
    limits = []
    if abs(effect) < margin:
        limits.append("The change is smaller than the smallest change that matters.")
    if effect * before < 0 and abs(effect) > abs(before):
        limits.append("The change is larger than the gap was: the groups would change sides.")
    return tuple(limits)


def _how(
    own: Estimate | Refusal, reference: Estimate | Refusal, side: int, *, group_is_worse_off: bool,
    better: Better,
) -> How:  # fmt: skip
    """Say which group moved the gap; `side` is 1 where it widened and -1 where it narrowed."""
    if isinstance(own, Refusal) or isinstance(reference, Refusal):
        return "not assessed"
    worse_off, better_off = (own, reference) if group_is_worse_off else (reference, own)
    gain = -1.0 if better == "lower" else 1.0
    lower, upper = _side(worse_off, gain) == -side, _side(better_off, gain) == side
    names: tuple[How, How, How] = ("leveling up", "leveling down", "leveling up and down")
    if side > 0:
        names = ("falling behind", "pulling ahead", "pulling ahead and falling behind")
    if lower and upper:
        return names[2]
    return names[0] if lower else names[1] if upper else "unclear"


@dataclass(frozen=True, slots=True)
class SubstitutionReading:
    """What may be said of a fall in suspensions beside the other removals.

    state  : one of five, see `judge_substitution`
    capped : whether a verdict on suspensions may speak of recorded suspensions only
    reason : one sentence that says why
    """

    state: Literal["substituted", "may be substituted", "not substituted", "cannot tell", "cannot be seen"]
    capped: bool
    reason: str


def judge_substitution(
    ratio: Estimate | Refusal, *, seen: Collection[str], threshold: float = TAKEN_BACK
) -> SubstitutionReading:
    """Judge how much of a fall in suspensions came back as other removals.

    ratio     : other removals' share of the fall in out-of-school hours, in percent, or why there is none
    seen      : kinds of removal beside out-of-school suspension whose hours the sources show; without one,
                nothing that came back could be seen
    threshold : percent of the fall from which a fall in suspensions is one of records
    The states, first match: cannot be seen; cannot tell (no ratio); substituted (the whole interval lies
    above the threshold); may be substituted (the ratio does); not substituted (the whole interval lies
    below); cannot tell. Substituted, may be substituted and cannot be seen cap the verdict on suspensions.

    >>> back = Estimate(value=70.0, low=50.0, high=90.0)
    >>> judge_substitution(back, seen=["in school"]).state
    'substituted'
    >>> judge_substitution(Refusal("No fall.", "Report both."), seen=[]).state
    'cannot be seen'
    """
    if not seen:
        reason = "The sources show the hours of no other removal, so nothing that came back can be seen."
        return SubstitutionReading("cannot be seen", True, reason)
    if isinstance(ratio, Refusal):
        return SubstitutionReading("cannot tell", False, ratio.reason)
    value, low, high = (show_number(x, 0) for x in (ratio.value, ratio.low, ratio.high))
    told = f"{value} percent of the fall came back as other removals "
    told += f"({', '.join(sorted(seen))}; {low} to {high} percent)"
    if ratio.low > threshold:
        why = f"{told}: all of the interval lies above {threshold:g} percent."
        return SubstitutionReading("substituted", True, why)
    if ratio.value > threshold:
        why = f"{told}: that is more than {threshold:g} percent, though not surely."
        return SubstitutionReading("may be substituted", True, why)
    if ratio.high < threshold:
        why = f"{told}: all of the interval lies below {threshold:g} percent."
        return SubstitutionReading("not substituted", False, why)
    why = f"{told}: the interval holds the threshold of {threshold:g} percent."
    return SubstitutionReading("cannot tell", False, why)
