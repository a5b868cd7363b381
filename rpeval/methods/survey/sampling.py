"""How a sample was drawn, and what that makes of its standard errors: strata, clusters, weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.methods.wording import count_of, some

Lonely = Literal["refuse", "center", "certain"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A sample with its design, checked by `lay_out_sample`.

    frame      : the rows
    weight     : sampling weights (n)
    stratum    : code of the stratum (n)
    stages     : per stage of sampling, the code of the cluster (n)
    population : per stage, clusters in the population of the stratum (n), infinite where not known
    margins    : codes of the margins that the weights were raked to
    before     : weights before raking (n)
    lonely     : what a stratum with one cluster contributes
    """

    frame: pd.DataFrame
    weight: np.ndarray
    stratum: np.ndarray
    stages: tuple[np.ndarray, ...]
    population: tuple[np.ndarray, ...]
    margins: tuple[np.ndarray, ...]
    before: np.ndarray
    lonely: Lonely


def lay_out_sample(
    frame: pd.DataFrame,
    *,
    weight: str | None = None,
    strata: Sequence[str] = (),
    clusters: Sequence[str] = (),
    population: Sequence[str] = (),
    raked_to: Sequence[Sequence[str]] = (),
    raked_from: str | None = None,
    lonely: Lonely = "refuse",
) -> Sample:
    """Say how a sample was drawn.

    Use before the functions of `linearization`, with a survey that somebody sampled (YRBS, PISA, a state's
    sample of schools). For the program's effect on a district's own survey use `clustered.did_survey`.

    frame     : one row per respondent, all of them: groups are chosen later, so that the design stays whole
    weight    : column of sampling weights, None = equal
    strata    : columns that together name the stratum; none = one stratum
    clusters  : columns of the first stage, second stage … of sampling, numbered anew in each stratum or not;
                none = respondents were drawn singly
    population: for each stage, the column with the number of clusters in the stratum's population; none =
                drawn from so many that it does not matter, and only the first stage counts
    raked_to  : columns of each margin that the weights were raked to; raked_from: column of the weights
                before, None = equal. The variance then counts what the margins leave unexplained
    lonely    : a stratum with a single cluster shows no spread. "refuse" names it; "center" takes the
                cluster's distance from the mean of all clusters; "certain" counts it as zero
    Refuses (MethodError): weights that are missing or negative; lonely strata, unless told; fewer clusters
    in a stratum's population than in the sample.
    Source: Särndal, Swensson & Wretman (1992); Binder (1983); Deville & Särndal (1992) for raked weights.

    >>> frame = pd.DataFrame({"school": [1, 1, 2, 2], "y": [1.0, 3, 4, 6]})
    >>> sample = lay_out_sample(frame, clusters=["school"])
    >>> scores = (frame["y"].to_numpy() - 3.5) / 4
    >>> round(standard_error(sample, scores), 6)                 # two schools, means 2 and 5
    1.5
    """
    n = len(frame)
    weights = np.ones(n) if weight is None else frame[weight].to_numpy(float)
    if not (weights >= 0).all():
        what = f"{count_of(int((~(weights >= 0)).sum()), 'row')} without a weight of zero or more."
        raise MethodError(Problem(str(weight), what, "Leave these rows out, or give them a weight."))
    stratum = _codes(frame, list(strata)) if strata else np.zeros(n, int)
    stages, within = [], stratum
    for column in clusters or [None]:
        own = np.arange(n) if column is None else _codes(frame, [column])
        within = np.unique(within * (own.max() + 1) + own, return_inverse=True)[1]
        stages.append(within)
    counts = tuple(frame[name].to_numpy(float) for name in population) or (np.full(n, np.inf),)
    margins = tuple(_codes(frame, list(columns)) for columns in raked_to)
    before = np.ones(n) if raked_from is None else frame[raked_from].to_numpy(float)
    sample = Sample(frame, weights, stratum, tuple(stages), counts, margins, before, lonely)
    _require_clusters(sample, list(strata))
    return sample


def _codes(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number the combinations of some columns."""
    if lacking := int(frame[columns].isna().any(axis=1).sum()):
        what = f"{count_of(lacking, 'row')} without a value."
        raise MethodError(Problem(" × ".join(columns), what, "Give every row its place in the design."))
    return frame.groupby(columns, sort=True).ngroup().to_numpy()


def standard_error(sample: Sample, scores: np.ndarray) -> float:
    """Standard error of the sum of scores under the design."""
    if sample.margins:
        scores = sample.weight * _unexplained(scores, sample)
    variance, within, share = 0.0, sample.stratum, np.ones(len(scores))
    for cluster, population in zip(sample.stages, sample.population, strict=False):
        own, fraction = _stage(scores, within, cluster, population, share, sample.lonely)
        variance += own
        share, within = share * fraction[within], cluster
        if not share.any():
            break
    return float(np.sqrt(variance))


def _stage(
    scores: np.ndarray,
    stratum: np.ndarray,
    cluster: np.ndarray,
    population: np.ndarray,
    share: np.ndarray,
    lonely: Lonely,
) -> tuple[float, np.ndarray]:
    """Return one stage's variance, and the fraction of clusters that each stratum drew."""
    _, row = np.unique(cluster, return_index=True)
    total, of = np.bincount(cluster, scores), stratum[row]
    n = np.bincount(of)
    center = np.bincount(of, total) / n
    fraction = n / _first(population, stratum)
    apart = total - center[of]
    if lonely == "center":
        apart = np.where(n[of] > 1, apart, total - total.mean())
    spread = np.bincount(of, apart**2) * np.where(n > 1, n / np.maximum(n - 1, 1), 1.0)
    return float((_first(share, stratum) * (1 - fraction) * spread).sum()), fraction


def _first(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return each group's value, from its first row."""
    return values[np.unique(group, return_index=True)[1]]


def _unexplained(scores: np.ndarray, sample: Sample) -> np.ndarray:
    """Take from the linearized values what the raking margins explain, by weighted means in turn."""
    w, d = sample.weight, sample.before
    rest = np.where(w > 0, scores / np.where(w > 0, w, 1.0), 0.0)
    for _ in range(1_000):
        before = rest
        for code in sample.margins:
            rest = rest - (np.bincount(code, d * rest) / np.bincount(code, d))[code]
        if np.abs(rest - before).max() <= 1e-14 * np.abs(scores).max():
            break
    return rest


def count_clusters(sample: Sample, used: np.ndarray) -> int:
    """Count the first-stage clusters among some rows."""
    return len(np.unique(sample.stages[0][used]))


def degrees_of_freedom(sample: Sample, used: np.ndarray, parameters: int = 1) -> float:
    """Degrees of freedom: clusters less strata among the rows used, less the further parameters."""
    clusters_n = count_clusters(sample, used)
    df = clusters_n - len(np.unique(sample.stratum[used])) - (parameters - 1)
    if df < 1:
        what = f"{count_of(clusters_n, 'cluster')} in all strata: too few to show a spread."
        raise MethodError(Problem("sample", what, "Take a larger part of the sample."))
    return float(df)


def _require_clusters(sample: Sample, strata: list[str]) -> None:
    """Refuse lonely strata that nobody spoke for, and populations smaller than the sample."""
    frame, within = sample.frame, sample.stratum
    for cluster, population in zip(sample.stages, sample.population, strict=False):
        _, row = np.unique(cluster, return_index=True)
        n, whole = np.bincount(within[row]), _first(population, within)
        first = np.unique(within, return_index=True)[1]
        named = frame[strata].astype(str).agg(" / ".join, axis=1) if strata else pd.Series("all", frame.index)
        small = named.iloc[first[n > whole]].unique()
        if len(small):
            what = f"The population has fewer clusters than were drawn in: {some(small)}."
            raise MethodError(Problem("population", what, "Give the number of clusters in the population."))
        lonely = named.iloc[first[(n == 1) & (whole > 1)]].unique()
        if len(lonely) and sample.lonely == "refuse":
            what = f"A single cluster shows no spread in: {some(lonely)}."
            raise MethodError(Problem("strata", what, "Join these strata with others, or say `lonely`."))
        within = cluster
