"""Many studies: `rpeval run` beside a loop of papermill and nbconvert, and a floor; memory and cost to 300.

    python bench/many.py                     2 studies each way, 6 watched, into bench/out/ (about 4 minutes)
    python bench/many.py --full              40 studies each way, 300 watched, into bench/ (hours)
    python bench/many.py naive --full        one part alone: naive, rpeval, cluster, floor, large or write
    python bench/many.py rpeval floor --studies 4
    python bench/many.py write --full        the table, from what the parts left in bench/out/many.json

Every study is drawn anew from the recipe of Prairie (12 schools), each from a seed of its own, and goes
through notebooks 01 to 05. The parts:

- naive: for each notebook the command papermill, then `jupyter nbconvert --to html`, one after the other,
  with the stock kernel; of the report's page then a PDF by headless Chromium, a Word file by LibreOffice;
- rpeval: `rpeval run params/*.yml -j 2`, which also writes briefs, grant packs, indexes and manifests;
- cluster: the same with `--scheduler`, on a dask scheduler and a worker of two threads on this machine, which
  run before the clock starts;
- floor: two processes forked from one that has imported the libraries, with no Jupyter in them: the code of
  the notebooks is executed as plain Python, what a cell shows is put into the notebook, and the same pages
  are made, once. Studies share a process, so what the first has read and drawn serves the next;
- large: `rpeval run -j 2` over many studies; the memory of all its processes is looked at every second.

In the full measurement rpeval, cluster and floor are each measured twice, the second time in reverse order.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from many_floor import JOBS, NOTEBOOKS, plainly
from many_table import PARTS, Result, judged, write

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "out" / "many.json"
BIN = Path(sys.executable).parent
COMMAND = (sys.executable, "-P", "-c", "from rpeval.cli import main; main()")
# what dask measures of itself many times a second, for pages that nobody opens; README tells to do without
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUICK, FULL = {"studies": 2, "large": 6}, {"studies": 40, "large": 300}
SEED = 20_270_000
CLOSE = ("rpeval", "cluster", "floor")  # of which each is to be within some tenths of another


# The studies


@contextlib.contextmanager
def project(studies: int) -> Iterator[tuple[Path, list[str]]]:
    """Make a project of so many drawn studies in a temporary folder; give it and the studies' names."""
    with tempfile.TemporaryDirectory(prefix="many-") as folder:
        root = Path(folder) / "project"
        for name in ("notebooks", "data/reference"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".*"))
        (root / "params").mkdir()
        yield root, [draw(root, number) for number in range(1, studies + 1)]


def draw(root: Path, number: int) -> str:
    """Draw one study into a project: its files, its truth and its params; the number makes its seed."""
    import yaml

    from rpeval.inputs.simulate import study, write_study

    name, seed, reference = f"study{number:04d}", SEED + number, root / "data" / "reference"
    recipe = yaml.safe_load((reference / "recipes" / "prairie.yml").read_text(encoding="utf-8"))
    instrument = reference / "instruments" / f"{recipe['survey']['instrument']}.yml"
    drawn = study(
        {**recipe, "study": name, "seed": seed}, yaml.safe_load(instrument.read_text(encoding="utf-8"))
    )
    write_study(drawn, root / "data" / name)
    text = (ROOT / "params" / "prairie.yml").read_text(encoding="utf-8")
    for old, new in [
        ("study: prairie", f"study: {name}"),
        (f"seed: {recipe['seed']}", f"seed: {seed}"),
        ("practices in Prairie", f"practices in District {number}"),
        ("name: Prairie (simulated)", f"name: District {number} (simulated)"),
        ("data/simulated/prairie/", f"data/{name}/"),
    ]:
        if old not in text:
            raise SystemExit(f"params/prairie.yml has no longer {old!r}: correct bench/many.py.")
        text = text.replace(old, new)
    (root / "params" / f"{name}.yml").write_text(text, encoding="utf-8")
    return name


# The ways


@contextlib.contextmanager
def clock() -> Iterator[Result]:
    """Take the time of what is done inside, and the processor's time in all processes that ended in it."""
    found: Result = {}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield found
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["seconds"] = time.monotonic() - begun
    found["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def naive(studies: int) -> Result:
    """Run the loop of commands, one process after the other, with the machine's own settings."""
    with project(studies) as (root, names):
        steps, failed = dict.fromkeys(("papermill", "nbconvert", "pdf", "word"), 0.0), []
        out, lacking = root.parent / "out", [step for step in ("pdf", "word") if not program(step)]
        with clock() as found:
            for name in names:
                (out / name).mkdir(parents=True)
                for step, words in loop(name, out):
                    begun = time.monotonic()
                    if not command(words, root) and name not in failed:
                        failed.append(name)
                    steps[step] += time.monotonic() - begun
                missing = {"05_report.html", "05_report.pdf", "05_report.docx"} - {*os.listdir(out / name)}
                print(f"naive  {name}  {sum(steps.values()):.0f} s so far", flush=True)
                failed += [name] if len(missing) > len(lacking) and name not in failed else []
        return found | {"steps": steps, "failed": failed, "lacking": lacking, "numbers": numbers(root)}


def loop(name: str, out: Path) -> Iterator[tuple[str, list[str]]]:
    """Give the commands of the loop for one study, each with its step."""
    place, page = out / name, out / name / "05_report.html"
    for notebook in NOTEBOOKS:
        ran = f"{place}/{notebook}.ipynb"
        words = ["papermill", f"notebooks/{notebook}.ipynb", ran, "--cwd", "notebooks", "-k", "python3"]
        quiet = ["--no-progress-bar", "--log-level", "ERROR"]
        yield "papermill", [*words, "-p", "params", f"params/{name}.yml", *quiet]
        yield "nbconvert", ["jupyter", "nbconvert", "--log-level", "ERROR", "--to", "html", ran]
    if browser := program("pdf"):
        plain = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        where = [
            f"--user-data-dir={out}/browser",
            "--disable-background-networking",
            f"--print-to-pdf={page.with_suffix('.pdf')}",
            str(page),
        ]
        yield "pdf", [browser, *plain, *where]
    if office := program("word"):
        words = [office, f"-env:UserInstallation={(out / 'office').as_uri()}", "--headless", "--writer"]
        yield "word", [*words, "--convert-to", "docx", "--outdir", str(place), str(page)]


def program(step: str) -> str | None:
    """Find the program that makes a form of the naive report; none where it is not installed."""
    wanted = BROWSERS if step == "pdf" else ("soffice",)
    return next((name for name in wanted if shutil.which(name)), None)


def command(words: list[str], root: Path) -> bool:
    """Run one command in the project, with this interpreter's programs first; say whether it ended well."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(words[:2])}: exit code {done.returncode}\n{done.stderr[-1000:]}", flush=True)
    return done.returncode == 0


def ours(studies: int) -> Result:
    """Run the same studies by `rpeval run`, in one command."""
    with project(studies) as (root, names):
        words = [*COMMAND, "run", *(f"params/{name}.yml" for name in names), "-j", str(JOBS)]
        with clock() as found:
            command(words, root)
        failed = unfinished(root, names)
        return found | {"failed": failed, "numbers": numbers(root)}


def cluster(studies: int) -> Result:
    """Run the same studies by `rpeval run --scheduler`, on two workers that wait for them."""
    with project(studies) as (root, names):
        place, started = root.parent / "scheduler.json", []
        nothing = subprocess.DEVNULL
        quiet = {"stdout": nothing, "stderr": nothing, "env": {**os.environ, **QUIET}}
        with clock() as found:
            try:
                worker = ["worker", "--nthreads", str(JOBS), "--no-nanny"]
                for part in [["scheduler", "--host", "127.0.0.1", "--port", "0"], worker]:
                    words = [BIN / "dask", *part, "--no-dashboard", "--scheduler-file", place]
                    started.append(subprocess.Popen(words, cwd=root.parent, **quiet))
                while sum(nthreads(place).values()) < JOBS:
                    time.sleep(0.5)
                words = [*COMMAND, "run", *(f"params/{name}.yml" for name in names)]
                address, begun = json.loads(place.read_text())["address"], time.monotonic()
                command([*words, "--scheduler", address], root)
                seconds = time.monotonic() - begun
            finally:
                for process in reversed(started):
                    process.terminate()
                    process.wait()
        failed = unfinished(root, names)
        found |= {"seconds": seconds, "cpu": None}  # what dask's workers started is left to end by itself
        return found | {"failed": failed, "numbers": numbers(root)}


def unfinished(root: Path, names: list[str]) -> list[str]:
    """Name the studies that have no finished report."""
    return [name for name in names if not (root / "reports" / name / "manifest.json").is_file()]


def nthreads(place: Path) -> dict[str, int]:
    """Ask a scheduler for its workers and their threads; none before it answers."""
    from distributed import Client

    if not place.is_file() or not place.stat().st_size:
        return {}
    with Client(scheduler_file=str(place), set_as_default=False) as client:
        return client.nthreads()


def floor(studies: int) -> Result:
    """Run the same studies plainly, in a command of its own, from its start to its end."""
    with project(studies) as (root, names):
        words = [sys.executable, str(Path(__file__).resolve()), "--plainly", str(root), *names]
        single = {**os.environ, **dict.fromkeys(THREADS, "1")}
        with clock() as found:
            done = subprocess.run(words, env=single, stdout=subprocess.PIPE, text=True, check=True)
        return found | {"failed": json.loads(done.stdout), "numbers": numbers(root)}


def numbers(root: Path) -> dict[str, dict[str, str]]:
    """Give what was found of each study, as it is printed: the ways must agree in it."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((root / "reports").glob("*/findings/*.json")):
        study = path.parts[-3].removesuffix(".draft")
        for finding in json.loads(path.read_text(encoding="utf-8"))["findings"]:
            found.setdefault(study, {})[finding["id"]] = str(finding.get("shown", finding.get("value")))
    return found


# Memory and cost


def large(studies: int) -> Result:
    """Run many studies, look at the memory of all processes every second, and note when each study ends."""
    with project(studies) as (root, names):
        words = [*COMMAND, "run", *(f"params/{name}.yml" for name in names), "-j", str(JOBS)]
        samples: list[tuple[float, float, float]] = []
        ended: list[float] = []
        with clock() as found, (root.parent / "said.txt").open("w+") as said:
            begun = time.monotonic()
            run = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=said, text=True)
            watch = threading.Thread(target=look, args=(run, begun, samples), daemon=True)
            watch.start()
            for line in run.stdout or ():
                if re.match(r"study\d+  (done|failed).*  [\d.]+ s$", line):
                    ended.append(time.monotonic() - begun)
                    print(f"large  {len(ended)} of {studies}  {ended[-1]:.0f} s", flush=True)
            run.wait()
            watch.join()
        failed = unfinished(root, names)
        return found | {"failed": failed, "ended": ended, "samples": samples}


def look(run: subprocess.Popen, begun: float, samples: list[tuple[float, float, float]]) -> None:
    """Note, every second, the memory of a run's processes together and that of the runner alone, in MB."""
    while run.poll() is None:
        held = sum(memory(process, "smaps_rollup", "Pss:") for process in family(run.pid))
        samples.append((time.monotonic() - begun, held, memory(run.pid, "status", "VmRSS:")))
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(1)


def family(first: int) -> list[int]:
    """Give a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [first]
    for process in found:
        found += children.get(process, [])
    return found


def memory(process: int, file: str, entry: str) -> float:
    """Read one entry about a process's memory, in MB of 1,000,000 bytes; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
            if line.startswith(entry):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


# The parts


def measure(part: str, studies: int) -> Result:
    """Measure one part, and note when, on what, and beside how much other work."""
    when, load = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), os.getloadavg()[0]
    ways = {"naive": naive, "rpeval": ours, "cluster": cluster, "floor": floor, "large": large}
    found = {
        "studies": studies,
        "when": when,
        "load": load,
        "busy": busy(),
        "commit": commit(),
        **ways[part](studies),
    }
    print(f"{part}: {studies} studies in {found['seconds']:.1f} s", flush=True)
    return found


def busy() -> float:
    """Look for two seconds at how much of the processors other work takes."""
    before = processor_times()
    time.sleep(2)
    spent = [now - then for now, then in zip(processor_times(), before, strict=True)]
    return 1 - (spent[3] + spent[4]) / sum(spent)  # idle, and idle while a disk works


def processor_times() -> list[int]:
    """Read what all processors together have spent on what since the machine began."""
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def commit() -> str:
    """Name the commit that is measured, and whether the files differ from it."""
    git = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=False)
    name = git(["git", "rev-parse", "--short", "HEAD"]).stdout.strip() or "unknown"
    changed = git(["git", "status", "--porcelain", "-uno", "rpeval", "notebooks", "data"]).stdout.strip()
    return f"{name}, with changes" if changed else name


def run(parts: Iterable[str] = PARTS, *, full: bool = False, **sizes: int | None) -> dict[str, Result]:
    """Measure parts, keep each as soon as it is there, and give all that is kept of this size of bench."""
    size = "full" if full else "quick"
    wanted = {**(FULL if full else QUICK), **{name: n for name, n in sizes.items() if n}}
    done: set[str] = set()
    for part in turns([part for part in PARTS if part in set(parts) - {"write"}], full=full):
        found, kept = measure(part, wanted["large" if part == "large" else "studies"]), read()
        now = kept.setdefault(size, {})
        now[part] = joined(now[part], found) if part in done else found
        done.add(part)
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.with_suffix(".new").write_text(json.dumps(kept), encoding="utf-8")
        KEPT.with_suffix(".new").replace(KEPT)
    return read().get(size, {})


def turns(parts: list[str], *, full: bool) -> list[str]:
    """Give the parts in the order in which they are measured.

    In the full measurement those that are to be close to each other come twice, the second time in reverse
    order: what makes the machine faster or slower for minutes then weighs on all of them.
    """
    close = [part for part in CLOSE if part in parts]
    return [*close, *(reversed(close) if full else ()), *(part for part in parts if part not in close)]


def joined(first: Result, then: Result) -> Result:
    """Join what two turns of one way found; it was begun when the first was."""
    added = {key: first[key] + then[key] for key in ("studies", "seconds", "failed")}
    cpu = None if first["cpu"] is None else first["cpu"] + then["cpu"]
    worst = {key: max(first[key], then[key]) for key in ("load", "busy")}
    return {**first, **added, **worst, "cpu": cpu, "numbers": first["numbers"] | then["numbers"]}


def read() -> dict[str, dict[str, Result]]:
    """Read what was kept, by the size of the bench and the part."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}


def tell(results: dict[str, Result], folder: Path) -> None:
    """Write the table, and say which targets hold; after a quick measurement, what the full one found."""
    folder.mkdir(exist_ok=True)
    print(write(results, folder).relative_to(ROOT), *judged(results), sep="\n")
    full = HERE / "many.md"
    if folder != HERE and full.is_file():
        found = [line for line in full.read_text(encoding="utf-8").splitlines() if line.startswith("- **")]
        print(f"The full measurement ({full.relative_to(ROOT)}):", *found, sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--full", action="store_true", help="the whole measurement, into bench/")
    parser.add_argument("--studies", type=int, help="so many studies each way")
    parser.add_argument("--large", type=int, help="so many studies in the long run")
    parser.add_argument("--plainly", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.plainly:
        print(json.dumps(plainly(chosen.plainly, chosen.parts)))
        return
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = chosen.parts or PARTS
    results = run(parts, full=chosen.full, studies=chosen.studies, large=chosen.large)
    if "write" in parts:
        tell(results, HERE if chosen.full else HERE / "out")


if __name__ == "__main__":
    main()
