"""Planned studies against placebo programs dealt on whole panels, whose noise nobody planted for the model."""

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.methods.did.jackknife import average_gaps, by_cohort, first_years, spread
from rpeval.methods.planning.noise import learn_noise
from rpeval.methods.planning.simulated_power import detectable, draw_studies, power, roll_out


def placebo(Y, plan, draws):
    """Studies without an effect, dealt on the panel itself: estimate and standard error of each."""
    D, rng = plan.program, np.random.default_rng(1)
    order = rng.permuted(np.broadcast_to(np.arange(len(Y)), (draws, len(Y))), axis=1)
    outcomes = np.moveaxis(Y[order], 0, -1).copy()
    gaps = average_gaps(outcomes, ~D[None] * 1.0, D[None] * 1.0, np.ones_like(D))
    own = by_cohort(first_years(D, np.ones_like(D)))
    return gaps.value[0], np.sqrt(spread(gaps.left_out[0] - gaps.value, own)[0])


def as_rows(Y):
    schools, years = Y.shape
    names = np.repeat([f"{s:04}" for s in range(schools)], years)
    rows = {"school_id": names, "year": np.tile(np.arange(2010, 2010 + years), schools), "enrolled_n": 400.0}
    return pd.DataFrame(rows | {"oss_per_100": Y.ravel()})


def test_heavy_tails_and_unlike_schools_do_not_mislead():
    """Schools with noise of their own, far from normal: what the plan expects is what placebo programs show."""
    rng = np.random.default_rng(9)
    Y = rng.standard_t(5, (120, 6)) * rng.uniform(0.5, 3, (120, 1)) + rng.normal(10, 5, (120, 1))
    plan, noise = roll_out(120, adopters_n=50, waves_n=2), learn_noise(as_rows(Y), outcome="oss_per_100")
    value, se = placebo(Y, plan, 800)
    planned = draw_studies(noise, plan, seed=1, draws=800)
    assert planned.value.std() == pytest.approx(value.std(), rel=0.12)
    assert np.median(planned.bar) == pytest.approx(1.98 * np.median(se), rel=0.12)


def test_milwaukee(shared_data):
    """149 real schools with six years each: the plan's smallest detectable effect is that of placebo programs,
    within twice the stated uncertainty of the noise."""
    shared_data("data/milwaukee_dpi")
    study = read_params(ROOT / "params/examples/milwaukee.yml")
    rows = read_panel(study).frame
    wide = rows.pivot(index="school_id", columns="year", values=study.outcome).dropna()
    noise = learn_noise(rows[rows["school_id"].isin(wide.index)], outcome=study.outcome)
    plan = roll_out(len(wide), adopters_n=74, years_before=2, years_after=4)
    value, se = placebo(wide.to_numpy(), plan, 1000)
    real = np.quantile(1.98 * se - value, 0.8)
    planned = draw_studies(noise, plan, seed=2)
    assert abs(detectable(planned).value / real - 1) < 2 * noise.error / 100
    assert abs(power(planned, effect=0.0).value - 5) < 1.5
