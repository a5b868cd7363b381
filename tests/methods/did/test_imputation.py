"""The imputation estimator: by hand, by brute force, against R, and on planted effects."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jackknife_by_hand import by_hand, starts_of
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.diagnosis import att_by_design, diagnose
from rpeval.methods.did.gaps import lay_out_gap
from rpeval.methods.did.imputation import (
    att_imputation,
    att_percent,
    detectable,
    event_study,
    leave_one_out,
)
from rpeval.methods.did.randomization import att_randomization


def laid(frame: pd.DataFrame, weights: str | None = None) -> Design:
    return lay_out(frame, outcome="oss", weights=weights)


def draw(schools=24, years=8, adopters=9, *, effect=-2.0, noise=1.0, seed=0, holes=0) -> pd.DataFrame:
    """Staggered panel with school and year effects, growing enrollments and a planted effect."""
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2018 + np.arange(adopters) % 3
    size = rng.integers(150, 1200, schools)
    frame = pd.DataFrame(
        [
            (f"{i:03d}", 2014 + t, starts[i], float(size[i] + 7 * t))
            for i in range(schools)
            for t in range(years)
        ],
        columns=["school_id", "year", "start_year", "enrolled_n"],
    )
    level = np.repeat(rng.normal(9, 2, schools), years) + np.tile(rng.normal(0, 1, years), schools)
    frame["oss"] = level + rng.normal(0, noise, len(frame)) + effect * (frame.year >= frame.start_year)
    frame.loc[rng.choice(len(frame), holes, replace=False), "oss"] = np.nan
    return frame


def by_least_squares(frame: pd.DataFrame, *, outcome="oss", weights=None) -> float:
    """Fit dummies by ordinary (weighted) least squares on untreated rows and average the gaps of the others."""
    frame = frame.dropna(subset=outcome)
    treated = (frame.year >= frame.start_year).to_numpy()
    frame = frame[frame.school_id.isin(frame.school_id[~treated])]
    treated = (frame.year >= frame.start_year).to_numpy()
    X = pd.get_dummies(frame[["school_id", "year"]].astype(str)).to_numpy(dtype=float)
    y, w = frame[outcome].to_numpy(), (frame[weights].to_numpy() if weights else np.ones(len(frame)))
    root = np.sqrt(w[~treated])
    beta = np.linalg.lstsq(X[~treated] * root[:, None], y[~treated] * root, rcond=None)[0]
    return float(np.average((y - X @ beta)[treated], weights=w[treated]))


@pytest.fixture(scope="module")
def castle() -> pd.DataFrame:
    data = pytest.importorskip("causaldata").castle.load_pandas().data
    data = data[["sid", "year", "post", "l_homicide"]].rename(columns={"sid": "school_id"})
    data["l_homicide"] = data["l_homicide"].astype(str).astype(float)
    first = data[data.post == 1].groupby("school_id").year.min()
    return data.assign(year=data.year.astype(int), start_year=data.school_id.map(first))


def test_two_schools_each_side_is_the_difference_of_changes():
    frame = pd.DataFrame(
        {
            "school_id": list("aaabbbcccddd"),
            "year": [2016, 2017, 2018] * 4,
            "start_year": [2018.0] * 6 + [math.nan] * 6,
            "oss": [10, 12, 5, 7, 9, 6, 4, 5, 6, 8, 6, 3.0],
        }
    )
    change = {"a": 5 - 11, "b": 6 - 8, "c": 6 - 4.5, "d": 3 - 7}
    expected = (change["a"] + change["b"]) / 2 - (change["c"] + change["d"]) / 2
    assert att_imputation(laid(frame)).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("holes", [0, 25])
@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_equals_dummies_by_least_squares(holes, weights):
    frame = draw(holes=holes, seed=3)
    estimate = att_imputation(laid(frame, weights))
    assert estimate.value == pytest.approx(by_least_squares(frame, weights=weights), abs=1e-10)
    assert estimate.n == frame.oss.notna().sum()


@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_jackknife_equals_refitting_without_each_school(weights):
    frame = draw(schools=14, adopters=5, holes=9, seed=5)
    schools = sorted(frame.school_id.unique())
    refits = {s: by_least_squares(frame[frame.school_id != s], weights=weights) for s in schools}
    se, df = by_hand(by_least_squares(frame, weights=weights), refits, starts_of(frame))
    estimate = att_imputation(laid(frame, weights))
    one_out = leave_one_out(laid(frame, weights))
    assert one_out.value.tolist() == pytest.approx([*refits.values()])
    assert (estimate.se, estimate.df) == (pytest.approx(se, abs=1e-10), pytest.approx(df, rel=1e-8))
    assert estimate.high - estimate.value == pytest.approx(stats.t.ppf(0.975, df) * se, abs=1e-8)


def test_one_cohort_without_pooling_has_the_textbook_jackknife():
    """With one cohort nothing is taken out: se is the plain leave-one-out jackknife (CV3)."""
    frame = draw(schools=14, adopters=5, seed=5)
    frame["start_year"] = frame.start_year.where(frame.start_year.isna(), 2018)
    estimate, changes = (
        att_imputation(laid(frame)),
        leave_one_out(laid(frame)).value,
    )
    assert estimate.se == pytest.approx(math.sqrt(13 / 14 * ((changes - estimate.value) ** 2).sum()))


def test_degrees_of_freedom_follow_the_noisier_side():
    """Noise in 4 adopting schools alone leaves about 3, noise in 20 others alone about 19."""
    for noisy_adopters, expected in [(True, 3), (False, 19)]:
        frame = draw(schools=24, adopters=4, effect=0.0, noise=0.0, seed=1)
        frame["start_year"] = frame.start_year.where(frame.start_year.isna(), 2018)
        noisy = frame.start_year.notna() == noisy_adopters
        frame["oss"] += np.random.default_rng(2).normal(0, 1, len(frame)) * noisy
        assert att_imputation(laid(frame)).df == pytest.approx(expected, rel=0.15)


def test_effects_that_differ_between_cohorts_do_not_pass_for_chance():
    frame = draw(schools=30, adopters=12, seed=4)
    apart = {2018: -6.0, 2019: 0.0, 2020: 4.0}
    treated = frame.year >= frame.start_year
    differing = frame.assign(oss=frame.oss + treated * frame.start_year.map(apart).fillna(0.0))
    alike, unlike = (att_imputation(laid(f)) for f in (frame, differing))
    assert unlike.se == pytest.approx(alike.se, rel=0.1)


def test_castle_equals_least_squares_and_keeps_its_cohorts(castle):
    expected = by_least_squares(castle, outcome="l_homicide")
    design = lay_out(castle, outcome="l_homicide")
    assert att_imputation(design).value == pytest.approx(expected, abs=1e-10)
    assert design.cohorts == (2006, 2007, 2008, 2009, 2010)


@pytest.mark.shared
def test_equals_r_didimputation_on_heterogeneous_effects(shared_data):
    """R iterates its fixed effects to 1e-6, so agreement stops near 1e-7; the exact solution is ours to 1e-10."""
    frame = pd.read_csv(shared_data("data/did_reference/df_het.csv"))
    frame = frame.assign(start_year=frame.g.where(frame.g > 0)).rename(columns={"unit": "school_id"})
    words = {"outcome": "dep_var"}
    assert att_imputation(lay_out(frame, **words)).value == pytest.approx(2.2304815624105, abs=2e-7)
    rows = dict(event_study(lay_out(frame, **words)))
    assert rows[0].value == pytest.approx(1.37307828936241, abs=2e-7)
    assert rows[10].value == pytest.approx(2.50133828978739, abs=2e-7)
    assert rows[20].value == pytest.approx(2.91196539056351, abs=2e-7)


def test_order_of_rows_does_not_matter():
    frame = draw(holes=7)
    shuffled = frame.sample(frac=1, random_state=4)
    assert att_imputation(laid(frame)) == att_imputation(laid(shuffled))
    assert event_study(laid(frame)) == event_study(laid(shuffled))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 50), st.booleans())
def test_school_and_year_constants_drop_out_and_scale_carries_through(seed, scale, weighted):
    frame = draw(schools=12, adopters=4, years=6, holes=4, seed=seed)
    rng = np.random.default_rng(seed)
    shift = frame.school_id.map(dict(zip(frame.school_id.unique(), rng.normal(0, 9, 12), strict=True)))
    shift += frame.year.map(dict(zip(range(2014, 2020), rng.normal(0, 9, 6), strict=True)))
    other = frame.assign(oss=scale * (frame.oss + shift), school_id="x" + frame.school_id.str[::-1])
    words = {"outcome": "oss", "weights": "enrolled_n" if weighted else None}
    one, two = att_imputation(lay_out(frame, **words)), att_imputation(lay_out(other, **words))
    assert two.value == pytest.approx(scale * one.value, rel=1e-8, abs=1e-8)
    assert two.se == pytest.approx(scale * one.se, rel=1e-8)
    assert two.p == pytest.approx(one.p, rel=1e-6)


def test_planted_effects_come_back_exactly_without_noise():
    frame = draw(noise=0.0, effect=0.0, seed=8)
    since = frame.year - frame.start_year
    frame["oss"] += np.where(since >= 0, -1.0 - 0.5 * since, 0.0)
    rows = event_study(laid(frame))
    assert [event for event, _ in rows] == list(range(-6, 4))
    for event, row in rows:
        assert row.value == pytest.approx(-1 - 0.5 * event if event >= 0 else 0.0, abs=1e-10)


def test_placebo_rows_are_imputed_from_the_other_untreated_years():
    frame = draw(seed=11)
    since = frame.year - frame.start_year
    held_out = frame[~(since >= 0)].copy()
    pretend = held_out.assign(start_year=np.where(since[held_out.index] == -2, 0, np.nan))
    assert dict(event_study(laid(frame)))[-2].value == pytest.approx(by_least_squares(pretend), abs=1e-10)


def test_a_year_left_out_leaves_a_hole_and_event_time_stays_on_the_calendar():
    frame = draw(noise=0.0, effect=0.0, seed=2)
    since = frame.year - frame.start_year
    frame["oss"] += np.where(since >= 0, -1.0 - since, 0.0)
    without = frame[frame.year != 2020]
    rows = dict(event_study(laid(without)))
    assert rows[1].value == pytest.approx(-2.0, abs=1e-10)  # 2018 starters in 2019, 2020 starters in 2021
    assert rows[1].treated == 6


def test_percent_is_the_effect_over_the_imputed_mean_with_its_own_jackknife():
    frame = draw(schools=12, adopters=4, seed=21)
    att, percent = att_imputation(laid(frame)), att_percent(laid(frame))
    mean = frame[frame.year >= frame.start_year].oss.mean() - att.value
    assert (percent.value, percent.unit) == (pytest.approx(100 * att.value / mean), "percent")
    ratios = []
    for school in sorted(frame.school_id.unique()):
        rest = frame[frame.school_id != school]
        observed = rest[rest.year >= rest.start_year].oss.mean()
        effect = by_least_squares(rest)
        ratios.append(100 * effect / (observed - effect))
    se = math.sqrt(11 / 12 * sum((r - percent.value) ** 2 for r in ratios))
    assert percent.se == pytest.approx(se, abs=1e-9)


def test_percent_refuses_a_base_that_is_not_positive():
    frame = draw(seed=1)
    with pytest.raises(MethodError, match="a percent of it means nothing"):
        att_percent(laid(frame.assign(oss=frame.oss - 30)))


GAP = {"outcome": "oss", "group": "Black", "reference": "White"}


def two_groups(**of_white) -> pd.DataFrame:
    black, white = draw(seed=31, effect=-3.0), draw(seed=32, **of_white)
    return pd.concat([black.assign(group="Black"), white.assign(group="White")])


def test_the_effect_on_a_gap_is_the_triple_difference():
    """The difference of the groups' effects; and, with school-by-year effects for both, least squares."""
    groups = two_groups(effect=-1.0)
    gap = att_imputation(lay_out_gap(groups, **GAP))
    black, white = (att_imputation(laid(groups[groups.group == g])).value for g in ("Black", "White"))
    assert gap.value == pytest.approx(black - white, abs=1e-12)
    assert gap.value == pytest.approx(by_triple_difference(groups), abs=1e-9)
    assert gap.method.endswith("; gap within schools (Black minus White)")


def by_triple_difference(groups: pd.DataFrame) -> float:
    """School-by-year, school-by-group and year-by-group effects on untreated rows, gaps of treated ones."""
    groups = groups.assign(black=groups.group == "Black", treated=groups.year >= groups.start_year)
    cells = [groups.school_id + "-" + groups.year.astype(str)]
    cells += [groups[key].astype(str) + "-" + groups.group for key in ("school_id", "year")]
    X = pd.get_dummies(pd.concat(cells, axis=1, keys=[*"abc"])).to_numpy(dtype=float)
    fitted = ~(groups.treated & groups.black).to_numpy()
    beta = np.linalg.lstsq(X[fitted], groups.oss.to_numpy()[fitted], rcond=None)[0]
    return float((groups.oss.to_numpy() - X @ beta)[~fitted].mean())


def test_a_gap_takes_the_inference_that_its_design_calls_for():
    design = lay_out_gap(two_groups(), **GAP, weights="enrolled_n")
    assert diagnose(design).inference == "randomization"
    assert att_by_design(design, seed=1) == att_randomization(design, seed=1)
    assert att_by_design(design, seed=1).value == pytest.approx(att_imputation(design).value)


def test_a_gap_keeps_only_school_years_with_both_groups_and_refuses_unknown_ones():
    groups = two_groups(holes=10)
    design = lay_out_gap(groups, **GAP, weights="enrolled_n")
    assert design.observed.sum() == len(groups) / 2 - 10
    assert "10 school-years without an outcome or with zero weight left out" in design.notes
    fewer = lay_out_gap(groups.dropna(subset="oss"), **GAP, weights="enrolled_n")
    assert att_imputation(fewer) == att_imputation(design)
    with pytest.raises(MethodError, match=r"No rows for Asian\. *\n? *Name one of: Black, White"):
        lay_out_gap(groups, **GAP | {"group": "Asian"})
    twice = pd.concat([groups, groups[groups.group == "White"]])
    with pytest.raises(MethodError, match="192 school-years with a group more than once"):
        lay_out_gap(twice, **GAP)


def test_detectable_effect_is_found_with_the_stated_power():
    """Power of a t test with 23 df against an effect of factor standard errors, from the noncentral t."""
    from scipy import stats

    estimate = att_imputation(laid(draw(seed=1)))
    factor = detectable(estimate).value / estimate.se
    power = stats.nct.sf(stats.t.ppf(0.975, estimate.df), estimate.df, factor)
    assert power == pytest.approx(0.8, abs=0.01)


def test_jackknife_interval_covers_with_few_schools_and_overdispersed_counts():
    """20 schools, 6 adopting, 300 draws: coverage of 95% within four Monte Carlo errors, and its size said."""
    rng, covered, draws = np.random.default_rng(12), 0, 300
    size = rng.integers(200, 900, 20)
    starts = np.r_[[2018, 2018, 2019, 2019, 2020, 2020], np.full(14, np.nan)]
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(20)], 8)})
    frame["year"], frame["start_year"] = np.tile(np.arange(2014, 2022), 20), np.repeat(starts, 8)
    treated = (frame.year >= frame.start_year).to_numpy()
    for _ in range(draws):
        rate = np.repeat(np.exp(rng.normal(-2.5, 0.4, 20)), 8) * np.tile(np.exp(rng.normal(0, 0.1, 8)), 20)
        mean = np.repeat(size, 8) * rate * rng.gamma(4, 1 / 4, 160)
        frame["oss"] = 100 * rng.poisson(mean) / np.repeat(size, 8) - 2.0 * treated
        estimate = att_imputation(laid(frame))
        covered += estimate.low <= -2.0 <= estimate.high
    mcse = math.sqrt(0.95 * 0.05 / draws)
    assert abs(covered / draws - 0.95) < 4 * mcse, f"coverage {covered / draws:.3f}, error {mcse:.3f}"


def test_sixty_schools_take_milliseconds():
    frame = draw(schools=60, adopters=20)
    att_imputation(laid(frame))
    started = time.perf_counter()
    att_imputation(laid(frame))
    assert time.perf_counter() - started < 0.06  # diff-diff 3.13.0 needs 0.06 s for the estimate alone
