"""Means, shares and regressions of a designed sample: strata, clusters, weights, by Taylor linearization."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import critical, t_estimate
from rpeval.methods.survey.sampling import (
    Sample,
    count_clusters,
    degrees_of_freedom,
    lay_out_sample,
    standard_error,
)
from rpeval.methods.wording import some

__all__ = ["Sample", "contrast", "lay_out_sample", "means_by", "regress", "weighted_mean", "weighted_share"]


def weighted_mean(
    sample: Sample, *, outcome: str, where: pd.Series | None = None, unit: str = ""
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
    return _report(sample, value, scores, used, unit=unit)


def weighted_share(sample: Sample, *, outcome: str, where: pd.Series | None = None) -> Estimate:
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
    mean = weighted_mean(sample, outcome=outcome, where=where)
    p, se = mean.value, mean.se
    reach = critical(mean.df) * se / (p * (1 - p)) if 0 < p < 1 else 0.0
    ends = [
        100 / (1 + np.exp(-(np.log(p / (1 - p)) + side * reach))) if reach else 100 * p for side in (-1, 1)
    ]
    return Estimate(
        value=100 * p, se=100 * se, low=float(ends[0]), high=float(ends[1]), df=mean.df,
        unit="percent", n=mean.n, n_unit="students", clusters=mean.clusters,
        method=f"{mean.method}; interval on the logit scale",
    )  # fmt: skip


def means_by(sample: Sample, *, outcome: str, by: Sequence[str], unit: str = "") -> pd.DataFrame:
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
        found = weighted_mean(sample, outcome=outcome, where=inside, unit=unit)
        rows.append([*part, found.n, found.value, found.se, found.low, found.high, found.df])
    return pd.DataFrame(rows, columns=[*by, "students_n", "value", "se", "low", "high", "df"])


def contrast(
    sample: Sample, *, outcome: str, by: Sequence[str], parts: Mapping[tuple, float], unit: str = ""
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
    return _report(sample, value, scores, used, parameters=len(found), unit=unit)


def regress(sample: Sample, *, outcome: str, on: Sequence[str], unit: str = "") -> dict[str, Estimate]:
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
    told = {"parameters": X.shape[1], "unit": unit}
    return {
        name: _report(sample, b, z, used, **told)
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


def _report(
    sample: Sample, value: float, scores: np.ndarray, used: np.ndarray, *, unit: str, parameters: int = 1
) -> Estimate:
    """Turn a value and the scores of its linearization into an Estimate."""
    df = degrees_of_freedom(sample, used, parameters)
    method = f"Taylor linearization by strata and clusters{', raked weights' * bool(sample.margins)}"
    words = {"n": int(used.sum()), "n_unit": "students", "clusters": count_clusters(sample, used)}
    words |= {"unit": unit, "method": f"{method}, t({df:.0f})"}
    return t_estimate(value, standard_error(sample, scores), df, **words)
