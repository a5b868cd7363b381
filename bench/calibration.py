"""How often intervals cover and tests reject, in simulated districts whose truth is known."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from cases import CASES, YEARS, Case, Draws, draw
from scipy import stats

from rpeval.estimate import Estimate
from rpeval.methods.did import callaway
from rpeval.methods.did.bootstrap import draw_signs, under_signs
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.diagnosis import choose
from rpeval.methods.did.jackknife import average_gaps, by_cohort, changes_of_variance, first_years, spread
from rpeval.methods.did.randomization import (
    ENUMERATED,
    Reference,
    all_deals,
    deals_n,
    end_of_interval,
    p_value,
    shuffle_deals,
)

LEVEL = 0.95
DEALS = 499
BLOCK = 100
WIDTHS = 100
FITS_AT_ONCE = 40
FULL, QUICK = 2_000, 200
FRESH, FRESH_SEED = 20, 7

DEFAULT = "**the product's default**"
JACKKNIFE = "imputation, jackknife, Welch's t"
DEALT = "imputation, randomization"
PLAIN = "two-way fixed effects, CR1"
BOOT = "two-way fixed effects, wild bootstrap"
USUAL = "Callaway–Sant'Anna, usual default"


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Estimates of R samples with standard errors and degrees of freedom."""

    value: np.ndarray
    se: np.ndarray
    df: np.ndarray | float

    def p(self, effect: np.ndarray | float) -> np.ndarray:
        return 2 * stats.t.sf(np.abs(self.value - effect) / self.se, self.df)

    @property
    def width(self) -> np.ndarray:
        return 2 * stats.t.ppf((1 + LEVEL) / 2, self.df) * self.se


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a method did: covered and false alarm for each sample, bias, and a typical width."""

    value: np.ndarray
    covered: np.ndarray
    alarm: np.ndarray
    width: np.ndarray


def imputed(case: Case, Y: np.ndarray) -> Linear:
    """The product's estimate: imputation, leave-one-school-out jackknife, Welch's t."""
    D, seen = case.treated[None], np.ones(case.treated.shape, bool)
    gaps = average_gaps(Y, (~D).astype(float), D.astype(float), seen)
    variance, df = spread(gaps.left_out[0] - gaps.value[0], by_cohort(first_years(case.treated, seen)))
    return Linear(gaps.value[0], np.sqrt(variance), df)


def two_way(case: Case, Y: np.ndarray) -> Linear:
    """Two-way fixed effects with standard errors clustered by school (CR1)."""
    G, T, _ = Y.shape
    D, Y = demean(case.treated[..., None].astype(float)), demean(Y)
    information = (D**2).sum()
    value = (D * Y).sum(axis=(0, 1)) / information
    scores = (D * (Y - value * D)).sum(axis=1)
    scale = G / (G - 1) * (G * T - 1) / (G * T - T - 1)
    return Linear(value, np.sqrt(scale * (scores**2).sum(axis=0)) / information, G - 1)


def demean(values: np.ndarray) -> np.ndarray:
    by_school, by_year = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    return values - by_school - by_year + values.mean(axis=(0, 1))


def panel_of(case: Case, values: np.ndarray) -> pd.DataFrame:
    """One sample (schools by years) as the product reads it."""
    frame = pd.DataFrame({"school_id": np.repeat([f"{k:03d}" for k in range(case.schools)], YEARS)})
    frame["year"] = np.tile(2000 + np.arange(YEARS), case.schools)
    starts = np.where(np.isinf(case.starts), np.nan, case.starts + 2000)
    return frame.assign(start_year=np.repeat(starts, YEARS), oss_per_100=values.ravel())


def laid(case: Case, values: np.ndarray) -> Design:
    """The same, checked."""
    return lay_out(panel_of(case, values), outcome="oss_per_100")


def by_cohort_and_year(case: Case) -> np.ndarray:
    """Callaway–Sant'Anna's average and its influences as linear functions of the outcome (1 + G by G T)."""
    rows = []
    for one in np.eye(case.schools * YEARS):
        effects = callaway.cohort_effects(laid(case, one))
        part = callaway.average(callaway.pick(effects.parts, effects.years >= effects.cohorts), by_size=True)
        rows.append(np.append(part.value, part.influence[:, 0]))
    return np.array(rows).T


def usual_callaway(case: Case) -> Callable[[Case, np.ndarray], Linear]:
    """Callaway–Sant'Anna with the large-sample standard error that is its usual default."""
    functional = by_cohort_and_year(case)

    def estimate(_: Case, Y: np.ndarray) -> Linear:
        found = functional @ Y.reshape(-1, Y.shape[2])
        return Linear(found[0], np.sqrt((found[1:] ** 2).sum(axis=0)), np.inf)

    return estimate


def by_t(case: Case, draws: Draws, estimate: Callable[[Case, np.ndarray], Linear]) -> Outcome:
    """Judge a method that has a standard error and a t."""
    found, null = estimate(case, draws.Y), estimate(case, draws.Y0)
    return Outcome(found.value, found.p(draws.truth) > 1 - LEVEL, null.p(0.0) <= 1 - LEVEL, found.width)


def by_test(
    case: Case,
    draws: Draws,
    estimate: Callable[[Case, np.ndarray], Linear],
    references: Callable[[np.ndarray], list[Reference]],
) -> Outcome:
    """Judge a method whose interval is what its test does not reject."""
    parts = [
        tested(estimate(case, Y), references, Y, effect)
        for Y, effect in ((draws.Y, draws.truth), (draws.Y0, np.zeros(len(draws.truth))))
    ]
    found = estimate(case, draws.Y)
    kept = references(draws.Y[..., :WIDTHS])
    actual = [Estimate(v, se=s) for v, s in zip(found.value, found.se, strict=True)]
    ends = [[end_of_interval(kept[r], actual[r], side) for side in (-1, 1)] for r in range(len(kept))]
    width = np.array([high - low for low, high in ends])
    return Outcome(found.value, parts[0] > 1 - LEVEL, parts[1] <= 1 - LEVEL, width)


def tested(
    found: Linear, references: Callable[[np.ndarray], list[Reference]], Y: np.ndarray, effect: np.ndarray
) -> np.ndarray:
    """P-value against one effect for each sample."""
    p = []
    for first in range(0, Y.shape[2], BLOCK):
        for k, reference in enumerate(references(Y[..., first : first + BLOCK]), start=first):
            actual = Estimate(found.value[k], se=found.se[k])
            p.append(p_value(reference, actual, effect[k : k + 1])[0])
    return np.array(p)


def dealing(case: Case) -> Callable[[np.ndarray], list[Reference]]:
    """The product's randomization test for many samples of one case."""
    rows, own = np.unique(case.treated, axis=0, return_inverse=True)
    complete = deals_n(np.bincount(own)) <= ENUMERATED
    deals = all_deals(own) if complete else shuffle_deals(own, DEALS, np.random.default_rng(3))
    D = rows[deals]

    def references(Y: np.ndarray) -> list[Reference]:
        parts = [dealt(case, Y, D[k : k + FITS_AT_ONCE]) for k in range(0, len(D), FITS_AT_ONCE)]
        a, A, B, d, C = (np.concatenate(part) for part in zip(*parts, strict=True))
        return [Reference(a[:, r], d, A[:, r], B[:, r], C, complete) for r in range(Y.shape[2])]

    return references


def dealt(case: Case, Y: np.ndarray, D: np.ndarray) -> tuple[np.ndarray, ...]:
    """The parts of the test for some deals D (N by G by T) and all samples."""
    seen = np.ones(D.shape[1:], bool)
    outcomes = np.concatenate([Y, case.treated[..., None]], axis=2)
    gaps = average_gaps(outcomes, (~D).astype(float), D.astype(float), seen)
    change = changes_of_variance(gaps.left_out - gaps.value[:, None], by_cohort(first_years(D, seen)))
    own, planted = change[..., :-1], change[..., -1]
    moments = (own**2).sum(axis=1), np.einsum("ngr,ng->nr", own, planted)
    return gaps.value[:, :-1], *moments, gaps.value[:, -1], (planted**2).sum(axis=1)


def bootstrapping(case: Case) -> Callable[[np.ndarray], list[Reference]]:
    """The wild cluster bootstrap for many samples of one case."""
    signs, complete = draw_signs(case.schools, draws=DEALS, seed=3)

    def references(Y: np.ndarray) -> list[Reference]:
        return [under_signs(laid(case, Y[..., r]), signs, complete) for r in range(Y.shape[2])]

    return references


def default(case: Case, draws: Draws, jackknife: Outcome, randomization: Outcome) -> Outcome:
    """What `diagnose` chooses, sample by sample, from the sizes of the schools."""
    ways = deals_n(np.unique(case.treated, axis=0, return_counts=True)[1])
    noise, own = 1 / draws.students, np.isfinite(case.starts)
    ratio = noise[own].mean(axis=0) / noise[~own].mean(axis=0)
    known = (case.schools, case.adopters_n, len(case.cohorts), ways)
    left_out = np.array([choose(*known, float(r))[0] == "jackknife" for r in ratio])
    pick = {
        key: np.where(left_out, getattr(jackknife, key), getattr(randomization, key))
        for key in ("covered", "alarm")
    }
    width = np.where(left_out[:WIDTHS], jackknife.width[:WIDTHS], randomization.width)
    return Outcome(jackknife.value, pick["covered"], pick["alarm"], width)


def judge(case: Case, R: int, seed: int = 1, *, bootstrap: bool = True) -> dict[str, tuple[Draws, Outcome]]:
    """Run every method on R samples of a case."""
    draws = draw(case, R, seed)
    jackknife = by_t(case, draws, imputed)
    randomization = by_test(case, draws, imputed, dealing(case))
    found = {
        DEFAULT: default(case, draws, jackknife, randomization),
        JACKKNIFE: jackknife,
        DEALT: randomization,
        PLAIN: by_t(case, draws, two_way),
        USUAL: by_t(case, draws, usual_callaway(case)),
    }
    found = {name: (draws, outcome) for name, outcome in found.items()}
    if bootstrap:
        fewer = draw(case, max(R // 4, 50), seed)
        found[BOOT] = (fewer, by_test(case, fewer, two_way, bootstrapping(case)))
    return found


def rows(case: Case, found: dict[str, tuple[Draws, Outcome]]) -> list[dict]:
    """One line of the table for each method."""
    return [
        {
            "design": case.name,
            "schools_n": case.schools,
            "adopters_n": case.adopters_n,
            "effect": round(float(draws.truth.mean()), 3),
            "method": name,
            "draws_n": len(draws.truth),
            "bias": round(float((out.value - draws.truth).mean()), 3),
            "coverage": round(100 * float(out.covered.mean()), 1),
            "coverage_mcse": round(100 * float(np.sqrt(out.covered.var() / len(out.covered))), 1),
            "false_alarms": round(100 * float(out.alarm.mean()), 1),
            "width": round(float(np.median(out.width)), 2),
        }
        for name, (draws, out) in found.items()
    ]


def run(R: int, cases: tuple[Case, ...] = CASES, *, bootstrap: bool = True) -> pd.DataFrame:
    """Judge every case, saying how far it got."""
    table = []
    for case in cases:
        started = time.perf_counter()
        table += rows(case, judge(case, R, bootstrap=bootstrap))
        own = table[-len({line["method"] for line in table})]
        print(f"{case.name}: default {own['coverage']} %, {time.perf_counter() - started:.0f} s", flush=True)
    return pd.DataFrame(table)


def write(table: pd.DataFrame, R: int, folder: Path, *, name: str = "calibration", more: str = "") -> str:
    """Write <name>.csv and <name>.md, and return what the latter says first."""
    table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    own = table[table.method == DEFAULT]
    inside = own.coverage.between(93, 97)
    said = (
        f"The product's default covers between {own.coverage.min()} and {own.coverage.max()} % "
        f"in {len(own)} designs; between 93 and 97 % in {int(inside.sum())} of them."
    )
    head = "| design | method | bias | coverage ± MC error, % | false alarms, % | width |\n"
    head += "|---|---|--:|--:|--:|--:|"
    lines = [
        f"| {row.design} | {row.method} | {row.bias:.2f} | {row.coverage:.1f} ± {row.coverage_mcse:.1f} "
        f"| {row.false_alarms:.1f} | {row.width:.2f} |"
        for row in table.itertuples()
    ]
    text = f"# Calibration\n\n{said}\n\n{ABOUT.format(R=R)}{more}\n\n{head}\n" + "\n".join(lines) + "\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return said


ABOUT = """Written by `make bench` (`bench/calibration.py`, {R} samples of each design; a quarter of them for
the bootstrap). The designs are in `bench/cases.py`: eight years of over-dispersed counts of suspensions, in
which schools, sizes, levels and years are drawn anew each time. Nominal coverage 95 %, nominal false alarms
5 % (tests of no effect where there is none). Bias and width (the median of the interval's) are in suspensions
per 100 students. The default is what `rpeval.methods.did.diagnosis.diagnose` chooses from the number of
schools, of adopting schools, and their sizes. Callaway–Sant'Anna is judged with its large-sample standard
error, the usual default of libraries. Where cohorts adopt in different years and effects grow or differ,
two-way fixed effects is biased whatever its standard error."""


FRESH_ABOUT = """

These designs were drawn at random (`cases.fresh`, seed 7) after the default had been settled. They check it
and are not what it was made for: the rule and its thresholds were chosen while looking at the designs of
calibration.md. No bootstrap."""
