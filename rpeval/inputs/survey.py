"""The survey: one row per respondent and wave, answers as codes, program starts, and its row accounting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Attempts, Ledger
from rpeval.inputs.answers import qualtrics
from rpeval.inputs.answers.careless import count_flags, mark_straight_lines
from rpeval.inputs.answers.decode import decode, most_common, once_each, plain, widen
from rpeval.inputs.answers.invited import read_invited
from rpeval.inputs.answers.personal import check_groups, check_personal
from rpeval.inputs.kept import kept
from rpeval.inputs.panel import Panel, gather_panel
from rpeval.inputs.schema.instruments import Instrument, Item, read_instrument
from rpeval.inputs.schema.sources import LayoutKeys
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.schools.starts import Starts, add_starts, read_starts
from rpeval.inputs.tables.cells import read_cells, read_date, read_numbers, year_reader
from rpeval.inputs.tables.files import read_table
from rpeval.inputs.tables.layouts import complete
from rpeval.inputs.tables.rows import STYLES, open_source
from rpeval.inputs.words import counted, instead, list_words, quote, some

__all__ = ["Instrument", "Item", "Survey", "read_survey"]

OWN = ("respondent_id", "school_id", "wave", "weight", "straight_line", "start_year", "arm")


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Students' answers, wave by wave.

    frame : one row per respondent and wave, sorted, index 0..n-1: respondent_id, school_id, wave (int, start
            of the school year), weight (1.0 where the file has none), student groups as named in the params,
            items of every scale as codes (float, NaN = unanswered, not yet reversed), straight_line (True
            where one answer fills a scale whose items point both ways), start_year (NaN = never or unknown)
            and, where program starts are known, arm (adopting | comparison)
    instrument : the main scale; also: further scales of the same file, by name
    accounting : where every row of the file went
    warnings   : what a reader must know of the answers
    flags      : scale, flag, n, of_n: answers off the scale, questions unanswered, one answer to all
    invited    : one row per school and wave, and student group where the list has them: school_id, wave, the
                 groups, invited_n, start_year and arm as above; None where no list says who was invited
    invited_accounting : the same for that list, or None
    """

    frame: pd.DataFrame
    instrument: Instrument
    accounting: Accounting
    flags: pd.DataFrame
    warnings: tuple[Problem, ...] = ()
    also: Mapping[str, Instrument] = field(default_factory=dict)
    invited: pd.DataFrame | None = None
    invited_accounting: Accounting | None = None


def read_survey(params: Any, panel: Panel | None = None) -> Survey:
    """Read, check and merge the survey of a study.

    Use it first in every notebook on belonging.

    params : the study's Params
    panel  : the study's panel, where it was read already; it then gives the program starts, and schools of
             the survey that it does not have are counted
    Returns a Survey. Rows leave with a counted reason: no school, no wave, years outside the study, no answer
    to any item, a respondent who answered again in the wave, a response that was not finished. Answers off
    the scale count as unanswered. Refuses (DataError, every problem at once): no survey in the params, a file
    or column that is missing, a column that names persons, answers most of which are off the scale, no row
    left. ParamsError: an instrument that cannot be read.
    """
    if params.sources.survey is None:
        raise DataError(Problem("sources.survey", "The study names no survey.", "Name its file there."))
    starts, of_starts = (starts_of(panel), []) if panel is not None else find_starts(params)
    survey, problems = gather_survey(params, starts)
    stops = [problem for problem in [*of_starts, *problems] if problem.stops]
    if stops or survey is None:
        raise DataError(stops)
    return survey


@kept
def gather_survey(params: Any, starts: Starts | None) -> tuple[Survey | None, list[Problem]]:
    """Read the survey like `read_survey`, but return every problem and warning instead of stopping.

    starts : the program starts, or None where they are not known
    The survey is None where a problem stops. Refuses (ParamsError) an instrument that cannot be read.
    """
    told, source = Attempts(), params.sources.survey
    instrument = read_instrument(source.instrument, params.root)
    also = {name: read_instrument(of, params.root) for name, of in source.also.items()}
    read = told.attempt(_answers, params, source, [instrument, *also.values()])
    if read is None:
        return None, told.problems
    frame, flags, ledger = read
    frame, invited, books = _start_schools(frame, starts, params, ledger), None, None
    if params.sources.invited is not None:
        invited, books = told.attempt(read_invited, params, frame, starts) or (None, None)
    if invited is not None:
        invited = _start_schools(invited, starts, params, books).rename(columns={"year": "wave"})
    problems = [*ledger.problems, *told.problems, *(books.problems if books else [])]
    if any(problem.stops for problem in problems):
        return None, problems
    closed, given = None if invited is None else books.close(len(invited)), ledger.close(len(frame))
    return Survey(frame, instrument, given, flags, tuple(problems), also, invited, closed), problems


def _answers(
    params: Any, source: Any, scales: Sequence[Instrument]
) -> tuple[pd.DataFrame, pd.DataFrame, Ledger]:
    """Read the file into one row per respondent and wave, and count what is wrong with the answers."""
    items, off = [item for scale in scales for item in scale.item_ids], []
    frame, ledger = _rows(params, source, items, scales)
    how = {"labels": source.labels if source.answers == "labels" else None, "missing": source.missing}
    for scale in scales:
        codes, off_n = decode(frame[scale.item_ids], scale, ledger=ledger, **how)
        frame, off = frame.assign(**codes), [*off, off_n]
    frame = ledger.keep(frame, frame[items].notna().any(axis=1), "No item answered")
    frame = once_each(_weigh(frame, ledger), items, ledger)
    frame = mark_straight_lines(frame, scales, ledger, drop=source.drop_straight_lines)
    if frame.empty:
        fix = "Check `years`, the item columns and `answers`."
        ledger.refuse(f"No respondent is left.{ledger.why()}", fix)
    order = ["respondent_id", "school_id", "wave", "weight", *source.groups, *items, "straight_line"]
    frame = frame.rename(columns={"year": "wave"}).astype({"wave": int})[order]
    frame = frame.sort_values(["wave", "school_id", "respondent_id"], ignore_index=True)
    return frame, count_flags(frame, scales, off), ledger


def _rows(
    params: Any, source: Any, items: Sequence[str], scales: Sequence[Instrument]
) -> tuple[pd.DataFrame, Ledger]:
    """Read the file as text, one row per respondent, school and wave of the study, one column per item."""
    told, exported = Attempts(_check_names(source, scales)), source.shape == "qualtrics"
    asked = {item: source.items.get(item, item) for item in items}
    reader = qualtrics.read_export if exported else read_table
    how = {"name": "survey", "params": params, "reader": reader}
    opened = told.attempt(open_source, source, _layout(source, asked), **how)
    if told.problems or opened[2].problems:
        raise DataError([*told.problems, *(opened[2].problems if opened else [])])
    frame, _, ledger = opened
    frame = qualtrics.keep_responses(frame, ledger) if exported else frame
    frame = _with_school_and_wave(_with_respondents(frame, source, ledger), source, ledger)
    frame = limit(frame, params, ledger)
    check_groups(frame, source.groups, ledger)
    if source.shape == "long":
        frame = frame.assign(item=frame["item"].map({name: item for item, name in asked.items()}))
        frame = widen(frame, items, ledger)
    return frame, ledger


def _layout(source: Any, asked: dict[str, str]) -> LayoutKeys:
    """Say which column of the file plays which part.

    A wide file may lack the column of respondents, unless someone asked for it by name. A Qualtrics export
    has its own, and may have those that tell which responses are none.
    """
    own, long, named = (
        source.columns,
        source.shape == "long",
        "respondent_id" in source.columns.model_fields_set,
    )
    exported = source.shape == "qualtrics"
    respondent = own.respondent_id if named or not exported else qualtrics.ID
    columns = {"respondent_id": respondent, "school_id": own.school_id, "year": own.wave}
    columns |= {"weight": own.weight} if own.weight else {}
    columns |= {"item": own.item or "item", "answer": own.answer or "answer"} if long else asked
    columns |= source.groups | (qualtrics.FIELDS if exported else {})
    optional = (*(qualtrics.FIELDS if exported else ()), *(() if long or named else ("respondent_id",)))
    how = {"sheet": source.sheet, "encoding": source.encoding, "delimiter": source.delimiter}
    return complete(columns=columns, optional=optional, **how)


def _check_names(source: Any, scales: Sequence[Instrument]) -> list[Problem]:
    """List items and categories that no scale has, names given twice, and columns that name persons."""
    where, items = "sources.survey", [item for scale in scales for item in scale.item_ids]
    known = {plain(label): label for scale in scales for label in scale.categories}
    told = "The instruments have" if len(scales) > 1 else "The instrument has"
    problems = [
        Problem(f"{where}.items", f"{told} no item {quote(name)}.", instead(name, items))
        for name in sorted(set(source.items) - set(items))
    ] + [
        Problem(f"{where}.labels", f"{told} no category {quote(label)}.", instead(label, known.values()))
        for label in sorted(set(source.labels.values()))
        if plain(label) not in known
    ]
    clashes = [name for name in source.groups if name in OWN or name in items]
    if clashes:
        what = f"These groups are named like other columns: {list_words(clashes)}."
        problems.append(Problem(f"{where}.groups", what, "Name them differently."))
    if twice := sorted({item for item in items if items.count(item) > 1}):
        what = f"Several scales have an item of the same name: {list_words(twice)}."
        problems.append(Problem(f"{where}.also", what, "Give the items of a copied instrument other ids."))
    return [*problems, *check_personal(source)]


def _with_respondents(frame: pd.DataFrame, source: Any, ledger: Ledger) -> pd.DataFrame:
    """Number the rows of an anonymous survey; an empty cell names no group."""
    if "respondent_id" not in frame:
        frame = frame.assign(respondent_id="row " + frame["row"].astype("str"))
        what = "The file has no respondent ids, so nobody can see whether a student answered twice."
        ledger.warn(what, "Name their column under `columns`, if there is one.")
    return frame.assign(**{group: frame[group].where(frame[group] != "") for group in source.groups})


def _with_school_and_wave(frame: pd.DataFrame, source: Any, ledger: Ledger) -> pd.DataFrame:
    """Read the waves; rows without a respondent, a school or a wave leave, and are counted."""
    texts = frame["year"]
    year = read_date if source.year_style == "date" else year_reader(source.year_style)
    read = read_cells(texts, lambda text: year(text) if text else np.nan)
    frame = frame.assign(year=read.values)
    if read.bad.any():
        told = counted(int(read.bad.sum()), "row", "has", "have")
        what = f"{told} a wave that is not a school year: {most_common(texts[read.bad])}."
        stops, where = bool(read.bad.all()), source.columns.wave
        ledger.say(what, f"Write 2018-19, or say {STYLES}", where=where, stops=stops)
    reason = pd.Series(np.where(read.bad, "Wave cannot be read", "No wave"), index=frame.index)
    frame = ledger.keep(frame, frame["year"].notna(), reason)
    frame = ledger.keep(frame, frame["school_id"] != "", "No school id")
    return ledger.keep(frame, frame["respondent_id"] != "", "No respondent id")


def _weigh(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Read the weights, or give everybody the weight one; rows without a positive weight leave."""
    if "weight" not in frame:
        return frame.assign(weight=1.0)
    weight = read_numbers(frame["weight"], missing=()).values
    return ledger.keep(frame.assign(weight=weight), weight > 0, "No positive weight")


def find_starts(params: Any) -> tuple[Starts | None, list[Problem]]:
    """Find the program starts of a study in the adoption list, or in the panel's own file."""
    if params.sources.adoption is not None:
        told = Attempts()
        starts, books = told.attempt(read_starts, params, None) or (None, None)
        return starts, books.problems if books else told.problems
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
    absent, schools_n = sorted(set(frame.loc[~listed, "school_id"])), frame["school_id"].nunique()
    if absent:
        fate = "leave" if starts.by_rules else "count as never adopting"
        people = counted(int((~listed).sum()), "respondent" if ledger.source == "survey" else "row")
        what = f"{len(absent)} of {schools_n} schools ({people}) are not in {starts.where} and {fate}: "
        fix = f"Write the ids as {starts.where} does (leading zeros, joined codes), or add the schools there."
        ledger.say(f"{what}{some(map(quote, absent))}.", fix, stops=len(absent) == schools_n)
    if starts.by_rules:
        frame = ledger.keep(frame, listed, "No start rule fits the school").reset_index(drop=True)
    return add_starts(frame, starts.years, last=params.years.last)
