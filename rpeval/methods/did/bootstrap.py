"""Inference with few schools for regressions: the wild cluster bootstrap, and CR2 with Bell-McCaffrey df."""

import math
from dataclasses import replace
from itertools import product

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import ClusteredFit, fit_clustered
from rpeval.methods.did.design import Design
from rpeval.methods.did.jackknife import solve_years
from rpeval.methods.did.randomization import Reference, end_of_interval, p_value
from rpeval.methods.did.twfe import residualize, twfe
from rpeval.methods.intervals import t_estimate

ENUMERATED = 5_000
WEBB_BELOW = 12
WEBB = np.sqrt([0.5, 1.0, 1.5])


def twfe_bootstrap(design: Design, *, seed: int, draws: int = 999) -> Estimate:
    """Two-way fixed effects, with the p-value and interval of the restricted wild cluster bootstrap.

    Use beside `twfe`, as a diagnostic: the estimate is the same, the inference holds with fewer schools.
    Residuals of the model without the effect are multiplied by one random sign (or, with fewer than 12
    schools, Webb's six values) for each school, and the t value is compared with those of such samples. The
    interval holds the constant effects that the same test does not reject.

    seed fixes the signs, `draws` of them, or all when there are at most 5,000.
    Returns an Estimate in the outcome's unit: se as in `twfe`, df None, mcse the Monte Carlo error of p.
    With two or three adopting schools it is cautious: intervals are wider than they need to be.
    Refuses (MethodError) an interval without an end (too few samples).
    Source: Cameron, Gelbach & Miller (2008), REStat 90; Webb (2023), Canadian Journal of Economics 56;
    MacKinnon & Webb (2018), Econometrics Journal 21, on few adopters.

    >>> from rpeval.methods.did.example import seven_schools
    >>> est = twfe_bootstrap(seven_schools(), seed=1)
    >>> round(est.value, 2), est.low < est.value < est.high
    (-3.5, True)
    """
    actual = twfe(design)
    signs, complete = draw_signs(len(design.units), draws=draws, seed=seed)
    reference = under_signs(design, signs, complete)
    p = float(p_value(reference, actual, np.array([0.0]))[0])
    low, high = (end_of_interval(reference, actual, side) for side in (-1, 1))
    refuse_endless(low, high, len(signs))
    mcse = None if complete else math.sqrt(p * (1 - p) / (len(signs) + 1))
    kind = "Webb" if len(design.units) < WEBB_BELOW else "Rademacher"
    how = f"all {len(signs)} {kind} samples" if complete else f"{len(signs)} {kind} samples"
    words = f"two-way fixed effects; restricted wild cluster bootstrap by school, {how}"
    words += "; interval by test inversion"
    return replace(
        actual,
        low=low,
        high=high,
        p=p,
        df=None,
        mcse=mcse,
        kind="exact" if complete else "simulated",
        method="; ".join([words, *design.remarks]),
    )


def draw_signs(G: int, *, draws: int, seed: int) -> tuple[np.ndarray, bool]:
    """Draw the multipliers of the schools (draws by G), or list all that differ when they are few.

    Turning all signs changes no squared t, so half of the samples are enough; the first keeps its sign.

    >>> signs, complete = draw_signs(13, draws=99, seed=1)
    >>> signs.shape, complete
    ((4096, 13), True)
    """
    values = np.concatenate([WEBB, -WEBB]) if G < WEBB_BELOW else np.array([1.0, -1.0])
    if len(values) ** G <= 2 * ENUMERATED:
        first = values[: len(values) // 2]
        return np.array(list(product(first, *[values] * (G - 1)))), True
    return np.random.default_rng(seed).choice(values, (draws, G)), False


def under_signs(design: Design, signs: np.ndarray, complete: bool) -> Reference:
    """Compute coefficient and CR1 variance in each bootstrap sample, as functions of the tested effect.

    With u the residuals when the effect tau is imposed, u = Y - tau D after school and year effects, a sample
    is s_g u_g. Its own year effects solve S b = sum of W s u; scores are linear in u, hence in tau.
    """
    W = design.weights
    D, Y = residualize(design, design.D * design.observed), residualize(design, design.Y)
    information = (W * D**2).sum()
    share = W / W.sum(axis=1, keepdims=True)
    S = np.diag(W.sum(axis=0)) - W.T @ share
    scores = [sample_scores(signs, W * D, W * u, u, S, (W * D**2).sum(axis=1) / information) for u in (Y, D)]
    (a, of_y), (d, of_d) = scores
    G, n = len(design.units), int(design.observed.sum())
    scale = G / (G - 1) * (n - 1) / (n - len(design.times) - 1) / information**2
    return Reference(
        a=a / information,
        d=d / information,
        A=scale * (of_y**2).sum(axis=1),
        B=scale * (of_y * of_d).sum(axis=1),
        C=scale * (of_d**2).sum(axis=1),
        complete=complete,
    )


def sample_scores(
    signs: np.ndarray, WD: np.ndarray, Wu: np.ndarray, u: np.ndarray, S: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of W D u in each sample (N), and each school's score after refitting (N by G)."""
    own = signs * (WD * u).sum(axis=1)
    total = own.sum(axis=1)
    b = solve_years(S, (signs @ Wu).T, np.array(True)).T
    return total, own - b @ WD.T - total[:, None] * part


def refuse_endless(low: float, high: float, samples_n: int) -> None:
    """Refuse an interval that has no end."""
    if math.isinf(low) or math.isinf(high):
        what = f"{samples_n} samples of the bootstrap reject no effect, however large, on one side."
        fix = "Ask for more draws, or use `att_imputation` or `att_randomization`."
        raise MethodError(Problem("panel", what, fix))


def twfe_cr2(design: Design) -> Estimate:
    """Two-way fixed effects with CR2 standard error and Bell-McCaffrey degrees of freedom by school.

    Use beside `twfe`, as a diagnostic with fewer schools. Returns an Estimate in the outcome's unit. Refuses
    (MethodError) a standard error with less than one degree of freedom.
    Source: Bell & McCaffrey (2002), Survey Methodology 28; Pustejovsky & Tipton (2018), JBES 36.

    >>> from rpeval.methods.did.example import four_schools
    >>> est = twfe_cr2(four_schools())
    >>> round(est.value, 9), round(est.df, 6)
    (-2.5, 2.0)
    """
    seen = design.observed
    school, year = np.nonzero(seen)
    fit = fit_clustered(
        design.Y[seen],
        np.column_stack([design.D[seen], np.eye(len(design.times))[year, 1:]]).astype(float),
        cluster=school,
        within=np.zeros(len(school)),
        weight=design.weights[seen] if design.weighted else None,
    )
    return as_estimate(design, fit)


def as_estimate(design: Design, fit: ClusteredFit) -> Estimate:
    """Say in words how the effect was made, or refuse one that too few schools stand behind."""
    if not fit.df >= 1:
        problem = "The standard error has less than one degree of freedom: too few schools stand behind it."
        raise MethodError(Problem("panel", problem, "Use `att_imputation`, or add schools."))
    method = "; ".join([f"two-way fixed effects; CR2 by school, t({fit.df:.1f})", *design.remarks])
    return t_estimate(fit.value, fit.se, fit.df, method=method, **design.sample)
