"""The three simulated studies, end to end: the same findings as before, the planted truth, honest verdicts."""

import json
import re
import shutil
import subprocess
import sys

import golden
import jsonschema
import pytest
from project import ROOT, copy_project, rpeval
from scipy import stats

from rpeval.findings import open_findings
from rpeval.inputs.claims import read_register

each = pytest.mark.parametrize("study", golden.STUDIES)


@each
def test_findings_are_what_they_were(studies, study):
    old = json.loads((golden.HERE / f"{study}.json").read_text(encoding="utf-8"))
    assert golden.differences(old, golden.read(studies / study)) == []


def test_the_comparison_sees_a_small_change():
    one = {"a.b": dict.fromkeys(golden.KEPT) | {"kind": "exact", "value": 1.0}}
    other = {"a.b": one["a.b"] | {"value": 1.00000001}, "a.c": one["a.b"]}
    assert golden.differences(one, other) == [
        "a.b, value: 1.0 is now 1.00000001", "a.c, presence: 'not there' is now 'there'"]  # fmt: skip


@each
def test_every_page_has_the_apostrophe_of_print(studies, study):
    for page in ("report.html", "brief.html", "numbers.html"):
        whole = (studies / study / page).read_text(encoding="utf-8")
        visible = re.sub(r"<(script|style|code|pre)\b.*?</\1>|<[^>]*>", " ", whole, flags=re.S)
        assert re.findall(r".{20}\w(?:'|&#39;)[a-z ].{20}", visible) == []
        assert page != "report.html" or "’s " in visible


@each
def test_planted_values_lie_in_their_intervals_about_as_often_as_promised(studies, study):
    """Among many 95 % intervals some miss; more than chance allows, or a headline, must not."""
    planted = open_findings(studies / study).tables["planted.found"].frame
    judged = planted[planted["inside"].isin(["yes", "no"])]
    missed = judged.loc[judged["inside"] == "no", "label"]
    assert len(judged) >= 8
    assert len(missed) <= stats.binom.ppf(0.99, len(judged), 0.05), missed.tolist()
    headlines = ("Effect on out-of-school", "Effect on belonging", "Effect on the Black", "Share of the fall")
    assert not [label for label in missed if label.startswith(headlines)]


def test_lakeshore_is_supported(studies):
    found = open_findings(studies / "lakeshore").findings
    assert found["suspensions.verdict"].value == "supported"
    assert found["suspensions.att"].high < 0
    assert "suspensions.relabeled" not in found
    assert found["belonging.att.sd"].low > 0
    assert found["belonging.verdict"].value == "leaning"  # one wave before: trends cannot be looked at


def test_riverbend_is_a_change_of_label_and_the_gap_widened(studies):
    found = open_findings(studies / "riverbend").findings
    assert "suspensions.relabeled" in found
    assert found["suspensions.verdict"].value != "supported"
    assert found["suspensions.iss_per_100.att"].decision == "contradicted"
    assert found["suspensions.gap.black_white.att"].decision == "widened"
    assert found["suspensions.gap.black_white.att"].low > 0
    assert found["removals.substitution"].decision == "substituted"
    assert "suspensions.recorded_only" in found
    board = open_findings(studies / "riverbend").tables["claims.answered"].rows()
    assert any("Recorded suspensions only" in cell for row in board for cell in row)
    assert found["screens.severity"].decision == "flagged"
    assert found["harms.chronic_absent_per_100.att"].decision in ("harm", "harm signal")


def test_prairie_is_inconclusive_and_says_what_it_could_have_found(studies):
    found = open_findings(studies / "prairie").findings
    assert found["suspensions.verdict"].value == "inconclusive"
    assert found["suspensions.achieved.detectable"].value > 1
    assert found["removals.verdict"].value == "cannot be seen"
    assert found["harms.achievement_sd.att"].decision == "not assessed"


@each
def test_the_folder_is_whole_and_obeys_its_schemas(studies, study):
    folder = studies / study
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, content in [
        ("rpeval/runs/manifest.schema.json", manifest),
        (
            "rpeval/findings/findings.schema.json",
            json.loads((folder / "findings.json").read_text(encoding="utf-8")),
        ),
    ]:
        jsonschema.validate(content, json.loads((ROOT / name).read_text(encoding="utf-8")))
    wanted = {"01_suspensions", "02_disproportionality", "03_belonging", "04_implementation", "05_report"}
    assert {p.stem for p in (folder / "notebooks").iterdir()} == wanted
    assert (folder / "report.html").stat().st_size < 400_000


@each
def test_every_claim_and_every_worry_has_an_answer(studies, study):
    register, whole = read_register(ROOT), open_findings(studies / study)
    for parts, asked in ((("answered", "unmeasured", "uncheckable"), register.claims),
                         (("feared", "unassessed"), register.checks)):  # fmt: skip
        assert sum(whole.findings[f"claims.{part}_n"].value for part in parts) == len(asked)
        rows = [row for part in parts for row in whole.tables[f"claims.{part}"].rows()]
        assert len(rows) == len(asked)
        assert all(all(cell.strip() for cell in row[:2]) for row in rows)


@each
def test_the_stamp_is_on_everything(studies, study):
    folder = studies / study
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("Simulated data") > 10
    assert "(simulated)" in page
    for path in (folder / "notebooks").iterdir():
        assert "(simulated)" in path.read_text(encoding="utf-8")
    assert json.loads((folder / "findings.json").read_text(encoding="utf-8"))["simulated"] is True
    assert ",True," in (folder / "findings.csv").read_text(encoding="utf-8")


@each
def test_every_finding_names_the_cell_that_made_it(studies, study):
    found = open_findings(studies / study).findings
    assert [id for id, f in found.items() if not f.cell or not f.notebook] == []


@each
def test_nothing_small_is_printed(studies, study):
    """No released count of students or events is below the minimum, nor can one be had by subtraction."""
    for table in open_findings(studies / study).tables.values():
        for column in [c for c in ("events_n", "students_n", "enrolled_n") if c in table.frame]:
            assert (table.frame[column].dropna() >= 10).all(), (table.id, column)


@pytest.mark.parametrize("how", [["-p", "params", "params/prairie.yml"], ["-f", "params/prairie.yml"]])
def test_plain_papermill_gives_the_same_findings(studies, tmp_path, how):
    project = copy_project(tmp_path)
    for name in ("01_suspensions", "02_disproportionality", "03_belonging"):
        command = [sys.executable, "-m", "papermill", f"notebooks/{name}.ipynb", f"{name}.ipynb",
                   "--cwd", "notebooks", "--no-progress-bar", *how]  # fmt: skip
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        plain = (project / "reports/prairie.draft/findings" / f"{name}.json").read_text(encoding="utf-8")
        assert plain == (studies / "prairie/findings" / f"{name}.json").read_text(encoding="utf-8")


def test_rendering_again_gives_the_same_page(studies, tmp_path):
    project = copy_project(tmp_path)
    shutil.copytree(studies / "prairie", project / "reports/prairie")
    before = (project / "reports/prairie/report.html").read_bytes()
    done = rpeval(project, "report", "reports/prairie")
    assert done.returncode == 0, done.stderr
    assert (project / "reports/prairie/report.html").read_bytes() == before


@each
def test_what_a_reader_reads_first(studies, study):
    page = (studies / study / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    said = {
        "lakeshore": "The design supports a causal reading under the assumptions",
        "riverbend": "But other removals took back much of the fall",
        "prairie": "We could not tell whether the program changed",
    }[study]
    assert said in text
    assert not re.search(r"\b(proven|led to|due to|caused by the program|the program works)\b", text)


def test_a_margin_changed_after_the_lock_is_told_with_what_it_changes(tmp_path):
    project = copy_project(tmp_path)
    assert rpeval(project, "lock", "params/prairie.yml").returncode == 0
    path = project / "params/prairie.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("oss_per_100: 1.0", "oss_per_100: 9.0"), encoding="utf-8")
    done = rpeval(project, "run", "params/prairie.yml")
    assert done.returncode == 0, done.stderr
    whole = open_findings(project / "reports/prairie")
    assert whole.findings["plan.deviations"].value == 1
    assert "oss_per_100" in " ".join(whole.tables["plan.changes"].rows()[0])
    assert whole.findings["suspensions.verdict"].value == "no meaningful effect"
    assert whole.findings["plan.verdict"].value == "inconclusive"  # what the locked margin says
