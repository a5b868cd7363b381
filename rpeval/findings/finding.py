"""One number that a reader will see: its value, what may be printed of it, and where it came from."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from rpeval.errors import FindingError, Problem
from rpeval.estimate import Estimate, Kind, Refusal

MINUS = "\u2212"
NOT_ESTIMATED = "not estimated"
SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A named number, or a named reason why there is none.

    id             : lower case, dots, stable ("suspensions.att")
    label          : what it is, in words
    value          : the number or text; None when refused or suppressed
    low, high      : interval at `level`
    unit           : unit of value, low and high, in words
    kind           : count | exact | iterative | simulated | text (decides the audit's tolerance)
    shown          : the only text a page may print for the value
    shown_interval : the same for the interval, empty where there is none
    decision       : state of the verdict this number supports, or empty
    claims         : ids of the claims it answers
    method         : the method in words
    reason, remedy : why it was refused or suppressed, and what would mend it
    suppressed     : True when disclosure control hid it
    notebook, cell : where it was made (cell id in the notebook)

    >>> Finding(id="data.schools", label="Schools", value=60, kind="count", shown="60").shown
    '60'
    """

    id: str
    label: str
    value: float | int | str | None
    kind: Kind
    shown: str
    low: float | None = None
    high: float | None = None
    level: float | None = None
    unit: str = ""
    shown_interval: str = ""
    decision: str = ""
    claims: tuple[str, ...] = ()
    n: int | None = None
    n_unit: str = ""
    clusters: int | None = None
    treated: int | None = None
    se: float | None = None
    df: float | None = None
    p: float | None = None
    mcse: float | None = None
    method: str = ""
    reason: str = ""
    remedy: str = ""
    suppressed: bool = False
    notebook: str = ""
    cell: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the finding as plain JSON content."""
        return {**asdict(self), "claims": list(self.claims)}


def show_number(value: float | int | None, digits: int | None = None) -> str:
    """Write a number as a page prints it: thousands commas, a true minus sign, no negative zero.

    digits : decimals; None means as few as the number needs (whole numbers) or one

    >>> show_number(-1234.56, 1), show_number(-0.04, 1), show_number(60), show_number(None)
    ('−1,234.6', '0.0', '60', '')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if digits is None:
        digits = 0 if float(value).is_integer() else 1
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def show_interval(low: float | None, high: float | None, digits: int | None = 1) -> str:
    """Write an interval as a page prints it.

    >>> show_interval(-3.04, 1.2)
    '−3.0 to 1.2'
    """
    if low is None or high is None:
        return ""
    return f"{show_number(low, digits)} to {show_number(high, digits)}"


def find(
    id: str, what: Estimate | Refusal | float | int | str | None, *, label: str, digits: int | None = None,
    unit: str | None = None, kind: Kind | None = None, **more: Any,
) -> Finding:  # fmt: skip
    """Make a finding from an estimate, a refusal, a number or a text.

    digits : decimals to print; default one for estimates, none for whole numbers
    more   : any other field of Finding (claims, decision, n, n_unit, method)
    Refuses (FindingError) a number that is not finite.

    >>> find("suspensions.att", Refusal("No adoption list.", "Name one."), label="Effect").shown
    'not estimated'
    """
    if isinstance(what, Refusal):
        return Finding(id, label, None, kind or "text", NOT_ESTIMATED, unit=unit or "",
                       reason=what.reason, remedy=what.remedy, **more)  # fmt: skip
    if isinstance(what, Estimate):
        return _from_estimate(id, what, label, digits, unit, kind, more)
    if isinstance(what, str):
        return Finding(id, label, what, kind or "text", what, unit=unit or "", **more)
    value = what.item() if hasattr(what, "item") else what
    if value is None or not math.isfinite(value):
        raise FindingError(Problem(id, f"The value is {value}.", "Record why there is no number instead."))
    if isinstance(value, float) and value.is_integer() and (kind == "count" or digits == 0):
        value = int(value)
    kind = kind or ("count" if isinstance(value, int) else "exact")
    return Finding(id, label, value, kind, show_number(value, digits), unit=unit or "", **more)


def _from_estimate(id, est, label, digits, unit, kind, more) -> Finding:
    numbers = {"value": est.value, "low": est.low, "high": est.high}
    wrong = [name for name, x in numbers.items() if x is not None and not math.isfinite(x)]
    if wrong:
        raise FindingError(
            Problem(id, f"The estimate's {', '.join(wrong)} is not finite.", "Refuse it in the method.")
        )
    digits = 1 if digits is None else digits
    made = Finding(
        id, label, float(est.value), kind or est.kind, show_number(est.value, digits),
        low=_plain(est.low), high=_plain(est.high), level=est.level, unit=est.unit if unit is None else unit,
        shown_interval=show_interval(est.low, est.high, digits), n=est.n, n_unit=est.n_unit,
        clusters=est.clusters, treated=est.treated, se=_plain(est.se), df=_plain(est.df), p=_plain(est.p),
        mcse=_plain(est.mcse), method=est.method,
    )  # fmt: skip
    return replace(made, **more)


def _plain(x: float | None) -> float | None:
    return None if x is None else float(x)


def suppress(finding: Finding, reason: str, remedy: str) -> Finding:
    """Hide a finding's numbers and say why; the id and label stay.

    >>> f = suppress(find("x.y", 3, label="X"), "Fewer than 10 students.", "Pool years.")
    >>> f.shown, f.value
    ('suppressed', None)
    """
    return replace(
        finding, value=None, low=None, high=None, se=None, p=None, n=None, shown=SUPPRESSED,
        shown_interval="", suppressed=True, reason=reason, remedy=remedy,
    )  # fmt: skip
