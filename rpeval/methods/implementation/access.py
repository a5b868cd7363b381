"""Who gets a restorative answer: the share of eligible incidents, overall and by student group."""

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.implementation.program_years import SCHOOL_YEAR, school_years
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, needed, refuse


def answered(
    incidents: pd.DataFrame | None, schools: pd.DataFrame, *, practices: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Count the incidents of each school-year, and those that were answered restoratively.

    incidents : one row per incident and student: school_id, year and response (restorative, sanction,
                no_action, "" unknown) or incident_id
    schools   : the panel's school-years
    practices : the log of practices, whose incident_id says which incident an event answered
    Returns one row per school-year with an incident: what is known of it, eligible_n, answered_n (response
    restorative, or named in the log of practices). An incident without a response counts as not answered
    where the log of practices could have named it, else it is not eligible.
    Refuses (MethodError): a study without incidents; one that knows no response at all.

    >>> schools = pd.DataFrame({"school_id": ["a"], "year": [2018]})
    >>> incidents = schools.merge(pd.DataFrame({"response": ["restorative", "sanction", ""]}), how="cross")
    >>> answered(incidents, schools)[["eligible_n", "answered_n"]].values.tolist()
    [[2, 1]]
    """
    rows = needed(incidents, "incidents", "incidents")
    response = rows.get("response", pd.Series("", index=rows.index))
    named = set() if practices is None else set(practices["incident_id"]) - {""}
    linked = rows.get("incident_id", pd.Series("", index=rows.index)).isin(named)
    eligible = (response != "") | bool(linked.any())
    if not eligible.any():
        what = "The log of incidents has no response, and the log of practices names no incident."
        fix = "Map the response, or the incident that an event answered."
        refuse([Problem("sources.incidents", what, fix)])
    told = rows.assign(eligible_n=eligible, answered_n=(response == "restorative") | linked)[eligible]
    sums = told.groupby(SCHOOL_YEAR)[["eligible_n", "answered_n"]].sum().reset_index()
    return school_years(schools).merge(sums, on=SCHOOL_YEAR).sort_values(SCHOOL_YEAR, ignore_index=True)


def access_gap(access: pd.DataFrame | None, *, group: str, reference: str) -> Estimate:
    """Difference between two groups in the share of incidents answered restoratively, same school and year.

    Use to see whether the gentler answer reaches all groups alike. Like with like as far as schools and years
    go; what the incidents were about is not compared.

    access : one row per school, year and group: eligible_n, answered_n
    Returns an Estimate in percentage points, `group` minus `reference`; weighted least squares with an
    intercept for each school and year, CR2 by school. Says nothing of cause.
    Refuses (MethodError): a study without groups; fewer than three schools in which both had incidents.

    >>> rows = [(s, 2018, g, 10, n) for s, b, w in [("a", 2, 4), ("b", 3, 6), ("c", 4, 5)]
    ...         for g, n in (("Black", b), ("White", w))]
    >>> access = pd.DataFrame(rows, columns=["school_id", "year", "group", "eligible_n", "answered_n"])
    >>> round(access_gap(access, group="Black", reference="White").value, 6)
    -20.0
    """
    rows = needed(access, "incidents", "incidents by student group", ["group", "eligible_n", "answered_n"])
    rows = rows[rows["group"].isin([group, reference]) & (rows["eligible_n"] > 0)]
    both = rows.groupby(SCHOOL_YEAR)["group"].transform("nunique") == 2
    rows = rows[both].sort_values([*SCHOOL_YEAR, "group"], ignore_index=True)
    schools = rows["school_id"].nunique()
    if schools < 3:
        what = f"Both groups had incidents in {count_of(schools, 'school')} only."
        refuse([Problem("access", what, "Use more schools or years, or larger groups.")])
    percent = (100 * rows["answered_n"] / rows["eligible_n"]).to_numpy(float)
    own = (rows["group"] == group).to_numpy(float)[:, None]
    fit = fit_clustered(percent, own, cluster=rows["school_id"].to_numpy(), within=rows[["year"]].to_numpy(),
                        weight=rows["eligible_n"].to_numpy(float))  # fmt: skip
    return t_estimate(
        fit.value, fit.se, fit.df, unit="percentage points", n=int(rows["eligible_n"].sum()),
        n_unit="incidents", clusters=schools,
        method=f"{group} minus {reference} within school and year, by incidents; CR2 by school, "
               f"t({fit.df:.1f})",
    )  # fmt: skip


def by_group(access: pd.DataFrame | None) -> pd.DataFrame:
    """Add the shares up by group.

    access : as in `access_gap`
    Returns group, eligible_n, answered_n, percent (NaN where no incident is eligible).
    Refuses (MethodError) a study without groups.
    """
    rows = needed(access, "incidents", "incidents by student group")
    sums = rows.groupby("group")[["eligible_n", "answered_n"]].sum().reset_index()
    base = sums["eligible_n"].to_numpy(float)
    return sums.assign(percent=100 * sums["answered_n"] / np.where(base > 0, base, np.nan))
