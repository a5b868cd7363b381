"""From a number back to its files: five roads told by hand, a planted notebook, and every number of three studies."""

import json
from xml.etree import ElementTree

import pytest
from finished_folder import finished

from rpeval.audit.columns import fields_behind
from rpeval.audit.dataflow import find_site, read_code, trace
from rpeval.audit.lineage import STOP, lineage, tell_lineage
from rpeval.audit.lineage_drawing import draw_lineage
from rpeval.errors import FindingError, RunError
from rpeval.findings.store import open_findings
from rpeval.runs.notebook import read_notebook


def notebook(*cells):
    return {"cells": [{"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [],
                       "execution_count": n} for n, source in enumerate(cells, start=1)]}  # fmt: skip


def code_of(*cells):
    return read_code(notebook(*cells), "planted")


PLANTED = (
    'params = "params/x.yml"',
    "from rpeval.inputs.panel import read_panel\nfrom rpeval.inputs.survey import read_survey\n"
    "from rpeval.inputs.params import read_params\nfrom rpeval.methods.did import imputation, twfe",
    "study = read_params(params)\npanel = read_panel(study)\nsurvey = read_survey(study, panel)",
    "schools = panel.frame\nunused = survey.frame",
    "kept = schools[schools['year'] > 2016]\nkept['extra'] = 1",
    'book.add("a.effect", imputation.att_imputation(kept), label="Effect")\n'
    'book.add("a.other", twfe.twfe(unused), label=f"{schools}")',
    'for name in ["one", "two.three"]:\n    book.add(f"b.{name}", kept[name], label="B")',
    'parts = {"x": kept, "y": unused}\nfor key, part in parts.items():\n    book.add(f"b.{key}.n", len(part), label="N")',
    'for pair in study.gaps:\n    name = f"c.{pair.id}"\n    book.add(f"{name}.att", panel.groups, label="C")',
    'kept = 5\nbook.add("d.last", kept, label="D")',
)


def road(code, id):
    """Cells on the road to an id, and the names that are used there."""
    site = find_site(code, id)
    kept, used = trace(code, site, STOP)
    return [code.statements[at].cell for at in kept], {name for name, _ in used}, site


@pytest.fixture(scope="module")
def planted():
    return code_of(*PLANTED)


def test_only_what_entered_is_kept(planted):
    cells, used, _ = road(planted, "a.effect")
    assert cells == ["c3", "c4", "c5", "c5", "c6"]  # a reader is where the road ends
    assert "imputation" in used
    assert not {"survey", "unused", "twfe"} & used


def test_wording_is_no_road(planted):
    cells, used, _ = road(planted, "a.other")
    assert cells == ["c3", "c4", "c6"]
    assert not {"kept", "schools", "panel"} & used


@pytest.mark.parametrize(("id", "cell", "wild"), [
    ("b.one", "c7", ()), ("b.two.three", "c7", ()), ("b.x.n", "c8", ()), ("c.black_white.att", "c9", ("black_white",)),
])  # fmt: skip
def test_ids_that_code_spells_are_found(planted, id, cell, wild):
    site = find_site(planted, id)
    assert (planted.statements[site.at].cell, site.wild) == (cell, wild)


def test_an_id_that_no_cell_spells_is_not_found(planted):
    assert find_site(planted, "b.three") is None
    assert find_site(planted, "a") is None


def test_a_later_value_hides_the_earlier_one(planted):
    cells, used, _ = road(planted, "d.last")
    assert cells == ["c10", "c10"]
    assert used == {"kept"}


def test_a_change_in_a_condition_hides_nothing():
    code = code_of("a = 1\nb = 2", "if b:\n    a = 3", 'book.add("x.y", a, label="")')
    cells, _, _ = road(code, "x.y")
    assert cells == ["c1", "c1", "c2", "c2", "c3"]


def test_magic_is_refused():
    with pytest.raises(RunError, match=r"Cell \[1\] is not plain Python"):
        code_of("%matplotlib inline\n!ls")


HAND = {
    # id: functions of rpeval.methods in its own cell, files in order, columns of the last file
    "suspensions.att": (
        {"did.imputation.att_imputation", "did.randomization.att_randomization"},
        ["panel", "adoption"], {"panel": {"school_id", "year", "oss_n", "enrolled_n"}}),
    "suspensions.iss_per_100.att": (
        {"did.design.lay_out", "did.diagnosis.att_by_design", "did.describe.margin"},
        ["panel", "adoption"], {"panel": {"school_id", "year", "iss_n", "enrolled_n"}}),
    "harms.achievement_sd.att": (
        {"did.design.lay_out", "did.diagnosis.att_by_design"},
        ["panel", "adoption", "outcomes"],
        {"panel": {"school_id", "year"}, "outcomes": {"school_id", "year", "achievement_sd"}}),
    "belonging.att": (
        {"survey.leading.effect_by_design"}, ["adoption", "survey", "invited"],
        {"survey": {"respondent_id", "school_id", "wave", "race", *(f"belong_{n}" for n in range(1, 7))}}),
    "cost.total": ({"cost.ingredients.cost_up"}, ["costs"], {"costs": set()}),
}  # fmt: skip


@pytest.mark.parametrize("id", HAND)
def test_roads_told_by_hand(studies, id):
    told = lineage(studies / "lakeshore", id)
    functions, files, columns = HAND[id]
    own = {
        f.removeprefix("rpeval.methods.") for f in told.steps[-1].functions if f.startswith("rpeval.methods.")
    }
    assert own == functions
    assert [source.key for source in told.sources] == files
    for source in told.sources:
        if source.key in columns:
            assert set(source.columns) == columns[source.key]


def test_rows_are_those_of_the_account(studies):
    (panel, _) = lineage(studies / "lakeshore", "suspensions.att").sources
    manifest = json.loads((studies / "lakeshore" / "manifest.json").read_text())
    recorded = next(item for item in manifest["inputs"] if item["key"] == "panel")
    assert (panel.rows_n, panel.sha256) == (480, recorded["sha256"])
    assert panel.used[:2] == ("480 rows read", "420 rows used")
    assert panel.used[2].startswith("60 left out: Year left out")


def test_every_number_and_table_has_a_road_or_says_why_not(studies):
    seen = 0
    for name in ("lakeshore", "riverbend", "prairie"):
        found = open_findings(studies / name)
        codes = {}
        for id, made in {**found.findings, **found.tables}.items():
            if made.notebook not in codes:
                path = studies / name / "notebooks" / f"{made.notebook}.ipynb"
                codes[made.notebook] = read_code(read_notebook(path), made.notebook)
            site = find_site(codes[made.notebook], id)
            assert site is not None, id
            trace(codes[made.notebook], site, STOP)
            seen += 1
    assert seen > 500


def test_the_tree_and_the_picture_say_the_same(studies):
    told = lineage(studies / "lakeshore", "suspensions.att")
    lines = tell_lineage(told)
    assert lines[0] == "Effect on out-of-school suspensions [suspensions.att]"
    assert "      rpeval.methods.did.imputation.att_imputation" in lines
    svg = draw_lineage(told)
    root = ElementTree.fromstring(svg)
    ns = {"s": "http://www.w3.org/2000/svg"}
    assert "suspensions.att" in root.find("s:title", ns).text
    assert root.find("s:desc", ns).text
    words = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    for part in ("methods.did.imputation.att_imputation", "data/simulated/lakeshore/panel.csv", "oss_n"):
        assert part in words
    number, *_, file = root.findall(".//s:g[@role='listitem']", ns)
    assert "The number" in "".join(number.itertext())
    assert "File: adoption" in "".join(file.itertext())
    assert draw_lineage(told) == svg


def test_without_the_studys_files_columns_are_not_told(tmp_path):
    folder = finished(tmp_path)
    (folder / "notebooks" / "01_suspensions.ipynb").write_text(json.dumps(notebook(
        "from rpeval.inputs.panel import read_panel", "panel = read_panel(study)",
        'book.add("suspensions.att", panel.frame, label="A")')))  # fmt: skip
    told = lineage(folder, "suspensions.att")
    assert [source.key for source in told.sources] == ["panel"]
    assert told.sources[0].columns == ()
    assert "columns cannot be told" in told.gaps[0]
    assert "    columns: not told" in tell_lineage(told)
    lost = lineage(folder, "suspensions.twfe")
    assert lost.steps == ()
    assert "No cell of the notebook spells this id" in lost.gaps[0]


def test_an_unknown_id_is_refused(tmp_path):
    with pytest.raises(FindingError, match="no such finding"):
        lineage(finished(tmp_path), "suspensions.all")


def test_fields_behind_rates():
    assert fields_behind(["removals_per_100"]) == {"oss_n", "iss_n", "expelled_n", "enrolled_n"}
    assert fields_behind(["oss_days_per_100", "x"]) == {"oss_days", "enrolled_n"}
