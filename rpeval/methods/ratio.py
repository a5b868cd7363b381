"""The ratio of two effects on the same schools, from their leave-one-school-out values."""

import math

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import critical


def ratio_of_effects(
    part: Estimate, whole: Estimate, *, part_left_out: pd.DataFrame, whole_left_out: pd.DataFrame
) -> Estimate:
    """How large one effect is in percent of another, with Fieller's interval.

    Use where both effects come from the same schools and the same method, so that they move together when a
    school is left out, and where the whole is uncertain.

    part, whole    : the two effects, in the same unit, with their standard errors
    ..._left_out   : one row per school: school_id, and value, the effect without that school
    Returns an Estimate in percent: the set of ratios r for which part - r × whole is not told from zero. The
    standard errors are those of the two effects, their correlation that of the leave-one-school-out values,
    the degrees of freedom the smaller of the two.
    Refuses (MethodError): schools that differ; an effect that cannot be made without one of them; a whole
    whose own interval includes zero, because a share of nothing is any number.
    Source: Fieller (1954), J. of the Royal Statistical Society B 16.

    >>> without = pd.DataFrame({"school_id": list("abcd"), "value": [-10.2, -9.8, -10.1, -9.9]})
    >>> ratio = ratio_of_effects(Estimate(5.0, se=1.0, df=9), Estimate(-10.0, se=2.0, df=9),
    ...     part_left_out=without.assign(value=-without["value"] / 2), whole_left_out=without)
    >>> round(ratio.value, 6), round(ratio.low, 6), round(ratio.high, 6)  # each school moves both alike
    (-50.0, -50.0, -50.0)
    """
    own, other = _changes(part, part_left_out), _changes(whole, whole_left_out)
    if not own.index.equals(other.index):
        what = "The two effects do not come from the same schools."
        raise MethodError(Problem("ratio", what, "Estimate both on the same school-years."))
    length = math.sqrt(float(own @ own) * float(other @ other))
    together = float(own @ other) / length if length > 0 else 0.0
    df = min(part.df or math.inf, whole.df or math.inf)
    variances = part.se**2, together * part.se * whole.se, whole.se**2
    t = critical(df)
    low, high = _fieller(part.value, whole.value, *variances, t)
    value, (v_part, v_both, v_whole) = part.value / whole.value, variances
    spread = math.sqrt(max(v_part - 2 * value * v_both + value**2 * v_whole, 0.0)) / abs(whole.value)
    return Estimate(
        value=100 * value, se=100 * spread, low=100 * low, high=100 * high,
        df=df if math.isfinite(df) else None, unit="percent", n=whole.n, n_unit=whole.n_unit,
        clusters=whole.clusters, treated=whole.treated,
        method=f"ratio of two effects, correlated by leaving schools out; Fieller's interval, t({df:.1f})",
    )  # fmt: skip


def _changes(estimate: Estimate, left_out: pd.DataFrame) -> pd.Series:
    """Change of an effect by leaving out each school, by id."""
    values = left_out.set_index("school_id")["value"].sort_index()
    lost = values.index[~np.isfinite(values)]
    if len(lost):
        what = f"Without {lost[0]} the effect cannot be made, so the ratio has no interval."
        raise MethodError(Problem("ratio", what, "Add schools like it."))
    return values - estimate.value


def _fieller(
    part: float, whole: float, v_part: float, v_both: float, v_whole: float, t: float
) -> tuple[float, float]:
    """Ends of the set of r with (part - r whole)² <= t² (v_part - 2 r v_both + r² v_whole)."""
    a = whole**2 - t**2 * v_whole
    if a <= 0:
        what = f"The change of {whole:.3g} that a share is taken of is not told from zero."
        raise MethodError(Problem("ratio", what, "Report both effects, and no share."))
    b, c = part * whole - t**2 * v_both, part**2 - t**2 * v_part
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return (b - root) / a, (b + root) / a
