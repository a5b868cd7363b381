"""How far the true effects of studies lie apart, beyond what chance does to their estimates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.wording import refuse

LEAST = 2


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the effects of studies differ.

    tau   : standard deviation of the true effects between studies, with its Q-profile interval, in their unit
    share : percent of the variance of the estimates that is not chance (I²), with the same interval
    q, df, p : Cochran's Q, its degrees of freedom and p-value
    power : chance, in percent, that Q has p < 0.05 where half of the variance is not chance (I² = 50)
    """

    tau: Estimate
    share: Estimate
    q: float
    df: int
    p: float
    power: float


def effects(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give values and sampling variances; refuses (MethodError) fewer than two studies and bad errors.

    >>> effects(pd.DataFrame({"value": [1.0, 2.0], "se": [1.0, 3.0]}))[1].tolist()
    [1.0, 9.0]
    """
    y, s = frame["value"].to_numpy(float), frame["se"].to_numpy(float)
    if len(y) < LEAST:
        what = f"There {'is one study' if len(y) == 1 else 'are no studies'}, and a mean needs two."
        refuse([Problem("studies", what, "Add studies, or read the one for itself.")])
    if not (np.isfinite(y).all() and (s > 0).all() and np.isfinite(s).all()):
        what = "A value is missing, or a standard error is not above zero."
        refuse([Problem("studies", what, "Use `comparable` first.")])
    return y, s**2


def weighted(y: np.ndarray, v: np.ndarray, tau2: float) -> tuple[float, float, np.ndarray]:
    """Give the mean by inverse variances, the weighted squares around it (Q), and the weights.

    >>> weighted(np.array([0.0, 2.0]), np.array([1.0, 1.0]), 1.0)[:2]
    (1.0, 1.0)
    """
    w = 1 / (v + tau2)
    mean = float(w @ y / w.sum())
    return mean, float(w @ (y - mean) ** 2), w


def tau_squared(y: np.ndarray, v: np.ndarray) -> float:
    """Variance of true effects by Paule and Mandel: the one at which Q is what it should be, k − 1.

    It needs no start value and no likelihood, has one solution, and lies inside the Q-profile interval. At it
    the Hartung–Knapp factor is one, so that factor is needed only where the variance is zero.

    y, v : values and sampling variances
    Returns zero where the estimates lie no further apart than chance would have them.
    Source: Paule & Mandel (1982); chosen after Veroniki and others (2016), Research Synthesis Methods 7.

    >>> round(tau_squared(np.array([0.0, 2.0]), np.array([1.0, 1.0])), 9)     # 4/2 = 1 + tau²
    1.0
    """
    return where_q_is(len(y) - 1, y, v)


def where_q_is(target: float, y: np.ndarray, v: np.ndarray) -> float:
    """Find the variance between studies at which Q has a value; zero where it is lower already at zero.

    >>> round(where_q_is(0.5, np.array([0.0, 2.0]), np.array([1.0, 1.0])), 9)
    3.0
    """
    if weighted(y, v, 0.0)[1] <= target:
        return 0.0
    top = float(np.var(y) + v.max())
    while weighted(y, v, top)[1] > target:
        top *= 2
    return float(optimize.brentq(lambda t: weighted(y, v, t)[1] - target, 0.0, top, xtol=1e-14, rtol=1e-14))


def spread(frame: pd.DataFrame, *, unit: str = "", level: float = 0.95) -> Spread:
    """Say how far the effects of several studies differ.

    Use it beside every pooled mean: a mean over effects that differ is not the effect in any one district.
    The test of Q finds real differences rarely among few studies, so that p > 0.05 does not say that the
    effects are the same; `power` says how rarely.

    frame : one row per study: value, se; unit : of the values
    Returns a Spread. The interval of tau is that of the Q-profile: every variance at which Q is no surprise.
    Refuses (MethodError) fewer than two studies.
    Source: Viechtbauer (2007), Statistics in Medicine 26; Higgins & Thompson (2002); Cochran (1954).

    >>> alike = pd.DataFrame({"value": [1.0, 1.6, 0.6], "se": [0.5, 0.6, 0.5]})
    >>> found = spread(alike)
    >>> found.tau.value, found.tau.high > 0.5
    (0.0, True)
    """
    y, v = effects(frame)
    k, q = len(y), weighted(y, v, 0.0)[1]
    tails = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], k - 1)
    ends = [tau_squared(y, v), *(where_q_is(float(tail), y, v) for tail in tails)]
    shares = [_share(end, v) for end in ends]
    limit = stats.chi2.ppf(0.95, k - 1)
    return Spread(
        tau=_told([end**0.5 for end in ends], k, level, unit, "Paule–Mandel; Q-profile interval"),
        share=_told(shares, k, level, "percent", "from tau and the typical sampling variance"),
        q=q, df=k - 1, p=float(stats.chi2.sf(q, k - 1)), power=float(100 * stats.chi2.sf(limit / 2, k - 1)),
    )  # fmt: skip


def _told(ends: list[float], k: int, level: float, unit: str, method: str) -> Estimate:
    value, low, high = ends
    return Estimate(value=value, low=low, high=high, level=level, unit=unit, n=k, n_unit="studies",
                    method=method, kind="iterative")  # fmt: skip


def _share(tau2: float, v: np.ndarray) -> float:
    """Give the percent of the variance that lies between studies, by the typical sampling variance."""
    w = 1 / v
    typical = (len(v) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())
    return float(100 * tau2 / (tau2 + typical))
