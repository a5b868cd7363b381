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
import pyarrow.csv
import pyarrow.parquet as pq

from rpeval.errors import DataError, Problem
from rpeval.inputs.fields import counted
from rpeval.inputs.words import list_words, nearest, quote

TEXT, SHEETS, PARQUET = {".csv", ".tsv", ".tab", ".txt"}, {".xlsx", ".xlsm"}, {".parquet", ".pq"}
DELIMITERS = {"comma": ",", "tab": "\t", "\\t": "\t", "semicolon": ";", "pipe": "|"}
EXAMPLES = 5


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
    data, kind = _unpack(_bytes(path, label), path, label)
    if kind in PARQUET:
        return _from_parquet(data, label, only)
    if kind in SHEETS:
        return _from_workbook(data, label, sheet, only)
    if kind in TEXT:
        return _from_text(_decode(data, encoding, label), label, delimiter, only)
    raise _refuse(
        label,
        f"A {quote(kind)} file is not read.",
        "Save it as .csv, .tsv, .xlsx or .parquet, each also .gz.",
    )


def missing_columns(table: TextTable, wanted: Iterable[str]) -> list[Problem]:
    """Name each wanted column that the file does not have, with the heading that was probably meant."""
    problems = []
    for column in sorted(set(wanted) - set(table.headings)):
        meant = nearest(column, table.headings)
        has = list_words(quote(heading) for heading in table.headings[:30])
        fix = (
            f"Write {quote(meant)} in the layout's columns." if meant else f"Use one of its headings: {has}."
        )
        problems.append(Problem(table.label, f"There is no column {quote(column)}.", fix))
    return problems


def _refuse(label: str, what: str, fix: str) -> DataError:
    return DataError(Problem(label, what, fix))


def _bytes(path: Path, label: str) -> bytes:
    if path.is_dir():
        raise _refuse(label, "This is a folder, not a file.", "Name the file in it.")
    if not path.exists():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        meant = nearest(path.name, beside)
        fix = (
            f"Did you mean {quote(meant)}?"
            if meant
            else "Check the path, which starts at the project's root."
        )
        raise _refuse(label, "The file does not exist.", fix)
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
    if suffixes[-1:] == [".gz"]:
        try:
            return gzip.decompress(data), (suffixes[-2:-1] or [".csv"])[0]
        except (OSError, EOFError, zlib.error):
            raise _refuse(
                label, "The file is not a whole gzip file.", "Copy it again, or unpack it by hand."
            ) from None
    return data, (suffixes[-1:] or ["(no ending)"])[0]


def _decode(data: bytes, encoding: str | None, label: str) -> str:
    start = data[:400].lstrip().lower()
    if data.startswith(b"PK"):
        raise _refuse(
            label, "This is a workbook or zip file, not text.", "Give it the ending .xlsx, or unzip it."
        )
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _refuse(label, "This is a web page, not a table.", "Download the data file itself.")
    try:
        text = data.decode(encoding or "utf-8-sig")
    except LookupError:
        raise _refuse(
            label, f"There is no encoding {quote(encoding)}.", "Write utf-8, latin-1 or utf-16."
        ) from None
    except UnicodeError as error:
        row = data[: getattr(error, "start", 0)].count(b"\n") + 1
        fix = "Try `encoding: latin-1` (or utf-16) in the source, or save the file as UTF-8."
        raise _refuse(label, f"Line {row} is not {encoding or 'UTF-8'} text.", fix) from None
    if "\0" in text:
        raise _refuse(
            label, "This is not a text table.", "Try `encoding: utf-16`, or export it again as CSV."
        )
    return text.removeprefix("\ufeff")


def _from_text(text: str, label: str, delimiter: str | None, only: Collection[str] | None) -> TextTable:
    delimiter = DELIMITERS.get(delimiter or "", delimiter) or _guess_delimiter(text)
    if len(delimiter) != 1:
        raise _refuse(label, f"The delimiter {quote(delimiter)} is not one character.", "Write comma or tab.")
    first, body = _split_headings(text, delimiter, label)
    headings = _headings(first, label, only)
    if not body.strip():
        raise _refuse(label, "The file has headings but no rows.", "Export it again.")
    if body.count('"') % 2:
        raise _refuse(
            label, "A quote is opened and never closed.", "Export the file again, or close the quote."
        )
    read, torn = _parse_rows(body.encode(), headings, _used(headings, only), delimiter, label)
    if torn:
        raise DataError(_torn_rows(torn, len(headings), label))
    return TextTable(_frame(read), headings, label)


def _parse_rows(
    content: bytes, headings: tuple[str, ...], used: list[str], delimiter: str, label: str
) -> tuple[pa.Table, list[tuple[int, int]]]:
    """Read the rows below the headings; returns them and the torn ones: row of the file, columns found."""
    torn: list[tuple[int, int]] = []

    def note_torn(row: Any) -> str:
        torn.append((row.number + 1, row.actual_columns))
        return "skip"

    as_text = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(headings, pa.string()), include_columns=used, strings_can_be_null=False
    )
    as_one_block = pyarrow.csv.ReadOptions(
        use_threads=False, block_size=len(content) + 1, column_names=list(headings)
    )
    parse = pyarrow.csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note_torn
    )
    try:
        read = pyarrow.csv.read_csv(
            pa.BufferReader(content), read_options=as_one_block, parse_options=parse, convert_options=as_text
        )
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0]
        raise _refuse(label, f"This is not a table: {why}", "Export it again.") from None
    return read, torn


def _split_headings(text: str, delimiter: str, label: str) -> tuple[list[str], str]:
    """Read the first row, which may have line breaks in quotes, and give the rest as it stands."""
    lines = io.StringIO(text.lstrip("\r\n"), newline="")
    try:
        first = next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        raise _refuse(
            label, "The headings cannot be read.", "Check for a quote that is not closed."
        ) from None
    return first, lines.read()


def _guess_delimiter(text: str) -> str:
    first = "".join(text.split("\n", 1)[0].split('"')[::2])  # without what stands in quotes
    return max(DELIMITERS.values(), key=first.count)


def _torn_rows(torn: list[tuple[int, int]], columns: int, label: str) -> Problem:
    shown = list_words(f"row {number} has {found}" for number, found in torn[:EXAMPLES])
    told = counted(len(torn), "row", "does", "do")
    what = f"{told} not have the {columns} columns of the headings: {shown}."
    return Problem(label, what, "Export the file again, or mend these rows (an unquoted comma, a cut line).")


def _headings(found: Iterable[Any], label: str, only: Collection[str] | None) -> tuple[str, ...]:
    """Name the columns; a heading that is used must not stand twice."""
    names = [str("" if name is None else name).strip() for name in found]
    names = [name or f"(column {number} has no heading)" for number, name in enumerate(names, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1 and (only is None or name in only)})
    if twice:
        told = counted(len(twice), "heading", "stands", "stand")
        what = f"{told} more than once: {list_words(map(quote, twice))}."
        raise _refuse(label, what, "Give each column a heading of its own.")
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[number] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return tuple(names)


def _used(headings: Iterable[str], only: Collection[str] | None) -> list[str]:
    return [name for name in headings if only is None or name in only]


def _from_workbook(data: bytes, label: str, sheet: str | None, only: Collection[str] | None) -> TextTable:
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception:
        raise _refuse(
            label,
            "This is not a workbook that can be opened.",
            "Save it as .xlsx or .csv without a password.",
        ) from None
    if sheet is not None and sheet not in book.sheetnames:
        names = list_words(quote(name) for name in book.sheetnames)
        raise _refuse(label, f"There is no sheet {quote(sheet)}.", f"Use one of: {names}.")
    page = book[sheet] if sheet is not None else book.worksheets[0]
    page.reset_dimensions()
    rows = [[cell_text(value) for value in row] for row in page.iter_rows(values_only=True)]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise _refuse(label, f"The sheet {quote(page.title)} is empty.", "Name another with `sheet:`.")
    width = max(len(row) - row[::-1].index(next(v for v in row[::-1] if v)) for row in rows)
    rows = [(row + [""] * width)[:width] for row in rows]
    headings = _headings(rows[0], label, only)
    frame = pd.DataFrame(rows[1:], columns=list(headings), dtype="str")
    return TextTable(frame[_used(headings, only)], headings, label)


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


def _from_parquet(data: bytes, label: str, only: Collection[str] | None) -> TextTable:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        headings = _headings(file.schema_arrow.names, label, only)
        read = file.read(columns=_used(headings, only))
    except (pa.ArrowInvalid, OSError):
        raise _refuse(label, "This is not a Parquet file.", "Copy or export it again.") from None
    return TextTable(_frame(read), headings, label)


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
