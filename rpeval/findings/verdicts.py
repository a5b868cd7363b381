"""What may be concluded: pure rules from numbers to one of seven states, with the reasons."""

from dataclasses import dataclass
from typing import Literal

from scipy import stats

from rpeval.estimate import Estimate, Refusal

State = Literal[
    "not estimable", "descriptive only", "contradicted", "no meaningful effect",
    "supported", "leaning", "inconclusive",
]  # fmt: skip

LEANING_FROM = 0.80
BREAKDOWN_FROM = 0.5


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
    estimate: Estimate | Refusal, *, better: Literal["lower", "higher"], margin: float,
    breakdown: float | None = None, causal: bool = True, caps: tuple[str, ...] = (),
) -> Verdict:  # fmt: skip
    """Judge the claim that a program moved an outcome in the better direction; the first state that fits.

    estimate  : the effect with its interval, or why there is none
    better    : direction that is the benefit
    margin    : smallest change that matters, in the estimate's unit, positive
    breakdown : how large the violation of parallel trends may be, relative to those seen before the program,
                before the effect is lost; None when it was not assessed, which caps the verdict at leaning
    causal    : False when the design is a description or a before-after comparison
    caps      : reasons found elsewhere (survey response, relabeled removals) that cap it at leaning
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


def offset_share(narrow: Estimate, broad: Estimate) -> float:
    """Give the share of a fall that other removals took back: 1 minus the broad fall over the narrow one.

    narrow : effect on out-of-school suspensions; broad : effect on removals of all kinds, same unit

    >>> offset_share(Estimate(-4.0), Estimate(-1.0))
    0.75
    """
    return 1.0 - broad.value / narrow.value


def relabeled(narrow: Estimate | Refusal, broad: Estimate | Refusal, *, most: float = 0.25) -> bool:
    """Say whether other removals took back a fall in suspensions: a change of label, not of practice.

    narrow : effect on out-of-school suspensions; broad : effect on removals of all kinds, same unit
    most   : the largest share of the fall that may be taken back without a flag
    False when suspensions did not clearly fall, or when one of the two was not estimated.

    >>> relabeled(Estimate(-4.0, low=-6, high=-2), Estimate(-0.5, low=-3, high=2))
    True
    """
    if isinstance(narrow, Refusal) or isinstance(broad, Refusal) or narrow.high is None or narrow.high >= 0:
        return False
    return offset_share(narrow, broad) > most
