"""Effect sizes of a study by hand, and their intervals by leaving schools out one by one."""

import math

import numpy as np
import pandas as pd
import pytest
from jackknife_by_hand import by_hand, starts_of

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.standardized import att_cox, baseline_cox


def draw(schools=12, adopters=5, years=6, *, effect=-5.0, level=20.0, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"] = np.tile(np.arange(2014, 2014 + years), schools)
    frame["start_year"] = np.repeat([2017.0] * adopters + [np.nan] * (schools - adopters), years)
    frame["enrolled_n"] = np.repeat(rng.integers(200, 900, schools).astype(float), years)
    own = np.repeat(rng.normal(level, 3, schools), years)
    noise = rng.normal(0, 1, len(frame))
    return frame.assign(suspended_per_100=own + noise + effect * (frame.year >= frame.start_year))


def laid_out(frame, **more):
    return lay_out(frame, outcome="suspended_per_100", **more)


def test_cox_index_of_a_study_without_noise_by_hand():
    """Alike schools at 20 of 100, the program takes 8: odds 12/88 against 20/80."""
    frame = draw()
    treated = frame.year >= frame.start_year
    frame["suspended_per_100"] = np.where(treated, 12.0, 20.0) + (frame.year == 2014)
    found = att_cox(laid_out(frame))
    assert found.value == pytest.approx(math.log((12 / 88) / (20 / 80)) / 1.65, abs=1e-9)
    assert found.unit == "standard deviations"


@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_intervals_by_leaving_each_school_out(weights):
    frame = draw(seed=4)
    found = att_cox(laid_out(frame, weights=weights))
    without = {
        school: att_cox(laid_out(frame[frame.school_id != school], weights=weights)).value
        for school in frame.school_id.unique()
    }
    se, df = by_hand(found.value, without, starts_of(frame))
    assert (found.se, found.df) == pytest.approx((se, df), rel=1e-9)


def test_the_planted_index_is_held_as_often_as_said():
    """12 schools around 20 of 100, new ones in each draw; the program takes 5."""
    truth, draws = math.log((15 / 85) / (20 / 80)) / 1.65, 400
    found = [att_cox(laid_out(draw(seed=seed))) for seed in range(draws)]
    values = np.array([e.value for e in found])
    assert abs(values.mean() - truth) < 3 * values.std() / math.sqrt(draws)
    missed = np.mean([not e.low <= truth <= e.high for e in found])
    assert missed == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / draws))


def test_what_has_no_odds_is_refused():
    low = draw(level=4.0, effect=-9.0)
    with pytest.raises(MethodError, match="range in which odds exist"):
        att_cox(laid_out(low))


def test_the_baseline_takes_the_last_year_before_any_start_by_hand():
    frame = draw(seed=5)
    early = frame[frame.year == 2016]
    arms = [early[early.start_year.notna()], early[early.start_year.isna()]]
    p, q = (np.average(arm.suspended_per_100, weights=arm.enrolled_n) / 100 for arm in arms)
    n = sum(arm.enrolled_n.sum() for arm in arms)
    by_hand_value = (math.log(p / (1 - p)) - math.log(q / (1 - q))) / 1.65 * (1 - 3 / (4 * n - 9))
    design = lay_out(frame, outcome="suspended_per_100", weights="enrolled_n")
    assert baseline_cox(design).value == pytest.approx(by_hand_value, abs=1e-12)
    late = lay_out(
        frame[(frame.start_year.notna()) | (frame.year != 2016)],
        outcome="suspended_per_100",
        weights="enrolled_n",
    )
    with pytest.raises(MethodError, match="no school in 2016-17"):
        baseline_cox(late)
