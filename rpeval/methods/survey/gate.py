"""Did the items move together? What an effect on a scale could owe to a few of its items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.cr2 import JointFit, fit_clustered_jointly
from rpeval.methods.intervals import t_estimate
from rpeval.methods.survey.clustered import in_standard_deviations
from rpeval.methods.survey.factors import fit_pairs
from rpeval.methods.survey.quadratic import box_test
from rpeval.methods.survey.scales import keyed_answers, scale_scores
from rpeval.methods.survey.survey_design import arrange, stack, wave_columns
from rpeval.methods.wording import refuse

ALARM = 0.05


@dataclass(frozen=True, slots=True)
class ItemEffect:
    """How one item moved with the program, beside the others.

    start_mean, top_percent : first-wave mean, in points, and share of answers at the top of the range
    effect, low, high       : effect on the item, in points
    expected                : what the other unflagged items lead one to expect of this one, in points
    difference, difference_low, difference_high : effect - expected, in points
    score_without           : effect on the mean of the other items, in standard deviations of the score
    flagged                 : the item moved apart from the others
    """

    item: str
    start_mean: float
    top_percent: float
    effect: float
    low: float
    high: float
    expected: float
    difference: float
    difference_low: float
    difference_high: float
    score_without: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class MeasurementGate:
    """Whether the items moved together, and how much of the effect hangs on those that did not.

    p, contrasts : test that all items moved as one scale would, and how many contrasts it is worth
    flagged      : items that moved apart from the others
    effect       : on the score, in its standard deviations
    without      : the same when flagged items move as the others lead one to expect
    artefact     : effect - without; where nothing is flagged, for the one item that stands out most. Its
                   interval allows for having looked for that item
    suspects     : the items behind `artefact`
    lowest, highest : effect on the score when one item is left out, over all items
    items        : one ItemEffect per item
    """

    p: float
    contrasts: float
    flagged: tuple[str, ...]
    effect: Estimate
    without: Estimate
    artefact: Estimate
    suspects: tuple[str, ...]
    lowest: float
    highest: float
    items: tuple[ItemEffect, ...]

    def rows(self) -> pd.DataFrame:
        """One row per item, for a table."""
        return pd.DataFrame([asdict(item) for item in self.items])


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Mean answers of each school in each wave, and what the items share.

    frame : school, wave, start, weight and one column per item
    slope : how far each item moves when the construct does, 1 on average
    """

    frame: pd.DataFrame
    slope: np.ndarray


def measurement_gate(
    frame: pd.DataFrame,
    *,
    items: Sequence[str],
    low: float,
    high: float,
    reverse: Sequence[str] = (),
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    level: float = 0.95,
) -> MeasurementGate:
    """Test whether the items of a scale moved together, and size what a few of them could have faked.

    Use beside the effect on a score. If the program taught students to read two items differently, these move
    and the others do not; the usual fit indices do not see it. Every item's difference-in-differences is
    compared with what a shift of the construct itself would give it, by its covariance with the others. Items
    that stand apart are flagged one by one, as long as the rest do not move together and stay the majority.
    The size of the possible artefact is the answer; the flag is not a verdict: a large real effect can trip
    it where items run into the top of their range.

    frame : one row per answer, items as codes; school, wave, start and weight as for `did_survey`
    Returns a MeasurementGate. School-wave means carry the comparison, so only schools count: CR2 by school,
    and a test (at 5 %) that needs no more schools than items.
    Refuses (MethodError): as `did_survey`; fewer than three items; an item that nobody answered in a wave. A
    school's wave in which nobody answered one of the items leaves.
    Source: Box (1954) for the test; Bell & McCaffrey (2002) for the covariance.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> school, wave = np.repeat(np.arange(20), 60), np.tile([2018, 2020], 600)
    >>> answers = pd.DataFrame({"school_id": school, "wave": wave})
    >>> answers["start_year"] = np.where(school < 10, 2019.0, np.nan)
    >>> feel = rng.normal(size=(1200, 1)) + rng.normal(size=(1200, 5))
    >>> feel[:, 0] += 1.5 * ((school < 10) & (wave == 2020))              # one item of five shifts
    >>> answers[list("abcde")] = np.digitize(feel, [-1, 0, 1]) + 1
    >>> gate = measurement_gate(answers, items=list("abcde"), low=1, high=4)
    >>> gate.flagged, gate.p < 0.001, round(gate.artefact.value, 1)
    (('a',), True, 0.2)
    >>> gate.without.low < 0 < gate.without.high < gate.effect.high
    True
    """
    names = {"school": school, "wave": wave, "start": start}
    if len(items) < 3:
        what = f"{len(items)} items cannot show which of them moves apart."
        raise MethodError(Problem("items", what, "Use a scale of three items or more."))
    answers = keyed_answers(frame, items=items, low=low, high=high, reverse=reverse)
    score = scale_scores(frame, items=items, low=low, high=high, reverse=reverse)
    w = pd.Series(1.0, frame.index) if weight is None else frame[weight].astype(float)
    kept = score.notna() & (w > 0)
    scored = frame.loc[kept, [school, wave, start]].assign(score=score[kept], weight=w[kept])
    one = Estimate(value=1.0, level=level)
    unit = in_standard_deviations(one, scored, outcome="score", weight="weight", **names).value
    cells = _cells(answers[kept], scored, **names)
    fit, treated_n = _fit(cells, items, **names)
    p, contrasts, apart = _flag(fit, cells.slope)
    suspects = apart or [int(np.argmax(np.abs(_apart(fit, cells.slope, np.arange(len(items)))[1])))]
    told = {"level": level, "n": len(scored), "treated": treated_n}
    return MeasurementGate(
        p=p,
        contrasts=contrasts,
        flagged=tuple(items[j] for j in apart),
        suspects=tuple(items[j] for j in suspects),
        **_score_effects(fit, cells.slope, suspects, unit, **told),
        **_items(fit, cells, items, apart, answers[kept], scored[wave], unit=unit, high=high, level=level),
    )


def _cells(answers: pd.DataFrame, scored: pd.DataFrame, *, school: str, wave: str, start: str) -> _Cells:
    """Weighted mean of every item in each school and wave, and the items' slopes on what they share."""
    place = scored.groupby([school, wave], sort=True).ngroup().to_numpy()
    w = scored["weight"].to_numpy()
    frame = scored[[school, wave, start]].iloc[np.unique(place, return_index=True)[1]].reset_index(drop=True)
    frame["weight"] = np.bincount(place, w)
    values = answers.to_numpy()
    seen = np.isfinite(values)
    filled = np.where(seen, values, 0.0)
    means = np.column_stack(
        [
            _mean(np.bincount(place, w * f), np.bincount(place, w * s))
            for f, s in zip(filled.T, seen.T, strict=True)
        ]
    )
    frame[list(answers.columns)] = means
    _require_answers(frame, answers.columns, wave)
    apart = pd.DataFrame(np.where(seen, values - means[place], np.nan)).cov().to_numpy()
    return _Cells(frame.dropna(subset=list(answers.columns)), _slopes(apart))


def _mean(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Divide, and leave what nobody answered missing."""
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


def _require_answers(cells: pd.DataFrame, items: pd.Index, wave: str) -> None:
    """Refuse an item that nobody answered in a whole wave."""
    asked = cells[list(items)].notna().groupby(cells[wave]).any()
    problems = [
        Problem("items", f"Nobody answered {item} in {year}.", "Leave the item, or the wave, out.")
        for item in items
        for year in asked.index[~asked[item]]
    ]
    refuse(problems)


def _slopes(covariance: np.ndarray) -> np.ndarray:
    """How far each item moves when the construct does, 1 on average: its covariance with the one factor.

    For small shifts this also holds where items are near an end of their range. All alike where one factor
    does not fit.
    """
    sd = np.sqrt(np.diag(covariance))
    pairs = tuple(combinations(range(len(sd)), 2))
    r = np.array([covariance[pair] / (sd[pair[0]] * sd[pair[1]]) for pair in pairs])
    if not np.isfinite(r).all():
        return np.ones(len(sd))
    fit = attempt(fit_pairs, r, np.ones(len(r)), np.zeros(len(sd), int), pairs)
    slope = np.ones(len(sd)) if isinstance(fit, Refusal) else fit.loadings * sd
    return slope / slope.mean() if (slope > 0).all() else np.ones(len(sd))


def _fit(cells: _Cells, items: Sequence[str], *, school: str, wave: str, start: str) -> tuple[JointFit, int]:
    """Every item's difference-in-differences on school-wave means, and the number of adopting schools."""
    frame = cells.frame
    design = arrange(frame, outcome=items[0], school=school, wave=wave, start=start, weight="weight")
    rows = stack(design)
    means = frame.set_index([school, wave])[list(items)]
    Y = means.loc[pd.MultiIndex.from_frame(rows[["school", "wave"]])].to_numpy()
    fit = fit_clustered_jointly(
        Y,
        np.column_stack([rows["treated"], wave_columns(rows)]),
        cluster=rows["school"].to_numpy(),
        within=rows[["cohort"]].to_numpy(),
        weight=rows["w"].to_numpy(),
    )
    return fit, int(design.schools["adopting"].sum())


def _together(fit: JointFit, slope: np.ndarray, kept: np.ndarray) -> tuple[float, float]:
    """Test that the effects on the kept items are proportional to their slopes."""
    b = slope[kept]
    out = np.eye(len(b)) - np.outer(b, b) / (b @ b)
    spread = out @ fit.covariance[np.ix_(kept, kept)] @ out
    left = out @ fit.values[kept]
    first, second = float(np.trace(spread)), float(np.sum(spread * spread))
    if not first > 0:
        return 1.0, float(len(b) - 1)
    return box_test(left @ left, first=first, second=second, df=fit.df, most=len(b) - 1)


def _contrast(slope: np.ndarray, item: int, others: np.ndarray) -> np.ndarray:
    """Weights on the item effects that give one item's effect less what the others lead to expect."""
    b = slope[others]
    weights = np.zeros(len(slope))
    weights[others] = -slope[item] * b / (b @ b)
    weights[item] += 1.0
    return weights


def _apart(fit: JointFit, slope: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each kept item's distance from what the other kept items lead to expect, and its t value."""
    C = np.array([_contrast(slope, j, kept[kept != j]) for j in kept])
    gap, se = C @ fit.values, np.sqrt(np.einsum("ij,jk,ik->i", C, fit.covariance, C))
    return gap, np.divide(gap, se, out=np.zeros(len(gap)), where=se > 0)


def _flag(fit: JointFit, slope: np.ndarray) -> tuple[float, float, list[int]]:
    """Set items apart, the furthest first, until the rest move together; a minority at most."""
    kept, apart = np.arange(len(slope)), []
    p, contrasts = _together(fit, slope, kept)
    now = p
    while now < ALARM and len(apart) + 1 < len(slope) / 2:
        worst = kept[np.argmax(np.abs(_apart(fit, slope, kept)[1]))]
        apart.append(int(worst))
        kept = kept[kept != worst]
        now = _together(fit, slope, kept)[0]
    return p, contrasts, sorted(apart)


def _shares(slope: np.ndarray, suspects: list[int]) -> np.ndarray:
    """Weights on the item effects that give what suspect items add to the effect on the mean."""
    rest = np.setdiff1d(np.arange(len(slope)), suspects)
    return sum(_contrast(slope, j, rest) for j in suspects) / len(slope)


def _score_effects(
    fit: JointFit, slope: np.ndarray, suspects: list[int], unit: float, **told
) -> dict[str, Estimate]:
    """Effect on the score, the same without what suspect items add, and what they add."""
    mean, shares = np.full(len(slope), 1 / len(slope)), _shares(slope, suspects)
    parts = {
        "effect": (mean, "mean of all items"),
        "without": (mean - shares, "suspect items as the others lead one to expect"),
        "artefact": (shares, "what suspect items add to the effect"),
    }
    made = {}
    for name, (weights, what) in parts.items():
        weights = unit * weights
        se = float(np.sqrt(max(weights @ fit.covariance @ weights, 0.0)))
        method = f"{what}; school-wave means, CR2 by school, t({fit.df:.1f})"
        told |= {"unit": "SD", "n_unit": "students", "clusters": fit.clusters_n, "method": method}
        made[name] = t_estimate(float(weights @ fit.values), se, fit.df, **told)
    return made | {"artefact": _widened(made["artefact"], len(slope))}


def _widened(artefact: Estimate, items_n: int) -> Estimate:
    """Widen the interval for having looked for the item that stands out, and give no p-value."""
    reach = float(stats.t.ppf(1 - (1 - artefact.level) / 2 / items_n, artefact.df)) * artefact.se
    method = f"{artefact.method}; interval widened for the choice among {items_n} items"
    low, high = artefact.value - reach, artefact.value + reach
    return replace(artefact, low=low, high=high, p=None, method=method)


def _items(
    fit: JointFit,
    cells: _Cells,
    items: Sequence[str],
    apart: list[int],
    answers: pd.DataFrame,
    waves: pd.Series,
    *,
    unit: float,
    high: float,
    level: float,
) -> dict[str, tuple[ItemEffect, ...] | float]:
    """Tell every item's effect, and the range of the score's effect when one item is left out."""
    k, reach = len(items), float(stats.t.ppf(0.5 + level / 2, fit.df))
    first = answers[(waves == waves.min()).to_numpy()]
    everyone, told = np.arange(k), []
    for j, item in enumerate(items):
        contrast = _contrast(cells.slope, j, np.setdiff1d(everyone, [*apart, j]))
        effect, gap = float(fit.values[j]), float(contrast @ fit.values)
        own, wide = (
            reach * float(np.sqrt(v)) for v in (fit.covariance[j, j], contrast @ fit.covariance @ contrast)
        )
        told.append(
            ItemEffect(
                item=item,
                start_mean=float(first[item].mean()),
                top_percent=float(100 * (first[item] == high).sum() / first[item].notna().sum()),
                effect=effect,
                low=effect - own,
                high=effect + own,
                expected=effect - gap,
                difference=gap,
                difference_low=gap - wide,
                difference_high=gap + wide,
                score_without=unit * float(np.delete(fit.values, j).mean()),
                flagged=j in apart,
            )
        )
    without = [item.score_without for item in told]
    return {"items": tuple(told), "lowest": min(without), "highest": max(without)}
