"""Weighted least squares whose standard errors hold with few schools: CR2 and Bell-McCaffrey df."""

from dataclasses import dataclass

import numpy as np

from rpeval.errors import MethodError, Problem

TINY = 1e-10


@dataclass(frozen=True, slots=True)
class ClusteredFit:
    """The first coefficient of a weighted least squares fit, with its cluster-robust uncertainty.

    value      : the coefficient, in the outcome's unit
    se         : CR2 standard error, same unit
    df         : Satterthwaite degrees of freedom
    coefficients: all coefficients of `design`, shape (columns,)
    clusters_n : clusters
    rows_n     : rows
    """

    value: float
    se: float
    df: float
    coefficients: tuple[float, ...]
    clusters_n: int
    rows_n: int


@dataclass(frozen=True, slots=True, eq=False)
class JointFit:
    """The same for several outcomes of the same rows, with their common uncertainty.

    values     : (outcomes,) the first coefficient for each outcome, in its unit
    covariance : (outcomes, outcomes) CR2 covariance of the values
    df         : Satterthwaite degrees of freedom, the same for every outcome
    clusters_n : clusters
    """

    values: np.ndarray
    covariance: np.ndarray
    df: float
    clusters_n: int


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """One cluster: absorbed dummies S, design X, weights times both, outcomes y, L = inverse of S'WS.

    Rows of one cell (equal in S and X) span only two directions that matter, their mean and the deviation of
    their weights, so a cell is held as one or two rows of coordinates in these directions.
    """

    S: np.ndarray
    WS: np.ndarray
    L: np.ndarray
    X: np.ndarray
    WX: np.ndarray
    y: np.ndarray

    def sweep(self, matrix: np.ndarray) -> np.ndarray:
        """Remove the absorbed effects: E @ matrix."""
        return matrix - self.S @ (self.L @ (self.WS.T @ matrix))

    def sweep_back(self, matrix: np.ndarray) -> np.ndarray:
        """Apply the transpose of the sweep: E.T @ matrix."""
        return matrix - self.WS @ (self.L @ (self.S.T @ matrix))


def fit_clustered(
    outcome: np.ndarray,
    design: np.ndarray,
    *,
    cluster: np.ndarray,
    within: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    cell: np.ndarray | None = None,
) -> ClusteredFit:
    """Fit weighted least squares and give the first coefficient a CR2 standard error and Satterthwaite df.

    Use when whole schools are the independent units and there are few of them. Effects that belong to
    one cluster (a school's own level) are absorbed through `within` and never become columns.

    outcome  : (n,) numbers, no missing
    design   : (n, k) numbers; the first column is the one of interest
    cluster  : (n,) labels of the independent units
    within   : (n, m) labels; every level of every column gets its own effect in every cluster
    weight   : (n,) positive sampling weights; the working variance stays the identity
    cell     : (n,) labels; rows with one label are equal in cluster, within and design. Optional, for speed.
    Returns a ClusteredFit. Refuses (MethodError) an effect that the data do not identify.
    Source: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), with generalized inverses for singular
    blocks.

    >>> import numpy as np
    >>> fit = fit_clustered(np.array([1., 3., 2., 6.]), np.ones((4, 1)), cluster=np.array([1, 1, 2, 2]))
    >>> fit.value, round(fit.se, 9), round(fit.df, 9)      # two clusters with means 2 and 4
    (3.0, 1.0, 1.0)
    """
    y = np.asarray(outcome, float)[:, None]
    beta, scores, df = _solve(y, design, cluster, within, weight, cell)
    se = float(np.sqrt((scores**2).sum()))
    return ClusteredFit(float(beta[0, 0]), se, df, tuple(beta[:, 0].tolist()), len(scores), len(y))


def fit_clustered_jointly(
    outcomes: np.ndarray,
    design: np.ndarray,
    *,
    cluster: np.ndarray,
    within: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> JointFit:
    """Fit several outcomes with one design, as `fit_clustered` does each, with the covariance between them.

    Use to compare an effect between outcomes of the same rows, such as the items of a scale.

    outcomes : (n, outcomes) numbers, no missing; the rest as for `fit_clustered`
    Returns a JointFit. Refuses (MethodError) as `fit_clustered`.

    >>> import numpy as np
    >>> pair = np.array([[1.0, 2.0], [3.0, 6.0], [2.0, 4.0], [6.0, 12.0]])     # the second is twice the first
    >>> fit = fit_clustered_jointly(pair, np.ones((4, 1)), cluster=np.array([1, 1, 2, 2]))
    >>> fit.values.tolist(), fit.covariance.round(9).tolist()
    ([3.0, 6.0], [[1.0, 2.0], [2.0, 4.0]])
    """
    y = np.asarray(outcomes, float)
    beta, scores, df = _solve(y, design, cluster, within, weight)
    return JointFit(beta[0], scores.T @ scores, df, len(scores))


def _solve(
    y: np.ndarray,
    design: np.ndarray,
    cluster: np.ndarray,
    within: np.ndarray | None,
    weight: np.ndarray | None,
    cell: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return coefficients (columns, outcomes), scores of the first (clusters, outcomes) and its df."""
    X = np.asarray(design, float)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    c = np.eye(X.shape[1])[0]
    labels = np.empty((len(y), 0)) if within is None else np.asarray(within).reshape(len(y), -1)
    blocks = _blocks(y, X, np.asarray(cluster), labels, w, np.arange(len(y)) if cell is None else cell)
    gram = sum(b.X.T @ b.WX for b in blocks)
    bread = np.linalg.pinv(gram, rcond=TINY, hermitian=True)
    _require_identified(gram, bread, c)
    beta = bread @ sum(b.WX.T @ b.y for b in blocks)
    return beta, *_spread(blocks, bread, beta, c)


def _require_identified(gram: np.ndarray, bread: np.ndarray, c: np.ndarray) -> None:
    """Refuse a contrast outside the space the swept design spans."""
    if np.abs(gram @ (bread @ c) - c).max() > 1e-6 * np.abs(c).max():
        what = "The effect cannot be told apart from the school and wave effects."
        fix = "Add waves, before and after the start, in which adopting and comparison schools answered."
        raise MethodError(Problem("design", what, fix))


def _blocks(
    y: np.ndarray, X: np.ndarray, cluster: np.ndarray, labels: np.ndarray, w: np.ndarray, cell: np.ndarray
) -> list[_Block]:
    """Sum the rows by cell and cut the cells by cluster, in label order."""
    _, row, code = np.unique(cell, return_index=True, return_inverse=True)
    n = np.bincount(code)
    center = np.bincount(code, w) / n
    apart = w - center[code]
    spread = np.sqrt(np.bincount(code, apart**2))
    spread[spread < 1e-9 * center * np.sqrt(n)] = 0.0
    along = np.column_stack([np.bincount(code, apart * one) for one in y.T])
    along /= np.where(spread > 0, spread, 1.0)[:, None]
    total = np.column_stack([np.bincount(code, one) for one in y.T])
    moments = np.column_stack([np.sqrt(n), center, spread / np.sqrt(n), total, along])
    _, owner = np.unique(cluster[row], return_inverse=True)
    parts = np.split(np.argsort(owner, kind="stable"), np.cumsum(np.bincount(owner))[:-1])
    return [_block(moments[part], X[row[part]], labels[row[part]]) for part in parts]


def _block(moments: np.ndarray, X: np.ndarray, labels: np.ndarray) -> _Block:
    """Write one cluster's cells in coordinates and sweep out the absorbed effects.

    moments: per cell, root of its rows, mean weight, root mean squared deviation of the weights, sums of y,
    y along that deviation
    """
    root, center, off = moments[:, :3].T
    total, along = np.split(moments[:, 3:], 2, axis=1)
    varied = off > 0
    S = np.hstack([root[:, None] * _dummies(column) for column in labels.T] or [np.empty((len(X), 0))])
    X = root[:, None] * X

    def weigh(matrix: np.ndarray) -> np.ndarray:
        return np.vstack([center[:, None] * matrix, off[varied, None] * matrix[varied]])

    def extend(matrix: np.ndarray) -> np.ndarray:
        return np.vstack([matrix, np.zeros((varied.sum(), matrix.shape[1]))])

    WS = weigh(S)
    L = _inverse(S.T @ WS[: len(S)])
    X = X - S @ (L @ (WS[: len(S)].T @ X))
    y = np.vstack([total / root[:, None], along[varied]])
    return _Block(extend(S), WS, L, extend(X), weigh(X), y - extend(S) @ (L @ (WS.T @ y)))


def _inverse(gram: np.ndarray) -> np.ndarray:
    """Generalized inverse; one absorbed intercept, the usual case, is a plain division."""
    return 1 / gram if gram.shape == (1, 1) else np.linalg.pinv(gram, rcond=TINY, hermitian=True)


def _dummies(labels: np.ndarray) -> np.ndarray:
    """Give every level its own zero-one column."""
    if (labels == labels[0]).all():
        return np.ones((len(labels), 1))
    return (labels[:, None] == np.unique(labels)[None, :]).astype(float)


def _spread(
    blocks: list[_Block], bread: np.ndarray, beta: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the clusters' adjusted scores of one contrast and its Satterthwaite df.

    With M the residual maker, the score of cluster j is v_j'e_j, and under independent errors of equal
    variance its covariance with cluster i is v_i' (M M')_ij v_j: a diagonal plus a low-rank matrix, so its
    trace and norm come from sums of small vectors and no clusters-by-clusters matrix is made.
    """
    middle = bread @ sum(b.WX.T @ b.WX for b in blocks) @ bread
    parts = [_score(b, bread, middle, beta, c) for b in blocks]
    score, own, a, f = (np.array(part) for part in zip(*parts, strict=True))
    left = np.hstack([-f @ bread, -a @ bread, a @ middle])
    right = np.hstack([a, f, a])
    cross = (left * right).sum(axis=1)
    trace = own.sum() + cross.sum()
    norm = (own**2).sum() + 2 * (own * cross).sum() + np.sum((left.T @ left) * (right.T @ right))
    return score, float(trace**2 / norm) if norm > 0 else float("nan")


def _score(
    block: _Block, bread: np.ndarray, middle: np.ndarray, beta: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Return one cluster's adjusted scores, one per outcome, and what their variance is made of.

    The adjustment is the inverse square root of the cluster's block of M M'. It departs from the identity
    only in the directions of `basis`, so it is found there.
    """
    X, WX, EWX = block.X, block.WX, block.sweep(block.WX)
    basis, _ = np.linalg.qr(np.hstack([block.S, block.WS, X, WX]))
    back, bx, bf = block.sweep_back(basis), basis.T @ X, basis.T @ EWX
    cross = bf @ bread @ bx.T
    values, vectors = np.linalg.eigh(back.T @ back - cross - cross.T + bx @ middle @ bx.T)
    root = np.where(values > TINY, np.maximum(values, TINY) ** -0.5, 0.0)
    v = basis @ (vectors @ (root * (vectors.T @ (basis.T @ (WX @ (bread @ c))))))
    return v @ (block.y - X @ beta), float(np.sum(block.sweep_back(v) ** 2)), X.T @ v, EWX.T @ v
