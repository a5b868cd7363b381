"""Categorical omega: how reliable a score made of ordered answers is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from rpeval.estimate import Estimate
from rpeval.methods.survey.factors import (
    Solution,
    complete_codes,
    fit_pairs,
    pair_moments,
    require_identified,
)
from rpeval.methods.survey.polychoric import (
    OrdinalMoments,
    bivariate_density,
    bivariate_normal,
    density,
    ordinal_moments,
)


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
    parts = _omega_parts(moments)
    value = parts.common / parts.total
    slopes = (parts.common_slopes - value * parts.total_slopes) / parts.total
    influence = np.concatenate([block @ slopes for block in moments.influence()])
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


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Omega as common / total, both in squared points, and their slopes by thresholds and correlations."""

    common: float
    total: float
    common_slopes: np.ndarray
    total_slopes: np.ndarray


def _omega_parts(moments: OrdinalMoments) -> _Parts:
    """Covariance of the answers through the factor, and their whole covariance.

    Every threshold meets every other: the covariance of two answers is the sum over their thresholds of
    step * step * (P(both below) - P(below) P(below)).
    """
    r, _, weight = pair_moments(moments)
    k, pairs = len(moments.thresholds), np.array(moments.pairs).T
    solution = fit_pairs(r, weight, np.zeros(k, int), moments.pairs)
    item = np.repeat(np.arange(k), [len(cuts) for cuts in moments.thresholds])
    tau, step = np.concatenate(moments.thresholds), np.concatenate(moments.steps)
    h, j = np.meshgrid(tau, tau, indexing="ij")
    own, alone = item[:, None] == item, np.outer(ndtr(tau), ndtr(tau))
    through = np.outer(solution.loadings, solution.loadings)[item][:, item]
    seen = np.where(own, 0.0, moments.correlations[item][:, item])
    both = np.where(own, ndtr(np.minimum(h, j)), bivariate_normal(h, j, seen))
    near = np.where(own, np.heaviside(j - h, 0.5), _below_given(h, j, seen))
    moved = 2 * step * density(tau)

    def by_pair(r: np.ndarray) -> np.ndarray:
        mass = np.outer(step, step) * bivariate_density(h, j, r)
        return np.add.reduceat(np.add.reduceat(mass, starts, axis=0), starts, axis=1)

    starts = np.flatnonzero(np.diff(item, prepend=-1))
    by_loading = 2 * by_pair(through) @ solution.loadings
    by_seen = 2 * by_pair(seen)[tuple(pairs)]
    return _Parts(
        common=float(step @ (bivariate_normal(h, j, through) - alone) @ step),
        total=float(step @ (both - alone) @ step),
        common_slopes=np.append(
            moved * ((_below_given(h, j, through) - ndtr(tau)) @ step),
            by_loading @ _loading_slopes(solution, r, weight, moments.pairs),
        ),
        total_slopes=np.append(moved * ((near - ndtr(tau)) @ step), by_seen),
    )


def _below_given(h: np.ndarray, k: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Probability that one normal variable lies below k where the other is h."""
    return ndtr((k - r * h) / np.sqrt(1 - r * r))


def _loading_slopes(
    solution: Solution, r: np.ndarray, weight: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """How the fitted loadings move with the correlations: (items, pairs), by the implicit function."""
    i, j = np.array(pairs).T
    pulled = weight * (r - solution.fitted)
    bend = solution.slopes.T @ (weight[:, None] * solution.slopes)
    bend[i, j] -= pulled
    bend[j, i] -= pulled
    return np.linalg.solve(bend, solution.slopes.T * weight)
