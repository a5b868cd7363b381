"""Relative rates by stage: where between being enrolled and days lost a difference arises."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.disparity.sides import checked
from rpeval.methods.wording import refuse

COLUMNS = [
    "year", "group", "stage", "count", "base", "rate", "others_rate", "ratio", "product", "rule",
]  # fmt: skip


def relative_rates(counts: pd.DataFrame, *, stages: Sequence[str], least_cell: int = 10) -> pd.DataFrame:
    """Take a difference apart by stage: each group's rate per step, relative to that of all others.

    Use it to see whether groups differ in being referred, in what a referral leads to, or in how long the
    removal is. The steps' ratios multiply to the overall ratio, exactly.

    counts : one row per year, group (groups share no students) and, where known, school_id; a column per
             stage, NaN where unknown: such a row is left out whole
    stages : columns from the first to the last, like ["enrolled_n", "incidents_n", "oss_n", "oss_days"]: a
             rate is a stage over the one before it
    Returns one row per year, group and step, then one from the first stage to the last ("overall"):
    year, group, stage ("oss_n per incidents_n"), count, base, rate, others_rate, ratio, product (of the
    ratios so far), rule. A ratio is missing, and rule says why, where a stage counts under `least_cell` on
    either side; then so is every product after it.
    Refuses (MethodError): fewer than two stages; counts that do not fit.
    Source: the relative rate index of juvenile justice reporting.

    >>> counts = pd.DataFrame({"year": 2018, "group": ["B", "W"], "enrolled_n": [100, 200],
    ...                        "incidents_n": [40, 40], "oss_n": [20, 10]})
    >>> relative_rates(counts, stages=["enrolled_n", "incidents_n", "oss_n"])["ratio"].tolist()[:3]
    [2.0, 2.0, 4.0]
    """
    if len(stages) < 2:
        fix = "Name the columns from enrollment to the last stage."
        refuse([Problem("stages", f"{len(stages)} stage makes no rate.", fix)])
    stages, keys = list(stages), ["year", "group"]
    known = checked(counts, stages, keys=keys, where="groups").dropna(subset=stages)
    sums = known.groupby(keys)[stages].sum().astype(float)
    others = sums.groupby("year").transform("sum") - sums
    rows = []
    for key in sums.index:
        own, other, product = sums.loc[key], others.loc[key], 1.0
        for base, stage in pairwise(stages):
            *step, ratio, rule = _step(own, other, stage, base, least_cell)
            product *= ratio
            rows.append((*key, f"{stage} per {base}", *step, ratio, product, rule))
        *step, ratio, rule = _step(own, other, stages[-1], stages[0], least_cell)
        rows.append((*key, "overall", *step, ratio, product, rule))
    return pd.DataFrame(rows, columns=COLUMNS)


def _step(own: pd.Series, others: pd.Series, stage: str, base: str, least: int) -> tuple:
    """Give count, base, the two rates, their ratio and why there is none."""
    rates = [float(side[stage] / side[base]) if side[base] > 0 else math.nan for side in (own, others)]
    sides = (("group", own), ("others", others))
    short = [
        f"{who} under {least} {name}" for who, side in sides for name in (base, stage) if side[name] < least
    ]
    if not short and rates[1] == 0:
        short = [f"others without {stage}"]
    ratio = math.nan if short else rates[0] / rates[1]
    return own[stage], own[base], *rates, ratio, f"not calculable ({short[0]})" if short else ""
