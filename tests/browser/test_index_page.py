"""The index of studies in a real browser: by keyboard, narrow, without a script, sorted, searched and filtered."""

import pytest
from report_folder import write_folder

from rpeval.findings import collect
from rpeval.findings.store import dump
from rpeval.reports.index import write_index

STUDIES = {
    "ash": {"verdict": "supported"},
    "birch": {"verdict": "inconclusive", "survey": False, "simulated": False},
    "cedar": {"refused": True, "survey": False},
}
EFFECTS = {"ash": -4.5, "birch": 0.8}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    top = tmp_path_factory.mktemp("index") / "reports"
    for name, how in STUDIES.items():
        folder = write_folder(tmp_path_factory.mktemp(name), **how)
        found = collect(folder).findings
        said = [f.as_json() | ({"value": EFFECTS[name]} if f.id == "suspensions.att" and name in EFFECTS else {})
                for f in found.values()]  # fmt: skip
        head = {"schema": "rpeval/findings/1", "study": name, "title": f"Practices in {name.title()}",
                "district": f"{name.title()} County", "simulated": how.get("simulated", True)}  # fmt: skip
        (top / name).mkdir(parents=True)
        (top / name / "findings.json").write_text(
            dump(head | {"findings": said, "tables": []}), encoding="utf-8"
        )
        (top / name / "manifest.json").write_text("{}")
        (top / name / "report.html").write_text("<!DOCTYPE html><title>Report</title>")
    return write_index(top)


def shown(page):
    return page.eval_on_selector_all(
        "#studies tbody tr", "rows => rows.filter(r => !r.hidden).map(r => r.id)"
    )


@pytest.mark.parametrize("width", [1280, 320])
def test_no_violation_of_wcag_22_aa(open_report, page_file, width):
    opened = open_report(page_file, width)
    assert opened.violations() == ""
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.complaints == []
    assert [r for r in opened.requests if not r.startswith("file:")] == []


def test_all_columns_fit_a_wide_screen(open_report, page_file):
    page = open_report(page_file, 1280).page
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.scroll'))")


def test_it_begins_in_the_order_of_names_and_says_so(open_report, page_file):
    page = open_report(page_file).page
    assert shown(page) == ["ash", "birch", "cedar"]
    assert page.locator("th[aria-sort='ascending']").all_inner_texts() == ["Study"]
    assert page.locator("#left").inner_text() == "3 studies"


def test_columns_are_sorted_by_keyboard_numbers_as_numbers(open_report, page_file):
    page = open_report(page_file).page
    page.get_by_role("button", name="Main outcome").focus()
    page.keyboard.press("Enter")
    assert shown(page) == ["ash", "birch", "cedar"]
    assert page.locator("th[aria-sort='ascending']").all_inner_texts() == ["Main outcome"]
    page.keyboard.press("Enter")
    assert shown(page) == ["birch", "ash", "cedar"]  # what was not estimated stays last
    assert page.locator("th[aria-sort='descending']").all_inner_texts() == ["Main outcome"]
    page.get_by_role("button", name="Study").click()
    page.get_by_role("button", name="Study").click()
    assert shown(page) == ["cedar", "birch", "ash"]


def test_words_and_verdicts_narrow_the_list_and_the_count_is_spoken(open_report, page_file):
    page = open_report(page_file).page
    page.get_by_label("Search studies").fill("county BIRCH")
    assert shown(page) == ["birch"]
    assert page.get_by_role("status").inner_text() == "1 of 3 studies shown"
    page.get_by_label("Search studies").fill("")
    page.get_by_label("Verdict on the main outcome").select_option("Supported")
    assert shown(page) == ["ash"]
    page.get_by_label("Search studies").fill("birch")
    assert shown(page) == []
    assert page.get_by_role("status").inner_text() == "0 of 3 studies shown"


def test_without_a_script_nothing_is_lost(browser, page_file):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#studies tbody tr").count() == 3
    assert page.locator("#narrow").is_hidden()
    assert page.locator("thead button").count() == 0
    assert page.get_by_role("link", name="Practices in Ash").first.get_attribute("href") == "ash/report.html"
    context.close()


def test_links_open_from_a_file(open_report, page_file):
    page = open_report(page_file).page
    page.get_by_role("link", name="Practices in Cedar").first.click()
    assert page.title() == "Report"


def test_good_and_bad_stand_in_the_same_size(open_report, page_file):
    page = open_report(page_file).page
    sizes = page.eval_on_selector_all(
        "#studies td", "cells => cells.map(c => getComputedStyle(c).fontSize + getComputedStyle(c).color)"
    )
    assert len(set(sizes)) == 1
