"""Significant disproportionality under IDEA (34 CFR 300.647): a state's rule, a district's counts."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.disparity.sides import checked, compare_sides
from rpeval.methods.disparity.uncertainty import NONE
from rpeval.methods.wording import refuse, some

CATEGORIES = {
    "identified": "Identified as a child with a disability",
    "intellectual_disability": "Identified: intellectual disability",
    "specific_learning_disability": "Identified: specific learning disability",
    "emotional_disturbance": "Identified: emotional disturbance",
    "speech_language": "Identified: speech or language impairment",
    "other_health": "Identified: other health impairment",
    "autism": "Identified: autism",
    "regular_class_under_40": "In a regular class less than 40 percent of the day",
    "separate_or_residential": "In a separate school or residential facility",
    "oss_10_or_less": "Out-of-school suspension or expulsion, 10 days or fewer",
    "oss_over_10": "Out-of-school suspension or expulsion, more than 10 days",
    "iss_10_or_less": "In-school suspension, 10 days or fewer",
    "iss_over_10": "In-school suspension, more than 10 days",
    "removals": "Disciplinary removals in total",
}
GROUPS = (
    "Hispanic", "American Indian or Alaska Native", "Asian", "Black", "Pacific Islander", "White",
    "Two or more races",
)  # fmt: skip
TINY = 1e-9  # a fall of 0.3 as floats is a fall of 0.3
JUDGED = ("ratio", "kind", "above", "fewer_n", "more_n", "rule")
COLUMNS = (
    "year", "category", "group", "cell_n", "of_n", "risk", "ratio", "kind", "threshold", "above",
    "years_above", "progress", "flagged", "fewer_n", "more_n", "rule",
)  # fmt: skip


def significant_disproportionality(
    counts: pd.DataFrame, *, thresholds: Mapping[str, float], cell: int, n: int, years: int,
    progress_fall: float | None = None, state: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Apply a state's rule for significant disproportionality, category by category and group by group.

    Use it to see where a district stands under IDEA and how near a flag is. A state decides; this only
    repeats its arithmetic.

    counts     : the district: year, category (codes as in CATEGORIES), group (as in GROUPS), cell_n (children
                 of the group with the outcome) and of_n (children of the group: all for identification, those
                 with disabilities for placement and discipline), NaN where unknown
    thresholds : the state's threshold by category; exceeding it counts, meeting it does not
    cell, n    : fewest children with the outcome and fewest children, for the group and for its comparison
    years      : how many consecutive years above the threshold make a flag
    progress_fall : a fall of the ratio by at least this much in each of the last two years is reasonable
                 progress and spares the flag; None where the state has no such rule
    state      : the state's counts, the same columns, for the alternate risk ratio
    Returns one row per year, category and group: year, category, group, cell_n, of_n, risk (per 100), ratio,
    kind ("risk ratio", "alternate risk ratio" or ""), threshold, above, years_above (consecutive years up to
    this one), progress, flagged, fewer_n (how many fewer children with the outcome would end "above"), more_n
    (how many more would begin it), rule (why there is no ratio, or "": so where another group's count is
    unknown, because "all others" would be wrong). Above and progress are missing where they cannot be told.
    Refuses (MethodError): a category without a threshold; an unknown category or group; more children with
    the outcome than there are.
    Source: 34 CFR 300.647(a), (b), (c) and (d).

    >>> counts = pd.DataFrame({"year": 2018, "category": "removals", "group": ["Black", "White"],
    ...                        "cell_n": [40, 30], "of_n": [100, 300]})
    >>> made = significant_disproportionality(counts, thresholds={"removals": 3.0}, cell=10, n=30, years=1)
    >>> made[["group", "ratio", "flagged", "fewer_n"]].to_numpy().tolist()[0]
    ['Black', 4.0, True, 10.0]
    """
    sides = _sides(counts, "counts")
    refuse(_unfit(sides, thresholds))
    there = {} if state is None else dict(_keyed(_sides(state, "state")))
    rows = [
        _judge(row, there.get(key), Fraction(str(thresholds[row.category])), cell, n)
        for key, row in _keyed(sides)
    ]
    made = sides.join(
        pd.DataFrame(rows, columns=list(JUDGED), index=sides.index).astype({"above": "boolean"})
    )
    made = made.rename(columns={"affected_n": "cell_n", "enrolled_n": "of_n"})
    risk = 100 * made["cell_n"] / made["of_n"].where(made["of_n"] > 0)
    made = made.assign(threshold=made["category"].map(thresholds), risk=risk.mask(made["withheld"]))
    return _follow(made, years, progress_fall)[list(COLUMNS)]


def _sides(counts: pd.DataFrame, where: str) -> pd.DataFrame:
    """Set each group against all others within year and category."""
    counts = checked(counts, ["cell_n", "of_n"], keys=["year", "category", "group"], where=where)
    parts = [
        compare_sides(rows.drop(columns="category"), affected="cell_n", enrolled="of_n").assign(
            category=category
        )
        for category, rows in counts.groupby("category")
    ]
    sides = pd.concat(parts, ignore_index=True)
    unknown = sides.groupby(["year", "category"])["withheld"].transform("any")
    return sides.assign(unknown=unknown).sort_values(["year", "category", "group"], ignore_index=True)


def _keyed(sides: pd.DataFrame) -> list[tuple]:
    return [((row.year, row.category, row.group), row) for row in sides.itertuples(index=False)]


def _unfit(sides: pd.DataFrame, thresholds: Mapping[str, float]) -> list[Problem]:
    known = set(sides["category"])
    over = set(sides.loc[sides["affected_n"] > sides["enrolled_n"], "category"])
    found = [
        (known - set(CATEGORIES), "category", "Unknown categories", f"Use these: {', '.join(CATEGORIES)}."),
        (known & set(CATEGORIES) - set(thresholds), "thresholds", "Categories without a threshold",
         "Write the state's threshold into its rules."),
        (set(sides["group"]) - set(GROUPS), "group", "Unknown groups", f"Use these: {', '.join(GROUPS)}."),
        (over, "cell_n", "More children with the outcome than there are", "Check what of_n counts."),
    ]  # fmt: skip
    return [
        Problem(f"counts: {where}", f"{what}: {some(sorted(names))}.", fix)
        for names, where, what, fix in found
        if names
    ]


def _judge(row: Any, state: Any, threshold: Fraction, cell: int, n: int) -> tuple:
    """Give what JUDGED names, in exact fractions, so that a ratio of 3 does not exceed a threshold of 3.0."""
    others, kind, rule = _comparison(row, state, cell, n)
    if rule:
        return math.nan, "", pd.NA, math.nan, math.nan, f"not calculated: {rule}"
    a, of, other_a, other_of = (Fraction(int(x)) for x in (row.affected_n, row.enrolled_n, *others))
    ratio, most = (a / of) / (other_a / other_of), math.floor(threshold * of * other_a / other_of)
    if ratio > threshold:
        return float(ratio), kind, True, float(min(a - most, a - cell + 1)), math.nan, ""
    return float(ratio), kind, False, math.nan, float(most + 1 - a) if most < of else math.nan, ""


def _comparison(row: Any, state: Any, cell: int, n: int) -> tuple[tuple[float, float], str, str]:
    """Find the counts to compare with: the others here, else the others in the state, else why not."""

    def enough(side: Any) -> bool:
        return side.others_affected_n >= max(cell, 1) and side.others_enrolled_n >= n

    def others(side: Any) -> tuple[float, float]:
        return side.others_affected_n, side.others_enrolled_n

    if row.withheld:
        return NONE, "", "the group's count is unknown"
    if row.affected_n < cell or row.enrolled_n < n:
        return NONE, "", f"the group has under {cell} with the outcome or under {n} children"
    if row.unknown:
        return NONE, "", "another group's count is unknown"
    if enough(row):
        return others(row), "risk ratio", ""
    if state is None:
        return NONE, "", "the others are too few, and the state's counts are not given"
    if state.unknown or not enough(state):
        return NONE, "", "the others are too few, also in the state"
    return others(state), "alternate risk ratio", ""


def _follow(made: pd.DataFrame, years: int, fall: float | None) -> pd.DataFrame:
    """Count consecutive years above the threshold, look for progress, and flag."""
    keys = ["category", "group"]
    made = made.sort_values([*keys, "year"], ignore_index=True)
    before = made.groupby(keys)[["year", "ratio"]].shift()
    follows, above = made["year"].eq(before["year"] + 1), made["above"].fillna(False).astype(bool)
    spell = (~above | ~follows).cumsum()
    made["years_above"] = above.groupby(spell).cumsum().astype(int)
    fell = (before["ratio"] - made["ratio"]).where(follows)
    earlier = fell.groupby([made[k] for k in keys]).shift().where(follows)
    told = fell.notna() & earlier.notna() & (fall is not None)
    both = (fell >= (fall or 0.0) - TINY) & (earlier >= (fall or 0.0) - TINY)
    made["progress"] = both.astype("boolean").where(told)
    made["flagged"] = (made["years_above"] >= years) & ~made["progress"].fillna(False).astype(bool)
    return made.sort_values(["year", *keys], ignore_index=True)
