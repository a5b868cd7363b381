"""A band around averages by event time, cohort or calendar year: its intervals hold for all rows at once."""

from dataclasses import dataclass, replace

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.bands import quantile, widen
from rpeval.methods.did.callaway import By, CohortEffects, Inference, averages, compare, estimate_row
from rpeval.methods.did.design import Design
from rpeval.methods.did.jackknife import by_cohort, changes_of_variance
from rpeval.methods.did.parts import Parts, join, pick
from rpeval.methods.did.randomization import deal_starts

CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CohortBand:
    """Averages with a simultaneous band.

    rows     : (event time, start year or year; Estimate or Refusal); low and high hold for all rows at once,
               p is adjusted for looking at all of them
    critical : the band's half width in standard errors
    draws    : deals of start years, or draws, behind it
    """

    rows: tuple[tuple[int, Estimate | Refusal], ...]
    critical: float
    draws: int


def cohort_band(
    effects: CohortEffects,
    *,
    seed: int,
    by: By = "event",
    inference: Inference = "jackknife",
    draws: int = 999,
) -> CohortBand:
    """Averages as in `rows`, with intervals that hold for all of them at once.

    Use for a picture or table of several averages: among eight single intervals some miss by chance alone.

    inference : "jackknife" for the few schools of a district: half width from deals of the start years, as in
                `event_band`; "influence", for hundreds of schools: the usual multiplier bootstrap
    seed      : fixes the deals (all of them when there are no more than `draws`)
    Returns a CohortBand in the outcome's unit. Refuses (MethodError) fewer than two rows with an interval;
    too few deals; with the jackknife, effects adjusted for covariates.
    Source: Callaway & Sant'Anna (2021), Algorithm 1; the deals as in `att_randomization`.

    >>> from rpeval.methods.did.callaway import cohort_effects
    >>> from rpeval.methods.did.example import seven_schools
    >>> band = cohort_band(cohort_effects(seven_schools()), seed=1)
    >>> [(event, round(est.value, 2)) for event, est in band.rows], band.draws
    ([(-1, -0.83), (0, -3.08)], 35)
    """
    keys, parts = averages(effects, by)
    rows = [estimate_row(effects, pick(parts, np.array([k])), inference) for k in range(len(keys))]
    usable = [k for k, row in enumerate(rows) if isinstance(row, Estimate) and row.se > 0]
    refuse_band(effects, len(usable), inference)
    draw = {"jackknife": t_under_deals, "influence": t_of_multipliers}[inference]
    largest = draw(effects, by, np.array(usable), draws=draws, seed=seed).max(axis=1)
    critical = quantile(largest)
    of = {"jackknife": "deals of start years", "influence": "draws of signs"}[inference]
    for k in usable:
        rows[k] = widen(rows[k], critical, largest, of)
    return CohortBand(tuple(zip(keys.tolist(), rows, strict=True)), critical, len(largest))


def refuse_band(effects: CohortEffects, usable_n: int, inference: Inference) -> None:
    """Refuse a band of fewer than two rows, and deals of start years that covariates would have to follow."""
    if usable_n < 2:
        what = "Fewer than two rows can be estimated with an interval."
        raise MethodError(Problem("panel", what, "Use `rows`, or add schools."))
    if inference == "jackknife" and effects.adjusted:
        what = "A band for few schools cannot be made of effects that are adjusted for covariates."
        fix = 'Leave the covariates out, or use inference="influence" with hundreds of schools.'
        raise MethodError(Problem("covariates", what, fix))


def t_of_multipliers(
    effects: CohortEffects, by: By, usable: np.ndarray, *, draws: int, seed: int
) -> np.ndarray:
    """Absolute t values of the rows when each school's influence is given a random sign (draws by rows)."""
    influence = averages(effects, by)[1].influence[:, usable]
    influence = influence / np.sqrt((influence**2).sum(axis=0))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(influence)))
    return np.abs(signs @ influence)


def t_under_deals(effects: CohortEffects, by: By, usable: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Absolute t values of the rows under other deals of the start years (deals by rows)."""
    design = without_effects(effects)
    found = []
    dealt, _ = deal_starts(design, draws=draws, seed=seed)
    size = max(1, CELLS_AT_ONCE // (dealt.shape[1] * len(effects.cells)))
    for first in range(0, len(dealt), size):
        starts = dealt[first : first + size]
        made = join([compare(design, starts, effects.reach, cell) for cell in effects.cells])
        found.append(t_values(starts, pick(averages(effects, by, made)[1], usable)))
    t = np.concatenate(found)
    return t[np.isfinite(t).all(axis=1)]


def without_effects(effects: CohortEffects) -> Design:
    """Take the average effect of each event time out of the outcome, from the anticipated start on."""
    design, Y = effects.design, effects.design.Y.copy()
    keys, parts = averages(effects, "event")
    for event, value in zip(keys, parts.value, strict=True):
        if event >= -effects.anticipation:
            Y[design.observed & (design.event == event)] -= value
    return replace(design, Y=Y)


def t_values(starts: np.ndarray, parts: Parts) -> np.ndarray:
    """Absolute value over jackknife standard error of each average (deals by rows)."""
    t = np.empty(parts.value.shape)
    for k in range(t.shape[1]):
        own = np.where(parts.own[..., k] > 0, starts, np.nan)
        change = changes_of_variance(
            parts.left_out[..., k, None] - parts.value[:, None, k, None], by_cohort(own)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            t[:, k] = np.abs(parts.value[:, k]) / np.sqrt((change[..., 0] ** 2).sum(axis=1))
    return t
