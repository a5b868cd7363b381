"""The real reports of the simulated studies in a real browser."""

import shutil

import pytest

from rpeval.reports.render import render_page

STUDIES = ("lakeshore", "riverbend", "prairie")
PAGES = ("report.html", "numbers.html", "appendix/01_suspensions.html", "appendix/02_disproportionality.html",
         "appendix/03_belonging.html", "appendix/05_report.html")  # fmt: skip


@pytest.fixture(scope="module")
def written(studies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for study in STUDIES:
        shutil.copytree(studies / study, folder / study)
        render_page(folder / study)
    return folder


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("page", PAGES[:2])
def test_no_violation_no_request_no_sideways_scroll(open_report, written, study, page, width):
    flawless(open_report(written / study / page, width), width)


@pytest.mark.parametrize("page", PAGES[2:])
def test_nor_on_the_notebooks_as_they_ran(open_report, written, page):
    flawless(open_report(written / "lakeshore" / page, 320), 320)


def flawless(opened, width):
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.violations() == ""
    assert len(opened.requests) == 1
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("study", STUDIES)
def test_pages_are_light(written, study):
    sizes = {
        p.relative_to(written / study).as_posix(): p.stat().st_size for p in (written / study).rglob("*.html")
    }
    assert {*PAGES[:3]} <= {*sizes}
    assert max(sizes.values()) < 400_000


@pytest.mark.parametrize("study", STUDIES)
def test_every_number_of_the_report_opens(open_report, written, study):
    page = open_report(written / study / "report.html").page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    failed = page.evaluate("""() => [...document.querySelectorAll("main a[href^='numbers.html#']:not(.name)")].filter(a => {
        a.click();
        const dialog = document.querySelector("dialog"), told = dialog.open && dialog.innerText;
        dialog.close();
        return !told || !told.includes(a.textContent) || !told.includes(a.hash.slice(1)) || /[\\ue000-\\uf8ff]/.test(told);
    }).map(a => a.hash)""")
    assert failed == []
