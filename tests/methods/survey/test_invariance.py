"""The ladder of invariance against lavaan 0.6-14 and semTools 0.5-6, and against planted differences."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.survey.factors import planted_answers
from rpeval.methods.survey.invariance import invariance
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.multigroup import LEVELS, Scale, joint_model, layouts_of
from rpeval.methods.survey.quadratic import box_test

FOUR = ["i0", "i1", "i2", "i3"]

# measEq.syntax with ID.cat = "Wu.Estabrook.2016" and WLSMV: chisq, df, scaled, cfi and rmsea scaled; the
# step by lavTestLRT with satorra.2000.
GENDER = [
    (72.217830177977, 10, 138.471221539326, 0.975384677272, 0.097425758740, None),
    (76.473268180439, 25, 154.672438521394, 0.975154521885, 0.061904854130, 10.19414342363),
    (101.140552848032, 29, 152.102778793337, 0.976413280792, 0.056002291675, 18.62636787173),
    (162.936308905644, 33, 206.878205837696, 0.966684615427, 0.062393087223, 45.39242648225),
]
WAVES = [
    (253.3220879838, 24, 634.2604237862, 0.993072604198, 0.07045372075500, None),
    (282.4744466558, 36, 659.1922975673, 0.992925807511, 0.05813152812100, 61.48457739461),
    (291.5758702216, 44, 563.8433926467, 0.994098976772, 0.04802439222800, 12.03626858184),
    (318.3573728295, 52, 555.0009758030, 0.994290164146, 0.04345449361900, 35.10538478575),
]


def told(ladder):
    return [(x.chisq, x.df, x.chisq_scaled, x.cfi, x.rmsea, x.step) for x in ladder.levels]


def agree(ladder, reference):
    for ours, theirs in zip(told(ladder), reference, strict=True):
        assert ours[:5] == pytest.approx(theirs[:5], rel=1e-6)
        assert ours[5] is theirs[5] or ours[5] == pytest.approx(theirs[5], rel=1e-6)


def test_one_factor_over_two_groups_is_lavaan(shared_data):
    data = pd.read_csv(shared_data("data/survey_reference/bfi.csv"))
    items = [f"A{k}" for k in range(1, 6)]
    ladder = invariance(lay_out_items(data, items=items, low=1, high=6, reverse=["A1"]), by=["gender"])
    assert (ladder.groups, ladder.ns) == (("1", "2"), (896, 1813))
    agree(ladder, GENDER)
    assert [x.step_p for x in ladder.levels[1:]] == pytest.approx([0.80735, 0.00093053, 3.2949e-09], rel=1e-4)
    assert ladder.latent_means == (("2", 0, pytest.approx(0.542, abs=5e-4)),)


def test_two_keyed_factors_over_three_waves_are_lavaan(shared_data):
    data = pd.read_csv(shared_data("data/pisa_turkiye/pisa_tur_belong_2012_2015_2018.csv"))
    ladder = invariance(lay_out_items(data, items=["b1", "b4", "b6", "b2", "b3", "b5"], low=1, high=4, reverse=["b2", "b3", "b5"]), by=["wave"], factors=[0, 0, 0, 1, 1, 1])  # fmt: skip
    agree(ladder, WAVES)
    means = {(group, factor): mean for group, factor, mean in ladder.latent_means}
    assert means["2015", 0] == pytest.approx(-0.627, abs=5e-4)
    assert means["2015", 1] == pytest.approx(-0.836, abs=5e-4)


@pytest.mark.parametrize("factor", [[0, 0, 0], [0, 0, 1, 1]])
def test_the_slopes_of_the_model_are_its_derivatives(factor):
    factor = np.array(factor)
    k = len(factor)
    scale = Scale(
        np.repeat(np.arange(k), 2), factor, np.array([(i, j) for i in range(k) for j in range(i + 1, k)]).T
    )
    rng = np.random.default_rng(1)
    for rank in range(len(LEVELS)):
        layouts = layouts_of(rank, 3, scale)
        theta = rng.uniform(0.3, 0.9, layouts[0].size)
        slopes = joint_model(theta, layouts, scale)[1]
        for p in range(len(theta)):
            width = np.zeros(len(theta))
            width[p] = 1e-6
            up, down = (joint_model(theta + sign * width, layouts, scale)[0] for sign in (1, -1))
            assert slopes[:, p] == pytest.approx((up - down) / 2e-6, abs=1e-8)


def two_groups(n, *, seed, mean=0.0, load=0.0, answered_lower=0.0):
    """Two groups on one factor; in the second its mean, one loading, or one item's answers differ."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0, 1], n)
    loadings = np.tile([0.8, 0.7, 0.7, 0.6], (2 * n, 1))
    loadings[group == 1, 0] += load
    factor = rng.normal(size=2 * n) + mean * group
    latent = loadings * factor[:, None] + 0.6 * rng.normal(size=(2 * n, 4))
    latent[:, 1] -= answered_lower * group
    frame = pd.DataFrame(np.digitize(latent, [-1.2, -0.3, 0.6]) + 1, columns=FOUR)
    return frame.assign(group=np.where(group == 1, "b", "a"))


def test_each_planted_difference_shows_at_its_step_and_not_before():
    asked = {"items": FOUR, "low": 1, "high": 4}
    for planted, step in [({"load": -0.35}, "loadings"), ({"answered_lower": 0.3}, "intercepts")]:
        ladder = invariance(lay_out_items(two_groups(3_000, seed=2, **planted), **asked), by=["group"])
        p = {level.name: level.step_p for level in ladder.levels[1:]}
        before = LEVELS[1 : LEVELS.index(step)]
        assert p[step] < 1e-4
        assert all(p[name] > 0.01 for name in before)


def test_a_shift_of_the_factor_is_its_mean_and_no_misfit():
    frame = two_groups(6_000, seed=3, mean=0.5)
    ladder = invariance(lay_out_items(frame, items=FOUR, low=1, high=4), by=["group"])
    assert all(level.step_p > 0.01 for level in ladder.levels[1:])
    assert ladder.latent_means[0][2] == pytest.approx(0.5, abs=0.07)


def test_groups_by_two_columns_rows_and_the_order_of_rows():
    frame = two_groups(1_600, seed=4).assign(wave=lambda d: 2018 + d.index % 2)
    asked, by = {"items": FOUR, "low": 1, "high": 4}, ["group", "wave"]
    ladder = invariance(lay_out_items(frame, **asked), by=by)
    assert ladder.groups == ("a, 2018", "a, 2019", "b, 2018", "b, 2019")
    assert [level.name for level in ladder.levels] == list(LEVELS)
    turned = frame.assign(i1=5 - frame["i1"]).sample(frac=1, random_state=1)
    again = invariance(lay_out_items(turned, reverse=["i1"], **asked), by=by)
    for one, other in zip(told(again), told(ladder), strict=True):
        assert one[:5] == pytest.approx(other[:5], rel=1e-6)


def test_students_counted_many_times_over_are_seen_by_their_school():
    """Every student six times: by school the copies say nothing new, alone they look like evidence."""
    frame = two_groups(500, seed=5, answered_lower=0.1).assign(school_id=np.arange(1000))
    asked = {"items": FOUR, "low": 1, "high": 4}
    one = invariance(lay_out_items(frame, **asked), by=["group"], by_school=True)
    six = invariance(lay_out_items(pd.concat([frame] * 6), **asked), by=["group"], by_school=True)
    fooled = invariance(lay_out_items(pd.concat([frame] * 6), **asked), by=["group"])
    assert [x.step_p for x in six.levels[1:]] == pytest.approx([x.step_p for x in one.levels[1:]], abs=0.01)
    assert fooled.levels[3].step_p < 1e-6 < six.levels[3].step_p


def test_the_few_schools_test_holds_its_level():
    """Eight correlated contrasts, their covariance from 7 to 39 schools."""
    rng = np.random.default_rng(6)
    root = rng.normal(size=(8, 8)) * np.array([3, 2, 1, 1, 0.5, 0.5, 0.2, 0.1])
    draws = 1_500
    for df in (6, 14, 38):
        rejected = 0
        for _ in range(draws):
            seen = rng.normal(size=(df, 8)) @ root.T
            S, d = seen.T @ seen / df, root @ rng.normal(size=8)
            rejected += box_test(d @ d, first=np.trace(S), second=np.trace(S @ S), df=df, most=8)[0] < 0.05
        assert abs(rejected / draws - 0.05) < 0.02 + 2 * np.sqrt(0.05 * 0.95 / draws)


def test_what_is_refused():
    frame, asked = two_groups(300, seed=7), {"items": FOUR, "low": 1, "high": 4}
    with pytest.raises(MethodError, match="of 1 group"):
        invariance(lay_out_items(frame[frame["group"] == "a"], **asked), by=["group"])
    with pytest.raises(MethodError, match="Group b: 40 respondents"):
        invariance(lay_out_items(frame.iloc[:340], **asked), by=["group"])
    unused = frame.assign(i2=frame["i2"].where((frame["group"] == "a") | (frame["i2"] < 4), 3))
    with pytest.raises(MethodError, match="i2: not every group"):
        invariance(lay_out_items(unused, **asked), by=["group"])
    with pytest.raises(MethodError, match="i1: 2 answers are in use"):
        invariance(lay_out_items(frame.assign(i1=1 + (frame["i1"] > 2)), **asked), by=["group"])
    with pytest.raises(MethodError, match="cannot be fitted to 2 items"):
        invariance(lay_out_items(frame, items=["i0", "i1"], low=1, high=4), by=["group"])


def test_planted_answers_are_invariant_over_any_split():
    answers = planted_answers(loadings=[0.8, 0.7, 0.6, 0.5], n=3_000, seed=8)
    rejected = 0
    for seed in range(20):
        split = np.random.default_rng(seed).integers(0, 2, len(answers))
        ladder = invariance(lay_out_items(answers.assign(half=split), items=FOUR, low=1, high=4), by=["half"])
        rejected += sum(level.step_p < 0.05 for level in ladder.levels[1:])
    assert rejected <= 9  # of 60 tests, 3 expected
