"""A whole simulated study: schools, students, suspensions, adoption, survey, and the truth behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation import exposure, incidents, outcomes, resources, schools, survey

PER_100 = "per 100 students"


@dataclass(frozen=True, slots=True)
class Study:
    """A drawn study, before it is written.

    recipe      : the recipe it was drawn from
    district    : schools, group shares, years
    rates       : expected events per 100 students, with and without the program
    students    : one row per student and year, with oss_n and iss_n
    actions     : one row per suspension
    invited     : one row per student invited to the survey
    respondents : one row per survey respondent, with latent belonging and what the program adds to it
    scale       : the survey's items
    answers     : respondents × items as written, NaN = no answer
    exposure    : respondents × items on what they met of the program; no column where none was asked
    truth       : finding id to {value, unit, note}
    outcomes, incidents, absences, idea : further tables, None where the recipe has none
    program     : the logs of the program, by name
    """

    recipe: Mapping[str, Any]
    district: schools.District
    rates: schools.Rates
    students: pd.DataFrame
    actions: pd.DataFrame
    invited: pd.DataFrame
    respondents: pd.DataFrame
    scale: survey.Scale
    answers: np.ndarray
    truth: Mapping[str, Mapping[str, Any]]
    exposure: pd.DataFrame
    outcomes: pd.DataFrame | None = None
    incidents: pd.DataFrame | None = None
    absences: pd.DataFrame | None = None
    idea: pd.DataFrame | None = None
    program: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def study(recipe: Mapping[str, Any], instrument: Mapping[str, Any]) -> Study:
    """Draw a whole study from its recipe: schools, students, suspensions, adoption and survey.

    Use it to make a study whose truth is known: two calls with the same recipe give the same study.

    recipe     : content of data/reference/recipes/<study>.yml, whose comments explain each key
    instrument : content of data/reference/instruments/<recipe.survey.instrument>.yml
    Returns a Study; its truth is the effect planted in the expected rates over the treated school-years that
    were drawn, not an estimate.
    """
    seed, district = recipe["seed"], schools.draw_district(recipe)
    rates = schools.expected_rates(district, recipe)
    students = schools.draw_events(schools.draw_students(district, recipe), rates, district, recipe)
    invited = survey.invite(students, district, recipe)
    people, scale = survey.draw_respondents(invited, district, recipe), survey.build_scale(recipe, instrument)
    enrolled = schools.enrollment(students, district)
    planted = planted_suspensions(district, rates, enrolled, recipe)
    planted |= survey.planted_belonging(people, scale, instrument["favorable"])
    planted |= incidents.planted_removals(district, rates, enrolled, recipe)
    others, effects = outcomes.draw_outcomes(district, recipe)
    idea, ratios = outcomes.draw_idea(students, district, recipe)
    actions = schools.draw_actions(students, district.years, recipe)
    answers = survey.soil(survey.draw_answers(people, scale, seed), recipe["dirt"], seed)
    log = incidents.draw_incidents(students, actions, district, recipe)
    logs, carried_out = resources.draw_program(enrolled, rates, log, district, recipe)
    met, reported = exposure.draw_exposure(people, district, recipe)
    planted |= effects | ratios | carried_out | reported
    truth = {id: dict(zip(("value", "unit", "note"), told, strict=True)) for id, told in planted.items()}
    absences = incidents.draw_absences(log, students, district, recipe)
    further = {"outcomes": others, "incidents": log, "absences": absences, "idea": idea, "program": logs}
    return Study(
        recipe, district, rates, students, actions, invited, people, scale, answers, truth, met, **further
    )


def planted_suspensions(
    district: schools.District, rates: schools.Rates, enrolled: np.ndarray, recipe: Mapping[str, Any]
) -> dict[str, tuple[float, str, str]]:
    """State the effects on suspensions: finding id to value, unit and note.

    Averages over treated school-years outside the years left out, each counting the same. A school's rate is
    the mean of its groups' expected rates, weighted by the students it had.
    """

    def mean(change: np.ndarray, cells: np.ndarray) -> tuple[float, str, str]:
        return float(change[cells].mean()), PER_100, f"Mean over {cells.sum()} treated school-years."

    treated = outcomes.treated_cells(district, recipe)
    by_group = rates.oss - rates.oss_without
    oss, iss, without = (
        (enrolled * change).sum(1) / enrolled.sum(1)
        for change in (by_group, rates.iss - rates.iss_without, rates.oss_without)
    )
    black, white = (district.groups.index(group) for group in ("Black", "White"))
    shown = enrolled[:, [black, white]] >= max(recipe["dirt"]["group_minimum"], 1)
    gap = by_group[:, black] - by_group[:, white]
    percent, note = (
        100 * oss[treated].mean() / without[treated].mean(),
        "Of the mean rate expected without the program.",
    )
    since = district.years - district.schools["start_year"].to_numpy()[:, None]
    return {
        "suspensions.att": mean(oss, treated),
        "suspensions.iss_per_100.att": mean(iss, treated),
        "suspensions.removals_per_100.att": mean(oss + iss, treated),
        "suspensions.gap.black_white.att": mean(gap, treated & shown.all(axis=1)),
        "suspensions.att.percent": (float(percent), "percent", note),
    } | {
        f"suspensions.event.p{years}": mean(oss, treated & (since == years))
        for years in np.unique(since[treated]).astype(int)
    }
