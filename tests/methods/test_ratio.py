"""The ratio of two effects: by hand, against Fieller's own identity, and by Monte Carlo."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.ratio import ratio_of_effects


def without(values, names="abcdefgh"):
    return pd.DataFrame({"school_id": list(names)[: len(values)], "value": values})


def made(part, whole, *, se=(1.0, 1.0), df=20.0, changes=None):
    """A ratio of two estimates whose schools move them as told; independently where nothing is told."""
    a, b = changes or ([1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0])
    return ratio_of_effects(
        Estimate(part, se=se[0], df=df), Estimate(whole, se=se[1], df=df),
        part_left_out=without(part + np.array(a)), whole_left_out=without(whole + np.array(b)),
    )  # fmt: skip


def test_independent_effects_by_hand():
    # (5 - 10 r)² = t² (1 + r²): 96 r² - ... solved on paper with t² = 4.351
    t2 = stats.t.ppf(0.975, 20) ** 2
    a, b, c = 100 - t2, -2 * 50, 25 - t2
    roots = sorted(np.roots([a, b, c]))
    ratio = made(5.0, 10.0)
    assert ratio.value == 50.0
    assert [ratio.low, ratio.high] == pytest.approx([100 * r for r in roots])
    assert ratio.unit == "percent"


def test_every_ratio_at_an_end_is_just_not_told_from_zero():
    changes = ([0.4, -0.1, 0.2, -0.3], [0.5, 0.1, -0.2, -0.4])
    ratio = made(6.0, 9.0, se=(0.8, 1.3), df=7.0, changes=changes)
    a, b = map(np.array, changes)
    r = a @ b / math.sqrt((a @ a) * (b @ b))
    for end in (ratio.low / 100, ratio.high / 100):
        variance = 0.8**2 - 2 * end * r * 0.8 * 1.3 + end**2 * 1.3**2
        assert abs(6.0 - end * 9.0) / math.sqrt(variance) == pytest.approx(stats.t.ppf(0.975, 7))


def test_units_and_the_order_of_schools_do_not_matter():
    changes = ([0.4, -0.1, 0.2, -0.3], [0.5, 0.1, -0.2, -0.4])
    first = made(6.0, 9.0, changes=changes)
    scaled = made(60.0, 90.0, se=(10.0, 10.0), changes=tuple([10 * x for x in c] for c in changes))
    assert (scaled.low, scaled.high) == pytest.approx((first.low, first.high))
    both = [without(v + np.array(c)) for v, c in zip((6.0, 9.0), changes, strict=True)]
    turned = ratio_of_effects(
        Estimate(6.0, se=1.0, df=20), Estimate(9.0, se=1.0, df=20),
        part_left_out=both[0].iloc[::-1], whole_left_out=both[1].sample(frac=1, random_state=1),
    )  # fmt: skip
    assert turned == first


def test_a_share_of_what_may_be_nothing_is_refused():
    with pytest.raises(MethodError, match="not told from zero"):
        made(1.0, 2.0)
    with pytest.raises(MethodError, match="same schools"):
        ratio_of_effects(
            Estimate(1.0, se=0.1), Estimate(2.0, se=0.1),
            part_left_out=without([1.0, 1.0]), whole_left_out=without([2.0, 2.0, 2.0]),
        )  # fmt: skip
    with pytest.raises(MethodError, match="Without b"):
        ratio_of_effects(
            Estimate(1.0, se=0.1), Estimate(2.0, se=0.1),
            part_left_out=without([1.0, np.nan]), whole_left_out=without([2.0, 2.0]),
        )  # fmt: skip


def test_the_interval_holds_the_true_ratio_as_often_as_it_says():
    # two means of 20 schools, correlated .6; the truth is 3 / 8
    rng, draws, inside = np.random.default_rng(11), 2000, 0
    n, cov = 20, np.array([[4.0, 0.6 * 2 * 3], [0.6 * 2 * 3, 9.0]])
    for _ in range(draws):
        x = rng.multivariate_normal([3.0, 8.0], cov, size=n)
        mean, se = x.mean(0), x.std(0, ddof=1) / math.sqrt(n)
        left = (x.sum(0) - x) / (n - 1)
        names = [f"{i:02d}" for i in range(n)]
        ratio = ratio_of_effects(
            Estimate(mean[0], se=se[0], df=n - 1), Estimate(mean[1], se=se[1], df=n - 1),
            part_left_out=pd.DataFrame({"school_id": names, "value": left[:, 0]}),
            whole_left_out=pd.DataFrame({"school_id": names, "value": left[:, 1]}),
        )  # fmt: skip
        inside += ratio.low <= 37.5 <= ratio.high
    assert abs(inside / draws - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / draws)
