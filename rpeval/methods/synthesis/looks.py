"""Looks at a synthesis from other sides: one study left out, by group, small studies against large ones."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import optimize

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import t_estimate
from rpeval.methods.synthesis.pooling import pooled
from rpeval.methods.synthesis.spread import LEAST, effects, tau_squared, weighted
from rpeval.methods.wording import refuse, some

FUNNEL, APART = 10, 2.0  # studies, and the ratio of the largest to the smallest standard error


def one_left_out(frame: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Pool again without each study in turn: does one district carry the result?

    frame : one row per study: study, value, se
    Returns one row per study left out, in order: study, value, low, high, tau.
    Refuses (MethodError) fewer than three studies.

    >>> three = pd.DataFrame({"study": list("abc"), "value": [0.0, 2.0, 4.0], "se": [1.0, 1.0, 1.0]})
    >>> one_left_out(three)["value"].round(6).tolist()
    [3.0, 2.0, 1.0]
    """
    if len(frame) < LEAST + 1:
        what = f"{len(frame)} studies: without one of them there is nothing to pool."
        refuse([Problem("studies", what, "Add studies: leaving one out needs three.")])
    rows = []
    for row in range(len(frame)):
        rest = frame.drop(index=frame.index[row])
        mean, tau2 = pooled(rest, level=level), tau_squared(*effects(rest))
        rows.append((frame["study"].iloc[row], mean.value, mean.low, mean.high, tau2**0.5))
    return pd.DataFrame(rows, columns=["study", "value", "low", "high", "tau"])


def by_group(frame: pd.DataFrame, *, by: str, level: float = 0.95) -> pd.DataFrame:
    """Pool the studies of each group, with one variance between studies for all groups.

    Use for groups named beforehand, such as kinds of design. A single variance is steadier than one of each
    few studies. That groups differ shows nothing about why: districts of one design differ in all else, too.

    frame : one row per study: study, value, se and the column `by`
    Returns one row per group in order of name: group, studies_n, value, se, low, high; Hartung–Knapp,
    t(k − groups).
    Refuses (MethodError) fewer than two groups, and a group of fewer than two studies.
    Source: as `pooled`, with one mean for each group.

    >>> four = pd.DataFrame({"study": list("abcd"), "value": [0.0, 2.0, 4.0, 6.0], "se": 1.0})
    >>> four["design"] = list("xxyy")
    >>> by_group(four, by="design")[["group", "studies_n", "value"]].to_numpy().tolist()
    [['x', 2, 1.0], ['y', 2, 5.0]]
    """
    refuse(_ungrouped(frame, by))
    groups = {str(name): effects(rows) for name, rows in frame.groupby(by, sort=True)}
    df = len(frame) - len(groups)
    tau2 = _shared_tau_squared(list(groups.values()), df)
    told = {name: weighted(*of, tau2) for name, of in groups.items()}
    factor = max(1.0, sum(q for _, q, _ in told.values()) / df)
    rows = []
    for name, (mean, _, w) in told.items():
        made = t_estimate(mean, float(np.sqrt(factor / w.sum())), df, level=level)
        rows.append((name, len(w), made.value, made.se, made.low, made.high))
    return pd.DataFrame(rows, columns=["group", "studies_n", "value", "se", "low", "high"])


def difference(groups: pd.DataFrame, *, studies: int, unit: str = "", level: float = 0.95) -> Estimate:
    """Second group minus first, of two groups that `by_group` gave; studies : pooled in all.

    Refuses (MethodError) another number of groups than two.

    >>> two = pd.DataFrame({"group": list("xy"), "studies_n": 2, "value": [1.0, 5.0], "se": [0.6, 0.8]})
    >>> difference(two, studies=4).value, difference(two, studies=4).se
    (4.0, 1.0)
    """
    if len(groups) != 2:
        what = f"There are {len(groups)} groups, and a difference is between two."
        refuse([Problem("groups", what, "Compare the groups by their intervals.")])
    value = float(groups["value"].iloc[1] - groups["value"].iloc[0])
    method = f"{groups['group'].iloc[1]} minus {groups['group'].iloc[0]}, t({studies - 2})"
    return t_estimate(value, float(np.hypot(*groups["se"])), studies - 2, level=level, unit=unit, n=studies,
                      n_unit="studies", method=method, kind="iterative")  # fmt: skip


def small_studies(frame: pd.DataFrame, *, level: float = 0.95) -> Estimate:
    """Do studies with larger errors find other effects? The slope of effects over standard errors (Egger).

    Use to read a funnel. A slope may mean that small studies without an effect were not published, and as
    well that districts with few schools differ from others, or that high rates go with large errors.

    frame : one row per study: value, se
    Returns an Estimate: effects per unit of standard error, from a regression weighted by 1/se², t(k − 2).
    Refuses (MethodError) fewer than ten studies, and standard errors of which the largest is less than twice
    the smallest: the test would then say nothing.
    Source: Egger and others (1997), BMJ 315; the limits after Sterne and others (2011) and Ioannidis &
    Trikalinos (2007).

    >>> steep = pd.DataFrame({"value": [1.0, 2.0, 3.1, 3.9, 5.0] * 2, "se": [1.0, 2.0, 3.0, 4.0, 5.0] * 2})
    >>> round(small_studies(steep).value, 2)
    1.0
    """
    y, v = effects(frame)
    s = np.sqrt(v)
    problems = []
    if len(y) < FUNNEL:
        what = f"There are {len(y)} studies; below {FUNNEL}, whether a funnel is lopsided cannot be told."
        problems.append(Problem("studies", what, "Look at the funnel, and say that it was not tested."))
    elif s.max() < APART * s.min():
        what = "The studies are about equally sure of their estimates, so none is small beside another."
        problems.append(Problem("studies", what, "Leave this test out."))
    refuse(problems)
    X, w = np.column_stack([np.ones_like(s), s]), 1 / v
    inverse = np.linalg.inv(X.T @ (w[:, None] * X))
    b = inverse @ (X.T @ (w * y))
    scale = float(w @ (y - X @ b) ** 2) / (len(y) - 2)
    return t_estimate(float(b[1]), float(np.sqrt(scale * inverse[1, 1])), len(y) - 2, level=level,
                      unit="per unit of standard error", n=len(y), n_unit="studies",
                      method=f"regression of effects on standard errors, t({len(y) - 2})")  # fmt: skip


def _ungrouped(frame: pd.DataFrame, by: str) -> Iterator[Problem]:
    counts = frame.groupby(by, sort=True)["study"].agg(list)
    if len(counts) < 2:
        yield Problem(by, "All studies are of one kind, so there are no groups to compare.", "Read the mean.")
    few = {name: names for name, names in counts.items() if len(names) < LEAST}
    if len(counts) >= 2 and few:
        told = "; ".join(f"{name} ({some(names)})" for name, names in few.items())
        yield Problem(by, f"A group has one study only: {told}.", "Join groups, or leave this look out.")


def _shared_tau_squared(groups: list[tuple[np.ndarray, np.ndarray]], df: int) -> float:
    """Paule and Mandel's variance with a mean for each group: the one at which all Q together are df."""

    def apart(tau2: float) -> float:
        return sum(weighted(y, v, tau2)[1] for y, v in groups) - df

    if apart(0.0) <= 0:
        return 0.0
    top = max(float(np.var(y) + v.max()) for y, v in groups)
    while apart(top) > 0:
        top *= 2
    return float(optimize.brentq(apart, 0.0, top, xtol=1e-14, rtol=1e-14))
