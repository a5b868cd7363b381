"""How many school hours each kind of removal took: from a panel's counts or an actions log."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.tables.fields import REMOVAL_OF

KEYS = [*SCHOOL_YEAR, "kind"]


def removals_of_counts(frame: pd.DataFrame, *, per_day: float, hours: Mapping[str, float]) -> pd.DataFrame:
    """Lay the counts of a panel under each other, with the hours they took.

    frame   : one row per school-year with counts
    per_day : school hours of a day; hours: of one event, by count ({"iss_n": 6.5}), where that is declared
    Returns school_id, year, kind, events_n, hours: out-of-school hours from oss_days where the panel has
    them, others as declared; NaN where nothing says how long they were.

    >>> told = {"school_id": ["1"], "year": [2018], "oss_n": [4.0], "oss_days": [10.0], "iss_n": [2.0]}
    >>> removals_of_counts(pd.DataFrame(told), per_day=6.5, hours={}).values.tolist()
    [['1', 2018, 'in_school', 2.0, nan], ['1', 2018, 'out_of_school', 4.0, 65.0]]
    """
    parts = []
    for count in among(frame, REMOVAL_OF):
        lost = frame[count] * hours.get(count, np.nan)
        if count == "oss_n" and "oss_days" in frame:
            lost = frame["oss_days"] * per_day
        parts.append(frame[SCHOOL_YEAR].assign(kind=REMOVAL_OF[count], events_n=frame[count], hours=lost))
    if not parts:
        return pd.DataFrame(columns=[*KEYS, "events_n", "hours"])
    return pd.concat(parts).sort_values(KEYS, ignore_index=True)


def removals_of_actions(sums: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Give the removals of an actions log by school, year and kind.

    sums    : one row per school, year and column (the count that actions add to): n actions and their hours,
              NaN where one of them is unknown
    schools : the school-years there are; a kind without an action in one has zero there
    A kind that the log never has gets no rows.
    """
    known = sums[SCHOOL_YEAR].assign(
        kind=sums["column"].map(REMOVAL_OF), events_n=sums["n"], hours=sums["hours"]
    )
    return sum_kinds(known.dropna(subset="kind"), schools)


def sum_kinds(rows: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Sum rows to school, year and kind, with zeros where a school-year has none of a kind.

    rows : one row per event: school_id, year, kind, hours, or per events_n events; a sum with an unknown part
           is unknown
    schools : the school-years there are
    """
    grouped = rows.assign(events_n=rows.get("events_n", 1.0)).groupby(KEYS)
    sums = pd.DataFrame({"events_n": grouped["events_n"].sum().astype(float)})
    sums["hours"] = grouped["hours"].sum().where(grouped["hours"].count() == grouped.size())
    every = schools[SCHOOL_YEAR].merge(pd.DataFrame({"kind": sorted(set(rows["kind"]))}), how="cross")
    index = pd.MultiIndex.from_frame(every)
    return sums.reindex(index, fill_value=0.0).reset_index().sort_values(KEYS, ignore_index=True)
