"""Designed samples against R's survey package, CDC's published shares, and hand calculation."""

import json

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.survey.linearization import (
    contrast,
    lay_out_sample,
    means_by,
    regress,
    weighted_mean,
    weighted_share,
)
from rpeval.methods.survey.raking import rake

CLOSE = 1e-9


@pytest.fixture(scope="module")
def r(shared_data):
    return json.loads(shared_data("reference/r_survey.json").read_text())


@pytest.fixture(scope="module")
def schools(shared_data):
    return {
        name: pd.read_csv(shared_data(f"data/survey_reference/{name}.csv"))
        for name in ("apistrat", "apiclus1", "apiclus2")
    }


@pytest.fixture(scope="module")
def yrbs(shared_data):
    data = pd.read_csv(shared_data("data/yrbs/yrbs_connectedness_2021_2023.csv.gz"))
    return data.assign(fav=(data["close5"] >= 4).astype(float).where(data["close5"].notna()))


def drawn(schools, name):
    return {
        "apistrat": lambda f: lay_out_sample(f, weight="pw", strata=["stype"], population=["fpc"]),
        "apiclus1": lambda f: lay_out_sample(f, weight="pw", clusters=["dnum"], population=["fpc"]),
        "apiclus2": lambda f: lay_out_sample(
            f, weight="pw", clusters=["dnum", "snum"], population=["fpc1", "fpc2"]
        ),
    }[name](schools[name])


# ---- R's survey package on the California samples


@pytest.mark.parametrize(
    ("name", "item"),
    [("apistrat", "svymean_strat"), ("apiclus1", "svymean_clus1"), ("apiclus2", "svymean_clus2")],
)
def test_means(r, schools, name, item):
    found = weighted_mean(drawn(schools, name), outcome="api00")
    assert (found.value, found.se) == pytest.approx((r[item]["est"], r[item]["se"]), rel=CLOSE)


def test_without_a_finite_population(r, schools):
    found = weighted_mean(
        lay_out_sample(schools["apiclus1"], weight="pw", clusters=["dnum"]), outcome="api00"
    )
    assert found.se == pytest.approx(r["svymean_clus1_nofpc"]["se"], rel=CLOSE)
    assert found.df == 14


def test_shares_and_their_interval(r, schools):
    data = schools["apiclus1"].assign(won=lambda d: (d["awards"] == "Yes").astype(float))
    sample = lay_out_sample(data, weight="pw", clusters=["dnum"], population=["fpc"])
    found = weighted_share(sample, outcome="won")
    told = 100 * np.array(r["svyciprop_logit"])
    assert (found.value, found.low, found.high) == pytest.approx(tuple(told), rel=1e-8)
    assert found.se == pytest.approx(100 * r["svyprop_clus1_awards"]["se"][1], rel=CLOSE)


def test_parts_of_the_population(r, schools):
    found = means_by(drawn(schools, "apiclus1"), outcome="api00", by=["stype"])
    told = r["svyby_clus1"]
    assert found["stype"].tolist() == told["lev"]
    assert found["value"].tolist() == pytest.approx(told["est"], rel=CLOSE)
    assert found["se"].tolist() == pytest.approx(told["se"], rel=CLOSE)


@pytest.mark.parametrize(("name", "item"), [("apistrat", "svyglm_strat"), ("apiclus1", "svyglm_clus1_nofpc")])
def test_regression(r, schools, name, item):
    sample = (
        drawn(schools, name)
        if name == "apistrat"
        else lay_out_sample(schools[name], weight="pw", clusters=["dnum"])
    )
    found = regress(sample, outcome="api00", on=["ell", "meals", "mobility"])
    told = r[item]
    for ours, theirs in [("intercept", "(Intercept)"), ("ell", "ell"), ("meals", "meals")]:
        assert found[ours].value == pytest.approx(told["coef"][theirs], rel=1e-8)
        assert found[ours].se == pytest.approx(told["se"][theirs], rel=1e-8)
        assert found[ours].df == told["df"]


def test_a_difference_is_the_t_test_of_the_design(r, schools):
    found = contrast(
        drawn(schools, "apiclus1"),
        outcome="api00",
        by=["comp.imp"],
        parts={("Yes",): 1, ("No",): -1},
    )
    told = r["svyttest_clus1"]
    assert (found.value, found.value / found.se, found.df, found.p) == pytest.approx(
        (told["diff"], told["t"], told["df"], told["p"]), rel=1e-8
    )


def test_raked_weights_and_the_variance_that_the_margins_leave(r, schools):
    margins = [
        pd.DataFrame({"stype": ["E", "H", "M"], "invited_n": [4421, 755, 1018]}),
        pd.DataFrame({"sch.wide": ["No", "Yes"], "invited_n": [1072, 5122]}),
    ]
    raked = rake(schools["apiclus1"], margins=margins, weight="pw", bounds=None)
    told = r["rake_clus1"]
    assert (raked.weights.sum(), raked.weights.min(), raked.weights.max()) == pytest.approx(
        (told["w_sum"], told["w_min"], told["w_max"]), rel=1e-9
    )
    sample = lay_out_sample(
        schools["apiclus1"].assign(w=raked.weights),
        weight="w",
        clusters=["dnum"],
        population=["fpc"],
        raked_to=[["stype"], ["sch.wide"]],
    )
    found = weighted_mean(sample, outcome="api00")
    assert (found.value, found.se) == pytest.approx((told["mean"]["est"], told["mean"]["se"]), rel=1e-8)


# ---- the Youth Risk Behavior Survey


def drawn_yrbs(data):
    return lay_out_sample(
        data, weight="weight", strata=["year", "stratum"], clusters=["psu"], lonely="center"
    )


def test_connectedness_as_cdc_published_it(r, yrbs):
    sample = drawn_yrbs(yrbs)
    everyone = weighted_share(sample, outcome="fav", where=yrbs["year"] == 2021)
    males = weighted_share(sample, outcome="fav", where=(yrbs["year"] == 2021) & (yrbs["sex"] == "Male"))
    assert (round(everyone.value, 2), round(males.value, 2)) == (61.50, 65.49)
    by_year = means_by(sample, outcome="fav", by=["year"])
    told = r["yrbs_fav"]
    assert by_year["value"].tolist() == pytest.approx(told["est"], rel=CLOSE)
    assert by_year["se"].tolist() == pytest.approx(told["se"], rel=1e-8)
    by_sex = means_by(sample, outcome="fav", by=["sex", "year"])
    told = r["yrbs_fav_sex"]
    assert by_sex["value"].tolist() == pytest.approx(told["est"], rel=CLOSE)
    assert by_sex["se"].tolist() == pytest.approx(told["se"], rel=1e-8)


def test_the_change_and_the_change_of_the_gap(r, yrbs):
    sample = drawn_yrbs(yrbs.assign(fav=100 * yrbs["fav"]))
    change = contrast(sample, outcome="fav", by=["year"], parts={(2023,): 1, (2021,): -1})
    assert (round(change.value, 2), round(change.se, 2)) == (-6.21, 1.75)
    told = r["yrbs_trend"]
    assert (change.value, change.se, change.df) == pytest.approx(
        (100 * told["diff"], 100 * told["se"], told["df"]), rel=1e-8
    )
    gap = {("Female", 2023): 1, ("Female", 2021): -1, ("Male", 2023): -1, ("Male", 2021): 1}
    found = contrast(sample, outcome="fav", by=["sex", "year"], parts=gap)
    told = r["yrbs_did_sex"]
    assert (found.value, found.se, found.df) == pytest.approx(
        (100 * told["est"], 100 * told["se"], told["df"]), rel=1e-8
    )


# ---- by hand, and what does not matter


def strata_by_hand():
    return pd.DataFrame({
        "h": ["a"] * 4 + ["b"] * 4, "c": [1, 1, 2, 2, 1, 1, 2, 2], "y": [1.0, 3, 5, 7, 2, 2, 4, 8], "w": 1.0,
    })  # fmt: skip


def test_two_strata_of_two_clusters_by_hand():
    """Totals of clusters about the mean 4, over 8: (-4, 4) and (-4, 4); each stratum gives 2 · 2 · (4/8)²."""
    found = weighted_mean(lay_out_sample(strata_by_hand(), strata=["h"], clusters=["c"]), outcome="y")
    assert (found.value, found.se, found.df) == (4.0, pytest.approx(np.sqrt(2 * 2 * 2 * 0.25)), 2.0)


def test_drawn_singly_it_is_the_textbook():
    y = np.random.default_rng(1).normal(size=50)
    found = weighted_mean(lay_out_sample(pd.DataFrame({"y": y})), outcome="y")
    assert (found.value, found.se) == pytest.approx((y.mean(), y.std(ddof=1) / np.sqrt(50)))


def test_order_labels_and_scale_do_not_matter():
    data = strata_by_hand().assign(y=lambda d: d["y"] ** 2)
    plain = weighted_mean(lay_out_sample(data, strata=["h"], clusters=["c"], weight="w"), outcome="y")
    moved = data.sample(frac=1, random_state=2).assign(
        h=lambda d: d["h"].map({"a": 9, "b": 3}), w=7.0, y=lambda d: 10 * d["y"]
    )
    found = weighted_mean(lay_out_sample(moved, strata=["h"], clusters=["c"], weight="w"), outcome="y")
    assert (found.value, found.se) == pytest.approx((10 * plain.value, 10 * plain.se))


def test_a_lonely_stratum_is_named_and_its_policies_differ_as_told():
    data = pd.concat([strata_by_hand(), pd.DataFrame({"h": ["z"], "c": [1], "y": [9.0], "w": [1.0]})])
    with pytest.raises(MethodError, match="no spread in: z"):
        lay_out_sample(data, strata=["h"], clusters=["c"])
    ses = {
        policy: weighted_mean(
            lay_out_sample(data, strata=["h"], clusters=["c"], lonely=policy), outcome="y"
        ).se
        for policy in ("certain", "center")
    }
    mean = data["y"].mean()
    lonely = (9 - mean) / 9  # the mean of all clusters' scores is zero
    assert ses["center"] ** 2 - ses["certain"] ** 2 == pytest.approx(lonely**2)


def test_what_is_refused():
    data = strata_by_hand()
    with pytest.raises(MethodError, match="fewer clusters than were drawn in: a, b"):
        lay_out_sample(data.assign(N=1.0), strata=["h"], clusters=["c"], population=["N"])
    with pytest.raises(MethodError, match="8 rows without a weight"):
        lay_out_sample(data.assign(w=-1.0), weight="w")
    sample = lay_out_sample(data, strata=["h"], clusters=["c"])
    with pytest.raises(MethodError, match="no answers"):
        weighted_mean(sample, outcome="y", where=data["h"] == "q")
    with pytest.raises(MethodError, match="too few to show"):
        weighted_mean(sample, outcome="y", where=data["c"] == 1)
    with pytest.raises(MethodError, match="more than zero and one"):
        weighted_share(sample, outcome="y")
    with pytest.raises(MethodError, match="told apart"):
        regress(lay_out_sample(data.assign(x=data["y"], z=2 * data["y"])), outcome="y", on=["x", "z"])


def test_the_interval_covers_under_repeated_sampling():
    """100 strata-free clusters are drawn 400 times; 95 % intervals miss 3 to 7 times in a hundred."""
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(400):
        means, school = rng.normal(0, 0.5, 15), np.repeat(np.arange(15), 12)
        frame = pd.DataFrame({"school": school, "y": means[school] + rng.normal(size=180)})
        found = weighted_mean(lay_out_sample(frame, clusters=["school"]), outcome="y")
        missed += not found.low < 0 < found.high
    assert 0.05 - 3 * 0.011 < missed / 400 < 0.05 + 3 * 0.011
