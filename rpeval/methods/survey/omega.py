"""How reliable a score made of ordered answers is: categorical omega, and alpha beside it by group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.intervals import LEVEL, critical
from rpeval.methods.survey.factors import Solution, complete_codes, factor_of, fit_pairs, pair_moments
from rpeval.methods.survey.items import Items
from rpeval.methods.survey.polychoric import (
    OrdinalMoments,
    bivariate_density,
    bivariate_normal,
    density,
    ordinal_moments,
)
from rpeval.methods.survey.scales import RESPONDENTS_LEAST, cronbach_alpha


def categorical_omega(items: Items, *, by_school: bool = False) -> Estimate:
    """Categorical omega: the share of the score's variance that one common factor explains.

    Use as the reliability of a sum or mean of ordered answers; unlike alpha it does not ask that all items be
    equally good. The interval is by the delta method on the scale log(1 - omega).

    by_school : schools are the independent units, t(schools - 1)
    Returns an Estimate without unit, kind "iterative". Refuses (MethodError): as `fit_ordinal_factors`.
    Source: Green & Yang (2009), formula 21.

    >>> from rpeval.methods.survey.factors import planted_items
    >>> omega = categorical_omega(planted_items(loadings=[0.7] * 6, n=5_000, seed=1))
    >>> omega.low < 0.82 < omega.high               # k l^2 / (1 + (k - 1) l^2) is 0.85 before categories
    True
    """
    codes = complete_codes(items)
    factor_of(items)
    moments = ordinal_moments(codes)
    value, slopes = _omega(moments)
    influence = np.concatenate([block @ slopes for block in moments.influence()])
    if by_school:
        schools = items.rows["school_id"].to_numpy()[items.complete]
        influence = pd.Series(influence).groupby(schools).sum().to_numpy()
    units = len(influence)
    if units < 2:
        what = "The answers are of one school, so nothing shows how schools differ."
        raise MethodError(Problem("school", what, "Use more schools, or name no school."))
    df = float(units - 1)
    spread = np.sqrt((influence**2).sum() * (units / df if by_school else 1.0)) / len(codes)
    reach = critical(df) * spread / (1 - value)
    who = f"delta method by school, t({df:.0f})" if by_school else "delta method"
    return Estimate(
        value=value,
        se=float(spread),
        low=float(1 - (1 - value) * np.exp(reach)),
        high=float(1 - (1 - value) * np.exp(-reach)),
        df=df if by_school else None,
        level=LEVEL,
        n=len(codes),
        n_unit="students",
        clusters=units if by_school else None,
        method=f"categorical omega of {len(items.names)} items, one factor; {who}",
        kind="iterative",
    )


def reliability(items: Items, *, by: Sequence[str], by_school: bool = False) -> pd.DataFrame:
    """Alpha and categorical omega of every group, wave, or group in every wave.

    Use to see whether the score is as reliable for one group as for another: where it is not, effects and
    gaps of the group with more noise look smaller than they are.

    by : columns of the rows; a respondent without a group leaves
    Returns one row per group in order: the columns of `by`, students_n (complete answers), alpha, alpha_low,
    alpha_high, omega, omega_low, omega_high. A group of fewer than ten complete answers has no row, and omega
    is missing where `categorical_omega` refuses.

    >>> from rpeval.methods.survey.factors import planted_answers
    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = planted_answers(loadings=[0.7] * 6, n=409, seed=1)
    >>> answers["wave"] = answers.index // 200                                    # 200, 200 and 9 students
    >>> items = lay_out_items(answers, items=[f"i{j}" for j in range(6)], low=1, high=4)
    >>> table = reliability(items, by=["wave"])
    >>> table[["wave", "students_n"]].to_numpy().tolist()
    [[0, 200], [1, 200]]
    """
    rows, keys = [], items.rows[list(by)].reset_index(drop=True)
    for key, group in keys.groupby(list(by), observed=True):
        own = items.part(group.index)
        answered_n = int(own.complete.sum())
        if answered_n < RESPONDENTS_LEAST:
            continue
        alpha = attempt(cronbach_alpha, own)
        omega = attempt(categorical_omega, own, by_school=by_school)
        rows.append([*key, answered_n, *_interval(alpha), *_interval(omega)])
    named = [f"{name}{end}" for name in ("alpha", "omega") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*by, "students_n", *named])


def _interval(estimate: Estimate | Refusal) -> list[float]:
    """Value and ends of an estimate, missing where it was refused."""
    if isinstance(estimate, Refusal):
        return [np.nan] * 3
    return [estimate.value, estimate.low, estimate.high]


@dataclass(frozen=True, slots=True, eq=False)
class _Variance:
    """Variance of the sum of the answers, and its slopes by every threshold and every pair's correlation."""

    value: float
    by_threshold: np.ndarray
    by_pair: np.ndarray


def _score_variance(moments: OrdinalMoments, r: np.ndarray) -> _Variance:
    """Variance of the sum of the answers when their normal variables are correlated as r, (items, items).

    Every threshold meets every other: the covariance of two answers is the sum over their thresholds of
    step * step * (P(both below) - P(below) P(below)). Where r is one the two are the same variable.
    """
    tau, step = np.concatenate(moments.thresholds), np.concatenate(moments.steps)
    item = np.repeat(np.arange(len(r)), [len(cuts) for cuts in moments.thresholds])
    here, there = np.meshgrid(tau, tau, indexing="ij")
    full = r[item][:, item]
    same = full == 1
    r = np.where(same, 0.0, full)
    both = np.where(same, ndtr(np.minimum(here, there)), bivariate_normal(here, there, r))
    below = ndtr((there - r * here) / np.sqrt(1 - r * r))
    below = np.where(same, np.heaviside(there - here, 0.5), below)
    mass = np.outer(step, step) * bivariate_density(here, there, r)
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    return _Variance(
        value=float(step @ (both - np.outer(ndtr(tau), ndtr(tau))) @ step),
        by_threshold=2 * step * density(tau) * ((below - ndtr(tau)) @ step),
        by_pair=2 * np.add.reduceat(np.add.reduceat(mass, starts, axis=0), starts, axis=1),
    )


def _omega(moments: OrdinalMoments) -> tuple[float, np.ndarray]:
    """Categorical omega, variance through the factor over all variance, and its slopes by the moments."""
    r, _, weight = pair_moments(moments)
    pairs = tuple(np.array(moments.pairs).T)
    solution = fit_pairs(r, weight, np.zeros(len(moments.thresholds), int), moments.pairs)
    common = _score_variance(moments, np.outer(solution.loadings, solution.loadings))
    total = _score_variance(moments, moments.correlations)
    by_correlation = common.by_pair @ solution.loadings @ _loading_slopes(solution, r, weight, moments.pairs)
    value = common.value / total.value
    slopes = np.append(
        common.by_threshold - value * total.by_threshold, by_correlation - value * total.by_pair[pairs]
    )
    return value, slopes / total.value


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
