"""Student-level records: an actions log and an enrollment file, summed to school-years and student groups."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.checks import check_stamp
from rpeval.inputs.fields import COUNTS, ENROLLED, STAMP, counted
from rpeval.inputs.layouts import Layout, layout_for
from rpeval.inputs.shape import read_source
from rpeval.inputs.window import limit
from rpeval.inputs.words import instead, list_words, quote

KEYS = ["student_id", "school_id", "year"]
SCHOOL_YEAR = ["school_id", "year"]
NOT_GROUPS = {*KEYS, "school_name", "row", STAMP, "date", "action_id", "kind", "days"}
YES, NO = {"1", "y", "yes", "true", "t"}, {"0", "n", "no", "false", "f", "", "*"}
COUNTED = {*COUNTS} - {"suspended_n", "oss_days"}


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Student-level records, summed.

    schools : one row per school-year (school_id, school_name, year, enrolled_n, counts), or None
    groups  : one row for each student group of a school-year, or None
    ids     : all schools of the enrollment file
    books   : row accounting and problems of the enrollment and the actions
    """

    books: list[Ledger]
    schools: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None
    ids: frozenset[str] = frozenset()


def read_actions(source: Any, layout: Layout, params: Any) -> Sums:
    """Read student-level actions and enrollment and sum them.

    source : the actions log, with its enrollment file named in the layout
    Returns the Sums. enrolled_n counts different students, <kind>_n actions, suspended_n students with at
    least one out-of-school suspension, oss_days their days. A kind that the log never has gets no column.
    What leaves is counted: years outside the study, repeated rows, kinds that are not counted, and actions of
    students whom the enrollment file does not have in that school and year.
    """
    if layout.enrollment is None:
        ledger = Ledger("actions", str(source.path))
        ledger.say(
            "Student-level actions need the enrollment file.",
            "Name it under the source: `enrollment: {path: ...}`.",
        )
        return Sums([ledger])
    told = layout_for(
        layout.enrollment, root=params.root, base="enrollment", label="enrollment", any_field=True
    )
    students, enrolled_books = read_source(layout.enrollment, told, name="enrollment", root=params.root)
    actions, books = read_source(source, layout, name="actions", root=params.root)
    check_kinds(layout, books)
    for frame, ledger in ((students, enrolled_books), (actions, books)):
        if frame is not None:
            ledger.problems += check_stamp(frame, simulated=params.simulated, label=ledger.label)
    if students is None or actions is None:
        return Sums([enrolled_books, books])
    if actions["year"].isna().all():
        books.say("No column says when an action was taken.", "Map one to `date` or to `year`.")
    ids = frozenset(students["school_id"])
    students = one_row_each(limit(students, params, enrolled_books), enrolled_books)
    actions = counted_actions(limit(actions, params, books), layout, books)
    actions = keep_enrolled(actions, students, books)
    books.keep(actions, np.zeros(len(actions), bool), "Counted in the totals of its school and year")
    enrolled_books.fold(students, SCHOOL_YEAR, "Counted in the enrollment of its school and year")
    sums = sum_school_years(students, actions), sum_groups(students, actions)
    return Sums([enrolled_books, books], *sums, ids)


def check_kinds(layout: Layout, ledger: Ledger) -> None:
    """Refuse kinds that are to be counted in a column that does not exist."""
    for kind, column in layout.kinds.items():
        if column is not None and column not in COUNTED:
            ledger.say(
                f"{quote(kind)} counts in {quote(column)}.", instead(column, sorted(COUNTED)), where="kinds"
            )


def group_columns(students: pd.DataFrame) -> list[str]:
    """List the columns of an enrollment file that put students into groups."""
    return sorted(column for column in students if column not in NOT_GROUPS)


def one_row_each(students: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep one row per student, school and year; a student with two values of a group has none of it."""
    nameless = students["student_id"] == ""
    if nameless.any():
        told = counted(nameless.sum(), "row", "has", "have")
        ledger.say(f"{told} no student id.", "Fill it in.", stops=False)
        students = ledger.keep(students, ~nameless, "No student id")
    groups = group_columns(students)
    students = students.sort_values([*KEYS, *groups, *(["school_name"] if "school_name" in students else [])])
    for column in groups:
        several = students.groupby(KEYS)[column].transform("nunique") > 1
        if several.any():
            n = len(students.loc[several, KEYS].drop_duplicates())
            told = counted(n, "student", "has", "have")
            what = f"{told} two values in a school-year: in no group of {column}."
            ledger.say(what, "Keep one value for each student and year.", stops=False, where=column)
            students[column] = students[column].mask(several, "")
    return ledger.keep(
        students, ~students.duplicated(KEYS), "Student listed again in the same school and year"
    )


def counted_actions(actions: pd.DataFrame, layout: Layout, ledger: Ledger) -> pd.DataFrame:
    """Keep the actions of kinds that are counted, once each, and name the column each counts in."""
    known = actions["kind"].isin(layout.kinds)
    unknown = actions.loc[~known, "kind"].value_counts().sort_index()
    if len(unknown):
        shown = list_words(f"{quote(kind)} ({n:,})" for kind, n in unknown.items())
        fix = "Add each to `kinds` with the column it counts in, or none."
        ledger.say(
            f"{counted(unknown.sum(), 'action', 'is', 'are')} of unknown kinds: {shown}.",
            fix,
            stops=False,
            where="kinds",
        )
    actions = ledger.keep(
        actions, known, "Unknown kind " + actions["kind"].where(actions["kind"] != "", "(empty)")
    )
    columns = actions["kind"].map(layout.kinds)
    actions = ledger.keep(
        actions.assign(column=columns), columns.notna(), "Kind not counted: " + actions["kind"]
    )
    return once_each(actions, ledger)


def once_each(actions: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Take out repeated rows of one action.

    With an action_id, rows of one action and kind; with a date, rows equal in student, school, date, kind and
    days. With only a year two equal rows can be two actions: they stay, and that is told.
    """
    by = ["student_id", "school_id", "kind", *[c for c in ("days",) if c in actions]]
    if "action_id" in actions:
        twice = actions.duplicated([*by, "year", "action_id"]) & (actions["action_id"] != "")
    elif "date" in actions:
        twice = actions.duplicated([*by, "date"])
    else:
        equal = int(actions.duplicated([*by, "year"]).sum())
        if equal:
            told = counted(equal, "action", "equals", "equal")
            what = f"{told} another; without a date or action_id each is counted."
            ledger.say(what, "Map a date or action_id, so that copies can be told apart.", stops=False)
        return actions
    if twice.any():
        fix = "Check that the export does not repeat rows."
        told = counted(twice.sum(), "action", "is", "are")
        ledger.say(f"{told} listed again and counted once.", fix, stops=False)
    return ledger.keep(actions, ~twice, "Action listed again")


def keep_enrolled(actions: pd.DataFrame, students: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep the actions of students enrolled in that school and year."""
    here = pd.MultiIndex.from_frame(actions[KEYS]).isin(pd.MultiIndex.from_frame(students[KEYS]))
    elsewhere = actions.loc[~here, "student_id"].isin(students["student_id"].unique())
    reason = elsewhere.map({True: "Student not enrolled in that school and year",
                            False: "Student unknown to the enrollment file"})  # fmt: skip
    if not here.all():
        n = (~here).sum()
        what = f"{n:,} of {len(actions):,} actions are of students not enrolled in that school and year."
        fix = "Check that both files use the same student and school ids and cover the same years."
        ledger.say(what, fix, stops=False)
    return ledger.keep(actions, here, reason)


def sum_school_years(students: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Sum to one row per school-year of the enrollment file."""
    frame = sum_by(students, actions, SCHOOL_YEAR, columns=sorted(set(actions["column"])))
    if "school_name" in students:
        names = students.groupby(SCHOOL_YEAR)["school_name"].max()
        frame["school_name"] = names.to_numpy()
    return frame


def sum_groups(students: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame | None:
    """Sum to one row per school-year and student group, the groups of all columns under each other.

    A column of yes and no makes one group, named like the column, of the students with yes.
    """
    columns, parts = sorted(set(actions["column"])), []
    for name in group_columns(students):
        folded = students[name].str.casefold()
        group = students[name].mask(folded.isin(YES), name).mask(folded.isin(NO), "")
        members = students.assign(group=group)[group != ""]
        theirs = actions.merge(members[[*KEYS, "group"]], on=KEYS, how="inner")
        if len(members):
            parts.append(sum_by(members, theirs, [*SCHOOL_YEAR, "group"], columns=columns))
    return pd.concat(parts, ignore_index=True) if parts else None


def sum_by(
    students: pd.DataFrame, actions: pd.DataFrame, keys: list[str], *, columns: list[str]
) -> pd.DataFrame:
    """Count students and actions by keys; a key without an action has zero of each."""
    table = students.groupby(keys)["student_id"].nunique().rename(ENROLLED).astype(float).to_frame()
    for column in columns:
        rows = actions[actions["column"] == column]
        table[column] = rows.groupby(keys).size().reindex(table.index, fill_value=0).astype(float)
    oss = actions[actions["column"] == "oss_n"]
    if "oss_n" in columns:
        suspended = oss.groupby(keys)["student_id"].nunique()
        table["suspended_n"] = suspended.reindex(table.index, fill_value=0).astype(float)
        if "days" in actions:
            days = oss.groupby(keys)["days"].agg(lambda values: values.sum(skipna=False))
            table["oss_days"] = days.reindex(table.index, fill_value=0.0)
    return table.reset_index()
