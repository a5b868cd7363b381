"""Effect sizes by hand, against the rules they cite, and on clustered students whose truth is planted."""

import math

import numpy as np
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.effect_size import (
    clustering,
    cox_index,
    hedges_g,
    improvement_index,
    pooled_sd,
    small_sample,
)


def test_two_arms_of_students_by_hand():
    """Means 7 and 5, standard deviation 4, 12 and 8 students: d = .5, omega = 1 - 3 / 71."""
    found = hedges_g(2.0, sd=4.0, treated_n=12, comparison_n=8)
    assert found.value == pytest.approx(0.5 * 68 / 71, abs=1e-12)
    spread = 1 / 12 + 1 / 8
    t = 0.5 / math.sqrt(spread)  # the two-sample t value of the same numbers
    assert found.p == pytest.approx(2 * stats.t.sf(t, 18), abs=1e-12)
    assert found.se == pytest.approx(math.sqrt((68 / 71) ** 2 * spread + found.value**2 / 36), abs=1e-12)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 18) * found.se, abs=1e-12)
    assert (found.n, found.n_unit, found.unit) == (20, "students", "standard deviations")


def test_p_is_that_of_a_t_test_on_the_students():
    rng = np.random.default_rng(1)
    one, two = rng.normal(1, 2, 15), rng.normal(0, 2, 11)
    sd = pooled_sd([one.std(ddof=1), two.std(ddof=1)], [15, 11])
    found = hedges_g(one.mean() - two.mean(), sd=sd, treated_n=15, comparison_n=11)
    assert found.p == pytest.approx(stats.ttest_ind(one, two).pvalue, abs=1e-12)


def test_clustering_by_the_formulas_of_the_rule():
    """100 students in 20 schools, share between .1: kept 97.2 of 98, h = 97.2^2 / 100.08."""
    found = clustering(100, clusters=20, icc=0.1)
    assert found.effect == pytest.approx(math.sqrt(97.2 / 98), abs=1e-12)
    assert found.t == pytest.approx(math.sqrt(97.2 / (98 * 1.4)), abs=1e-12)
    assert found.df == pytest.approx(97.2**2 / (98 * 0.81 + 5 * 90 * 0.01 + 2 * 90 * 0.09), abs=1e-9)
    assert found.df == pytest.approx(94.40, abs=0.005)
    alone = clustering(100, clusters=20, icc=0.0)
    assert (alone.effect, alone.t, alone.design) == (1.0, 1.0, 1.0)
    assert alone.df == pytest.approx(98, abs=1e-9)


def clustered(rng, *, schools=14, size=40, icc=0.2, effect=0.3):
    """Students of total variance 1, half of the schools in the program."""
    arm = np.arange(schools) < schools // 2
    school = rng.normal(0, math.sqrt(icc), schools) + effect * arm
    return school[:, None] + rng.normal(0, math.sqrt(1 - icc), (schools, size)), arm


def test_on_clustered_students_g_is_centered_its_error_honest_and_its_test_holds_the_level():
    """7 and 7 schools of 40, a fifth of the variance between them; students alone would reject far too often."""
    rng, draws = np.random.default_rng(7), 1_500
    found, null, naive, variances = [], [], [], []
    for _ in range(draws):
        for effect, kept in ((0.3, found), (0.0, null)):
            y, arm = clustered(rng, effect=effect)
            sd = pooled_sd([y[arm].std(ddof=1), y[~arm].std(ddof=1)], [280, 280])
            variances.append(sd**2)
            known = {"sd": sd, "treated_n": 280, "comparison_n": 280}
            difference = y[arm].mean() - y[~arm].mean()
            kept.append(hedges_g(difference, **known, clusters=14, icc=0.2))
            if effect == 0:
                naive.append(hedges_g(difference, **known).p <= 0.05)
    values = np.array([g.value for g in found])
    spread = values.std(ddof=1)
    assert abs(values.mean() - 0.3) < 3 * spread / math.sqrt(draws)
    variances = np.array(variances)
    kept = clustering(560, clusters=14, icc=0.2).effect ** 2  # of a variance of 1
    assert abs(variances.mean() - kept) < 3 * variances.std() / math.sqrt(len(variances)) < 1 - kept
    mean_se = np.sqrt(np.mean([g.se**2 for g in found]))
    assert abs(mean_se / spread - 1) < 4 / math.sqrt(2 * draws)
    mcse = math.sqrt(0.05 * 0.95 / draws)
    assert abs(np.mean([g.p <= 0.05 for g in null]) - 0.05) < 3 * mcse
    assert abs(np.mean([not g.low <= 0.3 <= g.high for g in found]) - 0.05) < 3 * mcse
    assert np.mean(naive) > 0.3


def test_cox_index_by_hand_and_by_a_logistic_regression():
    """10 of 100 against 20 of 100: odds ratio 4/9."""
    found = cox_index(0.10, 0.20, treated_n=100, comparison_n=100)
    omega = 1 - 3 / 791
    assert found.value == pytest.approx(omega * math.log(4 / 9) / 1.65, abs=1e-12)
    se = math.sqrt(1 / 10 + 1 / 90 + 1 / 20 + 1 / 80)  # of the log odds ratio, from the four cells
    assert found.se == pytest.approx(omega * se / 1.65, abs=1e-12)
    wide = cox_index(0.10, 0.20, treated_n=100, comparison_n=100, clusters=10, icc=0.05)
    assert wide.se / found.se == pytest.approx(math.sqrt(1 + 19 * 0.05), abs=1e-12)
    assert wide.value == found.value
    assert wide.p > found.p


def test_cox_index_is_close_to_g_where_a_cut_made_the_yes_or_no():
    """Logistic scores cut at a point, means .4 standard deviations apart: the index recovers about .4."""
    sd = math.pi / math.sqrt(3)
    one, two = (stats.logistic.sf(1.0, loc=shift) for shift in (0.4 * sd, 0.0))
    found = cox_index(one, two, treated_n=10**6, comparison_n=10**6)
    assert found.value == pytest.approx(0.4 * sd / 1.65, abs=1e-6)
    assert found.value == pytest.approx(0.4, abs=0.05)


def test_arms_may_trade_places():
    one = cox_index(0.1, 0.2, treated_n=90, comparison_n=120)
    two = cox_index(0.2, 0.1, treated_n=120, comparison_n=90)
    assert (one.value, one.se, one.p) == pytest.approx((-two.value, two.se, two.p), abs=1e-12)


def test_improvement_index_is_the_rank_of_an_average_student():
    """A published trial with g near .305 was given an index of +12."""
    found = improvement_index(Estimate(0.305, se=0.1, low=-0.1, high=0.71))
    assert round(found.value) == 12
    assert found.low == pytest.approx(100 * stats.norm.cdf(-0.1) - 50)
    assert found.high == pytest.approx(100 * stats.norm.cdf(0.71) - 50)
    step = improvement_index(Estimate(0.305 + 1e-6)).value - found.value
    assert found.se == pytest.approx(0.1 * step / 1e-6, rel=1e-4)
    assert improvement_index(Estimate(-0.305)).value == pytest.approx(-found.value)


def test_small_sample_factor_is_close_to_the_exact_one():
    for n in (6, 12, 40):
        free = n - 2
        exact = math.exp(math.lgamma(free / 2) - math.lgamma((free - 1) / 2)) * math.sqrt(2 / free)
        assert small_sample(n) == pytest.approx(exact, abs=0.02 / free)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: hedges_g(1.0, sd=0.0, treated_n=9, comparison_n=9), "standard deviation is 0"),
    (lambda: hedges_g(1.0, sd=1.0, treated_n=1, comparison_n=9), "An arm has 1 student"),
    (lambda: hedges_g(1.0, sd=1.0, treated_n=9, comparison_n=9, clusters=2, icc=0.1), "in 2 schools"),
    (lambda: clustering(90, clusters=9, icc=1.2), "intraclass correlation of 1.2"),
    (lambda: cox_index(0.0, 0.1, treated_n=9, comparison_n=9), "has no odds ratio"),
])  # fmt: skip
def test_what_cannot_be_standardized_is_refused(call, says):
    with pytest.raises(MethodError, match=says):
        call()
