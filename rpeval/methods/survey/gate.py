"""Did the items move together? What an effect on a scale could owe to a few of its items."""

from dataclasses import dataclass, replace

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import LEVEL, critical, t_estimate
from rpeval.methods.survey.clustered import in_standard_deviations
from rpeval.methods.survey.item_effects import ItemEffects, item_effects
from rpeval.methods.survey.items import Items
from rpeval.methods.survey.scales import scale_scores
from rpeval.methods.survey.survey_design import lay_out

ALARM = 0.05


@dataclass(frozen=True, slots=True)
class ItemEffect:
    """How one item moved with the program, beside the others.

    effect, low, high       : effect on the item, in points
    expected                : what the other unflagged items lead one to expect of this one, in points
    difference, difference_low, difference_high : effect - expected, in points
    score_without           : effect on the mean of the other items, in standard deviations of the score
    flagged                 : the item moved apart from the others
    """

    item: str
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


def measurement_gate(items: Items, *, weight: str | None = None) -> MeasurementGate:
    """Test whether the items of a scale moved together, and size what a few of them could have faked.

    Use beside the effect on a score. If the program taught students to read two items differently, these move
    and the others do not; the usual fit indices do not see it. Every item's difference-in-differences is
    compared with what a shift of the construct itself would give it, by its covariance with the others. Items
    that stand apart are flagged one by one, a minority at most. The size of the possible artefact is the
    answer; the flag is not a verdict: a large real effect can trip it where items run into their top.

    items : their rows as for `lay_out`; weight : column of these rows
    Returns a MeasurementGate of school-wave means: CR2 by school, and a test (at 5 %) that needs no more
    schools than items. A school's wave in which nobody answered one of the items leaves.
    Refuses (MethodError): as `lay_out`; fewer than three items; an item that nobody answered in a wave.
    Source: Box (1954) for the test; Bell & McCaffrey (2002) for the covariance.

    >>> import pandas as pd
    >>> from rpeval.methods.survey.items import lay_out_items
    >>> rng = np.random.default_rng(1)
    >>> school, wave = np.repeat(np.arange(20), 60), np.tile([2018, 2020], 600)
    >>> answers = pd.DataFrame({"school_id": school, "wave": wave})
    >>> answers["start_year"] = np.where(school < 10, 2019.0, np.nan)
    >>> feel = rng.normal(size=(1200, 1)) + rng.normal(size=(1200, 5))
    >>> feel[:, 0] += 1.5 * ((school < 10) & (wave == 2020))              # one item of five shifts
    >>> answers[list("abcde")] = np.digitize(feel, [-1, 0, 1]) + 1
    >>> gate = measurement_gate(lay_out_items(answers, items=list("abcde"), low=1, high=4))
    >>> gate.flagged, gate.p < 0.001, round(gate.artefact.value, 1)
    (('a',), True, 0.2)
    >>> gate.without.low < 0 < gate.without.high < gate.effect.high
    True
    """
    names = items.names
    if len(names) < 3:
        what = f"{len(names)} items cannot show which of them moves apart."
        raise MethodError(Problem("items", what, "Use a scale of three items or more."))
    w = 1.0 if weight is None else items.rows[weight].astype(float)
    scored = items.rows[["school_id", "wave", "start_year"]].assign(score=scale_scores(items), weight=w)
    kept = (scored["score"].notna() & (scored["weight"] > 0)).to_numpy()
    scored, codes = scored[kept], items.codes[kept]
    sample = lay_out(scored, outcome="score", weight="weight")
    unit = in_standard_deviations(Estimate(value=1.0), sample).value
    effects = item_effects(codes, scored)
    p, contrasts, apart = _flag(effects)
    suspects = apart or [int(np.argmax(np.abs(effects.apart(np.arange(len(names))))))]
    return MeasurementGate(
        p=p,
        contrasts=contrasts,
        flagged=tuple(names[j] for j in apart),
        suspects=tuple(names[j] for j in suspects),
        **_score_effects(effects, suspects, unit, n=len(scored)),
        **_items(effects, apart, names, unit),
    )


def _flag(effects: ItemEffects) -> tuple[float, float, list[int]]:
    """Set items apart, the furthest first, until the rest move together; a minority at most."""
    kept, apart = np.arange(len(effects.slope)), []
    p, contrasts = effects.together(kept)
    now = p
    while now < ALARM and len(apart) + 1 < len(effects.slope) / 2:
        worst = kept[np.argmax(np.abs(effects.apart(kept)))]
        apart.append(int(worst))
        kept = kept[kept != worst]
        now = effects.together(kept)[0]
    return p, contrasts, sorted(apart)


def _shares(effects: ItemEffects, suspects: list[int]) -> np.ndarray:
    """Weights on the item effects that give what suspect items add to the effect on the mean."""
    items_n = len(effects.slope)
    rest = np.setdiff1d(np.arange(items_n), suspects)
    return sum(effects.contrast(j, rest) for j in suspects) / items_n


def _score_effects(effects: ItemEffects, suspects: list[int], unit: float, *, n: int) -> dict[str, Estimate]:
    """Effect on the score, the same without what suspect items add, and what they add."""
    fit, items_n = effects.fit, len(effects.slope)
    mean, shares = np.full(items_n, 1 / items_n), _shares(effects, suspects)
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
        told = {"n": n, "n_unit": "students", "clusters": fit.clusters_n, "treated": effects.treated_n}
        made[name] = t_estimate(weights @ fit.values, se, fit.df, unit="SD", method=method, **told)
    return made | {"artefact": _widened(made["artefact"], items_n)}


def _widened(artefact: Estimate, items_n: int) -> Estimate:
    """Widen the interval for having looked for the item that stands out, and give no p-value."""
    reach = critical(artefact.df, 1 - (1 - LEVEL) / items_n) * artefact.se
    method = f"{artefact.method}; interval widened for the choice among {items_n} items"
    low, high = artefact.value - reach, artefact.value + reach
    return replace(artefact, low=low, high=high, p=None, method=method)


def _items(
    effects: ItemEffects, apart: list[int], names: list[str], unit: float
) -> dict[str, tuple[ItemEffect, ...] | float]:
    """Tell every item's effect, and the range of the score's effect when one item is left out.

    names : of the items; unit : score points in standard deviations
    """
    fit, reach, told = effects.fit, critical(effects.fit.df), []
    for j, item in enumerate(names):
        contrast = effects.contrast(j, np.setdiff1d(np.arange(len(fit.values)), [*apart, j]))
        effect, gap = float(fit.values[j]), float(contrast @ fit.values)
        own, wide = (
            reach * float(np.sqrt(v)) for v in (fit.covariance[j, j], contrast @ fit.covariance @ contrast)
        )
        told.append(
            ItemEffect(
                item=item,
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
