"""Placebo dates: what the method finds where the program had not begun."""

from dataclasses import replace

import numpy as np

from rpeval.errors import Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.did.design import Design, select, separate_groups
from rpeval.methods.did.imputation import describe, leave_schools_out
from rpeval.methods.did.jackknife import jackknife_estimate
from rpeval.methods.wording import count_of, refuse, school_year, some

SHARE = 0.5


def placebo_starts(design: Design) -> tuple[tuple[int, Estimate | Refusal], ...]:
    """Pretend that every adopting school started one year earlier, two years earlier, and so on.

    Use among the checks that could sink a study: where the program had not begun, there is nothing to find.
    An interval that leaves out zero says that adopting schools were already parting from the others.

    Returns (years earlier, Estimate) in order, for as many years as half of the adopting schools have, a
    Refusal where the estimate cannot be made. The rows share most of their school-years: they are one look.
    Refuses (MethodError) a study in which too few adopting schools have two years before the start.

    >>> from rpeval.methods.did.example import schools
    >>> design = schools([[9, 9, 11, 5], [8, 8, 9, 5], [6, 6, 6, 5], [4, 4, 4, 3]])
    >>> rows = placebo_starts(design)                      # two rose by 2 and by 1 before the start
    >>> [(years, round(est.value, 9)) for years, est in rows]
    [(1, 1.5), (2, 0.75)]
    """
    years = [k for k in range(1, len(design.times)) if enough(design, k)]
    if not years:
        what = "Fewer than half of the adopting schools have two observed years before the start."
        refuse([Problem("panel", what, "Add earlier years.")])
    return tuple((k, attempt(placebo_start, design, years=k)) for k in years)


def placebo_start(design: Design, *, years: int) -> Estimate:
    """Average effect that the method finds when the starts are set some years too early.

    Only school-years before the true start are used. School and year effects are fitted on those before the
    pretended start, and the gaps of the years between the two are averaged, as in `att_imputation`.

    years : how many of the panel's years earlier (a year left out is stepped over)
    Returns an Estimate in the outcome's unit, leave-one-school-out jackknife. Adopting schools that have no
    observed year before the pretended start, or none from it on, are set aside with a note.
    Refuses (MethodError, naming schools or years): fewer than half of the adopting schools left, or fewer
    than two; a year without a school to compare with; an estimate that rests on one school.
    Source: Borusyak, Jaravel & Spiess (2024); placebo dates as in Bertrand, Duflo & Mullainathan (2004).
    """
    able = taking_part(design, years)
    lost = design.adopters & ~able
    if not enough(design, years):
        names = some(name for name, out in zip(design.names, lost, strict=True) if out)
        what = f"{int(lost.sum())} of {count_of(int(design.adopters.sum()), 'adopting school')} have too few "
        what += f"years for a start {count_of(years, 'year')} earlier: {names}."
        refuse(
            [Problem("panel", what, "Add earlier years, or look at a placebo start closer to the true one.")]
        )
    earlier = pretend(design, years)
    refuse(check_left(earlier, years))
    result = leave_schools_out(earlier)
    words = describe(earlier, f"placebo start {count_of(years, 'year')} too early; imputation")
    return jackknife_estimate(result.value[0, 0], result.left_out[0, :, 0], **words)


def enough(design: Design, years: int) -> bool:
    """Say whether two adopting schools, and half of them, can take part."""
    return bool(taking_part(design, years).sum() >= max(2, SHARE * design.adopters.sum()))


def taking_part(design: Design, years: int) -> np.ndarray:
    """Say which adopting schools are seen before a pretended start, and between it and the true one (G)."""
    between = placebo_years(design, years) & design.untreated
    before = ~placebo_years(design, years) & design.untreated
    return design.adopters & between.any(axis=1) & before.any(axis=1)


def placebo_years(design: Design, years: int) -> np.ndarray:
    """Say which columns lie within some years before each adopting school's start, or after it (G by T)."""
    first = np.searchsorted(design.times, design.starts)
    return design.adopters[:, None] & (np.arange(len(design.times)) >= first[:, None] - years)


def pretend(design: Design, years: int) -> Design:
    """Give the design without its treated school-years, every adopting school starting some years earlier."""
    seen, able = design.untreated, taking_part(design, years)
    first = np.searchsorted(design.times, design.starts) - years
    lost_n = int((design.adopters & ~able).sum())
    notes = (f"{count_of(lost_n, 'adopting school')} with too few years before the start set aside",)
    earlier = replace(
        design,
        Y=np.where(seen, design.Y, 0.0),
        weights=np.where(seen, design.weights, 0.0),
        observed=seen,
        D=placebo_years(design, years),
        starts=np.where(able, design.times[first], np.nan),
    )
    return select(earlier, able | ~design.adopters, design.notes + notes * (lost_n > 0))


def check_left(earlier: Design, years: int) -> list[Problem]:
    """Look for years in which no school is left to compare with."""
    bare = ~earlier.untreated.any(axis=0)
    if not bare.any() and not separate_groups(earlier.untreated):
        return []
    which = f" in {some(school_year(t) for t in earlier.times[bare])}" if bare.any() else " across the years"
    what = f"With starts {count_of(years, 'year')} earlier, no school is left to compare with{which}."
    return [Problem("panel", what, "Add comparison schools, or years before the first start.")]
