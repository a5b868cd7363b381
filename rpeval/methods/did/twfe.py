"""Two-way fixed effects, as a diagnostic only, and what its one number is made of."""

from itertools import product

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.jackknife import solve_years
from rpeval.methods.intervals import t_estimate
from rpeval.methods.wording import count_of, some

NEVER = "Adopting vs not adopting"
EARLIER = "Earlier vs later adopting"
LATER = "Later vs earlier adopting"


def twfe(
    panel: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "school_id",
    time: str = "year",
    start: str = "start_year",
    weights: str | None = None,
    level: float = 0.95,
) -> Estimate:
    """Two-way fixed effects estimate of the program's effect: a diagnostic, not the answer.

    Use beside `att_imputation` to show what the once usual regression would say. When effects differ between
    cohorts or grow over time it compares late adopters with early ones that are already changing, and can
    miss the average effect, even its sign.

    Inputs and refusals as in `att_imputation`. Returns an Estimate in the outcome's unit; standard error
    clustered by school (CR1, with years and the effect counted as parameters and schools not), t(G - 1).
    Source: Goodman-Bacon (2021), Journal of Econometrics 225.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "oss_per_100": [9, 9, 5, 8, 8, 5, 6, 6, 5, 4, 4, 3.0]})
    >>> round(twfe(panel, outcome="oss_per_100").value, 9)
    -2.5
    """
    design = lay_out(panel, outcome=outcome, unit=unit, time=time, start=start, weights=weights)
    Y, D = residualize(design, design.Y), residualize(design, design.D * design.observed)
    information = (design.weights * D**2).sum()
    value = float((design.weights * D * Y).sum() / information)
    scores = (design.weights * D * (Y - value * D)).sum(axis=1)
    G, n = len(design.units), int(design.observed.sum())
    correction = G / (G - 1) * (n - 1) / (n - len(design.times) - 1)
    se = float(np.sqrt(correction * (scores**2).sum()) / information)
    words = [f"two-way fixed effects; clustered by school (CR1), t({G - 1})"]
    return t_estimate(
        value,
        se,
        G - 1,
        level=level,
        n=n,
        n_unit="school-years",
        clusters=G,
        treated=int(design.adopters.sum()),
        method="; ".join([*words, *(["weighted"] if design.weighted else []), *design.notes]),
    )


def residualize(design: Design, values: np.ndarray) -> np.ndarray:
    """Take school and year effects out of a G by T array (weighted; 0 where not observed)."""
    W = design.weights
    share = W / W.sum(axis=1, keepdims=True)
    centered = values - (share * values).sum(axis=1, keepdims=True)
    S = np.diag(W.sum(axis=0)) - W.T @ share
    b = solve_years(S, (W * centered).sum(axis=0)[:, None], np.array(True))[:, 0]
    return np.where(design.observed, centered - b + (share @ b)[:, None], 0.0)


def bacon(
    panel: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "school_id",
    time: str = "year",
    start: str = "start_year",
) -> pd.DataFrame:
    """The comparisons of two groups and two periods that two-way fixed effects averages, with their weights.

    Use to see how much of the two-way estimate rests on comparing late adopters with early ones.
    Inputs as in `twfe`, every school observed in every year, no weights.
    Returns one row per comparison: comparison (three kinds), cohort, against (start year, or missing for
    schools that do not adopt), weight (they add up to 1), value (in the outcome's unit). The weighted sum of
    the values is the two-way estimate. Refuses also an unbalanced panel, naming schools.
    Source: Goodman-Bacon (2021), Theorem 1.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "oss_per_100": [9, 9, 5, 8, 8, 5, 6, 6, 5, 4, 4, 3.0]})
    >>> bacon(panel, outcome="oss_per_100")[["comparison", "weight", "value"]].values.tolist()
    [['Adopting vs not adopting', 1.0, -2.5]]
    """
    design = lay_out(panel, outcome=outcome, unit=unit, time=time, start=start)
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
    """Refuse a panel in which a school lacks a year."""
    gaps = ~design.observed.all(axis=1)
    if gaps.any():
        names = some(name for name, lacks in zip(design.names, gaps, strict=True) if lacks)
        what = f"{count_of(int(gaps.sum()), 'school')} without an outcome in some year: {names}."
        raise MethodError(Problem("panel", what, "Keep only schools observed in every year for this check."))
