"""The formula against its published numbers, and what it needs against panels whose spread was planted."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.planning.mdes import in_unit_of, mdes, school_spread

R2 = (0.0, 0.5, 0.8)
# 400 students in each school, half of the schools adopting: SD for ICC .05 and .10, R² 0, .5, .8; then per 100
# at a base rate of 10 %, where a standard deviation is 30 per 100.
TABLE = {
    14: ([0.37, 0.27, 0.18, 0.52, 0.37, 0.24], [11.2, 8.1, 5.4, 15.6, 11.2, 7.3]),
    22: ([0.29, 0.21, 0.14, 0.40, 0.29, 0.19], [8.6, 6.2, 4.2, 12.1, 8.6, 5.6]),
    44: ([0.20, 0.14, 0.10, 0.28, 0.20, 0.13], [5.9, 4.3, 2.9, 8.3, 5.9, 3.9]),
    60: ([0.17, 0.12, 0.08, 0.24, 0.17, 0.11], [5.1, 3.7, 2.5, 7.1, 5.0, 3.3]),
}


@pytest.mark.parametrize("schools", TABLE)
def test_the_planning_table(schools):
    found = [mdes(schools, icc=icc, students=400, r2=r2).value for icc in (0.05, 0.10) for r2 in R2]
    in_sd, per_100 = TABLE[schools]
    assert [round(value, 2) for value in found] == in_sd
    assert [round(30 * value, 1) for value in found] == per_100


@pytest.mark.parametrize(("schools", "icc", "value"), [(82, 0.20, 0.1997), (24, 0.05, 0.1963)])
def test_published_numbers_of_schools(schools, icc, value):
    """Spybrook et al. (2016): 82 schools of 500 students with ICC .20, or 24 with .05, detect .20 SD."""
    found = mdes(schools, icc=icc, students=500, r2=0.5)
    assert found.value == pytest.approx(value, abs=5e-5)
    assert found.value < 0.20 < mdes(schools - 2, icc=icc, students=500, r2=0.5).value
    assert (found.clusters, found.treated, found.low) == (schools, schools // 2, None)


def test_with_all_variance_within_schools_it_is_two_samples_of_students():
    """ICC 0 and very many schools: 2.802 times the root of 4 over all students, by hand."""
    assert mdes(100_000, icc=0.0, students=4).value == pytest.approx(2.8016 * np.sqrt(4 / 400_000), rel=1e-4)


def test_uneven_arms_cost_power_and_earlier_years_win_it():
    even = mdes(40, icc=0.1, students=400).value
    assert mdes(40, icc=0.1, students=400, share=0.2).value == pytest.approx(even * np.sqrt(0.25 / 0.16))
    assert mdes(40, icc=0.1, students=400, r2=0.75, r2_within=0.75).value == pytest.approx(even / 2)


@pytest.mark.parametrize("wrong", [
    {"schools": 3}, {"icc": 1.2}, {"icc": -0.1}, {"r2": 2.0}, {"share": 0.0}, {"share": 1.0}, {"students": 0},
])  # fmt: skip
def test_it_refuses_what_means_nothing(wrong):
    given = {"schools": 20, "icc": 0.1, "students": 400} | wrong
    with pytest.raises(MethodError):
        mdes(given.pop("schools"), **given)


def draw(schools: int, *, between: float, kept: float, students: int, seed: int) -> pd.DataFrame:
    """Draw students suspended, 20 % on average, from school rates of which a share stays over the years."""
    rng = np.random.default_rng(seed)
    still, rows = rng.standard_normal(schools), []
    for year in (2015, 2016, 2017):
        moved = np.sqrt(kept) * still + np.sqrt(1 - kept) * rng.standard_normal(schools)
        hit = rng.binomial(students, np.clip(0.2 + between * moved, 0, 1))
        rows += [(f"{s:04}", year, float(students), 100 * hit[s] / students) for s in range(schools)]
    return pd.DataFrame(rows, columns=["school_id", "year", "enrolled_n", "suspended_per_100"])


def test_icc_and_r2_that_were_planted_come_back():
    """Schools differ by 4 points, so the ICC is .04² / .16; half of that stays, so the mean of two years
    explains .5² / (.75 + chance) of the next."""
    panel = draw(4000, between=0.04, kept=0.5, students=400, seed=1)
    found = school_spread(panel, outcome="suspended_per_100", counts="students")
    assert found.sd == pytest.approx(40, rel=0.01)
    assert found.icc == pytest.approx(0.04**2 / 0.16, rel=0.06)
    chance = (0.16 - 0.0016) / 400 / 2 / 0.0016
    assert found.r2 == pytest.approx(0.25 / (0.75 + chance), abs=0.04)
    assert (found.students, found.schools_n, found.years_n) == (400, 4000, 3)


def test_chance_alone_is_no_spread_between_schools():
    panel = draw(4000, between=0.0, kept=0.0, students=100, seed=2)
    found = school_spread(panel, outcome="suspended_per_100", counts="students")
    assert found.icc < 0.001


def test_spread_does_not_depend_on_the_order_of_rows_or_on_names():
    panel = draw(30, between=0.05, kept=0.5, students=300, seed=3)
    mixed = panel.sample(frac=1, random_state=1)
    mixed["school_id"] = mixed["school_id"].map(lambda name: f"{9999 - int(name):04}")
    one, other = (school_spread(p, outcome="suspended_per_100", counts="students") for p in (panel, mixed))
    assert one.icc == pytest.approx(other.icc, rel=1e-12)
    assert one.r2 == pytest.approx(other.r2, rel=1e-12)


def test_with_one_year_nothing_is_explained():
    panel = draw(30, between=0.05, kept=1.0, students=300, seed=4)
    found = school_spread(panel[panel["year"] == 2017], outcome="suspended_per_100", counts="students")
    assert (found.r2, found.years_n) == (0.0, 1)


def test_events_are_counted_as_poisson_and_days_are_refused():
    panel = draw(30, between=0.05, kept=0.5, students=300, seed=5)
    events = school_spread(panel, outcome="suspended_per_100", counts="events")
    assert events.sd == pytest.approx(10 * np.sqrt(events.rate))
    with pytest.raises(MethodError, match="days"):
        school_spread(panel, outcome="suspended_per_100", counts="days")


@pytest.mark.parametrize(("change", "told"), [
    ({"suspended_per_100": 0.0}, "zero"), ({"enrolled_n": np.nan}, "number of students"),
    ({"school_id": "0001"}, "appear twice"),
])  # fmt: skip
def test_panels_without_a_spread_are_refused(change, told):
    panel = draw(30, between=0.05, kept=0.5, students=300, seed=6).assign(**change)
    with pytest.raises(MethodError, match=told):
        school_spread(panel, outcome="suspended_per_100", counts="students")


def test_the_unit_of_the_outcome():
    panel = draw(30, between=0.05, kept=0.5, students=300, seed=7)
    spread = school_spread(panel, outcome="suspended_per_100", counts="students")
    found = in_unit_of(mdes(30, icc=spread.icc, students=300), spread, unit="per 100 students")
    assert found.unit == "per 100 students"
    assert found.value == pytest.approx(spread.sd * mdes(30, icc=spread.icc, students=300).value)
