"""Poisson effects against statsmodels with dummies, brute force, and planted ratios."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from jackknife_by_hand import by_hand, starts_of
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.did import poisson
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.poisson import as_percent, att_poisson, att_poisson_gap, log_effect

ENROLLED = {"exposure": "enrolled_n"}


def counts(frame: pd.DataFrame) -> Design:
    return lay_out(frame, outcome="oss_n")


def draw(schools=14, years=7, adopters=5, *, ratio=0.6, seed=0, noise=True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2017 + np.arange(adopters) % 2
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(starts, years),
    )
    frame["enrolled_n"] = rng.integers(150, 900, len(frame)).astype(float)
    rate = np.repeat(rng.uniform(0.03, 0.2, schools), years) * np.tile(rng.uniform(0.8, 1.2, years), schools)
    mean = frame.enrolled_n * rate * np.where(frame.year >= frame.start_year, ratio, 1.0)
    return frame.assign(oss_n=rng.poisson(mean).astype(float) if noise else mean)


def by_glm(frame: pd.DataFrame) -> float:
    """Log ratio by a Poisson GLM with school and year dummies on untreated rows."""
    treated = (frame.year >= frame.start_year).to_numpy()
    X = pd.get_dummies(frame[["school_id", "year"]].astype(str), drop_first=True).astype(float)
    X = sm.add_constant(X).to_numpy()
    y, E = frame.oss_n.to_numpy(), frame.enrolled_n.to_numpy()
    model = sm.GLM(y[~treated], X[~treated], family=sm.families.Poisson(), exposure=E[~treated])
    imputed = E[treated] * np.exp(X[treated] @ model.fit(tol=1e-13, maxiter=200).params)
    return math.log(y[treated].sum() / imputed.sum())


@pytest.mark.parametrize("holes", [0, 9])
def test_imputation_equals_a_glm_with_dummies(holes):
    frame = draw(seed=2)
    frame = frame.drop(index=np.random.default_rng(0).choice(len(frame), holes, replace=False))
    assert log_effect(counts(frame), "enrolled_n").value == pytest.approx(by_glm(frame), abs=1e-8)
    estimate = att_poisson(counts(frame), **ENROLLED)
    assert estimate.value == pytest.approx(100 * math.expm1(by_glm(frame)), abs=1e-6)


def test_jackknife_equals_fitting_again_without_each_school():
    frame = draw(seed=5)
    schools = sorted(frame.school_id.unique())
    refits = np.array([by_glm(frame[frame.school_id != s]) for s in schools])
    effect = log_effect(counts(frame), "enrolled_n")
    assert effect.left_out == pytest.approx(refits, abs=1e-8)
    se, df = by_hand(by_glm(frame), dict(zip(schools, refits, strict=True)), starts_of(frame))
    high = effect.value + stats.t.ppf(0.975, df) * se
    assert att_poisson(counts(frame), **ENROLLED).high == pytest.approx(100 * math.expm1(high), abs=1e-6)


def test_one_step_without_each_school_is_near_the_refit(monkeypatch):
    frame = draw(schools=120, adopters=40, seed=5)
    exact = att_poisson(counts(frame), **ENROLLED)
    monkeypatch.setattr(poisson, "REFITTED", 0)
    assert att_poisson(counts(frame), **ENROLLED).se == pytest.approx(exact.se, rel=0.002)


def test_a_planted_ratio_comes_back_exactly_without_noise():
    frame = draw(noise=False, ratio=0.6)
    assert att_poisson(counts(frame), **ENROLLED).value == pytest.approx(-40, abs=1e-8)


def test_gap_is_the_ratio_of_the_ratios_with_a_school_left_out_of_both():
    black, white = draw(seed=1, ratio=0.5), draw(seed=2, ratio=0.8)
    gap = as_percent(att_poisson_gap(counts(black), counts(white), **ENROLLED))
    logs = [log_effect(counts(frame), "enrolled_n") for frame in (black, white)]
    assert gap.value == pytest.approx(100 * math.expm1(logs[0].value - logs[1].value), abs=1e-9)
    without = dict(zip(counts(black).units, logs[0].left_out - logs[1].left_out, strict=True))
    se, df = by_hand(logs[0].value - logs[1].value, without, starts_of(black))
    assert gap.se == pytest.approx((100 + gap.value) * se, abs=1e-8)
    assert gap.df == pytest.approx(df, rel=1e-6)


def test_scale_of_exposure_and_order_of_rows_do_not_matter():
    frame = draw(seed=8)
    one = att_poisson(counts(frame), **ENROLLED)
    shuffled = frame.assign(enrolled_n=frame.enrolled_n / 100).sample(frac=1, random_state=0)
    two = att_poisson(counts(shuffled), **ENROLLED)
    assert (two.value, two.low) == (pytest.approx(one.value, abs=1e-8), pytest.approx(one.low, abs=1e-8))


def test_a_school_without_events_is_counted_as_expected_to_have_none():
    frame = draw(seed=3)
    quiet = frame.assign(oss_n=frame.oss_n.where(frame.school_id != "13", 0.0))
    without = frame[frame.school_id != "13"]
    assert att_poisson(counts(quiet), **ENROLLED).value == pytest.approx(
        att_poisson(counts(without), **ENROLLED).value, abs=1e-8
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: {"oss_n": f.oss_n - 50}, "counts below zero"),
        (lambda f: {"enrolled_n": f.enrolled_n.where(f.school_id != "04", 0)}, "not above zero: 04"),
        (lambda f: {"oss_n": f.oss_n.where(f.year != 2015, 0)}, "before the program in 2015-16"),
        (lambda f: {"oss_n": f.oss_n.where((f.year != 2015) | (f.school_id == "09"), 0)}, "without 09"),
        (lambda f: {"oss_n": f.oss_n.where(~(f.year >= f.start_year), 0)}, "no event after it"),
    ],
)
def test_refusals(change, said):
    frame = draw(seed=3)
    with pytest.raises(MethodError, match=said):
        att_poisson(counts(frame.assign(**change(frame))), **ENROLLED)


def test_weights_are_refused():
    with pytest.raises(MethodError, match="every student counts once already"):
        att_poisson(lay_out(draw(), outcome="oss_n", weights="enrolled_n"), **ENROLLED)
