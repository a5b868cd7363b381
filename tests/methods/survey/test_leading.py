"""Which effect leads, whether it holds its level, and placebo programs on PISA's students."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Refusal
from rpeval.methods.survey.clustered import did_school_changes, did_survey
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.leading import choose, effect_by_design
from rpeval.methods.survey.scales import scale_scores
from rpeval.methods.survey.survey_design import lay_out

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))

import survey_calibration
from survey_calibration import Case

ITEMS = ["b1", "b2", "b3", "b4", "b5", "b6"]


# ---- the rule


def test_the_design_chooses_and_says_why():
    assert [choose(n, a)[0] for n, a in [(8, 2), (12, 5), (12, 6), (60, 2), (20, 15), (60, 30)]] == [
        "schools", "schools", "students", "schools", "schools", "students"
    ]  # fmt: skip
    assert "only 5 comparison schools" in choose(20, 15)[1]


def test_both_effects_are_returned_as_they_are():
    rng = np.random.default_rng(1)
    for case, counts in [(Case(8, 2), "schools"), (Case(14, 6), "students")]:
        frame = survey_calibration.draw(case, rng)
        found = effect_by_design(lay_out(frame, outcome="score"))
        assert found.counts == counts
        both = (
            did_survey(lay_out(frame, outcome="score")),
            did_school_changes(lay_out(frame, outcome="score")),
        )
        assert (found.effect, found.beside) == (both if counts == "students" else both[::-1])


def test_the_choice_does_not_look_at_the_outcome():
    frame = survey_calibration.draw(Case(14, 5), np.random.default_rng(2))
    shifted = frame.assign(score=-5 * frame["score"] + 3 * (frame["start_year"] < frame["wave"]))
    one, two = (effect_by_design(lay_out(f, outcome="score")) for f in (frame, shifted))
    assert (one.counts, one.reason) == (two.counts, two.reason)


def test_where_no_school_has_every_wave_students_lead():
    rows = [
        (s, w, 2019.0 if s < 3 else np.nan)
        for s in range(6)
        for w in ((2018, 2020) if s % 2 else (2017, 2021))
    ]
    frame = pd.DataFrame(rows, columns=["school_id", "wave", "start_year"]).assign(
        score=np.arange(12) % 5 * 1.0
    )
    found = effect_by_design(lay_out(frame, outcome="score"))
    assert found.counts == "students"
    assert isinstance(found.beside, Refusal)
    assert "school changes cannot" in found.reason


# ---- the test on changes, where schools differ in size


def test_schools_of_one_size_give_the_t_test():
    rng = np.random.default_rng(3)
    frame = survey_calibration.draw(Case(9, 3, students=(20, 20)), rng)
    frame = frame.groupby(["school_id", "wave"]).head(12)
    means = frame.groupby(["school_id", "wave"])["score"].mean().unstack()
    change = means[2020] - means[2018]
    reference = stats.ttest_ind(change[:3], change[3:])
    found = did_school_changes(lay_out(frame, outcome="score"))
    assert (found.p, found.df) == pytest.approx((reference.pvalue, 7))


def test_small_adopting_schools_widen_the_interval_and_large_ones_do_not():
    """The variance of the difference of means, with one shock variance and each school's own noise, by hand."""
    rng = np.random.default_rng(4)
    size = np.array([5] * 3 + [200] * 9)
    rows = [
        (s, w, 2019.0 if s < 3 else np.nan, shock + noise)
        for s in range(12)
        for w in (2018, 2020)
        for shock in [rng.normal(0, 0.1)]
        for noise in rng.normal(size=size[s])
    ]
    frame = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "score"])
    found = did_school_changes(lay_out(frame, outcome="score"))
    cells = frame.groupby(["school_id", "wave"])["score"]
    change = cells.mean().unstack().diff(axis=1)[2020].to_numpy()
    noise = ((cells.var() * (cells.size() - 1)).sum() / (len(frame) - 24)) * 2 / size
    arms = [slice(0, 3), slice(3, 12)]
    squares = sum(((change[a] - change[a].mean()) ** 2).sum() for a in arms)
    shock = max((squares - noise[:3].sum() * 2 / 3 - noise[3:].sum() * 8 / 9) / 10, 0)
    u = shock + noise
    factor = squares / (u[:3].sum() * 2 / 3 + u[3:].sum() * 8 / 9)
    assert found.se == pytest.approx(np.sqrt(factor * (u[:3].sum() / 9 + u[3:].sum() / 81)))
    assert found.df < 10


# ---- its level


@pytest.mark.parametrize(
    ("case", "draws"),
    [
        (Case(8, 2, 0.05), 120),
        (Case(14, 7, 0.02), 80),
        (Case(20, 4, which="smallest"), 60),
        (Case(10, 4, 0.03, starts=(2018, 2019), **survey_calibration.LATE), 60),
        (Case(60, 30, 0.02, students=(8, 20)), 30),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_false_alarms_of_the_leading_effect(case, draws):
    """Nominal 5 %, 3 to 7 % allowed, and the error of so few draws; the bench runs hundreds of each design."""
    found = survey_calibration.judge(case, draws, seed=7)
    error = 100 * np.sqrt(0.05 * 0.95 / draws)
    assert 3 - 2 * error < found["leading"] < 7 + 2 * error


def test_the_bench_sees_that_cr2_learns_little_from_two_schools():
    found = survey_calibration.judge(Case(14, 2), 40, seed=8)
    assert found["leads"] == "schools"
    assert found["students_width"] > 1.5 * found["schools_width"]


def test_a_planted_effect_is_covered_under_staggered_starts():
    case, rng, covered = (
        Case(12, 6, starts=(2018, 2019, 2020), **survey_calibration.LATE),
        np.random.default_rng(9),
        0,
    )
    values = []
    for _ in range(40):
        frame = survey_calibration.draw(case, rng)
        frame["score"] += 0.4 * (frame["wave"] >= frame["start_year"])
        found = effect_by_design(lay_out(frame, outcome="score")).effect
        values.append(found.value)
        covered += found.low < 0.4 < found.high
    assert np.mean(values) == pytest.approx(0.4, abs=3 * np.std(values) / np.sqrt(40))
    assert covered >= 33  # 38 expected


# ---- PISA


@pytest.fixture(scope="module")
def pisa(shared_data):
    data = pd.read_csv(shared_data("data/pisa_turkiye/pisa_tur_belong_2012_2015_2018.csv"))
    key = {"items": ITEMS, "low": 1, "high": 4, "reverse": ["b2", "b3", "b5"]}
    data = data.rename(columns={"school": "school_id"})
    return data.assign(score=scale_scores(lay_out_items(data, **key))).dropna(subset=["score"])


def pseudo_study(students, seed):
    """Split the students of each school at random into two waves, and let half of the schools adopt between."""
    rng = np.random.default_rng(seed)
    later = rng.permuted(np.arange(len(students)) % 2 == 0)
    schools = students["school_id"].unique()
    adopting = rng.choice(schools, len(schools) // 2, replace=False)
    start = np.where(students["school_id"].isin(adopting), 2019.0, np.nan)
    return students.assign(wave=np.where(later, 2020, 2018), start_year=start)


def test_placebo_programs_on_pisa_2018(pisa):
    """A program that did not exist is found in 3 to 7 of 100 draws."""
    students = pisa.loc[pisa["wave"] == 2018, ["school_id", "w", "score"]].reset_index(drop=True)
    assert students["school_id"].nunique() > 150
    alarms = sum(
        effect_by_design(lay_out(pseudo_study(students, seed), outcome="score")).effect.p < 0.05
        for seed in range(100)
    )
    assert 3 <= alarms <= 7


def test_pisa_cycles_sample_other_schools_and_the_product_says_so(pisa):
    data = pisa.assign(start_year=np.where(pisa["school_id"].str.endswith("1"), 2015.0, np.nan))
    with pytest.raises(MethodError, match=r"None of 5\d\d schools answered in more than one wave") as caught:
        effect_by_design(lay_out(data, outcome="score", weight="w"))
    assert "compare their means instead" in str(caught.value)
