"""The diagnosis by hand and on planted data; what an interval achieves against explicit placebo studies."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Refusal
from rpeval.methods.did.achieved import achieved, without_effect
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.diagnosis import att_by_design, choose, diagnose
from rpeval.methods.did.imputation import att_imputation, event_study
from rpeval.methods.did.randomization import att_randomization


def laid(frame: pd.DataFrame) -> Design:
    return lay_out(frame, outcome="oss_per_100")


def draw(
    schools=20, starts=(2018, 2018, 2019, 2019, 2019), years=8, *, cv=0.0, growth=0.0, effect=-2.0, seed=0
):
    """Counts that are Poisson given a rate of 10 per 100 and a multiplier (cv) of the school-year."""
    rng = np.random.default_rng(seed)
    first = np.full(schools, np.nan)
    first[: len(starts)] = starts
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:03d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(first, years),
    )
    treated = frame.year >= frame.start_year
    size = np.repeat(rng.integers(400, 600, schools), years)
    frame["enrolled_n"] = np.round(size * (1 + growth * treated)).astype(float)
    level = np.repeat(rng.uniform(8, 12, schools), years) + effect * treated
    noise = rng.gamma(1 / cv**2, cv**2, len(frame)) if cv else 1.0
    frame["oss_n"] = rng.poisson(frame.enrolled_n / 100 * level * noise).astype(float)
    return frame.assign(oss_per_100=100 * frame.oss_n / frame.enrolled_n)


def dealt(frame: pd.DataFrame, adopters, start: int) -> pd.DataFrame:
    """Let exactly these schools start, in one year."""
    return frame.assign(start_year=np.where(frame.school_id.isin(adopters), float(start), np.nan))


def test_counts_of_the_design_by_hand():
    frame = draw(starts=(2016, 2018, 2018, 2019, 2020))
    found = diagnose(laid(frame))
    assert (found.schools_n, found.adopters_n, found.others_n) == (20, 5, 15)
    assert (found.cohorts_n, found.single_school_cohorts_n) == (4, 3)
    assert (found.years_before_n, found.years_after_n) == (2, 2)
    assert found.deals_n == 20 * (19 * 18 // 2) * 17 * 16  # a school, a pair, a school, a school
    sizes = frame.groupby("school_id").enrolled_n.mean()
    assert found.size_cv == pytest.approx(sizes.std(ddof=0) / sizes.mean())
    assert found.largest_share == pytest.approx(100 * sizes.max() / sizes.sum())
    noise = 1 / sizes
    assert found.noise_ratio == pytest.approx(noise[:5].mean() / noise[5:].mean())
    assert "3 schools started alone in a year: 000, 003, 004." in found.warnings
    assert "Some adopting school is seen for only 2 years before its start." in found.warnings


@pytest.mark.parametrize(("cv", "expected"), [(0.0, 1.0), (0.3, 1 + 0.09 * 50)])
def test_dispersion_finds_what_was_planted(cv, expected):
    """Variance over mean of a Poisson count of mean 50 with a multiplier: 1 + cv^2 * 50."""
    found = diagnose(laid(draw(schools=120, cv=cv, effect=0.0, seed=3)))
    assert found.dispersion == pytest.approx(expected, rel=0.12)
    assert any("Poisson model" in text for text in found.warnings) == (cv > 0)


def test_counts_are_rebuilt_from_a_rate_and_a_scale_has_none():
    frame = draw(seed=3)
    told = diagnose(laid(frame)).dispersion
    rebuilt = diagnose(laid(frame.drop(columns="oss_n"))).dispersion
    assert rebuilt == pytest.approx(told, rel=1e-9)
    assert (
        diagnose(lay_out(frame.assign(belonging=frame.oss_per_100), outcome="belonging")).dispersion is None
    )
    bare = diagnose(laid(frame.drop(columns=["oss_n", "enrolled_n"])))
    assert (bare.size_cv, bare.noise_ratio, bare.dispersion) == (None, None, None)
    assert isinstance(bare.enrollment_drift, Refusal)


def test_enrollment_that_grows_with_the_program_is_found():
    found = diagnose(laid(draw(growth=0.2)))
    assert found.enrollment_drift.value == pytest.approx(20, abs=0.2)
    assert any("enrollment grew by 20" in text for text in found.warnings)
    assert not any("enrollment" in text for text in diagnose(laid(draw())).warnings)


@pytest.mark.parametrize(
    ("design", "inference", "word"),
    [
        ((60, 20, 3, 10**9, 1.0), "jackknife", "60 schools, 20 of them"),
        ((60, 20, 3, 10**9, None), "jackknife", "60 schools"),
        ((60, 2, 1, 1770, 1.0), "randomization", "Only 2 schools adopted"),
        ((20, 18, 1, 190, 1.0), "randomization", "Only 2 schools did not adopt"),
        ((39, 12, 3, 10**9, 1.2), "randomization", "fewer than 40"),
        ((20, 6, 1, 38760, 2.0), "jackknife", "much smaller"),
        ((20, 6, 1, 38760, 0.4), "jackknife", "much larger"),
        ((6, 3, 1, 20, 1.0), "jackknife", "only 20 ways"),
        ((7, 3, 1, 35, 1.0), "randomization", "7 schools"),
    ],
)
def test_the_rule_chooses_and_says_why(design, inference, word):
    chosen, reason = choose(*design)
    assert chosen == inference
    assert word in reason
    assert reason.endswith(".")
    assert reason.count(". ") == 0


def test_a_design_in_which_nothing_holds_is_refused():
    with pytest.raises(MethodError, match="2 of 6 schools adopted: no interval holds"):
        diagnose(laid(draw(schools=6, starts=(2018, 2018))))


def test_the_chosen_inference_is_the_one_used():
    small, large = draw(), draw(schools=44)
    by_design = att_by_design(laid(small), seed=3)
    assert by_design == att_randomization(laid(small), seed=3)
    assert att_by_design(laid(large), seed=3) == att_imputation(laid(large))


def test_the_effect_is_taken_out_by_event_time():
    frame = draw(starts=(2018,) * 5, seed=2)
    design = laid(frame)
    clean = frame.assign(oss_per_100=without_effect(design).ravel())
    assert att_imputation(laid(clean)).value == pytest.approx(0, abs=1e-12)
    assert all(abs(e.value) < 1e-12 for t, e in event_study(laid(clean)) if t >= 0)
    before = frame.year < 2018
    assert (clean.oss_per_100 == frame.oss_per_100)[before].all()


def test_jackknife_achieves_what_explicit_placebo_studies_achieve():
    frame = draw(schools=8, starts=(2018,) * 4, cv=0.3, seed=5)
    design = laid(frame)
    clean = frame.assign(oss_per_100=without_effect(design).ravel())
    studies = [dealt(clean, own, 2018) for own in itertools.combinations(sorted(frame.school_id.unique()), 4)]
    estimates = [att_imputation(laid(study)) for study in studies]
    found = achieved(laid(frame), seed=1, inference="jackknife")
    assert found.coverage.n == len(estimates) == 70
    assert found.coverage.value == pytest.approx(100 * np.mean([e.low <= 0 <= e.high for e in estimates]))
    assert found.rejection.value == pytest.approx(100 * np.mean([e.p <= 0.05 for e in estimates]))
    assert (found.coverage.kind, found.coverage.mcse) == ("exact", None)
    effect = found.detectable.value

    def power(size):
        t = [abs((e.value + sign * size) / e.se) for e in estimates for sign in (-1, 1)]
        critical = [(e.high - e.value) / e.se for e in estimates for _ in (-1, 1)]
        return np.mean(np.array(t) > critical)

    assert power(effect * 1.0001) >= 0.8 > power(effect * 0.9999)


def test_randomization_achieves_what_explicit_placebo_studies_achieve():
    frame = draw(schools=8, starts=(2018,) * 3, seed=6)
    design = laid(frame)
    clean = frame.assign(oss_per_100=without_effect(design).ravel())
    found = achieved(laid(frame), seed=1, inference="randomization")
    assert found.rejection.value == pytest.approx(100 * 2 / 56)  # at most 5 % of 56 deals

    def power(size):
        hits = []
        for own, sign in itertools.product(
            itertools.combinations(sorted(frame.school_id.unique()), 3), (-1, 1)
        ):
            study = dealt(clean, own, 2018)
            study["oss_per_100"] += sign * size * (study.year >= study.start_year)
            hits.append(att_randomization(laid(study), seed=1).p <= 0.05)
        return np.mean(hits)

    assert power(found.detectable.value * 1.001) >= 0.8 > power(found.detectable.value * 0.999)


def test_an_interval_that_is_known_to_miss_is_seen_to_miss():
    """Two of 30 adopting: over fresh samples the jackknife covers 91 to 92 %, and so over placebo studies."""
    designs = [laid(draw(schools=30, starts=(2018, 2018), cv=0.3, effect=0.0, seed=s)) for s in range(16)]
    found = [achieved(d, seed=1, inference="jackknife", draws=435).coverage.value for d in designs]
    assert abs(np.mean(found) - 91.5) < 3 * np.std(found) / 4
    assert np.mean(found) < 94


def test_monte_carlo_error_and_seed():
    frame = draw(schools=24, starts=(2017, 2017, 2018, 2018, 2018, 2019, 2019, 2019))
    one, two, three = (achieved(laid(frame), seed=s, inference="jackknife") for s in (1, 1, 2))
    assert one == two != three
    assert one.coverage.kind == "simulated"
    assert one.coverage.mcse == pytest.approx(1.09, abs=0.4)  # root of .95 * .05 / 400, in percent
    assert abs(one.detectable.value - three.detectable.value) < 5 * one.detectable.mcse


def test_too_few_schools_to_find_anything_is_said():
    frame = draw(schools=7, starts=(2018, 2018, 2018))
    frame = frame[frame.school_id != "006"]  # 3 of 6: the best of 20 deals has its mirror, p = .1
    found = achieved(laid(frame), seed=1, inference="randomization")
    assert isinstance(found.detectable, Refusal)
    assert found.rejection.value == 0


def test_sixty_schools_take_less_than_three_seconds():
    frame = draw(schools=60, starts=(2017,) * 7 + (2018,) * 7 + (2019,) * 6)
    started = time.process_time()
    achieved(laid(frame), seed=1, inference="jackknife")
    diagnose(laid(frame))
    assert time.process_time() - started < 3
