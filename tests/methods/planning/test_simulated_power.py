"""Simulated power against the formula where both hold, against the product's own estimate, and by its parts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.diagnosis import att_by_design
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.planning.mdes import mdes
from rpeval.methods.planning.noise import Noise, before_program, even_noise, learn_noise
from rpeval.methods.planning.simulated_power import (
    compare_rollouts,
    detectable,
    draw_studies,
    draw_years,
    exaggeration,
    power,
    roll_out,
    sign_error,
)


@pytest.mark.parametrize(("schools", "before", "after"), [(80, 1, 1), (80, 3, 2), (40, 2, 4)])
def test_simulation_and_formula_agree_where_both_hold(schools, before, after):
    """One wave, half the schools, independent normal years: a school's change is one normal number, with
    variance 1/before + 1/after, so the formula with all variance between schools holds. The jackknife of a
    difference of two means is wider than the pooled standard error by the known factor."""
    plan = roll_out(schools, adopters_n=schools // 2, years_before=before, years_after=after)
    studies = draw_studies(even_noise(schools, sd=3.0), plan, seed=11, draws=6000)
    by_formula = 3.0 * np.sqrt(1 / before + 1 / after) * mdes(schools, icc=1.0, students=1).value
    wider = np.sqrt((schools - 1) / schools * (schools / 2) / (schools / 2 - 1))
    found = detectable(studies)
    assert abs(found.value - by_formula * wider) < 3 * found.mcse
    for effect, percent in ((by_formula * wider, 80), (0.0, 5)):
        at = power(studies, effect=effect)
        assert abs(at.value - percent) < 3 * at.mcse


def test_power_follows_the_noncentral_t():
    """The whole curve, not one point: two arms of 40, by the noncentral t with 78 degrees of freedom,
    and the jackknife's bar."""
    studies = draw_studies(
        even_noise(80), roll_out(80, adopters_n=40, years_before=1, years_after=1), seed=5, draws=6000
    )
    for effect in (0.3, 0.6, 0.9, 1.2):
        shift = effect / np.sqrt(2 * 4 / 80)
        bar = stats.t.ppf(0.975, 78) * np.sqrt(79 / 80 * 40 / 39)
        true = stats.nct.sf(bar, 78, shift) + stats.nct.cdf(-bar, 78, shift)
        found = power(studies, effect=-effect)
        assert abs(found.value - 100 * true) < 3 * found.mcse


def as_panel(Y: np.ndarray, D: np.ndarray) -> pd.DataFrame:
    schools, years = Y.shape
    starts = np.where(D.any(axis=1), 2015 + D.argmax(axis=1), np.nan)
    return pd.DataFrame({
        "school_id": np.repeat([f"{s:03}" for s in range(schools)], years),
        "year": np.tile(np.arange(2015, 2015 + years), schools),
        "start_year": np.repeat(starts, years), "oss_per_100": Y.ravel(),
    })  # fmt: skip


def test_a_drawn_study_is_judged_exactly_as_the_product_judges_it():
    plan = roll_out(15, adopters_n=7, waves_n=3, years_before=2, years_after=4)
    noise = Noise(
        np.linspace(0.5, 4, 15), drift=0.3, drift_seen=True, changes_n=9, error=5.0, years=(2013, 2014)
    )
    studies = draw_studies(noise, plan, seed=3, draws=6)
    Y = draw_years(noise, plan.program.shape, np.random.default_rng(3), 6)
    for k in range(6):
        est = att_imputation(lay_out(as_panel(Y[..., k], plan.program), outcome="oss_per_100"))
        assert est.value == pytest.approx(studies.value[k], abs=1e-12)
        assert est.high - est.value == pytest.approx(studies.bar[k], rel=1e-9)
        moved = att_imputation(
            lay_out(as_panel(Y[..., k] - 2.5 * plan.program, plan.program), outcome="oss_per_100")
        )
        assert moved.value == pytest.approx(studies.value[k] - 2.5, abs=1e-12)
        assert moved.se == pytest.approx(est.se, rel=1e-9)


def test_randomization_the_default_for_few_schools_finds_about_as_much():
    """Twelve schools, five of them adopting: the product deals start years anew; we draw with the jackknife."""
    plan, noise = roll_out(12, adopters_n=5, years_before=2, years_after=2), even_noise(12)
    rng, found, draws = np.random.default_rng(8), 0, 100
    Y = draw_years(noise, plan.program.shape, rng, draws)
    for k in range(draws):
        design = lay_out(as_panel(Y[..., k] - 1.6 * plan.program, plan.program), outcome="oss_per_100")
        est = att_by_design(design, seed=1)
        assert "randomization" in est.method
        found += est.p <= 0.05
    planned = power(draw_studies(noise, plan, seed=2, draws=4000), effect=-1.6)
    assert 40 < planned.value < 90
    assert (
        abs(100 * found / draws - planned.value)
        < 3 * 100 * np.sqrt(planned.value * (100 - planned.value)) / 100 / 10
    )


def test_type_s_and_type_m_errors_of_a_normal_estimate():
    """With very many schools an estimate is normal: Gelman & Carlin's numbers in closed form, effect = 1 se."""
    plan = roll_out(400, adopters_n=200, years_before=1, years_after=1)
    studies = draw_studies(even_noise(400), plan, seed=4, draws=8000)
    se = np.sqrt(2 * 4 / 400)
    right, wrong = stats.norm.sf(1.96 - 1), stats.norm.cdf(-1.96 - 1)
    found = sign_error(studies, effect=-se)
    assert abs(found.value - 100 * wrong / (right + wrong)) < 3 * found.mcse
    x = np.linspace(-9, 11, 400_001)
    seen = np.abs(x) > 1.96
    mean = (np.abs(x) * stats.norm.pdf(x - 1))[seen].sum() / stats.norm.pdf(x - 1)[seen].sum()
    found = exaggeration(studies, effect=-se)
    assert mean == pytest.approx(2.51, abs=0.03)
    assert abs(found.value - mean) < 3 * found.mcse + 0.02
    with pytest.raises(MethodError, match="no sign"):
        sign_error(studies, effect=0.0)


def test_the_same_seed_the_same_studies_and_scaling_scales():
    plan = roll_out(20, adopters_n=8, waves_n=2)
    one, again = (draw_studies(even_noise(20), plan, seed=1, draws=200) for _ in range(2))
    assert np.array_equal(one.value, again.value)
    ten = draw_studies(even_noise(20, sd=10.0), plan, seed=1, draws=200)
    assert detectable(ten).value == pytest.approx(10 * detectable(one).value)
    assert detectable(draw_studies(even_noise(20), plan, seed=2, draws=200)).value != detectable(one).value


def test_monte_carlo_error_is_the_spread_over_seeds():
    plan = roll_out(20, adopters_n=10)
    found = [detectable(draw_studies(even_noise(20), plan, seed=s, draws=400)) for s in range(40)]
    spread = np.std([f.value for f in found], ddof=1)
    assert 0.6 < np.mean([f.mcse for f in found]) / spread < 1.6


def test_more_adopters_up_to_half_help_and_more_waves_in_the_same_years_cost():
    rows = compare_rollouts(
        even_noise(40), adopters=[6, 12, 20], waves=[1, 3], years_before=3, years_after=3, seed=1
    )
    by = rows.set_index(["adopters_n", "waves_n"])["detectable"]
    assert by[6, 1] > by[12, 1] > by[20, 1]
    assert by[6, 3] > by[6, 1]
    assert by[12, 3] > by[12, 1]
    assert compare_rollouts(
        even_noise(7), adopters=[2, 5], waves=[1], years_before=1, years_after=1, seed=1
    ).empty


@pytest.mark.parametrize("wrong", [
    {"adopters_n": 2}, {"adopters_n": 18}, {"waves_n": 4}, {"waves_n": 0}, {"years_before": 0},
])  # fmt: skip
def test_rollouts_that_cannot_be_estimated_are_refused(wrong):
    with pytest.raises(MethodError):
        roll_out(20, **({"adopters_n": 8} | wrong))


def test_waves_start_a_year_apart():
    D = roll_out(9, adopters_n=5, waves_n=3, years_before=2, years_after=3).program
    assert D.sum(axis=1).tolist() == [3, 3, 2, 2, 1, 0, 0, 0, 0]
    assert not D[:, :2].any()


def panel_with(
    schools: int, years: int, *, same: float, by_size: float, drift: float, seed: int
) -> pd.DataFrame:
    """Draw schools of 200 to 1,000 students: chance of its own, chance of 500 / students, and drift."""
    rng = np.random.default_rng(seed)
    students = rng.integers(200, 1000, schools).astype(float)
    Y = rng.standard_normal((schools, years)) * np.sqrt(same + by_size * 500 / students)[:, None]
    Y = Y + np.sqrt(drift) * rng.standard_normal((schools, years)).cumsum(axis=1)
    Y = Y + rng.normal(10, 5, (schools, 1)) + rng.normal(0, 3, (1, years))
    return as_panel(Y, np.zeros(Y.shape, dtype=bool)).assign(enrolled_n=np.repeat(students, years))


def test_noise_that_was_planted_comes_back():
    panel = panel_with(3000, 6, same=1.0, by_size=2.0, drift=0.5, seed=1)
    found = learn_noise(panel, outcome="oss_per_100")
    students = panel.groupby("school_id")["enrolled_n"].mean().to_numpy()
    assert found.drift == pytest.approx(0.5, abs=0.06)
    assert found.variance == pytest.approx(1.0 + 2.0 * 500 / students, rel=0.1)
    assert found.drift_seen
    assert found.years == tuple(range(2015, 2021))


def test_a_trend_of_the_whole_district_and_levels_are_no_noise():
    panel = panel_with(40, 4, same=1.0, by_size=1.0, drift=0.2, seed=2)
    level = panel["school_id"].astype(int) * 3.0 + (panel["year"] - 2015) ** 2
    one, other = (
        learn_noise(p, outcome="oss_per_100")
        for p in (panel, panel.assign(oss_per_100=panel["oss_per_100"] + level))
    )
    assert one.variance == pytest.approx(other.variance, rel=1e-6)
    assert one.drift == pytest.approx(other.drift, rel=1e-6, abs=1e-9)


def test_noise_is_the_same_in_any_order_of_rows_and_scales_with_the_outcome():
    panel = panel_with(25, 4, same=1.0, by_size=1.0, drift=0.2, seed=3)
    one = learn_noise(panel, outcome="oss_per_100")
    mixed = learn_noise(panel.sample(frac=1, random_state=1), outcome="oss_per_100")
    assert np.array_equal(one.variance, mixed.variance)
    tenfold = learn_noise(panel.assign(oss_per_100=10 * panel["oss_per_100"]), outcome="oss_per_100")
    assert tenfold.variance == pytest.approx(100 * one.variance)
    assert tenfold.error == pytest.approx(one.error)


def test_the_stated_error_of_the_noise_is_what_panels_show():
    found = [
        learn_noise(panel_with(30, 3, same=1.0, by_size=0.0, drift=0.0, seed=s), outcome="oss_per_100")
        for s in range(60)
    ]
    whole = [np.sqrt(n.variance.mean() + n.drift) for n in found]
    assert 0.6 < np.mean([n.error for n in found]) / (100 * np.std(whole) / np.mean(whole)) < 1.6


def test_two_years_cannot_tell_drift_from_chance_and_holes_are_fine():
    panel = panel_with(30, 2, same=1.0, by_size=0.0, drift=1.0, seed=4)
    found = learn_noise(panel, outcome="oss_per_100")
    assert (found.drift, found.drift_seen, found.changes_n) == (0.0, False, 30)
    holes = panel_with(30, 4, same=1.0, by_size=0.0, drift=0.0, seed=5)
    holes.loc[holes.index[::7], "oss_per_100"] = np.nan
    assert learn_noise(holes, outcome="oss_per_100").variance.mean() == pytest.approx(1.0, abs=0.5)


def test_too_little_to_learn_from_is_refused():
    panel = panel_with(5, 3, same=1.0, by_size=0.0, drift=0.0, seed=6)
    with pytest.raises(MethodError, match="Only 5 schools"):
        learn_noise(panel, outcome="oss_per_100")
    alike = panel_with(9, 3, same=1.0, by_size=0.0, drift=0.0, seed=7).assign(oss_per_100=4.0)
    with pytest.raises(MethodError, match="alike"):
        learn_noise(alike, outcome="oss_per_100")
    with pytest.raises(MethodError, match="no such column"):
        learn_noise(panel, outcome="iss_per_100")
    with pytest.raises(MethodError, match="has 20 schools"):
        draw_studies(even_noise(19), roll_out(20, adopters_n=8), seed=1)


def test_only_years_before_the_first_start_are_used():
    panel = panel_with(8, 5, same=1.0, by_size=0.0, drift=0.0, seed=8)
    assert len(before_program(panel)) == 40
    panel.loc[panel["school_id"] == "003", "start_year"] = 2018.0
    panel.loc[panel["school_id"] == "004", "start_year"] = 2019.0
    assert set(before_program(panel)["year"]) == {2015, 2016, 2017}
    panel.loc[panel["school_id"] == "005", "start_year"] = 2016.0
    with pytest.raises(MethodError, match="2016-17"):
        before_program(panel)
