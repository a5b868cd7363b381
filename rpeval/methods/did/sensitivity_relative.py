"""Confidence sets under relative magnitudes: the numbers behind `sensitivity.relative_magnitudes`.

Rambachan & Roth (2023), section 3.2.1, with the conditional and least-favorable tests of Andrews, Roth &
Pakes (2023). For one candidate s, the change v of the pre-trend from one period to the next bounds
every change after the start: |change of delta| <= Mbar * v. The set for Delta^RM is the union over candidates
and signs. As in the authors' software, only conditions that involve a period after the start are tested.

Both papers state the test as a linear program in the nuisance effects. For Delta^RM the vertices of its dual
can be written down: with x the weighted effect, c_t the weight that period t's change has in x, and a_t, b_t
the standard deviations of change_t - Mbar v and -change_t - Mbar v, they are
    (x - theta - k v) / a,   (-(x - theta) - k v) / b,   -2 Mbar v / (a_t + b_t) for each t after the start,
with k = Mbar sum|c_t| and a, b the sums of |c_t| times the standard deviation that belongs to the sign of
c_t. So the statistic is the largest of a few linear forms of two normal numbers, and the least-favorable
critical value an integral over one of them: nothing is simulated, and no program is solved.

Shapes: S candidates (two signs for each change before the start), V = Q + 2 forms, Q periods after the start.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

GRID = 201
HALVINGS = 35
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(160)
REACH = 8.5  # standard deviations of v that the integral covers
SAME = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The tests that make up a confidence set, one for each candidate.

    on_x, on_v : S by V, coefficients of the forms on x - theta and on v
    x          : weighted effect; v is S, the change that bounds the others
    covariance : S by 2 by 2, of x and v
    """

    on_x: np.ndarray
    on_v: np.ndarray
    x: float
    v: np.ndarray
    covariance: np.ndarray


def first_differences(pre_n: int, post_n: int) -> np.ndarray:
    """Matrix that turns coefficients (oldest first, reference left out) into changes between periods.

    >>> first_differences(1, 1)
    array([[-1.,  0.],
           [ 0.,  1.]])
    """
    identity = np.eye(pre_n + post_n)
    with_reference = np.insert(identity, pre_n, 0.0, axis=0)
    return np.diff(with_reference, axis=0)


def change_weights(weights: np.ndarray) -> np.ndarray:
    """Weight of each change after the start in the weighted effect: c_t = sum of l_j over j >= t."""
    return np.cumsum(weights[::-1])[::-1]


def spread(rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Standard deviations of linear forms of the coefficients (… by K)."""
    variance = np.einsum("...i,ij,...j->...", rows, covariance, rows)
    return np.sqrt(np.maximum(variance, 0.0))


def candidates(
    pre: np.ndarray, post: np.ndarray, covariance: np.ndarray, weights: np.ndarray, mbar: float
) -> Candidates:
    """Write down the forms of every candidate for one Mbar."""
    P, Q = len(pre), len(post)
    beta, changes = np.concatenate([pre, post]), first_differences(P, Q)
    bounding = np.concatenate([changes[:P], -changes[:P]])
    c = change_weights(weights)
    up, down = (spread(sign * changes[P:] - mbar * bounding[:, None, :], covariance) for sign in (1, -1))
    a = (np.abs(c) * np.where(c > 0, up, down)).sum(axis=1, keepdims=True)
    b = (np.abs(c) * np.where(c > 0, down, up)).sum(axis=1, keepdims=True)
    k, nothing = mbar * np.abs(c).sum(), np.zeros_like(up)
    total = np.maximum(up + down, np.finfo(float).tiny)
    effect = np.concatenate([np.zeros(P), weights])
    pair = np.stack([np.broadcast_to(effect, bounding.shape), bounding], axis=1)
    return Candidates(
        on_x=np.concatenate([1 / a, -1 / b, nothing], axis=1),
        on_v=np.concatenate([-k / a, -k / b, -2 * mbar / total], axis=1),
        x=float(effect @ beta),
        v=bounding @ beta,
        covariance=pair @ covariance @ pair.transpose(0, 2, 1),
    )


def least_favorable(tests: Candidates, kappa: float) -> np.ndarray:
    """Critical value that the largest form exceeds with probability kappa when every form has mean zero (S).

    For a given v, the forms that hold x leave an interval for it; the rest bound v from below. So the
    probability is an integral over v, and the value is found by halving.
    """
    sd_v = np.sqrt(tests.covariance[:, 1, 1])
    slope = tests.covariance[:, 0, 1] / tests.covariance[:, 1, 1]
    sd_x = np.sqrt(np.maximum(tests.covariance[:, 0, 0] - slope * tests.covariance[:, 0, 1], 0.0))
    sd_x = np.maximum(sd_x, SAME * np.sqrt(tests.covariance[:, 0, 0]))
    steepest = -tests.on_v[:, 2:].min(axis=1)

    def inside(value: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            floor = np.where(steepest > 0, -value / (steepest * sd_v), -REACH)
        half = (REACH - np.clip(floor, -REACH, REACH)) / 2
        z = REACH - half[:, None] * (1 - NODES)
        v = z * sd_v[:, None]
        room = [(value[:, None] - tests.on_v[:, [j]] * v) / tests.on_x[:, [j]] for j in (0, 1)]
        top, bottom = (ndtr((edge - slope[:, None] * v) / sd_x[:, None]) for edge in room)
        return (half[:, None] * NODE_WEIGHTS * norm.pdf(z) * np.maximum(top - bottom, 0)).sum(axis=1)

    low = np.zeros(len(sd_v))
    high = np.full(len(sd_v), norm.isf(kappa / tests.on_v.shape[1]))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = inside(middle) >= 1 - kappa
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def accepted(tests: Candidates, theta: np.ndarray, critical: np.ndarray, alpha: float) -> np.ndarray:
    """Say which values theta (S by N) the least-favorable conditional test does not reject.

    Given that one form is the largest, it is normal between the points at which another would take its place.
    """
    kappa = alpha / 10
    forms = tests.on_x[:, None] * (tests.x - theta[..., None]) + tests.on_v[:, None] * tests.v[:, None, None]
    first = forms.argmax(axis=2)
    eta = forms.max(axis=2)
    both = np.stack([tests.on_x, tests.on_v], axis=2)
    covariance = both @ tests.covariance @ both.transpose(0, 2, 1)
    own = np.take_along_axis(covariance, first[..., None], axis=1)
    variance = np.take_along_axis(own, first[..., None], axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = own / variance
        point = (forms - slope * eta[..., None]) / (1 - slope)
        lower = np.where(slope < 1 - SAME, point, -np.inf).max(axis=2)
        upper = np.where(slope > 1 + SAME, point, np.inf).min(axis=2)
        sd = np.sqrt(variance[..., 0])
        z, z_low = eta / sd, np.minimum(lower, eta) / sd
        z_high = np.minimum(upper, critical[:, None]) / sd
        beyond = ndtr(-z_high)
        p = (ndtr(-z) - beyond) / (ndtr(-z_low) - beyond)
    rejected = (eta > critical[:, None]) | ((eta > 0) & (p < (alpha - kappa) / (1 - kappa)))
    return ~rejected


def confidence_set(
    pre: np.ndarray,
    post: np.ndarray,
    covariance: np.ndarray,
    weights: np.ndarray,
    *,
    mbar: float,
    alpha: float,
) -> tuple[float, float]:
    """Smallest and largest effect that some candidate's test does not reject.

    The least-favorable first stage rejects everything outside an interval that can be written down, so the
    search starts from its ends and no end point can fall on the edge of a grid. Between grid points the ends
    are found by halving.
    """
    tests = candidates(pre, post, covariance, weights, mbar)
    critical = least_favorable(tests, alpha / 10)
    ends = [tests.x - (critical - tests.on_v[:, j] * tests.v) / tests.on_x[:, j] for j in (0, 1)]
    steps = np.linspace(0.0, 1.0, GRID)
    grid = ends[0][:, None] + (ends[1] - ends[0])[:, None] * steps
    inside = accepted(tests, grid, critical, alpha) & (ends[0] < ends[1])[:, None]
    found = inside.any(axis=1)
    low = refine(tests, critical, alpha, grid, inside)
    high = refine(tests, critical, alpha, grid[:, ::-1], inside[:, ::-1])
    return float(low[found].min()), float(high[found].max())


def refine(
    tests: Candidates, critical: np.ndarray, alpha: float, grid: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """First accepted value along each candidate's grid (S), found by halving the step that leads to it."""
    rows, first = np.arange(len(grid)), inside.argmax(axis=1)
    outer, inner = grid[rows, np.maximum(first - 1, 0)], grid[rows, first]
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2
        taken = accepted(tests, middle[:, None], critical, alpha)[:, 0]
        outer, inner = np.where(taken, outer, middle), np.where(taken, middle, inner)
    return inner
