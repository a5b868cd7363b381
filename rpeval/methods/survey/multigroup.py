"""A factor model of several groups: which numbers they share, and the moments these imply."""

from dataclasses import dataclass

import numpy as np

LEVELS = ("configural", "thresholds", "loadings", "intercepts")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where a group's own numbers stand in the vector of free ones (-1: fixed), and their fixed values.

    Own numbers, in order: thresholds, then per item loading, intercept and scale, then per factor variance
    and mean, then the covariance of two factors.
    """

    index: np.ndarray
    fixed: np.ndarray
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What all groups share: the item of each threshold, the factor of each item, the pairs of items."""

    item: np.ndarray
    factor: np.ndarray
    pairs: np.ndarray

    @property
    def parts(self) -> np.ndarray:
        """Ends of the kinds of a group's own numbers."""
        k, m = len(self.factor), self.factor.max() + 1
        return np.cumsum([len(self.item), k, k, k, m, m, m - 1])


def layouts_of(rank: int, groups_n: int, scale: Scale) -> list[Layout]:
    """Number the free parameters of a step; what is equal over groups shares a number.

    Equal thresholds free the scale and the intercept of every item in the later groups; equal loadings free
    the factors' variances there, equal intercepts their means.

    >>> pairs = np.array([(0, 0, 0, 1, 1, 2), (1, 2, 3, 2, 3, 3)])
    >>> four = Scale(np.repeat(np.arange(4), 3), np.zeros(4, int), pairs)      # four items of four answers
    >>> [layouts_of(rank, 2, four)[0].size for rank in range(len(LEVELS))]     # of 36 moments of two groups
    [32, 28, 25, 22]
    """
    ends = scale.parts
    cuts_n, k, m = len(scale.item), len(scale.factor), scale.factor.max() + 1
    fixed = np.concatenate([np.zeros(cuts_n + 2 * k), np.ones(k + m), np.zeros(m + m - 1)])
    layouts, size = [], 0
    for group in range(groups_n):
        later = group > 0
        free = np.repeat(
            [True, True, later and rank in (1, 2), later and rank >= 1, later and rank >= 2,
             later and rank >= 3, True],
            np.diff(ends, prepend=0),
        )  # fmt: skip
        index = np.full(ends[-1], -1)
        shared = np.zeros(ends[-1], bool)
        if later:
            shared[: ends[0]] = rank >= 1
            shared[ends[0] : ends[1]] = rank >= 2
            index[shared] = layouts[0].index[shared]
        new = free & ~shared
        index[new] = size + np.arange(new.sum())
        size += int(new.sum())
        layouts.append(Layout(index, fixed, size))
    return [Layout(layout.index, fixed, size) for layout in layouts]


def joint_model(theta: np.ndarray, layouts: list[Layout], scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Moments of all groups that the parameters imply, and their slopes."""
    fitted, slopes = [], []
    for layout in layouts:
        free = layout.index >= 0
        own = np.where(free, theta[layout.index], layout.fixed)
        moments, by_own = _group_model(own, scale)
        wide = np.zeros((len(moments), layout.size))
        wide[:, layout.index[free]] = by_own[:, free]
        fitted.append(moments)
        slopes.append(wide)
    return np.concatenate(fitted), np.vstack(slopes)


def _group_model(own: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and correlations of one group, and their slopes by the group's own numbers.

    An item's normal variable has mean intercept + loading * factor mean, and is measured in units of
    1 / scale: thresholds become scale * (threshold - mean), correlations are products of scaled loadings.
    """
    item, factor, (i, j), ends = scale.item, scale.factor, scale.pairs, scale.parts
    cuts, load, shift, unit, spread, mean, bond = np.split(own, ends[:-1])
    across = factor[i] != factor[j]
    between = np.where(across, bond[0] if len(bond) else 0.0, spread[factor[i]])
    away = cuts - (shift + load * mean[factor])[item]
    r = unit[i] * unit[j] * load[i] * load[j] * between
    cuts_n, rows = len(cuts), np.arange(len(cuts))
    pairs = cuts_n + np.arange(len(i))
    slopes = np.zeros((cuts_n + len(i), len(own)))
    slopes[rows, rows] = unit[item]
    slopes[rows, ends[0] + item] = -unit[item] * mean[factor][item]
    slopes[rows, ends[1] + item] = -unit[item]
    slopes[rows, ends[2] + item] = away
    slopes[rows, ends[4] + factor[item]] = -unit[item] * load[item]
    for one, other in ((i, j), (j, i)):
        slopes[pairs, ends[0] + one] = unit[i] * unit[j] * load[other] * between
        slopes[pairs, ends[2] + one] = unit[other] * load[i] * load[j] * between
    column = np.where(across, ends[5], ends[3] + factor[i])
    slopes[pairs, column] = unit[i] * unit[j] * load[i] * load[j]
    return np.concatenate([unit[item] * away, r]), slopes
