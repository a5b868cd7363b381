"""The workbook holds every finding, shows it as pages print it, and keeps what is hidden hidden."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from openpyxl import load_workbook
from report_folder import book_of, write_folder

from rpeval.findings import collect
from rpeval.findings.finding import Finding, find, suppress
from rpeval.reports.workbook import NUMBERS, format_of, workbook

HEADINGS = 2  # rows above the first finding
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=cmd|" /C calc"!A0', "#N/A"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("workbook"))


@pytest.fixture(scope="module")
def content(folder):
    return workbook(collect(folder))


def opened(content):
    return load_workbook(io.BytesIO(content))


def rows_of(content, *, sheet="Findings"):
    """Give the rows of the sheet of findings, by the machine names of the dictionary."""
    book = opened(content)
    names = [row[0].value for row in book["Data dictionary"].iter_rows(min_row=HEADINGS + 1)]
    return [dict(zip(names, row, strict=True)) for row in book[sheet].iter_rows(min_row=HEADINGS + 1)]


def as_shown(value, form: str) -> str:
    """Show a number as Excel does with a format of digits, commas and a section for what is below zero."""
    above, below = form.split(";")
    digits = len(above.partition(".")[2])
    sign = re.match(r'"(.)"', below).group(1) if value < 0 and '"' in below else ""
    return sign + f"{abs(value):,.{digits}f}"


def test_every_value_is_that_of_the_findings(folder, content):
    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))["findings"]
    rows = rows_of(content)
    assert [r["id"].value for r in rows] == [f["id"] for f in found]
    assert len(found) > 40
    for row, finding in zip(rows, found, strict=True):
        for name, cell in row.items():
            told = finding[name]
            if name == "value" and finding["kind"] == "text":
                assert told in (None, row["shown"].value)
                told = None
            if name == "claims":
                told = " ".join(told)
            elif name == "suppressed":
                told = "yes" if told else "no"
            told = pytest.approx(told, rel=1e-15) if isinstance(told, float) else told
            assert cell.value == (None if told == "" else told), (finding["id"], name)


def test_a_number_shows_as_it_is_printed(content):
    seen = 0
    for row in rows_of(content):
        value, shown = row["value"].value, row["shown"].value
        if isinstance(value, int | float):
            assert as_shown(value, row["value"].number_format) == shown
            seen += 1
        if row["shown_interval"].value:
            ends = [as_shown(row[end].value, row[end].number_format) for end in ("low", "high")]
            assert " to ".join(ends) == row["shown_interval"].value
    assert seen > 25


@pytest.mark.parametrize(("value", "digits", "shown"), [
    (-1234.56, 1, "−1,234.6"), (-0.04, 1, "0.0"), (0.0, 2, "0.00"), (60, 0, "60"), (-7.5, 0, "−8"), (1e6, 0, "1,000,000"),
])  # fmt: skip
def test_formats_by_hand(value, digits, shown):
    assert find("a.b", value, label="A", digits=digits).shown == shown
    assert as_shown(value, format_of(shown)) == shown


def test_a_hidden_finding_has_no_value_anywhere(folder):
    found = collect(folder)
    secret = Finding("a.secret", "Secret", 7.125, "count", "7", low=5.125, high=9.125, n=3, clusters=2, treated=1,
                     se=1.125, df=4.125, p=0.125, mcse=2.125, level=0.95, shown_interval="5 to 9", method="of 7.125")  # fmt: skip
    hidden = suppress(secret, "Fewer than ten students.", "Pool years.")
    content = workbook(replace(found, findings={"a.secret": hidden, **found.findings}))
    row = rows_of(content)[0]
    assert [row[name].value for name in (*NUMBERS, "shown_interval", "method")] == [None] * (len(NUMBERS) + 2)
    assert (row["shown"].value, row["suppressed"].value) == ("suppressed", "yes")
    assert row["reason"].value == "Fewer than ten students."
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert not [name for name in file.namelist() if b".125" in file.read(name)]


def test_no_text_becomes_a_formula(folder):
    found = collect(folder)
    hostile = {f"a.x{i}": find(f"a.x{i}", text, label=text, reason=text) for i, text in enumerate(FORMULAS)}
    content = workbook(replace(found, findings=hostile, title=FORMULAS[0], simulated=False))
    for row, text in zip(rows_of(content), FORMULAS, strict=True):
        for name in ("label", "shown", "reason"):
            assert (row[name].value, row[name].data_type) == (text, "s")
            assert bool(row[name].quotePrefix) == (text[0] in "=+-@")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert not [name for name in file.namelist() if b"<f>" in file.read(name)]


def test_every_sheet_and_page_is_stamped(folder, content):
    for sheet in opened(content):
        assert sheet["A1"].value.startswith("Simulated data. Every number")
        assert sheet.oddHeader.left.text.startswith("Simulated data.")
    real = opened(workbook(replace(collect(folder), simulated=False)))
    assert not [s.title for s in real if "imulated data" in f"{s['A1'].value}{s.oddHeader.left.text}"]


def test_a_draft_says_so(tmp_path):
    folder = write_folder(tmp_path, draft=True, bare=True)
    assert "Draft." in opened(workbook(collect(folder)))["Findings"]["A1"].value


def test_the_sheet_can_be_read_and_filtered(content):
    book = opened(content)
    assert book.sheetnames == ["Read me", "Findings", "Data dictionary"]
    sheet = book["Findings"]
    headings = [cell.value for cell in sheet[HEADINGS]]
    assert headings == [row[1].value for row in book["Data dictionary"].iter_rows(min_row=HEADINGS + 1)]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("C3", f"A2:Z{sheet.max_row}")
    assert sheet.print_title_rows == "$1:$2"
    told = " ".join(str(cell.value) for row in book["Read me"].iter_rows() for cell in row)
    for word in ("Lakeshore (simulated)", "cite", "suppressed", "not assessed"):
        assert word in told


def test_the_dictionary_tells_every_field_of_a_finding(content):
    rows = opened(content)["Data dictionary"].iter_rows(min_row=HEADINGS + 1)
    told = {row[0].value: row[2].value for row in rows}
    assert opened(content)["Data dictionary"].max_column == 4
    assert set(told) == set(Finding.__dataclass_fields__)
    assert all(len(meaning) > 10 for meaning in told.values())


def test_the_same_findings_give_the_same_bytes(folder, content, root, tmp_path):
    code = (
        "from rpeval.findings import collect; from rpeval.reports.workbook import workbook; from pathlib import Path;"
        f"Path({str(tmp_path / 'again.xlsx')!r}).write_bytes(workbook(collect({str(folder)!r})))"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert (tmp_path / "again.xlsx").read_bytes() == content
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {entry.date_time[0] for entry in file.infolist()} == {1980}
        assert b"1980-01-01T00:00:00Z" in file.read("docProps/core.xml")


def test_what_xml_cannot_hold_is_left_out(tmp_path):
    folder = write_folder(tmp_path, bare=True)
    book = book_of(folder, "09_other")
    book.add("other.text", "a\x00b\x0bc", label="Odd")
    book.save()
    assert rows_of(workbook(collect(folder)))[-1]["shown"].value == "abc"
