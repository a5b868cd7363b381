"""How far could trends have differed before the conclusion changes? (Rambachan & Roth 2023)"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.event_path import EventPath
from rpeval.methods.did.sensitivity_relative import confidence_set, first_differences, spread
from rpeval.methods.did.sensitivity_smooth import shortest_interval
from rpeval.methods.intervals import LEVEL
from rpeval.methods.wording import count_of, refuse

MBAR_CAP = 10.0
HALVINGS = 14


def relative_magnitudes(path: EventPath, *, mbar: float) -> Estimate:
    """Interval for the effect when trends may part after the start, at most mbar times as fast as before it.

    Use to ask how an effect holds up against other changes of the size seen before the program. Mbar = 1
    allows, from one period to the next, the largest change seen before the start.

    path : coefficients relative to the last period before the start, and their covariance (`event_path`)
    Returns an Estimate: value is the weighted effect, low and high the conditional least-favorable confidence
    set, in the unit of the coefficients. At Mbar = 0 it is the usual interval. With an estimated covariance
    (path.df), standard deviations are widened by the ratio of t(df) to normal critical values: in six
    simulated designs (12 schools with 3 adopting to 60 with 24) it then covered 93 to 100 %.
    Refuses (MethodError): fewer than two changes before the start; a change without spread; a covariance that
    is none.
    Source: Rambachan & Roth (2023), Review of Economic Studies 90; Andrews, Roth & Pakes (2023).

    >>> path = EventPath(pre=np.array([0.2, 0.1]), post=np.array([-3.0]), covariance=0.1 * np.eye(3))
    >>> [round(relative_magnitudes(path, mbar=mbar).high, 2) for mbar in (0, 1)]
    [-2.38, -1.99]
    """
    refuse([*look_at(path), *too_short(path), *not_positive("mbar", mbar)])
    weights, df = weigh(path), degrees(path)
    alpha = 1 - LEVEL
    widening = float(stdtrit(df, 1 - alpha / 2) / stdtrit(math.inf, 1 - alpha / 2)) ** 2
    low, high = confidence_set(
        path.pre, path.post, widening * path.covariance, weights, mbar=mbar, alpha=alpha
    )
    what = f"relative magnitudes with Mbar = {mbar:g}, conditional least-favorable set"
    return describe(path, what, value=float(weights @ path.post), low=low, high=high)


def smoothness(path: EventPath, *, m: float) -> Estimate:
    """Interval for the effect when trends part along a line that may bend by at most m in each period.

    Use to ask how an effect holds up when adopting schools were already on another course. m = 0 continues
    the straight line of the periods before the start.

    path : as in `relative_magnitudes`; one change before the start is enough
    m    : largest change of slope from one period to the next, in the unit of the coefficients
    Returns an Estimate: value and interval of the estimator whose fixed-length interval is shortest. It is
    not the average effect but that effect less the continued line, so it may move with m.
    Refuses (MethodError): a covariance that is none; a negative m.
    Source: Rambachan & Roth (2023), section 4.1; Armstrong & Kolesár (2018).

    >>> path = EventPath(pre=np.array([0.2, 0.1]), post=np.array([-3.0]), covariance=0.01 * np.eye(3))
    >>> est = smoothness(path, m=0.0)
    >>> round(est.value, 2), round(est.high, 2)  # the line falls by 0.1 in each period
    (-2.9, -2.69)
    """
    refuse([*look_at(path), *not_positive("m", m)])
    weights, df = weigh(path), degrees(path)
    found = shortest_interval(path.pre, path.post, path.covariance, weights, m=m, df=df)
    ends = {"value": found.center, "low": found.center - found.half, "high": found.center + found.half}
    what = f"smoothness with M = {m:g}, fixed-length interval"
    return describe(path, what, **ends)


def breakdown_relative(path: EventPath) -> Estimate:
    """Find up to which Mbar every interval excludes zero: how large a violation the conclusion survives.

    Use beside every effect: it replaces the question whether trends before the start look parallel by the
    question how far they would have to part, in multiples of the largest change before the start.
    Returns an Estimate without interval: 0 where no interval excludes zero, 10 where the search ends; to the
    fourth digit, by doubling and halving. Inputs and refusals as in `relative_magnitudes`.

    >>> path = EventPath(pre=np.array([0.2, 0.1]), post=np.array([-3.0]), covariance=0.1 * np.eye(3))
    >>> round(breakdown_relative(path).value, 1)
    3.5
    """
    first_step, unit = 0.5, "times the largest change before the start"
    value = survives(lambda mbar: relative_magnitudes(path, mbar=mbar), step=first_step, cap=MBAR_CAP)
    what = f"largest Mbar at which the {LEVEL:.0%} interval excludes zero, relative magnitudes"
    return describe(path, what, value=value, unit=unit, se=None)


def breakdown_smooth(path: EventPath) -> Estimate:
    """Find up to which m the fixed-length interval excludes zero, 0 where none does.

    Use where there is one change before the start alone, and beside `breakdown_relative`. Inputs and refusals
    as in `smoothness`.

    >>> path = EventPath(pre=np.array([0.2, 0.1]), post=np.array([-3.0]), covariance=0.1 * np.eye(3))
    >>> round(breakdown_smooth(path).value, 1)
    2.2
    """
    refuse(look_at(path))
    value = survives(lambda m: smoothness(path, m=m), step=spread_of_effect(path), cap=math.inf)
    what = f"largest M at which the {LEVEL:.0%} interval excludes zero, smoothness"
    return describe(path, what, value=value, se=None)


def survives(interval: Callable[[float], Estimate], *, step: float, cap: float) -> float:
    """Find by doubling and halving where the interval first includes zero."""

    def excludes_zero(size: float) -> bool:
        found = interval(size)
        return found.low > 0 or found.high < 0

    if not excludes_zero(0.0):
        return 0.0
    holds, fails = 0.0, step
    while excludes_zero(fails):
        if fails >= cap:
            return cap
        holds, fails = fails, min(2 * fails, cap)
    for _ in range(HALVINGS):
        middle = (holds + fails) / 2
        holds, fails = (middle, fails) if excludes_zero(middle) else (holds, middle)
    return holds


def weigh(path: EventPath) -> np.ndarray:
    """Weights of the periods after the start in the effect; their mean where the path names none."""
    Q = len(path.post)
    return np.full(Q, 1 / Q) if path.weights is None else np.asarray(path.weights, dtype=float)


def degrees(path: EventPath) -> float:
    """Degrees of freedom of the covariance, infinite where it is taken as known."""
    return math.inf if path.df is None else float(path.df)


def spread_of_effect(path: EventPath) -> float:
    """Standard error of the weighted effect."""
    return float(spread(np.concatenate([np.zeros(len(path.pre)), weigh(path)]), path.covariance))


def describe(path: EventPath, what: str, *, value: float, **more) -> Estimate:
    """Make an Estimate that says how it was made."""
    estimate = Estimate(
        value=value,
        se=spread_of_effect(path),
        df=path.df,
        n=path.n,
        n_unit="school-years" if path.n else "",
        clusters=path.clusters,
        treated=path.treated,
        method=f"{what}; {path.method}",
        kind="iterative",
    )
    return replace(estimate, **more)


def look_at(path: EventPath) -> list[Problem]:
    """Look for coefficients, weights and a covariance that do not belong together."""
    P, Q = np.size(path.pre), np.size(path.post)
    problems = []
    if not P or not Q:
        what = f"{count_of(P, 'coefficient')} before and {Q} after the start."
        problems.append(Problem("path", what, "Give one or more on both sides."))
    elif np.shape(path.covariance) != (P + Q, P + Q):
        what = f"The covariance is {np.shape(path.covariance)} for {P + Q} coefficients."
        problems.append(Problem("path.covariance", what, "Give that of pre and post together, in order."))
    elif not all(np.isfinite(part).all() for part in (path.pre, path.post, path.covariance)):
        problems.append(Problem("path", "A number is missing or infinite.", "Leave that period out."))
    else:
        problems += look_at_covariance(path)
    if path.weights is not None and (np.shape(path.weights) != (Q,) or not np.any(path.weights)):
        what = f"The weights are not {Q} numbers of which one is not zero."
        problems.append(Problem("path.weights", what, "Give one weight for each period after the start."))
    return problems


def look_at_covariance(path: EventPath) -> list[Problem]:
    """Look for a matrix that is no covariance, and for changes that have no spread."""
    given, size = path.covariance, np.abs(path.covariance).max()
    if not np.allclose(given, given.T, atol=1e-8 * size) or np.linalg.eigvalsh(given)[0] < -1e-8 * size:
        what = "The matrix is not symmetric, or not positive semidefinite."
        return [Problem("path.covariance", what, "Give the covariance of the coefficients.")]
    sd = spread(first_differences(len(path.pre), len(path.post)), given)
    if sd.min() <= 1e-7 * math.sqrt(size) or size == 0:
        what = "A change from one period to the next has no spread, as if it were known."
        return [Problem("path.covariance", what, "Leave out periods that repeat another, or add schools.")]
    return []


def too_short(path: EventPath) -> list[Problem]:
    """Look for too few changes before the start to take the largest of."""
    P = np.size(path.pre)
    if P >= 2:
        return []
    what = f"{count_of(P, 'change')} before the start: the largest of so few says little of what is usual."
    return [
        Problem("path.pre", what, "Add earlier years, so that adopting schools have three or more before.")
    ]


def not_positive(name: str, size: float) -> list[Problem]:
    """Look for a violation of negative or unknown size."""
    if math.isfinite(size) and size >= 0:
        return []
    return [Problem(name, f"{size} is no size of a violation.", "Give zero or a positive number.")]
