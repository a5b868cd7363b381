"""Two sets of findings side by side: each kind under its own tolerance, conclusions first."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from rpeval.findings import Collected, Finding, Table
from rpeval.findings.compare import ABSENT, compare

BASE = Finding("a.b", "A number", 2.0, "exact", "2.0", low=1.0, high=3.0, level=0.95, p=0.01, se=0.5, n=40,
               unit="points", shown_interval="1.0 to 3.0")  # fmt: skip
FRAME = pd.DataFrame({"school": ["A", "B"], "n": [10, 20], "rate": [1.5, float("nan")]})
TABLE = Table("a.t", "A table", FRAME, {"school": "School", "n": "Students", "rate": "Rate"}, figure="dots")


def one(**changed):
    return {"a.b": replace(BASE, **changed)}


def whole(findings=None, tables=None):
    tables = {"a.t": TABLE} if tables is None else tables
    return Collected("x", "X", "X", True, findings or one(), tables, None)


def told(**changed):
    return [(d.id, d.what) for d in compare(one(), one(**changed)).differences]


@pytest.mark.parametrize(("kind", "moved", "same"), [
    ("exact", 1e-10, True), ("exact", 1e-8, False), ("iterative", 1e-8, True), ("iterative", 1e-5, False),
    ("simulated", 1e-10, True), ("simulated", 1e-8, False), ("count", 1e-10, False), ("count", 0, True),
])  # fmt: skip
@pytest.mark.parametrize("field", ["value", "low", "high", "se", "p"])
def test_each_kind_has_its_own_tolerance(kind, moved, same, field):
    if kind == "count" and field != "value":
        return  # bounds of a count are closed forms
    old = one(kind=kind)
    new = one(kind=kind, **{field: getattr(BASE, field) * (1 + moved)})
    assert compare(old, new).same is same


def test_a_difference_is_told_with_both_numbers_and_its_size():
    found = compare(one(), one(value=2.5, shown="2.5")).numbers
    assert [(d.id, d.label, d.what, d.old, d.new) for d in found] == [("a.b", "A number", "value", 2.0, 2.5)]
    assert found[0].relative == pytest.approx(0.2)
    assert "1e-09" in found[0].tolerance


@pytest.mark.parametrize(("changed", "what"), [
    ({"n": 41}, "n"), ({"unit": "percent"}, "unit"), ({"label": "Another"}, "label"), ({"shown": "2.1"}, "shown"),
    ({"low": None, "shown_interval": ""}, "low"), ({"method": "by hand"}, "method"), ({"kind": "count"}, "kind"),
])  # fmt: skip
def test_what_else_a_reader_sees_is_compared(changed, what):
    assert told(**changed) == [("a.b", what)]


def test_a_digit_that_rounding_turned_is_no_difference():
    old, new = one(value=0.25, shown="0.2"), one(value=0.25 + 1e-14, shown="0.3")
    assert compare(old, new).same
    assert not compare(old, one(value=0.25, shown="0.3")).same


@pytest.mark.parametrize("value", [None, float("nan")])
def test_missing_equals_missing_and_nothing_else(value):
    missing = one(value=value)
    assert compare(missing, missing).same
    assert compare(missing, one(value=None)).same
    assert not compare(missing, one()).same
    assert not compare(one(value=0.0), missing).same


def test_zero_and_its_rounding_are_the_same_and_signs_are_not():
    assert compare(one(value=0.0), one(value=-3e-15)).same
    assert not compare(one(value=1e-9), one(value=-1e-9)).same


def test_conclusions_come_first():
    old = one() | {
        "x.verdict": Finding("x.verdict", "V", "supported", "text", "supported", decision="supported")
    }
    new = one(value=9.0, decision="flagged") | {
        "x.verdict": replace(old["x.verdict"], value="leaning", shown="leaning", decision="leaning")
    }
    found = compare(old, new)
    assert {(d.id, d.what, d.old, d.new) for d in found.conclusions} == {
        ("a.b", "decision", "", "flagged"), ("x.verdict", "decision", "supported", "leaning"),
        ("x.verdict", "value", "supported", "leaning"),
    }  # fmt: skip
    assert [d.what for d in found.numbers] == ["value"]
    assert found.differences[: len(found.conclusions)] == found.conclusions


def test_what_was_added_or_removed_is_named_and_counts_as_a_conclusion_where_it_is_one():
    more = one() | {
        "a.c": replace(BASE, id="a.c"),
        "s.relabeled": replace(BASE, id="s.relabeled", value="Yes."),
    }
    found = compare(one(), more)
    assert found.added == ("a.c", "s.relabeled")
    assert [(d.id, d.old, d.new) for d in found.conclusions] == [("s.relabeled", ABSENT, "Yes.")]
    assert compare(more, one()).removed == found.added
    assert [d.what for d in compare(more, one()).differences] == ["presence", "presence"]


def simulated(**changed):
    return one(kind="simulated", **changed)


def test_another_seed_allows_three_combined_monte_carlo_errors():
    """The error that a finding states is that of p where there is a p, and else that of the value."""
    alone = {"p": None, "low": None, "high": None, "se": None, "mcse": 0.1}
    limit = 3 * math.hypot(0.1, 0.1)
    for move, same in ((0.99 * limit, True), (1.01 * limit, False)):
        pair = simulated(**alone), simulated(**alone | {"value": 2.0 + move})
        assert compare(*pair, same_seed=False).same is same
        assert not compare(*pair).same
    with_p = {"mcse": 0.003}
    assert compare(simulated(**with_p), simulated(**with_p, p=0.02), same_seed=False).same
    assert not compare(simulated(**with_p), simulated(**with_p, p=0.03), same_seed=False).same
    assert not compare(simulated(**with_p), simulated(**with_p, value=2.1), same_seed=False).same


def test_bounds_by_inversion_move_by_the_error_of_p_at_their_own_level():
    """999 deals: at 5 % the error of p is 0.0069, and the slope of p at a bound one in half a width."""
    p, deals = 0.01, 1000
    stated = {"p": p, "mcse": math.sqrt(p * (1 - p) / deals)}
    step = math.sqrt(0.05 * 0.95 / deals) / (2 * 0.0584507) / 1.959964  # per unit of half-width
    for times, same in ((2.9, True), (3.1, False)):
        new = simulated(**stated, low=1.0 + times * math.sqrt(2) * step)
        assert compare(simulated(**stated), new, same_seed=False).same is same


def test_a_simulated_number_without_its_error_cannot_be_judged_under_another_seed():
    found = compare(simulated(), simulated(low=1.01), same_seed=False).numbers
    assert [d.tolerance for d in found] == ["within 1e-09: it states no Monte Carlo error"]


def with_frame(**columns):
    return whole(tables={"a.t": replace(TABLE, frame=FRAME.assign(**columns))})


@pytest.mark.parametrize(("columns", "what"), [
    ({"rate": [1.5 + 1e-8, None]}, None), ({"rate": [1.5001, None]}, "row 1, Rate"),
    ({"rate": [1.5, 2.0]}, "row 2, Rate"), ({"n": [10, 21]}, "row 2, Students"),
    ({"school": ["A", "C"]}, "row 2, School"), ({"more": [1, 2]}, "rows and columns"),
    ({"n": [10.0, 20.0]}, None), ({"n": [10, 20.00000001]}, None), ({"n": [10, 20.1]}, "row 2, Students"),
])  # fmt: skip
def test_tables_are_compared_cell_by_cell(columns, what):
    found = compare(whole(), with_frame(**columns))
    assert [d.what for d in found.cells] == ([what] if what else [])
    assert found.figures == (("a.t",) if what else ())


def test_tables_that_are_shorter_gone_or_worded_otherwise():
    shorter = compare(whole(), whole(tables={"a.t": replace(TABLE, frame=FRAME.head(1))}))
    assert [(d.what, d.old[:6], d.new[:6]) for d in shorter.cells] == [
        ("rows and columns", "2 rows", "1 rows")
    ]
    assert compare(whole(), whole(tables={})).removed == ("a.t",)
    said = compare(whole(), whole(tables={"a.t": replace(TABLE, title="Another")}))
    assert [(d.id, d.what) for d in said.words] == [("a.t", "title")]
    assert said.figures == ()


def test_stored_findings_of_a_few_fields_are_enough():
    stored = {"a.b": {"kind": "exact", "value": 2.0, "shown": "2.0"}}
    assert compare(stored, whole()).same
    assert compare(stored, whole()).tables_n == 0
    assert [d.what for d in compare(stored, one(value=3.0)).differences] == ["value"]
