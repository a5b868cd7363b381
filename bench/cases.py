"""The simulated districts on which the inference is calibrated."""

from dataclasses import dataclass

import numpy as np

YEARS = 8
LOWEST_RATE = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """A district, a program and the noise of its counts.

    schools    : how many, of which `cohorts` adopt: (first program year counted from 0, schools)
    effect     : none | constant | growing | by cohort; `size` in events per 100, the mean over treated years
                 only where constant
    base       : untreated events per 100 students; school levels vary by `spread` of it
    dispersion : coefficient of variation of a school-year's rate beyond Poisson counts
    drift      : how much of a school-year's deviation carries over to the next year (AR 1)
    students   : mean enrollment; `size_cv` its coefficient of variation between schools
    adopters   : any | smallest | largest schools
    """

    name: str
    schools: int
    cohorts: tuple[tuple[int, int], ...]
    effect: str = "none"
    size: float = -2.0
    base: float = 12.0
    spread: float = 0.25
    dispersion: float = 0.15
    drift: float = 0.0
    students: float = 450.0
    size_cv: float = 0.3
    adopters: str = "any"

    @property
    def adopters_n(self) -> int:
        return sum(n for _, n in self.cohorts)

    @property
    def starts(self) -> np.ndarray:
        """First program year of each school, infinity = never (schools)."""
        begun = [start for start, n in self.cohorts for _ in range(n)]
        return np.array(begun + [np.inf] * (self.schools - len(begun)))

    @property
    def treated(self) -> np.ndarray:
        """Treated school-years (schools by years)."""
        return np.arange(YEARS) >= self.starts[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """R samples of a case: outcomes with and without the program per 100 students, and the true effect.

    Y, Y0 : schools by years by R; truth : R, mean effect over treated school-years
    counts, students : schools by years by R; schools by R
    """

    Y: np.ndarray
    Y0: np.ndarray
    truth: np.ndarray
    counts: np.ndarray
    students: np.ndarray


def plan(case: Case) -> np.ndarray:
    """Planted change of the expected rate in each school-year (schools by years)."""
    since = np.arange(YEARS) - case.starts[:, None]
    starts = np.unique(case.starts)
    order = np.searchsorted(starts, case.starts)
    grown = np.where(since >= 0, (since + 1) / 3, 0.0)
    by_cohort = np.array([2.0, 1.0, 0.25, 0.0])[np.minimum(order, 3)][:, None]
    step = {"none": 0.0, "constant": 1.0, "growing": grown, "by cohort": by_cohort}[case.effect]
    return np.where(case.treated, case.size * step, 0.0)


def draw(case: Case, R: int, seed: int) -> Draws:
    """Draw R samples; schools, levels, years and counts are all drawn anew each time."""
    rng = np.random.default_rng(seed)
    G = case.schools
    students = np.maximum(np.round(case.students * gamma(rng, case.size_cv, (G, R))), 60)
    if case.adopters != "any":
        students = np.sort(students, axis=0)[:: 1 if case.adopters == "smallest" else -1]
    level = case.base * gamma(rng, case.spread, (G, 1, R))
    without = np.maximum(level + rng.normal(0, case.base / 15, (1, YEARS, R)), LOWEST_RATE)
    with_program = np.maximum(without + plan(case)[:, :, None], LOWEST_RATE)
    noise = deviations(case, rng, (G, YEARS, R))
    exposure = students[:, None, :] / 100
    counts0 = rng.poisson(exposure * without * noise)
    counts = np.where(case.treated[:, :, None], rng.poisson(exposure * with_program * noise), counts0)
    truth = (with_program - without)[case.treated].mean(axis=0)
    return Draws(counts / exposure, counts0 / exposure, truth, counts, students)


def gamma(rng: np.random.Generator, cv: float, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers with mean one."""
    return rng.gamma(1 / cv**2, cv**2, shape) if cv > 0 else np.ones(shape)


def deviations(case: Case, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Multipliers of the expected rate with mean one, log-normal and drifting from year to year."""
    if case.drift == 0:
        return gamma(rng, case.dispersion, shape)
    sd = np.sqrt(np.log1p(case.dispersion**2))
    e = rng.normal(0, 1, shape)
    for t in range(1, shape[1]):
        e[:, t] = case.drift * e[:, t - 1] + np.sqrt(1 - case.drift**2) * e[:, t]
    return np.exp(sd * e - sd**2 / 2)


STAGGERED = {n: ((3, n - 2 * (n // 3)), (4, n // 3), (5, n // 3)) for n in range(3, 31)}

CASES = (
    Case("60 schools, no effect", 60, STAGGERED[20]),
    Case("60 schools, constant effect", 60, STAGGERED[20], "constant", dispersion=0.3),
    Case("60 schools, half adopt, growing effect", 60, STAGGERED[30], "growing"),
    Case("60 schools, 3 adopt, unequal sizes", 60, ((4, 3),), size_cv=1.0),
    Case("60 schools, the smallest adopt", 60, STAGGERED[20], size_cv=1.0, adopters="smallest"),
    Case("60 schools, 6 adopt in pairs", 60, ((3, 2), (4, 2), (5, 2)), "growing"),
    Case("40 schools, effect differs by cohort", 40, STAGGERED[12], "by cohort"),
    Case("40 schools, drifting rates", 40, ((4, 8),), dispersion=0.3, drift=0.8),
    Case("40 schools, 2 adopt", 40, ((4, 2),), "constant"),
    Case("30 schools, over-dispersed", 30, STAGGERED[10], "constant", dispersion=0.4),
    Case("30 schools, unequal sizes", 30, ((3, 3), (4, 3)), size_cv=1.0),
    Case("24 schools, half adopt, drift, growing effect", 24, STAGGERED[12], "growing", drift=0.8),
    Case("20 schools, no effect", 20, STAGGERED[6]),
    Case("20 schools, unequal sizes, constant effect", 20, STAGGERED[6], "constant", size_cv=1.0),
    Case("20 schools, the smallest adopt", 20, ((4, 6),), size_cv=1.0, adopters="smallest"),
    Case("20 schools, the largest adopt", 20, ((4, 6),), size_cv=1.0, adopters="largest"),
    Case("20 schools, the 3 smallest adopt", 20, ((4, 3),), size_cv=1.0, adopters="smallest"),
    Case("20 schools, 17 adopt", 20, ((3, 5), (4, 6), (5, 6)), "growing"),
    Case("20 schools, 2 adopt", 20, ((4, 2),)),
    Case("20 schools, rare events", 20, ((4, 5),), "constant", -0.4, base=1.0, spread=0.5),
    Case("16 schools, half adopt, rare events", 16, ((4, 8),), base=0.8, spread=0.5),
    Case("14 schools, 4 adopt", 14, ((3, 2), (5, 2)), "constant"),
    Case("12 schools, each adopter in its own year", 12, ((3, 1), (4, 1), (5, 1))),
    Case("12 schools, 10 adopt", 12, ((4, 10),)),
    Case("12 schools, half adopt, effect differs by cohort", 12, ((3, 2), (4, 2), (5, 2)), "by cohort"),
    Case("10 schools, half adopt, drift", 10, ((4, 5),), "constant", dispersion=0.3, drift=0.8),
    Case("8 schools, half adopt", 8, ((4, 4),)),
    Case("8 schools, 2 adopt", 8, ((4, 2),), "constant"),
)


def fresh(n: int, seed: int) -> tuple[Case, ...]:
    """Draw designs at random: a check of the default on designs that were not looked at when it was made."""
    rng = np.random.default_rng(seed)
    return tuple(draw_case(rng, k) for k in range(n))


def draw_case(rng: np.random.Generator, number: int) -> Case:
    """Draw one design: 8 to 60 schools, two to half of them adopting, in one to three years."""
    schools = int(rng.integers(8, 61))
    adopters = int(rng.integers(2, schools // 2 + 1))
    cohorts = int(rng.integers(1, min(3, adopters) + 1))
    cuts = np.sort(rng.choice(np.arange(1, adopters), cohorts - 1, replace=False))
    sizes = np.diff(np.concatenate([[0], cuts, [adopters]])).astype(int)
    starts = np.sort(rng.choice(np.arange(2, 7), cohorts, replace=False))
    rare = bool(rng.random() < 0.25)
    return Case(
        f"{number + 1}: {schools} schools, {' + '.join(str(size) for size in sizes)} adopt",
        schools,
        tuple((int(start), int(size)) for start, size in zip(starts, sizes, strict=True)),
        str(rng.choice(["none", "constant", "growing", "by cohort"])),
        -0.4 if rare else -2.0,
        base=1.0 if rare else 12.0,
        spread=float(rng.uniform(0.2, 0.6)),
        dispersion=float(rng.uniform(0.1, 0.5)),
        drift=float(rng.choice([0.0, 0.5, 0.8])),
        size_cv=float(rng.choice([0.3, 0.6, 1.0])),
        adopters=str(rng.choice(["any", "any", "smallest", "largest"])),
    )
