"""Reports opened in a real browser: readable by all, at any width, by keyboard, on paper, without a network."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from report_folder import write_folder

from rpeval.reports.render import render

KINDS = {
    "full": {},
    "refused": {"refused": True, "survey": False},
    "draft": {"draft": True, "verdict": "contradicted", "simulated": False},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return {kind: render(write_folder(tmp_path_factory.mktemp(kind), **how)) for kind, how in KINDS.items()}


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
