"""Ordered answers without distances between them: proportional-odds logit, with schools as the units."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
from rpeval.methods.survey.survey_design import SurveyDesign, stack, wave_columns

STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalFit:
    """A proportional-odds logit: log odds of an answer above cut k are eta - cut k.

    coefficients, cuts : as fitted
    covariance  : of cuts and coefficients, in this order, CR2 by cluster
    model_covariance : the same, if all answers were independent
    df          : Satterthwaite degrees of freedom of each coefficient
    log_likelihood : weighted
    clusters_n  : clusters
    """

    coefficients: np.ndarray
    cuts: np.ndarray
    covariance: np.ndarray
    model_covariance: np.ndarray
    df: np.ndarray
    log_likelihood: float
    clusters_n: int


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Answers summed over rows that are equal in code, design and cluster."""

    code: np.ndarray
    X: np.ndarray
    w: np.ndarray
    cluster: np.ndarray
    last: int


def did_ordinal(sample: SurveyDesign) -> Estimate:
    """Effect of the program on ordered answers: difference-in-differences in a proportional-odds logit.

    Use as sensitivity beside `did_survey`: it does not take the distance from "never" to "rarely" to be that
    from "often" to "always", and it does not stop at a ceiling. Distinct values are ordered categories. Arms
    and waves have effects of their own, schools do not: those of few students would bias a logit.

    Returns an Estimate in log odds (above zero: answers moved up with the program): CR2 by school,
    Satterthwaite df. The odds ratio is in `method`.
    Refuses (MethodError): one answer only; a fit that runs away because the answers of an arm and wave are
    all at one end.
    Source: McCullagh (1980); Pustejovsky & Tipton (2018) for CR2, in the space of the scores.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> rows = [(s, w, 2019.0 if s < 2 else None, up) for s in range(4) for w in (2018, 2020)
    ...         for up in [0] * (5 - 2 * (s < 2) * (w > 2018)) + [1] * (5 + 2 * (s < 2) * (w > 2018))]
    >>> cells = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "answer"])
    >>> round(did_ordinal(lay_out(cells, outcome="answer")).value, 4)          # log(7 / 3) - log(5 / 5)
    0.8473
    """
    rows = stack(sample)
    fit = fit_ordinal(rows["y"].to_numpy(), _columns(rows), cluster=rows["school"], weight=rows["w"])
    ratio = f"odds ratio {np.exp(fit.coefficients[0]):.2f}"
    words = f"proportional-odds logit of arm × wave ({ratio}); CR2 by school, t({fit.df[0]:.1f})"
    return t_estimate(
        fit.coefficients[0],
        float(np.sqrt(fit.covariance[len(fit.cuts), len(fit.cuts)])),
        fit.df[0],
        unit="log odds",
        clusters=fit.clusters_n,
        method=words,
        kind="iterative",
        **sample.sample,
    )


def _columns(rows: pd.DataFrame) -> np.ndarray:
    """Program, waves and arms of every comparison; the first wave of the first one is the cuts' own."""
    arm = rows["cohort"].to_numpy()[:, None] == np.sort(rows["cohort"].unique())[None, :]
    adopts = np.isfinite(rows["first"].to_numpy())[:, None]
    return np.column_stack([rows["treated"], arm & adopts, wave_columns(rows)[:, 1:]]).astype(float)


def fit_ordinal(
    outcome: np.ndarray, design: np.ndarray, *, cluster: np.ndarray, weight: np.ndarray | None = None
) -> OrdinalFit:
    """Fit a proportional-odds logit by maximum (weighted) likelihood.

    outcome : (n,) numbers; their order is all that counts
    design  : (n, k) columns without a constant
    cluster : (n,) independent units
    weight  : (n,) positive weights, None = equal
    Returns an OrdinalFit. Refuses (MethodError): one value only; columns that cannot be told apart; no
    maximum after 100 steps.

    >>> fit = fit_ordinal(np.array([0, 0, 1, 1, 1, 0]), np.array([[0], [0], [0], [1], [1], [1]]),
    ...     cluster=np.arange(6))
    >>> fit.coefficients.round(4).tolist(), fit.cuts.round(4).tolist()   # log 2 + log 2; log 2
    ([1.3863], [0.6931])
    """
    cells = _gather(np.asarray(outcome, float), np.asarray(design, float), np.asarray(cluster), weight)
    share = np.cumsum(np.bincount(cells.code, cells.w))[:-1] / cells.w.sum()
    beta = np.concatenate([np.log(share / (1 - share)), np.zeros(cells.X.shape[1])])
    here = _evaluate(cells, beta)
    for _ in range(STEPS):
        step = _newton(here.information(), here.scores().sum(axis=0))
        beta, here = _advance(cells, beta, step, here)
        if np.abs(step).max() < 1e-9:
            break
    else:
        _refuse()
    covariance, df = _robust(cells, here)
    cut = cells.last
    return OrdinalFit(
        coefficients=beta[cut:],
        cuts=beta[:cut],
        covariance=covariance,
        model_covariance=np.linalg.inv(here.information()),
        df=df[cut:],
        log_likelihood=here.value,
        clusters_n=int(cells.cluster[-1]) + 1,
    )


def _gather(y: np.ndarray, X: np.ndarray, cluster: np.ndarray, weight: np.ndarray | None) -> _Cells:
    """Sum the weights of equal rows, in order of cluster."""
    values, code = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise MethodError(Problem("outcome", "All answers are equal.", "Check the answers."))
    row = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    unit = np.unique(cluster, return_inverse=True)[1]
    key = (unit * (row.max() + 1) + row) * len(values) + code
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    w = np.bincount(place, np.ones(len(y)) if weight is None else np.asarray(weight, float))
    return _Cells(code[first], X[first], w, unit[first], len(values) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """The likelihood at some parameters.

    value : log likelihood
    w     : weight of each cell
    edges : derivative of a cell's upper and lower argument by the parameters (2 by cells by parameters)
    slope, bend : first and second derivative of the log chance by either argument (2 by cells)
    """

    value: float
    w: np.ndarray
    edges: np.ndarray
    slope: np.ndarray
    bend: np.ndarray

    def scores(self) -> np.ndarray:
        """Return the score of every cell."""
        return self.w[:, None] * np.einsum("sn,snp->np", self.slope, self.edges)

    def information(self, part: slice = slice(None)) -> np.ndarray:
        """Return minus the second derivatives, of all cells or of some."""
        w, edges, first = self.w[part], self.edges[:, part], self.slope[:, part]
        pull = np.einsum("sn,snp->np", first, edges)
        own = sum(
            edge.T @ (edge * (w * bend)[:, None])
            for edge, bend in zip(edges, self.bend[:, part], strict=True)
        )
        return pull.T @ (w[:, None] * pull) - own


def _evaluate(cells: _Cells, beta: np.ndarray) -> _Point:
    """Evaluate the likelihood: an answer of code k has the chance F(cut k - eta) - F(cut k-1 - eta)."""
    n, last = len(cells.code), cells.last
    edges, arguments = np.zeros((2, n, len(beta))), np.array([[np.inf], [-np.inf]]) * np.ones(n)
    for side, has in enumerate([cells.code < last, cells.code > 0]):
        at = np.flatnonzero(has)
        edges[side, at, cells.code[at] - side] = 1.0
        edges[side, at, last:] = -cells.X[at]
        arguments[side, at] = edges[side, at] @ beta
    F, sign = expit(arguments), np.array([[1.0], [-1.0]])
    chance = np.maximum(F[0] - F[1], 1e-300)
    density = sign * F * (1 - F) / chance
    return _Point(float(cells.w @ np.log(chance)), cells.w, edges, density, density * (1 - 2 * F))


def _newton(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return Newton's step, or refuse columns that cannot be told apart."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    scaled = information / np.outer(scale, scale)
    if not np.isfinite(scaled).all() or np.linalg.matrix_rank(scaled, tol=1e-8) < len(scaled):
        _refuse()
    return np.linalg.solve(scaled, gradient / scale) / scale


def _advance(cells: _Cells, beta: np.ndarray, step: np.ndarray, here: _Point) -> tuple[np.ndarray, _Point]:
    """Take the step, halved until the cuts stay in order and the likelihood does not fall."""
    for halvings in range(30):
        after = beta + step / 2**halvings
        if (np.diff(after[: cells.last]) > 0).all():
            there = _evaluate(cells, after)
            if there.value >= here.value - 1e-9 * abs(here.value):
                return after, there
    return beta, here


def _refuse() -> None:
    """Refuse a fit without a finite maximum."""
    what = "No finite estimate: an arm and wave has answers at one end only, or columns repeat each other."
    raise MethodError(Problem("outcome", what, "Join answers that nearly nobody gave."))


def _robust(cells: _Cells, here: _Point) -> tuple[np.ndarray, np.ndarray]:
    """Return the CR2 covariance by cluster, and Satterthwaite df, of every parameter.

    In coordinates in which the information is the identity, a cluster with information G has its score
    multiplied by (I - G)^(-1/2), which in a linear model is CR2. If answers were independent, the covariance
    of two clusters' scores would be G - G² on the diagonal and - G H off it, and that gives the df.
    """
    back = np.linalg.inv(np.linalg.cholesky(here.information())).T
    scores, edges = here.scores(), np.flatnonzero(np.diff(cells.cluster)) + 1
    bounds = [0, *edges.tolist(), len(cells.code)]
    total, own, pulls = np.zeros_like(back), [], []
    for first, last in itertools.pairwise(bounds):
        G = back.T @ here.information(slice(first, last)) @ back
        d, q = np.linalg.eigh(np.eye(len(G)) - G)
        root = (q * np.where(d > 1e-9, np.maximum(d, 1e-9) ** -0.5, 0.0)) @ q.T
        adjusted = root @ (back.T @ scores[first:last].sum(axis=0))
        total += np.outer(adjusted, adjusted)
        v = root @ back.T
        own.append(np.einsum("pk,pk->k", v, G @ v))
        pulls.append(G @ v)
    return back @ total @ back.T, _satterthwaite(np.array(own), np.array(pulls))


def _satterthwaite(own: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Return df of each parameter, the last axis of own (by cluster) and pulls (by cluster and direction)."""
    df = []
    for k in range(own.shape[1]):
        omega = np.diag(own[:, k]) - pulls[:, :, k] @ pulls[:, :, k].T
        df.append(np.trace(omega) ** 2 / (omega**2).sum())
    return np.array(df)
