"""Draw the schools, students and suspensions of a simulated study, with the rates they were drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from rpeval.inputs.years import parse_year

LOWEST_RATE = 0.5  # per 100; keeps an expected rate positive after a bad draw of school and year
AXES = ("school_no", "group_no", "year_no")
SCHOOL_DAYS = 195


def stream(seed: int, name: str) -> np.random.Generator:
    """Give each named part of a simulation its own random numbers.

    A part keeps its draws when another part changes, and nothing depends on PYTHONHASHSEED.

    >>> stream(1, "schools").random() == stream(1, "schools").random() != stream(1, "students").random()
    True
    """
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(name.encode())]))


def gamma_around_one(rng: np.random.Generator, cv: float, size: Any) -> np.ndarray:
    """Draw positive multipliers with mean one and the given coefficient of variation; ones where it is 0."""
    return rng.gamma(1 / cv**2, cv**2, size) if cv > 0 else np.ones(size)


@dataclass(frozen=True, slots=True)
class District:
    """Schools of a simulated study.

    schools : one row per school: school_id, school_name, size, stay, start_year (NaN = never), <kind>_base
    shares  : schools × groups, expected share of students
    groups  : names of the groups, in the order of every group axis
    years   : start years of the school years, in the order of every year axis
    """

    schools: pd.DataFrame
    shares: np.ndarray
    groups: tuple[str, ...]
    years: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of schools, groups and years."""
        return len(self.schools), len(self.groups), len(self.years)


def draw_district(recipe: Mapping[str, Any]) -> District:
    """Draw schools with their sizes, base rates, group shares and adoption years."""
    seed, groups, schools = recipe["seed"], recipe["groups"], list_schools(recipe["schools"])
    n = len(schools)
    schools["size"] *= gamma_around_one(stream(seed, "sizes"), recipe["schools"]["size_cv"], n)
    for kind in ("oss", "iss"):
        told = recipe["events"][kind]
        schools[f"{kind}_base"] = told["base"] * gamma_around_one(stream(seed, f"{kind} base"), told["cv"], n)
        schools[f"{kind}_base"] *= schools["rate"] / schools["rate"].mean()
    schools["start_year"] = draw_starts(recipe, schools["oss_base"].to_numpy())
    shares = np.array(list(groups["shares"].values()))
    drawn = stream(seed, "shares").dirichlet(shares * groups["alike"], n)
    first, last = (parse_year(recipe["years"][key]) for key in ("first", "last"))
    return District(schools, drawn, tuple(groups["shares"]), np.arange(first, last + 1))


def list_schools(told: Mapping[str, Any]) -> pd.DataFrame:
    """List the schools a recipe names, numbered from its first id, sorted by id."""
    rows = [
        {"school_name": f"{name} {level}", "size": float(of["size"]), "rate": of["rate"], "stay": of["stay"]}
        for level, of in told["levels"].items()
        for name in of["names"]
    ]
    width, first = len(told["first_id"]), int(told["first_id"])
    return pd.DataFrame(rows).assign(school_id=[f"{first + k:0{width}d}" for k in range(len(rows))])


def draw_starts(recipe: Mapping[str, Any], base: np.ndarray) -> np.ndarray:
    """Choose adopters, more often where rates are high, and give each a first program year."""
    seed, program = recipe["seed"], recipe["program"]
    starts = [parse_year(year) for year, n in program["cohorts"].items() for _ in range(n)]
    weight = base ** program["toward_high_rates"]
    chances = weight / weight.sum()
    chosen = stream(seed, "adopters").choice(len(base), len(starts), replace=False, p=chances)
    start_year = np.full(len(base), np.nan)
    start_year[stream(seed, "cohorts").permutation(chosen)] = starts
    return start_year


def draw_students(district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Draw student-years: each student enters one school, stays its usual time, and leaves.

    Returns one row per student and year: student_no, school_no, group_no, year_no, proneness (mean one, the
    same in all years of a student), sorted by student and year.
    """
    stay, years = district.schools["stay"].to_numpy(), district.years
    entries = np.arange(years[0] - stay.max() + 1, years[-1] + 1)
    rng = stream(recipe["seed"], "students")
    expected = (district.schools["size"].to_numpy() / stay)[:, None]
    entering = rng.poisson(expected, (len(stay), len(entries)))
    school_no, entry_no = (np.repeat(axis.ravel(), entering.ravel()) for axis in np.indices(entering.shape))
    below = district.shares.cumsum(axis=1)[school_no, :-1]
    group_no = (rng.random(len(school_no))[:, None] > below).sum(axis=1)
    proneness = gamma_around_one(rng, recipe["events"]["student_shape"] ** -0.5, len(school_no))
    numbers = np.arange(len(school_no))
    people = {"student_no": numbers, "school_no": school_no, "group_no": group_no, "proneness": proneness}
    long = pd.DataFrame(people).loc[np.repeat(numbers, stay[school_no])]
    since = long.groupby(level=0).cumcount().to_numpy()
    long = long.assign(year_no=entries[entry_no[long.index]] - years[0] + since)
    return long[long["year_no"].between(0, len(years) - 1)].reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class Rates:
    """Expected events per 100 students, each an array of schools × groups × years.

    oss, iss                 : with the program, where there is one
    oss_without, iss_without : had no school adopted
    moved                    : share of out-of-school suspensions recorded as in-school (0 to 1)
    """

    oss: np.ndarray
    iss: np.ndarray
    oss_without: np.ndarray
    iss_without: np.ndarray
    moved: np.ndarray


def expected_rates(district: District, recipe: Mapping[str, Any]) -> Rates:
    """State the rates the events are drawn from, with and without the program.

    Without the program a school's rate is its base plus a shock of the year that all schools share, so trends
    are parallel by construction, for each group as well. The program prevents a share of a group's
    out-of-school suspensions and may move a share of the rest to in-school suspension.
    """
    oss, iss = (untreated(district, recipe, kind) for kind in ("oss", "iss"))
    in_force = dose(district, recipe["program"]["steps"])[:, None, :]
    prevented, moved = (
        in_force * np.array([recipe["program"][key].get(group, 0.0) for group in district.groups])[:, None]
        for key in ("oss_prevented", "oss_moved_to_iss")
    )
    events = oss * (1 - prevented)
    return Rates(events * (1 - moved), iss + events * moved, oss, iss, moved)


def untreated(district: District, recipe: Mapping[str, Any], kind: str) -> np.ndarray:
    """Expected events of one kind per 100 students without the program: schools × groups × years."""
    ratios = np.array([recipe["events"]["ratios"][group] for group in district.groups])
    base, told = district.schools[f"{kind}_base"].to_numpy(), recipe["years"]
    by_group = base[:, None] * ratios / (district.shares @ ratios)[:, None]
    shock = stream(recipe["seed"], f"{kind} years").normal(0, told["shock_sd"], len(district.years))
    open_share = np.where(district.years == parse_year(told["remote"]), told["remote_share"], 1.0)
    return np.maximum(by_group[:, :, None] + shock, LOWEST_RATE) * open_share


def dose(district: District, steps: list[float]) -> np.ndarray:
    """How much of the full effect is in force: schools × years, 0 before the start, then by the steps."""
    since = district.years[None, :] - district.schools["start_year"].to_numpy()[:, None]
    reached = np.array(steps)[np.clip(np.nan_to_num(since, nan=-1), 0, len(steps) - 1).astype(int)]
    return np.where(since >= 0, reached, 0.0)


def draw_events(
    students: pd.DataFrame, rates: Rates, district: District, recipe: Mapping[str, Any]
) -> pd.DataFrame:
    """Draw each student-year's suspensions: adds oss_n and iss_n.

    Poisson, given the expected rate, the student's proneness and a multiplier of the school-year (mean one).
    """
    cells = tuple(students[axis].to_numpy() for axis in AXES)
    school, _, year = cells
    seed, moved, drawn = recipe["seed"], rates.moved[cells], {}
    for kind, per_100 in (("oss", rates.oss[cells] / (1 - moved)), ("iss", rates.iss_without[cells])):
        cv, rng = recipe["events"][kind]["school_year_cv"], stream(seed, f"{kind} school-years")
        multiplier = gamma_around_one(rng, cv, district.shape[::2])[school, year]
        expected = per_100 / 100 * students["proneness"].to_numpy() * multiplier
        drawn[kind] = stream(seed, f"{kind} events").poisson(expected)
    recoded = stream(seed, "moved").binomial(drawn["oss"], moved)
    return students.assign(oss_n=drawn["oss"] - recoded, iss_n=drawn["iss"] + recoded)


def enrollment(students: pd.DataFrame, district: District) -> np.ndarray:
    """Count students: schools × groups × years."""
    cell = np.ravel_multi_index([students[axis] for axis in AXES], district.shape)
    return np.bincount(cell, minlength=np.prod(district.shape)).reshape(district.shape)


def draw_actions(students: pd.DataFrame, years: np.ndarray, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Spread a year's suspensions over its school days, September to May.

    Returns one row per suspension: the columns of `students`, kind ("OSS", "ISS"), days and date (text).
    """
    opening = pd.to_datetime([f"{year}-09-01" for year in years])
    monday = (opening + pd.to_timedelta(7 - opening.day_of_week, unit="D")).to_numpy()
    parts = []
    for kind in ("oss", "iss"):
        rows = students.loc[np.repeat(students.index, students[f"{kind}_n"])].assign(kind=kind.upper())
        rng = stream(recipe["seed"], f"{kind}_n days")
        rows["days"] = 1 + rng.poisson(recipe["events"][kind]["days"] - 1, len(rows))
        school_day = rng.integers(0, SCHOOL_DAYS, len(rows))
        day = school_day // 5 * 7 + school_day % 5
        rows["date"] = monday[rows["year_no"]] + day.astype("timedelta64[D]")
        parts.append(rows)
    actions = pd.concat(parts, ignore_index=True)
    return actions.assign(date=actions["date"].dt.strftime("%Y-%m-%d"))
