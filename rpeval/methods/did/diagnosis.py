"""What a study's design can carry: a diagnosis that chooses the inference and says why."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.did.composition import enrollment_change
from rpeval.methods.did.design import Design, lay_out, values_of
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.jackknife import linked_years
from rpeval.methods.did.poisson import fit_years
from rpeval.methods.did.randomization import att_randomization, deals_n
from rpeval.methods.wording import count_of, some

Inference = Literal["jackknife", "randomization"]

MANY_SCHOOLS = 40
FEW_ON_A_SIDE = 3
SMALL = 8
UNLIKE = 1.5
DISPERSED = 1.5


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What matters for inference in a design, and the inference it calls for.

    schools_n, adopters_n, others_n : schools in the estimate; schools never seen in the program
    cohorts_n, single_school_cohorts_n : start years, and those with one school
    years_before_n, years_after_n : fewest years any adopting school is seen before, and from, its start
    deals_n      : ways to deal the start years to the schools
    size_cv      : coefficient of variation of the schools' mean enrollment; None without enrollment
    largest_share : share of the largest school in all students, percent; None without enrollment
    noise_ratio  : mean of 1 / enrollment of adopting schools over that of the others: above 1, the adopting
                   schools are smaller, and their rates noisier; None without enrollment
    dispersion   : Pearson chi-square over df of untreated counts against Poisson with school and year
                   effects: 1 = pure chance of events; None where there are no counts
    enrollment_drift : change of enrollment with the program, percent (imputation on logs); a Refusal where
                   it cannot be estimated
    inference    : what to report by default; `reason` says why, in one sentence
    warnings     : what a reader should know, one sentence each
    """

    schools_n: int
    adopters_n: int
    others_n: int
    cohorts_n: int
    single_school_cohorts_n: int
    years_before_n: int
    years_after_n: int
    deals_n: int
    size_cv: float | None
    largest_share: float | None
    noise_ratio: float | None
    dispersion: float | None
    enrollment_drift: Estimate | Refusal
    inference: Inference
    reason: str
    warnings: tuple[str, ...]


def diagnose(design: Design) -> Diagnosis:
    """Look at a design before its estimate, and choose the inference that holds in designs like it.

    Use at the head of a study. The rule comes from bench/calibration, not from the outcome's estimate:
    randomization below 40 schools or with two adopting (or two other) schools, the jackknife otherwise, and
    also where adopting schools are much smaller or larger than the others. Students (enrolled_n) and counts
    (<outcome>_n for a rate <outcome>_per_100) are taken from the design's panel where it has them.

    Returns a Diagnosis. Refuses (MethodError) a design in which no inference holds: two schools on one side,
    and too few deals of the start years.

    >>> from rpeval.methods.did.example import seven_schools
    >>> found = diagnose(seven_schools())
    >>> found.inference, found.reason
    ('randomization', 'With 7 schools, fewer than 40, dealing start years anew is the safest test.')
    """
    students = students_of(design)
    counts = counts_of(design, students)
    size = None if students is None else np.nanmean(students, axis=1)
    own, deals = design.adopters, deals_n(np.unique(design.D, axis=0, return_counts=True)[1])
    ratio = noise_ratio(design, size)
    inference, reason = choose(len(own), int(own.sum()), len(design.cohorts), deals, ratio)
    found = Diagnosis(
        schools_n=len(own),
        adopters_n=int(own.sum()),
        others_n=int((~own).sum()),
        cohorts_n=len(design.cohorts),
        single_school_cohorts_n=sum(int((design.starts == c).sum() == 1) for c in design.cohorts),
        years_before_n=int(design.untreated.sum(axis=1)[own].min()),
        years_after_n=int(design.treated.sum(axis=1)[own].min()),
        deals_n=deals,
        size_cv=None if size is None else float(size.std() / size.mean()),
        largest_share=None if size is None else float(100 * size.max() / size.sum()),
        noise_ratio=ratio,
        dispersion=dispersion(design, counts, students),
        enrollment_drift=enrollment_drift(design),
        inference=inference,
        reason=reason,
        warnings=(),
    )
    return replace(found, warnings=tuple(warn(found, design)))


def att_by_design(design: Design, *, seed: int) -> Estimate:
    """Average effect by imputation, with the inference that `diagnose` chooses.

    Use where one number is wanted: a companion outcome, or a gap. seed fixes the deals of a randomization
    test. Returns an Estimate in the outcome's unit; refuses what `diagnose` and the chosen inference refuse.
    """
    if diagnose(design).inference == "randomization":
        return att_randomization(design, seed=seed)
    return att_imputation(design)


def choose(
    schools_n: int, adopters_n: int, cohorts_n: int, ways: int, ratio: float | None
) -> tuple[Inference, str]:
    """Choose the inference by what bench/calibration found, and say why.

    >>> choose(60, 20, 3, 10**9, 1.1)
    ('jackknife', 'With 60 schools, 20 of them adopting, leaving each school out in turn is accurate.')
    """
    few = min(adopters_n, schools_n - adopters_n)
    mirrored = cohorts_n == 1 and 2 * adopters_n == schools_n
    dealable = ways // (1 + mirrored) >= 20
    if few < FEW_ON_A_SIDE and not dealable:
        what = f"{adopters_n} of {schools_n} schools adopted: no interval holds its level in such a design."
        raise MethodError(Problem("panel", what, "Add schools, or describe these without an effect."))
    if not dealable:
        return "jackknife", f"There are only {ways} ways to deal the start years, too few for a test."
    if few < FEW_ON_A_SIDE:
        who = "adopted" if few == adopters_n else "did not adopt"
        return "randomization", f"Only {few} schools {who}, too few to learn their spread by leaving one out."
    what = f"With {schools_n} schools"
    if schools_n >= MANY_SCHOOLS:
        why = f"{what}, {adopters_n} of them adopting, leaving each school out in turn is accurate."
        return "jackknife", why
    if size := unlike(ratio):
        why = f"Adopting schools are much {size} than the others, so dealing start years anew would mislead."
        return "jackknife", why
    return "randomization", f"{what}, fewer than {MANY_SCHOOLS}, dealing start years anew is the safest test."


def warn(found: Diagnosis, design: Design) -> list[str]:
    """Say what a reader should know about the design."""
    told = []
    if found.schools_n < SMALL:
        told.append(f"With {count_of(found.schools_n, 'school')}, intervals are wider than they need to be.")
    if found.single_school_cohorts_n:
        both = zip(design.names, design.starts, strict=True)
        alone = [name for name, start in both if sum(design.starts == start) == 1]
        told.append(f"{count_of(len(alone), 'school')} started alone in a year: {some(alone)}.")
    size = unlike(found.noise_ratio)
    if size and min(found.adopters_n, found.others_n) < FEW_ON_A_SIDE:
        told.append(f"Adopting schools are few and much {size} than the others: the level may not hold.")
    if found.years_before_n < 3:
        years = count_of(found.years_before_n, "year")
        told.append(f"Some adopting school is seen for only {years} before its start.")
    if found.dispersion is not None and found.dispersion > DISPERSED:
        what = f"Counts vary {found.dispersion:.1f} times as much as chance alone would make them"
        told.append(f"{what}: intervals from a Poisson model would be too narrow.")
    drift = found.enrollment_drift
    if isinstance(drift, Estimate) and drift.p is not None and drift.p < 0.05:
        word = "grew" if drift.value > 0 else "shrank"
        change = f"{abs(drift.value):.1f} % against comparison schools"
        told.append(f"With the program, enrollment {word} by {change}.")
    return told


def students_of(design: Design) -> np.ndarray | None:
    """Students of each observed school-year (G by T, NaN elsewhere), None where the panel does not tell."""
    students = attempt(values_of, design, "enrolled_n")
    if isinstance(students, Refusal) or (students[design.observed] <= 0).any():
        return None
    return np.where(design.observed, students, np.nan)


def noise_ratio(design: Design, size: np.ndarray | None) -> float | None:
    """Mean of 1 / enrollment of adopting schools over that of the others; size: mean enrollment (G)."""
    if size is None or design.adopters.all():
        return None
    return float((1 / size[design.adopters]).mean() / (1 / size[~design.adopters]).mean())


def unlike(ratio: float | None) -> str | None:
    """Say in a word how adopting schools differ in size, None where they are alike.

    >>> unlike(1.8), unlike(0.5), unlike(1.1), unlike(None)
    ('smaller', 'larger', None, None)
    """
    if ratio is None or max(ratio, 1 / ratio) <= UNLIKE:
        return None
    return "smaller" if ratio > 1 else "larger"


def counts_of(design: Design, students: np.ndarray | None) -> np.ndarray | None:
    """Events behind a rate per 100 students (G by T), None where the outcome is not such a rate."""
    stem = design.columns.outcome.removesuffix("_per_100")
    if students is None or stem == design.columns.outcome:
        return None
    counts = attempt(values_of, design, f"{stem}_n")
    if not isinstance(counts, Refusal):
        return np.where(design.observed, counts, 0.0)
    return np.round(np.where(design.observed, design.Y * np.nan_to_num(students) / 100, 0.0))


def dispersion(design: Design, counts: np.ndarray | None, students: np.ndarray | None) -> float | None:
    """Pearson chi-square over df of untreated counts against Poisson with school and year effects."""
    if counts is None or (counts < 0).any():
        return None
    E = np.where(design.untreated, np.nan_to_num(students), 0.0)
    y = counts * design.untreated
    some_event = y.sum(axis=1) > 0
    E, y = E[some_event], y[some_event]
    years = (E > 0).any(axis=0)
    if not (y.sum(axis=0)[years] > 0).all():
        return None
    b = fit_years(y, E, linked_years((E > 0)[None], design.observed[some_event]))
    rate = E * np.exp(b)
    expected = rate * (y.sum(axis=1) / rate.sum(axis=1))[:, None]
    cells = E > 0
    df = int(cells.sum()) - len(y) - int(years.sum()) + 1
    if df < 1 or not np.isfinite(b).all():
        return None
    return float(((y - expected)[cells] ** 2 / expected[cells]).sum() / df)


def enrollment_drift(design: Design) -> Estimate | Refusal:
    """Change of enrollment with the program in percent, a Refusal where it cannot be estimated."""
    return attempt(enrollment_change, attempt(lay_out, design.panel, outcome="enrolled_n"))
