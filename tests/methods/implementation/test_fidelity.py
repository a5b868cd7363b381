"""Fidelity and raters: by hand, against kappa's own formula, and a planted agreement."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.fidelity import at_threshold, levels, rater_agreement

SCHOOLS = pd.DataFrame(
    {"school_id": list("aabb"), "year": [2018, 2019] * 2, "start_year": [2018.0, 2018, 2019, 2019]}
)


def ratings(rows):
    made = pd.DataFrame(rows, columns=["school_id", "year", "day", "indicator", "rater", "score"])
    return made.assign(share=made["score"] / 3)


def test_levels_average_raters_first_and_take_their_last_word():
    told = ratings(
        [
            ("a", 2018, 1, "x", "p", 0),
            ("a", 2018, 9, "x", "p", 3),
            ("a", 2018, 1, "x", "q", 0),
            ("a", 2018, 1, "y", "p", 3),
        ]
    )
    made = levels(told, SCHOOLS)
    assert made["percent"].tolist() == [75]  # x: (3 + 0) / 2 of 3, y: 3 of 3
    assert made[["indicators_n", "raters_n"]].values.tolist() == [[2, 2]]


def test_the_threshold_is_reached_at_the_threshold():
    rated = SCHOOLS.assign(percent=[50.0, 70.0, 90.0, 69.9])
    assert at_threshold(rated, threshold=70)["reached"].tolist() == [1, 0]
    with pytest.raises(MethodError, match="No school-year lies in the program"):
        at_threshold(rated.assign(start_year=np.nan), threshold=70)


def pairs(one, other, schools=6):
    rows = []
    for number, (a, b) in enumerate(zip(one, other, strict=True)):
        school = f"s{number % schools}"
        rows += [(school, 2018, 1, f"i{number}", "p", a), (school, 2018, 5, f"i{number}", "q", b)]
    return ratings(rows)


def test_kappa_is_the_textbook_formula_on_the_table_of_both_orders():
    rng = np.random.default_rng(3)
    one = rng.integers(0, 4, 60)
    other = np.clip(one + rng.integers(-1, 2, 60), 0, 3)
    table = np.zeros((4, 4))
    for a, b in zip(one, other, strict=True):
        table[a, b] += 1
        table[b, a] += 1
    p, margin = table / table.sum(), table.sum(axis=0) / table.sum()
    weights = (np.arange(4)[:, None] - np.arange(4)[None, :]) ** 2
    expected = 1 - (weights * p).sum() / (weights * np.outer(margin, margin)).sum()
    found = rater_agreement(pairs(one, other))
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high < 1


def test_scores_dealt_at_random_agree_by_chance_alone():
    rng = np.random.default_rng(8)
    found = rater_agreement(pairs(rng.integers(0, 4, 3000), rng.integers(0, 4, 3000), schools=40))
    assert abs(found.value) < 4 / np.sqrt(3000)
    assert found.low < 0 < found.high


def test_scores_on_another_scale_and_other_names_change_nothing():
    rng = np.random.default_rng(4)
    one = rng.integers(0, 4, 80)
    told = pairs(one, np.clip(one + rng.integers(0, 2, 80), 0, 3))
    found = rater_agreement(told)
    other = rater_agreement(
        told.assign(score=10 * told["score"] + 5, rater=told["rater"].map({"p": "z", "q": "b"}))[::-1]
    )
    assert (other.value, other.low, other.high) == pytest.approx((found.value, found.low, found.high))


def test_raters_who_never_met_are_refused():
    with pytest.raises(MethodError, match="No two raters"):
        rater_agreement(ratings([("a", 2018, 1, "x", "p", 1), ("b", 2018, 1, "x", "q", 2)]))
    with pytest.raises(MethodError, match="2 schools"):
        rater_agreement(pairs([0, 1, 2, 3], [1, 1, 2, 3], schools=2))
