"""Gaps between student groups, taken within each school and year."""

from dataclasses import replace

import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.timing import no_adoption
from rpeval.methods.wording import count_of, refuse, school_year, some


def within_school_gap(
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
) -> pd.DataFrame:
    """Difference between two student groups in the same school and year, as a panel.

    Use before any panel method that should be about a gap. groups: one row per school, year and group.
    Returns one row per school-year in which both groups have an outcome: unit, time, start, school_name where
    it is there, gap (group minus reference, in the outcome's unit), and the weights column of `group`.
    Refuses (MethodError): a column or group that is not there; a school-year-group that appears twice.

    >>> groups = pd.DataFrame({"school_id": ["a", "a"], "year": [2016, 2016], "start_year": [2018.0, 2018.0],
    ...     "group": ["Black", "White"], "oss_per_100": [9.0, 4.0]})
    >>> within_school_gap(groups, outcome="oss_per_100", group="Black", reference="White")["gap"].tolist()
    [5.0]
    """
    if start not in groups.columns:
        refuse([no_adoption(start)])
    columns = [unit, time, start, outcome, group_column, *([weights] if weights else [])]
    refuse(check_groups(groups, columns, group_column, (group, reference), [unit, time]))
    carried = [c for c in [unit, time, start, "school_name", weights] if c and c in groups.columns]
    own = groups.loc[groups[group_column] == group, [*dict.fromkeys(carried), outcome]]
    other = groups.loc[groups[group_column] == reference, [unit, time, outcome]]
    both = own.merge(other, on=[unit, time], suffixes=("", "_reference"), validate="one_to_one")
    gap = both.assign(gap=both[outcome] - both[f"{outcome}_reference"])
    return gap.dropna(subset="gap").sort_values([unit, time], ignore_index=True)[
        [*dict.fromkeys(carried), "gap"]
    ]


def check_groups(
    groups: pd.DataFrame, columns: list[str], group_column: str, wanted: tuple[str, str], cell: list[str]
) -> list[Problem]:
    """Look for the columns and the two groups, and for cells that appear twice."""
    missing = [column for column in columns if column not in groups.columns]
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
    used = groups[groups[group_column].isin(wanted)]
    twice = used[used.duplicated([*cell, group_column])]
    if len(twice):
        cells = [f"{u} in {school_year(t)}" for u, t in twice[cell].itertuples(index=False)]
        what = f"{count_of(len(cells), 'school-year')} with a group more than once: {some(cells)}."
        problems.append(Problem("groups", what, "Keep one row for each school, year and group."))
    return problems


def att_gap(
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
    level: float = 0.95,
) -> Estimate:
    """Average effect of the program on the gap between two student groups.

    Use to ask whether a disparity narrowed. The gap is taken within each school and year and then treated as
    any outcome (with the same cells, this is the triple difference).

    groups : one row per school, year and group; outcome in any unit; the effect is in points of that unit,
             and a negative value means that the group came closer to, or fell below, the reference
    Returns an Estimate and refuses as `att_imputation` and `within_school_gap` do.

    >>> rows = [(s, y, g, start, level + (g == "Black") * (3 - (y >= start)))
    ...         for s, start, level in [("a", 2018.0, 5), ("b", 2018.0, 6), ("c", float("nan"), 4),
    ...                                 ("d", float("nan"), 7)]
    ...         for y in (2016, 2017, 2018) for g in ("Black", "White")]
    >>> groups = pd.DataFrame(rows, columns=["school_id", "year", "group", "start_year", "oss_per_100"])
    >>> round(att_gap(groups, outcome="oss_per_100", group="Black", reference="White").value, 9)
    -1.0
    """
    gap = within_school_gap(
        groups,
        outcome=outcome,
        group=group,
        reference=reference,
        unit=unit,
        time=time,
        start=start,
        weights=weights,
        group_column=group_column,
    )
    estimate = att_imputation(
        gap, outcome="gap", unit=unit, time=time, start=start, weights=weights, level=level
    )
    return replace(estimate, method=f"gap within schools ({group} minus {reference}); {estimate.method}")
