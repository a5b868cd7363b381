"""The effect in standard deviations: on the share of students suspended, and among schools."""

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import describe, leave_schools_out, untreated_means
from rpeval.methods.did.jackknife import jackknife_estimate
from rpeval.methods.effect_size import SD_UNIT, cox_index, log_odds, pooled_sd, small_sample
from rpeval.methods.wording import count_of, school_year

SCHOOL_UNIT = "standard deviations among schools"


def att_cox(design: Design, *, level: float = 0.95) -> Estimate:
    """Effect on the share of students suspended, as an effect size comparable with other studies.

    Use as the g of a suspension study: being suspended at least once is a yes or no of each student, so its
    effect size in student standard deviations is the Cox index, the log odds ratio over 1.65. Suspensions per
    100 students have none: how they spread over students cannot be told from rates, and the spread of
    schools is another scale (`att_school_sd`). The shares are what adopting schools had in their program
    years and what was imputed for them without it; the small-sample factor is 1 for so many students.

    design : outcome in students per 100 (suspended_per_100); with enrollment as weights, the average student
    Returns an Estimate in standard deviations; the index is formed again without each school, so the interval
    counts schools and needs no intraclass correlation.
    Refuses (MethodError) shares outside 0 to 100 per 100, with or without a school.
    Source: WWC Handbook 5.0, appendix E; jackknife as in `att_imputation`.

    >>> import pandas as pd
    >>> from rpeval.methods.did.design import lay_out
    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "suspended_per_100": [21, 21, 10, 21, 21, 10, 16, 16, 15, 14, 14, 13.0]})
    >>> round(att_cox(lay_out(panel, outcome="suspended_per_100")).value, 4)  # 10 instead of 20 in 100
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
    return jackknife_estimate(index[-1], index[:-1], level=level, unit=SD_UNIT, **words)


def att_school_sd(design: Design, *, level: float = 0.95) -> Estimate:
    """Effect in standard deviations among schools, Hedges' g with schools as the units.

    Use to compare school rates with school rates. Schools differ far less than students do, so it is several
    times a student-level effect size and must not be set beside one.

    design : any outcome. The standard deviation is that of the schools' average outcome over the years before
             the first school started, pooled over adopting schools and the others
    Returns an Estimate; effect and standard deviation are formed again without each school.
    Refuses (MethodError) fewer than three schools of a kind with such years, and schools that are all alike.
    Source: Hedges (1981), J. of Educational Statistics 6.

    >>> import pandas as pd
    >>> from rpeval.methods.did.design import lay_out
    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccdddeeefff"), "year": [2016, 2017, 2018] * 6,
    ...     "start_year": [2018.0] * 9 + [float("nan")] * 9,
    ...     "oss_per_100": [9, 9, 5, 7, 7, 3, 5, 5, 1, 6, 6, 5, 4, 4, 3, 2, 2, 1.0]})
    >>> round(att_school_sd(lay_out(panel, outcome="oss_per_100")).value, 6)  # -3 over 2, times 1 - 3/15
    -1.2
    """
    gaps = leave_schools_out(design)
    early = design.untreated & (design.times < min(design.cohorts))
    based = early.any(axis=1)
    arms = [based & design.adopters, based & ~design.adopters]
    fewest = min(int(arm.sum()) for arm in arms)
    if fewest < 3:
        what = f"Only {count_of(fewest, 'school')} of a kind seen before the first school started."
        raise MethodError(Problem("panel", what, "Report the effect in the outcome's unit."))
    cells = design.weights * early
    means = (cells * design.Y).sum(axis=1) / np.where(based, cells.sum(axis=1), 1.0)
    kept = np.vstack([~np.eye(len(means), dtype=bool), np.ones(len(means), dtype=bool)])
    sds = np.array([school_sd(means, [arm & own for arm in arms]) for own in kept])
    if not (sds > 1e-12).all():
        what = "The schools do not differ before the first school started."
        raise MethodError(Problem("panel", what, "Report the effect in the outcome's unit."))
    effects = np.append(gaps.left_out[0, :, 0], gaps.value[0, 0])
    omega = np.array([small_sample(int((based & own).sum())) for own in kept])
    values = omega * effects / sds
    words = describe(design, "effect over the standard deviation among schools before any start, imputation")
    return jackknife_estimate(values[-1], values[:-1], level=level, unit=SCHOOL_UNIT, **words)


def baseline_cox(design: Design) -> Estimate:
    """How alike adopting and comparison schools were in the last year before any school started.

    Use for baseline equivalence: an effect size in student standard deviations, of the two arms' shares of
    students suspended. Without an interval, because the rule that reads it looks at its size alone.
    design : outcome in students per 100 (suspended_per_100), weights = students (enrolled_n)
    Refuses (MethodError) an arm without a school in that year, and shares of 0 or 100.
    Source: WWC Handbook 5.0, baseline equivalence; Cox index as in `att_cox`.

    >>> import pandas as pd
    >>> from rpeval.methods.did.design import lay_out
    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4, "enrolled_n": 500.0,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "suspended_per_100": [21, 20, 9, 21, 20, 11, 16, 10, 15, 14, 10, 13.0]})
    >>> laid = lay_out(panel, outcome="suspended_per_100", weights="enrolled_n")
    >>> round(baseline_cox(laid).value, 4)  # 20 in 100 against 10 in 100
    0.4913
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


def school_sd(means: np.ndarray, arms: list[np.ndarray]) -> float:
    """Pool the standard deviation of the schools' means over two arms."""
    return pooled_sd([means[arm].std(ddof=1) for arm in arms], [int(arm.sum()) for arm in arms])
