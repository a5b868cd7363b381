"""The mean effect over studies whose true effects differ, and what a further district could see."""

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
from rpeval.methods.synthesis.spread import effects, tau_squared, weighted
from rpeval.methods.wording import refuse

FEW = 5


def pooled(frame: pd.DataFrame, *, unit: str = "", level: float = 0.95) -> Estimate:
    """Mean effect over districts like these, by random effects with an interval for few studies.

    Use as the headline of a synthesis. Districts weigh by the inverse of their sampling variance and of the
    variance between districts, so no district counts for nothing.

    frame : one row per study: value, se; unit : of the values
    Returns an Estimate: variance between studies by Paule and Mandel; Hartung–Knapp standard error,
    t(k − 1). Where the estimates lie closer together than chance would have them, that standard error would
    be smaller than with effects known to be the same, at the extreme zero; so its factor is never below one.
    By this choice of the variance between studies, the factor matters only where that is zero.
    Refuses (MethodError) fewer than two studies. What two to four studies can tell: see `caution`.
    Source: Hartung & Knapp (2001); Sidik & Jonkman (2002); for the factor Knapp & Hartung (2003) and Röver,
    Knapp & Friede (2015). Coverage in small simulated syntheses: bench/synthesis.md.

    >>> two = pd.DataFrame({"value": [0.0, 2.0], "se": [1.0, 1.0]})     # tau² = 1: mean 1, se = sqrt(2/2)
    >>> found = pooled(two)
    >>> round(found.value, 6), round(found.se, 6), round(found.high, 2)
    (1.0, 1.0, 13.71)
    """
    y, v = effects(frame)
    k, tau2 = len(y), tau_squared(y, v)
    mean, q, w = weighted(y, v, tau2)
    factor = max(1.0, q / (k - 1))
    method = f"random effects over {k} studies (Paule–Mandel), Hartung–Knapp, t({k - 1})"
    held = "; factor held at one, because the estimates agree more than chance would have them"
    return t_estimate(mean, float(np.sqrt(factor / w.sum())), k - 1, level=level, unit=unit, n=k,
                      n_unit="studies", method=method + (held if q < (k - 1) * (1 - 1e-9) else ""),
                      kind="iterative")  # fmt: skip


def common_effect(frame: pd.DataFrame, *, unit: str = "", level: float = 0.95) -> Estimate:
    """Mean effect if all districts had the very same effect; a sensitivity analysis, never the headline.

    Its interval is too narrow as soon as effects differ, and says nothing about other districts.
    frame, unit : as for `pooled`; normal interval. Refuses (MethodError) fewer than two studies.

    >>> two = pd.DataFrame({"value": [0.0, 2.0], "se": [1.0, 1.0]})
    >>> round(common_effect(two).se, 6)
    0.707107
    """
    y, v = effects(frame)
    mean, _, w = weighted(y, v, 0.0)
    method = f"common effect of {len(y)} studies, inverse variances, normal"
    return t_estimate(mean, float(w.sum() ** -0.5), level=level, unit=unit, n=len(y), n_unit="studies",
                      method=method)  # fmt: skip


def der_simonian_laird(frame: pd.DataFrame, *, unit: str = "", level: float = 0.95) -> Estimate:
    """Mean effect as most published syntheses have it; beside the headline, for comparison with them.

    With few studies its normal interval is too narrow (bench/synthesis.md).
    frame, unit : as for `pooled`. Refuses (MethodError) fewer than two studies.
    Source: DerSimonian & Laird (1986), Controlled Clinical Trials 7.

    >>> two = pd.DataFrame({"value": [0.0, 2.0], "se": [1.0, 1.0]})     # tau² = (2 − 1) / (2 − 2/2) = 1
    >>> round(der_simonian_laird(two).se, 6)
    1.0
    """
    y, v = effects(frame)
    _, q, w = weighted(y, v, 0.0)
    tau2 = max(0.0, (q - (len(y) - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    mean, _, w = weighted(y, v, tau2)
    method = f"random effects over {len(y)} studies (DerSimonian–Laird), normal"
    return t_estimate(mean, float(w.sum() ** -0.5), level=level, unit=unit, n=len(y), n_unit="studies",
                      method=method)  # fmt: skip


def prediction(frame: pd.DataFrame, *, unit: str = "", level: float = 0.95) -> Estimate:
    """Where the true effect of one further district would lie, if it is like these.

    Use beside the mean: a district asks what it would see itself, not what the average district saw.

    frame, unit : as for `pooled`
    Returns an Estimate with the mean as its value and no standard error: mean ± t(k − 2) · sqrt(tau² + se²).
    Refuses (MethodError) fewer than three studies.
    Source: Higgins, Thompson & Spiegelhalter (2009), JRSS A 172.

    >>> three = pd.DataFrame({"value": [0.0, 2.0, 4.0], "se": [1.0, 1.0, 1.0]})
    >>> prediction(three).high > pooled(three).high
    True
    """
    y, v = effects(frame)
    k = len(y)
    if k < 3:
        what = "Two studies do not show how far districts differ."
        refuse([Problem("studies", what, "Add studies: a prediction needs three.")])
    mean = pooled(frame)
    reach = float(stats.t.ppf((1 + level) / 2, k - 2) * np.sqrt(tau_squared(y, v) + (mean.se or 0) ** 2))
    return Estimate(value=mean.value, low=mean.value - reach, high=mean.value + reach, level=level, unit=unit,
                    df=float(k - 2), n=k, n_unit="studies", kind="iterative",
                    method=f"prediction for one further district, t({k - 2})")  # fmt: skip


def shares(frame: pd.DataFrame) -> np.ndarray:
    """Give each study's weight in the pooled mean, in percent.

    >>> shares(pd.DataFrame({"value": [1.0, 1.0], "se": [1.0, 2.0]})).round(1).tolist()
    [80.0, 20.0]
    """
    y, v = effects(frame)
    w = weighted(y, v, tau_squared(y, v))[2]
    return 100 * w / w.sum()


def caution(frame: pd.DataFrame, *, level: float = 0.95) -> str:
    """Say what so few studies cannot tell; nothing with five or more.

    >>> caution(pd.DataFrame({"value": [1.0, 2.0], "se": [1.0, 1.0]}))[:25]
    'Only 2 studies are pooled'
    """
    k = len(effects(frame)[0])
    if k >= FEW:
        return ""
    times = stats.t.ppf((1 + level) / 2, k - 1) / stats.norm.ppf((1 + level) / 2)
    says = f"Only {k} studies are pooled, so how far districts differ is hardly known, and the interval is"
    says += f" {times:.1f} times as wide as with many studies."
    return says + (" Read the two studies, not their mean." if k == 2 else "")
