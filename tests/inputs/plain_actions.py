"""The rules of an actions log, written plainly with frames held whole: what the embedded database must agree with."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rpeval.errors import DataError
from rpeval.inputs.accounting import Attempts, Ledger
from rpeval.inputs.schools.actions import COUNTED, KEYS, NO, NOT_GROUPS, YES, Records
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.removals import sum_kinds
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.tables.fields import ENROLLED, REMOVAL_OF
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source
from rpeval.inputs.words import counted, instead, list_words, quote


def read_actions(source, layout, params) -> Records:
    """Read both files whole, and sum them row by row."""
    second, base = source.enrollment, "enrollment"
    by = layout_for(second, root=params.root, base=base, label=base, any_field=True)
    told = Attempts()
    both = [
        told.attempt(read_source, second, by, name=base, params=params),
        told.attempt(read_source, source, layout, name="actions", params=params),
    ]
    if told.problems:
        raise DataError(told.problems)
    (students, enrolled), (actions, books) = both
    for kind, column in layout.kinds.items():
        if column is not None and column not in COUNTED:
            books.say(f"{quote(kind)} counts in {quote(column)}.", instead(column, COUNTED), where="kinds")
    if actions["year"].isna().all():
        books.say("No column says when an action was taken.", "Map one to `date` or to `year`.")
    ids = frozenset(students["school_id"])
    students = one_row_each(limit(students, params, enrolled), enrolled)
    actions = counted_actions(limit(actions, params, books), layout, books)
    actions = keep_enrolled(actions, students, books)
    books.keep(actions, np.zeros(len(actions), bool), "Counted in the totals of its school and year")
    enrolled.fold(students, SCHOOL_YEAR, "Counted in the enrollment of its school and year")
    columns = sorted(set(actions["column"]))
    schools = sum_by(students, actions, SCHOOL_YEAR, columns=columns)
    if "school_name" in students:
        schools["school_name"] = students.groupby(SCHOOL_YEAR)["school_name"].max().to_numpy()
    groups = sum_groups(students, actions, columns=columns)
    how = {"per_day": params.hours_per_day, "hours": layout.hours}
    return Records(schools, ids, [enrolled, books], groups, removals_of_rows(actions, schools, **how))


def group_columns(students: pd.DataFrame) -> list[str]:
    """List the columns of an enrollment file that put students into groups."""
    return sorted(set(students.columns) - NOT_GROUPS)


def one_row_each(students: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep one row per student, school and year; a student with two values of a group has none of it."""
    nameless = students["student_id"] == ""
    if nameless.any():
        ledger.warn(f"{counted(nameless.sum(), 'row', 'has', 'have')} no student id.", "Fill it in.")
        students = ledger.keep(students, ~nameless, "No student id")
    groups = group_columns(students)
    students = students.sort_values([*KEYS, *groups, *among(students, ["school_name"])])
    for column in groups:
        several = students.groupby(KEYS)[column].transform("nunique") > 1
        if several.any():
            n = len(students.loc[several, KEYS].drop_duplicates())
            told = counted(n, "student", "has", "have")
            what = f"{told} two values in a school-year: in no group of {column}."
            ledger.warn(what, "Keep one value for each student and year.", where=column)
            students[column] = students[column].mask(several, "")
    again = students.duplicated(KEYS)
    return ledger.keep(students, ~again, "Student listed again in the same school and year")


def counted_actions(actions: pd.DataFrame, layout, ledger: Ledger) -> pd.DataFrame:
    """Keep the actions of kinds that are counted, once each, and name the column each counts in."""
    known = actions["kind"].isin(layout.kinds)
    unknown = actions.loc[~known, "kind"].value_counts().sort_index()
    if len(unknown):
        shown = list_words(f"{quote(kind)} ({n:,})" for kind, n in unknown.items())
        what = f"{counted(unknown.sum(), 'action', 'is', 'are')} of unknown kinds: {shown}."
        ledger.warn(what, "Add each to `kinds` with the column it counts in, or none.", where="kinds")
    named = actions["kind"].where(actions["kind"] != "", "(empty)")
    actions = ledger.keep(actions, known, "Unknown kind " + named)
    actions = actions.assign(column=actions["kind"].map(layout.kinds))
    actions = ledger.keep(actions, actions["column"].notna(), "Kind not counted: " + actions["kind"])
    return once_each(actions, ledger)


def once_each(actions: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Take out repeated rows of one action.

    With an action_id, rows of one action and kind; with a date, rows equal in student, school, date, kind and
    days. With only a year two equal rows can be two actions: they stay, and that is told.
    """
    by = ["student_id", "school_id", "kind", *among(actions, ["days"])]
    if "action_id" in actions:
        twice = actions.duplicated([*by, "year", "action_id"]) & (actions["action_id"] != "")
    elif "date" in actions:
        twice = actions.duplicated([*by, "date"])
    else:
        equal = int(actions.duplicated([*by, "year"]).sum())
        if equal:
            told = counted(equal, "action", "equals", "equal")
            what = f"{told} another; without a date or action_id each is counted."
            ledger.warn(what, "Map a date or action_id, so that copies can be told apart.")
        return actions
    if twice.any():
        what = f"{counted(twice.sum(), 'action', 'is', 'are')} listed again and counted once."
        ledger.warn(what, "Check that the export does not repeat rows.")
    return ledger.keep(actions, ~twice, "Action listed again")


def keep_enrolled(actions: pd.DataFrame, students: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep the actions of students enrolled in that school and year."""
    here = pd.MultiIndex.from_frame(actions[KEYS]).isin(pd.MultiIndex.from_frame(students[KEYS]))
    if not here.all():
        n = (~here).sum()
        what = f"{n:,} of {len(actions):,} actions are of students not enrolled in that school and year."
        fix = "Check that both files use the same student and school ids and cover the same years."
        ledger.warn(what, fix)
    elsewhere = actions.loc[~here, "student_id"].isin(students["student_id"].unique())
    reasons = {True: "Student not enrolled in that school and year",
               False: "Student unknown to the enrollment file"}  # fmt: skip
    return ledger.keep(actions, here, elsewhere.map(reasons))


def sum_groups(students: pd.DataFrame, actions: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame | None:
    """Sum to one row per school-year and student group, the groups of all columns under each other.

    A column of yes and no makes one group, named like the column, of the students with yes.
    """
    parts = []
    for members in members_of(students):
        theirs = actions.merge(members[[*KEYS, "group"]], on=KEYS, how="inner")
        parts.append(sum_by(members, theirs, [*SCHOOL_YEAR, "group"], columns=columns))
    return pd.concat(parts, ignore_index=True) if parts else None


def members_of(students: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Give, for each column of groups, the students that are in one of its groups, with `group`."""
    for name in group_columns(students):
        folded = students[name].str.casefold()
        group = students[name].mask(folded.isin(YES), name).mask(folded.isin(NO), "")
        if (group != "").any():
            yield students.assign(group=group)[group != ""]


def sum_by(
    students: pd.DataFrame, actions: pd.DataFrame, keys: list[str], *, columns: list[str]
) -> pd.DataFrame:
    """Count students and actions by keys; a key without an action has zero of each."""
    sums = {ENROLLED: students.groupby(keys)["student_id"].nunique()}
    sums |= {column: actions[actions["column"] == column].groupby(keys).size() for column in columns}
    oss = actions[actions["column"] == "oss_n"].groupby(keys)
    if "oss_n" in columns:
        sums["suspended_n"] = oss["student_id"].nunique()
    if "oss_n" in columns and "days" in actions:
        sums["oss_days"] = oss["days"].sum().where(oss["days"].count() == oss.size())
    every = sums[ENROLLED].index
    table = {name: counts.reindex(every, fill_value=0).astype(float) for name, counts in sums.items()}
    return pd.DataFrame(table).reset_index()


def removals_of_rows(actions, schools, *, per_day, hours) -> pd.DataFrame:
    """Sum the hours of actions, one row each."""
    declared = actions["kind"].map(dict(hours)).astype(float)
    told = actions["days"] * per_day if "days" in actions else pd.Series(np.nan, index=actions.index)
    known = actions[SCHOOL_YEAR].assign(kind=actions["column"].map(REMOVAL_OF), hours=told.fillna(declared))
    return sum_kinds(known.dropna(subset="kind"), schools)
