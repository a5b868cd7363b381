"""What followed an incident, by how it was answered: the comparison that starts at the incident."""

import math
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import LEVEL, t_estimate
from rpeval.methods.wording import count_of

RESTORATIVE = "restorative"
OTHERS = ("no_action", "sanction")
MOST_PRIOR, FEWEST_SCHOOLS = 3, 3
EPOCH = date(1970, 1, 1)
HALF_ENDS = (1, 31)  # month and day of the last day of the first half of a school year


@dataclass(frozen=True, slots=True, eq=False)
class RiskSet:
    """Two ways to answer an incident, compared on the incidents that either could have answered.

    difference : chance of what followed, restorative minus others, in percentage points
    odds_ratio : the same as an odds ratio
    table      : answer, incidents_n, followed_n, percent: all eligible incidents, before like meets like
    eligible_n, compared_n : eligible incidents, and those in sets in which both answers were given
    days       : how long was looked
    """

    difference: Estimate
    odds_ratio: Estimate
    table: pd.DataFrame
    eligible_n: int
    compared_n: int
    days: int


def follow(incidents: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Start a clock at every answered incident and see what followed.

    Use before `compare`. Time zero is the incident, so nobody is compared before there was anything to
    answer, and nobody for what happened earlier.

    incidents : one row per incident and student: student, school_id, year, day (whole number), response
                (restorative, sanction, no_action, or "" where it is not known)
    days      : how long to look for another incident of the student on a later day
    Returns the eligible incidents, those with a known answer whose whole window lies before the last day of
    the log in their year: the columns above, prior (incidents of the student earlier in the year, 3 = three
    or more), followed (0 or 1), sorted.
    Refuses (MethodError): no known answer; no window that the log covers.

    >>> log = pd.DataFrame({"student": [1, 1, 2, 3], "school_id": "a", "year": 2018, "day": [0, 20, 0, 60],
    ...                     "response": ["restorative", "sanction", "no_action", "sanction"]})
    >>> follow(log, days=30)[["student", "day", "prior", "followed"]].values.tolist()
    [[1, 0, 0, 1], [2, 0, 0, 0], [1, 20, 1, 0]]
    """
    _check_columns(incidents)
    order = ["day", "student", "school_id", "response"]
    rows = incidents.assign(prior=_prior(incidents)).sort_values(order, ignore_index=True)
    next_day = pd.merge_asof(
        rows[["day", "student"]], rows[["day", "student"]].assign(next_day=rows["day"]),
        on="day", by="student", direction="forward", allow_exact_matches=False,
    )["next_day"]  # fmt: skip
    rows["followed"] = (next_day.to_numpy() - rows["day"].to_numpy() <= days).astype(int)
    whole = rows["day"] + days <= rows.groupby("year")["day"].transform("max")
    eligible = rows[whole & rows["response"].isin([RESTORATIVE, *OTHERS])].reset_index(drop=True)
    if eligible.empty:
        what = f"No answered incident lies {days} days or more before the end of the log in its year."
        raise MethodError(Problem("incidents", what, "Look at fewer days, or use a longer log."))
    return eligible


def _check_columns(incidents: pd.DataFrame) -> None:
    """Refuse a log that does not say who, when, and with what answer."""
    needed = ["student", "school_id", "year", "day", "response"]
    missing = [column for column in needed if column not in incidents]
    if missing:
        what = f"The log of incidents has no {', '.join(missing)}, so no clock can start at an incident."
        raise MethodError(Problem("incidents", what, "Map the columns in sources.incidents."))


def _prior(incidents: pd.DataFrame) -> pd.Series:
    """Count the student's incidents on earlier days of the year, three or more as three."""
    keys = ["student", "year", "day"]
    days = incidents.groupby(keys).size()
    before = days.groupby(["student", "year"]).cumsum() - days
    counts = before.loc[pd.MultiIndex.from_frame(incidents[keys])].to_numpy()
    return pd.Series(np.minimum(counts, MOST_PRIOR), index=incidents.index)


def compare(eligible: pd.DataFrame, *, days: int) -> RiskSet:
    """Compare what followed restorative answers with what followed others, like with like.

    Use where a log says how each incident was answered. Incidents are compared within the same school and
    year, with as many prior incidents; each such set counts by its overlap, n1 n0 / (n1 + n0), so sets in
    which only one answer was given count nothing.

    eligible : from `follow`; days: as there, for the words
    Returns a RiskSet; its intervals leave out each school in turn (jackknife, t with one degree of freedom
    less than schools in which both answers were given).
    Says nothing of cause where answers were chosen for reasons that no column shows.
    Refuses (MethodError): fewer than three schools in which both answers were given to like incidents.
    Source: Mantel & Haenszel (1959); Li, Morgan & Zaslavsky (2018) on overlap weights; Hernán & Robins (2016)
    on time zero.
    """
    sets = _count(eligible, ["school_id", "year", "prior"])
    both = sets[(sets["n1"] > 0) & (sets["n0"] > 0)]
    schools_n = both["school_id"].nunique()
    if schools_n < FEWEST_SCHOOLS:
        what = f"Only {count_of(schools_n, 'school')} gave both answers to like incidents."
        raise MethodError(Problem("incidents", what, "Use a log of more schools or years."))
    sums = both.drop(columns="school_id").groupby(both["school_id"]).sum()
    total = sums.sum()
    rest = total - sums
    shown = eligible.assign(answer=np.where(eligible["response"] == RESTORATIVE, RESTORATIVE, "others"))
    table = shown.groupby("answer")["followed"].agg(incidents_n="size", followed_n="sum").reset_index()
    words = {
        "n": int(total["n1"] + total["n0"]), "n_unit": "incidents", "clusters": schools_n, "level": LEVEL,
        "method": f"incidents within {days} days, within school, year, prior, by overlap; "
                  f"jackknife by school, t({schools_n - 1})",
    }  # fmt: skip
    return RiskSet(
        difference=_difference(total, rest, schools_n, words),
        odds_ratio=_odds_ratio(total, rest, schools_n, words),
        table=table.assign(percent=100 * table["followed_n"] / table["incidents_n"]),
        eligible_n=len(eligible),
        compared_n=words["n"],
        days=days,
    )


def _count(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Count each set: n1, n0 incidents, and the parts of the difference and of the odds ratio."""
    one = rows["response"] == RESTORATIVE
    marks = pd.DataFrame({"n1": one, "n0": ~one, "y1": one & (rows["followed"] == 1)}).astype(float)
    marks["y0"] = rows["followed"] - marks["y1"]
    sets = pd.concat([rows[keys], marks], axis=1).groupby(keys)[list(marks)].sum().reset_index()
    n = sets["n1"] + sets["n0"]
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = sets["n1"] * sets["n0"] / n
        apart = sets["y1"] / sets["n1"] - sets["y0"] / sets["n0"]
    sets["weight"], sets["apart"] = weight, weight * apart
    sets["for"] = sets["y1"] * (sets["n0"] - sets["y0"]) / n
    sets["against"] = sets["y0"] * (sets["n1"] - sets["y1"]) / n
    return sets[["school_id", "n1", "n0", "weight", "apart", "for", "against"]]


def _jackknife_se(value: float, left: np.ndarray) -> float:
    return math.sqrt((len(left) - 1) / len(left) * float(((left - value) ** 2).sum()))


def _difference(total: pd.Series, rest: pd.DataFrame, schools_n: int, words: dict) -> Estimate:
    value, left = total["apart"] / total["weight"], (rest["apart"] / rest["weight"]).to_numpy()
    se = _jackknife_se(value, left)
    return t_estimate(100 * value, 100 * se, schools_n - 1, unit="percentage points", **words)


def _odds_ratio(total: pd.Series, rest: pd.DataFrame, schools_n: int, words: dict) -> Estimate:
    """Mantel and Haenszel's odds ratio, its interval made for the logarithm."""
    if min(total["for"], total["against"], rest["for"].min(), rest["against"].min()) <= 0:
        what = "An answer was never, or always, followed by another incident, so there is no odds ratio."
        raise MethodError(Problem("incidents", what, "Look at more days, or use a log of more schools."))
    value = math.log(total["for"] / total["against"])
    left = np.log(rest["for"] / rest["against"]).to_numpy()
    log = t_estimate(value, _jackknife_se(value, left), schools_n - 1, **words)
    ends = {"low": math.exp(log.low), "high": math.exp(log.high), "p": log.p, "df": log.df}
    return Estimate(value=math.exp(value), unit="odds ratio", **ends, **words)


def ever_participated(incidents: pd.DataFrame, *, seed: int, draws: int = 100) -> NoReturn:
    """Refuse to compare students who ever took part with everyone else who has a record, and say why.

    Use (with `attempt`) to tell a reader why such a comparison is not in the report. Students whose first
    incident comes in the second half of the school year cannot have taken part in the first, yet every one of
    them has the outcome.

    incidents : as in `follow`
    seed, draws : the answers of the first half are dealt again at random, so many times, to see what odds
                  ratio the comparison would show with no effect at all
    Refuses (MethodError) always, with the number of such students and that odds ratio.
    """
    _check_columns(incidents)
    halves = _halves(incidents)
    late_n = int(((halves["first_n"] == 0) & (halves["later_n"] > 0)).sum())
    made = manufactured(incidents, seed=seed, draws=draws)
    others_n = int((halves["restorative_n"] == 0).sum())
    what = (
        f"Participants against everyone with a record is no comparison: {late_n:,} of the {others_n:,} "
        "others have their first incident of the year only in the months in which the outcome is counted, so "
        "they could not take part, and all of them have the outcome. Answers dealt at random among the same "
        f"incidents would show an odds ratio of {made.value:.2f} with no effect at all."
    )
    fix = "Start the clock at the incident: compare what followed like incidents with different answers."
    raise MethodError(Problem("incidents", what, fix))


def manufactured(incidents: pd.DataFrame, *, seed: int, draws: int = 100) -> Estimate:
    """Odds ratio that `ever participated` would show if answers did nothing: they are dealt again at random.

    Inputs as in `ever_participated`. Returns an Estimate without interval, with its Monte Carlo error.
    Refuses (MethodError) where no restorative answer was given in the first half of a year.
    """
    first = incidents[_in_first_half(incidents)]
    first = first.sort_values(["year", "day", "student", "school_id", "response"])
    keys = ["student", "year"]
    halves = _halves(incidents)
    place = pd.MultiIndex.from_frame(first[keys])
    row = halves.index.get_indexer(place)
    restorative = (first["response"] == RESTORATIVE).to_numpy()
    if not restorative.any():
        what = "No incident of the first half of a year had a restorative answer."
        raise MethodError(Problem("incidents", what, "Compare on the incidents of the whole year."))
    again, rng, made = (halves["later_n"] > 0).to_numpy(), np.random.default_rng(seed), []
    for _ in range(draws):
        took = np.zeros(len(halves), bool)
        took[row[rng.permutation(restorative)]] = True
        made.append(_odds(took, again))
    spread = float(np.std(made, ddof=1) / math.sqrt(draws)) if draws > 1 else None
    return Estimate(
        value=float(np.mean(made)), unit="odds ratio", n=len(halves), n_unit="student-years",
        method=f"answers dealt at random {draws} times; ever participated against everyone with a record",
        kind="simulated", mcse=spread,
    )  # fmt: skip


def _in_first_half(incidents: pd.DataFrame) -> pd.Series:
    ends = {year: (date(int(year) + 1, *HALF_ENDS) - EPOCH).days for year in incidents["year"].unique()}
    return incidents["day"] <= incidents["year"].map(ends)


def _halves(incidents: pd.DataFrame) -> pd.DataFrame:
    """Count each student-year's incidents: in the first half, restorative ones of them, and later."""
    early = _in_first_half(incidents)
    marks = incidents[["student", "year"]].assign(
        first_n=early, restorative_n=early & (incidents["response"] == RESTORATIVE), later_n=~early
    )
    return marks.groupby(["student", "year"])[["first_n", "restorative_n", "later_n"]].sum()


def _odds(took: np.ndarray, again: np.ndarray) -> float:
    cells = [float((a & b).sum()) for a in (took, ~took) for b in (again, ~again)]
    a, b, c, d = (cell + 0.5 if min(cells) == 0 else cell for cell in cells)
    return a * d / (b * c)
