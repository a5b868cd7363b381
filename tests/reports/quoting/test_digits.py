"""Planted digits on a page are found in HTML, Word and PDF, and an untouched page has none."""

import shutil

import docx
import pytest
from docx.oxml.ns import qn
from quoted_study import folder_of

from rpeval.reports.document import build
from rpeval.reports.pages.html import html
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.pages.word import word
from rpeval.reports.quoting.digits import stray, stray_digits


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = folder_of(tmp_path_factory.mktemp("digits"))
    document = build(folder)
    (folder / "report.html").write_text(html(document), encoding="utf-8")
    (folder / "report.docx").write_bytes(word(document))
    (folder / "report.pdf").write_bytes(pdf(document))
    return folder, document


def test_an_untouched_report_has_no_stray_digit_and_stays_as_it_is(pages):
    folder, _ = pages
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert stray(folder) == []
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_digits_changed_or_added_in_html_are_found(pages, tmp_path):
    folder = tmp_path / "lakeshore"
    shutil.copytree(pages[0], folder, ignore=shutil.ignore_patterns("report.docx", "report.pdf"))
    text = (folder / "report.html").read_text(encoding="utf-8")
    planted = {
        ">−2.1</data>": ">−3.1</data>", "Simulated data.": "Simulated data, 2 of them.",
        ">Methods</h2>": ">Methods 7</h2>", ">Merged with another school.<": ">Merged with 3 schools.<",
    }  # fmt: skip
    for old, new in planted.items():
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "report.html").write_text(text, encoding="utf-8")
    strays = stray(folder)
    found = " ".join(said for _, _, said in strays)
    assert len(strays) == 4
    assert all(one in found for one in ("−3.1 per 100", "2 of them", "Methods 7", "Merged with 3 schools."))


def test_a_digit_changed_in_word_is_found(pages, tmp_path):
    folder = tmp_path / "lakeshore"
    shutil.copytree(pages[0], folder, ignore=shutil.ignore_patterns("report.html", "report.pdf"))
    file = docx.Document(folder / "report.docx")
    text = next(t for t in file.element.body.iter(qn("w:t")) if t.text == "−2.1")
    text.text = "−2.2"
    file.save(folder / "report.docx")
    found = stray(folder)
    assert [name for name, *_ in found] == ["report.docx"]
    assert "−2.2 per 100 students" in found[0][2]


def test_a_number_too_many_in_running_text_is_found(pages):
    _, document = pages
    whole = "The data cover 60 schools"
    assert stray_digits(document, whole) == []
    assert stray_digits(document, f"{whole} and 98765 cups") == ["98765"]
    sixties = whole.count("60") + 500
    assert set(stray_digits(document, "60 " * sixties)) == {"60"}
