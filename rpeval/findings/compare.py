"""Two sets of findings, number by number: conclusions first, each number under the tolerance of its kind."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd

from rpeval.findings.store import Collected
from rpeval.findings.table import Table

RELATIVE = {"count": 0.0, "text": 0.0, "exact": 1e-9, "iterative": 1e-6, "simulated": 1e-9}
TABLE = 1e-6  # a table has no kind and may hold iterative numbers beside closed ones; whole numbers are equal
FLOOR = 1e-12  # below this a number is the rounding of zero
ERRORS = 3.0  # Monte Carlo errors by which a simulated number may move under another seed
COUNTS = ("n", "clusters", "treated", "level")
NUMBERS = ("value", "low", "high", "se", "df", "p", "mcse", *COUNTS)
SHOWN = {"shown": ("value",), "shown_interval": ("low", "high")}
WORDS = ("kind", "label", "unit", "n_unit", "suppressed", "claims", "method", "reason", "remedy")
CONCLUSIONS = ("verdict", "rating", "tier", "relabeled", "reading")  # last words of ids that are conclusions
TABLE_WORDS = ("title", "labels", "figure", "alt", "note", "suppressed_n", "marks", "percents")
ABSENT = "not there"
EQUAL, BOTH = "must be equal", "must be there in both"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in two sets of findings.

    id        : finding or table
    label     : its name in words
    what      : which part differs ("value", "decision", "row 3, Suspensions", "presence")
    old, new  : what it was and is
    relative  : relative difference of two numbers; None where there are no two numbers
    tolerance : how far it might have moved, in words
    """

    id: str
    label: str
    what: str
    old: Any
    new: Any
    relative: float | None
    tolerance: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two sets of findings.

    conclusions  : decisions and verdicts that are not the same, or there in one set only
    numbers      : numbers and texts that moved beyond the tolerance of their kind
    words        : labels, units, methods and reasons that are not the same
    cells        : table cells, and tables' shapes, that moved beyond the tolerance
    figures      : figures whose data moved, by id
    added, removed : ids in the new, or the old set only
    findings_n, tables_n : how many of each were compared
    """

    conclusions: tuple[Difference, ...]
    numbers: tuple[Difference, ...]
    words: tuple[Difference, ...]
    cells: tuple[Difference, ...]
    figures: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    findings_n: int
    tables_n: int

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Everything that differs, conclusions first; what was added or removed without one is last."""
        known = {d.id for d in self.conclusions if d.what == "presence"}
        there = [
            Difference(id, "", "presence", *told, None, BOTH)
            for ids, told in ((self.removed, ("there", ABSENT)), (self.added, (ABSENT, "there")))
            for id in ids
            if id not in known
        ]
        return (*self.conclusions, *self.numbers, *self.cells, *self.words, *there)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all findings and tables that differ, each once."""
        return tuple(dict.fromkeys(d.id for d in self.differences))

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def compare(
    old: Collected | Mapping[str, Any], new: Collected | Mapping[str, Any], *, same_seed: bool = True
) -> Comparison:
    """Compare two sets of findings by name.

    Use to tell whether a report is reproduced, and what changed between two runs or releases.

    old, new  : what `open_findings` gives, or findings by id (Finding or its JSON; a part of its fields will
                do: only what both have is compared, and tables only where both have them)
    same_seed : whether both were made under the same seed
    Counts and texts must be equal; a closed form may move by 1e-9 of its size, an iterative number by 1e-6.
    A simulated number must be equal (1e-9) under the same seed, and else lie within three combined Monte
    Carlo errors; one that states no such error cannot be judged under another seed and must be equal.
    Intervals, standard errors and p-values follow the kind of their finding. Printed text may differ only
    where the number behind it does. Cells of tables: whole numbers and texts equal, others within 1e-6.

    >>> old = {"a.b": {"kind": "exact", "value": 1.0}}
    >>> compare(old, {"a.b": {"kind": "exact", "value": 1.0 + 1e-12}}).same
    True
    >>> compare(old, {"a.b": {"kind": "exact", "value": 1.1}}).ids
    ('a.b',)
    """
    was, now = _findings(old), _findings(new)
    both = [id for id in was if id in now]
    pairs = [d for id in both for d in _compare_finding(id, was[id], now[id], same_seed)]
    alone = {id: was.get(id) or now[id] for id in (*was, *now) if id not in both}
    concluded = [d for d in pairs if _concludes(d)]
    concluded += [_presence(id, was, now) for id, one in alone.items() if _is_conclusion(id, one)]
    rest = [d for d in pairs if not _concludes(d)]
    tables, others = _tables(old, new)
    shared = [id for id in tables if id in others]
    cells = [d for id in shared for d in _compare_cells(tables[id], others[id])]
    said = [d for id in shared for d in _compare_words(tables[id], others[id])]
    return Comparison(
        conclusions=tuple(concluded),
        numbers=tuple(d for d in rest if d.what not in WORDS),
        words=(*(d for d in rest if d.what in WORDS), *said),
        cells=tuple(cells),
        figures=tuple(id for id in dict.fromkeys(d.id for d in cells) if tables[id].figure),
        added=tuple(id for id in (*now, *others) if id not in was and id not in tables),
        removed=tuple(id for id in (*was, *tables) if id not in now and id not in others),
        findings_n=len(both), tables_n=len(shared),
    )  # fmt: skip


def _findings(given: Any) -> dict[str, dict[str, Any]]:
    found = given.findings if isinstance(given, Collected) else given
    return {id: asdict(f) if is_dataclass(f) else dict(f) for id, f in found.items()}


def _tables(old: Any, new: Any) -> tuple[Mapping[str, Table], Mapping[str, Table]]:
    if isinstance(old, Collected) and isinstance(new, Collected):
        return old.tables, new.tables
    return {}, {}


def _is_conclusion(id: str, finding: Mapping[str, Any]) -> bool:
    return bool(finding.get("decision")) or id.rpartition(".")[2] in CONCLUSIONS


def _concludes(difference: Difference) -> bool:
    named = difference.id.rpartition(".")[2] in CONCLUSIONS
    return difference.what == "decision" or (difference.what == "value" and named)


def _presence(id: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Difference:
    told = [ABSENT if (f := side.get(id)) is None else f.get("decision") or f.get("value") or "there"
            for side in (was, now)]  # fmt: skip
    return Difference(id, (was.get(id) or now[id]).get("label", ""), "presence", *told, None, BOTH)


def _compare_finding(id: str, was: dict, now: dict, same_seed: bool) -> list[Difference]:
    """Compare the fields that both have: decision, numbers, printed text, words."""
    label, found = now.get("label", ""), []
    for name in NUMBERS:
        if name in was and name in now:
            limit, told = _tolerance(name, was, now, same_seed)
            if not _near(was[name], now[name], limit):
                found.append(_difference(id, label, name, was[name], now[name], told))
    for name in ("decision", *SHOWN, *WORDS):
        if name not in was or name not in now or _plain(was[name]) == _plain(now[name]):
            continue
        if any(was.get(part) != now.get(part) for part in SHOWN.get(name, ())):
            continue  # it follows from the number: told already, or a digit that only rounding turned
        found.append(_difference(id, label, name, was[name], now[name], EQUAL))
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _difference(id: str, label: str, what: str, old: Any, new: Any, tolerance: str) -> Difference:
    return Difference(id, label, what, old, new, relative(old, new), tolerance)


def relative(old: Any, new: Any) -> float | None:
    """Give the relative difference of two numbers, against the larger; None where they are not two numbers.

    >>> relative(2.0, 1.0), relative("a", 1.0)
    (0.5, None)
    """
    if not _is_number(old) or not _is_number(new):
        return None
    size = max(abs(old), abs(new))
    return abs(old - new) / size if size else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _near(old: Any, new: Any, limit: tuple[float, float]) -> bool:
    """Say whether two values are the same within (relative, absolute) limits; missing equals missing."""
    if _is_missing(old) or _is_missing(new):
        return _is_missing(old) and _is_missing(new)
    if not _is_number(old) or not _is_number(new):
        return type(old) is type(new) and old == new
    return math.isclose(old, new, rel_tol=limit[0], abs_tol=limit[1])


def _tolerance(name: str, was: dict, now: dict, same_seed: bool) -> tuple[tuple[float, float], str]:
    """Give how far a number may move, as limits and in words."""
    kind = was.get("kind", "text")
    if name in COUNTS or (name == "value" and kind in ("count", "text")):
        return (0.0, 0.0), EQUAL
    if kind == "simulated" and not same_seed:
        moves = _monte_carlo(name, was, now)
        if moves is not None:
            return (RELATIVE[kind], moves), f"within {moves:.2g}: three combined Monte Carlo errors"
        return (RELATIVE[kind], FLOOR), "within 1e-09: it states no Monte Carlo error"
    allowed = max(RELATIVE[kind], RELATIVE["exact"])
    return (allowed, FLOOR), f"within {allowed:.0e} of its size"


def _monte_carlo(name: str, was: dict, now: dict) -> float | None:
    """Give three combined Monte Carlo errors of a field, where its findings state one.

    The error stated is that of p where there is a p, and else that of the value. Bounds found by inverting a
    test move by the error of a p at their own level over the slope of p there, as if the estimate were
    normal: half-width × error / (z × 2φ(z)).
    """
    errors = [f.get("mcse") for f in (was, now)]
    if None in errors or name in ("mcse", "se", "df"):
        return math.inf if name == "mcse" and None not in errors else None
    combined = ERRORS * math.hypot(*errors)
    if was.get("p") is None or name == "p":
        return combined
    if name == "value" or was.get("level") is None:
        return None
    return _inverted(was, combined)


def _inverted(finding: dict, combined: float) -> float | None:
    p, alpha = finding["p"], 1 - finding["level"]
    if not 0 < p < 1:
        return None
    z = NormalDist().inv_cdf(1 - alpha / 2)
    at_bound = combined * math.sqrt(alpha * (1 - alpha) / (p * (1 - p)))
    return (finding["high"] - finding["low"]) / 2 * at_bound / (z * 2 * NormalDist().pdf(z))


def _compare_words(was: Table, now: Table) -> list[Difference]:
    """Compare what is printed around two tables."""
    return [
        Difference(was.id, now.title, name, getattr(was, name), getattr(now, name), None, EQUAL)
        for name in TABLE_WORDS
        if getattr(was, name) != getattr(now, name)
    ]


def _compare_cells(was: Table, now: Table) -> list[Difference]:
    """Compare two tables' shapes, then cell by cell, in order."""
    shapes = [(len(t.frame), *t.frame.columns) for t in (was, now)]
    if shapes[0] != shapes[1]:
        told = [f"{rows} rows; {', '.join(columns)}" for rows, *columns in shapes]
        return [Difference(was.id, now.title, "rows and columns", *told, None, EQUAL)]
    return [d for column in was.frame.columns for d in _compare_column(was, now, column)]


def _compare_column(was: Table, now: Table, column: str) -> list[Difference]:
    """Compare one column: whole numbers and texts equal, other numbers within 1e-6."""
    first, second = was.frame[column], now.frame[column]
    fractional = all(pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c)
                     for c in (first, second)) and not all(_is_whole(c) for c in (first, second))  # fmt: skip
    limit, told = ((TABLE, FLOOR), f"within {TABLE:.0e} of its size") if fractional else ((0.0, 0.0), EQUAL)
    heading = now.labels.get(column, column)
    return [
        _difference(was.id, now.title, f"row {row}, {heading}", _json(a), _json(b), told)
        for row, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True), start=1)
        if not _near(a, b, limit)
    ]


def _is_whole(column: pd.Series) -> bool:
    known = column.dropna()
    return bool((known == known.round()).all())


def _json(value: Any) -> Any:
    return None if _is_missing(value) else value
