"""Do the items mean the same to every group and in every wave? Ordinal factor models of several groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, sparse, stats

from rpeval.errors import MethodError, Problem
from rpeval.methods.survey.factors import (
    adjusted_chisq,
    approximation_error,
    comparative_fit,
    complete_codes,
    descend,
    factor_of,
    swept,
)
from rpeval.methods.survey.items import Items
from rpeval.methods.survey.multigroup import LEVELS, Layout, Scale, joint_model, layouts_of
from rpeval.methods.survey.polychoric import OrdinalMoments, ordinal_moments
from rpeval.methods.survey.quadratic import box_test
from rpeval.methods.wording import refuse


@dataclass(frozen=True, slots=True)
class InvarianceLevel:
    """One step of the ladder: what is held equal over the groups, how well that fits, what it costs.

    name                 : configural (nothing equal), thresholds, loadings (too), intercepts (too)
    chisq, df            : unscaled discrepancy and its degrees of freedom
    chisq_scaled, p      : mean- and variance-adjusted test
    cfi, rmsea           : from the adjusted test
    step, step_p         : adjusted test of the step against the one before; None for the first
    """

    name: str
    chisq: float
    df: int
    chisq_scaled: float
    p: float
    cfi: float
    rmsea: float
    step: float | None = None
    step_p: float | None = None


@dataclass(frozen=True, slots=True)
class Invariance:
    """The ladder of invariance over groups of respondents.

    groups : names of the groups in order; ns : complete answers in each
    levels : the steps, loosest first
    latent_means : of the last step: group, factor, standardized mean against the first group
    """

    groups: tuple[str, ...]
    ns: tuple[int, ...]
    levels: tuple[InvarianceLevel, ...]
    latent_means: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Joint:
    """Moments of all groups in one vector, and what is known of their noise.

    target  : moments of the groups, one after the other
    weight  : n - 1 of the group over each moment's variance
    share   : the group's share of all rows over each moment's variance
    gamma   : covariance of target times all rows
    schools_n : independent units, or None where respondents are
    ns      : rows of each group
    """

    target: np.ndarray
    weight: np.ndarray
    share: np.ndarray
    gamma: np.ndarray
    schools_n: int | None
    ns: tuple[int, ...]


def invariance(
    items: Items, *, by: Sequence[str], factors: Sequence[int] | None = None, by_school: bool = False
) -> Invariance:
    """Climb the ladder of invariance for ordered answers: thresholds, loadings, intercepts equal over groups.

    Use before scores of waves, groups, or arms by waves are compared. Where thresholds and loadings are
    equal, a point means the same to all groups; where intercepts are too, differences of scores are
    differences of what the scale measures. Diagonally weighted least squares; factor variances one and means
    zero in the first group, and in every group where nothing identifies them.

    by        : columns of the rows whose combinations are the groups: ["arm", "wave"]; who left an item
                unanswered, or has no group, leaves
    factors   : for each item the number of its factor (0, 1); all 0 where absent
    by_school : schools are the independent units of the tests, also where a school is in several groups
    Returns an Invariance. Refuses (MethodError): as `fit_ordinal_factors`, for every group; fewer than two
    groups; an answer that only some groups use; fewer than three answers in use.
    Source: Wu & Estabrook (2016) for the order and the identification; Satorra (2000) for the steps.

    >>> from rpeval.methods.survey.factors import planted_answers
    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = planted_answers(loadings=[0.8, 0.7, 0.6, 0.5], n=4_000, seed=1)
    >>> answers["wave"] = answers.index % 2
    >>> items = lay_out_items(answers, items=["i0", "i1", "i2", "i3"], low=1, high=4)
    >>> ladder = invariance(items, by=["wave"])
    >>> [(level.name, level.df) for level in ladder.levels]
    [('configural', 4), ('thresholds', 8), ('loadings', 11), ('intercepts', 14)]
    >>> all(level.step_p > 0.01 for level in ladder.levels[1:])
    True
    """
    factor = factor_of(items, factors)
    keys = items.rows[list(by)].reset_index(drop=True)[items.complete]
    told = keys.groupby(list(by), observed=True, sort=True)
    parts = {", ".join(map(str, key)): items.part(group.index) for key, group in told}
    names = tuple(parts)
    moments = [ordinal_moments(group) for group in _codes(parts)]
    units = [part.rows["school_id"].to_numpy() for part in parts.values()] if by_school else None
    joint = _join(moments, units)
    item = np.repeat(np.arange(len(factor)), [len(cuts) for cuts in moments[0].thresholds])
    scale = Scale(item, factor, np.array(moments[0].pairs).T)
    levels, means = _climb(joint, scale)
    return Invariance(names, joint.ns, levels, tuple((names[g], f, mean) for g, f, mean in means))


def _codes(groups: dict[str, Items]) -> list[np.ndarray]:
    """Complete codes of every group, or a refusal that names the groups."""
    if len(groups) < 2:
        what = f"The complete answers are of {len(groups)} group."
        refuse([Problem("by", what, "Name a column with two groups or more.")])
    codes, problems = [], []
    for name, group in groups.items():
        try:
            codes.append(complete_codes(group))
        except MethodError as error:
            problems += [Problem(p.where, f"Group {name}: {p.what}", p.fix) for p in error.problems]
    refuse(problems)
    for j, item in enumerate(next(iter(groups.values())).names):
        used = {tuple(np.unique(group[:, j]).tolist()) for group in codes}
        if len(used) > 1:
            what = f"{item}: not every group uses the same answers."
            problems.append(
                Problem("items", what, "Merge the rare answer with its neighbor, or leave it out.")
            )
        elif len(min(used)) < 3:
            what = f"{item}: {len(min(used))} answers are in use; three are needed."
            problems.append(Problem("items", what, "Leave the item out of the comparison."))
    refuse(problems)
    return codes


def _join(moments: list[OrdinalMoments], units: list[np.ndarray] | None) -> _Joint:
    """Put the groups' moments into one vector, with the covariance of all."""
    ns = [len(m.ranks) for m in moments]
    own = [m.covariance() for m in moments]
    target = np.concatenate([m.vector for m in moments])
    precision = np.concatenate([1 / np.diag(cov) for cov in own])
    size = np.repeat(ns, len(target) // len(ns))
    schools_n = None
    if units is None:
        gamma = linalg.block_diag(*[cov * sum(ns) / n for n, cov in zip(ns, own, strict=True)])
    else:
        labels = np.unique(np.concatenate(units))
        schools_n = len(labels)
        owners = [np.searchsorted(labels, unit) for unit in units]
        sums = np.hstack([_sum_by(m, owner, schools_n) for m, owner in zip(moments, owners, strict=True)])
        gamma = sums.T @ sums * sum(ns) * schools_n / (schools_n - 1)
    return _Joint(target, (size - 1) * precision, size / sum(ns) * precision, gamma, schools_n, tuple(ns))


def _sum_by(moments: OrdinalMoments, owner: np.ndarray, schools_n: int) -> np.ndarray:
    """Sum the rows' influence by school, over the rows: (schools, moments)."""
    total, start = 0.0, 0
    for block in moments.influence():
        own = owner[start : start + len(block)]
        which = sparse.csr_matrix((np.ones(len(own)), (own, np.arange(len(own)))), (schools_n, len(own)))
        total, start = total + which @ block, start + len(block)
    return total / len(owner)


def _climb(joint: _Joint, scale: Scale) -> tuple[tuple[InvarianceLevel, ...], list[tuple[int, int, float]]]:
    """Fit every step of the ladder and compare it with the step before."""
    levels, before, means = [], None, []
    for rank, name in enumerate(LEVELS):
        layouts = layouts_of(rank, len(joint.ns), scale)
        start = np.zeros(layouts[0].size)
        for g, layout in enumerate(layouts):
            start[layout.index[layout.index >= 0]] = _start(joint, scale, g)[layout.index >= 0]

        def model(theta: np.ndarray, layouts: list[Layout] = layouts) -> tuple[np.ndarray, np.ndarray]:
            return joint_model(theta, layouts, scale)

        theta, fitted, slopes = descend(start, model, joint.target, joint.weight)
        chisq = float(joint.weight @ (joint.target - fitted) ** 2)
        level = _level(name, chisq, slopes, joint, scale)
        levels.append(_step(level, slopes, levels[-1], before, joint) if before is not None else level)
        before = slopes
        at = scale.parts[4:6]
        means = [
            (g, f, float(theta[p]))
            for g, layout in enumerate(layouts)
            for f, p in enumerate(layout.index[at[0] : at[1]])
            if p >= 0
        ]
    return tuple(levels), means


def _start(joint: _Joint, scale: Scale, group: int) -> np.ndarray:
    """First guess of a group's own numbers."""
    k, m, cuts_n = len(scale.factor), scale.factor.max() + 1, len(scale.item)
    first = group * (len(joint.target) // len(joint.ns))
    cuts = joint.target[first : first + cuts_n]
    return np.concatenate([cuts, np.full(k, 0.7), np.zeros(k), np.ones(k + m), np.zeros(m), [0.5] * (m - 1)])


def _level(name: str, chisq: float, slopes: np.ndarray, joint: _Joint, scale: Scale) -> InvarianceLevel:
    """Measure one step's fit, and that of a model with free thresholds and no correlation at all."""
    G, n, q = len(joint.ns), sum(joint.ns), len(joint.target)
    df = q - slopes.shape[1]
    product = swept(slopes, joint.share) @ joint.gamma
    scaled = adjusted_chisq(chisq, df, product)
    pair = np.tile(np.arange(q // G) >= len(scale.item), G)
    none_df = int(pair.sum())
    none = float(joint.weight[pair] @ joint.target[pair] ** 2)
    none_scaled = adjusted_chisq(none, none_df, joint.share[pair, None] * joint.gamma[np.ix_(pair, pair)])
    return InvarianceLevel(
        name=name,
        chisq=chisq,
        df=df,
        chisq_scaled=scaled,
        p=_tail(chisq, df, product, joint.schools_n),
        cfi=comparative_fit(scaled, df, none_scaled, none_df),
        rmsea=approximation_error(scaled, df, n, G),
    )


def _step(
    level: InvarianceLevel, slopes: np.ndarray, loose: InvarianceLevel, wide: np.ndarray, joint: _Joint
) -> InvarianceLevel:
    """Add what a step costs: the test is of the directions that the looser model has and this one lacks."""
    inside = wide @ np.linalg.lstsq(wide, slopes, rcond=None)[0]
    product = (swept(inside, joint.share) - swept(wide, joint.share)) @ joint.gamma
    rise, df = level.chisq - loose.chisq, level.df - loose.df
    return replace(
        level,
        step=adjusted_chisq(rise, df, product),
        step_p=_tail(rise, df, product, joint.schools_n),
    )


def _tail(chisq: float, df: int, product: np.ndarray, schools_n: int | None) -> float:
    """p-value of a discrepancy: adjusted chi-square, or, with schools as units, a test for few of them."""
    if df == 0:
        return 1.0
    if schools_n is None:
        return float(stats.chi2.sf(adjusted_chisq(chisq, df, product), df))
    first, second = float(np.trace(product)), float(np.sum(product * product.T))
    return box_test(chisq, first=first, second=second, df=schools_n - 1, most=df)[0]
