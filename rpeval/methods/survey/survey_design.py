"""Which survey answers can carry a comparison before and after, with and without the program."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.methods.wording import count_of, refuse, school_year, some

SCHOOLS_LEAST = 2


@dataclass(frozen=True, slots=True)
class SurveyDesign:
    """Answers that can carry the comparison.

    rows : y, w, school, wave, first (first wave with the program, inf = none), member (group of interest)
    schools: one row per usable school: first, adopting
    left_out: schools without answers on both sides of the start
    """

    rows: pd.DataFrame
    schools: pd.DataFrame
    left_out: int

    @property
    def cohorts(self) -> list[float]:
        """First waves with the program, one per start."""
        return sorted(self.schools.loc[self.schools.adopting, "first"].unique().tolist())

    @property
    def waves(self) -> list[int]:
        """Waves with answers, in order."""
        return sorted(self.rows["wave"].unique().tolist())


def arrange(
    frame: pd.DataFrame,
    *,
    outcome: str,
    school: str,
    wave: str,
    start: str,
    weight: str | None,
    member: pd.Series | float = 0.0,
    every_wave: bool = False,
) -> SurveyDesign:
    """Keep the answers that can carry the comparison, or refuse with every reason."""
    rows = pd.DataFrame(
        {
            "y": frame[outcome].astype(float),
            "w": 1.0 if weight is None else frame[weight].astype(float),
            "school": frame[school],
            "wave": frame[wave].astype(int),
            "start": frame[start].astype(float).fillna(np.inf),
            "member": member,
        }
    )
    rows = rows[rows["y"].notna() & (rows["w"] > 0)].reset_index(drop=True)
    waves = np.sort(rows["wave"].unique())
    rows["first"] = np.append(waves, np.inf)[np.searchsorted(waves, rows["start"])]
    cells = rows[["school", "wave", "start", "first"]].drop_duplicates()
    _require_steady_start(cells)
    schools = _usable(cells, every=len(waves) if every_wave else None)
    keep = schools[schools["usable"]]
    _require_followed(cells, waves)
    _require_comparison(keep, waves)
    return SurveyDesign(rows[rows["school"].isin(keep.index)], keep, int((~schools["usable"]).sum()))


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


def stack(design: SurveyDesign) -> pd.DataFrame:
    """Put every start's schools beside the comparison schools, one comparison per start."""
    rows, adopts = design.rows, np.isfinite(design.rows["first"])
    cell = rows.groupby(["school", "wave", "member"]).ngroup()
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
