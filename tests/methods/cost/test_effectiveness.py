"""Cost of a day: a worksheet by hand, the rule that gives no ratio over zero, and the curve against draws."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.cost.effectiveness import acceptability, cost_per, worth_from
from rpeval.methods.cost.ingredients import cost_up, per
from rpeval.methods.intervals import t_estimate

# A worksheet made by hand: two years, 3 % a year, a contract that lasts two years.
# 2018: coordinator 40,000 and trainers 20,600 over two years: 20,600 / (1 + 1/1.03) = 10,452.22 each year
# 2019: coordinator 41,200, which is 40,000 in 2018; trainers 10,452.22, which is 10,147.78
# total 40,000 + 40,000 + 10,452.22 + 10,147.78 = 100,600.00, as 20,600 is worth what its charges are
WORKSHEET = pd.DataFrame({
    "year": [2018, 2018, 2019], "ingredient": ["Coordinator", "Trainers", "Coordinator"],
    "category": ["personnel", "training", "personnel"], "cost": [40_000.0, 20_600.0, 41_200.0],
    "phase": ["recurring", "startup", "recurring"], "perspective": "district", "life_years": [np.nan, 2, np.nan],
})  # fmt: skip


def test_a_worksheet_by_hand_gives_its_cost_per_day_and_per_student():
    bill = cost_up(WORKSHEET, discount=0.03)
    assert bill.total == pytest.approx(100_600)
    days = Estimate(250.0, se=25.0, low=200.0, high=400.0, unit="days")
    found = cost_per(bill.total, days, unit="dollars per day")
    assert found.value == pytest.approx(402.40)
    assert (found.low, found.high) == pytest.approx((251.50, 503.00))
    assert per(bill, 1006, what="students") == pytest.approx(100.0)
    assert per(bill, 1018, what="students", spent=True) == pytest.approx(100.0)  # 101,800 as spent


@pytest.mark.parametrize(("low", "high", "says"), [
    (-10.0, 60.0, "includes zero"), (0.0, 60.0, "includes zero"), (-60.0, -1.0, "recovered nothing"),
    (None, None, "no interval"),
])  # fmt: skip
def test_no_ratio_over_an_effect_that_may_be_zero(low, high, says):
    with pytest.raises(MethodError, match=says):
        cost_per(1000.0, Estimate(25.0, se=15.0, low=low, high=high), unit="dollars per day")


def test_the_curve_is_there_where_the_ratio_is_not():
    effect = t_estimate(10.0, 20.0, 8)
    curve = acceptability(1000.0, effect, values=[10.0, 100.0, 1e12])["chance"]
    assert curve.is_monotonic_increasing
    assert curve.iloc[-1] == pytest.approx(100 * stats.t.cdf(0.5, 8))  # of any benefit at all
    assert curve.iloc[1] == pytest.approx(50)


@pytest.mark.parametrize("df", [5, 40])
def test_the_curve_is_what_draws_give(df):
    rng, n = np.random.default_rng(11), 200_000
    effect = t_estimate(300.0, 90.0, df)
    drawn = 300.0 + 90.0 * rng.standard_t(df, n)
    for value, chance in acceptability(60_000.0, effect, values=[100.0, 200.0, 400.0]).to_numpy():
        share = float((value * drawn > 60_000.0).mean())
        assert chance / 100 == pytest.approx(share, abs=4 * np.sqrt(0.25 / n))


def test_the_value_at_one_half_is_the_ratio_and_others_lie_on_the_curve():
    effect = t_estimate(300.0, 50.0, 20)
    assert worth_from(60_000.0, effect) == pytest.approx(200.0)
    sure = worth_from(60_000.0, effect, chance=95)
    assert acceptability(60_000.0, effect, values=[sure])["chance"].iloc[0] == pytest.approx(95)
    with pytest.raises(MethodError, match="less than 95 percent"):
        worth_from(60_000.0, t_estimate(10.0, 20.0, 8), chance=95)


def test_an_interval_of_another_kind_speaks_by_its_width():
    half = float(stats.norm.ppf(0.975)) * 12.0
    inverted = Estimate(100.0, se=999.0, low=100.0 - half, high=100.0 + half)
    plain = Estimate(100.0, se=12.0)
    made = [acceptability(5000.0, e, values=[40.0, 60.0])["chance"].tolist() for e in (inverted, plain)]
    assert made[0] == pytest.approx(made[1])


def test_scaling_money_changes_nothing():
    effect = t_estimate(300.0, 90.0, 12)
    one = acceptability(50_000.0, effect, values=[100.0, 300.0])["chance"].tolist()
    assert acceptability(5000.0, effect, values=[10.0, 30.0])["chance"].tolist() == pytest.approx(one)
