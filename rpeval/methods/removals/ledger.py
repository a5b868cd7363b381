"""The removal ledger: hours lost by kind, before and after, and how much of a fall other kinds took back."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.ratio import ratio_of_effects
from rpeval.methods.wording import school_year

OUT = "out_of_school"
SCHOOL = ("school_id", "school_name", "year", "start_year", "arm", "enrolled_n")


def coverage(removals: pd.DataFrame, *, unseen: Iterable[str] = ()) -> pd.DataFrame:
    """List which kinds of removal the sources show, how often, and whether their hours are known.

    Use before any sentence about substitution: what no source shows can have taken anything back.
    removals : one row per school-year and kind: kind, events_n, hours (NaN = unknown)
    unseen   : kinds that no source shows
    Returns kind, label, seen (yes | no), events_n, hours (sum; NaN where any is unknown or the kind unseen),
    out-of-school first, then by name, the unseen last.

    >>> rows = pd.DataFrame({"kind": ["out_of_school"], "events_n": [3.0], "hours": [19.5]})
    >>> coverage(rows, unseen=["transfer"])[["label", "seen"]].values.tolist()
    [['out of school', 'yes'], ['transfer', 'no']]
    """
    grouped = removals.groupby("kind")
    seen = pd.DataFrame({
        "events_n": grouped["events_n"].sum(),
        "hours": grouped["hours"].sum().where(grouped["hours"].count() == grouped.size()),
    }).reset_index()  # fmt: skip
    seen = seen.sort_values("kind", key=lambda kinds: kinds.where(kinds != OUT, "")).assign(seen="yes")
    rest = pd.DataFrame({"kind": sorted(unseen)}).assign(events_n=np.nan, hours=np.nan, seen="no")
    every = seen if rest.empty else pd.concat([seen, rest])
    every = every.assign(label=every["kind"].str.replace("_", " "))
    return every.reset_index(drop=True)[["kind", "label", "seen", "events_n", "hours"]]


def hour_rates(removals: pd.DataFrame) -> pd.DataFrame:
    """Hours lost per 100 students, by kind, as a panel for any estimator of school-years.

    removals : one row per school, year and kind: school_id, year, enrolled_n, kind, hours (NaN = unknown),
               and school_name, start_year, arm where known
    Returns one row per school-year, sorted: those columns, a column for each kind whose hours are known
    somewhere, and `other` (all kinds but out of school) and `total`, in school hours per 100 students. A
    school-year with an unknown part is unknown.
    Refuses (MethodError) where no hours of out-of-school removals are known.

    >>> rows = pd.DataFrame({"school_id": "a", "year": 2018, "enrolled_n": 200.0,
    ...                      "kind": ["out_of_school", "in_school"], "hours": [65.0, 13.0]})
    >>> hour_rates(rows)[["out_of_school", "in_school", "other", "total"]].values.tolist()
    [[32.5, 6.5, 6.5, 39.0]]
    """
    known = [kind for kind, hours in removals.groupby("kind")["hours"] if hours.notna().any()]
    if OUT not in known:
        what = "No hours of out-of-school suspensions are known."
        fix = "Name a file with their days (oss_days, or days in an actions log)."
        raise MethodError(Problem("removals", what, fix))
    used = removals[removals["kind"].isin(known)]
    keys = [column for column in SCHOOL if column in removals]
    wide = used.pivot(index=["school_id", "year"], columns="kind", values="hours")
    schools = used.drop_duplicates(["school_id", "year"]).set_index(["school_id", "year"])
    wide = wide.mul(100 / schools["enrolled_n"], axis=0)
    others = [kind for kind in known if kind != OUT]
    wide["other"] = wide[others].sum(axis=1, skipna=False) if others else np.nan
    wide["total"] = wide[known].sum(axis=1, skipna=False)
    wide.columns.name = None
    return (
        schools.join(wide)
        .reset_index()
        .sort_values(["school_id", "year"], ignore_index=True)[[*keys, OUT, *others, "other", "total"]]
    )


def before_after(removals: pd.DataFrame) -> pd.DataFrame:
    """Put removals before and after the program side by side, adopting and comparison schools.

    Use as the table a board reads first; it says nothing of cause. Both arms are shown in the same years:
    those before any school started, and those in which every adopting school had. Years between are left out.

    removals : one row per school, year and kind: school_id, year, start_year, arm, enrolled_n, kind,
               events_n, hours
    Returns kind, label, arm, schools_n, events_before, events_after (per 100 students and year),
    hours_before, hours_after, change (hours per 100; NaN where hours are unknown), out of school first.
    attrs["years"] says which years are which.
    Refuses (MethodError): no program starts; no year before the first start, or after the last.
    """
    if "arm" not in removals or removals["start_year"].notna().sum() == 0:
        what = "No adoption list: no school has a start year."
        raise MethodError(Problem("removals", what, "Name one in sources.adoption."))
    starts = removals["start_year"].dropna()
    years = sorted(set(removals["year"]))
    when = {
        "before": [y for y in years if y < starts.min()],
        "after": [y for y in years if y >= starts.max()],
    }
    if empty := [name for name, listed in when.items() if not listed]:
        what = f"No year lies {empty[0]} the program in all schools."
        raise MethodError(Problem("removals", what, "Use the estimates by school and year instead."))
    parts = [
        _rates(removals[removals["year"].isin(listed)]).add_suffix(f"_{name}")
        for name, listed in when.items()
    ]
    table = parts[0].join(parts[1]).reset_index()
    schools = removals.groupby("arm")["school_id"].nunique()
    table = table.assign(
        label=table["kind"].str.replace("_", " "),
        schools_n=table["arm"].map(schools),
        change=table["hours_after"] - table["hours_before"],
    )
    table = table.sort_values(["kind", "arm"], key=lambda c: c.where(c != OUT, ""), ignore_index=True)
    table.attrs["years"] = {
        name: tuple(school_year(year) for year in listed) for name, listed in when.items()
    }
    measured = ["events_before", "events_after", "hours_before", "hours_after", "change"]
    return table[["kind", "label", "arm", "schools_n", *measured]]


def others_seen(removals: pd.DataFrame) -> tuple[str, ...]:
    """Name the kinds beside out-of-school suspension whose hours the sources show.

    >>> others_seen(pd.DataFrame({"kind": ["out_of_school", "in_school"], "hours": [6.5, 3.0]}))
    ('in school',)
    """
    kinds = removals.dropna(subset="hours")["kind"].unique()
    return tuple(sorted(kind.replace("_", " ") for kind in kinds if kind != OUT))


def _rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Events and hours per 100 students and year, by kind and arm; unknown where a part is unknown."""
    grouped = rows.groupby(["kind", "arm"])
    whole = {name: grouped[name].count() == grouped.size() for name in ("events_n", "hours")}
    sums = grouped[["events_n", "hours", "enrolled_n"]].sum()
    return pd.DataFrame({
        "events": (100 * sums["events_n"] / sums["enrolled_n"]).where(whole["events_n"]),
        "hours": (100 * sums["hours"] / sums["enrolled_n"]).where(whole["hours"]),
    })  # fmt: skip


def substitution(
    other: Estimate, out: Estimate, *, other_left_out: pd.DataFrame, out_left_out: pd.DataFrame
) -> Estimate:
    """Share of the fall in out-of-school hours that other removals took back.

    other, out    : effects on hours per 100 students: of other kinds (or one of them), of out of school
    ..._left_out  : the same without each school: school_id, value
    Returns an Estimate in percent: 0 = nothing came back, 100 = every hour came back in another form, below
    zero = the other kinds fell too; Fieller's interval.
    Refuses (MethodError): out-of-school hours that did not fall, or whose fall is not told from zero.
    """
    if out.value >= 0:
        what = f"Out-of-school hours did not fall (change {out.value:+.3g}), so nothing was to be taken back."
        raise MethodError(Problem("removals", what, "Report the change of each kind."))
    ratio = ratio_of_effects(other, out, part_left_out=other_left_out, whole_left_out=out_left_out)
    words = f"hours of other removals in percent of the fall in out-of-school hours; {ratio.method}"
    return replace(ratio, value=-ratio.value, low=-ratio.high, high=-ratio.low, method=words)
