"""Raking against hand calculation, its defining equations, and planted non-response; multiplicity by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.methods.multiplicity import benjamini_hochberg
from rpeval.methods.survey.raking import kish, rake, roster_margins


def margin(**columns):
    return pd.DataFrame(
        {name.replace("n", "invited_n") if name == "n" else name: v for name, v in columns.items()}
    )


def respondents(rng, n=400):
    school, sex = rng.integers(0, 6, n), rng.integers(0, 2, n)
    return pd.DataFrame({"school_id": school, "wave": 2018, "sex": np.array(["f", "m"])[sex]})


def reached(answers, weights, columns):
    return weights.groupby([answers[c] for c in columns]).sum().to_numpy()


def test_one_margin_is_poststratification_by_hand():
    answers = pd.DataFrame({"sex": list("fffm")})
    found = rake(answers, margins=[margin(sex=["f", "m"], n=[60.0, 60])])
    assert found.weights.tolist() == pytest.approx([20, 20, 20, 60])
    assert found.design_effect == pytest.approx(4 * (3 * 400 + 3600) / 120**2)
    assert found.effective_n == pytest.approx(4 / found.design_effect)


def test_both_margins_hold_and_the_odds_ratio_stays():
    """IPF changes the margins of a 2 × 2 table and leaves its odds ratio as it was: 5 · 10 / (2 · 3)."""
    answers = pd.DataFrame({"a": [0] * 7 + [1] * 13, "b": [0] * 5 + [1] * 2 + [0] * 3 + [1] * 10})
    found = rake(
        answers, margins=[margin(a=[0, 1], n=[40.0, 60]), margin(b=[0, 1], n=[55.0, 45])], bounds=None
    )
    table = found.weights.groupby([answers["a"], answers["b"]]).sum().unstack().to_numpy()
    assert table.sum(axis=1) == pytest.approx([40, 60], rel=1e-9)
    assert table.sum(axis=0) == pytest.approx([55, 45], rel=1e-9)
    assert table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0]) == pytest.approx(5 * 10 / (2 * 3))


def test_bounds_hold_and_so_do_the_margins():
    answers = respondents(np.random.default_rng(1))
    counts = answers.groupby("school_id").size()
    schools = counts * np.array([1, 1.2, 0.8, 1.3, 1.6, 0.8])
    schools *= 1000 / schools.sum()
    margins = [
        schools.rename("invited_n").reset_index(),
        margin(sex=["f", "m"], n=[400.0, 600.0]),
    ]
    free, held = (
        rake(answers, margins=margins, bounds=None),
        rake(answers, margins=margins, bounds=(0.5, 1.65)),
    )
    mean = 1000 / len(answers)
    assert free.weights.max() > 1.65 * mean > held.weights.max() - 1e-9
    assert held.weights.min() >= 0.5 * mean - 1e-9
    assert held.trimmed_n > 0
    assert held.furthest == 0
    assert reached(answers, held.weights, ["school_id"]) == pytest.approx(schools.to_numpy(), rel=1e-9)
    assert reached(answers, held.weights, ["sex"]) == pytest.approx([400, 600], rel=1e-9)
    assert free.design_effect > 1


def test_where_bounds_and_margins_exclude_each_other_it_says_how_far():
    answers = pd.DataFrame({"sex": ["f"] * 9 + ["m"]})
    found = rake(answers, margins=[margin(sex=["f", "m"], n=[50.0, 50])], bounds=(0.5, 2.0))
    assert found.weights.max() == pytest.approx(20)
    assert found.furthest == pytest.approx(60)  # 20 of the 50 that were asked for
    assert found.trimmed_n == 1


def test_starting_weights_order_and_labels():
    rng = np.random.default_rng(2)
    answers = respondents(rng).assign(w=rng.uniform(1, 3, 400))
    margins = [
        margin(sex=["f", "m"], n=[600.0, 400]),
        margin(school_id=range(6), n=[100.0, 200, 300, 150, 150, 100]),
    ]
    found = rake(answers, margins=margins, weight="w").weights
    assert rake(
        answers.assign(w=5 * answers["w"]), margins=margins, weight="w"
    ).weights.tolist() == pytest.approx(found.tolist())
    mixed = answers.sample(frac=1, random_state=3)
    turned = [m.iloc[::-1] for m in margins]
    assert rake(mixed, margins=turned, weight="w").weights.sort_index().tolist() == pytest.approx(
        found.tolist()
    )


def test_planted_non_response_by_school_and_group_is_mended():
    """Boys answer half as often, and so does school 0; the mean of all students comes back."""
    rng, before, after = np.random.default_rng(5), [], []
    for _ in range(60):
        n = 3000
        school, boy = rng.integers(0, 5, n), rng.random(n) < 0.5
        y = 3 + 0.5 * boy + 0.3 * (school == 0) + rng.normal(size=n)
        everyone = pd.DataFrame({"school_id": school, "wave": 2018, "sex": np.where(boy, "m", "f"), "y": y})
        chance = np.where(boy, 0.35, 0.7) * np.where(school == 0, 0.5, 1)
        answers = everyone[rng.random(n) < chance]
        invited = everyone.groupby(["school_id", "wave", "sex"]).size().rename("invited_n").reset_index()
        weights = rake(answers, margins=roster_margins(invited, answers, groups=["sex"])).weights
        before.append(answers["y"].mean() - y.mean())
        after.append(np.average(answers["y"], weights=weights) - y.mean())
    error = np.std(after) / np.sqrt(60)
    assert np.mean(before) < -10 * error
    assert abs(np.mean(after)) < 3 * error


def test_roster_margins_leave_what_nobody_answered_in():
    invited = pd.DataFrame({
        "school_id": list("aabbcc"), "wave": 2018, "sex": list("fm") * 3, "invited_n": [10.0, 20, 5, 6, 7, np.nan],
    })  # fmt: skip
    answers = pd.DataFrame({"school_id": list("aac"), "wave": 2018, "sex": list("fmf")})
    schools, sexes = roster_margins(invited, answers, groups=["sex"])
    assert schools.to_numpy().tolist() == [["a", 2018, 30.0]]  # nobody answered in b; c is not wholly known
    assert sexes["invited_n"].tolist() == [10.0, 20.0]
    with pytest.raises(MethodError, match="race"):
        roster_margins(invited, answers, groups=["race"])


def test_what_cannot_be_met_is_refused_by_name():
    answers = pd.DataFrame({"sex": ["f", "m", None, "x"], "grade": [7, 7, 8, 9]})
    with pytest.raises(MethodError) as caught:
        rake(answers, margins=[
            margin(sex=["f", "m", "z"], n=[5.0, 0, 5]), margin(grade=[7, 8, 9, 9], n=[9.0, 9, 9, 9])
        ])  # fmt: skip
    said = " ".join(str(problem) for problem in caught.value.problems)
    for words in (
        "sex: 1 cell with a target and no respondent: z.",
        "sex: 1 cell with respondents and no target: m.",
        "sex: 1 cell not on the roster: x.",
        "sex: 1 respondent of 4 without a value.",
        "grade: 1 cell told twice: 9.",
        "different totals",
    ):
        assert words in said
    with pytest.raises(MethodError, match=r"between 1\.2 and 3"):
        rake(answers[:2], margins=[margin(sex=["f", "m"], n=[1.0, 1])], bounds=(1.2, 3))


def test_a_cell_with_nobody_and_no_target_is_no_matter():
    answers = pd.DataFrame({"sex": ["f", "m"]})
    found = rake(answers, margins=[margin(sex=["f", "m", "z"], n=[5.0, 5, 0])])
    assert found.weights.tolist() == pytest.approx([5, 5])


def test_kish():
    w = np.random.default_rng(6).uniform(0.5, 4, 300)
    assert kish(w) == pytest.approx(1 + w.var() / w.mean() ** 2)


# ---- many tests at once


def test_benjamini_hochberg_is_scipy_s_and_leaves_the_missing_out():
    p = np.random.default_rng(7).random(40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    holed = benjamini_hochberg([*p, None])
    assert holed[:-1] == pytest.approx(benjamini_hochberg(p))
    assert np.isnan(holed[-1])
    assert benjamini_hochberg([]).tolist() == []
    with pytest.raises(MethodError, match="outside 0 to 1"):
        benjamini_hochberg([0.5, 1.2])


def test_the_share_of_false_discoveries_is_held():
    """8 of 20 hypotheses are false: expected share of false ones among those listed is at most 0.05 · 12/20."""
    rng, shares = np.random.default_rng(8), []
    for _ in range(2000):
        z = rng.normal(size=20) + np.where(np.arange(20) < 8, 3.5, 0)
        listed = benjamini_hochberg(2 * stats.norm.sf(abs(z))) < 0.05
        shares.append(listed[8:].sum() / max(listed.sum(), 1))
    assert np.mean(shares) == pytest.approx(0.03, abs=4 * np.std(shares) / np.sqrt(2000))


def test_without_a_roster_there_is_nothing_to_rake_to():
    with pytest.raises(MethodError, match="No list says who was invited"):
        roster_margins(None, pd.DataFrame({"school_id": ["a"], "wave": [2018]}))
