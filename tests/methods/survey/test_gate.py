"""The measurement gate: what it says is planted, its level holds with few schools, real effects pass it."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.cr2 import fit_clustered, fit_clustered_jointly
from rpeval.methods.survey.clustered import did_survey, in_standard_deviations
from rpeval.methods.survey.gate import measurement_gate
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.scales import scale_scores
from rpeval.methods.survey.survey_design import lay_out

SIX = [f"i{j}" for j in range(6)]
ASKED = {"items": SIX, "low": 1, "high": 4}


def simulate(
    rng,
    *,
    schools=16,
    adopting=6,
    size=40,
    shift=0.0,
    real=0.0,
    loadings=(0.8, 0.75, 0.7, 0.7, 0.65, 0.6),
    ceiling=0.0,
):
    """Two waves in schools that drift, item by item too; `shift` moves two items, `real` the construct."""
    load, sizes = np.array(loadings), rng.integers(size // 2, size * 3 // 2, schools)
    school = np.repeat(np.arange(schools), 2 * sizes)
    wave = np.concatenate([np.repeat([0, 1], n) for n in sizes])
    cell, on = 2 * school + wave, (school < adopting) & (wave == 1)
    feel = rng.normal(size=len(cell)) + rng.normal(0, 0.4, schools)[school]
    feel += rng.normal(0, 0.14, 2 * schools)[cell] + real * on
    latent = load * feel[:, None] + np.sqrt(1 - load**2) * rng.normal(size=(len(cell), 6))
    latent += rng.normal(0, 0.05, (2 * schools, 6))[cell]
    latent[:, :2] += shift * on[:, None]
    frame = pd.DataFrame(np.digitize(latent, np.array([-1.3, -0.4, 0.6]) - ceiling) + 1, columns=SIX)
    start = np.where(school < adopting, 2019.0, np.nan)
    return frame.assign(school_id=school, wave=2018 + 2 * wave, start_year=start)


def test_a_planted_shift_in_two_of_six_items_is_flagged_with_its_size():
    """Truth: the same students answer with and without the shift."""
    arms = {"schools": 40, "adopting": 16, "size": 80}
    shifted = simulate(np.random.default_rng(1), shift=0.45, **arms)
    honest = simulate(np.random.default_rng(1), shift=0.0, **arms)
    answers = [frame.assign(score=scale_scores(lay_out_items(frame, **ASKED))) for frame in (shifted, honest)]
    faked = (
        did_survey(lay_out(answers[0], outcome="score")).value
        - did_survey(lay_out(answers[1], outcome="score")).value
    )
    truth = in_standard_deviations(
        did_survey(lay_out(answers[0], outcome="score")), lay_out(answers[0], outcome="score")
    )
    truth = faked * truth.value / did_survey(lay_out(answers[0], outcome="score")).value
    gate = measurement_gate(lay_out_items(shifted, **ASKED))
    assert gate.flagged == gate.suspects == ("i0", "i1")
    assert gate.p < 0.001
    assert 0.1 < truth < 0.2
    assert gate.artefact.low < truth < gate.artefact.high
    assert gate.artefact.value == pytest.approx(truth, abs=0.04)
    assert gate.effect.value == pytest.approx(gate.without.value + gate.artefact.value)
    assert gate.without.low < 0 < gate.without.high


@pytest.mark.parametrize(("schools", "adopting", "draws"), [(8, 4, 100), (16, 5, 100)])
def test_the_level_holds_with_few_schools(schools, adopting, draws):
    rng = np.random.default_rng(schools)
    gates = [
        measurement_gate(lay_out_items(simulate(rng, schools=schools, adopting=adopting), **ASKED))
        for _ in range(draws)
    ]
    rejected = np.mean([gate.p < 0.05 for gate in gates])
    assert abs(rejected - 0.05) < 0.01 + 2.5 * np.sqrt(0.05 * 0.95 / draws)
    assert all(bool(gate.flagged) == (gate.p < 0.05) for gate in gates)


def test_a_real_effect_passes_though_items_differ_and_run_into_the_top():
    """Items that say little of the construct, or are near their ceiling, move less; that is no artefact."""
    rng, draws = np.random.default_rng(3), 40
    wide = {"schools": 40, "adopting": 16, "real": 0.3, "loadings": (0.85, 0.8, 0.7, 0.6, 0.5, 0.4)}
    gates = [
        measurement_gate(lay_out_items(simulate(rng, ceiling=1.0, **wide), **ASKED)) for _ in range(draws)
    ]
    assert sum(gate.p < 0.05 for gate in gates) <= 7  # 2 expected
    effects = np.array([gate.effect.value for gate in gates])
    assert effects.mean() > 0.15
    left = np.array([gate.without.value for gate in gates])
    assert left.mean() == pytest.approx(
        effects.mean(), abs=4 * (left - effects).std() / np.sqrt(draws) + 0.005
    )


def test_the_effect_is_that_of_the_survey_and_the_range_leaves_each_item_out():
    frame = simulate(np.random.default_rng(4), shift=0.3)
    frame["weight"] = np.random.default_rng(5).uniform(0.5, 2, len(frame))
    gate = measurement_gate(lay_out_items(frame, **ASKED), weight="weight")
    scored = frame.assign(score=scale_scores(lay_out_items(frame, **ASKED)))
    whole = did_survey(lay_out(scored, outcome="score", weight="weight"))
    sd = whole.value / in_standard_deviations(whole, lay_out(scored, outcome="score", weight="weight")).value
    assert gate.effect.value == pytest.approx(whole.value / sd, rel=1e-9)
    for item in gate.items:
        alone = did_survey(lay_out(frame.assign(one=frame[item.item]), outcome="one", weight="weight"))
        assert item.effect == pytest.approx(alone.value, rel=1e-9)
        others = frame[[name for name in SIX if name != item.item]].mean(axis=1)
        rest = did_survey(lay_out(frame.assign(rest=others), outcome="rest", weight="weight"))
        assert item.score_without == pytest.approx(rest.value / sd, rel=1e-9)
        assert item.expected + item.difference == pytest.approx(item.effect)
    assert gate.lowest == min(item.score_without for item in gate.items)
    assert [item.item for item in gate.items] == SIX


def test_direction_and_order_do_not_matter():
    frame = simulate(np.random.default_rng(6), shift=0.4, schools=12)
    gate = measurement_gate(lay_out_items(frame, **ASKED))
    turned = frame.assign(i3=5 - frame["i3"]).sample(frac=1, random_state=2)
    other = measurement_gate(lay_out_items(turned, items=SIX[::-1], low=1, high=4, reverse=["i3"]))
    assert other.p == pytest.approx(gate.p, rel=1e-6)
    assert set(other.flagged) == set(gate.flagged)
    assert other.artefact.value == pytest.approx(gate.artefact.value, rel=1e-6)
    renamed = measurement_gate(
        lay_out_items(frame.assign(school_id="x" + frame["school_id"].astype(str)), **ASKED)
    )
    assert renamed.p == pytest.approx(gate.p, rel=1e-9)


def test_starts_in_different_waves_and_unanswered_items():
    rng = np.random.default_rng(7)
    parts = [simulate(rng, schools=15, adopting=0) for _ in range(2)]
    later = parts[1].assign(wave=parts[1]["wave"] + 4)
    frame = pd.concat([parts[0], later], ignore_index=True)
    frame["start_year"] = frame["school_id"].map({0: 2019, 1: 2019, 2: 2021, 3: 2021, 4: 2021})
    frame.loc[rng.random(len(frame)) < 0.1, "i2"] = np.nan
    gate = measurement_gate(lay_out_items(frame, **ASKED))
    scored = frame.assign(score=scale_scores(lay_out_items(frame, **ASKED)))
    effect = in_standard_deviations(
        did_survey(lay_out(scored, outcome="score")), lay_out(scored, outcome="score")
    )
    assert gate.effect.value == pytest.approx(effect.value, abs=0.02)
    assert gate.effect.treated == 5


def test_where_nothing_is_flagged_the_item_that_stands_out_sizes_the_artefact():
    gates = (measurement_gate(lay_out_items(simulate(np.random.default_rng(s)), **ASKED)) for s in range(10))
    gate = next(gate for gate in gates if gate.p > 0.3)
    assert gate.flagged == ()
    assert len(gate.suspects) == 1
    shown = {item.item: item for item in gate.items}[gate.suspects[0]]
    ratio = gate.artefact.value / shown.difference
    assert ratio == pytest.approx(gate.effect.value / np.mean([item.effect for item in gate.items]) / 6)


def test_a_school_that_nobody_answered_an_item_in_leaves():
    frame = simulate(np.random.default_rng(10))
    silent = frame.assign(i4=frame["i4"].where((frame["school_id"] != 12) | (frame["wave"] == 2018)))
    gate = measurement_gate(lay_out_items(silent, **ASKED))
    assert (gate.effect.clusters, gate.effect.treated) == (15, 6)
    without = measurement_gate(lay_out_items(frame[frame["school_id"] != 12], **ASKED))
    assert [item.effect for item in gate.items] == pytest.approx([item.effect for item in without.items])


def test_the_interval_of_the_artefact_allows_for_the_choice():
    """Nothing is planted: the item that stands out most must cover zero in 95 % all the same."""
    rng, draws = np.random.default_rng(11), 60
    gates = [
        measurement_gate(lay_out_items(simulate(rng, schools=10, adopting=4, size=30), **ASKED))
        for _ in range(draws)
    ]
    missed = sum(not gate.artefact.low < 0 < gate.artefact.high for gate in gates)
    assert missed <= 9  # 3 expected
    assert all(gate.artefact.p is None for gate in gates)


def test_one_design_for_many_outcomes_is_each_alone():
    rng = np.random.default_rng(8)
    school, wave = rng.integers(0, 7, 90), rng.integers(0, 2, 90)
    X = np.column_stack([(school < 3) & (wave == 1), wave == 1]).astype(float)
    asked = {
        "cluster": school,
        "within": np.zeros(90),
        "weight": rng.uniform(0.5, 2, 90),
        "cell": 2 * school + wave,
    }
    Y = rng.normal(size=(90, 3))
    cell = {"cell": asked.pop("cell")}
    joint = fit_clustered_jointly(Y, X, **asked)
    for j in range(3):
        alone = fit_clustered(Y[:, j], X, **asked, **cell)
        assert joint.values[j] == pytest.approx(alone.value, rel=1e-12)
        assert np.sqrt(joint.covariance[j, j]) == pytest.approx(alone.se, rel=1e-12)
        assert joint.df == pytest.approx(alone.df, rel=1e-12)
    both = fit_clustered(Y[:, 0] + Y[:, 1], X, **asked)
    assert joint.covariance[:2, :2].sum() == pytest.approx(both.se**2, rel=1e-10)


def test_what_is_refused():
    frame = simulate(np.random.default_rng(9))
    with pytest.raises(MethodError, match="2 items cannot show"):
        measurement_gate(lay_out_items(frame, items=SIX[:2], low=1, high=4))
    silent = frame.assign(i4=frame["i4"].where(frame["wave"] == 2018))
    with pytest.raises(MethodError, match="Nobody answered i4 in 2020"):
        measurement_gate(lay_out_items(silent, **ASKED))
    with pytest.raises(MethodError, match="0 adopting schools"):
        measurement_gate(lay_out_items(frame.assign(start_year=np.nan), **ASKED))
