"""Randomization inference: what the estimate would have been had other schools adopted."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.jackknife import average_gaps, by_cohort, changes_of_variance, first_years
from rpeval.methods.intervals import LEVEL

ENUMERATED = 5_000
ROUNDS = 20
TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The statistic under each assignment, as a function of the effect tau that is tested.

    With Y - tau D in place of Y, the average gap is a - tau d and its squared jackknife error
    A - 2 tau B + tau^2 C; all arrays have one entry per assignment.
    complete : True when the assignments are all there are, the actual one among them
    """

    a: np.ndarray
    d: np.ndarray
    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    complete: bool


def att_randomization(design: Design, *, seed: int, draws: int = 999) -> Estimate:
    """Average effect by imputation, with the p-value and interval of studentized randomization inference.

    Use with few schools, where tables of t can mislead. Start years are dealt anew to the schools, each as a
    whole; the estimate over its jackknife standard error is compared with what other deals give. The interval
    holds the constant effects that such a test does not reject.

    seed fixes the deals, `draws` of them, or all when there are at most 5,000.
    Returns an Estimate: value and se as in `att_imputation`, p and interval by randomization, df None, mcse
    the Monte Carlo error of p. Deals under which the estimate cannot be made (schools that lack years) are
    dealt again. Exact when adoption was dealt at random among the schools, else as good as that likeness.
    Refuses what `att_imputation` refuses, and a study with too few deals.
    Source: Wu & Ding (2021), JASA 116 (studentizing); MacKinnon & Webb (2020), J. of Econometrics 218.

    >>> from rpeval.methods.did.example import seven_schools
    >>> est = att_randomization(seven_schools(), seed=1)  # 35 deals, none more extreme
    >>> round(est.value, 2), round(est.p, 4), est.kind
    (-3.5, 0.0286, 'exact')
    """
    actual = att_imputation(design)
    reference = deal_again(design, draws=draws, seed=seed)
    refuse_few_deals(reference)
    p = p_value(reference, actual, np.array([0.0]))[0]
    low, high = (end_of_interval(reference, actual, side) for side in (-1, 1))
    dealt_n = len(reference.a)
    mcse = None if reference.complete else math.sqrt(p * (1 - p) / (dealt_n + 1))
    deals = f"all {dealt_n} deals" if reference.complete else f"{dealt_n} random deals"
    words = (
        f"imputation difference-in-differences; randomization inference, {deals} of start years to schools,"
        " studentized by the jackknife; interval by test inversion"
    )
    words += "" if mcse is None else f"; Monte Carlo error of p {mcse:.4f}"
    return replace(
        actual,
        low=low,
        high=high,
        p=float(p),
        df=None,
        mcse=mcse,
        kind="exact" if reference.complete else "simulated",
        method="; ".join([words, *design.remarks]),
    )


def deal_again(design: Design, *, draws: int, seed: int) -> Reference:
    """Compute the statistic under other deals of the adoption rows to the schools."""
    rows, own = np.unique(design.D, axis=0, return_inverse=True)
    sizes = np.bincount(own)
    complete = deals_n(sizes) <= ENUMERATED
    if complete:
        return under_deals(design, rows[all_deals(own)], complete=True)
    rng, parts, found = np.random.default_rng(seed), [], 0
    for _ in range(ROUNDS):
        deals = shuffle_deals(own, draws, rng)
        parts.append(under_deals(design, rows[deals], complete=False))
        found += len(parts[-1].a)
        if found >= draws:
            return first_deals(parts, draws)
    what = f"Under {ROUNDS * draws - found:,} of {ROUNDS * draws:,} other deals the estimate cannot be made."
    fix = "Keep schools observed in most years, or use the jackknife interval."
    raise MethodError(Problem("panel", what, fix))


def deals_n(sizes: np.ndarray) -> int:
    """Count the ways to deal the rows: G! over the factorials of the group sizes.

    >>> deals_n(np.array([4, 3]))
    35
    """
    ways, left = 1, int(sizes.sum())
    for size in sizes:
        ways *= math.comb(left, int(size))
        left -= int(size)
    return ways


def shuffle_deals(own: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Deal the groups `own` (G) anew at random (draws by G)."""
    return rng.permuted(np.broadcast_to(own, (draws, len(own))), axis=1)


def deal(own: np.ndarray, *, draws: int, seed: int) -> tuple[np.ndarray, bool]:
    """Deal the groups `own` (G) anew, in every way when there are no more than draws, else at random.

    Returns the deals (N by G), and whether they are all there are.

    >>> deal(np.array([0, 1, 1]), draws=10, seed=1)[0].tolist()
    [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    if deals_n(np.bincount(own)) <= min(draws, ENUMERATED):
        return all_deals(own), True
    return shuffle_deals(own, draws, np.random.default_rng(seed)), False


def deal_starts(design: Design, *, draws: int, seed: int) -> tuple[np.ndarray, bool]:
    """Deal the start years anew to the schools (N by G, infinite = never), as `deal` does."""
    starts = np.where(design.D.any(axis=1), design.starts, np.inf)
    values, own = np.unique(starts, return_inverse=True)
    deals, complete = deal(own, draws=draws, seed=seed)
    return values[deals], complete


def all_deals(own: np.ndarray) -> np.ndarray:
    """Deal the groups `own` (G) in every way (N by G)."""
    return np.array(list(every_deal(tuple(np.bincount(own)))))


def every_deal(sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield every way to deal groups of these sizes, as the group of each school.

    >>> list(every_deal((1, 2)))
    [(0, 1, 1), (1, 0, 1), (1, 1, 0)]
    """
    if not any(sizes):
        yield ()
    for group, size in enumerate(sizes):
        if size:
            rest = tuple(s - (g == group) for g, s in enumerate(sizes))
            yield from ((group, *tail) for tail in every_deal(rest))


def under_deals(design: Design, D: np.ndarray, *, complete: bool) -> Reference:
    """Compute the statistic's parts under deals D (N by G by T), without those that cannot be estimated."""
    outcomes = np.stack([design.Y, design.D * design.observed], axis=-1).astype(float)
    gaps = average_gaps(outcomes, design.weights * ~D, design.weights * D, design.observed)
    left = gaps.without
    fine = np.isfinite(left).all(axis=(1, 2)) & np.isfinite(gaps.value).all(axis=1)
    value, cohorts = gaps.value[fine], first_years(D[fine], design.observed)
    change = changes_of_variance(left[fine] - value[:, None], by_cohort(cohorts))
    moments = np.einsum("ngr,ngs->nrs", change, change)
    return Reference(
        a=value[:, 0],
        d=value[:, 1],
        A=moments[:, 0, 0],
        B=moments[:, 0, 1],
        C=moments[:, 1, 1],
        complete=complete,
    )


def first_deals(parts: list[Reference], draws: int) -> Reference:
    """Join rounds and keep the number of deals asked for."""
    joined = {key: np.concatenate([getattr(p, key) for p in parts])[:draws] for key in "adABC"}
    return Reference(**joined, complete=False)


def p_value(reference: Reference, actual: Estimate, effects: np.ndarray) -> np.ndarray:
    """Share of deals at least as far from the tested effect as the actual one, for each tested effect."""
    tau = effects[:, None]
    others = (reference.a - tau * reference.d) ** 2 * actual.se**2
    squared_error = reference.A - 2 * tau * reference.B + tau**2 * reference.C
    own = (actual.value - tau) ** 2 * squared_error
    extreme = (others >= own * (1 - TIE)).sum(axis=1)
    if reference.complete:
        return extreme / len(reference.a)
    return (extreme + 1) / (len(reference.a) + 1)


def end_of_interval(reference: Reference, actual: Estimate, side: int) -> float:
    """Find the farthest effect on one side that the test does not reject, by a grid and then by halving."""
    reach = 12.0 * actual.se
    steps = np.linspace(0, 1, 241)
    for _ in range(30):
        kept = p_value(reference, actual, actual.value + side * reach * steps) > 1 - LEVEL
        if not kept[-1]:
            break
        reach *= 4
    else:
        return side * math.inf
    last = int(np.flatnonzero(kept)[-1])
    inner, outer = reach * steps[last], reach * steps[last + 1]
    for _ in range(60):
        middle = (inner + outer) / 2
        kept = p_value(reference, actual, np.array([actual.value + side * middle])) > 1 - LEVEL
        inner, outer = (middle, outer) if kept[0] else (inner, middle)
    return float(actual.value + side * inner)


def refuse_few_deals(reference: Reference) -> None:
    """Refuse when even the most extreme deal would not be rare enough."""
    ways = len(reference.a) + (not reference.complete)
    if 1 / ways > 1 - LEVEL + 1e-12:
        what = f"There are only {ways} ways to deal the start years, too few for a {LEVEL:.0%} interval."
        raise MethodError(Problem("panel", what, "Use the jackknife interval, or add schools."))
