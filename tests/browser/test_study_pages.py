"""The real reports of the simulated studies in a real browser."""

import pytest

STUDIES = ("lakeshore", "riverbend", "prairie")


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("width", [1280, 320])
def test_no_violation_no_request_no_sideways_scroll(open_report, studies, study, width):
    opened = open_report(studies / study / "report.html", width)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.violations() == ""
    assert len(opened.requests) == 1
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
