"""Who gets a restorative answer: by hand, and a difference that schools alone would make is not one."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.access import access_gap, answered, by_group

SCHOOLS = pd.DataFrame({"school_id": ["a", "b"], "year": 2018})


def incidents(**more):
    told = pd.DataFrame({"school_id": list("aaab"), "year": 2018, "incident_id": ["1", "2", "3", "4"],
                         "response": ["restorative", "sanction", "", "no_action"]})  # fmt: skip
    return told.assign(**more)


def test_answers_by_response_and_by_the_log_of_practices():
    assert answered(incidents(), SCHOOLS)[["eligible_n", "answered_n"]].values.tolist() == [[2, 1], [1, 0]]
    log = pd.DataFrame({"incident_id": ["3", "4", "", ""]})
    both = answered(incidents(), SCHOOLS, practices=log)
    assert both[["eligible_n", "answered_n"]].values.tolist() == [[3, 2], [1, 1]]
    only_log = answered(incidents(response=""), SCHOOLS, practices=log)
    assert only_log[["eligible_n", "answered_n"]].values.tolist() == [[3, 1], [1, 1]]


def test_an_event_without_an_incident_answers_none():
    log = pd.DataFrame({"incident_id": ["", ""]})
    assert answered(incidents(incident_id=""), SCHOOLS, practices=log)["answered_n"].sum() == 1


def test_no_response_anywhere_is_refused():
    with pytest.raises(MethodError, match="has no response"):
        answered(incidents(response=""), SCHOOLS)


def access(seed, *, gap=0.0, schools=30):
    """Schools answer 10 to 50 % restoratively; those that answer little have more incidents of group B."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(schools):
        rate = rng.uniform(0.1, 0.5)
        for year in (2018, 2019):
            for group, n in (("B", round(60 * (0.7 - rate))), ("W", round(60 * rate))):
                p = rate + gap * (group == "B")
                rows.append((f"s{number:02d}", year, group, n, rng.binomial(n, p)))
    return pd.DataFrame(rows, columns=["school_id", "year", "group", "eligible_n", "answered_n"])


def test_what_schools_do_differently_is_not_a_gap_within_them():
    told = access(1)
    raw = by_group(told).set_index("group")["percent"]
    assert raw["B"] < raw["W"] - 4  # over all schools together
    found = access_gap(told, group="B", reference="W")
    assert found.low < 0 < found.high


def test_a_planted_gap_is_held_as_often_as_intervals_say():
    held = [(e.low <= -5 <= e.high) for e in
            (access_gap(access(seed, gap=-0.05), group="B", reference="W") for seed in range(150))]  # fmt: skip
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 150))


def test_the_other_way_round_is_the_other_sign():
    told = access(3, gap=-0.1)
    one, other = (access_gap(told, group=g, reference=r) for g, r in (("B", "W"), ("W", "B")))
    assert other.value == pytest.approx(-one.value)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_too_few_schools_and_no_groups_are_refused():
    with pytest.raises(MethodError, match="2 schools only"):
        access_gap(access(1, schools=2), group="B", reference="W")
    with pytest.raises(MethodError, match="incidents by student group"):
        by_group(None)
