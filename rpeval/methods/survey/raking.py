"""Weights that make the respondents look like the students who were invited."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.methods.survey.describe import require_roster
from rpeval.methods.wording import count_of, refuse, some

TARGET = "invited_n"
SWEEPS = 2_000
CLOSE = 1e-10  # relative distance from every target at which to stop


@dataclass(frozen=True, slots=True, eq=False)
class Raked:
    """Weights after raking, and what they cost.

    weights       : one per row, index of the frame; they add up to the number invited
    design_effect : Kish's, of all rows: how many times larger variances become by unequal weights
    effective_n   : respondents divided by it
    trimmed_n     : rows whose weight lies on a bound
    furthest      : largest departure of a margin from its target, in percent of the target; above zero only
                    where the bounds do not let the margins be met
    sweeps        : times that all margins were gone through
    """

    weights: pd.Series
    design_effect: float
    effective_n: float
    trimmed_n: int
    furthest: float
    sweeps: int


def roster_margins(
    invited: pd.DataFrame | None, answers: pd.DataFrame, *, groups: Sequence[str] = ()
) -> list[pd.DataFrame]:
    """Margins of the roster that respondents can be raked to: school × wave, and each group within wave.

    Use before `rake`. Schools and waves in which nobody answered, or whose invitations are unknown, are in no
    margin: weights cannot speak for a school that said nothing.

    invited : one row per school and wave (and group), with invited_n (students)
    answers : one row per answer with school_id, wave, and the groups
    Returns one frame per margin: its columns and invited_n.
    Refuses (MethodError) where no list says who was invited, and a group that the list does not have.

    >>> invited = pd.DataFrame({"school_id": ["a", "a", "b"], "wave": 2018, "sex": ["f", "m", "f"],
    ...     "invited_n": [30.0, 20, 9]})
    >>> answers = pd.DataFrame({"school_id": ["a", "a"], "wave": 2018, "sex": ["f", "m"]})
    >>> [margin["invited_n"].tolist() for margin in roster_margins(invited, answers, groups=["sex"])]
    [[50.0], [30.0, 20.0]]
    """
    require_roster(invited)
    lacking = [name for name in groups if name not in invited]
    if lacking:
        what = f"The roster does not tell the invited students by {some(lacking)}."
        raise MethodError(Problem("sources.invited", what, "Add that column to the list of invitations."))
    cell = ["school_id", "wave"]
    unknown = invited.groupby(cell)[TARGET].transform(lambda n: n.isna().any() or n.sum() <= 0)
    spoke = pd.MultiIndex.from_frame(invited[cell]).isin(pd.MultiIndex.from_frame(answers[cell]))
    known = invited[spoke & ~unknown.astype(bool)]
    margins = [cell, *(["wave", name] for name in groups)]
    return [known.groupby(columns, as_index=False)[TARGET].sum() for columns in margins]


def rake(
    answers: pd.DataFrame,
    *,
    margins: Sequence[pd.DataFrame],
    weight: str | None = None,
    bounds: tuple[float, float] | None = (0.3, 3.0),
) -> Raked:
    """Rake weights to several margins at once, by iterative proportional fitting.

    Use where some schools or groups answered less than others. Raking mends what the margins show; it cannot
    mend non-response that depends on belonging itself (see `nonresponse.breakdown`).

    answers : one row per respondent, with the columns of every margin
    margins : frames of margin columns and invited_n, as from `roster_margins`; all with one total
    weight  : column of starting weights, None = all equal
    bounds  : least and most that a weight may be multiplied by, as multiples of the mean factor; weights are
              trimmed to them and raked again until both hold. None = no trimming
    Returns a Raked. Where bounds and margins exclude each other, the bounds win and `furthest` says by how
    much.
    Refuses (MethodError, all problems at once): a cell with a target and no respondent, respondents in a cell
    without a target, respondents who lack the column's value, margins with different totals.
    Source: Deming & Stephan (1940); Kish (1965) for the design effect.

    >>> answers = pd.DataFrame({"sex": list("ffm"), "grade": [7, 8, 8]})
    >>> sex = pd.DataFrame({"sex": ["f", "m"], "invited_n": [50.0, 50]})
    >>> grade = pd.DataFrame({"grade": [7, 8], "invited_n": [30.0, 70]})
    >>> rake(answers, margins=[sex, grade]).weights.round(6).tolist()
    [30.0, 20.0, 50.0]
    """
    _require_bounds(bounds)
    _require_margins(answers, margins)
    margins = [margin[margin[TARGET] > 0] for margin in margins]
    start = np.ones(len(answers)) if weight is None else answers[weight].to_numpy(float)
    codes = [_place(answers, margin) for margin in margins]
    sizes = [len(margin) for margin in margins]
    found, cell = np.unique(np.ravel_multi_index(codes, sizes), return_inverse=True)
    cells = np.column_stack(np.unravel_index(found, sizes))
    base = np.bincount(cell, start)
    targets = [margin[TARGET].to_numpy(float) for margin in margins]
    factor, trimmed, furthest, sweeps = _fit(base, cells, targets, bounds)
    weights = start * factor[cell]
    effect = kish(weights)
    return Raked(
        weights=pd.Series(weights, index=answers.index, name="weight"),
        design_effect=effect,
        effective_n=len(weights) / effect,
        trimmed_n=int(trimmed[cell].sum()),
        furthest=100 * furthest,
        sweeps=sweeps,
    )


def kish(weights: np.ndarray | pd.Series) -> float:
    """Kish's design effect of weights: n · Σw² / (Σw)², one where all are equal.

    >>> kish(np.array([1.0, 1, 2]))
    1.125
    """
    weights = np.asarray(weights, float)
    return float(len(weights) * (weights**2).sum() / weights.sum() ** 2)


def _fit(
    base: np.ndarray, cells: np.ndarray, targets: list[np.ndarray], bounds: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Return each cell's factor, whether it lies on a bound, the furthest margin, and the sweeps used.

    Rows of one cell (equal in all margins) keep their proportions, so the fit runs over cells.
    """
    factor, mean, sweeps = np.ones(len(base)), targets[0].sum() / base.sum(), 0
    low, high = (0.0, np.inf) if bounds is None else (bounds[0] * mean, bounds[1] * mean)
    for _ in range(SWEEPS):
        sweeps += 1
        for code, target in zip(cells.T, targets, strict=True):
            factor = factor * (target / np.bincount(code, base * factor))[code]
        factor = np.clip(factor, low, high)
        furthest = _furthest(base * factor, cells, targets)
        if furthest < CLOSE:
            break
    trimmed = (factor <= low) | (factor >= high)
    return factor, trimmed, 0.0 if furthest < CLOSE else furthest, sweeps


def _furthest(weights: np.ndarray, cells: np.ndarray, targets: list[np.ndarray]) -> float:
    """Return the largest relative distance of a margin from its target."""
    pairs = zip(cells.T, targets, strict=True)
    return max(float(np.abs(np.bincount(code, weights) / target - 1).max()) for code, target in pairs)


def _place(answers: pd.DataFrame, margin: pd.DataFrame) -> np.ndarray:
    """Return for every respondent the row of the margin, -1 for none."""
    columns = [name for name in margin if name != TARGET]
    return pd.MultiIndex.from_frame(margin[columns]).get_indexer(pd.MultiIndex.from_frame(answers[columns]))


def _require_bounds(bounds: tuple[float, float] | None) -> None:
    """Refuse bounds between which the mean does not lie."""
    if bounds is not None and not 0 <= bounds[0] < 1 < bounds[1]:
        what = f"Weights cannot be kept between {bounds[0]} and {bounds[1]} times their mean."
        raise MethodError(Problem("bounds", what, "Give a number below 1 and one above 1."))


def _require_margins(answers: pd.DataFrame, margins: Sequence[pd.DataFrame]) -> None:
    """Refuse margins that respondents cannot be raked to, all reasons at once."""
    if not len(margins) or answers.empty:
        raise MethodError(Problem("margins", "No margin or no answer.", "Give both."))
    problems = [problem for margin in margins for problem in _faults(answers, margin)]
    totals = [float(margin[TARGET].sum()) for margin in margins]
    if max(totals) - min(totals) > 1e-6 * max(totals):
        told = some(f"{total:,.0f}" for total in totals)
        problems.append(Problem("margins", f"The margins add up to different totals: {told}.", "Use one."))
    refuse(problems)


def _faults(answers: pd.DataFrame, margin: pd.DataFrame) -> list[Problem]:
    """List what keeps one margin from being met."""
    columns = [name for name in margin if name != TARGET]
    twice, margin = margin[margin[columns].duplicated()], margin.drop_duplicates(columns)
    known = answers[columns].notna().all(axis=1).to_numpy()
    place, wanted = _place(answers, margin), margin[TARGET].to_numpy(float) > 0
    reached = np.isin(np.arange(len(margin)), place)
    unmet = margin[wanted & ~reached]
    found = [
        ("with a target and no respondent", unmet, "Join it with another, or leave it out."),
        ("with respondents and no target", margin[~wanted & reached], "Give its number on the roster."),
        ("not on the roster", answers[(place < 0) & known], "Add it, or write it as the roster does."),
        ("told twice", twice, "Keep one row for each."),
    ]
    where, problems = " × ".join(columns), []
    if lacking := int((~known).sum()):
        what = f"{count_of(lacking, 'respondent')} of {len(answers)} without a value."
        problems.append(Problem(where, what, "Leave them out, or give them a value that the roster has."))
    for what, rows, fix in found:
        named = sorted({" / ".join(map(str, row)) for row in rows[columns].itertuples(index=False)})
        if named:
            problems.append(Problem(where, f"{count_of(len(named), 'cell')} {what}: {some(named)}.", fix))
    return problems
