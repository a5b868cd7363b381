"""Real public files, where a developer has them: Milwaukee without an adoption list, California around SB 419."""

import re
import shutil

import pytest
from project import copy_project, rpeval

from rpeval.findings import open_findings


@pytest.fixture
def project(tmp_path, shared_data):
    """A copy of the project with the real files beside it, as the examples name them."""
    (tmp_path / "shared").mkdir()
    for name in ("milwaukee_dpi", "california_cde"):
        shutil.copytree(shared_data(f"data/{name}"), tmp_path / "shared/data" / name)
    return copy_project(tmp_path / "project")


def test_milwaukee_is_described_and_no_effect_is_claimed(project):
    done = rpeval(project, "run", "params/examples/milwaukee.yml")
    assert done.returncode == 0, done.stderr
    found = open_findings(project / "reports/milwaukee")
    assert found.findings["data.schools"].value == 165
    assert found.findings["suspensions.att"].value is None
    assert "No adoption list" in found.findings["suspensions.att"].reason
    assert found.findings["suspensions.verdict"].value == "not estimable"
    assert found.findings["suspensions.ratio.black_white.last"].value > 1
    page = re.sub(r"<[^>]+>", "", (project / "reports/milwaukee/report.html").read_text(encoding="utf-8"))
    assert "No effect can be estimated" in page
    assert "Simulated data" not in page


def test_california_middle_schools_against_high_schools(project):
    done = rpeval(project, "run", "params/examples/california.yml")
    assert done.returncode == 0, done.stderr
    found = open_findings(project / "reports/california").findings
    assert found["data.schools"].value == 1_555
    assert found["data.panel.rows_out"].value == 1_555 * 6
    assert found["suspensions.att"].value is not None


def test_the_doubled_years_are_caught(project):
    path = project / "params/examples/california.yml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("      corrections:"), text.index("    adoption:")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    done = rpeval(project, "check", "params/examples/california.yml")
    assert done.returncode == 4
    assert "corrections" in done.stderr
    assert "2018-19" in done.stderr
    assert "Traceback" not in done.stderr
