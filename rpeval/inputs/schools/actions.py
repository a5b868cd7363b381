"""Student-level records: an actions log and an enrollment file, summed to school-years and student groups."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rpeval.errors import DataError
from rpeval.inputs.accounting import Attempts, Found, Ledger
from rpeval.inputs.schema.sources import LayoutKeys
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.counting import Counts, open_counts
from rpeval.inputs.schools.removals import removals_of_actions
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.tables.fields import COUNTS, ENROLLED, NUMBERS, STAMP
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_parts
from rpeval.inputs.words import counted, instead, list_words, quote

KEYS = ["student_id", *SCHOOL_YEAR]
DETAILS = ("days", "date", "action_id")
NOT_GROUPS = {*KEYS, "school_name", "row", STAMP, "kind", *DETAILS}
YES, NO = {"1", "y", "yes", "true", "t"}, {"0", "n", "no", "false", "f", "", "*"}
COUNTED = sorted({*COUNTS} - {"suspended_n", "oss_days"})


@dataclass(slots=True, eq=False)
class Records:
    """What the file of a panel, or the two files of student-level records, gave.

    schools : one row per school-year (school_id, school_name, year, enrolled_n, counts)
    ids     : all schools of the file
    books   : row accounting and problems of each file, the first for what becomes of the schools
    groups  : one row for each student group of a school-year, where student records gave them
    removals: school_id, year, kind, events_n, hours, where student records gave them
    """

    schools: pd.DataFrame
    ids: frozenset[str]
    books: list[Ledger]
    groups: pd.DataFrame | None = None
    removals: pd.DataFrame | None = None


def read_actions(source: Any, layout: LayoutKeys, params: Any) -> Records:
    """Read student-level actions and enrollment and sum them, however many rows they have.

    source : the actions log, with its enrollment file named beside it
    Returns the Records. enrolled_n counts different students, <kind>_n actions, suspended_n students with at
    least one out-of-school suspension, oss_days their days. A kind that the log never has gets no column.
    What leaves is counted: years outside the study, repeated rows, kinds that are not counted, and actions of
    students whom the enrollment file does not have in that school and year. Refuses (DataError) files that
    cannot be read. Both files are read in parts, and counted by an embedded database.
    """
    if source.enrollment is None:
        fix = "Name it under the source: `enrollment: {path: ...}`."
        Ledger("actions", source.path).refuse("Student-level actions need the enrollment file.", fix)
    second, base = source.enrollment, "enrollment"
    by = layout_for(second, root=params.root, base=base, label=base, any_field=True)
    told = Attempts()
    with open_counts() as counts:
        first = told.attempt(store_students, counts, second, by, params)
        books = told.attempt(store_actions, counts, source, layout, params)
        if told.problems:
            raise DataError(told.problems)
        ids, enrolled, groups = first
        tell_groups(counts.enroll(), enrolled)
        tell_repeated(counts, books)
        kinds = {kind: column for kind, column in layout.kinds.items() if column}
        counts.match(kinds, per_day=params.hours_per_day, hours=layout.hours)
        return _sum(counts, groups, Records(pd.DataFrame(), ids, [enrolled, books]))


def _sum(counts: Counts, groups: list[str], records: Records) -> Records:
    """Sum the students and actions that were stored to school-years and student groups."""
    enrolled, books = records.books
    students, actions = counts.students(), counts.actions()
    columns = sorted(set(actions["column"]))
    tell_strangers(counts.strangers(), int(actions["n"].sum()), books)
    counted_in = actions.groupby(SCHOOL_YEAR, as_index=False)["n"].sum()
    books.drop(counted_in.rename(columns={"n": "rows_n"}), "Counted in the totals of its school and year")
    again = students.assign(rows_n=students["again_n"])[[*SCHOOL_YEAR, "rows_n"]]
    enrolled.drop(again[again["rows_n"] > 0], "Student listed again in the same school and year")
    folded = students.assign(rows_n=students["n"] - 1)[[*SCHOOL_YEAR, "rows_n"]]
    enrolled.drop(folded[folded["rows_n"] > 0], "Counted in the enrollment of its school and year")
    days = counts.has("actions", "days")
    records.schools = sum_by(students, actions, SCHOOL_YEAR, columns=columns, days=days)
    if "school_name" in students:
        records.schools["school_name"] = students["school_name"].astype("str")
    parts = [sum_group(counts, group, columns=columns, days=days) for group in groups]
    parts = [part for part in parts if len(part)]
    records.groups = pd.concat(parts, ignore_index=True) if parts else None
    records.removals = removals_of_actions(actions, records.schools)
    return records


def read_members(source: Any, params: Any, *, only: Collection[str]) -> pd.DataFrame | None:
    """Give the student group, or groups, of some students in each school and year.

    source : the enrollment file, which the panel has read and told of; only: ids of students
    Returns student_id, school_id, year (int), group, or None where the file gives no groups.
    """
    layout = layout_for(source, root=params.root, base="enrollment", label="enrollment", any_field=True)
    with open_counts() as counts:
        _, _, groups = store_students(counts, source, layout, params, only=set(only))
        counts.enroll()
        students = counts.enrolled().astype({"year": int})
    parts = [students[KEYS].assign(group=name_groups(students[name], name)) for name in groups]
    parts = [part[part["group"] != ""] for part in parts]
    return pd.concat(parts, ignore_index=True) if any(map(len, parts)) else None


def store_students(
    counts: Counts, source: Any, layout: LayoutKeys, params: Any, *, only: Collection[str] | None = None
) -> tuple[frozenset[str], Ledger, list[str]]:
    """Read the enrollment file and store it, whole or of some students.

    Returns all ids of schools, the books and the columns of groups.
    """
    refuse_shapes(source, layout)
    parts, ledger = read_parts(source, layout, name="enrollment", params=params)
    ids, groups = set(), []

    def tell_nameless(found: Found) -> None:
        ledger.warn(f"{counted(found.n, 'row', 'has', 'have')} no student id.", "Fill it in.")

    for students in parts:
        groups = group_columns(students, ledger)
        ids |= set(students["school_id"].unique())
        if only is not None:
            students = students[students["student_id"].isin(only)]
        students = limit(students[[*KEYS, *groups, *among(students, ["school_name"])]], params, ledger)
        nameless = students["student_id"] == ""
        ledger.note("student_id", Found(int(nameless.sum())), tell_nameless)
        counts.store("students", ledger.keep(students, ~nameless, "No student id"), groups)
    return frozenset(ids), ledger, groups


def store_actions(counts: Counts, source: Any, layout: LayoutKeys, params: Any) -> Ledger:
    """Read the actions log and store the actions of kinds that are counted; returns the books."""
    refuse_shapes(source, layout)
    parts, ledger = read_parts(source, layout, name="actions", params=params)
    unknown, dated = Counter(), False
    for actions in parts:
        need_students(actions, ledger)
        dated = dated or bool(actions["year"].notna().any())
        actions = limit(actions[[*KEYS, "kind", *among(actions, DETAILS)]], params, ledger)
        known = actions["kind"].isin(layout.kinds)
        unknown.update(actions.loc[~known, "kind"].value_counts().to_dict())
        named = actions["kind"].where(actions["kind"] != "", "(empty)")
        actions = ledger.keep(actions, known, "Unknown kind " + named)
        used = actions["kind"].isin([kind for kind, column in layout.kinds.items() if column is not None])
        counts.store("actions", ledger.keep(actions, used, "Kind not counted: " + actions["kind"]))
    for kind, column in layout.kinds.items():
        if column is not None and column not in COUNTED:
            ledger.say(f"{quote(kind)} counts in {quote(column)}.", instead(column, COUNTED), where="kinds")
    if not dated:
        ledger.say("No column says when an action was taken.", "Map one to `date` or to `year`.")
    if unknown:
        shown = list_words(f"{quote(kind)} ({n:,})" for kind, n in sorted(unknown.items()))
        what = f"{counted(unknown.total(), 'action', 'is', 'are')} of unknown kinds: {shown}."
        ledger.warn(what, "Add each to `kinds` with the column it counts in, or none.", where="kinds")
    return ledger


def refuse_shapes(source: Any, layout: LayoutKeys) -> None:
    """Refuse keys of a layout that belong to tables of schools."""
    for key in ("pivot", "corrections", "start_rules"):
        if getattr(layout, key):
            fix = f"Take `{key}` out."
            Ledger("", str(source.path)).refuse(f"`{key}` is for tables of schools, not of students.", fix)


def need_students(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse a file that says of nobody who it was."""
    if "student_id" not in frame:
        ledger.refuse("No column names the student.", "Map one to `student_id`.")


def group_columns(students: pd.DataFrame, ledger: Ledger) -> list[str]:
    """List the columns of an enrollment file that put students into groups."""
    need_students(students, ledger)
    groups = sorted(set(students.columns) - NOT_GROUPS)
    for name in groups:
        if name in NUMBERS or name == "start_year":
            fix = f"Name the groups otherwise, like `columns: {{by_{name}: ...}}`."
            ledger.refuse(f"{quote(name)} is read as a number, and cannot put students into groups.", fix)
    return groups


def tell_groups(several: Mapping[str, int], ledger: Ledger) -> None:
    """Tell how many students have two values of a group in a school-year."""
    for column, n in several.items():
        if n:
            what = f"{counted(n, 'student', 'has', 'have')} two values in a school-year: "
            what += f"in no group of {column}."
            ledger.warn(what, "Keep one value for each student and year.", where=column)


def tell_repeated(counts: Counts, ledger: Ledger) -> None:
    """Count each action once, and tell of the rows that repeat one.

    With only a year two equal rows can be two actions: they stay, and that is told.
    """
    n = counts.act()
    if n and not (counts.has("actions", "action_id") or counts.has("actions", "date")):
        what = (
            f"{counted(n, 'action', 'equals', 'equal')} another; without a date or action_id each is counted."
        )
        ledger.warn(what, "Map a date or action_id, so that copies can be told apart.")
    elif n:
        what = f"{counted(n, 'action', 'is', 'are')} listed again and counted once."
        ledger.warn(what, "Check that the export does not repeat rows.")
    ledger.drop(counts.repeated(), "Action listed again")


def tell_strangers(strangers: pd.DataFrame, matched_n: int, ledger: Ledger) -> None:
    """Tell of the actions of students who were not enrolled in that school and year, and count them."""
    n = int(strangers["rows_n"].sum())
    if n:
        what = f"{n:,} of {n + matched_n:,} actions are of students not enrolled in that school and year."
        fix = "Check that both files use the same student and school ids and cover the same years."
        ledger.warn(what, fix)
    elsewhere = strangers["known"].astype(bool)
    ledger.drop(strangers[elsewhere], "Student not enrolled in that school and year")
    ledger.drop(strangers[~elsewhere], "Student unknown to the enrollment file")


def name_groups(texts: pd.Series, name: str) -> pd.Series:
    """Name the student groups of a column; "" is no group.

    A column of yes and no makes one group, named like the column, of the students with yes.

    >>> name_groups(pd.Series(["Y", "no", "Black"]), "el").tolist()
    ['el', '', 'Black']
    """
    folded = texts.astype("str").str.casefold()
    return texts.astype("str").mask(folded.isin(YES), name).mask(folded.isin(NO), "")


def sum_group(counts: Counts, name: str, *, columns: list[str], days: bool) -> pd.DataFrame:
    """Sum to one row per school-year and student group of a column."""
    parts = []
    for rows in (counts.students(name), counts.actions(name)):
        rows = rows.assign(group=name_groups(rows["group"], name))
        parts.append(rows[rows["group"] != ""])
    return sum_by(*parts, [*SCHOOL_YEAR, "group"], columns=columns, days=days)


def sum_by(
    students: pd.DataFrame, actions: pd.DataFrame, keys: list[str], *, columns: list[str], days: bool
) -> pd.DataFrame:
    """Lay the counts of students and actions beside each other; a key without an action has zero of each."""
    enrolled = students.groupby(keys)[["n", "removed_n"]].sum()
    sums = {ENROLLED: enrolled["n"]}
    sums |= {column: actions[actions["column"] == column].groupby(keys)["n"].sum() for column in columns}
    if "oss_n" in columns:
        sums["suspended_n"] = enrolled["removed_n"]
    if "oss_n" in columns and days:
        oss = actions[actions["column"] == "oss_n"].groupby(keys)["days"]
        sums["oss_days"] = oss.sum().where(oss.count() == oss.size())
    table = {name: n.reindex(enrolled.index, fill_value=0).astype(float) for name, n in sums.items()}
    return pd.DataFrame(table).reset_index()
