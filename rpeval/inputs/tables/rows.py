"""Give a table of text the columns of the study: filter, rename, read, and count what leaves."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError
from rpeval.inputs.accounting import Found, Ledger
from rpeval.inputs.schema.sources import LayoutKeys
from rpeval.inputs.tables import cells
from rpeval.inputs.tables.corrections import correct
from rpeval.inputs.tables.fields import NUMBERS, STAMP
from rpeval.inputs.tables.files import TextParts, TextTable, missing_columns, read_table, stream_table
from rpeval.inputs.tables.layouts import values_of
from rpeval.inputs.tables.pivot import widen
from rpeval.inputs.words import FEW, counted, list_words

STYLES = "with `year_style: starts` (2018 is 2018-19) or `ends` how the file writes years."
STYLE_FIX = f"Correct them, or say {STYLES}"
NUMBER_FIX = "Correct them, or add the text that means unknown to `missing`."
PLACES = {"actions": "sources.panel", "enrollment": "sources.panel.enrollment"}


def open_source(
    source: Any, layout: LayoutKeys, *, name: str, params: Any, reader: Callable[..., TextTable] = read_table
) -> tuple[pd.DataFrame, pd.DataFrame, Ledger]:
    """Read the file of a source as text, its columns named as the layout says.

    name   : the source's name in the params, under which its dropped rows are counted
    reader : reads the file, where its form is not that of a plain table
    Returns the fields as text, with `row`, the row in the file; the columns of the file, padded; and the
    books. Rows that do not bear the study's stamp are a problem. Refuses (DataError) a file that cannot be
    read or lacks a column.
    """
    table, fields, ledger = _open(source, layout, reader, name=name, params=params)
    return (*_name_fields(table.frame, fields, layout, ledger, simulated=params.simulated), ledger)


def _open(
    source: Any, layout: LayoutKeys, reader: Callable[..., Any], *, name: str, params: Any
) -> tuple[TextTable | TextParts, dict[str, tuple[str, ...]], Ledger]:
    """Open the file of a source; give it with the columns of each field that it has, and empty books."""
    ledger, there = Ledger(name, label=str(source.path)), {*_row_columns(layout), STAMP}
    there |= {column for columns in layout.columns.values() for column in columns}
    how = {"sheet": layout.sheet, "encoding": layout.encoding, "delimiter": layout.delimiter}
    table = reader(params.root / source.path, label=ledger.label, only=there, **how)
    has = set(table.headings)
    fields = {f: c for f, c in layout.columns.items() if f not in layout.optional or has.issuperset(c)}
    wanted = {column for columns in fields.values() for column in columns} | _row_columns(layout)
    if missing := missing_columns(table, wanted, PLACES.get(name, f"sources.{name}")):
        raise DataError(missing)
    return table, fields, ledger


def _name_fields(
    raw: pd.DataFrame, fields: dict[str, tuple[str, ...]], layout: LayoutKeys, ledger: Ledger, *,
    simulated: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Give the fields as text, with `row`, the row in the file, and the columns of the file, padded."""
    raw = pad(raw, layout)
    ledger.rows_in += len(raw)
    joined = {field: join(raw, columns, layout.join) for field, columns in fields.items()}
    frame = pd.DataFrame({"school_id": "", **joined}, index=raw.index, dtype="str")
    check_stamp(raw, ledger, simulated=simulated)
    return frame.assign(row=raw.index + 2), raw


def read_source(source: Any, layout: LayoutKeys, *, name: str, params: Any) -> tuple[pd.DataFrame, Ledger]:
    """Read the file of a source by its layout.

    Returns the frame and the books: rows in, drops, problems; refuses what `open_source` refuses.
    The frame has the layout's fields: school_id and other texts as text, year as the start of the school year
    (float), numbers as float with NaN for unknown, start_year (NaN = never), and `row`, the row in the file.
    """
    return read_rows(*open_source(source, layout, name=name, params=params), layout)


def read_parts(
    source: Any, layout: LayoutKeys, *, name: str, params: Any
) -> tuple[Iterator[pd.DataFrame], Ledger]:
    """Read the file of a source like `read_source`, in parts, each a frame, where it is too large to be held.

    The layout may only have what can be told of each row alone: no pivot, corrections or start_rules.
    What was found in all parts is told by the ledger after the last.
    """
    table, fields, ledger = _open(source, layout, stream_table, name=name, params=params)
    ledger.parts = {}

    def parts() -> Iterator[pd.DataFrame]:
        for raw in table.parts:
            named = _name_fields(raw, fields, layout, ledger, simulated=params.simulated)
            yield read_rows(*named, ledger, layout)[0]
        ledger.tell_parts()

    return parts(), ledger


def read_rows(
    frame: pd.DataFrame, raw: pd.DataFrame, ledger: Ledger, layout: LayoutKeys
) -> tuple[pd.DataFrame, Ledger]:
    """Read what `open_source` gave, as `read_source` says."""
    unread = add_years(frame, layout)
    frame = filter_rows(frame, raw, layout, ledger)
    frame = recode(frame, layout, ledger)
    frame = keep_known(frame, unread, ledger)
    for field in [field for field in NUMBERS if field in frame]:
        column = layout.columns[field][0]
        frame[field] = read_column(frame[field], frame["row"], layout, column, ledger)
    if layout.start_rules:
        frame = apply_start_rules(frame, raw, layout, ledger)
    elif "start_year" in frame:
        frame["start_year"] = read_column(
            frame["start_year"], frame["row"], layout, layout.columns["start_year"][0], ledger, fix=STYLE_FIX,
            read=cells.start_reader(layout.year_style), kinds=("a school year", "school years"),
        )  # fmt: skip
    if layout.pivot:
        told = raw.loc[frame.index]
        values = read_column(told[layout.pivot.value], frame["row"], layout, layout.pivot.value, ledger)
        frame = widen(frame, told[layout.pivot.column], values, layout.pivot, ledger)
    return correct(frame, layout.corrections, ledger), ledger


def _row_columns(layout: LayoutKeys) -> set[str]:
    """Name the columns that decide which rows are used."""
    pivot = {layout.pivot.column, layout.pivot.value} if layout.pivot else set()
    rules = {column for rule in layout.start_rules for column in rule.where}
    return {*layout.where, *layout.without, *pivot, *rules}


def check_stamp(raw: pd.DataFrame, ledger: Ledger, *, simulated: bool) -> None:
    """Keep simulated and real files apart.

    Every row of a simulated study's files says simulated = yes; a real study refuses a file with that column.
    """
    if simulated:
        raw = raw[(raw != "").any(axis=1)]
        unstamped = int((raw[STAMP] != "yes").sum()) if STAMP in raw else len(raw)

        def tell_unstamped(found: Found) -> None:
            what = f"The study is simulated, but {found.n:,} of {found.of:,} rows do not say so."
            fix = 'Add a column "simulated" with "yes" in every row, or set `simulated: false` for real data.'
            ledger.say(what, fix)

        ledger.note(STAMP, Found(unstamped, len(raw)), tell_unstamped)
    elif STAMP in raw:

        def tell_stamp(found: Found) -> None:
            what = 'The file has a column "simulated", and this study is not simulated.'
            ledger.say(what, "Name the real file, or set `simulated: true`.")

        ledger.note(STAMP, Found(1), tell_stamp)


def pad(raw: pd.DataFrame, layout: LayoutKeys) -> pd.DataFrame:
    """Fill digits with zeros from the left, so that an id that lost its zeros is whole again."""
    raw = raw.copy()
    for column, width in layout.pad.items():
        if column in raw:
            raw[column] = cells.each_text(
                raw[column], lambda t, width=width: t.zfill(width) if t.isdigit() else t
            )
    return raw


def join(raw: pd.DataFrame, columns: tuple[str, ...], between: str) -> pd.Series:
    """Join columns; empty where one of them is empty."""
    joined = raw[columns[0]]
    for column in columns[1:]:
        whole = (joined != "") & (raw[column] != "")
        joined = (joined + between + raw[column]).where(whole, "")
    return joined


def add_years(frame: pd.DataFrame, layout: LayoutKeys) -> pd.Series:
    """Read the school years in place; returns the texts of those that cannot be read."""
    column = next((name for name in ("year", "date") if name in frame), None)
    if column is None:
        frame["year"] = np.nan
        return pd.Series(dtype="str")
    texts = frame[column]
    read = cells.read_cells(
        texts, cells.year_reader(layout.year_style) if column == "year" else cells.read_date
    )
    frame["year"] = read.values
    return texts[read.bad]


def filter_rows(frame: pd.DataFrame, raw: pd.DataFrame, layout: LayoutKeys, ledger: Ledger) -> pd.DataFrame:
    """Keep the rows the layout asks for; each reason names the column and what it should have been."""
    frame = ledger.keep(frame, ~(raw == "").all(axis=1), "Blank row")
    for column, values in layout.where.items():
        asked = list_words(values) if len(values) <= FEW else f"one of the {len(values)} that are used"
        frame = ledger.keep(frame, raw.loc[frame.index, column].isin(values), f"{column} is not {asked}")
    for column, values in layout.without.items():
        found = raw.loc[frame.index, column]
        frame = ledger.keep(frame, ~found.isin(values), f"{column} is " + found.where(found != "", "empty"))
    return frame


def recode(frame: pd.DataFrame, layout: LayoutKeys, ledger: Ledger) -> pd.DataFrame:
    """Give values the study's names; rows with a group that is not used leave."""
    frame = frame.copy()
    for field, names in layout.values.items():
        if field not in frame:
            continue
        found = frame[field].copy()
        frame[field] = cells.each_text(found, lambda text, names=names: names.get(text, text) or "")
        if field == "group":
            frame = ledger.keep(frame, frame[field] != "", "group is " + found.where(found != "", "empty"))
    return frame


def keep_known(frame: pd.DataFrame, unread: pd.Series, ledger: Ledger) -> pd.DataFrame:
    """Take out rows without a school, a year or a group, and say so."""

    def tell_nameless(found: Found) -> None:
        more = f" and {found.n - FEW} more" if found.n > FEW else ""
        what = f"{counted(found.n, 'row', 'has', 'have')} no school id: "
        what += f"row{'s' * (found.n != 1)} {list_words([row for row, _ in found.first])}{more}."
        ledger.say(what, "Fill it in, or leave the rows out with `where` or `without`.")

    def tell_unread(found: Found) -> None:
        told = counted(found.n, "row", "has", "have")
        ledger.say(f"{told} a year that cannot be read: {cells.show_cells(found)}.", STYLE_FIX)

    def tell_groupless(found: Found) -> None:
        told = counted(found.n, "row", "names", "name")
        ledger.warn(f"{told} no student group.", "They are left out.", where="group")

    nameless = frame["school_id"] == ""
    ledger.note("school_id", cells.find_cells(frame.loc[nameless, "school_id"], frame["row"]), tell_nameless)
    frame = ledger.keep(frame, ~nameless, "No school id")
    bad = frame.index.isin(unread.index)
    ledger.note("year", cells.find_cells(unread.loc[frame.index[bad]], frame["row"]), tell_unread)
    frame = ledger.keep(frame, ~bad, "Year cannot be read")
    if "group" in frame:
        groupless = frame["group"] == ""
        ledger.note("group", Found(int(groupless.sum())), tell_groupless)
        frame = ledger.keep(frame, ~groupless, "No student group named")
    return frame


def read_column(
    texts: pd.Series, rows: pd.Series, layout: LayoutKeys, column: str, ledger: Ledger, *,
    read: Callable[[str], float] | None = None, kinds: tuple[str, str] = ("a number", "numbers"),
    fix: str = NUMBER_FIX,
) -> pd.Series:  # fmt: skip
    """Read a column of numbers, or what `read` reads; cells that cannot be read are a problem."""
    told = cells.read_cells(texts, read) if read else cells.read_numbers(texts, missing=layout.missing)

    def tell_unread(found: Found) -> None:
        what = counted(found.n, "cell", f"is not {kinds[0]}", f"are not {kinds[1]}")
        ledger.say(f"{what}: {cells.show_cells(found)}.", fix, where=column)

    ledger.note(f"{texts.name} in {column}", cells.find_cells(texts[told.bad], rows), tell_unread)
    return pd.Series(told.values, index=texts.index)


def apply_start_rules(
    frame: pd.DataFrame, raw: pd.DataFrame, layout: LayoutKeys, ledger: Ledger
) -> pd.DataFrame:
    """Give schools the start of the first rule that fits; rows that no rule fits leave."""
    start, known = pd.Series(np.nan, index=frame.index), pd.Series(False, index=frame.index)
    read = cells.start_reader("label")
    for rule in layout.start_rules:
        fits = ~known
        for column, values in values_of(rule.where).items():
            fits &= raw.loc[frame.index, column].isin(values)
        start[fits], known = read(rule.start), known | fits
    column = next(iter(layout.start_rules[0].where))
    found = raw.loc[frame.index, column]
    reasons = f"No start rule for {column} " + found.where(found != "", "(empty)")
    return ledger.keep(frame.assign(start_year=start), known, reasons)
