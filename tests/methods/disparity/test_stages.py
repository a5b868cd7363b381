"""Rates by stage: by hand, and the steps multiply to the whole."""

import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.disparity.stages import relative_rates

STAGES = ["enrolled_n", "incidents_n", "oss_n", "oss_days"]


@pytest.fixture
def counts():
    return pd.DataFrame({
        "year": 2018, "group": ["Black", "Hispanic", "White"], "enrolled_n": [400.0, 600, 1000],
        "incidents_n": [120.0, 90, 110], "oss_n": [60.0, 30, 30], "oss_days": [180.0, 60, 40],
    })  # fmt: skip


def test_each_step_by_hand(counts):
    made = relative_rates(counts, stages=STAGES).query("group == 'Black'").set_index("stage")
    assert made.loc["incidents_n per enrolled_n", "ratio"] == pytest.approx((120 / 400) / (200 / 1600))
    assert made.loc["oss_n per incidents_n", "ratio"] == pytest.approx((60 / 120) / (60 / 200))
    assert made.loc["oss_days per oss_n", "ratio"] == pytest.approx((180 / 60) / (100 / 60))
    assert made.loc["overall", "ratio"] == pytest.approx((180 / 400) / (100 / 1600))
    assert made.loc["overall", "count"] == 180


def test_the_steps_multiply_to_the_whole():
    rng = np.random.default_rng(12)
    rows = [(y, s, g, *np.sort(rng.integers(10, 900, 4))[::-1].astype(float))
            for y in (2017, 2018) for s in "abc" for g in ("B", "H", "W")]  # fmt: skip
    made = relative_rates(pd.DataFrame(rows, columns=["year", "school_id", "group", *STAGES]), stages=STAGES)
    assert len(made) == 2 * 3 * 4
    for _, steps in made.groupby(["year", "group"]):
        assert math.prod(steps["ratio"][:-1]) == pytest.approx(steps["ratio"].iloc[-1], rel=1e-12)
        assert steps["product"].iloc[-2] == pytest.approx(steps["ratio"].iloc[-1], rel=1e-12)


def test_small_stages_are_not_calculated_nor_what_follows(counts):
    counts.loc[0, "oss_n"] = 8.0
    made = relative_rates(counts, stages=STAGES).query("group == 'Black'").set_index("stage")
    assert made.loc["oss_n per incidents_n", "rule"] == "not calculable (group under 10 oss_n)"
    assert (
        made.loc[["oss_n per incidents_n", "oss_days per oss_n"], ["ratio", "product"]].isna().all(axis=None)
    )
    assert made.loc["incidents_n per enrolled_n", "ratio"] == pytest.approx(2.4)
    assert made.loc["overall", "ratio"] == pytest.approx(7.2)


def test_others_without_an_event_make_no_ratio(counts):
    counts.loc[[1, 2], "oss_days"] = 0.0
    made = relative_rates(counts, stages=STAGES, least_cell=0)
    last = made[made["stage"] == "oss_days per oss_n"].set_index("group")
    assert last.loc["Black", "rule"] == "not calculable (others without oss_days)"
    assert last.loc["White", "ratio"] == 0.0


def test_unknown_rows_leave_whole(counts):
    more = pd.concat([counts.assign(school_id="a"), counts.assign(school_id="b", oss_days=np.nan)])
    pd.testing.assert_frame_equal(relative_rates(more, stages=STAGES), relative_rates(counts, stages=STAGES))


def test_one_stage_makes_no_rate(counts):
    with pytest.raises(MethodError, match="1 stage makes no rate"):
        relative_rates(counts, stages=["enrolled_n"])
