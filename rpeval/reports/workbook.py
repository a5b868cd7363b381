"""The findings of a study as a workbook, with a data dictionary: a cell shows what pages print."""

import functools
import io
import re
import zipfile
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from rpeval.findings import Collected, Finding
from rpeval.findings.finding import MINUS
from rpeval.reports.catalog import FOLDER, load, read_catalog

THEN = datetime(1980, 1, 1)  # the earliest date that a zip file knows
WIDTHS = {"id": 34, "label": 44, "shown": 24, "unit": 20, "shown_interval": 20, "method": 44, "reason": 44,
          "remedy": 44}  # fmt: skip
NUMBERS = ("value", "low", "high", "level", "n", "clusters", "treated", "se", "df", "p", "mcse")
FORMATS = {"n": "#,##0", "clusters": "#,##0", "treated": "#,##0", "level": "0.##", "p": "0.0000"}
FACE = "Calibri"
TOP = Alignment(vertical="top")
LEFT = Alignment(vertical="top", horizontal="left", wrap_text=True)
RIGHT = Alignment(vertical="top", horizontal="right", indent=1, wrap_text=True)
LINE, TALLEST = 15, 405  # points: of a line of text, and of the tallest row
HIDDEN = ("shown_interval", "decision", "claims", "method", *NUMBERS)
DARK = "FF23364A"
STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def workbook(found: Collected) -> bytes:
    """Write all findings of a study as an Excel workbook.

    Use it where somebody wants the numbers themselves. Sheets: what this is and how to cite it; one row for
    each finding, with the printed text beside the value to sixteen digits; what each column means.
    Simulated data and drafts are told in the first row and in the page header of every sheet.
    found : from `rpeval.findings.open_findings`
    Returns the bytes of an .xlsx file, the same for the same findings. Hidden findings carry no value, and no
    text is taken for a formula.
    """
    told, stamp = _texts(), _stamp(found)
    book = Workbook()
    book.properties.title, book.properties.creator = found.title, "rpeval"
    _about(book.active, found, told, stamp)
    _findings(book.create_sheet(told["sheets"]["findings"]), found, told, stamp)
    _dictionary(book.create_sheet(told["sheets"]["dictionary"]), told, stamp)
    for sheet in book.worksheets:
        _for_print(sheet, stamp or found.title)
    file = io.BytesIO()
    book.save(file)
    return _settled(file.getvalue())


def format_of(shown: str) -> str:
    """Give the number format with which a cell shows a number just as it is printed; General for other text.

    >>> format_of("1,234.5"), format_of("60"), format_of("≤5")
    ('#,##0.0;"−"#,##0.0', '#,##0;"−"#,##0', 'General')
    >>> format_of("0.0")
    '#,##0.0;#,##0.0'
    """
    plain = shown.replace(",", "").replace(MINUS, "-")
    if not re.fullmatch(r"-?\d+(\.\d+)?", plain):
        return "General"
    digits = len(plain.partition(".")[2])
    form = f"#,##0.{'0' * digits}" if digits else "#,##0"
    return f"{form};{form}" if float(plain) == 0 else f'{form};"{MINUS}"{form}'


@functools.cache
def _texts() -> dict[str, Any]:
    return load(FOLDER / "grant" / "workbook.yml")


def _stamp(found: Collected) -> str:
    """Say that the data are simulated, or the folder a draft; nothing for a recorded run of real data."""
    words = read_catalog("report")["words"]
    said = [name for name, told in (("simulated", found.simulated), ("draft", found.draft)) if told]
    return " ".join(f"{words[name]}. {words[f'{name}_banner']}" for name in said)


def _about(sheet: Worksheet, found: Collected, told: dict[str, Any], stamp: str) -> None:
    sheet.title = told["sheets"]["about"]
    says = told["about"]
    facts = {name: getattr(found, name) for name in ("study", "title", "district")}
    facts |= {
        "count": len(found.findings),
        "suppressed_n": sum(f.suppressed for f in found.findings.values()),
    }
    rows = [(says[name], fact) for name, fact in facts.items()]
    rows += [(says[name], says[f"{name}_means"]) for name in ("what", "cite", "hidden", "verdict")]
    _first(sheet, stamp or found.title)
    for name, fact in rows:
        at = sheet.max_row + 1
        _put(sheet.cell(at, 1), name).font = Font(name=FACE, bold=True)
        cell = sheet.cell(at, 2)
        if isinstance(fact, int):
            cell.value, cell.alignment = fact, LEFT
        else:
            _put(cell, fact)
    _sizes(sheet, [30, 96])


def _findings(sheet: Worksheet, found: Collected, told: dict[str, Any], stamp: str) -> None:
    columns = [column[0] for column in told["columns"]]
    _first(sheet, stamp or found.title)
    _headings(sheet, [column[1] for column in told["columns"]])
    for at, finding in enumerate(found.findings.values(), start=3):
        for place, column in enumerate(columns, start=1):
            _fill(sheet.cell(at, place), finding, column)
    sheet.freeze_panes = "C3"
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(columns))}{max(sheet.max_row, 2)}"
    sheet.print_title_cols, sheet.page_setup.fitToWidth = "A:A", 3
    _sizes(sheet, [WIDTHS.get(column, 14) for column in columns])


def _fill(cell: Cell, finding: Finding, column: str) -> None:
    """Write one column of a finding: a number as a number, other things as text; nothing that is hidden."""
    value = getattr(finding, column)
    hidden, told = finding.suppressed and column in HIDDEN, column == "value" and value == finding.shown
    if value is None or hidden or told:
        return
    if column == "suppressed":
        _put(cell, "yes" if value else "no")
    elif column == "claims":
        _put(cell, " ".join(value))
    elif column in NUMBERS and not isinstance(value, str):
        cell.value, cell.alignment = value, TOP
        cell.number_format = _format(finding, column)
    else:
        _put(cell, str(value), right=finding.kind != "text" and column in ("shown", "shown_interval"))


def _format(finding: Finding, column: str) -> str:
    ends = finding.shown_interval.split(" to ")
    if column in ("low", "high") and len(ends) == 2:
        return format_of(ends[column == "high"])
    return format_of(finding.shown) if column == "value" else FORMATS.get(column, "0.00##")


def _dictionary(sheet: Worksheet, told: dict[str, Any], stamp: str) -> None:
    _first(sheet, stamp or told["sheets"]["dictionary"])
    _headings(sheet, told["headings"])
    for at, row in enumerate(told["columns"], start=3):
        for place, text in enumerate(row, start=1):
            _put(sheet.cell(at, place), text)
    sheet.freeze_panes = "A3"
    _sizes(sheet, [18, 24, 90, 24])


def _first(sheet: Worksheet, text: str) -> None:
    """Write the first row: the stamp, or what the sheet is about."""
    cell = _put(sheet.cell(1, 1), text)
    cell.font, cell.alignment = Font(name=FACE, bold=True, size=12), Alignment(vertical="center")
    sheet.row_dimensions[1].height = 24


def _headings(sheet: Worksheet, headings: list[str]) -> None:
    for place, heading in enumerate(headings, start=1):
        cell = _put(sheet.cell(2, place), heading)
        cell.font, cell.fill = (
            Font(name=FACE, bold=True, color="FFFFFFFF"),
            PatternFill("solid", fgColor=DARK),
        )
    sheet.print_title_rows = "1:2"


def _put(cell: Cell, text: str, *, right: bool = False) -> Cell:
    """Write text that stays text: what begins like a formula is marked as quoted."""
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text) or None
    if cell.value is not None:
        cell.data_type = "s"
        cell.quotePrefix = text[:1] in "=+-@"
    cell.alignment = RIGHT if right else LEFT
    return cell


def _sizes(sheet: Worksheet, widths: list[int]) -> None:
    """Set the widths of columns, in letters, and the heights of rows so that wrapped text is seen."""
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    for row in sheet.iter_rows(min_row=2):
        wrapped = [
            (len(str(c.value)), widths[c.column - 1]) for c in row if c.value and c.alignment.wrap_text
        ]
        lines = max((-(-int(1.15 * letters) // width) for letters, width in wrapped), default=1)
        sheet.row_dimensions[row[0].row].height = min(LINE * max(lines, 1), TALLEST)


def _for_print(sheet: Worksheet, header: str) -> None:
    """Set a sheet up for paper: across, as many pages down as it takes, the stamp at the top of each."""
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddHeader.left.text = header.replace("&", "&&")[:200]
    sheet.oddFooter.right.text = "&P / &N"


def _settled(content: bytes) -> bytes:
    """Take the clock out of a workbook: one date in its properties and in the zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = STAMP.sub(rb"\g<1>" + f"{THEN:%Y-%m-%dT%H:%M:%SZ}".encode(), part)
            entry = zipfile.ZipInfo(name, THEN.timetuple()[:6])
            new.writestr(entry, part, zipfile.ZIP_DEFLATED)
    return made.getvalue()
