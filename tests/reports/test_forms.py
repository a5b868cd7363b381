"""One content in every form: what a finished run left as page, PDF, Word, workbook and JSON says the same."""

import json
import re
from collections.abc import Iterator

import openpyxl
import pytest

from rpeval.findings import open_findings
from rpeval.reports.blocks import Bullets, FigureBlock, Paragraph, TableBlock, opened, plain
from rpeval.reports.document import compose
from rpeval.reports.quoting.texts import read_texts

STUDIES = ("lakeshore", "riverbend", "prairie")
FORMS = ("html", "pdf", "docx")
NUMBER = re.compile(r"[−-]?\d[\d,.]*\d|\d")
SPACE = re.compile(r"[\s\u00ad\u200b\u2060]+")


def pieces(blocks) -> Iterator[str]:
    """Give every paragraph, bullet, caption and table row that all forms print."""
    for block in opened(blocks):
        if isinstance(block, Paragraph):
            yield plain(block.runs)
        elif isinstance(block, Bullets):
            yield from map(plain, block.items)
        elif isinstance(block, FigureBlock):
            yield plain(block.caption)
        elif isinstance(block, TableBlock) and block.id != "index":
            yield plain(block.caption)
            yield from ("".join(plain((cell,)) for cell in row) for row in block.rows)


def tight(text: str) -> str:
    return SPACE.sub("", text)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize(("name", "text", "lang"), [("report", "report", "en"), ("brief", "brief", "en"),
                                                   ("brief.es", "brief", "es")])  # fmt: skip
def test_page_pdf_and_word_say_the_same(studies, study, name, text, lang):
    folder = studies / study
    document = compose(open_findings(folder), text=text, lang=lang)
    told = [tight(piece) for section in document.sections for piece in pieces(section.blocks)]
    told += [tight(section.heading) for section in document.sections]
    assert sum(any(c.isdigit() for c in piece) for piece in told) > (200 if name == "report" else 5)
    for form in FORMS:
        whole = tight("".join(passage.text for passage in read_texts(folder / f"{name}.{form}")))
        missing = [piece for piece in told if piece not in whole]
        if (
            form == "pdf"
        ):  # what breaks over two pages is read in parts, with the page's head and foot between
            broken = [piece for piece in missing if all(part in whole for part in NUMBER.findall(piece))]
            assert len(broken) < 0.02 * len(told)
            missing = [piece for piece in missing if piece not in broken]
        assert not missing, f"{form}: {len(missing)} of {len(told)}, first {missing[:3]}"


@pytest.mark.parametrize("study", STUDIES)
def test_workbook_and_json_hold_the_same_findings(studies, study):
    folder = studies / study
    findings = {
        f["id"]: f for f in json.loads((folder / "findings.json").read_text(encoding="utf-8"))["findings"]
    }
    sheet = openpyxl.load_workbook(folder / "grant/findings.xlsx")["Findings"]
    lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    at = next(i for i, row in enumerate(lines) if row[0] == "Name")
    every = (dict(zip(lines[at], line, strict=True)) for line in lines[at + 1 :])
    rows = {row["Name"]: row for row in every if row["Name"]}
    assert rows.keys() == findings.keys()
    for id, finding in findings.items():
        if isinstance(finding["value"], int | float):
            assert rows[id]["Value"] == pytest.approx(finding["value"], rel=1e-14), id
        assert (rows[id]["Interval as printed"] or "") == finding["shown_interval"], id
        assert rows[id]["Printed as"] == finding["shown"], id


@pytest.mark.parametrize("study", STUDIES)
def test_every_number_that_is_printed_has_an_entry_with_the_same_text(studies, study):
    folder = studies / study
    page = (folder / "report.html").read_text(encoding="utf-8")
    entries = tight("".join(passage.text for passage in read_texts(folder / "numbers.html")))
    ids = set(re.findall(r'href="numbers\.html#([a-z0-9_.]+)"', page))
    known = open_findings(folder).findings
    assert len(ids & known.keys()) > 40
    for id in ids & known.keys():
        assert tight(known[id].shown) in entries, id
        assert tight(known[id].shown_interval) in entries, id
