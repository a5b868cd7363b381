"""From a value and its standard error to an Estimate, and from one unit to another."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from rpeval.estimate import Estimate

LEVEL = 0.95  # of every interval; a test rejects at one minus it


def critical(df: float | np.ndarray = np.inf, level: float = LEVEL) -> float | np.ndarray:
    """Half width of an interval in standard errors: of t with `df`, of the normal when df is infinite.

    >>> round(critical(), 3), round(critical(23), 3)
    (1.96, 2.069)
    """
    value = stats.t.ppf((1 + level) / 2, df)
    return value if np.ndim(df) else float(value)


def t_estimate(
    value: float, se: float, df: float = np.inf, *, level: float = LEVEL, **words: Any
) -> Estimate:
    """Make an Estimate with interval and two-sided p-value of a t distribution (normal when df is infinite).

    value, se : in the same unit; df : degrees of freedom; words : the other fields of Estimate
    A standard error of zero gives an interval of no width and no p-value.

    >>> est = t_estimate(-2.0, 1.0, 23, method="example")
    >>> round(est.low, 3), round(est.high, 3), round(est.p, 3)
    (-4.069, 0.069, 0.057)
    """
    half = critical(df, level) * float(se)
    return Estimate(
        value=float(value),
        se=float(se),
        low=float(value) - half,
        high=float(value) + half,
        p=float(2 * stats.t.sf(abs(value) / se, df)) if se > 0 else None,
        df=float(df) if np.isfinite(df) else None,
        level=level,
        **words,
    )


def scaled(estimate: Estimate, factor: float, **words: Any) -> Estimate:
    """Multiply an Estimate, its standard error and its interval by a number of either sign.

    words : fields of Estimate to change with it (unit, method); p and df stay what they were.

    >>> est = scaled(Estimate(-2.0, se=1.0, low=-4.0, high=-1.0), -3.0, unit="days")
    >>> est.value, est.se, est.low, est.high
    (6.0, 3.0, 3.0, 12.0)
    """
    low, high = (None if end is None else factor * end for end in (estimate.low, estimate.high))
    if factor < 0:
        low, high = high, low
    se = None if estimate.se is None else abs(factor) * estimate.se
    return replace(estimate, value=factor * estimate.value, se=se, low=low, high=high, **words)
