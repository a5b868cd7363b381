"""Fixed-length confidence intervals under smoothness: the numbers behind `sensitivity.smoothness`.

Rambachan & Roth (2023), section 4.1. Under Delta^SD(M) the difference in trends may bend by at most M from
one period to the next. An affine estimator subtracts a weighted sum of the pre-period coefficients from the
weighted effect; its worst bias is M times the sum of what it gives to each bend, provided it gives nothing to
a straight line. The interval is the shortest one around such an estimator that covers for the worst bias.

Its half-length is convex in the estimator (the perspective of a convex function of bias and standard
deviation), so a bounded quasi-Newton search finds the one minimum.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import stdtr, stdtrit

from rpeval.methods.intervals import LEVEL


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The affine estimators that a straight line cannot bias.

    The estimator's coefficients are fixed + free @ z, where z (P - 1) is what it gives to each bend before
    the reference; `after` is the fixed sum of what it gives to the bends from the reference on.
    """

    fixed: np.ndarray
    free: np.ndarray
    after: float


@dataclass(frozen=True, slots=True, eq=False)
class FixedLength:
    """The shortest interval: center plus and minus half; coefficients of its estimator (K)."""

    center: float
    half: float
    coefficients: np.ndarray


def bends(pre_n: int, post_n: int) -> np.ndarray:
    """What one unit of bend at each inner period does to each coefficient (K by P + Q - 1).

    Periods run from -P to Q without the reference 0. A path is the straight line through its last change
    before the reference, plus its bends: those at or after the reference move later periods, those before it
    earlier ones.

    >>> bends(2, 2)
    array([[1., 0., 0.],
           [0., 0., 0.],
           [0., 1., 0.],
           [0., 2., 1.]])
    """
    period = periods(pre_n, post_n)[:, None]
    at = np.arange(1 - pre_n, post_n)[None, :]
    return np.where(at >= 0, np.maximum(period - at, 0), np.maximum(at - period, 0)).astype(float)


def periods(pre_n: int, post_n: int) -> np.ndarray:
    """Periods of the coefficients: -P to -1, then 1 to Q.

    >>> periods(2, 1)
    array([-2, -1,  1])
    """
    return np.concatenate([np.arange(-pre_n, 0), np.arange(1, post_n + 1)])


def family(pre_n: int, weights: np.ndarray) -> Family:
    """Write the estimators of the weighted effect that give nothing to a straight line."""
    post_n = len(weights)
    period, bend = periods(pre_n, post_n), bends(pre_n, post_n)
    before = bend[:pre_n, : pre_n - 1]
    solved = np.linalg.inv(np.column_stack([period[:pre_n], before]).T)
    fixed = np.concatenate([-(weights @ period[pre_n:]) * solved[:, 0], weights])
    free = np.concatenate([solved[:, 1:], np.zeros((post_n, pre_n - 1))])
    return Family(fixed, free, float(np.abs(weights @ bend[pre_n:, pre_n - 1 :]).sum()))


def density(x: float, df: float) -> float:
    """Density of t(df), of the normal where df is infinite."""
    if np.isinf(df):
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(constant - (df + 1) / 2 * math.log1p(x * x / df))


def folded_critical(bias: float, df: float = math.inf) -> float:
    """Value that |T + bias| exceeds with probability 5 %, T with t(df).

    Newton's method from the one-sided value, below the root of a function that is concave from there on, so
    that every step stays below it and the steps only go up.

    >>> round(folded_critical(0.0), 4), round(folded_critical(5.0), 4)
    (1.96, 6.6449)
    """
    value = bias + float(stdtrit(df, LEVEL))
    for _ in range(60):
        missing = LEVEL - float(stdtr(df, value - bias) - stdtr(df, -value - bias))
        step = missing / (density(value - bias, df) + density(value + bias, df))
        value += step
        if abs(step) < 1e-13 * value:
            break
    return value


def shortest_interval(
    pre: np.ndarray,
    post: np.ndarray,
    covariance: np.ndarray,
    weights: np.ndarray,
    *,
    m: float,
    df: float = math.inf,
) -> FixedLength:
    """Find the estimator with the shortest interval that covers under Delta^SD(m), and the interval.

    With a known covariance (df infinite) that is the interval of Rambachan & Roth. An estimated covariance of
    few schools would choose the estimator that happens to look precise (71 % coverage with 3 of 12 schools
    adopting, 96 % as here), so then it is chosen as if yearly errors were independent and alike, and only its
    width rests on the estimate, by t(df).
    """
    shape = family(len(pre), weights)
    chosen_by = covariance if np.isinf(df) else independent(covariance)
    scale = float(np.sqrt(shape.fixed @ chosen_by @ shape.fixed))
    z = straightest(shape, chosen_by)
    if m > 0 and len(z):
        z = search(shape, chosen_by / scale**2, z, m / scale, df)
    coefficients = shape.fixed + shape.free @ z
    sd = float(np.sqrt(coefficients @ covariance @ coefficients))
    half = float(sd * folded_critical(m * (shape.after + np.abs(z).sum()) / sd, df))
    return FixedLength(float(coefficients @ np.concatenate([pre, post])), half, coefficients)


def independent(covariance: np.ndarray) -> np.ndarray:
    """Covariance of coefficients that share a reference when periods err independently, of the same size."""
    alike = np.eye(len(covariance)) + 1.0
    return alike * np.trace(covariance) / np.trace(alike)


def straightest(shape: Family, covariance: np.ndarray) -> np.ndarray:
    """The z of the estimator with the smallest variance, whatever its bias; it is the best one at M = 0."""
    curve = shape.free.T @ covariance @ shape.free
    return -np.linalg.lstsq(curve, shape.free.T @ covariance @ shape.fixed, rcond=None)[0]


def search(shape: Family, covariance: np.ndarray, start: np.ndarray, m: float, df: float) -> np.ndarray:
    """Minimize the half-length over z, written as the difference of two vectors that are zero or more."""
    n = len(start)

    def half_length(parts: np.ndarray) -> tuple[float, np.ndarray]:
        estimator = shape.fixed + shape.free @ (parts[:n] - parts[n:])
        pull = covariance @ estimator
        sd = math.sqrt(estimator @ pull)
        bias = m * (shape.after + parts.sum()) / sd
        critical = folded_critical(bias, df)
        near, far = density(critical - bias, df), density(critical + bias, df)
        by_bias = (near - far) / (near + far)
        by_z = (critical - bias * by_bias) / sd * (shape.free.T @ pull)
        return sd * critical, np.concatenate([by_z, -by_z]) + m * by_bias

    found = minimize(
        half_length,
        np.concatenate([np.maximum(start, 0), np.maximum(-start, 0)]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * n),
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
    )
    return found.x[:n] - found.x[n:]
