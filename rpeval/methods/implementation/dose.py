"""How much restorative practice was logged, per class, per student, by practice and by tier."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.implementation.program_years import SCHOOL_YEAR, in_program, latest, school_years
from rpeval.methods.wording import needed, refuse

CIRCLE = "community_circle"
MOSTLY = 80.0  # percent of events with known minutes and students, from which a sum is scaled up to all


def dose(
    practices: pd.DataFrame | None,
    schools: pd.DataFrame,
    *,
    months: float,
    classes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count what each school logged in each year, over what it could have been.

    Use for every number about dose, and as the dose of an associational dose-response. A school that has no
    entry in any year does not keep the log: its dose is unknown, not zero. A school that keeps it has a dose
    of zero in the years, between the log's first and last, in which it entered nothing.

    practices : one row per event or per set of alike events: school_id, year, practice, events_n, and minutes
                and students_n of each event (NaN unknown)
    schools   : the panel's school-years, with enrolled_n
    months    : school months in a year; classes: rows of school_id, year, classes_n
    Returns one row per school-year: what is known of it, events_n, circles_n, classes_n, student_hours,
    known_percent (of events, with minutes and students), circles_per_class_month, circles_per_100_month (per
    100 students), minutes_per_student (a year). Where a fifth or less of the events lack minutes or students,
    the sum is scaled up by their share; beyond, it is unknown.
    Refuses (MethodError) a study without a log of practices.

    >>> log = pd.DataFrame({"school_id": "a", "year": 2018, "practice": "community_circle", "events_n": 90.0,
    ...                     "minutes": [20.0], "students_n": [25.0]})
    >>> schools = pd.DataFrame({"school_id": "a", "year": [2018], "enrolled_n": [500.0]})
    >>> classes = pd.DataFrame({"school_id": "a", "year": [2018], "classes_n": [20.0]})
    >>> told = dose(log, schools, months=9, classes=classes)
    >>> told[["circles_per_class_month", "minutes_per_student", "circles_per_100_month"]].values.tolist()
    [[0.5, 90.0, 2.0]]
    """
    log = needed(
        practices, "practices", "a log of practices", ["practice", "events_n", "minutes", "students_n"]
    )
    timed = (log["events_n"] * log["minutes"] * log["students_n"]).astype(float)
    told = log.assign(
        circles_n=log["events_n"].where(log["practice"] == CIRCLE, 0.0),
        minutes_n=timed.fillna(0.0), timed_n=log["events_n"].where(timed.notna(), 0.0),
        held_n=log["events_n"].where(held(log), 0.0),
    )  # fmt: skip
    sums = told.groupby(SCHOOL_YEAR)[["events_n", "circles_n", "minutes_n", "timed_n", "held_n"]].sum()
    rows = school_years(schools)
    found = sums.reindex(pd.MultiIndex.from_frame(rows[SCHOOL_YEAR]), fill_value=0.0).reset_index(drop=True)
    kept = rows["school_id"].isin(log["school_id"]) & rows["year"].between(
        log["year"].min(), log["year"].max()
    )
    rows = pd.concat([rows, found.where(kept)], axis=1)
    rows["known_percent"] = 100 * rows["timed_n"] / rows["held_n"].where(rows["held_n"] > 0)
    scale = rows["known_percent"].where(rows["known_percent"] >= MOSTLY).mask(rows["held_n"] == 0, 100.0)
    minutes = rows["minutes_n"] / (scale / 100)
    rows["classes_n"] = _look_up(classes, rows)
    return rows.drop(columns=["minutes_n", "timed_n", "held_n"]).assign(
        student_hours=minutes / 60,
        circles_per_class_month=rows["circles_n"] / rows["classes_n"] / months,
        circles_per_100_month=100 * rows["circles_n"] / rows["enrolled_n"] / months,
        minutes_per_student=minutes / rows["enrolled_n"],
    )


def held(log: pd.DataFrame) -> pd.Series:
    """Say which rows are of practices that take time, as their minutes show somewhere in the log."""
    return log["practice"].isin(log.loc[log["minutes"].notna(), "practice"])


def _look_up(classes: pd.DataFrame | None, rows: pd.DataFrame) -> np.ndarray:
    """Look up the classes of each school-year; NaN where the study does not say."""
    if classes is None:
        return np.full(len(rows), np.nan)
    counts = classes.groupby(SCHOOL_YEAR)["classes_n"].sum(min_count=1)
    found = counts.reindex(pd.MultiIndex.from_frame(rows[SCHOOL_YEAR])).to_numpy(float)
    return np.where(found > 0, found, np.nan)


def reach(
    practices: pd.DataFrame | None, schools: pd.DataFrame, *, by: Literal["practice", "tier"],
    of: Mapping[object, str],
) -> pd.DataFrame:  # fmt: skip
    """Count the adopting schools that logged each practice, or each tier, in the last year.

    Use to see how wide the program is: a school that only holds circles carries out a part of it.

    practices, schools : as in `dose`; by: the column to split by
    of : what to look for, with its label: {"community_circle": "Community-building circles"}, {1: "Tier 1"}
    Returns one row per entry of `of`, in order: name, label, schools_n (with it), of_n (adopting schools in
    that year that keep the log), percent, events_n, student_hours (of the events with minutes and students;
    NaN where there is none), share_of_hours (percent). Adopting schools that do not keep the log are unknown.
    Refuses (MethodError): a study without a log, or without adoption; a year that no adopting school logged.

    >>> log = pd.DataFrame({"school_id": ["a", "a", "b"], "year": 2018, "tier": [1, 3, 1], "events_n": 2.0,
    ...                     "minutes": 30.0, "students_n": 10.0})
    >>> schools = pd.DataFrame({"school_id": ["a", "b"], "year": 2018, "start_year": 2018.0})
    >>> reach(log, schools, by="tier", of={1: "Tier 1", 2: "Tier 2", 3: "Tier 3"})["percent"].tolist()
    [100.0, 0.0, 50.0]
    """
    log, keep = _last_year(practices, schools)
    hours = log["events_n"] * log["minutes"] * log["students_n"] / 60
    log, rows = log.assign(hours=hours), []
    for name, label in of.items():
        own = log[log[by] == name]
        n, events_n, spent = own["school_id"].nunique(), own["events_n"].sum(), own["hours"].sum(min_count=1)
        rows.append((str(name), label, n, len(keep), 100 * n / len(keep), float(events_n), float(spent)))
    columns = ["name", "label", "schools_n", "of_n", "percent", "events_n", "student_hours"]
    made = pd.DataFrame(rows, columns=columns)
    total = made["student_hours"].sum()
    return made.assign(share_of_hours=100 * made["student_hours"] / (total if total > 0 else np.nan))


def whole_reach(
    practices: pd.DataFrame | None, schools: pd.DataFrame, *, of: Sequence[str]
) -> tuple[int, int]:
    """Count the adopting schools that logged every one of several practices in the last year.

    practices, schools : as in `reach`; of: names of the practices
    Returns the schools with all of them, and the adopting schools that keep the log. Refuses as `reach`.
    """
    log, keep = _last_year(practices, schools)
    used = log[log["practice"].isin(of)].groupby("school_id")["practice"].nunique()
    return int((used == len(set(of))).sum()), len(keep)


def _last_year(practices: pd.DataFrame | None, schools: pd.DataFrame) -> tuple[pd.DataFrame, set]:
    """Give the log of adopting schools in the last year, and the adopting schools that keep it."""
    log = needed(practices, "practices", "a log of practices")
    now = latest(in_program(school_years(schools)))
    keep = set(now["school_id"]) & set(log["school_id"])
    last = log[(log["year"] == now["year"].max()) & log["school_id"].isin(keep)]
    if last.empty:
        what = "No adopting school logged anything in the last year of the study."
        refuse([Problem("sources.practices", what, "Add the log of that year.")])
    return last, keep


def silent(rows: pd.DataFrame) -> pd.DataFrame:
    """List program school-years in which nothing was logged, or in which no log was kept.

    rows : as `dose` gives them
    Returns what is known of each, and why ("keeps no log" or "no entry").
    Refuses (MethodError) a study without adoption.
    """
    told = in_program(rows)
    told = told[~(told["events_n"] > 0)]
    named = [name for name in ("school_id", "school_name", "year") if name in told]
    told = told.assign(why=np.where(told["events_n"].isna(), "keeps no log", "no entry"))
    return told[[*named, "why"]].reset_index(drop=True)


def answers(practices: pd.DataFrame | None, *, column: str, among: str | None = None) -> pd.DataFrame:
    """Count yes and no in a column of the log, as a share by school-year.

    Use for agreements completed (column "completed" among events with an "agreement"), for agreements
    reached, for events in which everyone took part of their own will.

    practices : as in `dose`, with the column ("yes", "no", "" where unknown or not applicable)
    among     : a column that must say "yes" for an event to count
    Returns school_id, year, yes_n, known_n, unknown_n, for `share(count="yes_n", base="known_n")`.
    Refuses (MethodError) a study without a log, or without the column.

    >>> log = pd.DataFrame({"school_id": "a", "year": 2018, "events_n": 1.0,
    ...                     "agreement": ["yes", "yes", "no"], "completed": ["yes", "", ""]})
    >>> answers(log, column="completed", among="agreement")[["yes_n", "known_n", "unknown_n"]].values.tolist()
    [[1.0, 1.0, 1.0]]
    """
    columns = [column, *([among] if among else [])]
    log = needed(practices, "practices", "a log of practices", columns)
    rows = log if among is None else log[log[among] == "yes"]
    says = {"yes": ["yes"], "known": ["yes", "no"], "unknown": [""]}
    told = {f"{name}_n": rows["events_n"].where(rows[column].isin(v), 0.0) for name, v in says.items()}
    return rows.assign(**told).groupby(SCHOOL_YEAR)[list(told)].sum().reset_index()
