"""Effects by cohort and year (Callaway & Sant'Anna 2021), and their averages.

Each cohort's change since its last year without the program is compared with the change of schools that have
not started yet, or never do. Averages carry the uncertainty of the cohort shares that weight them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import Design, lay_out, values_of
from rpeval.methods.did.jackknife import jackknife_estimate, rests_on
from rpeval.methods.did.two_by_two import difference_of_means, doubly_robust, regression_adjusted
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, school_year, some

Comparison = Literal["not_yet", "never"]
Base = Literal["varying", "universal"]
Adjust = Literal["doubly_robust", "regression"]
Inference = Literal["jackknife", "influence"]
By = Literal["event", "cohort", "year"]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """K effects on the same G schools, ready to be averaged.

    value     : K
    influence : G by K; squares add up over schools to the variance
    left_out  : G by K, the effect without each school; None where it was not computed
    own       : G by K, weight of the schools in the cohort behind the effect
    """

    value: np.ndarray
    influence: np.ndarray
    left_out: np.ndarray | None
    own: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CohortEffects:
    """All effects by cohort and year: cohorts and years (K each), their parts, and the design behind them."""

    cohorts: np.ndarray
    years: np.ndarray
    parts: Parts
    design: Design
    method: str


def cohort_effects(
    panel: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "school_id",
    time: str = "year",
    start: str = "start_year",
    weights: str | None = None,
    comparison: Comparison = "not_yet",
    base: Base = "varying",
    covariates: Sequence[str] = (),
    adjust: Adjust = "doubly_robust",
) -> CohortEffects:
    """Effects of the program by cohort and year, before and after the start.

    Use as the input of `overall` and `rows`. Comparison schools are those not yet in the program in either
    year compared ("not_yet"), or those that are in none seen ("never").

    weights    : column; each school counts with its mean over the years
    base       : before the start, compare with the year before ("varying") or, as after the start, with the
                 last year without the program ("universal", which sensitivity analyses need)
    covariates : columns, taken in the earlier of the two years compared; adjusted for by `adjust`
    Left-out years: the last observed year before the start is the base. Schools that lack one of the two
    years compared sit that comparison out.
    Refuses (MethodError): what `lay_out` refuses; covariates that are missing, or that leave no comparison.
    Source: Callaway & Sant'Anna (2021), Journal of Econometrics 225; Sant'Anna & Zhao (2020), same 219.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "oss_per_100": [9, 9, 5, 8, 8, 5, 6, 6, 5, 4, 4, 3.0]})
    >>> effects = cohort_effects(panel, outcome="oss_per_100")
    >>> list(zip(effects.cohorts.tolist(), effects.years.tolist(), effects.parts.value.tolist()))
    [(2018, 2017, 0.0), (2018, 2018, -2.5)]
    """
    design = lay_out(panel, outcome=outcome, unit=unit, time=time, start=start, weights=weights)
    columns = [values_of(panel, column, design, unit=unit, time=time) for column in covariates]
    X = np.stack([np.ones(design.Y.shape), *columns], axis=-1) if covariates else None
    wanted = list(years_compared(design, base))
    found = [
        (cohort, design.times[now], effect)
        for cohort, now, before in wanted
        if (effect := compare(design, comparison, X, adjust, cohort, now, before)) is not None
    ]
    refuse_uncompared(found)
    cohorts, years, effects = zip(*found, strict=True)
    words = words_for(design, comparison, covariates, adjust)
    lost = len(wanted) - len(found)
    return CohortEffects(
        cohorts=np.array(cohorts),
        years=np.array(years),
        parts=join(effects),
        design=design,
        method=f"{words}; {lost} of {len(wanted)} cohort-years without a comparison" if lost else words,
    )


def refuse_uncompared(found: Sequence[tuple[int, int, Parts]]) -> None:
    """Refuse when no cohort can be compared in any year of the program."""
    if not any(year >= cohort for cohort, year, _ in found):
        what = "No cohort is seen, with comparison schools, both in its last year before and after the start."
        raise MethodError(Problem("panel", what, "Add those years, or use the imputation estimate."))


def words_for(design: Design, comparison: Comparison, covariates: Sequence[str], adjust: Adjust) -> str:
    """Say in words how the effects were made."""
    against = {"not_yet": "schools not yet in the program", "never": "schools that never adopt"}[comparison]
    words = f"Callaway–Sant'Anna difference-in-differences against {against}"
    how = {"doubly_robust": "doubly robust", "regression": "by regression"}[adjust]
    words += f", adjusted for {some(covariates)} ({how})" if covariates else ""
    return "; ".join([words, *(["weighted"] if design.weighted else []), *design.notes])


def years_compared(design: Design, base: Base) -> Iterator[tuple[int, int, int]]:
    """Yield each cohort with the positions of the year looked at and of the year it is compared with."""
    for cohort in design.cohorts:
        last = int(np.flatnonzero(design.times < cohort)[-1])
        for now in range(len(design.times)):
            if base == "universal" or design.times[now] >= cohort:
                yield cohort, now, last
            elif now > 0:
                yield cohort, now, now - 1


def compare(
    design: Design,
    comparison: Comparison,
    X: np.ndarray | None,
    adjust: Adjust,
    cohort: int,
    now: int,
    before: int,
) -> Parts | None:
    """Make one effect; None where no school of one side was seen in both years."""
    own = design.starts == cohort
    last = design.times[-1] if comparison == "never" else design.times[max(now, before)]
    other = ~own & ~(design.starts <= last)
    weight = design.weights.sum(axis=1) / design.observed.sum(axis=1)
    part = (own | other) & design.observed[:, now] & design.observed[:, before]
    w = weight * part
    if not (w * own).any() or not (w * other).any():
        return None
    change = np.where(part, design.Y[:, now] - design.Y[:, before], 0.0)
    if now == before:
        zero = np.zeros(len(own))
        value, influence, left = 0.0, zero, zero
    elif X is None:
        value, influence, left = difference_of_means(change, own, w)
    else:
        adjusted = {"doubly_robust": doubly_robust, "regression": regression_adjusted}[adjust]
        Z = np.where(part[:, None], X[:, min(now, before)], 0.0)
        value, influence, left = adjusted(change, own, w, Z)
    return Parts(np.array([value]), influence[:, None], left[:, None], (weight * own)[:, None])


def join(parts: Sequence[Parts]) -> Parts:
    """Put effects side by side."""
    return Parts(
        np.concatenate([p.value for p in parts]),
        np.concatenate([p.influence for p in parts], axis=1),
        np.concatenate([p.left_out for p in parts], axis=1),
        np.concatenate([p.own for p in parts], axis=1),
    )


def pick(parts: Parts, chosen: np.ndarray) -> Parts:
    """Keep some of the effects."""
    return Parts(
        parts.value[chosen], parts.influence[:, chosen], parts.left_out[:, chosen], parts.own[:, chosen]
    )


def average(parts: Parts, *, by_size: bool) -> Parts:
    """Average effects into one, weighted by the size of their cohorts or all alike.

    By size, the influence includes that of each school on the cohort shares. Without a school, an effect
    whose cohort is then empty leaves the average.
    """
    size = parts.own.sum(axis=0)
    share = size / size.sum() if by_size else np.full(len(size), 1 / len(size))
    influence = parts.influence @ share
    if by_size:
        change = parts.own - size / len(parts.own)
        influence = (
            influence + (change - change.sum(axis=1, keepdims=True) * share) @ parts.value / size.sum()
        )
    mass = size - parts.own
    mass = np.where(mass > 1e-12 * size, mass if by_size else 1.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(mass > 0, mass * parts.left_out, 0.0).sum(axis=1) / mass.sum(axis=1)
    own = parts.own.max(axis=1, keepdims=True)
    return Parts(np.array([parts.value @ share]), influence[:, None], left[:, None], own)


def averages(effects: CohortEffects, by: By) -> tuple[np.ndarray, Parts]:
    """Average the effects by event time, cohort or calendar year: the keys, and one effect for each."""
    after = effects.years >= effects.cohorts
    keys = {"event": effects.years - effects.cohorts, "cohort": effects.cohorts, "year": effects.years}[by]
    wanted = np.unique(keys if by == "event" else keys[after])
    use = np.ones(len(keys), dtype=bool) if by == "event" else after
    rows = [average(pick(effects.parts, use & (keys == key)), by_size=by != "cohort") for key in wanted]
    return wanted, join(rows)


def overall(
    effects: CohortEffects,
    *,
    by: By | Literal["simple"] = "simple",
    inference: Inference = "jackknife",
    level: float = 0.95,
) -> Estimate:
    """Average all effects after the start into one number.

    by : "simple" weights every treated school-year alike; "cohort" averages over cohorts by their size, each
         first over its years; "event" and "year" average event times or calendar years, all alike
    inference : "jackknife" (leave-one-school-out, t), or "influence" (large-sample, normal), the usual
         default, which covers too seldom with few schools
    Returns an Estimate in the outcome's unit; refuses (MethodError) an estimate that rests on one school.
    """
    if by == "simple":
        part = average(pick(effects.parts, effects.years >= effects.cohorts), by_size=True)
    else:
        keys, parts = averages(effects, by)
        after = keys >= 0 if by == "event" else np.ones(len(keys), dtype=bool)
        part = average(pick(parts, after), by_size=by == "cohort")
    return estimate_part(effects, part, inference, level)


def rows(
    effects: CohortEffects,
    *,
    by: By = "event",
    inference: Inference = "jackknife",
    level: float = 0.95,
) -> tuple[tuple[int, Estimate | Refusal], ...]:
    """Average the effects by event time (also before the start), cohort or calendar year.

    inference as in `overall`. Returns (key, Estimate) in order; with the jackknife, a key that only one
    school has is a Refusal in its row.
    """
    keys, parts = averages(effects, by)
    return tuple(
        (int(key), estimate_row(effects, pick(parts, np.array([k])), inference, level))
        for k, key in enumerate(keys)
    )


def estimate_row(
    effects: CohortEffects, part: Parts, inference: Inference, level: float
) -> Estimate | Refusal:
    """Make one row, a Refusal where the jackknife cannot be made."""
    schools_n = int((part.own > 0).sum())
    lost = ~np.isfinite(part.left_out[:, 0])
    if inference == "jackknife" and schools_n < 2:
        return Refusal(f"Only {count_of(schools_n, 'school')}.", "Read it together with the other rows.")
    if inference == "jackknife" and lost.any():
        problem = rests_on(effects.design.names, lost)
        return Refusal(problem.what, problem.fix)
    return estimate_part(effects, part, inference, level)


def estimate_part(effects: CohortEffects, part: Parts, inference: Inference, level: float) -> Estimate:
    """Make an Estimate from one averaged effect."""
    design, value, n = effects.design, float(part.value[0]), int(effects.design.observed.sum())
    if inference == "jackknife":
        return jackknife_estimate(
            value,
            part.left_out[:, 0],
            starts=np.where(part.own[:, 0] > 0, design.starts, np.nan),
            names=design.names,
            n=n,
            level=level,
            method=effects.method,
        )
    lone = [school_year(c) for c in design.cohorts if (design.starts == c).sum() == 1]
    caution = f"; cohorts of one school ({some(lone)}) add no chance of their own" if lone else ""
    return t_estimate(
        value,
        float(np.sqrt((part.influence[:, 0] ** 2).sum())),
        level=level,
        n=n,
        n_unit="school-years",
        clusters=len(design.units),
        treated=int(design.adopters.sum()),
        method=f"{effects.method}; large-sample standard error by school{caution}",
    )


def att_callaway(panel: pd.DataFrame, *, outcome: str, level: float = 0.95, **choices) -> Estimate:
    """Average effect over treated school-years by Callaway–Sant'Anna; choices as in `cohort_effects`.

    Use beside `att_imputation`: it leans on the last year before the start alone, so it is noisier, and less
    exposed to trends that diverge long before.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "oss_per_100": [9, 9, 5, 8, 8, 5, 6, 6, 5, 4, 4, 3.0]})
    >>> round(att_callaway(panel, outcome="oss_per_100").value, 9)
    -2.5
    """
    return overall(cohort_effects(panel, outcome=outcome, **choices), level=level)
