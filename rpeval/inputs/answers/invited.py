"""Whom a survey invited: one row per school and wave, against which its answers are counted."""

from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schools import checks
from rpeval.inputs.schools.settle import limit, name_schools, once_each
from rpeval.inputs.schools.starts import Starts
from rpeval.inputs.tables.fields import INVITED
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source
from rpeval.inputs.words import counted, list_words
from rpeval.inputs.years import show_year

KEYS = checks.SCHOOL_YEAR


def read_invited(params: Any, answers: pd.DataFrame, starts: Starts | None) -> tuple[pd.DataFrame, Ledger]:
    """Read how many students were invited in each school and wave from sources.invited.

    answers : the survey's frame: school_id and wave, one row per respondent
    starts  : gives schools their names, where known
    Returns school_id, year (of the wave), invited_n (NaN = unknown), and the books. Waves that the survey
    does not have leave. More answers than invitations, and schools and waves of the survey that the list does
    not have, are told. Refuses (DataError) a file that cannot be read.
    """
    source = params.sources.invited
    layout = layout_for(source, root=params.root, label="sources.invited", base="invited")
    frame, ledger = read_source(source, layout, name="invited", params=params)
    if INVITED not in frame:
        ledger.refuse("No column says how many were invited.", f"Map one to {INVITED}.")
    frame = limit(frame[[*KEYS, INVITED]], params, ledger)
    waves = frame["year"].isin(answers["wave"].unique())
    frame = ledger.keep(frame, waves, "The survey has no answer in that wave").astype({"year": int})
    names = "" if starts is None or starts.names is None else frame["school_id"].map(starts.names)
    frame = once_each(name_schools(frame.assign(school_name=names)), KEYS, ledger)
    checks.check_values(frame, ledger)
    checks.check_unknown(frame, ledger)
    _tell_answers(frame, answers, ledger)
    return frame.drop(columns="school_name").sort_values(KEYS, ignore_index=True), ledger


def _tell_answers(frame: pd.DataFrame, answers: pd.DataFrame, ledger: Ledger) -> None:
    """Compare the answers with the invitations, school by school and wave by wave."""
    answered = answers.rename(columns={"wave": "year"}).groupby(KEYS).size().rename("answers_n").reset_index()
    both = answered.merge(frame, on=KEYS, how="left", indicator=True)
    over, absent = both[both["answers_n"] > both[INVITED]], both[both["_merge"] == "left_only"]
    if len(over):
        told = counted(len(over), "school-wave", "has", "have")
        most = over.loc[(over["answers_n"] - over[INVITED]).idxmax()]
        what = f"{told} more answers than invitations: {checks.show_school_years(over)}. The most: "
        what += f"{most['answers_n']} answers of {most[INVITED]:.0f} invited ({most['school_name']}, "
        what += f"{show_year(most['year'])})."
        ledger.warn(what, "Check that the list counts everybody who was asked.")
    waves = sorted(set(absent["year"]) - set(frame["year"]))
    if waves:
        what = f"It has no row of {list_words(map(show_year, waves))}, and the survey has answers of then."
        ledger.warn(what, "Add the wave's schools: without them no response can be told.")
    absent = absent[~absent["year"].isin(waves)]
    if len(absent):
        told = counted(len(absent), "school-wave", "has", "have")
        people = counted(int(absent["answers_n"].sum()), "answer")
        shown = checks.show_school_years(absent.assign(school_name=absent["school_id"]))
        what = f"{told} answers ({people}) and no row here: {shown}."
        ledger.warn(what, "Add them, or write the ids as the survey does.")
