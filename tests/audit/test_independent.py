"""The second opinion: other libraries find the same numbers, and a number that was altered is told."""

import csv
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from rpeval.audit import second_numbers
from rpeval.audit.independent import NONE, independent, tell_opinions
from rpeval.audit.r_code import write_r
from rpeval.audit.second_numbers import callaway, impute, time_panel, two_way
from rpeval.errors import RunError


@pytest.fixture(scope="module")
def project(studies, tmp_path_factory):
    """A copy of the project that holds the finished reports."""
    return shutil.copytree(studies.parent, tmp_path_factory.mktemp("independent") / "project")


@pytest.fixture(scope="module")
def opinions(project):
    return {row.id: row for row in independent(project / "reports" / "lakeshore")}


@pytest.mark.parametrize("id", [
    "suspensions.att", "suspensions.callaway", "suspensions.twfe", "suspensions.iss_per_100.att",
    "suspensions.gap.black_white.att", "suspensions.gap.black_white.group", "suspensions.ratio.black_white.last",
    "harms.achievement_sd.att", "belonging.att", "belonging.schools.att", "belonging.unweighted.att",
])  # fmt: skip
def test_another_library_finds_the_same(opinions, id):
    row = opinions[id]
    assert row.state == "agrees"
    assert row.theirs == pytest.approx(row.ours, rel=1e-6, abs=1e-8)
    assert re.fullmatch(r"(diff-diff|statsmodels|pandas) \d.*", row.by)


def test_none_differs_and_what_cannot_be_compared_is_named(opinions):
    assert {row.state for row in opinions.values()} == {"agrees", NONE}
    assert opinions["removals.substitution"].state == NONE
    text = tell_opinions(tuple(opinions.values()))
    assert text[-1].startswith("differs: 0, not computed: 0, agrees: ")


def test_a_small_study_agrees_too(project):
    states = {row.id: row.state for row in independent(project / "reports" / "prairie")}
    assert states["suspensions.att"] == states["belonging.att"] == "agrees"
    assert "differs" not in states.values()


def test_an_altered_number_differs_and_is_told_first(project, tmp_path):
    report = project / "reports" / "prairie"
    kept = (report / "findings.json").read_text()
    content = json.loads(kept)
    finding = next(f for f in content["findings"] if f["id"] == "suspensions.att")
    finding["value"] += 1e-4
    (report / "findings.json").write_text(json.dumps(content))
    try:
        rows = independent(report)
    finally:
        (report / "findings.json").write_text(kept)
    assert [row.id for row in rows if row.state == "differs"] == ["suspensions.att"]
    assert tell_opinions(rows)[0].startswith("suspensions.att: ")
    assert "differs" in tell_opinions(rows)[0]


def test_other_files_than_the_run_read_are_refused(project):
    path = project / "data" / "simulated" / "prairie" / "panel.csv"
    files = [path] if path.is_file() else list((project / "data/simulated/prairie").glob("*.csv"))[:1]
    kept = files[0].read_bytes()
    files[0].write_bytes(kept + b"\n")
    try:
        with pytest.raises(RunError, match="not as the run read it"):
            independent(project / "reports" / "prairie")
    finally:
        files[0].write_bytes(kept)


def test_without_the_library_it_says_so(project, monkeypatch):
    def absent(*args, **more):
        raise ImportError("No module named diff_diff")

    monkeypatch.setattr(second_numbers, "impute", absent)
    rows = {row.id: row for row in independent(project / "reports" / "prairie")}
    assert rows["suspensions.att"].state == "not computed"
    assert rows["suspensions.att"].why == "diff-diff is not installed: pip install diff-diff."
    assert rows["suspensions.twfe"].state == "agrees"


def four_schools():
    """Two schools that start in 2018 and two that never do; the effect is (0.6 + 0.4) / 2 - (0.1 + 0.3) / 2."""
    return pd.DataFrame({"school_id": list("aabbccdd"), "year": [2016, 2018] * 4,
                         "start_year": [2018.0] * 4 + [np.nan] * 4, "n": [100.0, 100.0, 300.0, 300.0] * 2,
                         "y": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})  # fmt: skip


def test_by_hand():
    frame = four_schools()
    for value in (impute(frame, outcome="y", weights=None), callaway(frame, outcome="y"),
                  two_way(frame, outcome="y", weights=None)):  # fmt: skip
        assert value == pytest.approx(0.3)


def test_weights_by_hand():
    """Weighted by students: (0.6 + 3 × 0.4) / 4 - (0.1 + 3 × 0.3) / 4."""
    assert impute(four_schools(), outcome="y", weights="n") == pytest.approx(0.45 - 0.25)
    assert two_way(four_schools(), outcome="y", weights="n") == pytest.approx(0.45 - 0.25)


def test_a_year_left_out_leaves_no_hole():
    rows = time_panel(four_schools(), outcome="y")
    assert rows["t"].tolist() == [1, 2] * 4
    assert rows["g"].tolist() == [2] * 4 + [0] * 4
    assert rows["D"].tolist() == [0.0, 1.0] * 2 + [0.0] * 4


def test_raked_weights_meet_both_margins():
    answers = pd.DataFrame({"school_id": list("aaabbb"), "wave": 2018, "sex": list("ffmfmm"), "weight": 1.0})
    invited = pd.DataFrame({"school_id": list("aabb"), "wave": 2018, "sex": list("fmfm"),
                            "invited_n": [20.0, 10.0, 5.0, 25.0]})  # fmt: skip
    raked = second_numbers._rake(answers, invited, "sex")
    assert raked.groupby(answers["school_id"]).sum().tolist() == pytest.approx([30, 30])
    assert raked.groupby(answers["sex"]).sum().tolist() == pytest.approx([25, 35])


def test_the_r_code_reads_the_table_that_lies_beside_it(project, tmp_path):
    code, table = write_r(project / "reports" / "lakeshore", tmp_path)
    text = code.read_text()
    assert f'read.csv("{table.name}"' in text
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 420
    for name in re.findall(r'(?:yname|tname|idname|gname) = "(\w+)"', text):
        assert name in rows[0]
    findings = json.loads((project / "reports" / "lakeshore" / "findings.json").read_text())["findings"]
    ours = next(f["value"] for f in findings if f["id"] == "suspensions.att")
    assert f"suspensions.att = {ours!r}" in text
    assert "not run" in text
    assert "Simulated data" in text
    for opening, closing in ("()", "[]"):
        assert text.count(opening) == text.count(closing)
    frame = pd.read_csv(table)
    assert impute(
        frame.rename(columns={"y": "outcome"}).assign(
            start_year=frame["year"].where(frame["D"] == 1).groupby(frame["id"]).transform("min")
        ),
        outcome="outcome",
        weights=None,
    ) == pytest.approx(ours)
