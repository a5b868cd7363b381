"""Dose beside change: a planted slope, cohorts apart, halves, and the contrast by hand."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.association import (
    achieved_strength,
    changes,
    dose_response,
    halves,
    keep_half,
)


def district(seed, *, slope=-0.02, noise=0.5, late=0.0):
    """24 adopting schools in two groups, 20 others; years move all; each school's dose lowers its outcome by slope.

    late : how much lower the outcome of the second group is after its start, whatever its dose
    """
    rng, rows, doses = np.random.default_rng(seed), [], []
    for number in range(44):
        start = (2018.0 if number < 12 else 2020.0) if number < 24 else np.nan
        level, dose = rng.normal(10, 3), rng.uniform(100, 300) + 100 * (start == 2020)
        for year in range(2015, 2023):
            on = year >= start
            value = (
                level
                + 0.7 * (year - 2015)
                + on * (slope * dose + late * (start == 2020))
                + rng.normal(0, noise)
            )
            rows.append((f"s{number:02d}", year, start, value))
            doses.append((f"s{number:02d}", year, dose if on else 0.0))
    schools = pd.DataFrame(rows, columns=["school_id", "year", "start_year", "oss"])
    return schools, pd.DataFrame(doses, columns=["school_id", "year", "minutes"])


def test_a_planted_slope_is_found_whatever_the_years_do():
    schools, doses = district(1)
    found = dose_response(changes(schools, doses, outcome="oss", dose="minutes"), per=100, unit="u")
    assert found.low < -2.0 < found.high
    assert found.high - found.low < 1.5
    assert found.method.startswith("associational")


def test_intervals_hold_the_planted_slope_as_often_as_they_say():
    held = []
    for seed in range(80):
        schools, doses = district(seed, noise=2.0)
        found = dose_response(changes(schools, doses, outcome="oss", dose="minutes"), per=100)
        held.append(found.low <= -2.0 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 80))


def test_what_sets_start_groups_apart_is_not_taken_for_dose():
    """The later group has more dose and a lower outcome for another reason: the slope must not see it."""
    schools, doses = district(2, noise=0.0, late=-8.0)
    found = dose_response(changes(schools, doses, outcome="oss", dose="minutes"), per=100)
    assert found.value == pytest.approx(-2.0)


def test_row_order_and_the_unit_of_dose_do_not_matter():
    schools, doses = district(3)
    one = dose_response(changes(schools, doses, outcome="oss", dose="minutes"), per=60)
    hours = doses.assign(minutes=doses["minutes"] / 60)[::-1]
    other = dose_response(changes(schools[::-1], hours, outcome="oss", dose="minutes"), per=1)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_unknown_doses_leave_and_too_few_are_refused():
    schools, doses = district(4)
    known = doses[doses["school_id"] < "s05"]
    made = changes(schools, known, outcome="oss", dose="minutes")
    assert len(made) == 5
    with pytest.raises(MethodError, match="5 adopting schools"):
        dose_response(made)
    alike = doses.assign(minutes=doses["minutes"].where(doses["minutes"] == 0, 200.0))
    with pytest.raises(MethodError, match="had the same dose"):
        dose_response(changes(schools, alike, outcome="oss", dose="minutes"))
    with pytest.raises(MethodError, match="Every school adopted"):
        changes(schools.dropna(), doses, outcome="oss", dose="minutes")


def test_halves_keep_the_same_comparison_schools():
    schools, _ = district(5)
    rated = pd.DataFrame({"school_id": [f"s{k:02d}" for k in range(24)], "percent": np.arange(24.0)})
    split = halves(rated, value="percent")
    assert {len(ids) for ids in split.values()} == {12}
    assert not set(split["above"]) & set(split["below"])
    parts = [keep_half(schools, split[half]) for half in ("above", "below")]
    assert [part["school_id"].nunique() for part in parts] == [32, 32]
    assert [part["start_year"].isna().sum() for part in parts] == [160, 160]


def test_the_contrast_by_hand():
    rows = pd.DataFrame({"school_id": list("abcdef"), "year": 2018, "minutes": [300.0, 400, 500, 0, 100, 200],
                         "start_year": [2018.0] * 3 + [np.nan] * 3})  # fmt: skip
    found = achieved_strength(rows, value="minutes")
    assert found.value == pytest.approx((1 - 3 / (4 * 6 - 9)) * 300 / 100)
    assert (found.clusters, found.treated) == (6, 3)
    with pytest.raises(MethodError, match="3 adopting and 0 comparison"):
        achieved_strength(rows.dropna(subset=["start_year"]), value="minutes")
