"""Errors that a user can read: what is wrong, where, how many, and one sentence that mends it."""

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    where : file and key, column, or school ("params/lakeshore.yml: district.leaid")
    what  : what is wrong, with counts and names
    fix   : one imperative sentence that mends it
    stops : False for a warning, which is printed and recorded but does not stop a run

    >>> print(Problem("panel.csv", "2 school-years appear twice.", "Keep one row for each."))
    panel.csv: 2 school-years appear twice. Keep one row for each.
    """

    where: str
    what: str
    fix: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.fix}"


class RpevalError(Exception):
    """Base of every error meant for the user; carries all problems at once and its own exit code.

    >>> raise_me = DataError([Problem("a.csv", "No rows.", "Check the path.")])
    >>> print(raise_me)
    1 problem in the data:
     1. a.csv: No rows.
        Check the path.
    >>> raise_me.exit_code
    4
    """

    exit_code = 1
    subject = "in the request"

    def __init__(self, problems: Iterable[Problem] | Problem):
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(list_problems(self.problems, self.subject))


def list_problems(problems: Iterable[Problem], subject: str) -> str:
    """Write problems as a numbered list, the first twenty, and how many more there are."""
    problems = tuple(problems)
    noun = "problem" if all(p.stops for p in problems) else "warning"
    lines = [f"{len(problems)} {noun}{'s' * (len(problems) != 1)} {subject}:"]
    for number, problem in enumerate(problems[:SHOWN], start=1):
        lines.append(f"{number:2d}. {problem.where}: {problem.what}")
        lines.append(f"    {problem.fix}")
    if len(problems) > SHOWN:
        lines.append(f"    … and {len(problems) - SHOWN} more.")
    return "\n".join(lines)


class ParamsError(RpevalError):
    """The params file cannot be used as it stands."""

    exit_code = 3
    subject = "in the params"


class DataError(RpevalError):
    """A data file cannot be used as it stands."""

    exit_code = 4
    subject = "in the data"


class MethodError(RpevalError):
    """A method refuses: its estimate would mislead on these data."""

    exit_code = 5
    subject = "that keeps this estimate from being made"


class RunError(RpevalError):
    """A run did not finish, so there is no new report."""

    exit_code = 6
    subject = "with the run"


class FindingError(RpevalError):
    """A finding, table or report breaks a rule of the house: no id, an id twice, no alternative text."""

    exit_code = 7
    subject = "with the findings"
