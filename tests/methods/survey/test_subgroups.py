"""Partial pooling against Rubin's eight schools and planted groups."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.survey.clustered import did_survey
from rpeval.methods.survey.subgroups import pool, subgroup_effects
from rpeval.methods.survey.survey_design import lay_out

EIGHT = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]


def survey(rng, *, effects, sizes, schools=16, adopting=8, shock=0.1):
    """Students in groups a, b … of given sizes per school and wave, whose schools share shocks."""
    rows = []
    shocks = rng.normal(0, shock, (schools, 2))
    for s in range(schools):
        for t, wave in enumerate((2018, 2020)):
            for g, (effect, size) in enumerate(zip(effects, sizes, strict=True)):
                reached = s < adopting and wave == 2020
                score = shocks[s, t] + effect * reached + rng.normal(0, 1, size)
                rows.append(pd.DataFrame({"school_id": s, "wave": wave, "race": "abcdef"[g], "score": score}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(start_year=np.where(frame["school_id"] < adopting, 2019.0, np.nan))


# ---- pooling


def test_eight_schools_as_in_the_books():
    """Posterior means and standard deviations with every spread equally likely (Gelman et al., table 5.3 and code)."""
    found = pool(*EIGHT)
    assert found.common == pytest.approx(8.0, abs=0.3)
    assert found.common_error == pytest.approx(5.1, abs=0.3)
    assert found.spread == pytest.approx(6.6, abs=0.4)
    assert found.values == pytest.approx([11.4, 7.9, 6.1, 7.7, 5.1, 6.1, 10.6, 8.5], abs=0.3)
    assert found.errors == pytest.approx([8.3, 6.3, 7.8, 6.5, 6.4, 6.7, 6.8, 7.9], abs=0.4)


def test_equal_estimates_stay_and_exact_ones_are_not_moved():
    assert pool([2, 2, 2, 2], [1, 2, 1, 2]).values == pytest.approx([2, 2, 2, 2])
    exact = pool([0, 5, 10], [0.01, 0.01, 0.01])
    assert exact.values == pytest.approx([0, 5, 10], abs=0.01)
    assert exact.errors == pytest.approx([0.01] * 3, rel=0.01)


def test_a_common_shock_cancels_from_the_comparison_and_not_from_the_mean():
    plain, shared = pool(*EIGHT), pool(EIGHT[0], [10] * 8, correlation=0.5)
    alone = pool(EIGHT[0], [10 * np.sqrt(0.5)] * 8)
    assert shared.values - shared.common == pytest.approx(alone.values - alone.common, abs=0.05)
    assert shared.common_error > alone.common_error
    assert plain.common_error < shared.common_error + 5


def test_scale_and_order_do_not_matter():
    found, turned = pool(*EIGHT), pool(*(np.array(part)[::-1] * 3 for part in EIGHT))
    assert turned.values[::-1] == pytest.approx(3 * found.values)
    assert turned.errors[::-1] == pytest.approx(3 * found.errors)


def test_pooling_is_nearer_to_the_truth_and_its_intervals_hold():
    rng, gain, covered = np.random.default_rng(1), [], []
    for _ in range(120):
        errors = rng.uniform(0.05, 0.3, 6)
        truth = 0.2 + rng.normal(0, 0.08, 6)
        told = truth + errors * rng.normal(size=6)
        found = pool(told, errors)
        gain.append(((found.values - truth) ** 2).sum() - ((told - truth) ** 2).sum())
        covered += (np.abs(found.values - truth) < 1.96 * found.errors).tolist()
    assert np.mean(gain) < -4 * np.std(gain) / np.sqrt(120)
    assert 0.92 < np.mean(covered) < 0.99


def test_two_groups_are_not_pooled():
    with pytest.raises(MethodError, match="2 estimates"):
        pool([1, 2], [1, 1])
    with pytest.raises(MethodError, match="above zero"):
        pool([1, 2, 3], [1, 0, 1])


# ---- groups in a survey


def test_the_groups_own_effects_are_those_of_their_students():
    frame = survey(np.random.default_rng(2), effects=[0.3] * 4, sizes=[20, 20, 10, 5])
    found = subgroup_effects(lay_out(frame, outcome="score"), group="race")
    assert found.frame["group"].tolist() == list("abcd")
    for row in found.frame.itertuples():
        alone = did_survey(lay_out(frame[frame["race"] == row.group], outcome="score"))
        assert (row.value, row.low, row.students_n) == (alone.value, alone.low, alone.n)
    inside = (found.frame["pooled"] - found.common.value).abs() <= (
        found.frame["value"] - found.common.value
    ).abs()
    assert inside.all()
    assert (found.frame["pooled_high"] - found.frame["pooled_low"]).iloc[3] < (
        found.frame["high"] - found.frame["low"]
    ).iloc[3]


def test_shared_shocks_are_seen_as_correlation():
    rng = np.random.default_rng(3)
    apart, together = (
        subgroup_effects(
            lay_out(
                survey(rng, effects=[0] * 3, sizes=[25] * 3, schools=30, adopting=15, shock=shock),
                outcome="score",
            ),
            group="race",
        ).correlation
        for shock in (0.0, 0.6)
    )
    assert together > 0.75  # .36 · 2 of .36 · 2 + 2 / 25: 0.9
    assert apart < 0.3


def test_planted_equal_effects_are_covered():
    rng, missed = np.random.default_rng(4), 0
    for _ in range(6):
        frame = survey(rng, effects=[0.25] * 4, sizes=[25, 12, 8, 4], schools=14, adopting=7)
        found = subgroup_effects(lay_out(frame, outcome="score"), group="race")
        missed += ((found.frame["pooled_low"] > 0.25) | (found.frame["pooled_high"] < 0.25)).sum()
        assert found.left_out == {}
    assert missed <= 4  # 1.2 of 24 expected


def test_a_group_that_carries_no_effect_is_named():
    frame = survey(np.random.default_rng(5), effects=[0] * 4, sizes=[10] * 4)
    thin = frame[(frame["race"] != "d") | (frame["school_id"] == 0)]
    found = subgroup_effects(lay_out(thin, outcome="score"), group="race")
    assert found.frame["group"].tolist() == list("abc")
    assert "1 adopting school answered" in found.left_out["d"]
    with pytest.raises(MethodError, match="2 of 3 groups"):
        subgroup_effects(lay_out(thin[thin["race"] != "a"], outcome="score"), group="race")


def test_a_survey_without_groups_is_refused_by_name():
    sample = lay_out(
        survey(np.random.default_rng(6), effects=[0], sizes=[4]).drop(columns="race"), outcome="score"
    )
    with pytest.raises(MethodError, match="no student groups"):
        subgroup_effects(sample, group="")
    with pytest.raises(MethodError, match="no column race"):
        subgroup_effects(sample, group="race")
