"""The audit's page in a real browser: readable by all, at any width, on paper."""

import re
import shutil

import pytest

import rpeval.audit.audit
import rpeval.audit.case
from rpeval.audit.audit import audit
from rpeval.audit.page import write_pages
from rpeval.audit.rerun import Failed
from rpeval.findings import collect


def reproduced(folder, place):
    return folder


def moved(folder, place):
    """The same report with another number of schools and another verdict."""
    copy = shutil.copytree(folder, place / "again")
    for path in (copy / "findings").glob("*.json"):
        text = re.sub(r'("id": "data.schools",[^}]*?"value": )\d+', r"\g<1>61", path.read_text())
        path.write_text(text.replace('"decision": "inconclusive"', '"decision": "leaning"'))
    collect(copy)
    return copy


def failed(folder, place):
    return Failed(4, "1 problem in the data:\n 1. panel.csv: No rows.\n    Check the path.")


@pytest.fixture(params=[reproduced, moved, failed])
def page(request, studies, tmp_path, monkeypatch):
    folder = shutil.copytree(studies / "prairie", tmp_path / "prairie")
    monkeypatch.chdir(studies.parent)
    monkeypatch.setattr(
        rpeval.audit.audit, "find_stray_digits", lambda *_: ("report.pdf, page 2: 12 in “12 towns”",)
    )
    monkeypatch.setattr(rpeval.audit.case.shutil, "rmtree", lambda *_, **__: None)
    monkeypatch.setattr(
        rpeval.audit.case, "make_again", lambda sources, place, say: request.param(folder, place)
    )
    return write_pages(audit(folder), folder)


def test_no_violation_and_no_sideways_scrolling(open_report, page):
    for width in (1280, 320):
        opened = open_report(page, width)
        assert opened.violations() == ""
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        assert opened.requests == [page.resolve().as_uri()]


def test_it_prints_on_few_sheets(open_report, page):
    pdf = open_report(page).page.pdf(prefer_css_page_size=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 4
