"""Whom a survey invited, by school, wave and student group: the answers are counted against it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.sources import LayoutKeys
from rpeval.inputs.schools import checks
from rpeval.inputs.schools.settle import limit, name_schools, once_each
from rpeval.inputs.schools.starts import Starts
from rpeval.inputs.tables.fields import INVITED
from rpeval.inputs.tables.layouts import layout_for, values_of
from rpeval.inputs.tables.rows import read_source
from rpeval.inputs.words import counted, list_words, quote, some
from rpeval.inputs.years import show_year

KEYS = checks.SCHOOL_YEAR
ENOUGH = 3  # school-waves in which one group must be the sum of the others to be taken for a total


def read_invited(params: Any, answers: pd.DataFrame, starts: Starts | None) -> tuple[pd.DataFrame, Ledger]:
    """Read how many students were invited in each school, wave and student group from sources.invited.

    answers : the survey's frame: school_id, wave and the student groups, one row per respondent
    starts  : gives schools their names, where known
    The list may have columns of student groups, named like those of the survey; everybody then stands in one
    row of a school and wave. Returns school_id, year (of the wave), those groups (missing = unknown),
    invited_n (NaN = unknown), and the books. Waves that the survey does not have leave. More answers than
    invitations, and schools, waves and groups that only one of the two files has, are told. Refuses
    (DataError) a file that cannot be read; totals among the groups are a problem.
    """
    source, named = params.sources.invited, list(params.sources.survey.groups)
    frame, ledger = read_source(source, _layout(source, named, params), name="invited", params=params)
    if INVITED not in frame:
        ledger.refuse("No column says how many were invited.", f"Map one to {INVITED}.")
    groups = [group for group in named if group in frame]
    frame = frame.assign(**{group: frame[group].where(frame[group] != "") for group in groups})
    frame = limit(frame[[*KEYS, *groups, INVITED]], params, ledger)
    waves = frame["year"].isin(answers["wave"].unique())
    frame = ledger.keep(frame, waves, "The survey has no answer in that wave").astype({"year": int})
    names = "" if starts is None or starts.names is None else frame["school_id"].map(starts.names)
    frame = name_schools(frame.assign(school_name=names))
    if groups and "group" not in groups:  # the checks of school tables name it
        frame["group"] = frame[groups].fillna("unknown").agg(" ".join, axis=1)
    frame = once_each(frame, [*KEYS, *groups], ledger)
    checks.check_values(frame, ledger)
    checks.check_unknown(frame, ledger)
    answers = answers.rename(columns={"wave": "year"})
    _tell_answers(frame, answers, ledger)
    for group in groups:
        _tell_group(frame, answers, group, ledger)
    frame = frame[[*KEYS, *groups, INVITED]]
    return frame.sort_values([*KEYS, *groups], ignore_index=True), ledger


def _layout(source: Any, groups: Sequence[str], params: Any) -> LayoutKeys:
    """Read the layout of the list, with the columns of student groups that are there or were named."""
    own = source.columns or {}
    bare = source.model_copy(update={"columns": {f: c for f, c in own.items() if f not in groups} or None})
    layout = layout_for(bare, root=params.root, label="sources.invited", base="invited")
    columns = {group: own.get(group, group) for group in groups if own.get(group) != "none"}
    optional = (*layout.optional, *(group for group in columns if group not in own))
    return layout.model_copy(update={"columns": layout.columns | values_of(columns), "optional": optional})


def _tell_answers(frame: pd.DataFrame, answers: pd.DataFrame, ledger: Ledger) -> None:
    """Compare the answers with the invitations, school by school and wave by wave."""
    answered = answers.groupby(KEYS).size().rename("answers_n").reset_index()
    both = answered.merge(_add_up(frame, KEYS), on=KEYS, how="left", indicator=True)
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


def _add_up(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Add up the invitations; the sum is unknown where one of them is."""
    rows = frame.groupby(keys, dropna=False)
    known = rows[INVITED].count() == rows.size()
    sums = rows.agg(school_name=("school_name", "first"), **{INVITED: (INVITED, "sum")})
    return sums.assign(**{INVITED: sums[INVITED].where(known)}).reset_index()


def _tell_group(frame: pd.DataFrame, answers: pd.DataFrame, group: str, ledger: Ledger) -> None:
    """Compare the answers with the invitations of each student group."""
    listed, given = (set(table[group].dropna()) for table in (frame, answers))
    for only, here, there in ((listed - given, "the list", "survey"), (given - listed, "the survey", "list")):
        if only:
            what = f"Groups that only {here} has: {some(map(quote, sorted(only)))}."
            ledger.warn(
                what, f"Name them as the {there} does, with `values` in sources.invited.", where=group
            )
    keys = [*KEYS, group]
    cells = _add_up(frame, keys)
    answered = answers.groupby(keys).size().rename("answers_n").reset_index()
    over = answered.merge(cells, on=keys)
    over = over[over["answers_n"] > over[INVITED]]
    if len(over):
        told = counted(len(over), "group", "has", "have")
        what = f"{told} more answers than invitations in a school and wave, by at most "
        what += f"{(over['answers_n'] - over[INVITED]).max():.0f}."
        ledger.warn(what, "Students may name their group otherwise than the list does.", where=group)
    _refuse_totals(cells, group, ledger)


def _refuse_totals(cells: pd.DataFrame, group: str, ledger: Ledger) -> None:
    """Refuse a group that is the sum of the others: everybody would count twice."""
    wide = cells.assign(**{group: cells[group].fillna("")}).pivot(index=KEYS, columns=group, values=INVITED)
    for name in wide if wide.shape[1] > 2 else ():
        rest = wide.drop(columns=name).sum(axis=1, min_count=1)
        both = wide[name].notna() & rest.notna()
        if both.sum() >= ENOUGH and (wide[name] == rest)[both].all():
            what = f"{quote(name) if name else 'Rows without a group'} is the sum of the other groups."
            ledger.say(what, "Leave the totals out with `without` in sources.invited.", where=group)
