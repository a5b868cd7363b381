"""School and year effects fitted on some cells, gaps averaged over others, with each school left out in turn.

Notation of Borusyak, Jaravel & Spiess (2024): cells W carry the fit of a_i + b_t, cells V the gaps
Y - a_i - b_t that are averaged. The school effects are solved out school by school, so what is left is one
small system for the year effects, S b = r, and leaving a school out only subtracts its own part of S and r.

Shapes: P fits at once, G schools, T years, R outcomes.
"""

from dataclasses import dataclass

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import some

BLOCK_CELLS = 4_000_000


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
    """Do the work of `average_gaps` for as many fits as fit into memory."""
    total = W.sum(axis=2)
    counted = total > 0
    V = V * counted[:, :, None]
    share = W / np.where(counted, total, 1.0)[:, :, None]
    centered = Y[None] - np.einsum("pgt,gtr->pgr", share, Y)[:, :, None, :]
    S, r = -W[:, :, :, None] * share[:, :, None, :], W[..., None] * centered
    years = np.arange(W.shape[2])
    S[:, :, years, years] += W
    gap, n = np.einsum("pgt,pgtr->pgr", V, centered), V.sum(axis=2)
    pull = V - n[:, :, None] * share

    def averages(S, r, gap, pull, n, linked):
        b = solve_years(S, r, linked)
        with np.errstate(invalid="ignore", divide="ignore"):
            average = (gap - (pull[..., None] * b).sum(axis=-2)) / n[..., None]
        return np.where((linked & (n > 0))[..., None], average, np.nan)

    whole = averages(S.sum(1), r.sum(1), gap.sum(1), pull.sum(1), n.sum(1), linked_years(W, observed))
    rest = [part.sum(axis=1, keepdims=True) - part for part in (S, r, gap, pull, n)]
    rest[-1] = np.where(rest[-1] > 1e-9 * n.sum(axis=1, keepdims=True), rest[-1], 0.0)
    left = averages(*rest, linked_without(W, observed))
    return whole, left, counted


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


def jackknife_se(value: np.ndarray, left_out: np.ndarray, counted: np.ndarray, axis: int) -> np.ndarray:
    """Standard error from the estimates without each school: sqrt((G - 1)/G * sum of squared changes)."""
    G = counted.sum(axis=axis)
    change = np.where(counted, left_out - np.expand_dims(value, axis), 0.0)
    return np.sqrt((G - 1) / G * (change**2).sum(axis=axis))


def jackknife_estimate(
    value: float,
    left_out: np.ndarray,
    *,
    names: tuple[str, ...],
    n: int,
    treated: int,
    method: str,
    level: float = 0.95,
    unit: str = "",
) -> Estimate:
    """Make an Estimate from a value and its leave-one-school-out values, with t(G - 1).

    Refuses (MethodError, naming schools) when the value cannot be made without one of the schools.
    """
    left_out = np.asarray(left_out, dtype=float)
    lost = ~np.isfinite(left_out)
    if lost.any():
        raise MethodError(rests_on(names, lost))
    G = len(left_out)
    se = float(jackknife_se(np.array(value), left_out, np.ones(G, dtype=bool), axis=0))
    return t_estimate(
        float(value),
        se,
        G - 1,
        level=level,
        unit=unit,
        n=n,
        n_unit="school-years",
        clusters=G,
        treated=treated,
        method=method,
    )


def rests_on(names: tuple[str, ...], lost: np.ndarray) -> Problem:
    """Say which schools the estimate cannot do without."""
    schools = some(name for name, is_lost in zip(names, lost, strict=True) if is_lost)
    what = (
        f"The estimate rests on a single school: without {schools} it cannot be made, so it has no interval."
    )
    fix = "Add schools like it, or leave out the years in which it stands alone."
    return Problem("panel", what, fix)
