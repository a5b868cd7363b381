"""The balance sheet of instruction time: what the program gives back to lessons, and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import scaled
from rpeval.methods.wording import refuse, some


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Hours of instruction won and lost.

    table : entry, hours (above zero: won), hours_per_student, low, high (hours; of what was estimated)
    net   : hours per student and year, with the interval of the estimated entry
    total : the same in hours
    """

    table: pd.DataFrame
    net: Estimate
    total: Estimate


def balance(won: Estimate, taken: Mapping[str, float], *, student_years: float) -> Balance:
    """Set the hours that students were not removed against the hours that the program itself took.

    Use it where a log of practices tells minutes: circles are held in lesson time, and a program that
    recovers a day for a few and takes an hour from everyone can cost more instruction than it saves. The net
    says how much time there was, not what it was worth: a circle is not nothing.

    won   : hours of instruction that students were not removed for (days recovered times hours of a day)
    taken : hours that students spent in circles and conferences, and in lessons without their teacher while
            staff were trained; each at or above zero, taken as known
    student_years : students times years in the program, over which both were counted
    Returns a Balance. Refuses (MethodError): hours that are unknown or below zero; no students.

    >>> sheet = balance(Estimate(1300.0, low=650.0, high=1950.0), {"Circles": 900.0, "Conferences": 100.0},
    ...                 student_years=1000)
    >>> sheet.total.value, [round(hours, 9) for hours in (sheet.net.value, sheet.net.low, sheet.net.high)]
    (300.0, [0.3, -0.35, 0.95])
    """
    odd = [name for name, hours in taken.items() if not hours >= 0]
    problems = [
        Problem(
            "hours",
            f"Hours that are unknown or below zero: {some(odd)}.",
            "Leave out what is unknown, and say so.",
        )
    ]
    if not student_years > 0:
        problems.append(
            Problem("students", "There are no student-years.", "Give those of the program years.")
        )
    refuse(problems[0 if odd else 1 :])
    spent = float(sum(taken.values()))
    low, high = (None if end is None else end - spent for end in (won.low, won.high))
    method = f"hours won minus hours taken, the latter as logged; {won.method}".rstrip("; ")
    total = Estimate(
        value=won.value - spent, se=won.se, low=low, high=high, df=won.df, level=won.level, unit="hours",
        n=won.n, n_unit=won.n_unit, clusters=won.clusters, treated=won.treated, method=method,
    )  # fmt: skip
    rows = [("Removals that did not happen", won.value, won.low, won.high)]
    rows += [(name, -float(hours), None, None) for name, hours in taken.items()]
    rows.append(("Net", total.value, low, high))
    table = pd.DataFrame(rows, columns=["entry", "hours", "low", "high"])
    table["hours_per_student"] = table["hours"] / student_years
    net = scaled(total, 1 / student_years, unit="hours per student and year")
    return Balance(table=table[["entry", "hours", "hours_per_student", "low", "high"]], net=net, total=total)


def lessons_missed(training_hours: float, *, in_lessons: float, class_size: float) -> float:
    """Student-hours of lessons without their teacher while staff were trained.

    training_hours : hours of all staff together; in_lessons: the part, 0 to 1, that fell into lessons
    class_size     : students of a lesson. Lessons that a substitute gave count as missed, so it is a ceiling.

    >>> lessons_missed(100.0, in_lessons=0.5, class_size=25)
    1250.0
    """
    return training_hours * in_lessons * class_size
