"""When each school's program starts: from a list of schools, or from rules on a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.checks import check_stamp
from rpeval.inputs.fields import counted
from rpeval.inputs.layouts import layout_for, year_of
from rpeval.inputs.shape import read_source
from rpeval.inputs.words import list_words, nearest, quote
from rpeval.inputs.years import show_year

FEW = 5


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


def read_starts(params: Any, schools: frozenset[str] | None) -> tuple[Starts | None, Ledger]:
    """Read the first program year of each school from sources.adoption.

    schools : ids of the panel's file, or None where it cannot be read
    Returns the starts (None where the file cannot be read) and the books. An empty year in a list means
    never. A school of a list that the panel does not have, and two different years of one school, are
    problems that stop.
    """
    source = params.sources.adoption
    layout = layout_for(source, root=params.root, label="sources.adoption", base="adoption")
    frame, ledger = read_source(source, layout, name="adoption", root=params.root)
    if frame is None:
        return None, ledger
    ledger.problems += check_stamp(frame, simulated=params.simulated, label=ledger.label)
    if "start_year" not in frame:
        ledger.say("No column says when a school starts.", "Map one to start_year, or write start_rules.")
        return None, ledger
    by_rules = bool(layout.start_rules)
    frame = frame.sort_values(["school_id", "start_year"])
    if schools is not None:
        frame = _keep_known(frame, schools, ledger, by_rules)
    _check_starts(frame, ledger)
    repeated = int(frame.duplicated("school_id").sum())
    if repeated and not by_rules:
        told = counted(repeated, "row", "repeats", "repeat")
        ledger.say(f"{told} a school.", "Keep one row for each school.", stops=False)
    ledger.fold(frame, ["school_id"], "Repeats a school")
    first = frame.drop_duplicates("school_id").set_index("school_id")
    return Starts(first["start_year"], first.get("school_name"), by_rules), ledger


def list_starts(frame: pd.DataFrame, ledger: Ledger) -> Starts:
    """List the start years that stand in the panel's own file, which must agree over a school's years."""
    _check_starts(frame, ledger)
    first = frame.sort_values(["school_id", "start_year"]).drop_duplicates("school_id")
    return Starts(first.set_index("school_id")["start_year"])


def _keep_known(frame: pd.DataFrame, schools: frozenset[str], ledger: Ledger, by_rules: bool) -> pd.DataFrame:
    """Keep the schools of the panel; a list that names others is a problem."""
    known = frame["school_id"].isin(schools)
    unknown = sorted(set(frame.loc[~known, "school_id"]))
    if unknown and not by_rules:
        names = frame.drop_duplicates("school_id").set_index("school_id").get("school_name")
        shown = [
            quote(i) + (f" ({names[i]})" if names is not None and names[i] else "") for i in unknown[:FEW]
        ]
        more = f" and {len(unknown) - FEW} more" if len(unknown) > FEW else ""
        meant = [f"{quote(m)} for {quote(i)}" for i in unknown[:FEW] if (m := nearest(i, schools))]
        guess = f" Did you mean {list_words(meant)}?" if meant else ""
        what = f"{counted(len(unknown), 'school', 'is', 'are')} not in the panel: {list_words(shown)}{more}."
        ledger.say(what, f"Write the ids as the panel does (leading zeros, joined codes).{guess}")
    return ledger.keep(frame, known, "School is not in the panel")


def _check_starts(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse a school with two different starts."""
    written = frame.assign(written=frame["start_year"].fillna(-1)).sort_values(["school_id", "written"])
    different = written.drop_duplicates(["school_id", "written"])
    several = different[different.duplicated("school_id", keep=False)]
    if len(several):
        shown = [
            f"{school} ({list_words(show_start(y) for y in rows['start_year'])})"
            for school, rows in list(several.groupby("school_id"))[:FEW]
        ]
        n = several["school_id"].nunique()
        told = counted(n, "school", "has", "have")
        ledger.say(f"{told} more than one start: {list_words(shown)}.", "Keep one start year each.")


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
    starts = told.years
    present = frame.drop_duplicates("school_id").set_index("school_id")["school_name"]
    absent = present[~present.index.isin(starts.index)]
    if len(absent):
        what = f"{len(absent):,} of {len(present):,} schools without a row count as never adopting"
        ledger.say(
            f"{what}: {_some(absent)}.", "Add a row for each school whose start you know.", stops=False
        )
    first, last = year_of(params.years.first), year_of(params.years.last)
    in_study = starts[starts.index.isin(present.index)].dropna()
    late, early = in_study[in_study > last], in_study[in_study <= first]
    if len(late):
        what = counted(len(late), "school", "starts", "start")
        what += " after the study's last year, as comparison schools here"
        fix = "Check their years."
        ledger.say(f"{what}: {_some(present[late.index], late)}.", fix, stops=False)
    if len(early):
        what = counted(len(early), "school", "starts", "start")
        what += " by the study's first year, with no year before the program"
        fix = "Begin the study earlier, or leave them out with `exclusions`."
        ledger.say(f"{what}: {_some(present[early.index], early)}.", fix, stops=False)


def _some(names: pd.Series, starts: pd.Series | None = None) -> str:
    """Name the first five schools, with their start years where given."""
    shown = []
    for school, name in list(names.sort_index().items())[:FEW]:
        start = "" if starts is None else f", {show_start(starts[school])}"
        shown.append(
            f"{name} ({school}{start})" if name != school else f"{school}{start and f' ({start[2:]})'}"
        )
    return list_words(shown) + (f" and {len(names) - FEW:,} more" if len(names) > FEW else "")
