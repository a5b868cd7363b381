"""Whom a survey invited: one row per school and wave, against which its answers are counted."""

from typing import Any

import pandas as pd

from rpeval.inputs import checks
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.adoption import Starts
from rpeval.inputs.fields import INVITED, counted
from rpeval.inputs.layouts import layout_for
from rpeval.inputs.settle import name_schools, once_each
from rpeval.inputs.shape import read_source
from rpeval.inputs.window import limit
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

KEYS = ["school_id", "year"]


def read_invited(
    params: Any, answers: pd.DataFrame, starts: Starts | None
) -> tuple[pd.DataFrame | None, Ledger]:
    """Read how many students were invited in each school and wave from sources.invited.

    answers : the survey's frame: school_id and wave, one row per respondent
    starts  : gives schools their names, where known
    Returns school_id, year (of the wave), invited_n (NaN = unknown), or None where the file cannot be read;
    and the books. Waves that the survey does not have leave. More answers than invitations, and schools and
    waves of the survey that the list does not have, are told.
    """
    source = params.sources.invited
    layout = layout_for(source, root=params.root, label="sources.invited", base="invited")
    frame, ledger = read_source(source, layout, name="invited", root=params.root)
    if frame is None:
        return None, ledger
    ledger.problems += checks.check_stamp(frame, simulated=params.simulated, label=ledger.label)
    if INVITED not in frame:
        ledger.say("No column says how many were invited.", f"Map one to {INVITED}.")
        return None, ledger
    frame = limit(frame[[*KEYS, INVITED]], params, ledger)
    waves = answers["wave"].unique()
    frame = ledger.keep(frame, frame["year"].isin(waves), "The survey has no answer in that wave")
    names = None if starts is None else starts.names
    frame = frame.assign(school_name="" if names is None else frame["school_id"].map(names))
    frame = once_each(name_schools(frame).astype({"year": int}), KEYS, ledger)
    ledger.problems += checks.check_values(frame, label=ledger.label)
    ledger.problems += checks.check_unknown(frame, label=ledger.label)
    _tell_answers(frame, answers, ledger)
    return frame.drop(columns="school_name").sort_values(KEYS, ignore_index=True), ledger


def _tell_answers(frame: pd.DataFrame, answers: pd.DataFrame, ledger: Ledger) -> None:
    """Compare the answers with the invitations, school by school and wave by wave."""
    answered = answers.rename(columns={"wave": "year"}).groupby(KEYS).size().rename("answers_n")
    both = frame.merge(answered.reset_index(), on=KEYS)
    over = both[both["answers_n"] > both[INVITED]]
    if len(over):
        told = counted(len(over), "school-wave", "has", "have")
        shown = checks.show_school_years(over)
        most = over.loc[(over["answers_n"] - over[INVITED]).idxmax()]
        what = f"{told} more answers than invitations: {shown}. The most: {most['answers_n']} answers of "
        what += f"{most[INVITED]:.0f} invited ({most['school_name']}, {show_year(most['year'])})."
        ledger.say(what, "Check that the list counts everybody who was asked.", stops=False)
    listed = pd.MultiIndex.from_frame(frame[KEYS])
    absent = answered[~answered.index.isin(listed)].reset_index()
    waves = sorted(set(absent["year"]) - set(frame["year"]))
    if waves:
        what = f"It has no row of {list_words(map(show_year, waves))}, and the survey has answers of then."
        ledger.say(what, "Add the wave's schools: without them no response can be told.", stops=False)
    absent = absent[~absent["year"].isin(waves)]
    if len(absent):
        told = counted(len(absent), "school-wave", "has", "have")
        people = counted(int(absent["answers_n"].sum()), "answer")
        shown = checks.show_school_years(absent.assign(school_name=absent["school_id"]))
        what = f"{told} answers ({people}) and no row here: {shown}."
        ledger.say(what, "Add them, or write the ids as the survey does.", stops=False)
