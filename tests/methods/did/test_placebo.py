"""Placebo dates: nothing is found where there is nothing, a drift is, and the program's years have no say."""

import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.placebo import placebo_start, placebo_starts


def draw(starts=(2018, 2018, 2018, 2019, 2019), schools=14, years=8, *, effect=-2.0, drift=0.0, seed=0):
    """Schools around levels of their own from 2014 on; drift: what adopters gain on the others each year."""
    rng = np.random.default_rng(seed)
    first = np.full(schools, np.nan)
    first[: len(starts)] = starts
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"] = np.tile(np.arange(2014, 2014 + years), schools)
    frame["start_year"] = np.repeat(first, years)
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    trend = drift * (frame.year - 2014) * frame.start_year.notna()
    return frame.assign(oss=noise + trend + effect * (frame.year >= frame.start_year))


def laid_out(frame: pd.DataFrame, **more):
    return lay_out(frame, outcome="oss", **more)


def test_two_schools_of_each_kind_by_hand():
    """From 2014-16 to 2017, a gains 3 and b 1, the others 1 and -1; the true start is 2018."""
    frame = pd.DataFrame({
        "school_id": np.repeat(list("abcd"), 5), "year": [*range(2014, 2019)] * 4,
        "start_year": np.repeat([2018.0, 2018, np.nan, np.nan], 5),
        "oss": [5, 6, 7, 9, 90, 4, 4, 4, 5, 90, 3, 3, 3, 4, 4, 2, 3, 4, 2, 2.0]})  # fmt: skip
    found = placebo_start(laid_out(frame), years=1)
    assert found.value == pytest.approx((3 + 1) / 2 - (1 - 1) / 2)
    assert (found.n, found.treated, found.clusters) == (18, 2, 4)
    two = placebo_start(laid_out(frame), years=2)  # means of the last two years against the first two
    own = (8 - 5.5) + (4.5 - 4)
    others = (3.5 - 3) + (3 - 2.5)
    assert two.value == pytest.approx(own / 2 - others / 2)


def by_dummies(frame: pd.DataFrame, years: int, weights: str | None) -> float:
    """The same from scratch: least squares on dummies before the pretended start, gaps until the true one."""
    frame = frame[~(frame.year >= frame.start_year)]
    placebo = frame.year >= frame.start_year - years
    w = frame[weights] if weights else pd.Series(1.0, frame.index)
    X = pd.get_dummies(frame[["school_id", "year"]].astype(str), drop_first=False).to_numpy(dtype=float)
    root = np.sqrt(w[~placebo].to_numpy())
    coef = np.linalg.lstsq(X[~placebo] * root[:, None], frame.oss[~placebo] * root, rcond=None)[0]
    gap = frame.oss[placebo] - X[placebo] @ coef
    return float((w[placebo] * gap).sum() / w[placebo].sum())


@pytest.mark.parametrize("years", [1, 2, 3])
@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_it_is_imputation_before_the_start_from_scratch_and_program_years_have_no_say(years, weights):
    frame = draw(seed=3).assign(enrolled_n=lambda f: 200.0 + 7 * np.arange(len(f)) % 90)
    found = placebo_start(laid_out(frame, weights=weights), years=years)
    assert found.value == pytest.approx(by_dummies(frame, years, weights), abs=1e-9)
    treated = frame.year >= frame.start_year
    shaken = frame.assign(
        oss=frame.oss.where(~treated, 1e3 * frame.oss), enrolled_n=frame.enrolled_n + 99 * treated
    )
    assert placebo_start(laid_out(shaken, weights=weights), years=years) == found


def test_without_any_effect_its_intervals_miss_zero_as_often_as_they_say():
    """14 schools, 5 adopting in two years, the program's effect at -2: 400 draws at each distance."""
    draws, missed = 400, dict.fromkeys((1, 2, 3), 0)
    for seed in range(draws):
        for years, row in placebo_starts(laid_out(draw(seed=seed))):
            missed[years] += not row.low <= 0 <= row.high
    mcse = math.sqrt(0.05 * 0.95 / draws)
    assert all(abs(n / draws - 0.05) < 3 * mcse for n in missed.values()), missed


def test_a_drift_before_the_start_is_found_and_measured():
    """A gain of .8 a year moves each pretended start by .8 times the years between the two middles."""
    drift, found = 0.8, {}
    for seed in range(60):
        for years, row in placebo_starts(laid_out(draw(drift=drift, schools=24, seed=seed))):
            found.setdefault(years, []).append(row)
    frame = draw(drift=drift, schools=24)
    flat = frame.assign(oss=drift * (frame.year - 2014) * frame.start_year.notna())
    for years, rows in found.items():
        expected = by_dummies(flat, years, None)
        assert expected > drift
        values = np.array([row.value for row in rows])
        assert abs(values.mean() - expected) < 3 * values.std() / math.sqrt(len(rows))
        assert np.mean([row.low > 0 for row in rows]) > 0.6


def test_schools_with_too_few_years_are_set_aside_and_said_to_be():
    frame = draw(starts=(2016, 2018, 2018, 2019), seed=2)
    one, two = (placebo_start(laid_out(frame), years=years) for years in (1, 2))
    assert (one.treated, one.clusters) == (4, 14)
    assert (two.treated, two.clusters) == (3, 13)
    assert "1 adopting school with too few years before the start set aside" in two.method
    without = laid_out(frame[frame.school_id != "00"])
    assert two.value == pytest.approx(placebo_start(without, years=2).value)
    assert [years for years, _ in placebo_starts(laid_out(frame))] == [1, 2, 3]


def test_fewer_than_half_of_the_schools_are_refused_and_named():
    design = laid_out(draw(starts=(2016, 2016, 2016, 2018, 2018)))
    assert [(years, type(row)) for years, row in placebo_starts(design)] == [(1, Estimate)]
    with pytest.raises(MethodError, match=r"3 of 5 adopting schools .* start 2 years earlier: 00, 01, 02\."):
        placebo_start(design, years=2)
    with pytest.raises(MethodError, match="Fewer than half of the adopting schools"):
        placebo_starts(laid_out(draw(starts=(2015, 2015, 2016))))


def test_a_row_that_rests_on_one_school_is_a_refusal():
    """Only one comparison school has the year before the start."""
    frame = draw(starts=(2018,) * 4, schools=9)
    frame = frame[~((frame.year == 2017) & frame.start_year.isna() & (frame.school_id != "08"))]
    rows = dict(placebo_starts(laid_out(frame)))
    assert isinstance(rows[1], Refusal)
    assert "without 08" in rows[1].reason


def test_a_year_left_out_is_stepped_over():
    frame = draw(starts=(2019,) * 5, years=7)
    gap = frame[frame.year != 2018]
    closer = frame.assign(
        year=frame.year.where(frame.year > 2017, frame.year + 1), start_year=frame.start_year
    )
    closer = closer[~(frame.year == 2018)]
    assert placebo_start(laid_out(gap), years=1).value == pytest.approx(
        placebo_start(laid_out(closer), years=1).value
    )


def test_order_of_rows_and_unit_of_the_outcome_do_not_matter():
    frame = draw(seed=5)
    rows = placebo_starts(laid_out(frame))
    assert placebo_starts(laid_out(frame.sample(frac=1, random_state=1))) == rows
    tenfold = placebo_starts(laid_out(frame.assign(oss=10 * frame.oss + 3)))
    for (_, one), (_, ten) in zip(rows, tenfold, strict=True):
        assert (ten.value, ten.se, ten.p) == pytest.approx((10 * one.value, 10 * one.se, one.p))


def test_no_school_left_to_compare_with_is_refused():
    frame = draw(starts=(2018,) * 4, schools=9)
    frame = frame[~((frame.year == 2017) & frame.start_year.isna())]
    with pytest.raises(MethodError, match="1 year earlier, no school is left to compare with in 2017-18"):
        placebo_start(laid_out(frame), years=1)
