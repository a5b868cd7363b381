"""Levels and trends: what was recorded, before any question of cause."""

import math
from collections.abc import Iterable

import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.did.timing import NO_ADOPTION
from rpeval.methods.wording import school_year


def trend(panel: pd.DataFrame, *, outcome: str, by: str | None = None) -> pd.DataFrame:
    """Pool a rate over schools, by year (and by arm or group).

    Use for the picture and for levels; it says nothing of cause.
    panel   : one row per school and year (and group) with `enrolled_n` and the outcome per 100 students
    by      : a column to split by, or None
    Returns year, by, schools_n, starts_n (schools in their first program year), enrolled_n, events_n (events
    counted), rate (per 100 students, every student counts the same); school-years with an unknown outcome
    are left out of all of them.
    Refuses (MethodError) an outcome that is not in the panel or unknown everywhere.

    >>> panel = pd.DataFrame({"school_id": ["a", "b"], "year": [2018, 2018], "enrolled_n": [100.0, 300.0],
    ...                       "oss_per_100": [10.0, 2.0]})
    >>> trend(panel, outcome="oss_per_100")["rate"].tolist()
    [4.0]
    """
    if outcome not in panel or panel[outcome].notna().sum() == 0:
        what = f"No school has {outcome}."
        raise MethodError(Problem("panel", what, "Choose an outcome that the file has."))
    known = panel[panel[outcome].notna() & (panel["enrolled_n"] > 0)]
    known = known.assign(events_n=known[outcome] * known["enrolled_n"] / 100)
    known["starts_n"] = (known["start_year"] == known["year"]) if "start_year" in known else 0
    keys = ["year"] if by is None else ["year", by]
    made = known.groupby(keys, as_index=False, observed=True).agg(
        schools_n=("school_id", "nunique"), starts_n=("starts_n", "sum"),
        enrolled_n=("enrolled_n", "sum"), events_n=("events_n", "sum"),
    )  # fmt: skip
    made["events_n"] = made["events_n"].round(6)
    return made.assign(rate=100 * made["events_n"] / made["enrolled_n"])


def rate_ratios(groups: pd.DataFrame, *, outcome: str) -> pd.DataFrame:
    """Compare each group's rate with that of all other students, by year.

    Use for levels of disproportionality. The comparison is all other groups together, as in 34 CFR 300.647.
    groups  : one row per school, year and group with `enrolled_n` and the outcome per 100 students
    Returns year, group, schools_n, enrolled_n, events_n, rate, ratio (missing where the others have no
    event), difference (per 100).

    >>> groups = pd.DataFrame({"school_id": "a", "year": 2018, "group": ["B", "W"],
    ...                        "enrolled_n": [100.0, 200.0], "oss_per_100": [12.0, 4.0]})
    >>> rate_ratios(groups, outcome="oss_per_100")[["ratio", "difference"]].iloc[0].round(2).tolist()
    [3.0, 8.0]
    """
    made = trend(groups, outcome=outcome, by="group")
    totals = made.groupby("year")[["enrolled_n", "events_n"]].transform("sum")
    others = totals - made[["enrolled_n", "events_n"]]
    rate = 100 * others["events_n"] / others["enrolled_n"].where(others["enrolled_n"] > 0)
    return made.assign(ratio=made["rate"] / rate.where(rate > 0), difference=made["rate"] - rate)


def group_ratio(groups: pd.DataFrame, *, outcome: str, group: str, reference: str, year: int) -> float:
    """Divide one group's rate by another's, in one year: how many times as often.

    groups : one row per school, year and group with `enrolled_n` and the outcome per 100 students
    Refuses (MethodError) a group that is not there in that year, and a reference without an event.

    >>> groups = pd.DataFrame({"school_id": "a", "year": 2018, "group": ["B", "W"],
    ...                        "enrolled_n": [100.0, 200.0], "oss_per_100": [12.0, 4.0]})
    >>> group_ratio(groups, outcome="oss_per_100", group="B", reference="W", year=2018)
    3.0
    """
    rates = trend(groups[groups["year"] == year], outcome=outcome, by="group").set_index("group")["rate"]
    absent = [name for name in (group, reference) if name not in rates]
    if absent or rates[reference] == 0:
        who, lacks = " and ".join(absent) or reference, "rate" if absent else "event"
        what = f"{who} has no {lacks} in {school_year(year)}."
        raise MethodError(Problem("groups", what, "Choose another year or reference group."))
    return float(rates[group] / rates[reference])


def level(panel: pd.DataFrame, *, outcome: str, year: int) -> float:
    """Give the pooled rate of one year, per 100 students.

    >>> panel = pd.DataFrame({"school_id": ["a", "b"], "year": [2018, 2018], "enrolled_n": [100.0, 300.0],
    ...                       "oss_per_100": [10.0, 2.0]})
    >>> level(panel, outcome="oss_per_100", year=2018)
    4.0
    """
    return float(trend(panel[panel["year"] == year], outcome=outcome)["rate"].iloc[0])


def baseline(panel: pd.DataFrame, *, outcome: str) -> float:
    """Average the outcome of adopting schools over their last two observed years before the start.

    Schools are weighted alike.

    >>> panel = pd.DataFrame({"school_id": "a", "year": [2015, 2016, 2017], "start_year": 2017.0,
    ...                       "oss_per_100": [8.0, 10.0, 3.0]})
    >>> baseline(panel, outcome="oss_per_100")
    9.0
    """
    if "start_year" not in panel:
        raise MethodError(NO_ADOPTION)
    before = panel[panel["year"] < panel["start_year"]].dropna(subset=[outcome])
    if before.empty:
        what = "No adopting school has a year before its start."
        raise MethodError(Problem("panel", what, "Add earlier years."))
    last = before.sort_values("year").groupby("school_id").tail(2)
    return float(last.groupby("school_id")[outcome].mean().mean())


def schools_in(panel: pd.DataFrame, *, arm: str) -> int:
    """Count the schools of one arm ("adopting" or "comparison").

    >>> schools_in(pd.DataFrame({"school_id": ["a", "a", "b"], "arm": ["adopting"] * 2 + ["comparison"]}),
    ...            arm="adopting")
    1
    """
    if "arm" not in panel:
        raise MethodError(NO_ADOPTION)
    return int(panel.loc[panel["arm"] == arm, "school_id"].nunique())


def cohorts(panel: pd.DataFrame) -> pd.DataFrame:
    """Count adopting schools by the year in which they started; no rows where there is no adoption list.

    Returns start (text, "2018-19"), schools_n.

    >>> cohorts(pd.DataFrame({"school_id": ["a", "a", "b"], "start_year": [2018.0, 2018.0, float("nan")]}))
         start  schools_n
    0  2018-19          1
    """
    if "start_year" not in panel:
        return pd.DataFrame({"start": pd.Series(dtype=str), "schools_n": pd.Series(dtype=int)})
    first = panel.drop_duplicates("school_id")["start_year"].dropna().astype(int)
    counted = first.value_counts().sort_index()
    return pd.DataFrame({"start": [school_year(y) for y in counted.index], "schools_n": counted.to_numpy()})


def as_frame(rows: Iterable[tuple[object, Estimate | Refusal]], key: str) -> pd.DataFrame:
    """Put named estimates into rows: key, value, low, high; missing numbers where an estimate was refused.

    >>> as_frame([(-1, Estimate(0.1, low=-1.0, high=1.2)), (0, Refusal("One school.", "Wait."))], "year")
       year  value  low  high
    0    -1    0.1 -1.0   1.2
    1     0    NaN  NaN   NaN
    """
    table = [(name, *(getattr(e, part, None) for part in ("value", "low", "high"))) for name, e in rows]
    frame = pd.DataFrame(table, columns=[key, "value", "low", "high"])
    return frame.astype({"value": float, "low": float, "high": float})


def extreme(one_out: pd.DataFrame, *, pick: str) -> float:
    """Give the lowest ("min") or highest ("max") estimate among those with one school left out."""
    return float(one_out["value"].agg(pick))


def margin(panel: pd.DataFrame, *, outcome: str, declared: float | None) -> float:
    """Give the smallest change that matters: the declared one or, where none is, a tenth of the level before.

    The level is the adopting schools' baseline, or the mean of all school-years where no school adopts.

    >>> panel = pd.DataFrame({"school_id": "a", "year": [2015, 2016], "start_year": 2017.0,
    ...                       "oss_per_100": [8.0, 12.0]})
    >>> margin(panel, outcome="oss_per_100", declared=None)
    1.0
    """
    if declared is not None:
        return declared
    before = attempt(baseline, panel, outcome=outcome)
    level_before = float(panel[outcome].mean()) if isinstance(before, Refusal) else before
    return round(0.1 * level_before, 9)


def event_words(years: int) -> str:
    """Say in words how many years lie between a year and the start.

    >>> event_words(-2), event_words(0), event_words(1)
    ('2 years before the start', 'first program year', '1 year after the start')
    """
    if years == 0:
        return "first program year"
    noun = "year" if abs(years) == 1 else "years"
    return f"{abs(years)} {noun} {'before' if years < 0 else 'after'} the start"


def apart(one: Estimate, other: Estimate) -> str:
    """Say whether two programs gave the same number, to nine digits.

    >>> apart(Estimate(-2.0), Estimate(-2.0 + 1e-12)), apart(Estimate(-2.0), Estimate(-2.1))
    ('They agree.', 'They do not agree, so one of them is wrong.')
    """
    same = math.isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-9)
    return "They agree." if same else "They do not agree, so one of them is wrong."
