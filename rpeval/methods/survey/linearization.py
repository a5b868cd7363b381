"""Means, shares and regressions of a designed sample: strata, clusters, weights, by Taylor linearization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
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

    Use before the other functions here, with a survey that somebody sampled (YRBS, PISA, a state's sample of
    schools). For the program's effect on a district's own survey use `clustered.did_survey`.

    frame     : one row per respondent, all of them: groups are chosen later, so that the design stays whole
    weight    : column of sampling weights, None = equal
    strata    : columns that together name the stratum; none = one stratum
    clusters  : columns of the first stage, second stage … of sampling; none = respondents were drawn singly.
                Cluster numbers may start anew in each stratum
    population: for each stage, the column with the number of clusters in the stratum's population; none =
                drawn from so many that it does not matter, and only the first stage counts
    raked_to  : columns of each margin that the weights were raked to; their variance then counts what the
                margins leave unexplained
    raked_from: column of the weights before raking, None = equal
    lonely    : a stratum with a single cluster shows no spread. "refuse" names it; "center" takes the
                cluster's distance from the mean of all clusters (safe side); "certain" counts it as zero,
                as if the cluster had been certain to be drawn
    Refuses (MethodError): weights that are missing or negative; lonely strata, unless told; fewer clusters
    in a stratum's population than in the sample.
    Source: Särndal, Swensson & Wretman (1992); Binder (1983); Deville & Särndal (1992) for raked weights.

    >>> frame = pd.DataFrame({"school": [1, 1, 2, 2], "y": [1.0, 3, 4, 6]})
    >>> found = weighted_mean(lay_out_sample(frame, clusters=["school"]), outcome="y")
    >>> found.value, round(found.se, 6), found.df          # two schools, means 2 and 5
    (3.5, 1.5, 1.0)
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


def weighted_mean(
    sample: Sample, *, outcome: str, where: pd.Series | None = None, unit: str = "", level: float = 0.95
) -> Estimate:
    """Mean of an outcome in the population, or in a part of it.

    where : True for the rows of the part (a domain); rows outside still count in the design. Missing answers
            leave the part
    Returns an Estimate in `unit`: linearized standard error, t with clusters - strata df (of the part).
    Refuses (MethodError) a part without answers, or whose answers lie in one cluster per stratum.

    >>> frame = pd.DataFrame({"year": [1, 1, 2, 2], "y": [1.0, 3, 4, 6], "w": [1, 3, 1, 1]})
    >>> weighted_mean(lay_out_sample(frame, weight="w"), outcome="y", where=frame["year"] == 1).value
    2.5
    """
    inside = np.ones(len(sample.frame), bool) if where is None else where.to_numpy(bool)
    value, scores, used = _domain(sample, outcome, inside)
    df = _df(sample, used)
    words = {"unit": unit, "n": int(used.sum()), "n_unit": "students", "clusters": _clusters_n(sample, used)}
    return t_estimate(value, _se(sample, scores), df, level=level, method=_words(sample, df), **words)


def weighted_share(
    sample: Sample, *, outcome: str, where: pd.Series | None = None, level: float = 0.95
) -> Estimate:
    """Percent of the population, or of a part of it, for whom a zero-one outcome is one.

    Inputs and refusals as in `weighted_mean`; outcome: 0 or 1, missing = no answer
    Returns an Estimate in percent; the interval is made on the logit scale, so it stays between 0 and 100.
    Refuses (MethodError) also an outcome that is not zero or one.

    >>> frame = pd.DataFrame({"fav": [1, 1, 0, 1]})
    >>> found = weighted_share(lay_out_sample(frame), outcome="fav")
    >>> found.value, round(found.se, 2), found.high < 100
    (75.0, 25.0, True)
    """
    if not sample.frame[outcome].dropna().isin([0, 1]).all():
        raise MethodError(Problem(outcome, "It holds more than zero and one.", "Say which answers count."))
    mean = weighted_mean(sample, outcome=outcome, where=where, level=level)
    p, se = mean.value, mean.se
    reach = float(stats.t.ppf((1 + level) / 2, mean.df)) * se / (p * (1 - p)) if 0 < p < 1 else 0.0
    ends = [
        100 / (1 + np.exp(-(np.log(p / (1 - p)) + side * reach))) if reach else 100 * p for side in (-1, 1)
    ]
    return Estimate(
        value=100 * p, se=100 * se, low=float(ends[0]), high=float(ends[1]), df=mean.df, level=level,
        unit="percent", n=mean.n, n_unit="students", clusters=mean.clusters,
        method=f"{mean.method}; interval on the logit scale",
    )  # fmt: skip


def means_by(
    sample: Sample, *, outcome: str, by: Sequence[str], unit: str = "", level: float = 0.95
) -> pd.DataFrame:
    """Mean of an outcome in each part of the population.

    Returns one row per part that has answers: the columns of `by`, students_n, value, se, low, high, df.
    Refuses as `weighted_mean`.

    >>> frame = pd.DataFrame({"year": [1, 1, 2, 2], "y": [1.0, 3, 4, 6]})
    >>> means_by(lay_out_sample(frame), outcome="y", by=["year"])["value"].tolist()
    [2.0, 5.0]
    """
    known = sample.frame[sample.frame[outcome].notna()]
    rows = []
    for part in sorted(set(known[list(by)].dropna().itertuples(index=False, name=None))):
        inside = _inside(sample.frame, by, part)
        found = weighted_mean(sample, outcome=outcome, where=inside, unit=unit, level=level)
        rows.append([*part, found.n, found.value, found.se, found.low, found.high, found.df])
    return pd.DataFrame(rows, columns=[*by, "students_n", "value", "se", "low", "high", "df"])


def contrast(
    sample: Sample,
    *,
    outcome: str,
    by: Sequence[str],
    parts: Mapping[tuple, float],
    unit: str = "",
    level: float = 0.95,
) -> Estimate:
    """Difference of means, or any weighted sum of them: a change between years, a gap, a change of a gap.

    Waves that sample different schools can be compared so, where no school can be followed. Such a comparison
    describes; it is no effect of a program.

    by    : columns that name the parts
    parts : value of each part (as a tuple) to its sign or weight, {(2023,): 1, (2021,): -1} for a change
    Returns an Estimate in `unit`; df are clusters - strata - (parts - 1).
    Refuses (MethodError): as `weighted_mean`, for every part.

    >>> frame = pd.DataFrame({"year": [1, 1, 2, 2], "y": [1.0, 3, 4, 6]})
    >>> found = contrast(lay_out_sample(frame), outcome="y", by=["year"], parts={(2,): 1, (1,): -1})
    >>> found.value, found.df
    (3.0, 2.0)
    """
    found = [_domain(sample, outcome, _inside(sample.frame, by, part).to_numpy()) for part in parts]
    weights = list(parts.values())
    value = sum(weight * mean for weight, (mean, _, _) in zip(weights, found, strict=True))
    scores = sum(weight * score for weight, (_, score, _) in zip(weights, found, strict=True))
    used = np.logical_or.reduce([rows for _, _, rows in found])
    df = _df(sample, used, parameters=len(found))
    words = {"unit": unit, "n": int(used.sum()), "n_unit": "students", "clusters": _clusters_n(sample, used)}
    return t_estimate(value, _se(sample, scores), df, level=level, method=_words(sample, df), **words)


def regress(
    sample: Sample, *, outcome: str, on: Sequence[str], unit: str = "", level: float = 0.95
) -> dict[str, Estimate]:
    """Linear regression of an outcome on columns of numbers, with the design's standard errors.

    Returns one Estimate per column, and one for "intercept", in `unit` per unit of the column; t with
    clusters - strata - columns df. Rows with a missing value leave, as a part of the population would.
    Refuses (MethodError) columns that cannot be told apart, and as `weighted_mean`.

    >>> frame = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [1.0, 3, 5, 8]})
    >>> round(regress(lay_out_sample(frame), outcome="y", on=["x"])["x"].value, 6)
    2.3
    """
    data = sample.frame[[outcome, *on]].astype(float)
    used = data.notna().all(axis=1).to_numpy() & (sample.weight > 0)
    w = np.where(used, sample.weight, 0.0)
    y = np.where(used, data[outcome], 0.0)
    X = np.column_stack([used, np.where(used[:, None], data[list(on)], 0.0)]).astype(float)
    gram = X.T @ (X * w[:, None])
    if np.linalg.matrix_rank(gram / np.outer(*[np.sqrt(np.diag(gram))] * 2)) < X.shape[1]:
        raise MethodError(Problem(some(on), "The columns cannot be told apart.", "Leave one out."))
    bread = np.linalg.inv(gram)
    beta = bread @ (X.T @ (w * y))
    scores = (X * (w * (y - X @ beta))[:, None]) @ bread
    df = _df(sample, used, parameters=X.shape[1])
    words = {"unit": unit, "n": int(used.sum()), "n_unit": "students", "clusters": _clusters_n(sample, used)}
    return {
        name: t_estimate(b, _se(sample, z), df, level=level, method=_words(sample, df), **words)
        for name, b, z in zip(["intercept", *on], beta, scores.T, strict=True)
    }


def _domain(sample: Sample, outcome: str, inside: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the weighted mean of a part, the scores of its linearization, and the rows used."""
    y = sample.frame[outcome].to_numpy(float)
    used = inside & np.isfinite(y) & (sample.weight > 0)
    total = sample.weight[used].sum()
    if not total > 0:
        raise MethodError(Problem(outcome, "A part has no answers.", "Name parts that the sample holds."))
    value = float((sample.weight[used] @ y[used]) / total)
    return value, np.where(used, sample.weight * (np.where(used, y, value) - value) / total, 0.0), used


def _inside(frame: pd.DataFrame, by: Sequence[str], part: tuple) -> pd.Series:
    """Say which rows belong to a part."""
    inside = np.logical_and.reduce([frame[name] == value for name, value in zip(by, part, strict=True)])
    return pd.Series(inside, index=frame.index)


def _codes(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number the combinations of some columns."""
    if lacking := int(frame[columns].isna().any(axis=1).sum()):
        what = f"{count_of(lacking, 'row')} without a value."
        raise MethodError(Problem(" × ".join(columns), what, "Give every row its place in the design."))
    return frame.groupby(columns, sort=True).ngroup().to_numpy()


def _se(sample: Sample, scores: np.ndarray) -> float:
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


def _clusters_n(sample: Sample, used: np.ndarray) -> int:
    """Count the first-stage clusters among some rows."""
    return len(np.unique(sample.stages[0][used]))


def _df(sample: Sample, used: np.ndarray, parameters: int = 1) -> float:
    """Degrees of freedom: clusters less strata among the rows used, less the further parameters."""
    df = _clusters_n(sample, used) - len(np.unique(sample.stratum[used])) - (parameters - 1)
    if df < 1:
        what = (
            f"{count_of(_clusters_n(sample, used), 'cluster')} carry the answers: too few to show a spread."
        )
        raise MethodError(Problem("sample", what, "Take a larger part of the sample."))
    return float(df)


def _words(sample: Sample, df: float) -> str:
    """Say how a number was made."""
    raked = ", raked weights" if sample.margins else ""
    return f"Taylor linearization by strata and clusters{raked}, t({df:.0f})"


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
