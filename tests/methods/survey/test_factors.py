"""Polychorics, ordinal factor models and categorical omega against R's psych, lavaan and semTools, and by theory."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from rpeval.errors import MethodError
from rpeval.methods.survey.factors import compare_keying, fit_ordinal_factors, planted_answers
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.omega import categorical_omega, reliability
from rpeval.methods.survey.polychoric import bivariate_normal, ordinal_moments
from rpeval.methods.survey.scales import cronbach_alpha

AGREEABLE = [f"A{k}" for k in range(1, 6)]
BFI = {"items": AGREEABLE, "low": 1, "high": 6, "reverse": ["A1"]}
PISA = {"items": [f"b{k}" for k in range(1, 7)], "low": 1, "high": 4, "reverse": ["b2", "b3", "b5"]}


def test_the_bivariate_normal_is_the_integral_of_its_density():
    for h, k, r in [(0.3, -1.2, 0.5), (1.0, 1.5, -0.85), (-2.0, 0.1, 0.97), (0.0, 0.0, 0.0)]:
        truth = stats.multivariate_normal.cdf([h, k], [0, 0], [[1, r], [r, 1]], abseps=1e-10, releps=1e-10)
        assert bivariate_normal(np.array(h), np.array(k), r) == pytest.approx(truth, abs=1e-8)
    ends = bivariate_normal(np.array([np.inf, -np.inf, 0.4]), np.array([0.4, 0.4, np.inf]), 0.6)
    assert ends == pytest.approx([ndtr(0.4), 0, ndtr(0.4)], abs=1e-12)


def test_a_two_by_two_table_has_a_tetrachoric_correlation_in_closed_form():
    """With both medians cut, p(low, low) = 1/4 + asin(r) / 2 pi: 60 of 80 agreeing gives sin(pi / 4)."""
    codes = np.array([[0, 0]] * 30 + [[1, 1]] * 30 + [[0, 1]] * 10 + [[1, 0]] * 10)
    assert ordinal_moments(codes).correlations[0, 1] == pytest.approx(np.sin(np.pi / 4), abs=1e-9)


def test_wlsmv_of_lavaan(shared_data):
    data = pd.read_csv(shared_data("data/survey_reference/bfi.csv"))
    fit = fit_ordinal_factors(lay_out_items(data, **BFI))
    loadings = [0.4355152071486, 0.7179196847474, 0.81004877763, 0.5148559506509, 0.6681720669929]
    assert fit.loadings == pytest.approx(loadings, abs=1e-6)
    assert (fit.n, fit.df) == (2709, 5)
    assert fit.chisq == pytest.approx(74.070208744278, rel=1e-6)
    assert fit.chisq_scaled == pytest.approx(143.536483810188, rel=1e-6)
    assert (fit.cfi, fit.cfi_scaled) == pytest.approx((0.9907128641352, 0.9750336325829), abs=1e-7)
    assert (fit.rmsea, fit.rmsea_scaled) == pytest.approx((0.07142266517541, 0.1011515979915), abs=1e-7)
    assert fit.srmr == pytest.approx(0.03605192914117, abs=1e-7)


def test_omega_of_semtools(shared_data):
    data = pd.read_csv(shared_data("data/survey_reference/bfi.csv"))
    omega = categorical_omega(lay_out_items(data, **BFI))
    assert omega.value == pytest.approx(0.7290024037152, abs=1e-6)
    assert omega.low < 0.7290 < omega.high
    assert omega.kind == "iterative"


def test_pisa_needs_two_keyed_factors(shared_data):
    """Turkiye 2012 to 2018: one factor does not fit six items of which three are negative."""
    data = pd.read_csv(shared_data("data/pisa_turkiye/pisa_tur_belong_2012_2015_2018.csv"))
    for _, wave in data.groupby("wave"):
        both = compare_keying(lay_out_items(wave, **PISA))
        assert 0.23 < both.one.rmsea_scaled < 0.27
        assert 0.06 < both.two.rmsea_scaled < 0.08
        assert 0 < both.two.correlation < 1


def omega_by_quadrature(loadings, categories):
    """Variance of the score's expectation given the factor, over the score's variance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    cuts = ndtri(np.arange(1, categories) / categories)
    load = np.asarray(loadings)[:, None, None]
    above = ndtr((load * nodes[None, :, None] - cuts) / np.sqrt(1 - load**2))
    mean = above.sum(axis=2)
    square = (above * (2 * np.arange(categories - 1) + 1)).sum(axis=2)
    noise = (weights * (square - mean**2)).sum()
    total = mean.sum(axis=0)
    common = (weights * total**2).sum() - (weights * total).sum() ** 2
    return common / (common + noise)


def test_omega_is_the_share_of_variance_that_the_factor_explains():
    loadings = [0.8, 0.7, 0.6, 0.7, 0.5, 0.75]
    truth = omega_by_quadrature(loadings, categories=4)
    drawn = [
        categorical_omega(
            lay_out_items(
                planted_answers(loadings=loadings, n=600, seed=seed),
                items=[f"i{j}" for j in range(6)],
                low=1,
                high=4,
            )
        )
        for seed in range(12)
    ]
    values = np.array([d.value for d in drawn])
    spread = values.std(ddof=1)
    assert values.mean() == pytest.approx(truth, abs=3.5 * spread / np.sqrt(12))
    assert np.mean([d.se for d in drawn]) == pytest.approx(spread, rel=0.6)
    assert sum(d.low < truth < d.high for d in drawn) >= 9


def test_omega_by_school_widens_when_students_of_a_school_are_alike():
    rows = planted_answers(loadings=[0.7] * 4, n=60, seed=3)
    copied = pd.concat([rows] * 10, ignore_index=True).assign(school_id=list(range(60)) * 10)
    asked = {"items": ["i0", "i1", "i2", "i3"], "low": 1, "high": 4}
    alone, grouped = (
        categorical_omega(lay_out_items(copied, **asked)),
        categorical_omega(lay_out_items(copied, **asked), by_school=True),
    )
    assert grouped.value == alone.value
    assert grouped.se == pytest.approx(alone.se * np.sqrt(10) * np.sqrt(60 / 59))
    assert (grouped.clusters, grouped.df) == (60, 59)


def test_influence_is_what_a_row_does_to_the_moments():
    """A row counted once more moves the moments by its influence / n, and the covariance is theirs."""
    codes = planted_answers(loadings=[0.7, 0.6, 0.8], n=60_000, seed=11).to_numpy()
    moments = ordinal_moments(codes)
    influence = np.vstack(list(moments.influence()))
    for row in (0, 17, 1234):
        more = ordinal_moments(np.vstack([codes, np.repeat(codes[row : row + 1], 4, axis=0)]))
        moved = (more.vector - moments.vector) * len(codes) / 4
        assert moved == pytest.approx(influence[row], abs=0.02 * np.abs(influence[row]).max())
    assert moments.covariance() == pytest.approx(influence.T @ influence / len(codes))
    assert np.abs(influence.mean(axis=0)).max() < 1e-9


def test_rows_in_blocks_are_rows_at_once(monkeypatch):
    answers = planted_answers(loadings=[0.7] * 4, n=1_000, seed=12)
    asked = {"items": list(answers), "low": 1, "high": 4}
    whole = categorical_omega(lay_out_items(answers, **asked))
    monkeypatch.setattr("rpeval.methods.survey.polychoric.ROWS_AT_ONCE", 137)
    parts = categorical_omega(lay_out_items(answers, **asked))
    assert (parts.value, parts.se) == pytest.approx((whole.value, whole.se), rel=1e-10)


def test_the_interval_of_omega_has_the_slopes_of_omega():
    """Delta method against leaving each of a hundred groups of rows out in turn."""
    answers = planted_answers(loadings=[0.8, 0.7, 0.6, 0.7], n=4_000, seed=13)
    asked = {"items": list(answers), "low": 1, "high": 4}
    whole, part = categorical_omega(lay_out_items(answers, **asked)), np.arange(len(answers)) % 100
    left = [categorical_omega(lay_out_items(answers[part != g], **asked)).value for g in range(100)]
    jackknife = np.sqrt(99 / 100 * ((np.array(left) - np.mean(left)) ** 2).sum())
    assert whole.se == pytest.approx(jackknife, rel=0.25)


def test_reliability_by_group_and_wave():
    answers = planted_answers(loadings=[0.7] * 6, n=1_000, seed=14)
    items = list(answers)
    answers = answers.assign(
        wave=2018 + 2 * (answers.index % 2), el=np.where(answers.index < 60, "yes", "no")
    )
    answers.loc[answers.index >= 991, "el"] = "few"
    table = reliability(lay_out_items(answers, items=items, low=1, high=4), by=["el", "wave"])
    assert table[["el", "wave", "students_n"]].to_numpy().tolist() == [
        ["no", 2018, 466], ["no", 2020, 465], ["yes", 2018, 30], ["yes", 2020, 30],
    ]  # fmt: skip
    one = answers[(answers["el"] == "no") & (answers["wave"] == 2018)]
    alpha = cronbach_alpha(lay_out_items(one, items=items, low=1, high=4))
    omega = categorical_omega(lay_out_items(one, items=items, low=1, high=4))
    told = table.iloc[0, 3:].tolist()
    assert told == pytest.approx([alpha.value, alpha.low, alpha.high, omega.value, omega.low, omega.high])
    assert table.loc[table["el"] == "yes", "omega"].isna().all()  # 30 are too few for a factor model
    assert table.loc[table["el"] == "yes", "alpha"].notna().all()


def test_planted_loadings_are_found():
    planted = np.array([0.8, 0.7, 0.6, 0.5, 0.4])
    answers = planted_answers(loadings=planted, n=30_000, seed=4, categories=5)
    fit = fit_ordinal_factors(lay_out_items(answers, items=list(answers), low=1, high=5))
    assert np.abs(np.array(fit.loadings) - planted).max() < 0.015
    assert fit.rmsea_scaled < 0.015
    assert fit.p > 0.001


def test_two_planted_factors_and_their_correlation():
    rng = np.random.default_rng(5)
    factors = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 20_000)
    latent = 0.7 * factors[:, [0, 0, 0, 1, 1, 1]] + np.sqrt(0.51) * rng.normal(size=(20_000, 6))
    answers = pd.DataFrame(np.digitize(latent, [-1, 0, 1]) + 1, columns=list("abcdef"))
    answers[["d", "e", "f"]] = 5 - answers[["d", "e", "f"]]
    both = compare_keying(
        lay_out_items(answers, items=list("abcdef"), low=1, high=4, reverse=["d", "e", "f"])
    )
    assert both.two.correlation == pytest.approx(0.4, abs=0.03)
    assert both.two.rmsea_scaled < 0.02 < 0.1 < both.one.rmsea_scaled


def test_direction_order_and_unused_codes_do_not_matter():
    answers = planted_answers(loadings=[0.8, 0.6, 0.7, 0.5], n=800, seed=6)
    asked = {"low": 1, "high": 4}
    plain = categorical_omega(lay_out_items(answers, items=["i0", "i1", "i2", "i3"], **asked))
    turned = answers.assign(i1=5 - answers["i1"]).sample(frac=1, random_state=1)
    other = categorical_omega(lay_out_items(turned, items=["i3", "i1", "i0", "i2"], reverse=["i1"], **asked))
    assert (plain.value, plain.low) == pytest.approx((other.value, other.low), abs=1e-8)
    wider = categorical_omega(lay_out_items(answers, items=["i0", "i1", "i2", "i3"], low=0, high=6))
    assert wider.value == pytest.approx(plain.value, abs=1e-10)


def test_a_code_that_nobody_uses_counts_as_a_larger_step():
    """Codes 1, 3, 4: the step over 2 counts double. Truth: the correlation of two such scores of one person."""
    answers = planted_answers(loadings=[0.7] * 4, n=60_000, seed=7)
    merged = answers.replace({"i0": {2: 1}, "i1": {2: 1}, "i2": {2: 1}, "i3": {2: 1}})
    omega = categorical_omega(lay_out_items(merged, items=list(merged), low=1, high=4))
    rng = np.random.default_rng(8)
    factor = rng.normal(size=400_000)

    def score():
        latent = 0.7 * factor[:, None] + np.sqrt(0.51) * rng.normal(size=(len(factor), 4))
        return np.array([1, 1, 3, 4])[np.digitize(ndtr(latent), [0.25, 0.5, 0.75])].sum(axis=1)

    parallel = np.corrcoef(score(), score())[0, 1]
    assert omega.value == pytest.approx(parallel, abs=0.008)


def test_what_is_refused():
    answers = planted_answers(loadings=[0.7] * 4, n=300, seed=9)
    asked = {"low": 1, "high": 4}
    with pytest.raises(MethodError, match="99 respondents"):
        categorical_omega(lay_out_items(answers[:99], items=list(answers), **asked))
    with pytest.raises(MethodError, match="cannot be fitted to 2 items"):
        categorical_omega(lay_out_items(answers, items=["i0", "i1"], **asked))
    with pytest.raises(MethodError, match="of one school"):
        categorical_omega(
            lay_out_items(answers.assign(school_id=1), items=list(answers), **asked), by_school=True
        )
    with pytest.raises(MethodError, match="alike: i2"):
        fit_ordinal_factors(lay_out_items(answers.assign(i2=1), items=list(answers), **asked))
    with pytest.raises(MethodError, match="3 and 1 items"):
        compare_keying(lay_out_items(answers, items=list(answers), reverse=["i0"], **asked))
    too_close = [[1, 0.9, 0.9], [0.9, 1, 0.65], [0.9, 0.65, 1]]  # the first loading would be sqrt(.81 / .65)
    normal = np.random.default_rng(10).multivariate_normal(np.zeros(3), too_close, 2_000)
    impossible = pd.DataFrame(np.digitize(normal, [-1, 0, 1]) + 1, columns=list("abc"))
    with pytest.raises(MethodError, match="loading of one or more"):
        fit_ordinal_factors(lay_out_items(impossible, items=list("abc"), **asked))
