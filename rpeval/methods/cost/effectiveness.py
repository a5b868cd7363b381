"""Cost of a day of instruction that was not lost: a ratio where there is one, and the curve in any case."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import critical
from rpeval.methods.wording import refuse


def cost_per(cost: float, effect: Estimate, *, unit: str) -> Estimate:
    """Cost of one unit of effect, where the effect's interval leaves zero out on the better side.

    Use for the cost of a day of instruction recovered. A ratio over an effect that may be zero, or a harm, is
    any number at all: then there is none, and `acceptability` says what can be said.

    cost   : dollars, taken as known; effect: what was won (above zero is better), with its interval
    unit   : of the ratio ("dollars per day")
    Returns an Estimate: cost over effect, its ends cost over the ends of the effect's interval.
    Refuses (MethodError): an effect without an interval; an interval that includes zero; a harm.
    Source: Fieller (1954) with a known numerator.

    >>> found = cost_per(90_000.0, Estimate(300.0, se=60.0, low=180.0, high=450.0), unit="dollars per day")
    >>> found.value, found.low, found.high
    (300.0, 200.0, 500.0)
    """
    if effect.low is None or effect.high is None:
        refuse(
            [
                Problem(
                    "effect",
                    "The effect has no interval, so no cost can be set over it.",
                    "Use one that has.",
                )
            ]
        )
    if effect.high <= 0:
        what = "The program recovered nothing: the interval of the effect lies at or below zero."
        refuse([Problem("effect", what, "Report the cost and the harm.")])
    if effect.low <= 0:
        what = "The interval of the effect includes zero, so a cost for each unit of it could be any number."
        refuse([Problem("effect", what, "Read the acceptability curve.")])
    return Estimate(
        value=cost / effect.value, low=cost / effect.high, high=cost / effect.low, level=effect.level,
        unit=unit, n=effect.n, n_unit=effect.n_unit, clusters=effect.clusters, treated=effect.treated,
        method=f"cost, taken as known, over the effect and its interval; {effect.method}".rstrip("; "),
    )  # fmt: skip


def acceptability(cost: float, effect: Estimate, *, values: Sequence[float]) -> pd.DataFrame:
    """How sure the data make us that the program is worth its cost, for what one unit of effect is worth.

    Use instead of a ratio, and always where the effect's interval includes zero. The chance is one minus the
    one-sided p-value of "the effect is worth no more than it cost"; as a degree of belief it is that of a
    reader who knew nothing before.

    cost   : dollars, taken as known; effect: what was won (above zero is better), with se or an interval
    values : what one unit may be worth, dollars
    Returns value, chance (percent that value times effect exceeds cost). For ever larger values the chance
    nears that of any benefit at all.
    Refuses (MethodError): an effect with neither standard error nor interval; a value that is not above zero.
    Source: van Hout and others (1994), Health Economics 3; closed form with t.

    >>> curve = acceptability(1000.0, Estimate(10.0, se=2.0), values=[50.0, 100.0, 200.0])
    >>> curve["chance"].round(1).tolist()
    [0.0, 50.0, 99.4]
    """
    worth = np.asarray(values, float)
    if not (worth > 0).all():
        refuse([Problem("values", "A unit of effect must be worth something.", "Give values above zero.")])
    df = effect.df or np.inf
    margin = effect.value - cost / worth
    return pd.DataFrame({"value": worth, "chance": 100 * stats.t.cdf(margin / _spread(effect, df), df)})


def worth_from(cost: float, effect: Estimate, *, chance: float = 50.0) -> float:
    """What one unit of effect must be worth for the program to be worth its cost with this chance, percent.

    >>> worth_from(1000.0, Estimate(10.0, se=2.0))
    100.0

    Refuses (MethodError) where no value reaches the chance, because the effect itself does not.
    """
    df = effect.df or np.inf
    sure = effect.value - float(stats.t.ppf(chance / 100, df)) * _spread(effect, df)
    if sure <= 0:
        what = f"That there is any benefit has itself less than {chance:g} percent."
        refuse([Problem("effect", what, "No price reaches it; report the effect.")])
    return cost / sure


def _spread(effect: Estimate, df: float) -> float:
    """Give the standard error; where the interval came by other means, the one that its width speaks of."""
    if effect.low is not None and effect.high is not None:
        return (effect.high - effect.low) / (2 * critical(df, effect.level))
    if effect.se:
        return effect.se
    what = "The effect has no uncertainty to draw on."
    raise MethodError(Problem("effect", what, "Use an estimate with an interval."))
