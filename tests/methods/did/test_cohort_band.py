"""The band around Callaway–Sant'Anna's averages: it holds for all rows at once, also with few schools."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.did.callaway import cohort_effects, rows
from rpeval.methods.did.cohort_band import cohort_band, t_of_multipliers
from rpeval.methods.did.design import Design, lay_out

# Uniform 95 % critical values on mpdta, never-treated comparison, multiplier bootstrap with random signs.
# csdid 0.4.3 (which equals R did 2.5.1 digit by digit) divides each row by the bootstrap's interquartile range:
# the mean of two runs of 100,000 draws. diff-diff 3.13.0 divides by the analytic standard error, as we do.
BY_QUARTILES = {"event": 2.5422, "cohort": 2.2227, "year": 2.3326}
EVENT_BY_SE = 2.5827
RUNS_APART = 0.01


def draw(schools=12, adopters=4, years=7, *, cohorts=2, effect=0.0, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2018 + np.arange(adopters) % cohorts
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"] = np.tile(np.arange(2014, 2014 + years), schools)
    frame["start_year"] = np.repeat(starts, years)
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    return frame.assign(oss=noise + effect * (frame.year >= frame.start_year))


def laid(frame) -> Design:
    return lay_out(frame, outcome="oss")


def estimates(found) -> dict[int, Estimate]:
    return {key: row for key, row in found if isinstance(row, Estimate)}


def misses(found, truth) -> bool:
    return any(not row.low <= truth(key) <= row.high for key, row in estimates(found).items())


@pytest.mark.parametrize("by", ["event", "cohort", "year"])
def test_rows_are_the_averages_with_wider_intervals(by):
    effects = cohort_effects(laid(draw(seed=1)))
    band = cohort_band(effects, by=by, seed=1, draws=199)
    alone, together = estimates(rows(effects, by=by)), estimates(band.rows)
    assert list(alone) == list(together)
    for key, row in together.items():
        assert (row.value, row.se) == (alone[key].value, alone[key].se)
        assert row.high - row.value == pytest.approx(band.critical * row.se)
        assert row.p >= alone[key].p or row.p > 0.5
    assert "199 deals of start years" in next(iter(together.values())).method


def test_critical_value_is_the_order_statistic_over_all_deals_by_brute_force():
    """Seven schools, three adopt: every deal is estimated anew as a study of its own, the effects taken out."""
    frame = draw(schools=7, adopters=3, years=5, cohorts=1, effect=-2.0, seed=3)
    effects = cohort_effects(laid(frame))
    band = cohort_band(effects, seed=0, draws=100)
    since = frame.year - frame.start_year
    found = {key: row.value for key, row in estimates(rows(effects)).items() if key >= 0}
    clean = frame.assign(oss=frame.oss - since.map(found).fillna(0.0))
    largest = []
    for chosen in itertools.combinations(sorted(frame.school_id.unique()), 3):
        dealt = clean.assign(start_year=np.where(clean.school_id.isin(chosen), 2018.0, np.nan))
        study = estimates(rows(cohort_effects(laid(dealt))))
        largest.append(max(abs(row.value / row.se) for row in study.values()))
    assert band.draws == math.comb(7, 3) == len(largest)
    assert band.critical == pytest.approx(sorted(largest)[math.ceil(0.95 * 36) - 1], abs=1e-9)


@pytest.mark.parametrize("by", ["event", "year"])
def test_all_rows_are_covered_at_once_where_single_intervals_are_not(by):
    """12 schools, 4 adopting, 150 draws of noise around an effect of -1."""
    draws, frame = 150, draw()
    design, rng = laid(frame), np.random.default_rng(7)
    effect = -1.0 * design.treated
    missed = starred = usual = 0
    for _ in range(draws):
        effects = cohort_effects(replace(design, Y=effect + rng.normal(0, 1, effect.shape)))

        def truth(key):
            return -1.0 if by == "year" or key >= 0 else 0.0

        missed += misses(cohort_band(effects, by=by, seed=1, draws=99).rows, truth)
        starred += misses(rows(effects, by=by), truth)
        usual += misses(cohort_band(effects, by=by, seed=1, draws=99, inference="influence").rows, truth)
    mcse = math.sqrt(0.05 * 0.95 / draws)
    assert abs(missed / draws - 0.05) < 3 * mcse
    assert starred > 2 * missed
    assert usual > 3 * missed


@pytest.mark.shared
@pytest.mark.parametrize("by", list(BY_QUARTILES))
def test_the_multiplier_band_equals_other_programs_on_mpdta(shared_data, by):
    frame = pd.read_csv(shared_data("data/did_reference/mpdta.csv"))
    frame = frame.rename(columns={"countyreal": "school_id", "first.treat": "start_year"})
    laid = lay_out(frame.replace({"start_year": {0: np.nan}}), outcome="lemp")
    effects = cohort_effects(laid, comparison="never")
    every, found, scaled = np.arange(len(rows(effects, by=by))), [], []
    for seed in range(4):
        t = t_of_multipliers(effects, by, every, draws=30_000, seed=seed)
        found.append(np.quantile(t.max(axis=1), 0.95))
        quartile = np.median(t, axis=0) / stats.norm.ppf(0.75)
        scaled.append(np.quantile((t / quartile).max(axis=1), 0.95))
    expected = [(scaled, BY_QUARTILES[by]), *([(found, EVENT_BY_SE)] if by == "event" else [])]
    for own, other in expected:
        error = math.hypot(np.std(own, ddof=1) / 2, RUNS_APART)
        assert np.mean(own) == pytest.approx(other, abs=3 * error)
    band = cohort_band(effects, by=by, seed=0, draws=30_000, inference="influence")
    assert band.critical == pytest.approx(found[0], abs=1e-3)


def test_covariates_call_for_many_schools():
    frame = draw(schools=40, adopters=16, seed=2)
    frame["poor"] = np.repeat(np.random.default_rng(1).normal(0, 1, 40), 7)
    effects = cohort_effects(laid(frame), covariates=["poor"])
    with pytest.raises(MethodError, match='use inference="influence" with hundreds of schools'):
        cohort_band(effects, seed=1)
    assert cohort_band(effects, seed=1, inference="influence").critical > 1.96


def test_anticipated_effects_are_taken_out_before_the_start_years_are_dealt():
    frame = draw(schools=14, adopters=6, years=9, effect=0.0, seed=5)
    shift = -50.0 * (frame.year >= frame.start_year - 1)
    quiet = cohort_band(cohort_effects(laid(frame), anticipation=1), seed=1, draws=99)
    loud = cohort_band(
        cohort_effects(laid(frame.assign(oss=frame.oss + shift)), anticipation=1), seed=1, draws=99
    )
    assert loud.critical == pytest.approx(quiet.critical, rel=1e-6)


def test_seed_fixes_the_band_and_rows_may_come_in_any_order():
    frame = draw(seed=4)
    one = cohort_band(cohort_effects(laid(frame)), seed=3, draws=99)
    two = cohort_band(cohort_effects(laid(frame.sample(frac=1, random_state=0))), seed=3, draws=99)
    assert (one.critical, one.rows) == (two.critical, two.rows)
    assert one.critical != cohort_band(cohort_effects(laid(frame)), seed=4, draws=99).critical


def test_a_panel_with_holes_keeps_its_band():
    frame = draw(schools=14, adopters=6, seed=6)
    holes = frame.drop(index=[9, 40, 77])
    band = cohort_band(cohort_effects(laid(holes)), seed=1, draws=199)
    assert 150 < band.draws <= 199
    assert math.isfinite(band.critical)


def test_too_few_deals_and_too_few_rows_are_refused():
    frame = draw(schools=5, adopters=2, cohorts=1, seed=1)
    with pytest.raises(MethodError, match="too few for a 95% band"):
        cohort_band(cohort_effects(laid(frame)), seed=0)
    with pytest.raises(MethodError, match="Fewer than two rows"):
        cohort_band(cohort_effects(laid(draw(cohorts=1))), by="cohort", seed=0)
