"""A synthesis end to end: a clean room, a whole report or none, inputs hashed, the same bytes again."""

import json
from pathlib import Path

import jsonschema
import pytest
from project import copy_project
from synthesis_reports import effect, write_report, write_three

from rpeval.errors import DataError, MethodError, ParamsError
from rpeval.findings import open_findings
from rpeval.inputs.plan import fingerprint
from rpeval.runs.manifest import SCHEMA
from rpeval.runs.synthesis import name_studies, run_synthesis

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "rpeval/runs/manifest.schema.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    root = copy_project(tmp_path_factory.mktemp("project"))
    write_three(root)
    return root


@pytest.fixture(scope="module")
def made(project) -> Path:
    folders = [project / f"reports/{study}" for study in ("ash", "birch", "cypress")]
    return run_synthesis(name_studies(folders, finding="suspensions.att", root=project), root=project)


def test_it_is_a_finished_report_with_its_inputs_hashed(project, made):
    manifest = json.loads((made / "manifest.json").read_text())
    jsonschema.validate(manifest, json.loads(SCHEMA_FILE.read_text()))
    assert manifest["schema"] == SCHEMA
    assert made == project / "reports/synthesis-suspensions-att"
    inputs = {i["path"]: i["sha256"] for i in manifest["inputs"]}
    assert len(inputs) == 10
    for study in ("ash", "birch", "cypress"):
        path = f"reports/{study}/findings.json"
        assert inputs[path] == fingerprint(project / path)
    assert [n["name"] for n in manifest["notebooks"]] == ["06_synthesis"]
    assert {"report.html", "report.pdf", "report.docx", "notebooks/06_synthesis.ipynb"} <= {
        o["path"] for o in manifest["outputs"]
    }


def test_the_numbers_are_those_of_the_reports(made):
    found = open_findings(made)
    assert found.simulated
    assert found.findings["synthesis.studies_n"].value == 3
    rows = found.tables["synthesis.studies"].frame
    assert rows.loc[rows["part"] == "study", "value"].tolist() == [-1.0, -2.5, 0.4]
    mean = found.findings["synthesis.att"]
    assert mean.low < mean.value < mean.high
    assert "synthesis.caution" in found.findings
    assert found.findings["synthesis.small_studies"].value is None


def test_the_page_says_what_it_is_and_loses_nothing(made):
    page = (made / "report.html").read_text()
    for told in (
        "Synthesis over districts",
        "Simulated data",
        "No verdict is given",
        "Only 3 studies are pooled",
        "Ash (simulated)",
    ):
        assert told in page
    assert "Draft" not in page.replace("Drafts", "")
    assert 'id="rest"' not in page  # every released table has its place in the text


def test_a_refusal_leaves_the_earlier_report_and_keeps_the_notebook(project, made):
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    write_report(project / "reports", "dogwoods", effect(-3.1, 0.7, unit="hours"))
    told = name_studies(
        [*(project / f"reports/{s}" for s in ("ash", "birch", "dogwoods"))],
        finding="suspensions.att",
        root=project,
    )
    with pytest.raises(MethodError) as error:
        run_synthesis(told, root=project)
    assert "They differ in unit: per 100 students (ash, birch); hours (dogwoods)." in str(error.value)
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before
    assert (project / "reports/synthesis-suspensions-att.failed/06_synthesis.ipynb").is_file()
    assert not list((project / "reports").glob(".room-*"))


def test_simulated_and_real_are_not_pooled_and_no_report_is_told(project):
    write_report(project / "reports", "elm", effect(-1.5, 0.5), simulated=False)
    told = name_studies(
        [project / "reports/ash", project / "reports/elm"],
        finding="suspensions.att",
        root=project,
        name="mixed",
    )
    with pytest.raises(DataError, match="never together"):
        run_synthesis(told, root=project)
    assert not (project / "reports/synthesis-mixed").exists()
    with pytest.raises(ParamsError, match="no finished report"):
        name_studies([project / "notebooks"], finding="suspensions.att", root=project)


def test_the_shipped_table_makes_the_same_findings_twice(project):
    parts = []
    for _ in range(2):
        folder = run_synthesis(project / "params/syntheses/districts.yml")
        parts.append(
            {
                n: (folder / n).read_bytes()
                for n in ("findings.json", "report.html", "report.pdf", "report.docx")
            }
        )
    assert parts[0] == parts[1]
    rows = open_findings(folder).tables["synthesis.planted"].frame
    assert rows["inside"].tolist() == ["yes", "yes"]
