"""What changed between two reports: planted changes are told, conclusions first, and nothing else is."""

import json
import shutil

import pytest
from finished_folder import finished

from rpeval.audit.diff import as_markdown, as_text, diff_reports
from rpeval.errors import RunError


@pytest.fixture
def reports(tmp_path):
    """A finished report and a copy of it."""
    old = finished(tmp_path)
    return old, shutil.copytree(old, old.with_name("lakeshore.new"))


def edit(folder, id, **fields):
    """Change fields of a finding as another run would have left them."""
    path = folder / "findings.json"
    content = json.loads(path.read_text())
    next(f for f in content["findings"] if f["id"] == id).update(fields)
    path.write_text(json.dumps(content))


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_equal_reports_are_the_same(reports):
    changes = diff_reports(*reports)
    assert changes.same
    assert changes.cues == ()
    assert "No conclusion changed." in as_markdown(changes)


def test_a_conclusion_comes_first(reports):
    edit(reports[1], "suspensions.verdict", value="supported", shown="supported", decision="supported")
    edit(reports[1], "suspensions.att", value=-2.41, shown="−2.4")
    changes = diff_reports(*reports)
    assert [(c.id, c.old, c.new) for c in changes.conclusions] == [
        ("suspensions.verdict", "leaning", "supported")
    ]
    assert [c.id for c in changes.numbers] == ["suspensions.att"]
    text = as_markdown(changes)
    assert text.index("[suspensions.verdict]: leaning → supported") < text.index("[suspensions.att]")


def test_a_move_is_told_as_a_share_of_the_interval(reports):
    """The effect is -2.1 with an interval from -3.34 to -0.86: a move of 0.31 is a quarter of half of it."""
    edit(reports[1], "suspensions.att", value=-2.41, shown="−2.4")
    (change,) = diff_reports(*reports).numbers
    assert change.moved == pytest.approx(0.31 / 1.24)
    row = next(line for line in as_text(diff_reports(*reports)) if "suspensions.att]" in line)
    assert (
        "−2.1 per 100 students (−3.3 to −0.9) → −2.4 per 100 students (−3.3 to −0.9), by 25 % of half" in row
    )


def test_what_no_reader_can_see_is_counted_not_listed(reports):
    edit(reports[1], "suspensions.att", value=-2.1001)
    changes = diff_reports(*reports)
    assert not changes.same
    assert "Findings that moved by less than a printed digit: 1." in as_markdown(changes)
    assert "[suspensions.att]" not in as_markdown(changes)


def test_below_the_tolerance_nothing_is_told(reports):
    edit(reports[1], "suspensions.att", value=-2.1 * (1 + 1e-13))
    assert diff_reports(*reports).same


def test_the_largest_move_is_told_first(reports):
    edit(reports[1], "suspensions.twfe", value=-1.8, shown="−1.8")
    edit(reports[1], "suspensions.att", value=-3.1, shown="−3.1")
    assert [c.id for c in diff_reports(*reports).numbers] == ["suspensions.att", "suspensions.twfe"]


def test_findings_that_came_and_went_are_named(reports):
    path = reports[1] / "findings.json"
    content = json.loads(path.read_text())
    gone = content["findings"].pop(0)
    content["findings"].append({**gone, "id": "data.pupils"})
    path.write_text(json.dumps(content))
    changes = diff_reports(*reports)
    assert (changes.added, changes.removed) == (("data.pupils",), ("data.schools",))
    assert "## Findings no longer there\n\n- data.schools" in as_markdown(changes)


def test_a_cell_of_a_table_is_told(reports):
    path = reports[1] / "tables" / "data.accounting.csv"
    path.write_text(
        path.read_text().replace("panel,Merged with another school.,6", "panel,Merged with another school.,7")
    )
    assert diff_reports(*reports).tables == (("Rows that were not used, and why", 1),)


def test_only_words(reports):
    edit(reports[1], "suspensions.att", label="Effect on suspensions")
    changes = diff_reports(*reports)
    assert (changes.words, changes.numbers) == (("suspensions.att",), ())


def plant(content):
    content["params"]["resolved"]["years"]["first"] = "2017-18"
    content["params"]["resolved"]["seed"] = 2
    content["inputs"][1].update(sha256="e" * 64, bytes=99)
    content["notebooks"][0]["cells"]["effect"] = "f" * 64
    content["code"]["rpeval"].update(version="0.2.0", modules={"errors.py": "9" * 64})
    content["code"]["reference"]["files"]["claims.yml"] = "8" * 64
    content["code"]["packages"]["pandas"] = "3.1.0"
    content["machine"]["processor"] = "arm64"


def test_every_cue_is_named_with_old_and_new(reports):
    edit_manifest(reports[1], plant)
    changes = diff_reports(*reports)
    told = {(cue.kind, cue.name): cue.what for cue in changes.cues}
    assert told.pop(("environment", "processor")).endswith("→ arm64")
    assert told == {
        ("params", "years.first"): "2016-17 → 2017-18",
        ("seed", "seed"): "not there → 2",
        (
            "data",
            "panel (data/lakeshore/panel.csv)",
        ): f"52 bytes, {first_hash(reports[0])} → 99 bytes, {'e' * 12}",
        ("notebooks", "01_suspensions effect"): f"{'a' * 12} → {'f' * 12}",
        ("package", "version"): "0.1.0 → 0.2.0",
        ("package", "errors.py"): f"{'b' * 12} → {'9' * 12}",
        ("reference", "claims.yml"): f"not there → {'8' * 12}",
        ("environment", "pandas"): "3.0.0 → 3.1.0",
    }
    assert changes.same  # what went in is not what came out


def test_many_cues_of_a_kind_are_counted(reports):
    edit_manifest(
        reports[1], lambda c: c["code"]["packages"].update({f"library{n:02d}": "1.0" for n in range(30)})
    )
    lines = as_text(diff_reports(*reports))
    assert "  environment: 10 more" in lines
    assert sum("library" in line for line in lines) == 20


def first_hash(folder):
    return json.loads((folder / "manifest.json").read_text())["inputs"][1]["sha256"][:12]


def test_the_note_is_stamped(reports):
    assert "**Simulated data: no real district is described.**" in as_markdown(diff_reports(*reports))
    for folder in reports:
        edit_manifest(folder, lambda content: content.update(simulated=False))
    assert "imulated" not in as_markdown(diff_reports(*reports)).replace("Lakeshore (simulated)", "")


def test_two_studies_are_refused(reports):
    edit_manifest(reports[1], lambda content: content.update(study="prairie"))
    with pytest.raises(RunError, match="two studies, lakeshore and prairie"):
        diff_reports(*reports)


def test_a_folder_that_is_no_report_is_refused(reports):
    (reports[1] / "manifest.json").unlink()
    with pytest.raises(RunError, match="no finished report"):
        diff_reports(*reports)
