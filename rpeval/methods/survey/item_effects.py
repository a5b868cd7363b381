"""Every item's difference-in-differences on the means of schools and waves, with their common uncertainty."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Refusal, attempt
from rpeval.methods.cr2 import JointFit, fit_clustered_jointly
from rpeval.methods.survey.factors import fit_pairs
from rpeval.methods.survey.quadratic import box_test
from rpeval.methods.survey.survey_design import lay_out, stack, wave_columns
from rpeval.methods.wording import refuse


@dataclass(frozen=True, slots=True, eq=False)
class ItemEffects:
    """Effects on the items of a scale, and what ties the items together.

    fit       : effects in points, with their covariance; CR2 by school
    slope     : how far each item moves when the construct does, 1 on average
    noise     : standard deviation of each item that the construct does not explain, in points
    treated_n : adopting schools
    """

    fit: JointFit
    slope: np.ndarray
    noise: np.ndarray
    treated_n: int

    def together(self, kept: np.ndarray) -> tuple[float, float]:
        """Test that the effects on the kept items are proportional to their slopes: p, and contrasts worth.

        Items count by the inverse of their noise: a precise item shows a shift sooner than a vague one.
        """
        noise = self.noise[kept]
        b = self.slope[kept] / noise
        out = np.eye(len(b)) - np.outer(b, b) / (b @ b)
        spread = out @ (self.fit.covariance[np.ix_(kept, kept)] / np.outer(noise, noise)) @ out
        left = out @ (self.fit.values[kept] / noise)
        first, second = float(np.trace(spread)), float(np.sum(spread * spread))
        if not first > 0:
            return 1.0, float(len(b) - 1)
        return box_test(left @ left, first=first, second=second, df=self.fit.df, most=len(b) - 1)

    def contrast(self, item: int, others: np.ndarray) -> np.ndarray:
        """Weights on the item effects that give one item's effect less what the others lead to expect."""
        b = self.slope[others] / self.noise[others] ** 2
        weights = np.zeros(len(self.slope))
        weights[others] = -self.slope[item] * b / (self.slope[others] @ b)
        weights[item] += 1.0
        return weights

    def apart(self, kept: np.ndarray) -> np.ndarray:
        """How many standard errors each kept item is from what the other kept ones lead to expect."""
        C = np.array([self.contrast(j, kept[kept != j]) for j in kept])
        gap, se = C @ self.fit.values, np.sqrt(np.einsum("ij,jk,ik->i", C, self.fit.covariance, C))
        return np.divide(gap, se, out=np.zeros(len(gap)), where=se > 0)


def item_effects(answers: pd.DataFrame, scored: pd.DataFrame) -> ItemEffects:
    """Fit every item's difference-in-differences to means of schools by wave, as `did_survey` the score's.

    answers : items turned around; scored : the same rows with school_id, wave, start_year and weight
    Schools are left out in a wave in which nobody answered one of the items. Refuses (MethodError): an item
    that nobody answered in a whole wave; as `lay_out`.
    """
    items = list(answers.columns)
    cells, apart = _cells(answers, scored)
    asked = cells[items].notna().groupby(cells["wave"]).any()
    refuse(
        Problem("items", f"Nobody answered {item} in {year}.", "Leave the item, or the wave, out.")
        for item in items
        for year in asked.index[~asked[item]]
    )
    cells = cells.dropna(subset=items)
    design = lay_out(cells, outcome=items[0], weight="weight")
    rows = stack(design)
    means = cells.set_index(["school_id", "wave"])[items]
    fit = fit_clustered_jointly(
        means.loc[pd.MultiIndex.from_frame(rows[["school", "wave"]])].to_numpy(),
        np.column_stack([rows["treated"], wave_columns(rows)]),
        cluster=rows["school"].to_numpy(),
        within=rows[["cohort"]].to_numpy(),
        weight=rows["w"].to_numpy(),
    )
    return ItemEffects(fit, *_ties(apart), design.sample["treated"])


def _cells(answers: pd.DataFrame, scored: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Weighted mean of every item in each school and wave, and the covariance of the answers within these."""
    place = scored.groupby(["school_id", "wave"], sort=True).ngroup().to_numpy()
    w = scored["weight"].to_numpy()
    known = scored[["school_id", "wave", "start_year"]]
    frame = known.iloc[np.unique(place, return_index=True)[1]].reset_index(drop=True)
    frame["weight"] = np.bincount(place, w)
    values = answers.to_numpy()
    seen = np.isfinite(values)
    total = [np.bincount(place, w * one) for one in np.where(seen, values, 0.0).T]
    heard = np.column_stack([np.bincount(place, w * one) for one in seen.T])
    means = np.divide(np.column_stack(total), heard, out=np.full(heard.shape, np.nan), where=heard > 0)
    frame[list(answers.columns)] = means
    return frame, pd.DataFrame(values - means[place]).cov().to_numpy()


def _ties(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each item's slope on what the items share, and its noise; all alike where one factor does not fit.

    An item's covariance with the factor is its mean slope on it. So for small shifts the slope also holds
    where an item is near an end of its range.
    """
    sd = np.sqrt(np.diag(covariance))
    pairs = tuple(combinations(range(len(sd)), 2))
    i, j = np.array(pairs).T
    alike = np.ones(len(sd)), np.where(sd > 0, sd, 1.0)
    if not (sd > 0).all() or not np.isfinite(covariance).all():
        return alike
    r = covariance[i, j] / (sd[i] * sd[j])
    found = attempt(fit_pairs, r, np.ones(len(r)), np.zeros(len(sd), int), pairs)
    if isinstance(found, Refusal) or not (found.loadings > 0).all():
        return alike
    slope = found.loadings * sd
    return slope / slope.mean(), sd * np.sqrt(1 - found.loadings**2)
