"""The page: every digit has a source, nothing foreign runs or loads, the same folder gives the same bytes."""

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
from rpeval.reports.pages.html import css_text, html
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
        if not re.search(r"[0-9]", text) or "style" in tags:
            continue
        inner = around[-1][1]
        exhibit_name = inner.get("class") in ("name", "ref") or tags[-1] == "summary"
        declared = any(name in attrs for _, attrs in around for name in SOURCES) or tags[-1] == "title"
        if not (declared or exhibit_name):
            lost.append(text)
    return lost


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("page"))
    render(folder)
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
        if tag == "data" and "data-part" not in attrs and "/" not in attrs["data-finding"]:
            finding = found[attrs["data-finding"]]
            assert (text, attrs["title"]) == (finding.shown, finding.label)
            assert attrs["value"] == ("" if finding.value is None else str(finding.value))
            seen.add(finding.id)
    assert {"suspensions.att", "suspensions.iss_per_100.att", "belonging.att", "data.schools"} <= seen


def test_the_page_stands_alone(text):
    assert "<script" not in text
    assert not re.search(r"\bon\w+=|javascript:|@import|@font-face|<link|<img|<iframe|<object", text)
    addresses = set(re.findall(r"https?://[^\"' <)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.findall(r'href="(?!#)', text)
    assert "default-src 'none'" in text
    assert len(text.encode()) < 400_000


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
    text = render(folder).read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img"} & {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert sum(tag == "style" for tag, _ in page.elements) == 1
    assert sum(t == HOSTILE for t, _ in page.texts) >= 5
    assert unsourced(page) == []


def test_text_in_the_style_sheet_cannot_leave_its_string():
    assert css_text('"; } </style><script>') == "  stylescript"


def test_the_same_folder_gives_the_same_bytes(folder, text, root):
    before = {p.name: p.read_bytes() for p in (folder / "figures").iterdir()}
    code = f"from rpeval.reports.render import render; render({str(folder)!r})"
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
    monkeypatch.setattr(render_module, "html", lambda document: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        render(folder)
    assert page.read_text(encoding="utf-8") == old
    monkeypatch.undo()
    render(folder)
    assert not list((folder / "figures").iterdir())
    assert not list(folder.glob(".*"))
