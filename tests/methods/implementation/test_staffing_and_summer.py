"""Positions, hours and sections by hand; summer sites described, with a planted difference."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.staffing import coordinators, curriculum, positions_kept, staff_hours
from rpeval.methods.implementation.summer import by_site, compare_sites, rate_ratio

SCHOOLS = pd.DataFrame(
    {"school_id": list("aaabbb"), "year": [2018, 2019, 2020] * 2, "start_year": 2018.0, "enrolled_n": 250.0}
)


def test_coordinators_and_whether_they_stay():
    rows = [("a", 2018, "all_staff", np.nan, ""), ("a", 2018, "coordinator", 0.3, "grant"), ("a", 2018, "coordinator", 0.2, "own"),
            ("a", 2019, "coordinator", 0.5, "own"), ("a", 2020, "all_staff", np.nan, ""),
            ("b", 2018, "coordinator", np.nan, "grant"), ("b", 2019, "all_staff", np.nan, "")]  # fmt: skip
    staffing = pd.DataFrame(rows, columns=["school_id", "year", "role", "fte", "funding"])
    made = coordinators(staffing, SCHOOLS)
    assert made["fte_per_500"].tolist() == pytest.approx([1.0, 1.0, 0.0, np.nan, 0.0], nan_ok=True)
    assert positions_kept(made)[["year", "kept_n"]].values.tolist() == [[2018, 1], [2019, 0]]


def test_hours_of_staff_by_hand():
    log = pd.DataFrame({"school_id": "a", "year": [2018, 2018, 2019], "practice": ["circle", "words", "circle"],
                        "events_n": [10.0, 5.0, 2.0], "minutes": [30.0, np.nan, 60.0], "staff_n": [2.0, np.nan, 1.0]})  # fmt: skip
    training = pd.DataFrame(
        {"school_id": "a", "year": pd.array([2018, 2018, None], dtype="Int64"), "hours": [8.0, 6.0, 99.0]}
    )
    made = staff_hours(log, training, SCHOOLS)
    assert made["event_hours"].tolist() == [10.0, 2.0, 0.0]
    assert made["training_hours"].tolist() == [14.0, 0.0, 0.0]
    assert made["known_percent"].tolist()[:2] == [100, 100]
    assert staff_hours(log, None, SCHOOLS)["training_hours"].isna().all()


def test_sections_without_a_plan_are_not_judged():
    sections = SCHOOLS.assign(sections_n=[4.0, 6, 8, 1, 1, 1], planned_n=[8.0, 8, 8, 0, 0, np.nan])
    assert curriculum(sections)["school_id"].tolist() == ["a"] * 3
    with pytest.raises(MethodError, match="sections that were planned"):
        curriculum(sections.assign(planned_n=np.nan))


def sites(seed, *, more=0.05, schools=10, ratio=0.7):
    rng, rows = np.random.default_rng(seed), []
    for site in range(schools):
        own = rng.normal(0, 0.02)
        for year in (2018, 2019, 2020, 2021):
            possible = int(rng.integers(1000, 2500))
            with_it = site % 2 == 0
            attended = rng.binomial(possible, 0.8 + own + more * with_it)
            rows.append(
                (
                    f"s{site}",
                    year,
                    with_it,
                    attended,
                    possible,
                    rng.poisson(0.01 * possible * (ratio if with_it else 1)),
                )
            )
    columns = ["site", "year", "restorative", "attended_days", "possible_days", "incidents_n"]
    return pd.DataFrame(rows, columns=columns).assign(school_id="")


def test_a_planted_difference_is_held_as_often_as_intervals_say():
    held = [
        e.low <= 5 <= e.high for e in (compare_sites(sites(s), number="attendance")[2] for s in range(150))
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 150))


def test_levels_are_pooled_over_days_and_the_ratio_is_of_them():
    told = sites(4)
    with_it, without, _ = compare_sites(told, number="incidents")
    for found, own in ((with_it, True), (without, False)):
        rows = told[told["restorative"] == own]
        assert found.value == pytest.approx(1000 * rows["incidents_n"].sum() / rows["possible_days"].sum())
    found = rate_ratio(with_it, without)
    assert found.value == pytest.approx(with_it.value / without.value)
    assert found.low < 0.7 < found.high


def test_site_by_site_adds_up_and_unknown_rows_leave():
    told = sites(5)
    told.loc[0, "attended_days"] = np.nan
    made = by_site(told, number="attendance").set_index("site")
    assert made.loc["s0", "years_n"] == 3
    assert made["count"].sum() == told["attended_days"].sum()
    with pytest.raises(MethodError, match="no fall_attended_days, fall_possible_days"):
        by_site(told, number="fall_attendance")


def test_one_site_of_a_kind_is_no_comparison():
    with pytest.raises(MethodError, match="1 sites with restorative practices and 1 without"):
        compare_sites(sites(6, schools=2), number="attendance")
