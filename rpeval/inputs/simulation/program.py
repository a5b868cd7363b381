"""Draw what was done of the program: the log of practices, staff and their training, ratings of fidelity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.outcomes import Planted, treated_cells
from rpeval.inputs.simulation.schools import District, dose, gamma_around_one, stream
from rpeval.inputs.years import parse_year

MONTHS = 9  # September to May
TIERS = {
    "restorative_language": 1, "restorative_conversation": 2, "community_circle": 1, "repairing_circle": 2,
    "community_conference": 3,
}  # fmt: skip
TALKS = ("restorative_conversation", "repairing_circle", "community_conference")


def mean_over(values: np.ndarray, cells: np.ndarray, unit: str) -> tuple[float, str, str]:
    """State a mean over treated school-years, each counting the same."""
    return float(values[cells].mean()), unit, f"Mean over {cells.sum()} treated school-years."


def open_dose(district: District, recipe: Mapping[str, Any]) -> np.ndarray:
    """How much of the program is in force: schools × years, none in the remote year."""
    in_force = dose(district, recipe["program"]["steps"])
    return in_force * (district.years != parse_year(recipe["years"]["remote"]))


def draw_practices(
    enrolled: np.ndarray,
    incidents: pd.DataFrame | None,
    district: District,
    recipe: Mapping[str, Any],
) -> tuple[pd.DataFrame, Planted]:
    """Draw the log of practices and state what was planted.

    enrolled : students by school and year
    Circles, conversations without an incident and walkthroughs stand in one row for a month; circles to
    repair harm, conferences and what answers an incident in a row each. Counts are Poisson around a rate of
    the school times the dose in force. Returns school_no, date and the log's columns, sorted by date.
    """
    told, cells = recipe["program_logs"]["practices"], treated_cells(district, recipe)
    in_force, classes = open_dose(district, recipe), classes_of(enrolled, recipe)
    rng = stream(recipe["seed"], "practices")
    busy = gamma_around_one(rng, told["school_cv"], len(enrolled))[:, None] * in_force
    circles = told["circles"]["per_class_month"] * busy + _elsewhere(in_force, district, told, rng)
    parts = [
        _monthly("community_circle", circles * classes, told["circles"], district, rng),
        _monthly("restorative_language", told["walkthroughs"] * (in_force > 0), {}, district, rng),
    ]
    spent = circles * classes * MONTHS * told["circles"]["minutes"] * told["circles"]["students"]
    for name in TALKS:
        of, yearly = told[name], told[name]["per_100"] / 100 * enrolled * busy
        kind = _monthly if of.get("monthly") else _single
        parts.append(kind(name, yearly / (MONTHS if of.get("monthly") else 1), of, district, rng))
        spent = spent + yearly * of["minutes"] * of["students"]
    talks = pd.concat(parts, ignore_index=True)
    talks = _agree(talks, told["agreements"], stream(recipe["seed"], "agreements"))
    answers = _answers(incidents, told, recipe["seed"])
    log = pd.concat([talks, answers], ignore_index=True)
    log = log.sort_values(["date", "school_no", "practice", "incident_id"], ignore_index=True)
    planted = {
        "implementation.circles_per_class_month": mean_over(circles, cells, "circles per class and month"),
        "implementation.agreements": _kept(told["agreements"], recipe),
    }
    if answers.empty:
        minutes = mean_over(spent / enrolled, cells, "minutes per student and year")
        planted["implementation.minutes_per_student_year"] = minutes
    return log.assign(tier=log["practice"].map(TIERS)), planted


def classes_of(enrolled: np.ndarray, recipe: Mapping[str, Any]) -> np.ndarray:
    """Give the classes (homerooms) of each school and year."""
    return np.round(enrolled / recipe["program_logs"]["class_size"])


def _elsewhere(
    in_force: np.ndarray, district: District, told: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Circles per class and month in some schools that never adopt, in every year."""
    never = np.isnan(district.schools["start_year"].to_numpy())
    some = never & (rng.random(len(never)) < told["elsewhere"]["share"])
    return some[:, None] * told["elsewhere"]["per_class_month"] * (in_force.sum(axis=0) > 0)


def _monthly(
    practice: str, expected: Any, of: Mapping[str, Any], district: District, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw a month's events of a school in one row; months without one have none."""
    drawn = rng.poisson(np.repeat(np.asarray(expected)[:, :, None], MONTHS, axis=2))
    school_no, year_no, month = np.nonzero(drawn)
    first = district.years[year_no]
    start = [f"{y + (m > 3)}-{(m + 8) % 12 + 1:02d}-01" for y, m in zip(first, month, strict=True)]
    date = np.busday_offset(
        np.array(start, dtype="datetime64[D]"), rng.integers(0, 18, len(start)), roll="forward"
    )
    rows = {"school_no": school_no, "date": date.astype(str), "practice": practice}
    return _sized(pd.DataFrame(rows).assign(events_n=drawn[school_no, year_no, month]), of, rng)


def _single(
    practice: str, expected: np.ndarray, of: Mapping[str, Any], district: District, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw events in a row each."""
    drawn = rng.poisson(expected)
    school_no, year_no = (np.repeat(axis.ravel(), drawn.ravel()) for axis in np.indices(drawn.shape))
    opening = np.array([f"{year}-09-08" for year in district.years], dtype="datetime64[D]")[year_no]
    date = np.busday_offset(opening, rng.integers(0, 185, len(opening)), roll="forward").astype(str)
    rows = {"school_no": school_no, "date": date, "practice": practice, "events_n": 1}
    return _sized(pd.DataFrame(rows), of, rng)


def _sized(rows: pd.DataFrame, of: Mapping[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    """Give events their minutes, students and staff; minutes vary by five around their mean."""
    around = 5 * rng.integers(-1, 2, len(rows))
    sizes = (
        {"minutes": of["minutes"] + around, "students_n": of["students"], "staff_n": of["staff"]}
        if of
        else {}
    )
    return rows.assign(**sizes, incident_id="")


def _agree(rows: pd.DataFrame, told: Mapping[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Say of circles to repair harm and conferences who agreed, and what became of it."""
    harm = rows["practice"].isin(TALKS[1:])
    reached, kept, free = (rng.random(len(rows)) < told[key] for key in ("reached", "kept", "voluntary"))
    return rows.assign(
        voluntary=_yes(free, harm),
        agreement=_yes(reached, harm),
        completed=_yes(kept, harm & reached),
    )


def _yes(told: np.ndarray, where: Any) -> np.ndarray:
    return np.where(where, np.where(told, "yes", "no"), "")


def _answers(incidents: pd.DataFrame | None, told: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Log most of the restorative answers to incidents, a few school days after each."""
    if incidents is None:
        return pd.DataFrame()
    of, rng = told["answers"], stream(seed, "answers logged")
    rows = incidents[incidents["response"] == "restorative"]
    rows = rows[rng.random(len(rows)) < of["logged"]]
    days = rows["date"].to_numpy().astype("datetime64[D]")
    practice = rng.choice(TALKS, len(rows), p=of["kinds"])
    kept = (rows["agreement"] == "yes").to_numpy()
    reached = kept | (rng.random(len(rows)) < of["reached_not_kept"])
    table = pd.DataFrame(
        {
            "school_no": rows["school_no"].to_numpy(),
            "date": np.busday_offset(days, rng.integers(0, 5, len(rows)), roll="forward").astype(str),
            "practice": practice,
            "events_n": 1,
            "incident_id": [f"I{1 + k:05d}" for k in rows.index],
            "voluntary": _yes(rng.random(len(rows)) < of["voluntary"], True),
            "agreement": _yes(reached, True),
            "completed": _yes(kept, reached),
        }
    )
    for column, key in (("minutes", "minutes"), ("students_n", "students"), ("staff_n", "staff")):
        table[column] = [told[name][key] for name in practice]
    return table


def _kept(told: Mapping[str, float], recipe: Mapping[str, Any]) -> tuple[float, str, str]:
    """State the share of agreements kept, of those that were reached."""
    share = told["kept"]
    if "incidents" in recipe:
        kept, of = recipe["incidents"]["agreements"], recipe["program_logs"]["practices"]["answers"]
        share = kept / (kept + (1 - kept) * of["reached_not_kept"])
    return 100 * share, "percent", "Of the agreements reached."


def draw_training(
    enrolled: np.ndarray, district: District, recipe: Mapping[str, Any]
) -> tuple[pd.DataFrame, np.ndarray, Planted]:
    """Draw staff who come and go and the courses they took; state the share of current staff trained.

    Each school has so many positions, the same in all years; a share of the staff leaves after each year and
    is replaced. A school that starts trains a share of its staff, later a share of the new ones. Returns
    school_no, staff_no, course, hours, trained_on, hired_on, left_on, a row per person and course (and, in a
    roster, per person without a course); the positions by school; and what was planted.
    """
    told, seed, years = recipe["program_logs"]["training"], recipe["seed"], district.years
    positions = np.round(enrolled.mean(axis=1) * told["staff_per_100"] / 100).astype(int)
    people = _staff(positions, told["turnover"], years, stream(seed, "staff"))
    start = district.schools["start_year"].to_numpy()
    other = np.isnan(start)
    start = np.where(other, parse_year(told["elsewhere"]["year"]), start)
    rng = stream(seed, "training")
    mean, sure = told["trained"], told["alike"]
    share = np.where(
        other, told["elsewhere"]["trained"], rng.beta(mean * sure, (1 - mean) * sure, len(start))
    )
    newer = np.where(other, 0.0, told["newcomers"])
    begins = np.maximum(people["first"], start[people["school_no"]])
    school_no = people["school_no"]
    chance = np.where(people["first"] <= start[school_no], share[school_no], newer[school_no])
    trained = (rng.random(len(people)) < chance) & (people["last"] >= begins)
    both = rng.random(len(people)) < told["both_courses"]
    table = _courses(people, begins.astype(int), trained, both, told, rng)
    planted = {
        "implementation.trained_share": _trained(share, newer, district, recipe),
        "implementation.staff_turnover": (
            100 * told["turnover"],
            "percent a year",
            "Of a year's staff.",
        ),
    }
    return table, positions, planted


def _staff(
    positions: np.ndarray, turnover: float, years: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw who holds each position in each year: one row per person, with the first and last year."""
    school_no = np.repeat(np.arange(len(positions)), positions)
    leaves = rng.random((len(school_no), len(years))) < turnover
    turn = np.hstack([np.zeros((len(school_no), 1), int), leaves[:, :-1].cumsum(axis=1)])
    position, year_no = np.indices(leaves.shape)
    held = pd.DataFrame({"position": position.ravel(), "turn": turn.ravel(), "year": years[year_no.ravel()]})
    people = held.groupby(["position", "turn"])["year"].agg(["min", "max"]).reset_index()
    people = people.rename(columns={"min": "first", "max": "last"})
    last = leaves[people["position"], people["last"] - years[0]]
    people = people.assign(school_no=school_no[people["position"]], left=last, since=years[0])
    return people.assign(staff_no=rng.permutation(len(people)))


def _courses(
    people: pd.DataFrame,
    begins: np.ndarray,
    trained: np.ndarray,
    both: np.ndarray,
    told: Mapping[str, Any],
    rng: Any,
) -> pd.DataFrame:
    """Lay the courses under each other: the first in early fall, the second in late fall."""
    new = (people["first"] > people["since"]).to_numpy()
    hired = np.where(new, people["first"].astype(str) + "-08-12", "")
    left = np.where(people["left"], (people["last"] + 1).astype(str) + "-07-10", "")
    people = people.assign(hired_on=hired, left_on=left, begins=begins)
    parts = [] if not told["roster"] else [people[~trained].assign(course="", hours=0, trained_on="")]
    for course, takes, opening in zip(
        told["courses"], (trained, trained & both), ("09-06", "11-02"), strict=True
    ):
        rows = people[takes]
        day = (rows["begins"].astype(str) + f"-{opening}").to_numpy().astype("datetime64[D]")
        day = np.busday_offset(day, rng.integers(0, 25, len(rows)), roll="forward").astype(str)
        parts.append(rows.assign(course=course["name"], hours=course["hours"], trained_on=day))
    columns = ["school_no", "staff_no", "course", "hours", "trained_on", "hired_on", "left_on"]
    return pd.concat(parts)[columns].sort_values(["school_no", "staff_no", "trained_on"], ignore_index=True)


def _trained(
    share: np.ndarray, newer: np.ndarray, district: District, recipe: Mapping[str, Any]
) -> tuple[float, str, str]:
    """Expect the share of current staff with both courses at the end of a school year."""
    told, start = recipe["program_logs"]["training"], district.schools["start_year"].to_numpy()
    expected, before = np.zeros((len(share), len(district.years))), np.zeros(len(share))
    for k, year in enumerate(district.years):
        stay = before * (1 - told["turnover"]) + told["turnover"] * newer
        before = np.where(year == start, share, np.where(year > start, stay, 0.0))
        expected[:, k] = before
    cells = treated_cells(district, recipe)
    return mean_over(100 * told["both_courses"] * expected, cells, "percent of current staff")


def draw_fidelity(district: District, recipe: Mapping[str, Any]) -> tuple[pd.DataFrame | None, Planted]:
    """Draw what two raters say each spring; state the mean share of points and the raters' correlation.

    Each indicator has a true score, binomial around a level of the school and year; a rater gives that score,
    or, now and then, another from the same distribution. Some schools without the program are rated once.
    """
    told = recipe["program_logs"].get("fidelity")
    if not told:
        return None, {}
    rng, cells, top = stream(recipe["seed"], "fidelity"), treated_cells(district, recipe), told["top"]
    since = district.years - district.schools["start_year"].to_numpy()[:, None]
    own = rng.normal(told["mean"], told["schools"], len(cells))[:, None]
    level = np.clip(own + told["yearly"] * np.nan_to_num(since), *told["range"])
    never = np.flatnonzero(np.isnan(district.schools["start_year"].to_numpy()))[
        : told["elsewhere"]["schools"]
    ]
    rated = cells.copy()
    rated[never, -1], level[never, -1] = True, told["elsewhere"]["level"]
    table = _ratings(level, rated, told, district.years, rng)
    spread, within = top**2 * level[rated].var(), (top * level * (1 - level))[rated].mean()
    alike = (spread + told["as_it_is"] ** 2 * within) / (spread + within)
    return table, {
        "implementation.fidelity_share": mean_over(100 * level, cells, "percent of the points"),
        "implementation.rater_agreement": (
            float(alike),
            "correlation",
            "Of two raters' scores, all schools that were rated.",
        ),
    }


def _ratings(
    level: np.ndarray,
    rated: np.ndarray,
    told: Mapping[str, Any],
    years: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw the scores that two raters give where a school-year is rated."""
    top, keep = told["top"], told["as_it_is"]
    school_no, year_no = np.nonzero(rated)
    share = np.repeat(level[school_no, year_no][:, None], told["indicators"], axis=1)
    truly = rng.binomial(top, share)
    day = np.array([f"{year + 1}-04-10" for year in years], dtype="datetime64[D]")[year_no]
    rows, which = (axis.ravel() for axis in np.indices(share.shape))
    parts = []
    for rater in ("R1", "R2"):
        score = np.where(rng.random(share.shape) < keep, truly, rng.binomial(top, share)).ravel()
        date = np.busday_offset(day, rng.integers(0, 10, len(day)), roll="forward").astype(str)
        where = {"school_no": school_no[rows], "date": date[rows], "indicator_no": which}
        parts.append(pd.DataFrame(where | {"rater": rater, "score": score}))
    order = ["date", "school_no", "indicator_no", "rater"]
    return pd.concat(parts).sort_values(order, ignore_index=True)
