"""From rows as read to one checked row per school and year (and student group), with rates."""

from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schools import checks
from rpeval.inputs.tables.fields import COUNTS, ENROLLED, RATES, REMOVALS, rate_of, words_of
from rpeval.inputs.words import FEW, counted, list_words, nearest, quote
from rpeval.inputs.years import show_year

ORDER = ("school_id", "school_name", "year", "group", "start_year", ENROLLED, *COUNTS, *RATES)
REMOVED_BY = ("oss_n", "iss_n", "expelled_n")
DISAGREE = 0.1


def settle(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Keep the rows of the study, one for each school-year, check them and add the rates.

    frame : rows as read: school_id, year, enrolled_n, counts or rates, and group in a table of groups
    Returns the frame sorted by school, year (and group) with year as int. Exact copies leave, as do rows of
    nobody; what contradicts itself is a problem. Refuses (DataError) where no row is left or no column can be
    used.
    """
    if ENROLLED not in frame:
        ledger.refuse("No column gives the enrollment.", f"Map one to {ENROLLED}.")
    if not checks.among(frame, (*COUNTS, *RATES)):
        ledger.refuse("No column gives removals.", f"Map one to a count or a rate: {list_words(COUNTS)}.")
    frame, had = name_schools(frame), frame["year"]
    frame = limit(frame[checks.among(frame, ORDER)], params, ledger)
    if frame.empty:
        ends = [show_year(int(year)) for year in (had.min(), had.max()) if year == year]
        span = " to ".join(ends) or "no year"
        fix = "Check `years`, `exclusions` and the layout's `where` and `year_style`."
        ledger.refuse(f"No row of the study's years is left (the file has {span}).{ledger.why()}", fix)
    keys = checks.among(frame, (*checks.SCHOOL_YEAR, "group"))
    frame = once_each(frame.astype({"year": int}), keys, ledger)
    checks.check_values(frame, ledger)
    frame = derive_counts(frame, ledger)
    checks.check_against_enrollment(frame, ledger)
    nobody = f"No students enrolled{' in this group' if 'group' in frame else ''}"
    frame = ledger.keep(frame, frame[ENROLLED] != 0, nobody)
    return add_rates(frame.sort_values(keys, ignore_index=True))


def limit(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Keep the school-years of the study; the others leave with the reason the params give.

    frame : rows with school_id and year, of schools, groups or students
    """
    years, why = params.years, params.years.leave_out_reason
    span = f"Outside the study's years, {show_year(years.first)} to {show_year(years.last)}"
    frame = ledger.keep(frame, frame["year"].between(years.first, years.last), span)
    left_out = f"Year left out{(why and ': ' + why) or ''}"
    frame = ledger.keep(frame, ~frame["year"].isin(years.leave_out), left_out)
    for exclusion in params.exclusions:
        inside = pd.Series(True, index=frame.index)
        for column, named in (("school_id", exclusion.schools), ("year", exclusion.years)):
            inside &= frame[column].isin(named) if named else True
        frame = ledger.keep(frame, ~inside, f"Excluded: {exclusion.reason}")
    return frame


def check_exclusions(schools: frozenset[str], params: Any) -> list[Problem]:
    """Tell which exclusions name schools that no file has."""
    problems = []
    for exclusion in params.exclusions:
        absent = sorted(set(exclusion.schools) - schools)
        if absent:
            meant = [quote(near) for school in absent if (near := nearest(school, schools))]
            told = counted(len(absent), "school", "is", "are")
            what = f"{told} not in the panel: {list_words(map(quote, absent[:FEW]))}."
            fix = f"Did you mean {list_words(meant)}?" if meant else "Check the ids."
            problems.append(Problem(f"exclusions: {exclusion.reason}", what, fix))
    return problems


def keep_complete(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Where the params ask for it, keep only the schools that have a row in every year of the study."""
    years, seen = len(params.years.used), frame.groupby("school_id")["year"].transform("nunique")
    whole = (seen == years) | (not params.years.complete)
    n, total = frame.loc[~whole, "school_id"].nunique(), frame["school_id"].nunique()
    if n:
        what = f"{n:,} of {total:,} schools lack a row in one or more of the {years} years and leave: "
        fix = "Look whether they differ from those that stay, or use them all: years.complete: false."
        ledger.say(f"{what}{checks.show_schools(frame[~whole])}.", fix, stops=n == total)
    return ledger.keep(frame, whole, "School does not have a row in every year").reset_index(drop=True)


def name_schools(frame: pd.DataFrame) -> pd.DataFrame:
    """Name schools without a name by their id."""
    names = frame["school_name"] if "school_name" in frame else pd.Series("", index=frame.index)
    return frame.assign(school_name=names.where(names.fillna("") != "", frame["school_id"]).astype("str"))


def latest_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every row of a school the name of its latest year."""
    latest = frame.sort_values(["year", "school_name"]).drop_duplicates("school_id", keep="last")
    return frame.assign(school_name=frame["school_id"].map(latest.set_index("school_id")["school_name"]))


def once_each(frame: pd.DataFrame, keys: list[str], ledger: Ledger) -> pd.DataFrame:
    """Let exact copies leave, and refuse rows that say different things about one school-year."""
    if not frame.duplicated(keys).any():
        return frame
    copies = frame.duplicated()
    if copies.any():
        told = counted(copies.sum(), "row", "repeats", "repeat")
        what = f"{told} another in every value; each is used once."
        ledger.warn(what, "Check that the file was not put together twice.")
        frame = ledger.keep(frame, ~copies, "Exact copy of another row")
    checks.check_duplicates(frame, ledger)
    frame = frame.sort_values(list(frame.columns))
    return ledger.keep(frame, ~frame.duplicated(keys), "Another row of the same school and year")


def derive_counts(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Rebuild counts where a file gives only rates: rate × enrollment / 100, rounded.

    Rates that stand beside counts are checked against them (a warning beyond 0.1 per 100) and then computed
    anew from the counts.
    """
    frame, rebuilt = frame.copy(), []
    for rate, count in [(rate, count) for rate, count in RATES.items() if rate in frame]:
        if count not in frame:
            frame[count] = (frame[rate] * frame[ENROLLED] / 100).round()
            rebuilt.append(words_of(count))
            continue
        from_count = 100 * frame[count] / frame[ENROLLED].where(frame[ENROLLED] > 0)
        apart = int(((from_count - frame[rate]).abs() > DISAGREE).sum())
        if apart:
            told = counted(apart, "rate", "differs", "differ")
            what = f"{told} from 100 × {count} / {ENROLLED} by more than {DISAGREE}."
            ledger.warn(what, "The counts are used; check what the rate counts.", where=rate)
    if rebuilt:
        what = f"The file gives rates only; counts are rebuilt by rounding: {list_words(rebuilt)}."
        ledger.warn(what, "Use a file with counts where there is one.")
    return frame.drop(columns=checks.among(frame, RATES))


def add_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the rate per 100 students of every count, and removals_per_100.

    frame : enrolled_n and counts; a rate is unknown where its count or the enrollment is unknown or zero
    Returns the frame with <x>_per_100 for each count. Removals are out-of-school and in-school suspensions,
    both of which must be there, and, where counted, expulsions.

    >>> add_rates(pd.DataFrame({"enrolled_n": [200.0], "oss_n": [5.0], "iss_n": [3.0]})).iloc[0].tolist()
    [200.0, 5.0, 3.0, 2.5, 1.5, 4.0]
    """
    enrolled = frame[ENROLLED].where(frame[ENROLLED] > 0)
    frame = frame.assign(**{rate_of(count): 100 * frame[count] / enrolled for count in checks.among(frame)})
    if {"oss_n", "iss_n"} <= set(frame.columns):
        removed = np.add.reduce([frame[count] for count in checks.among(frame, REMOVED_BY)])
        frame[REMOVALS] = 100 * removed / enrolled
    return frame
