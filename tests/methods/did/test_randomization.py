"""Randomization inference against brute force, and its size where its assumption holds."""

import itertools
import math
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did import randomization
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.randomization import att_randomization


def laid(frame: pd.DataFrame, weights: str | None = None) -> Design:
    return lay_out(frame, outcome="oss", weights=weights)


def draw(schools=8, adopters=3, years=6, *, effect=-2.0, seed=0, staggered=False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2017 + (np.arange(adopters) % 2 if staggered else 0)
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:03d}" for i in range(schools)], years)})
    frame["year"] = np.tile(np.arange(2014, 2014 + years), schools)
    frame["start_year"] = np.repeat(starts, years)
    frame["enrolled_n"] = np.repeat(rng.integers(100, 900, schools), years).astype(float)
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    return frame.assign(oss=noise + effect * (frame.year >= frame.start_year))


def studentized(frame: pd.DataFrame, weights=None) -> float:
    estimate = att_imputation(laid(frame, weights))
    return abs(estimate.value / estimate.se)


def deal(frame: pd.DataFrame, order) -> pd.DataFrame:
    """Give each school the start of another."""
    schools = sorted(frame.school_id.unique())
    starts = frame.groupby("school_id").start_year.first()
    dealt = dict(zip(schools, starts.loc[[schools[i] for i in order]], strict=True))
    return frame.assign(start_year=frame.school_id.map(dealt))


@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_p_is_the_share_of_all_deals_at_least_as_extreme(weights):
    frame = draw(schools=7, adopters=3, effect=-0.9, seed=4)
    actual = studentized(frame, weights)
    others = []
    for chosen in itertools.combinations(range(7), 3):
        rest = [i for i in range(7) if i not in chosen]
        order = np.empty(7, dtype=int)
        order[[*chosen, *rest]] = range(7)
        others.append(studentized(deal(frame, order), weights))
    expected = np.mean(np.array(others) >= actual * (1 - 1e-9))
    estimate = att_randomization(laid(frame, weights), seed=0)
    assert estimate.p == pytest.approx(expected, abs=1e-12)
    assert (estimate.kind, estimate.mcse) == ("exact", None)
    assert "all 35 deals" in estimate.method


def test_interval_holds_exactly_the_effects_the_test_does_not_reject():
    frame = draw(schools=9, adopters=4, seed=6, staggered=True)
    estimate = att_randomization(laid(frame), seed=0)
    treated = frame.year >= frame.start_year

    def p_against(effect: float) -> float:
        return att_randomization(laid(frame.assign(oss=frame.oss - effect * treated)), seed=0).p

    for end, inward in [(estimate.low, 1), (estimate.high, -1)]:
        assert p_against(end + inward * 1e-6) > 0.05
        assert p_against(end - inward * 1e-6) <= 0.05
    assert estimate.low < estimate.value < estimate.high


def test_random_deals_agree_with_all_deals_within_monte_carlo_error(monkeypatch):
    frame = draw(schools=10, adopters=4, effect=-0.7, seed=13)
    exact = att_randomization(laid(frame), seed=1)
    monkeypatch.setattr(randomization, "ENUMERATED", 0)
    simulated = att_randomization(laid(frame), seed=1, draws=1999)
    assert simulated.kind == "simulated"
    assert simulated.mcse == pytest.approx(math.sqrt(simulated.p * (1 - simulated.p) / 2000))
    assert abs(simulated.p - exact.p) < 4 * simulated.mcse
    assert f"Monte Carlo error of p {simulated.mcse:.4f}" in simulated.method


def test_size_and_coverage_hold_where_adoption_is_dealt_at_random():
    """8 schools of very unequal noise, 3 adopting (56 deals): a test at 5% can reject at most 2 in 56."""
    rng, rejected, covered, draws = np.random.default_rng(3), 0, 0, 120
    spread = np.repeat([0.2, 0.2, 0.5, 0.5, 1, 2, 4, 8], 6)
    frame = draw(effect=0.0)
    for _ in range(draws):
        frame["oss"] = rng.normal(0, 1, 48) * spread
        shuffled = deal(frame, rng.permutation(8))
        treated = shuffled.year >= shuffled.start_year
        estimate = att_randomization(laid(shuffled.assign(oss=shuffled.oss - 2.0 * treated)), seed=0)
        covered += estimate.low <= -2.0 <= estimate.high
        rejected += att_randomization(laid(shuffled), seed=0).p <= 0.05
    nominal = 2 / 56
    mcse = math.sqrt(nominal * (1 - nominal) / draws)
    assert abs(rejected / draws - nominal) < 4 * mcse
    assert rejected == draws - covered  # test and interval are the same statement


def test_same_seed_same_numbers_whatever_the_order_of_rows():
    frame = draw(schools=20, adopters=7, staggered=True)
    one = att_randomization(laid(frame), seed=5, draws=199)
    two = att_randomization(laid(frame.sample(frac=1, random_state=1)), seed=5, draws=199)
    assert one == two
    assert one.p != att_randomization(laid(frame), seed=6, draws=99).p


def test_hash_seed_does_not_matter():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_randomization import *;"
        "e = att_randomization(laid(draw(schools=20, adopters=7)), seed=5, draws=99);"
        "print(repr((e.value, e.low, e.high, e.p)))"
    )
    here = os.path.dirname(__file__)
    answers = {
        subprocess.run(
            [sys.executable, "-c", code, here],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "77")
    }
    assert len(answers) == 1


def test_schools_that_lack_years_are_dealt_with():
    frame = draw(schools=12, adopters=4, years=7, seed=9)
    frame.loc[frame.school_id.isin(["010", "011"]) & (frame.year < 2017), "oss"] = np.nan
    estimate = att_randomization(laid(frame), seed=1)
    assert estimate.low < estimate.value < estimate.high


def test_too_few_ways_to_deal_are_refused():
    with pytest.raises(MethodError, match="only 10 ways to deal"):
        att_randomization(laid(draw(schools=5, adopters=2)), seed=0)


def test_sixty_schools_with_999_deals_take_less_than_two_seconds():
    frame = draw(schools=60, adopters=20, years=8, staggered=True)
    started = time.perf_counter()
    att_randomization(laid(frame), seed=1, draws=999)
    assert time.perf_counter() - started < 2.0 * (1 + (os.getloadavg()[0] > 2))
