"""Removals of every kind and absences, summed by school and year; incidents, without students' names."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Attempts, Ledger
from rpeval.inputs.kept import kept
from rpeval.inputs.panel import Panel
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.incidents import (
    add_days,
    followed_by,
    preceded_by,
    read_absences,
    read_incidents,
    without_names,
)
from rpeval.inputs.schools.removals import KEYS, sum_kinds
from rpeval.inputs.tables.fields import ABSENCE_OF, REMOVAL_OF
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_parts


@dataclass(frozen=True, slots=True, eq=False)
class Removals:
    """Who was out of class, how and for how long.

    frame     : one row per school, year and kind of removal that the sources show, sorted, zeros included:
                school_id, school_name, year, start_year and arm where known, enrolled_n, kind, events_n,
                hours (school hours; NaN = unknown)
    unseen    : kinds that no source of the study shows
    incidents : one row per incident and student, sorted by day: incident_id as the log has it, student (a
                running number, not an id), school_id, year, start_year, arm, day (counted from January 1,
                1970), type, severity, response, agreement where the log has them, acted (a disciplinary
                action within five school days, or a sanction as the response; missing where neither is
                known), absent (unexcused within five school days), sent_home (released early, or present
                but not in class, within five school days); None where the study names no log
    codes     : attendance codes: school_id, year, start_year, arm, enrolled_n, kind, events_n, hours; or None
    incidents_accounting, absences_accounting : where every row went, or None
    """

    frame: pd.DataFrame
    unseen: tuple[str, ...]
    incidents: pd.DataFrame | None = None
    codes: pd.DataFrame | None = None
    incidents_accounting: Accounting | None = None
    absences_accounting: Accounting | None = None
    warnings: tuple[Problem, ...] = ()


def read_removals(params: Any, panel: Panel) -> Removals:
    """Read what a study knows of removals beyond its panel.

    Use it first in a notebook on removals. params: the study's Params; panel: its panel, as read.
    Refuses (DataError, every problem at once): files that cannot be read, days that no calendar has, real
    and simulated files mixed. What a study does not name is None or unseen, never guessed.

    >>> from rpeval.inputs.panel import read_panel
    >>> from rpeval.inputs.params import read_params
    >>> prairie = read_params("params/prairie.yml")
    >>> removals = read_removals(prairie, read_panel(prairie))
    >>> sorted(set(removals.frame["kind"])), removals.incidents is None
    (['in_school', 'out_of_school'], True)
    """
    removals, problems = gather_removals(params, panel)
    if removals is None:
        raise DataError([problem for problem in problems if problem.stops])
    return removals


@kept
def gather_removals(params: Any, panel: Panel) -> tuple[Removals | None, list[Problem]]:
    """Read the removals like `read_removals`, but return every problem and warning instead of stopping."""
    told, sources, schools = Attempts(), params.sources, panel.frame
    incidents, books = (told.attempt(read_incidents, params, schools) if sources.incidents else None) or (
        None,
        None,
    )
    absences, codes_books = (told.attempt(read_absences, params, schools) if sources.absences else None) or (
        None,
        None,
    )
    problems = [*told.problems, *(p for ledger in (books, codes_books) if ledger for p in ledger.problems)]
    if any(problem.stops for problem in problems):
        return None, problems
    sums, codes, absent_books = panel.removals, None, None
    if absences is not None:
        codes_books.fold(absences, KEYS, "Counted in the sums of its school, year and kind")
        absent_books = codes_books.close(len(absences.drop_duplicates(KEYS)))
        codes = _with_schools(sum_kinds(absences, schools), schools)
        sums = pd.concat([sums, _absences_as_removals(absences, incidents, schools)])
    if incidents is not None:
        incidents = _link(incidents, _days_of_actions(params, set(incidents["student_id"])), absences)
        incidents = _with_schools(without_names(incidents), schools, ("start_year", "arm"))
    unseen = [kind for kind in (*REMOVAL_OF.values(), *ABSENCE_OF.values()) if kind not in set(sums["kind"])]
    return Removals(
        frame=_with_schools(sums, schools, ("school_name", "start_year", "arm", "enrolled_n")),
        unseen=tuple(unseen),
        incidents=incidents,
        codes=codes,
        incidents_accounting=None if incidents is None else books.close(len(incidents)),
        absences_accounting=absent_books,
        warnings=tuple(problems),
    ), problems


def _absences_as_removals(
    absences: pd.DataFrame, incidents: pd.DataFrame | None, schools: pd.DataFrame
) -> pd.DataFrame:
    """Sum the absences that can be removals: by the school, or unexcused soon after an incident."""
    unexcused = absences["kind"] == "unexcused"
    kept = ~unexcused if incidents is None else ~unexcused | preceded_by(absences, incidents)
    rows = absences[kept]
    return sum_kinds(rows.assign(kind=rows["kind"].map(ABSENCE_OF)), schools)


def _days_of_actions(params: Any, among: set[str]) -> pd.DataFrame | None:
    """Read the days of some students' actions; None where the panel comes from no log with dates."""
    source = params.sources.panel
    layout = layout_for(source, root=params.root, label="sources.panel")
    if "kind" not in layout.columns:
        return None
    counted, found = [kind for kind, column in layout.kinds.items() if column is not None], []
    for actions in read_parts(source, layout, name="actions", params=params)[0]:
        if "date" not in actions:
            return None
        theirs = actions["student_id"].isin(among - {""}) & actions["kind"].isin(counted)
        found.append(actions.loc[theirs, ["student_id", "date", "row"]])
    return add_days(pd.concat(found), Ledger("", ""))


def _link(
    incidents: pd.DataFrame, actions: pd.DataFrame | None, absences: pd.DataFrame | None
) -> pd.DataFrame:
    """Say of each incident whether an action or an absence followed within five school days."""
    acted = pd.Series(pd.NA, index=incidents.index, dtype="boolean")
    if "response" in incidents:
        acted = (incidents["response"] == "sanction").astype("boolean").mask(incidents["response"] == "")
    if actions is not None:
        acted = acted.fillna(False) | followed_by(incidents, actions)
    linked = incidents.assign(acted=acted)
    if absences is not None:
        unexcused = absences["kind"] == "unexcused"
        linked["absent"] = followed_by(incidents, absences[unexcused])
        linked["sent_home"] = followed_by(incidents, absences[~unexcused])
    return linked


def _with_schools(
    rows: pd.DataFrame, schools: pd.DataFrame, names: tuple[str, ...] = ("start_year", "arm", "enrolled_n")
) -> pd.DataFrame:
    """Add what is known of each school-year."""
    known = schools[[*SCHOOL_YEAR, *among(schools, names)]]
    order = among(rows, ("day", "incident_id", "student", *KEYS))
    return rows.merge(known, on=SCHOOL_YEAR).sort_values(order, ignore_index=True)
