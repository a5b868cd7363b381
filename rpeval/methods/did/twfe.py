"""Two-way fixed effects, as a diagnostic only, and what its one number is made of."""

from itertools import product

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.jackknife import solve_years
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, some

NEVER = "Adopting vs not adopting"
EARLIER = "Earlier vs later adopting"
LATER = "Later vs earlier adopting"


def twfe(design: Design) -> Estimate:
    """Two-way fixed effects estimate of the program's effect: a diagnostic, not the answer.

    Use beside `att_imputation` to show what the once usual regression would say. When effects differ between
    cohorts or grow over time it compares late adopters with early ones that are already changing, and can
    miss the average effect, even its sign.

    Returns an Estimate in the outcome's unit; standard error clustered by school (CR1, with years and the
    effect counted as parameters and schools not), t(G - 1).
    Source: Goodman-Bacon (2021), Journal of Econometrics 225.

    >>> from rpeval.methods.did.example import four_schools
    >>> round(twfe(four_schools()).value, 9)
    -2.5
    """
    Y, D = residualize(design, design.Y), residualize(design, design.D * design.observed)
    information = (design.weights * D**2).sum()
    value = float((design.weights * D * Y).sum() / information)
    scores = (design.weights * D * (Y - value * D)).sum(axis=1)
    G, n = len(design.units), int(design.observed.sum())
    correction = G / (G - 1) * (n - 1) / (n - len(design.times) - 1)
    se = float(np.sqrt(correction * (scores**2).sum()) / information)
    words = f"two-way fixed effects; clustered by school (CR1), t({G - 1})"
    method = "; ".join([words, *design.remarks])
    return t_estimate(value, se, G - 1, method=method, **design.sample)


def residualize(design: Design, values: np.ndarray) -> np.ndarray:
    """Take school and year effects out of a G by T array (weighted; 0 where not observed)."""
    W = design.weights
    share = W / W.sum(axis=1, keepdims=True)
    centered = values - (share * values).sum(axis=1, keepdims=True)
    S = np.diag(W.sum(axis=0)) - W.T @ share
    b = solve_years(S, (W * centered).sum(axis=0)[:, None], np.array(True))[:, 0]
    return np.where(design.observed, centered - b + (share @ b)[:, None], 0.0)


def bacon(design: Design) -> pd.DataFrame:
    """The comparisons of two groups and two periods that two-way fixed effects averages, with their weights.

    Use to see how much of the two-way estimate rests on comparing late adopters with early ones.
    design : every school observed in every year, no weights
    Returns one row per comparison: comparison (three kinds), cohort, against (start year, or missing for
    schools that do not adopt), weight (they add up to 1), value (in the outcome's unit). The weighted sum of
    the values is the two-way estimate.
    Refuses (MethodError) weights, and an unbalanced panel, naming schools.
    Source: Goodman-Bacon (2021), Theorem 1.

    >>> from rpeval.methods.did.example import four_schools
    >>> bacon(four_schools())[["comparison", "weight", "value"]].values.tolist()
    [['Adopting vs not adopting', 1.0, -2.5]]
    """
    refuse_unbalanced(design)
    starts = np.where(design.adopters, design.starts, np.inf)
    groups = {cohort: starts == cohort for cohort in np.unique(starts)}
    rows = [
        compare(design, groups, cohort, against)
        for cohort, against in product(groups, repeat=2)
        if np.isfinite(cohort) and cohort != against
    ]
    frame = pd.DataFrame(rows, columns=["comparison", "cohort", "against", "weight", "value"])
    frame = frame.assign(weight=frame.weight / frame.weight.sum(), cohort=frame.cohort.astype(int))
    return frame.assign(against=frame.against.replace(np.inf, np.nan))


def compare(
    design: Design, groups: dict[float, np.ndarray], cohort: float, against: float
) -> tuple[str, float, float, float, float]:
    """Value and unnormalized weight of one comparison: a cohort's change against another group's."""
    n, m = groups[cohort].mean(), groups[against].mean()
    own, other = (design.times >= cohort).mean(), (design.times >= against).mean()
    if cohort < against:  # the comparison group is untreated until its own start
        window = design.times < against
        before, kind = design.times < cohort, NEVER if np.isinf(against) else EARLIER
        weight = n * m * (own - other) * (1 - own)
    else:  # the comparison group is treated throughout
        window = design.times >= against
        before, kind = window & (design.times < cohort), LATER
        weight = n * m * own * (other - own)
    after = window & (design.times >= cohort)
    change = design.Y[:, after].mean(axis=1) - design.Y[:, before].mean(axis=1)
    value = change[groups[cohort]].mean() - change[groups[against]].mean()
    return kind, float(cohort), float(against), float(weight), float(value)


def bacon_by_kind(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Sum the rows of `bacon` to its kinds: weight, and the weighted mean of the values.

    >>> rows = pd.DataFrame({"comparison": ["x", "x", "y"], "weight": [0.2, 0.2, 0.6], "value": [1.0, 3, 5]})
    >>> bacon_by_kind(rows).round(9).values.tolist()
    [['x', 0.4, 2.0], ['y', 0.6, 5.0]]
    """
    parts = comparisons.assign(part=comparisons.weight * comparisons.value)
    sums = parts.groupby("comparison", as_index=False)[["weight", "part"]].sum()
    return sums.assign(value=sums.part / sums.weight).drop(columns="part")


def refuse_unbalanced(design: Design) -> None:
    """Refuse weights, and a panel in which a school lacks a year."""
    if design.weighted:
        what = "The comparisons are of unweighted means."
        raise MethodError(Problem("design", what, "Lay the panel out without weights for this check."))
    gaps = ~design.observed.all(axis=1)
    if gaps.any():
        names = some(name for name, lacks in zip(design.names, gaps, strict=True) if lacks)
        what = f"{count_of(int(gaps.sum()), 'school')} without an outcome in some year: {names}."
        raise MethodError(Problem("panel", what, "Keep only schools observed in every year for this check."))
