"""Levels by hand: pooled rates, ratios against all others, baselines."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did.describe import baseline, level, rate_ratios, trend


@pytest.fixture
def panel():
    return pd.DataFrame({
        "school_id": ["a", "a", "b", "b", "c", "c"], "year": [2018, 2019] * 3,
        "enrolled_n": [100.0, 100, 300, 300, 200, 200], "oss_per_100": [10.0, 8, 2, 4, np.nan, 6],
        "start_year": [2019.0, 2019, np.nan, np.nan, np.nan, np.nan], "arm": ["adopting"] * 2 + ["comparison"] * 4,
    })  # fmt: skip


def test_every_student_counts_the_same(panel):
    made = trend(panel, outcome="oss_per_100")
    assert made["rate"].tolist() == pytest.approx([4.0, 100 * (8 + 12 + 12) / 600])
    assert made["schools_n"].tolist() == [2, 3]
    assert made["events_n"].tolist() == pytest.approx([16, 32])
    assert level(panel, outcome="oss_per_100", year=2018) == pytest.approx(4.0)


def test_by_arm(panel):
    made = trend(panel, outcome="oss_per_100", by="arm").set_index(["year", "arm"])["rate"]
    assert made[2019, "adopting"] == 8.0
    assert made[2019, "comparison"] == pytest.approx(100 * 24 / 500)


def test_an_unknown_outcome_is_refused(panel):
    with pytest.raises(MethodError, match="iss_per_100"):
        trend(panel, outcome="iss_per_100")


def test_ratio_and_difference_against_all_others():
    groups = pd.DataFrame({"school_id": "a", "year": 2018, "group": ["B", "H", "W"],
                           "enrolled_n": [100.0, 100, 200], "oss_per_100": [12.0, 6, 3]})  # fmt: skip
    made = rate_ratios(groups, outcome="oss_per_100").set_index("group")
    assert made.loc["B", "ratio"] == pytest.approx(12 / 4)
    assert made.loc["B", "difference"] == pytest.approx(12 - 4)
    assert made.loc["W", "ratio"] == pytest.approx(3 / 9)


def test_no_ratio_where_the_others_have_no_event():
    groups = pd.DataFrame({"school_id": "a", "year": 2018, "group": ["B", "W"],
                           "enrolled_n": [100.0, 100], "oss_per_100": [12.0, 0]})  # fmt: skip
    made = rate_ratios(groups, outcome="oss_per_100").set_index("group")
    assert np.isnan(made.loc["B", "ratio"])
    assert made.loc["B", "difference"] == 12.0
    assert made.loc["W", "ratio"] == 0.0


def test_baseline_is_the_adopting_schools_last_years_before(panel):
    assert baseline(panel, outcome="oss_per_100") == 10.0
    with pytest.raises(MethodError, match="before its start"):
        baseline(panel[panel["year"] == 2019], outcome="oss_per_100")
