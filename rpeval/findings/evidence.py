"""What was published beside what a study found, and what both together make likely."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.findings.patterns import match

COLUMNS = [
    "study", "years", "place", "design", "units", "outcome", "finding", "caution", "value", "low", "high",
    "unit", "source",
]  # fmt: skip


def beside(evidence: Mapping[str, Any], id: str) -> pd.DataFrame:
    """Give the published findings that may stand beside one finding of a study, the strongest design first.

    evidence : as `rpeval.inputs.claims.read_evidence` gives it: checked against their sources, in order
    id       : of the study's finding ("suspensions.att")
    Returns one row per published finding: study, years, place, design, units, outcome, finding, caution,
    value, low, high, unit, source; no rows where nothing bears on it.
    """
    rows = [row for row in evidence.values() if match([id], row.bears_on)]
    return pd.DataFrame([{c: getattr(row, c) for c in COLUMNS} for row in rows], columns=COLUMNS)


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is likely after a study, given what was believed before.

    mean, sd : of the effect, in the estimate's unit
    benefit  : probability that the effect is at least the margin, in the better direction
    harm     : probability that it is at least the margin, in the worse direction
    low, high: interval that holds the effect with 95 % probability
    prior    : the prior in words, to be printed wherever a probability is
    says     : the sentence that may be printed
    """

    mean: float
    sd: float
    benefit: float
    harm: float
    low: float
    high: float
    prior: str
    says: str


def posterior(
    estimate: Estimate | Refusal, *, prior_mean: float, prior_sd: float, better: Literal["lower", "higher"],
    margin: float,
) -> Posterior:  # fmt: skip
    """Give the probability of a meaningful effect: a normal prior and an estimate with a normal error.

    Use beside a verdict, never in its place, with a prior fixed before the result: what earlier studies make
    likely, or a skeptical one around zero. Repeat it with another prior to see how much the prior decides.

    estimate   : the effect and its standard error, or interval
    prior_mean : effect expected before, same unit, same sign convention
    prior_sd   : how far from it the effect could easily lie, same unit, above zero
    better     : the direction in which the outcome is better; margin : smallest change that matters, above 0
    Returns a Posterior. Refuses (MethodError) an estimate without standard error and interval, one that was
    not made, and a prior_sd or margin that is not above zero.
    Source: normal prior and normal likelihood; Gelman and others, Bayesian Data Analysis, section 2.5.

    >>> found = posterior(Estimate(-4.0, se=1.0), prior_mean=0.0, prior_sd=1.0, better="lower", margin=1.0)
    >>> found.mean, round(found.sd, 4), round(found.benefit, 3)
    (-2.0, 0.7071, 0.921)
    """
    se = _checked(estimate, prior_sd, margin)
    weight = prior_sd**2 / (prior_sd**2 + se**2)
    mean = weight * estimate.value + (1 - weight) * prior_mean
    sd = prior_sd * se / math.hypot(prior_sd, se)
    sign = -1.0 if better == "lower" else 1.0
    benefit = float(stats.norm.sf(margin, sign * mean, sd))
    harm = float(stats.norm.cdf(-margin, sign * mean, sd))
    half = float(stats.norm.ppf(0.975)) * sd
    unit = f" {estimate.unit}" if estimate.unit else ""
    prior = f"normal, mean {prior_mean:g}, standard deviation {prior_sd:g}{unit}"
    says = (
        f"Given the estimate and what was believed before ({prior}), the probability of a benefit of at least"
        f" {margin:g}{unit} is {_percent(benefit)}, and of a harm of at least that size {_percent(harm)}."
    )
    return Posterior(mean, sd, benefit, harm, mean - half, mean + half, prior, says)


def _checked(estimate: Estimate | Refusal, prior_sd: float, margin: float) -> float:
    """Give the standard error, or refuse."""
    if isinstance(estimate, Refusal):
        raise MethodError(Problem("posterior", estimate.reason, estimate.remedy))
    for name, number in (("prior_sd", prior_sd), ("margin", margin)):
        if not (number > 0 and math.isfinite(number)):
            raise MethodError(Problem(name, f"{number} is not above zero.", "Write a number above zero."))
    se = estimate.se
    if se is None and estimate.low is not None and estimate.high is not None:
        t = stats.t(estimate.df) if estimate.df else stats.norm()
        se = (estimate.high - estimate.low) / (2 * float(t.ppf((1 + estimate.level) / 2)))
    if not (se is not None and se > 0 and math.isfinite(se)):
        what = "The estimate has neither a standard error nor an interval."
        raise MethodError(Problem("posterior", what, "Use an estimate that has one."))
    return se


def _percent(share: float) -> str:
    """Write a probability without claiming certainty.

    >>> _percent(0.999), _percent(0.42), _percent(0.002)
    ('above 99%', '42%', 'below 1%')
    """
    if share > 0.99:
        return "above 99%"
    return "below 1%" if share < 0.01 else f"{100 * share:.0f}%"
