"""From rows as read to one checked row per school and year (and student group)."""

from typing import Any

import pandas as pd

from rpeval.inputs import checks
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.fields import COUNTS, ENROLLED, RATES, counted
from rpeval.inputs.rates import add_rates, derive_counts
from rpeval.inputs.window import limit
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

ORDER = ("school_id", "school_name", "year", "group", "start_year", ENROLLED, *COUNTS, *RATES)


def settle(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame | None:
    """Keep the rows of the study, one for each school-year, check them and add the rates.

    frame : rows as read: school_id, year, enrolled_n, counts or rates, and group in a table of groups
    Returns the frame sorted by school, year (and group) with year as int, or None where no row is left or no
    column can be used. Exact copies leave, as do rows of nobody; what contradicts itself is a problem.
    """
    if not _has_numbers(frame, ledger):
        return None
    frame = name_schools(frame)
    frame = frame[[column for column in ORDER if column in frame]]
    had = sorted(set(frame["year"]))
    frame = limit(frame, params, ledger)
    if frame.empty:
        span = f"{show_year(int(had[0]))} to {show_year(int(had[-1]))}" if had else "no year"
        fix = "Check `years`, `exclusions` and the layout's `where` and `year_style`."
        ledger.say(f"No row of the study's years is left (the file has {span}). {ledger.why()}", fix)
        return None
    keys = [key for key in ("school_id", "year", "group") if key in frame]
    frame = once_each(frame.astype({"year": int}), keys, ledger)
    ledger.problems += checks.check_values(frame, label=ledger.label)
    frame = derive_counts(frame, ledger)
    ledger.problems += checks.check_against_enrollment(frame, label=ledger.label)
    frame = _with_students(frame, ledger)
    return add_rates(frame.sort_values(keys, ignore_index=True))


def _has_numbers(frame: pd.DataFrame, ledger: Ledger) -> bool:
    if ENROLLED not in frame:
        ledger.say("No column gives the enrollment.", f"Map one to {ENROLLED}.")
        return False
    if not any(column in frame for column in (*COUNTS, *RATES)):
        ledger.say("No column gives removals.", f"Map one to a count or a rate: {list_words(COUNTS)}.")
        return False
    return True


def name_schools(frame: pd.DataFrame) -> pd.DataFrame:
    """Name schools without a name by their id."""
    names = frame["school_name"] if "school_name" in frame else pd.Series("", index=frame.index)
    return frame.assign(school_name=names.where(names.fillna("") != "", frame["school_id"]).astype("str"))


def once_each(frame: pd.DataFrame, keys: list[str], ledger: Ledger) -> pd.DataFrame:
    """Let exact copies leave, and refuse rows that say different things about one school-year."""
    if not frame.duplicated(keys).any():
        return frame
    copies = frame.duplicated()
    if copies.any():
        told = counted(copies.sum(), "row", "repeats", "repeat")
        what = f"{told} another in every value; each is used once."
        ledger.say(what, "Check that the file was not put together twice.", stops=False)
        frame = ledger.keep(frame, ~copies, "Exact copy of another row")
    ledger.problems += checks.check_duplicates(frame, label=ledger.label)
    frame = frame.sort_values(list(frame.columns))
    return ledger.keep(frame, ~frame.duplicated(keys), "Another row of the same school and year")


def _with_students(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Let rows of nobody leave: no rate can be made of them."""
    reason = f"No students enrolled{' in this group' if 'group' in frame else ''}"
    return ledger.keep(frame, frame[ENROLLED] != 0, reason)


def latest_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every row of a school the name of its latest year."""
    latest = frame.sort_values(["year", "school_name"]).drop_duplicates("school_id", keep="last")
    return frame.assign(school_name=frame["school_id"].map(latest.set_index("school_id")["school_name"]))
