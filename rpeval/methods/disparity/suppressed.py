"""Withheld cells as intervals: a zero by suppression is not a zero, and what rests on it is known from-to."""

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.disparity.measures import LEAST_CELL, LEAST_N, Counted
from rpeval.methods.disparity.sides import checked, every_group_everywhere, joined_totals
from rpeval.methods.wording import count_of, refuse, school_year, some

CELL = ["year", "school_id"]
ROUNDING = 1.0


def bound_counts(
    groups: pd.DataFrame, *, affected: str, counted: Counted, totals: pd.DataFrame | None = None,
    most: int | None = None, enrolled: str = "enrolled_n",
) -> pd.DataFrame:  # fmt: skip
    """Say between which numbers each group's count lies, school by school, where cells were withheld.

    Use it before any ratio on published counts by group. A withheld cell is one that is missing; where a
    school-year has none and its groups add up to less than its total, every zero in it may be one. The rows
    are for `bounded_ratios`, not for print: a total gives a lone withheld cell away.

    groups  : one row per year, school_id and group, NaN where withheld; groups share no students
    counted : "students" (a count is at most the enrollment) or "events"
    totals  : all students of the year and school_id, the same columns; the groups' counts add up to them
    most    : the largest group, in students, that the publisher withholds
    Returns one row per year, school_id and group: year, school_id, group, affected_low with low_of (the
    enrollment that makes the risk lowest), affected_high with high_of, the same of all others (others_low,
    others_low_of, others_high, others_high_of), total_n (affected in all, NaN where unknown), short_n (those
    of the total that no group shows), withheld (the cell may be a withheld one).
    Refuses (MethodError): counts that do not fit; groups that add up to more than the total; a withheld count
    or enrollment that nothing bounds.
    Source: bounds by what is known alone, as in Manski (2003), Partial Identification of Probability
    Distributions.

    >>> groups = pd.DataFrame({"year": 2018, "school_id": "a", "group": ["B", "W", "P"],
    ...                        "enrolled_n": [50, 100, 4], "oss_n": [8, 0, 0]})
    >>> totals = pd.DataFrame({"year": 2018, "school_id": ["a"], "enrolled_n": [154], "oss_n": [11]})
    >>> made = bound_counts(groups, affected="oss_n", counted="events", totals=totals)
    >>> made[["group", "affected_low", "affected_high"]].to_numpy().tolist()
    [['B', 8.0, 8.0], ['P', 0.0, 3.0], ['W', 0.0, 3.0]]
    """
    groups = checked(groups, [enrolled, affected], keys=["year", "group"], where="groups")
    cell = groups[[*CELL, "group"]].assign(
        seen=groups[affected].astype(float), n=groups[enrolled].astype(float)
    )
    made = every_group_everywhere(cell)
    made[["all_n", "total_n"]] = np.nan
    if totals is not None:
        given = joined_totals(made, totals, affected=affected, enrolled=enrolled)
        made[["all_n", "total_n"]] = given.round().to_numpy()
    made = _bound_cells(_find_withheld(made), counted, most)
    refuse(_unbounded(made, affected))
    return _bound_others(_bound_jointly(made), counted)[list(BOUNDS)]


BOUNDS = (
    *CELL, "group", "affected_low", "low_of", "affected_high", "high_of", "others_low", "others_low_of",
    "others_high", "others_high_of", "total_n", "short_n", "withheld",
)  # fmt: skip


def _find_withheld(made: pd.DataFrame) -> pd.DataFrame:
    """Mark missing cells, and zeros where no cell is missing and the groups fall short of the total."""
    by_cell = made.groupby(CELL)["seen"]
    seen_n = by_cell.transform("sum")
    over = made[seen_n > made["total_n"] + ROUNDING].drop_duplicates(CELL)
    if len(over):
        cells = some(f"{s} in {school_year(y)}" for y, s in over[CELL].itertuples(index=False))
        counted = count_of(len(over), "school-year")
        what = f"{counted} with groups that add up to more than the total: {cells}."
        refuse([Problem("totals", what, "Compare the two files, or leave these school-years out.")])
    missing = made["seen"].isna()
    marked = missing.groupby([made[c] for c in CELL]).transform("any")
    short = (made["total_n"] - seen_n).clip(lower=0.0)
    zero = (made["seen"] == 0) & (short > 0) & ~marked & (made["n"] != 0)
    return made.assign(short_n=short, withheld=missing | zero)


def _bound_cells(made: pd.DataFrame, counted: Counted, most: int | None) -> pd.DataFrame:
    """Bound every cell by itself: by what its school-year lacks and, for students, by its enrollment."""
    rule = np.inf if most is None else float(most)
    rest = (made["all_n"] - made.groupby(CELL)["n"].transform("sum")).clip(lower=0.0).fillna(np.inf)
    made["n_low"], made["n_high"] = made["n"].fillna(0.0), made["n"].fillna(np.minimum(rest, rule))
    made["n_low"], made["n_high"] = _share_out(made, "n_low", "n_high", "all_n")[:2]
    high = made["short_n"].fillna(np.inf)
    if counted == "students":
        high = np.minimum(high, made["n_high"])
    made["affected_low"] = made["seen"].fillna(0.0)
    made["affected_high"] = made["seen"].mask(made["withheld"], high)
    return made


def _unbounded(made: pd.DataFrame, affected: str) -> list[Problem]:
    wild = made[~np.isfinite(made["affected_high"]) | ~np.isfinite(made["n_high"])]
    if wild.empty:
        return []
    whose = some(sorted(wild["group"].unique()))
    what = f"{count_of(len(wild), 'withheld cell')} that no total and no rule bounds ({whose})."
    fix = "Give the schools' totals, and the largest group that the publisher withholds."
    return [Problem(f"groups: {affected}", what, fix)]


def _bound_jointly(made: pd.DataFrame) -> pd.DataFrame:
    """Let the total of a school-year speak: what the others cannot have, the group has."""
    low, high, rest_low, rest_high, total = _share_out(made, "affected_low", "affected_high", "total_n")
    known = made["total_n"].notna()
    return made.assign(
        affected_low=low, affected_high=high,
        others_low=rest_low.mask(known, total - high), others_high=rest_high.mask(known, total - low),
    )  # fmt: skip


def _share_out(made: pd.DataFrame, low: str, high: str, total: str) -> tuple[pd.Series, ...]:
    """Narrow the bounds of the groups that share a total; give also those of the rest, and the total."""
    sums = made.groupby(CELL)[[low, high]].transform("sum")
    rest_low, rest_high = sums[low] - made[low], (sums[high] - made[high]).fillna(np.inf)
    whole = np.maximum(made[total], sums[low])
    placed = whole <= sums[high]  # else some of the total belongs to no group
    narrow_low = made[low].mask(placed, np.maximum(made[low], whole - rest_high))
    narrow_high = made[high].mask(placed, np.minimum(made[high], whole - rest_low))
    return narrow_low, narrow_high, rest_low, rest_high, whole


def _bound_others(made: pd.DataFrame, counted: Counted) -> pd.DataFrame:
    """Give each bound the enrollment that goes with it; one more student affected is one more enrolled."""
    students = counted == "students"
    made["low_of"] = made["n_high"]
    made["high_of"] = np.maximum(made["n_low"], made["affected_high"]) if students else made["n_low"]
    sums = made.groupby(CELL)[["low_of", "high_of"]].transform("sum")
    known = made["all_n"].notna()
    least = made["all_n"] - made["n_high"]
    least = np.maximum(least, made["others_high"]) if students else least
    made["others_low_of"] = (sums["low_of"] - made["low_of"]).mask(known, made["all_n"] - made["n_low"])
    made["others_high_of"] = (sums["high_of"] - made["high_of"]).mask(known, least)
    return made


def bounded_ratios(
    bounds: pd.DataFrame, *, least_cell: int = LEAST_CELL, least_n: int = LEAST_N
) -> pd.DataFrame:
    """Carry the bounds of withheld cells to each group's risk, ratio and difference, by year.

    Use it to print from-to where cells were withheld. The bounds hold whatever the withheld cells are; they
    are no confidence interval and say nothing of chance.

    bounds : as `bound_counts` returns them
    Returns one row per year and group: year, group, affected_low, affected_high, risk_low, risk_high (per
    100), others_risk_low, others_risk_high, ratio_low, ratio_high (missing where the others may have none),
    difference_low, difference_high (per 100), withheld_n (cells that may be withheld), cells_n, rule (why
    there is no ratio, or ""; at the lower bounds, as in `disproportion`).

    >>> groups = pd.DataFrame({"year": 2018, "school_id": ["a", "a", "b", "b"], "group": ["B", "W"] * 2,
    ...                        "enrolled_n": [100, 200, 100, 200], "oss_n": [20, 10, 10, float("nan")]})
    >>> totals = pd.DataFrame({"year": 2018, "school_id": ["a", "b"], "enrolled_n": 300, "oss_n": [30, 15]})
    >>> made = bounded_ratios(bound_counts(groups, affected="oss_n", counted="events", totals=totals))
    >>> made[["ratio_low", "ratio_high"]].to_numpy().tolist()[0]
    [4.0, 4.0]
    """
    numbers = [c for c in BOUNDS[3:-1] if c.endswith(("low", "high", "of"))]
    sums = bounds.groupby(["year", "group"], as_index=False).agg(
        **{c: (c, "sum") for c in numbers}, withheld_n=("withheld", "sum"), cells_n=("withheld", "size")
    )
    for risk, count, of in RISKS:
        sums[risk] = 100 * sums[count] / sums[of].where(sums[of] > 0)
    sums["rule"] = _too_small(sums, least_cell, least_n)
    shown = sums["rule"] == ""
    low, high = sums["others_risk_low"], sums["others_risk_high"]
    return sums.assign(
        ratio_low=(sums["risk_low"] / high.where(high > 0)).where(shown),
        ratio_high=(sums["risk_high"] / low.where(low > 0)).where(shown),
        difference_low=sums["risk_low"] - high,
        difference_high=sums["risk_high"] - low,
    )[[
        "year", "group", "affected_low", "affected_high", "risk_low", "risk_high", "others_risk_low",
        "others_risk_high", "ratio_low", "ratio_high", "difference_low", "difference_high", "withheld_n",
        "cells_n", "rule",
    ]]  # fmt: skip


RISKS = (
    ("risk_low", "affected_low", "low_of"), ("risk_high", "affected_high", "high_of"),
    ("others_risk_low", "others_low", "others_low_of"), ("others_risk_high", "others_high", "others_high_of"),
)  # fmt: skip


def _too_small(sums: pd.DataFrame, cell: int, n: int) -> np.ndarray:
    least = [
        (sums["high_of"] < n, f"group may be under {n} students"),
        (sums["affected_low"] < cell, f"group may be under {cell} affected"),
        (sums["others_high_of"] < n, f"others may be under {n} students"),
        (sums["others_low"] < cell, f"others may be under {cell} affected"),
    ]
    words = [f"not calculable ({said})" for _, said in least]
    return np.select([fails for fails, _ in least], words, default="")
