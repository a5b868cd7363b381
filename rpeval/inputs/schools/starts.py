"""When each school's program starts: from a list of schools, or from rules on a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source
from rpeval.inputs.words import FEW, counted, list_words, nearest, quote, some
from rpeval.inputs.years import show_year


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """First program years.

    years    : start of the first program year by school_id, NaN = never
    names    : school names by school_id, where the list has them
    by_rules : True where rules on a column gave them; then a school that is not here has no known start.
               False for a list; then a school that is not here never adopts
    where    : how messages name where they stand
    """

    years: pd.Series
    names: pd.Series | None = None
    by_rules: bool = False
    where: str = "the adoption list"


def read_starts(params: Any, schools: frozenset[str] | None) -> tuple[Starts, Ledger]:
    """Read the first program year of each school from sources.adoption.

    schools : ids of the panel's file, or None where it cannot be read
    Returns the starts and the books. An empty year in a list means never. A school of a list that the panel
    does not have, and two different years of one school, are problems that stop. Refuses (DataError) a file
    that cannot be read or says nothing of starts.
    """
    source = params.sources.adoption
    layout = layout_for(source, root=params.root, label="sources.adoption", base="adoption")
    frame, ledger = read_source(source, layout, name="adoption", params=params)
    if "start_year" not in frame:
        ledger.refuse("No column says when a school starts.", "Map one to start_year, or write start_rules.")
    by_rules, frame = bool(layout.start_rules), frame.sort_values(["school_id", "start_year"])
    if schools is not None:
        frame = _keep_known(frame, schools, ledger, by_rules)
    repeated = int(frame.duplicated("school_id").sum())
    if repeated and not by_rules:
        told = counted(repeated, "row", "repeats", "repeat")
        ledger.warn(f"{told} a school.", "Keep one row for each school.")
    first = list_starts(frame, ledger)
    ledger.fold(frame, ["school_id"], "Repeats a school")
    return Starts(first["start_year"], first.get("school_name"), by_rules), ledger


def list_starts(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Give one row for each school, by id; refuses a school with two different starts."""
    different = frame.drop_duplicates(["school_id", "start_year"]).sort_values(
        ["school_id", "start_year"], na_position="first"
    )
    several = different[different.duplicated("school_id", keep=False)].groupby("school_id")["start_year"]
    if len(several):
        told = counted(len(several), "school", "has", "have")
        shown = [f"{school} ({list_words(map(show_start, starts))})" for school, starts in several]
        ledger.say(f"{told} more than one start: {list_words(shown[:FEW])}.", "Keep one start year each.")
    return frame.sort_values(["school_id", "start_year"]).drop_duplicates("school_id").set_index("school_id")


def _keep_known(frame: pd.DataFrame, schools: frozenset[str], ledger: Ledger, by_rules: bool) -> pd.DataFrame:
    """Keep the schools of the panel; a list that names others is a problem."""
    known = frame["school_id"].isin(schools)
    unknown = frame[~known].drop_duplicates("school_id").set_index("school_id")
    if len(unknown) and not by_rules:
        names = unknown.get("school_name", pd.Series("", index=unknown.index)).sort_index()
        shown = some(f"{quote(i)} ({name})" if name else quote(i) for i, name in names.items())
        meant = [f"{quote(m)} for {quote(i)}" for i in names.index[:FEW] if (m := nearest(i, schools))]
        guess = f" Did you mean {list_words(meant)}?" if meant else ""
        what = f"{counted(len(unknown), 'school', 'is', 'are')} not in the panel: {shown}."
        ledger.say(what, f"Write the ids as the panel does (leading zeros, joined codes).{guess}")
    return ledger.keep(frame, known, "School is not in the panel")


def show_start(start: float) -> str:
    """Write a first program year; a missing one is "never".

    >>> show_start(2019.0), show_start(float("nan"))
    ('2019-20', 'never')
    """
    return "never" if start != start else show_year(int(start))


def add_starts(frame: pd.DataFrame, starts: pd.Series, *, last: int) -> pd.DataFrame:
    """Add start_year and arm: a school is adopting when its program starts by the study's last year.

    >>> frame = pd.DataFrame({"school_id": ["01", "02"]})
    >>> add_starts(frame, pd.Series({"01": 2019.0}), last=2021)["arm"].tolist()
    ['adopting', 'comparison']
    """
    start = frame["school_id"].map(starts).astype(float)
    return frame.assign(start_year=start, arm=np.where(start <= last, "adopting", "comparison"))


def tell_starts(told: Starts, frame: pd.DataFrame, params: Any, ledger: Ledger) -> None:
    """Tell which schools have no row (never adopting), and which start outside the study's years."""
    schools = frame.drop_duplicates("school_id").set_index("school_id")["school_name"].sort_index()
    absent, starts = schools[~schools.index.isin(told.years.index)], schools.index.map(told.years)
    if len(absent):
        what = f"{len(absent):,} of {len(schools):,} schools without a row count as never adopting"
        shown = some(i if name == i else f"{name} ({i})" for i, name in absent.items())
        ledger.warn(f"{what}: {shown}.", "Add a row for each school whose start you know.")
    for outside, what, fix in (
        (starts > params.years.last, "after the study's last year, as comparison schools here",
         "Check their years."),
        (starts <= params.years.first, "by the study's first year, with no year before the program",
         "Begin the study earlier, or leave them out with `exclusions`."),
    ):  # fmt: skip
        if outside.any():
            named = zip(schools.index[outside], schools[outside], starts[outside], strict=True)
            shown = some(f"{i} ({show_start(s)})" if name == i else f"{name} ({i}, {show_start(s)})"
                         for i, name, s in named)  # fmt: skip
            ledger.warn(f"{counted(outside.sum(), 'school', 'starts', 'start')} {what}: {shown}.", fix)
