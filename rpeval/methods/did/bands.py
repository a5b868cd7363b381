"""A band around a whole event study, and one test of all the years before the start."""

import math
from dataclasses import dataclass, replace

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import average_by_event, estimate_rows
from rpeval.methods.did.jackknife import average_gaps, by_cohort, changes_of_variance
from rpeval.methods.did.randomization import deal_starts
from rpeval.methods.intervals import LEVEL

FITS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """An event study with a simultaneous band, and a joint look at the years before the start.

    rows     : (event time, Estimate or Refusal); low and high hold for all rows at once, p is adjusted for
               looking at all of them
    critical : the band's half width in standard errors
    before   : adjusted p-value of the largest placebo effect before the start, None where there is none
    deals    : deals of start years behind both
    """

    rows: tuple[tuple[int, Estimate | Refusal], ...]
    critical: float
    before: float | None
    deals: int


def event_band(design: Design, *, seed: int, draws: int = 499) -> Band:
    """Event study whose intervals hold for all event times at once.

    Use for the picture in a report: among eight pointwise intervals some will miss zero by chance alone. The
    rows are those of `event_study`. The half width is what the largest |value / se| of an event study reaches
    in 95 % of the deals of start years to schools, once the estimated effects are taken out of the outcome:
    with few adopting schools, tables of t or normal values give bands that are too narrow.

    seed fixes the deals, `draws` of them or, when there are no more, all.
    Returns a Band. Refuses (MethodError) when fewer than two rows can be estimated, or too few deals.
    Source: Montiel Olea & Plagborg-Møller (2019), Journal of Applied Econometrics 34 (bands by the largest
    t); the deals as in `att_randomization`.

    >>> from rpeval.methods.did.example import seven_schools
    >>> band = event_band(seven_schools(), seed=1)
    >>> [event for event, _ in band.rows], band.deals
    ([-2, -1, 0], 35)
    """
    events, rows, usable, Y = without_effect(design)
    if len(usable) < 2:
        what = "Fewer than two event times can be estimated with an interval."
        raise MethodError(Problem("panel", what, "Use `event_study`, or add schools."))
    chance = t_under_deals(design, Y, [events[k] for k in usable], draws=draws, seed=seed)
    largest = chance.max(axis=1)
    critical = quantile(largest)
    early = [j for j, k in enumerate(usable) if events[k] < 0]
    actual = [abs(rows[usable[j]].value / rows[usable[j]].se) for j in early]
    for k in usable:
        rows[k] = widen(rows[k], critical, largest)
    before = share_above(chance[:, early].max(axis=1), max(actual)) if early else None
    return Band(tuple(zip(events, rows, strict=True)), critical, before, len(chance))


def without_effect(design: Design) -> tuple[list[int], list[Estimate | Refusal], list[int], np.ndarray]:
    """Give event times, their rows, those with an interval, and the outcome without their program effects."""
    events, cells, result = average_by_event(design)
    rows, Y = estimate_rows(design, cells, result), design.Y.copy()
    usable = [k for k, row in enumerate(rows) if isinstance(row, Estimate) and row.se > 0]
    for k in usable:
        if events[k] >= 0:
            Y[cells[k]] -= rows[k].value
    return events, rows, usable, Y


def t_under_deals(design: Design, Y: np.ndarray, events: list[int], *, draws: int, seed: int) -> np.ndarray:
    """Absolute t values of the event times under other deals of the start years (N by events)."""
    dealt, _ = deal_starts(design, draws=draws, seed=seed)
    size = max(1, FITS_AT_ONCE // len(events))
    blocks = [dealt[first : first + size] for first in range(0, len(dealt), size)]
    t = np.concatenate([t_values(design, Y, starts, events) for starts in blocks])
    return t[np.isfinite(t).all(axis=1)]


def t_values(design: Design, Y: np.ndarray, starts: np.ndarray, events: list[int]) -> np.ndarray:
    """Absolute t values of an event study on Y for each row of starts (N by G), N by events."""
    event = design.times - starts[:, :, None]
    cells = design.observed & (event[:, None] == np.array(events)[:, None, None])
    fit = design.observed & (event < 0)[:, None] & ~cells
    N, P, G, T = cells.shape
    W, V = ((design.weights * part).reshape(N * P, G, T) for part in (fit, cells))
    result = average_gaps(Y[..., None], W, V, design.observed)
    first = np.searchsorted(design.times, starts)[:, None]
    own = np.where(cells.any(axis=3) & result.counted.reshape(N, P, G), first, np.nan)
    change = changes_of_variance(result.without - result.value[:, None], by_cohort(own.reshape(N * P, G)))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(result.value[:, 0]) / np.sqrt((change[..., 0] ** 2).sum(axis=1))
    return t.reshape(N, P)


def quantile(largest: np.ndarray) -> float:
    """Value that a new draw exceeds in at most 5 % of all cases, from N draws."""
    rank = math.ceil(LEVEL * (len(largest) + 1))
    if rank > len(largest):
        few = f"Only {len(largest)} deals of the start years can be estimated"
        what = f"{few}, too few for a {LEVEL:.0%} band."
        raise MethodError(Problem("panel", what, "Use `event_study`, or add schools."))
    return float(np.sort(largest)[rank - 1])


def share_above(draws: np.ndarray, value: float) -> float:
    """Share of draws at least as large as the value, never zero."""
    return float(((draws >= value).sum() + 1) / (len(draws) + 1))


def widen(row: Estimate, critical: float, largest: np.ndarray, of: str = "deals of start years") -> Estimate:
    """Give a row the band's interval and a p-value adjusted for looking at all rows."""
    p = share_above(largest, abs(row.value / row.se))
    return replace(
        row,
        low=row.value - critical * row.se,
        high=row.value + critical * row.se,
        p=p,
        df=None,
        kind="simulated",
        method=f"{row.method}; simultaneous band from {len(largest)} {of}, {critical:.2f} se",
    )
