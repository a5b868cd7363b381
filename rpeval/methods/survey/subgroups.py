"""Effects in student groups, partially pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.intervals import critical, t_estimate
from rpeval.methods.survey.clustered import changes_by_arm
from rpeval.methods.survey.describe import require_group
from rpeval.methods.survey.leading import effect_by_design
from rpeval.methods.survey.survey_design import SurveyDesign

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


def subgroup_effects(sample: SurveyDesign, *, group: str) -> Subgroups:
    """Effect of the program in each student group, partially pooled.

    Use for groups that were named before the data were seen. A small group's own estimate is mostly noise;
    the pooled one is drawn toward the mean of all groups, the more so the noisier it is and the less the
    groups differ. Read the pooled column; the other shows what was drawn.

    group : column of the answers; students without a group leave
    Returns Subgroups in the outcome's unit, groups in order of name. Refuses (MethodError) fewer than three
    groups with an estimate of their own.
    Source: as in `pool`.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> rows = [(s, w, 2019.0 if s < 3 else None, g, (w > 2018) * ((s < 3) * (2 + k) + 0.1 * (s % 3)))
    ...         for s in range(6) for w in (2018, 2020) for k, g in enumerate("abc")]
    >>> cells = pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "race", "score"])
    >>> subgroup_effects(lay_out(cells, outcome="score"), group="race").frame["value"].round(6).tolist()
    [2.0, 3.0, 4.0]
    """
    require_group(sample.answers, group)
    told = {name: attempt(sample.of, part) for name, part in sample.answers.groupby(group, observed=True)}
    found = {name: attempt(effect_by_design, part) for name, part in told.items()}
    refused = {str(name): made.reason for name, made in found.items() if isinstance(made, Refusal)}
    own = {name: made.effect for name, made in found.items() if not isinstance(made, Refusal)}
    if len(own) < LEAST_GROUPS:
        what = f"{len(own)} of {len(found)} groups carry an effect of their own; {LEAST_GROUPS} are needed."
        raise MethodError(Problem(group, what, "Compare two groups by their gap, or join small groups."))
    together = correlation({name: told[name] for name in own})
    effects = list(own.values())
    pooled = pool([e.value for e in effects], [e.se for e in effects], correlation=together)
    df = min(e.df for e in effects)
    method = f"mean over {len(own)} groups, correlated {together:.2f}; t({df:.1f})"
    return Subgroups(
        frame=_table(list(own), effects, pooled),
        common=t_estimate(pooled.common, pooled.common_error, df, unit=sample.unit, method=method),
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


def correlation(parts: dict[object, SurveyDesign]) -> float:
    """Mean correlation of the groups' estimates: that of their changes over the schools they share.

    Groups of one school share its shocks. Below zero counts as zero; 0.95 is the most.
    """
    apart = {}
    for name, part in parts.items():
        design = attempt(part.of, part.answers, every_wave=True)
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


def _table(groups: list, effects: list[Estimate], pooled: Pooled) -> pd.DataFrame:
    """Put the groups' own effects and the pooled ones side by side."""
    reach = [critical(e.df) * s for e, s in zip(effects, pooled.errors, strict=True)]
    return pd.DataFrame({
        "group": groups, "students_n": [e.n for e in effects], "schools_n": [e.clusters for e in effects],
        **{name: [getattr(e, name) for e in effects] for name in ("value", "low", "high")},
        "pooled": pooled.values, "pooled_low": pooled.values - reach, "pooled_high": pooled.values + reach,
        "p": [e.p for e in effects],
    })  # fmt: skip
