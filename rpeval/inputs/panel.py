"""The panel: one row per school and year, with student groups, program starts and its row accounting."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rpeval.errors import DataError, ParamsError, Problem
from rpeval.inputs.accounting import Accounting, Ledger, add_drops
from rpeval.inputs.schools import checks
from rpeval.inputs.schools.actions import read_actions
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
             program starts are known, start_year (NaN = never) and arm (adopting | comparison)
    groups : the same by student group (school_id, year, group, ...), or None
    has_adoption : whether the study knows when programs start
    accounting : where every row of the panel's file went (for an actions log, of its two files)
    warnings   : what a reader must know of the data
    groups_accounting, adoption_accounting : the same for the other files; None where there is none
    """

    frame: pd.DataFrame
    groups: pd.DataFrame | None
    has_adoption: bool
    accounting: Accounting
    warnings: tuple[Problem, ...] = ()
    groups_accounting: Accounting | None = None
    adoption_accounting: Accounting | None = None


@dataclass(slots=True)
class Files:
    """What the files of a study gave, before the study chooses its rows.

    ids : the schools of the panel's file, or None where it cannot be read
    books, group_books, adoption_books : row accounting and problems of the panel, the groups, the starts
    """

    schools: pd.DataFrame | None = None
    ids: frozenset[str] | None = None
    groups: pd.DataFrame | None = None
    starts: Starts | None = None
    books: list[Ledger] = field(default_factory=list)
    group_books: Ledger | None = None
    adoption_books: Ledger | None = None
    problems: list[Problem] = field(default_factory=list)

    def told(self) -> list[Problem]:
        """List every problem of every file once, in the order of the files."""
        ledgers = [*self.books, self.group_books, self.adoption_books]
        of_files = [problem for ledger in ledgers if ledger is not None for problem in ledger.problems]
        return list(dict.fromkeys([*self.problems, *of_files]))


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


def gather_panel(params: Any) -> tuple[Panel | None, list[Problem]]:
    """Read the panel like `read_panel`, but return every problem and warning instead of stopping.

    The panel is None where a problem stops.
    """
    files = read_files(params)
    frame = None if files.schools is None else settle(files.schools, params, files.books[0])
    groups = None if files.groups is None else settle(files.groups, params, files.group_books)
    frame = None if frame is None else keep_complete(frame, params, files.books[0])
    if frame is not None and len(frame):
        frame = _start_schools(frame, params, files)
        _check_schools(frame, params, files.books[0])
        frame = latest_names(frame)
        groups = None if groups is None else _fit_groups(groups, frame, files.group_books)
    problems = files.told()
    if frame is None or any(problem.stops for problem in problems):
        return None, problems
    rows_in, drops = sum(b.rows_in for b in files.books), [drop for b in files.books for drop in b.drops]
    has_groups = groups is not None and files.group_books.source
    return Panel(
        frame=frame,
        groups=groups,
        has_adoption="arm" in frame,
        accounting=Accounting(rows_in, len(frame), add_drops(drops)),
        warnings=tuple(problems),
        groups_accounting=files.group_books.close(len(groups)) if has_groups else None,
        adoption_accounting=files.adoption_books.close(len(files.starts.years)) if files.starts else None,
    ), problems


def read_files(params: Any) -> Files:
    """Read every table of a study; what cannot be read is noted, and the others are read all the same."""
    files = Files()
    for read in (_read_schools, _read_groups, _read_starts):
        try:
            read(params, files)
        except ParamsError as error:
            files.problems.extend(error.problems)
    return files


def _read_schools(params: Any, files: Files) -> None:
    source = params.sources.panel
    layout = layout_for(source, root=params.root, label="sources.panel")
    if "kind" in layout.columns:
        sums = read_actions(source, layout, params)
        files.schools, files.groups, files.books, ids = sums.schools, sums.groups, sums.books, sums.ids
        files.group_books = Ledger("", str(source.path))
    else:
        files.schools, ledger = read_source(source, layout, name="panel", params=params)
        files.books, ids = [ledger], () if files.schools is None else files.schools["school_id"]
    if files.schools is not None:
        files.ids = frozenset(ids)
        files.problems += check_exclusions(files.ids, params)


def _read_groups(params: Any, files: Files) -> None:
    source = params.sources.groups
    if source is not None:
        layout = layout_for(source, root=params.root, label="sources.groups", base="rpeval_groups")
        files.groups, files.group_books = read_source(source, layout, name="groups", params=params)
    if files.groups is not None and "group" not in files.groups:
        files.group_books.say("No column names the student group.", "Map one to `group`.")
        files.groups = None


def _read_starts(params: Any, files: Files) -> None:
    """Read the adoption list; where rules give the starts, the schools leave that no rule fits."""
    if params.sources.adoption is None:
        return
    files.starts, files.adoption_books = read_starts(params, files.ids)
    if files.schools is None or files.starts is None:
        return
    if "start_year" in files.schools:
        fix = "Keep either sources.adoption or the start years of the panel's own file."
        files.problems.append(Problem("sources.adoption", "Start years stand in two files.", fix))
    if files.starts.by_rules:
        ruled = files.schools["school_id"].isin(files.starts.years.index)
        files.schools = files.books[0].keep(files.schools, ruled, "No start rule fits the school")
    if "school_name" not in files.schools and files.starts.names is not None:
        files.schools = files.schools.assign(school_name=files.schools["school_id"].map(files.starts.names))


def _start_schools(frame: pd.DataFrame, params: Any, files: Files) -> pd.DataFrame:
    """Add start_year and arm to the schools, where starts are known."""
    ledger, starts = files.books[0], files.starts
    if "start_year" in frame:
        starts = Starts(list_starts(frame, ledger)["start_year"])
        frame = frame.drop(columns="start_year")
    if starts is None:
        return frame
    tell_starts(starts, frame, params, files.adoption_books or ledger)
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
