"""Effects by cohort and year (Callaway & Sant'Anna 2021), and their averages.

Each cohort's change since its last year without the program is compared with the change of schools that have
not started yet, or never do. Averages carry the uncertainty of the cohort shares that weight them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import Design, select, values_of
from rpeval.methods.did.jackknife import jackknife_estimate, rests_on
from rpeval.methods.did.parts import Parts, average, join, pick
from rpeval.methods.did.two_by_two import difference_of_means, doubly_robust, regression_adjusted
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, school_year, some

Comparison = Literal["not_yet", "never"]
Adjust = Literal["doubly_robust", "regression"]
Inference = Literal["jackknife", "influence"]
By = Literal["event", "cohort", "year"]
Cell = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class CohortEffects:
    """All effects by cohort and year, with what is needed to make them again.

    cohorts, years : start year, and year looked at, of each effect (K each)
    cells          : the same as (start year, position of the year, position of the year compared with)
    parts, design  : the effects, and the design behind them
    reach          : for each year, the last start year of schools that are no comparison in it
    anticipation   : years before the start in which schools may act on it
    adjusted       : whether for covariates
    """

    cohorts: np.ndarray
    years: np.ndarray
    cells: tuple[Cell, ...]
    parts: Parts
    design: Design
    reach: np.ndarray
    anticipation: int
    adjusted: bool
    method: str


def cohort_effects(
    design: Design,
    *,
    comparison: Comparison = "not_yet",
    anticipation: int = 0,
    covariates: Sequence[str] = (),
    adjust: Adjust = "doubly_robust",
) -> CohortEffects:
    """Effects of the program by cohort and year, before and after the start.

    Use as the input of `overall`, `rows` and `cohort_band`. A year is compared with the last observed one
    without the program; before the start, with the year before. Each school counts with its mean weight over
    the years; one that lacks one of the two years compared sits that comparison out.

    comparison   : schools not yet in the program in either year compared, or those that are in none seen
    anticipation : years before the start in which schools may already act on it (training, hiring): the base
                   moves back, and a school is no comparison in so many years before its own start. Averages
                   still count from the start on; cohorts without a year before it are set aside, counted
    covariates   : columns, taken in the earlier of the two years compared; adjusted for by `adjust`
    Refuses (MethodError): covariates that are missing, or that leave no comparison; no cohort to compare.
    Source: Callaway & Sant'Anna (2021), Journal of Econometrics 225; Sant'Anna & Zhao (2020), same 219.

    >>> from rpeval.methods.did.example import four_schools
    >>> effects = cohort_effects(four_schools())
    >>> list(zip(effects.cohorts.tolist(), effects.years.tolist(), effects.parts.value.tolist()))
    [(2018, 2017, 0.0), (2018, 2018, -2.5)]
    """
    design = without_early(design, anticipation)
    columns = [values_of(design, column) for column in covariates]
    X = np.stack([np.ones(design.Y.shape), *columns], axis=-1) if covariates else None
    reach = np.where(comparison == "never", design.times[-1], design.times) + anticipation
    wanted = list(years_compared(design, anticipation))
    cells = tuple(cell for cell in wanted if comparable(design, reach, cell))
    refuse_uncompared(design, cells)
    words = words_for(design, comparison, anticipation, covariates, adjust)
    lost = len(wanted) - len(cells)
    return CohortEffects(
        cohorts=np.array([cohort for cohort, _, _ in cells]),
        years=design.times[[now for _, now, _ in cells]],
        cells=cells,
        parts=join([compare(design, design.starts, reach, cell, X, adjust) for cell in cells]),
        design=design,
        reach=reach,
        anticipation=anticipation,
        adjusted=X is not None,
        method=f"{words}; {lost} of {len(wanted)} cohort-years without a comparison" if lost else words,
    )


def refuse_uncompared(design: Design, cells: Sequence[Cell]) -> None:
    """Refuse when no cohort can be compared in any year of the program."""
    if not any(design.times[now] >= cohort for cohort, now, _ in cells):
        what = "No cohort is seen, with comparison schools, both in its last year before and after the start."
        raise MethodError(Problem("panel", what, "Add those years, or use the imputation estimate."))


def without_early(design: Design, anticipation: int) -> Design:
    """Set aside the schools that may have acted on the program in every year seen."""
    if anticipation < 0:
        what = f"There cannot be {anticipation} years of anticipation."
        raise MethodError(Problem("anticipation", what, "Give a number of years, zero or more."))
    early = design.starts <= design.times[0] + anticipation
    if not early.any():
        return design
    note = f"{count_of(int(early.sum()), 'school')} without a year before anticipation set aside"
    return without_early(select(design, ~early, [*design.notes, note]), anticipation)


def words_for(
    design: Design, comparison: Comparison, anticipation: int, covariates: Sequence[str], adjust: Adjust
) -> str:
    """Say in words how the effects were made."""
    against = {"not_yet": "schools not yet in the program", "never": "schools that never adopt"}[comparison]
    words = f"Callaway–Sant'Anna difference-in-differences against {against}"
    how = {"doubly_robust": "doubly robust", "regression": "by regression"}[adjust]
    words += f", allowing for {count_of(anticipation, 'year')} of anticipation" if anticipation else ""
    words += f", adjusted for {some(covariates)} ({how})" if covariates else ""
    return "; ".join([words, *design.remarks])


def years_compared(design: Design, anticipation: int) -> Iterator[Cell]:
    """Yield each cohort with the positions of the year looked at and of the year it is compared with."""
    for cohort in design.cohorts:
        first = cohort - anticipation
        last = int(np.flatnonzero(design.times < first)[-1])
        for now in range(len(design.times)):
            if design.times[now] >= first:
                yield cohort, now, last
            elif now > 0:
                yield cohort, now, now - 1


def sides(design: Design, starts: np.ndarray, reach: np.ndarray, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Say which schools are the cohort, and give the weights of all that take part, zero for the others.

    starts : start years (G), or those of many deals (N by G)
    """
    cohort, now, before = cell
    own = starts == cohort
    part = own | ~(starts <= reach[max(now, before)])
    seen = design.observed[:, now] & design.observed[:, before]
    return own, mean_weights(design) * (part & seen)


def mean_weights(design: Design) -> np.ndarray:
    """Mean weight of each school over the years it was observed."""
    return design.weights.sum(axis=1) / design.observed.sum(axis=1)


def comparable(design: Design, reach: np.ndarray, cell: Cell) -> bool:
    """Say whether schools of both sides were seen in both years."""
    own, weights = sides(design, design.starts, reach, cell)
    return bool((weights * own).any() and (weights * ~own).any())


def compare(
    design: Design,
    starts: np.ndarray,
    reach: np.ndarray,
    cell: Cell,
    X: np.ndarray | None = None,
    adjust: Adjust = "doubly_robust",
) -> Parts:
    """Make one effect, or the same effect under many deals of the start years."""
    _, now, before = cell
    own, weights = sides(design, starts, reach, cell)
    seen = design.observed[:, now] & design.observed[:, before]
    change = np.where(seen, design.Y[:, now] - design.Y[:, before], 0.0)
    if X is None:
        made = difference_of_means(change, own, weights)
    else:
        adjusted = {"doubly_robust": doubly_robust, "regression": regression_adjusted}[adjust]
        made = adjusted(change, own, weights, np.where(weights[:, None] > 0, X[:, min(now, before)], 0.0))
    return Parts(*(np.asarray(one)[..., None] for one in (*made, mean_weights(design) * own)))


def averages(effects: CohortEffects, by: By, parts: Parts | None = None) -> tuple[np.ndarray, Parts]:
    """Average the effects by event time, cohort or calendar year: the keys, and one effect for each.

    parts : the same effects under deals of the start years, None for the study's own
    """
    parts = effects.parts if parts is None else parts
    after = effects.years >= effects.cohorts
    keys = {"event": effects.years - effects.cohorts, "cohort": effects.cohorts, "year": effects.years}[by]
    wanted = np.unique(keys if by == "event" else keys[after])
    use = np.ones(len(keys), dtype=bool) if by == "event" else after
    rows = [average(pick(parts, use & (keys == key)), by_size=by != "cohort") for key in wanted]
    return wanted, join(rows)


def overall(
    effects: CohortEffects, *, by: By | Literal["simple"] = "simple", inference: Inference = "jackknife"
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
    return estimate_part(effects, part, inference)


def rows(
    effects: CohortEffects, *, by: By = "event", inference: Inference = "jackknife"
) -> tuple[tuple[int, Estimate | Refusal], ...]:
    """Average the effects by event time (also before the start), cohort or calendar year.

    inference as in `overall`. Returns (key, Estimate) in order; with the jackknife, a key that only one
    school has is a Refusal in its row.
    """
    keys, parts = averages(effects, by)
    return tuple(
        (int(key), estimate_row(effects, pick(parts, np.array([k])), inference)) for k, key in enumerate(keys)
    )


def estimate_row(effects: CohortEffects, part: Parts, inference: Inference) -> Estimate | Refusal:
    """Make one row, a Refusal where the jackknife cannot be made."""
    schools_n = int((part.own > 0).sum())
    lost = ~np.isfinite(part.left_out[:, 0])
    if inference == "jackknife" and schools_n < 2:
        return Refusal(f"Only {count_of(schools_n, 'school')}.", "Read it together with the other rows.")
    if inference == "jackknife" and lost.any():
        problem = rests_on(effects.design.names, lost)
        return Refusal(problem.what, problem.fix)
    return estimate_part(effects, part, inference)


def estimate_part(effects: CohortEffects, part: Parts, inference: Inference) -> Estimate:
    """Make an Estimate from one averaged effect."""
    design, value = effects.design, float(part.value[0])
    if inference == "jackknife":
        return jackknife_estimate(
            value,
            part.left_out[:, 0],
            starts=np.where(part.own[:, 0] > 0, design.starts, np.nan),
            names=design.names,
            n=design.sample["n"],
            method=effects.method,
        )
    lone = [school_year(c) for c in design.cohorts if (design.starts == c).sum() == 1]
    caution = f"; cohorts of one school ({some(lone)}) add no chance of their own" if lone else ""
    return t_estimate(
        value,
        float(np.sqrt((part.influence[:, 0] ** 2).sum())),
        **design.sample,
        method=f"{effects.method}; large-sample standard error by school{caution}",
    )


def att_callaway(design: Design) -> Estimate:
    """Average effect over treated school-years by Callaway–Sant'Anna, against schools not yet in the program.

    Use beside `att_imputation`: it leans on the last year before the start alone, so it is noisier, and less
    exposed to trends that diverge long before. For other choices, call `overall` on `cohort_effects`.

    >>> from rpeval.methods.did.example import four_schools
    >>> round(att_callaway(four_schools()).value, 9)
    -2.5
    """
    return overall(cohort_effects(design))
