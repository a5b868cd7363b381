"""A state's actions log: seconds and peak memory of reading it, and which embedded engine counts it best.

    python bench/actions_log.py [--sizes 0.2 2 20] [--engines-at 2]

Writes bench/actions_log.md. Logs are drawn into bench/out/ and removed; polars is measured where it is there.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
YEARS = range(2014, 2024)
CHUNK = 500_000
WHOLE = 2  # millions of rows that are also read with frames held whole
KINDS, SHARES = ["OSS", "ISS", "EXP", "DET", "CALL"], [0.5, 0.39, 0.02, 0.08, 0.01]
RACES = ["Asian", "Black", "Hispanic", "White"]
COLUMNS = {
    "actions": ("action_id", "student_id", "school_id", "date", "kind", "days"),
    "enrollment": ("student_id", "school_id", "year", "race", "swd"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="*", default=[0.2, 2, 20], help="millions of actions")
    parser.add_argument("--engines-at", type=float, nargs="*", default=[2], help="the same, for the engines")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measured(chosen.measure[0], Path(chosen.measure[1]))))
        return
    rows = []
    for size in sorted({*chosen.sizes, *chosen.engines_at}):
        folder = OUT / f"log_{size:g}"
        draw(folder, round(size * 1e6))
        whole = ["pandas"] if size <= WHOLE else []
        engines = [name for name in ENGINES if importlib.util.find_spec(name)]
        try:
            wanted = ["rpeval", "rpeval.check", "rpeval.parquet", *whole] if size in chosen.sizes else []
            for what in [*wanted, *(engines if size in chosen.engines_at else [])]:
                rows.append({"size": size, "what": what, **in_a_process(what, folder)})
                print(rows[-1], flush=True)
        finally:
            shutil.rmtree(folder)
    (HERE / "actions_log.md").write_text(page(rows), encoding="utf-8")


def draw(folder: Path, n: int) -> None:
    """Draw n actions of ten years, and the enrollment of half as many student-years, as CSV and Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    students = n // 20
    schools = max(20, min(2_000, students // 500))
    for name, rows in (
        ("actions", actions(n, students, schools)),
        ("enrollment", enrolled(students, schools)),
    ):
        schema = pa.schema([(column, pa.string()) for column in COLUMNS[name]])
        with (
            arrow_csv.CSVWriter(folder / f"{name}.csv", schema) as text,
            pq.ParquetWriter(folder / f"{name}.parquet", schema) as parquet,
        ):
            for columns in rows:
                table = pa.table(dict(zip(COLUMNS[name], columns, strict=True)), schema=schema)
                text.write_table(table)
                parquet.write_table(table)


def actions(n: int, students: int, schools: int):
    """Actions by year; one of 200 rows stands twice, one of 200 is of a student whom no school enrolled."""
    rng = np.random.default_rng(20260901)
    first = 0
    for k, year in enumerate(YEARS):
        for begin in range(0, n // len(YEARS), CHUNK):
            rows = min(CHUNK, n // len(YEARS) - begin)
            who = rng.integers(0, students, rows) + k * students // 12
            day = np.datetime64(f"{year}-08-20") + rng.integers(0, 280, rows)
            kind, days = rng.choice(len(KINDS), rows, p=SHARES), rng.integers(1, 8, rows)
            number = first + np.arange(rows)
            again = np.flatnonzero(rng.random(rows - 1) < 0.005)
            source = np.arange(rows)
            source[again + 1] = source[again]
            strange = np.where(rng.random(rows) < 0.005, 90_000_000, 0)
            yield (
                numbered(number[source], 9), numbered((who + strange)[source], 8),
                numbered(school_of(who, schools)[source], 4), pa.array(day[source].astype(str), pa.string()),
                pa.array(KINDS).take(kind[source]), pa.array(days[source].astype(str), pa.string()),
            )  # fmt: skip
            first += rows


def enrolled(students: int, schools: int):
    for k, year in enumerate(YEARS):
        for begin in range(0, students, CHUNK):
            ids = np.arange(begin, min(begin + CHUNK, students)) + k * students // 12
            label = pa.array([f"{year}-{(year + 1) % 100:02d}"]).take(pa.array(np.zeros(len(ids), int)))
            yield (
                numbered(ids, 8), numbered(school_of(ids, schools), 4), label,
                pa.array(RACES).take(ids % 4), pa.array(["Y", "N"]).take(ids // 3 % 2),
            )  # fmt: skip


def school_of(student: np.ndarray, schools: int) -> np.ndarray:
    return student * 7919 % schools


def numbered(numbers: np.ndarray, width: int) -> pa.Array:
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")


def in_a_process(what: str, folder: Path) -> dict:
    """Measure in a process of its own; what it writes to the disk meanwhile goes to a folder of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout or done.stderr).strip().splitlines()
    return {"failed": lines[-1] if lines else "killed"} if done.returncode else json.loads(lines[-1])


def measured(what: str, folder: Path) -> dict:
    work = ENGINES.get(what) or (lambda folder: read(folder, what))
    before, cpu = time.perf_counter(), time.process_time()
    told = work(folder)
    return {
        "seconds": round(time.perf_counter() - before, 2),
        "cpu": round(time.process_time() - cpu, 2),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "same": told,
    }


def read(folder: Path, what: str) -> str:
    """Read the panel; returns a fingerprint of its frame, groups and row accounting."""
    sys.path.insert(0, str(HERE.parent / "tests/inputs"))
    from tiny_study import source, tiny_params

    from rpeval.inputs import panel as panels
    from rpeval.inputs.check import check

    if what == "pandas":
        import plain_actions

        panels.read_actions = plain_actions.read_actions
    end = ".parquet" if what.endswith("parquet") else ".csv"
    books = {"path": f"enrollment{end}", "columns": {"race": "race", "swd": "swd"}}
    kinds = {"OSS": "oss_n", "ISS": "iss_n", "EXP": "expelled_n", "DET": "none"}
    with tempfile.TemporaryDirectory() as root:
        for path in folder.iterdir():
            (Path(root) / path.name).symlink_to(path)
        log = source(f"actions{end}", "actions", kinds=kinds, enrollment=books)
        params = tiny_params(Path(root), panel=log, first="2014-15", last="2023-24")
        if what.endswith("check"):
            return f"{len(check(params))} problems told"
        panel = panels.read_panel(params)
    drops = panel.accounting.drops.drop(columns="source")
    told = "".join(frame.to_csv() for frame in (panel.frame, panel.groups, panel.removals, drops))
    return hashlib.sha256(told.encode()).hexdigest()[:8]


# --- the same counting in three engines


def in_duckdb(folder: Path) -> str:
    import duckdb

    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as database:
        database.execute(
            f"SET memory_limit = '600MB'; SET temp_directory = '{spill}'; SET threads = {cores()}"
        )
        counted = database.execute(
            f"""SELECT school_id, year, race, kind, count(*)::BIGINT AS n FROM
            (SELECT DISTINCT * EXCLUDE date, left(date, 4)::INT - (substr(date, 6, 2) < '07')::INT AS began
             FROM '{folder}/actions.parquet') AS acted
            JOIN (SELECT *, left(year, 4)::INT AS began FROM '{folder}/enrollment.parquet') AS enrolled
            USING (student_id, school_id, began) GROUP BY ALL"""
        ).fetchall()
    return f"{sum(row[-1] for row in counted):,}"


def in_polars(folder: Path) -> str:
    import polars as pl

    date = pl.col("date").str
    began = date.slice(0, 4).cast(pl.Int32) - (date.slice(5, 2) < "07").cast(pl.Int32)
    acted = pl.scan_parquet(folder / "actions.parquet").with_columns(began=began).drop("date").unique()
    enrolled = pl.scan_parquet(folder / "enrollment.parquet")
    enrolled = enrolled.with_columns(began=pl.col("year").str.slice(0, 4).cast(pl.Int32))
    both = acted.join(enrolled, on=["student_id", "school_id", "began"])
    counted = both.group_by("school_id", "year", "race", "kind").agg(n=pl.len())
    return f"{counted.collect(engine='streaming')['n'].sum():,}"


def in_pyarrow(folder: Path) -> str:
    acted = pq.read_table(folder / "actions.parquet")
    early = pc.less(pc.utf8_slice_codeunits(acted["date"], 5, 7), "07").cast(pa.int32())
    began = pc.subtract(pc.utf8_slice_codeunits(acted["date"], 0, 4).cast(pa.int32()), early)
    acted = acted.drop_columns("date").append_column("began", began)
    acted = acted.group_by(acted.column_names).aggregate([])
    enrolled = pq.read_table(folder / "enrollment.parquet")
    began = pc.utf8_slice_codeunits(enrolled["year"], 0, 4).cast(pa.int32())
    both = acted.join(
        enrolled.append_column("began", began), ["student_id", "school_id", "began"], join_type="inner"
    )
    counted = both.group_by(["school_id", "year", "race", "kind"]).aggregate([([], "count_all")])
    return f"{pc.sum(counted['count_all']).as_py():,}"


ENGINES = {"duckdb": in_duckdb, "polars": in_polars, "pyarrow": in_pyarrow}


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


ABOUT = {
    "rpeval": "read_panel, CSV",
    "rpeval.parquet": "read_panel, Parquet",
    "rpeval.check": "rpeval check, CSV",
    "pandas": "the same rules with pandas frames held whole, CSV",
    "duckdb": "DuckDB, 600 MB allowed",
    "polars": "polars, streaming",
    "pyarrow": "pyarrow",
}


def page(rows: list[dict]) -> str:
    counts = "\n".join(line(row) for row in rows if row["what"] not in ENGINES)
    engines = "\n".join(line(row) for row in rows if row["what"] in ENGINES)
    return PAGE.format(counts=counts, engines=engines, cores=cores())


PAGE = """# A state's actions log

Written by `python bench/actions_log.py`. Logs of ten years are drawn, with rows that stand twice, kinds that
are unknown and students whom no school enrolled; half as many student-years are enrolled. Each line is a
process of its own on {cores} cores, with what it loads; peak memory is of the whole process. Seconds of the
clock depend on what else the machine does, CPU seconds hardly. The fingerprint is of panel, student groups,
removals and row accounting.

| million actions | what | seconds | CPU seconds | peak MB | fingerprint |
|--:|---|--:|--:|--:|---|
{counts}

Frames held whole are not measured at 20 million: they would need ten times the memory of their last line.

## Which engine

The heart of it in three embedded engines, on Parquet: each action once, matched to its student's enrollment,
counted by school, year, group and kind.

| million actions | engine | seconds | CPU seconds | peak MB | actions counted |
|--:|---|--:|--:|--:|--:|
{engines}

DuckDB was chosen: it keeps to the memory that it is given and lends the rest from the disk.
"""


def line(row: dict) -> str:
    if "failed" in row:
        return f"| {row['size']:g} | {ABOUT[row['what']]} | failed: {row['failed'][:80]} | | | |"
    told = (row["seconds"], row["cpu"], f"{row['peak']:,}", row["same"])
    return f"| {row['size']:g} | {ABOUT[row['what']]} | {' | '.join(map(str, told))} |"


if __name__ == "__main__":
    main()
