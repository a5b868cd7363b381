"""School and year effects fitted on some cells, gaps averaged over others, with each school left out in turn.

Notation of Borusyak, Jaravel & Spiess (2024): cells W carry the fit of a_i + b_t, cells V the gaps
Y - a_i - b_t that are averaged. The school effects are solved out school by school, so what is left is one
small system for the year effects, S b = r, and leaving a school out only subtracts its own part of S and r.

Shapes: P fits at once, G schools, T years, R outcomes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import some

BLOCK_CELLS = 4_000_000
POOLED = 3


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Averages over the cells V, and the same without each school.

    value    : P by R
    left_out : P by G by R; NaN where the average cannot be made without that school
    counted  : P by G, True for schools that have a part in the fit (the others change nothing)
    """

    value: np.ndarray
    left_out: np.ndarray
    counted: np.ndarray

    @property
    def without(self) -> np.ndarray:
        """As left_out, with the value itself for schools that have no part in it."""
        return np.where(self.counted[..., None], self.left_out, self.value[:, None])


def average_gaps(Y: np.ndarray, W: np.ndarray, V: np.ndarray, observed: np.ndarray) -> LeftOut:
    """Average Y - a_i - b_t over the cells V, with a_i and b_t fitted on the cells W, P fits at once.

    Y        : G by T by R outcomes, 0 where not observed
    W, V     : P by G by T weights, 0 outside the cells
    observed : G by T, the cells of any use
    Schools without a cell in W have no effect a_i, so their cells in V are not used.
    """
    size = max(1, BLOCK_CELLS // (Y.shape[0] * Y.shape[1] ** 2))
    blocks = [
        average_block(Y, W[first : first + size], V[first : first + size], observed)
        for first in range(0, len(W), size)
    ]
    parts = zip(*blocks, strict=True)
    return LeftOut(*(np.concatenate(part) for part in parts))


def average_block(
    Y: np.ndarray, W: np.ndarray, V: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do the work of `average_gaps` for as many fits as fit into memory.

    The average is linear in r: (sum of gaps - q r) / n, with q the solution of S q = pull, so schools with
    the same weights share one system whatever their outcomes are.
    """
    total = W.sum(axis=2)
    counted = total > 0
    V = V * counted[:, :, None]
    share = W / np.where(counted, total, 1.0)[:, :, None]
    centered = Y[None] - np.einsum("pgt,gtr->pgr", share, Y)[:, :, None, :]
    r, gap = W[..., None] * centered, np.einsum("pgt,pgtr->pgr", V, centered)
    n = V.sum(axis=2)
    pull = V - n[:, :, None] * share
    S = -np.matmul(W.transpose(0, 2, 1), share)
    years = np.arange(W.shape[2])
    S[:, years, years] += W.sum(axis=1)
    all_r, all_gap, all_pull, all_n = (part.sum(axis=1, keepdims=True) for part in (r, gap, pull, n))
    linked, linked_left = linked_years(W, observed), linked_without(W, observed)
    q = solve_years(S, all_pull[:, 0, :, None], linked)[:, None, :, 0]
    whole = average(all_gap, q, all_r, all_n, linked[:, None])[:, 0]
    rest_n = np.where(all_n - n > 1e-9 * all_n, all_n - n, 0.0)
    q = solve_without(S, W, share, all_pull - pull, linked_left)
    return whole, average(all_gap - gap, q, all_r - r, rest_n, linked_left), counted


def average(gap: np.ndarray, q: np.ndarray, r: np.ndarray, n: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Average the gaps given the solution q, NaN where the years are not linked or nothing is left."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (gap - np.einsum("pgt,pgtr->pgr", q, r)) / n[..., None]
    return np.where((linked & (n > 0))[..., None], values, np.nan)


def solve_without(
    S: np.ndarray, W: np.ndarray, share: np.ndarray, pull: np.ndarray, linked: np.ndarray
) -> np.ndarray:
    """Solve the system of each fit without each school, once for all schools that are alike (P by G by T)."""
    P, G, T = W.shape
    alike, first = number_alike(np.concatenate([W, pull, linked[..., None]], axis=2).reshape(P * G, -1))
    fit = np.arange(P).repeat(G)
    _, rows, of_row = np.unique(fit * len(first) + alike, return_index=True, return_inverse=True)
    own, own_share = W.reshape(-1, T)[rows], share.reshape(-1, T)[rows]
    rest = S[fit[rows]] + own[:, :, None] * own_share[:, None, :]
    years = np.arange(T)
    rest[:, years, years] -= own
    q = solve_years(rest, pull.reshape(-1, T)[rows][..., None], linked.reshape(-1)[rows])[..., 0]
    return q[of_row].reshape(P, G, T)


def number_alike(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the rows so that equal rows share a number; also where each number first appears.

    >>> number_alike(np.array([[0.0, 1], [2, 2], [0, 1]]))[0].tolist()
    [0, 1, 0]
    """
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))
    _, first, alike = np.unique(whole.ravel(), return_index=True, return_inverse=True)
    return alike, first


def solve_years(S: np.ndarray, r: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Solve S b = r for year effects that add up to zero; years without a cell get no effect.

    S is the Laplacian of the years linked by common schools, so it is singular by one direction, which the
    added constant fills, and by the years that no cell links, which get a one on the diagonal.
    """
    T = S.shape[-1]
    years = np.arange(T)
    diagonal = S[..., years, years]
    largest = diagonal.max(axis=-1, keepdims=True)
    empty = diagonal <= 1e-12 * largest
    filled = S + (np.where(largest > 0, largest, 1.0) / T)[..., None]
    filled[..., years, years] += np.where(empty, np.where(largest > 0, largest, 1.0), 0.0)
    filled = np.where(linked[..., None, None], filled, np.eye(T))
    return np.linalg.solve(filled, r)


def linked_years(W: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Say whether the cells W link every year that has an observed cell (P)."""
    cells = (W > 0).astype(float)
    links = np.einsum("pgt,pgs->pts", cells, cells)
    return all_linked(links, np.broadcast_to(observed.any(axis=0), links.shape[:-1]))


def linked_without(W: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Say whether the cells W still link every observed year when a school is left out (P by G).

    When two schools have a cell in every year, either of them links all years and nothing needs a search.
    """
    cells = (W > 0).astype(float)
    linked = np.ones(cells.shape[:2], dtype=bool)
    doubtful = np.flatnonzero((W > 0).all(axis=2).sum(axis=1) < 2)
    seen = observed.sum(axis=0) - observed
    for fit in doubtful:
        own = cells[fit][:, :, None] * cells[fit][:, None, :]
        linked[fit] = all_linked(own.sum(axis=0) - own, seen > 0)
    return linked


def all_linked(links: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Say whether all years that are seen form one group (links N by T by T, seen N by T)."""
    T = links.shape[-1]
    reach = (links > 0) | np.eye(T, dtype=bool)
    for _ in range(int(np.ceil(np.log2(max(T, 2))))):
        reach = np.matmul(reach.astype(np.float32), reach.astype(np.float32)) > 0
    both = seen[..., :, None] & seen[..., None, :]
    return (reach | ~both).all(axis=(-2, -1))


def changes_of_variance(change: np.ndarray, cohorts: np.ndarray) -> np.ndarray:
    """Changes from leaving schools out, scaled so that their squares add up to the variance.

    The changes of adopting schools are taken from the mean of their cohort, as the published standard error
    of imputation does, so that effects that differ between cohorts do not pass for chance. With fewer than
    three adopting schools more than cohorts, too few would be left, and they are taken from zero.

    change  : ... by G by R, estimate without a school minus estimate with all, 0 where it has no part
    cohorts : ... by G by K, True where the school adopts with the cohort
    """
    G, own = change.shape[-2], cohorts.any(axis=-1)[..., None]
    sizes = cohorts.sum(axis=-2)
    A, K = sizes.sum(axis=-1), (sizes > 0).sum(axis=-1)
    member = cohorts.astype(float)
    mean = np.matmul(np.swapaxes(member, -1, -2), change) / np.maximum(sizes, 1)[..., None]
    pooled = ((K > 1) & (A - K >= POOLED))[..., None, None]
    scale = np.sqrt((A - 1) / np.maximum(A - K, 1))[..., None, None]
    centered = np.where(pooled & own, (change - np.matmul(member, mean)) * scale, change)
    return np.sqrt((G - 1) / G) * centered


def spread(change: np.ndarray, cohorts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances and their degrees of freedom (R each), from changes (G by R; see `changes_of_variance`).

    The two sides of the comparison are two samples with a variance each, so the degrees of freedom are those
    of Welch's test: close to the number of adopting schools when there are few of them, whatever the number
    of others.

    In the designs of bench/calibration with three or more schools on each side, intervals with it cover 93 to
    98 %, where t(G - 1) covered 88 to 98 %; with two on a side they cover 91 to 95 %.
    """
    part = changes_of_variance(change, cohorts) ** 2
    own = cohorts.any(axis=1)
    A, K = int(own.sum()), int(cohorts.any(axis=0).sum())
    most = max(A - (K if K > 1 and A - K >= POOLED else 1), 1)
    adopting, others = part[own].sum(axis=0), part[~own].sum(axis=0)
    uncertain = adopting**2 / most + others**2 / max(len(own) - A - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = np.where(uncertain > 0, (adopting + others) ** 2 / uncertain, most)
    return adopting + others, df


def jackknife_estimate(
    value: float,
    left_out: np.ndarray,
    *,
    starts: np.ndarray,
    names: tuple[str, ...],
    n: int,
    method: str,
    notes: Sequence[str] = (),
    unit: str = "",
) -> Estimate:
    """Make an Estimate from a value and its leave-one-school-out values (G), with t of Welch's df.

    starts : start years of the schools that count as adopting here, NaN for all others (G)
    notes  : what to say after the method and its inference
    Refuses (MethodError, naming schools) when the value cannot be made without one of the schools.
    Source: MacKinnon, Nielsen & Webb (2023), J. of Applied Econometrics 38 (CV3); Welch (1947), Biometrika.
    """
    left_out = np.asarray(left_out, dtype=float)
    lost = ~np.isfinite(left_out)
    if lost.any():
        raise MethodError(rests_on(names, lost))
    variance, df = (float(x[0]) for x in spread((left_out - value)[:, None], by_cohort(starts)))
    return t_estimate(
        float(value),
        math.sqrt(variance),
        df,
        unit=unit,
        n=n,
        n_unit="school-years",
        clusters=len(left_out),
        treated=int(np.isfinite(starts).sum()),
        method="; ".join([f"{method}; jackknife by school, t({df:.1f})", *notes]),
    )


def first_years(D: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Position of the first program year of each school, NaN for schools never seen in the program.

    D : ... by G by T, True from the start on; observed : G by T

    >>> first_years(np.array([[False, True], [False, False]]), np.ones((2, 2), dtype=bool))
    array([ 1., nan])
    """
    return np.where((D & observed).any(axis=-1), D.argmax(axis=-1), np.nan)


def by_cohort(starts: np.ndarray) -> np.ndarray:
    """Say which school adopts with which cohort (... by G by K), from start years with NaN for all others.

    >>> by_cohort(np.array([2018, np.nan, 2019, 2018])).astype(int).tolist()
    [[1, 0], [0, 0], [0, 1], [1, 0]]
    """
    return starts[..., None] == np.unique(starts[np.isfinite(starts)])


def rests_on(names: tuple[str, ...], lost: np.ndarray) -> Problem:
    """Say which schools the estimate cannot do without."""
    schools = [name for name, is_lost in zip(names, lost, strict=True) if is_lost]
    what = f"The estimate rests on a single school: without {some(schools)} it cannot be made"
    if len(schools) > 1:
        names_n = f"{len(schools)} schools ({some(schools)})"
        what = f"The estimate needs each of {names_n}: without one it cannot be made"
    what += ", so it has no interval."
    fix = "Add schools like these, or leave out the years in which one stands alone."
    return Problem("panel", what, fix)
