"""Give a table of text the columns of the study: filter, rename, read, and count what leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.cells import Read, each_text, read_cells, read_date, read_numbers, read_start, year_reader
from rpeval.inputs.fields import NUMBERS, STAMP, counted
from rpeval.inputs.layouts import Layout
from rpeval.inputs.pivot import widen
from rpeval.inputs.tables import EXAMPLES, TextTable, missing_columns, read_table
from rpeval.inputs.words import list_words, quote

STYLE_FIX = (
    "Correct them, or say with `year_style: starts` (2018 is 2018-19) or `ends` how the file writes years."
)
NUMBER_FIX = "Correct them, or add the text that means unknown to `missing`."


def read_source(source: Any, layout: Layout, *, name: str, root: Path) -> tuple[pd.DataFrame | None, Ledger]:
    """Read the file of a source by its layout.

    name : the source's name in the params, under which its dropped rows are counted
    Returns the frame (None where the file cannot be read at all) and the books: rows in, drops, problems.
    The frame has the layout's fields: school_id and other texts as text, year as the start of the school year
    (float), numbers as float with NaN for unknown, start_year (NaN = never), and `row`, the row in the file.
    """
    ledger = Ledger(name, label=str(source.path))
    try:
        table = read_table(
            root / source.path,
            label=ledger.label,
            sheet=layout.sheet,
            encoding=layout.encoding,
            delimiter=layout.delimiter,
            only=_all_columns(layout),
        )
    except DataError as error:
        ledger.problems.extend(error.problems)
        return None, ledger
    there = set(table.headings)
    fields = {
        field: columns
        for field, columns in layout.columns.items()
        if field not in layout.optional or there.issuperset(columns)
    }
    wanted = {column for columns in fields.values() for column in columns} | _row_columns(layout)
    ledger.problems.extend(missing_columns(table, wanted))
    return (None if ledger.problems else shape(table, layout, fields, ledger)), ledger


def _row_columns(layout: Layout) -> set[str]:
    """Name the columns that decide which rows are used."""
    pivot = {layout.pivot.column, layout.pivot.value} if layout.pivot else set()
    rules = {column for rule in layout.start_rules for column in rule.where}
    return {*layout.where, *layout.without, *pivot, *rules}


def _all_columns(layout: Layout) -> set[str]:
    return (
        {column for columns in layout.columns.values() for column in columns} | _row_columns(layout) | {STAMP}
    )


def shape(
    table: TextTable, layout: Layout, fields: dict[str, tuple[str, ...]], ledger: Ledger
) -> pd.DataFrame:
    """Apply a layout to a table of text; every row that leaves is counted in the ledger."""
    raw = pad(table.frame, layout)
    ledger.rows_in = len(raw)
    frame = pd.DataFrame(
        {field: join(raw, columns, layout.join) for field, columns in fields.items()}, index=raw.index
    )
    frame["row"] = raw.index + 2
    if STAMP in raw:
        frame[STAMP] = raw[STAMP]
    if "school_id" not in frame:
        frame["school_id"] = ""
    unread = add_years(frame, layout)
    frame = filter_rows(frame, raw, layout, ledger)
    frame = recode(frame, layout, ledger)
    frame = keep_known(frame, unread, ledger)
    read_number_columns(frame, layout, fields, ledger)
    if layout.start_rules:
        frame = apply_start_rules(frame, raw, layout, ledger)
    elif "start_year" in frame:
        read_starts(frame, layout, ledger)
    if layout.pivot:
        values = raw.loc[frame.index, layout.pivot.value]
        read = read_numbers(values, missing=layout.missing)
        tell_unread(values, read, ledger, rows=frame["row"], column=layout.pivot.value)
        kinds = raw.loc[frame.index, layout.pivot.column]
        frame = widen(frame, kinds, pd.Series(read.values, index=frame.index), layout.pivot, ledger)
    return frame


def pad(raw: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Fill digits with zeros from the left, so that an id that lost its zeros is whole again."""
    padded = {
        column: each_text(
            raw[column], lambda text, width=width: text.zfill(width) if text.isdigit() else text
        )
        for column, width in layout.pad.items()
        if column in raw
    }
    return raw.assign(**padded)


def join(raw: pd.DataFrame, columns: tuple[str, ...], between: str = "-") -> pd.Series:
    """Join columns; empty where one of them is empty."""
    joined = raw[columns[0]]
    for column in columns[1:]:
        whole = (joined != "") & (raw[column] != "")
        joined = (joined + between + raw[column]).where(whole, "")
    return joined


def add_years(frame: pd.DataFrame, layout: Layout) -> pd.Series:
    """Read the school years in place; returns the texts of those that cannot be read."""
    if "year" not in frame and "date" not in frame:
        frame["year"] = np.nan
        return pd.Series(dtype="str")
    texts = frame["year"] if "year" in frame else frame["date"]
    read = read_cells(texts, year_reader(layout.year_style) if "year" in frame else read_date)
    frame["year"] = read.values
    return texts[read.bad]


def filter_rows(frame: pd.DataFrame, raw: pd.DataFrame, layout: Layout, ledger: Ledger) -> pd.DataFrame:
    """Keep the rows the layout asks for; each reason names the column and what it should have been."""
    blank = (
        np.logical_and.reduce([raw[column] == "" for column in raw]) if len(raw.columns) else raw.index < 0
    )
    frame = ledger.keep(frame, ~blank, "Blank row")
    for column, values in layout.where.items():
        asked = list_words(values) if len(values) <= EXAMPLES else f"one of the {len(values)} that are used"
        frame = ledger.keep(frame, raw.loc[frame.index, column].isin(values), f"{column} is not {asked}")
    for column, values in layout.without.items():
        found = raw.loc[frame.index, column]
        reasons = column + " is " + found.where(found != "", "empty")
        frame = ledger.keep(frame, ~found.isin(values), reasons)
    return frame


def recode(frame: pd.DataFrame, layout: Layout, ledger: Ledger) -> pd.DataFrame:
    """Give values the study's names; rows with a group that is not used leave."""
    frame = frame.copy()
    for field, names in layout.values.items():
        if field not in frame:
            continue
        found = frame[field].copy()
        frame[field] = each_text(found, lambda text, names=names: names.get(text, text) or "")
        if field == "group":
            frame = ledger.keep(frame, frame[field] != "", "group is " + found.where(found != "", "empty"))
    return frame


def keep_known(frame: pd.DataFrame, unread: pd.Series, ledger: Ledger) -> pd.DataFrame:
    """Take out rows without a school, a year or a group, and say so."""
    nameless = frame["school_id"] == ""
    if nameless.any():
        told = counted(nameless.sum(), "row", "has", "have")
        what = f"{told} no school id: {show_rows(frame.loc[nameless, 'row'])}."
        ledger.say(what, "Fill it in, or leave the rows out with `where` or `without`.")
        frame = ledger.keep(frame, ~nameless, "No school id")
    bad = frame.index.isin(unread.index)
    if bad.any():
        texts = unread.loc[frame.index[bad]]
        told = counted(bad.sum(), "row", "has", "have")
        what = f"{told} a year that cannot be read: {show_cells(texts, frame['row'])}."
        ledger.say(what, STYLE_FIX)
        frame = ledger.keep(frame, ~bad, "Year cannot be read")
    if "group" in frame and (frame["group"] == "").any():
        n = (frame["group"] == "").sum()
        told = counted(n, "row", "names", "name")
        ledger.say(f"{told} no student group.", "They are left out.", stops=False, where="group")
        frame = ledger.keep(frame, frame["group"] != "", "No student group named")
    return frame


def read_number_columns(
    frame: pd.DataFrame, layout: Layout, fields: dict[str, tuple[str, ...]], ledger: Ledger
) -> None:
    """Read every field that is a number in place."""
    for field in NUMBERS:
        if field in frame:
            read = read_numbers(frame[field], missing=layout.missing)
            tell_unread(frame[field], read, ledger, rows=frame["row"], column=fields[field][0])
            frame[field] = read.values


def read_starts(frame: pd.DataFrame, layout: Layout, ledger: Ledger) -> None:
    """Read first program years in place; empty and "never" are NaN."""
    texts = frame["start_year"]
    read = read_cells(texts, read_start(layout.year_style))
    tell_unread(
        texts,
        read,
        ledger,
        rows=frame["row"],
        column=layout.columns["start_year"][0],
        fix=STYLE_FIX,
        kind=("a school year", "school years"),
    )
    frame["start_year"] = read.values


def apply_start_rules(frame: pd.DataFrame, raw: pd.DataFrame, layout: Layout, ledger: Ledger) -> pd.DataFrame:
    """Give schools the start of the first rule that fits; rows that no rule fits leave."""
    start, known = pd.Series(np.nan, index=frame.index), pd.Series(False, index=frame.index)
    for rule in layout.start_rules:
        fits = ~known
        for column, values in rule.where.items():
            fits &= raw.loc[frame.index, column].isin(values)
        start[fits], known = (np.nan if rule.start is None else rule.start), known | fits
    column = next(iter(layout.start_rules[0].where))
    found = raw.loc[frame.index, column]
    frame = frame.assign(start_year=start)
    return ledger.keep(frame, known, f"No start rule for {column} " + found.where(found != "", "(empty)"))


def tell_unread(
    texts: pd.Series,
    read: Read,
    ledger: Ledger,
    *,
    rows: pd.Series,
    column: str,
    fix: str = NUMBER_FIX,
    kind: tuple[str, str] = ("a number", "numbers"),
) -> None:
    """Say which cells of a column cannot be read: how many, examples, and where they stand."""
    if read.bad.any():
        told = counted(read.bad.sum(), "cell", f"is not {kind[0]}", f"are not {kind[1]}")
        ledger.say(f"{told}: {show_cells(texts[read.bad], rows)}.", fix, where=column)


def show_cells(texts: pd.Series, rows: pd.Series) -> str:
    """Show a few cells with their rows: "x" (row 5), "y" (row 9) and 3 more."""
    shown = sorted(zip(rows.loc[texts.index], texts, strict=True))[:EXAMPLES]
    more = f" and {len(texts) - EXAMPLES} more" if len(texts) > EXAMPLES else ""
    return list_words(f"{quote(text)} (row {row})" for row, text in shown) + more


def show_rows(rows: pd.Series) -> str:
    """Show a few row numbers: rows 5, 9 and 3 more."""
    more = f" and {len(rows) - EXAMPLES} more" if len(rows) > EXAMPLES else ""
    return f"row{'s' * (len(rows) != 1)} {list_words(sorted(rows)[:EXAMPLES])}{more}"
