"""A school × year panel with a known effect, for tests and examples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.inputs.simulate_schools import LOWEST_RATE, gamma_around_one, stream

ISS_SHARE = 0.7  # in-school suspensions for each out-of-school suspension, without the program
STUDENTS_SHARE = 0.65  # chance that a suspension is a student's first of the year


@dataclass(frozen=True, slots=True)
class Truth:
    """What a simulated panel was drawn to show, in events per 100 students.

    att           : average effect on oss_per_100 over treated school-years, each counting the same
    iss_att       : the same for iss_per_100
    removals_att  : the same for removals_per_100
    by_event_time : years since the start (0 = first program year) to the average effect on oss_per_100
    effects       : one row per treated school-year: school_id, year, event_time, oss_effect, iss_effect
    """

    att: float
    iss_att: float
    removals_att: float
    by_event_time: Mapping[int, float]
    effects: pd.DataFrame


def panel(
    *,
    schools: int = 60,
    adopters: int | None = None,
    first_year: int = 2016,
    years: int = 8,
    cohorts: int = 3,
    effect: float = -2.0,
    steps: tuple[float, ...] = (1.0,),
    recoded: float = 0.0,
    base: float = 12.0,
    spread: float = 3.0,
    year_shock: float = 0.8,
    school_year_cv: float = 0.15,
    enrolled: int = 450,
    seed: int = 0,
) -> tuple[pd.DataFrame, Truth]:
    """Simulate a school × year panel with staggered adoption and a known effect.

    Use it in tests and examples; `simulate.study` draws whole studies with students and surveys.

    adopters       : schools that adopt (default: a third), spread evenly over `cohorts` start years in a row,
                     of which the first leaves two years before it
    effect         : what the program adds to out-of-school suspensions per 100 students, times `steps`:
                     (0.5, 1.0) = half of it in the first program year, all of it from the second on
    recoded        : share of the fall that reappears as in-school suspensions (0 to 1)
    base, spread   : mean and standard deviation between schools of the untreated rate, per 100
    year_shock     : standard deviation of the shocks all schools share, per 100
    school_year_cv : over-dispersion of a school-year's rate, beyond Poisson counts
    Returns the panel, sorted by school and year (school_id, school_name, year, enrolled_n, oss_n, iss_n,
    suspended_n, oss_per_100, iss_per_100, removals_per_100, start_year: NaN = never, arm), and its Truth.
    Where an effect would push an expected rate below 0.5 per 100 it is cut there; the truth is what was
    planted after cutting.

    >>> frame, truth = panel(schools=12, effect=-2.0, seed=1)
    >>> len(frame), round(truth.att, 6)
    (96, -2.0)
    >>> sorted(frame["start_year"].dropna().unique().astype(int).tolist())
    [2018, 2019, 2020]
    """
    calendar = first_year + np.arange(years)
    start = _starts(
        stream(seed, "adopters"), schools, schools // 3 if adopters is None else adopters, cohorts
    )
    start = start + first_year
    oss_without, iss_without = (
        _untreated(stream(seed, kind), (schools, years), mean, spread * mean / base, year_shock)
        for kind, mean in (("oss", base), ("iss", ISS_SHARE * base))
    )
    since = calendar - start[:, None]
    step = np.clip(np.nan_to_num(since, nan=-1), 0, len(steps) - 1).astype(int)
    oss = np.where(
        since >= 0, np.maximum(oss_without + effect * np.array(steps)[step], LOWEST_RATE), oss_without
    )
    iss = iss_without - recoded * (oss - oss_without)
    frame = _draw_counts(seed, {"oss": oss, "iss": iss}, enrolled, school_year_cv)
    frame.insert(2, "year", np.tile(calendar, schools))
    frame["start_year"] = np.repeat(start, years).astype(float)
    frame["arm"] = np.where(frame["start_year"].notna(), "adopting", "comparison")
    return frame, _state(frame, (oss - oss_without).ravel(), (iss - iss_without).ravel())


def _starts(rng: np.random.Generator, schools: int, adopters: int, cohorts: int) -> np.ndarray:
    """Years from the first year to each school's start, NaN = never."""
    start = np.full(schools, np.nan)
    start[rng.permutation(schools)[:adopters]] = 2 + np.arange(adopters) % cohorts
    return start


def _untreated(
    rng: np.random.Generator, shape: tuple[int, int], mean: float, spread: float, shock: float
) -> np.ndarray:
    """Expected rates without the program: a level of the school plus a shock of the year."""
    level = mean * gamma_around_one(rng, spread / mean, shape[0])
    return np.maximum(level[:, None] + rng.normal(0, shock, shape[1]), LOWEST_RATE)


def _draw_counts(seed: int, rates: Mapping[str, np.ndarray], enrolled: int, cv: float) -> pd.DataFrame:
    """Draw enrollment and over-dispersed counts around expected rates, one row per school and year."""
    schools, years = rates["oss"].shape
    size = (enrolled * gamma_around_one(stream(seed, "sizes"), 0.3, schools)).round().clip(50)
    number = np.repeat(np.arange(schools), years)
    frame = pd.DataFrame({
        "school_id": [f"{1001 + k}" for k in number],
        "school_name": [f"School {1 + k}" for k in number],
        "enrolled_n": np.repeat(size, years),
    })  # fmt: skip
    for kind, rate in rates.items():
        rng = stream(seed, f"{kind} counts")
        expected = frame["enrolled_n"] / 100 * (rate * gamma_around_one(rng, cv, rate.shape)).ravel()
        frame[f"{kind}_n"] = rng.poisson(expected).astype(float)
    first = stream(seed, "students").binomial(frame["oss_n"].astype(int), STUDENTS_SHARE)
    frame["suspended_n"] = np.maximum(first, frame["oss_n"] > 0).clip(upper=frame["enrolled_n"]).astype(float)
    for kind in rates:
        frame[f"{kind}_per_100"] = 100 * frame[f"{kind}_n"] / frame["enrolled_n"]
    frame["removals_per_100"] = frame["oss_per_100"] + frame["iss_per_100"]
    return frame


def _state(frame: pd.DataFrame, oss_effect: np.ndarray, iss_effect: np.ndarray) -> Truth:
    """State the planted effects of the treated school-years."""
    planted = frame[["school_id", "year"]].assign(
        event_time=frame["year"] - frame["start_year"], oss_effect=oss_effect, iss_effect=iss_effect
    )
    planted = planted[planted["event_time"] >= 0].astype({"event_time": int}).reset_index(drop=True)
    oss, iss = planted["oss_effect"].mean(), planted["iss_effect"].mean()
    by_event_time = planted.groupby("event_time")["oss_effect"].mean().to_dict()
    return Truth(float(oss), float(iss), float(oss + iss), by_event_time, planted)
