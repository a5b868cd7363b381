"""Student-level logs of incidents and absences: read, linked by student and day, and made nameless."""

from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.tables.cells import find_cells, read_cells, read_day, show_cells
from rpeval.inputs.tables.fields import ABSENCE_OF
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source
from rpeval.inputs.words import counted, list_words, quote

CODED = {
    "response": ("restorative", "sanction", "no_action"),
    "severity": ("minor", "moderate", "serious"),
}
WITHIN = 7  # days: five school days, holidays aside
DAY_FIX = "Write them like 2019-03-08 or 3/8/2019."


def read_incidents(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, Ledger]:
    """Read the log of incidents, one row per incident and student.

    schools : the panel's school-years; incidents of others leave, counted
    Returns incident_id, student_id, school_id, year, day (counted from January 1, 1970) and, where the file
    has them, type, severity, response, agreement ("" = not told), sorted by day; and the books.
    """
    frame, ledger = _read_student_rows(params, "incidents")
    for column, known in CODED.items():
        if column in frame:
            frame[column] = _coded(frame[column], known, ledger, column)
    frame = _of_the_panel(limit(frame, params, ledger), schools, ledger)
    order = ["day", "incident_id", "student_id"]
    frame = frame.sort_values([*order, "row"])
    again = frame.duplicated(["incident_id", "student_id"])
    if again.any():
        told = counted(again.sum(), "row", "repeats", "repeat")
        ledger.warn(f"{told} an incident of the same student.", "Keep one row for each.")
    frame = ledger.keep(frame, ~again, "Incident listed again for the same student")
    kept = ["incident_id", "student_id", *SCHOOL_YEAR, "day", "type", *CODED, "agreement"]
    return frame[among(frame, kept)].reset_index(drop=True), ledger


def read_absences(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, Ledger]:
    """Read the records: student_id, school_id, year, day, kind, hours (NaN = unknown); and the books."""
    frame, ledger = _read_student_rows(params, "absences")
    known = frame["kind"].isin(ABSENCE_OF)
    if not known.all():
        kinds = frame.loc[~known, "kind"].value_counts().sort_index()
        shown = list_words(f"{quote(kind)} ({n:,})" for kind, n in kinds.items())
        what = f"{counted((~known).sum(), 'row', 'is', 'are')} of unknown kinds: {shown}."
        fix = f"Translate them with `values: {{kind: ...}}` into {list_words(ABSENCE_OF)}."
        ledger.warn(what, fix, where="kind")
    frame = ledger.keep(frame, known, "Unknown kind " + frame["kind"].where(frame["kind"] != "", "(empty)"))
    frame = _of_the_panel(limit(frame, params, ledger), schools, ledger)
    keys = ["student_id", "school_id", "day", "kind"]
    frame = frame.sort_values([*keys, "row"])
    frame = ledger.keep(frame, ~frame.duplicated(keys), "Absence listed again")
    return frame[["student_id", *SCHOOL_YEAR, "day", "kind", "hours"]].reset_index(drop=True), ledger


def _read_student_rows(params: Any, name: str) -> tuple[pd.DataFrame, Ledger]:
    """Read a student-level log with the day of each row; rows without a student leave."""
    source = getattr(params.sources, name)
    layout = layout_for(source, root=params.root, label=f"sources.{name}", base=name)
    frame, ledger = read_source(source, layout, name=name, params=params)
    frame = add_days(frame, ledger)
    nameless = frame["student_id"] == ""
    if nameless.any():
        told = counted(nameless.sum(), "row", "has", "have")
        ledger.warn(f"{told} no student id.", "Fill it in.")
    frame = ledger.keep(frame, ~nameless, "No student id")
    if name == "absences":
        told = frame["hours"] if "hours" in frame else pd.Series(np.nan, index=frame.index)
        frame = frame.assign(hours=told.fillna(frame["kind"].map(layout.hours).astype(float)))
    return frame, ledger


def add_days(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Add the day of each row's date; one that no calendar has is a problem."""
    read = read_cells(frame["date"], read_day)
    if read.bad.any():
        shown = show_cells(find_cells(frame.loc[read.bad, "date"], frame["row"]))
        told = counted(read.bad.sum(), "date", "is", "are")
        ledger.say(f"{told} in no calendar: {shown}.", DAY_FIX, where="date")
    frame = frame.assign(day=read.values)
    return ledger.keep(frame, frame["day"].notna(), "No date")


def _coded(texts: pd.Series, known: tuple[str, ...], ledger: Ledger, column: str) -> pd.Series:
    """Keep the words that are known; others become empty and are told."""
    strange = ~texts.isin([*known, ""])
    if strange.any():
        shown = list_words(
            f"{quote(text)} ({n:,})" for text, n in texts[strange].value_counts().sort_index().items()
        )
        what = (
            f"{counted(strange.sum(), 'row', 'has', 'have')} other words than {list_words(known)}: {shown}."
        )
        ledger.warn(what, f"Translate them with `values: {{{column}: ...}}`; until then they are unknown.")
    return texts.where(~strange, "")


def _of_the_panel(frame: pd.DataFrame, schools: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    frame = frame.astype({"year": int, "day": int})
    there = pd.MultiIndex.from_frame(frame[SCHOOL_YEAR]).isin(pd.MultiIndex.from_frame(schools[SCHOOL_YEAR]))
    return ledger.keep(frame, there, "School-year is not in the panel")


def followed_by(first: pd.DataFrame, then: pd.DataFrame) -> np.ndarray:
    """Say for each row of `first` whether the same student has a row of `then` within five school days.

    Both have student_id and day; the same day counts.

    >>> first = pd.DataFrame({"student_id": ["1", "1", "2"], "day": [10, 20, 10]})
    >>> followed_by(first, pd.DataFrame({"student_id": ["1", "2"], "day": [17, 18]})).tolist()
    [True, False, False]
    """
    return _near(first, then, "forward")


def preceded_by(later: pd.DataFrame, first: pd.DataFrame) -> np.ndarray:
    """Say for each row of `later` whether the same student has one of `first` in five school days before."""
    return _near(later, first, "backward")


def _near(rows: pd.DataFrame, others: pd.DataFrame, direction: str) -> np.ndarray:
    own = rows[["student_id", "day"]].astype({"day": "int64"}).assign(place=np.arange(len(rows)))
    other = others[["student_id", "day"]].astype({"day": "int64"}).assign(found=True).sort_values("day")
    how = {"on": "day", "by": "student_id", "direction": direction, "tolerance": WITHIN}
    near = pd.merge_asof(own.sort_values("day"), other, **how).sort_values("place")
    return near["found"].eq(True).to_numpy()


def without_names(incidents: pd.DataFrame) -> pd.DataFrame:
    """Put a running number in place of each student's id, in the order in which the log first has them."""
    number = pd.factorize(incidents["student_id"])[0]
    return incidents.assign(student=number).drop(columns="student_id")
