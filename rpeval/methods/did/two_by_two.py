"""One comparison of one cohort with its comparison schools, between two years, with or without covariates.

Every function takes the change of the outcome, who belongs to the cohort, and weights (zero for schools that
take no part). It returns the effect, each school's influence on it (squared influences add up to the
variance), and the effect without each school (NaN where it cannot be made).

Shapes: G schools, C covariates with a constant, B sets of weights fitted at once, N deals of start years.
"""

import numpy as np

from rpeval.errors import MethodError, Problem

TRIM = 0.995
STEPS = 60
SINGULAR = 1e13

Effect = tuple[float | np.ndarray, np.ndarray, np.ndarray]


def difference_of_means(change: np.ndarray, own: np.ndarray, weights: np.ndarray) -> Effect:
    """Compare mean changes; own and weights may be those of many deals at once (N by G).

    >>> change, own = np.array([4.0, 2, 1, 1]), np.array([True, True, False, False])
    >>> value, influence, left_out = difference_of_means(change, own, np.ones(4))
    >>> float(value), influence.tolist(), left_out.tolist()
    (2.0, [0.5, -0.5, -0.0, -0.0], [1.0, 3.0, 2.0, 2.0])
    """
    parts = []
    for side in (own, ~own):
        w = weights * side
        n, total = w.sum(axis=-1, keepdims=True), (w @ change)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / n
            left = np.where(n - w > 1e-12 * n, (total - w * change) / (n - w), np.nan)
            parts.append((mean[..., 0], w * (change - mean) / n, left))
    (mean, influence, left), (other_mean, other_influence, other_left) = parts
    return mean - other_mean, influence - other_influence, left - other_left


def regression_adjusted(change: np.ndarray, own: np.ndarray, weights: np.ndarray, X: np.ndarray) -> Effect:
    """Compare the cohort's changes with those a regression on the comparison schools predicts for it.

    X : G by C. Source: Sant'Anna & Zhao (2020), eq. 2.2.
    """
    W = with_and_without_each(weights)
    gap = change - regress(change, W * ~own, X)
    share = shares(W * own)
    values = (share * gap).sum(axis=1)
    refuse_unfitted(values[0], "The comparison schools are too few, or too alike, for these covariates.")
    share, gap = share[0], gap[0]
    by_fit = influence_of(weights * ~own, gap, X)
    return float(values[0]), share * (gap - values[0]) - by_fit @ (share @ X), spread(values, weights)


def doubly_robust(change: np.ndarray, own: np.ndarray, weights: np.ndarray, X: np.ndarray) -> Effect:
    """Compare with a regression on, and a weighting of, the comparison schools; right if either is right.

    X : G by C. Source: Sant'Anna & Zhao (2020), eq. 2.4, with logit weights and ordinary least squares.
    """
    W = with_and_without_each(weights)
    gap, chance = change - regress(change, W * ~own, X), logit(own, W, X)
    odds = np.where(~own & (chance < TRIM), W * chance / (1 - np.minimum(chance, 1 - 1e-6)), 0.0)
    share, other = shares(W * own), shares(np.where(np.isnan(chance), np.nan, odds))
    values = ((share - other) * gap).sum(axis=1)
    refuse_unfitted(values[0], "The covariates tell the cohort from its comparison schools perfectly.")
    share, other, gap, chance = share[0], other[0], gap[0], chance[0]
    mean, other_mean = share @ gap, other @ gap
    by_fit = influence_of(weights * ~own, gap, X)
    by_chance = influence_of(weights, own - chance, X, chance * (1 - chance))
    influence = share * (gap - mean) - other * (gap - other_mean) - by_fit @ ((share - other) @ X)
    influence -= by_chance @ ((other * (gap - other_mean)) @ X)
    return float(values[0]), influence, spread(values, weights)


def with_and_without_each(weights: np.ndarray) -> np.ndarray:
    """Stack the weights over the same without each school that takes part."""
    part = np.flatnonzero(weights)
    W = np.tile(weights, (len(part) + 1, 1))
    W[np.arange(len(part)) + 1, part] = 0.0
    return W


def spread(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Give each school the value without it; schools that take no part change nothing."""
    left = np.full(len(weights), values[0])
    left[np.flatnonzero(weights)] = values[1:]
    return left


def shares(W: np.ndarray) -> np.ndarray:
    """Scale each row to sum to one, NaN where it is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return W / W.sum(axis=1, keepdims=True)


def regress(y: np.ndarray, W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Fit y on X with each row of weights; return fitted values (B by G), NaN where undetermined."""
    cross = (W @ outer(X)).reshape(len(W), X.shape[1], X.shape[1])
    return solve_rows(cross, (W * y) @ X) @ X.T


def logit(own: np.ndarray, W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Fit the chance of belonging to the cohort by Newton's method with each row of weights (B by G)."""
    beta = np.zeros((len(W), X.shape[1]))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(beta @ X.T, -40, 40)))
        information = ((W * chance * (1 - chance)) @ outer(X)).reshape(len(W), X.shape[1], X.shape[1])
        step = solve_rows(information, (W * (own - chance)) @ X)
        beta = beta + step
        size = np.abs(step @ X.T).max(axis=1)
        if (np.isnan(size) | (size < 1e-12)).all():
            break
    return np.where((size < 1e-9)[:, None], chance, np.nan)


def outer(X: np.ndarray) -> np.ndarray:
    """Products of each school's covariates (G by C squared)."""
    return (X[:, :, None] * X[:, None, :]).reshape(len(X), -1)


def solve_rows(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve A x = b for each row, NaN where A is singular."""
    fine = np.isfinite(A).all(axis=(1, 2))
    fine[fine] = np.linalg.cond(A[fine]) < SINGULAR
    x = np.full(b.shape, np.nan)
    x[fine] = np.linalg.solve(A[fine], b[fine][..., None])[..., 0]
    return x


def influence_of(
    w: np.ndarray, residual: np.ndarray, X: np.ndarray, curve: np.ndarray | float = 1.0
) -> np.ndarray:
    """Influence of each school on fitted coefficients (G by C)."""
    information = X.T @ ((w * curve)[:, None] * X)
    return np.linalg.solve(information, ((w * residual)[:, None] * X).T).T


def refuse_unfitted(value: float, what: str) -> None:
    """Refuse an adjustment that the covariates do not determine."""
    if not np.isfinite(value):
        raise MethodError(Problem("covariates", what, "Use fewer covariates."))
