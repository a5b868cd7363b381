"""The design of a difference-in-differences study: who started when, checked before anything is estimated."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from rpeval.errors import Problem
from rpeval.methods.did.timing import Columns, check_columns, check_values
from rpeval.methods.wording import count_of, name_schools, refuse, school_year, some


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A checked panel as arrays: G schools (rows, in order of id) by T years (columns, in order).

    Y          : outcome, 0 where not observed
    weights    : weight of the cell, 0 where not observed
    observed   : True where the outcome is known and the weight is positive
    D          : True from a school's start year on (observed or not)
    units      : school ids; `names` are the same schools as a message calls them
    times      : calendar years present in the panel; years left out are absent
    starts     : first program year of each school, NaN = never
    cohorts    : start years that have at least one observed treated school-year
    notes      : what was set aside, with counts, in printable words
    panel      : the rows it was laid out from; `columns` names outcome and weights
    """

    Y: np.ndarray
    weights: np.ndarray
    observed: np.ndarray
    D: np.ndarray
    units: tuple
    names: tuple[str, ...]
    times: np.ndarray
    starts: np.ndarray
    cohorts: tuple[int, ...]
    notes: tuple[str, ...]
    panel: pd.DataFrame
    columns: Columns

    @property
    def treated(self) -> np.ndarray:
        """Observed school-years at or after the school's start (G by T)."""
        return self.observed & self.D

    @property
    def untreated(self) -> np.ndarray:
        """Observed school-years before the school's start (G by T)."""
        return self.observed & ~self.D

    @property
    def event(self) -> np.ndarray:
        """Calendar years since the start, NaN for schools that never start (G by T)."""
        return self.times[None, :] - self.starts[:, None]

    @property
    def adopters(self) -> np.ndarray:
        """Schools with at least one observed treated school-year (G)."""
        return self.treated.any(axis=1)

    @property
    def weighted(self) -> bool:
        """Whether school-years count by a column of the panel."""
        return self.columns.weights is not None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to print after the name of a method."""
        return (*(["weighted"] if self.weighted else []), *self.notes)

    @property
    def sample(self) -> dict:
        """What an Estimate says of the rows and schools behind it."""
        schools = {"clusters": len(self.units), "treated": int(self.adopters.sum())}
        return {"n": int(self.observed.sum()), "n_unit": "school-years", **schools}


def lay_out(panel: pd.DataFrame, *, outcome: str, weights: str | None = None) -> Design:
    """Check that a panel can carry a difference-in-differences estimate, and lay it out as arrays.

    Use it once for each outcome: every method that compares adopting with comparison schools takes a Design.

    panel   : one row per school and year: school_id, year (in which the school year starts; years may be left
              out), start_year (first program year, missing = never); school_name makes messages readable
    outcome : number in any unit; a missing value makes the school-year unobserved (unbalanced is fine)
    weights : column that weights both fits and averages (enrolled_n: the effect on the average student);
              None: every school-year counts the same
    Returns a Design. Set aside, with a counted note: school-years without an outcome or with zero weight,
    and schools that were in the program in every year seen (they have no untreated year to compare with).
    Refuses (MethodError, all problems at once): no adoption list; a start that varies within a school;
    school-years that appear twice; years, starts or outcomes that are not numbers; one adopting school or
    none; a year with no untreated school; schools that cannot be linked by common untreated years; no
    adopting school with two untreated years before its start; an outcome that never varies.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbccc"), "year": [2016, 2017, 2018] * 3,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 3, "oss_per_100": [9.0, 8, 5, 8, 7, 4, 6, 6, 5]})
    >>> design = lay_out(panel, outcome="oss_per_100")
    >>> design.units, design.cohorts, int(design.treated.sum())
    (('a', 'b', 'c'), (2018,), 2)
    """
    columns = Columns(outcome, weights)
    refuse(check_columns(panel, columns))
    refuse(check_values(panel, columns))
    full = arrange(panel, columns)
    design = set_aside(full)
    refuse(check_adoption(design, full))
    refuse(check_comparison(design))
    return design


def arrange(panel: pd.DataFrame, columns: Columns) -> Design:
    """Lay a readable panel out as arrays, in order of school id and year, before anything is set aside."""
    row, units = pd.factorize(panel["school_id"], sort=True)
    times, column = np.unique(numbers(panel, "year").astype(int), return_inverse=True)
    shape = (len(units), len(times))
    Y, W, starts = np.full(shape, np.nan), np.zeros(shape), np.full(len(units), np.nan)
    Y[row, column] = numbers(panel, columns.outcome)
    W[row, column] = numbers(panel, columns.weights) if columns.weights else 1.0
    starts[row] = numbers(panel, "start_year")
    observed = np.isfinite(Y) & (W > 0)
    return Design(
        Y=np.where(observed, Y, 0.0),
        weights=np.where(observed, W, 0.0),
        observed=observed,
        D=times[None, :] >= starts[:, None],
        units=tuple(units),
        names=tuple(name_schools(panel, range(len(units)), units)),
        times=times,
        starts=starts,
        cohorts=(),
        notes=note_unobserved(len(panel), int(observed.sum())),
        panel=panel.copy(deep=False),
        columns=columns,
    )


def numbers(panel: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, NaN where missing."""
    return panel[column].to_numpy(dtype=float, na_value=np.nan)


def note_unobserved(rows_n: int, observed_n: int) -> tuple[str, ...]:
    """Note how many school-years carry no information."""
    lost = rows_n - observed_n
    return (
        (f"{count_of(lost, 'school-year')} without an outcome or with zero weight left out",) if lost else ()
    )


def set_aside(design: Design) -> Design:
    """Keep the schools with an untreated year, and note how many others there were and why."""
    seen = design.observed.any(axis=1)
    keep = design.untreated.any(axis=1)
    notes = list(design.notes)
    if (~seen).any():
        notes.append(f"{count_of(int((~seen).sum()), 'school')} never observed set aside")
    always = seen & ~keep
    if always.any():
        notes.append(
            f"{count_of(int(always.sum()), 'school')} already in the program in every year observed set aside"
        )
    return select(design, keep, notes)


def select(design: Design, keep: np.ndarray, notes: Iterable[str]) -> Design:
    """Give the design of some of its schools, without the years in which none of them is observed."""
    years = design.observed[keep].any(axis=0) if keep.any() else np.zeros(len(design.times), dtype=bool)
    treated = design.treated[keep].any(axis=1)
    cells = ("Y", "weights", "observed", "D")
    return replace(
        design,
        **{name: getattr(design, name)[keep][:, years] for name in cells},
        units=tuple(u for u, kept in zip(design.units, keep, strict=True) if kept),
        names=tuple(n for n, kept in zip(design.names, keep, strict=True) if kept),
        times=design.times[years],
        starts=design.starts[keep],
        cohorts=tuple(int(s) for s in np.unique(design.starts[keep][treated])),
        notes=tuple(notes),
    )


def check_adoption(design: Design, full: Design) -> list[Problem]:
    """Look for a study with one adopting school, or none that can be compared with its own past."""
    where, adopters_n = "panel: start_year", int(design.adopters.sum())
    if adopters_n > 1:
        return check_before(design, where)
    if adopters_n == 1:
        only = design.names[int(np.flatnonzero(design.adopters)[0])]
        what = f"Only one adopting school ({only}): its change cannot be told from its own chance."
        return [Problem(where, what, "Add adopting schools, or describe this school without an estimate.")]
    always = full.adopters & ~full.untreated.any(axis=1)
    if always.any():
        names = some(n for n, a in zip(full.names, always, strict=True) if a)
        what = f"Every adopting school was in the program in every year seen ({names})."
        return [Problem(where, what, "Add years before the program started.")]
    what = f"No school starts within {school_year(full.times[0])} to {school_year(full.times[-1])}."
    return [Problem(where, what, "Add later years, or check the start years.")]


def check_before(design: Design, where: str) -> list[Problem]:
    """Look for a study in which no adopting school has a trend before its start."""
    before = (design.untreated & design.adopters[:, None]).sum(axis=1)
    if before.max() >= 2:
        return []
    starts = some(school_year(cohort) for cohort in design.cohorts)
    what = f"No adopting school has two untreated years before its start ({starts})."
    return [Problem(where, what, "Add earlier years; with one, trends before the start cannot be looked at.")]


def check_comparison(design: Design) -> list[Problem]:
    """Look for years without an untreated school, schools that share no years, and a constant outcome."""
    problems = []
    bare = design.observed.any(axis=0) & ~design.untreated.any(axis=0)
    if bare.any():
        years = some(school_year(t) for t in design.times[bare])
        what = f"No comparison: every school observed is in the program in {years}."
        fix = "Leave these years out (years.leave_out), or add comparison schools."
        problems.append(Problem("panel", what, fix))
    elif groups_n := separate_groups(design.untreated):
        what = f"Untreated school-years fall into {groups_n} groups of schools that share no year."
        fix = "Leave out the years or schools that stand apart."
        problems.append(Problem("panel", what, fix))
    value = design.Y[design.observed]
    if value.size and value.min() == value.max():
        what = f"The outcome is {value.min():g} in every school-year."
        problems.append(Problem(f"panel: {design.columns.outcome}", what, "Choose an outcome that varies."))
    return problems


def separate_groups(cells: np.ndarray) -> int:
    """Count the groups of years that no school links, 0 when all years are linked (cells G by T)."""
    number = cells.astype(float)
    groups_n, _ = connected_components(csr_array(number.T @ number), directed=False)
    return groups_n if groups_n > 1 else 0


def by_school(design: Design, values: dict[str, np.ndarray]) -> pd.DataFrame:
    """Put values (G each) into one row per school: school_id, school_name where the panel has it, values."""
    frame = pd.DataFrame({"school_id": list(design.units)})
    if "school_name" in design.panel.columns:
        called = design.panel.drop_duplicates("school_id").set_index("school_id")["school_name"]
        frame["school_name"] = called.loc[list(design.units)].to_numpy()
    return frame.assign(**values)


def values_of(design: Design, column: str) -> np.ndarray:
    """Lay another column of the panel out like the design (G by T), NaN where the panel has no row.

    Refuses (MethodError) a column that is not there, is text, or is missing where the outcome is observed.
    """
    panel, where = design.panel, f"panel: {column}"
    if column not in panel.columns or not pd.api.types.is_numeric_dtype(panel[column]):
        refuse([Problem(where, "There is no such numeric column.", f"Name one of: {some(panel.columns)}.")])
    row = pd.Index(design.units).get_indexer(panel["school_id"])
    step = pd.Index(design.times).get_indexer(panel["year"])
    there = (row >= 0) & (step >= 0)
    values = np.full(design.Y.shape, np.nan)
    values[row[there], step[there]] = numbers(panel, column)[there]
    lost = (design.observed & ~np.isfinite(values)).sum(axis=1)
    if lost.any():
        names = some(name for name, n in zip(design.names, lost, strict=True) if n)
        what = f"{count_of(int(lost.sum()), 'school-year')} with an outcome and no {column}: {names}."
        refuse([Problem(where, what, "Fill it in, or leave these school-years out with a reason.")])
    return values
