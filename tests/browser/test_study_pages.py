"""The real reports of the simulated studies in a real browser."""

import pytest

STUDIES = ("lakeshore", "riverbend", "prairie")
NOTEBOOKS = ("01_suspensions", "02_disproportionality", "03_belonging", "05_report")
BESIDE = ("numbers.html", *(f"appendix/{name}.html" for name in NOTEBOOKS))


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("width", [1280, 320])
def test_no_violation_no_request_no_sideways_scroll(open_report, studies, study, width):
    flawless(open_report(studies / study / "report.html", width), width)


@pytest.mark.parametrize("page", BESIDE)
def test_nor_on_the_pages_beside_it(open_report, studies, page):
    flawless(open_report(studies / "lakeshore" / page, 320), 320)


def flawless(opened, width):
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.violations() == ""
    assert len(opened.requests) == 1
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("study", STUDIES)
def test_pages_are_light(studies, study):
    pages = {
        p.relative_to(studies / study).as_posix(): p.stat().st_size for p in (studies / study).rglob("*.html")
    }
    assert {"report.html", *BESIDE} <= {*pages}
    assert max(pages.values()) < 400_000


@pytest.mark.parametrize("study", STUDIES)
def test_every_number_of_the_report_opens(open_report, studies, study):
    page = open_report(studies / study / "report.html").page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    links = "main a[href^='numbers.html#']:not(.name)"
    assert page.locator(links).count() > 20
    failed = page.evaluate("""links => [...document.querySelectorAll(links)].filter(a => {
        a.click();
        const dialog = document.querySelector("dialog"), told = dialog.open && dialog.innerText;
        dialog.close();
        return !told || !told.includes(a.textContent) || !told.includes(a.hash.slice(1)) || /[\\ue000-\\uf8ff]/.test(told);
    }).map(a => a.hash)""", links)  # fmt: skip
    assert failed == []
