"""The lock: what it records, that it cannot be changed unseen, and that a changed plan shows as a deviation."""

import json
import re

import pytest

from rpeval.cli import app
from rpeval.errors import ParamsError, RunError
from rpeval.inputs.params import read_params
from rpeval.inputs.plan import (
    Entry,
    already_there,
    deviations,
    hash_files,
    hash_plan,
    lock_path,
    locked_value,
    plan_of,
    read_lock,
)
from rpeval.runs.plan import export_plan, lock_plan
from rpeval.runs.study import choose_steps, run_study

MARGINS = "  margins: {oss_per_100: 1.0}\n"
AT = "2027-05-03T10:00:00+00:00"


@pytest.fixture
def tiny(write_project, tmp_path):
    """A project whose one study declares a margin; its params file."""
    path = write_project(tmp_path / "project") / "params" / "tiny.yml"
    path.write_text(path.read_text() + MARGINS)
    return path


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def listed(path):
    params = read_params(path)
    return deviations(read_lock(params), plan_of(params)).values.tolist()


def test_nothing_is_locked_at_first(tiny):
    assert read_lock(read_params(tiny)) == ()
    assert listed(tiny) == []
    assert locked_value((), "margins.oss_per_100") is None


def test_a_lock_records_plan_hash_time_and_files(tiny):
    place, mark = lock_plan(tiny, at=AT)
    params = read_params(tiny)
    assert place == lock_path(params) == tiny.with_name("tiny.lock.json")
    (entry,) = read_lock(params)
    assert (entry.at, entry.reason, entry.previous, entry.hash) == (AT, "", "", mark)
    assert entry.plan["margins"] == {"oss_per_100": 1.0}
    assert entry.plan["outcome"] == "oss_per_100"
    written = json.loads(place.read_text())["entries"][0]
    assert written["plan_sha256"] == hash_plan(plan_of(params))
    assert listed(tiny) == []
    assert already_there((entry,), hash_files(params)) == ["panel"]


def test_the_time_is_now_by_default(tiny):
    lock_plan(tiny)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", read_lock(read_params(tiny))[0].at)


def test_a_changed_margin_after_the_lock_is_a_deviation(tiny):
    lock_plan(tiny, at=AT)
    change(tiny, "oss_per_100: 1.0", "oss_per_100: 0.5")
    assert listed(tiny) == [
        ["margins.oss_per_100", "1", "0.5", "No reason was recorded.", "after the last entry"]
    ]
    later = "2028-01-09T08:00:00+00:00"
    lock_plan(tiny, reason="The board asked for it.", at=later)
    assert listed(tiny) == [["margins.oss_per_100", "1", "0.5", "The board asked for it.", later]]
    assert locked_value(read_lock(read_params(tiny)), "margins.oss_per_100") == 1.0


def test_a_change_that_was_taken_back_stays_listed(tiny):
    lock_plan(tiny, at=AT)
    change(tiny, "oss_per_100: 1.0", "oss_per_100: 0.5")
    lock_plan(tiny, reason="One.", at=AT)
    change(tiny, "oss_per_100: 0.5", "oss_per_100: 1.0")
    lock_plan(tiny, reason="Two.", at=AT)
    assert [(row[1], row[2], row[3]) for row in listed(tiny)] == [("1", "0.5", "One."), ("0.5", "1", "Two.")]


@pytest.mark.parametrize(("old", "new", "what", "before", "after"), [
    ("outcome: oss_per_100", "outcome: suspended_per_100", "outcome", "oss_per_100", "suspended_per_100"),
    ("last: 2019-20", "last: 2018-19", "years.last", "2019-20", "2018-19"),
    ("seed: 1", "seed: 2", "seed", "1", "2"),
    (MARGINS, "", "margins.oss_per_100", "1", "not set"),
    (MARGINS, MARGINS + "  weights: students\n", "weights", "schools", "students"),
    (MARGINS, MARGINS + "  harms: {iss_per_100: 2.5}\n", "harms.iss_per_100", "not set", "2.5"),
    (MARGINS, MARGINS + "  companions: [iss_per_100]\n", "companions", "not set", "iss_per_100"),
    (MARGINS, MARGINS + "  gaps: [{group: B, reference: W}]\n", "gaps", "not set", "group B, reference W"),
    (MARGINS, MARGINS + '  exclusions: [{schools: ["0001"], reason: "Merged."}]\n', "exclusions", "not set",
     "schools 0001, reason Merged."),
])  # fmt: skip
def test_whatever_was_planned_is_followed(tiny, old, new, what, before, after):
    lock_plan(tiny, at=AT)
    change(tiny, old, new)
    assert [row[:3] for row in listed(tiny)] == [[what, before, after]]


@pytest.mark.parametrize(("old", "new"), [
    ("title: Restorative practices in Tiny", "title: Another title"), ("state: ZZ", "state: CA"),
    ("  outcome", "  # a comment\n  outcome"),
])  # fmt: skip
def test_what_cannot_move_a_result_is_no_deviation(tiny, old, new):
    lock_plan(tiny, at=AT)
    change(tiny, old, new)
    assert listed(tiny) == []


def test_data_that_came_after_the_lock_are_told_from_data_that_were_there(tiny):
    lock_plan(tiny, at=AT)
    panel = tiny.parents[1] / "data/tiny/panel.csv"
    panel.write_text(panel.read_text().replace(",500,20,", ",500,21,"))
    params = read_params(tiny)
    assert already_there(read_lock(params), hash_files(params)) == []


def test_it_refuses_to_overwrite_and_to_amend_without_cause(tiny):
    with pytest.raises(RunError, match="no locked plan"):
        lock_plan(tiny, reason="Why not.")
    lock_plan(tiny, at=AT)
    before = lock_path(read_params(tiny)).read_bytes()
    for reason in (None, "", " "):
        with pytest.raises(RunError, match="locked on 2027-05-03"):
            lock_plan(tiny, reason=reason)
    with pytest.raises(RunError, match="as it was locked"):
        lock_plan(tiny, reason="For no reason.")
    assert lock_path(read_params(tiny)).read_bytes() == before


def amended(tiny):
    """A lock with three entries, and its content."""
    lock_plan(tiny, at=AT)
    for k, (old, new) in enumerate([("1.0", "0.5"), ("0.5", "0.3")]):
        change(tiny, f"oss_per_100: {old}", f"oss_per_100: {new}")
        lock_plan(tiny, reason=f"Reason {k}.", at=AT)
    return json.loads(lock_path(read_params(tiny)).read_text())


@pytest.mark.parametrize(("spoil", "told"), [
    (lambda c: c["entries"][0]["plan"]["margins"].update(oss_per_100=0.3), "Entry 1 of the lock"),
    (lambda c: c["entries"][1].update(reason="A better reason."), "Entry 2 of the lock"),
    (lambda c: c["entries"][2].update(at="2020-01-01T00:00:00+00:00"), "Entry 3 of the lock"),
    (lambda c: c["entries"][0]["files"].clear(), "Entry 1 of the lock"),
    (lambda c: c["entries"].pop(0), "Entry 1 of the lock"),
    (lambda c: c["entries"].pop(1), "Entry 2 of the lock"),
    (lambda c: c["entries"].reverse(), "Entry 1 of the lock"),
    (lambda c: c["entries"].clear(), "no lock of this study"),
    (lambda c: c.update(study="other"), "no lock of this study"),
    (lambda c: c.pop("entries"), "cannot be read"),
])  # fmt: skip
def test_a_lock_that_was_changed_by_hand_is_refused(tiny, spoil, told):
    content = amended(tiny)
    assert len(read_lock(read_params(tiny))) == 3
    spoil(content)
    lock_path(read_params(tiny)).write_text(json.dumps(content))
    with pytest.raises(ParamsError, match=told):
        read_lock(read_params(tiny))


def test_an_entry_rewritten_with_a_matching_hash_breaks_the_chain(tiny):
    content = amended(tiny)
    row = content["entries"][0]
    row["plan"]["margins"]["oss_per_100"] = 0.3
    forged = Entry(row["at"], row["reason"], row["plan"], row["files"], row["previous"])
    content["entries"][0] = forged.as_json()
    lock_path(read_params(tiny)).write_text(json.dumps(content))
    with pytest.raises(ParamsError, match="Entry 2"):
        read_lock(read_params(tiny))


READ = """from rpeval.inputs.plan import deviations, plan_of, read_lock
table = deviations(read_lock(params), plan_of(params))
from rpeval.findings import Findings as Book
more = Book(params, notebook="02_more")
more.release("plan.deviations", table, title="Changes", labels={c: c for c in table})
more.save()"""


def test_the_lock_is_a_declared_input_of_the_clean_room(tiny, change_first_notebook):
    root = tiny.parents[1]
    change_first_notebook(root, READ)
    lock_plan(tiny, at=AT)
    change(tiny, "oss_per_100: 1.0", "oss_per_100: 0.5")
    folder = run_study(tiny)
    content = json.loads((folder / "manifest.json").read_text())
    assert [(i["key"], i["path"]) for i in content["inputs"]] == [
        ("params", "params/tiny.yml"), ("panel", "data/tiny/panel.csv"), ("lock", "params/tiny.lock.json")]  # fmt: skip
    table = (folder / "tables" / "plan.deviations.csv").read_text().splitlines()
    assert len(table) == 2
    assert table[1].startswith("margins.oss_per_100,1,0.5,No reason was recorded.,after the last entry")


def test_the_planning_notebook_runs_where_the_params_plan_a_rollout(tiny, write_notebook):
    root = tiny.parents[1]
    write_notebook(root / "notebooks" / "00_planning.ipynb", "1")

    class Room:
        study = "tiny"

    Room.root = root
    always = ["01_suspensions", "02_disproportionality", "05_report"]
    assert [step.name for step in choose_steps(Room, read_params(tiny))] == always
    change(tiny, MARGINS, MARGINS + "  plan: {adopters: 3}\n")
    names = [step.name for step in choose_steps(Room, read_params(tiny))]
    assert names == ["00_planning", *always]


def test_the_export_has_the_fields_of_the_registry(tiny):
    lock_plan(tiny, at=AT)
    text = export_plan(tiny)
    for title in ("I. General", "II. Desc", "III. Research", "IV. Design", "V. Sample", "VI. Outcomes",
                  "VII. Analysis", "VIII. Attach"):  # fmt: skip
        assert f"\n## {title}" in text
    assert "Simulated data" in text
    assert "oss_per_100 1" in text
    assert read_lock(read_params(tiny))[0].hash in text
    assert "Principal investigator: to be filled in" in text
    assert "None" not in text


@pytest.mark.parametrize("folder", ["tiny", "tiny.draft"])
def test_the_export_takes_the_numbers_of_the_planning_notebook(tiny, folder):
    path = tiny.parents[1] / "reports" / folder / "findings" / "00_planning.json"
    path.parent.mkdir(parents=True)
    found = {"id": "plan.detectable", "shown": "1.3", "unit": "per 100 students"}
    path.write_text(json.dumps({"findings": [found]}))
    assert "Smallest detectable effect: 1.3 per 100 students" in export_plan(tiny)
    assert "The same by formula: to be filled in" in export_plan(tiny)


def test_the_command(tiny, monkeypatch, capsys):
    from typer.testing import CliRunner

    monkeypatch.chdir(tiny.parents[1])
    run = CliRunner().invoke(app, ["lock", "params/tiny.yml"], obj={"debug": False})
    assert (run.exit_code, run.output.split()[0]) == (0, "params/tiny.lock.json")
    assert re.search(r"SHA-256 [0-9a-f]{64}", run.output)
    again = CliRunner().invoke(app, ["lock", "params/tiny.yml"], obj={"debug": False})
    assert again.exit_code == 6
    shown = CliRunner().invoke(app, ["lock", "params/tiny.yml", "--export"], obj={"debug": False})
    assert shown.exit_code == 0
    assert "## VI. Outcomes" in shown.output
