"""Other outcomes of each school and year: read, checked against their measures, joined to the panel."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schools import checks
from rpeval.inputs.schools.settle import limit, name_schools, once_each
from rpeval.inputs.tables.fields import RATES, REMOVALS
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_column, read_source
from rpeval.inputs.words import counted, instead, list_words, quote

KEYS = checks.SCHOOL_YEAR
NOT_OUTCOMES = {*KEYS, "school_name", "row"}


def read_outcomes(params: Any, measures: Mapping[str, Any]) -> tuple[pd.DataFrame, Ledger]:
    """Read the outcomes of sources.outcomes.

    measures : the measures by name; a column is one of those that a panel does not give itself
    Returns school_id, year (int) and a column for each measure (float, NaN = unknown), one row per
    school-year, and the books. Refuses (ParamsError, DataError): columns that are no measure, a file that
    cannot be read, two rows of one school-year that differ, numbers that cannot be.
    """
    source = params.sources.outcomes
    layout = layout_for(source, root=params.root, label="sources.outcomes", base="outcomes", any_field=True)
    free = [name for name in measures if name not in {*RATES, REMOVALS}]
    unknown = sorted(set(layout.columns) - {*NOT_OUTCOMES, *free})
    if unknown:
        what = "There is no measure {} that the panel does not give itself."
        at = "sources.outcomes: columns"
        raise ParamsError([Problem(at, what.format(quote(name)), instead(name, free)) for name in unknown])
    frame, ledger = read_source(source, layout, name="outcomes", params=params)
    names = [name for name in free if name in frame]
    if not names:
        ledger.refuse("No column gives an outcome.", f"Map one to a measure: {list_words(free)}.")
    for name in names:
        frame[name] = read_column(frame[name], frame["row"], layout, layout.columns[name][0], ledger)
    frame = limit(name_schools(frame)[[*KEYS, "school_name", *names]], params, ledger)
    if frame.empty:
        ledger.refuse(
            f"No row of the study's years is left.{ledger.why()}", "Check `years` and `year_style`."
        )
    frame = once_each(frame.astype({"year": int}), KEYS, ledger)
    for name in names:
        _check_range(frame, name, measures[name], ledger)
    return frame.drop(columns="school_name"), ledger


def _check_range(frame: pd.DataFrame, name: str, measure: Any, ledger: Ledger) -> None:
    """Refuse rates below zero, and more than 100 of 100 students or staff."""
    if measure.counts == "score":
        return
    wrong = frame[name] < 0
    if measure.counts in ("students", "staff"):
        wrong |= frame[name] > 100
    if wrong.any():
        told = counted(wrong.sum(), "value", "cannot", "cannot")
        what = f"{told} be {measure.unit}: {checks.show_school_years(frame[wrong])}."
        ledger.say(what, "Correct them, or add the codes that mean unknown to `missing`.", where=name)


def join_outcomes(frame: pd.DataFrame, outcomes: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Give the panel the outcomes as columns; school-years without them are told."""
    names = [name for name in outcomes if name not in KEYS]
    there = pd.MultiIndex.from_frame(outcomes[KEYS]).isin(pd.MultiIndex.from_frame(frame[KEYS]))
    outcomes = ledger.keep(outcomes, there, "School-year is not in the panel")
    joined = frame.merge(outcomes, on=KEYS, how="left", validate="one_to_one")
    unknown = {name: int(joined[name].isna().sum()) for name in names}
    shown = list_words(f"{name} ({n:,})" for name, n in unknown.items() if n)
    if shown:
        what = f"Outcomes are unknown in some of {len(joined):,} school-years: {shown}."
        ledger.warn(what, "They stay unknown, never zero.")
    return joined
