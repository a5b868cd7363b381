"""Who stayed silent: rates by group, breakdown points and Lee's bounds, by hand and under planted selection."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.survey.clustered import did_survey
from rpeval.methods.survey.describe import representativeness, response
from rpeval.methods.survey.nonresponse import breakdown, lee_bounds, rates_around_start
from rpeval.methods.survey.survey_design import lay_out

ROSTER = pd.DataFrame({
    "school_id": list("aabb"), "wave": 2018, "sex": list("fmfm"), "invited_n": [10.0, 10, 4, 16], "arm": ["adopting"] * 2
    + ["comparison"] * 2,
})  # fmt: skip
ANSWERS = pd.DataFrame(
    {"school_id": ["a"] * 8 + ["b"] * 5, "wave": 2018, "sex": list("ffffffmm") + list("ffmm") + [None]}
)


def rates(*numbers):
    return pd.DataFrame({
        "arm": ["adopting"] * 2 + ["comparison"] * 2, "period": ["before", "after"] * 2, "rate": numbers,
    })  # fmt: skip


# ---- by school and group


def test_response_by_school_and_by_group_by_hand():
    assert response(ANSWERS, ROSTER)["rate"].tolist() == [40.0, 25.0]
    assert response(ANSWERS, ROSTER, by=["school_id"])[["students_n", "invited_n"]].to_numpy().tolist() == [
        [8, 20], [5, 20]
    ]  # fmt: skip
    by_sex = response(ANSWERS, ROSTER, by=["wave", "sex"])
    assert by_sex[["sex", "students_n", "invited_n"]].to_numpy().tolist() == [["f", 8, 14], ["m", 4, 26]]
    assert response(ANSWERS, ROSTER, by=["arm", "sex"])["rate"].tolist() == [60.0, 20.0, 50.0, 12.5]
    with pytest.raises(MethodError, match="race"):
        response(ANSWERS, ROSTER, by=["race"])


def test_one_unknown_group_makes_the_school_unknown():
    holed = ROSTER.assign(invited_n=[10.0, np.nan, 4, 16])
    assert response(ANSWERS, holed)["arm"].tolist() == ["comparison"]


def test_representativeness_by_hand_and_mended_by_weights():
    found = representativeness(ANSWERS, ROSTER, group="sex")
    assert found["answered_share"].tolist() == pytest.approx([100 * 8 / 12, 100 * 4 / 12])
    assert found["invited_share"].tolist() == pytest.approx([35.0, 65.0])
    assert found["gap"].tolist() == pytest.approx([100 * 8 / 12 - 35, 100 * 4 / 12 - 65])
    weights = ANSWERS["sex"].map({"f": 35 / 8, "m": 65 / 4}).fillna(1.0)
    mended = representativeness(ANSWERS.assign(w=weights), ROSTER, group="sex", weight="w")
    assert mended["gap"].tolist() == pytest.approx([0, 0], abs=1e-12)


# ---- around the start


def invitations():
    rows = [
        (s, w, {"a": 2018.0, "b": 2019.0, "o": 2016.0}.get(s, np.nan))
        for s in "abco"
        for w in range(2016, 2021)
    ]
    return pd.DataFrame(rows, columns=["school_id", "wave", "start_year"]).assign(invited_n=10.0)


def test_periods_where_starts_differ():
    """Two answers in every school and wave; one more of b in 2018, before its start; one more of c in 2018, between."""
    invited = invitations()
    rows = invited.loc[invited.index.repeat(2), ["school_id", "wave", "start_year"]]
    more = pd.DataFrame({"school_id": ["b", "c"], "wave": 2018})
    found = rates_around_start(pd.concat([rows, more]), invited)
    assert found[["students_n", "invited_n"]].to_numpy().tolist() == [[11, 50], [10, 50], [4, 20], [4, 20]]
    with pytest.raises(MethodError, match="comparison schools before the start, comparison schools after"):
        rates_around_start(rows, invited[invited["school_id"] != "c"])
    with pytest.raises(MethodError, match="which schools started"):
        rates_around_start(rows, invited.drop(columns="start_year"))


# ---- breakdown


def test_breakdown_by_hand():
    effect = Estimate(value=0.3, low=0.1, high=0.5, unit="scale points")
    found = breakdown(effect, rates=rates(90.0, 75.0, 80.0, 85.0), sd=0.5)
    assert found.after.value == pytest.approx(-0.3 / 0.25)
    assert found.after_sd.value == pytest.approx(-2.4)
    assert found.interval.value == pytest.approx(-0.1 / 0.25)
    assert found.both.value == pytest.approx(-0.3 / 0.15)
    assert found.everywhere.value == pytest.approx(-0.3 / (0.25 - 0.10 - (0.15 - 0.20)))
    assert (found.after.unit, found.after_sd.unit) == ("scale points", "SD")
    wide = breakdown(Estimate(value=0.3, low=-0.1, high=0.7), rates=rates(80.0, 80, 80, 80), sd=0.5)
    assert (wide.interval, wide.both, wide.everywhere) == (None, None, None)
    assert breakdown(
        Estimate(value=-0.3), rates=rates(80.0, 80, 80, 80), sd=0.5
    ).after.value == pytest.approx(1.5)


def test_breakdown_is_the_point_at_which_the_effect_of_all_students_is_zero():
    """Give the silent students exactly that distance: the difference-in-differences of everybody is zero."""
    rng, asked = np.random.default_rng(1), 100
    rows = []
    for school in range(6):
        for wave in (2018, 2020):
            spoke = 70 if wave == 2018 else 60
            y = rng.normal(3 + 0.4 * (school < 3) * (wave == 2020), 1, spoke)
            rows += [(school, wave, 2019.0 if school < 3 else np.nan, value) for value in y]
    frame = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "score"])
    invited = frame[["school_id", "wave", "start_year"]].drop_duplicates().assign(invited_n=float(asked))
    told = rates_around_start(frame, invited)
    effect = did_survey(lay_out(frame, outcome="score"))
    d = breakdown(effect, rates=told, sd=1.0).after.value
    means = (
        frame.groupby(["school_id", "wave", "start_year"], dropna=False)["score"]
        .agg(["mean", "size"])
        .reset_index()
    )
    moved = (means["start_year"].notna()) & (means["wave"] == 2020)
    silent = means.assign(score=means["mean"] + d * moved, w=asked - means["size"])
    everyone = pd.concat([means.assign(score=means["mean"], w=means["size"]), silent])
    assert did_survey(lay_out(everyone, outcome="score", weight="w")).value == pytest.approx(0, abs=1e-12)


def test_breakdown_refuses_where_all_answered():
    with pytest.raises(MethodError, match="Everybody"):
        breakdown(Estimate(value=0.3), rates=rates(80.0, 100, 80, 80), sd=1.0)


# ---- Lee's bounds


def small():
    return pd.DataFrame({
        "school_id": np.repeat(list("abcd"), 8), "wave": ([2018] * 4 + [2020] * 4) * 4,
        "start_year": [2019.0] * 16 + [np.nan] * 16, "score": [1.0, 2, 3, 4, 2, 3, 4, 5] * 2 + [1.0, 2, 3, 4] * 4,
    })  # fmt: skip


def test_equal_rates_leave_the_effect_alone():
    found = lee_bounds(lay_out(small(), outcome="score"), rates=rates(60.0, 70, 60, 70))
    assert (
        found.low.value
        == found.high.value
        == pytest.approx(did_survey(lay_out(small(), outcome="score")).value)
    )
    assert found.trimmed["trimmed"].tolist() == [0, 0, 0, 0]


def test_bounds_by_hand():
    """After: adopting 80, comparison 60, so a quarter of (2, 3, 4, 5) leaves: mean 3 or 4 instead of 3.5."""
    found = lee_bounds(lay_out(small(), outcome="score"), rates=rates(60.0, 80, 60, 60))
    assert (found.low.value, found.high.value) == pytest.approx((0.5, 1.5))
    assert found.trimmed["trimmed"].tolist() == pytest.approx([0, 25, 0, 0])
    other = lee_bounds(lay_out(small(), outcome="score"), rates=rates(60.0, 60, 60, 80))
    assert (other.low.value, other.high.value) == pytest.approx(
        (0.5, 1.5)
    )  # comparison means 3 or 2, not 2.5
    before = lee_bounds(lay_out(small(), outcome="score"), rates=rates(80.0, 60, 60, 60))
    assert (before.low.value, before.high.value) == pytest.approx((0.5, 1.5))
    half = lee_bounds(
        lay_out(small(), outcome="score"), rates=rates(60.0, 68.571428571428569, 60, 60)
    )  # an eighth leaves
    assert half.low.value == pytest.approx((2 + 3 + 4 + 2.5) / 3.5 - 2.5)


def test_row_order_does_not_matter_with_ties():
    frame = pd.concat([small()] * 3, ignore_index=True)
    one, two = (
        lee_bounds(lay_out(f, outcome="score"), rates=rates(60.0, 77.0, 65, 60))
        for f in (frame, frame.sample(frac=1, random_state=5))
    )
    assert (one.low.value, one.high.se) == pytest.approx((two.low.value, two.high.se))


def test_planted_selection_lies_inside_the_bounds_and_misleads_the_plain_effect():
    """The program makes unhappy students answer who were silent before: the plain effect is too low."""
    rng, plain, inside = np.random.default_rng(8), [], []
    for _ in range(12):
        n, schools = 100, 16
        school, wave = np.repeat(np.arange(schools), 2 * n), np.tile(np.repeat([2018, 2020], n), schools)
        start = np.where(school < 8, 2019.0, np.nan)
        reached = wave >= start
        y0 = rng.normal(size=len(school))
        answers = (y0 > -0.5) | (reached & (rng.random(len(school)) < 0.6))
        frame = pd.DataFrame(
            {"school_id": school, "wave": wave, "start_year": start, "score": y0 + 0.2 * reached}
        )
        invited = frame[["school_id", "wave", "start_year"]].drop_duplicates().assign(invited_n=float(n))
        spoke = frame[answers]
        found = lee_bounds(lay_out(spoke, outcome="score"), rates=rates_around_start(spoke, invited))
        plain.append(did_survey(lay_out(spoke, outcome="score")).value)
        inside.append(found.low.low < 0.2 < found.high.high)
        assert found.low.value < plain[-1] < found.high.value
    assert np.mean(plain) < 0
    assert all(inside)
