"""The methods beside R metafor, statsmodels and numbers by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from rpeval.methods.synthesis.looks import by_group, small_studies
from rpeval.methods.synthesis.pooling import common_effect, der_simonian_laird, pooled, prediction
from rpeval.methods.synthesis.spread import spread

TOLD = pd.read_csv(Path(__file__).with_name("reference.txt"), dtype=str)
SETS = {name: rows.set_index("name")["value"] for name, rows in TOLD.groupby("set")}
each = pytest.mark.parametrize("name", sorted(SETS))


def study_frame(told: pd.Series) -> pd.DataFrame:
    k = sum(id.startswith("y") for id in told.index)
    rows = [
        (f"s{i}", float(told[f"y{i}"]), float(told[f"v{i}"]) ** 0.5, told[f"group{i}"])
        for i in range(1, k + 1)
    ]
    return pd.DataFrame(rows, columns=["study", "value", "se", "group"])


def close(found, told, rel=1e-8):
    assert found == pytest.approx(float(told), rel=rel, abs=1e-9)


@each
def test_mean_and_interval(name):
    told, found = SETS[name], pooled(study_frame(SETS[name]))
    for part, value in {
        "mean": found.value,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "p": found.p,
    }.items():
        close(value, told[part], rel=1e-7)


@each
def test_spread_with_its_interval(name):
    told, found = SETS[name], spread(study_frame(SETS[name]))
    close(found.q, told["q"])
    close(found.p, told["qp"], rel=1e-6)
    for end, value in {"": found.tau.value, "_low": found.tau.low, "_high": found.tau.high}.items():
        close(value**2, told[f"tau2{end}"], rel=1e-6)
    for end, value in {"": found.share.value, "_low": found.share.low, "_high": found.share.high}.items():
        close(value, told[f"i2{end}"], rel=1e-6)


@each
def test_common_effect_and_the_usual_synthesis(name):
    told, frame = SETS[name], study_frame(SETS[name])
    close(common_effect(frame).value, told["common"])
    close(common_effect(frame).se, told["common_se"])
    close(der_simonian_laird(frame).value, told["dl"])
    close(der_simonian_laird(frame).se, told["dl_se"])


@each
def test_groups_with_one_spread(name):
    told, found = SETS[name], by_group(study_frame(SETS[name]), by="group")
    for i, row in enumerate(found.itertuples(), start=1):
        close(row.value, told[f"by{i}"], rel=1e-7)
        close(row.se, told[f"by_se{i}"], rel=1e-7)
        close(row.low, told[f"by_low{i}"], rel=1e-7)


def test_slope_of_the_funnel():
    found = small_studies(study_frame(SETS["bcg"]))
    close(found.value, SETS["bcg"]["slope"])
    close(found.se, SETS["bcg"]["slope_se"])


@each
def test_prediction_has_metafors_width_but_one_degree_of_freedom_less(name):
    told, frame = SETS[name], study_frame(SETS[name])
    found, k = prediction(frame), len(frame)
    theirs = (float(told["pi_high"]) - float(told["mean"])) / stats.t.ppf(0.975, k - 1)
    close((found.high - found.value) / stats.t.ppf(0.975, k - 2), theirs, rel=1e-6)
    close(found.value - found.low, found.high - found.value)


def test_the_vaccine_trials_as_published():
    """Log risk ratios of 13 trials: tau² 0.3088 (DerSimonian–Laird), Q 152.233, mean −0.7141 (se 0.1787)."""
    frame = study_frame(SETS["bcg"])
    assert round(spread(frame).q, 3) == 152.233
    assert round(der_simonian_laird(frame).value, 4) == -0.7141
    assert round(der_simonian_laird(frame).se, 4) == 0.1787


def drawn(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"study": range(8), "se": rng.uniform(0.3, 1.5, 8)})
    return frame.assign(value=rng.normal(-2, 1.5, 8) + frame["se"] * rng.standard_normal(8))


def test_statsmodels_agrees():
    """An independent program: Paule–Mandel, Hartung–Knapp without our safeguard, DerSimonian–Laird.

    Its iteration gives zero where rounding carries it past the solution; those draws say nothing of ours.
    """
    compared = 0
    for frame in map(drawn, range(40)):
        y, v = frame["value"].to_numpy(), frame["se"].to_numpy() ** 2
        theirs = combine_effects(y, v, method_re="iterated", use_t=True, atol=1e-10, maxiter=5000)
        dl, found, tau = combine_effects(y, v, method_re="dl"), pooled(frame), spread(frame).tau.value
        usual = der_simonian_laird(frame)
        if dl.tau2 > 0:  # theirs may be negative
            assert (dl.mean_effect_re, dl.sd_eff_w_re) == pytest.approx((usual.value, usual.se), abs=1e-8)
        if tau > 0 and theirs.tau2 == 0:
            continue
        compared += 1
        assert theirs.mean_effect_re == pytest.approx(found.value, abs=1e-8)
        assert theirs.tau2 == pytest.approx(tau**2, abs=1e-8)
        if tau > 0:
            assert theirs.sd_eff_w_re_hksj == pytest.approx(found.se, abs=1e-8)
        else:
            assert theirs.sd_eff_w_re_hksj < found.se
    assert compared >= 20
