"""Synthetic control of one adopting school: weights, effect, ranks and intervals, each against a known truth."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from rpeval.errors import MethodError
from rpeval.methods.did.synthetic import simplex_weights, synthetic_control

YEARS = np.arange(2012, 2021)
START = 2018


def draw(schools=25, *, effect=0.0, noise=1.0, factors=0.0, seed=0) -> np.ndarray:
    """Outcomes of schools by years; the first one adopts."""
    rng = np.random.default_rng(seed)
    Y = (
        rng.normal(8, 2, (schools, 1))
        + rng.normal(0, 1, YEARS.size)
        + rng.normal(0, noise, (schools, YEARS.size))
    )
    Y += factors * rng.dirichlet(np.ones(2), schools) @ rng.normal(0, 1, (2, YEARS.size)).cumsum(axis=1)
    Y[0, YEARS >= START] += effect
    return Y


def panel(Y, names=None) -> pd.DataFrame:
    schools = [f"{k:03d}" for k in range(len(Y))] if names is None else names
    frame = pd.DataFrame({"school_id": np.repeat(schools, YEARS.size), "year": np.tile(YEARS, len(Y))})
    frame["start_year"] = np.repeat([float(START), *[np.nan] * (len(Y) - 1)], YEARS.size)
    return frame.assign(oss=Y.ravel())


def fit(Y, **more):
    return synthetic_control(panel(Y), outcome="oss", **more)


def test_weights_recover_a_convex_combination():
    rng = np.random.default_rng(3)
    others, truth = rng.normal(0, 1, (8, 12)), np.array([0.5, 0, 0.3, 0, 0, 0.2, 0, 0])
    assert simplex_weights(others, truth @ others, 0.0) == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("penalty", [0.1, 2.0])
def test_weights_equal_those_of_a_general_optimizer(penalty):
    rng = np.random.default_rng(5)
    others, own = rng.normal(0, 1, (10, 6)), rng.normal(0, 1, 6)

    def loss(w):
        return ((own - w @ others) ** 2).sum() + penalty * (w**2).sum()

    ones = {"type": "eq", "fun": lambda w: w.sum() - 1}
    bounds, options = [(0, 1)] * 10, {"ftol": 1e-15, "maxiter": 500}
    found = minimize(loss, np.full(10, 0.1), bounds=bounds, constraints=ones, options=options)
    weights = simplex_weights(others, own, penalty)
    assert weights == pytest.approx(found.x, abs=1e-5)
    assert loss(weights) <= loss(found.x) + 1e-12


def test_the_estimate_is_the_mean_gap_by_hand():
    Y = draw(seed=2)
    found = fit(Y)
    weight = found.weights.set_index("school_id")["weight"].sort_index().to_numpy()
    before = YEARS < START
    Z = Y - Y[:, before].mean(axis=1, keepdims=True)
    gap = Z[0] - weight @ Z[1:]
    assert weight.sum() == pytest.approx(1)
    assert found.gaps["gap"].to_numpy() == pytest.approx(gap, abs=1e-12)
    assert (found.gaps["outcome"] - found.gaps["synthetic"]).to_numpy() == pytest.approx(gap, abs=1e-12)
    assert found.estimate.value == pytest.approx(gap[~before].mean(), abs=1e-12)
    assert found.pre_rmspe == pytest.approx(math.sqrt((gap[before] ** 2).mean()), abs=1e-12)


def test_a_planted_effect_is_recovered_where_equal_weights_fail():
    """The adopting school moves as three others do, whose paths part from all the rest; noise is small."""
    Y = draw(noise=0.05, seed=4)
    path = np.linspace(0, 6, YEARS.size)
    Y[:4] += path
    Y[0, YEARS >= START] -= 3
    found = fit(Y)
    assert found.estimate.value == pytest.approx(-3, abs=0.25)
    assert set(found.weights["school_id"][:3]) == {"001", "002", "003"}
    assert (found.rank, found.of, found.estimate.p) == (1, 25, 0.04)
    assert found.estimate.low < -3 < found.estimate.high < 0
    Z = Y - Y[:, YEARS < START].mean(axis=1, keepdims=True)
    assert abs((Z[0] - Z[1:].mean(axis=0))[YEARS >= START].mean() + 3) > 1


def test_p_is_uniform_without_an_effect_and_the_interval_covers():
    """Twenty schools that any could adopt: p takes each of 20 values equally often, and 95 % intervals cover."""
    draws, p, covered = 200, [], []
    for seed in range(draws):
        found = fit(draw(schools=20, factors=1.0, noise=0.7, effect=1.5, seed=seed))
        lifted = fit(draw(schools=20, factors=1.0, noise=0.7, seed=seed))
        p.append(lifted.estimate.p)
        low, high = found.estimate.low, found.estimate.high
        covered += [] if low is None else [low <= 1.5 <= high]
        if low is not None and lifted.estimate.low is not None:
            assert (lifted.estimate.p <= 0.05 + 1e-12) == (
                not lifted.estimate.low <= 0 <= lifted.estimate.high
            )
    for level in (0.05, 0.2, 0.5):
        share = np.mean(np.array(p) <= level + 1e-12)
        assert share == pytest.approx(level, abs=3.5 * math.sqrt(level * (1 - level) / draws))
    assert len(covered) > 0.95 * draws
    assert np.mean(covered) > 0.95 - 3.5 * math.sqrt(0.05 * 0.95 / draws)


def test_the_interval_is_what_the_test_keeps_by_brute_force():
    """Take an effect out of the school's outcome, and rank again: kept inside the interval, rejected outside."""
    Y = draw(schools=20, effect=-2.0, noise=0.8, seed=8)
    low, high = fit(Y).estimate.low, fit(Y).estimate.high
    for inside in np.linspace(low + 1e-6, high - 1e-6, 9):
        assert fit(Y - inside * np.outer(np.arange(20) == 0, YEARS >= START)).estimate.p > 0.05
    for outside in (low - 0.01, low - 3, high + 0.01, high + 3):
        assert fit(Y - outside * np.outer(np.arange(20) == 0, YEARS >= START)).estimate.p <= 0.05 + 1e-12


def test_levels_scale_order_and_names_do_not_matter():
    Y = draw(seed=6, effect=-1.0)
    found, frame = fit(Y), panel(Y)
    low, high = found.estimate.low, found.estimate.high
    shuffled = synthetic_control(frame.sample(frac=1, random_state=1), outcome="oss")
    renamed = synthetic_control(panel(Y, names=[f"{99 - k:03d}" for k in range(25)]), outcome="oss")
    shifted = fit(Y + np.arange(25)[:, None] + np.linspace(0, 3, YEARS.size))
    scaled = fit(10 * Y)
    for other, scale in ((shuffled, 1), (renamed, 1), (shifted, 1), (scaled, 10)):
        assert other.estimate.value == pytest.approx(scale * found.estimate.value, abs=1e-7)
        assert (other.estimate.low, other.estimate.high) == pytest.approx(
            (scale * low, scale * high), rel=1e-6
        )
        assert (other.rank, other.estimate.p) == (found.rank, found.estimate.p)


def test_schools_and_years_with_holes_are_set_aside_and_counted():
    frame = panel(draw(seed=1))
    whole = synthetic_control(frame[frame.school_id != "007"], outcome="oss")
    holes = frame.drop(index=frame.index[(frame.school_id == "007") & (frame.year == 2014)])
    found = synthetic_control(holes, outcome="oss")
    assert found.estimate.value == pytest.approx(whole.estimate.value, abs=1e-12)
    assert "1 school not seen in every year set aside" in found.estimate.method
    short = frame[~((frame.school_id == "000") & (frame.year == 2013))]
    assert 2013 not in synthetic_control(short, outcome="oss").gaps["year"].tolist()


def test_names_are_kept_and_a_poor_fit_is_called():
    Y = draw(noise=0.1, seed=9)
    Y[0, :6] += [0, 3, -3, 4, -4, 3]
    found = synthetic_control(panel(Y).assign(school_name=lambda f: "S" + f.school_id), outcome="oss")
    assert list(found.weights.columns) == ["school_id", "school_name", "weight"]
    assert "The fit before the start is poor" in found.warnings[0]
    assert not any("poor" in warning for warning in fit(draw(seed=9)).warnings)


def test_a_hundred_placebos_are_quick():
    Y = draw(schools=101, seed=1)
    fit(Y)
    started = time.perf_counter()
    assert fit(Y).of == 101
    assert time.perf_counter() - started < 2


def test_refusals_name_the_remedy():
    frame = panel(draw(seed=1))
    with pytest.raises(
        MethodError, match=r"With 15 comparison schools the smallest possible p-value is 0\.062"
    ):
        fit(draw(schools=16))
    assert fit(draw(schools=20)).of == 20
    with pytest.raises(MethodError, match="3 years before the start, and 4 are needed"):
        synthetic_control(frame[frame.year >= 2015], outcome="oss")
    with pytest.raises(MethodError, match="Add the rows of other districts"):
        synthetic_control(frame.assign(start_year=2018.0), outcome="oss")
    two = frame.assign(start_year=frame.start_year.mask(frame.school_id == "001", 2017.0))
    with pytest.raises(MethodError, match=r"2 schools adopt \(000, 001\)"):
        synthetic_control(two, outcome="oss")
    with pytest.raises(MethodError, match="No school starts within"):
        synthetic_control(frame.assign(start_year=frame.start_year + 9), outcome="oss")
    with pytest.raises(MethodError, match="moved exactly alike before the start"):
        fit(np.tile(np.arange(9.0), (25, 1)) + np.arange(25)[:, None])
    with pytest.raises(MethodError, match="Keep schools of the same level and a similar size"):
        fit(draw(schools=402))
    with pytest.raises(MethodError, match="more than once"):
        synthetic_control(pd.concat([frame, frame[:1]]), outcome="oss")
