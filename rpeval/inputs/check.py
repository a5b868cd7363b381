"""Read every file of a study once: every problem at once, and what was read in a few lines."""

from dataclasses import dataclass
from typing import Any

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Attempts
from rpeval.inputs.idea import Idea, read_idea
from rpeval.inputs.implementation import Implementation, gather_implementation
from rpeval.inputs.panel import Panel, gather_panel
from rpeval.inputs.removals import Removals, gather_removals
from rpeval.inputs.survey import Survey, gather_survey, starts_of
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year


@dataclass(frozen=True, slots=True)
class Summary:
    """What was read: facts, one line each, and what a reader must know of the data."""

    facts: tuple[str, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All that a study's files gave: each part where it can be used, and every problem."""

    panel: Panel | None
    survey: Survey | None
    removals: Removals | None
    idea: Idea | None
    implementation: Implementation | None
    problems: tuple[Problem, ...]


def gather(params: Any) -> Gathered:
    """Read every source of a study once. Nothing is raised, and no problem is told twice."""
    told, (panel, problems) = Attempts(), gather_panel(params)
    survey, of_survey, removals, of_removals = None, [], None, []
    implementation, of_logs = None, []
    if panel is not None:
        removals, of_removals = told.attempt(gather_removals, params, panel) or (None, [])
        logs = told.attempt(gather_implementation, params, panel)
        implementation, of_logs = logs or (None, [])
    idea = told.attempt(read_idea, params)
    if params.sources.survey is not None:
        survey, of_survey = told.attempt(gather_survey, params, starts_of(panel)) or (None, [])
    of_idea = idea.warnings if idea else ()
    every = dict.fromkeys([*problems, *of_removals, *of_logs, *of_idea, *told.problems, *of_survey])
    return Gathered(panel, survey, removals, idea, implementation, tuple(every))


def check(params: Any) -> list[Problem]:
    """List all problems and warnings of a study's files.

    params : the study's Params
    Returns the problems that stop first, then the warnings, each in the order of the sources. Nothing is
    raised; an empty list means that nothing was found.

    >>> from rpeval.inputs.params import read_params
    >>> any(problem.stops for problem in check(read_params("params/prairie.yml")))
    False
    """
    return sorted(gather(params).problems, key=lambda problem: not problem.stops)


def summarize(params: Any) -> Summary:
    """Read every source of a study and say what is in it, so that a reader sees whether it was understood.

    params : the study's Params
    Refuses (DataError, every problem of every source at once) files that cannot be used.
    """
    found = gather(params)
    panel, survey, problems = found.panel, found.survey, found.problems
    if panel is None or any(problem.stops for problem in problems):
        raise DataError([problem for problem in problems if problem.stops])
    books = {
        "panel": panel.accounting,
        "groups": panel.groups_accounting,
        "adoption": panel.adoption_accounting,
        "outcomes": panel.outcomes_accounting,
        "incidents": found.removals.incidents_accounting,
        "absences": found.removals.absences_accounting,
        "idea": found.idea and found.idea.accounting,
        **found.implementation.accounting,
    }
    if survey is not None:
        books |= {"survey": survey.accounting, "invited": survey.invited_accounting}
    facts = [_schools(panel), _years(panel, params)]
    facts += [line for name, book in books.items() if book is not None for line in _rows(name, book)]
    return Summary(tuple(facts), problems)


def _schools(panel: Panel) -> str:
    schools_n = panel.frame["school_id"].nunique()
    if not panel.has_adoption:
        return f"{schools_n:,} schools; no program starts are known, so no effect can be estimated"
    adopting_n = panel.frame.loc[panel.frame["arm"] == "adopting", "school_id"].nunique()
    return f"{schools_n:,} schools: {adopting_n:,} adopting, {schools_n - adopting_n:,} comparison"


def _years(panel: Panel, params: Any) -> str:
    years = panel.frame["year"]
    left_out = [show_year(year) for year in params.years.leave_out]
    without = f"; {list_words(left_out)} not in the estimates" if left_out else ""
    return f"School years {show_year(int(years.min()))} to {show_year(int(years.max()))}{without}"


def _rows(name: str, book: Accounting) -> list[str]:
    """Say how many rows of a source came in and are used, and why the others are not."""
    drops = book.by_reason()
    lines = [f"{name}: {book.rows_in:,} rows read, {book.rows_out:,} used"]
    for row in drops.itertuples():
        of = "" if row.source == name else f" ({row.source})"
        lines.append(f"  {row.rows_n:,}{of}: {row.reason}")
    return lines
