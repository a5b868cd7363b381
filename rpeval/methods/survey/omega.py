"""Categorical omega: how reliable a score made of ordered answers is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from rpeval.estimate import Estimate
from rpeval.methods.survey.factors import complete_codes, fit_pairs, pair_moments, require_identified
from rpeval.methods.survey.polychoric import OrdinalMoments, bivariate_normal, ordinal_moments


def categorical_omega(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    school: str | None = None,
    level: float = 0.95,
) -> Estimate:
    """Categorical omega: the share of the score's variance that one common factor explains.

    Use as the reliability of a sum or mean of ordered answers; unlike alpha it does not ask that all items be
    equally good. The interval is by the delta method from each respondent's (or school's) influence, on the
    scale log(1 - omega).

    frame  : as for `fit_ordinal_factors`; `school` makes schools the independent units, t(schools - 1)
    Returns an Estimate without unit, kind "iterative". Refuses (MethodError): as `fit_ordinal_factors`.
    Source: Green & Yang (2009), formula 21.

    >>> from rpeval.methods.survey.factors import planted_answers
    >>> answers = planted_answers(loadings=[0.7] * 6, n=5_000, seed=1)
    >>> omega = categorical_omega(answers, items=list(answers), low=1, high=4)
    >>> omega.low < 0.82 < omega.high               # k l^2 / (1 + (k - 1) l^2) is 0.85 before categories
    True
    """
    codes = complete_codes(frame, items=items, low=low, high=high, reverse=reverse)
    factor = np.zeros(len(items), int)
    require_identified(factor)
    moments = ordinal_moments(codes)
    value = _omega(moments)
    influence = moments.influence @ _omega_slopes(moments)
    if school is not None:
        complete = frame[list(items)].notna().all(axis=1)
        influence = pd.Series(influence).groupby(frame.loc[complete, school].to_numpy()).sum().to_numpy()
    units = len(influence)
    df = float(units - 1)
    spread = np.sqrt((influence**2).sum() * (units / df if school else 1.0)) / len(codes)
    reach = float(stats.t.ppf(0.5 + level / 2, df)) * spread / (1 - value)
    who = f"delta method by school, t({df:.0f})" if school else "delta method"
    return Estimate(
        value=value,
        se=float(spread),
        low=float(1 - (1 - value) * np.exp(reach)),
        high=float(1 - (1 - value) * np.exp(-reach)),
        df=df if school else None,
        level=level,
        n=len(codes),
        n_unit="students",
        clusters=units if school else None,
        method=f"categorical omega of {len(items)} items, one factor; {who}",
        kind="iterative",
    )


def _omega(moments: OrdinalMoments) -> float:
    """Categorical omega at the estimated moments."""
    r, _, weight = pair_moments(moments)
    return _omega_at(moments, np.concatenate(moments.thresholds), r, weight)


def _omega_at(moments: OrdinalMoments, cuts: np.ndarray, r: np.ndarray, weight: np.ndarray) -> float:
    """Categorical omega: covariance of the answers through the factor over their whole covariance."""
    k = len(moments.thresholds)
    loadings = fit_pairs(r, weight, np.zeros(k, int), moments.pairs).loadings
    ends = np.cumsum([len(t) for t in moments.thresholds])[:-1]
    tau, step = np.split(cuts, ends), moments.steps
    common = total = 0.0
    for (i, j), observed in zip(moments.pairs, r, strict=True):
        common += 2 * _covariance(tau[i], tau[j], step[i], step[j], loadings[i] * loadings[j])
        total += 2 * _covariance(tau[i], tau[j], step[i], step[j], observed)
    for i in range(k):
        common += _covariance(tau[i], tau[i], step[i], step[i], loadings[i] ** 2)
        below = np.minimum.outer(tau[i], tau[i])
        total += step[i] @ (ndtr(below) - np.outer(ndtr(tau[i]), ndtr(tau[i]))) @ step[i]
    return float(common / total)


def _covariance(a: np.ndarray, b: np.ndarray, up: np.ndarray, across: np.ndarray, r: float) -> float:
    """Covariance of two answers whose normal variables have correlation r."""
    h, k = np.meshgrid(a, b, indexing="ij")
    return float(up @ (bivariate_normal(h, k, r) - ndtr(h) * ndtr(k)) @ across)


def _omega_slopes(moments: OrdinalMoments) -> np.ndarray:
    """Derivatives of omega by thresholds and correlations, by central differences."""
    r, _, weight = pair_moments(moments)
    point = np.concatenate([*moments.thresholds, r])
    cuts_n, width = len(point) - len(r), 1e-5
    slopes = np.empty(len(point))
    for m in range(len(point)):
        up, down = point.copy(), point.copy()
        up[m] += width
        down[m] -= width
        above, below = (_omega_at(moments, x[:cuts_n], x[cuts_n:], weight) for x in (up, down))
        slopes[m] = (above - below) / (2 * width)
    return slopes
