"""The brief on paper: two letter pages in both languages, stamped on each; and no barrier on the screen."""

import io

import pytest
from pypdf import PdfReader

from rpeval.reports.document import build
from rpeval.reports.pages.html import html

STUDIES = ("lakeshore", "riverbend", "prairie")


@pytest.fixture(scope="module")
def briefs(studies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("briefs")
    files = {}
    for study in STUDIES:
        for lang in ("en", "es"):
            files[study, lang] = folder / f"{study}.{lang}.html"
            page = html(build(studies / study, text="brief", lang=lang))
            files[study, lang].write_text(page, encoding="utf-8")
    return files


@pytest.mark.parametrize("lang", ["en", "es"])
@pytest.mark.parametrize("study", STUDIES)
def test_a_brief_is_at_most_two_letter_pages(open_report, briefs, study, lang):
    page = open_report(briefs[study, lang]).page
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert len(printed.pages) <= 2
    assert [float(x) for x in printed.pages[0].mediabox[2:]] == pytest.approx([612, 792], abs=1)
    stamp = {"en": "SIMULATED DATA", "es": "DATOS SIMULADOS"}[lang]
    assert all(stamp in p.extract_text().upper() for p in printed.pages)


@pytest.mark.parametrize(("lang", "width"), [("en", 1280), ("es", 320)])
def test_no_violation_of_wcag_22_aa(open_report, briefs, lang, width):
    opened = open_report(briefs["riverbend", lang], width)
    assert opened.violations() == ""
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.complaints == []
