"""The simulated studies state what their surveys were drawn to show; the intervals must find it."""

import pytest
import yaml

from rpeval.inputs.params import read_params
from rpeval.inputs.survey import read_survey
from rpeval.methods.survey.clustered import did_school_changes, did_survey, in_standard_deviations
from rpeval.methods.survey.factors import compare_keying
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.omega import categorical_omega
from rpeval.methods.survey.scales import cronbach_alpha, favorable_shares, scale_scores
from rpeval.methods.survey.survey_design import lay_out


@pytest.fixture(scope="module", params=["lakeshore", "riverbend", "prairie"])
def study(request, root):
    truth = yaml.safe_load((root / f"data/simulated/{request.param}/truth.yml").read_text())
    survey = read_survey(read_params(root / f"params/{request.param}.yml"))
    scale, favorable = survey.instrument.scale, survey.instrument.favorable
    answers = survey.frame.assign(
        score=scale_scores(lay_out_items(survey.frame, **scale)),
        favorable=favorable_shares(lay_out_items(survey.frame, **scale), favorable=favorable),
    )
    return answers, scale, {name: told["value"] for name, told in truth.items()}


def test_effects(study):
    answers, _, truth = study
    effect = did_survey(lay_out(answers, outcome="score"))
    found = {
        "belonging.att": effect,
        "belonging.att.sd": in_standard_deviations(effect, lay_out(answers, outcome="score")),
        "belonging.favorable.att": did_survey(
            lay_out(answers, outcome="favorable", unit="percentage points")
        ),
        "belonging.schools.att": did_school_changes(lay_out(answers, outcome="score")),
    }
    for name, estimate in found.items():
        assert estimate.low < truth[name] < estimate.high, name


def test_reliability(study):
    answers, scale, truth = study
    for name, estimate in [
        ("belonging.alpha", cronbach_alpha(lay_out_items(answers, **scale))),
        ("belonging.omega", categorical_omega(lay_out_items(answers, **scale), by_school=True)),
    ]:
        assert estimate.low < truth[name] < estimate.high, name


def test_one_factor_was_drawn_and_one_is_enough(study):
    answers, scale, _ = study
    both = compare_keying(lay_out_items(answers, **scale))
    assert both.one.rmsea_scaled < 0.03
    assert both.two.correlation > 0.9
