"""Coverage of a synthesis over few districts, each with few schools: written to bench/synthesis.md."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rpeval.methods.synthesis.pooling import common_effect, der_simonian_laird, pooled, prediction

SEED, MEAN, SCHOOL_SD = 20260907, -2.0, 2.2
STUDIES, TAUS = (3, 5, 8, 10, 20), (0.0, 0.5, 1.0, 2.0)
SCHOOLS = (12, 24, 36, 48, 60)
ABOUT = """
Written by `bench/synthesis.py`, {draws:,} syntheses of each case. True effects of districts are normal
around {mean:g} per 100 students with standard deviation tau; a quarter of a district's schools adopt;
changes of schools have standard deviation {sd:g}, so standard errors are about 0.7 with 60 schools and
1.5 with 12. Each study estimates its own standard error (Welch), from as few as three adopting schools.
*Pooled* is Paule–Mandel with Hartung–Knapp, its factor held at one or above; *usual* is
DerSimonian–Laird with a normal interval; *common* takes all effects to be the same; *prediction* is how
often the prediction interval holds the true effect of one further district. Widths are medians.
"""
HEADINGS = "| case | tau | pooled, % | usual, % | common, % | prediction, % | width | width of prediction |"
QUICK, FULL = 100, 1000


@dataclass(frozen=True)
class Case:
    """studies : how many; tau : between them, per 100 students; schools : of each study, in turn."""

    studies: int
    tau: float
    schools: tuple[int, ...] = SCHOOLS

    @property
    def name(self) -> str:
        sizes = f"{self.schools[0]} schools each" if len(self.schools) == 1 else "12 to 60 schools"
        return f"{self.studies} studies of {sizes}"


CASES = [Case(k, tau) for k in STUDIES for tau in TAUS] + [
    Case(k, tau, (12,)) for k in (5, 10) for tau in TAUS
]


def draw(case: Case, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the estimates of one synthesis: means of school changes, with Welch's standard error.

    A quarter of the schools adopt, so in the smallest study three. Its standard error rests on two degrees of
    freedom on that side, and is itself far from sure; that is what the inference has to survive.
    """
    rows = []
    for study in range(case.studies):
        n = case.schools[study % len(case.schools)]
        effect = rng.normal(MEAN, case.tau)
        adopting, others = (
            rng.normal(mean, SCHOOL_SD, m) for mean, m in ((effect, n // 4), (0.0, n - n // 4))
        )
        se = np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in (adopting, others)))
        rows.append((study, adopting.mean() - others.mean(), se))
    return pd.DataFrame(rows, columns=["study", "value", "se"])


def judge(case: Case, draws: int) -> dict[str, float]:
    """Count how often each interval holds the mean, and the prediction a further district's true effect."""
    rng = np.random.default_rng([SEED, case.studies, int(10 * case.tau), len(case.schools)])
    hits: dict[str, list[float]] = {}
    for _ in range(draws):
        frame = draw(case, rng)
        further = rng.normal(MEAN, case.tau)
        made = {"pooled": pooled(frame), "usual": der_simonian_laird(frame), "common": common_effect(frame)}
        held = {name: est.low <= MEAN <= est.high for name, est in made.items()}
        ahead = prediction(frame)
        held |= {"prediction": ahead.low <= further <= ahead.high}
        widths = {
            "width": made["pooled"].high - made["pooled"].low,
            "prediction_width": ahead.high - ahead.low,
        }
        for name, value in (held | widths).items():
            hits.setdefault(name, []).append(float(value))
    told = {name: 100 * np.mean(values) for name, values in hits.items() if "width" not in name}
    return told | {name: float(np.median(values)) for name, values in hits.items() if "width" in name}


def run(draws: int, cases: list[Case] = CASES) -> pd.DataFrame:
    """Judge every case; one row each."""
    rows = [{"case": case.name, "tau": case.tau, **judge(case, draws)} for case in cases]
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, draws: int, folder: Path) -> str:
    """Write synthesis.md and give its first sentence."""
    error = 100 * (0.95 * 0.05 / draws) ** 0.5
    few = table[table["case"].str.match("(?:5|8|10) ")]
    first = (
        f"The interval of the pooled effect holds the truth in {_ends(table, 'pooled')} % of simulated"
        f" syntheses, in {_ends(few, 'pooled')} % of those of 5 to 10 studies (nominal 95 %, Monte Carlo"
        f" error {error:.1f});"
        f" the usual one (DerSimonian–Laird, normal) in {_ends(table, 'usual')} %. The prediction interval"
        f" holds a further district in {_ends(table, 'prediction')} %."
    )
    rows = [
        f"| {row.case} | {row.tau:g} | {row.pooled:.1f} | {row.usual:.1f} | {row.common:.1f} "
        f"| {row.prediction:.1f} | {row.width:.1f} | {row.prediction_width:.1f} |"
        for row in table.itertuples()
    ]
    about = ABOUT.format(draws=draws, mean=MEAN, sd=SCHOOL_SD)
    lines = [
        "# Coverage of a synthesis",
        "",
        first,
        about,
        HEADINGS,
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
    ]
    (folder / "synthesis.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return first


def _ends(table: pd.DataFrame, column: str) -> str:
    return f"{table[column].min():.1f} to {table[column].max():.1f}"
