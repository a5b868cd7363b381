"""Every problem of a study's files at once, for the command that checks a study before it runs."""

from typing import Any

from rpeval.errors import Problem, RpevalError
from rpeval.inputs.panel import gather_panel


def check(params: Any) -> list[Problem]:
    """Read every source of a study and list all problems and warnings.

    params : the study's Params
    Returns the problems that stop first, then the warnings, each in the order of the sources. Nothing is
    raised; an empty list means that nothing was found.

    >>> from rpeval.inputs.params import read_params
    >>> any(problem.stops for problem in check(read_params("params/prairie.yml")))
    False
    """
    _, problems = gather_panel(params)
    if params.sources.survey is not None:
        problems = problems + check_survey(params)
    return sorted(problems, key=lambda problem: not problem.stops)


def check_survey(params: Any) -> list[Problem]:
    """Read the survey and list its problems and warnings."""
    from rpeval.inputs.survey import read_survey

    try:
        return list(read_survey(params).warnings)
    except RpevalError as error:
        return list(error.problems)
