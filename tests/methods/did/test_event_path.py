"""Chained changes around the start: by hand, with planted effects, and against leaving schools out."""

import numpy as np
import pandas as pd
import pytest
from jackknife_by_hand import by_hand
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import attempt
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.event_path import event_path
from rpeval.methods.did.sensitivity import breakdown_relative, smoothness

NEVER = float("nan")


def laid(frame: pd.DataFrame, weights: str | None = None) -> Design:
    return lay_out(frame, outcome="y", weights=weights)


def panel(starts, years=range(2016, 2024), seed=0, noise=1.0, effect=0.0, slope=0.0) -> pd.DataFrame:
    """Schools with two-way effects, noise, an effect growing by the year, and a trend of the adopters."""
    rng, years, starts = np.random.default_rng(seed), np.array(list(years)), np.array(starts, dtype=float)
    event = years - starts[:, None]
    Y = (
        rng.normal(0, 3, (len(starts), 1))
        + rng.normal(0, 1, len(years))
        + noise * rng.normal(size=event.shape)
    )
    Y += np.nan_to_num(effect * np.maximum(event + 1, 0)) + np.nan_to_num(slope * event)
    ids = [f"{k:03d}" for k in range(len(starts))]
    return pd.DataFrame(
        {
            "school_id": np.repeat(ids, len(years)),
            "year": np.tile(years, len(starts)),
            "start_year": np.repeat(starts, len(years)),
            "y": Y.ravel(),
        }
    )


def test_one_cohort_equals_differences_of_means():
    frame = panel([2020] * 4 + [NEVER] * 7)
    path = event_path(laid(frame))
    wide = frame.pivot(index="school_id", columns="year", values="y")
    apart = wide.iloc[:4].mean() - wide.iloc[4:].mean()
    apart = (apart - apart[2019]).drop(2019)
    assert np.concatenate([path.pre, path.post]) == pytest.approx(apart.to_numpy())
    assert path.weights == pytest.approx(np.full(4, 0.25))


def test_planted_effects_are_found_in_every_cohort_and_placebo_changes_are_zero():
    starts = [2018] * 3 + [2019] * 3 + [2021] * 4 + [NEVER] * 6
    path = event_path(laid(panel(starts, noise=0.0, effect=-2.0)))
    assert path.pre == pytest.approx(np.zeros(len(path.pre)), abs=1e-9)
    assert path.post == pytest.approx(-2.0 * np.arange(1, 7))
    treated = [2024 - s for s in starts if s == s]  # years in the program, one cell each
    assert path.weights @ path.post == pytest.approx(
        sum(-n * (n + 1) for n in treated) / sum(treated)  # mean of -2 * (1, …, n) over all treated cells
    )


def test_staggered_effect_is_the_average_over_treated_school_years():
    path = event_path(laid(frame := panel([2019] * 3 + [2021] * 5 + [NEVER] * 8, seed=4)))
    wide = frame.pivot(index="school_id", columns="year", values="y")
    apart = wide - wide.iloc[8:].mean()
    early = apart.iloc[:3].sub(apart.iloc[:3][2018], axis=0).loc[:, 2019:]
    late = apart.iloc[3:8].sub(apart.iloc[3:8][2020], axis=0).loc[:, 2021:]
    treated = np.concatenate([early.to_numpy().ravel(), late.to_numpy().ravel()])
    assert path.weights @ path.post == pytest.approx(treated.mean())
    assert path.weights == pytest.approx(np.array([8, 8, 8, 3, 3]) / 30)
    before = np.concatenate([(apart[2018] - apart[2017]).iloc[:3], (apart[2020] - apart[2019]).iloc[3:8]])
    assert path.pre[-1] == pytest.approx(-before.mean())


def test_a_trend_of_the_adopters_is_a_straight_line_and_continuing_it_removes_it():
    starts = [2019] * 4 + [2020] * 4 + [NEVER] * 12
    path = event_path(laid(panel(starts, noise=1e-4, effect=0.0, slope=0.7)))
    assert path.pre == pytest.approx(0.7 * np.arange(-len(path.pre), 0), abs=1e-3)
    assert smoothness(path, m=0.0).value == pytest.approx(0.0, abs=5e-3)


def test_covariance_equals_doing_all_of_it_again_without_each_school():
    frame = panel([2019] * 5 + [2020] * 3 + [NEVER] * 5, years=range(2016, 2022), seed=2)
    path, G = event_path(laid(frame)), 13
    without = []
    for school in frame["school_id"].unique():
        again = event_path(laid(frame[frame["school_id"] != school]))
        without.append(np.concatenate([again.pre[-2:], again.post]))
    whole = np.concatenate([path.pre, path.post])
    change = np.array(without) - whole
    assert path.covariance == pytest.approx((G - 1) / G * change.T @ change)
    schools = list(frame["school_id"].unique())
    effect, weights = path.weights @ path.post, np.concatenate([np.zeros(len(path.pre)), path.weights])
    refits = dict(zip(schools, effect + change @ weights, strict=True))
    se, df = by_hand(effect, refits, dict.fromkeys(schools[:8], 2019))  # adopters as one group
    assert np.sqrt(weights @ path.covariance @ weights) == pytest.approx(se)
    assert path.df == pytest.approx(df)


def test_the_interval_covers_with_few_adopters_where_g_less_one_degrees_do_not():
    """Three of 20 schools adopt: 400 panels of noise."""
    covered, plain, draws = 0, 0, 400
    for seed in range(draws):
        path = event_path(laid(panel([2020] * 3 + [NEVER] * 17, years=range(2017, 2022), seed=seed)))
        t = abs(path.weights @ path.post) / np.sqrt(path.weights @ path.covariance[2:, 2:] @ path.weights)
        covered += t <= stats.t.ppf(0.975, path.df)
        plain += t <= stats.t.ppf(0.975, 19)
    mcse = np.sqrt(0.05 * 0.95 / draws)
    assert abs(covered / draws - 0.95) < 3 * mcse
    assert plain / draws < 0.95 - 3 * mcse


def test_order_of_rows_and_school_and_year_levels_change_nothing():
    frame = panel([2019] * 4 + [2021] * 3 + [NEVER] * 5, seed=3)
    path = event_path(laid(frame))
    shaken = frame.sample(frac=1.0, random_state=1)
    shaken["y"] += shaken["school_id"].astype(float) * 5 + (shaken["year"] - 2016) ** 2
    other = event_path(laid(shaken))
    assert other.pre == pytest.approx(path.pre)
    assert other.post == pytest.approx(path.post)
    assert other.covariance == pytest.approx(path.covariance)


def test_a_year_left_out_is_stepped_over():
    frame = panel([2018] * 3 + [2021] * 4 + [NEVER] * 6, noise=0.0, effect=-1.0)
    path = event_path(laid(frame[frame["year"] != 2020]))
    assert path.pre == pytest.approx(np.zeros(len(path.pre)), abs=1e-9)
    assert path.post[0] == pytest.approx(-1.0)


def test_weights_count_schools_by_size():
    frame = panel([2020] * 2 + [NEVER] * 4)
    frame["enrolled_n"] = np.where(frame["school_id"] == "000", 300.0, 100.0)
    path = event_path(laid(frame, "enrolled_n"))
    wide = frame.pivot(index="school_id", columns="year", values="y")
    apart = 0.75 * wide.iloc[0] + 0.25 * wide.iloc[1] - wide.iloc[2:].mean()
    assert path.post == pytest.approx((apart - apart[2019]).loc[2020:].to_numpy())


def test_changes_that_few_schools_have_are_left_out():
    frame = panel([2018] * 4 + [2022] * 2 + [NEVER] * 6)
    path = event_path(laid(frame))
    assert len(path.pre) == 1  # four of six adopters have two years before the start
    assert "earlier years" in attempt(breakdown_relative, path).remedy


def test_late_years_that_one_school_reached_are_left_out_and_said():
    path = event_path(laid(panel([2018] + [2020] * 4 + [NEVER] * 6, effect=-1.0, noise=0.0)))
    assert path.post == pytest.approx([-1, -2, -3, -4])
    assert path.method.endswith("2 late program years not used")


def test_refuses_what_rests_on_one_school_and_what_has_no_past():
    with pytest.raises(MethodError, match="rests on a single school"):
        event_path(laid(panel([2020] * 4 + [NEVER])))
    frame = panel([2018] * 3 + [NEVER] * 5)
    with pytest.raises(MethodError, match="two observed years before"):
        event_path(
            laid(
                frame[
                    ~((frame["year"] == 2016) & (frame["start_year"] == 2018) & (frame["school_id"] < "002"))
                ]
            )
        )
