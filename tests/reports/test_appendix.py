"""The notebooks as pages: words, code, output and pictures for every reader; nothing in a notebook is obeyed."""

import re

import pytest
from report_folder import write_folder
from report_pages import write_notebook
from test_html import Page

from rpeval.errors import FindingError
from rpeval.findings import collect
from rpeval.reports.document import compose
from rpeval.reports.draft import render_page
from rpeval.reports.pages.appendix import appendix, is_ours, table_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("appendix"))
    figure = compose(collect(folder)).figures()[0]
    write_notebook(folder, svg=figure.svg)
    render_page(folder)
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "appendix" / "01_suspensions.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def within(page, id):
    """Give the texts inside the element of an id."""
    return [text for text, around in page.texts if any(attrs.get("id") == id for _, attrs in around)]


def test_words_are_rendered_and_headings_have_an_order(page):
    headings = [
        (tag, text)
        for text, ((tag, _), *_) in ((t, a[::-1]) for t, a in page.texts)
        if tag in ("h1", "h2", "h3")
    ]
    assert ("h1", "Suspensions") in headings
    assert ("h2", "The data") in headings
    assert ("h3", "Rows") in headings
    assert any(tag == "strong" for tag, _ in page.elements)
    assert "The data" in [text for text, around in page.texts if around[-1][1].get("href") == "#part-1"]


def test_nothing_in_a_notebook_is_obeyed(page, text):
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script>alert(1)</script>" in " ".join(within(page, "cell-top"))
    assert not any("javascript" in attrs.get("href", "") for _, attrs in page.elements)
    assert "img" not in {tag for tag, _ in page.elements}
    assert "A drawing" in within(page, "cell-more")
    assert "default-src 'none'; style-src 'unsafe-inline'\"" in text


def test_code_is_folded_and_output_is_joined(page):
    told = within(page, "cell-effect")
    assert told[:2] == ["Code: effect", 'book.add("suspensions.att", est)  # <b>']
    assert told[2] == "first <i>\nsecond"


def test_a_data_frame_is_a_table_with_headings(page):
    cells = [
        (tag, attrs, text)
        for text, around in page.texts
        for tag, attrs in around[-1:]
        if "cell-frame" in str(around)
    ]
    assert ("th", {"scope": "col"}, "Rate <1>") in cells
    assert ("th", {"scope": "row"}, "2018-19") in cells
    assert ("td", {}, "4.2") in cells
    assert "plain form" in within(page, "cell-wide")
    assert not re.search("dataframe|scoped", str(page.elements))


def test_a_picture_of_ours_is_shown_with_its_words_and_another_is_told(page, folder):
    figure = compose(collect(folder)).figures()[0]
    assert figure.alt in within(page, "cell-drawn")
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a" and "report.html#" in attrs["href"]]
    assert links == [f"../report.html#{figure.anchor}"]
    assert any("drew a picture" in text for text in within(page, "cell-foreign"))


def test_a_cell_names_the_numbers_it_made(tmp_path):
    import json

    folder = write_folder(tmp_path)
    part = folder / "findings" / "01_suspensions.json"
    told = json.loads(part.read_text())
    for finding in told["findings"]:
        finding["cell"] = "effect" if finding["id"].startswith("suspensions.att") else ""
    part.write_text(json.dumps(told))
    write_notebook(folder)
    report = render_page(folder)
    page = Page((folder / "appendix" / "01_suspensions.html").read_text(encoding="utf-8"))
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a" and "numbers" in attrs["href"]]
    assert links == ["../numbers.html#suspensions.att", "../numbers.html#suspensions.att.percent"]
    numbers = (folder / "numbers.html").read_text(encoding="utf-8")
    assert 'href="appendix/01_suspensions.html#cell-effect"' in numbers
    assert 'href="appendix/01_suspensions.html"' in report.read_text(encoding="utf-8")


def test_a_folder_without_notebooks_has_no_such_pages_and_a_broken_one_is_refused(tmp_path):
    folder = write_folder(tmp_path, bare=True)
    document = compose(collect(folder))
    assert appendix(folder, document=document) == {}
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "01.ipynb").write_text("[]")
    with pytest.raises(FindingError, match=r"01\.ipynb"):
        appendix(folder, document=document)


def test_the_page_says_simulated_or_draft(page, tmp_path):
    assert any("describes no real district" in text for text, _ in page.texts)
    folder = write_folder(tmp_path, draft=True, simulated=False, bare=True)
    write_notebook(folder)
    render_page(folder)
    draft = (folder / "appendix" / "01_suspensions.html").read_text(encoding="utf-8")
    assert "do not quote it" in draft
    assert "Simulated data" not in draft


GOOD = '<svg role="img" aria-labelledby="a"><title id="a">A</title>{}</svg>'


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        '<g onclick="x()"/>',
        '<use href="https://example.org/a.svg#b"/>',
        '<path d="M0" style="fill:url(https://example.org/x)"/>',
        "<foreignObject/>",
        '<a href="#x"/>',
        "<path",
    ],
)
def test_a_picture_with_anything_foreign_is_not_shown(inside):
    assert is_ours(GOOD.format('<path d="M0 0" clip-path="url(#g1)"/><use href="#g2"/>'))
    assert not is_ours(GOOD.format(inside))
    assert not is_ours('<svg role="img"><path d="M0 0"/></svg>')


def test_tables_that_are_not_plain_are_left_as_text():
    rows = "<tr><td>1</td></tr>"
    assert table_rows("") == ()
    assert table_rows(f"<table>{rows}</table>") == ()
    assert table_rows(f"<table><thead><tr><th>a</th></tr></thead>{rows}</table>" * 2) == ()
    assert table_rows(f"<table><thead><tr><th>a</th></tr><tr><th>b</th></tr></thead>{rows}</table>") == ()
    assert table_rows(f"<table><thead><tr><th>a</th></tr></thead>{rows}</table>") == (("a",), ("1",))
