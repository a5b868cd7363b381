"""The panel: one row per school and year, with student groups, program starts and its row accounting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rpeval.errors import DataError, ParamsError, Problem
from rpeval.inputs import checks
from rpeval.inputs.accounting import Accounting, Ledger, add_drops
from rpeval.inputs.actions import read_actions
from rpeval.inputs.adoption import Starts, add_starts, list_starts, read_starts, tell_starts
from rpeval.inputs.corrections import correct
from rpeval.inputs.fields import RATES, REMOVALS
from rpeval.inputs.layouts import layout_for, year_of
from rpeval.inputs.settle import latest_names, settle
from rpeval.inputs.shape import read_source
from rpeval.inputs.window import check_exclusions, keep_complete, study_years


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
    keep_ruled(files)
    name_from_list(files)
    frame = None if files.schools is None else settle(files.schools, params, files.books[0])
    groups = None if files.groups is None else settle(files.groups, params, files.group_books)
    if frame is not None:
        frame = keep_complete(frame, params, files.books[0]).reset_index(drop=True)
    if frame is not None and len(frame):
        frame = _start_schools(frame, params, files)
        _check_schools(frame, params, files)
        frame = latest_names(frame).reset_index(drop=True)
    if frame is not None and groups is not None:
        groups = _fit_groups(groups, frame, files.group_books)
    problems = files.told()
    if frame is None or any(problem.stops for problem in problems):
        return None, problems
    books, drops = files.books, [drop for ledger in files.books for drop in ledger.drops]
    panel = Panel(
        frame=frame,
        groups=groups,
        has_adoption="arm" in frame,
        accounting=Accounting(sum(ledger.rows_in for ledger in books), len(frame), add_drops(drops)),
        warnings=tuple(problems),
        groups_accounting=_close(files.group_books, groups),
        adoption_accounting=_close(files.adoption_books, files.starts and files.starts.years),
    )
    return panel, problems


def _close(ledger: Ledger | None, rows: Any) -> Accounting | None:
    return None if ledger is None or rows is None or not ledger.source else ledger.close(len(rows))


def read_files(params: Any) -> Files:
    """Read every table of a study; what cannot be read is noted, and the others are read all the same."""
    files = Files()
    for read in (_read_schools, _read_groups, _read_adoption):
        _note_layout_problems(read, params, files)
    return files


def _note_layout_problems(read: Callable[[Any, Files], None], params: Any, files: Files) -> None:
    try:
        read(params, files)
    except ParamsError as error:
        files.problems.extend(error.problems)


def _read_schools(params: Any, files: Files) -> None:
    source = params.sources.panel
    layout = layout_for(source, root=params.root, label="sources.panel")
    if "kind" in layout.columns:
        sums = read_actions(source, layout, params)
        files.schools, files.groups, files.books = sums.schools, sums.groups, sums.books
        files.group_books = Ledger("", str(source.path))
        files.ids = None if files.schools is None else sums.ids
    else:
        files.schools, ledger = read_source(source, layout, name="panel", root=params.root)
        files.books = [ledger]
        if files.schools is not None:
            files.ids = frozenset(files.schools["school_id"])
            stamp = checks.check_stamp(files.schools, simulated=params.simulated, label=ledger.label)
            ledger.problems += stamp
            files.schools = correct(files.schools, layout.corrections, ledger)
    if files.ids is not None:
        files.problems += check_exclusions(files.ids, params)


def _read_groups(params: Any, files: Files) -> None:
    source = params.sources.groups
    if source is None:
        return
    layout = layout_for(source, root=params.root, label="sources.groups", base="rpeval_groups")
    files.groups, ledger = read_source(source, layout, name="groups", root=params.root)
    files.group_books = ledger
    if files.groups is None:
        return
    ledger.problems += checks.check_stamp(files.groups, simulated=params.simulated, label=ledger.label)
    if "group" not in files.groups:
        ledger.say("No column names the student group.", "Map one to `group`.")
        files.groups = None
        return
    files.groups = correct(files.groups, layout.corrections, ledger)


def _read_adoption(params: Any, files: Files) -> None:
    if params.sources.adoption is None:
        return
    files.starts, files.adoption_books = read_starts(params, files.ids)
    if files.schools is not None and "start_year" in files.schools:
        fix = "Keep either sources.adoption or the start years of the panel's own file."
        files.problems.append(Problem("sources.adoption", "Start years stand in two files.", fix))


def keep_ruled(files: Files) -> None:
    """Where rules on a column give the starts, let the schools leave that no rule fits."""
    if files.schools is not None and files.starts is not None and files.starts.by_rules:
        ruled = files.schools["school_id"].isin(files.starts.years.index)
        files.schools = files.books[0].keep(files.schools, ruled, "No start rule fits the school")


def name_from_list(files: Files) -> None:
    """Where the panel's file has no school names, take those of the adoption list."""
    names = None if files.starts is None else files.starts.names
    if files.schools is not None and "school_name" not in files.schools and names is not None:
        files.schools = files.schools.assign(school_name=files.schools["school_id"].map(names))


def _start_schools(frame: pd.DataFrame, params: Any, files: Files) -> pd.DataFrame:
    """Add start_year and arm to the schools, where starts are known."""
    ledger, starts, last = files.books[0], files.starts, year_of(params.years.last)
    if "start_year" in frame:
        starts = list_starts(frame, ledger)
        frame = frame.drop(columns="start_year")
    if starts is None:
        return frame
    tell_starts(starts, frame, params, files.adoption_books or ledger)
    return add_starts(frame, starts.years, last=last)


def _check_schools(frame: pd.DataFrame, params: Any, files: Files) -> None:
    """Look at the schools as a whole: names, jumps, years, remote years, unknown cells, balance."""
    ledger = files.books[0]
    label, counts = ledger.label, checks.counts_in(frame)
    count = RATES.get(params.outcome, "oss_n" if params.outcome == REMOVALS else "")
    ledger.problems += [
        *checks.check_jump(frame, label=label),
        *checks.check_years(frame, years=study_years(params), label=label),
        *checks.check_remote(frame, count=count if count in counts else counts[0], label=label),
        *checks.check_names(frame, label=label),
        *checks.check_unknown(frame, label=label),
        *checks.check_balance(frame, label=label),
    ]


def _fit_groups(groups: pd.DataFrame, frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep the groups of the panel's school-years, compare them with its totals, give them its starts."""
    keys = ["school_id", "year"]
    there = pd.MultiIndex.from_frame(groups[keys]).isin(pd.MultiIndex.from_frame(frame[keys]))
    groups = ledger.keep(groups, there, "School-year is not in the panel")
    named = groups.drop(columns="school_name").merge(frame[[*keys, "school_name"]], on=keys)
    ledger.problems += checks.check_unknown(named, label=ledger.label)
    if ledger.source:
        ledger.problems += checks.check_groups(named, frame, label=ledger.label)
    merged = [column for column in ("start_year", "arm") if column in frame]
    return groups.drop(columns="school_name").merge(frame[[*keys, *merged]], on=keys)
