"""The panel: one row per school and year, with student groups, program starts and its row accounting."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Attempts, Ledger, close_all
from rpeval.inputs.kept import kept
from rpeval.inputs.measures import read_measures
from rpeval.inputs.schools import checks
from rpeval.inputs.schools.actions import Records, read_actions
from rpeval.inputs.schools.outcomes import join_outcomes, read_outcomes
from rpeval.inputs.schools.removals import removals_of_counts
from rpeval.inputs.schools.settle import check_exclusions, keep_complete, latest_names, settle
from rpeval.inputs.schools.starts import Starts, add_starts, list_starts, read_starts, tell_starts
from rpeval.inputs.tables.fields import RATES, REMOVALS
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The schools of a study, year by year.

    frame  : one row per school and year, sorted, index 0..n-1: school_id, school_name, year (int, the start
             of the school year), enrolled_n, counts (NaN = unknown), rates per 100 students, and, where
             program starts are known, start_year (NaN = never) and arm (adopting | comparison); the
             outcomes of sources.outcomes, each in its measure's unit
    removals : school_id, year, kind, events_n and hours (NaN = unknown) of each kind of removal that the
             panel's file shows
    outcomes : names of the columns that came from sources.outcomes
    groups : the same by student group (school_id, year, group, ...), or None
    has_adoption : whether the study knows when programs start
    accounting : where every row of the panel's file went (for an actions log, of its two files)
    warnings   : what a reader must know of the data
    groups_accounting, adoption_accounting, outcomes_accounting : the same for the other files; None where
             there is none
    """

    frame: pd.DataFrame
    groups: pd.DataFrame | None
    has_adoption: bool
    accounting: Accounting
    warnings: tuple[Problem, ...] = ()
    groups_accounting: Accounting | None = None
    adoption_accounting: Accounting | None = None
    outcomes_accounting: Accounting | None = None
    outcomes: tuple[str, ...] = ()
    removals: pd.DataFrame | None = None


def read_panel(params: Any) -> Panel:
    """Read, check and merge the panel, the student groups and the adoption list of a study.

    Use it first in every notebook on suspensions.

    params : the study's Params
    Returns a Panel. Refuses (DataError, every problem at once): files that cannot be read, school-years that
    appear twice, impossible values, an enrollment that doubles or halves for everybody, starts of schools
    that the panel does not have, simulated and real files mixed.

    >>> from rpeval.inputs.params import read_params
    >>> panel = read_panel(read_params("params/prairie.yml"))
    >>> panel.accounting.rows_in, len(panel.frame), panel.frame["school_id"].nunique()
    (91, 72, 12)
    """
    panel, problems = gather_panel(params)
    if panel is None:
        raise DataError([problem for problem in problems if problem.stops])
    return panel


@kept
def gather_panel(params: Any) -> tuple[Panel | None, list[Problem]]:
    """Read the panel like `read_panel`, but return every problem and warning instead of stopping.

    The panel is None where a problem stops.
    """
    told = Attempts()
    records = told.attempt(_read_schools, params)
    groups, group_books = told.attempt(_read_groups, params, records) or (None, None)
    starts, start_books = told.attempt(_read_starts, params, records) or (None, None)
    others, other_books = told.attempt(_read_outcomes, params) or (None, None)
    books = [*(records.books if records else []), *(b for b in (group_books, start_books, other_books) if b)]
    frame = None if records is None else told.attempt(settle, records.schools, params, books[0])
    groups = None if groups is None else told.attempt(settle, groups, params, group_books)
    frame = None if frame is None else keep_complete(frame, params, books[0])
    if frame is not None and len(frame):
        frame = _start_schools(frame, starts, params, start_books or books[0])
        _check_schools(frame, params, books[0])
        frame = latest_names(frame)
        groups = None if groups is None else _fit_groups(groups, frame, group_books)
        frame = frame if others is None else join_outcomes(frame, others, other_books)
    problems = list(dict.fromkeys([*told.problems, *(p for ledger in books for p in ledger.problems)]))
    if frame is None or any(problem.stops for problem in problems):
        return None, problems
    return Panel(
        frame=frame,
        groups=groups,
        has_adoption="arm" in frame,
        accounting=close_all(records.books, len(frame)),
        warnings=tuple(problems),
        groups_accounting=group_books.close(len(groups)) if params.sources.groups else None,
        adoption_accounting=start_books.close(len(starts.years)) if starts else None,
        outcomes_accounting=None if others is None else other_books.close(_joined(others, frame)),
        outcomes=() if others is None else tuple(name for name in others if name not in checks.SCHOOL_YEAR),
        removals=_removals(records, frame, params),
    ), problems


def _read_schools(params: Any) -> Records:
    source = params.sources.panel
    layout = layout_for(source, root=params.root, label="sources.panel")
    if "kind" in layout.columns:
        records = read_actions(source, layout, params)
    else:
        frame, ledger = read_source(source, layout, name="panel", params=params)
        records = Records(frame, frozenset(frame["school_id"]), [ledger])
    records.books[0].problems += check_exclusions(records.ids, params)
    return records


def _read_groups(params: Any, records: Records | None) -> tuple[pd.DataFrame, Ledger] | None:
    source, summed = params.sources.groups, None if records is None else records.groups
    if source is None:
        return None if summed is None else (summed, Ledger("", params.sources.panel.path))
    layout = layout_for(source, root=params.root, label="sources.groups", base="rpeval_groups")
    frame, ledger = read_source(source, layout, name="groups", params=params)
    if "group" not in frame:
        ledger.refuse("No column names the student group.", "Map one to `group`.")
    return frame, ledger


def _read_starts(params: Any, records: Records | None) -> tuple[Starts, Ledger] | None:
    """Read the adoption list; where rules give the starts, the schools leave that no rule fits."""
    if params.sources.adoption is None:
        return None
    starts, ledger = read_starts(params, records and records.ids)
    if records is None:
        return starts, ledger
    if "start_year" in records.schools:
        fix = "Keep either sources.adoption or the start years of the panel's own file."
        ledger.problems.append(Problem("sources.adoption", "Start years stand in two files.", fix))
    if starts.by_rules:
        ruled = records.schools["school_id"].isin(starts.years.index)
        records.schools = records.books[0].keep(records.schools, ruled, "No start rule fits the school")
    if "school_name" not in records.schools and starts.names is not None:
        records.schools["school_name"] = records.schools["school_id"].map(starts.names)
    return starts, ledger


def _read_outcomes(params: Any) -> tuple[pd.DataFrame, Ledger] | None:
    if params.sources.outcomes is None:
        return None
    return read_outcomes(params, read_measures(params.root))


def _joined(others: pd.DataFrame, frame: pd.DataFrame) -> int:
    """Count the rows of other outcomes that found their school-year."""
    return len(others.merge(frame[checks.SCHOOL_YEAR], on=checks.SCHOOL_YEAR))


def _removals(records: Records, frame: pd.DataFrame, params: Any) -> pd.DataFrame:
    """Give the removals of the panel's school-years, by kind."""
    if records.removals is not None:
        known = records.removals.astype({"year": int})
        return known.merge(frame[checks.SCHOOL_YEAR], on=checks.SCHOOL_YEAR)
    layout = layout_for(params.sources.panel, root=params.root, label="sources.panel")
    return removals_of_counts(frame, per_day=params.hours_per_day, hours=layout.hours)


def _start_schools(frame: pd.DataFrame, starts: Starts | None, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Add start_year and arm to the schools, where starts are known."""
    if "start_year" in frame:
        starts = Starts(list_starts(frame, ledger)["start_year"])
        frame = frame.drop(columns="start_year")
    if starts is None:
        return frame
    tell_starts(starts, frame, params, ledger)
    return add_starts(frame, starts.years, last=params.years.last)


def _check_schools(frame: pd.DataFrame, params: Any, ledger: Ledger) -> None:
    """Look at the schools as a whole: jumps, years, remote years, names, unknown cells, balance."""
    counts = checks.among(frame)
    count = RATES.get(params.outcome, "oss_n" if params.outcome == REMOVALS else "")
    checks.check_jump(frame, ledger)
    checks.check_years(frame, ledger, years=params.years.used)
    checks.check_remote(frame, ledger, count=count if count in counts else counts[0])
    checks.check_names(frame, ledger)
    checks.check_unknown(frame, ledger)
    checks.check_balance(frame, ledger)


def _fit_groups(groups: pd.DataFrame, frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep the groups of the panel's school-years, compare them with its totals, give them its starts."""
    keys, given = checks.SCHOOL_YEAR, ["school_name", *checks.among(frame, ("start_year", "arm"))]
    there = pd.MultiIndex.from_frame(groups[keys]).isin(pd.MultiIndex.from_frame(frame[keys]))
    groups = ledger.keep(groups, there, "School-year is not in the panel").drop(columns="school_name")
    groups = groups.merge(frame[[*keys, *given]], on=keys)
    checks.check_unknown(groups, ledger)
    if ledger.source:
        checks.check_groups(groups, frame, ledger)
    return groups.drop(columns="school_name")
