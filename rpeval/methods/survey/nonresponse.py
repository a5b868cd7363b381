"""What those who did not answer could do to an effect: breakdown points and Lee's bounds."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.survey.describe import count_response
from rpeval.methods.survey.leading import effect_by_design
from rpeval.methods.survey.survey_design import SurveyDesign, lay_out

PERIODS = ("before", "after")
ARMS = ("adopting", "comparison")


@dataclass(frozen=True, slots=True)
class Breakdown:
    """How different non-respondents would have to be from respondents for an effect to vanish.

    after    : non-respondents of adopting schools after the start, in the effect's unit; below zero = they
               would have to feel worse than respondents do
    after_sd : the same in standard deviations of students
    interval : the same for the nearer end of the effect's interval; None where it holds zero anyway
    both     : non-respondents of adopting schools, equally before and after; None where the response rate
               did not change, so that no such difference could do it
    everywhere : non-respondents of all schools and waves; None likewise
    """

    after: Estimate
    after_sd: Estimate
    interval: Estimate | None
    both: Estimate | None
    everywhere: Estimate | None


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The effect if the surplus of respondents was the most, or the least, favorable of its arm.

    low, high : estimates with their own intervals
    trimmed   : period, arm, rate, trimmed (percent of that arm's answers left out)
    """

    low: Estimate
    high: Estimate
    trimmed: pd.DataFrame


def rates_around_start(answers: pd.DataFrame, invited: pd.DataFrame | None) -> pd.DataFrame:
    """Response rates of adopting and comparison schools, before and after the start.

    Where schools start between different waves, waves between the first and the last start count for adopting
    schools only. Schools in the program from the first wave on are in no arm.

    answers : one row per answer with school_id, wave
    invited : one row per school and wave with invited_n and start_year (missing = never)
    Returns arm, period, students_n, invited_n, rate (percent): four rows.
    Refuses (MethodError): as `describe.response`; an arm and period without invitations.

    >>> invited = pd.DataFrame({"school_id": list("aabb"), "wave": [2018, 2020] * 2, "invited_n": 4.0,
    ...     "start_year": [2019.0] * 2 + [float("nan")] * 2})
    >>> answers = pd.DataFrame({"school_id": list("aaaab"), "wave": [2018, 2020, 2020, 2020, 2018]})
    >>> rates_around_start(pd.concat([answers, answers.tail(1).assign(wave=2020)]), invited)["rate"].tolist()
    [25.0, 75.0, 25.0, 25.0]
    """
    if invited is not None and "start_year" not in invited:
        what = "The list of invitations does not say which schools started, and when."
        raise MethodError(Problem("sources.invited", what, "Add program starts to the study."))
    counted = _place(count_response(answers, invited))
    sums = counted.groupby(["arm", "period"])[["students_n", "invited_n"]].sum()
    wanted = pd.MultiIndex.from_product([ARMS, PERIODS], names=["arm", "period"])
    lacking = [
        f"{arm} schools {period} the start" for arm, period in wanted.difference(sums.index, sort=False)
    ]
    if lacking:
        what = f"No invitations are known for {', '.join(lacking)}."
        raise MethodError(Problem("sources.invited", what, "Add waves on both sides of the start."))
    made = sums.loc[wanted].astype(int).reset_index()
    return made.assign(rate=100 * made["students_n"] / made["invited_n"])


def breakdown(effect: Estimate, *, rates: pd.DataFrame, sd: float) -> Breakdown:
    """How different non-respondents must be from respondents to erase an effect.

    Use beside raking, which cannot mend non-response that depends on the outcome itself. If non-respondents
    differ by d, the mean of all invited students differs from the respondents' by (1 - response rate) · d.

    effect : the leading effect, in scale points
    rates  : from `rates_around_start`
    sd     : standard deviation of students, in the effect's unit
    Returns a Breakdown. Refuses (MethodError): everybody answered in adopting schools after the start, or
    no positive sd.

    >>> rates = pd.DataFrame({"arm": ["adopting"] * 2 + ["comparison"] * 2, "period": ["before", "after"] * 2,
    ...     "rate": [80.0, 60, 70, 70]})
    >>> found = breakdown(Estimate(value=0.2, unit="scale points"), rates=rates, sd=0.8)
    >>> round(found.after.value, 3), round(found.after_sd.value, 3), round(found.both.value, 3)
    (-0.5, -0.625, -1.0)
    """
    silent = 1 - rates.set_index(["arm", "period"])["rate"] / 100
    before, after = silent["adopting", "before"], silent["adopting", "after"]
    if not after > 0:
        what = "Everybody who was invited answered in adopting schools after the start."
        raise MethodError(Problem("sources.invited", what, "Read the effect as it is."))
    if not sd > 0:
        raise MethodError(Problem("sd", "The standard deviation is not above zero.", "Check the answers."))
    others = silent["comparison", "after"] - silent["comparison", "before"]
    points = _distance(effect.value, after, effect.unit, "adopting schools, after the start")
    known = effect.low is not None and effect.high is not None and effect.low * effect.high > 0
    near = min(effect.low, effect.high, key=abs) if known else None
    return Breakdown(
        after=points,
        after_sd=replace(points, value=points.value / sd, unit="SD"),
        interval=_distance(near, after, effect.unit, "adopting schools, after the start; nearer end"),
        both=_distance(effect.value, after - before, effect.unit, "adopting schools, before and after"),
        everywhere=_distance(effect.value, after - before - others, effect.unit, "all schools and waves"),
    )


def lee_bounds(sample: SurveyDesign, *, rates: pd.DataFrame) -> Bounds:
    """Bound an effect where adopting and comparison schools answered at different rates.

    Use when the rates of the arms differ in some period. The surplus of the arm that answered more is left
    out once from the top and once from the bottom of the outcome, and the leading effect estimated anew. The
    bounds hold if whatever made the rates differ only added respondents to one arm (monotone response).

    rates : from `rates_around_start`
    Returns Bounds in the outcome's unit. With equal rates both are the plain effect. Refuses (MethodError)
    where nobody answered in an arm and period.
    Source: Lee (2009), applied in each period to both arms.

    >>> cells = pd.DataFrame({"school_id": sorted("abcd" * 4), "wave": [2018, 2018, 2020, 2020] * 4,
    ...     "start_year": [2019.0] * 8 + [None] * 8, "score": [1.0, 3, 2, 4] * 2 + [1.0, 3, 1, 3] * 2})
    >>> rates = pd.DataFrame({"arm": ["adopting"] * 2 + ["comparison"] * 2, "period": ["before", "after"] * 2,
    ...     "rate": [50.0, 100, 50, 50]})
    >>> found = lee_bounds(lay_out(cells, outcome="score"), rates=rates)
    >>> round(found.low.value, 6), round(found.high.value, 6)    # half leaves: 2 or 4, not 3
    (0.0, 2.0)
    """
    placed = _place(sample.answers[sample.answers[sample.outcome].notna()], keep=True)
    w = placed[sample.weight].to_numpy(float) if sample.weight else np.ones(len(placed))
    surplus = _surplus(rates)
    found = {}
    for name, favors in (("low", -1), ("high", 1)):
        kept = w.copy()
        for row in surplus.itertuples():
            rows = ((placed["arm"] == row.arm) & (placed["period"] == row.period)).to_numpy()
            if not rows.any():
                what = f"Nobody answered in {row.arm} schools {row.period} the start."
                raise MethodError(Problem("survey", what, "Use waves with answers."))
            raises = favors * (1 if row.arm == "adopting" else -1) * (1 if row.period == "after" else -1)
            y = placed.loc[rows, sample.outcome].to_numpy(float)
            kept[rows] *= _keep(raises * y, w[rows], row.trimmed / 100)
        left = placed.assign(_kept=kept)
        trimmed = lay_out(left, outcome=sample.outcome, weight="_kept", unit=sample.unit)
        effect = effect_by_design(trimmed).effect
        found[name] = replace(effect, method=f"Lee bound ({name}); {effect.method}")
    return Bounds(**found, trimmed=surplus)


def _place(rows: pd.DataFrame, *, keep: bool = False) -> pd.DataFrame:
    """Add arm and period by school start and wave; rows in no period leave, unless they are kept."""
    start, wave = rows["start_year"].astype(float).fillna(np.inf), rows["wave"]
    first, last = wave.min(), wave.max()
    adopts = start.between(first, last, inclusive="right")
    starts = start[adopts]
    early, late = (starts.min(), starts.max()) if len(starts) else (np.inf, np.inf)
    before = np.where(adopts, wave < start, wave < early)
    after = np.where(adopts, wave >= start, wave >= late)
    arm = np.select([adopts, start > last], ARMS, default="")
    period = np.select([before & (arm != ""), after & (arm != "")], PERIODS, default="")
    placed = rows.assign(arm=arm, period=period)
    return placed if keep else placed[placed["period"] != ""]


def _distance(effect: float | None, silent: float, unit: str, whose: str) -> Estimate | None:
    """Return the difference d with effect + silent · d = 0, None where there is none."""
    if effect is None or abs(silent) < 1e-12:
        return None
    method = f"difference of non-respondents from respondents that would erase the effect: {whose}"
    return Estimate(value=float(-effect / silent), unit=unit, method=method)


def _surplus(rates: pd.DataFrame) -> pd.DataFrame:
    """Return for each period and arm the percent of its answers beyond the other arm's rate."""
    least = rates.groupby("period")["rate"].transform("min")
    trimmed = 100 * (1 - least / rates["rate"]).where(rates["rate"] > 0, 0.0)
    return rates[["period", "arm", "rate"]].assign(trimmed=trimmed)


def _keep(y: np.ndarray, w: np.ndarray, share: float) -> np.ndarray:
    """Return the factor of each answer when the lowest `share` of the weight leaves; ties leave alike."""
    _, code = np.unique(y, return_inverse=True)
    of_value = np.bincount(code, w)
    gone = np.clip(share * w.sum() - (np.cumsum(of_value) - of_value), 0, of_value)
    return (1 - gone / of_value)[code]
