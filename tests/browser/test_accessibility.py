"""Reports opened in a real browser: readable by all, at any width, by keyboard, on paper, without a network."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from report_folder import write_folder
from report_pages import write_notebook

from rpeval.findings import collect
from rpeval.findings.passport import passport
from rpeval.reports.document import build
from rpeval.reports.draft import render_page

KINDS = {
    "full": {},
    "refused": {"refused": True, "survey": False},
    "draft": {"draft": True, "verdict": "contradicted", "simulated": False},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    written = {}
    for kind, how in KINDS.items():
        folder = write_folder(tmp_path_factory.mktemp(kind), **how)
        figures = build(folder).figures()
        write_notebook(folder, svg=figures[0].svg if figures else "")
        written[kind] = render_page(folder)
    return written


@pytest.fixture(scope="module")
def full(reports):
    return reports["full"]


@pytest.mark.parametrize(
    ("kind", "width"), [("full", 1280), ("full", 320), ("refused", 320), ("draft", 1280)]
)
def test_no_violation_of_wcag_22_aa(open_report, reports, kind, width):
    opened = open_report(reports[kind], width)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.violations() == ""


@pytest.mark.parametrize("page", ["numbers.html", "appendix/01_suspensions.html"])
@pytest.mark.parametrize("width", [1280, 320])
def test_the_pages_beside_the_report_are_as_good(open_report, full, page, width):
    opened = open_report(full.parent / page, width)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.violations() == ""
    assert opened.requests == [(full.parent / page).resolve().as_uri()]
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


def test_axe_would_find_a_violation(open_report, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<!DOCTYPE html><html><title>x</title><p style="color:#ccc">Pale.</p><img src="data:,"></html>'
    )
    found = open_report(bad).violations()
    assert "color-contrast" in found
    assert "image-alt" in found


@pytest.mark.parametrize("width", [1280, 768, 320])
def test_the_page_never_scrolls_sideways(open_report, full, width):
    page = open_report(full, width).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_text_can_be_spaced_out_without_loss(open_report, full):
    page = open_report(full, 320).page
    page.add_style_tag(content="* { line-height: 1.5 !important; letter-spacing: .12em !important; "
                               "word-spacing: .16em !important } p { margin-bottom: 2em !important }")  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_nothing_is_fetched_and_nothing_complains(open_report, full):
    opened = open_report(full)
    opened.page.wait_for_load_state("networkidle")
    assert opened.requests == [full.resolve().as_uri()]
    assert opened.complaints == []


def test_the_keyboard_reaches_the_skip_link_first_and_it_leads_to_the_report(open_report, full):
    page = open_report(full).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.evaluate(
        "(() => { const b = document.activeElement.getBoundingClientRect(); return [b.left, b.top, b.width] })()"
    )
    assert box[0] >= 0
    assert box[1] >= 0
    assert box[2] > 50
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_every_region_that_scrolls_can_be_reached_by_keyboard(open_report, full):
    page = open_report(full, 320).page
    unreachable = page.evaluate("""() => [...document.querySelectorAll('*')].filter(e =>
        ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth && e.tabIndex < 0
    ).map(e => e.className)""")
    assert unreachable == []


def test_the_summary_fits_two_screens(open_report, full):
    page = open_report(full, 1280, 900).page
    bottom = page.evaluate("document.querySelector('#question').getBoundingClientRect().top + scrollY")
    assert bottom <= 2 * 900


def test_benefit_and_harm_have_one_type_size(open_report, full):
    page = open_report(full).page
    look = """id => { const s = getComputedStyle(document.querySelector(`#${id} li`));
                      return [s.fontSize, s.fontWeight, s.color] }"""
    assert page.evaluate(look, "summary-benefit") == page.evaluate(look, "summary-harm")


def test_pictures_can_be_read_on_a_telephone(open_report, full):
    page = open_report(full, 320).page
    widths = page.evaluate(
        "[...document.querySelectorAll('.picture svg')].map(s => s.getBoundingClientRect().width)"
    )
    assert min(widths) >= 500


def number(id: str) -> str:
    """Give the selector of the first link to a number's passport."""
    return f'main a[href="numbers.html#{id}"] >> nth=0'


def citation(report, id: str) -> str:
    return passport(collect(report.parent), id).citation


@pytest.mark.parametrize("width", [1280, 320])
def test_a_number_opens_its_passport_by_keyboard_and_gives_the_focus_back(open_report, full, width):
    opened = open_report(full, width)
    page = opened.page
    page.focus(number("suspensions.att"))
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()
    assert page.evaluate("document.activeElement.id") == "passport-label"
    told = page.inner_text("dialog")
    for part in ("Effect on out-of-school suspensions", "−2.1 per 100 students", "95% interval −3.3 to −0.9",
                 "420 school-years; 60 independent units", "Leaning.", "suspensions.att"):  # fmt: skip
        assert part in told
    assert page.inner_text("dialog .cite") == citation(full, "suspensions.att")
    assert opened.violations() == ""
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.evaluate("document.activeElement.getAttribute('href')") == "numbers.html#suspensions.att"
    assert opened.requests == [full.resolve().as_uri()]
    assert opened.complaints == []


def test_the_sentence_is_copied(browser, full):
    context = browser.new_context(offline=True, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(full.resolve().as_uri())
    page.click(number("suspensions.att"))
    for _ in range(9):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "copy":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('dialog [role=status]').textContent")
    assert page.inner_text("dialog [role=status]") == "Copied."
    assert page.evaluate("navigator.clipboard.readText()") == citation(full, "suspensions.att")
    page.click("dialog .close")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "numbers.html#suspensions.att"
    context.close()


def test_where_copying_is_not_allowed_the_sentence_is_selected(open_report, full):
    page = open_report(full).page
    page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false"
    )
    page.click(number("data.schools"))
    page.click("dialog .copy")
    page.wait_for_function("document.querySelector('dialog [role=status]').textContent")
    assert "selected" in page.inner_text("dialog [role=status]")
    assert page.evaluate("getSelection().toString()").strip() == citation(full, "data.schools")


def test_what_stands_beside_a_number_opens_the_same_passport(open_report, full):
    page = open_report(full).page
    page.click('main span[data-finding="suspensions.att"] [data-interval] >> nth=0')
    assert page.inner_text("dialog h2") == "Effect on out-of-school suspensions"
    page.keyboard.press("Escape")
    page.click('tr[data-finding="suspensions.iss_per_100.att"] th >> nth=0')
    assert page.inner_text("dialog h2") == "Effect on in-school suspensions"


def test_without_scripts_the_report_is_whole_and_its_numbers_are_links(browser, open_report, full):
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(full.resolve().as_uri())
    assert page.inner_text("main") == open_report(full).page.inner_text("main")
    assert not page.locator("dialog").is_visible()
    page.click(number("suspensions.att"))
    assert page.url == (full.parent / "numbers.html").resolve().as_uri() + "#suspensions.att"
    entry = page.locator("article", has_text=citation(full, "suspensions.att"))
    assert entry.get_attribute("id") == "suspensions.att"
    assert entry.evaluate("e => e.matches(':target')")
    assert not page.locator("form").is_visible()
    assert page.locator("button").count() == 0
    context.close()


def test_the_box_narrows_the_numbers_and_a_link_into_what_is_hidden_shows_all(open_report, full):
    page = open_report(full.parent / "numbers.html").page
    every = page.locator("article:visible").count()
    page.fill("#find", "in-school effect")
    shown = page.locator("article:visible")
    assert 0 < shown.count() < every
    assert all("in-school" in text.lower() for text in shown.all_inner_texts())
    assert page.inner_text("form [role=status]") == f"{shown.count()} entries shown"
    page.evaluate("location.hash = '#data.schools'")
    page.wait_for_function("!document.getElementById('data.schools').hidden")
    assert page.locator("article:visible").count() == every


def test_links_between_the_pages_lead_somewhere(open_report, full):
    folder = full.parent
    for place in ("report.html", "numbers.html", "appendix/01_suspensions.html"):
        links = open_report(folder / place).page.eval_on_selector_all("a", "all => all.map(a => a.href)")
        for link in set(links):
            path, _, anchor = link.removeprefix("file://").partition("#")
            text = (folder / path).read_text(encoding="utf-8")
            assert not anchor or f'id="{anchor}"' in text, link


def test_tables_of_words_are_stacked_on_a_telephone_and_stay_tables(open_report, full):
    page = open_report(full, 320).page
    table = page.locator("table.words").first
    assert table.locator("tbody td").first.evaluate("e => getComputedStyle(e).display") == "block"
    heading = table.locator("thead th").nth(1).text_content()
    before = table.locator("tbody td").first.evaluate("e => getComputedStyle(e, '::before').content")
    assert before == f'"{heading}"'
    roles = {"tbody tr": "row", "tbody th": "rowheader", "tbody td": "cell", "thead th": "columnheader"}
    for name, role in roles.items():
        assert table.locator(name).first.get_attribute("role") == role
    widest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('table.words')].map(t => t.scrollWidth))"
    )
    assert widest <= 320
    wide = open_report(full, 1280).page.locator("table.words tbody td").first
    assert wide.evaluate("e => getComputedStyle(e).display") == "table-cell"


def test_a_report_has_few_stops_for_the_keyboard(open_report, full):
    stops = open_report(full).page.locator("main :is(a, summary, button, [tabindex='0'])").count()
    assert stops < 200


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_prints(open_report, reports, kind):
    pdf = open_report(reports[kind]).page.pdf(prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 3 <= pages <= 20


def test_paper_leaves_out_what_only_a_screen_needs(open_report, full):
    page = open_report(full).page
    page.emulate_media(media="print")
    shown = "s => getComputedStyle(document.querySelector(s)).display"
    assert [page.evaluate(shown, s) for s in ("nav", ".skip", "details:not(.fold)")] == ["none"] * 3
    assert page.evaluate(shown, ".stamp") != "none"
    link = "getComputedStyle(document.querySelector('main a[href^=\"numbers.html#\"]'))"
    assert page.evaluate(f"{link}.textDecorationLine") == "none"
    assert page.evaluate(f"{link}.color") == page.evaluate("getComputedStyle(document.body).color")
    folded = "getComputedStyle(document.querySelector('.fold'), '::details-content').contentVisibility"
    assert page.evaluate(folded) == "visible"


def test_shared_letters_and_words_look_as_in_the_picture_alone(open_report, full):
    page = open_report(full).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    together = ink(page)
    for region in page.locator(".picture").all():
        id = (
            region.locator("svg")
            .get_attribute("aria-labelledby")
            .removesuffix("-alt")
            .removeprefix("figure-")
        )
        file = next(
            f for f in (full.parent / "figures").glob("*.svg") if re.sub(r"[^a-z0-9]+", "-", f.stem) == id
        )
        region.evaluate("(e, svg) => { e.innerHTML = svg }", file.read_text(encoding="utf-8"))
    alone = ink(page)
    assert together.shape == alone.shape
    assert (abs(together - alone) > 100).mean() < 1e-4
    assert (alone < 100).mean() > 1e-3


def ink(page) -> np.ndarray:
    """Give the whole page as gray values."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L"), dtype=int)
