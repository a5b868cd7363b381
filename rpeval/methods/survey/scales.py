"""Scale scores, percent favorable and the reliability of a short set of survey items."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import ClusteredFit, fit_clustered

ANSWERED_SHARE = 2 / 3
RESPONDENTS_LEAST = 10


def keyed_answers(
    frame: pd.DataFrame, *, items: Sequence[str], low: float, high: float, reverse: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the items with the reversed ones turned around, so that high always means more.

    Use before anything that adds items up. A reversed answer x becomes low + high - x; unanswered stays so.

    frame    : one row per respondent, items as codes from `low` to `high`, missing = unanswered
    Returns a frame of the items, same index. Refuses (MethodError): an item that is absent; an answer outside
    the range; a reversed item that is not among the items.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 4], "b": [1, 4]})
    >>> keyed_answers(answers, items=["a", "b"], low=1, high=4, reverse=["b"])
         a    b
    0  1.0  4.0
    1  4.0  1.0
    """
    _require_items(frame, items, reverse)
    answers = frame[list(items)].astype(float)
    wrong = ((answers < low) | (answers > high)).sum()
    wrong = wrong[wrong > 0]
    if len(wrong):
        counts = ", ".join(f"{name} {count}" for name, count in wrong.items())
        what = f"Answers outside {low:g} to {high:g}: {counts}."
        raise MethodError(Problem("items", what, "Correct the range, or read the file's labels as codes."))
    flip = list(reverse)
    answers[flip] = low + high - answers[flip]
    return answers


def _require_items(frame: pd.DataFrame, items: Sequence[str], reverse: Sequence[str]) -> None:
    """Refuse unknown items."""
    absent = [name for name in items if name not in frame.columns]
    extra = [name for name in reverse if name not in items]
    problems = []
    if absent or not items:
        what = f"Items not in the data: {', '.join(absent) or 'none were named'}."
        problems.append(Problem("items", what, "Name columns that the survey holds."))
    if extra:
        what = f"Reversed items that are not among the items: {', '.join(extra)}."
        problems.append(Problem("reverse", what, "Reverse only items of the scale."))
    if problems:
        raise MethodError(problems)


def scale_scores(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    answered_share: float = ANSWERED_SHARE,
) -> pd.Series:
    """Score each respondent: the mean of the answered items, reversed ones turned around.

    Use for a scale whose items count the same. The score is prorated: it is the mean of what was answered,
    given only where at least `answered_share` of the items were.

    Returns a column from `low` to `high`, same index, missing where too few items were answered.
    Refuses (MethodError): as `keyed_answers`.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [4, 4, 4], "b": [3, 3, None], "c": [1, None, None]})
    >>> scale_scores(answers, items=["a", "b", "c"], low=1, high=4, reverse=["c"]).round(3).tolist()
    [3.667, 3.5, nan]
    """
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    return answers.mean(axis=1).where(_enough(answers, answered_share))


def favorable_shares(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    favorable: Sequence[float],
    reverse: Sequence[str] = (),
    answered_share: float = ANSWERED_SHARE,
) -> pd.Series:
    """Give each respondent the percent of answered items that are favorable.

    Use as an outcome that readers grasp at once. `favorable` lists the codes after reversing, usually the top
    two. Unanswered items leave the denominator; the middle category stays in it.

    Returns a column from 0 to 100, same index, missing where too few items were answered.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [4, 3, 2], "b": [3, None, 3]})
    >>> favorable_shares(answers, items=["a", "b"], low=1, high=4, favorable=[3, 4],
    ...     answered_share=0.5).tolist()
    [100.0, 100.0, 50.0]
    """
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    hits = answers.isin(list(favorable)).sum(axis=1)
    return (100 * hits / answers.notna().sum(axis=1)).where(_enough(answers, answered_share))


def _enough(answers: pd.DataFrame, share: float) -> pd.Series:
    """Say who answered enough items; 0.6667 of 6 items are 4."""
    needed = max(np.ceil(share * answers.shape[1] - 0.01), 1)
    return answers.notna().sum(axis=1) >= needed


def percent_favorable(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    favorable: Sequence[float],
    reverse: Sequence[str] = (),
    weight: str | None = None,
    school: str | None = None,
    level: float = 0.95,
) -> Estimate:
    """Percent of all answers that are favorable.

    Use to describe one wave or group. Every answer counts the same, or by the respondent's weight;
    unanswered items leave the denominator. With `school` the interval is right for clusters and stays inside
    0 to 100; without it there is none, because students of one school do not answer independently.

    Returns an Estimate in percent: CR2 standard error by school, and the exact binomial interval for as many
    independent answers as that standard error is worth. With one school there is no interval.
    Refuses (MethodError): as `keyed_answers`; nobody answered.
    Source: Korn & Graubard (1998), Survey Methodology 24.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [4, 3, 2], "b": [3, None, 3]})
    >>> percent_favorable(answers, items=["a", "b"], low=1, high=4, favorable=[3, 4]).value
    80.0
    """
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    w = answers.notna().sum(axis=1) * (1.0 if weight is None else frame[weight].astype(float))
    kept = w > 0
    if not kept.any():
        raise MethodError(Problem("items", "Nobody answered.", "Check the item columns and their codes."))
    answers, w = answers[kept], w[kept].to_numpy()
    share = (100 * answers.isin(list(favorable)).sum(axis=1) / answers.notna().sum(axis=1)).to_numpy()
    value = float(w @ share / w.sum())
    common = {"unit": "percent", "n": int(kept.sum()), "n_unit": "students", "level": level}
    if school is None:
        return Estimate(value=value, method="share of answers", **common)
    cluster = frame.loc[kept, school].to_numpy()
    fit = fit_clustered(share, np.ones((len(share), 1)), cluster=cluster, weight=w)
    if fit.clusters_n < 2:
        return Estimate(
            value=value, clusters=1, method="share of answers; one school shows no spread", **common
        )
    answers_n = int(answers.notna().to_numpy().sum())
    low_, high_ = _share_interval(value / 100, fit, answers_n, level)
    how = f"exact binomial at the effective number of answers, by school, t({fit.df:.1f})"
    common |= {"df": fit.df, "clusters": fit.clusters_n, "method": f"share of answers; {how}"}
    return Estimate(value=value, se=fit.se, low=100 * low_, high=100 * high_, **common)


def _share_interval(share: float, fit: ClusteredFit, answers_n: int, level: float) -> tuple[float, float]:
    """Exact binomial ends for as many independent answers as the schools' spread says there are.

    Where all answers are alike there is no spread to judge by, and every school counts as one answer.
    """
    tail = (1 - level) / 2
    alike = fit.se <= 1e-9
    df = fit.clusters_n - 1 if alike else fit.df
    worth = fit.clusters_n if alike else share * (1 - share) / (fit.se / 100) ** 2
    worth *= (stats.t.ppf(tail, max(answers_n - 1, 1)) / stats.t.ppf(tail, df)) ** 2
    worth = min(float(worth), float(answers_n))
    hits = share * worth
    low = stats.beta.ppf(tail, hits, worth - hits + 1) if hits > 0 else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, worth - hits) if hits < worth else 1.0
    return float(low), float(high)


def cronbach_alpha(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    missing: Literal["complete", "pairwise"] = "complete",
    level: float = 0.95,
) -> Estimate:
    """Cronbach's alpha: how consistently the items rank respondents, a lower bound of reliability.

    Use with categorical omega beside it. With `missing="pairwise"` every pair of items uses whoever answered
    both, and the interval's n is the smallest pair's. The interval is Feldt's; it treats respondents as
    independent, so with students in few schools it is somewhat too narrow.

    Returns an Estimate without unit. Refuses (MethodError): as `keyed_answers`; fewer than two items; fewer
    than ten respondents; an item that everybody answers alike.
    Source: Feldt (1965).

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4] * 3, "b": [1, 2, 3, 4] * 3})
    >>> cronbach_alpha(answers, items=["a", "b"], low=1, high=4).value
    1.0
    """
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    if missing == "complete":
        answers = answers.dropna()
    seen = answers.notna().to_numpy(float)
    n, k = int((seen.T @ seen).min()), len(items)
    _require_spread(answers, n)
    value = _alpha(answers.cov().to_numpy())
    bound = stats.f.ppf([0.5 + level / 2, 0.5 - level / 2], n - 1, (n - 1) * (k - 1))
    low_, high_ = (1 - (1 - value) * bound).tolist()
    method = f"Cronbach's alpha of {k} items; Feldt interval, {missing} answers"
    return Estimate(value=value, low=low_, high=high_, level=level, n=n, n_unit="students", method=method)


def _alpha(covariance: np.ndarray) -> float:
    """Alpha of a covariance matrix."""
    k = len(covariance)
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def _require_spread(answers: pd.DataFrame, n: int) -> None:
    """Refuse what cannot carry a reliability."""
    problems = []
    if answers.shape[1] < 2:
        problems.append(Problem("items", "One item has no internal consistency.", "Name two items or more."))
    if n < RESPONDENTS_LEAST:
        what = f"{n} respondents answered the items together; {RESPONDENTS_LEAST} are needed."
        problems.append(Problem("items", what, "Use more answers."))
    alike = [str(name) for name in answers.columns if answers[name].nunique() < 2]
    if alike and not problems:
        what = f"Everybody answers alike: {', '.join(alike)}."
        problems.append(Problem("items", what, "Leave the item out."))
    if problems:
        raise MethodError(problems)


def item_statistics(
    frame: pd.DataFrame, *, items: Sequence[str], low: float, high: float, reverse: Sequence[str] = ()
) -> pd.DataFrame:
    """Describe each item: how it was answered and how it hangs together with the others.

    Use to find an item that was keyed wrongly or does not belong. Pairwise-complete answers.

    Returns one row per item: item, reversed, answered_n, unanswered_percent, mean and sd (after reversing),
    rest_correlation (with the sum of the other items), alpha_without (alpha of the others; missing with fewer
    than three items).

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4] * 3, "b": [1, 2, 3, 4] * 3, "c": [1, 2, 4, 3] * 3})
    >>> item_statistics(answers, items=["a", "b", "c"], low=1, high=4)["alpha_without"].round(3).tolist()
    [0.889, 0.889, 1.0]
    """
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    covariance = answers.cov().to_numpy()
    total, own, k = covariance.sum(axis=0), np.diag(covariance), len(items)
    rest_variance = covariance.sum() - 2 * total + own
    others = [np.delete(np.delete(covariance, j, 0), j, 1) for j in range(k)]
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = (total - own) / np.sqrt(own * rest_variance)
    return pd.DataFrame(
        {
            "item": list(items),
            "reversed": [name in set(reverse) for name in items],
            "answered_n": answers.notna().sum().to_numpy(),
            "unanswered_percent": 100 * answers.isna().mean().to_numpy(),
            "mean": answers.mean().to_numpy(),
            "sd": np.sqrt(own),
            "rest_correlation": rest,
            "alpha_without": [_alpha(c) if k > 2 else np.nan for c in others],
        }
    )
