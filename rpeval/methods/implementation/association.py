"""Dose beside outcomes: associations across schools, never in place of the effect of adopting."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.effect_size import hedges_g, pooled_sd
from rpeval.methods.implementation.program_years import in_program
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, refuse

FEWEST = 6
ASSOCIATIONAL = "associational: schools chose their dose"


def changes(schools: pd.DataFrame, dosed: pd.DataFrame, *, outcome: str, dose: str) -> pd.DataFrame:
    """Put the change of each adopting school beside its dose.

    Use before `dose_response`, and for the picture.

    schools : the panel: school_id, year, start_year and the outcome
    dosed   : one row per school-year with the column `dose`
    Returns one row per adopting school that has both: school_id, start_year, years_n (program years with a
    known dose), dose (mean over them), change: mean outcome of the program years minus that of the years
    before, minus the same of the schools that never adopted.
    Refuses (MethodError): a study without adoption; no school that never adopted.

    >>> schools = pd.DataFrame({"school_id": list("aabb"), "year": [2017, 2018] * 2, "oss": [9.0, 5, 6, 5],
    ...                         "start_year": [2018.0, 2018, np.nan, np.nan]})
    >>> dosed = pd.DataFrame({"school_id": ["a"], "year": [2018], "minutes": [300.0]})
    >>> changes(schools, dosed, outcome="oss", dose="minutes")[["dose", "change"]].values.tolist()
    [[300.0, -3.0]]
    """
    in_program(schools)
    known = schools[schools[outcome].notna()]
    others = known[known["start_year"].isna()].pivot_table(index="school_id", columns="year", values=outcome)
    if others.empty:
        what = "Every school adopted, so there is no school to compare changes with."
        refuse([Problem("sources.adoption", what, "Add schools that have not started.")])
    own_dose = in_program(schools)[["school_id", "year"]].merge(
        dosed[["school_id", "year", dose]].dropna(), on=["school_id", "year"]
    )
    doses = own_dose.groupby("school_id")[dose].agg(["mean", "size"])
    rows = []
    for (school, start), own in known[known["start_year"].notna()].groupby(["school_id", "start_year"]):
        after = own["year"] >= start
        if school not in doses.index or not after.any() or after.all():
            continue
        elsewhere = _step(others, own.loc[after, "year"], own.loc[~after, "year"])
        change = own.loc[after, outcome].mean() - own.loc[~after, outcome].mean() - elsewhere
        rows.append((school, start, int(doses.loc[school, "size"]), doses.loc[school, "mean"], change))
    made = pd.DataFrame(rows, columns=["school_id", "start_year", "years_n", "dose", "change"])
    return made[made["change"].notna()].reset_index(drop=True)


def _step(others: pd.DataFrame, after: pd.Series, before: pd.Series) -> float:
    """Mean change of the others between two sets of years, over the schools seen in both."""
    means = [others.reindex(columns=sorted(years)).mean(axis=1) for years in (after, before)]
    return float((means[0] - means[1]).mean())


def dose_response(rows: pd.DataFrame, *, per: float = 1.0, unit: str = "") -> Estimate:
    """Associational: how much more the outcome changed in schools with a higher dose.

    Use beside the effect of adopting, never in its place: schools with a higher dose differ in much else,
    and a school that is doing well may find more time for circles.

    rows : as `changes` gives them; per: units of dose that the slope is told for; unit: of the slope
    Returns an Estimate: least squares across adopting schools, with a level for each start year, so that
    schools are compared that started together; CR2 (each school by itself), t.
    Refuses (MethodError): fewer than six schools with a dose; doses that do not differ within start years.

    >>> rows = pd.DataFrame({"school_id": list("abcdef"), "start_year": 2018.0,
    ...                      "dose": [100.0, 200, 300, 400, 500, 600], "change": [-1.0, -2, -3, -4, -5, -6]})
    >>> round(dose_response(rows, per=100).value, 9)
    -1.0
    """
    if len(rows) < FEWEST:
        what = f"A dose and a change are known of {count_of(len(rows), 'adopting school')}."
        refuse([Problem("dose", what, f"Use {FEWEST} schools or more; keep the log in each.")])
    rows = rows.sort_values("school_id", kind="stable")
    starts = (rows["start_year"].to_numpy()[:, None] == np.unique(rows["start_year"])[None, :]).astype(float)
    apart = rows["dose"] - rows.groupby("start_year")["dose"].transform("mean")
    if np.abs(apart).max() <= 1e-9 * np.abs(rows["dose"]).max():
        what = "Schools that started together had the same dose."
        refuse([Problem("dose", what, "Nothing can be learned from equal doses.")])
    design = np.column_stack([rows["dose"].to_numpy(float) / per, starts])
    fit = fit_clustered(rows["change"].to_numpy(float), design, cluster=rows["school_id"].to_numpy())
    return t_estimate(
        fit.value, fit.se, fit.df, unit=unit, n=len(rows), n_unit="adopting schools",
        clusters=len(rows), treated=len(rows),
        method=f"{ASSOCIATIONAL}; change against schools that never adopted, on mean dose, within start "
               f"years; CR2 by school, t({fit.df:.1f})",
    )  # fmt: skip


def halves(rows: pd.DataFrame, *, value: str) -> dict[str, tuple[str, ...]]:
    """Split adopting schools at the median of a column, such as fidelity.

    Use to estimate the effect in each half, against the same comparison schools: what differs between the
    halves is an association. A school on the median is in the lower half.

    rows : one row per school: school_id and the column
    Returns {"above": ids, "below": ids}, sorted. Refuses (MethodError) fewer than six schools.

    >>> rated = pd.DataFrame({"school_id": list("abcdef"), "percent": [1, 2, 3, 4, 5, 6]})
    >>> halves(rated, value="percent")["above"]
    ('d', 'e', 'f')
    """
    known = rows[rows[value].notna()]
    if len(known) < FEWEST:
        what = f"{count_of(len(known), 'adopting school')} cannot be split into halves worth comparing."
        refuse([Problem(value, what, f"Rate {FEWEST} schools or more.")])
    high = known[value] > known[value].median()
    return {
        name: tuple(sorted(known.loc[mask, "school_id"]))
        for name, mask in (("above", high), ("below", ~high))
    }


def keep_half(schools: pd.DataFrame, ids: tuple[str, ...]) -> pd.DataFrame:
    """Keep the schools that never adopted, and these adopting ones."""
    return schools[schools["start_year"].isna() | schools["school_id"].isin(ids)].reset_index(drop=True)


def achieved_strength(rows: pd.DataFrame, *, value: str) -> Estimate:
    """Achieved relative strength: how far adopting schools were from the others in what was delivered.

    Use to say what "the program" came to. An effect is that of the difference in what schools did, not of a
    label; where comparison schools hold as many circles, there is little to have an effect.

    rows  : one row per school-year with start_year (NaN = never) and the column `value`, the others included
    Returns an Estimate in standard deviations among schools (Hedges' g of the schools' means over program
    years, and over the same years in the others). Refuses (MethodError): fewer than two known schools in an
    arm; schools that all delivered the same.
    Source: Hulleman & Cordray (2009), J. of Research on Educational Effectiveness 2.

    >>> rows = pd.DataFrame({"school_id": list("abcd"), "year": 2018, "minutes": [300.0, 500, 0, 200],
    ...                      "start_year": [2018.0, 2018, np.nan, np.nan]})
    >>> achieved_strength(rows, value="minutes").clusters
    4
    """
    treated = in_program(rows).dropna(subset=[value])
    others = rows[rows["start_year"].isna() & rows["year"].isin(treated["year"])].dropna(subset=[value])
    arms = [arm.groupby("school_id")[value].mean() for arm in (treated, others)]
    sizes = [len(arm) for arm in arms]
    if min(sizes) < 2:
        what = f"What was delivered is known of {sizes[0]} adopting and {sizes[1]} comparison schools."
        refuse([Problem("contrast", what, "Keep the log in comparison schools, too.")])
    sd = pooled_sd([arm.std() for arm in arms], sizes)
    difference = float(arms[0].mean() - arms[1].mean())
    g = hedges_g(difference, sd=sd, treated_n=sizes[0], comparison_n=sizes[1])
    return replace(g, p=None, unit="standard deviations among schools", n=sum(sizes), n_unit="schools",
                   clusters=sum(sizes), treated=sizes[0],
                   method="achieved relative strength: Hedges' g of the schools' means")  # fmt: skip
