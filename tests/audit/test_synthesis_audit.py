"""An audit of a synthesis: made again from the reports it read, one of which lies beside the project."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import copy_project
from scipy import stats
from synthesis_reports import effect, write_report

from rpeval.audit.audit import audit
from rpeval.audit.independent import independent
from rpeval.audit.pack import pack_report
from rpeval.audit.second_numbers import pooled_numbers
from rpeval.audit.verdict import Reason, Verdict
from rpeval.findings import open_findings
from rpeval.findings.compare import compare
from rpeval.methods.synthesis.pooling import common_effect, der_simonian_laird, pooled
from rpeval.runs.synthesis import name_studies, run_synthesis

STUDIES = {"reports/ash": (-1.0, 0.6), "reports/birch": (-2.5, 0.9), "../far/reports/cypress": (0.4, 1.2)}


def write(root: Path, folder: str, value: float, se: float) -> None:
    place = root / folder
    shutil.rmtree(place, ignore_errors=True)
    write_report(place.parent, place.name, effect(value, se))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    root = copy_project(tmp_path_factory.mktemp("several") / "project")
    for folder, told in STUDIES.items():
        write(root, folder, *told)
    (root / "params/suspensions-att.yml").write_text("params: {}\n")  # a study of the same name
    told = name_studies([root / folder for folder in STUDIES], finding="suspensions.att", root=root)
    return run_synthesis(told, root=root)


@pytest.fixture
def again(made):
    """The synthesis, whose reports a test may change; they are put back after it."""
    yield made
    for folder, told in STUDIES.items():
        write(made.parents[1], folder, *told)


def test_it_is_made_again_without_a_params_file(made):
    found = audit(made)
    assert (found.verdict, found.reason) == (Verdict.REPRODUCED, Reason.UNCHANGED)
    assert (found.contradictions, found.cues, found.stray) == ((), (), ())
    assert found.comparison.findings_n > 20
    assert found.attempt.outputs[0] == found.attempt.outputs[1] > 10


def test_the_report_that_found_something_else_is_named(again):
    write(again.parents[1], "reports/ash", -3.0, 0.6)
    found = audit(again)
    assert (found.verdict, found.reason) == (Verdict.MOVED, Reason.ALONE)
    assert found.explanation.named == ("reports/ash",)
    assert {cue.name for cue in found.cues} == {"reports/ash/findings.json", "reports/ash/manifest.json"}
    assert "synthesis.att" in found.comparison.ids


def test_a_report_that_is_gone_is_named(again):
    shutil.rmtree(again.parents[1] / "../far/reports/cypress")
    found = audit(again)
    assert (found.verdict, found.reason) == (Verdict.NOT_RUN, Reason.MISSING)
    assert {cue.name for cue in found.cues} >= {"../far/reports/cypress/findings.json"}


def test_an_altered_page_is_found(made, tmp_path):
    copied = tmp_path / "project/reports" / made.name
    shutil.copytree(made.parents[1], tmp_path / "project", ignore=shutil.ignore_patterns("reports"))
    shutil.copytree(made, copied)
    page = copied / "report.html"
    shown = open_findings(made).findings["synthesis.att"].shown
    link = '"numbers.html#synthesis.att">'
    text = page.read_text()
    assert f"{link}{shown}" in text
    page.write_text(text.replace(f"{link}{shown}", f"{link}−9.9"))
    found = audit(copied)
    assert found.verdict is Verdict.ALTERED
    assert any("is now “−9.9”" in what for one in found.alterations for what in one.what)


def test_its_means_agree_with_another_program(made):
    opinions = {row.id: row for row in independent(made)}
    assert {id for id in opinions if opinions[id].state == "agrees"} == {
        "synthesis.att", "synthesis.common", "synthesis.usual"
    }  # fmt: skip
    assert opinions["synthesis.att"].ours == open_findings(made).findings["synthesis.att"].value


@pytest.mark.parametrize("seed", range(60))
def test_the_other_programs_agree_whatever_the_studies_found(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 15))
    se, true = rng.uniform(0.3, 1.5, k), rng.normal(-2, rng.choice([0.0, 0.3, 1.5]), k)
    value = true + se * rng.standard_normal(k)
    half = se * stats.t.ppf(0.975, 20)  # every other study tells its interval only
    told = pd.DataFrame({"value": value, "se": np.where(np.arange(k) % 2, np.nan, se), "low": value - half,
                         "high": value + half, "level": 0.95, "df": 20.0})  # fmt: skip
    theirs = {id: number() for id, _, number in pooled_numbers(told)}
    ours = {name: method(told.assign(study=range(k), se=se)).value for name, method in
            {"att": pooled, "common": common_effect, "usual": der_simonian_laird}.items()}  # fmt: skip
    assert theirs == pytest.approx({f"synthesis.{name}": mean for name, mean in ours.items()}, abs=1e-8)


def test_where_the_interval_lies_is_its_conclusion(made):
    found = open_findings(made).findings
    other = {"synthesis.reading": {"value": "The interval of the mean effect lies wholly below zero."}}
    assert [d.id for d in compare(found, other).conclusions] == ["synthesis.reading"]


def test_its_pack_holds_the_reports_it_read(made, tmp_path):
    packed = pack_report(made, target=tmp_path / "several.zip")
    assert {"reports/ash/findings.json", "reports/birch/manifest.json"} < packed.files.keys()
    assert sum("cypress" in name for name in packed.files) == 3
    assert packed.left_out == ()
