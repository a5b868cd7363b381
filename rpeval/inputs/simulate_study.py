"""A whole simulated study: schools, students, suspensions, adoption, survey, and the truth behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulate_schools import (
    District,
    Rates,
    dose,
    draw_actions,
    draw_district,
    draw_events,
    draw_students,
    enrollment,
    expected_rates,
)
from rpeval.inputs.simulate_survey import (
    Scale,
    build_scale,
    draw_answers,
    draw_respondents,
    invite,
    planted_belonging,
    soil,
)
from rpeval.inputs.years import parse_year

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
    truth       : finding id to {value, unit, note}
    """

    recipe: Mapping[str, Any]
    district: District
    rates: Rates
    students: pd.DataFrame
    actions: pd.DataFrame
    invited: pd.DataFrame
    respondents: pd.DataFrame
    scale: Scale
    answers: np.ndarray
    truth: Mapping[str, Mapping[str, Any]]


def study(recipe: Mapping[str, Any], instrument: Mapping[str, Any]) -> Study:
    """Draw a whole study from its recipe: schools, students, suspensions, adoption and survey.

    Use it to make a study whose truth is known: two calls with the same recipe give the same study.

    recipe     : content of data/reference/recipes/<study>.yml, whose comments explain each key
    instrument : content of data/reference/instruments/<recipe.survey.instrument>.yml
    Returns a Study; its truth is the effect planted in the expected rates over the treated school-years that
    were drawn, not an estimate.
    """
    seed = recipe["seed"]
    district = draw_district(recipe)
    rates = expected_rates(district, recipe)
    students = draw_events(draw_students(district, recipe), rates, district, recipe)
    invited = invite(students, district, recipe)
    respondents = draw_respondents(invited, district, recipe)
    scale = build_scale(recipe["survey"], instrument)
    planted = planted_suspensions(district, rates, enrollment(students, district), recipe)
    planted |= planted_belonging(respondents, scale, instrument["favorable"])
    return Study(
        recipe=recipe,
        district=district,
        rates=rates,
        students=students,
        actions=draw_actions(students, district.years, recipe),
        invited=invited,
        respondents=respondents,
        scale=scale,
        answers=soil(draw_answers(respondents, scale, seed), recipe["dirt"], seed),
        truth={id: dict(zip(("value", "unit", "note"), told, strict=True)) for id, told in planted.items()},
    )


def planted_suspensions(
    district: District, rates: Rates, enrolled: np.ndarray, recipe: Mapping[str, Any]
) -> dict[str, tuple[float, str, str]]:
    """State the effects on suspensions: finding id to value, unit and note.

    Averages over treated school-years outside the years left out, each counting the same. A school's rate is
    the mean of its groups' expected rates, weighted by the students it had.
    """
    left_out = [parse_year(year) for year in recipe["years"]["leave_out"]]
    treated = (dose(district, recipe["program"]["steps"]) > 0) & ~np.isin(district.years, left_out)
    change = {"oss": rates.oss - rates.oss_without, "iss": rates.iss - rates.iss_without}
    oss, iss = ((enrolled * by_group).sum(1) / enrolled.sum(1) for by_group in change.values())
    black, white = (district.groups.index(group) for group in ("Black", "White"))
    least = max(recipe["dirt"]["group_minimum"], 1)
    both_shown = (enrolled[:, [black, white]] >= least).all(axis=1)
    planted = {
        "suspensions.att": mean_over(oss, treated),
        "suspensions.iss_per_100.att": mean_over(iss, treated),
        "suspensions.removals_per_100.att": mean_over(oss + iss, treated),
        "suspensions.gap.black_white.att": mean_over(
            change["oss"][:, black] - change["oss"][:, white], treated & both_shown
        ),
    }
    untreated = ((enrolled * rates.oss_without).sum(1) / enrolled.sum(1))[treated].mean()
    percent = float(100 * planted["suspensions.att"][0] / untreated)
    planted["suspensions.att.percent"] = (
        percent,
        "percent",
        "Of the mean rate expected without the program.",
    )
    since = district.years - district.schools["start_year"].to_numpy()[:, None]
    for event_time in np.unique(since[treated]).astype(int):
        planted[f"suspensions.event.p{event_time}"] = mean_over(oss, treated & (since == event_time))
    return planted


def mean_over(change: np.ndarray, cells: np.ndarray) -> tuple[float, str, str]:
    """Average a planted change over treated school-years: value, unit, note."""
    return float(change[cells].mean()), PER_100, f"Mean over {cells.sum()} treated school-years."
