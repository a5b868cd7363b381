"""Layouts: which column of a file means what. Data, not code: data/reference/layouts/<name>.yml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.schema.forms import read_named
from rpeval.inputs.schema.project import LAYOUTS
from rpeval.inputs.schema.sources import OWN, LayoutKeys
from rpeval.inputs.tables.fields import FIELDS
from rpeval.inputs.words import instead, quote

EMPTY = "(empty)"
KEYS = tuple(LayoutKeys.model_fields)
MISSING = ("*", "--", "n/a", "N/A", "NA", "NULL")
DEFAULTS = {
    "join": "-", "optional": (), "where": {}, "without": {}, "values": {}, "missing": MISSING, "pad": {},
    "year_style": "label", "corrections": (), "start_rules": (), "kinds": {}, "hours": {},
}  # fmt: skip


def layout_for(
    source: Any, *, root: Path, label: str = "layout", base: str | None = None, any_field: bool = False
) -> LayoutKeys:
    """Read the layout of a source and put the source's own keys over it.

    source    : a table of the study, which may name a layout and has its own keys
    base      : the layout of a source that names none, or names rpeval: the project's own form of that table
    any_field : allow fields beyond the known ones (student groups of an enrollment file)
    `columns` is merged field by field (none takes a field away, and a field the source names is required);
    every other key replaces the layout's whole. Returns the keys with every default in place, as `complete`
    gives them. Refuses (ParamsError): no such layout, unknown keys, fields.
    """
    name = base if base and source.layout in (None, OWN) else source.layout
    told = read_named(LayoutKeys, name, folder=LAYOUTS, root=root) if name else LayoutKeys()
    own, given = source.columns or {}, {key: getattr(source, key) for key in KEYS}
    columns = {f: c for f, c in {**(told.columns or {}), **own}.items() if not _is_none(c)}
    unknown = [] if any_field else sorted(set(columns) - set(FIELDS))
    problems = [
        Problem(f"{label}: columns", f"There is no field {quote(f)}.", instead(f, FIELDS)) for f in unknown
    ]
    if problems:
        raise ParamsError(problems)
    optional = tuple(sorted(set(told.optional or ()) - set(own)))
    merged = {key: getattr(told, key) if value is None else value for key, value in given.items()}
    return complete(**merged | {"columns": columns, "optional": given["optional"] or optional})


def complete(**keys: Any) -> LayoutKeys:
    """Give a layout with every default in place; lists of columns and values are tuples, none is None.

    >>> complete(columns={"oss_n": "OSS"}, kinds={"OSS": "oss_n", "(empty)": "none"}).kinds
    {'OSS': 'oss_n', '': None}
    """
    told = DEFAULTS | {key: value for key, value in keys.items() if value is not None}
    told |= {key: values_of(told[key]) for key in ("columns", "where", "without")}
    told |= {"kinds": names_of(told["kinds"])}
    told |= {"values": {name: names_of(renamed) for name, renamed in told["values"].items()}}
    return LayoutKeys.model_construct(**told)


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() == "none"


def names_of(told: Mapping[str, str]) -> dict[str, str | None]:
    """Read what values become: none for nothing, and (empty) for an empty cell."""
    return {"" if key == EMPTY else key: None if _is_none(to) else to for key, to in told.items()}


def values_of(told: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Give one value or several as a tuple of plain texts.

    >>> values_of({"Level": " S ", "Group": ("TA", "ALL")})
    {'Level': ('S',), 'Group': ('TA', 'ALL')}
    """
    listed = {key: (of,) if isinstance(of, str) else of for key, of in told.items()}
    return {key: tuple(text.strip() for text in of) for key, of in listed.items()}
