"""What faults at random moments leave behind, and what `rpeval run --resume` makes of it.

    python bench/faults.py            20 faults, into bench/out/
    python bench/faults.py --full     200 faults (about 80 minutes on two cores), into bench/

The full run may be stopped at any time and goes on when it is started again: what was found is kept in
bench/out/faults.json.

Each fault disturbs a run of a few tiny studies: SIGKILL to the runner, a worker, a kernel or the warm
process, a disk that fills up, a reports folder that can no longer be written, an input that is spoiled in the
middle, a second run on the same folder. Looked at: whether a process lives on; whether any report that then
exists has other bytes than an undisturbed one (but for the manifest's "when"), or the run claims more than
there is; and whether the same command with --resume then ends well, with every byte as it should be and
nothing beside.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
from tiny_studies import PARAMS, read_report, write_project  # noqa: E402

COMMAND = (sys.executable, "-P", "-c", "from rpeval.cli import main; main()", "run")
KILLS = ("runner", "worker", "kernel", "warm process")
MOUNTS = ("full disk", "unwritable reports")
KINDS = (*KILLS * 4, *MOUNTS, "spoiled input", "two runs")
QUICK, FULL, STUDIES, SEED = 20, 200, 3, 1
DISK = "48m"
PATIENCE = 300


@dataclass
class Fault:
    """One fault and what came of it: the moment in seconds, and everything that is not as it should be."""

    kind: str
    moment: float
    wrong: list[str]
    kept: int = 0


class Place:
    """A project of tiny studies, and what each of their reports must be."""

    def __init__(self, root: Path, *, studies: int = STUDIES, jobs: int = 2):
        self.root, self.reports = write_project(root), root / "reports"
        self.studies = [f"study{number}" for number in range(1, studies + 1)]
        for name in self.studies:
            text = PARAMS.replace("study: tiny", f"study: {name}").replace("data/tiny/", f"data/{name}/")
            (root / "params" / f"{name}.yml").write_text(text, encoding="utf-8")
            shutil.copytree(root / "data" / "tiny", root / "data" / name)
        self.words = [*(f"params/{name}.yml" for name in self.studies), "-j", str(jobs)]
        self.said = root.with_name("said.txt")
        begun = time.monotonic()
        done = self.run()
        self.seconds = time.monotonic() - begun
        if done.returncode:
            raise SystemExit(f"The undisturbed run failed.\n{done.stderr}")
        self.said.unlink()
        self.right = {name: read_report(self.reports / name) for name in self.studies}

    def start(self, *more: str) -> subprocess.Popen:
        """Start the command on all studies."""
        words = [*COMMAND, *self.words, *more]
        with self.said.open("a", encoding="utf-8") as said:
            return subprocess.Popen(words, cwd=self.root, stdout=subprocess.PIPE, stderr=said, text=True)

    def run(self, *more: str) -> subprocess.CompletedProcess:
        """Run the command on all studies to its end."""
        process = self.start(*more)
        out, _ = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess([], process.returncode, out, self.said.read_text())

    def judge(self, code: int | None) -> list[str]:
        """Tell of reports that are not the right ones, and of a success that is none."""
        there = [name for name in self.studies if (self.reports / name).exists()]
        wrong = [f"{name} differs in {', '.join(d)}" for name in there if (d := self.differences(name))]
        if code == 0 and len(there) < len(self.studies):
            wrong.append(f"exit code 0 with {len(there)} reports")
        said = self.said.read_text() if self.said.exists() else ""
        return [*wrong, *([f"a traceback: {said.splitlines()[-1]}"] if "Traceback" in said else [])]

    def differences(self, name: str) -> list[str]:
        """Name the files of a study's report that are not as in the undisturbed run."""
        now, right = read_report(self.reports / name), self.right[name]
        return [path for path in sorted({*now, *right}) if now.get(path) != right.get(path)]

    def resume(self) -> tuple[list[str], int]:
        """Run what is missing; tell what is then not as it should be, and how many studies were kept."""
        done = self.run("--resume")
        wrong = self.judge(0) if done.returncode == 0 else [f"resume failed: {done.stderr.strip()}"]
        beside = {path.name for path in self.reports.iterdir()} - {*self.studies, "index.html"}
        wrong += [f"left beside the reports: {', '.join(sorted(beside))}"] if beside else []
        return [f"after --resume: {each}" for each in wrong], done.stdout.count(": nothing changed")


def processes(root: Path, runner: int) -> dict[str, list[int]]:
    """Give the processes of a run, each kind by itself; kernels are those that work in a room."""
    found: dict[str, list[int]] = {"runner": [runner], "worker": [], "kernel": [], "warm process": []}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            words, folder = (path / "cmdline").read_bytes(), os.readlink(path / "cwd")
            if state == "Z":
                continue
            if folder.startswith(f"{root}/reports/"):
                found["kernel"].append(int(path.name))
            elif folder == str(root) and b"rpeval.runs.worker" in words:
                found["worker"].append(int(path.name))
            elif int(parent) == runner and b"rpeval.kernels.server" in words:
                found["warm process"].append(int(path.name))
    return found


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait until a condition holds; say whether it did in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def kill(place: Place, run: subprocess.Popen, kind: str, chance: random.Random) -> None:
    """Kill one process of a kind, as soon as there is one."""
    seen: list[int] = []

    def look() -> bool:
        seen[:] = processes(place.root, run.pid)[kind]
        return bool(seen) or run.poll() is not None

    wait_until(look, 60)
    if seen and run.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(seen), signal.SIGKILL)


@contextlib.contextmanager
def mounted(place: Place, options: str) -> Iterator[None]:
    """Put a file system of its own under the reports folder."""
    place.reports.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place.reports], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place.reports], check=True)


def can_mount() -> bool:
    """Say whether this user can mount a small file system."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode:
            return False
        return subprocess.run(["umount", folder], capture_output=True).returncode == 0


def disturb(place: Place, kind: str, moment: float, chance: random.Random) -> Fault:
    """Run all studies, do one thing to the run at one moment, resume, and tell what is not as it should."""
    fault = Fault(kind, moment, [])
    shutil.rmtree(place.reports, ignore_errors=True)
    place.said.unlink(missing_ok=True)
    with mounted(place, f"size={DISK}") if kind == "full disk" else contextlib.nullcontext():
        run = place.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(moment)
        code = STROKES.get(kind, lambda *_: kill(place, run, kind, chance) or end(run))(place, run)
        if not wait_until(lambda: not any(running(place, run).values()), 30):
            fault.wrong.append(f"still running: {running(place, run)}")
        fault.wrong += place.judge(code)
        mend(place)
        wrong, fault.kept = place.resume()
        fault.wrong += wrong
    return fault


def running(place: Place, run: subprocess.Popen) -> dict[str, list[int]]:
    """Give the processes that live on, of a run that has ended."""
    return {kind: found for kind, found in processes(place.root, run.pid).items() if kind != "runner"}


def end(run: subprocess.Popen) -> int:
    """Let a run end, and give its exit code."""
    run.communicate(timeout=PATIENCE)
    return run.returncode


def fill_disk(place: Place, run: subprocess.Popen) -> int:
    with contextlib.suppress(OSError), (place.reports / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return end(run)


def lock_reports(place: Place, run: subprocess.Popen) -> int:
    """Put an empty file system that cannot be written over the reports, as when a drive goes away."""
    with mounted(place, "ro"):
        return end(run)


def spoil_input(place: Place, run: subprocess.Popen) -> int:
    for name in place.studies:
        with (place.root / "data" / name / "panel.csv").open("r+b") as file:
            file.seek(40)
            file.write(b"\x00\xff;;\x00" * 20)
    return end(run)


def start_twice(place: Place, run: subprocess.Popen) -> int:
    second = place.run()
    return max(end(run), second.returncode if second.returncode != 6 else 0)


STROKES = {
    "full disk": fill_disk,
    "unwritable reports": lock_reports,
    "spoiled input": spoil_input,
    "two runs": start_twice,
}


def mend(place: Place) -> None:
    """Take away what was wrong, as a person would before trying again."""
    with contextlib.suppress(OSError):
        (place.reports / "ballast").unlink(missing_ok=True)
    for name in place.studies:
        shutil.copyfile(place.root / "data" / "tiny" / "panel.csv", place.root / "data" / name / "panel.csv")


def plan(number: int, seed: int, *, mounts: bool) -> list[str]:
    """Choose the faults, all kinds in their proportion, in a random order."""
    kinds = [kind for kind in KINDS if mounts or kind not in MOUNTS]
    chosen = [kinds[i % len(kinds)] for i in range(number)]
    random.Random(seed).shuffle(chosen)
    return chosen


def run(number: int, *, seed: int = SEED, kept: Path | None = None) -> list[Fault]:
    """Do a number of faults to a new project. kept : a file to which each is added; those in it are done"""
    faults = [Fault(**told) for told in json.loads(kept.read_text())] if kept and kept.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "project")
        for count, kind in list(enumerate(plan(number, seed, mounts=can_mount()), start=1))[len(faults) :]:
            chance = random.Random(f"{seed} {count}")
            moment = round(chance.uniform(0.1, place.seconds), 2)
            faults.append(disturb(place, kind, moment, chance))
            said = "; ".join(faults[-1].wrong) or f"well, {faults[-1].kept} kept"
            print(f"{count:3d} of {number}  {kind} after {moment} s: {said}", flush=True)
            if kept:
                kept.write_text(json.dumps([asdict(fault) for fault in faults], indent=1))
    return faults


def write(faults: list[Fault], folder: Path) -> Path:
    """Write the table of a run's faults."""
    well = sum(not fault.wrong for fault in faults)
    lines = [
        "# Faults", "", f"{well} of {len(faults)} faults ended well: no process lived on, no report was torn"
        " or false, and `rpeval run --resume` made every report with the bytes of an undisturbed run.", "",
        "| fault | times | ended well | reports kept by --resume |", "|---|---|---|---|",
    ]  # fmt: skip
    for kind in dict.fromkeys(KINDS):
        of = [fault for fault in faults if fault.kind == kind]
        told = f"{len(of)} | {sum(not f.wrong for f in of)} | {sum(f.kept for f in of)}" if of else "none | |"
        lines.append(f"| {kind} | {told} |")
    if not any(fault.kind in MOUNTS for fault in faults):
        lines += ["", "This user cannot mount a file system, so two kinds of fault were not tried."]
    lines += ["", *(f"- {f.kind} after {f.moment} s: {'; '.join(f.wrong)}" for f in faults if f.wrong)]
    path = folder / "faults.md"
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--full", action="store_true", help=f"{FULL} faults, into bench/")
    parser.add_argument("--faults", type=int, help="so many faults instead")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    (HERE / "out").mkdir(exist_ok=True)
    kept = HERE / "out" / "faults.json" if chosen.full else None
    faults = run(chosen.faults or (FULL if chosen.full else QUICK), seed=chosen.seed, kept=kept)
    folder = HERE if chosen.full else HERE / "out"
    print(f"{write(faults, folder).relative_to(HERE.parent)}")
    sys.exit(any(fault.wrong for fault in faults))


if __name__ == "__main__":
    main()
