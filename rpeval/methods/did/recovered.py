"""An effect per 100 students as suspensions, or days of instruction, that did not happen."""

import math
from dataclasses import dataclass

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import leave_schools_out
from rpeval.methods.intervals import scaled
from rpeval.methods.wording import count_of, refuse


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an effect adds up to in the schools that adopted; above zero: averted, below: added.

    per_year : average over the years in which at least one school was in the program
    total    : sum over those years
    student_years, school_years_n, years_n : students times years in the program; school-years; years
    """

    per_year: Estimate
    total: Estimate
    student_years: float
    school_years_n: int
    years_n: int


def recovered(design: Design, att: Estimate, *, what: str = "suspensions") -> Recovered:
    """Turn an effect per 100 students into what the adopting schools were spared.

    Use for a board that thinks in suspensions and in days, not in rates. The total over the treated
    school-years is the effect on the average student (not the average school) times the student-years.

    design : laid out with `weights` naming the students of each school-year and with an outcome per 100
             students (oss_per_100; oss_days_per_100 for days)
    att    : average effect of this design, by any inference (`att_imputation`, `att_by_design`)
    what   : what is counted, in words ("suspensions", "days of instruction")
    Returns a Recovered; units "<what> per year" and "<what>"; the interval is that of the effect. What was
    left out or set aside counts nothing: it is what the study saw, not all that happened.
    Refuses (MethodError) a design without weights, and an effect that is not the one of this design.

    >>> from rpeval.methods.did.design import lay_out
    >>> from rpeval.methods.did.example import four_schools
    >>> from rpeval.methods.did.imputation import att_imputation
    >>> design = lay_out(four_schools().panel, outcome="oss_per_100", weights="enrolled_n")
    >>> found = recovered(design, att_imputation(design))  # two schools of 400 fell by 2.5 more than others
    >>> round(found.total.value, 9), found.student_years, found.total.unit
    (20.0, 800.0, 'suspensions')
    """
    refuse(check_effect(design, att))
    student_years = float((design.weights * design.treated).sum())
    years_n = int(design.treated.any(axis=0).sum())
    words = f"effect per 100 students times {student_years:,.0f} student-years in the program"
    method = f"{words}; {att.method}" if att.method else words
    return Recovered(
        per_year=scaled(att, -student_years / 100 / years_n, unit=f"{what} per year", method=method),
        total=scaled(att, -student_years / 100, unit=what, method=method),
        student_years=student_years,
        school_years_n=int(design.treated.sum()),
        years_n=years_n,
    )


def check_effect(design: Design, att: Estimate) -> list[Problem]:
    """Look for an average over schools where one over students is needed, and for another study's effect."""
    if not design.weighted:
        what = "Every school-year counts the same here, so the effect is not that on the average student."
        return [Problem("design", what, "Lay the panel out with the students as weights (enrolled_n).")]
    own = float(leave_schools_out(design).value[0, 0])
    if math.isclose(own, att.value, rel_tol=1e-6, abs_tol=1e-9):
        return []
    what = f"The effect given is {att.value:.4g}; that on the average student of the design's "
    what += f"{count_of(int(design.treated.sum()), 'treated school-year')} is {own:.4g}."
    return [Problem("att", what, "Give the effect estimated from this design.")]
