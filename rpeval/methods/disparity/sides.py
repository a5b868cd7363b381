"""A group on one side, all others on the other: the counts that every measure here compares."""

from collections.abc import Sequence

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.wording import count_of, refuse, school_year, some

SIDES = ("enrolled_n", "affected_n", "others_enrolled_n", "others_affected_n")
ONE_SCHOOL = "all schools"


def compare_sides(
    counts: pd.DataFrame, *, affected: str, enrolled: str = "enrolled_n", totals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Set each group against all others, school by school, before anything is divided.

    counts : one row per year, group and, where known, school_id; `enrolled` and `affected` are counts of
             students or events, NaN where withheld. Groups share no students, or `totals` are given
    totals : the same columns without group: all students of the school and year, so that others are all minus
             the group; without it, others are the other groups together
    Returns one row per year, school and group: year, school_id, group, enrolled_n, affected_n (0 where the
    school has none), others_enrolled_n, others_affected_n, withheld (True where the group's cell, or the
    total it needs, is unknown; the row's own counts are then 0, and with totals so are the others').
    Refuses (MethodError): a column that is not there or not a number; a negative count; a group that stands
    twice in a school and year; a group above the total.

    >>> counts = pd.DataFrame({"year": 2018, "group": ["B", "W"], "enrolled_n": [100, 200], "oss_n": [12, 8]})
    >>> compare_sides(counts, affected="oss_n")[["affected_n", "others_affected_n"]].to_numpy().tolist()
    [[12.0, 8.0], [8.0, 12.0]]
    """
    counts = checked(counts, [enrolled, affected], keys=["year", "group"], where="groups")
    numbers = ["enrolled_n", "affected_n"]
    cell = counts[["year", "school_id", "group"]].assign(
        enrolled_n=counts[enrolled].astype(float), affected_n=counts[affected].astype(float)
    )
    grid = every_group_everywhere(cell)
    grid["withheld"] = grid[numbers].isna().any(axis=1)
    if totals is not None:
        everyone = joined_totals(grid, totals, affected=affected, enrolled=enrolled)
        grid["withheld"] |= everyone.isna().any(axis=1)
        everyone = everyone.mask(grid["withheld"], 0.0)
    grid.loc[grid["withheld"], numbers] = 0.0
    if totals is None:
        everyone = grid.groupby(["year", "school_id"])[numbers].transform("sum")
    for name in numbers:
        grid[f"others_{name}"] = everyone[name] - grid[name]
    refuse(_above(grid))
    return grid[["year", "school_id", "group", *SIDES, "withheld"]]


def checked(counts: pd.DataFrame, numbers: Sequence[str], *, keys: Sequence[str], where: str) -> pd.DataFrame:
    """Look at a frame of counts before it is used; add a school_id where there is none.

    Returns the rows sorted by keys and school_id. Refuses (MethodError, all at once) what does not fit.
    """
    absent = [c for c in [*keys, *numbers] if c not in counts.columns]
    what, fix = "The column is not there.", "Name a column of the frame."
    refuse(Problem(f"{where}: {c}", what, fix) for c in absent)
    text = [c for c in numbers if not pd.api.types.is_numeric_dtype(counts[c])]
    what, fix = "The column is not a number.", "Give counts; leave unknown ones empty."
    refuse(Problem(f"{where}: {c}", what, fix) for c in text)
    if "school_id" not in counts.columns:
        counts = counts.assign(school_id=ONE_SCHOOL)
    keys = [*keys, "school_id"]
    counts = counts.sort_values(keys, ignore_index=True)
    return _without_contradiction(counts, numbers, keys, where)


def _without_contradiction(
    counts: pd.DataFrame, numbers: Sequence[str], keys: list[str], where: str
) -> pd.DataFrame:
    problems = []
    if blank := int(counts[keys].isna().any(axis=1).sum()):
        what = f"{count_of(blank, 'row')} without {', '.join(keys)}."
        problems.append(Problem(where, what, "Fill these in, or leave the rows out."))
    twice = counts[counts.duplicated(keys)]
    if len(twice):
        what = f"{count_of(len(twice), 'row')} more than once: {_cells(twice)}."
        problems.append(Problem(where, what, "Keep one row for each group, school and year."))
    for column in numbers:
        below = counts[counts[column] < 0]
        if len(below):
            what = f"{count_of(len(below), 'row')} below zero: {_cells(below)}."
            problems.append(Problem(f"{where}: {column}", what, "Leave an unknown count empty."))
    refuse(problems)
    return counts


def _cells(rows: pd.DataFrame) -> str:
    names = [c for c in ("group", "category", "school_id") if c in rows]
    told = rows[names].astype(str).agg(", ".join, axis=1)
    return some(f"{name} in {school_year(year)}" for name, year in zip(told, rows["year"], strict=True))


def every_group_everywhere(cell: pd.DataFrame) -> pd.DataFrame:
    """Lay out every group of a year in every school of that year; a school without the group counts zero.

    cell : year, school_id, group and numbers (NaN where withheld stays NaN)
    """
    places, named = (cell[["year", name]].drop_duplicates() for name in ("school_id", "group"))
    grid = places.merge(named, on="year").merge(
        cell, on=["year", "school_id", "group"], how="left", indicator="found"
    )
    numbers = [c for c in cell.columns if c not in ("year", "school_id", "group")]
    grid.loc[grid["found"] == "left_only", numbers] = 0.0
    return grid.drop(columns="found").sort_values(["year", "school_id", "group"], ignore_index=True)


def joined_totals(grid: pd.DataFrame, totals: pd.DataFrame, *, affected: str, enrolled: str) -> pd.DataFrame:
    """Put the totals of all students beside the rows of a grid, as enrolled_n and affected_n."""
    totals = checked(totals, [enrolled, affected], keys=["year"], where="totals")
    given = totals[["year", "school_id"]].assign(enrolled_n=totals[enrolled], affected_n=totals[affected])
    joined = grid[["year", "school_id"]].merge(given, on=["year", "school_id"], how="left")
    return joined[["enrolled_n", "affected_n"]].astype(float)


def _above(grid: pd.DataFrame) -> list[Problem]:
    above = grid[(grid[["others_enrolled_n", "others_affected_n"]] < -0.5).any(axis=1)]
    if above.empty:
        return []
    what = f"{count_of(len(above), 'group')} above the total of all students: {_cells(above)}."
    return [Problem("totals", what, "Use totals from the same file and definition as the groups.")]
