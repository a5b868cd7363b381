"""Gaps between student groups, taken within each school and year."""

from dataclasses import replace

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.timing import NO_ADOPTION, Columns
from rpeval.methods.wording import count_of, refuse, school_year, some


def lay_out_gap(
    groups: pd.DataFrame, *, outcome: str, group: str, reference: str, weights: str | None = None
) -> Design:
    """Lay out the gap between two student groups, taken within each school and year, as an outcome.

    Use to ask whether a disparity narrowed: every method that takes a Design takes this one (with the same
    cells, its effect is the triple difference). An effect is in points of the outcome's unit; a negative one
    means that the group came closer to, or fell below, the reference.

    groups : one row per school, year and group, as for `lay_out`, with the column group; the weights, and the
             other columns of the Design's panel, are the group's
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
    refuse(check_groups(groups, Columns(outcome, weights), (group, reference)))
    own, other = (groups[groups["group"] == name] for name in (group, reference))
    cell = ["school_id", "year"]
    both = own.merge(other[[*cell, outcome]], how="left", on=cell, suffixes=("", "_reference"))
    panel = both.assign(gap=both[outcome] - both[f"{outcome}_reference"])
    design = lay_out(panel, outcome="gap", weights=weights)
    return replace(design, notes=(f"gap within schools ({group} minus {reference})", *design.notes))


def check_groups(groups: pd.DataFrame, columns: Columns, wanted: tuple[str, str]) -> list[Problem]:
    """Look for the columns and the two groups, and for cells that appear twice."""
    if "start_year" not in groups.columns:
        return [NO_ADOPTION]
    missing = [column for column in [*columns.needed, "group"] if column not in groups.columns]
    if missing:
        what, fix = "The column is not there.", "Map it in sources.groups."
        return [Problem(f"groups: {column}", what, fix) for column in missing]
    there = groups["group"].dropna().unique()
    problems = [
        Problem("groups: group", f"No rows for {name}.", f"Name one of: {some(sorted(there))}.")
        for name in wanted
        if name not in there
    ]
    used, cell = groups[groups["group"].isin(wanted)], ["school_id", "year"]
    twice = used[used.duplicated([*cell, "group"])]
    if len(twice):
        cells = [f"{u} in {school_year(t)}" for u, t in twice[cell].itertuples(index=False)]
        what = f"{count_of(len(cells), 'school-year')} with a group more than once: {some(cells)}."
        problems.append(Problem("groups", what, "Keep one row for each school, year and group."))
    return problems
