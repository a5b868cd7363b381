"""The survey: one row per respondent and wave, answers as codes, program starts, and its row accounting."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Ledger
from rpeval.inputs.adoption import Starts, add_starts, read_starts
from rpeval.inputs.answers import decode, most_common, once_each, tell_straight_lines, widen
from rpeval.inputs.cells import read_cells, read_numbers, year_reader
from rpeval.inputs.checks import check_stamp
from rpeval.inputs.fields import STAMP, counted
from rpeval.inputs.instruments import Instrument, Item, read_instrument
from rpeval.inputs.invited import read_invited
from rpeval.inputs.layouts import year_of
from rpeval.inputs.panel import Panel, gather_panel
from rpeval.inputs.tables import TextTable, missing_columns, read_table
from rpeval.inputs.window import limit
from rpeval.inputs.words import instead, list_words, quote

__all__ = ["Instrument", "Item", "Survey", "read_survey"]

OWN = ("respondent_id", "school_id", "wave", "weight", "start_year", "arm")
FEW = 5


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Students' answers, wave by wave.

    frame : one row per respondent and wave, sorted, index 0..n-1: respondent_id, school_id, wave (int, start
            of the school year), weight (1.0 where the file has none), student groups as named in the params,
            items as codes (float, NaN = unanswered, not yet reversed), start_year (NaN = never or unknown)
            and, where program starts are known, arm (adopting | comparison)
    instrument : the scale
    accounting : where every row of the file went
    warnings   : what a reader must know of the answers
    invited    : one row per school and wave: school_id, wave, invited_n, start_year and arm as above; None
                 where no list says who was invited
    invited_accounting : the same for that list, or None
    """

    frame: pd.DataFrame
    instrument: Instrument
    accounting: Accounting
    warnings: tuple[Problem, ...] = ()
    invited: pd.DataFrame | None = None
    invited_accounting: Accounting | None = None


def read_survey(params: Any, panel: Panel | None = None) -> Survey:
    """Read, check and merge the survey of a study.

    Use it first in every notebook on belonging.

    params : the study's Params
    panel  : the study's panel, where it was read already; it then gives the program starts, and schools of
             the survey that it does not have are counted
    Returns a Survey. Rows leave with a counted reason: no school, no wave, years outside the study, no answer
    to any item, a respondent who answered again in the wave. Answers off the scale count as unanswered.
    Refuses (DataError, every problem at once): no survey in the params, a file or column that is missing,
    answers most of which are off the scale, no row left. ParamsError: an instrument that cannot be read.
    """
    if params.sources.survey is None:
        raise DataError(Problem("sources.survey", "The study names no survey.", "Name its file there."))
    starts, of_starts = (starts_of(panel), []) if panel is not None else find_starts(params)
    survey, problems = gather_survey(params, starts)
    stops = [problem for problem in [*of_starts, *problems] if problem.stops]
    if stops or survey is None:
        raise DataError(stops)
    return survey


def gather_survey(params: Any, starts: Starts | None) -> tuple[Survey | None, list[Problem]]:
    """Read the survey like `read_survey`, but return every problem and warning instead of stopping.

    starts : the program starts, or None where they are not known
    The survey is None where a problem stops. Refuses (ParamsError) an instrument that cannot be read.
    """
    source = params.sources.survey
    instrument = read_instrument(source.instrument, params.root)
    ledger, books = Ledger("survey", label=str(source.path)), Ledger("invited", "")
    frame, invited = _answers(params, source, instrument, ledger), None
    if frame is not None:
        frame = _start_schools(frame, starts, params, ledger)
        if params.sources.invited is not None:
            invited, books = read_invited(params, frame, starts)
        if invited is not None:
            invited = _start_schools(invited, starts, params, books).rename(columns={"year": "wave"})
    problems = [*ledger.problems, *books.problems]
    if frame is None or any(problem.stops for problem in problems):
        return None, problems
    closed = None if invited is None else books.close(len(invited))
    return Survey(frame, instrument, ledger.close(len(frame)), tuple(problems), invited, closed), problems


def _answers(params: Any, source: Any, instrument: Instrument, ledger: Ledger) -> pd.DataFrame | None:
    """Read the file into one row per respondent and wave, or note why that cannot be done."""
    columns = _columns(source, instrument, ledger)
    table = _table(params, source, columns, ledger)
    if table is None or ledger.problems:
        return None
    frame = _name_columns(table, source, columns, ledger)
    ledger.rows_in = len(frame)
    ledger.problems += check_stamp(frame, simulated=params.simulated, label=ledger.label)
    frame = _with_school_and_wave(frame, source, ledger)
    frame = limit(frame, params, ledger)
    items = instrument.item_ids
    if source.shape == "long":
        frame["item"] = frame["item"].map({name: i for i, name in _headings(source, instrument).items()})
        frame = widen(frame, items, ledger)
    labels = source.answers == "labels"
    frame[items] = decode(frame[items], instrument, labels=labels, missing=source.missing, ledger=ledger)
    frame = ledger.keep(frame, frame[items].notna().any(axis=1), "No item answered")
    frame = once_each(_weigh(frame, ledger), items, ledger)
    if frame.empty:
        ledger.say(f"No respondent is left. {ledger.why()}", "Check `years`, the item columns and `answers`.")
        return None
    tell_straight_lines(frame[items], ledger)
    order = ["respondent_id", "school_id", "wave", "weight", *source.groups, *items]
    frame = frame.rename(columns={"year": "wave"}).astype({"wave": int})
    return frame.sort_values(["wave", "school_id", "respondent_id"], ignore_index=True)[order]


def _headings(source: Any, instrument: Instrument) -> dict[str, str]:
    """Give the heading (wide) or the name in the file (long) of every item."""
    return {item: source.items.get(item, item) for item in instrument.item_ids}


def _columns(source: Any, instrument: Instrument, ledger: Ledger) -> dict[str, str]:
    """Say which column of the file plays which part, and note names that clash or that no item has."""
    own = source.columns
    columns = {"respondent_id": own.respondent_id, "school_id": own.school_id, "wave": own.wave}
    columns |= {"weight": own.weight} if own.weight else {}
    if source.shape == "long":
        columns |= {"item": own.item or "item", "answer": own.answer or "answer"}
    else:
        columns |= _headings(source, instrument)
    for name in sorted(set(source.items) - set(instrument.item_ids)):
        fix = instead(name, instrument.item_ids)
        ledger.say(f"The instrument has no item {quote(name)}.", fix, where="items")
    clashes = [name for name in source.groups if name in OWN or name in instrument.item_ids]
    if clashes:
        what = f"These groups are named like other columns: {list_words(clashes)}."
        ledger.say(what, "Name them differently.", where="groups")
    return {**columns, **source.groups}


def _table(params: Any, source: Any, columns: dict[str, str], ledger: Ledger) -> TextTable | None:
    """Read the file; note columns that it does not have."""
    try:
        table = read_table(
            params.root / source.path,
            label=ledger.label,
            sheet=source.sheet,
            encoding=source.encoding,
            delimiter=source.delimiter,
            only={*columns.values(), STAMP},
        )
    except DataError as error:
        ledger.problems.extend(error.problems)
        return None
    wanted = set(columns.values())
    if _is_anonymous(table, source):
        wanted.discard(columns["respondent_id"])
    for problem in missing_columns(table, wanted):
        fix = problem.fix.replace("in the layout's columns", "in sources.survey (columns, items or groups)")
        ledger.problems.append(Problem(problem.where, problem.what, fix))
    return table


def _is_anonymous(table: TextTable, source: Any) -> bool:
    """Tell a wide file without respondent ids, which no one asked for by name."""
    named = "respondent_id" in source.columns.model_fields_set
    return source.shape == "wide" and not named and source.columns.respondent_id not in table.headings


def _name_columns(table: TextTable, source: Any, columns: dict[str, str], ledger: Ledger) -> pd.DataFrame:
    """Give the columns of the file their names in the study; number the rows of an anonymous survey."""
    raw = table.frame
    named = {name: raw[heading] for name, heading in columns.items() if heading in raw}
    if "respondent_id" not in named:
        named["respondent_id"] = pd.Series([f"row {i + 2}" for i in raw.index], index=raw.index, dtype="str")
        what = "The file has no respondent ids, so nobody can see whether a student answered twice."
        ledger.say(what, "Name their column under `columns`, if there is one.", stops=False)
    if STAMP in raw:
        named[STAMP] = raw[STAMP]
    frame = pd.DataFrame(named).rename(columns={"wave": "year"})
    for group in source.groups:
        frame[group] = frame[group].where(frame[group] != "")
    return frame


def _with_school_and_wave(frame: pd.DataFrame, source: Any, ledger: Ledger) -> pd.DataFrame:
    """Read the waves; rows without a respondent, a school or a wave leave, and are counted."""
    texts = frame["year"]
    read = read_cells(texts, lambda text: year_reader(source.year_style)(text) if text else np.nan)
    frame = frame.assign(year=read.values)
    if read.bad.any():
        told = counted(int(read.bad.sum()), "row", "has", "have")
        what = f"{told} a wave that is not a school year: {most_common(texts[read.bad])}."
        fix = "Write 2018-19, or say with `year_style: starts` or `ends` how the file writes years."
        ledger.say(what, fix, stops=bool(read.bad.all()), where=source.columns.wave)
    reason = pd.Series(np.where(read.bad, "Wave cannot be read", "No wave"), index=frame.index)
    frame = ledger.keep(frame, frame["year"].notna(), reason)
    frame = ledger.keep(frame, frame["school_id"] != "", "No school id")
    return ledger.keep(frame, frame["respondent_id"] != "", "No respondent id")


def _weigh(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Read the weights, or give everybody the weight one; rows without a positive weight leave."""
    if "weight" not in frame:
        return frame.assign(weight=1.0)
    weight = read_numbers(frame["weight"], missing=()).values
    frame = frame.assign(weight=weight)
    return ledger.keep(frame, weight > 0, "No positive weight")


def find_starts(params: Any) -> tuple[Starts | None, list[Problem]]:
    """Find the program starts of a study in the adoption list, or in the panel's own file."""
    if params.sources.adoption is not None:
        starts, books = read_starts(params, None)
        return starts, books.problems
    panel, problems = gather_panel(params)
    return starts_of(panel), problems


def starts_of(panel: Panel | None) -> Starts | None:
    """Give the program starts of the schools of a panel, or None where it has none."""
    if panel is None or not panel.has_adoption:
        return None
    schools = panel.frame.drop_duplicates("school_id").set_index("school_id")
    return Starts(schools["start_year"], schools["school_name"], where="the panel")


def _start_schools(frame: pd.DataFrame, starts: Starts | None, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Add start_year and arm; count the schools whose start nobody told."""
    if starts is None:
        return frame.assign(start_year=np.nan)
    listed = frame["school_id"].isin(starts.years.index)
    absent = sorted(set(frame.loc[~listed, "school_id"]))
    if absent:
        schools_n = frame["school_id"].nunique()
        more = f" and {len(absent) - FEW} more" if len(absent) > FEW else ""
        fate = "leave" if starts.by_rules else "count as never adopting"
        people = counted(int((~listed).sum()), "respondent" if ledger.source == "survey" else "row")
        shown = list_words(quote(school) for school in absent[:FEW])
        what = f"{len(absent)} of {schools_n} schools ({people}) are not in {starts.where} and {fate}: "
        what += f"{shown}{more}."
        fix = f"Write the ids as {starts.where} does (leading zeros, joined codes), or add the schools there."
        ledger.say(what, fix, stops=len(absent) == schools_n)
    if starts.by_rules:
        frame = ledger.keep(frame, listed, "No start rule fits the school").reset_index(drop=True)
    return add_starts(frame, starts.years, last=year_of(params.years.last))
