"""Speed, memory and agreement with other libraries, in the same run on the same panels."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
OUT = HERE / "out"
PEERS = OUT / "venv" / "bin" / "python"
TIME_LIMIT = 300

# Task: the engines that can do it. Ours is always first.
TASKS = {
    "average effect": ("rpeval", "diff-diff", "pyfixest"),
    "cohort and year": ("rpeval", "diff-diff", "csdid", "differences"),
    "event study": ("rpeval", "pyfixest"),
    "999 draws": ("rpeval", "diff-diff"),
}
SIZES = {
    "60 schools, 8 years": (60, 8, 0),
    "1,000 schools, 12 years": (1_000, 12, 0),
    "100,000 students in 200 schools, 8 years": (200, 8, 500),
}


def set_up() -> bool:
    """Make the peers' environment once; say whether it is there."""
    wanted = HERE / "requirements.txt"
    ready = OUT / "venv" / ".ready"
    if ready.exists() and ready.read_text() == wanted.read_text():
        return True
    OUT.mkdir(exist_ok=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", OUT / "venv"], check=True)
        subprocess.run([PEERS, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"The libraries to compare with cannot be installed ({problem}); only rpeval is measured.")
        return False
    ready.write_text(wanted.read_text())
    return True


def panel(schools: int, years: int, students: int) -> Path:
    """Draw a staggered panel, of schools or of students in schools, and store it."""
    rng = np.random.default_rng(1)
    starts = np.where(np.arange(schools) % 3 == 0, 2000 + years // 2 + np.arange(schools) // 3 % 3, np.nan)
    per_school = max(students, 1)
    units = schools * per_school
    school = np.repeat(np.arange(schools), per_school)
    level = rng.normal(10, 2, units) + rng.normal(0, 2, schools)[school]
    noise = rng.normal(0, 1, (units, years)) + rng.normal(0, 0.5, (schools, years))[school]
    year = 2000 + np.arange(years)
    y = level[:, None] + noise - 2.0 * (year >= starts[school][:, None])
    columns = {
        "school_id": np.repeat(school + 1_000, years),
        "year": np.tile(year, units),
        "start_year": np.repeat(starts[school], years),
        "y": y.ravel(),
    }
    if students:
        columns["student"] = np.repeat(np.arange(units), years)
    path = OUT / f"panel_{schools}_{years}_{students}.npz"
    np.savez(path, **columns)
    return path


def measure(engine: str, task: str, path: Path, repeats: int) -> dict | None:
    """Run one engine in a process of its own; None where it fails or takes too long."""
    python = sys.executable if engine == "rpeval" else str(PEERS)
    command = [python, str(HERE / "did_worker.py"), engine, task, str(path), str(repeats)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=True)
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {TIME_LIMIT} s"}
    except subprocess.CalledProcessError as problem:
        last = problem.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"failed": last[0].rsplit("._exceptions.", 1)[-1][:60]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(size: str, task: str, path: Path, *, peers: bool, repeats: int) -> list[dict]:
    """Measure every engine on one task and panel; ratios are against ours in the same run."""
    rows = []
    for engine in TASKS[task] if peers else TASKS[task][:1]:
        found = measure(engine, task, path, repeats)
        row = {"panel": size, "task": task, "engine": engine, "failed": found.get("failed", "")}
        if "seconds" in found:
            row |= {"seconds": statistics.median(found["seconds"]), "first": found["first"]}
            row |= {"peak_mb": found["peak_mb"], "value": found["value"], "se": found["se"]}
            row["slower"] = row["seconds"] / (rows[0]["seconds"] if rows else row["seconds"])
            row["apart"] = abs(row["value"] - (rows[0]["value"] if rows else row["value"]))
        rows.append(row)
        print(f"{size} | {task} | {engine}: {row.get('seconds', row['failed'])}", flush=True)
    return rows


def run(*, full: bool) -> pd.DataFrame:
    """Measure everything; without `full`, the small panel only."""
    peers = set_up()
    OUT.mkdir(exist_ok=True)
    sizes = SIZES if full else dict(list(SIZES.items())[:1])
    rows = []
    for size, shape in sizes.items():
        path = panel(*shape)
        for task in TASKS:
            if shape[2] == 0 or task != "999 draws":
                rows += compare(
                    size, task, path, peers=peers, repeats=5 if shape[0] * shape[1] < 5_000 else 3
                )
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write did.md."""
    lines = []
    for row in table.itertuples():
        if row.failed:
            numbers = f"failed: {row.failed} | | | | |"
        else:
            apart = "" if np.isnan(row.apart) else f"{row.apart:.0e}"
            times = "1" if row.engine == "rpeval" else f"{row.slower:.1f}"
            numbers = f"{row.seconds:.3f} | {row.first:.2f} | {times} | {row.peak_mb:.0f} | {apart}"
            numbers += " |"
        lines.append(f"| {row.panel} | {row.task} | {row.engine} | {numbers}")
    head = "| panel | task | engine | seconds | first call | times ours | peak MB | estimate apart |\n"
    head += "|---|---|---|--:|--:|--:|--:|--:|"
    (folder / "did.md").write_text(
        f"# Difference-in-differences\n\n{ABOUT}\n\n{head}\n" + "\n".join(lines) + "\n"
    )


ABOUT = """Written by `make bench` (`bench/did.py`). Each engine runs in a process of its own; seconds are the
median of repeated calls after a first one, peak memory is of the whole process. The tasks:

- average effect: imputation with a standard error (ours leaves each school out in turn; diff-diff uses the
  published formula; pyfixest its two-stage estimator);
- cohort and year: all effects by cohort and year, averaged (ours also by event time, and with the jackknife);
- event study: ours by imputation, pyfixest by two-way effects, so the numbers differ;
- 999 draws: ours deals start years anew, and each time fits again and leaves every school out; diff-diff
  reweights its influence function, which is less work and another test.

For students, ours sums their rows to schools first, within the time shown, which gives the same estimate; the
others read the rows, and cluster by school where they can."""
