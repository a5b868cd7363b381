"""Simulated power: planned studies drawn with a district's own noise, judged as the product judges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.achieved import share_error
from rpeval.methods.did.diagnosis import FEW_ON_A_SIDE
from rpeval.methods.did.jackknife import average_gaps, by_cohort, first_years, spread
from rpeval.methods.intervals import critical
from rpeval.methods.planning.noise import Noise
from rpeval.methods.wording import count_of

CELLS_AT_ONCE = 1_000_000
LEAST_FOUND = 30


@dataclass(frozen=True, slots=True)
class Rollout:
    """A planned rollout: how many schools start in which year, and how long all of them are followed.

    waves        : schools that start in each wave, one wave a year
    years_before : years before the first wave; years_after : years from the first wave on
    """

    schools_n: int
    waves: tuple[int, ...]
    years_before: int
    years_after: int

    @property
    def adopters_n(self) -> int:
        """Schools that start within the plan."""
        return sum(self.waves)

    @property
    def program(self) -> np.ndarray:
        """True from the start on (schools by years); the schools of the first wave come first."""
        late = np.repeat(np.arange(len(self.waves)), self.waves)
        starts = np.concatenate([late, np.full(self.schools_n - len(late), self.years_after)])
        return np.arange(self.years_before + self.years_after) >= self.years_before + starts[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """N planned studies without an effect: estimates, and how far from zero each would have to be (N each).

    An effect that is planted moves an estimate by just as much and leaves its standard error as it is, so
    these say what every effect would have come to.
    """

    value: np.ndarray
    bar: np.ndarray
    rollout: Rollout


def roll_out(
    schools_n: int,
    *,
    adopters_n: int | None = None,
    waves_n: int = 1,
    years_before: int = 3,
    years_after: int = 3,
) -> Rollout:
    """Plan a rollout in waves of nearly equal size, one a year, larger ones first.

    adopters_n : schools that start; half of them where it is not said
    All schools are followed for the same years, so a later wave is seen for fewer years in the program.
    Refuses (MethodError) fewer than three schools on a side, more waves than schools or years, and no year
    before.

    >>> roll_out(14, adopters_n=7, waves_n=2).waves
    (4, 3)
    """
    problems = []
    adopters_n = schools_n // 2 if adopters_n is None else adopters_n
    if min(adopters_n, schools_n - adopters_n) < FEW_ON_A_SIDE:
        what = f"{adopters_n} of {count_of(schools_n, 'school')} would start: too few on one side."
        fix = f"Plan with at least {FEW_ON_A_SIDE} schools that start and {FEW_ON_A_SIDE} that do not."
        problems.append(Problem("plan: adopters", what, fix))
    if not 1 <= waves_n <= min(max(adopters_n, 1), years_after):
        what = f"{count_of(waves_n, 'wave')} of {count_of(adopters_n, 'school')} in {years_after} years."
        problems.append(Problem("plan: waves", what, "Plan at most one wave a year, each with a school."))
    if years_before < 1:
        problems.append(Problem("plan: years_before", "No year before the start.", "Plan with one or more."))
    if problems:
        raise MethodError(problems)
    sizes = tuple(adopters_n // waves_n + (k < adopters_n % waves_n) for k in range(waves_n))
    return Rollout(schools_n, sizes, years_before, years_after)


def draw_studies(noise: Noise, rollout: Rollout, *, seed: int, draws: int = 2000) -> Draws:
    """Draw planned studies: a random order of adoption, and the district's own noise in every school-year.

    Use once for each rollout; `power`, `detectable`, `sign_error` and `exaggeration` read the result. Every
    study deals the places in the rollout anew to the schools, each with its own variance, draws their years,
    and is judged by imputation with the jackknife; the randomization inference that the product reports below
    40 schools is about as powerful and too slow to repeat. Every school counts the same.

    noise : `learn_noise`, for as many schools as the rollout has; seed fixes the draws
    Returns Draws. Refuses (MethodError) another number of schools.

    >>> from rpeval.methods.planning.noise import even_noise
    >>> studies = draw_studies(even_noise(20), roll_out(20, adopters_n=10), seed=1, draws=400)
    >>> 0.9 < detectable(studies).value < 1.2
    True
    """
    if len(noise.variance) != rollout.schools_n:
        what = f"The plan has {rollout.schools_n} schools, the years before it {len(noise.variance)}."
        raise MethodError(Problem("plan", what, "Plan with the schools of the panel."))
    rng, D = np.random.default_rng(seed), rollout.program
    own = by_cohort(first_years(D, np.ones_like(D)))
    size, done, parts = max(1, CELLS_AT_ONCE // D.size), 0, []
    while done < draws:
        Y = draw_years(noise, D.shape, rng, min(size, draws - done))
        gaps = average_gaps(Y, ~D[None] * 1.0, D[None] * 1.0, np.ones_like(D))
        variance, df = spread(gaps.left_out[0] - gaps.value, own)
        parts.append((gaps.value[0], critical(df) * np.sqrt(variance)))
        done += Y.shape[2]
    value, bar = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Draws(value, bar, rollout)


def draw_years(noise: Noise, shape: tuple[int, int], rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw the noise of n studies (schools by years by n), the schools dealt anew to the places in each."""
    order = rng.permuted(np.broadcast_to(np.arange(shape[0]), (n, shape[0])), axis=1)
    chance = rng.standard_normal((n, *shape)) * np.sqrt(noise.variance)[order][:, :, None]
    drift = rng.standard_normal((n, *shape)).cumsum(axis=2) * np.sqrt(noise.drift)
    return np.ascontiguousarray(np.moveaxis(chance + drift, 0, -1))


def power(draws: Draws, *, effect: float) -> Estimate:
    """Share of planned studies that would find an effect of this size significant.

    Returns an Estimate in percent with its Monte Carlo error.

    >>> far = Draws(np.zeros(400), np.ones(400), roll_out(20, adopters_n=10))
    >>> power(far, effect=-1.5).value, power(far, effect=0.5).value
    (100.0, 0.0)
    """
    share = float(found(draws, effect).mean())
    words = f"share of planned studies that find an effect of {effect:g}"
    return told(draws, 100 * share, 100 * share_error(share, len(draws.value)), words, unit="percent")


def detectable(draws: Draws, *, power: float = 0.8) -> Estimate:
    """Smallest effect that the given share of planned studies would find, in its own direction.

    Returns an Estimate in the outcome's unit, without sign, with its Monte Carlo error.

    >>> far = Draws(np.zeros(400), np.ones(400), roll_out(20, adopters_n=10))
    >>> detectable(far).value
    1.0
    """
    needed, error = draws.bar - draws.value, share_error(power, len(draws.value))
    low, middle, high = np.quantile(needed, [power - error, power, min(power + error, 1.0)])
    words = f"smallest effect found significant in {power:.0%} of planned studies"
    return told(draws, float(middle), float(high - low) / 2, words)


def power_curve(draws: Draws, *, effects: Sequence[float]) -> pd.DataFrame:
    """Power for several sizes of effect, with what a significant result would then be worth.

    Returns effect (in the outcome's unit), power and mcse (percent), wrong_sign (percent of the significant
    results) and times (mean size of a significant result over the effect).

    >>> far = Draws(np.zeros(400), np.ones(400), roll_out(20, adopters_n=10))
    >>> power_curve(far, effects=[2.0])[["power", "wrong_sign", "times"]].iloc[0].tolist()
    [100.0, 0.0, 1.0]
    """
    rows = []
    for effect in effects:
        share, wrong, times = (f(draws, effect=effect) for f in (power, sign_error, exaggeration))
        rows.append((effect, share.value, share.mcse, wrong.value, times.value))
    return pd.DataFrame(rows, columns=["effect", "power", "mcse", "wrong_sign", "times"])


def sign_error(draws: Draws, *, effect: float) -> Estimate:
    """Share of significant results that point the wrong way when the effect has this size (type S).

    Returns an Estimate in percent. Refuses (MethodError) an effect of zero, which has no wrong way.
    Source: Gelman & Carlin (2014), Perspectives on Psychological Science 9.
    """
    seen = significant(draws, effect)
    share = float((seen < 0).mean())
    words = f"share of significant results with the wrong sign when the effect is {effect:g}"
    return told(draws, 100 * share, 100 * share_error(share, len(seen)), words, unit="percent")


def exaggeration(draws: Draws, *, effect: float) -> Estimate:
    """How many times too large a significant result is on average when the effect has this size (type M).

    Use beside the power: with little power, what is found is what was overstated.
    Returns an Estimate, 1 = as large as the effect. Refuses (MethodError) an effect of zero.
    Source: Gelman & Carlin (2014), Perspectives on Psychological Science 9.
    """
    times = np.abs(significant(draws, effect)) / abs(effect)
    mcse = float(times.std(ddof=1) / np.sqrt(len(times)))
    words = f"mean size of significant results over the effect of {effect:g}"
    return told(draws, float(times.mean()), mcse, words, unit="times")


def found(draws: Draws, effect: float) -> np.ndarray:
    """Say which studies find an effect (N)."""
    return np.abs(draws.value + effect) > draws.bar


def significant(draws: Draws, effect: float) -> np.ndarray:
    """Give the significant results, above zero where they point the way of the effect."""
    if effect == 0:
        raise MethodError(Problem("effect", "An effect of zero has no sign.", "Name another size."))
    seen = np.sign(effect) * (draws.value + effect)[found(draws, effect)]
    if len(seen) < LEAST_FOUND:
        what = f"Only {len(seen)} of {len(draws.value)} studies find an effect of {effect:g}."
        raise MethodError(Problem("draws", what, "Draw more studies."))
    return seen


def told(draws: Draws, value: float, mcse: float, words: str, unit: str = "") -> Estimate:
    """Make the Estimate of a simulated number."""
    plan, years = draws.rollout, draws.rollout.years_before + draws.rollout.years_after
    many = f"{len(draws.value)} studies drawn with the district's own noise, {years} years"
    return Estimate(
        value, unit=unit, n=len(draws.value), n_unit="planned studies",
        clusters=plan.schools_n, treated=plan.adopters_n, kind="simulated", mcse=mcse,
        method=f"{words}; {many}, {count_of(len(plan.waves), 'wave')}; imputation, jackknife by school",
    )  # fmt: skip


def compare_rollouts(
    noise: Noise, *, adopters: Sequence[int], waves: Sequence[int], years_before: int, years_after: int,
    seed: int, draws: int = 1000, power: float = 0.8,
) -> pd.DataFrame:  # fmt: skip
    """Smallest detectable effect by the number of schools that start, and by the number of waves.

    Use to choose a rollout. All are drawn from the same seed, so that they differ by plan and not by luck.
    Returns adopters_n, waves_n, schools_n, detectable (in the outcome's unit) and mcse; combinations that
    cannot be planned are left out.

    >>> from rpeval.methods.planning.noise import even_noise
    >>> years = {"years_before": 3, "years_after": 3}
    >>> rows = compare_rollouts(even_noise(20), adopters=[4, 10], waves=[1], seed=1, **years)
    >>> bool(rows["detectable"].is_monotonic_decreasing)
    True
    """
    schools_n, rows = len(noise.variance), []
    for adopters_n in sorted(set(adopters)):
        for waves_n in sorted(set(waves)):
            if not waves_n <= min(adopters_n, years_after):
                continue
            if min(adopters_n, schools_n - adopters_n) < FEW_ON_A_SIDE:
                continue
            plan = roll_out(schools_n, adopters_n=adopters_n, waves_n=waves_n, years_before=years_before,
                            years_after=years_after)  # fmt: skip
            least = detectable(draw_studies(noise, plan, seed=seed, draws=draws), power=power)
            rows.append((adopters_n, waves_n, schools_n, least.value, least.mcse))
    return pd.DataFrame(rows, columns=["adopters_n", "waves_n", "schools_n", "detectable", "mcse"])
