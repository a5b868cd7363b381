"""Surveys: speed, memory and agreement with R and svy in the same run; what the measurement gate catches."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from did import OUT, PEERS, set_up

from rpeval.methods.survey.gate import measurement_gate
from rpeval.methods.survey.items import lay_out_items

HERE = Path(__file__).parent
R = shutil.which("Rscript")
TIME_LIMIT = 300
FULL, QUICK = 400, 40
ITEMS = [f"q{j}" for j in range(1, 19)]
LOADINGS = np.linspace(0.8, 0.45, len(ITEMS))
CUTS = [-1.2, -0.3, 0.7]

# Task: the engines that can do it. Ours is always first.
TASKS = {
    "alpha": ("rpeval", "psych"),
    "ordinal factor model": ("rpeval", "lavaan"),
    "omega": ("rpeval", "semTools"),
    "invariance over two waves": ("rpeval", "lavaan"),
    "percent favorable": ("rpeval", "survey", "svy"),
    "effect": ("rpeval", "clubSandwich", "svy"),
    "measurement gate": ("rpeval",),
    "notebook 03": ("rpeval",),
}
SIZES = {
    "500 students": (500, 16),
    "50,000 students": (50_000, 100),
    "1,000,000 students": (1_000_000, 1_000),
}
# R's ordinal models hold rows by moments several times over: a million rows do not fit in this machine.
SKIPPED = {("1,000,000 students", engine) for engine in ("lavaan", "semTools", "clubSandwich")}


def answers(students: int, schools: int) -> Path:
    """Draw 18 ordered items of one factor in schools that drift between two waves, and store them twice."""
    rng = np.random.default_rng(1)
    school = np.sort(rng.integers(0, schools, students))
    wave = rng.integers(0, 2, students)
    start = np.where(np.arange(schools) % 3 == 0, 2019, 0)[school]
    drift = rng.normal(0, 0.3, schools)[school] + rng.normal(0, 0.14, (schools, 2))[school, wave]
    feel = rng.normal(size=students) + drift + 0.15 * ((start > 0) & (wave == 1))
    columns = {"school": school + 1, "wave": 2018 + 2 * wave, "start": start}
    for item, load in zip(ITEMS, LOADINGS, strict=True):
        latent = load * feel + np.sqrt(1 - load**2) * rng.normal(size=students)
        columns[item] = np.digitize(latent, CUTS) + 1
    path = OUT / f"answers_{students}.npz"
    np.savez(path, **columns)
    np.column_stack(list(columns.values())).astype("<i4").T.tofile(path.with_suffix(".bin"))
    return path


def measure(engine: str, task: str, path: Path, repeats: int) -> dict:
    """Run one engine in a process of its own, on one core."""
    command = [sys.executable if engine == "rpeval" else str(PEERS), str(HERE / "survey_worker.py")]
    if engine not in ("rpeval", "svy"):
        command = [str(R), str(HERE / "survey_worker.R")]
        path = path.with_suffix(".bin")
    one_core = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command += [engine, task, str(path), str(repeats)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT, check=True, env=one_core
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {TIME_LIMIT} s"}
    except subprocess.CalledProcessError as problem:
        last = problem.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"failed": last[0][:60]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(size: str, task: str, path: Path, *, peers: bool, repeats: int) -> list[dict]:
    """Measure every engine on one task; ratios are against ours in the same run."""
    rows = []
    for engine in TASKS[task]:
        absent = (engine == "svy" and not peers) or (engine not in ("rpeval", "svy") and R is None)
        if absent or (size, engine) in SKIPPED:
            continue
        found = measure(engine, task, path, repeats)
        row = {"size": size, "task": task, "engine": engine, "failed": found.get("failed", "")}
        if "seconds" in found:
            row |= {"seconds": statistics.median(found["seconds"]), "peak_mb": found["peak_mb"]}
            row |= {"value": found["value"], "se": found["se"]}
            ours = rows[0] if rows else row
            row |= {"slower": row["seconds"] / ours["seconds"], "apart": abs(row["value"] - ours["value"])}
            row["se_apart"] = abs(row["se"] - ours["se"]) if None not in (row["se"], ours["se"]) else np.nan
        rows.append(row)
        print(f"{size} | {task} | {engine}: {row.get('seconds', row['failed'])}", flush=True)
    return rows


def run(*, full: bool) -> pd.DataFrame:
    """Measure everything; without `full`, 500 students only."""
    peers = set_up()
    OUT.mkdir(exist_ok=True)
    rows = []
    for size, shape in SIZES.items() if full else list(SIZES.items())[:1]:
        path = answers(*shape)
        for task in TASKS:
            rows += compare(size, task, path, peers=peers, repeats=5 if shape[0] < 10_000 else 1)
    return pd.DataFrame(rows)


GATE = {
    "8 schools, 4 adopt": {"schools": 8, "adopting": 4},
    "10 schools, 3 adopt": {"schools": 10, "adopting": 3},
    "16 schools, 5 adopt": {"schools": 16, "adopting": 5},
    "40 schools, 16 adopt": {"schools": 40, "adopting": 16},
    "40 schools, real effect of 0.3": {"schools": 40, "adopting": 16, "real": 0.3},
    "40 schools of 100, two items shift by 0.08, steady": {"size": 100, "shift": 0.08, "restless": 0.0},
    "40 schools of 200, two items shift by 0.08, steady": {"size": 200, "shift": 0.08, "restless": 0.0},
    "40 schools of 100, two items shift by 0.08": {"size": 100, "shift": 0.08},
    "40 schools of 100, two items shift by 0.16": {"size": 100, "shift": 0.16},
    "40 schools of 100, two items shift by 0.32": {"size": 100, "shift": 0.32},
    "16 schools of 100, two items shift by 0.32": {"schools": 16, "adopting": 6, "size": 100, "shift": 0.32},
}


def survey_of_six(
    rng: np.random.Generator,
    *,
    schools: int = 40,
    adopting: int = 20,
    size: int = 40,
    shift: float = 0.0,
    real: float = 0.0,
    restless: float = 0.05,
) -> pd.DataFrame:
    """Draw six items, two waves; in adopting schools `shift` moves two items, `real` what all measure."""
    load = np.array([0.85, 0.8, 0.7, 0.65, 0.55, 0.45])
    sizes = rng.integers(size // 2, size * 3 // 2, schools)
    school = np.repeat(np.arange(schools), 2 * sizes)
    wave = np.concatenate([np.repeat([0, 1], n) for n in sizes])
    on = (school < adopting) & (wave == 1)
    feel = rng.normal(size=len(school)) + rng.normal(0, 0.4, schools)[school] + real * on
    feel += rng.normal(0, 0.14, (schools, 2))[school, wave]
    latent = load * feel[:, None] + np.sqrt(1 - load**2) * rng.normal(size=(len(school), 6))
    latent += rng.normal(0, restless, (schools, 2, 6))[school, wave]
    latent[:, [1, 3]] += shift * on[:, None]
    frame = pd.DataFrame(np.digitize(latent, [-1.9, -1.0, 0.2]) + 1, columns=[f"i{j}" for j in range(6)])
    start = np.where(school < adopting, 2019.0, np.nan)
    return frame.assign(school_id=school, wave=2018 + 2 * wave, start_year=start)


def judge_gate(draws: int) -> pd.DataFrame:
    """How often the gate rings, which items it names, and what it says of the artefact."""
    rows = []
    for name, arms in GATE.items():
        rng, key = np.random.default_rng(7), {"items": [f"i{j}" for j in range(6)], "low": 1, "high": 4}
        gates = [measurement_gate(lay_out_items(survey_of_six(rng, **arms), **key)) for _ in range(draws)]
        rows.append(
            {
                "design": name,
                "rings": np.mean([gate.p < 0.05 for gate in gates]),
                "both": np.mean([set(gate.flagged) >= {"i1", "i3"} for gate in gates]),
                "effect": np.mean([gate.effect.value for gate in gates]),
                "artefact": np.mean([gate.artefact.value for gate in gates]),
            }
        )
        print(name, rows[-1]["rings"], flush=True)
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, gate: pd.DataFrame, draws: int, folder: Path) -> None:
    """Write survey.md."""
    lines = []
    for row in table.itertuples():
        if row.failed:
            numbers = f"failed: {row.failed} | | | | |"
        else:
            times = "1" if row.engine == "rpeval" else f"{row.slower:.1f}"
            apart, se_apart = ("" if np.isnan(x) else f"{x:.0e}" for x in (row.apart, row.se_apart))
            numbers = f"{row.seconds:.3f} | {times} | {row.peak_mb:.0f} | {apart} | {se_apart} |"
        lines.append(f"| {row.size} | {row.task} | {row.engine} | {numbers}")
    head = (
        "| survey | task | engine | seconds | times ours | peak MB | value apart | standard error apart |\n"
    )
    head += "|---|---|---|--:|--:|--:|--:|--:|"
    rings = [
        f"| {row.design} | {100 * row.rings:.1f} | {100 * row.both:.0f} "
        f"| {row.effect:.3f} | {row.artefact:.3f} |"
        for row in gate.itertuples()
    ]
    about = GATE_ABOUT.format(draws=draws)
    (folder / "survey.md").write_text(
        f"# Surveys\n\n{ABOUT}\n\n{head}\n" + "\n".join(lines) + f"\n\n{about}\n" + "\n".join(rings) + "\n"
    )


ABOUT = """Written by `make bench` (`bench/survey.py`). Eighteen items of four answers, two waves. Each engine
runs in a process of its own on one core; seconds are the median of repeated calls after a first one, without
reading the data; peak memory is of the whole process, data included. The tasks:

- alpha: ours with Feldt's interval, psych's with all it prints;
- ordinal factor model: one factor, WLSMV, with the adjusted test; the value is the adjusted chi-square;
- omega: categorical omega, ours with its interval by the delta method; semTools' needs lavaan's fit, counted;
- invariance over two waves: configural, thresholds, loadings (Wu and Estabrook), ours intercepts too; the
  value is the adjusted chi-square with equal thresholds and loadings;
- percent favorable: of one item, clustered in schools; ours by CR2, the others by linearization;
- effect: difference-in-differences with school effects. Ours and clubSandwich by CR2 with Satterthwaite df;
  svy by linearization, whose standard error is another;
- notebook 03: its methods, from answers in memory to effects, with alpha and omega by wave, invariance over
  arms by waves, item functioning, the gate, and effects on the score, the percent favorable and a gap.

R's ordinal models and clubSandwich are not tried on a million students. R is Debian's (r-cran-lavaan,
r-cran-semtools, r-cran-psych, r-cran-survey, r-cran-clubsandwich); without it only Python is measured. The
peak of a Python engine counts the bench that starts it, 209 MB, where it needs less itself."""

GATE_ABOUT = """## What the measurement gate catches

{draws} samples of each design, six items of unequal loadings, near the top of their range. "Rings" is the
share of samples, in percent, in which the test of 5 % rejects that all items moved as one scale would; "both
named" those in which both items that were shifted are among the flagged. Shifts are in standard deviations of
what lies behind the item; effect and artefact are means, in standard deviations of the score. Every item has
a life of its own in every school and wave (0.05), but not where the design says steady.

| design | rings | both named | effect | artefact |
|---|--:|--:|--:|--:|"""
