"""The balance sheet of instruction time: what the program gives back to lessons, and what it takes."""

from dataclasses import dataclass, replace

import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import scaled
from rpeval.methods.wording import refuse


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


def balance(won: Estimate, *, circles: float, training: float = 0.0, student_years: float) -> Balance:
    """Set the hours that students were not removed against the hours that the program itself took.

    Use it where a log of practices tells minutes: circles are held in lesson time, and a program that
    recovers a day for a few and takes an hour from everyone can cost more instruction than it saves. The net
    says how much time there was, not what it was worth: a circle is not nothing.

    won      : hours of instruction that students were not removed for (days recovered times hours of a day)
    circles  : hours that students spent in circles and conferences; training: hours of lessons without their
               teacher while staff were trained (`lessons_missed`); both taken as known
    student_years : students times years in the program, over which all were counted
    Returns a Balance. Refuses (MethodError): hours that are unknown or below zero; no students.

    >>> sheet = balance(Estimate(1300.0, low=650.0, high=1950.0), circles=1000.0, student_years=1000)
    >>> sheet.total.value, [round(hours, 9) for hours in (sheet.net.value, sheet.net.low, sheet.net.high)]
    (300.0, [0.3, -0.35, 0.95])
    """
    if not (circles >= 0 and training >= 0 and student_years > 0):
        what = "Hours taken, or student-years, are unknown or below zero."
        refuse([Problem("hours", what, "Add minutes and students to the log of practices.")])
    spent = float(circles + training)
    low, high = (None if end is None else end - spent for end in (won.low, won.high))
    total = replace(
        won, value=won.value - spent, low=low, high=high, p=None, unit="hours",
        method=f"hours won minus hours taken, the latter as logged; {won.method}".rstrip("; "),
    )  # fmt: skip
    rows = [
        ("Removals that did not happen", won.value, won.low, won.high),
        ("Circles and conferences", -float(circles), None, None),
        *([("Lessons while staff were trained", -float(training), None, None)] if training else []),
        ("Net", total.value, low, high),
    ]
    table = pd.DataFrame(rows, columns=["entry", "hours", "low", "high"])
    table.insert(2, "hours_per_student", table["hours"] / student_years)
    return Balance(table, scaled(total, 1 / student_years, unit="hours per student and year"), total)


def lessons_missed(training_hours: float, *, in_lessons: float, class_size: float) -> float:
    """Student-hours of lessons without their teacher while staff were trained.

    training_hours : hours of all staff together; in_lessons: the part, 0 to 1, that fell into lessons
    class_size     : students of a lesson. Lessons that a substitute gave count as missed, so it is a ceiling.

    Refuses (MethodError) hours or a class size that are unknown.

    >>> lessons_missed(100.0, in_lessons=0.5, class_size=25)
    1250.0
    """
    if not (training_hours >= 0 and class_size > 0):
        what = "The hours of training, or the students of a class, are unknown."
        refuse([Problem("training", what, "Add classes_n to sources.sections, and a log of training.")])
    return training_hours * in_lessons * class_size
