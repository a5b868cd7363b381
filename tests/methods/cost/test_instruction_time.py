"""Time in lessons: a sheet by hand that adds up, and intervals that move with what is known."""

import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.cost.instruction_time import balance, lessons_missed
from rpeval.methods.intervals import scaled, t_estimate


def test_a_sheet_by_hand():
    """200 days of 6.5 hours won; 400 circles of 25 minutes with 24 students, 60 hours of training in lessons."""
    won = scaled(t_estimate(200.0, 40.0, 15), 6.5, unit="hours")
    circles = 400 * 25 / 60 * 24
    missed = lessons_missed(120.0, in_lessons=0.5, class_size=24)
    sheet = balance(won, circles=circles, training=missed, student_years=2000)
    assert (circles, missed) == (4000.0, 1440.0)
    assert sheet.total.value == pytest.approx(1300 - 4000 - 1440)
    assert sheet.net.value == pytest.approx(-2.07)
    assert sheet.table.set_index("entry")["hours"].tolist() == pytest.approx([1300, -4000, -1440, -4140])
    assert sheet.table["hours"].iloc[:-1].sum() == pytest.approx(sheet.table["hours"].iloc[-1])
    assert sheet.total.high - sheet.total.low == pytest.approx(won.high - won.low)
    assert sheet.net.high - sheet.net.low == pytest.approx((won.high - won.low) / 2000)


def test_training_is_an_entry_only_where_it_took_lessons():
    assert len(balance(Estimate(10.0, low=1.0, high=19.0), circles=3.0, student_years=5).table) == 3


@pytest.mark.parametrize("more", [
    {"circles": float("nan"), "student_years": 10}, {"circles": -1.0, "student_years": 10},
    {"circles": 1.0, "training": float("nan"), "student_years": 10}, {"circles": 1.0, "student_years": 0},
])  # fmt: skip
def test_what_is_not_known_is_refused(more):
    with pytest.raises(MethodError, match="unknown or below zero"):
        balance(Estimate(10.0, low=1.0, high=19.0), **more)


def test_lessons_of_an_unknown_size_are_refused():
    with pytest.raises(MethodError, match="unknown"):
        lessons_missed(100.0, in_lessons=1.0, class_size=float("nan"))
