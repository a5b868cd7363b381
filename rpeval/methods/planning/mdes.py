"""The smallest detectable effect by formula, with what the formula needs from a district's own years."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import critical, scaled
from rpeval.methods.planning.noise import Years, lay_years_out
from rpeval.methods.wording import count_of

LEAST_SCHOOLS = 4
WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class SchoolSpread:
    """How a yearly outcome of students spreads between and within schools, before a program.

    icc       : share of the variance between students that lies between schools
    r2        : share of the variance between schools in the last year that the years before it explain;
                zero where there is only one year
    sd        : standard deviation between students, in the outcome's unit
    students  : students of a school (harmonic mean over school-years)
    rate      : mean of the schools' rates, in the outcome's unit
    schools_n, years_n : schools and years that it rests on
    """

    icc: float
    r2: float
    sd: float
    students: float
    rate: float
    schools_n: int
    years_n: int


def mdes(
    schools: int,
    *,
    icc: float,
    students: float,
    r2: float = 0.0,
    r2_within: float = 0.0,
    share: float = 0.5,
    power: float = 0.8,
) -> Estimate:
    """Smallest detectable effect of a program that whole schools adopt, compared with other schools once.

    Use for a first look and for a proposal; where the district has years of its own, simulate as well
    (`simulated_power`), because it knows of staggered starts and of how the schools change over the years.

    schools   : all schools, adopting and comparison; `share` of them adopt
    icc       : share of the variance between students that lies between schools
    students  : students in each school
    r2, r2_within : share of the variance between schools, and within them, that earlier years explain
    power     : share of studies that would find an effect of this size at 5 %, two-sided
    Returns an Estimate without interval, in student standard deviations: (t of the level + t of the power)
    times the standard error, with schools - 2 degrees of freedom.
    Refuses (MethodError) fewer than four schools, and shares that are not shares.
    Source: Bloom (2005), in Learning More from Social Experiments; Spybrook et al. (2016) for the numbers.

    >>> round(mdes(82, icc=0.20, students=500, r2=0.5).value, 4)
    0.1997
    >>> round(mdes(24, icc=0.05, students=500, r2=0.5).value, 3)
    0.196
    """
    check_shares(schools, icc=icc, r2=r2, r2_within=r2_within, share=share, students=students)
    variance = (icc * (1 - r2) + (1 - icc) * (1 - r2_within) / students) / (share * (1 - share) * schools)
    df = schools - 2
    factor = critical(df) + float(stats.t.ppf(power, df))
    words = f"smallest effect found significant in {power:.0%} of studies; formula for schools in two arms"
    return Estimate(
        factor * math.sqrt(variance),
        unit="student standard deviations",
        clusters=schools,
        treated=round(share * schools),
        method=f"{words}, ICC {icc:.3f}, R² {r2:.2f}, t({df})",
    )


def check_shares(schools: int, *, share: float, students: float, **shares: float) -> None:
    """Refuse numbers with which the formula means nothing."""
    wrong = {name: value for name, value in shares.items() if not 0 <= value <= 1}
    wrong |= {} if 0 < share < 1 else {"share": share}
    problems = [
        Problem(name, f"{value:g} is not a share from 0 to 1.", "Write a share, such as 0.2.")
        for name, value in wrong.items()
    ]
    if schools < LEAST_SCHOOLS:
        what = f"With {count_of(schools, 'school')} there is no spread to compare with."
        problems.append(Problem("schools", what, f"Plan with at least {LEAST_SCHOOLS} schools."))
    if students < 1:
        problems.append(
            Problem("students", f"A school cannot have {students:g} students.", "Write 1 or more.")
        )
    if problems:
        raise MethodError(problems)


def in_unit_of(effect: Estimate, spread: SchoolSpread, *, unit: str) -> Estimate:
    """Turn an effect in student standard deviations into the outcome's own unit.

    >>> even = SchoolSpread(icc=0.05, r2=0.0, sd=30.0, students=400, rate=10.0, schools_n=14, years_n=3)
    >>> round(in_unit_of(mdes(14, icc=0.05, students=400), even, unit="per 100 students").value, 1)
    11.2
    """
    return scaled(effect, spread.sd, unit=unit)


def school_spread(panel: pd.DataFrame, *, outcome: str, counts: str) -> SchoolSpread:
    """Learn what the formula needs from a district's own years before the program.

    Use it rather than defaults from other districts and other outcomes.

    panel   : one row per school and year, only years before the program (`before_program`)
    outcome : a rate per 100 students
    counts  : what it counts: students (each once: a student's variance is p (1 - p)) or events (several to a
              student: taken as Poisson; where a few students have many, the true spread is wider, so the
              effect in standard deviations looks larger than it is, and the one in the outcome's unit stays)
    Returns a SchoolSpread. What of the spread between schools is mere chance of so many students is taken
    out of the ICC.
    Refuses (MethodError) outcomes that are no such rate, fewer than four schools in the last year, and an
    outcome that never happens.

    >>> rows = [(s, year, 400.0, 4.0 + 2 * (s % 5)) for s in range(20) for year in (2016, 2017)]
    >>> panel = pd.DataFrame(rows, columns=["school_id", "year", "enrolled_n", "suspended_per_100"])
    >>> found = school_spread(panel, outcome="suspended_per_100", counts="students")
    >>> round(found.rate, 1), round(found.sd, 1), round(found.r2, 2)  # the schools never change
    (8.0, 27.1, 1.0)
    """
    if counts not in ("students", "events"):
        what = f"From {counts} per school the spread between students cannot be known."
        raise MethodError(Problem(f"panel: {outcome}", what, "Plan by simulation, which does not need it."))
    years = lay_years_out(panel, outcome=outcome)
    rate = float(np.nanmean(years.Y))
    p = rate / WHOLE
    variance = WHOLE**2 * (p * (1 - p) if counts == "students" else p)
    refuse_spread(years, variance, outcome)
    students = float(1 / np.nanmean(1 / years.students))
    shown = float(np.mean([np.nanvar(Y, ddof=1) for Y in years.Y.T if np.isfinite(Y).sum() > 1]))
    between = min(max((shown - variance / students) / (1 - 1 / students), 0.0), variance)
    return SchoolSpread(
        icc=between / variance,
        r2=explained(years.Y, between),
        sd=math.sqrt(variance),
        students=students,
        rate=rate,
        schools_n=len(years.Y),
        years_n=years.Y.shape[1],
    )


def refuse_spread(years: Years, variance: float, outcome: str) -> None:
    """Refuse panels from which no spread between schools can be learned."""
    where, schools_n = f"panel: {outcome}", int(np.isfinite(years.Y[:, -1]).sum())
    if schools_n < LEAST_SCHOOLS:
        what = f"Only {count_of(schools_n, 'school')} with {outcome} in the last year."
        raise MethodError(Problem(where, what, "Add schools."))
    if not variance > 0:
        raise MethodError(Problem(where, "It is zero or above one per student.", "Choose another outcome."))
    if not np.isfinite(years.students[np.isfinite(years.Y)]).all():
        what = "Some school-years have no number of students."
        raise MethodError(Problem("panel: enrolled_n", what, "Fill it in."))


def explained(Y: np.ndarray, between: float) -> float:
    """Share of the variance between schools in the last year that their mean before it explains (G by T).

    Adjusted for the one slope that is fitted, and not above one.
    """
    before = np.isfinite(Y[:, :-1])
    both = before.any(axis=1) & np.isfinite(Y[:, -1])
    if both.sum() < LEAST_SCHOOLS or between <= 0:
        return 0.0
    n = int(both.sum())
    x = np.where(before, Y[:, :-1], 0.0)[both].sum(axis=1) / before[both].sum(axis=1)
    y = Y[both, -1]
    if x.std() == 0 or y.std() == 0:
        return 0.0
    r2 = 1 - (1 - float(np.corrcoef(x, y)[0, 1]) ** 2) * (n - 1) / (n - 2)
    return min(max(r2 * float(y.var(ddof=1)) / between, 0.0), 1.0)
