"""Look at a panel before it is used: ids, years, start years and numbers, each problem with its fix."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.wording import count_of, name_schools, school_year, some


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns a design was laid out from; `weights` is None where every school-year counts the same."""

    outcome: str
    weights: str | None = None

    @property
    def needed(self) -> list[str]:
        """These and the ones that every panel has, each once."""
        named = ("school_id", "year", "start_year", self.outcome, self.weights)
        return list(dict.fromkeys(name for name in named if name))


NO_ADOPTION = Problem(
    "panel: start_year",
    "No adoption list: no school has a start year.",
    "Name one in sources.adoption, with the first program year of each adopting school.",
)


def check_columns(panel: pd.DataFrame, columns: Columns) -> list[Problem]:
    """Look for the columns a method was told to use."""
    if "start_year" not in panel.columns:
        return [NO_ADOPTION]
    missing = [column for column in columns.needed if column not in panel.columns]
    problems = [
        Problem(f"panel: {column}", f"There is no column {column}.", f"Name one of: {some(panel.columns)}.")
        for column in missing
    ]
    if not problems and panel.empty:
        problems = [Problem("panel", "There are no rows.", "Check the path and filters of sources.panel.")]
    return problems


def check_values(panel: pd.DataFrame, columns: Columns) -> list[Problem]:
    """Look for values that cannot be read: ids, years, starts, numbers; then for rows that contradict."""
    problems = [*check_ids(panel), *check_years(panel), *check_starts(panel)]
    problems += [*check_number(panel, columns), *check_weights(panel, columns)]
    return problems or check_repeats(panel)


def check_ids(panel: pd.DataFrame) -> list[Problem]:
    """Look for rows that belong to no school."""
    missing_n = int(panel["school_id"].isna().sum())
    if not missing_n:
        return []
    what = f"{count_of(missing_n, 'row')} without a school id."
    return [Problem("panel: school_id", what, "Give every row its school's id.")]


def whole(values: pd.Series) -> np.ndarray:
    """Say which values are whole numbers (text and missing values are not)."""
    if not pd.api.types.is_numeric_dtype(values):
        return np.zeros(len(values), dtype=bool)
    number = values.to_numpy(dtype=float, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        return np.isfinite(number) & (number == np.floor(number))


def check_years(panel: pd.DataFrame) -> list[Problem]:
    """Look for years that are text, missing or fractions."""
    bad = ~whole(panel["year"])
    if not bad.any():
        return []
    shown = some(panel["year"][bad].unique())
    what = f"{count_of(int(bad.sum()), 'row')} whose year is not a whole number ({shown})."
    fix = 'Give the calendar year in which the school year starts: 2018 for "2018-19".'
    return [Problem("panel: year", what, fix)]


def check_starts(panel: pd.DataFrame) -> list[Problem]:
    """Look for start years that are not years, or that differ within a school."""
    values, where = panel["start_year"], "panel: start_year"
    if values.isna().all():
        return [NO_ADOPTION]
    bad = values.notna().to_numpy() & ~whole(values)
    if not bad.any():
        bad = np.nan_to_num(values.to_numpy(dtype=float, na_value=np.nan), nan=1.0) <= 0
    if bad.any():
        what = f"{count_of(int(bad.sum()), 'row')} whose start is not a year ({some(values[bad].unique())})."
        fix = "Give the first program year as a whole number; leave it empty for schools that never started."
        return [Problem(where, what, fix)]
    codes, units = pd.factorize(panel["school_id"], sort=True)
    number = values.to_numpy(dtype=float, na_value=np.nan)
    first = np.full(len(units) + 1, np.nan)
    first[codes[::-1]] = number[::-1]
    differs = ~np.isclose(number, first[codes], equal_nan=True)
    if not differs.any():
        return []
    schools = name_schools(panel, np.unique(codes[differs]), units)
    what = f"The start varies within {count_of(len(schools), 'school')}: {some(schools)}."
    fix = "Give each school one first program year; a school that stopped or left cannot be a second start."
    return [Problem(where, what, fix)]


def check_number(panel: pd.DataFrame, columns: Columns) -> list[Problem]:
    """Look for an outcome that is text."""
    if pd.api.types.is_numeric_dtype(panel[columns.outcome]):
        return []
    what = "The outcome is not a number."
    return [Problem(f"panel: {columns.outcome}", what, "Give a numeric column; leave unknown values empty.")]


def check_weights(panel: pd.DataFrame, columns: Columns) -> list[Problem]:
    """Look for school-years that have an outcome and no usable weight."""
    if columns.weights is None:
        return []
    where, given = f"panel: {columns.weights}", panel[columns.weights]
    fix = "Give every school-year with an outcome a weight of zero or more, or use equal weights."
    if not pd.api.types.is_numeric_dtype(given):
        return [Problem(where, "The weight is not a number.", fix)]
    weight = given.to_numpy(dtype=float, na_value=np.nan)
    bad = panel[columns.outcome].notna().to_numpy() & ~(np.isfinite(weight) & (weight >= 0))
    if not bad.any():
        return []
    schools = some(panel["school_id"][bad].unique())
    what = f"{count_of(int(bad.sum()), 'school-year')} with an outcome and no usable weight: {schools}."
    return [Problem(where, what, fix)]


def check_repeats(panel: pd.DataFrame) -> list[Problem]:
    """Look for school-years that appear twice."""
    keys = ["school_id", "year"]
    twice = panel.duplicated(keys)
    if not twice.any():
        return []
    cells = [f"{u} in {school_year(t)}" for u, t in panel.loc[twice, keys].itertuples(index=False)]
    what = f"{count_of(len(cells), 'school-year')} more than once: {some(sorted(set(cells)))}."
    return [Problem("panel: school_id, year", what, "Keep one row for each school and year.")]
