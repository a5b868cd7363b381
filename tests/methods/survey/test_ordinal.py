"""Proportional odds against R's svyolr, statsmodels and hand calculation; its CR2 against the linear one's behavior."""

import json

import numpy as np
import pandas as pd
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from rpeval.errors import MethodError
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.survey.ordinal import did_ordinal, fit_ordinal
from rpeval.methods.survey.survey_design import lay_out


def answers(
    rng, *, schools=20, adopting=8, each=40, effect=0.0, drift=0.0, waves=(2018, 2020), starts=(2019,)
):
    """Answers 1 to 4 from a logistic latent variable that moves up by `effect` with the program."""
    start = np.full(schools, np.nan)
    start[:adopting] = np.resize(starts, adopting)
    code = np.repeat(np.arange(schools), each * len(waves))
    at = np.tile(np.repeat(np.arange(len(waves)), each), schools)
    moved = rng.normal(0, 0.2, schools)[:, None] + rng.normal(
        0, np.sqrt(drift) + 1e-12, (schools, len(waves))
    )
    frame = pd.DataFrame({"school_id": code, "wave": np.array(waves)[at], "start_year": start[code]})
    latent = moved[code, at] + rng.logistic(size=len(code)) + 0.2 * at
    latent += effect * (frame["wave"] >= frame["start_year"])
    return frame.assign(answer=1 + np.searchsorted([-1.0, 0.3, 1.5], latent))


def test_r_on_the_california_sample(shared_data):
    told = json.loads(shared_data("reference/r_survey.json").read_text())["svyolr_clus1"]
    data = pd.read_csv(shared_data("data/survey_reference/apiclus1.csv"))
    fit = fit_ordinal(
        data["stype"].map({"E": 0, "H": 1, "M": 2}), data[["enroll"]], cluster=data["dnum"], weight=data["pw"]
    )
    assert fit.coefficients == pytest.approx([told["coef"]], rel=1e-6)
    assert fit.cuts == pytest.approx(told["zeta"], rel=1e-6)


def test_statsmodels_fits_the_same():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=600), rng.integers(0, 2, 600)])
    y = np.searchsorted([-1, 0, 1.2], X @ [0.7, -0.4] + rng.logistic(size=600))
    fit = fit_ordinal(y, X, cluster=np.arange(600) // 20)
    other = OrderedModel(y, X, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
    assert fit.coefficients == pytest.approx(other.params[:2], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-8)
    model = np.sqrt(np.diag(fit.model_covariance))[-2:]
    assert model == pytest.approx(other.bse[:2], rel=1e-4)


def test_single_rows_as_clusters_are_nearly_the_sandwich():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(4000, 1))
    y = np.searchsorted([-1, 0, 1.2], 0.5 * X[:, 0] + rng.logistic(size=4000))
    fit = fit_ordinal(y, X, cluster=np.arange(4000))
    assert fit.covariance == pytest.approx(fit.model_covariance, rel=0.15, abs=1e-5)
    assert fit.df[0] > 500


def test_cr2_in_the_space_of_scores_is_cr2():
    """With two answers and a weak effect the logit is nearly linear: t and df of both must be near."""
    rng = np.random.default_rng(3)
    frame = answers(rng, schools=12, adopting=3, drift=0.05).assign(
        up=lambda d: (d["answer"] > 2).astype(float)
    )
    treated = (frame["wave"] >= frame["start_year"]).to_numpy(float)
    later, arm = frame["wave"].to_numpy() == 2020, frame["start_year"].notna().to_numpy()
    X = np.column_stack([treated, later, arm]).astype(float)
    logit = fit_ordinal(frame["up"], X, cluster=frame["school_id"])
    linear = fit_clustered(
        frame["up"].to_numpy(), np.column_stack([X, np.ones(len(X))]), cluster=frame["school_id"].to_numpy()
    )
    t = logit.coefficients[0] / np.sqrt(logit.covariance[1, 1])
    assert t == pytest.approx(linear.value / linear.se, rel=0.05)
    assert logit.df[0] == pytest.approx(linear.df, rel=0.05)


def test_saturated_by_hand():
    """Two answers: the log odds ratio of the four cells."""
    rows = [
        (s, w, 2019.0 if s < 2 else np.nan, k < up)
        for s in range(4)
        for w in (2018, 2020)
        for up in [{(True, 2018): 3, (True, 2020): 8, (False, 2018): 4, (False, 2020): 5}[(s < 2, w)]]
        for k in range(10)
    ]
    frame = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "answer"]).astype(
        {"answer": float}
    )
    found = did_ordinal(lay_out(frame, outcome="answer"))
    odds = [3 / 7, 8 / 2, 4 / 6, 5 / 5]
    assert found.value == pytest.approx(np.log(odds[1] / odds[0] / (odds[3] / odds[2])))
    assert (found.clusters, found.treated, found.n, found.unit) == (4, 2, 80, "log odds")


def test_what_does_not_matter():
    frame = answers(np.random.default_rng(4), effect=0.4, drift=0.03).assign(w=3.0)
    plain = did_ordinal(lay_out(frame, outcome="answer"))
    for other in (
        frame.sample(frac=1, random_state=1),
        frame.assign(answer=np.exp(frame["answer"])),
        frame.assign(school_id=frame["school_id"].map(lambda s: f"s{50 - s}")),
    ):
        found = did_ordinal(lay_out(other, outcome="answer"))
        assert (found.value, found.se, found.df) == pytest.approx((plain.value, plain.se, plain.df), rel=1e-6)
    weighted = did_ordinal(lay_out(frame, outcome="answer", weight="w"))
    assert (weighted.value, weighted.se) == pytest.approx((plain.value, plain.se), rel=1e-6)
    turned = did_ordinal(lay_out(frame.assign(answer=-frame["answer"]), outcome="answer"))
    assert (turned.value, turned.se) == pytest.approx((-plain.value, plain.se), rel=1e-6)


@pytest.mark.parametrize("starts", [(2019,), (2019, 2020)])
def test_a_planted_effect_comes_back(starts):
    rng, waves = np.random.default_rng(5), (2018, 2019, 2020)
    found = [
        did_ordinal(
            lay_out(
                answers(rng, effect=0.5, drift=0.02, waves=waves, starts=starts, each=30), outcome="answer"
            )
        )
        for _ in range(40)
    ]
    values = np.array([f.value for f in found])
    assert values.mean() == pytest.approx(0.5, abs=0.03 + 3 * values.std() / np.sqrt(40))
    assert sum(f.low < 0.5 < f.high for f in found) >= 33


def test_a_true_null_is_rejected_about_one_time_in_twenty():
    """Shocks by school and wave of 3 % of the latent variance; Monte Carlo error .014 with 250 draws."""
    rng = np.random.default_rng(6)
    rejected = sum(
        did_ordinal(lay_out(answers(rng, drift=0.1, each=25), outcome="answer")).p < 0.05 for _ in range(250)
    )
    assert 0.03 - 2 * 0.014 < rejected / 250 < 0.07 + 2 * 0.014


def test_what_is_refused():
    frame = answers(np.random.default_rng(7))
    with pytest.raises(MethodError, match="All answers are equal"):
        did_ordinal(lay_out(frame.assign(answer=2), outcome="answer"))
    later = (frame["wave"] == 2020) & frame["start_year"].notna()
    with pytest.raises(MethodError, match="one end only"):
        did_ordinal(
            lay_out(
                frame.assign(answer=(frame["answer"] > 2).mask(later, True).astype(float)), outcome="answer"
            )
        )
