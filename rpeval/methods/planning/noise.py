"""How much a district's schools change from year to year without a program: by chance, and by drift."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from rpeval.errors import MethodError, Problem
from rpeval.methods.wording import count_of, school_year

LEAST_SCHOOLS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Years:
    """A panel as arrays, schools in order of id (G) by years (T): outcome and students, NaN where unknown."""

    Y: np.ndarray
    students: np.ndarray
    times: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What a school's outcome does without a program, beside its own level and the year's.

    variance   : of each school in a year, around its own path (G, in order of school id); larger for smaller
                 schools where the panel shows that
    drift      : variance that a school's path gains each year, and does not lose again
    drift_seen : whether the years could tell drift from chance; if not, `drift` is zero for want of years
    changes_n  : changes of a school between two years that this rests on
    error      : standard error of the noise's standard deviation, percent of it; whatever is planned from
                 this noise is uncertain by about as much
    years      : the years it rests on, in order

    >>> even_noise(14).variance.tolist() == [1.0] * 14
    True
    """

    variance: np.ndarray
    drift: float
    drift_seen: bool
    changes_n: int
    error: float
    years: tuple[int, ...]


def even_noise(schools_n: int, *, sd: float = 1.0) -> Noise:
    """Suppose schools that are all alike and do not drift: for a first look without any data, and for tests.

    >>> even_noise(3, sd=2.0).variance.tolist()
    [4.0, 4.0, 4.0]
    """
    return Noise(np.full(schools_n, sd**2), drift=0.0, drift_seen=False, changes_n=0, error=0.0, years=())


def before_program(panel: pd.DataFrame) -> pd.DataFrame:
    """Keep the years before the first school starts the program, or all years where no school starts.

    Use it first, so that nothing that is planned rests on a year with the program in it.

    panel : one row per school and year, with start_year where schools start
    Refuses (MethodError) a study with fewer than two such years.

    >>> panel = pd.DataFrame({"school_id": "a", "year": [2015, 2016, 2017], "start_year": 2017.0})
    >>> before_program(panel)["year"].tolist()
    [2015, 2016]
    """
    first = panel["start_year"].min() if "start_year" in panel else np.nan
    early = panel if np.isnan(first) else panel[panel["year"] < first]
    years_n = early["year"].nunique()
    if years_n < 2:
        what = f"The panel has {count_of(years_n, 'year')}"
        what += "." if np.isnan(first) else f" before the first school starts ({school_year(first)})."
        raise MethodError(Problem("panel", what, "Add earlier years: at least two are needed to plan."))
    return early


def lay_years_out(panel: pd.DataFrame, *, outcome: str) -> Years:
    """Lay a panel out as arrays; refuses (MethodError) absent columns and school-years that appear twice."""
    cell, enrolled = ["school_id", "year"], "enrolled_n"
    gone = [column for column in (outcome, *cell, enrolled) if column not in panel]
    if gone:
        raise MethodError(Problem(f"panel: {gone[0]}", "There is no such column.", "Name one that is there."))
    twice = int(panel.duplicated(cell).sum())
    if twice:
        what = f"{count_of(twice, 'school-year')} appear twice."
        raise MethodError(Problem("panel", what, "Keep one row for each school and year."))
    whole = panel.astype({outcome: float, enrolled: float})
    wide = whole.pivot(index="school_id", columns="year", values=[outcome, enrolled]).sort_index()
    seen = wide[outcome].notna().any(axis=1)
    Y, students = (wide.loc[seen, name].sort_index(axis=1) for name in (outcome, enrolled))
    known = Y.notna().any(axis=0).to_numpy()
    sizes = students.to_numpy()[:, known]
    return Years(
        Y.to_numpy()[:, known], np.where(sizes > 0, sizes, np.nan), Y.columns.to_numpy()[known].astype(int)
    )


def learn_noise(panel: pd.DataFrame, *, outcome: str) -> Noise:
    """Learn from years without the program how much the schools change from year to year.

    Use before `draw_studies`. School levels and common years cancel in a change between two years, so no
    trend of the whole district passes for noise. The halved squares of all changes are fitted, by least
    squares with no part below zero, as chance that falls with the school's size, chance that does not, and
    drift that grows with the years in between.

    panel : one row per school and year, only years before the program (`before_program`), in any order; the
            outcome in any unit
    Returns a Noise, variances in the outcome's unit squared. Drift can be told from chance only where changes
    over at least two different spans are seen (three years); with two years all change counts as chance.
    Refuses (MethodError) fewer than six schools with two years, and schools that never change.
    Source: the variogram of a local-level model (Harvey 1989, Forecasting, Structural Time Series Models).

    >>> rows = [(s, t, 400.0, 9.0 + s + t + (-1.0) ** (s + t)) for s in range(12) for t in range(2015, 2019)]
    >>> panel = pd.DataFrame(rows, columns=["school_id", "year", "enrolled_n", "oss_per_100"])
    >>> noise = learn_noise(panel, outcome="oss_per_100")  # half the schools go up 1 when the others go down
    >>> noise.drift, noise.changes_n
    (0.0, 72)
    """
    years = lay_years_out(panel, outcome=outcome)
    Y, seen = years.Y, np.isfinite(years.Y)
    schools_n = int((seen.sum(axis=1) > 1).sum())
    if schools_n < LEAST_SCHOOLS:
        what = f"Only {count_of(schools_n, 'school')} with {outcome} in two years before the program."
        raise MethodError(
            Problem("panel", what, f"Add schools or years: {LEAST_SCHOOLS} schools are needed.")
        )
    share = 1 / years.students
    typical = float(np.nanmean(share)) if np.isfinite(share).any() else 1.0
    share = np.where(np.isfinite(share), share / typical, 1.0)
    squares, size, span, school = changes(Y, share, years.times)
    drift_seen = len(np.unique(span)) > 1
    parts = np.column_stack([size, np.ones(len(size)), span / 2 if drift_seen else 0.0 * span])
    (by_size, same, drift), _ = nnls(parts, squares)
    if not by_size + same + drift > 1e-12 * float(np.nanvar(Y) + 1e-300):
        what = f"{outcome} changes alike in every school."
        raise MethodError(Problem("panel", what, "Choose an outcome whose changes differ."))
    own = np.where(seen, share, np.nan)
    variance = by_size * np.nanmean(own, axis=1) + same
    times = tuple(int(t) for t in years.times)
    return Noise(variance, float(drift), drift_seen, len(squares), error_of(squares, school), times)


def error_of(squares: np.ndarray, school: np.ndarray) -> float:
    """Standard error of the root of the mean square, in percent, the schools taken as independent."""
    own = np.bincount(school, weights=squares - squares.mean())
    return float(50 * np.sqrt((own**2).sum()) / squares.sum())


def changes(Y: np.ndarray, share: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, ...]:
    """Halved squares of all changes between two years, against the mean change of all schools.

    Returns the squares, the mean size share of the two school-years, the years in between, and the school.
    """
    squares, size, span, school = [], [], [], []
    for early, late in combinations(range(len(times)), 2):
        both = np.isfinite(Y[:, early]) & np.isfinite(Y[:, late])
        if both.sum() < 2:
            continue
        change = Y[both, late] - Y[both, early]
        spare = both.sum() / (both.sum() - 1)
        squares.append((change - change.mean()) ** 2 / 2 * spare)
        size.append((share[both, early] + share[both, late]) / 2)
        span.append(np.full(both.sum(), float(times[late] - times[early])))
        school.append(np.flatnonzero(both))
    return tuple(np.concatenate(part) for part in (squares, size, span, school))
