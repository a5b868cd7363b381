"""Rows and columns of a data file, for the record; nothing is decided by them."""

import csv
from pathlib import Path
from zipfile import BadZipFile


def count_cells(path: Path) -> tuple[int | None, int | None]:
    """Count a table's rows, without the header, and its columns; (None, None) where that cannot be told.

    Of a workbook, the first sheet is counted.

    >>> count_cells(Path("study.yml"))
    (None, None)
    """
    counters = {".csv": _text, ".tsv": _text, ".txt": _text, ".parquet": _parquet, ".xlsx": _sheet}
    count = counters.get(path.suffix.lower())
    try:
        return count(path) if count else (None, None)
    except (OSError, ValueError, KeyError, csv.Error, BadZipFile):
        return None, None


def _text(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        begin = file.read(4)
    encoding = "utf-16" if begin[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"  # counting needs no letters
    with path.open(encoding=encoding, newline="") as file:
        header = file.readline()
        mark = max(",;\t|", key=header.count)
        file.seek(0)
        rows = (row for row in csv.reader(file, delimiter=mark) if row)
        first = next(rows, [])
        return sum(1 for _ in rows), len(first)


def _parquet(path: Path) -> tuple[int, int]:
    from pyarrow.parquet import read_metadata

    record = read_metadata(path)
    return record.num_rows, record.num_columns


def _sheet(path: Path) -> tuple[int, int]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    sheet = book.worksheets[0]
    rows, columns = max((sheet.max_row or 1) - 1, 0), sheet.max_column or 0
    book.close()
    return rows, columns
