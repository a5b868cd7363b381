"""What the chosen interval achieves on a study's own panel, by placebo adoption."""

from dataclasses import dataclass

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import Design
from rpeval.methods.did.diagnosis import Inference
from rpeval.methods.did.imputation import average_by_event, leave_schools_out
from rpeval.methods.did.jackknife import average_gaps, by_cohort, changes_of_variance, first_years, spread
from rpeval.methods.did.randomization import TIE, deal
from rpeval.methods.intervals import LEVEL, critical

LEAST = 50
POWER = 0.8
FITS_AT_ONCE = 40
HALVINGS = 30


@dataclass(frozen=True, slots=True)
class Achieved:
    """How the chosen inference does on a study's own panel when adoption is placebo.

    coverage   : percent of intervals that hold the true effect
    rejection  : percent of tests that find an effect where there is none, at 5 percent
    detectable : effect found significant in four of five studies, in the outcome's unit, without sign;
                 a Refusal where no effect would be
    inference  : the inference looked at
    """

    coverage: Estimate
    rejection: Estimate
    detectable: Estimate | Refusal
    inference: Inference


@dataclass(frozen=True, slots=True, eq=False)
class Placebo:
    """N placebo studies without an effect: value, standard error and degrees of freedom (N each).

    among : for each study k, the squares of the other deals' statistics as functions of a planted effect e,
            a + e d over the root of A + 2 e B + e^2 C (five arrays, N deals by N studies); None where the
            jackknife is looked at
    """

    value: np.ndarray
    se: np.ndarray
    df: np.ndarray
    among: tuple[np.ndarray, ...] | None


def achieved(design: Design, *, inference: Inference, seed: int, draws: int = 400) -> Achieved:
    """Coverage, false alarms and detectable effect of the chosen interval, simulated on the panel itself.

    Use after `diagnose`, to say what the interval is worth here rather than in textbooks. The panel is kept
    as it is, with its levels, noise and holes, except that the estimated effect is taken out of the program
    years: the average gap of each event time that two or more schools have, the average effect elsewhere.
    Then the start years are dealt anew to the schools, `draws` times, each as a whole, so cohorts keep their
    sizes; there is no effect in what is estimated, and a planted constant effect moves estimate and truth.

    inference : the one to look at, as a rule the one `diagnose` chose
    seed      : fixes the deals (all of them when they are no more than `draws`)
    Returns an Achieved. For randomization, coverage is near the level by construction, as its test is exact
    when any school could have adopted: what is learned is the detectable effect. For the jackknife, all three
    are learned. Refuses (MethodError) fewer than 50 deals that can be estimated.

    >>> from rpeval.methods.did.example import seven_schools
    >>> found = achieved(seven_schools(), inference="randomization", seed=1)
    >>> found.rejection.n, round(found.rejection.value, 2)  # one deal of 35 is the most extreme
    (35, 2.86)
    """
    rows, own = np.unique(design.D, axis=0, return_inverse=True)
    deals, complete = deal(own, draws=draws, seed=seed)
    placebo = simulate(design, without_effect(design), rows[deals], inference)
    found = rejected(placebo, 0.0)
    how = "all" if complete else "random"
    words = f"{len(found)} {how} placebo deals of start years on this panel, estimated effect taken out"
    words += f"; {inference}"
    known = {"n": len(found), "n_unit": "placebo studies", "clusters": len(design.units), "level": LEVEL}
    known |= {"treated": int(design.adopters.sum()), "method": words, "kind": "simulated"}
    share = float(found.mean())
    mcse = 100 * share_error(share, len(found))
    if complete:
        known["kind"], mcse = "exact", None
    return Achieved(
        coverage=Estimate(100 - 100 * share, unit="percent", mcse=mcse, **known),
        rejection=Estimate(100 * share, unit="percent", mcse=mcse, **known),
        detectable=detect(placebo, known),
        inference=inference,
    )


def share_error(share: float, n: int) -> float:
    """Monte Carlo standard error of a share, never zero."""
    held = (share * n + 1) / (n + 2)
    return float(np.sqrt(held * (1 - held) / n))


def without_effect(design: Design) -> np.ndarray:
    """Outcome without the estimated effect (G by T)."""
    events, cells, result = average_by_event(design)
    overall = leave_schools_out(design).value[0, 0]
    Y = np.where(design.treated, design.Y - overall, design.Y)
    for event, own, value in zip(events, cells, result.value[:, 0], strict=True):
        if event >= 0 and own.any(axis=1).sum() > 1 and np.isfinite(value):
            Y[own] = design.Y[own] - value
    return Y


def simulate(design: Design, Y: np.ndarray, D: np.ndarray, inference: Inference) -> Placebo:
    """Estimate the placebo studies, without those that cannot be estimated."""
    parts = [fits(design, Y[..., None], D[k : k + FITS_AT_ONCE]) for k in range(0, len(D), FITS_AT_ONCE)]
    fine = np.concatenate([np.isfinite(left).all(axis=(1, 2)) & np.isfinite(v[:, 0]) for v, left in parts])
    if fine.sum() < LEAST and fine.sum() < len(D):
        what = f"Only {fine.sum()} of {len(D)} deals of the start years can be estimated."
        raise MethodError(Problem("panel", what, "Keep schools observed in most years."))
    value, left = (np.concatenate([part[k] for part in parts])[fine] for k in (0, 1))
    D = D[fine]
    cohorts = by_cohort(first_years(D, design.observed))
    found = [spread(change, own) for change, own in zip(left - value[:, None], cohorts, strict=True)]
    variance, df = (np.array([pair[k][0] for pair in found]) for k in (0, 1))
    among = compare(design, Y, D) if inference == "randomization" else None
    return Placebo(value[:, 0], np.sqrt(variance), df, among)


def fits(design: Design, outcomes: np.ndarray, D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average gaps under deals D (N by G by T): N by R, and N by G by R without each school."""
    gaps = average_gaps(outcomes, design.weights * ~D, design.weights * D, design.observed)
    return gaps.value, gaps.without


def compare(design: Design, Y: np.ndarray, D: np.ndarray) -> tuple[np.ndarray, ...]:
    """Write the statistic of every deal on every study as a function of the study's planted effect."""
    planted = np.moveaxis(D & design.observed, 0, -1).astype(float)
    outcomes, parts = np.concatenate([Y[..., None], planted], axis=2), []
    for first in range(0, len(D), FITS_AT_ONCE):
        block = D[first : first + FITS_AT_ONCE]
        value, left = fits(design, outcomes, block)
        change = changes_of_variance(left - value[:, None], by_cohort(first_years(block, design.observed)))
        own, others = change[..., :1], change[..., 1:]
        B, C = np.einsum("ngs,ngr->nr", own, others), (others**2).sum(axis=1)
        A = np.broadcast_to((own**2).sum(axis=1), B.shape)
        parts.append((np.broadcast_to(value[:, :1], B.shape), value[:, 1:], A, B, C))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def rejected(placebo: Placebo, effect: float) -> np.ndarray:
    """Say which placebo studies find a planted effect significant (N)."""
    if placebo.among is None:
        t = np.abs(placebo.value + effect) / placebo.se
        return t > critical(placebo.df)
    a, d, A, B, C = placebo.among
    t = (a + effect * d) ** 2 / (A + 2 * effect * B + effect**2 * C)
    extreme = (t >= np.diagonal(t) * (1 - TIE)).mean(axis=0)
    return extreme <= 1 - LEVEL + 1e-12


def detect(placebo: Placebo, known: dict) -> Estimate | Refusal:
    """Find the planted effect that is found in four of five studies, whatever its sign."""
    error = share_error(POWER, len(placebo.value))
    found = [reach(placebo, share) for share in (POWER, POWER - error, POWER + error)]
    if found[0] is None:
        reason = f"No effect, however large, would be found in {POWER:.0%} of studies like this."
        return Refusal(reason, "Add schools.")
    wide = found[0] if found[2] is None else found[2]
    words = f"smallest effect found significant in {POWER:.0%} of studies; {known['method']}"
    mcse = None if known["kind"] == "exact" else abs(wide - found[1]) / 2
    return Estimate(found[0], mcse=mcse, **known | {"method": words})


def reach(placebo: Placebo, share: float) -> float | None:
    """Smallest effect found in the given share of studies, None where there is none; by halving."""

    def power(effect: float) -> float:
        return float(np.mean([rejected(placebo, sign * effect).mean() for sign in (-1, 1)]))

    low, high = 0.0, 4.0 * float(np.median(placebo.se))
    for _ in range(8):
        if power(high) >= share:
            break
        low, high = high, 2 * high
    else:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= share else (middle, high)
    return high
