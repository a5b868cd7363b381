"""The posterior against numbers by hand and by integration; evidence beside a finding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate, Refusal
from rpeval.findings.evidence import beside, posterior
from rpeval.inputs.claims import read_evidence


def test_equal_weights_meet_in_the_middle():
    """Prior N(0, 1) and estimate -2 with standard error 1: mean -1, sd 1/sqrt 2, by hand."""
    found = posterior(Estimate(-2.0, se=1.0), prior_mean=0.0, prior_sd=1.0, better="lower", margin=1.0)
    assert (found.mean, found.sd) == pytest.approx((-1.0, 0.5**0.5))
    assert found.benefit == pytest.approx(0.5)
    assert found.harm == pytest.approx(stats.norm.cdf(-2 / 0.5**0.5))


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_probabilities_are_those_of_bayes_rule(better):
    """By numerical integration of prior times likelihood."""
    found = posterior(Estimate(1.3, se=0.8), prior_mean=0.4, prior_sd=1.1, better=better, margin=0.5)

    def joint(x):
        return stats.norm.pdf(x, 0.4, 1.1) * stats.norm.pdf(1.3, x, 0.8)

    whole = integrate.quad(joint, -20, 20)[0]
    above, below = integrate.quad(joint, 0.5, 20)[0] / whole, integrate.quad(joint, -20, -0.5)[0] / whole
    expected = (below, above) if better == "lower" else (above, below)
    assert (found.benefit, found.harm) == pytest.approx(expected, abs=1e-8)


def test_simulated_truths_are_inside_as_often_as_the_posterior_says():
    rng = np.random.default_rng(11)
    truths = rng.normal(-1.0, 2.0, 4000)
    drawn = truths + rng.normal(0, 1.5, 4000)
    found = [posterior(Estimate(x, se=1.5), prior_mean=-1.0, prior_sd=2.0, better="lower", margin=1.0) for x in drawn]  # fmt: skip
    held = np.mean([f.low <= truth <= f.high for f, truth in zip(found, truths, strict=True)])
    assert abs(held - 0.95) < 3.5 * (0.95 * 0.05 / 4000) ** 0.5
    said, true = np.mean([f.benefit for f in found]), np.mean(truths <= -1.0)
    assert abs(said - true) < 3.5 * (0.25 / 4000) ** 0.5


def test_a_wide_prior_leaves_the_estimate_and_a_narrow_one_the_prior():
    e = Estimate(-3.0, se=1.0)
    assert posterior(e, prior_mean=0, prior_sd=1e6, better="lower", margin=1).mean == pytest.approx(-3.0)
    assert posterior(e, prior_mean=0, prior_sd=1e-6, better="lower", margin=1).mean == pytest.approx(
        0.0, abs=1e-9
    )


def test_the_interval_gives_the_standard_error_where_there_is_none():
    t = stats.t(20).ppf(0.975)
    by_interval = posterior(Estimate(-2.0, low=-2 - t, high=-2 + t, df=20), prior_mean=0.0, prior_sd=1.0,
                            better="lower", margin=1.0)  # fmt: skip
    assert by_interval.mean == pytest.approx(-1.0)


def test_the_sentence_shows_the_prior_and_the_harm():
    found = posterior(Estimate(-4.9, se=0.7, unit="per 100 students"), prior_mean=0.0, prior_sd=2.0,
                      better="lower", margin=1.0)  # fmt: skip
    assert found.prior == "normal, mean 0, standard deviation 2 per 100 students"
    assert found.prior in found.says
    assert "benefit of at least 1 per 100 students is above 99%" in found.says
    assert "harm of at least that size below 1%" in found.says


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.1, 2))
def test_scaling_and_mirroring_change_nothing(value, se, mean, sd, margin):
    one = posterior(Estimate(value, se=se), prior_mean=mean, prior_sd=sd, better="lower", margin=margin)
    ten = posterior(Estimate(10 * value, se=10 * se), prior_mean=10 * mean, prior_sd=10 * sd, better="lower",
                    margin=10 * margin)  # fmt: skip
    other = posterior(Estimate(-value, se=se), prior_mean=-mean, prior_sd=sd, better="higher", margin=margin)
    assert one.benefit == pytest.approx(ten.benefit, abs=1e-9)
    assert (one.benefit, one.harm) == pytest.approx((other.benefit, other.harm), abs=1e-12)
    assert one.benefit + one.harm <= 1 + 1e-12


@pytest.mark.parametrize(("estimate", "options", "said"), [
    (Estimate(-2.0), {}, "neither a standard error nor an interval"),
    (Estimate(-2.0, se=0.0), {}, "neither a standard error nor an interval"),
    (Refusal("No list.", "Add one."), {}, "No list."),
    (Estimate(-2.0, se=1.0), {"prior_sd": 0.0}, "prior_sd"),
    (Estimate(-2.0, se=1.0), {"margin": -1.0}, "margin"),
])  # fmt: skip
def test_what_has_no_posterior_is_refused(estimate, options, said):
    with pytest.raises(MethodError, match=said):
        posterior(
            estimate, **{"prior_mean": 0.0, "prior_sd": 1.0, "better": "lower", "margin": 1.0} | options
        )


def test_evidence_stands_beside_the_finding_it_bears_on(root):
    evidence = read_evidence(root)
    scores = beside(evidence, "harms.achievement_sd.att")
    assert scores["design"].iloc[0] == "schools assigned by lottery"
    assert {"Augustine and others (2018)", "Adukia, Feigenberg and Momeni (2025)"} <= set(scores["study"])
    assert beside(evidence, "data.schools").empty
    assert "Davison, Penner and Penner (2022)" in set(
        beside(evidence, "suspensions.gap.black_white.att")["study"]
    )
