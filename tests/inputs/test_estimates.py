"""Estimates of several studies, read from a table or from finished reports."""

import json
import shutil

import pandas as pd
import pytest
from synthesis_reports import effect, write_report, write_three

from rpeval.errors import DataError, ParamsError
from rpeval.inputs.estimates import read_estimates
from rpeval.inputs.synthesis import read_synthesis

ROWS = """study,district,simulated,finding,label,unit,outcome,method,value,se,low,high,reason
a,Ash,no,suspensions.att,Effect,per 100 students,oss_per_100,did,-1.5,0.5,,,
b,Birch,no,suspensions.att,Effect,per 100 students,oss_per_100,did,-2.0,,-4.0,0.0,
c,Cypress,no,suspensions.att,Effect,per 100 students,oss_per_100,did,,,,,Two schools only.
c,Cypress,no,belonging.att,Effect,scale points,belonging,did,0.1,0.1,,,
"""


@pytest.fixture
def project(root, tmp_path):
    for name in ("notebooks", "params", "data/reference"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copyfile(root / "data/reference/measures.yml", tmp_path / "data/reference/measures.yml")
    return tmp_path


def params(project, *, table: str | None = None, **more):
    content = {
        "synthesis": "x",
        "title": "X",
        "simulated": "false",
        "districts": "Districts",
        "finding": "suspensions.att",
    }
    if table is not None:
        (project / "data/told.csv").write_text(table)
        content["sources"] = {"estimates": {"path": "data/told.csv"}}
    return read_synthesis(content | more, project)


def pooled_reports(project, folders, **more):
    told = {"simulated": "true", "districts": "Districts (simulated)", "sources": {"reports": folders}}
    return read_estimates(params(project, **(told | more)))


def refused(run, kind=DataError) -> str:
    with pytest.raises(kind) as error:
        run()
    return str(error.value)


def test_a_table_gives_one_row_for_each_study_of_the_finding(project):
    told = read_estimates(params(project, table=ROWS))
    assert told.frame[["study", "value"]].values.tolist() == [["a", -1.5], ["b", -2.0]]
    assert told.frame["se"].isna().tolist() == [False, True]
    assert told.left_out.values.tolist() == [["c", "Cypress", "Two schools only."]]


def test_who_is_left_out_by_hand_is_told_with_the_reason(project):
    told = read_estimates(params(project, table=ROWS, leave_out={"a": "It is a pilot."}))
    assert told.left_out["reason"].tolist() == ["It is a pilot.", "Two schools only."]
    said = refused(lambda: read_estimates(params(project, table=ROWS, leave_out={"aa": "No."})))
    assert 'There is no study "aa".' in said


@pytest.mark.parametrize(("old", "new", "told"), [
    ("-1.5", "about 1", '1 cell is no number: "about 1"'),
    ("-1.5", "inf", "no number"),
    ("Ash,no", "Ash,maybe", "neither yes nor no"),
    ("-4.0,0.0", "-4.0,-3.0", "does not hold its value: b"),
    ("Ash,no", "Ash,yes", "The synthesis is not simulated, but these studies are simulated: a."),
    ("suspensions.att", "suspensions.atx", "No study has the finding suspensions.att."),
    (",unit,", ",units,", 'There is no column "unit"'),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(project, old, new, told):
    assert told in refused(lambda: read_estimates(params(project, table=ROWS.replace(old, new))))


def test_reports_say_what_they_estimated_and_how(project):
    told = pooled_reports(project, write_three(project))
    assert told.frame["study"].tolist() == ["ash", "birch", "cypress"]
    assert told.frame["value"].tolist() == [-1.0, -2.5, 0.4]
    first = told.frame.iloc[0]
    assert (first["method"], first["outcome"], first["weights"]) == (
        "imputation difference-in-differences",
        "oss_per_100",
        "schools",
    )
    assert (first["design"], first["definition"], first["schools_n"]) == (
        "staggered starts",
        "definitions not declared",
        24,
    )
    assert told.left_out.empty


def test_a_report_without_the_effect_is_left_out_with_its_own_reason(project):
    folders = write_three(project)
    write_report(project / "reports", "dogwood", effect(None))
    write_report(project / "reports", "elmwoods")
    told = pooled_reports(project, [*folders, "reports/dogwood", "reports/elmwoods"])
    assert told.left_out["reason"].tolist() == [
        "No adoption list: no school has a start year.",
        "The study has no such finding.",
    ]


@pytest.mark.parametrize(("id", "more", "outcome", "definition", "weights"), [
    ("suspensions.iss_per_100.att", {}, "iss_per_100", "definitions crdc", "students"),
    ("suspensions.gap.black_white.att", {}, "oss_per_100", "definitions crdc", "students"),
    ("removals.total.att", {}, "oss_per_100", "definitions crdc, 6.5 hours a day", "students"),
    ("belonging.att", {"sources": {"survey": {"instrument": "panorama"}}}, "belonging", "instrument panorama", ""),
])  # fmt: skip
def test_what_must_be_the_same_follows_from_the_finding(project, id, more, outcome, definition, weights):
    found = effect(-1.0, 0.5) | {"id": id}
    write_report(project / "reports", "ash", found, definitions="crdc", **({"weights": "students"} | more))
    told = pooled_reports(project, ["reports/ash"], finding=id).frame.iloc[0]
    assert (told["outcome"], told["definition"], told["weights"]) == (outcome, definition, weights)


def test_one_start_year_and_several_are_told_apart(project):
    for starts, study in enumerate(("none", "once", "twice")):
        write_report(project / "reports", study, effect(-1.0 - starts, 0.5), starts=starts)
    told = pooled_reports(project, ["reports/none", "reports/once", "reports/twice"])
    assert told.frame["design"].tolist() == ["not told", "one start year", "staggered starts"]


def test_a_report_that_was_changed_after_its_run_is_refused(project):
    folders = write_three(project)
    path = project / "reports/birch/findings.json"
    path.write_text(path.read_text().replace("-2.5", "-9.5"))
    assert "reports/birch/findings.json: It is not as the run left it." in refused(
        lambda: pooled_reports(project, folders)
    )


def test_a_synthesis_is_no_study_and_garbage_is_told(project):
    folders = write_three(project)
    for study, broken in {"ash": "{", "birch": "[]", "cypress": json.dumps({"params": {}})}.items():
        (project / f"reports/{study}/manifest.json").write_text(broken)
    said = refused(lambda: pooled_reports(project, folders))
    assert said.startswith("3 problems")
    assert said.count("those of no study") == 3


def test_drafts_folders_and_both_sources_are_refused_in_the_params(project):
    write_three(project)
    (project / "reports/x.draft").mkdir()
    assert "is no finished report" in refused(
        lambda: pooled_reports(project, ["reports/x.draft"]), ParamsError
    )
    assert "listed twice" in refused(
        lambda: pooled_reports(project, ["reports/ash", "reports/ash"]), ParamsError
    )
    assert "from one place" in refused(lambda: params(project, sources={}), ParamsError)
    assert "(simulated)" in refused(
        lambda: pooled_reports(project, ["reports/ash"], districts="D"), ParamsError
    )


def test_params_read_again_are_the_same(project):
    told = params(project, table=ROWS, leave_out={"a": "No."})
    assert read_synthesis(told.resolved(), project) == told
    assert told.study == "synthesis-x"
    assert told.folder == project / "reports/synthesis-x.draft"


def test_a_synthesis_is_named_like_its_file(project):
    told = params(project, table=ROWS).resolved()
    for name in ("x", "y"):
        (project / f"params/{name}.yml").write_text(json.dumps({"params": told | {"simulated": "false"}}))
    assert read_synthesis("params/x.yml", project).study == "synthesis-x"
    what = refused(lambda: read_synthesis("params/y.yml", project), ParamsError)
    assert 'The file is named "y", but the synthesis "x".' in what
    assert "Write `synthesis: y`, or rename the file." in what


def test_the_shipped_table_is_simulated_around_its_truth(root):
    told = read_estimates(read_synthesis(root / "params/syntheses/districts.yml"))
    assert len(told.frame) == 12
    assert told.left_out["study"].tolist() == ["nettle_cross"]
    table = pd.read_csv(root / "data/simulated/synthesis/estimates.csv")
    assert set(table["simulated"]) == {"yes"}
    assert table["district"].str.endswith("(simulated)").all()
