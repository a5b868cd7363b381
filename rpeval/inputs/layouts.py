"""Layouts: which column of a file means what. Data, not code: data/reference/layouts/<name>.yml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.fields import FIELDS
from rpeval.inputs.words import instead, quote
from rpeval.inputs.yaml_text import read_yaml
from rpeval.inputs.years import parse_year

FOLDER = Path("data/reference/layouts")
STYLES = ("label", "starts", "ends")
OWN = "rpeval"
EMPTY = "(empty)"
MISSING = ("*", "--", "n/a", "N/A", "NA", "NULL")


@dataclass(frozen=True, slots=True)
class Pivot:
    """Turns rows that each hold one kind of removal into columns.

    column : source column that names the kind
    value  : source column with its number
    names  : kind → column of the panel; two kinds of one column are added; none = counts nothing, but the row
             shows that the school reported
    absent : what a kind without a row means: "unknown" or "zero"
    """

    column: str
    value: str
    names: Mapping[str, str | None]
    absent: str = "unknown"


@dataclass(frozen=True, slots=True)
class Correction:
    """A known fault of a file and how it is mended, with a guard that it is still there.

    columns, years : where the fault is
    multiply       : what mends it
    expect         : {column, ratio_to_next | ratio_to_previous}: what the faulty file shows
    reason         : why, printed in every report
    """

    columns: tuple[str, ...]
    years: tuple[int, ...]
    multiply: float
    expect: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class StartRule:
    """Gives schools whose columns have these values a first program year (None = never)."""

    where: Mapping[str, tuple[str, ...]]
    start: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read.

    columns  : field → source columns, with `join` between them where there are several
    optional : fields that may be absent from the file
    pad      : source column → width to fill with zeros from the left
    where    : source column → values that stay; without: values that leave
    missing  : texts that mean unknown, never zero
    values   : field → {value in the file → value in the study, None = not used}
    kinds    : kind of an action → column it counts in, None = not counted
    enrollment : the second file of an actions log, as a source of its own
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    optional: frozenset[str] = frozenset()
    join: str = "-"
    pad: Mapping[str, int] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = MISSING
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    year_style: str = "label"
    pivot: Pivot | None = None
    corrections: tuple[Correction, ...] = ()
    start_rules: tuple[StartRule, ...] = ()
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    enrollment: Any = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


KEYS = tuple(name for name in Layout.__dataclass_fields__ if name != "name")


def layout_for(
    source: Any, *, root: Path, label: str = "layout", base: str | None = None, any_field: bool = False
) -> Layout:
    """Read the layout of a source and put the source's own keys over it.

    source    : has any key of a layout, and .layout, the name of the layout it follows
    base      : the layout of a source that names none, or names rpeval: the project's own form of that table
    any_field : allow fields beyond the known ones (student groups of an enrollment file)
    `columns` is merged field by field (none takes a field away, and a field the source names is required);
    every other key replaces the layout's whole. Refuses (ParamsError): no such layout, unknown keys, fields.
    """
    name = getattr(source, "layout", None) or base
    name = base if name == OWN and base else name
    told = _read_layout(name, root) if name else {}
    own = {key: _plain(getattr(source, key)) for key in KEYS if _is_given(source, key)}
    own.pop("enrollment", None)
    columns = {**(told.get("columns") or {}), **(own.pop("columns", None) or {})}
    named = set(_plain(getattr(source, "columns", None)) or {})
    merged = {**told, **own, "columns": {f: c for f, c in columns.items() if not _is_none(c)}}
    merged["enrollment"] = getattr(source, "enrollment", None)
    merged["optional"] = own.get("optional", set(told.get("optional") or ()) - named)
    return _build(name or "", merged, label=label, any_field=any_field)


def _is_given(source: Any, key: str) -> bool:
    value = getattr(source, key, None)
    fields_set = getattr(source, "model_fields_set", None)
    return value is not None and (fields_set is None or key in fields_set)


def _is_none(value: Any) -> bool:
    """Tell whether a value says that nothing is meant: nothing, or the word none."""
    return value is None or (isinstance(value, str) and value.strip().casefold() == "none")


def _names(told: Any) -> dict[str, str | None]:
    """Read what values become; the key (empty) stands for an empty cell."""
    named = {str(key): None if _is_none(value) else str(value) for key, value in (told or {}).items()}
    return {"" if key == EMPTY else key: value for key, value in named.items()}


def _plain(value: Any) -> Any:
    """Turn models into dicts and lists."""
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read_layout(name: str, root: Path) -> dict[str, Any]:
    path = root / FOLDER / f"{name}.yml"
    if path.is_file():
        return read_yaml(path, name=f"{FOLDER}/{name}.yml")
    known = sorted(path.stem for path in (root / FOLDER).glob("*.yml"))
    raise ParamsError(
        Problem("layout", f"There is no layout {quote(name)} in {FOLDER}.", instead(name, known))
    )


def _build(name: str, told: Mapping[str, Any], *, label: str, any_field: bool) -> Layout:
    problems = [
        Problem(label, f"A layout has no key {quote(key)}.", instead(key, KEYS))
        for key in set(told) - set(KEYS)
    ]
    if not any_field:
        problems += [
            Problem(f"{label}: columns", f"There is no field {quote(key)}.", instead(key, FIELDS))
            for key in told["columns"]
            if key not in FIELDS
        ]
    style = told.get("year_style", "label")
    if style not in STYLES:
        problems.append(Problem(label, f"year_style is {quote(style)}.", instead(str(style), STYLES)))
    if problems:
        raise ParamsError(sorted(problems, key=str))
    try:
        return Layout(name=name, **{key: READ.get(key, _same)(value) for key, value in told.items()})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        what = f"A key does not have the form that layouts need ({error})."
        raise ParamsError(Problem(label, what, "Compare it with data/reference/layouts/.")) from None


def _same(value: Any) -> Any:
    return value


def texts_of(value: Any) -> tuple[str, ...]:
    """Give one value or a list of values as a tuple of texts; nothing is the empty text.

    >>> texts_of("S"), texts_of([1, None])
    (('S',), ('1', ''))
    """
    items = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return tuple("" if item is None else str(item).strip() for item in items)


def year_of(value: Any) -> int:
    """Give a school year, written "2018-19" or held as its start 2018, as its start.

    >>> year_of("2018-19"), year_of(2018)
    (2018, 2018)
    """
    return value if isinstance(value, int) else parse_year(str(value))


def _values_by_column(told: Any) -> dict[str, tuple[str, ...]]:
    return {column: texts_of(values) for column, values in (told or {}).items()}


def _pivot(told: Any) -> Pivot | None:
    if not told:
        return None
    return Pivot(told["column"], told["value"], _names(told["names"]), told.get("absent") or "unknown")


def _correction(told: Mapping[str, Any]) -> Correction:
    return Correction(
        columns=texts_of(told["columns"]),
        years=tuple(year_of(year) for year in told["years"]),
        multiply=float(told["multiply"]),
        expect={key: v if key == "column" else float(v) for key, v in told["expect"].items()},
        reason=told["reason"],
    )


def _start_rule(told: Mapping[str, Any]) -> StartRule:
    start = told["start"]
    never = start is None or str(start).strip().casefold() == "never"
    return StartRule(_values_by_column(told["where"]), None if never else year_of(start))


READ = {
    "columns": _values_by_column,
    "optional": frozenset,
    "pad": lambda told: {column: int(width) for column, width in (told or {}).items()},
    "where": _values_by_column,
    "without": _values_by_column,
    "missing": texts_of,
    "values": lambda told: {name: _names(renamed) for name, renamed in (told or {}).items()},
    "pivot": _pivot,
    "corrections": lambda told: tuple(_correction(item) for item in told or ()),
    "start_rules": lambda told: tuple(_start_rule(item) for item in told or ()),
    "kinds": _names,
}
