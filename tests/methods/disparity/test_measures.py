"""Every measure by hand, the published worked examples, invariances, and coverage judged by its own error."""

import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.disparity.measures import disproportion, e_bound
from rpeval.methods.disparity.uncertainty import (
    difference_of_students,
    exact_risk,
    leave_schools_out,
    ratio_of_students,
)


def counts(rows, columns=("year", "group", "enrolled_n", "suspended_n")):
    return pd.DataFrame(rows, columns=list(columns))


DISTRICT = counts(
    [(2018, "Black", 400.0, 60.0), (2018, "Hispanic", 600.0, 48.0), (2018, "White", 1000.0, 42.0)]
)


def by_group(frame, **options):
    options = {"affected": "suspended_n", "counted": "students"} | options
    return disproportion(frame, **options).set_index("group")


def test_every_measure_by_hand():
    row = by_group(DISTRICT).loc["Black"]
    assert row["risk"] == 15.0
    assert row["others_risk"] == 100 * 90 / 1600 == 5.625
    assert row["ratio"] == pytest.approx(15 / 5.625)
    assert row["difference"] == pytest.approx(9.375)
    assert row["composition"] == pytest.approx(40.0)
    assert row["share"] == pytest.approx(20.0)
    assert row["composition_difference"] == pytest.approx(20.0)
    assert row["composition_index"] == pytest.approx(2.0)
    assert row["e_bound"] == pytest.approx(100 * (0.2 + math.sqrt(0.2 * 0.8 / 150)))
    assert row["rule"] == ""
    assert row["interval"] == "large sample"


def test_the_composition_index_understates_the_ratio():
    """Its comparison holds the group itself, so it lies between one and the risk ratio."""
    made = by_group(DISTRICT)
    assert 1 < made.loc["Black", "composition_index"] < made.loc["Black", "ratio"]
    assert 1 > made.loc["White", "composition_index"] > made.loc["White", "ratio"]


def test_intervals_of_ratio_and_difference_by_hand():
    row = by_group(DISTRICT).loc["Black"]
    se = math.sqrt(1 / 60 - 1 / 400 + 1 / 90 - 1 / 1600)
    assert row["ratio_low"] == pytest.approx(row["ratio"] * math.exp(-1.959964 * se), rel=1e-6)
    assert row["ratio_high"] == pytest.approx(row["ratio"] * math.exp(1.959964 * se), rel=1e-6)
    half = 1.959964 * math.sqrt(0.15 * 0.85 / 400 + 0.05625 * 0.94375 / 1600)
    assert row["difference_low"] == pytest.approx(9.375 - 100 * half, rel=1e-6)


def test_the_published_alternate_risk_ratio():
    """18 of 120 here, 5,000 of 100,000 in the state: 3.0. The others here are too few for a ratio."""
    here = counts([(2018, "Black", 120.0, 18.0), (2018, "White", 25.0, 2.0)])
    state = counts([(2018, "Black", 9000.0, 900.0), (2018, "White", 100_000.0, 5_000.0)])
    made = by_group(here, elsewhere=state)
    assert made.loc["Black", "alternate_ratio"] == pytest.approx(3.0, abs=1e-12)
    assert math.isnan(made.loc["Black", "ratio"])
    assert made.loc["Black", "rule"] == "not calculable (others under 30 students)"
    assert made.loc["White", "rule"] == "not calculable (group under 30 students)"
    assert math.isnan(made.loc["White", "alternate_ratio"])
    assert by_group(DISTRICT, elsewhere=state)["alternate_ratio"].isna().all()


def test_the_published_e_formula():
    assert e_bound(0.50, 200) == pytest.approx(0.535, abs=5e-4)


def test_the_weighted_ratio_by_hand():
    """(1 - .1) x .15 over (.2 x .08 + .7 x .042); and with the district's own shares it is the risk ratio."""
    state = counts([(2018, "Black", 100.0, 1.0), (2018, "Hispanic", 200.0, 1.0), (2018, "White", 700.0, 1.0)])
    made = by_group(DISTRICT, elsewhere=state)
    assert made.loc["Black", "weighted_ratio"] == pytest.approx(0.9 * 0.15 / (0.2 * 0.08 + 0.7 * 0.042))
    own = by_group(DISTRICT, elsewhere=DISTRICT)
    assert own["weighted_ratio"].to_numpy() == pytest.approx(own["ratio"].to_numpy())
    missing = counts([*state.to_numpy().tolist(), [2018, "Asian", 50.0, 1.0]])
    assert by_group(DISTRICT, elsewhere=missing)["weighted_ratio"].isna().all()


def test_no_ratio_below_the_minimums_and_the_difference_stays():
    few = counts([(2018, "Black", 400.0, 9.0), (2018, "White", 500.0, 40.0)])
    made = by_group(few)
    assert made.loc["Black", "rule"] == "not calculable (group under 10 affected)"
    assert made.loc["White", "rule"] == "not calculable (others under 10 affected)"
    assert made[["ratio", "ratio_low", "ratio_high"]].isna().all(axis=None)
    assert made.loc["Black", "difference"] == pytest.approx(100 * (9 / 400 - 40 / 500))
    assert made.loc["Black", "interval"] == "exact"
    assert by_group(few, least_cell=9).loc["Black", "ratio"] == pytest.approx((9 / 400) / (40 / 500))


def test_no_ratio_where_the_others_have_none_even_without_minimums():
    none = counts([(2018, "Black", 400.0, 12.0), (2018, "White", 500.0, 0.0)])
    made = by_group(none, least_cell=0, least_n=0)
    assert made.loc["Black", "rule"] == "not calculable (others under 1 affected)"
    assert made.loc["Black", "difference"] == 3.0
    assert made.loc["White", "ratio"] == 0.0


def test_totals_make_the_others_where_groups_overlap():
    frame = counts([(2018, "With disabilities", 100.0, 20.0), (2018, "Female", 500.0, 30.0)])
    totals = pd.DataFrame({"year": [2018], "enrolled_n": [1000.0], "suspended_n": [80.0]})
    made = by_group(frame, totals=totals)
    assert made.loc["With disabilities", "ratio"] == pytest.approx((20 / 100) / (60 / 900))
    assert made.loc["Female", "ratio"] == pytest.approx((30 / 500) / (50 / 500))
    with pytest.raises(MethodError, match="1 group above the total of all students: Female"):
        by_group(frame, totals=totals.assign(suspended_n=25.0))


def test_schools_without_the_group_count_among_the_others():
    columns = ("year", "school_id", "group", "enrolled_n", "suspended_n")
    frame = counts(
        [
            (2018, "a", "Black", 100.0, 20.0),
            (2018, "a", "White", 100.0, 10.0),
            (2018, "b", "White", 300.0, 10.0),
        ],
        columns,
    )
    assert by_group(frame).loc["Black", "ratio"] == pytest.approx(0.2 / (20 / 400))


def test_withheld_cells_leave_both_sides_alone():
    columns = ("year", "school_id", "group", "enrolled_n", "suspended_n")
    rows = [(2018, "a", "Black", 100.0, 20.0), (2018, "a", "White", 100.0, 10.0),
            (2018, "b", "Black", np.nan, np.nan), (2018, "b", "White", 300.0, 10.0)]  # fmt: skip
    frame = counts(rows, columns)
    made = by_group(frame).loc["Black"]
    assert (made["withheld_n"], made["ratio"]) == (1, pytest.approx(0.2 / (20 / 400)))
    totals = pd.DataFrame(
        {"year": 2018, "school_id": ["a", "b"], "enrolled_n": [200.0, 310.0], "suspended_n": [30.0, 12]}
    )
    made = by_group(frame, totals=totals).loc["Black"]
    assert made["ratio"] == pytest.approx(2.0)  # school b cannot be divided


def test_events_carry_the_uncertainty_of_schools():
    columns = ("year", "school_id", "group", "enrolled_n", "oss_n")
    rng = np.random.default_rng(20180901)
    rows = [(2018, f"s{k}", g, n, float(rng.poisson(n * r)))
            for k in range(12) for g, n, r in [("Black", 100.0, 0.3), ("White", 200.0, 0.1)]]  # fmt: skip
    frame = counts(rows, columns)
    made = disproportion(frame, affected="oss_n", counted="events").set_index("group")
    assert made.loc["Black", "interval"] == "jackknife by school"
    own = (
        frame[frame["group"] == "Black"]["oss_n"].to_numpy(),
        frame[frame["group"] == "White"]["oss_n"].to_numpy(),
    )
    logs = [
        math.log(np.delete(own[0], k).sum() / 1100 / (np.delete(own[1], k).sum() / 2200)) for k in range(12)
    ]
    se = math.sqrt(11 / 12 * sum((x - np.mean(logs)) ** 2 for x in logs))
    ratio = own[0].sum() / 1200 / (own[1].sum() / 2400)
    assert made.loc["Black", "ratio"] == pytest.approx(ratio)
    assert made.loc["Black", "ratio_high"] == pytest.approx(ratio * math.exp(2.200985 * se), rel=1e-6)
    few = disproportion(frame[frame["school_id"] < "s2"], affected="oss_n", counted="events")
    assert set(few["interval"]) == {"none: too few schools"}
    assert few["ratio"].notna().all()
    assert few["ratio_low"].isna().all()


def test_rows_and_names_in_any_order():
    rng = np.random.default_rng(7)
    frame = pd.concat([DISTRICT.assign(school_id=s) for s in "abcdef"], ignore_index=True)
    frame["suspended_n"] = rng.binomial(frame["enrolled_n"].astype(int), 0.1).astype(float)
    made = by_group(frame, counted="events")
    shuffled = by_group(frame.sample(frac=1, random_state=3), counted="events")
    pd.testing.assert_frame_equal(made, shuffled)
    called = by_group(frame.assign(group=frame["group"].map({"Black": "x", "Hispanic": "y", "White": "z"})))
    numbers = ["risk", "ratio", "ratio_low", "difference", "e_bound"]
    pd.testing.assert_frame_equal(
        called[numbers].reset_index(drop=True), by_group(frame)[numbers].reset_index(drop=True)
    )


def test_scale_changes_no_ratio_and_narrows_the_interval():
    tenfold = DISTRICT.assign(
        enrolled_n=DISTRICT["enrolled_n"] * 10, suspended_n=DISTRICT["suspended_n"] * 10
    )
    small, large = by_group(DISTRICT), by_group(tenfold)
    assert large["ratio"].to_numpy() == pytest.approx(small["ratio"].to_numpy())
    widths = [np.log(m["ratio_high"] / m["ratio_low"]).to_numpy() for m in (small, large)]
    assert widths[0] / widths[1] == pytest.approx(math.sqrt(10), rel=1e-9)


def test_refusals_name_the_column_and_the_cell():
    with pytest.raises(MethodError, match="days_n"):
        by_group(DISTRICT, affected="days_n")
    with pytest.raises(MethodError, match="1 row more than once: White"):
        by_group(pd.concat([DISTRICT, DISTRICT.tail(1)]))
    with pytest.raises(MethodError, match="below zero: Black, all schools in 2018-19"):
        by_group(DISTRICT.assign(suspended_n=[-5.0, 48, 42]))
    with pytest.raises(MethodError, match="more students affected than enrolled"):
        by_group(DISTRICT.assign(suspended_n=[500.0, 48, 42]))
    many = DISTRICT.assign(suspended_n=[500.0, 48, 42])
    assert by_group(many, counted="events").loc["Black", "risk"] == 125.0


def test_exact_risk_is_clopper_and_pearson():
    """Reference numbers from R: binom.test(3, 20) and binom.test(0, 10)."""
    assert exact_risk(3, 20) == pytest.approx((0.03207094, 0.37892683), abs=1e-7)
    assert exact_risk(0, 10) == pytest.approx((0, 0.30849710), abs=1e-7)
    assert exact_risk(10, 10) == pytest.approx((0.69150290, 1), abs=1e-7)


@pytest.mark.parametrize(("n", "p", "m", "q", "exact"), [
    (40, 0.08, 60, 0.05, True), (15, 0.2, 300, 0.02, True), (400, 0.15, 1600, 0.05, False),
])  # fmt: skip
def test_students_intervals_cover(n, p, m, q, exact):
    """Small counts cover at least as promised, large ones about; both judged by the Monte Carlo error."""
    rng, draws = np.random.default_rng(61), 2000
    a, b = rng.binomial(n, p, draws), rng.binomial(m, q, draws)
    made = [difference_of_students(x, n, y, m) for x, y in zip(a, b, strict=True)]
    ratios = [ratio_of_students(x, n, y, m) for x, y in zip(a, b, strict=True)]
    error = 3 * math.sqrt(0.95 * 0.05 / draws)
    for covered in (
        np.mean([low <= p - q <= high for low, high in made]),
        np.mean([low <= p / q <= high for low, high in ratios]),
    ):
        assert covered >= 0.95 - error
        if not exact:
            assert covered <= 0.95 + error


def test_events_intervals_cover_where_schools_differ():
    """Rates that differ by school, shared by both groups of it: the schools' jackknife must cover the truth."""
    rng, draws, schools = np.random.default_rng(17), 600, 30
    truth, found = math.log(0.3 / 0.1), []
    for _ in range(draws):
        own, other = rng.gamma(4, 0.25, (2, schools))
        sides = np.column_stack([
            np.full(schools, 80.0), rng.poisson(80 * 0.3 * own), np.full(schools, 160.0), rng.poisson(160 * 0.1 * other),
        ])  # fmt: skip
        low, high = leave_schools_out(sides)[0]
        found.append(math.log(low) <= truth <= math.log(high))
    assert np.mean(found) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / draws) + 0.01)
