"""The band around an event study: it holds for all rows at once, and calls pre-trends by their own chance."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.did.bands import event_band
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.imputation import event_study


def laid(frame: pd.DataFrame) -> Design:
    return lay_out(frame, outcome="oss")


def draw(schools=12, adopters=4, years=7, *, effect=-2.0, drift=0.0, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2018 + np.arange(adopters) % 2
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(starts, years),
    )
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    trend = drift * (frame.year - 2014) * frame.start_year.notna()
    return frame.assign(oss=noise + trend + effect * (frame.year >= frame.start_year))


def estimates(rows) -> dict[int, Estimate]:
    return {event: row for event, row in rows if isinstance(row, Estimate)}


def test_rows_are_the_event_study_with_wider_intervals():
    frame = draw(seed=1)
    band = event_band(laid(frame), seed=1)
    alone, together = estimates(event_study(laid(frame))), estimates(band.rows)
    assert list(alone) == list(together)
    for event, row in together.items():
        assert (row.value, row.se) == (alone[event].value, alone[event].se)
        assert row.high - row.value == pytest.approx(band.critical * row.se)
        assert band.critical > stats.norm.ppf(0.975)
    assert "499 deals" in together[0].method


def test_critical_value_is_the_order_statistic_over_all_deals_by_brute_force():
    frame = draw(schools=7, adopters=3, years=5, effect=0.0, seed=3)
    frame["start_year"] = frame.start_year.where(frame.start_year.isna(), 2017.0)
    band = event_band(laid(frame), seed=0, draws=100)
    rows = estimates(event_study(laid(frame)))
    event = frame.year - frame.start_year
    clean = frame.assign(
        oss=frame.oss - event.map({e: r.value for e, r in rows.items() if e >= 0}).fillna(0.0)
    )
    largest, schools = [], sorted(frame.school_id.unique())
    for chosen in itertools.combinations(schools, 3):
        dealt = clean.assign(start_year=np.where(clean.school_id.isin(chosen), 2017.0, np.nan))
        study = estimates(event_study(laid(dealt)))
        largest.append(max(abs(r.value / r.se) for r in study.values()))
    assert band.deals == math.comb(7, 3) == len(largest)
    assert band.critical == pytest.approx(sorted(largest)[math.ceil(0.95 * 36) - 1], abs=1e-9)


def test_all_rows_are_covered_at_once_where_pointwise_intervals_are_not():
    """12 schools, 4 adopting, 100 draws of noise: the band misses in about 5 %, single intervals far oftener."""
    draws, missed, starred, alarmed = 100, 0, 0, 0
    for seed in range(draws):
        frame = draw(effect=-1.0, seed=seed)
        band = event_band(laid(frame), seed=1, draws=99)
        truth = {event: -1.0 * (event >= 0) for event, _ in band.rows}
        missed += any(not r.low <= truth[e] <= r.high for e, r in estimates(band.rows).items())
        alone = estimates(event_study(laid(frame)))
        starred += any(not r.low <= truth[e] <= r.high for e, r in alone.items())
        alarmed += band.before <= 0.05
    mcse = math.sqrt(0.05 * 0.95 / draws)
    assert missed / draws < 0.05 + 4 * mcse
    assert alarmed / draws < 0.05 + 4 * mcse
    assert starred > 2 * missed


def test_a_trend_before_the_start_is_called():
    assert event_band(laid(draw(schools=24, adopters=9, drift=1.5, seed=2)), seed=1).before < 0.01


def test_seed_fixes_the_band_and_rows_may_come_in_any_order():
    frame = draw(seed=4)
    one = event_band(laid(frame), seed=3, draws=99)
    two = event_band(laid(frame.sample(frac=1, random_state=0)), seed=3, draws=99)
    assert (one.critical, one.before, one.rows) == (two.critical, two.before, two.rows)
    assert one.critical != event_band(laid(frame), seed=4, draws=99).critical


def test_too_few_deals_are_refused():
    frame = draw(schools=5, adopters=2, seed=1)
    frame["start_year"] = frame.start_year.where(frame.start_year.isna(), 2018.0)
    with pytest.raises(MethodError, match="too few for a 95% band"):
        event_band(laid(frame), seed=0)
