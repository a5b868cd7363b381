"""Who is trained and still there: coverage of the current staff, which decays as people leave."""

from datetime import date

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.implementation.program_years import SCHOOL_YEAR, school_years
from rpeval.methods.wording import needed, refuse, school_year, some

EPOCH = date(1970, 1, 1)
YEAR_ENDS = (6, 30)


def last_day(year: float) -> int:
    """Give the last day of a school year, June 30, in days since January 1, 1970.

    >>> last_day(1969)
    180
    """
    return (date(int(year) + 1, *YEAR_ENDS) - EPOCH).days


def coverage(
    training: pd.DataFrame | None, schools: pd.DataFrame, *, hours: float, roster: bool,
    staffing: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Share of the staff of each school who are trained, on the last day of each school year.

    Use instead of counting everyone who ever took a course: those who left took their training with them, and
    those who came have none.

    training : one row per person and course: school_id, staff, hired_day and left_day (NaN = from the start,
               still there), day, hours
    schools  : the panel's school-years
    hours    : hours of training from which a person counts as trained
    roster   : the log lists the staff without training, too, so that it is its own denominator; else
               `staffing` has rows of role all_staff with staff_n people per school and year
    Returns one row per school-year: what is known of it, staff_n (NaN unknown), trained_n (still there),
    ever_n (trained, gone or not), percent, ever_percent. A course without a date counts for no date. A
    school that the log never names has nobody trained.
    Refuses (MethodError): a study without a training log; more trained staff than staff, naming schools.

    >>> log = pd.DataFrame({"school_id": "a", "staff": [1, 2, 3], "hired_day": np.nan,
    ...                     "left_day": [np.nan, 18000.0, np.nan], "day": 17800.0,
    ...                     "hours": [16.0, 16.0, 0.0]})
    >>> schools = pd.DataFrame({"school_id": "a", "year": [2018, 2019]})  # the second left in April 2019
    >>> coverage(log, schools, hours=12, roster=True)[["staff_n", "trained_n", "ever_n"]].values.tolist()
    [[2.0, 1.0, 2.0], [2.0, 1.0, 2.0]]
    """
    log = needed(training, "training", "training", ["staff", "hours", "day"])
    rows, parts = school_years(schools), []
    for year in sorted(rows["year"].unique()):
        people = _people(log, last_day(year))
        people["trained"] = people["hours"] >= hours
        people["current"] = people["here"] & people["trained"]
        sums = people.groupby("school_id")[["here", "current", "trained"]].sum()
        own = rows[rows["year"] == year]
        counts = sums.reindex(own["school_id"], fill_value=0)
        told = {"staff_n": counts["here"] * 1.0, "trained_n": counts["current"], "ever_n": counts["trained"]}
        parts.append(own.assign(**{name: column.to_numpy() for name, column in told.items()}))
    told = pd.concat(parts).sort_values(SCHOOL_YEAR, ignore_index=True)
    if not roster:
        told["staff_n"] = _all_staff(staffing, told)
    told["staff_n"] = told["staff_n"].where(told["staff_n"] > 0)
    _refuse_more_than_all(told)
    return told.assign(
        percent=100 * told["trained_n"] / told["staff_n"], ever_percent=100 * told["ever_n"] / told["staff_n"]
    )


def _people(log: pd.DataFrame, day: int) -> pd.DataFrame:
    """Give each person of each school on one day: hours so far, and whether the person is there."""
    told = log.assign(hours=log["hours"].where(log["day"] <= day, 0.0))
    ends = {"hours": "sum", "hired_day": "min", "left_day": "max"}
    people = told.groupby(["school_id", "staff"]).agg(ends).reset_index()
    people["here"] = ~(people["hired_day"] > day) & ~(people["left_day"] <= day)
    return people


def _all_staff(staffing: pd.DataFrame | None, rows: pd.DataFrame) -> np.ndarray:
    """Look up how many people work at each school in each year; NaN where the study does not say."""
    if staffing is None:
        return np.full(len(rows), np.nan)
    everyone = staffing[staffing["role"] == "all_staff"]
    counts = everyone.groupby(SCHOOL_YEAR)["staff_n"].sum(min_count=1)
    return counts.reindex(pd.MultiIndex.from_frame(rows[SCHOOL_YEAR])).to_numpy(float)


def _refuse_more_than_all(rows: pd.DataFrame) -> None:
    odd = rows[rows["trained_n"] > rows["staff_n"]]
    if len(odd):
        cells = [f"{row.school_id} in {school_year(row.year)}" for row in odd.itertuples()]
        what = f"More trained staff than staff in {len(odd)} school-years: {some(cells)}."
        refuse([Problem("training", what, "Correct the staff numbers, or the days on which people left.")])


def turnover(training: pd.DataFrame | None, schools: pd.DataFrame, *, roster: bool) -> pd.DataFrame:
    """Share of the people in the training log who left in the course of each school year.

    Use beside coverage, to say how fast training wears off. In a log of trained people alone, a person counts
    from the first training on: to have been trained later, everyone must have stayed until then.

    training, roster : as in `coverage`; schools: the panel's school-years
    Returns one row per school-year: what is known of it, there_n (on the last day of the year before), left_n
    (gone by the last day of the year), percent (NaN where nobody was there).
    Refuses (MethodError) a study without a training log.

    >>> log = pd.DataFrame({"school_id": "a", "staff": [1, 2], "hired_day": np.nan,
    ...                     "left_day": [np.nan, 18000.0], "day": 17000.0, "hours": 16.0})
    >>> turnover(log, pd.DataFrame({"school_id": ["a"], "year": [2018]}), roster=False)["percent"].tolist()
    [50.0]
    """
    log = needed(training, "training", "training", ["staff", "day", "left_day"])
    people = log.groupby(["school_id", "staff"]).agg({"hired_day": "min", "left_day": "max", "day": "min"})
    since = people["hired_day"] if roster else people["day"].fillna(np.inf)
    people = people.assign(since=since).reset_index()
    rows, parts = school_years(schools), []
    for year in sorted(rows["year"].unique()):
        first, last = last_day(year - 1), last_day(year)
        there = people[~(people["since"] > first) & ~(people["left_day"] <= first)]
        left = there.assign(left_n=there["left_day"] <= last).groupby("school_id")["left_n"]
        own = rows[rows["year"] == year]
        counts = left.agg(["size", "sum"]).reindex(own["school_id"], fill_value=0)
        parts.append(own.assign(there_n=counts["size"].to_numpy(int), left_n=counts["sum"].to_numpy(int)))
    told = pd.concat(parts).sort_values(SCHOOL_YEAR, ignore_index=True)
    return told.assign(percent=100 * told["left_n"] / told["there_n"].where(told["there_n"] > 0))


def by_year(rows: pd.DataFrame) -> pd.DataFrame:
    """Add coverage up by year, for the picture of how training is won and lost.

    rows : as `coverage` gives them, of the schools that are meant
    Returns year, schools_n, staff_n, trained_n, ever_n, percent, ever_percent; school-years whose staff is
    unknown are left out.
    """
    known = rows[rows["staff_n"].notna()]
    counts = ["staff_n", "trained_n", "ever_n"]
    sums = known.groupby("year")[counts].sum().assign(schools_n=known.groupby("year").size()).reset_index()
    return sums.assign(
        percent=100 * sums["trained_n"] / sums["staff_n"], ever_percent=100 * sums["ever_n"] / sums["staff_n"]
    )
