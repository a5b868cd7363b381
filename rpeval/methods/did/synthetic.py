"""Synthetic control: one adopting school beside a weighted average of others, and its rank among placebos."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design, arrange, by_school, check_adoption, select, set_aside
from rpeval.methods.did.timing import Columns, check_columns, check_values
from rpeval.methods.intervals import LEVEL
from rpeval.methods.wording import count_of, refuse, school_year, some

LEAST_BEFORE = 4
MOST_SCHOOLS = 400
POOR = 2.0
TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticControl:
    """One adopting school against its synthetic control.

    estimate  : mean gap over the program years; p and interval by placebo ranks
    rank, of  : place of the school's ratio of gaps after to gaps before the start among all `of` schools
                (1: the most extreme)
    weights   : one row per comparison school, by falling weight: id, school_name (where known), weight
    pre_rmspe : root mean square gap before the start, in the outcome's unit
    gaps      : one row per year: year, outcome, synthetic, gap
    warnings  : what to know about the fit, in printable words
    """

    estimate: Estimate
    rank: int
    of: int
    weights: pd.DataFrame
    pre_rmspe: float
    gaps: pd.DataFrame
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Placebos:
    """Every school in turn in the place of the adopting one.

    W        : schools by schools, the weights of each school's synthetic control
    gaps     : schools by years, outcome minus synthetic control, mean zero before the start
    before   : schools, root mean square gap before the start
    chance   : variance of a school-year's outcome by chance
    after    : years of the program among the columns of gaps
    adopting : row of the adopting school
    """

    W: np.ndarray
    gaps: np.ndarray
    before: np.ndarray
    chance: float
    after: np.ndarray
    adopting: int


def synthetic_control(panel: pd.DataFrame, *, outcome: str) -> SyntheticControl:
    """Effect on a single adopting school, against a weighted average of other schools.

    Use where one school (or, with a row for each district, one district) adopted, which difference-in-
    differences refuses. Weights are zero or more, add up to one, and make the average move as the school did
    before the start, each school taken from its own mean there: a school that adopts is often one with the
    highest rate, which no average of others can reach. Where many weights would fit, those spread over more
    schools win, by the chance that an average over few schools adds.

    The p-value is a rank: every comparison school is put in the adopting school's place, and ratios of mean
    square gaps after and before the start are compared, with the variance of chance added to the latter, as
    some schools are followed almost exactly by luck. It is exact when any of the schools could as well have
    been the one. The interval holds the constant effects which that test does not reject; without bounds
    (None) when it rejects all of them, or none far away.

    panel : as for `lay_out`; schools that lack a year of the adopting one are set aside, counted
    Returns a SyntheticControl in the outcome's unit. Refuses (MethodError): rows that `lay_out` refuses;
    several adopting schools; no comparison school, fewer than 19 (no p-value of 5 %) or more than 400; fewer
    than four years before the start; paths that are exactly parallel before the start.
    Source: Abadie, Diamond & Hainmueller (2010), JASA 105; Ferman & Pinto (2021), Quantitative Economics 12
    (taking means out); Firpo & Possebom (2018), Journal of Causal Inference 6 (intervals).

    >>> rng = np.random.default_rng(1)
    >>> rates = rng.normal(8, 2, (25, 1)) + rng.normal(0, 0.2, (25, 8))
    >>> rates[0, 5:] -= 3
    >>> panel = pd.DataFrame({
    ...     "school_id": np.repeat(np.arange(25), 8), "year": np.tile(np.arange(2013, 2021), 25),
    ...     "start_year": np.repeat([2018.0] + [np.nan] * 24, 8), "oss_per_100": rates.ravel()})
    >>> found = synthetic_control(panel, outcome="oss_per_100")
    >>> round(found.estimate.value, 1), found.rank, found.of, found.estimate.p
    (-3.0, 1, 25, 0.04)
    """
    design = lay_out_one(panel, Columns(outcome))
    placebos = fit_placebos(design)
    gaps, own = placebos.gaps[placebos.adopting], placebos.adopting
    extreme = more_extreme(placebos, np.array([0.0]))[0]
    low, high = interval(placebos)
    value, of = float(gaps[placebos.after].mean()), len(design.units)
    shown = {"year": design.times, "outcome": design.Y[own], "synthetic": design.Y[own] - gaps, "gap": gaps}
    return SyntheticControl(
        estimate=Estimate(
            value=value,
            low=low,
            high=high,
            p=int(extreme) / of,
            **design.sample,
            method="; ".join([words_for(placebos, low), *design.remarks]),
            kind="iterative",
        ),
        rank=int(extreme),
        of=of,
        weights=weigh(design, placebos),
        pre_rmspe=float(placebos.before[own]),
        gaps=pd.DataFrame(shown),
        warnings=warn(placebos),
    )


def lay_out_one(panel: pd.DataFrame, columns: Columns) -> Design:
    """Check a panel with one adopting school, and lay out the schools seen in every year that it was."""
    refuse(check_columns(panel, columns))
    refuse(check_values(panel, columns))
    full = arrange(panel, columns)
    design = set_aside(full)
    refuse(check_one(design, full))
    seen = design.times[design.observed[design.adopters][0]]
    full = arrange(panel[panel["year"].isin(seen)], columns)
    whole = full.observed.all(axis=1) & full.untreated.any(axis=1)
    lost_n = int((~whole).sum())
    lost = [f"{count_of(lost_n, 'school')} not seen in every year set aside"] if lost_n else []
    design = select(full, whole, [*full.notes, *lost])
    refuse(check_size(design))
    return design


def check_one(design: Design, full: Design) -> list[Problem]:
    """Look for a study that has not one adopting school, or nothing to compare it with."""
    where, adopters_n = "panel: start_year", int(design.adopters.sum())
    if not adopters_n:
        return check_adoption(design, full)
    if adopters_n == len(design.units):
        what = f"Every school is in the program by {school_year(design.times[-1])}: nothing to compare with."
        fix = "Add the rows of other districts; for a whole district's program, one row a district and year."
        return [Problem(where, what, fix)]
    if adopters_n > 1:
        names = some(n for n, adopts in zip(design.names, design.adopters, strict=True) if adopts)
        what = f"{adopters_n} schools adopt ({names}), and a synthetic control is made for one."
        return [Problem(where, what, "Use `att_imputation`, which is made for several.")]
    return []


def check_size(design: Design) -> list[Problem]:
    """Look for too few comparison schools or years, and for paths that leave nothing to chance."""
    others_n, before = len(design.units) - 1, before_start(design)
    problems, floor = [], 1 / len(design.units)
    if floor > 1 - LEVEL + TIE:
        what = (
            f"With {count_of(others_n, 'comparison school')} the smallest possible p-value is {floor:.3f},"
            f" which cannot reach {1 - LEVEL:.3g}."
        )
        needed = math.ceil(1 / (1 - LEVEL) - TIE) - 1
        fix = f"Add schools, of other districts too, until there are {needed}."
        problems.append(Problem("panel", what, fix))
    if others_n > MOST_SCHOOLS:
        what = f"Placebos over {others_n:,} comparison schools take too long; {MOST_SCHOOLS} is the most."
        problems.append(Problem("panel", what, "Keep schools of the same level and a similar size."))
    if before.sum() < LEAST_BEFORE:
        what = f"{count_of(int(before.sum()), 'year')} before the start, and {LEAST_BEFORE} are needed."
        problems.append(Problem("panel", what, "Add earlier years."))
    if not problems and chance(centered(design)[:, before]) <= TIE * np.abs(design.Y).max() ** 2:
        what = "All schools moved exactly alike before the start, so there is no chance to compare with."
        problems.append(Problem(f"panel: {design.columns.outcome}", what, "Check the outcome."))
    return problems


def before_start(design: Design) -> np.ndarray:
    """Years before the adopting school's start (T)."""
    return design.times < design.starts[design.adopters][0]


def centered(design: Design) -> np.ndarray:
    """Outcomes from each school's own mean before the start (G by T)."""
    return design.Y - design.Y[:, before_start(design)].mean(axis=1, keepdims=True)


def chance(Z: np.ndarray) -> float:
    """Variance of a school-year's outcome by chance: half that of the changes from year to year."""
    changes = np.diff(Z, axis=1)
    return float((changes - changes.mean(axis=0)).var() / 2)


def fit_placebos(design: Design) -> Placebos:
    """Put every school in the place of the adopting one, the others among its comparison schools."""
    before, Z = before_start(design), centered(design)
    early, G = Z[:, before], len(Z)
    luck, W = chance(early), np.zeros((G, G))
    for school in range(G):
        others = np.arange(G) != school
        W[school, others] = simplex_weights(early[others], early[school], early.shape[1] * luck)
    gaps = Z - W @ Z
    return Placebos(
        W=W,
        gaps=gaps,
        before=np.sqrt((gaps[:, before] ** 2).mean(axis=1)),
        chance=luck,
        after=~before,
        adopting=int(np.flatnonzero(design.adopters)[0]),
    )


def simplex_weights(others: np.ndarray, own: np.ndarray, penalty: float) -> np.ndarray:
    """Weights w, zero or more, that add up to one and minimize |own - w others|^2 + penalty |w|^2.

    Since w adds up to one, own - w others is w times the gaps, so the minimum of the squares with a row of
    ones toward one has the right direction, whatever the scale of that row.

    >>> simplex_weights(np.array([[0.0, 2], [4, 0]]), np.array([1.0, 1.5]), 0.0).round(9).tolist()
    [0.75, 0.25]
    """
    gaps = (own - others).T
    J, scale = len(others), np.sqrt((gaps**2).sum(axis=0).mean() + penalty) or 1.0
    system = np.vstack([gaps, np.sqrt(penalty) * np.eye(J), np.full((1, J), scale)])
    toward = np.append(np.zeros(len(system) - 1), scale)
    w, _ = nnls(system, toward, maxiter=100 * J)
    return w / w.sum()


def more_extreme(placebos: Placebos, effects: np.ndarray) -> np.ndarray:
    """Count the schools whose ratio is at least the adopting one's, itself among them, under each effect.

    The effect is taken out of the adopting school's outcome, also where it stands in a synthetic control.
    """
    a, b, c = squares(placebos)
    ratios = a + effects[:, None] * (b + effects[:, None] * c)
    return (ratios >= ratios[:, [placebos.adopting]] * (1 - TIE)).sum(axis=1)


def squares(placebos: Placebos) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared ratio of each school as a + b e + c e^2 in the effect e that is taken out."""
    part = placebos.W[:, placebos.adopting].copy()
    part[placebos.adopting] = -1.0
    late, scale = placebos.gaps[:, placebos.after], placebos.before**2 + placebos.chance
    return (late**2).mean(axis=1) / scale, 2 * part * late.mean(axis=1) / scale, part**2 / scale


def interval(placebos: Placebos) -> tuple[float | None, float | None]:
    """Lowest and highest constant effect that the ranks do not reject; None, None without such bounds.

    The ranks change only where two squared ratios, both quadratic in the effect, are equal.
    """
    a, b, c = (part - part[placebos.adopting] for part in squares(placebos))
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(b**2 - 4 * a * c)
        ends = np.concatenate([(-b - root) / (2 * c), (-b + root) / (2 * c)])
    ends = np.sort(ends[np.isfinite(ends)])
    if not len(ends):
        return None, None
    room = 1.0 + ends[-1] - ends[0]
    tried = np.concatenate([[ends[0] - room], ends, [ends[-1] + room]])
    kept = more_extreme(placebos, tried) / len(placebos.W) > 1 - LEVEL + TIE
    if kept[0] or kept[-1] or not kept.any():
        return None, None
    return float(tried[kept][0]), float(tried[kept][-1])


def words_for(placebos: Placebos, low: float | None) -> str:
    """Say in words how the estimate was made, and why it has no interval where it has none."""
    G = len(placebos.W)
    words = (
        f"synthetic control from {G - 1} comparison schools, means before the start taken out; ranks of the"
        f" ratio of mean square gaps after and before the start, smallest possible p {1 / G:.3f}"
    )
    return words + ("; interval by test inversion" if low is not None else "; no bounded interval")


def warn(placebos: Placebos) -> tuple[str, ...]:
    """Say where the synthetic control follows the school badly, or rests on one school."""
    own, warnings = placebos.adopting, []
    typical = float(np.median(np.delete(placebos.before, own)))
    if placebos.before[own] > POOR * typical:
        warnings.append(
            f"The fit before the start is poor: a typical gap of {placebos.before[own]:.3g}, where placebos"
            f" have {typical:.3g}. The other schools do not move as this one did."
        )
    if placebos.W[own].max() > 0.5:
        warnings.append("One comparison school carries more than half of the weight.")
    return tuple(warnings)


def weigh(design: Design, placebos: Placebos) -> pd.DataFrame:
    """List the comparison schools by falling weight."""
    frame = by_school(design, {"weight": placebos.W[placebos.adopting]}).drop(index=placebos.adopting)
    return frame.sort_values(["weight", "school_id"], ascending=[False, True], ignore_index=True)
