"""Read any table file as text: CSV, TSV, XLSX or Parquet, also compressed with gzip.

Ids keep their zeros, because nothing is guessed to be a number here; what a value means, the layout says.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from rpeval.errors import DataError, Problem
from rpeval.inputs.schema.project import explain_absent
from rpeval.inputs.words import FEW, counted, list_words, nearest, quote

TEXT, SHEETS, PARQUET = {".csv", ".tsv", ".tab", ".txt"}, {".xlsx", ".xlsm"}, {".parquet", ".pq"}
DELIMITERS = {"comma": ",", "tab": "\t", "\\t": "\t", "semicolon": ";", "pipe": "|"}
SHOWN = 30  # headings named in one message


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """A file as text.

    frame    : one row per row of the file, every value text without spaces around it ("" = empty); the row
               at index i stands in row i + 2 of the file, below the headings
    headings : all headings of the file, also those of columns that were not read
    label    : how messages name the file
    """

    frame: pd.DataFrame
    headings: tuple[str, ...]
    label: str


def read_table(
    path: Path,
    *,
    label: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    only: Collection[str] | None = None,
) -> TextTable:
    r"""Read a table file as text.

    path      : .csv, .tsv, .txt, .xlsx or .parquet, also with .gz behind it; headings in the first row
    label     : how messages name the file; its name where absent
    sheet     : sheet of a workbook; its first where absent
    encoding  : of a text file; UTF-8 with or without a byte-order mark where absent
    delimiter : of a text file; the commonest of comma, tab, semicolon and pipe in the headings where absent
    only      : read these columns and no others (those that are there)
    Refuses (DataError): a missing or empty file, no such sheet, a file that is no table, a wrong encoding,
    rows that are longer or shorter than the headings, a heading twice.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "schools.csv"
    >>> _ = path.write_text("id,name\n0042,Lincoln\n")
    >>> read_table(path).frame.values.tolist()
    [['0042', 'Lincoln']]
    """
    label = label or path.name
    data, kind = _unpack(read_bytes(path, label), path, label)
    if kind in PARQUET:
        return _from_parquet(data, label, only)
    if kind in SHEETS:
        return _from_workbook(data, label, sheet, only)
    if kind in TEXT:
        return _from_text(_decode(data, encoding, label), label, delimiter, only)
    fix = "Save it as .csv, .tsv, .xlsx or .parquet, each also .gz."
    raise _refuse(label, f"A {quote(kind)} file is not read.", fix)


def missing_columns(table: TextTable, wanted: Iterable[str], where: str) -> list[Problem]:
    """Name each wanted column that the file does not have, with the heading that was probably meant.

    where : the place in the params that names the columns
    """
    problems = []
    for column in sorted(set(wanted) - set(table.headings)):
        meant, has = nearest(column, table.headings), list_words(map(quote, table.headings[:SHOWN]))
        fix = f"Write {quote(meant)} in {where}." if meant else f"Use one of its headings: {has}."
        problems.append(Problem(table.label, f"There is no column {quote(column)}.", fix))
    return problems


def _refuse(label: str, what: str, fix: str) -> DataError:
    return DataError(Problem(label, what, fix))


def read_bytes(path: Path, label: str) -> bytes:
    """Read a file whole; refuses (DataError) a folder, a file that is not there and an empty one."""
    if absent := explain_absent(path.parent, path.name):
        raise _refuse(label, *absent)
    try:
        data = path.read_bytes()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise _refuse(label, f"The file cannot be read: {why}.", "Check its permissions.") from None
    if not data.strip():
        raise _refuse(label, "The file is empty.", "Export it again, with its headings.")
    return data


def _unpack(data: bytes, path: Path, label: str) -> tuple[bytes, str]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] != [".gz"]:
        return data, (suffixes[-1:] or ["(no ending)"])[0]
    try:
        return gzip.decompress(data), (suffixes[-2:-1] or [".csv"])[0]
    except (OSError, EOFError, zlib.error):
        fix = "Copy it again, or unpack it by hand."
        raise _refuse(label, "The file is not a whole gzip file.", fix) from None


def _decode(data: bytes, encoding: str | None, label: str) -> str:
    if data.startswith(b"PK"):
        fix = "Give it the ending .xlsx, or unzip it."
        raise _refuse(label, "This is a workbook or zip file, not text.", fix)
    if data[:400].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _refuse(label, "This is a web page, not a table.", "Download the data file itself.")
    try:
        text = data.decode(encoding or "utf-8-sig")
    except LookupError:
        fix = "Write utf-8, latin-1 or utf-16."
        raise _refuse(label, f"There is no encoding {quote(encoding)}.", fix) from None
    except UnicodeError as error:
        row = data[: getattr(error, "start", 0)].count(b"\n") + 1
        fix = "Try `encoding: latin-1` (or utf-16) in the source, or save the file as UTF-8."
        raise _refuse(label, f"Line {row} is not {encoding or 'UTF-8'} text.", fix) from None
    if "\0" in text:
        fix = "Try `encoding: utf-16`, or export it again as CSV."
        raise _refuse(label, "This is not a text table.", fix)
    return text.removeprefix("\ufeff")


def _from_text(text: str, label: str, delimiter: str | None, only: Collection[str] | None) -> TextTable:
    delimiter = DELIMITERS.get(delimiter or "", delimiter) or _guess_delimiter(text)
    if len(delimiter) != 1:
        raise _refuse(label, f"The delimiter {quote(delimiter)} is not one character.", "Write comma or tab.")
    lines = io.StringIO(text.lstrip("\r\n"), newline="")
    try:
        first = next(csv.reader(lines, delimiter=delimiter), [])  # it may have line breaks in quotes
    except csv.Error:
        fix = "Check for a quote that is not closed."
        raise _refuse(label, "The headings cannot be read.", fix) from None
    headings, body = _headings(first, label, only), lines.read()
    if not body.strip():
        raise _refuse(label, "The file has headings but no rows.", "Export it again.")
    if body.count('"') % 2:
        fix = "Export the file again, or close the quote."
        raise _refuse(label, "A quote is opened and never closed.", fix)
    return TextTable(_frame(_parse_rows(body.encode(), headings, only, delimiter, label)), headings, label)


def _guess_delimiter(text: str) -> str:
    first = "".join(text.split("\n", 1)[0].split('"')[::2])  # without what stands in quotes
    return max(DELIMITERS.values(), key=first.count)


def _parse_rows(
    content: bytes, headings: tuple[str, ...], only: Collection[str] | None, delimiter: str, label: str
) -> pa.Table:
    """Read the rows below the headings, all as text; torn rows are refused with where they stand."""
    torn: list[str] = []

    def note_torn(row: Any) -> str:
        torn.append(f"row {row.number + 1} has {row.actual_columns}")
        return "skip"

    texts, used = dict.fromkeys(headings, pa.string()), _used(headings, only)
    whole = {"use_threads": False, "block_size": len(content) + 1, "column_names": list(headings)}
    rows = {"delimiter": delimiter, "newlines_in_values": True, "invalid_row_handler": note_torn}
    kept = {"column_types": texts, "include_columns": used, "strings_can_be_null": False}
    try:
        read = arrow_csv.read_csv(
            pa.BufferReader(content),
            arrow_csv.ReadOptions(**whole),
            arrow_csv.ParseOptions(**rows),
            arrow_csv.ConvertOptions(**kept),
        )
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0]
        raise _refuse(label, f"This is not a table: {why}", "Export it again.") from None
    if torn:
        told = counted(len(torn), "row", "does", "do")
        what = f"{told} not have the {len(headings)} columns of the headings: {list_words(torn[:FEW])}."
        fix = "Export the file again, or mend these rows (an unquoted comma, a cut line)."
        raise _refuse(label, what, fix)
    return read


def _headings(found: Iterable[Any], label: str, only: Collection[str] | None) -> tuple[str, ...]:
    """Name the columns; a heading that is used must not stand twice."""
    names = [cell_text(name) for name in found]
    names = [name or f"(column {number} has no heading)" for number, name in enumerate(names, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1 and (only is None or name in only)})
    if twice:
        what = f"{counted(len(twice), 'heading', 'stands', 'stand')} more than once: "
        raise _refuse(label, f"{what}{list_words(map(quote, twice))}.", "Give each column its own heading.")
    again = [names[:number].count(name) for number, name in enumerate(names)]
    return tuple(f"{name} ({n + 1})" if n else name for name, n in zip(names, again, strict=True))


def _used(headings: Iterable[str], only: Collection[str] | None) -> list[str]:
    return [name for name in headings if only is None or name in only]


def _from_workbook(data: bytes, label: str, sheet: str | None, only: Collection[str] | None) -> TextTable:
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception:
        fix = "Save it as .xlsx or .csv without a password."
        raise _refuse(label, "This is not a workbook that can be opened.", fix) from None
    if sheet is not None and sheet not in book.sheetnames:
        fix = f"Use one of: {list_words(map(quote, book.sheetnames))}."
        raise _refuse(label, f"There is no sheet {quote(sheet)}.", fix)
    page = book[sheet] if sheet is not None else book.worksheets[0]
    page.reset_dimensions()
    rows = [[cell_text(value) for value in row] for row in page.iter_rows(values_only=True)]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise _refuse(label, f"The sheet {quote(page.title)} is empty.", "Name another with `sheet:`.")
    width = max(number for row in rows for number, value in enumerate(row, start=1) if value)
    rows = [(row + [""] * width)[:width] for row in rows]
    headings = _headings(rows[0], label, only)
    frame = pd.DataFrame(rows[1:], columns=list(headings), dtype="str")
    return TextTable(frame[_used(headings, only)], headings, label)


def _from_parquet(data: bytes, label: str, only: Collection[str] | None) -> TextTable:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        headings = _headings(file.schema_arrow.names, label, only)
        read = file.read(columns=_used(headings, only))
    except (pa.ArrowInvalid, OSError):
        raise _refuse(label, "This is not a Parquet file.", "Copy or export it again.") from None
    return TextTable(_frame(read), headings, label)


def cell_text(value: Any) -> str:
    """Turn a typed value into the text a person would have typed.

    >>> [cell_text(v) for v in (42.0, 0.5, None, True, " x ", datetime(2018, 9, 1))]
    ['42', '0.5', '', 'yes', 'x', '2018-09-01']
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ")
    return str(value).strip()


def _frame(read: pa.Table) -> pd.DataFrame:
    columns = {name: _column_text(read.column(name).combine_chunks()) for name in read.column_names}
    return pa.table(columns).to_pandas().astype("str")


def _column_text(column: Any) -> pa.Array:
    """Turn a typed column into text; each different value is turned once."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.utf8_trim_whitespace(pc.fill_null(column, ""))
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    texts = pa.array([cell_text(value) for value in coded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(texts.take(coded.indices), "")
