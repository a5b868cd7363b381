"""Which columns of a study's files a set of names stands for, by the params and the layouts alone."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rpeval.inputs.schema.instruments import read_instrument
from rpeval.inputs.tables.fields import COUNTS, ENROLLED, FIELDS, RATES, REMOVALS
from rpeval.inputs.tables.layouts import layout_for

KEYS = ("school_id", "year", "start_year", "group")
ALL_REMOVALS = ("oss_n", "iss_n", "expelled_n")
OWN = {"panel": None, "groups": "rpeval_groups"}  # other sources have a layout of their own name
LAYERED = ("panel", "groups", "adoption", "outcomes", "idea")


def fields_behind(names: Iterable[str]) -> set[str]:
    """Give the fields that outcomes and columns are made of; a name that is neither is none.

    >>> sorted(fields_behind(["oss_per_100", "nothing at all"]))
    ['enrolled_n', 'oss_n']
    """
    found: set[str] = set()
    for name in names:
        if name == REMOVALS:
            found |= {*ALL_REMOVALS, ENROLLED}
        elif name in RATES:
            found |= {RATES[name], ENROLLED}
        elif name in FIELDS:
            found.add(name)
    return found


def columns_of(params: Any, source: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Name the columns of one source's file that the names stand for, with the columns that join it.

    params : the study's Params; source : key of `sources`; names : outcomes, fields and measures
    Returns headings of the file, sorted; none where it cannot be told (for the logs of the program, the
    methods choose the columns); None for the file of other outcomes where no outcome of it is named.
    """
    told = getattr(params.sources, source.partition(".")[0], None)
    if told is None or source.partition(".")[2]:
        return ()
    if source == "survey":
        return _survey(params, told)
    if source not in LAYERED:
        return ()
    names = set(names)
    layout = layout_for(told, root=params.root, base=OWN.get(source, source), any_field=True)
    wanted = fields_behind(names) | names
    if source == "outcomes" and not wanted & {*layout.columns} - {*KEYS}:
        return None
    fields = (wanted | {*KEYS}) & {*layout.columns}
    headings = [heading for field in fields for heading in layout.columns[field]]
    if layout.pivot and fields_behind(names) & {*layout.pivot.names.values()}:
        headings += [layout.pivot.column, layout.pivot.value]
    if layout.start_rules and source == "adoption":
        headings += [column for rule in layout.start_rules for column in rule.where]
    there = _headings(params.root / told.path)
    return tuple(sorted(h for h in set(headings) if there is None or h in there))


def _headings(path: Path) -> set[str] | None:
    """Read the headings of a file of plain text; None where they are not on its first line, or not known."""
    if path.suffix not in (".csv", ".tsv"):
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            return {cell.strip() for cell in next(rows, [])}
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _survey(params: Any, source: Any) -> tuple[str, ...]:
    """Name the columns of the survey: its keys, groups, and the items of the main scale."""
    items = read_instrument(source.instrument, params.root).item_ids
    long = [source.columns.item, source.columns.answer]
    asked = long if source.shape == "long" else [source.items.get(item, item) for item in items]
    parts = source.columns
    keys = [parts.respondent_id, parts.school_id, parts.wave, parts.weight, *source.groups.values()]
    return tuple(dict.fromkeys(filter(None, [*keys, *asked])))


def known_names(texts: Iterable[str], measures: Iterable[str]) -> set[str]:
    """Keep the texts that name a field, a rate or a measure."""
    known = {*FIELDS, *RATES, *COUNTS, REMOVALS, *measures}
    return {text for text in texts if text in known}
