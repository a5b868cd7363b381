"""What the program's logs share: no personal columns, words and days read, schools of the panel."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.answers.personal import personal_among
from rpeval.inputs.schema.sources import LayoutKeys
from rpeval.inputs.schools.actions import NO, YES
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among, show_school_years
from rpeval.inputs.tables.cells import find_cells, read_cells, read_day, show_cells
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import open_source, read_rows
from rpeval.inputs.words import counted, list_words, quote, some

OWN_WORDS = {
    "narrative", "description", "notes", "comments", "comment", "staffname", "teachername", "employeename",
    "ratername", "facilitatorname", "socialsecuritynumber", "ssn",
}  # fmt: skip
GIVEN = ("start_year", "arm")
DAY_FIX = "Write them like 2019-03-08 or 3/8/2019."


def open_log(
    params: Any, name: str, *, needed: Collection[str], district: bool = False
) -> tuple[pd.DataFrame, Ledger, LayoutKeys]:
    """Read a log of the program by its layout.

    needed   : fields that the log must have
    district : rows are not of a school, or may be; a school_id that stands there is kept
    Refuses (DataError, ParamsError): a file that cannot be read or lacks a needed field, columns that name
    persons or hold somebody's own words.
    """
    source = getattr(params.sources, name)
    layout = layout_for(source, root=params.root, label=f"sources.{name}", base=name)
    columns = sorted(column for columns in layout.columns.values() for column in columns)
    if found := personal_among(columns, also=OWN_WORDS):
        what = f"These columns name persons or hold their words and are not read: {list_words(found)}."
        raise DataError(Problem(f"sources.{name}", what, "Use a key that names nobody, or take them away."))
    frame, raw, ledger = open_source(source, layout, name=name, params=params)
    absent = sorted(set(needed) - set(frame.columns))
    if absent:
        fix = f"Map a column of the file to each: `columns: {{{absent[0]}: ...}}`."
        ledger.refuse(f"The log lacks {list_words(absent)}.", fix)
    schools = frame["school_id"]
    frame = frame.assign(school_id=name) if district else frame
    frame, ledger = read_rows(frame, raw, ledger, layout)
    frame = frame.assign(school_id=schools.loc[frame.index]) if district else frame
    return frame, ledger, layout


def fill(frame: pd.DataFrame, texts: Collection[str], numbers: Collection[str]) -> pd.DataFrame:
    """Give a log the fields it lacks: empty texts, unknown numbers."""
    lacking = {name: pd.Series("", index=frame.index, dtype="str") for name in texts if name not in frame}
    lacking |= {name: pd.Series(np.nan, index=frame.index) for name in numbers if name not in frame}
    return frame.assign(**lacking)


def keep_words(frame: pd.DataFrame, column: str, known: Collection[str], ledger: Ledger) -> pd.DataFrame:
    """Keep the rows whose word is known; the others leave, counted and told."""
    fits = frame[column].isin(list(known))
    if not fits.all():
        what = f"{counted((~fits).sum(), 'row', 'has', 'have')} other words than {list_words(known)}: "
        fix = f"Translate them with `values: {{{column}: ...}}`; until then they are not used."
        ledger.warn(f"{what}{_tally(frame.loc[~fits, column])}.", fix, where=column)
    named = frame[column].where(frame[column] != "", "(empty)")
    return ledger.keep(frame, fits, f"Unknown {column} " + named)


def must_be(frame: pd.DataFrame, column: str, known: Collection[str], ledger: Ledger) -> None:
    """Refuse words that are not known, where a row left out would change a sum in silence."""
    strange = frame.loc[~frame[column].isin(list(known)), column]
    if len(strange):
        what = f"{counted(len(strange), 'row', 'has', 'have')} other words than {list_words(known)}: "
        fix = f"Translate them with `values: {{{column}: ...}}`."
        ledger.say(f"{what}{_tally(strange)}.", fix, where=column)


def read_yes(texts: pd.Series, ledger: Ledger, column: str) -> pd.Series:
    """Read yes and no; other words become empty and are told."""
    folded = texts.str.casefold()
    told = folded.map(dict.fromkeys(YES, "yes") | dict.fromkeys(NO - {"", "*"}, "no")).fillna("")
    strange = texts[(told == "") & (texts != "")]
    if len(strange):
        what = f"{counted(len(strange), 'row', 'says', 'say')} neither yes nor no: {_tally(strange)}."
        fix = f"Translate them with `values: {{{column}: ...}}`; until then they are unknown."
        ledger.warn(what, fix, where=column)
    return told.astype("str")


def _tally(texts: pd.Series) -> str:
    return some(f"{quote(text)} ({n:,})" for text, n in texts.value_counts().sort_index().items())


def read_days(frame: pd.DataFrame, column: str, ledger: Ledger) -> pd.Series:
    """Read a column of dates as days since January 1, 1970; empty ones are unknown, others a problem."""
    read = read_cells(frame[column], read_day)
    if read.bad.any():
        what = counted(read.bad.sum(), "date", "is", "are")
        shown = show_cells(find_cells(frame.loc[read.bad, column], frame["row"]))
        ledger.say(f"{what} in no calendar: {shown}.", DAY_FIX, where=column)
    return pd.Series(read.values, index=frame.index)


def school_year_of(days: pd.Series) -> pd.Series:
    """Give the school year of each day, which begins on July 1.

    >>> school_year_of(pd.Series([17712.0, 17713.0, np.nan])).tolist()    # June 30 and July 1, 2018
    [2017, 2018, <NA>]
    """
    date = pd.to_datetime(days, unit="D")
    return (date.dt.year - (date.dt.month < 7)).astype("Int64")


def check_amounts(frame: pd.DataFrame, columns: Collection[str], ledger: Ledger) -> None:
    """Refuse amounts below zero."""
    for column in among(frame, columns):
        wrong = frame[frame[column] < 0]
        if len(wrong):
            rows = f"row{'s' * (len(wrong) != 1)} {some(sorted(wrong['row']))}"
            what = f"{counted(len(wrong), 'value', 'is', 'are')} below zero: {rows}."
            ledger.say(what, "Correct them, or add the codes that mean unknown to `missing`.", where=column)


def once(frame: pd.DataFrame, keys: list[str], ledger: Ledger, what: str) -> pd.DataFrame:
    """Keep one row for each of the keys; rows that differ elsewhere are a problem.

    what : what a row is, in one word ("role")
    """
    frame = frame.sort_values([*keys, "row"])
    same = frame.drop(columns="row")
    differ = frame[frame.duplicated(keys) & ~same.duplicated()]
    if len(differ):
        shown = show_school_years(differ) if "year" in differ else some(sorted(differ["row"]))
        told = counted(len(differ), what, "stands twice and differs", "stand twice and differ")
        ledger.say(f"{told}: {shown}.", "Keep one row of each.")
    again = frame.duplicated(keys)
    if again.any() and not len(differ):
        ledger.warn(f"{counted(again.sum(), 'row', 'repeats', 'repeat')} another; each is used once.",
                    "Check that the file was not put together twice.")  # fmt: skip
    return ledger.keep(frame, ~again, "Listed again")


def of_the_panel(
    frame: pd.DataFrame, schools: pd.DataFrame, ledger: Ledger, *, by: list[str] = SCHOOL_YEAR
) -> pd.DataFrame:
    """Keep rows of the panel's school-years (or schools), and give them the school's name, start and arm."""
    what = "School-year" if "year" in by else "School"
    frame = frame.astype({"year": int}) if "year" in by else frame
    there = pd.MultiIndex.from_frame(frame[by]).isin(pd.MultiIndex.from_frame(schools[by]))
    frame = ledger.keep(frame, there, f"{what} is not in the panel")
    told = schools.drop_duplicates("school_id").set_index("school_id")
    given = {name: frame["school_id"].map(told[name]) for name in among(schools, ("school_name", *GIVEN))}
    return frame.assign(**given)


def in_columns(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Put the school first and the log's own columns after it, sorted by them, the index from 0."""
    first = among(frame, ("school_id", "school_name", "year", *GIVEN))
    kept = frame[[*first, *columns]]
    order = [name for name in kept if name not in ("school_name", *GIVEN)]
    return kept.sort_values(order, kind="stable", ignore_index=True)


def nothing_left(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse a log of which no row is used."""
    if frame.empty:
        fix = "Check `years`, the school ids and the words of the file."
        ledger.refuse(f"No row of the study's schools and years is left.{ledger.why()}", fix)
