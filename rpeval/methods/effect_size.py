"""Effect sizes in student standard deviations, and what clustering in schools does to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from scipy.special import logit

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.intervals import critical
from rpeval.methods.wording import count_of, refuse

COX = 1.65
SD_UNIT = "standard deviations"


@dataclass(frozen=True, slots=True)
class Clustering:
    """What students clustered in schools do to an effect size and its t value.

    effect : multiplies an effect size, whose standard deviation is too small over few schools
    t      : multiplies a t value that took students as independent
    df     : degrees of freedom of the t value then
    design : design effect, the factor of the variance of a difference between arms
    """

    effect: float
    t: float
    df: float
    design: float


def clustering(n: int, *, clusters: int, icc: float) -> Clustering:
    """Correct an effect size and its test for students clustered in schools of equal size.

    Use for numbers of a study whose own test took students as independent, and for effect sizes whose
    standard deviation is taken over students of few schools.
    n : students in both arms; clusters: schools in both arms; icc: share of variance between schools, 0 to 1
    Returns a Clustering. Refuses (MethodError) fewer than three schools, fewer students than schools, and an
    icc outside 0 to 1.
    Source: Hedges (2007), J. of Educational and Behavioral Statistics 32; WWC Handbook 5.0, appendix E.

    >>> found = clustering(100, clusters=20, icc=0.1)
    >>> round(found.effect, 4), round(found.t, 4), round(found.df, 1), found.design
    (0.9959, 0.8417, 94.4, 1.4)
    """
    problems = []
    if clusters < 3 or n <= clusters:
        what = f"{count_of(n, 'student')} in {count_of(clusters, 'school')} cannot carry a correction."
        problems.append(Problem("clusters", what, "Give three schools or more, and their students."))
    if not 0 <= icc < 1:
        what = f"An intraclass correlation of {icc:g} is not a share of variance."
        problems.append(Problem("icc", what, "Give a number from 0 to below 1."))
    refuse(problems)
    size, total = n / clusters, n - 2
    kept = total - 2 * (size - 1) * icc
    design = 1 + (size - 1) * icc
    spare = n - 2 * size
    spread = total * (1 - icc) ** 2 + size * spare * icc**2 + 2 * spare * icc * (1 - icc)
    factor = math.sqrt(kept / total)
    return Clustering(effect=factor, t=factor / math.sqrt(design), df=kept**2 / spread, design=design)


def small_sample(n: int) -> float:
    """Factor that takes the upward bias of small samples out of a standardized difference.

    >>> round(small_sample(20), 4)
    0.9577
    """
    return 1 - 3 / (4 * n - 9)


def pooled_sd(sds: Sequence[float], ns: Sequence[int]) -> float:
    """Pool the standard deviations of the arms, each around the mean of its own arm.

    >>> pooled_sd([3.0, 4.0], [11, 11]) == math.sqrt(12.5)
    True
    """
    free = np.asarray(ns, dtype=float) - 1
    return float(np.sqrt((free * np.asarray(sds, dtype=float) ** 2).sum() / free.sum()))


def hedges_g(
    difference: float,
    *,
    sd: float,
    treated_n: int,
    comparison_n: int,
    clusters: int | None = None,
    icc: float = 0.0,
) -> Estimate:
    """Difference of two means in student standard deviations, Hedges' g.

    Use for baseline equivalence, and for numbers of other studies.
    difference : mean of the program's students minus mean of the others, in the outcome's unit
    sd         : standard deviation among students, pooled over the arms (`pooled_sd`), same unit; a standard
                 deviation among school means is smaller and gives an effect size that is not comparable
    clusters, icc : schools in both arms and share of variance between them; None: independent students
    Returns an Estimate in standard deviations; p from the (corrected) t value, interval from the standard
    error of g. Refuses (MethodError) a standard deviation that is not above zero, an arm of fewer than two
    students, and what `clustering` refuses.
    Source: Hedges (1981; 2007); WWC Handbook 5.0, appendix E.

    >>> g = hedges_g(2.0, sd=4.0, treated_n=10, comparison_n=10)
    >>> round(g.value, 4), round(g.p, 3)
    (0.4789, 0.278)
    """
    n = treated_n + comparison_n
    check(min(treated_n, comparison_n), sd)
    factors = correct(n, clusters, icc)
    omega, spread = small_sample(n), n / (treated_n * comparison_n)
    g = omega * factors.effect * difference / sd
    se = math.sqrt(omega**2 * factors.design * spread + g**2 / (2 * factors.df))
    t = factors.t * difference / (sd * math.sqrt(spread))
    half = critical(factors.df) * se
    return Estimate(
        value=g, se=se, low=g - half, high=g + half, p=float(2 * stats.t.sf(abs(t), factors.df)),
        df=factors.df, unit=SD_UNIT, n=n, n_unit="students", clusters=clusters,
        method="; ".join(["Hedges' g, standard deviation among students", *say(clusters, icc)]),
    )  # fmt: skip


def cox_index(
    treated: float,
    comparison: float,
    *,
    treated_n: int,
    comparison_n: int,
    clusters: int | None = None,
    icc: float = 0.0,
) -> Estimate:
    """Difference of two shares as an effect size: the log odds ratio over 1.65, the Cox index.

    Use for yes-or-no outcomes (suspended at least once), beside Hedges' g for means.
    treated, comparison : shares of students, between 0 and 1
    clusters, icc       : as in `hedges_g`; the standard error grows by the root of the design effect
    Returns an Estimate in standard deviations. Refuses (MethodError) a share of 0 or 1, an arm of fewer than
    two students, and what `clustering` refuses.
    Source: Sanchez-Meca, Marin-Martinez & Chacon-Moscoso (2003), Psychological Methods 8; WWC Handbook 5.0.

    >>> round(cox_index(0.10, 0.15, treated_n=500, comparison_n=500).value, 4)
    -0.2802
    """
    n = treated_n + comparison_n
    check(min(treated_n, comparison_n))
    factors = correct(n, clusters, icc)
    value = small_sample(n) * log_odds(treated, comparison)
    noise = sum(1 / (m * p * (1 - p)) for m, p in ((treated_n, treated), (comparison_n, comparison)))
    se = small_sample(n) * math.sqrt(factors.design * noise) / COX
    half = critical(factors.df) * se
    return Estimate(
        value=value, se=se, low=value - half, high=value + half,
        p=float(2 * stats.t.sf(abs(value) / se, factors.df)), df=factors.df, unit=SD_UNIT,
        n=n, n_unit="students", clusters=clusters,
        method="; ".join(["Cox index, log odds ratio over 1.65", *say(clusters, icc)]),
    )  # fmt: skip


def log_odds(treated: float, comparison: float) -> float:
    """Difference of two shares on the Cox index, without the small-sample factor.

    >>> round(log_odds(0.10, 0.15), 4)
    -0.2804
    """
    if not (0 < treated < 1 and 0 < comparison < 1):
        what = f"A share of {treated:.3g} against {comparison:.3g} has no odds ratio."
        refuse([Problem("effect size", what, "Report the difference of the shares.")])
    return float(logit(treated) - logit(comparison)) / COX


def improvement_index(g: Estimate) -> Estimate:
    """Express an effect size as the change of rank of an average student, in percentile points.

    Use beside an effect size, for readers who do not think in standard deviations. It takes scores to be
    normally distributed; for a rare event it is a way of speaking.
    g : Estimate in standard deviations; returns an Estimate in percentile points, ends taken along.
    Source: WWC Handbook 5.0, appendix E.

    >>> round(improvement_index(Estimate(0.25)).value, 1), round(improvement_index(Estimate(0.0)).value, 1)
    (9.9, 0.0)
    """
    value, low, high = (
        None if x is None else 100 * float(stats.norm.cdf(x)) - 50 for x in (g.value, g.low, g.high)
    )
    se = None if g.se is None else 100 * float(stats.norm.pdf(g.value)) * g.se
    words = "; ".join(w for w in ("improvement index", g.method) if w)
    return replace(g, value=value, low=low, high=high, se=se, unit="percentile points", method=words)


def check(n: int, sd: float = 1.0) -> None:
    """Refuse an arm that is too small and a standard deviation that is none."""
    problems = []
    if n < 2:
        what = f"An arm has {count_of(n, 'student')}."
        problems.append(Problem("effect size", what, "Give two students or more in each arm."))
    if not sd > 0:
        what = f"The standard deviation is {sd:g}."
        problems.append(Problem("effect size", what, "Give the standard deviation among students."))
    refuse(problems)


def correct(n: int, clusters: int | None, icc: float) -> Clustering:
    """Correct for clustering, or take students as independent where no schools are named."""
    if clusters is None:
        return Clustering(effect=1.0, t=1.0, df=n - 2, design=1.0)
    return clustering(n, clusters=clusters, icc=icc)


def say(clusters: int | None, icc: float) -> list[str]:
    """Say in words which correction for clustering was made."""
    return [] if clusters is None else [f"corrected for {clusters} schools, intraclass correlation {icc:g}"]
