"""What a study's files hold, in a few lines, for a reader who asks whether they were understood as meant."""

from dataclasses import dataclass
from typing import Any

from rpeval.errors import DataError, Problem, RpevalError
from rpeval.inputs.accounting import Accounting
from rpeval.inputs.panel import Panel, gather_panel
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year


@dataclass(frozen=True, slots=True)
class Summary:
    """What was read: facts, one line each, and what a reader must know of the data."""

    facts: tuple[str, ...]
    warnings: tuple[Problem, ...]


def summarize(params: Any) -> Summary:
    """Read every source of a study and say what is in it.

    params : the study's Params
    Refuses (DataError, every problem of every source at once) files that cannot be used.
    """
    panel, problems = gather_panel(params)
    answers: dict[str, Accounting | None] = {}
    if params.sources.survey is not None:
        answers, more = _gather_survey(params)
        problems = [*problems, *more]
    stopping = [problem for problem in problems if problem.stops]
    if stopping or panel is None:
        raise DataError(stopping)
    books = {
        "panel": panel.accounting,
        "groups": panel.groups_accounting,
        "adoption": panel.adoption_accounting,
    }
    books |= answers
    facts = [_schools(panel), _years(panel, params)]
    facts += [line for name, book in books.items() if book is not None for line in _rows(name, book)]
    return Summary(tuple(facts), tuple(problems))


def _gather_survey(params: Any) -> tuple[dict[str, Accounting | None], list[Problem]]:
    from rpeval.inputs.survey import read_survey

    try:
        survey = read_survey(params)
    except RpevalError as error:
        return {}, list(error.problems)
    return {"survey": survey.accounting, "invited": survey.invited_accounting}, list(survey.warnings)


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
