"""The effect on the share of students suspended, in standard deviations."""

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import describe, leave_schools_out, untreated_means
from rpeval.methods.did.jackknife import jackknife_estimate
from rpeval.methods.effect_size import SD_UNIT, cox_index, log_odds
from rpeval.methods.wording import school_year


def att_cox(design: Design) -> Estimate:
    """Effect on the share of students suspended, as an effect size comparable with other studies.

    Use as the g of a suspension study: being suspended at least once is a yes or no of each student, so its
    effect size in student standard deviations is the Cox index, the log odds ratio over 1.65. Suspensions per
    100 students have none: how they spread over students cannot be told from rates. The shares are what
    adopting schools had in their program years and what was imputed for them without it.

    design : outcome in students per 100 (suspended_per_100); with enrollment as weights, the average student
    Returns an Estimate in standard deviations; the index is formed again without each school, so the interval
    counts schools and needs no intraclass correlation.
    Refuses (MethodError) shares outside 0 to 100 per 100, with or without a school.
    Source: WWC Handbook 5.0, appendix E; jackknife as in `att_imputation`.

    >>> from rpeval.methods.did.example import schools
    >>> design = schools([[21, 21, 10], [21, 21, 10], [16, 16, 15], [14, 14, 13]])
    >>> round(att_cox(design).value, 4)                    # 10 instead of 20 in 100
    -0.4915
    """
    gaps = leave_schools_out(design)
    mean, left = untreated_means(design, gaps)
    effects = np.append(gaps.left_out[0, :, 0], gaps.value[0, 0])
    without = np.append(left, mean)
    shares = np.stack([without + effects, without])
    known = np.isfinite(shares).all(axis=0)
    if ((shares <= 0) | (shares >= 100))[:, known].any():
        what = f"Shares of {shares[0, -1]:.3g} and {shares[1, -1]:.3g} per 100, or those without a school, "
        what += "leave the range in which odds exist."
        raise MethodError(Problem("panel", what, "Report the effect per 100 students."))
    index = np.array([log_odds(*pair / 100) if np.isfinite(pair).all() else np.nan for pair in shares.T])
    words = describe(design, "Cox index of shares with and without the program, imputation")
    return jackknife_estimate(index[-1], index[:-1], unit=SD_UNIT, **words)


def baseline_cox(design: Design) -> Estimate:
    """How alike adopting and comparison schools were in the last year before any school started.

    Use for baseline equivalence: an effect size in student standard deviations, of the two arms' shares of
    students suspended, without an interval: the rule that reads it looks at its size alone.
    design : outcome in students per 100 (suspended_per_100), weights = students (enrolled_n)
    Refuses (MethodError) an arm without a school in that year, and shares of 0 or 100.
    Source: WWC Handbook 5.0, baseline equivalence; Cox index as in `att_cox`.

    >>> from rpeval.methods.did.example import schools
    >>> rates = [[21, 20, 9], [21, 20, 11], [16, 10, 15], [14, 10, 13]]
    >>> round(baseline_cox(schools(rates, weights="enrolled_n")).value, 4)  # 20 in 100 against 10 in 100
    0.4912
    """
    before = design.times[design.times < min(design.cohorts)]
    cells = (design.weights * design.observed)[:, design.times == before.max()]
    outcome = design.Y[:, design.times == before.max()]
    arms = [design.adopters, ~design.adopters]
    students = [float(cells[arm].sum()) for arm in arms]
    if min(students) <= 0:
        what = f"An arm has no school in {school_year(before.max())}, the last year before any start."
        raise MethodError(Problem("panel", what, "Report the effect without a baseline comparison."))
    shares = [float((cells * outcome)[arm].sum()) / n / 100 for arm, n in zip(arms, students, strict=True)]
    treated_n, comparison_n = (round(n) for n in students)
    found = cox_index(*shares, treated_n=treated_n, comparison_n=comparison_n)
    when = f"in {school_year(before.max())}, before any start"
    return Estimate(found.value, unit=SD_UNIT, n=found.n, n_unit="students", method=f"{found.method}; {when}")
