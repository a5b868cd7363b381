"""Polychoric correlations: how the opinions behind ordered answers go together."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

MANY, FEW = (np.polynomial.legendre.leggauss(nodes_n) for nodes_n in (48, 20))
EASY = 0.9  # up to this correlation the few nodes are exact to the last digits
FAR = 12.0  # a normal variable beyond 12 standard deviations has no probability left
LARGEST = 0.995
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalMoments:
    """What ordered answers say about the normal variables behind them.

    thresholds  : per item, the points on its normal variable between neighboring answers that occur
    steps       : per item, by how many codes the answer rises at each threshold (1 unless a code is unused)
    correlations: (items, items) polychoric correlations
    pairs       : index pairs of the items
    ranks       : (n, items) answers as 0, 1, … among those that occur
    pulls       : the influence of an answer: per item by its rank (ranks, thresholds), then per pair by both
                  ranks (ranks, ranks)
    """

    thresholds: tuple[np.ndarray, ...]
    steps: tuple[np.ndarray, ...]
    correlations: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    ranks: np.ndarray
    pulls: tuple[np.ndarray, ...]

    @property
    def vector(self) -> np.ndarray:
        """All moments in one vector: thresholds item by item, then correlations in the order of `pairs`."""
        return np.concatenate([*self.thresholds, [self.correlations[pair] for pair in self.pairs]])

    def influence(self, first: int = 0) -> Iterator[np.ndarray]:
        """Each row's influence on `vector` from its entry `first` on, in blocks of rows: (rows, moments)."""
        k, size = len(self.thresholds), len(self.vector)
        for start in range(0, len(self.ranks), ROWS_AT_ONCE):
            ranks = np.asfortranarray(self.ranks[start : start + ROWS_AT_ONCE], dtype=np.intp)
            block = np.empty((len(ranks), size), order="F")
            items = [self.pulls[j][ranks[:, j]] for j in range(k)]
            block[:, : size - len(self.pairs)] = np.hstack(items)
            for column, (i, j), pull in zip(
                block.T[-len(self.pairs) :], self.pairs, self.pulls[k:], strict=True
            ):
                np.take(pull.ravel(), ranks[:, i] * pull.shape[1] + ranks[:, j], out=column, mode="clip")
            yield block[:, first:]

    def covariance(self, first: int = 0) -> np.ndarray:
        """Asymptotic covariance of `vector` from its entry `first` on, times the rows."""
        return sum(block.T @ block for block in self.influence(first)) / len(self.ranks)


def bivariate_normal(h: np.ndarray, k: np.ndarray, r: np.ndarray | float) -> np.ndarray:
    """Probability that two standard normal variables with correlation r lie below h and k.

    h, k, r : shapes that go together; h and k may be infinite, -1 < r < 1
    Source: Drezner & Wesolowsky (1990), 48 Gauss-Legendre nodes, or 20 where all |r| <= 0.9; error below 1e-9
    for |r| <= 0.99.

    >>> import numpy as np
    >>> float(bivariate_normal(np.zeros(1), np.zeros(1), 0.5)[0].round(10))      # 1/4 + asin(r) / 2 pi
    0.3333333333
    """
    h, k = np.clip(h, -FAR, FAR), np.clip(k, -FAR, FAR)
    nodes, weights = FEW if np.max(np.abs(r), initial=0.0) <= EASY else MANY
    half = np.arcsin(r) / 2
    sine = np.sin(np.multiply.outer(half, nodes + 1))
    spread = (h * h + k * k)[..., None] - 2 * (h * k)[..., None] * sine
    return ndtr(h) * ndtr(k) + half / (2 * np.pi) * (np.exp(-spread / (2 * (1 - sine**2))) @ weights)


def bivariate_density(h: np.ndarray, k: np.ndarray, r: np.ndarray | float) -> np.ndarray:
    """Density of two standard normal variables with correlation r: the slope of `bivariate_normal` by r.

    >>> import numpy as np
    >>> float(bivariate_density(np.zeros(1), np.zeros(1), 0.0)[0].round(6))          # 1 / 2 pi
    0.159155
    """
    free = 1 - r * r
    return np.exp(-(h * h + k * k - 2 * r * h * k) / (2 * free)) / (2 * np.pi * np.sqrt(free))


def density(x: np.ndarray) -> np.ndarray:
    """Standard normal density.

    >>> float(density(0.0).round(6))                                                 # 1 / sqrt(2 pi)
    0.398942
    """
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi)


def ordinal_moments(codes: np.ndarray) -> OrdinalMoments:
    """Estimate thresholds and polychoric correlations of complete answers, with each answer's influence.

    Use before an ordinal factor model. Two steps: thresholds from each item alone, then each correlation by
    maximum likelihood given them. Codes that nobody used are passed over.

    codes : (n, items) whole numbers, no missing, at least two different codes in each item
    Returns OrdinalMoments. Source: Olsson (1979); Muthen (1984).

    >>> import numpy as np
    >>> moments = ordinal_moments(np.array([[0, 0], [1, 1], [0, 0], [1, 1], [0, 1], [1, 0]] * 20))
    >>> float(moments.correlations[0, 1].round(6))          # medians cut both: sin(pi (p - 1/4) 2), p = 1/3
    0.5
    """
    k = codes.shape[1]
    ranks, thresholds, steps = zip(*(_item(codes[:, j]) for j in range(k)), strict=True)
    pairs = tuple(combinations(range(k), 2))
    i, j = np.array(pairs).T
    edges = np.full((k, max(map(len, thresholds)) + 2), FAR)
    for row, cuts in zip(edges, thresholds, strict=True):
        row[: len(cuts) + 1] = [-FAR, *cuts]
    shares = _shares(ranks, pairs, edges.shape[1] - 1)
    r = _correlate(shares, edges[i], edges[j])
    chance, slope = _table(edges[i], edges[j], r)
    correlations = np.eye(k)
    correlations[i, j] = correlations[j, i] = r
    alone = [_threshold_pull(cuts) for cuts in thresholds]
    together = [
        _pair_pull((shares[m], chance[m], slope[m]), thresholds[a], thresholds[b], r[m], alone[a], alone[b])
        for m, (a, b) in enumerate(pairs)
    ]
    stacked = np.column_stack(ranks).astype(np.min_scalar_type(edges.shape[1]))
    return OrdinalMoments(thresholds, steps, correlations, pairs, stacked, (*alone, *together))


def _item(column: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank the codes that occur, cut the normal variable by their shares, and note the size of each step."""
    counts = np.bincount(column - column.min())
    used = np.flatnonzero(counts)
    ranks = (np.cumsum(counts > 0) - 1)[column - column.min()]
    return ranks, ndtri(np.cumsum(counts[used])[:-1] / len(column)), np.diff(used).astype(float)


def _shares(ranks: tuple[np.ndarray, ...], pairs: tuple[tuple[int, int], ...], most: int) -> np.ndarray:
    """Share of the rows in each cell of each pair's table: (pairs, most, most)."""
    tables = [np.bincount(ranks[i] * most + ranks[j], minlength=most * most) for i, j in pairs]
    return np.array(tables).reshape(-1, most, most) / len(ranks[0])


def _threshold_pull(thresholds: np.ndarray) -> np.ndarray:
    """Influence of an answer of each rank on its item's thresholds: (ranks, thresholds)."""
    below = np.arange(len(thresholds) + 1)[:, None] <= np.arange(len(thresholds))
    return (below - ndtr(thresholds)) / density(thresholds)


def _cells(corners: np.ndarray) -> np.ndarray:
    """Turn a function at the corners of tables into its mass in each cell."""
    return np.diff(np.diff(corners, axis=-2), axis=-1)


def _table(a: np.ndarray, b: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cell probabilities of tables with edges a and b, (tables, edges), and their slopes by r."""
    h, k = np.broadcast_arrays(a[:, :, None], b[:, None, :])
    slope = _cells(bivariate_density(h, k, r[:, None, None]))
    below = np.where(h == -FAR, 0.0, ndtr(k)) * (k > -FAR)
    below[:, :, -1] = ndtr(a)
    inside = np.s_[:, 1:-1, 1:-1]
    below[inside] = bivariate_normal(h[inside], k[inside], r[:, None, None])
    return np.maximum(_cells(below), 1e-12), slope


def _correlate(shares: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Maximum-likelihood correlations of tables of shares, by Fisher scoring kept inside the bounds."""
    r, open_ = np.zeros(len(shares)), np.arange(len(shares))
    for _ in range(100):
        chance, slope = _table(a[open_], b[open_], r[open_])
        gain = (shares[open_] / chance * slope).sum(axis=(1, 2)) / (slope**2 / chance).sum(axis=(1, 2))
        old = r[open_]
        r[open_] = np.clip(old + gain, (old - LARGEST) / 2, (old + LARGEST) / 2)
        open_ = open_[np.abs(r[open_] - old) >= 1e-11]
        if not len(open_):
            break
    return r


def _pair_pull(
    table: tuple[np.ndarray, np.ndarray, np.ndarray],
    a: np.ndarray,
    b: np.ndarray,
    r: float,
    alone_a: np.ndarray,
    alone_b: np.ndarray,
) -> np.ndarray:
    """Influence of each pair of answers on their correlation: own score less what thresholds moved.

    table : shares, cell probabilities and their slopes
    """
    share, chance, slope = (part[: len(a) + 1, : len(b) + 1] for part in table)
    score = slope / chance
    pull, root = share * score / chance, np.sqrt(1 - r * r)

    def moved(own: np.ndarray, other: np.ndarray, pull: np.ndarray) -> np.ndarray:
        below = np.zeros((len(own), len(other) + 2))
        below[:, 1:-1], below[:, -1] = ndtr((other - r * own[:, None]) / root), 1.0
        mass = density(own)[:, None] * np.diff(below, axis=1)
        return ((pull[:-1] - pull[1:]) * mass).sum(axis=1)

    by_a, by_b = alone_a @ moved(a, b, pull), alone_b @ moved(b, a, pull.T)
    return (score - by_a[:, None] - by_b) / (share * score**2).sum()
