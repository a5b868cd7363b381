"""Gaps between student groups, taken within each school and year."""

from dataclasses import replace

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.timing import Columns, no_adoption
from rpeval.methods.wording import count_of, refuse, school_year, some


def lay_out_gap(
    groups: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    reference: str,
    unit: str = "school_id",
    time: str = "year",
    start: str = "start_year",
    weights: str | None = None,
    group_column: str = "group",
) -> Design:
    """Lay out the gap between two student groups, taken within each school and year, as an outcome.

    Use to ask whether a disparity narrowed: every method that takes a Design takes this one (with the same
    cells, its effect is the triple difference). An effect is in points of the outcome's unit; a negative one
    means that the group came closer to, or fell below, the reference.

    groups  : one row per school, year and group
    weights : column of the group, as in `lay_out`; other columns of the Design's panel are the group's, too
    Returns a Design of `gap`, group minus reference. School-years in which one of the two has no outcome are
    left out, with a counted note.
    Refuses (MethodError) a column or group that is not there, a school-year-group that appears twice, and
    what `lay_out` refuses.

    >>> rows = [(s, y, g, start, level + (g == "Black") * (3 - (y >= start)))
    ...         for s, start, level in [("a", 2018.0, 5), ("b", 2018.0, 6), ("c", float("nan"), 4),
    ...                                 ("d", float("nan"), 7)]
    ...         for y in (2016, 2017, 2018) for g in ("Black", "White")]
    >>> groups = pd.DataFrame(rows, columns=["school_id", "year", "group", "start_year", "oss_per_100"])
    >>> lay_out_gap(groups, outcome="oss_per_100", group="Black", reference="White").Y.tolist()
    [[3.0, 3.0, 2.0], [3.0, 3.0, 2.0], [3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]
    """
    columns = Columns(outcome, unit, time, start, weights)
    refuse(check_groups(groups, columns, group_column, (group, reference)))
    own, other = (groups[groups[group_column] == name] for name in (group, reference))
    both = own.merge(other[[unit, time, outcome]], how="left", on=[unit, time], suffixes=("", "_reference"))
    panel = both.assign(gap=both[outcome] - both[f"{outcome}_reference"])
    design = lay_out(panel, outcome="gap", unit=unit, time=time, start=start, weights=weights)
    return replace(design, notes=(f"gap within schools ({group} minus {reference})", *design.notes))


def check_groups(
    groups: pd.DataFrame, columns: Columns, group_column: str, wanted: tuple[str, str]
) -> list[Problem]:
    """Look for the columns and the two groups, and for cells that appear twice."""
    if columns.start not in groups.columns:
        return [no_adoption(columns.start)]
    missing = [column for column in [*columns.needed, group_column] if column not in groups.columns]
    if missing:
        return [
            Problem(f"groups: {c}", "The column is not there.", "Map it in sources.groups.") for c in missing
        ]
    there = groups[group_column].dropna().unique()
    problems = [
        Problem(f"groups: {group_column}", f"No rows for {name}.", f"Name one of: {some(sorted(there))}.")
        for name in wanted
        if name not in there
    ]
    used, cell = groups[groups[group_column].isin(wanted)], [columns.unit, columns.time]
    twice = used[used.duplicated([*cell, group_column])]
    if len(twice):
        cells = [f"{u} in {school_year(t)}" for u, t in twice[cell].itertuples(index=False)]
        what = f"{count_of(len(cells), 'school-year')} with a group more than once: {some(cells)}."
        problems.append(Problem("groups", what, "Keep one row for each school, year and group."))
    return problems
