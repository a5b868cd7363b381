"""Difference-in-differences by imputation, with leave-one-school-out inference."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.did.design import Design, by_school
from rpeval.methods.did.jackknife import LeftOut, average_gaps, first_years, jackknife_estimate, rests_on
from rpeval.methods.intervals import critical
from rpeval.methods.wording import count_of


def att_imputation(design: Design) -> Estimate:
    """Average effect of the program on the schools that adopted it, by imputation.

    Use when schools start in different years. School and year effects are fitted on school-years before the
    start, the untreated outcome of the later ones is imputed, and the gaps are averaged.

    Returns an Estimate in the outcome's unit; standard error by leave-one-school-out jackknife, interval by t
    with Welch's degrees of freedom: few adopting schools, few degrees.
    Refuses (MethodError, naming schools) an estimate that cannot be made without one of the schools.
    Source: Borusyak, Jaravel & Spiess (2024), Review of Economic Studies 91; jackknife as CV3 of MacKinnon,
    Nielsen & Webb (2023).

    >>> from rpeval.methods.did.example import four_schools
    >>> att = att_imputation(four_schools())  # two fell by 4 and 3, the others by 1
    >>> round(att.value, 9), att.method
    (-2.5, 'imputation difference-in-differences; jackknife by school, t(1.0)')
    """
    gaps = leave_schools_out(design)
    words = describe(design, "imputation")
    return jackknife_estimate(gaps.value[0, 0], gaps.left_out[0, :, 0], **words)


def leave_schools_out(design: Design) -> LeftOut:
    """Average gap over the treated school-years, in full and without each school."""
    fit = (design.weights * design.untreated)[None]
    gap = (design.weights * design.treated)[None]
    return average_gaps(design.Y[..., None], fit, gap, design.observed)


def describe(design: Design, what: str) -> dict:
    """Say in words how an estimate was made, on how many schools, and what was set aside."""
    return {
        "names": design.names,
        "starts": first_years(design.D, design.observed),
        "n": int(design.observed.sum()),
        "method": f"{what} difference-in-differences",
        "notes": design.remarks,
    }


def untreated_means(design: Design, gaps: LeftOut) -> tuple[float, np.ndarray]:
    """Mean imputed outcome of the treated school-years, in full and without each school."""
    cells = design.weights * design.treated
    sums, n = (cells * design.Y).sum(axis=1), cells.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = (sums.sum() - sums) / (n.sum() - n)
    return sums.sum() / n.sum() - gaps.value[0, 0], left - gaps.left_out[0, :, 0]


def att_percent(design: Design) -> Estimate:
    """Average effect as a percent of what adopting schools would have had without the program.

    Use beside `att_imputation` to say how large the effect is. The ratio is formed again without each school,
    so its interval carries the uncertainty of both parts. Returns an Estimate in percent.
    Refuses also when the imputed outcome without the program is not above zero, with or without a school.

    >>> from rpeval.methods.did.example import four_schools
    >>> round(att_percent(four_schools()).value, 9)  # -2.5 of 7.5
    -33.333333333
    """
    gaps = leave_schools_out(design)
    mean, left = untreated_means(design, gaps)
    if min(mean, np.nanmin(left)) <= 0:
        where = f"panel: {design.columns.outcome}"
        what = f"Without the program the outcome is imputed at {mean:.3g}, so a percent of it means nothing."
        raise MethodError(Problem(where, what, "Report the effect in the outcome's unit."))
    percents = 100 * gaps.left_out[0, :, 0] / left
    words = describe(design, "percent effect, imputation")
    return jackknife_estimate(100 * gaps.value[0, 0] / mean, percents, unit="percent", **words)


def event_study(design: Design) -> tuple[tuple[int, Estimate | Refusal], ...]:
    """Effect by calendar years since the start, with placebo effects for the years before it.

    Use for the picture that could sink the study. From year 0 on, a row averages the gaps between outcome and
    imputed untreated outcome. Before year 0, the school-years at that event time are held out of the fit as
    if they had been treated, imputed from all other untreated school-years, and the gaps averaged. So both
    sides are measured in the same way; with parallel trends the placebo effects are zero on average. They are
    not independent of each other: read the row of them (`event_band`), not single stars.

    Returns (event time, Estimate) in order, in the outcome's unit; pointwise jackknife intervals. An event
    time that only one school has, or that cannot be imputed, is a Refusal in its row. Years left out of the
    panel leave a hole in event time.
    Source: Borusyak, Jaravel & Spiess (2024); Roth (2024) on why both sides must be built alike.

    >>> from rpeval.methods.did.example import four_schools
    >>> [(event, round(est.value, 9) + 0) for event, est in event_study(four_schools())]
    [(-2, 0.0), (-1, 0.0), (0, -2.5)]
    """
    events, cells, result = average_by_event(design)
    return tuple(zip(events, estimate_rows(design, cells, result), strict=True))


def average_by_event(design: Design) -> tuple[list[int], np.ndarray, LeftOut]:
    """Average the gaps at each event time: the times, their cells (P by G by T), and the averages."""
    adopted = design.observed & design.adopters[:, None]
    events = np.unique(design.event[adopted]).astype(int)
    cells = np.stack([adopted & (design.event == event) for event in events])
    fit = design.untreated & ~cells
    result = average_gaps(design.Y[..., None], design.weights * fit, design.weights * cells, design.observed)
    return events.tolist(), cells, result


def estimate_rows(design: Design, cells: np.ndarray, result: LeftOut) -> list[Estimate | Refusal]:
    """Make one Estimate, or a Refusal, for each set of cells."""
    words = describe(design, "imputation")
    rows: list[Estimate | Refusal] = []
    parts = zip(cells, result.counted, result.value[:, 0], result.without[..., 0], strict=True)
    for cell, counted, value, left in parts:
        own = cell.any(axis=1) & counted
        if own.sum() < 2:
            schools = count_of(int(own.sum()), "school")
            reason = f"Only {schools} with other years before the start to compare with."
            rows.append(Refusal(reason, "Read it together with the other years or cohorts."))
        elif not np.isfinite(left).all():
            problem = rests_on(design.names, ~np.isfinite(left))
            rows.append(Refusal(problem.what, problem.fix))
        else:
            part = {"starts": np.where(own, words["starts"], np.nan), "n": int(cell.sum())}
            rows.append(jackknife_estimate(value, left, **words | part))
    return rows


def leave_one_out(design: Design) -> pd.DataFrame:
    """Average effect with each school left out in turn.

    Use to see whether one school carries the result.
    Returns one row per school, in order of id: the id, school_name where the panel has it, adopting (bool),
    value (the average effect without that school, in the outcome's unit; missing where it cannot be made).

    >>> from rpeval.methods.did.example import four_schools
    >>> leave_one_out(four_schools())["value"].round(9).tolist()
    [-2.0, -3.0, -2.5, -2.5]
    """
    found = {"adopting": design.adopters, "value": leave_schools_out(design).left_out[0, :, 0]}
    return by_school(design, found)


def detectable(estimate: Estimate, *, power: float = 0.8) -> Estimate:
    """Smallest true effect that a design like this would find significant with the given power.

    Use beside an estimate whose interval includes zero: what could have been missed.
    estimate : an Estimate with a standard error; power between 0.5 and 1
    Returns an Estimate without interval, same unit: (t of the interval + t of the power) times the standard
    error. Refuses (MethodError) an estimate without a standard error.
    Source: Bloom (1995), Evaluation Review 19.

    >>> round(detectable(Estimate(value=-2.0, se=1.0, df=float("inf"))).value, 3)
    2.802
    """
    if not estimate.se:
        what = "There is no standard error to work from."
        raise MethodError(Problem("estimate", what, "Give an estimate that has one."))
    df = np.inf if estimate.df is None else estimate.df
    factor = critical(df) + float(stats.t.ppf(power, df))
    words = f"smallest effect found significant in {power:.0%} of studies like this; from {estimate.method}"
    return replace(
        estimate, value=factor * estimate.se, se=None, low=None, high=None, p=None, df=None, method=words
    )
