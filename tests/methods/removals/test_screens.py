"""Screens: by hand on tiny logs, and what was planted in the simulated study is flagged."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Estimate, Refusal
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.removals import read_removals
from rpeval.inputs.truth import read_truth
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.removals import screens

LOG = pd.DataFrame(
    [  # id, school, year, start, severity, acted, absent, sent home
        ("1", "a", 2017, 2018.0, "serious", True, True, False),
        ("2", "a", 2017, 2018.0, "minor", False, False, False),
        ("3", "a", 2018, 2018.0, "minor", False, True, False),
        ("4", "a", 2018, 2018.0, "", False, False, True),
        ("5", "b", 2017, np.nan, "moderate", None, True, False),
    ],
    columns=["incident_id", "school_id", "year", "start_year", "severity", "acted", "absent", "sent_home"],
).astype({"acted": "boolean"})
SCHOOLS = pd.DataFrame(
    {"school_id": ["a", "a", "b", "b"], "school_name": ["Elm", "Elm", "Oak", "Oak"],
     "year": [2017, 2018, 2017, 2018], "start_year": [2018.0, 2018.0, np.nan, np.nan],
     "enrolled_n": [100.0, 200.0, 50.0, 50.0]}
)  # fmt: skip
UP, FLAT, DOWN = (Estimate(v, low=v - 1, high=v + 1) for v in (3.0, 0.0, -3.0))


@pytest.fixture(scope="module")
def riverbend(root):
    params = read_params(root / "params/riverbend.yml")
    panel = read_panel(params)
    removals = read_removals(params, panel)
    return params, panel, removals, screens.by_school_year(removals.incidents, panel.frame)


def test_school_years_by_hand():
    panel = screens.by_school_year(LOG, SCHOOLS)
    assert panel["incidents_n"].tolist() == [2, 2, 1, 0]
    assert panel["incidents_per_100"].tolist() == [2, 1, 2, 0]
    assert panel["hidden_n"].tolist() == [0, 2, 0, 0]
    assert panel["serious_percent"].fillna(-1).tolist() == [50, 0, 0, -1]


def test_hidden_removals_by_hand():
    screen = screens.hidden_removals(LOG, change=UP)
    assert screen.table.to_dict("records") == [
        {"when": "other school-years", "incidents_n": 3, "unanswered_n": 1, "hidden_n": 0, "percent": 0},
        {"when": "program years", "incidents_n": 2, "unanswered_n": 2, "hidden_n": 2, "percent": 100},
    ]
    assert "Of 3 incidents without an action" in screen.sentence
    assert [screens.hidden_removals(LOG, change=c).flagged for c in (UP, FLAT, DOWN, None)] == [
        True, False, False, None,
    ]  # fmt: skip


def test_severity_is_flagged_beyond_five_points_only_when_clear():
    far = Estimate(-8.0, low=-12.0, high=-4.0)
    unsure = Estimate(-8.0, low=-20.0, high=4.0)
    small = Estimate(-3.0, low=-4.0, high=-2.0)
    flags = [screens.severity(LOG, change=c).flagged for c in (far, unsure, small, None)]
    assert flags == [True, False, False, None]
    table = screens.severity(LOG).table.set_index("when")
    assert table.loc["other school-years", ["incidents_n", "serious_n"]].tolist() == [3, 1]
    assert "chance could do" in screens.severity(LOG, change=unsure).sentence


@pytest.mark.parametrize(("log", "others", "flagged"), [
    (DOWN, [FLAT], True), (DOWN, [UP, FLAT], True), (DOWN, [DOWN, FLAT], False), (FLAT, [FLAT], False),
    (UP, [FLAT], False), (Refusal("No log.", "Name it."), [FLAT], None),
])  # fmt: skip
def test_a_fall_in_the_log_is_checked_against_what_others_count(log, others, flagged):
    screen = screens.recording(log, [(f"Count {k}", est) for k, est in enumerate(others)])
    assert screen.flagged is flagged
    assert len(screen.table) == len(others) + isinstance(log, Estimate)


def test_attendance_codes_by_hand():
    codes = SCHOOLS.assign(kind="unexcused", events_n=[1.0, 4.0, 1.0, 0.0])
    table = screens.attendance_codes(codes).table.set_index("when")
    assert table.loc["program years", "per_100"] == 2
    assert table.loc["other school-years", "per_100"] == 1


def test_silent_school_years_and_how_likely_they_are():
    many = pd.concat([LOG[["incident_id", "school_id", "year", "start_year"]]] * 4)
    screen = screens.silent_schools(many, SCHOOLS)
    assert screen.table[["school_name", "year"]].to_numpy().tolist() == [["Oak", 2018]]
    assert screen.table["expected_n"].item() == 4  # 4 incidents of 50 students in the other year
    assert screen.table["chance"].item() == pytest.approx(np.exp(-4))
    assert not screen.flagged
    assert screens.silent_schools(pd.concat([many] * 2), SCHOOLS).flagged


def test_the_sample_is_the_same_in_any_order_and_half_of_it_hidden(riverbend):
    log = riverbend[2].incidents
    first = screens.audit_sample(log, seed=4)
    again = screens.audit_sample(log.sample(frac=1, random_state=8), seed=4)
    pd.testing.assert_frame_equal(first, again)
    assert (len(first), (first["hidden"] == "yes").sum()) == (60, 30)
    assert not {"student", "student_id"} & set(first)
    assert set(screens.audit_sample(log, seed=5)["incident_id"]) != set(first["incident_id"])
    assert len(screens.audit_sample(LOG, seed=1)) == len(LOG)


def test_what_was_planted_in_riverbend_is_flagged(riverbend):
    params, panel, removals, log = riverbend
    changes = {
        name: att_imputation(lay_out(log, outcome=name)) for name in ("hidden_per_100", "serious_percent")
    }
    truth = read_truth(params)["screens.severity.att"]["value"]
    assert changes["serious_percent"].low < truth < changes["serious_percent"].high
    assert screens.hidden_removals(removals.incidents, change=changes["hidden_per_100"]).flagged
    assert screens.severity(removals.incidents, change=changes["serious_percent"]).flagged
    silent = screens.silent_schools(removals.incidents, panel.frame)
    assert silent.flagged
    assert silent.table["school_name"].tolist() == ["Kingfisher Elementary"]


@pytest.mark.parametrize("ask", [
    lambda: screens.hidden_removals(None), lambda: screens.severity(LOG.assign(severity="")),
    lambda: screens.attendance_codes(None), lambda: screens.silent_schools(None, SCHOOLS),
    lambda: screens.recording(DOWN, []), lambda: screens.audit_sample(None, seed=1),
    lambda: screens.hidden_removals(LOG.drop(columns="absent")),
])  # fmt: skip
def test_what_is_not_there_is_not_assessed(ask):
    with pytest.raises(MethodError, match="not assessed"):
        ask()
