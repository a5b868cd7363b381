"""The page: every digit has a source, nothing foreign runs or loads, the same folder gives the same bytes."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from report_folder import write_folder

from rpeval.findings import collect
from rpeval.reports import render as render_module
from rpeval.reports.document import build
from rpeval.reports.draft import render_page
from rpeval.reports.pages.html import css_text, html
from rpeval.reports.pages.numbers import passports_of
from rpeval.reports.pages.packing import unpacked
from rpeval.reports.render import render

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}
SOURCES = ("data-finding", "data-cell", "data-declared")


class Page(HTMLParser):
    """Reads a page: each element with its attributes, and each piece of text with the elements around it."""

    def __init__(self, text: str):
        super().__init__()
        self.around, self.elements, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.around.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.around[-1][0] == tag, f"</{tag}> closes <{self.around[-1][0]}>"
        self.around.pop()

    def handle_data(self, data):
        if data.strip():
            self.texts.append((data.strip(), list(self.around)))


def unsourced(page: Page) -> list[str]:
    """Give the texts with digits that come from no finding, no table cell and no declared text."""
    lost = []
    for text, around in page.texts:
        tags = [tag for tag, _ in around]
        if not re.search(r"[0-9]", text) or {"style", "script"} & {*tags}:
            continue
        inner = around[-1][1]
        exhibit_name = inner.get("class") in ("name", "ref") or tags[-1] == "summary"
        declared = any(name in attrs for _, attrs in around for name in SOURCES) or tags[-1] == "title"
        declared |= inner.get("href", "").startswith("numbers.html#")
        if not (declared or exhibit_name):
            lost.append(text)
    return lost


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("page"))
    render_page(folder)
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_digit_has_a_source(page):
    assert unsourced(page) == []


def test_the_extractor_sees_a_number_without_a_source():
    lost = unsourced(
        Page(
            '<p>About 12 schools, <data data-finding="a.b">3</data> left, <b>4</b></p><td data-cell="x">5</td>'
        )
    )
    assert lost == ["About 12 schools,", "4"]


def test_numbers_on_the_page_are_the_findings(page, folder):
    found, seen = collect(folder).findings, set()
    for text, around in page.texts:
        tag, attrs = around[-1]
        if tag == "a" and attrs["href"].startswith("numbers.html#") and attrs.get("class") != "name":
            finding = found[attrs["href"].removeprefix("numbers.html#")]
            assert text == finding.shown
            seen.add(finding.id)
    assert {"suspensions.att", "suspensions.iss_per_100.att", "belonging.att", "data.schools"} <= seen


def test_what_stands_around_a_number_names_the_same_finding(page, folder):
    found = collect(folder).findings
    intervals = 0
    for text, around in page.texts:
        named = [attrs["data-finding"] for _, attrs in around if "data-finding" in attrs]
        tag, attrs = around[-1]
        if tag == "a" and attrs["href"].startswith("numbers.html#") and named:
            assert named == [attrs["href"].removeprefix("numbers.html#")]
        if "data-interval" in attrs:
            assert text == found[named[-1]].shown_interval
            intervals += 1
    assert intervals > 5


def test_the_page_stands_alone(text):
    assert not re.search(r"\bon\w+=\"|javascript:|@import|@font-face|<link|<img|<iframe|<object", text)
    assert not re.search(r"<script[^>]* src=", text)
    assert set(re.findall(r"https?://[^\"' <)]+", text)) == set()
    assert not re.findall(r'href="(?!#|numbers\.html"|numbers\.html#)', text)
    assert len(text.encode()) < 400_000


def test_no_script_runs_but_the_one_that_the_page_names(text):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert not re.search(r"fetch|XMLHttp|WebSocket|eval|innerHTML|import\(", script)


def test_a_page_alone_has_no_script_and_no_links_to_other_pages(folder):
    alone = html(build(folder))
    page = Page(alone)
    assert "<script" not in alone
    assert 'href="numbers.html' not in alone
    assert not any(tag == "dialog" for tag, _ in page.elements)
    assert unsourced(page) == []
    assert any(attrs.get("id") == "table-index" for _, attrs in page.elements)
    assert sum(attrs.get("data-finding") == "data.schools" for _, attrs in page.elements) > 1


def test_every_link_to_a_number_leads_somewhere(page, folder):
    anchors = {attrs.get("id") for _, attrs in Page((folder / "numbers.html").read_text()).elements}
    targets = {
        a["href"].partition("#")[2] for _, a in page.elements if a.get("href", "").startswith("numbers")
    }
    assert "suspensions.att" in targets
    assert "suspensions.trend" in targets
    assert targets - {""} <= anchors


def test_the_page_holds_the_passport_of_every_number_it_prints(page, text, folder):
    packed = re.search(r'id="passports">(.*?)</script>', text)[1]
    headings, told = json.loads(packed)["headings"], unpacked(packed)
    found = collect(folder)
    printed = {a["href"].partition("#")[2] for _, a in page.elements
               if a.get("href", "").startswith("numbers.html#") and a.get("class") != "name"}  # fmt: skip
    assert printed <= {*told}
    for known in passports_of(found):
        if known.id in told:
            sentence, label, made, *texts = told[known.id]
            assert (sentence, label) == (known.citation, known.label)
            rows = dict(known.rows)
            assert made == rows.get("Made in", "")
            assert all(rows.get(h, "") == t for h, t in zip(headings, texts, strict=False))
            assert {h for h, t in zip(headings, texts, strict=False) if t} >= {"Value"}


def test_the_index_is_a_page_of_its_own(page, folder):
    (index,) = [attrs for _, attrs in page.elements if attrs.get("id") == "table-index"]
    assert index == {"id": "table-index"}
    assert ("a", {"href": "numbers.html"}) in page.elements


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for target in [attrs.get("href", ""), attrs.get("xlink:href", "")]:
            assert not target.startswith("#") or target[1:] in ids
        assert set(attrs.get("aria-labelledby", "").split()) <= set(ids)
        for clipped in re.findall(r"url\(#([^)]+)\)", attrs.get("clip-path", "")):
            assert clipped in ids


def test_headings_and_tables_are_marked_up(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    tables = [tag for tag, _ in page.elements if tag == "table"]
    assert len(tables) == sum(tag == "caption" for tag, _ in page.elements) > 5
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.elements if tag == "th")
    regions = [attrs for _, attrs in page.elements if attrs.get("class", "").startswith("scroll")]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)
    labels = [a["aria-label"] for a in regions]
    assert len(labels) == len(set(labels))


def test_every_chapter_says_that_the_data_are_simulated(page):
    chapters = [attrs for _, attrs in page.elements if attrs.get("class") == "level-2"]
    stamps = [text for text, around in page.texts if around[-1][1].get("class") == "stamp"]
    assert stamps == ["Simulated data"] * len(chapters)
    banner = [text for text, around in page.texts if any(a.get("class") == "banner" for _, a in around)]
    assert any("describes no real district" in t for t in banner)


def test_a_draft_says_so_and_real_data_carry_no_stamp(tmp_path):
    draft = html(build(write_folder(tmp_path, draft=True, bare=True, simulated=False)))
    assert 'class="stamp">Draft<' in draft
    assert "SIMULATED" not in draft
    assert "Simulated data" not in draft
    recorded = html(build(write_folder(tmp_path / "b", bare=True, simulated=False)))
    assert 'class="stamp"' not in recorded


HOSTILE = "<img src=x onerror=alert(1)>\"'& </style><script>alert(1)</script>"


def test_hostile_text_is_printed_and_not_obeyed(tmp_path):
    import pandas as pd
    from report_folder import book_of

    folder = write_folder(tmp_path, district=HOSTILE)
    book = book_of(folder, "09_other")
    book.add("other.text", HOSTILE, label=HOSTILE)
    book.add("implementation.dose", 3, label=HOSTILE, unit=HOSTILE)
    frame = pd.DataFrame({"school_name": [HOSTILE, "B"], "value": [1.0, 2.0]})
    book.release("other.table", frame, title=HOSTILE, labels={"school_name": HOSTILE, "value": "V"}, note=HOSTILE,
                 figure="dots", alt=HOSTILE)  # fmt: skip
    book.save()
    page = Page(render_page(folder).read_text(encoding="utf-8"))
    assert "img" not in {tag for tag, _ in page.elements}
    assert [attrs for tag, attrs in page.elements if tag == "script"] == [
        {"type": "application/json", "id": "passports"}, {},
    ]  # fmt: skip
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert sum(tag == "style" for tag, _ in page.elements) == 1
    assert sum(t == HOSTILE for t, _ in page.texts) >= 5
    assert unsourced(page) == []


def test_text_in_the_style_sheet_cannot_leave_its_string():
    assert css_text('"; } </style><script>') == "  stylescript"


def test_the_same_folder_gives_the_same_bytes(folder, text, root):
    before = {p.name: p.read_bytes() for p in (folder / "figures").iterdir()}
    code = f"from rpeval.reports.draft import render_page; render_page({str(folder)!r})"
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert (folder / "report.html").read_text(encoding="utf-8") == text
    assert {p.name: p.read_bytes() for p in (folder / "figures").iterdir()} == before


def test_rendering_replaces_whole_files_and_removes_stale_pictures(tmp_path, monkeypatch):
    folder = write_folder(tmp_path, bare=True)
    page = render(folder)
    old = page.read_text(encoding="utf-8")
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "gone.svg").write_text("<svg/>")
    monkeypatch.setattr(render_module, "html", lambda *document, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        render(folder)
    assert page.read_text(encoding="utf-8") == old
    monkeypatch.undo()
    render(folder)
    assert not list((folder / "figures").iterdir())
    assert not list(folder.glob(".*"))
