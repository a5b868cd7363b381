"""Measures of disproportionality by year and group: risk, ratios, difference, composition, intervals."""

import math
from typing import Literal

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.disparity.sides import SIDES, checked, compare_sides
from rpeval.methods.disparity.uncertainty import (
    NONE,
    difference_of_students,
    is_small,
    leave_schools_out,
    ratio_of_students,
)
from rpeval.methods.wording import refuse

Counted = Literal["students", "events"]
LEAST_CELL, LEAST_N = 10, 30


def disproportion(
    counts: pd.DataFrame, *, affected: str, counted: Counted, enrolled: str = "enrolled_n",
    totals: pd.DataFrame | None = None, elsewhere: pd.DataFrame | None = None,
    least_cell: int = LEAST_CELL, least_n: int = LEAST_N,
) -> pd.DataFrame:  # fmt: skip
    """Compare each group's risk with that of all others, by year, in every measure in use.

    Use it for levels. It says how unequal a record is, nothing of the cause: groups may differ in what
    happened, in what was noticed and in what was done about it.

    counts    : one row per year, group and, where known, school_id, with enrolled_n and `affected`; NaN where
                withheld. One dimension at a time (race, or sex, ...), or with `totals`
    counted   : "students" where each counts once a year at most, "events" where one student can count twice;
                the interval of their ratio rests on the schools
    totals    : all students by year (and school_id), so that others are all minus the group
    elsewhere : the state, or another comparison: year, group, enrolled_n, `affected`
    least_cell, least_n : fewest affected and fewest enrolled on either side for which a ratio is shown
    Returns one row per year and group with COLUMNS: risk, others_risk and difference per 100; composition and
    share in percent of the affected and of the enrolled; alternate_ratio only where the comparison group here
    is too small; withheld_n, cells left out; rule, why there is no ratio, or ""; interval, how the intervals
    were made. Missing means not calculable.
    Refuses (MethodError): counts that do not fit (see `compare_sides`); more students affected than enrolled.
    Source: 34 CFR 300.647; IDEA Data Center, Methods for Assessing Racial/Ethnic Disproportionality.

    >>> counts = pd.DataFrame({"year": 2018, "group": ["B", "W"], "enrolled_n": [200.0, 400.0],
    ...                        "suspended_n": [30.0, 20.0]})
    >>> made = disproportion(counts, affected="suspended_n", counted="students")
    >>> made[["risk", "others_risk", "ratio", "difference", "composition"]].to_numpy().tolist()[0]
    [15.0, 5.0, 3.0, 10.0, 60.0]
    """
    sides = compare_sides(counts, affected=affected, enrolled=enrolled, totals=totals)
    if counted == "students":
        refuse(_more_than_enrolled(sides))
    keys = ["year", "group"]
    made = sides.groupby(keys, as_index=False)[[*SIDES, "withheld"]].sum()
    made = made.rename(columns={"withheld": "withheld_n"})
    made = made.assign(
        risk=100 * _over(made["affected_n"], made["enrolled_n"]),
        others_risk=100 * _over(made["others_affected_n"], made["others_enrolled_n"]),
    )
    made = made.assign(rule=_rules(made, least_cell, least_n), **_composition(made))
    made["ratio"] = _over(made["risk"], made["others_risk"]).where(made["rule"] == "")
    made["difference"] = made["risk"] - made["others_risk"]
    made = _with_elsewhere(made, elsewhere, affected, enrolled, least_cell, least_n)
    return _with_intervals(made, sides, counted)[list(COLUMNS)]


COLUMNS = (
    "year", "group", *SIDES, "withheld_n", "risk", "others_risk", "ratio", "ratio_low", "ratio_high",
    "alternate_ratio", "weighted_ratio", "difference", "difference_low", "difference_high", "composition",
    "share", "composition_difference", "composition_index", "e_bound", "rule", "interval",
)  # fmt: skip


def e_bound(share: float, affected_n: float) -> float:
    """Give the E-formula's upper bound on a group's share of the affected, from 0 to 1.

    share : the group's share of enrollment, from 0 to 1; affected_n : affected students of all groups

    >>> round(e_bound(0.50, 200), 3)
    0.535
    """
    return share + math.sqrt(share * (1 - share) / affected_n)


def _over(upper: pd.Series, lower: pd.Series) -> pd.Series:
    return upper / lower.where(lower > 0)


def _more_than_enrolled(sides: pd.DataFrame) -> list[Problem]:
    over = sides[sides["affected_n"] > sides["enrolled_n"]]
    if over.empty:
        return []
    what = f"{len(over)} of {len(sides)} cells have more students affected than enrolled."
    return [Problem("groups", what, 'Write counted="events" where a student can count more than once.')]


def _rules(made: pd.DataFrame, cell: int, n: int) -> list[str]:
    """Say for each row which minimum keeps a ratio from being calculated, or nothing."""
    said = []
    for row in made[list(SIDES)].itertuples(index=False):
        short = [
            (row.enrolled_n < n, f"group under {n} students"),
            (row.affected_n < cell, f"group under {cell} affected"),
            (row.others_enrolled_n < n, f"others under {n} students"),
            (row.others_affected_n < max(cell, 1), f"others under {max(cell, 1)} affected"),
        ]
        found = next((words for fails, words in short if fails), "")
        said.append(found and f"not calculable ({found})")
    return said


def _composition(made: pd.DataFrame) -> dict[str, pd.Series]:
    everyone = made["enrolled_n"] + made["others_enrolled_n"]
    affected = made["affected_n"] + made["others_affected_n"]
    share, composition = _over(made["enrolled_n"], everyone), _over(made["affected_n"], affected)
    bounds = [e_bound(p, a) if a > 0 else math.nan for p, a in zip(share, affected, strict=True)]
    return {
        "share": 100 * share, "composition": 100 * composition,
        "composition_difference": 100 * (composition - share),
        "composition_index": _over(composition, share), "e_bound": 100 * pd.Series(bounds, made.index),
    }  # fmt: skip


def _with_elsewhere(
    made: pd.DataFrame, elsewhere: pd.DataFrame | None, affected: str, enrolled: str, cell: int, n: int
) -> pd.DataFrame:
    """Add the ratios that need the state's counts: alternate and weighted."""
    if elsewhere is None:
        return made.assign(alternate_ratio=np.nan, weighted_ratio=np.nan)
    elsewhere = checked(elsewhere, [enrolled, affected], keys=["year", "group"], where="elsewhere")
    there = compare_sides(elsewhere, affected=affected, enrolled=enrolled).groupby(["year", "group"])
    state = made[["year", "group"]].join(there[list(SIDES)].sum(), on=["year", "group"])
    enough = (state["others_affected_n"] >= max(cell, 1)) & (state["others_enrolled_n"] >= n)
    risk = 100 * _over(state["others_affected_n"], state["others_enrolled_n"]).where(enough)
    alone = made["rule"].str.startswith("not calculable (others")
    shares = elsewhere.groupby(["year", "group"])[enrolled].sum()
    shares = shares / shares.groupby("year").transform("sum")
    return made.assign(
        alternate_ratio=(made["risk"] / risk).where(alone), weighted_ratio=_weighted(made, shares)
    )


def _weighted(made: pd.DataFrame, shares: pd.Series) -> pd.Series:
    """Weigh the other groups' risks by the state's enrollment, so that districts can be compared."""
    ratios = pd.Series(np.nan, made.index)
    for year, rows in made.groupby("year"):
        p = shares[year] if year in shares.index.get_level_values("year") else None
        if p is None or set(p.index[p > 0]) - set(rows["group"][rows["enrolled_n"] > 0]):
            continue
        risk = rows.set_index("group")["risk"]
        part = (p * risk.reindex(p.index)).fillna(0.0)
        for at, group in rows["group"].items():
            others = part.drop(group, errors="ignore").sum()
            if rows.loc[at, "rule"] == "" and others > 0:
                ratios[at] = (1 - p.get(group, 0.0)) * risk[group] / others
    return ratios


def _with_intervals(made: pd.DataFrame, sides: pd.DataFrame, counted: Counted) -> pd.DataFrame:
    rows = []
    by_school = dict(list(sides.groupby(["year", "group"]))) if counted == "events" else {}
    for row in made.itertuples(index=False):
        if row.enrolled_n <= 0 or row.others_enrolled_n <= 0:
            ratio, difference, how = NONE, NONE, "none: a side without students"
        elif counted == "events":
            schools = by_school[row.year, row.group][list(SIDES)].to_numpy()
            ratio, difference = leave_schools_out(schools)
            missing = math.isnan(difference[0])
            how = "none: too few schools" if missing else "jackknife by school"
        else:
            four = row.affected_n, row.enrolled_n, row.others_affected_n, row.others_enrolled_n
            ratio, difference = ratio_of_students(*four), difference_of_students(*four)
            how = "exact" if is_small(*four) else "large sample"
        shown = NONE if row.rule else ratio
        rows.append((*shown, *(100 * x for x in difference), how))
    names = ["ratio_low", "ratio_high", "difference_low", "difference_high", "interval"]
    return made.join(pd.DataFrame(rows, columns=names, index=made.index))
