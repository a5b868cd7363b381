"""The page of every number: complete, in order, each under its name, and lighter pictures that look the same."""

import re
from itertools import pairwise

import pytest
from report_folder import write_folder
from report_pages import write_notebook
from test_html import HOSTILE, Page

from rpeval.findings import collect
from rpeval.findings.passport import passport
from rpeval.reports.catalog import read_catalog
from rpeval.reports.document import compose
from rpeval.reports.draft import render_page
from rpeval.reports.pages.lighter import lighter
from rpeval.reports.pages.numbers import numbers, passports_of
from rpeval.reports.pages.packing import fold


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("numbers"))
    write_notebook(folder)
    render_page(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "numbers.html").read_text(encoding="utf-8"))


def entries(page):
    """Give for each entry the texts in it, by its anchor."""
    told = {}
    for text, around in page.texts:
        ids = [attrs["id"] for tag, attrs in around if tag == "article"]
        if ids:
            told.setdefault(ids[0], []).append(text)
    return told


def test_every_number_and_every_table_has_its_entry_in_order(page, folder):
    found = collect(folder)
    told = [*entries(page)]
    assert told == [*found.findings, *found.tables]


def test_an_entry_holds_the_whole_passport(page, folder):
    found, told = collect(folder), entries(page)
    states = read_catalog()["states"]
    for id in ("suspensions.att", "data.schools", "suspensions.trend"):
        known = passport(found, id, states=states)
        text = " ".join(told[id])
        assert all(part in text for _, part in known.rows if part != id)
        assert known.citation in told[id]
        assert "".join(told[id]).count(id) >= 1


def test_what_a_run_records_later_does_not_enter(folder, page):
    (folder / "manifest.json").write_text('{"code": {"git": {"commit": "0123456789abcdef", "clean": true}}}')
    found = collect(folder)
    again = numbers(compose(found), passports=passports_of(found), notebooks=["01_suspensions"])
    assert again == (folder / "numbers.html").read_text(encoding="utf-8")
    assert "01234567" not in again


def test_headings_landmarks_and_stamps(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    chapters = [attrs for _, attrs in page.elements if attrs.get("class") == "level-2"]
    stamps = [text for text, around in page.texts if around[-1][1].get("class") == "stamp"]
    assert stamps == ["Simulated data"] * len(chapters)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_links_lead_to_the_report_and_to_the_cells(page, folder):
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a"}
    assert "report.html" in links
    assert all(re.match(r"#|report\.html$|appendix/01_suspensions\.html$", link) for link in links)


def test_hostile_text_is_printed_and_not_obeyed(tmp_path):
    from report_folder import book_of

    folder = write_folder(tmp_path, district=HOSTILE)
    book = book_of(folder, "09_other")
    book.add("other.number", 3, label=HOSTILE, unit=HOSTILE, method=HOSTILE)
    book.save()
    render_page(folder)
    page = Page((folder / "numbers.html").read_text(encoding="utf-8"))
    assert "img" not in {tag for tag, _ in page.elements}
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert sum(HOSTILE in text for text, _ in page.texts) >= 3


def test_phrases_that_come_again_are_written_once_and_nothing_is_lost():
    text = '["95% interval −1.0 to 2.0","95% interval −3.0 to 1.0","95% interval 0.0 to 1.0","a \\"b\\" a \\"b\\""]'
    phrases, folded = fold(text)
    assert "95% interval" in phrases
    assert len(folded.encode()) < len(text.encode())
    whole = folded
    for number in reversed(range(len(phrases))):
        whole = whole.replace(chr(0xE100 + number), phrases[number])
    assert whole == text


def test_lighter_pictures_keep_every_mark_and_every_word_of_theirs(folder):
    figures = compose(collect(folder)).figures()
    light, looks = lighter([f.svg for f in figures])
    assert sum(map(len, light)) < 0.75 * sum(len(f.svg) for f in figures)
    for figure, svg in zip(figures, light, strict=True):
        assert f"<title id={chr(34)}{figure.anchor}-alt{chr(34)}>" in svg
        classes = set(re.findall(r'class="(k\d+)"', svg))
        assert all(f".{name}{{" in looks for name in classes)
        assert svg.count("<text") == figure.svg.count("<text")


def test_a_path_by_its_steps_ends_where_it_ended():
    before = '<svg><path d="M1.04 2.00L4.56 2.00L4.56 9.99Q1.00 1.00 2.00 3.00z"/></svg>'
    (after,), _ = lighter([before])
    assert re.search(r'd="([^"]*)"', after)[1] == "M1 2h3.6v8q-3.6-9-2.6-7z"
    odd = '<svg><path d="M0 0A1 1 0 0 1 2 2"/></svg>'
    assert lighter([odd])[0] == [odd]
