"""From a value and its standard error to an Estimate."""

from typing import Any

import numpy as np
from scipy import stats

from rpeval.estimate import Estimate


def t_estimate(value: float, se: float, df: float = np.inf, *, level: float = 0.95, **words: Any) -> Estimate:
    """Make an Estimate with interval and two-sided p-value of a t distribution (normal when df is infinite).

    value, se : in the same unit; df : degrees of freedom; words : the other fields of Estimate
    A standard error of zero gives an interval of no width and no p-value.

    >>> est = t_estimate(-2.0, 1.0, 23, method="example")
    >>> round(est.low, 3), round(est.high, 3), round(est.p, 3)
    (-4.069, 0.069, 0.057)
    """
    half = float(stats.t.ppf((1 + level) / 2, df)) * float(se)
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
