"""Counts for significant disproportionality under IDEA: by year, category and group."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Ledger
from rpeval.inputs.kept import kept
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import open_source, read_rows
from rpeval.inputs.words import counted, list_words, some
from rpeval.inputs.years import show_year

KEYS = ["level", "year", "category", "group"]
LEVELS = ("district", "state")


@dataclass(frozen=True, slots=True, eq=False)
class Idea:
    """Children counted for 34 CFR 300.647.

    frame : one row per level (district | state), year (int, start), category and group, sorted: cell_n
            (children of the group in the category) and of_n (those it is counted among), NaN = unknown
    """

    frame: pd.DataFrame
    accounting: Accounting
    warnings: tuple[Problem, ...] = ()


@kept
def read_idea(params: Any) -> Idea | None:
    """Read the counts of sources.idea; None for a study that names none.

    Every year of the study stays, also those of years.leave_out: the rule looks at consecutive years.
    Refuses (DataError, every problem at once): a file that cannot be read, one cell twice, more children in
    the category than they are counted among.
    """
    if params.sources.idea is None:
        return None
    source, name = params.sources.idea, "idea"
    layout = layout_for(source, root=params.root, label=f"sources.{name}", base=name)
    frame, raw, ledger = open_source(source, layout, name=name, params=params)
    frame, ledger = read_rows(frame.assign(school_id=name), raw, ledger, layout)
    told = frame["level"] if "level" in frame else pd.Series("", index=frame.index)
    frame = frame.assign(level=told.where(told != "", LEVELS[0]))
    years = params.years
    inside = frame["year"].between(years.first, years.last)
    frame = ledger.keep(frame, inside, f"Outside the study's years, {years}")
    if frame.empty:
        ledger.refuse(
            f"No row of the study's years is left.{ledger.why()}", "Check `years` and `year_style`."
        )
    _check(frame, ledger)
    if any(problem.stops for problem in ledger.problems):
        raise DataError([problem for problem in ledger.problems if problem.stops])
    frame = frame.astype({"year": int}).sort_values(KEYS, ignore_index=True)[[*KEYS, "cell_n", "of_n"]]
    return Idea(frame, ledger.close(len(frame)), tuple(ledger.problems))


def _check(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse levels that are none, cells that stand twice, and counts that cannot be."""
    strange = sorted(set(frame["level"]) - set(LEVELS))
    if strange:
        ledger.say(f"There is no level {some(strange)}.", f"Use one of: {list_words(LEVELS)}.", where="level")
    negative, broken = ((frame[["cell_n", "of_n"]] < 0), (frame[["cell_n", "of_n"]] % 1 > 0))
    for rows, one, many, fix in (
        (frame[frame.duplicated(KEYS)], "stands twice", "stand twice", "Keep one row of each."),
        (frame[negative.any(axis=1)], "is below zero", "are below zero", "Add codes to `missing`."),
        (frame[broken.any(axis=1)], "is not whole", "are not whole", "Give counts, not rates."),
        (frame[frame["cell_n"] > frame["of_n"]], "counts more children than there are",
         "count more children than there are", "Check what of_n counts."),
    ):  # fmt: skip
        if len(rows):
            shown = some(f"{r.category} of {r.group} in {show_year(int(r.year))}" for r in rows.itertuples())
            ledger.say(f"{counted(len(rows), 'cell', one, many)}: {shown}.", fix)
