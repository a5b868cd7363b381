"""Differential item functioning: planted and found in points, silent under a true difference of groups."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from rpeval.errors import MethodError
from rpeval.methods.multiplicity import benjamini_hochberg
from rpeval.methods.survey.item_functioning import item_functioning
from rpeval.methods.survey.items import lay_out_items

SIX = [f"i{j}" for j in range(6)]
ASKED = {"items": SIX, "low": 1, "high": 4}


def simulate(rng, *, n=1500, impact=0.5, shift=0.0, schools=40, school_noise=0.0):
    """Two groups; `impact` is a true difference in belonging, `shift` lowers the first two items of "yes"."""
    load, member = np.array([0.8, 0.75, 0.7, 0.7, 0.65, 0.6]), rng.random(n) < 0.4
    school = rng.integers(0, schools, n)
    feel = rng.normal(size=n) - impact * member
    latent = load * feel[:, None] + np.sqrt(1 - load**2) * rng.normal(size=(n, 6))
    latent += rng.normal(0, school_noise, (2 * schools, 6))[2 * school + member] if school_noise else 0
    latent[:, :2] -= shift * member[:, None]
    frame = pd.DataFrame(np.digitize(latent, [-1.3, -0.4, 0.6]) + 1, columns=SIX)
    return frame.assign(el=np.where(member, "yes", "no"), school_id=school)


def test_a_planted_difference_is_found_in_its_items_and_its_size():
    """Truth: what the items of "yes" lost, student by student, by the same draws with and without the shift.

    The total has the item in it, so that a part of the loss is taken for less belonging.
    """
    arms = {"n": 8_000, "impact": 0.5}
    shifted = simulate(np.random.default_rng(1), shift=0.3, **arms)
    honest = simulate(np.random.default_rng(1), shift=0.0, **arms)
    found = item_functioning(lay_out_items(shifted, **ASKED), group="el").set_index("item")
    assert found.index[found["flagged"]].tolist() == ["i0", "i1"]
    yes = shifted["el"] == "yes"
    for item in ["i0", "i1"]:
        lost = (shifted.loc[yes, item] - honest.loc[yes, item]).mean()
        assert 0.6 * lost > found.loc[item, "difference"] > 1.1 * lost  # lost is below zero
        sd = shifted[item].std(ddof=0)
        assert found.loc[item, "difference_sd"] == pytest.approx(found.loc[item, "difference"] / sd)
    assert (found["students_n"] == yes.sum()).all()


def test_a_true_difference_between_groups_is_no_difference_between_items():
    rng, draws = np.random.default_rng(2), 40
    found = [
        item_functioning(lay_out_items(simulate(rng, n=1200), **ASKED), group="el") for _ in range(draws)
    ]
    rejected = np.mean([(table["p"] < 0.05).mean() for table in found])
    assert 0.02 < rejected < 0.10  # 240 tests; the total is a stand-in for belonging, a little above 5 %
    assert sum(table["flagged"].sum() for table in found) <= 8
    assert np.abs(np.mean([table["difference_sd"] for table in found], axis=0)).max() < 0.05


def test_schools_that_read_an_item_their_own_way_are_not_a_group_that_does():
    """Item noise by school and group: students taken alone reject far too often, schools do not."""
    rng, draws = np.random.default_rng(3), 12
    alone, by_school = [], []
    for _ in range(draws):
        answers = simulate(rng, n=1500, impact=0.0, schools=12, school_noise=0.3)
        alone.append((item_functioning(lay_out_items(answers, **ASKED), group="el")["p"] < 0.05).mean())
        by_school.append(
            (item_functioning(lay_out_items(answers, **ASKED), group="el", by_school=True)["p"] < 0.05).mean()
        )
    assert np.mean(alone) > 0.25
    assert np.mean(by_school) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / (6 * draws))


def test_the_likelihood_ratio_is_that_of_statsmodels():
    answers = simulate(np.random.default_rng(4), n=600)
    total = answers[SIX].sum(axis=1)
    x = ((total - total.mean()) / total.std(ddof=0)).to_numpy()
    g = (answers["el"] == "yes").to_numpy(float)
    fits = [
        OrderedModel(answers["i2"].to_numpy(), X, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
        for X in (np.column_stack([x, g, g * x]), x[:, None])
    ]
    found = item_functioning(lay_out_items(answers, **ASKED), group="el").set_index("item").loc["i2"]
    assert found["p"] == pytest.approx(stats.chi2.sf(2 * (fits[0].llf - fits[1].llf), 2), rel=1e-5)
    shares = answers["i2"].value_counts(normalize=True)
    nothing = len(answers) * (shares * np.log(shares)).sum()
    assert found["r2_change"] == pytest.approx((fits[0].llf - fits[1].llf) / -nothing, rel=1e-5)


def test_more_groups_small_ones_and_the_order_of_rows():
    rng = np.random.default_rng(5)
    answers = simulate(rng, n=2000).assign(race=lambda d: np.resize(["a", "b", "a", "c"], len(d)))
    answers.loc[:49, "race"] = "d"
    found = item_functioning(lay_out_items(answers, **ASKED), group="race")
    assert found.groupby("group").size().to_dict() == {"b": 6, "c": 6}
    assert found["p_adjusted"].tolist() == pytest.approx(benjamini_hochberg(found["p"].tolist()).tolist())
    shuffled = answers.sample(frac=1, random_state=1).set_axis([0] * len(answers))
    other = item_functioning(lay_out_items(shuffled, **ASKED), group="race")
    pd.testing.assert_frame_equal(other, found)
    swapped = item_functioning(lay_out_items(answers, **ASKED), group="race", reference="b")
    assert sorted(set(swapped["group"])) == ["a", "c"]


def test_what_is_refused_tells_no_small_number():
    answers = simulate(np.random.default_rng(6), n=400)
    with pytest.raises(MethodError, match="2 items leave no total"):
        item_functioning(lay_out_items(answers, items=SIX[:2], low=1, high=4), group="el")
    with pytest.raises(MethodError, match="two groups are needed") as caught:
        item_functioning(lay_out_items(answers.assign(el=["yes"] * 7 + ["no"] * 393), **ASKED), group="el")
    assert "7" not in str(caught.value)
    with pytest.raises(MethodError, match="reference among them"):
        item_functioning(lay_out_items(answers, **ASKED), group="el", reference="maybe")
    few = answers.assign(school_id=answers.index % 2)
    with pytest.raises(MethodError, match="2 schools"):
        item_functioning(lay_out_items(few, **ASKED), group="el", by_school=True)
