"""Reported exposure beside the log: by hand, by what was planted, by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rpeval.errors import MethodError
from rpeval.inputs.implementation import read_implementation
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.survey import read_survey
from rpeval.methods.implementation.dose import dose
from rpeval.methods.implementation.reported import agreement, beside_log
from rpeval.methods.survey import leading, scales
from rpeval.methods.survey.clustered import in_standard_deviations
from rpeval.methods.survey.items import lay_out_items
from rpeval.methods.survey.survey_design import lay_out

NEVER = np.nan


def test_only_the_last_wave_of_schools_in_the_program_counts():
    answers = pd.DataFrame({
        "school_id": ["a", "a", "a", "b", "c", "d"], "wave": [2017, 2020, 2020, 2020, 2020, 2020],
        "start_year": [2018.0, 2018, 2018, NEVER, 2021, 2019], "score": [1.0, 3.0, np.nan, 4.0, 4.0, 2.0],
    })  # fmt: skip
    logged = pd.DataFrame({"school_id": list("abcd"), "year": 2020, "circles": [2.0, 1.0, 1.0, np.nan]})
    rows = beside_log(answers, logged, score="score", dose="circles")
    assert rows[["school_id", "students_n", "reported", "logged"]].values.tolist() == [["a", 1, 3.0, 2.0]]


def test_refusals():
    rows = pd.DataFrame({"reported": np.arange(5.0), "logged": np.arange(5.0)})
    with pytest.raises(MethodError, match="5 schools"):
        agreement(rows)
    with pytest.raises(MethodError, match="the same in every school"):
        agreement(pd.DataFrame({"reported": np.arange(9.0), "logged": 1.0}))
    early = pd.DataFrame({"school_id": ["a"], "wave": [2017], "start_year": [2019.0], "score": [1.0]})
    with pytest.raises(MethodError, match="No school-year lies in the program"):
        beside_log(early, pd.DataFrame(columns=["school_id", "year", "x"]), score="score", dose="x")


def test_the_interval_holds_the_true_correlation_as_often_as_it_says():
    rng, rho, draws = np.random.default_rng(7), 0.6, 2000
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's, of a normal pair
    inside = 0
    for _ in range(draws):
        x = rng.normal(size=30)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=30)
        ranks = stats.rankdata(x), stats.rankdata(y)
        found = agreement(pd.DataFrame({"logged": ranks[0], "reported": ranks[1]}))
        inside += found.low < truth < found.high
    assert abs(inside / draws - 0.95) < 0.01 + 3 * np.sqrt(0.95 * 0.05 / draws)


def test_lakeshore_recovers_what_was_planted(root):
    study = read_params(root / "params/lakeshore.yml")
    panel = read_panel(study)
    survey, program = read_survey(study, panel), read_implementation(study, panel)
    scale = survey.also["exposure"]
    scores = scales.scale_scores(
        lay_out_items(survey.frame, **scale.scale), answered_share=scale.answered_share
    )
    answers = survey.frame.assign(score=scores)
    sample = lay_out(answers, outcome="score")
    told = in_standard_deviations(leading.effect_by_design(sample).effect, sample)
    assert told.low < 0.8318 < told.high
    assert told.value > 0.5
    logged = dose(
        program.practices, panel.frame, months=study.implementation.months, classes=program.sections
    )
    rows = beside_log(answers, logged, score="score", dose="circles_per_class_month")
    same = agreement(rows)
    assert same.low > 0
    assert same.clusters == len(rows) > 20
