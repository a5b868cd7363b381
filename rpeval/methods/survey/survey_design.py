"""Which survey answers can carry a comparison before and after, with and without the program."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.methods.wording import count_of, refuse, school_year, some

SCHOOLS_LEAST = 2


@dataclass(frozen=True, slots=True, eq=False)
class SurveyDesign:
    """Answers that can carry the comparison, checked by `lay_out`.

    rows     : y, w, school, wave, first (first wave with the program, inf = none); index: the answer's place
    schools  : one row per usable school: first, adopting
    left_out : schools without answers on both sides of the start
    answers, outcome, weight, unit : what it was laid out from
    """

    rows: pd.DataFrame
    schools: pd.DataFrame
    left_out: int
    answers: pd.DataFrame
    outcome: str
    weight: str | None
    unit: str

    @property
    def cohorts(self) -> list[float]:
        """First waves with the program, one per start."""
        return sorted(self.schools.loc[self.schools.adopting, "first"].unique().tolist())

    @property
    def sample(self) -> dict:
        """What an Estimate says of the answers and schools behind it."""
        return {"n": len(self.rows), "n_unit": "students", "treated": int(self.schools["adopting"].sum())}

    def of(self, answers: pd.DataFrame, *, every_wave: bool = False) -> "SurveyDesign":
        """Lay other answers out in the same way; `every_wave`: only schools that answered in all of them."""
        return _lay_out(answers, self.outcome, self.weight, self.unit, every_wave)


def lay_out(
    answers: pd.DataFrame, *, outcome: str, weight: str | None = None, unit: str = "scale points"
) -> SurveyDesign:
    """Check that answers can carry a difference-in-differences estimate, and lay them out.

    Use it once for each outcome: every method that asks what the program did to answers takes a SurveyDesign.

    answers : one row per answer, the same students in every wave or new ones: school_id, wave (a year),
              start_year (first program year of the school, missing = never) and the outcome; a missing
              outcome leaves
    weight  : column of sampling weights; None: every answer counts the same
    unit    : of the outcome
    Returns a SurveyDesign. Schools without answers before and after their start are set aside and counted.
    Refuses (MethodError): a single wave; a start that varies within a school; waves that share no school;
    fewer than two adopting schools with answers before and after; fewer than two schools not yet started in
    the last wave.

    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> sample = lay_out(cells, outcome="score")
    >>> sample.cohorts, sample.sample
    ([2020.0], {'n': 8, 'n_unit': 'students', 'treated': 2})
    """
    return _lay_out(answers, outcome, weight, unit, every_wave=False)


def _lay_out(
    answers: pd.DataFrame, outcome: str, weight: str | None, unit: str, every_wave: bool
) -> SurveyDesign:
    """Keep the answers that can carry the comparison, or refuse with every reason."""
    known = {
        "y": answers[outcome].astype(float),
        "w": 1.0 if weight is None else answers[weight].astype(float),
        "school": answers["school_id"],
        "wave": answers["wave"].astype(int),
        "start": answers["start_year"].astype(float).fillna(np.inf),
    }
    rows = pd.DataFrame(known).reset_index(drop=True)
    rows = rows[rows["y"].notna() & (rows["w"] > 0)]
    waves = np.sort(rows["wave"].unique())
    rows["first"] = np.append(waves, np.inf)[np.searchsorted(waves, rows["start"])]
    cells = rows[["school", "wave", "start", "first"]].drop_duplicates()
    _require_steady_start(cells)
    schools = _usable(cells, every=len(waves) if every_wave else None)
    keep = schools[schools["usable"]]
    _require_followed(cells, waves)
    _require_comparison(keep, waves)
    rows = rows[rows["school"].isin(keep.index)]
    return SurveyDesign(rows, keep, int((~schools["usable"]).sum()), answers, outcome, weight, unit)


def _usable(cells: pd.DataFrame, *, every: int | None) -> pd.DataFrame:
    """Say of every school whether it adopted, and whether its waves can show a change."""
    grouped = cells.assign(before=cells["wave"] < cells["first"]).groupby("school")
    before_n, waves_n, first = grouped["before"].sum(), grouped.size(), grouped["first"].min()
    adopting = np.isfinite(first)
    usable = np.where(adopting, (before_n > 0) & (before_n < waves_n), waves_n > 1)
    if every is not None:
        usable &= waves_n == every
    return pd.DataFrame({"first": first, "adopting": adopting, "usable": usable})


def _require_steady_start(cells: pd.DataFrame) -> None:
    """Refuse a school with more than one start."""
    starts = cells[["school", "start"]].drop_duplicates()
    wrong = sorted(starts.loc[starts["school"].duplicated(), "school"].unique())
    if wrong:
        what = f"{count_of(len(wrong), 'school')} with more than one first program year: {some(wrong)}."
        raise MethodError(Problem("start", what, "Give every school one first program year, or none."))


def _require_followed(cells: pd.DataFrame, waves: np.ndarray) -> None:
    """Refuse waves that share no school: each sampled other schools, or wrote their ids differently."""
    schools_n = cells["school"].nunique()
    if len(waves) > 1 and len(cells) == schools_n:
        what = f"None of {schools_n} schools answered in more than one wave, so no school can be followed."
        fix = "Write ids alike in every wave; where waves sample other schools, compare their means instead."
        raise MethodError(Problem("survey", what, fix))


def _require_comparison(schools: pd.DataFrame, waves: np.ndarray) -> None:
    """Refuse too few waves, adopting schools or comparison schools, all reasons at once."""
    if len(waves) < 2:
        what = f"The survey has {count_of(len(waves), 'wave')} with answers."
        refuse([Problem("survey", what, "Add a wave on the other side of the program's first year.")])
    adopting = schools[schools["adopting"]]
    comparing_n, problems = len(schools) - len(adopting), []
    if len(adopting) < SCHOOLS_LEAST:
        counted = count_of(len(adopting), "adopting school")
        what = f"{counted} answered before and after the start; {SCHOOLS_LEAST} are needed."
        problems.append(Problem("survey", what, "Add waves before and after the start, or more schools."))
    if comparing_n < SCHOOLS_LEAST:
        counted = count_of(comparing_n, "school")
        what = f"{counted} with two waves had not started by the last one; {SCHOOLS_LEAST} are needed."
        problems.append(Problem("survey", what, _mend_comparison(adopting)))
    refuse(problems)


def _mend_comparison(adopting: pd.DataFrame) -> str:
    """Say which waves would leave schools to compare with, where some would."""
    last = adopting["first"].max()
    later_n = int((adopting["first"] == last).sum())
    if adopting["first"].nunique() < 2 or later_n < SCHOOLS_LEAST:
        return "Add schools without the program to the survey."
    return f"Use only the waves before {school_year(last)}, when {later_n} schools had not yet started."


def stack(design: SurveyDesign, member: np.ndarray | float = 0.0) -> pd.DataFrame:
    """Put every start's schools beside the comparison schools, one comparison per start.

    member : one per answer of the design; answers are of one cell only where it is the same
    """
    rows = design.rows.assign(member=member)
    cell, adopts = rows.groupby(["school", "wave", "member"]).ngroup(), np.isfinite(rows["first"])
    parts = [
        rows[(rows["first"] == cohort) | ~adopts].assign(cohort=cohort, cell=cell * len(design.cohorts) + k)
        for k, cohort in enumerate(design.cohorts)
    ]
    stacked = pd.concat(parts, ignore_index=True)
    return stacked.assign(treated=(stacked["wave"] >= stacked["first"]).astype(float))


def wave_columns(rows: pd.DataFrame) -> np.ndarray:
    """Give every wave its own zero-one column in every comparison."""
    cell = rows["cohort"] * 10_000 + rows["wave"]
    return (cell.to_numpy()[:, None] == np.sort(cell.unique())[None, :]).astype(float)
