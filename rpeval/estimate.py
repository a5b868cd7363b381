"""What methods return and findings take: an estimate, or a refusal with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rpeval.errors import MethodError

Kind = Literal["count", "exact", "iterative", "simulated", "text"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its uncertainty.

    value    : the estimate, in `unit`
    se       : standard error, same unit; None where the method gives none
    low, high: interval at `level`, same unit
    p        : two-sided p-value against zero, or None
    df       : degrees of freedom of the interval's t distribution, or None
    n        : rows used, named by `n_unit` ("school-years", "students")
    clusters : independent units behind the standard error (schools); `treated` of them adopted
    method   : the method in words, as it may be printed
    kind     : decides the audit's tolerance (count, exact, iterative, simulated)
    mcse     : Monte Carlo standard error where the number was simulated

    >>> Estimate(value=-2.0, se=0.5, low=-3.0, high=-1.0, unit="per 100 students").value
    -2.0
    """

    value: float
    se: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    df: float | None = None
    level: float = 0.95
    unit: str = ""
    n: int | None = None
    n_unit: str = ""
    clusters: int | None = None
    treated: int | None = None
    method: str = ""
    kind: Kind = "exact"
    mcse: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an estimate was not made, and what would mend it.

    >>> Refusal("No adoption list.", "Name one in sources.adoption.").reason
    'No adoption list.'
    """

    reason: str
    remedy: str


def attempt(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method; where it refuses (MethodError), return the Refusal instead of stopping the notebook.

    Use it wherever a study may lack what the method needs. A Refusal among the arguments is passed on: what
    rests on an estimate that was not made is not made either. Any other error still stops.

    >>> from rpeval.errors import Problem
    >>> def refuse():
    ...     raise MethodError(Problem("panel", "No adoption list.", "Name one in sources.adoption."))
    >>> attempt(refuse)
    Refusal(reason='No adoption list.', remedy='Name one in sources.adoption.')
    """
    for refusal in (a for a in (*args, *kwargs.values()) if isinstance(a, Refusal)):
        return refusal
    try:
        return method(*args, **kwargs)
    except MethodError as error:
        return Refusal(
            reason=" ".join(p.what for p in error.problems), remedy=" ".join(p.fix for p in error.problems)
        )


def rows_of(rows: Any) -> tuple[Any, ...]:
    """Give the rows a method returned, or none where it refused, so that a notebook can go on.

    >>> rows_of(Refusal("No adoption list.", "Name one.")), rows_of([1, 2])
    ((), (1, 2))
    """
    return () if isinstance(rows, Refusal) else tuple(rows)
