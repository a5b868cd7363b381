"""The clock starts at the incident: by hand, on a log without any effect, and the refusal of the other road."""

import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.removals.risk_set import compare, ever_participated, follow, manufactured

OPENS, JANUARY_31, CLOSES = 17775, 17927, 18057  # September 1, 2018; January 31 and June 10, 2019


def null_log(seed: int, *, students=90_546, schools=180, shape=0.144, mean=0.082, effect=1.0) -> pd.DataFrame:
    """A year's log in which answers do nothing.

    The rule: each of 90,546 students in 180 schools has an own rate of incidents, gamma with shape 0.144 around
    0.082 per half-year (so that about 9,430 have a record); the incidents of each half-year are Poisson at
    that rate, on random days; 30 % of those of the first half are answered restoratively, at random, all others
    by a sanction. `effect` multiplies later rates of students after a restorative answer: 1 = none at all.
    """
    rng = np.random.default_rng(seed)
    rate = rng.gamma(shape, mean / shape, students)
    school = rng.integers(0, schools, students)
    early = np.repeat(np.arange(students), rng.poisson(rate))
    restorative = rng.random(len(early)) < 0.3
    took = np.zeros(students, bool)
    took[early[restorative]] = True
    late = np.repeat(np.arange(students), rng.poisson(rate * np.where(took, effect, 1.0)))
    student = np.concatenate([early, late])
    day = np.concatenate(
        [rng.integers(OPENS, JANUARY_31 + 1, len(early)), rng.integers(JANUARY_31 + 1, CLOSES + 1, len(late))]
    )
    response = np.where(np.concatenate([restorative, np.zeros(len(late), bool)]), "restorative", "sanction")
    return pd.DataFrame(
        {"student": student, "school_id": school[student], "year": 2018, "day": day, "response": response}
    )


def first_half(log):
    """The incidents of the first half that are followed for the whole second half: the study's risk set."""
    return follow(log, days=90).query("day <= @JANUARY_31")


def naive_odds(log):
    """Ever restorative by January against everyone else with a record; the outcome is a later incident."""
    early = log["day"] <= JANUARY_31
    took = (early & (log["response"] == "restorative")).groupby(log["student"]).any()
    again = (~early).groupby(log["student"]).any()
    a, b, c, d = ((took & again).sum(), (took & ~again).sum(), (~took & again).sum(), (~took & ~again).sum())
    return a * d / (b * c)


@pytest.fixture(scope="module")
def drawn():
    """Eighty districts without any effect: records, the naive odds ratio, and the one on the risk set."""
    rows = []
    for seed in range(80):
        log = null_log(seed)
        fair = compare(first_half(log), days=90).odds_ratio
        rows.append((log["student"].nunique(), naive_odds(log), fair.value, fair.low, fair.high))
    return pd.DataFrame(rows, columns=["records", "naive", "fair", "low", "high"])


def test_no_effect_looks_like_a_third_of_the_odds_to_the_naive_comparison(drawn):
    assert drawn["records"].mean() == pytest.approx(9_430, abs=100)
    error = drawn["naive"].std() / math.sqrt(len(drawn))
    assert error < 0.004
    assert drawn["naive"].mean() == pytest.approx(0.31, abs=3 * error)
    assert drawn["naive"].max() < 0.4


def test_on_the_correct_risk_set_there_is_nothing(drawn):
    log_odds = np.log(drawn["fair"])
    error = log_odds.std() / math.sqrt(len(drawn))
    assert error < 0.01
    for truth in (1.0, 0.996):
        assert abs(log_odds.mean() - math.log(truth)) < 3 * error
    inside = ((drawn["low"] < 1) & (drawn["high"] > 1)).mean()
    assert abs(inside - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / len(drawn))


def test_an_effect_that_is_there_is_found():
    fair = compare(first_half(null_log(1, effect=0.3)), days=90).odds_ratio
    assert fair.high < 0.95


def test_the_reader_is_told_what_chance_alone_would_show():
    log = null_log(3)
    made = manufactured(log, seed=5, draws=40)
    assert made.value == pytest.approx(naive_odds(log), abs=0.03)
    assert made.kind == "simulated"
    assert made.mcse < 0.01
    with pytest.raises(MethodError) as caught:
        ever_participated(log, seed=5, draws=40)
    told = caught.value.problems[0]
    took = log.loc[(log["day"] <= JANUARY_31), "student"].unique()
    late_n = (~log.drop_duplicates("student")["student"].isin(took)).sum()
    assert f"{late_n:,} of the" in told.what
    assert f"{made.value:.2f} with no effect at all" in told.what
    assert told.fix.startswith("Start the clock at the incident")


TINY = pd.DataFrame(
    [  # student, school, day, response
        (1, "a", 0, "restorative"), (1, "a", 10, "sanction"),
        (2, "a", 0, "sanction"), (2, "a", 40, "sanction"),
        (3, "a", 5, "no_action"),
        (4, "a", 5, ""), (4, "a", 6, "restorative"), (4, "a", 6, "sanction"),
        (5, "a", 100, "sanction"),
    ],
    columns=["student", "school_id", "day", "response"],
).assign(year=2018)  # fmt: skip


def test_what_followed_by_hand():
    eligible = follow(TINY, days=30)
    rows = [tuple(row) for row in eligible[["student", "day", "response", "prior", "followed"]].to_numpy()]
    assert rows == [
        (1, 0, "restorative", 0, 1), (2, 0, "sanction", 0, 0), (3, 5, "no_action", 0, 0),
        (4, 6, "restorative", 1, 0), (4, 6, "sanction", 1, 0), (1, 10, "sanction", 1, 0), (2, 40, "sanction", 1, 0),
    ]  # fmt: skip
    assert follow(TINY, days=60).query("student == 2 and day == 0")["followed"].item() == 1
    assert 40 not in set(follow(TINY, days=61)["day"])


def test_the_comparison_by_hand():
    # three schools; in each, one set: p1 - p0 and n1 n0 / n
    cells = {"a": (4, 1, 6, 3), "b": (2, 1, 8, 2), "c": (5, 0, 5, 2)}
    rows = [
        (school, 2018, 0, answer, int(k < y))
        for school, (n1, y1, n0, y0) in cells.items()
        for answer, n, y in (("restorative", n1, y1), ("sanction", n0, y0))
        for k in range(n)
    ]
    eligible = pd.DataFrame(rows, columns=["school_id", "year", "prior", "response", "followed"])
    found = compare(eligible, days=30)
    weights = [n1 * n0 / (n1 + n0) for n1, _, n0, _ in cells.values()]
    apart = [y1 / n1 - y0 / n0 for n1, y1, n0, y0 in cells.values()]
    value = sum(w * d for w, d in zip(weights, apart, strict=True)) / sum(weights)
    left = [
        sum(w * d for k, (w, d) in enumerate(zip(weights, apart, strict=True)) if k != out)
        / (sum(weights) - weights[out])
        for out in range(3)
    ]
    assert found.difference.value == pytest.approx(100 * value)
    se = math.sqrt(2 / 3 * sum((x - value) ** 2 for x in left))
    assert found.difference.se == pytest.approx(100 * se)
    odds = sum(y1 * (n0 - y0) / (n1 + n0) for n1, y1, n0, y0 in cells.values())
    odds /= sum(y0 * (n1 - y1) / (n1 + n0) for n1, y1, n0, y0 in cells.values())
    assert found.odds_ratio.value == pytest.approx(odds)
    assert (found.eligible_n, found.compared_n, found.difference.clusters) == (30, 30, 3)
    mixed = compare(eligible.sample(frac=1, random_state=2), days=30)
    assert mixed.difference.value == pytest.approx(found.difference.value, abs=1e-12)


def test_sets_with_one_answer_count_nothing():
    log = null_log(7, students=8_000, schools=10)
    eligible = first_half(log)
    alone = eligible.assign(school_id=lambda f: f["school_id"] + 1000, response="sanction", followed=1)
    both = pd.concat([eligible, alone])
    found, more = compare(eligible, days=90), compare(both, days=90)
    assert more.odds_ratio.value == pytest.approx(found.odds_ratio.value)
    assert more.eligible_n == 2 * found.eligible_n
    assert more.compared_n == found.compared_n


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(MethodError, match="no day"):
        follow(TINY.drop(columns="day"), days=30)
    with pytest.raises(MethodError, match="200 days or more"):
        follow(TINY, days=200)
    with pytest.raises(MethodError, match="Only 1 school gave both answers"):
        compare(
            follow(TINY.assign(response=["restorative", "sanction"] * 4 + ["sanction"]), days=20), days=20
        )


def test_intervals_hold_the_truth_in_small_districts():
    """Sixteen schools, no effect: how often 95 % intervals of the difference hold zero."""
    inside = []
    for seed in range(120):
        eligible = first_half(null_log(1000 + seed, students=5_000, schools=16, shape=0.5, mean=0.3))
        found = compare(eligible, days=90).difference
        inside.append(found.low <= 0 <= found.high)
    assert abs(np.mean(inside) - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / len(inside))
