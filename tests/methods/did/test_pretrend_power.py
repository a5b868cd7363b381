"""The look at the years before the start: its alarms and its blind spot, against explicit looks."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Refusal
from rpeval.methods.did.bands import event_band
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import average_by_event, estimate_rows
from rpeval.methods.did.pretrend_power import pretrend_power
from rpeval.methods.intervals import critical


def draw(schools=16, starts=(2018,) * 6, years=7, *, drift=0.0, effect=-2.0, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    first = np.full(schools, np.nan)
    first[: len(starts)] = starts
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(first, years),
    )
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    trend = drift * (frame.year - 2014) * frame.start_year.notna()
    return frame.assign(oss=noise + trend + effect * (frame.year >= frame.start_year))


def laid_out(frame):
    return lay_out(frame, outcome="oss")


def rows_of(frame):
    """The event study with its effects, as the band starts from it."""
    design = laid_out(frame)
    events, cells, result = average_by_event(design)
    return dict(zip(events, estimate_rows(design, cells, result), strict=True))


def without_effect(frame):
    """Take the average effect of each program year out."""
    event = frame.year - frame.start_year
    effects = {e: row.value for e, row in rows_of(frame).items() if e >= 0}
    return frame.assign(oss=frame.oss - event.map(effects).fillna(0.0))


def dealt(frame, own, start):
    """Let exactly these schools start, in one year."""
    return frame.assign(start_year=np.where(frame.school_id.isin(own), float(start), np.nan))


def early_rows(frame):
    return [row for event, row in rows_of(frame).items() if event < 0]


def largest_t(frame, own, start):
    return max(abs(row.value / row.se) for row in early_rows(dealt(frame, own, start)))


def alarmed(frame, deals, start, drift, alpha):
    """Share of deals whose adopters drift until the start and are called, against all deals of the same data."""
    called = []
    for own in deals:
        time_before = np.minimum(frame.year, start) - 2014
        middle = (start - 1 - 2014) / 2  # the band takes out what the program years would show
        drifting = drift * (time_before.where(frame.year < start, middle)) * frame.school_id.isin(own)
        study = frame.assign(oss=frame.oss + drifting)
        t = np.array([largest_t(study, other, start) for other in deals])
        p = ((t >= t[deals.index(own)] * (1 - 1e-9)).sum() + 1) / (len(deals) + 1)
        called.append(p <= alpha + 1e-12)
    return np.mean(called)


def test_alarms_and_slopes_are_those_of_every_deal_by_brute_force(monkeypatch):
    """Two of five schools start: all 10 deals, at a level that so few can reach."""
    frame = draw(schools=5, starts=(2017, 2017), years=5, seed=3)
    for module, name in [("did.pretrend_power", "LEVEL"), ("intervals.critical", "__defaults__")]:
        monkeypatch.setattr(f"rpeval.methods.{module}.{name}", 0.7 if name == "LEVEL" else (np.inf, 0.7))
    found = pretrend_power(laid_out(frame), seed=0)
    clean, deals = without_effect(frame), list(itertools.combinations(sorted(frame.school_id.unique()), 2))
    assert (found.false_alarm.n, found.false_alarm.kind, found.false_alarm.mcse) == (10, "exact", None)
    assert found.false_alarm.value == pytest.approx(100 * alarmed(clean, deals, 2017, 0.0, 0.3))
    out = [
        any(abs(r.value) > critical(r.df, 0.7) * r.se for r in early_rows(dealt(clean, own, 2017)))
        for own in deals
    ]
    assert found.starred.value == pytest.approx(100 * np.mean(out))
    for drift, enough in ((1.001 * found.slope_half.value, True), (0.999 * found.slope_half.value, False)):
        share = np.mean([alarmed(clean, deals, 2017, sign * drift, 0.3) for sign in (-1, 1)])
        assert (share >= 0.5) == enough


def test_fresh_studies_with_such_a_drift_raise_the_band_s_alarm_half_the_time():
    """The drift told by eight panels, planted in 80 new ones and looked at with the band."""
    known = {"schools": 12, "starts": (2018,) * 5, "years": 6}
    told = [pretrend_power(laid_out(draw(seed=s, **known)), seed=1, draws=99) for s in range(100, 108)]
    slopes = [found.slope_half.value for found in told]
    drift, draws = float(np.mean(slopes)), 80
    alarms = [
        event_band(laid_out(draw(drift=drift, seed=s, **known)), seed=1, draws=59).before <= 0.05
        for s in range(draws)
    ]
    told_error = 0.6 * np.std(slopes) / math.sqrt(len(slopes)) / drift  # what an error of the drift moves
    assert abs(np.mean(alarms) - 0.5) < 3 * math.sqrt(0.25 / draws + told_error**2)
    assert told[0].slope_found.value > drift


def imputed(frame: pd.DataFrame) -> float:
    """The average effect from scratch: least squares on dummies before the start, gaps after it."""
    treated = frame.year >= frame.start_year
    X = pd.get_dummies(frame[["school_id", "year"]].astype(str)).to_numpy(dtype=float)
    coef = np.linalg.lstsq(X[~treated], frame.oss[~treated], rcond=None)[0]
    return float((frame.oss[treated] - X[treated] @ coef).mean())


def test_what_a_drift_fakes_is_what_the_estimate_finds_in_a_drift_alone():
    """Starts in 2018 of 2014 to 2020: the middles of the years lie 2019 - 2015.5 apart."""
    found = pretrend_power(laid_out(draw(seed=1)), seed=1, draws=99)
    assert found.fakes_half.value == pytest.approx(3.5 * found.slope_half.value)
    assert found.fakes_found.value == pytest.approx(3.5 * found.slope_found.value)
    frame = draw(starts=(2017, 2017, 2018, 2018, 2019, 2019), seed=1)
    alone = frame.assign(oss=(frame.year - 2014.0) * frame.start_year.notna())
    staggered = pretrend_power(laid_out(frame), seed=1, draws=99)
    assert staggered.fakes_half.value == pytest.approx(imputed(alone) * staggered.slope_half.value)


def test_stars_raise_more_false_alarms_than_the_band():
    found = pretrend_power(laid_out(draw(starts=(2018,) * 4 + (2019,) * 3, schools=24, years=9)), seed=1)
    assert 3.5 < found.false_alarm.value <= 5
    assert found.starred.value > 2 * found.false_alarm.value
    assert found.starred.mcse == pytest.approx(100 * math.sqrt(0.2 * 0.8 / 499), rel=0.3)


def test_more_schools_see_a_smaller_drift():
    few, many = (
        pretrend_power(laid_out(draw(schools=n, starts=(2018,) * (n // 3), seed=5)), seed=1, draws=99)
        for n in (12, 48)
    )
    assert many.slope_half.value < 0.7 * few.slope_half.value
    assert few.slope_half.value < few.slope_found.value


def test_unit_order_and_seed():
    frame = draw(seed=6)
    one = pretrend_power(laid_out(frame), seed=1, draws=99)
    assert pretrend_power(laid_out(frame.sample(frac=1, random_state=1)), seed=1, draws=99) == one
    ten = pretrend_power(laid_out(frame.assign(oss=10 * frame.oss + 5)), seed=1, draws=99)
    assert ten.slope_half.value == pytest.approx(10 * one.slope_half.value, rel=1e-6)
    assert ten.starred.value == one.starred.value
    other = pretrend_power(laid_out(frame), seed=2, draws=99)
    assert other.slope_half.value != one.slope_half.value
    assert abs(other.slope_half.value - one.slope_half.value) < 5 * one.slope_half.mcse


def test_a_drift_is_called_by_the_deals_of_the_same_data():
    """Three schools that start one by one: by the deals of data without it, no drift would be called."""
    known = {"schools": 9, "starts": (2017, 2018, 2019)}
    found = pretrend_power(laid_out(draw(**known)), seed=1, draws=199)
    steep = laid_out(draw(**known, drift=5 * found.slope_found.value))
    assert event_band(steep, seed=1, draws=199).before <= 0.05


def test_a_design_that_sees_no_drift_says_so():
    """Ten deals of the start years: the rarest has a chance of one in ten."""
    found = pretrend_power(laid_out(draw(schools=5, starts=(2018, 2018))), seed=1)
    assert found.false_alarm.value == 0
    for part in (found.slope_half, found.slope_found, found.fakes_half, found.fakes_found):
        assert isinstance(part, Refusal)
    assert (
        "No drift, however steep, would be seen before the start in 50% of studies" in found.slope_half.reason
    )


def test_a_study_without_years_to_look_at_is_refused():
    with pytest.raises(MethodError, match="No year before the start can be looked at"):
        pretrend_power(laid_out(draw(starts=(2015, 2015, 2015, 2018))), seed=1)


def test_a_reference_of_some_deals_stands_for_all(monkeypatch):
    frame = draw(schools=16, seed=4)
    whole = pretrend_power(laid_out(frame), seed=1, draws=199)
    monkeypatch.setattr("rpeval.methods.did.pretrend_power.CELLS", 1)
    some = pretrend_power(laid_out(frame), seed=1, draws=199)
    assert some.slope_half.value == pytest.approx(whole.slope_half.value, rel=0.08)
    assert some.false_alarm == whole.false_alarm


def test_sixty_schools_take_less_than_three_seconds():
    design = laid_out(draw(schools=60, starts=(2017,) * 7 + (2018,) * 7 + (2019,) * 6, years=8))
    started = time.process_time()
    found = pretrend_power(design, seed=1)
    assert time.process_time() - started < 3
    assert not isinstance(found.slope_found, Refusal)
