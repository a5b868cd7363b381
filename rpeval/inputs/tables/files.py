"""Read any table file as text: CSV, TSV, XLSX or Parquet, also compressed with gzip.

Ids keep their zeros, because nothing is guessed to be a number here; what a value means, the layout says.
"""

import contextlib
import gzip
import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rpeval.errors import DataError, Problem
from rpeval.inputs.schema.project import explain_absent
from rpeval.inputs.tables.text import name_headings, read_part, refusal, stream_text, used
from rpeval.inputs.words import list_words, nearest, quote

TEXT, SHEETS, PARQUET = {".csv", ".tsv", ".tab", ".txt"}, {".xlsx", ".xlsm"}, {".parquet", ".pq"}
PACKED = ".gz"
SHOWN = 30  # headings named in one message
ROWS, BUFFER = 200_000, 1 << 20  # rows of a part of a Parquet file, and bytes read at a time


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


@dataclass(frozen=True, slots=True, eq=False)
class TextParts:
    """A file as text in parts, for files too large to be held whole; each part is a frame of a TextTable."""

    parts: Iterator[pd.DataFrame]
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
    how = {"sheet": sheet, "encoding": encoding, "delimiter": delimiter, "only": only}
    table = stream_table(path, label=label, **how)
    frames = list(table.parts)
    return TextTable(pd.concat(frames) if frames[1:] else frames[0], table.headings, table.label)


def stream_table(
    path: Path,
    *,
    label: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    only: Collection[str] | None = None,
) -> TextParts:
    """Read a table file as text in parts, as `read_table` reads it whole, and refuse what it refuses.

    What is wrong with the rows themselves is refused after the last part.
    """
    label = label or path.name
    packed = path.suffix.lower() == PACKED
    kind = (path.suffixes[-2:-1] or [".csv"])[0] if packed else path.suffix or "(no ending)"
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(open_file(path, label))
        if (kind := kind.lower()) in TEXT:
            how = {"encoding": encoding, "delimiter": delimiter, "only": only}
            headings, parts = stream_text(file, label, **how)
        elif kind in PARQUET:
            whole = io.BytesIO(read_part(file, -1, label)) if packed else file
            headings, parts = _from_parquet(whole, label, only)
        elif kind in SHEETS:
            headings, parts = _from_workbook(io.BytesIO(read_part(file, -1, label)), label, sheet, only)
        else:
            fix = "Save it as .csv, .tsv, .xlsx or .parquet, each also .gz."
            raise refusal(label, f"A {quote(kind)} file is not read.", fix)
        return TextParts(_frames(parts, opened.pop_all()), headings, label)


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


def open_file(path: Path, label: str) -> BinaryIO:
    """Open a file, unpacked where it is gzipped; refuses (DataError) one that is absent or empty."""
    if absent := explain_absent(path.parent, path.name):
        raise refusal(label, *absent)
    try:
        file = path.open("rb")
        blank = not any(block.strip() for block in iter(lambda: file.read(BUFFER), b""))
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise refusal(label, f"The file cannot be read: {why}.", "Check its permissions.") from None
    if blank or path.suffix.lower() == PACKED:
        file.close()
    if blank:
        raise refusal(label, "The file is empty.", "Export it again, with its headings.")
    if file.closed:
        return gzip.open(path)
    file.seek(0)
    return file


def _frames(parts: Iterable[pa.Table | pd.DataFrame], opened: contextlib.ExitStack) -> Iterator[pd.DataFrame]:
    """Number the rows through all parts, and close the file after the last."""
    n = 0
    with opened:
        for part in parts:
            frame = _frame(part) if isinstance(part, pa.Table) else part
            yield frame.set_axis(pd.RangeIndex(n, n + len(frame)))
            n += len(frame)


def _from_workbook(
    file: BinaryIO, label: str, sheet: str | None, only: Collection[str] | None
) -> tuple[tuple[str, ...], Iterable[pd.DataFrame]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except Exception:
        fix = "Save it as .xlsx or .csv without a password."
        raise refusal(label, "This is not a workbook that can be opened.", fix) from None
    if sheet is not None and sheet not in book.sheetnames:
        fix = f"Use one of: {list_words(map(quote, book.sheetnames))}."
        raise refusal(label, f"There is no sheet {quote(sheet)}.", fix)
    page = book[sheet] if sheet is not None else book.worksheets[0]
    page.reset_dimensions()
    rows = [[cell_text(value) for value in row] for row in page.iter_rows(values_only=True)]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise refusal(label, f"The sheet {quote(page.title)} is empty.", "Name another with `sheet:`.")
    width = max(number for row in rows for number, value in enumerate(row, start=1) if value)
    rows = [(row + [""] * width)[:width] for row in rows]
    headings = name_headings(rows[0], label, only)
    frame = pd.DataFrame(rows[1:], columns=list(headings), dtype="str")
    return headings, [frame[used(headings, only)]]


def _from_parquet(
    file: BinaryIO, label: str, only: Collection[str] | None
) -> tuple[tuple[str, ...], Iterator[pa.Table]]:
    try:
        read = pq.ParquetFile(file, buffer_size=BUFFER)
    except (pa.ArrowInvalid, OSError):
        raise _not_parquet(label) from None
    headings = name_headings(read.schema_arrow.names, label, only)
    return headings, _batches(read, used(headings, only), label)


def _batches(read: pq.ParquetFile, columns: list[str], label: str) -> Iterator[pa.Table]:
    try:
        if read.metadata.num_rows == 0:
            yield read.schema_arrow.empty_table().select(columns)
        for batch in read.iter_batches(ROWS, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowInvalid, OSError):
        raise _not_parquet(label) from None


def _not_parquet(label: str) -> DataError:
    return refusal(label, "This is not a Parquet file.", "Copy or export it again.")


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
