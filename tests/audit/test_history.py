"""The decision log: only added to, and an entry that was touched is named."""

import hashlib
import json

import pytest
from project import copy_project

from rpeval.audit.history import KINDS, read_decisions, record_decision, tell_history
from rpeval.errors import FindingError, ParamsError
from rpeval.runs.plan import lock_plan

TIMES = ["2027-01-05T10:00:00+00:00", "2027-02-05T10:00:00+00:00", "2027-03-05T10:00:00+00:00"]


@pytest.fixture
def study(tmp_path):
    return copy_project(tmp_path) / "params" / "prairie.yml"


@pytest.fixture
def logged(study):
    """A log of three decisions, and its path."""
    told = [("exclusion", "School 0105 is left out.", "It merged."), ("override", "Two warnings.", "Checked."),
            ("release", "The report went to the board.", "It was asked for.")]  # fmt: skip
    for (kind, what, why), at in zip(told, TIMES, strict=True):
        path, _ = record_decision(study, kind=kind, what=what, why=why, who="evaluation office", at=at,
                                  findings=["suspensions.att"] if kind == "release" else ())  # fmt: skip
    return path


def test_entries_are_added_and_chained(logged):
    rows = json.loads(logged.read_text())["entries"]
    assert [row["kind"] for row in rows] == ["exclusion", "override", "release"]
    assert [row["at"] for row in rows] == TIMES
    assert [row["previous"] for row in rows] == ["", rows[0]["sha256"], rows[1]["sha256"]]
    assert rows[2]["findings"] == ["suspensions.att"]


def test_the_hash_can_be_made_by_hand(logged):
    row = json.loads(logged.read_text())["entries"][0]
    told = [row[k] for k in ("at", "kind", "who", "what", "why", "findings", "previous")]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == row["sha256"]


@pytest.mark.parametrize("field", ["at", "kind", "who", "what", "why", "findings", "previous", "sha256"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_touched_entry_is_named(logged, field, number):
    content = json.loads(logged.read_text())
    row = content["entries"][number - 1]
    row[field] = ["x.y"] if field == "findings" else f"{row[field]}0"
    logged.write_text(json.dumps(content))
    with pytest.raises(ParamsError, match=f"Entry {number} of the decision log is not as it was recorded"):
        read_decisions(logged, study="prairie")


def test_an_entry_taken_out_or_swapped_is_named(logged):
    content = json.loads(logged.read_text())
    first, second, third = content["entries"]
    for entries, number in (([first, third], 2), ([second, first, third], 1), ([second, third], 1)):
        logged.write_text(json.dumps({**content, "entries": entries}))
        with pytest.raises(ParamsError, match=f"Entry {number} "):
            read_decisions(logged, study="prairie")


def test_a_rehashed_entry_breaks_the_next(logged):
    content = json.loads(logged.read_text())
    row = content["entries"][1]
    row["why"] = "Another reason."
    told = [row[k] for k in ("at", "kind", "who", "what", "why", "findings", "previous")]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    row["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    logged.write_text(json.dumps(content))
    with pytest.raises(ParamsError, match="Entry 3 "):
        read_decisions(logged, study="prairie")


def test_nothing_is_added_to_a_broken_log(logged, study):
    broken = logged.read_text().replace("It merged.", "It closed.")
    logged.write_text(broken)
    with pytest.raises(ParamsError, match="Entry 1 "):
        record_decision(study, kind="note", what="x", why="y", who="z")
    assert logged.read_text() == broken


@pytest.mark.parametrize(("spoil", "error", "words"), [
    ({"kind": "whim"}, ParamsError, "whim is no kind of decision"),
    ({"what": " "}, ParamsError, "has no what"),
    ({"why": ""}, ParamsError, "has no why"),
    ({"who": ""}, ParamsError, "has no who"),
    ({"findings": ["ATT"]}, FindingError, "not a finding id"),
])  # fmt: skip
def test_it_refuses(study, spoil, error, words):
    told = {"kind": "note", "what": "a", "why": "b", "who": "c"}
    with pytest.raises(error, match=words):
        record_decision(study, **told | spoil)
    assert not (study.parent / "prairie.decisions.json").exists()


def test_another_studys_log_is_refused(logged):
    with pytest.raises(ParamsError, match="no decision log of this study"):
        read_decisions(logged, study="lakeshore")
    logged.write_text("{")
    with pytest.raises(ParamsError, match="cannot be read"):
        read_decisions(logged, study="prairie")


def test_the_history_tells_plan_and_decisions_in_order_of_time(logged, study):
    lock_plan(study, at="2027-01-20T10:00:00+00:00")
    lines = tell_history(study)
    heads = [line for line in lines if line.startswith("2027")]
    assert [head.split("  ")[1] for head in heads] == [
        "1. exclusion: School 0105 is left out.", "plan locked", "2. override: Two warnings.",
        "3. release: The report went to the board.",
    ]  # fmt: skip
    assert "    Findings: suspensions.att" in lines
    assert lines[-1] == "The chains are whole. Entries of the plan: 1; decisions: 3."


def test_without_a_record_it_says_so(study):
    assert tell_history(study) == ["Nothing is on record: no plan was locked and no decision was logged."]


def test_every_kind_can_be_recorded(study):
    for kind in KINDS:
        record_decision(study, kind=kind, what="a", why="b", who="c", at=TIMES[0])
    assert len(read_decisions(study.parent / "prairie.decisions.json", study="prairie")) == len(KINDS)
