"""Draw a log of incidents beside the actions, attendance records, and what the program changed in them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.outcomes import Planted, treated_cells
from rpeval.inputs.simulation.schools import SCHOOL_DAYS, District, Rates, dose, stream
from rpeval.inputs.years import parse_year

TYPES = ("disruption", "fighting", "bullying", "vandalism", "theft")
TYPE_SHARES = (0.52, 0.20, 0.13, 0.08, 0.07)
SCHOOL_DAY, KEPT = 6.5, ("student_no", "school_no", "year_no")
PER_100 = "hours per 100 students"


def draw_incidents(
    students: pd.DataFrame, actions: pd.DataFrame, district: District, recipe: Mapping[str, Any]
) -> pd.DataFrame | None:
    """Draw the incidents: one for each action, on its first day, and others that no action answered.

    Returns student_no, school_no, year_no, date, type, severity, response, agreement, sorted by date; None
    where the recipe has no incidents. Unanswered ones come at one rate in all schools and years, with or
    without the program; in program years a share of them is answered by restorative practice, at random. What
    follows depends on neither. Severity is coded lower in program years.
    """
    told = recipe.get("incidents")
    if not told:
        return None
    answered = actions[[*KEPT, "date"]].assign(response="sanction")
    both = pd.concat([answered, _unanswered(students, district, recipe)], ignore_index=True)
    both = both.sort_values(["date", "student_no", "response"], ignore_index=True)
    program = dose(district, recipe["program"]["steps"])[both["school_no"], both["year_no"]] > 0
    rng = stream(recipe["seed"], "incident codes")
    chosen = rng.random(len(both)) < told["restorative"]
    restorative = chosen & program & (both["response"] == "no_action")
    both["response"] = both["response"].mask(restorative, "restorative")
    both["type"] = rng.choice(TYPES, len(both), p=TYPE_SHARES)
    serious = rng.random(len(both)) < np.where(program, told["serious"]["program"], told["serious"]["usual"])
    rest = np.where(rng.random(len(both)) < 0.5, "minor", "moderate")
    both["severity"] = np.where(serious, "serious", rest)
    kept = np.where(rng.random(len(both)) < told["agreements"], "yes", "no")
    both["agreement"] = np.where(both["response"] == "restorative", kept, "")
    return both[~_silent(both, district, told)].reset_index(drop=True)


def _unanswered(students: pd.DataFrame, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Draw the incidents without an action: Poisson around one rate, given the student's proneness."""
    told, years = recipe["incidents"], recipe["years"]
    open_share = np.where(district.years == parse_year(years["remote"]), years["remote_share"], 1.0)
    rng = stream(recipe["seed"], "unanswered")
    expected = told["unanswered"] / 100 * students["proneness"] * open_share[students["year_no"]]
    rows = students.loc[np.repeat(students.index, rng.poisson(expected)), list(KEPT)]
    return rows.assign(date=_dates(rows["year_no"], district, rng), response="no_action")


def _dates(year_no: pd.Series, district: District, rng: np.random.Generator) -> np.ndarray:
    """Draw a school day of each row's year, from the first full week of September on."""
    opening = np.array([f"{year}-09-01" for year in district.years], dtype="datetime64[D]")
    monday = np.busday_offset(opening + np.timedelta64(1, "D"), 0, roll="forward", weekmask="Mon")
    day = rng.integers(0, SCHOOL_DAYS, len(year_no))
    return (monday[year_no] + (day // 5 * 7 + day % 5).astype("timedelta64[D]")).astype(str)


def _silent(incidents: pd.DataFrame, district: District, told: Mapping[str, Any]) -> np.ndarray:
    """Say which incidents a school did not put into the log, in years in which it logged none."""
    silent = np.zeros(len(incidents), bool)
    for school, year in told["silent"].items():
        own = district.schools["school_name"].to_numpy()[incidents["school_no"]] == school
        silent |= own & (district.years[incidents["year_no"]] == parse_year(year))
    return silent


def draw_absences(
    incidents: pd.DataFrame | None, students: pd.DataFrame, district: District, recipe: Mapping[str, Any]
) -> pd.DataFrame | None:
    """Draw attendance records: after incidents that no action answered, and on any day.

    Returns student_no, school_no, year_no, date, kind, hours, sorted. Being sent home falls on the day of the
    incident, an unexcused absence on one of the five school days after it; both are more frequent in program
    years, by the shares in the recipe.
    """
    if incidents is None:
        return None
    told, rng = recipe["incidents"]["absences"], stream(recipe["seed"], "absences")
    open_case = incidents[incidents["response"] != "sanction"]
    program = dose(district, recipe["program"]["steps"])[open_case["school_no"], open_case["year_no"]] > 0
    home, away = (
        rng.random(len(open_case)) < np.where(program, told[key]["program"], told[key]["usual"])
        for key in ("sent_home", "unexcused")
    )
    sent = open_case.loc[home, [*KEPT, "date"]].assign(kind="early_release", hours=told["hours_sent_home"])
    gone = open_case.loc[away, [*KEPT, "date"]]
    days = gone["date"].to_numpy().astype("datetime64[D]")
    later = np.busday_offset(days, rng.integers(1, 6, len(gone)), roll="forward").astype(str)
    any_day = students.loc[rng.random(len(students)) < told["any_day"] / 100, list(KEPT)]
    any_day = any_day.assign(date=_dates(any_day["year_no"], district, rng))
    parts = [gone.assign(date=later), any_day]
    skipped = pd.concat(parts).assign(kind="unexcused", hours=SCHOOL_DAY)
    every = pd.concat([sent, skipped], ignore_index=True)
    every = every.sort_values(["date", "student_no", "kind"]).drop_duplicates(["date", "student_no", "kind"])
    return every.reset_index(drop=True)


def planted_removals(
    district: District, rates: Rates, enrolled: np.ndarray, recipe: Mapping[str, Any]
) -> Planted:
    """State what the program changed in hours of removal, by kind, and what share of the fall came back."""
    told = recipe.get("incidents")
    if not told:
        return {}
    cells = treated_cells(district, recipe)
    lost = {
        kind: _mean_hours(change, enrolled, cells) * recipe["events"][kind]["days"] * SCHOOL_DAY
        for kind, change in (("oss", rates.oss - rates.oss_without), ("iss", rates.iss - rates.iss_without))
    }
    of, per_100 = told["absences"], told["unanswered"]
    hours = {
        "out_of_school": lost["oss"],
        "in_school": lost["iss"],
        "early_release": per_100 * _more(of["sent_home"]) * of["hours_sent_home"],
        "absence_after_incident": per_100 * _more(of["unexcused"]) * SCHOOL_DAY,
    }
    note = f"Mean over {cells.sum()} treated school-years."
    planted: Planted = {f"removals.{kind}.att": (value, PER_100, note) for kind, value in hours.items()}
    planted["removals.total.att"] = (sum(hours.values()), PER_100, note)
    fall, back = -hours["out_of_school"], sum(hours.values()) - hours["out_of_school"]
    what = "Of the fall in out-of-school hours."
    planted["removals.substitution"] = (100 * back / fall, "percent", what)
    planted["removals.substitution.in_school"] = (100 * hours["in_school"] / fall, "percent", what)
    serious = 100 * (told["serious"]["program"] - told["serious"]["usual"])
    planted["screens.severity.att"] = (serious, "percentage points", "Share of incidents coded serious.")
    planted["risk_set.difference"] = (
        0.0,
        "percentage points",
        "What follows does not depend on the response.",
    )
    return planted


def _mean_hours(change: np.ndarray, enrolled: np.ndarray, cells: np.ndarray) -> float:
    """Average a change of rates over treated school-years, a school's groups by the students they had."""
    return float(((enrolled * change).sum(axis=1) / enrolled.sum(axis=1))[cells].mean())


def _more(shares: Mapping[str, float]) -> float:
    return shares["program"] - shares["usual"]
