"""Which school-years are in the program, and averages over schools with intervals that count schools."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import refuse

SCHOOL_YEAR = ["school_id", "year"]
KNOWN = ["school_id", "school_name", "year", "start_year", "arm", "enrolled_n"]


def school_years(schools: pd.DataFrame) -> pd.DataFrame:
    """Give the panel's school-years with what is known of each, sorted."""
    return schools[[c for c in KNOWN if c in schools]].sort_values(SCHOOL_YEAR, ignore_index=True)


def in_program(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the program years of adopting schools.

    Refuses (MethodError) a study that does not say who adopted, and one in which nobody did.

    >>> rows = pd.DataFrame({"school_id": "a", "year": [2017, 2018], "start_year": 2018.0})
    >>> in_program(rows)["year"].tolist()
    [2018]
    """
    if "start_year" not in rows:
        what = "The study does not say which schools adopted, so there are no program years."
        refuse([Problem("sources.adoption", what, "Name a file in sources.adoption.")])
    kept = rows[rows["year"] >= rows["start_year"]]
    if kept.empty:
        what = "No school-year lies in the program."
        refuse([Problem("sources.adoption", what, "Check the start years.")])
    return kept.reset_index(drop=True)


def latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the last year of the rows."""
    return rows[rows["year"] == rows["year"].max()].reset_index(drop=True)


def total(rows: pd.DataFrame, *, column: str) -> float:
    """Add a column up; refuse (MethodError) one of which nothing is known.

    >>> total(pd.DataFrame({"hours": [1.0, np.nan]}), column="hours")
    1.0
    """
    known = rows[column].dropna()
    if known.empty:
        refuse([Problem("rows", f"Of {column} nothing is known.", "Map the columns that it needs.")])
    return float(known.sum())


def average(
    rows: pd.DataFrame, *, value: str, weight: str | None = None, unit: str, what: str,
    bounds: tuple[float, float] | None = None,
) -> Estimate:  # fmt: skip
    """Average school-years, with an interval that counts schools and not events.

    Use for every number of this room that has an interval. With the base of a share as weight, it is the
    share over all schools together; without, each school-year counts the same.

    rows   : one row per school-year: school_id and the column `value`; rows in which it is unknown are left
             out
    weight : column of weights; rows that weigh nothing are left out
    what   : what was averaged, for the method's words; bounds: the interval is cut there (0, 100 for shares)
    Returns an Estimate in `unit`; t interval, CR2 by school. Without an interval where one school is known.
    Refuses (MethodError) rows of which none is known.

    >>> rows = pd.DataFrame({"school_id": ["a", "a", "b"], "share": [20.0, 40.0, 60.0], "n": [1.0, 1.0, 2.0]})
    >>> average(rows, value="share", unit="percent", what="share").value
    40.0
    >>> average(rows, value="share", weight="n", unit="percent", what="share").value
    45.0
    """
    used = rows[rows[value].notna() & (True if weight is None else rows[weight].fillna(0) > 0)]
    if used.empty:
        refuse([Problem("rows", f"Of {what} nothing is known.", "Map the columns that it needs.")])
    used = used.sort_values([c for c in SCHOOL_YEAR if c in used], kind="stable")
    y = used[value].to_numpy(float)
    w = np.ones(len(y)) if weight is None else used[weight].to_numpy(float)
    schools = used["school_id"].nunique()
    words = {"unit": unit, "n": len(used), "n_unit": "school-years", "clusters": schools}
    how = "each school-year alike" if weight is None else "pooled"
    if schools < 2:
        return Estimate(value=float(np.average(y, weights=w)), method=f"{what}, {how}", **words)
    fit = fit_clustered(y, np.ones((len(y), 1)), cluster=used["school_id"].to_numpy(), weight=w)
    found = t_estimate(
        fit.value, fit.se, fit.df, **words, method=f"{what}, {how}; CR2 by school, t({fit.df:.1f})"
    )
    found = replace(found, p=None)
    if bounds is None:
        return found
    return replace(found, low=max(found.low, bounds[0]), high=min(found.high, bounds[1]))


def share(rows: pd.DataFrame, *, count: str, base: str, what: str) -> Estimate:
    """Percent that one column is of another, over all rows together, with an interval that counts schools.

    rows : one row per school-year (or less): school_id, `count` and `base`; rows without a base, or in which
           one of the two is unknown, are left out
    Refuses (MethodError) rows of which none has a base.

    >>> rows = pd.DataFrame({"school_id": ["a", "b"], "done_n": [8, 2], "agreed_n": [10, 10]})
    >>> share(rows, count="done_n", base="agreed_n", what="agreements completed").value
    50.0
    """
    told = rows.assign(percent=100 * rows[count] / rows[base].where(rows[base] > 0))
    return average(told, value="percent", weight=base, unit="percent", what=what, bounds=(0.0, 100.0))
