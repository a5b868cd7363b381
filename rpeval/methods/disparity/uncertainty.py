"""How far a risk ratio or difference may be from the truth: for students, for small counts, for events."""

import math

import numpy as np
from scipy import stats

from rpeval.methods.intervals import LEVEL, critical

SMALL = 10
NONE = (math.nan, math.nan)


def is_small(a: float, n: float, other_a: float, other_n: float) -> bool:
    """Say whether one of the four cells (affected or not, group or others) holds fewer than ten students."""
    return min(a, n - a, other_a, other_n - other_a) < SMALL


def exact_risk(a: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Give the exact interval of Clopper and Pearson for a risk, from 0 to 1.

    >>> [round(x, 4) for x in exact_risk(0, 10)]
    [0.0, 0.3085]
    """
    tail = (1 - level) / 2
    low = 0.0 if a == 0 else float(stats.beta.ppf(tail, a, n - a + 1))
    high = 1.0 if a == n else float(stats.beta.ppf(1 - tail, a + 1, n - a))
    return low, high


def ratio_of_students(a: float, n: float, other_a: float, other_n: float) -> tuple[float, float]:
    """Give an interval for the ratio of two risks of unduplicated students.

    Large counts: exp(ln RR ± z √(1/a − 1/n + 1/a' − 1/n')). Small counts: each risk's exact interval at the
    square root of the level, so that both hold together at least as often as the level says.

    >>> [round(x, 3) for x in ratio_of_students(30, 100, 20, 100)]
    [0.916, 2.456]
    """
    if is_small(a, n, other_a, other_n):
        (low, high), (other_low, other_high) = _both(a, n, other_a, other_n)
        return low / other_high, high / other_low if other_low > 0 else math.inf
    se = math.sqrt(1 / a - 1 / n + 1 / other_a - 1 / other_n)
    half = critical() * se
    ratio = (a / n) / (other_a / other_n)
    return ratio * math.exp(-half), ratio * math.exp(half)


def difference_of_students(a: float, n: float, other_a: float, other_n: float) -> tuple[float, float]:
    """Give an interval for the difference of two risks of unduplicated students, from -1 to 1.

    Large counts: the normal interval. Small counts: as in `ratio_of_students`.

    >>> [round(x, 3) for x in difference_of_students(30, 100, 20, 100)]
    [-0.019, 0.219]
    """
    if is_small(a, n, other_a, other_n):
        (low, high), (other_low, other_high) = _both(a, n, other_a, other_n)
        return low - other_high, high - other_low
    p, q = a / n, other_a / other_n
    half = critical() * math.sqrt(p * (1 - p) / n + q * (1 - q) / other_n)
    return p - q - half, p - q + half


def _both(a: float, n: float, other_a: float, other_n: float):
    each = math.sqrt(LEVEL)
    return exact_risk(a, n, level=each), exact_risk(other_a, other_n, level=each)


def leave_schools_out(sides: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give intervals for the ratio and the difference of two rates of events, from schools left out in turn.

    Events of one student, and students of one school, are not independent, so the schools carry the
    uncertainty: a jackknife over them (the ratio on the log scale), with a t distribution.

    sides : one row per school: enrolled, events, others' enrolled, others' events
    Returns the two intervals; missing where fewer than five schools have students of the group, or where
    leaving one school out leaves no event.

    >>> sides = np.array([[10.0, 2, 20, 1]] * 6)
    >>> [round(x, 9) for x in leave_schools_out(sides)[0]]
    [4.0, 4.0]
    """
    schools_n = int((sides[:, 0] > 0).sum())
    if schools_n < 5:
        return NONE, NONE
    used = sides[sides.any(axis=1)]
    left = used.sum(axis=0) - used
    if (left[:, [0, 2]] <= 0).any():
        return NONE, NONE
    rate, others = left[:, 1] / left[:, 0], left[:, 3] / left[:, 2]
    total = used.sum(axis=0)
    at = total[1] / total[0], total[3] / total[2]
    difference = _around(at[0] - at[1], rate - others, schools_n)
    if (left[:, [1, 3]] <= 0).any():
        return NONE, difference
    low, high = _around(math.log(at[0] / at[1]), np.log(rate / others), schools_n)
    return (math.exp(low), math.exp(high)), difference


def _around(value: float, without: np.ndarray, schools_n: int) -> tuple[float, float]:
    used_n = len(without)
    se = math.sqrt((used_n - 1) / used_n * float(((without - without.mean()) ** 2).sum()))
    half = critical(schools_n - 1) * se
    return value - half, value + half
