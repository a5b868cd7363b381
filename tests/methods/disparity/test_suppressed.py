"""Bounds by hand; the truth always inside them, and no wider than they must be; the real files."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.disparity.measures import disproportion
from rpeval.methods.disparity.suppressed import bound_counts, bounded_ratios

COLUMNS = ["year", "school_id", "group", "enrolled_n", "oss_n"]


def groups(rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def totals(rows):
    return pd.DataFrame(rows, columns=["year", "school_id", "enrolled_n", "oss_n"])


def bound(frame, **options):
    made = bound_counts(frame, **({"affected": "oss_n", "counted": "events"} | options))
    return made.set_index(["school_id", "group"])


def test_a_zero_where_the_groups_fall_short_is_an_interval():
    frame = groups(
        [(2018, "a", "B", 90, 12), (2018, "a", "P", 5, 0), (2018, "a", "W", 20, 0), (2018, "a", "X", 0, 0)]
    )
    made = bound(frame, totals=totals([(2018, "a", 115, 15)]))
    assert made["withheld"].tolist() == [False, True, True, False]
    assert made[["affected_low", "affected_high"]].to_numpy().tolist() == [[12, 12], [0, 3], [0, 3], [0, 0]]
    assert made["others_low"].tolist() == [3, 12, 12, 15]
    assert made["others_high"].tolist() == [3, 15, 15, 15]
    assert set(made["short_n"]) == {3.0}


def test_a_zero_where_the_groups_add_up_is_a_zero():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "W", 20, 0)])
    made = bound(frame, totals=totals([(2018, "a", 110, 12)]))
    assert not made["withheld"].any()
    assert made["affected_high"].tolist() == [12, 0]


def test_a_single_withheld_cell_is_given_away_by_the_total():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "P", 8, np.nan), (2018, "a", "W", 20, 0)])
    made = bound(frame, totals=totals([(2018, "a", 118, 15)]))
    assert made.loc[("a", "P"), ["affected_low", "affected_high"]].tolist() == [3, 3]
    assert made.loc[("a", "W"), "affected_high"] == 0


def test_enrollment_and_the_total_narrow_each_other():
    """Two groups of at most 4 students with 7 to share: each has at least 3."""
    frame = groups(
        [(2018, "a", "B", 90, 12), (2018, "a", "P", np.nan, np.nan), (2018, "a", "W", np.nan, np.nan)]
    )
    made = bound(frame, totals=totals([(2018, "a", 98, 19)]), most=4, counted="students")
    assert made.loc["a"].loc[["P", "W"], ["affected_low", "affected_high"]].to_numpy().tolist() == [
        [3, 4],
        [3, 4],
    ]
    lost = bound(
        frame, totals=totals([(2018, "a", 120, 30)]), most=4, counted="students"
    )  # some are in no group
    assert lost.loc[("a", "P"), ["affected_low", "affected_high"]].tolist() == [0, 4]
    assert lost.loc[("a", "B"), ["others_low", "others_high"]].tolist() == [18, 18]


def test_a_missing_enrollment_is_what_the_total_leaves():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "P", np.nan, np.nan), (2018, "a", "W", 20, 3)])
    made = bound(frame, totals=totals([(2018, "a", 115, 16)]))
    cells = ["affected_low", "low_of", "affected_high", "high_of"]
    assert made.loc[("a", "P"), cells].tolist() == [1, 5, 1, 5]
    two = groups(
        [(2018, "a", "B", 90, 12), (2018, "a", "P", np.nan, np.nan), (2018, "a", "W", np.nan, np.nan)]
    )
    made = bound(two, totals=totals([(2018, "a", 115, 16)]))
    assert made.loc[("a", "P"), cells].tolist() == [0, 25, 4, 0]
    assert made.loc[("a", "B"), ["others_low", "others_low_of", "others_high_of"]].tolist() == [4, 25, 25]


def test_a_group_withheld_to_protect_another_can_be_large():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "P", np.nan, np.nan), (2018, "a", "W", 30, np.nan)])
    made = bound(frame, most=4, counted="students")
    assert made["affected_high"].tolist() == [12, 4, 30]


def test_students_are_at_most_the_enrolled():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "P", 2, 0), (2018, "a", "W", 20, 0)])
    made = bound(frame, totals=totals([(2018, "a", 112, 17)]), counted="students")
    assert made["affected_low"].tolist() == [12, 0, 3]
    assert made["affected_high"].tolist() == [12, 2, 5]


def test_refusals():
    frame = groups([(2018, "a", "B", 90, 12), (2018, "a", "P", 8, np.nan)])
    with pytest.raises(MethodError, match=r"1 withheld cell that no total and no rule bounds \(P\)"):
        bound(frame)
    with pytest.raises(
        MethodError, match="1 school-year with groups that add up to more than the total: a in 2018-19"
    ):
        bound(frame, totals=totals([(2018, "a", 98, 9)]))


def test_nothing_withheld_gives_the_ratio_itself():
    frame = groups(
        [(2018, s, g, n, a) for s in "ab" for g, n, a in [("B", 100, 20), ("H", 50, 11), ("W", 200, 12)]]
    )
    made = bounded_ratios(bound_counts(frame, affected="oss_n", counted="events")).set_index("group")
    plain = disproportion(frame, affected="oss_n", counted="events").set_index("group")
    for name in ("ratio", "risk", "difference"):
        for end in ("low", "high"):
            assert made[f"{name}_{end}"].to_numpy() == pytest.approx(plain[name].to_numpy())
    assert made["withheld_n"].sum() == 0


def every_truth(frame, total):
    """All ways to fill the zeros of a short school-year, by brute force."""
    zero = frame.index[frame["oss_n"] == 0]
    short = int(total["oss_n"].iloc[0] - frame["oss_n"].sum())
    for filling in itertools.product(range(short + 1), repeat=len(zero)):
        if sum(filling) == short:
            truth = frame.copy()
            truth.loc[zero, "oss_n"] = filling
            yield truth


def test_the_bounds_are_exactly_what_brute_force_finds():
    """Sharp: the smallest and largest ratio over every way to place the withheld events."""
    frame = groups(
        [(2018, "a", "B", 60, 30), (2018, "a", "H", 40, 0), (2018, "a", "P", 30, 0), (2018, "a", "W", 80, 15)]
    )
    total = totals([(2018, "a", 210, 51)])
    bounds = bound_counts(frame, affected="oss_n", counted="events", totals=total)
    made = bounded_ratios(bounds, least_cell=0).set_index("group")
    truths = [
        disproportion(t, affected="oss_n", counted="events", least_cell=0).set_index("group")
        for t in every_truth(frame, total)
    ]
    for group in "BHPW":
        for name in ("ratio", "difference"):
            values = [t.loc[group, name] for t in truths]
            assert made.loc[group, f"{name}_low"] == pytest.approx(min(values))
            assert made.loc[group, f"{name}_high"] == pytest.approx(max(values))


def test_withheld_enrollment_too_is_bounded_sharply():
    """A cell of one to five students, any of whom may be suspended; no total, as in California's files."""
    frame = groups([(2018, "a", "B", 60, 30), (2018, "a", "W", 80, 16), (2018, "b", "B", np.nan, np.nan)])
    bounds = bound_counts(frame, affected="oss_n", counted="students", most=5)
    made = bounded_ratios(bounds).set_index("group").loc["B"]
    ratios = [(30 + a) / (60 + n) / (16 / 80) for n in range(6) for a in range(n + 1)]
    assert (made["ratio_low"], made["ratio_high"]) == pytest.approx((min(ratios), max(ratios)))
    other = bounded_ratios(bounds).set_index("group").loc["W"]
    assert (other["ratio_low"], other["ratio_high"]) == pytest.approx((1 / max(ratios), 1 / min(ratios)))


def test_no_ratio_where_a_minimum_may_be_missed():
    frame = groups([(2018, "a", "B", 60, 30), (2018, "a", "H", 40, 0), (2018, "a", "W", 80, 0)])
    bounds = bound_counts(frame, affected="oss_n", counted="events", totals=totals([(2018, "a", 180, 50)]))
    made = bounded_ratios(bounds).set_index("group")
    assert made.loc["H", "rule"] == "not calculable (group may be under 10 affected)"
    assert math.isnan(made.loc["H", "ratio_low"])
    assert made.loc["H", ["difference_low", "difference_high"]].notna().all()
    assert made.loc["B", "rule"] == ""


@pytest.mark.parametrize("seed", range(20))
def test_the_truth_lies_inside_whatever_is_withheld(seed):
    """Draw a district, withhold small groups the way Wisconsin shows them, and look where the truth lies."""
    rng = np.random.default_rng(seed)
    rows = [(y, f"s{k}", g, n, rng.poisson(0.2 * n))
            for y in (2018, 2019) for k in range(8) for g, n in zip("BHPW", rng.integers(1, 120, 4), strict=True)]  # fmt: skip
    truth = groups(rows)
    total = truth.groupby(["year", "school_id"], as_index=False)[["enrolled_n", "oss_n"]].sum()
    shown = truth.assign(oss_n=truth["oss_n"].where(truth["enrolled_n"] >= 20, 0))
    made = bounded_ratios(bound_counts(shown, affected="oss_n", counted="events", totals=total), least_cell=0)
    real = disproportion(truth, affected="oss_n", counted="events", least_cell=0)
    assert (made["ratio_low"] <= real["ratio"] + 1e-12).all()
    assert (made["ratio_high"] >= real["ratio"] - 1e-12).all()
    assert made["withheld_n"].sum() > 0


@pytest.fixture
def milwaukee(shared_data):
    folder = shared_data("data/milwaukee_dpi/discipline_school_trend.csv").parent
    whole = pd.read_csv(folder / "discipline_school_trend.csv")
    whole = whole[(whole["district"] == "Milwaukee") & (whole["category"] == "suspension")]
    total = pd.DataFrame({
        "year": whole["year"].str[:4].astype(int), "school_id": whole["school"], "enrolled_n": whole["enrollment"],
        "oss_n": whole["value"] * whole["enrollment"] / 100,
    })  # fmt: skip
    race = pd.read_csv(folder / "discipline_school_groups_trend.csv")
    race = race[(race["district"] == "Milwaukee") & (race["category"] == "suspension")]
    frame = pd.DataFrame({
        "year": race["year"].str[:4].astype(int), "school_id": race["school"], "group": race["group"],
        "enrolled_n": race["group_enrollment"], "oss_n": race["count"],
    })  # fmt: skip
    return frame, total


@pytest.mark.shared
def test_milwaukee_by_race_is_known_from_to(milwaukee):
    frame, total = milwaukee
    bounds = bound_counts(frame, affected="oss_n", counted="events", totals=total)
    short = bounds.drop_duplicates(["year", "school_id"])["short_n"]
    assert (short.notna().sum(), (short > 1).sum(), (short > 0).sum()) == (1_092, 366, 472)
    assert short.sum() == 3_368
    cells = bounds[bounds["short_n"] > 0].groupby(["year", "school_id"])["withheld"].sum()
    assert ((cells >= 2).sum(), (cells == 1).sum()) == (463, 9)  # nearly always two, so that no total tells
    made = bounded_ratios(bounds).set_index(["year", "group"])
    low, high = made.loc[(2023, "Black"), ["ratio_low", "ratio_high"]]
    assert (round(low, 2), round(high, 2)) == (3.50, 3.59)
    low, high = made.loc[(2023, "White"), ["ratio_low", "ratio_high"]]
    assert (round(low, 2), round(high, 2)) == (0.20, 0.29)  # as a zero, half of it would be missed
    assert made.loc[(2020, "Black"), "rule"].startswith("not calculable")


@pytest.mark.shared
def test_oakland_by_race_is_known_from_to(shared_data):
    raw = pd.read_csv(shared_data("data/oakland_cde/suspensions.csv"), dtype=str)
    number = {
        c: pd.to_numeric(raw[c], errors="coerce")
        for c in ("CumulativeEnrollment", "UnduplicatedCountofStudentsSuspended")
    }
    frame = pd.DataFrame({
        "year": raw["school_year"].str[:4].astype(int), "school_id": raw["filename"], "group": raw["Ethnicity"],
        "enrolled_n": number["CumulativeEnrollment"], "suspended_n": number["UnduplicatedCountofStudentsSuspended"],
    }).drop_duplicates(["year", "school_id", "group"])  # fmt: skip
    bounds = bound_counts(frame, affected="suspended_n", counted="students", most=10)
    made = bounded_ratios(bounds).set_index(["year", "group"])
    black = made.xs("African American", level="group")
    assert len(black) == 5
    assert (black["rule"] == "").all()
    assert black["ratio_high"].between(3.5, 4.5).all()
    assert (
        black["ratio_low"].between(0.4, 0.8).all()
    )  # over 500 small groups a year, any of whose students may count
    plain = disproportion(frame, affected="suspended_n", counted="students").set_index(["year", "group"])
    inside = plain["ratio"].between(made["ratio_low"], made["ratio_high"])
    assert inside[plain["ratio"].notna() & made["ratio_low"].notna()].all()
