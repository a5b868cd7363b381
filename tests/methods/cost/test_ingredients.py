"""The ingredients: by hand, worth kept by spreading, parts that add up."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.cost.ingredients import by_ingredient, cost_up, per, yearly_charge


def ingredients(**more):
    return pd.DataFrame({
        "year": [2018, 2019, 2020, 2018], "ingredient": ["Lead", "Lead", "Lead", "Volunteers"],
        "category": ["personnel"] * 4, "cost": [100.0, 103.0, 106.09, 50.0], "phase": "recurring",
        "perspective": ["district"] * 3 + ["societal"], "life_years": np.nan,
    }).assign(**more)  # fmt: skip


def test_later_years_are_discounted_to_the_first():
    bill = cost_up(ingredients(), discount=0.03)
    assert bill.total == pytest.approx(300.0)
    assert bill.undiscounted == bill.spent == pytest.approx(309.09)
    assert bill.rows["present"].tolist() == pytest.approx([100.0] * 3)
    assert cost_up(ingredients(), discount=0.0).total == pytest.approx(309.09)


def test_the_societal_view_adds_what_others_bear():
    assert cost_up(ingredients(), discount=0.03, perspective="societal").total == pytest.approx(350.0)


@pytest.mark.parametrize("discount", [0.0, 0.03, 0.07])
@pytest.mark.parametrize("life", [1, 2, 5])
def test_charges_over_a_life_are_worth_the_price(life, discount):
    charge = yearly_charge(1000.0, life_years=life, discount=discount)
    assert sum(charge / (1 + discount) ** k for k in range(life)) == pytest.approx(1000.0)


def test_what_lasts_longer_than_the_study_is_counted_for_its_years():
    bought = pd.DataFrame({"year": [2018, 2019], "ingredient": ["Room", "Lead"], "cost": [500.0, 0.0],
                           "phase": ["startup", "recurring"], "perspective": "district", "life_years": [5, np.nan]})  # fmt: skip
    bill = cost_up(bought, discount=0.0)
    assert (bill.total, bill.spent, bill.startup) == pytest.approx((200.0, 500.0, 200.0))


def test_only_the_years_that_are_asked_for_count():
    bill = cost_up(ingredients(), discount=0.03, years=[2018, 2020])
    assert (bill.total, bill.spent) == pytest.approx((200.0, 206.09))


def test_parts_add_up_and_row_order_does_not_matter():
    rows = ingredients(phase=["startup", "recurring", "recurring", "startup"])
    bill = cost_up(rows, discount=0.03, perspective="societal")
    again = cost_up(rows.sample(frac=1, random_state=3), discount=0.03, perspective="societal")
    assert bill.startup + bill.recurring == pytest.approx(bill.total)
    assert by_ingredient(bill)["percent"].sum() == pytest.approx(100)
    pd.testing.assert_frame_equal(by_ingredient(bill), by_ingredient(again))


@pytest.mark.parametrize(("frame", "says"), [
    (None, "names no file with costs"), (ingredients(cost=[1.0, np.nan, 1, 1]), "Lead"),
    (ingredients(cost=[1.0, 1, -5.0, 1]), "below zero"),
])  # fmt: skip
def test_costs_that_are_not_known_are_refused(frame, says):
    with pytest.raises(MethodError, match=says):
        cost_up(frame, discount=0.03)


def test_a_base_of_nobody_is_refused():
    with pytest.raises(MethodError, match="how many students"):
        per(cost_up(ingredients(), discount=0.03), 0, what="students")
