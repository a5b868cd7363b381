"""Two-way fixed effects and its decomposition against R fixest, R bacondecomp and explicit least squares."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.twfe import bacon, bacon_by_kind, twfe


@pytest.fixture(scope="module")
def castle() -> pd.DataFrame:
    data = pytest.importorskip("causaldata").castle.load_pandas().data
    data = data[["sid", "year", "post", "l_homicide"]].rename(columns={"sid": "school_id"})
    data["l_homicide"] = data["l_homicide"].astype(str).astype(float)
    first = data[data.post == 1].groupby("school_id").year.min()
    return data.assign(year=data.year.astype(int), start_year=data.school_id.map(first))


def growing(seed=0) -> pd.DataFrame:
    """Staggered, noise-free panel whose effect grows by one a year; the mean effect is known by counting."""
    rng = np.random.default_rng(seed)
    starts = np.r_[[2016] * 4, [2019] * 4, [np.nan] * 4]
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(12)], 9)})
    frame["year"], frame["start_year"] = np.tile(np.arange(2014, 2023), 12), np.repeat(starts, 9)
    since = frame.year - frame.start_year
    return frame.assign(oss=np.repeat(rng.normal(9, 2, 12), 9) + np.where(since >= 0, -1.0 - since, 0.0))


def test_equals_r_fixest_on_castle(castle):
    estimate = twfe(lay_out(castle, outcome="l_homicide"))
    assert estimate.value == pytest.approx(0.0693984338854514, abs=1e-8)
    assert estimate.se == pytest.approx(0.0558596356955514, abs=1e-8)
    assert estimate.df == 49


@pytest.mark.shared
def test_equals_r_fixest_on_mpdta(shared_data):
    frame = pd.read_csv(shared_data("data/did_reference/mpdta.csv"))
    frame = frame.rename(columns={"countyreal": "school_id", "first.treat": "start_year"})
    estimate = twfe(lay_out(frame.replace({"start_year": {0: np.nan}}), outcome="lemp"))
    assert estimate.value == pytest.approx(-0.0365489366740674, abs=1e-8)
    assert estimate.se == pytest.approx(0.013265155429339, abs=1e-8)


@pytest.mark.parametrize("weights", [None, "enrolled_n"])
def test_equals_statsmodels_dummies_on_an_unbalanced_panel(weights):
    rng = np.random.default_rng(3)
    frame = growing().assign(enrolled_n=lambda f: rng.integers(100, 900, len(f)).astype(float))
    frame["oss"] += rng.normal(0, 1, len(frame))
    frame = frame.drop(index=rng.choice(len(frame), 12, replace=False))
    X = pd.get_dummies(frame[["school_id", "year"]].astype(str), drop_first=True).astype(float)
    X = sm.add_constant(X.assign(D=(frame.year >= frame.start_year).astype(float)))
    w = frame[weights] if weights else 1.0
    codes = pd.factorize(frame.school_id)[0]
    fit = sm.WLS(frame.oss, X, weights=w).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    n, G, K = len(frame), 12, 9 + 1
    se = fit.bse["D"] * math.sqrt(G / (G - 1) * (n - 1) / (n - K))
    estimate = twfe(lay_out(frame, outcome="oss", weights=weights))
    assert estimate.value == pytest.approx(fit.params["D"], abs=1e-9)
    assert estimate.se == pytest.approx(se, abs=1e-9)


def test_decomposition_equals_r_bacondecomp(castle):
    kinds = bacon_by_kind(bacon(lay_out(castle, outcome="l_homicide"))).set_index("comparison")
    assert kinds.weight.to_dict() == pytest.approx(
        {
            "Earlier vs later adopting": 0.0770787556377935,
            "Later vs earlier adopting": 0.0241124089279519,
            "Adopting vs not adopting": 0.898808835434255,
        },
        abs=1e-8,
    )
    assert kinds.value.to_dict() == pytest.approx(
        {
            "Earlier vs later adopting": -0.028577142153038,
            "Later vs earlier adopting": 0.04563467556355,
            "Adopting vs not adopting": 0.0784379944927299,
        },
        abs=1e-8,
    )


def test_decomposition_adds_up_to_the_two_way_estimate(castle):
    rows = bacon(lay_out(castle, outcome="l_homicide"))
    assert (rows.weight * rows.value).sum() == pytest.approx(
        twfe(lay_out(castle, outcome="l_homicide")).value, abs=1e-10
    )
    assert rows.weight.sum() == pytest.approx(1)
    assert (rows.weight > 0).all()


def test_growing_effects_pull_two_way_fixed_effects_away_and_not_imputation():
    """Cohort 2016 has effects -1..-7 and 2019 -1..-4, so the mean over treated school-years is -38/11."""
    frame = growing()
    assert att_imputation(lay_out(frame, outcome="oss")).value == pytest.approx(-38 / 11, abs=1e-9)
    assert twfe(lay_out(frame, outcome="oss")).value > -3.2
    later = (
        bacon_by_kind(bacon(lay_out(frame, outcome="oss")))
        .set_index("comparison")
        .loc["Later vs earlier adopting"]
    )
    assert later.value > 0  # a program that lowers suspensions looks as if it raised them


def test_an_unbalanced_panel_is_refused_by_name():
    with pytest.raises(MethodError, match="2 schools without an outcome in some year: 03, 07"):
        bacon(lay_out(growing().drop(index=[3 * 9, 7 * 9 + 2]), outcome="oss"))
