"""How often the survey's effect finds what is not there, in districts of 8 to 60 schools."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rpeval.estimate import Estimate
from rpeval.methods.survey.leading import Leading, effect_by_design
from rpeval.methods.survey.survey_design import lay_out

FULL, QUICK = 600, 60


@dataclass(frozen=True, slots=True)
class Case:
    """A district whose schools drift between waves, and a program without effect.

    schools, adopters : how many, and how many of them adopt
    shock    : variance of a school in a wave, as a share of all variance; the rest of a school is `level`
    starts   : first program years, dealt to the adopting schools in turn
    students : fewest and most respondents of a school in a wave
    which    : any | smallest | largest schools adopt
    """

    schools: int
    adopters: int
    shock: float = 0.02
    level: float = 0.05
    waves: tuple[int, ...] = (2018, 2020)
    starts: tuple[int, ...] = (2019,)
    students: tuple[int, int] = (15, 60)
    which: str = "any"

    @property
    def name(self) -> str:
        told = [f"{self.schools} schools, {self.adopters} adopt", f"shocks {100 * self.shock:.0f} %"]
        told += [f"the {self.which}"] if self.which != "any" else []
        told += [f"{len(self.starts)} starts"] if len(self.starts) > 1 else []
        return ", ".join(told)


def draw(case: Case, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one survey; scores have variance one."""
    size = rng.integers(case.students[0], case.students[1] + 1, case.schools)
    if case.which != "any":
        size = np.sort(size)[:: 1 if case.which == "smallest" else -1]
    shape = (case.schools, len(case.waves))
    n = np.maximum((size[:, None] * rng.uniform(0.8, 1.2, shape)).astype(int), 5)
    start = np.full(case.schools, np.nan)
    start[: case.adopters] = np.resize(case.starts, case.adopters)
    school = np.repeat(np.arange(case.schools), n.sum(axis=1))
    at = np.repeat(np.tile(np.arange(shape[1]), case.schools), n.ravel())
    own = rng.normal(0, np.sqrt(case.level), (case.schools, 1)) + rng.normal(0, np.sqrt(case.shock), shape)
    score = own[school, at] + rng.normal(0, np.sqrt(1 - case.level - case.shock), len(school))
    frame = {"school_id": school, "wave": np.array(case.waves)[at], "start_year": start[school]}
    return pd.DataFrame(frame | {"score": score})


LATE = {"waves": (2017, 2018, 2019, 2020)}
CASES = (
    *(
        Case(schools, adopters, shock)
        for schools, some in ((8, (2, 4)), (14, (3, 7)), (20, (2, 6, 10)), (60, (2, 30)))
        for adopters in some
        for shock in (0.02, 0.05)
    ),
    *(Case(n, a, which=which) for n, a in ((8, 2), (20, 6)) for which in ("smallest", "largest")),
    Case(10, 4, 0.03, starts=(2018, 2019), **LATE),
    Case(20, 8, 0.03, starts=(2018, 2019, 2020), **LATE),
    Case(60, 24, 0.03, starts=(2018, 2019, 2020), **LATE),
)


def judge(case: Case, R: int, seed: int = 1) -> dict[str, object]:
    """Count false alarms at 5 % of the leading effect and of both effects in R surveys."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    found = [effect_by_design(lay_out(draw(case, rng), outcome="score")) for _ in range(R)]
    students, changes = (np.array([seen(f, counts) for f in found]) for counts in ("students", "schools"))
    leading = np.array([f.effect.p < 0.05 for f in found])
    return {
        "design": case.name,
        "draws_n": R,
        "leads": found[0].counts,
        "leading": round(100 * leading.mean(), 1),
        "error": round(100 * np.sqrt(0.05 * 0.95 / R), 1),
        "students": round(100 * students[:, 0].mean(), 1),
        "students_width": round(float(np.median(students[:, 1])), 2),
        "schools": round(100 * changes[:, 0].mean(), 1),
        "schools_width": round(float(np.median(changes[:, 1])), 2),
    }


def seen(found: Leading, counts: str) -> tuple[bool, float]:
    """Say whether one of the two effects is an alarm, and how wide its interval is."""
    effect = found.effect if found.counts == counts else found.beside
    if not isinstance(effect, Estimate):
        raise TypeError(f"refused: {effect}")
    return effect.p < 0.05, effect.high - effect.low


def run(R: int, cases: tuple[Case, ...] = CASES) -> pd.DataFrame:
    """Judge every case, saying how far it got."""
    lines = []
    for case in cases:
        started = time.perf_counter()
        lines.append(judge(case, R))
        print(f"{case.name}: {lines[-1]['leading']} %, {time.perf_counter() - started:.0f} s", flush=True)
    return pd.DataFrame(lines)


def write(table: pd.DataFrame, R: int, folder: Path) -> str:
    """Write survey_calibration.md and return what it says first."""
    inside = table["leading"].between(3, 7)
    said = (
        f"The leading effect is a false alarm in {table.leading.min()} to {table.leading.max()} % of surveys "
        f"in {len(table)} designs (nominal 5 %); in {int(inside.sum())} of them in 3 to 7 %."
    )
    head = "| design | leads | false alarms ± MC error, % | students (CR2), % | width "
    head += "| school changes, % | width |\n|---|---|--:|--:|--:|--:|--:|\n"
    lines = [
        f"| {row.design} | {row.leads} | {row.leading:.1f} ± {row.error:.1f} | {row.students:.1f} "
        f"| {row.students_width:.2f} | {row.schools:.1f} | {row.schools_width:.2f} |"
        for row in table.itertuples()
    ]
    text = f"# Calibration of the survey's effect\n\n{said}\n\n{ABOUT.format(R=R)}\n\n{head}"
    (folder / "survey_calibration.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    return said


ABOUT = """Written by `make bench` (`bench/survey_calibration.py`, {R} surveys of each design). Students of
schools that differ (5 % of the variance) and drift between waves (2, 3 or 5 %), without an effect of the
program; 15 to 60 respondents in each school and wave. The effect is linear, so coverage is 100 % less the
false alarms, whatever the true effect. Which effect leads is chosen from the number of schools alone
(`rpeval.methods.survey.leading`). Widths are medians of 95 % intervals, in standard
deviations of students."""
