"""Draw the belonging survey of a simulated study, with the expectations it was drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import erf
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.schools import District, stream
from rpeval.inputs.years import parse_year

BEYOND_THE_SCALE = 9  # the code a mistyped answer gets


@dataclass(frozen=True, slots=True)
class Scale:
    """A graded one-factor scale: the answer passes category k where loading * theta + noise > cut[k].

    loading : one per item
    cuts    : items × (categories - 1)
    reverse : which items are answered the other way round
    low     : code of the lowest category
    """

    ids: tuple[str, ...]
    loading: np.ndarray
    cuts: np.ndarray
    reverse: np.ndarray
    low: int


def build_scale(recipe: Mapping[str, Any], instrument: Mapping[str, Any]) -> Scale:
    """Build the scale of a recipe: loadings that give the latent responses the reliability asked for.

    For k equal loadings l, reliability is k l² / (1 + (k - 1) l²); the recipe's relative loadings spread
    around that l.
    """
    told, items = recipe["survey"], instrument["items"]
    k, reliability = len(items), told["reliability"]
    usual = np.sqrt(reliability / (k - (k - 1) * reliability))
    cuts = np.array(told["thresholds"])[None, :] + np.array(told["item_shifts"])[:, None]
    reverse = np.array([bool(item["reverse"]) for item in items])
    ids = tuple(item["id"] for item in items)
    return Scale(ids, usual * np.array(told["loadings"]), cuts, reverse, int(instrument["min"]))


def chance_above(scale: Scale, theta: np.ndarray) -> np.ndarray:
    """Chance of an answer above each cut, items in their keyed direction: people × items × cuts."""
    centered = scale.loading[:, None] * theta[:, None, None] - scale.cuts
    z = centered / np.sqrt(1 - scale.loading[:, None] ** 2)
    return 0.5 * (1 + np.frompyfunc(erf, 1, 1)(z / np.sqrt(2)).astype(float))


def invite(students: pd.DataFrame, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Choose students of each school and wave at random: as many as the recipe invites, or all there are.

    Returns one row per student invited: the columns of `students`, wave (year) and wave_no, sorted by wave
    and school.
    """
    waves = [parse_year(wave) for wave in recipe["survey"]["waves"]]
    asked = students[np.isin(district.years[students["year_no"]], waves)]
    order = stream(recipe["seed"], "invited").random(len(asked))
    asked = asked.assign(wave=district.years[asked["year_no"]], order=order)
    asked = asked.sort_values(["wave", "school_no", "order"])
    chosen = asked.groupby(["wave", "school_no"]).cumcount() < recipe["survey"]["invited"]
    return asked[chosen].reset_index(drop=True).assign(wave_no=lambda a: np.searchsorted(waves, a["wave"]))


def draw_respondents(asked: pd.DataFrame, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Let some of the invited students answer, at a rate drawn for each school and wave.

    Returns one row per respondent: school_no, group_no, wave (year), theta (latent belonging without the
    program), adopted (yes or no) and effect (what the program adds to theta), sorted by wave and school.
    """
    told, seed = recipe["survey"], recipe["seed"]
    usual, sd = told["response"]["mean"], told["response"]["sd"]
    rate = np.clip(stream(seed, "response").normal(usual, sd, (len(district.schools), 2)), 0.05, 1.0)
    answers = stream(seed, "answered").random(len(asked)) < rate[asked["school_no"], asked["wave_no"]]
    people = asked[answers].reset_index(drop=True)
    adopted = people["wave"] >= district.schools["start_year"].to_numpy()[people["school_no"]]
    theta = draw_theta(people, district, recipe)
    people = people.assign(theta=theta, adopted=adopted, effect=told["effect"] * adopted)
    return people[["school_no", "group_no", "wave", "theta", "adopted", "effect"]]


def draw_theta(people: pd.DataFrame, district: District, recipe: Mapping[str, Any]) -> np.ndarray:
    """Draw latent belonging without the program: group, wave, school, school-by-wave shock, person."""
    told, seed, n = recipe["survey"], recipe["seed"], len(district.schools)
    school_no, later = people["school_no"].to_numpy(), people["wave"] > people["wave"].min()
    between, shaken = told["school_variance"], told["school_wave_variance"]
    of_school = stream(seed, "school belonging").normal(0, np.sqrt(between), n)
    of_wave = stream(seed, "school-wave belonging").normal(0, np.sqrt(shaken), (n, 2))
    person = stream(seed, "person belonging").normal(0, np.sqrt(1 - between - shaken), len(people))
    of_group = np.array([told["groups"][group] for group in district.groups])
    fixed = of_group[people["group_no"]] + told["wave_shift"] * later
    return (fixed + of_school[school_no] + of_wave[school_no, later.astype(int)] + person).to_numpy()


def draw_answers(respondents: pd.DataFrame, scale: Scale, seed: int, *, of: str = "answers") -> np.ndarray:
    """Draw the answers as given, reversed items turned round: respondents × items, whole codes."""
    theta = (respondents["theta"] + respondents["effect"]).to_numpy()[:, None]
    noise = stream(seed, of).normal(size=(len(theta), len(scale.ids)))
    latent = scale.loading * theta + np.sqrt(1 - scale.loading**2) * noise
    steps = (latent[:, :, None] > scale.cuts).sum(axis=2)
    return scale.low + np.where(scale.reverse, scale.cuts.shape[1] - steps, steps)


def soil(answers: np.ndarray, told: Mapping[str, Any], seed: int) -> np.ndarray:
    """Leave answers out and mistype some: a float array with NaN for no answer."""
    rng, dirty = stream(seed, "dirt"), answers.astype(float)
    dirty[rng.random(dirty.shape) < told["item_missing"]] = np.nan
    dirty[rng.random(len(dirty)) < told["broken_off"], 2:] = np.nan
    given = np.flatnonzero(~np.isnan(dirty))
    dirty.flat[rng.choice(given, told["out_of_range"], replace=False)] = BEYOND_THE_SCALE
    return dirty


def expected_score(scale: Scale, theta: np.ndarray) -> np.ndarray:
    """Expected mean item score, in scale points, of people with a given latent belonging."""
    return scale.low + chance_above(scale, theta).sum(axis=2).mean(axis=1)


def score_moments(scale: Scale, theta: np.ndarray) -> tuple[float, float, float]:
    """Standard deviation, alpha and omega that the scale has among these people, in expectation.

    Omega is the share of the score's variance that latent belonging explains. Items are independent given
    theta, so the covariance between two items is the covariance of their expectations.
    """
    above, k = chance_above(scale, theta), len(scale.ids)
    item = above.sum(axis=2)
    squared = (above * (2 * np.arange(above.shape[2]) + 1)).sum(axis=2)
    noise = (squared - item**2).mean(axis=0)
    common = np.cov(item, rowvar=False, bias=True)
    total = common.sum() + noise.sum()
    alpha = k / (k - 1) * (1 - (np.trace(common) + noise.sum()) / total)
    return float(np.sqrt(total) / k), float(alpha), float(common.sum() / total)


def planted_belonging(
    people: pd.DataFrame, scale: Scale, favorable: list[int]
) -> dict[str, tuple[float, str, str]]:
    """State what the survey was drawn to show: finding id to value, unit and note.

    The effect compares the same respondents with and without the program; reliability is that of all
    respondents, and the standard deviation that of the first wave.
    """
    theta, reached = (people["theta"] + people["effect"]).to_numpy(), people["adopted"]
    with_it, without = theta[reached], people["theta"].to_numpy()[reached]
    gains = pd.Series(expected_score(scale, with_it) - expected_score(scale, without))
    by_school = gains.groupby(people["school_no"][reached].to_numpy()).mean()
    top = min(favorable) - scale.low - 1
    more = chance_above(scale, with_it)[:, :, top].mean() - chance_above(scale, without)[:, :, top].mean()
    spread, _, _ = score_moments(scale, theta[people["wave"] == people["wave"].min()])
    _, alpha, omega = score_moments(scale, theta)
    points, unit, share = float(gains.mean()), "scale points", "percentage points"
    return {
        "belonging.att": (points, unit, "Mean item score, after reversing."),
        "belonging.schools.att": (float(by_school.mean()), unit, "Each school counts the same."),
        "belonging.att.sd": (points / spread, "SD", "In student standard deviations of the first wave."),
        "belonging.favorable.att": (100 * float(more), share, "Mean over the items."),
        "belonging.alpha": (alpha, "", "Expected alpha of all respondents."),
        "belonging.omega": (omega, "", "Share of the score's variance that belonging explains."),
    }
