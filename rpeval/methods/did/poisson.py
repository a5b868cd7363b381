"""Effects as a percent of counts: Poisson quasi-likelihood with exposure, school and year effects.

School effects are solved out (a school's fitted counts add up to its counts), so only the year effects are
iterated, and leaving a school out only needs a few more steps from the full solution. Counts need not be
Poisson: standard errors come from the schools, never from the model.

Shapes: G schools, T years, B fits at once.
"""

from dataclasses import dataclass, replace

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design, values_of
from rpeval.methods.did.imputation import describe
from rpeval.methods.did.jackknife import jackknife_estimate, linked_without, linked_years, solve_years
from rpeval.methods.wording import count_of, refuse, school_year, some

STEPS = 60
DONE = 1e-11
REFITTED = 400
BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LogEffect:
    """Log of observed over imputed counts of treated school-years, in full and without each school (G)."""

    value: float
    left_out: np.ndarray


def att_poisson(design: Design, *, exposure: str) -> Estimate:
    """Percent effect of the program on the number of events, by Poisson imputation.

    Use where counts are small or schools differ much in level. School and year effects on the rate are fitted
    on untreated school-years, the counts of the others imputed, and the sums compared.

    design   : its outcome counts events (zero or more), without weights
    exposure : column of its panel, the number of students behind each count
    Returns an Estimate in percent of the counts expected without the program; leave-one-school-out jackknife
    of the log ratio, so the interval is not symmetric; se is on the percent scale.
    Refuses (MethodError): weights; negative counts; exposure that is not above zero; a year without an event
    before the start anywhere; no event in any treated school-year.
    Source: Wooldridge (2023), Econometrics Journal 26; Borusyak, Jaravel & Spiess (2024).

    >>> from rpeval.methods.did.example import counts
    >>> round(att_poisson(counts(), exposure="enrolled_n").value, 6)
    -50.0
    """
    effect = log_effect(design, exposure)
    words = describe(design, "Poisson imputation")
    return as_percent(jackknife_estimate(effect.value, effect.left_out, **words))


def att_poisson_gap(own: Design, other: Design, *, exposure: str) -> Estimate:
    """Effect of the program on the log of the ratio of two groups' rates.

    Use to ask whether a risk ratio moved. The effect on each group is estimated as in `att_poisson`; the
    difference of the logs is jackknifed with both groups of a school left out together.

    own, other : counts of one group and of the group it is compared with, each laid out from its own rows
    exposure   : column of both panels, the students of the group
    Returns an Estimate on the log scale; `as_percent` turns it into percent of the ratio. Refuses what
    `att_poisson` refuses, for either group.

    >>> from rpeval.methods.did.example import counts
    >>> gap = att_poisson_gap(counts(), counts(effect=0.8), exposure="enrolled_n")  # .5 over .8
    >>> round(as_percent(gap).value, 6)
    -37.5
    """
    effects = [log_effect(design, exposure) for design in (own, other)]
    words, others = (describe(d, "ratio of two groups, Poisson imputation") for d in (own, other))
    schools = sorted({*own.units, *other.units})
    left = without_either(own, effects[0], schools) - without_either(other, effects[1], schools)
    words["n"] += others["n"]
    for key in ("names", "starts"):
        of_school = dict(zip(other.units, others[key], strict=True))
        of_school |= dict(zip(own.units, words[key], strict=True))
        words[key] = np.array([of_school[school] for school in schools])
    value = effects[0].value - effects[1].value
    found = jackknife_estimate(value, left, unit="log ratio", **words)
    return replace(found, kind="iterative")


def without_either(design: Design, effect: LogEffect, schools: list) -> np.ndarray:
    """Look up the log effect without each of the schools; a school that is not in it changes nothing."""
    left = dict(zip(design.units, effect.left_out, strict=True))
    return np.array([left.get(school, effect.value) for school in schools])


def as_percent(estimate: Estimate) -> Estimate:
    """Turn an estimate of a log ratio into percent; the standard error by the delta method."""
    value, low, high = (100 * float(np.expm1(x)) for x in (estimate.value, estimate.low, estimate.high))
    se = 100 * float(np.exp(estimate.value)) * estimate.se
    return replace(estimate, value=value, se=se, low=low, high=high, unit="percent", kind="iterative")


def exposures(design: Design, exposure: str) -> np.ndarray:
    """Lay the exposure out, 0 where the outcome is not observed; refuse values that are not above zero."""
    values = values_of(design, exposure)
    bad = (design.observed & ~(values > 0)).any(axis=1)
    if bad.any():
        names = some(name for name, is_bad in zip(design.names, bad, strict=True) if is_bad)
        what = f"{count_of(int(bad.sum()), 'school')} with an exposure that is not above zero: {names}."
        refuse([Problem(f"panel: {exposure}", what, "Give the number of students behind each count.")])
    return np.where(design.observed, values, 0.0)


def check_counts(design: Design) -> list[Problem]:
    """Look for counts below zero and for years without any event before the program."""
    where = f"panel: {design.columns.outcome}"
    if (design.Y < 0).any():
        what = "There are counts below zero."
        return [Problem(where, what, "Give counts of events, not changes or codes.")]
    silent = design.observed.any(axis=0) & ((design.Y * design.untreated).sum(axis=0) == 0)
    if not silent.any():
        return []
    years = some(school_year(t) for t in design.times[silent])
    what = f"No event in any school-year before the program in {years}."
    return [Problem(where, what, "Leave these years out, or use the effect per 100 students.")]


def log_effect(design: Design, exposure: str) -> LogEffect:
    """Log ratio of observed to imputed counts over the treated school-years; see `att_poisson`."""
    if design.weighted:
        what = "Counts are laid out with weights, but every student counts once already."
        raise MethodError(Problem("design", what, "Lay the counts out without weights."))
    E = exposures(design, exposure)
    refuse(check_counts(design))
    y, fit = design.Y, E * design.untreated
    b = fit_years(y * design.untreated, fit, linked_years(fit[None] > 0, design.observed))
    without = leave_out_years(y * design.untreated, fit, b, design.observed)
    gone = np.eye(len(y), dtype=bool)
    value = log_ratios(design, E, b[None], np.zeros((1, len(y)), dtype=bool))[0]
    if not np.isfinite(value):
        where = f"panel: {design.columns.outcome}"
        what = (
            "The counts before the program do not determine the year effects, or there is no event after it"
        )
        raise MethodError(Problem(where, f"{what}.", "Use the effect per 100 students."))
    size = max(1, BLOCK_CELLS // y.size)
    blocks = range(0, len(y), size)
    left = [log_ratios(design, E, without[k : k + size], gone[k : k + size]) for k in blocks]
    return LogEffect(float(value), np.concatenate(left))


def log_ratios(design: Design, E: np.ndarray, b: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Log of observed over imputed treated counts, year effects b (B by T), without schools gone (B by G)."""
    rate = E * np.exp(b)[:, None, :]
    fitted = (rate * design.untreated).sum(axis=2)
    counts = (design.Y * design.untreated).sum(axis=1)
    imputed = (rate * design.treated).sum(axis=2) * counts / fitted
    observed = (design.Y * design.treated).sum(axis=1)
    kept = ~gone
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((observed * kept).sum(axis=1) / (imputed * kept).sum(axis=1))
    return np.where(np.isfinite(ratio), ratio, np.nan)


def fit_years(y: np.ndarray, E: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Fit year effects (T) on counts y with exposure E (0 outside the fit); NaN where they do not settle."""
    b = start_years(y, E)
    for _ in range(STEPS):
        step = solve_years(*newton_parts(y, E, b[None]), linked)[0, :, 0]
        b = b + np.clip(step, -3, 3)
        if np.abs(step).max() < DONE:
            return b if linked.all() else np.full(len(b), np.nan)
    return np.full(len(b), np.nan)


def start_years(y: np.ndarray, E: np.ndarray) -> np.ndarray:
    """Begin at the log rate of each year over all schools."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.log(y.sum(axis=0) / E.sum(axis=0))
    rate = np.where(np.isfinite(rate), rate, 0.0)
    return rate - rate.mean()


def newton_parts(
    y: np.ndarray, E: np.ndarray, b: np.ndarray, gone: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Information and score of the year effects (B by T by T, B by T by 1), without schools gone (B by G)."""
    rate = E * np.exp(b)[:, None, :]
    share = rate / np.maximum(rate.sum(axis=2, keepdims=True), 1e-300)
    counts = y.sum(axis=1) * (1.0 if gone is None else ~gone)
    fitted = counts[..., None] * share
    observed = y.sum(axis=0) - (0.0 if gone is None else gone @ y)
    information = -np.matmul(fitted.transpose(0, 2, 1), share)
    years = np.arange(E.shape[1])
    information[:, years, years] += fitted.sum(axis=1)
    return information, (observed - fitted.sum(axis=1))[..., None]


def leave_out_years(y: np.ndarray, E: np.ndarray, b: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Fit the year effects again without each school (G by T), NaN where they are not determined.

    One Newton step from the full fit, exact to second order; up to 400 schools, more until it settles.
    """
    linked = linked_without((E * (y.sum(axis=1, keepdims=True) > 0))[None] > 0, observed)[0]
    carries_a_year = (y > 0) & (y.sum(axis=0) - y <= 0) & (E.sum(axis=0) - E > 0)
    linked &= ~carries_a_year.any(axis=1)
    rate = E * np.exp(b)
    share = rate / rate.sum(axis=1, keepdims=True)
    fitted = y.sum(axis=1, keepdims=True) * share
    information = newton_parts(y, E, b[None])[0] + fitted[:, :, None] * share[:, None, :]
    years = np.arange(len(b))
    information[:, years, years] -= fitted
    without = b + solve_years(information, -(y - fitted)[..., None], linked)[..., 0]
    if len(y) <= REFITTED:
        size = max(1, BLOCK_CELLS // y.size)
        for first in range(0, len(y), size):
            block = slice(first, first + size)
            without[block] = settle(y, E, without[block], np.eye(len(y), dtype=bool)[block], linked[block])
    return np.where(linked[:, None], without, np.nan)


def settle(y: np.ndarray, E: np.ndarray, b: np.ndarray, gone: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Take Newton steps until every fit has settled (b B by T); those that do not become NaN."""
    for _ in range(STEPS):
        step = solve_years(*newton_parts(y, E, b, gone), linked)[..., 0]
        step = np.where(linked[:, None], np.clip(step, -3, 3), 0.0)
        b = b + step
        if np.abs(step).max() < DONE:
            break
    return np.where((np.abs(step).max(axis=1) < 1e-8)[:, None], b, np.nan)
