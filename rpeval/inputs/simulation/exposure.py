"""Draw what students report of restorative practices, beside what the log says of their school."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.program import open_dose
from rpeval.inputs.simulation.schools import District, gamma_around_one, stream
from rpeval.inputs.simulation.survey import Scale, draw_answers, expected_score, score_moments


def reported(people: pd.DataFrame, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Give each respondent's latent exposure: theta without the program, effect what the program adds.

    The program adds in proportion to how busy its school is, as in the log of practices. Students who feel
    that they belong report more of the same circles, so a link with belonging is none with the program.
    """
    told, seed = recipe["survey"]["exposure"], recipe["seed"]
    spread = recipe["program_logs"]["practices"]["school_cv"]
    busy = gamma_around_one(stream(seed, "practices"), spread, len(district.schools))[:, None]
    in_force = busy * open_dose(district, recipe)
    school_no = people["school_no"].to_numpy()
    year_no = np.searchsorted(district.years, people["wave"])
    own = stream(seed, "exposure of schools").normal(0, told["school_sd"], len(district.schools))
    person = stream(seed, "exposure").normal(0, 1, len(people))
    added = told["program"] * in_force[school_no, year_no] + told["belonging"] * people["effect"].to_numpy()
    theta = own[school_no] + told["belonging"] * people["theta"].to_numpy() + person
    return people[["school_no", "wave", "adopted"]].assign(theta=theta, effect=added)


def draw_exposure(
    people: pd.DataFrame, district: District, recipe: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, tuple[float, str, str]]]:
    """Draw the answers to the exposure scale, one column an item, and state what was planted.

    Returns empty parts where the recipe plants no exposure.
    """
    told = recipe["survey"].get("exposure")
    if not told:
        return pd.DataFrame(index=people.index), {}
    k = len(told["items"])
    cuts = np.array(told["thresholds"])[None, :] + np.array(told["item_shifts"])[:, None]
    scale = Scale(tuple(told["items"]), np.full(k, told["loading"]), cuts, np.zeros(k, dtype=bool), 1)
    met = reported(people, district, recipe)
    answers = draw_answers(met, scale, recipe["seed"], of="exposure answers")
    return pd.DataFrame(answers, columns=list(scale.ids), index=people.index), planted_exposure(met, scale)


def planted_exposure(met: pd.DataFrame, scale: Scale) -> dict[str, tuple[float, str, str]]:
    """State how much more students of schools in the program report than they would without it."""
    theta, reached = (met["theta"] + met["effect"]).to_numpy(), met["adopted"].to_numpy()
    gain = expected_score(scale, theta[reached]) - expected_score(scale, met["theta"].to_numpy()[reached])
    spread, _, _ = score_moments(scale, theta[(met["wave"] == met["wave"].min()).to_numpy()])
    note = "In student standard deviations of the first wave; what is reported, no benefit."
    return {"survey.exposure.contrast": (float(gain.mean()) / spread, "SD", note)}
