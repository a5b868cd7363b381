"""Real public files, where a developer has them: Milwaukee without an adoption list, California around SB 419."""

import re
import shutil

import pandas as pd
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
    bounds = found.tables["disparity.bounds"].frame.set_index("group")
    assert bounds.loc["Black", "ratio_low"] > 2
    assert (bounds["ratio_low"].dropna() <= bounds["ratio_high"].dropna()).all()
    assert (bounds["ratio_low"] < bounds["ratio_high"]).any()  # withheld cells make it a from-to
    assert "In-school suspensions of students without disabilities are not collected." in set(
        found.tables["source.cannot_see"].frame["what"]
    )
    page = re.sub(r"<[^>]+>", "", (project / "reports/milwaukee/report.html").read_text(encoding="utf-8"))
    assert "No effect can be estimated" in page
    assert "Simulated data" not in page


def by_hand(data) -> float:
    """The same number from the raw files: one start, a balanced panel, so a difference of four means."""
    raw = pd.read_parquet(data / "california_cde/suspensions_by_school_2017_2024.parquet")
    raw = raw[raw["subgroup_code"] == "TA"]
    padded = [raw[c].str.zfill(n) for c, n in [("county_code", 2), ("district_code", 5), ("school_code", 7)]]
    raw = raw.assign(
        cds=padded[0] + padded[1] + padded[2],
        rate=100 * raw["total_suspensions"] / raw["cumulative_enrollment"],
    )
    kinds = pd.read_parquet(data / "california_cde/school_features.parquet").drop_duplicates("cds_school")
    kind = kinds.set_index("cds_school")["school_type"]
    middle = kind[kind.isin(["Intermediate/Middle Schools (Public)", "Junior High Schools (Public)"])].index
    high = kind[kind == "High Schools (Public)"].index
    wide = raw.pivot_table(index="cds", columns="academic_year", values="rate").dropna()
    before = wide[["2017-18", "2018-19", "2019-20"]].mean(axis=1)
    change = wide[["2021-22", "2022-23", "2023-24"]].mean(axis=1) - before
    assert (change.index.isin(middle).sum(), change.index.isin(high).sum()) == (803, 752)
    return change[change.index.isin(middle)].mean() - change[change.index.isin(high)].mean()


def test_california_middle_schools_against_high_schools(project):
    done = rpeval(project, "run", "params/examples/california.yml")
    assert done.returncode == 0, done.stderr
    found = open_findings(project / "reports/california").findings
    assert found["data.schools"].value == 1_555
    assert found["data.panel.rows_out"].value == 1_555 * 6
    assert found["suspensions.att"].value == pytest.approx(by_hand(project.parent / "shared/data"), abs=1e-9)


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
