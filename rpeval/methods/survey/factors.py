"""Do the items of a scale measure one thing? Factor models of ordered answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.linalg import lstsq
from scipy.special import ndtr

from rpeval.errors import MethodError, Problem
from rpeval.methods.survey.items import Items, alike, lay_out_items
from rpeval.methods.survey.polychoric import OrdinalMoments, ordinal_moments
from rpeval.methods.wording import refuse

ROWS_LEAST = 100
STEPS_MOST = 500

Model = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True)
class FactorFit:
    """An ordinal factor model and how far it is from the answers.

    items, factors      : item names, and for each the number of its factor
    loadings            : standardized, one per item
    correlation         : between two factors, or None
    chisq, df           : unscaled discrepancy and its degrees of freedom
    chisq_scaled, p     : mean- and variance-adjusted (scaled and shifted) test
    cfi, rmsea          : from the unscaled, cfi_scaled, rmsea_scaled: from the adjusted test
    srmr                : root mean square residual correlation
    n                   : complete answers
    """

    items: tuple[str, ...]
    factors: tuple[int, ...]
    loadings: tuple[float, ...]
    correlation: float | None
    chisq: float
    df: int
    chisq_scaled: float
    p: float
    cfi: float
    cfi_scaled: float
    rmsea: float
    rmsea_scaled: float
    srmr: float
    n: int


@dataclass(frozen=True, slots=True)
class KeyingComparison:
    """One factor for all items beside one factor for each direction of wording."""

    one: FactorFit
    two: FactorFit


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A fitted factor model: loadings, factor correlation, implied correlations and their derivatives."""

    loadings: np.ndarray
    correlation: float | None
    fitted: np.ndarray
    slopes: np.ndarray


def fit_ordinal_factors(items: Items, *, factors: Sequence[int] | None = None) -> FactorFit:
    """Fit a factor model to ordered answers: every item on one factor, factors correlated.

    Use to see whether the items of a scale measure one thing. Diagonally weighted least squares on polychoric
    correlations, factor variances one, with the mean- and variance-adjusted test.

    items   : respondents with an unanswered item leave
    factors : for each item the number of its factor (0, 1); all 0 where absent
    Returns a FactorFit. Refuses (MethodError): fewer than 100 complete answers; an item that everybody
    answers alike; fewer than three items, or than two on a factor; a fit that does not converge or gives a
    loading of one or more.
    Source: Muthen (1984); Asparouhov & Muthen (2010) for the adjusted test.

    >>> fit = fit_ordinal_factors(planted_items(loadings=[0.8, 0.7, 0.6, 0.5], n=20_000, seed=1))
    >>> bool(np.abs(np.array(fit.loadings) - [0.8, 0.7, 0.6, 0.5]).max() < 0.02)
    True
    """
    codes = complete_codes(items)
    factor = factor_of(items, factors)
    moments = ordinal_moments(codes)
    r, gamma, weight = pair_moments(moments)
    solution = fit_pairs(r, weight, factor, moments.pairs)
    return _measure_fit(solution, items=items.names, factor=factor, r=r, gamma=gamma, n=len(codes))


def compare_keying(items: Items) -> KeyingComparison:
    """Compare one factor with two: items worded one way and items worded the other.

    Use whenever a scale has reverse-worded items. Where two factors fit much better, part of the score is how
    students answer negative sentences, and one number for reliability says too little.

    Returns a KeyingComparison. Refuses (MethodError): as `fit_ordinal_factors`; fewer than two items in one
    of the directions.

    >>> both = compare_keying(planted_items(loadings=[0.7] * 6, n=5_000, seed=1, reverse=["i1", "i2"]))
    >>> both.one.df, both.two.df
    (9, 8)
    """
    two = fit_ordinal_factors(items, factors=[int(name in items.reverse) for name in items.names])
    return KeyingComparison(one=fit_ordinal_factors(items), two=two)


def planted_answers(*, loadings: Sequence[float], n: int, seed: int, categories: int = 4) -> pd.DataFrame:
    """Draw answers from one factor with known loadings: columns i0, i1, … of codes 1 to `categories`."""
    rng = np.random.default_rng(seed)
    load = np.asarray(loadings, float)
    latent = load * rng.normal(size=(n, 1)) + np.sqrt(1 - load**2) * rng.normal(size=(n, len(load)))
    codes = 1 + np.minimum((ndtr(latent) * categories).astype(int), categories - 1)
    return pd.DataFrame(codes, columns=[f"i{j}" for j in range(len(load))])


def planted_items(*, loadings: Sequence[float], n: int, seed: int, reverse: Sequence[str] = ()) -> Items:
    """Draw `planted_answers` of four categories and lay them out, for examples and tests.

    >>> planted_items(loadings=[0.9, 0.9], n=3, seed=0).names
    ['i0', 'i1']
    """
    answers = planted_answers(loadings=loadings, n=n, seed=seed)
    return lay_out_items(answers, items=list(answers), low=1, high=4, reverse=reverse)


def complete_codes(items: Items) -> np.ndarray:
    """Complete answers as whole codes, or a refusal."""
    codes = items.codes.dropna()
    problems = []
    if len(codes) < ROWS_LEAST:
        what = f"{len(codes)} respondents answered every item; {ROWS_LEAST} are needed."
        problems.append(Problem("items", what, "Use more answers, or report alpha only."))
    refuse([*problems, *(alike(codes) if len(codes) else [])])
    return np.rint(codes.to_numpy()).astype(int)


def factor_of(items: Items, factors: Sequence[int] | None = None) -> np.ndarray:
    """Number each item's factor, all 0 unless told, or refuse a model that correlations cannot pin down."""
    factor = np.zeros(len(items.names), int) if factors is None else np.asarray(factors, int)
    sizes = np.bincount(factor)
    if sizes.sum() < 3 or (len(sizes) > 1 and sizes.min() < 2) or len(sizes) > 2:
        named = " and ".join(map(str, sizes.tolist()))
        what = f"A factor model cannot be fitted to {named} items."
        raise MethodError(Problem("items", what, "Use three items or more, and two or more on each factor."))
    return factor


def pair_moments(moments: OrdinalMoments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlations as a vector, their asymptotic covariance times n, and the diagonal weights."""
    cuts_n = sum(map(len, moments.thresholds))
    gamma = moments.covariance(first=cuts_n)
    return moments.vector[cuts_n:], gamma, 1 / np.diag(gamma)


def fit_pairs(
    r: np.ndarray, weight: np.ndarray, factor: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> Solution:
    """Fit loadings, and the correlation of two factors, to the correlations of the items."""
    k = len(factor)
    start = np.append(np.full(k, 0.6), [0.5] * int(factor.max()))
    theta, fitted, slopes = descend(start, lambda point: _model(point, factor, pairs), r, weight)
    sign = np.where(np.bincount(factor, theta[:k]) < 0, -1, 1)
    loadings = theta[:k] * sign[factor]
    if np.abs(loadings).max() >= 1:
        refuse_fit()
    correlation = float(theta[k] * sign.prod()) if len(theta) > k else None
    return Solution(loadings, correlation, fitted, slopes)


def descend(
    theta: np.ndarray, model: Model, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimize weighted squared residuals by Gauss-Newton, halving steps that do not help.

    Returns the point, what the model implies there, and its slopes. Refuses a search that does not end.
    """
    fitted, slopes = model(theta)
    root, size, step = np.sqrt(weight), 1.0, np.ones(1)
    for _ in range(STEPS_MOST):
        residual = target - fitted
        step = lstsq(root[:, None] * slopes, root * residual, lapack_driver="gelsy")[0]
        loss, size = weight @ residual**2, 1.0
        while True:
            trial, trial_slopes = model(theta + size * step)
            if weight @ (target - trial) ** 2 <= loss * (1 + 1e-12) or size < 1e-6:
                break
            size /= 2
        theta, fitted, slopes = theta + size * step, trial, trial_slopes
        if np.abs(size * step).max() < 1e-11:
            break
    if np.abs(size * step).max() > 1e-6:
        refuse_fit()
    return theta, fitted, slopes


def refuse_fit() -> None:
    """Refuse a factor model that the answers contradict."""
    what = "The factor model does not fit: it does not converge or gives a loading of one or more."
    raise MethodError(Problem("items", what, "Look at the items' correlations, and leave out a twin."))


def _model(
    theta: np.ndarray, factor: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Correlations that the model implies, and their derivatives by loadings and factor correlation."""
    k, (i, j) = len(factor), np.array(pairs).T
    rows, across = np.arange(len(i)), factor[i] != factor[j]
    between = np.where(across, theta[-1], 1.0)
    slopes = np.zeros((len(i), len(theta)))
    slopes[rows, i] = theta[j] * between
    slopes[rows, j] = theta[i] * between
    if len(theta) > k:
        slopes[across, k] = (theta[i] * theta[j])[across]
    return theta[i] * theta[j] * between, slopes


def _measure_fit(
    solution: Solution, *, items: Sequence[str], factor: np.ndarray, r: np.ndarray, gamma: np.ndarray, n: int
) -> FactorFit:
    """Compare the model with the answers, and with a model of no correlation at all."""
    slopes, residual = solution.slopes, r - solution.fitted
    weight = 1 / np.diag(gamma)
    df, df_none = len(r) - slopes.shape[1], len(r)
    chisq, none = ((n - 1) * weight @ part**2 for part in (residual, r))
    scaled = adjusted_chisq(chisq, df, swept(slopes, weight) @ gamma)
    none_scaled = adjusted_chisq(none, df_none, weight[:, None] * gamma)
    k = len(items)
    return FactorFit(
        items=tuple(items),
        factors=tuple(factor.tolist()),
        loadings=tuple(solution.loadings.tolist()),
        correlation=solution.correlation,
        chisq=float(chisq),
        df=df,
        chisq_scaled=scaled,
        p=float(stats.chi2.sf(scaled, df)) if df else 1.0,
        cfi=comparative_fit(chisq, df, none, df_none),
        cfi_scaled=comparative_fit(scaled, df, none_scaled, df_none),
        rmsea=approximation_error(chisq, df, n),
        rmsea_scaled=approximation_error(scaled, df, n),
        srmr=float(np.sqrt(residual @ residual / (k * (k + 1) / 2))),
        n=n,
    )


def swept(slopes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Diagonal weights with the directions of the slopes taken out."""
    weighted = weight[:, None] * slopes
    return np.diag(weight) - weighted @ np.linalg.solve(slopes.T @ weighted, weighted.T)


def adjusted_chisq(chisq: float, df: int, product: np.ndarray) -> float:
    """Scale and shift a discrepancy so that its mean and variance are those of a chi-square."""
    if df == 0:
        return 0.0
    first, second = np.trace(product), np.sum(product * product.T)
    scale = np.sqrt(df / second)
    return float(scale * chisq + df - scale * first)


def comparative_fit(chisq: float, df: int, none: float, df_none: int) -> float:
    """Comparative fit index."""
    worst = max(none - df_none, chisq - df, 0.0)
    return float(1 - max(chisq - df, 0.0) / worst) if worst > 0 else 1.0


def approximation_error(chisq: float, df: int, n: int, groups: int = 1) -> float:
    """Root mean square error of approximation."""
    return float(np.sqrt(max(groups * (chisq - df) / ((n - groups) * df), 0.0))) if df else 0.0
