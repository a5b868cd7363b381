"""Which school-years a study uses: its years, less those left out and its exclusions, each with a reason."""

from typing import Any

import pandas as pd

from rpeval.errors import Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.checks import show_schools
from rpeval.inputs.fields import counted
from rpeval.inputs.layouts import texts_of, year_of
from rpeval.inputs.words import list_words, nearest, quote
from rpeval.inputs.years import show_year


def study_years(params: Any) -> list[int]:
    """List the school years a study uses: first to last, without those left out."""
    left_out = {year_of(year) for year in params.years.leave_out}
    return [
        y for y in range(year_of(params.years.first), year_of(params.years.last) + 1) if y not in left_out
    ]


def limit(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Keep the school-years of the study; the others leave with the reason the params give.

    frame : rows with school_id and year, of schools, groups or students
    """
    first, last = year_of(params.years.first), year_of(params.years.last)
    span = f"Outside the study's years, {show_year(first)} to {show_year(last)}"
    frame = ledger.keep(frame, frame["year"].between(first, last), span)
    why = getattr(params.years, "leave_out_reason", None)
    left_out = [year_of(year) for year in params.years.leave_out]
    frame = ledger.keep(frame, ~frame["year"].isin(left_out), f"Year left out{(why and ': ' + why) or ''}")
    for exclusion in params.exclusions:
        frame = ledger.keep(frame, ~_excluded(frame, exclusion), f"Excluded: {exclusion.reason}")
    return frame


def keep_complete(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Where the params ask for it, keep only the schools that have a row in every year of the study."""
    years = study_years(params)
    if not getattr(params.years, "complete", False):
        return frame
    seen = frame.groupby("school_id")["year"].transform("nunique")
    partial = frame[seen < len(years)]
    if len(partial):
        n, total = partial["school_id"].nunique(), frame["school_id"].nunique()
        what = f"{n:,} of {total:,} schools lack a row in one or more of the {len(years)} years and leave: "
        fix = "Look whether they differ from those that stay, or use them all: years.complete: false."
        ledger.say(f"{what}{show_schools(partial)}.", fix, stops=n == total)
    return ledger.keep(frame, seen == len(years), "School does not have a row in every year")


def _excluded(frame: pd.DataFrame, exclusion: Any) -> pd.Series:
    schools, years = texts_of(exclusion.schools or ()), [year_of(year) for year in exclusion.years or ()]
    inside = pd.Series(bool(schools or years), index=frame.index)
    if schools:
        inside &= frame["school_id"].isin(schools)
    return inside & frame["year"].isin(years) if years else inside


def check_exclusions(schools: frozenset[str], params: Any) -> list[Problem]:
    """Tell which exclusions name schools that no file has."""
    problems = []
    for exclusion in params.exclusions:
        absent = sorted(set(texts_of(exclusion.schools or ())) - schools)
        if absent:
            meant = [nearest(school, schools) for school in absent]
            fix = (
                f"Did you mean {list_words(quote(m) for m in meant if m)}?"
                if any(meant)
                else "Check the ids."
            )
            told = counted(len(absent), "school", "is", "are")
            what = f"{told} not in the panel: {list_words(map(quote, absent[:5]))}."
            problems.append(Problem(f"exclusions: {exclusion.reason}", what, fix))
    return problems
