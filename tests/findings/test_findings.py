"""The waist: ids, what may be printed, disclosure control, and parts that are whole or absent."""

import json
import linecache
from pathlib import Path
from types import SimpleNamespace as S

import jsonschema
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpeval.findings
from rpeval.errors import FindingError
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.findings import Findings, collect, open_findings, show_number
from rpeval.findings.disclosure import hide_small
from rpeval.findings.finding import find

SCHEMA = json.loads((Path(rpeval.findings.__file__).parent / "findings.schema.json").read_text())


CELLS = {
    "who": 'name = "schools"\nbook.add(f"data.{name}", 60, label="Schools")\n',
    "names": 'labels = {"suspensions.att": "Effect"}',
    "effect": 'for id, label in labels.items():\n    attempt(lambda: book.add(id, 1.5, label=label))\n'
              'book.release("suspensions.trend", frame, title="Trend", labels={"rate": "Rate"})',
}  # fmt: skip


@pytest.fixture
def params(tmp_path):
    code = {id: source.splitlines(keepends=True) for id, source in CELLS.items()}
    notebook = {"cells": [{"cell_type": "code", "id": id, "source": source} for id, source in code.items()]}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/01_suspensions.ipynb").write_text(json.dumps(notebook))
    return S(study="x", title="X", simulated=True, district=S(name="X (simulated)"), seed=7,
             privacy=S(minimum=10), root=tmp_path, folder=tmp_path / "reports/x.draft",
             resolved=lambda: {"study": "x"})  # fmt: skip


ATT = Estimate(-2.04, se=0.5, low=-3.04, high=-1.04, df=59, unit="per 100", n=480, clusters=60, treated=24)


def filled(params) -> Findings:
    book = Findings(params, notebook="01_suspensions")
    book.add("data.schools", 60, label="Schools")
    book.add("suspensions.att", ATT, label="Effect", digits=1)
    book.add("suspensions.event.m1", Refusal("No year before.", "Add one."), label="Year before")
    book.release("suspensions.trend", pd.DataFrame({"year": ["2018-19", "2021-22"], "oss_n": [120.0, 90.0], "rate": [4.25, 3.0]}),
                 title="Trend", labels={"year": "Year", "rate": "Rate"}, keys=["year"], counts=[("oss_n", None)],
                 figure="trend", alt="Falls.", digits={"rate": 1},
                 marks={2021: "New code of conduct.", 2019: "Counselors added", 2010: "Long ago"})  # fmt: skip
    return book


def test_a_saved_part_and_the_collection_obey_the_published_schema(params):
    filled(params).save()
    collected = collect(params.folder)
    for path in [params.folder / "findings.json", params.folder / "findings/01_suspensions.json"]:
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert collected.findings["suspensions.att"].shown == "−2.0"
    assert collected.findings["suspensions.att"].shown_interval == "−3.0 to −1.0"
    assert collected.findings["suspensions.att"].treated == 24
    assert collected.tables["suspensions.trend"].rows() == [["2018-19", "4.2"], ["2021-22", "3.0"]]
    assert open_findings(params.folder).findings == collected.findings
    csv = pd.read_csv(params.folder / "findings.csv")
    assert csv["simulated"].all()
    assert list(csv["id"]) == ["data.schools", "suspensions.att", "suspensions.event.m1"]


def run_cell(source: str, names: dict) -> None:
    """Run code as IPython runs a cell: in __main__, with its source in linecache."""
    file = f"<cell {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)


def test_each_finding_knows_the_cell_that_made_it(params):
    names = {"__name__": "__main__", "book": Findings(params, notebook="01_suspensions"), "attempt": attempt,
             "frame": pd.DataFrame({"rate": [1.0]})}  # fmt: skip
    for source in CELLS.values():
        run_cell(source, names)
    run_cell("book.add('data.edited', 1, label='From a cell that is not stored')", names)
    names["book"].save()
    found = collect(params.folder)
    assert {id: f.cell for id, f in found.findings.items()} == {
        "data.schools": "who", "suspensions.att": "effect", "data.edited": ""}  # fmt: skip
    assert found.tables["suspensions.trend"].cell == "effect"


def test_the_schema_refuses_a_missing_number_without_a_reason(params):
    filled(params).save()
    part = json.loads((params.folder / "findings/01_suspensions.json").read_text())
    part["findings"][0]["value"] = None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(part, SCHEMA)


@pytest.mark.parametrize("id", ["att", "Suspensions.att", "a..b", "a.b ", "1.a", "a.b/c", ""])
def test_a_malformed_id_is_refused(params, id):
    with pytest.raises(FindingError, match="not a finding id"):
        Findings(params, notebook="n").add(id, 1, label="x")


def test_an_id_is_given_once(params):
    book = filled(params)
    with pytest.raises(FindingError, match="taken"):
        book.add("suspensions.trend", 1, label="x")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_number_that_is_none_is_not_a_finding(value):
    with pytest.raises(FindingError):
        find("a.b", value, label="x")


def test_an_estimate_with_an_infinite_interval_is_refused():
    with pytest.raises(FindingError, match="high"):
        find("a.b", Estimate(1.0, low=0.0, high=float("inf")), label="x")


def test_a_figure_needs_a_text_alternative(params):
    with pytest.raises(FindingError, match="alternative"):
        Findings(params, notebook="n").release("a.b", pd.DataFrame({"x": [1]}), title="T", labels={"x": "X"}, figure="trend")  # fmt: skip


def test_marks_are_stored_in_order_read_again_and_told_in_the_alternative_text(params):
    filled(params).save()
    table = collect(params.folder).tables["suspensions.trend"]
    assert list(table.marks.items()) == [(2019, "Counselors added"), (2021, "New code of conduct")]
    assert table.alt == "Falls. Marked A, 2019-20: Counselors added. Marked B, 2021-22: New code of conduct."


def test_a_table_stored_before_there_were_marks_is_read(params):
    filled(params).save()
    path = params.folder / "findings/01_suspensions.json"
    part = json.loads(path.read_text())
    del part["tables"][0]["marks"]
    path.write_text(json.dumps(part))
    assert collect(params.folder).tables["suspensions.trend"].marks == {}


@pytest.mark.parametrize("marks", [{"soon": "A"}, {21: "A"}, {2021: " "}])
def test_a_mark_needs_a_year_and_words(params, marks):
    with pytest.raises(FindingError, match="A mark needs a year and words"):
        Findings(params, notebook="n").release("a.b", pd.DataFrame({"year": [2021]}), title="T", labels={}, marks=marks)  # fmt: skip


def test_marks_need_a_table_over_years(params):
    with pytest.raises(FindingError, match="no years to mark"):
        Findings(params, notebook="n").release("a.b", pd.DataFrame({"x": [1]}), title="T", labels={"x": "X"}, marks={2021: "A"})  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(0, 4))
def test_a_shown_number_reads_back_within_half_a_digit(value, digits):
    text = show_number(value, digits).replace("−", "-").replace(",", "")
    assert abs(float(text) - value) <= 0.5 * 10**-digits * (1 + 1e-9) + abs(value) * 1e-12
    assert text not in ("-0", "-0.0", "-0.00")


@pytest.mark.parametrize(("cell", "of", "hidden"), [
    (9, 100, True), (10, 100, False), (0, 100, True), (91, 100, True), (90, 100, False), (3, 9, True),
    (None, 9, True), (None, 10, False), (12, 15, True),
])  # fmt: skip
def test_a_cell_and_its_complement_are_protected(params, cell, of, hidden):
    finding = Findings(params, notebook="n").add("a.b", 0.5, label="x", cell_n=cell, of_n=of)
    assert finding.suppressed is hidden
    assert (finding.value is None) is hidden


def test_a_hidden_cell_cannot_be_had_by_subtraction():
    frame = pd.DataFrame({"year": [1] * 4 + [2] * 4, "group": list("ABCD") * 2,
                          "n": [4.0, 12, 40, 90, 20, 30, 40, 50], "of": [500.0] * 8})  # fmt: skip
    released, hidden = hide_small(
        frame, keys=["year", "group"], counts=[("n", "of")], minimum=10, within="year"
    )
    assert released["suppressed"].tolist() == [True, True, False, False] + [False] * 4
    assert hidden == 2
    assert released.loc[released["suppressed"], ["n", "of"]].isna().all().all()


def test_hidden_cells_whose_sum_is_small_pull_another_with_them():
    frame = pd.DataFrame({"year": [1] * 4, "group": list("ABCD"), "n": [2.0, 3, 40, 90]})
    released, _ = hide_small(frame, keys=["year", "group"], counts=[("n", None)], minimum=10, within="year")
    assert released["suppressed"].tolist() == [True, True, True, False]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12), st.integers(5, 20)
)
def test_no_released_row_has_a_small_cell_or_complement(rows, minimum):
    frame = pd.DataFrame(rows, columns=["n", "rest"], dtype=float).assign(key=range(len(rows)))
    frame["of"] = frame["n"] + frame["rest"]
    released, _ = hide_small(frame, keys=["key"], counts=[("n", "of")], minimum=minimum)
    left = released[~released["suppressed"]]
    assert (left["n"] >= minimum).all()
    assert (left["of"] - left["n"] >= minimum).all()
    assert len(released) == len(frame)


def test_seeds_come_from_the_study_and_the_name(params):
    book = Findings(params, notebook="n")
    assert book.seed("a.b") == Findings(params, notebook="other").seed("a.b")
    assert book.seed("a.b") != book.seed("a.c")
    params.seed = 8
    assert book.seed("a.b") != Findings(params, notebook="n").seed("a.c")


def test_parts_of_other_params_are_not_mixed(params):
    filled(params).save()
    params.resolved = lambda: {"study": "x", "margins": {"belonging": 0.2}}
    Findings(params, notebook="03_belonging").save()
    with pytest.raises(FindingError, match="different params"):
        collect(params.folder)


def test_a_folder_without_findings_says_so(tmp_path):
    with pytest.raises(FindingError, match="Run 01_suspensions first"):
        collect(tmp_path)


def test_a_failed_write_leaves_the_old_part_whole(params, monkeypatch):
    book = filled(params)
    book.save()
    path = params.folder / "findings/01_suspensions.json"
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rpeval.findings.store.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        book.save()
    assert path.read_bytes() == before
    assert not list(params.folder.rglob(".*"))


def test_what_is_said_of_a_finding(params):
    book = filled(params)
    assert book.say("suspensions.att") == "Effect: −2.0 per 100 (95% CI −3.0 to −1.0)"
    assert book.say("suspensions.event.m1") == "Year before: not estimated. No year before. Add one."


def test_percents_near_zero_and_hundred_are_blurred_by_the_size_of_their_base(params):
    frame = pd.DataFrame({"wave": [2018, 2019, 2020, 2021], "students_n": [1000, 150, 45, 12],
                          "share": [0.2, 99.5, 97.0, 50.0]})  # fmt: skip
    book = Findings(params, notebook="n")
    book.release("a.b", frame, title="T", labels={"wave": "Wave", "students_n": "Students", "share": "Percent"},
                 keys=["wave"], digits={"share": 0}, percents={"share": "students_n"})  # fmt: skip
    book.save()
    table = collect(params.folder).tables["a.b"]
    assert [row[2] for row in table.rows()] == ["≤1", "≥98", "≥95", "50"]
    assert table.frame["share"].tolist() == [1.0, 98.0, 95.0, 50.0]  # the stored numbers tell no more
    with pytest.raises(FindingError, match="without their base students_n"):
        book.release("a.c", frame, title="T", labels={"share": "Percent"}, percents={"share": "students_n"})
