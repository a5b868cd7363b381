"""Scale scores, percent favorable and the reliability of a short set of survey items."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import ClusteredFit, fit_clustered
from rpeval.methods.intervals import LEVEL
from rpeval.methods.survey.items import Items, alike
from rpeval.methods.wording import refuse

ANSWERED_SHARE = 2 / 3
RESPONDENTS_LEAST = 10


def scale_scores(items: Items, *, answered_share: float = ANSWERED_SHARE) -> pd.Series:
    """Score each respondent: the mean of the answered items.

    Use for a scale whose items count the same. The score is prorated: it is the mean of what was answered,
    given only where at least `answered_share` of the items were.
    Returns a column from `low` to `high`, same index, missing where too few items were answered.

    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = pd.DataFrame({"a": [4, 4, 4], "b": [3, 3, None], "c": [1, None, None]})
    >>> items = lay_out_items(answers, items=["a", "b", "c"], low=1, high=4, reverse=["c"])
    >>> scale_scores(items).round(3).tolist()
    [3.667, 3.5, nan]
    """
    return items.codes.mean(axis=1).where(_enough(items.codes, answered_share))


def favorable_shares(
    items: Items, *, favorable: Sequence[float], answered_share: float = ANSWERED_SHARE
) -> pd.Series:
    """Give each respondent the percent of answered items that are favorable.

    Use as an outcome that readers grasp at once. `favorable` lists the codes after reversing, usually the top
    two. Unanswered items leave the denominator; the middle category stays in it.
    Returns a column from 0 to 100, same index, missing where too few items were answered.

    >>> from rpeval.methods.survey.items import lay_out_items
    >>> items = lay_out_items(pd.DataFrame({"a": [4, 3, 2], "b": [3, None, 3]}), items="ab", low=1, high=4)
    >>> favorable_shares(items, favorable=[3, 4], answered_share=0.5).tolist()
    [100.0, 100.0, 50.0]
    """
    return _shares(items.codes, favorable).where(_enough(items.codes, answered_share))


def _shares(codes: pd.DataFrame, favorable: Sequence[float]) -> pd.Series:
    """Percent of each respondent's answers that are favorable."""
    return 100 * codes.isin(list(favorable)).sum(axis=1) / codes.notna().sum(axis=1)


def _enough(codes: pd.DataFrame, share: float) -> pd.Series:
    """Say who answered enough items; 0.6667 of 6 items are 4."""
    needed = max(np.ceil(share * codes.shape[1] - 0.01), 1)
    return codes.notna().sum(axis=1) >= needed


def percent_favorable(
    items: Items, *, favorable: Sequence[float], weight: str | None = None, by_school: bool = False
) -> Estimate:
    """Percent of all answers that are favorable.

    Use to describe one wave or group. Every answer counts the same, or by the respondent's weight;
    unanswered items leave the denominator. With `by_school` the interval is right for clusters and stays
    inside 0 to 100; without it there is none, because students of one school do not answer independently.

    Returns an Estimate in percent: CR2 standard error by school, and the exact binomial interval for as many
    independent answers as that standard error is worth. With one school there is no interval.
    Refuses (MethodError) where nobody answered.
    Source: Korn & Graubard (1998), Survey Methodology 24.

    >>> from rpeval.methods.survey.items import lay_out_items
    >>> items = lay_out_items(pd.DataFrame({"a": [4, 3, 2], "b": [3, None, 3]}), items="ab", low=1, high=4)
    >>> percent_favorable(items, favorable=[3, 4]).value
    80.0
    """
    w = items.codes.notna().sum(axis=1) * (1.0 if weight is None else items.rows[weight].astype(float))
    kept = (w > 0).to_numpy()
    if not kept.any():
        raise MethodError(Problem("items", "Nobody answered.", "Check the item columns and their codes."))
    told, w = items.part(kept), w[kept].to_numpy()
    share = _shares(told.codes, favorable).to_numpy()
    value = float(w @ share / w.sum())
    common = {"unit": "percent", "n": len(share), "n_unit": "students", "level": LEVEL}
    if not by_school:
        return Estimate(value=value, method="share of answers", **common)
    cluster = told.rows["school_id"].to_numpy()
    fit = fit_clustered(share, np.ones((len(share), 1)), cluster=cluster, weight=w)
    if fit.clusters_n < 2:
        words = "share of answers; one school shows no spread"
        return Estimate(value=value, clusters=1, method=words, **common)
    low, high = _share_interval(value / 100, fit, int(told.codes.notna().to_numpy().sum()))
    how = f"exact binomial at the effective number of answers, by school, t({fit.df:.1f})"
    common |= {"df": fit.df, "clusters": fit.clusters_n, "method": f"share of answers; {how}"}
    return Estimate(value=value, se=fit.se, low=100 * low, high=100 * high, **common)


def _share_interval(share: float, fit: ClusteredFit, answers_n: int) -> tuple[float, float]:
    """Exact binomial ends for as many independent answers as the schools' spread says there are.

    Where all answers are alike there is no spread to judge by, and every school counts as one answer.
    """
    tail = (1 - LEVEL) / 2
    no_spread = fit.se <= 1e-9
    df = fit.clusters_n - 1 if no_spread else fit.df
    worth = fit.clusters_n if no_spread else share * (1 - share) / (fit.se / 100) ** 2
    worth *= (stats.t.ppf(tail, max(answers_n - 1, 1)) / stats.t.ppf(tail, df)) ** 2
    worth = min(float(worth), float(answers_n))
    hits = share * worth
    low = stats.beta.ppf(tail, hits, worth - hits + 1) if hits > 0 else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, worth - hits) if hits < worth else 1.0
    return float(low), float(high)


def cronbach_alpha(items: Items) -> Estimate:
    """Cronbach's alpha: how consistently the items rank respondents, a lower bound of reliability.

    Use with categorical omega beside it. Of complete answers; Feldt's interval treats respondents as
    independent, so with students in few schools it is somewhat too narrow.

    Returns an Estimate without unit. Refuses (MethodError): fewer than two items; fewer than ten respondents;
    an item that everybody answers alike.
    Source: Feldt (1965).

    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4] * 3, "b": [1, 2, 3, 4] * 3})
    >>> cronbach_alpha(lay_out_items(answers, items=["a", "b"], low=1, high=4)).value
    1.0
    """
    codes = items.codes.dropna()
    n, k = codes.shape
    _require_spread(codes)
    covariance = codes.cov().to_numpy()
    value = float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))
    bound = stats.f.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], n - 1, (n - 1) * (k - 1))
    low, high = (1 - (1 - value) * bound).tolist()
    method = f"Cronbach's alpha of {k} items; Feldt interval, complete answers"
    return Estimate(value=value, low=low, high=high, level=LEVEL, n=n, n_unit="students", method=method)


def _require_spread(codes: pd.DataFrame) -> None:
    """Refuse what cannot carry a reliability."""
    n, k = codes.shape
    problems = []
    if k < 2:
        problems.append(Problem("items", "One item has no internal consistency.", "Name two items or more."))
    if n < RESPONDENTS_LEAST:
        what = f"{n} respondents answered the items together; {RESPONDENTS_LEAST} are needed."
        problems.append(Problem("items", what, "Use more answers."))
    refuse(problems or alike(codes))
