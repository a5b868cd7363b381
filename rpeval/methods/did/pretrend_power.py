"""What a look at the years before the start can see: its false alarms, and the drift it would miss."""

from dataclasses import dataclass

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.achieved import share_error
from rpeval.methods.did.bands import without_effect
from rpeval.methods.did.design import Design
from rpeval.methods.did.jackknife import average_gaps, by_cohort, changes_of_variance, spread
from rpeval.methods.did.randomization import TIE, deal_starts
from rpeval.methods.intervals import LEVEL, critical, scaled

HALF, MOST = 0.5, 0.8
LEAST = 50
REFERENCES, CELLS = 5, 100_000
DOUBLINGS, HALVINGS = 12, 24


@dataclass(frozen=True, slots=True)
class PretrendPower:
    """How the look at the years before the start does on a study's own panel.

    false_alarm : percent of studies without any drift in which the band's look raises an alarm
    starred     : percent of them in which some single interval before the start leaves out zero
    slope_half  : drift of adopting schools against the others that is found, and missed, in half of the
                  studies, in the outcome's unit per year, without sign
    slope_found : drift that is found in four of five studies
    fakes_half, fakes_found : average effect over the program years that such a drift alone would fake, if it
                  went on, in the outcome's unit
    The last four are a Refusal where no drift, however steep, would be found so often.
    """

    false_alarm: Estimate
    starred: Estimate
    slope_half: Estimate | Refusal
    slope_found: Estimate | Refusal
    fakes_half: Estimate | Refusal
    fakes_found: Estimate | Refusal


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Looks at P years before the start under N deals of the start years, at studies with a planted drift s.

    Their t is (a + s d) over the root of A + 2 s B + s^2 C, with a and A (N by P by 1) free of the drift, and
    d, B, C (N by P by 1 + K) for studies that drift in another way each: first the one whose adopters are
    those of the deal itself, then those whose adopters are of deal 0, 1, ... K - 1, as references.

    df       : degrees of freedom of the single rows without drift, N by P
    complete : True when the deals are all there are
    alarms_n : ranks of the largest t, from the top, that raise an alarm
    """

    a: np.ndarray
    A: np.ndarray
    d: np.ndarray
    B: np.ndarray
    C: np.ndarray
    df: np.ndarray
    complete: bool
    alarms_n: int


def pretrend_power(design: Design, *, seed: int, draws: int = 299) -> PretrendPower:
    """False alarms and power of the look at the years before the start, on the panel itself.

    Use beside `event_band`, whose `before` is the look: that it finds nothing is worth little where a drift
    large enough to fake the effect would have been missed. The effects are taken out of the program years,
    and the start years are dealt anew to the schools, as `event_band` does. On each deal a straight drift of
    the dealt adopters is planted, upward and downward, and the look is taken again: an alarm is a largest |t|
    before the start that at most 5 % of other deals reach, on the same outcomes with the drift in them.

    seed fixes the deals, `draws` of them or, when there are no more, all.
    Returns a PretrendPower. The band's false alarms are few by construction.
    Refuses (MethodError) a study without a year before the start that can be looked at, and fewer than 50
    random deals under which it can be. In very large panels the reference of some deals stands for all.
    Source: Roth (2022), American Economic Review: Insights 4.

    >>> from rpeval.methods.did.example import seven_schools
    >>> found = pretrend_power(seven_schools(), seed=1)
    >>> found.false_alarm.n, found.false_alarm.value, found.slope_half.reason
    (35, 0.0, 'No drift, however steep, would be seen before the start in 50% of studies like this.')
    """
    looks = look(design, seed=seed, draws=draws)
    known = {"n": len(looks.a), "n_unit": "placebo studies", "clusters": len(design.units), "level": LEVEL}
    known |= {"treated": int(design.adopters.sum()), "kind": "exact" if looks.complete else "simulated"}
    known["method"] = f"{len(looks.a)} placebo deals of start years on this panel, estimated effect taken out"
    stars = (np.abs(looks.a) / np.sqrt(looks.A))[..., 0] > critical(looks.df)
    half, found = (steepness(looks, share, known) for share in (HALF, MOST))
    fakes = faked_by_one(design)
    return PretrendPower(
        false_alarm=percent(alarms(looks, 0.0), known),
        starred=percent(stars.any(axis=1), known),
        slope_half=half,
        slope_found=found,
        fakes_half=effect_of(half, fakes),
        fakes_found=effect_of(found, fakes),
    )


def look(design: Design, *, seed: int, draws: int) -> Looks:
    """Take the look under other deals of the start years."""
    times, _, usable, Y = without_effect(design)
    events = np.array([times[k] for k in usable if times[k] < 0])
    if not len(events):
        what = "No year before the start can be looked at with an interval."
        raise MethodError(Problem("panel", what, "Add earlier years, or schools."))
    dealt, complete = deal_starts(design, draws=draws, seed=seed)
    studies_n = min(len(dealt), max(REFERENCES, CELLS // (len(events) * Y.size)))
    drifts = [drift_of(design, row) for row in dealt]
    planted = np.stack([Y, *drifts[:studies_n]], axis=-1)
    found = [one_look(design, planted, drift, row, events) for drift, row in zip(drifts, dealt, strict=True)]
    fine = np.array(
        [all(np.isfinite(part).all() for part in parts) and (parts[1] > 0).all() for parts in found]
    )
    if fine.sum() < (2 if complete else LEAST):
        what = f"Under only {fine.sum()} of {len(dealt)} deals can the years before the start be looked at."
        raise MethodError(Problem("panel", what, "Keep schools observed in most years."))
    a, A, d, B, C, df = (
        np.stack([parts[k] for parts, ok in zip(found, fine, strict=True) if ok]) for k in range(6)
    )
    kept = np.append(True, fine[:studies_n])
    own_n = int((1 - LEVEL + 1e-12) * (len(a) + complete)) - complete
    return Looks(
        a, A, *(part[..., kept] for part in (d, B, C)), df=df, complete=complete, alarms_n=max(own_n, 0)
    )


def drift_of(design: Design, starts: np.ndarray) -> np.ndarray:
    """A drift of one per year until each start (starts: G, infinite = never; G by T).

    From the start on it stays at the mean of the years before, as the band takes out what it finds there.
    """
    before = design.weights * (design.observed & (design.times < starts[:, None]))
    middle = (before * design.times).sum(axis=1) / np.maximum(before.sum(axis=1), 1e-300)
    return np.where((before > 0) & np.isfinite(starts)[:, None], design.times - middle[:, None], 0.0)


def one_look(
    design: Design, planted: np.ndarray, own: np.ndarray, starts: np.ndarray, events: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Give a, A, d, B, C and df of the rows under one deal; planted: outcome and drifts, G by T by 1 + K."""
    event = design.times - starts[:, None]
    cells = design.observed & (event == events[:, None, None])
    fit = design.observed & (event < 0) & ~cells
    outcomes = np.concatenate([planted[..., :1], own[..., None], planted[..., 1:]], axis=-1)
    gaps = average_gaps(outcomes, design.weights * fit, design.weights * cells, design.observed)
    left = np.where(gaps.counted[..., None], gaps.left_out, gaps.value[:, None])
    change = left - gaps.value[:, None]
    cohorts = by_cohort(np.where(cells.any(axis=2) & gaps.counted, starts, np.nan))
    part = changes_of_variance(change, cohorts)
    noise, drift = part[..., :1], part[..., 1:]
    df = [spread(one[:, :1], own)[1][0] for one, own in zip(change, cohorts, strict=True)]
    return (
        gaps.value[:, :1],
        (noise**2).sum(axis=1),
        gaps.value[:, 1:],
        (noise * drift).sum(axis=1),
        (drift**2).sum(axis=1),
        np.array(df),
    )


def alarms(looks: Looks, slope: float) -> np.ndarray:
    """Say which studies raise an alarm when their own adopters drift (N)."""
    square = np.maximum(looks.A + 2 * slope * looks.B + slope**2 * looks.C, 1e-300)
    t = (np.abs(looks.a + slope * looks.d) / np.sqrt(square)).max(axis=1)
    limits = -np.sort(-t[:, 1:], axis=0)[looks.alarms_n]
    spare = len(t) - len(limits)
    limits = np.append(limits, np.full(spare, limits.mean()))
    return t[:, 0] > limits * (1 + TIE)


def steepness(looks: Looks, share: float, known: dict) -> Estimate | Refusal:
    """Find the smallest drift, of either sign, that raises an alarm in a share of the studies; by halving."""

    def power(slope: float) -> float:
        return float(np.mean([alarms(looks, sign * slope) for sign in (-1, 1)]))

    low, high = 0.0, 1.0 / float(np.median((np.abs(looks.d[..., :1]) / np.sqrt(looks.A)).max(axis=1)))
    for _ in range(DOUBLINGS):
        if power(high) >= share:
            break
        low, high = high, 2 * high
    else:
        reason = (
            f"No drift, however steep, would be seen before the start in {share:.0%} of studies like this."
        )
        return Refusal(reason, "Add schools, or years before the start.")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= share else (middle, high)
    rise = max(power(1.1 * high) - power(0.9 * high), 1 / len(looks.a)) / (0.2 * high)
    mcse = None if looks.complete else share_error(share, len(looks.a)) / rise
    words = f"straight drift per year found before the start in {share:.0%} of studies; {known['method']}"
    return Estimate(high, mcse=mcse, **known | {"method": words})


def faked_by_one(design: Design) -> float:
    """Average effect that a drift of one per year would fake over the program years."""
    drift = design.D.any(axis=1)[:, None] * (design.times - design.times[0]) * design.observed
    cells = [(design.weights * own)[None] for own in (design.untreated, design.treated)]
    return float(average_gaps(drift[..., None].astype(float), *cells, design.observed).value[0, 0])


def effect_of(slope: Estimate | Refusal, fakes: float) -> Estimate | Refusal:
    """Give the effect that a drift would fake."""
    if isinstance(slope, Refusal):
        return slope
    mcse = None if slope.mcse is None else slope.mcse * fakes
    return scaled(slope, fakes, mcse=mcse, method=f"effect faked by a {slope.method}")


def percent(alarms: np.ndarray, known: dict) -> Estimate:
    """Share of looks with an alarm, in percent."""
    share = float(alarms.mean())
    mcse = None if known["kind"] == "exact" else 100 * share_error(share, len(alarms))
    return Estimate(100 * share, unit="percent", mcse=mcse, **known)
