"""Summer school: attendance and incidents at sites with and without restorative practices, described."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import needed, refuse

# What is compared: the count, its base, how often the base (100 for percent), and the unit.
NUMBERS = {
    "attendance": ("attended_days", "possible_days", 100, "percent of days"),
    "incidents": ("incidents_n", "possible_days", 1000, "per 1,000 days enrolled"),
    "fall_attendance": ("fall_attended_days", "fall_possible_days", 100, "percent of days"),
    "fall_incidents": ("fall_incidents_n", "fall_possible_days", 1000, "per 1,000 days enrolled"),
}


def by_site(summer: pd.DataFrame | None, *, number: str) -> pd.DataFrame:
    """Give one of the numbers for each site, all its summers together.

    summer : one row per site, sending school and year: site, restorative, and the counts of `NUMBERS`
    number : attendance, incidents, fall_attendance or fall_incidents (the fall after, for the same students)
    Returns site, restorative (True or False), years_n, count, base, value. A site that changed counts as two.
    Rows in which count or base is unknown are left out.
    Refuses (MethodError): a study without summer school; counts that are unknown everywhere.

    >>> summer = pd.DataFrame({"site": "a", "year": 2019, "restorative": True, "attended_days": [80.0, 10.0],
    ...                        "possible_days": [90.0, 10.0]})
    >>> by_site(summer, number="attendance")["value"].tolist()
    [90.0]
    """
    count, base, times, _ = NUMBERS[number]
    rows = needed(summer, "summer", "summer school", [count, base])
    rows = needed(
        rows.dropna(subset=[count, base]), "summer", f"known {number.replace('_', ' ')} of summer school"
    )
    made = rows.groupby(["site", "restorative"]).agg(
        years_n=("year", "nunique"), count=(count, "sum"), base=(base, "sum")
    )
    made = made[made["base"] > 0].reset_index()
    return made.assign(value=times * made["count"] / made["base"])


def compare_sites(summer: pd.DataFrame | None, *, number: str) -> tuple[Estimate, ...]:
    """Describe sites with and without restorative practices side by side; the difference is no effect.

    Use it as a description: who goes to which site is not random, and nothing here compares like with like.

    summer, number : as in `by_site`
    Returns three Estimates: sites with, sites without, and the difference (with minus without). Pooled over
    days within each kind; CR2 by site within the year (each year has its own level in the difference).
    Refuses (MethodError): what `by_site` refuses; fewer than two sites of a kind.
    """
    count, base, times, unit = NUMBERS[number]
    sites = by_site(summer, number=number)
    sizes = sites.groupby("restorative")["site"].nunique().reindex([True, False], fill_value=0)
    if sizes.min() < 2:
        what = f"{sizes[True]} sites with restorative practices and {sizes[False]} without are too few."
        refuse([Problem("sources.summer", what, "Add summers or sites; the sites are shown one by one.")])
    rows = summer.dropna(subset=[count, base])
    keys = ["site", "restorative", "year"]
    rows = rows[rows[base] > 0].groupby(keys)[[count, base]].sum().reset_index()
    y, w = (times * rows[count] / rows[base]).to_numpy(float), rows[base].to_numpy(float)
    own, site = rows["restorative"].to_numpy(bool), rows["site"].to_numpy()
    years = (rows["year"].to_numpy()[:, None] == np.unique(rows["year"])[None, :]).astype(float)
    fits = [(fit_clustered(y[m], np.ones((m.sum(), 1)), cluster=site[m], weight=w[m]), m, "pooled over days")
            for m in (own, ~own)]  # fmt: skip
    both = fit_clustered(y, np.column_stack([own, years]), cluster=site, weight=w)
    fits.append((both, np.ones(len(rows), bool), "difference within summers; a description, not an effect"))
    units = [unit, unit, "percentage points" if times == 100 else unit]
    return tuple(
        t_estimate(fit.value, fit.se, fit.df, unit=told, n=int(m.sum()), clusters=len(set(site[m])),
                   method=f"{how}; CR2 by site, t({fit.df:.1f})", n_unit="site-summers")
        for (fit, m, how), told in zip(fits, units, strict=True)
    )  # fmt: skip


def rate_ratio(own: Estimate, others: Estimate) -> Estimate:
    """Divide the rate of one kind of site by that of the other; a description, as `compare_sites` is.

    own, others : rates with standard errors, of different sites
    Returns an Estimate without unit; interval on logarithms, t with the smaller degrees of freedom.
    Refuses (MethodError) a rate that is not above zero.

    >>> round(rate_ratio(Estimate(3.0, se=0.3, df=4), Estimate(6.0, se=0.6, df=4)).value, 9)
    0.5
    """
    if min(own.value, others.value) <= 0:
        refuse([Problem("summer", "One kind of site has no such event.", "Report both rates.")])
    value = math.log(own.value / others.value)
    se = math.hypot(own.se / own.value, others.se / others.value)
    df = min(own.df or math.inf, others.df or math.inf)
    log = t_estimate(value, se, df)
    words = {
        "unit": "times the rate of other sites", "clusters": (own.clusters or 0) + (others.clusters or 0),
        "method": "ratio of two rates, a description; interval on logarithms",
    }  # fmt: skip
    ends = {"low": math.exp(log.low), "high": math.exp(log.high), "df": log.df}
    return replace(own, value=math.exp(value), se=None, p=None, **ends, **words)
