"""Effects in student groups, partially pooled, and gaps between groups with an eye on their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.intervals import t_estimate
from rpeval.methods.multiplicity import benjamini_hochberg
from rpeval.methods.survey.clustered import changes_by_arm, gap_did
from rpeval.methods.survey.describe import require_group
from rpeval.methods.survey.leading import effect_by_design
from rpeval.methods.survey.survey_design import arrange
from rpeval.methods.wording import some

GRID = 400
LEAST_GROUPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Effects of several groups after partial pooling.

    values, errors : one per group, drawn toward the common mean
    common, common_error : the mean over groups
    spread : standard deviation of true effects between groups, expected
    """

    values: np.ndarray
    errors: np.ndarray
    common: float
    common_error: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Subgroups:
    """Effects in the groups of one kind.

    frame  : one row per group: group, students_n, schools_n, value, low, high (its own answers alone),
             pooled, pooled_low, pooled_high, p
    common : mean effect over groups
    spread : standard deviation of true effects between groups, in the outcome's unit
    correlation : of the groups' estimates, which share schools
    left_out : group and reason, where a group carries no estimate
    """

    frame: pd.DataFrame
    common: Estimate
    spread: float
    correlation: float
    left_out: dict[str, str]


def subgroup_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    unit: str = "scale points",
    level: float = 0.95,
) -> Subgroups:
    """Effect of the program in each student group, partially pooled.

    Use for groups that were named before the data were seen. A small group's own estimate is mostly noise;
    the pooled one is drawn toward the mean of all groups, the more so the noisier it is and the less the
    groups differ. Read the pooled column; the other shows what was drawn.

    frame : as for `did_survey`, with the column `group`; students without a group leave
    Returns Subgroups in `unit`, groups in order of name. Refuses (MethodError) fewer than three groups with
    an estimate of their own.
    Source: as in `pool`.

    >>> rows = [(s, w, 2019.0 if s < 3 else None, g, (w > 2018) * ((s < 3) * (2 + k) + 0.1 * (s % 3)))
    ...         for s in range(6) for w in (2018, 2020) for k, g in enumerate("abc")]
    >>> cells = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "race", "score"])
    >>> subgroup_effects(cells, outcome="score", group="race").frame["value"].round(6).tolist()
    [2.0, 3.0, 4.0]
    """
    names: dict[str, Any] = {"outcome": outcome, "school": school, "wave": wave, "start": start}
    names |= {"weight": weight}
    require_group(frame, group)
    told = dict(list(frame.groupby(group, observed=True)))
    found = {
        name: attempt(effect_by_design, part, unit=unit, level=level, **names) for name, part in told.items()
    }
    refused = {str(name): made.reason for name, made in found.items() if isinstance(made, Refusal)}
    own = {name: made.effect for name, made in found.items() if not isinstance(made, Refusal)}
    if len(own) < LEAST_GROUPS:
        what = f"{len(own)} of {len(found)} groups carry an effect of their own; {LEAST_GROUPS} are needed."
        raise MethodError(Problem(group, what, "Compare two groups by their gap, or join small groups."))
    together = correlation({name: told[name] for name in own}, names)
    effects = list(own.values())
    pooled = pool([e.value for e in effects], [e.se for e in effects], correlation=together)
    df = min(e.df for e in effects)
    method = f"mean over {len(own)} groups, correlated {together:.2f}; t({df:.1f})"
    return Subgroups(
        frame=_table(list(own), effects, pooled, level),
        common=t_estimate(pooled.common, pooled.common_error, df, level=level, unit=unit, method=method),
        spread=pooled.spread,
        correlation=together,
        left_out=refused,
    )


def pool(values: Sequence[float], errors: Sequence[float], *, correlation: float = 0.0) -> Pooled:
    """Draw estimates of several groups toward their mean, as far as their errors say.

    True effects are taken to be normal around a common mean. Their spread is not known, so the result is
    averaged over all spreads by their likelihood (restricted, every spread equally likely beforehand): with
    few groups a single best spread is often zero, and intervals would be too narrow.

    values, errors : estimates and standard errors, three or more; correlation : of every two estimates
    Returns a Pooled. Refuses (MethodError) fewer than three values and errors that are not above zero.
    Source: Rubin (1981); Gelman et al. (2013), chapter 5.

    >>> found = pool([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])     # eight schools
    >>> round(found.common, 1), found.values.round(0).tolist()
    (7.9, [11.0, 8.0, 6.0, 8.0, 5.0, 6.0, 11.0, 8.0])
    """
    b, s = np.asarray(values, float), np.asarray(errors, float)
    if len(b) < LEAST_GROUPS or not (s > 0).all():
        what = f"{len(b)} estimates; {LEAST_GROUPS} with standard errors above zero are needed."
        raise MethodError(Problem("groups", what, "Show the estimates as they are."))
    V = np.outer(s, s) * (correlation + (1 - correlation) * np.eye(len(b)))
    spreads = np.linspace(0, 4 * max(b.std(ddof=1), float(np.median(s))), GRID)
    parts = [_given(spread, b, V) for spread in spreads]
    log, common, of_common, mean, variance = (np.array(part) for part in zip(*parts, strict=True))
    likely = np.exp(log - log.max())
    likely /= likely.sum()
    center, whole = likely @ mean, float(likely @ common)
    return Pooled(
        values=center,
        errors=np.sqrt(likely @ (variance + (mean - center) ** 2)),
        common=whole,
        common_error=float(np.sqrt(likely @ (of_common + (common - whole) ** 2))),
        spread=float(likely @ spreads),
    )


def _given(spread: float, b: np.ndarray, V: np.ndarray) -> tuple[float, float, float, np.ndarray, np.ndarray]:
    """Return, for one spread: log likelihood, mean and its variance, the groups' values and variances."""
    n, ones = len(b), np.ones(len(b))
    inverse = np.linalg.inv(V + spread**2 * np.eye(n))
    of_mean = 1 / (ones @ inverse @ ones)
    mean = of_mean * (ones @ inverse @ b)
    apart = b - mean
    log = 0.5 * (np.linalg.slogdet(inverse)[1] + np.log(of_mean) - apart @ inverse @ apart)
    pull = ones - spread**2 * inverse @ ones
    own = spread**2 * np.eye(n) - spread**4 * inverse
    return log, mean, of_mean, mean + spread**2 * inverse @ apart, np.diag(own) + pull**2 * of_mean


def correlation(parts: dict[Any, pd.DataFrame], names: dict[str, Any]) -> float:
    """Mean correlation of the groups' estimates: that of their changes over the schools they share.

    Groups of one school share its shocks. Below zero counts as zero; 0.95 is the most.
    """
    apart = {}
    for name, part in parts.items():
        design = attempt(arrange, part, every_wave=True, **names)
        if not isinstance(design, Refusal):
            arms = [arm["change"] - arm["change"].mean() for arm in changes_by_arm(design)]
            apart[name] = pd.concat(arms)
    found = []
    for one, two in combinations(pd.DataFrame(apart).columns, 2):
        both = pd.DataFrame({"a": apart[one], "b": apart[two]}).dropna()
        size = np.sqrt((both["a"] ** 2).sum() * (both["b"] ** 2).sum())
        if len(both) > LEAST_GROUPS and size > 0:
            found.append((both["a"] * both["b"]).sum() / size)
    return float(np.clip(np.mean(found), 0.0, 0.95)) if found else 0.0


def _table(groups: list, effects: list[Estimate], pooled: Pooled, level: float) -> pd.DataFrame:
    """Put the groups' own effects and the pooled ones side by side."""
    reach = [
        float(stats.t.ppf((1 + level) / 2, e.df)) * s for e, s in zip(effects, pooled.errors, strict=True)
    ]
    return pd.DataFrame({
        "group": groups, "students_n": [e.n for e in effects], "schools_n": [e.clusters for e in effects],
        **{name: [getattr(e, name) for e in effects] for name in ("value", "low", "high")},
        "pooled": pooled.values, "pooled_low": pooled.values - reach, "pooled_high": pooled.values + reach,
        "p": [e.p for e in effects],
    })  # fmt: skip


def group_gaps(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    pairs: Sequence[tuple[object, object]],
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    unit: str = "scale points",
    level: float = 0.95,
) -> pd.DataFrame:
    """Effect of the program on several gaps, their p-values adjusted for the number of gaps.

    pairs : (member, reference) of each gap, as in `gap_did`
    Returns one row per pair: member, reference, students_n, schools_n, value, low, high, p, p_adjusted
    (Benjamini-Hochberg), reason (why a gap was refused, else empty). Refuses (MethodError) where there is no
    pair.

    >>> cells = pd.DataFrame({"school_id": sorted("abcd" * 4), "wave": [2018, 2018, 2020, 2020] * 4,
    ...     "start_year": [2019.0] * 8 + [None] * 8, "el": ["yes", "no"] * 8,
    ...     "score": [1, 3, 2, 3, 1, 3, 3, 4, 1, 3, 1, 3, 2, 3, 2, 3.0]})
    >>> found = group_gaps(cells, outcome="score", group="el", pairs=[("yes", "no"), ("yes", "maybe")])
    >>> found["value"].round(6).tolist(), found["reason"].str[:21].tolist()
    ([1.0, nan], ['', 'No answers for maybe;'])
    """
    if not len(pairs):
        raise MethodError(Problem(group, "No gap is named.", f"Name pairs of groups of {some([group])}."))
    names = {"outcome": outcome, "group": group, "school": school, "wave": wave, "start": start}
    rows = []
    for member, reference in pairs:
        gap = attempt(
            gap_did, frame, member=member, reference=reference, weight=weight, unit=unit, level=level, **names
        )
        row = {"member": member, "reference": reference, "reason": getattr(gap, "reason", "")}
        if isinstance(gap, Estimate):
            row |= {"students_n": gap.n, "schools_n": gap.clusters, "value": gap.value}
            row |= {"low": gap.low, "high": gap.high, "p": gap.p}
        rows.append(row)
    columns = ["member", "reference", "students_n", "schools_n", "value", "low", "high", "p", "reason"]
    made = pd.DataFrame(rows, columns=columns)
    made.insert(8, "p_adjusted", benjamini_hochberg(made["p"].astype(float).tolist()))
    return made
