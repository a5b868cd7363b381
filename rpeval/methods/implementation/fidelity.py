"""Ratings of fidelity: how many schools carry the program out as meant, and whether raters agree."""

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.implementation.program_years import SCHOOL_YEAR, in_program, school_years
from rpeval.methods.intervals import critical
from rpeval.methods.wording import count_of, needed, refuse


def levels(fidelity: pd.DataFrame | None, schools: pd.DataFrame) -> pd.DataFrame:
    """Give each school's rating in each year, in percent of what the instrument allows.

    Use before anything else on fidelity. Raters of one indicator are averaged first, then indicators. Where a
    school was rated on several days of a year, the last rating of each rater counts.

    fidelity : one row per school, indicator, rater and day: share (0 to 1 of the instrument's range)
    schools  : the panel's school-years
    Returns one row per school-year that was rated: what is known of it, percent, indicators_n, raters_n.
    Refuses (MethodError) a study without ratings.

    >>> ratings = pd.DataFrame({"school_id": "a", "year": 2018, "day": 1, "indicator": ["x", "x", "y"],
    ...                         "rater": ["p", "q", "p"], "share": [0.5, 1.0, 0.25]})
    >>> levels(ratings, pd.DataFrame({"school_id": ["a"], "year": [2018]}))["percent"].tolist()
    [50.0]
    """
    rows = needed(fidelity, "fidelity", "ratings of fidelity", ["share"])
    rows = _last_of_each(rows[rows["share"].notna()])
    each = rows.groupby([*SCHOOL_YEAR, "indicator"])["share"].mean().reset_index()
    made = each.groupby(SCHOOL_YEAR).agg(percent=("share", "mean"), indicators_n=("share", "size"))
    made["raters_n"] = rows.groupby(SCHOOL_YEAR)["rater"].nunique()
    made = made.assign(percent=100 * made["percent"]).reset_index()
    return school_years(schools).merge(made, on=SCHOOL_YEAR).sort_values(SCHOOL_YEAR, ignore_index=True)


def _last_of_each(ratings: pd.DataFrame) -> pd.DataFrame:
    keys = [*SCHOOL_YEAR, "indicator", "rater"]
    known = ratings.sort_values([*keys, "day"], kind="stable")
    return known.drop_duplicates(keys, keep="last")


def at_threshold(rated: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Say of each adopting school whether its last rating in the program reaches the threshold.

    rated : as `levels` gives it; threshold: percent of the instrument's range
    Returns one row per rated adopting school: what is known of its last rated program year, percent, reached
    (0 or 1). Adopting schools without a rating are not in it: count them apart.
    Refuses (MethodError) a study without adoption, or without a rating in a program year.

    >>> rated = pd.DataFrame({"school_id": ["a", "a", "b"], "year": [2018, 2019, 2019], "start_year": 2018.0,
    ...                       "percent": [50.0, 75.0, 60.0]})
    >>> at_threshold(rated, threshold=70)["reached"].tolist()
    [1, 0]
    """
    last = in_program(rated).sort_values(SCHOOL_YEAR).drop_duplicates("school_id", keep="last")
    return last.assign(reached=(last["percent"] >= threshold - 1e-9).astype(int)).reset_index(drop=True)


def rater_agreement(fidelity: pd.DataFrame | None) -> Estimate:
    """Agreement of raters who rated the same school and indicator in a year: weighted kappa, quadratic.

    Use where some schools were rated twice. Raters are interchangeable: each pair counts in both orders. 1:
    they always agree; 0: as much as chance would.

    fidelity : as in `levels`, with score; the last rating of each rater in a year counts
    Returns an Estimate without unit; interval by leaving schools out, on the scale of Fisher's z. n counts
    the ratings in pairs. Where more than two rated, each of k ratings counts k - 1 pairs over k - 1.
    Refuses (MethodError): nobody rated together; scores that never differ; fewer than three schools.
    Source: Cohen (1968), Psychological Bulletin 70; Fleiss & Cohen (1973), Educational and Psychological
    Measurement 33.

    >>> ratings = pd.DataFrame({"school_id": list("aabbcc"), "year": 2018, "day": 1, "indicator": "x",
    ...                         "rater": ["p", "q"] * 3, "score": [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]})
    >>> rater_agreement(ratings).value
    1.0
    """
    rows = needed(fidelity, "fidelity", "ratings of fidelity", ["score"])
    keys = [*SCHOOL_YEAR, "indicator"]
    rows = _last_of_each(rows[rows["score"].notna()])
    several = rows[rows.groupby(keys)["rater"].transform("nunique") > 1]
    if several.empty:
        what = "No two raters rated the same school and indicator in one year."
        refuse([Problem("sources.fidelity", what, "Let two people rate some schools together.")])
    schools = sorted(several["school_id"].unique())
    value, left = _kappa(several, keys), [_kappa(several[several["school_id"] != s], keys) for s in schools]
    if len(schools) < 3 or not np.isfinite([value, *left]).all():
        what = f"Raters met in {count_of(len(schools), 'school')}, or their scores do not differ enough."
        refuse([Problem("sources.fidelity", what, "Let two people rate more schools together.")])
    return _with_interval(value, np.array(left), len(several))


def _kappa(rows: pd.DataFrame, keys: list[str]) -> float:
    """One minus the mean squared difference within cases over the one expected between all ratings."""
    cases = rows.groupby(keys)["score"]
    size, spread = cases.transform("size"), cases.transform("var")
    within = 2 * float(spread.mean())
    y = rows["score"].to_numpy(float)
    between = 2 * float(np.var(y))
    return 1 - within / between if between > 0 and size.min() > 1 else float("nan")


def _with_interval(value: float, left: np.ndarray, n: int) -> Estimate:
    G = len(left)
    words = {"n": n, "n_unit": "ratings", "clusters": G}
    method = "weighted kappa, quadratic weights, interchangeable raters"
    if value > 1 - 1e-12:
        return Estimate(value=1.0, method=f"{method}; no interval, raters never differed", **words)
    z = np.arctanh(np.clip(left, -1 + 1e-12, 1 - 1e-12))
    se = float(np.sqrt((G - 1) / G * ((z - z.mean()) ** 2).sum()))
    half = critical(G - 1) * se
    center = float(np.arctanh(value))
    low, high = (float(np.tanh(center + sign * half)) for sign in (-1, 1))
    return Estimate(value=value, low=low, high=high, df=float(G - 1),
                    method=f"{method}; jackknife by school on Fisher's z, t({G - 1})", **words)  # fmt: skip
