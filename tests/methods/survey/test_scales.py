"""Scores and alpha by hand, against R's psych, and unmoved by the direction of an item."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.cr2 import ClusteredFit
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.scales import (
    _share_interval,
    cronbach_alpha,
    favorable_shares,
    percent_favorable,
    scale_scores,
)

AGREEABLE = [f"A{k}" for k in range(1, 6)]
BFI = {"items": AGREEABLE, "low": 1, "high": 6, "reverse": ["A1"]}

# Ten students, three items, codes 1 to 4. Squared deviations of the items: 12.4, 10.5, 10.5; of the sum: 84.4.
TEN = pd.DataFrame(
    {
        "a": [1, 2, 2, 3, 4, 4, 3, 2, 1, 4],
        "b": [1, 1, 2, 3, 4, 3, 3, 2, 2, 4],
        "c": [2, 2, 1, 3, 3, 4, 4, 2, 1, 3],
    }
)


def test_alpha_by_hand():
    alpha = cronbach_alpha(lay_out_items(TEN, items=list(TEN), low=1, high=4))
    assert alpha.value == pytest.approx(3 / 2 * (1 - (12.4 + 10.5 + 10.5) / 84.4))
    assert alpha.n == 10


def test_feldt_interval_covers_a_known_alpha():
    """Parallel normal items with correlation one half: alpha is 0.8 exactly for four items."""
    rng, covered, draws = np.random.default_rng(1), 0, 300
    for _ in range(draws):
        answers = rng.normal(size=(60, 1)) + rng.normal(size=(60, 4))
        frame = pd.DataFrame(answers, columns=list("abcd"))
        alpha = cronbach_alpha(lay_out_items(frame, items=list("abcd"), low=-99, high=99))
        covered += alpha.low < 0.8 < alpha.high
    assert abs(covered / draws - 0.95) < 3 * np.sqrt(0.95 * 0.05 / draws)


def test_alpha_of_psych(shared_data):
    data = pd.read_csv(shared_data("data/survey_reference/bfi.csv"))
    complete = cronbach_alpha(lay_out_items(data, **BFI))
    assert complete.n == 2709
    assert complete.value == pytest.approx(0.7037558943748, abs=1e-10)
    assert (complete.low, complete.high) == pytest.approx((0.6857446350497, 0.7210359627957), abs=1e-10)


def test_scores_of_psych(shared_data):
    """psych averages whatever was answered."""
    data = pd.read_csv(shared_data("data/survey_reference/bfi.csv"))
    scores = scale_scores(lay_out_items(data, **BFI), answered_share=0)
    assert (scores.mean(), scores.std()) == pytest.approx((4.652095238095, 0.8984018770746), abs=1e-10)


def test_yrbs_publishes_these_percentages(shared_data):
    """CDC, YRBS 2021: 61.5 % of students, 65.5 % of males, feel close to people at school."""
    data = pd.read_csv(shared_data("data/yrbs/yrbs_connectedness_2021_2023.csv.gz"))
    asked, told = {"items": ["close5"], "low": 1, "high": 5}, {"favorable": [4, 5], "weight": "weight"}
    wave = data[data["year"] == 2021]
    assert percent_favorable(lay_out_items(wave, **asked), **told).value == pytest.approx(
        61.49619437395, abs=1e-9
    )
    males = percent_favorable(lay_out_items(wave[wave["sex"] == "Male"], **asked), **told)
    assert males.value == pytest.approx(65.49213594314, abs=1e-9)
    assert percent_favorable(
        lay_out_items(data[data["year"] == 2023], **asked), **told
    ).value == pytest.approx(55.28224739354, abs=1e-9)


def test_pisa_belonging_answers_fit_the_scale(shared_data):
    """Codes 1 strongly agree to 4 strongly disagree: items 2, 3 and 5 turn around so that high is belonging."""
    data = pd.read_csv(shared_data("data/pisa_turkiye/pisa_tur_belong_2012_2015_2018.csv"))
    items = [f"b{k}" for k in range(1, 7)]
    scores = scale_scores(lay_out_items(data, items=items, low=1, high=4, reverse=["b2", "b3", "b5"]))
    agreement = pd.DataFrame({"ours": scores, "oecd": data["belong_oecd"]}).dropna()
    assert agreement["ours"].corr(agreement["oecd"], method="spearman") > 0.95


def test_prorating_needs_two_thirds():
    three = pd.DataFrame({"a": [1.0, 1, np.nan], "b": [2.0, 4, np.nan], "c": [np.nan, np.nan, 3]})
    scores = scale_scores(lay_out_items(three, items=["a", "b", "c"], low=1, high=4))
    assert scores.tolist()[:2] == [1.5, 2.5]
    assert np.isnan(scores[2])


def test_favorable_keeps_the_middle_and_leaves_the_unanswered():
    answers = pd.DataFrame({"a": [5, 3, 1, np.nan], "b": [4, 3, np.nan, np.nan]})
    items = lay_out_items(answers, items=["a", "b"], low=1, high=5)
    assert favorable_shares(items, favorable=[4, 5], answered_share=0.5).tolist()[:3] == [100, 0, 0]
    assert percent_favorable(items, favorable=[4, 5]).value == pytest.approx(100 * 2 / 5)


def test_percent_favorable_by_school_is_a_t_test_on_equal_schools():
    answers = pd.DataFrame({"a": [4, 4, 1, 1, 4, 1, 4, 4], "school_id": [1, 1, 2, 2, 3, 3, 4, 4]})
    share = percent_favorable(
        lay_out_items(answers, items=["a"], low=1, high=4), favorable=[3, 4], by_school=True
    )
    means = np.array([100, 0, 50, 100])
    assert (share.value, share.se, share.df) == pytest.approx((62.5, means.std(ddof=1) / 2, 3))


def test_the_interval_of_a_share_is_that_of_survey_given_its_standard_error():
    """svyciprop(method = "beta") of awards in apiclus1: 15 districts, 183 schools, degf 14."""
    fit = ClusteredFit(71.03825136612, 3.301829955372, 14.0, (), 15, 183)
    ends = _share_interval(0.7103825136612, fit, 183)
    assert ends == pytest.approx((0.6334368390615, 0.7793385361783), abs=1e-10)


@pytest.mark.parametrize(("truth", "schools"), [(0.97, 12), (0.99, 20), (0.5, 12)])
def test_the_interval_of_a_share_covers_also_near_the_end(truth, schools):
    """Schools' shares are beta, intraclass correlation .05; a plain t interval covers 83 to 88 %."""
    rng, draws, covered = np.random.default_rng(1), 150, 0
    spread = truth * 19
    for _ in range(draws):
        share = rng.beta(spread, spread * (1 - truth) / truth, schools)
        frame = pd.DataFrame({"school_id": np.repeat(np.arange(schools), 40)})
        frame["x"] = (rng.random(len(frame)) < share[frame["school_id"]]).astype(float)
        told = percent_favorable(
            lay_out_items(frame, items=["x"], low=0, high=1), favorable=[1], by_school=True
        )
        covered += told.low <= 100 * truth <= told.high
        assert 0 <= told.low <= told.value <= told.high <= 100
    assert covered / draws > 0.95 - 3.2 * np.sqrt(0.95 * 0.05 / draws)


def test_where_all_agree_every_school_counts_as_one_answer():
    """No spread to judge by: 8 of 8 has the exact lower end .025 ** (1 / 8), less for the few schools."""
    answers = pd.DataFrame({"a": [4.0] * 80, "school_id": np.repeat(np.arange(8), 10)})
    told = percent_favorable(
        lay_out_items(answers, items=["a"], low=1, high=4), favorable=[3, 4], by_school=True
    )
    worth = 8 * (stats.t.ppf(0.975, 79) / stats.t.ppf(0.975, 7)) ** 2
    assert (told.value, told.high) == (100, 100)
    assert told.low == pytest.approx(100 * 0.025 ** (1 / worth))
    alone = percent_favorable(
        lay_out_items(answers[:10], items=["a"], low=1, high=4), favorable=[3, 4], by_school=True
    )
    assert (alone.low, alone.clusters) == (None, 1)


answers_4 = st.lists(
    st.lists(st.sampled_from([1, 2, 3, 4, None]), min_size=3, max_size=3), min_size=1, max_size=15
)


@given(answers_4, st.sampled_from(["a", "b", "c"]))
@settings(max_examples=40, deadline=None)
def test_turning_an_item_and_declaring_it_leaves_the_score(rows, turned):
    frame = pd.DataFrame(rows, columns=["a", "b", "c"], dtype=float)
    flipped = frame.assign(**{turned: 5 - frame[turned]})
    asked = {"items": ["a", "b", "c"], "low": 1, "high": 4}
    plain, other = (
        scale_scores(lay_out_items(frame, **asked)),
        scale_scores(lay_out_items(flipped, **asked, reverse=[turned])),
    )
    pd.testing.assert_series_equal(plain, other)
    shuffled = scale_scores(lay_out_items(frame[::-1], items=["c", "a", "b"], low=1, high=4))
    pd.testing.assert_series_equal(plain, shuffled.sort_index())


def test_alpha_does_not_depend_on_units_or_order():
    base = cronbach_alpha(lay_out_items(TEN, items=["a", "b", "c"], low=1, high=4))
    moved = cronbach_alpha(lay_out_items(10 * TEN[::-1] + 3, items=["c", "a", "b"], low=13, high=43))
    assert (base.value, base.low) == pytest.approx((moved.value, moved.low))


def test_what_is_refused():
    with pytest.raises(MethodError, match=r"(?s)Items not in the data: x.*not among the items: y"):
        lay_out_items(TEN, items=["a", "x"], low=1, high=4, reverse=["y"])
    with pytest.raises(MethodError, match=r"outside 1 to 3: a 3, b 2, c 2"):
        scale_scores(lay_out_items(TEN, items=["a", "b", "c"], low=1, high=3))
    with pytest.raises(MethodError, match="Nobody answered"):
        percent_favorable(lay_out_items(TEN.assign(a=np.nan), items=["a"], low=1, high=4), favorable=[3, 4])
    with pytest.raises(MethodError, match="9 respondents"):
        cronbach_alpha(lay_out_items(TEN[:9], items=["a", "b"], low=1, high=4))
    with pytest.raises(MethodError, match="answers alike: b"):
        cronbach_alpha(lay_out_items(TEN.assign(b=2), items=["a", "b"], low=1, high=4))
