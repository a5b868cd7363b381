"""What students say they met of the program, beside what the log says was done."""

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.implementation.program_years import in_program
from rpeval.methods.intervals import critical
from rpeval.methods.wording import count_of, refuse

FEWEST = 6


def beside_log(answers: pd.DataFrame, dosed: pd.DataFrame, *, score: str, dose: str) -> pd.DataFrame:
    """Put what students of each school in the program reported beside its logged dose, in the last wave.

    Use it to see whether the log and the students tell of the same program.

    answers : one row per respondent: school_id, wave (start of the school year), start_year, `score` (NaN =
              not answered)
    dosed   : one row per school-year: school_id, year, `dose` (NaN = not logged)
    Returns one row per school in the program with both: school_id, start_year, year, students_n, reported
    (mean score) and logged. Refuses (MethodError) a survey with no wave in the program.

    >>> answers = pd.DataFrame({"school_id": ["a", "a", "b"], "wave": 2020, "start_year": 2019.0,
    ...                         "score": [2.0, 3.0, 1.0]})
    >>> logged = pd.DataFrame({"school_id": ["a", "b"], "year": 2020, "circles": [3.0, 0.5]})
    >>> beside_log(answers, logged, score="score", dose="circles")[["reported", "logged"]].values.tolist()
    [[2.5, 3.0], [1.0, 0.5]]
    """
    last = answers[answers["wave"] == answers["wave"].max()].rename(columns={"wave": "year"})
    told = in_program(last).dropna(subset=[score])
    means = told.groupby(["school_id", "start_year", "year"], as_index=False).agg(
        students_n=(score, "size"), reported=(score, "mean")
    )
    logged = dosed[["school_id", "year", dose]].rename(columns={dose: "logged"}).dropna()
    return means.merge(logged, on=["school_id", "year"]).sort_values("school_id", ignore_index=True)


def agreement(rows: pd.DataFrame) -> Estimate:
    """Associational: how far schools with more in the log are those whose students report more.

    Use it to judge the log, not the program: both can be right and count different things.

    rows : as `beside_log` gives them
    Returns an Estimate: Spearman's rank correlation over schools, from -1 to 1; interval by Fisher's z with
    the variance of Bonett & Wright (2000), Psychometrika 65.
    Refuses (MethodError): fewer than six schools; a log or an answer that is the same in all of them.

    >>> rows = pd.DataFrame({"reported": [1.0, 2, 3, 4, 5, 6], "logged": [1.0, 2, 3, 4, 6, 5]})
    >>> round(agreement(rows).value, 3)
    0.943
    """
    if len(rows) < FEWEST:
        what = f"A log and answers are known of {count_of(len(rows), 'school')} in the program."
        refuse([Problem("exposure", what, f"Use {FEWEST} schools or more; keep the log in each.")])
    if rows["logged"].nunique() < 2 or rows["reported"].nunique() < 2:
        what = "The log, or what students report, is the same in every school."
        refuse([Problem("exposure", what, "Nothing can be learned from equal doses.")])
    value = float(stats.spearmanr(rows["logged"], rows["reported"]).statistic)
    se = np.sqrt((1 + value**2 / 2) / (len(rows) - 3))
    around = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    half = critical() * se
    return Estimate(
        value, low=float(np.tanh(around - half)), high=float(np.tanh(around + half)),
        unit="rank correlation", n=len(rows), n_unit="schools in the program", clusters=len(rows),
        method="associational: Spearman's rank correlation over schools; Fisher's z, Bonett-Wright variance",
    )  # fmt: skip
