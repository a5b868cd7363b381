"""Many studies at once: each has its own fate, limits hold, and nothing lives on after a stop."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tiny_studies import add_studies

from rpeval.kernels import client
from rpeval.kernels.client import SOCKET
from rpeval.runs import batch, limits
from rpeval.runs.lock import hold
from rpeval.runs.progress import Lines, Picture
from rpeval.runs.task import LIMITS, Limits, Outcome, run_one

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
COMMAND = [sys.executable, "-c", "from rpeval.cli import main; main()", "run"]
HEAVY = {"pandas", "numpy", "scipy", "papermill", "nbformat", "pydantic", "yaml", "jinja2", "rich", "zmq"}
FATES = """import os, signal, time
if params.study == "dead":
    os.kill(os.getpid(), signal.SIGKILL)
held = bytearray(b"x") * 1_500_000_000 if params.study == "big" else b""
if params.study in ("big", "slow"):
    time.sleep(300)"""
WAIT = """import os, pathlib, time
if params.study == "b" or {all}:
    place = pathlib.Path({folder!r}) / params.study
    place.with_suffix(".new").write_text(str(os.getpid()))
    place.with_suffix(".new").rename(place)
    time.sleep(300)"""


def in_reports(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "reports").iterdir() if p.name != "index.html")


def workers_of(process: int) -> list[int]:
    """Give the worker processes of a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == process and b"rpeval.runs.worker" in words:
            found.append(int(path.name))
    return found


def test_each_study_has_its_own_fate(project, change_first_notebook):
    """One is good, one has wrong params, one is held by another run, one dies, one takes too much memory."""
    change_first_notebook(project, FATES)
    paths = add_studies(project, "dead", "good", "big", "held")
    (project / "params" / "wrong.yml").write_text("params: {study: wrong}\n")
    paths += ["params/wrong.yml", "params/../params/good.yml"]
    with hold(project / "reports", "held"):
        done = subprocess.run(
            [*COMMAND, *paths, "-j", "2", "--memory", "1200"], cwd=project, capture_output=True, text=True
        )
    assert done.returncode == 6, done.stderr
    assert in_reports(project) == ["big.failed", "dead.failed", "good", "tiny"]
    assert "1 of 5 done." in done.stdout
    assert "params/wrong.yml: failed (exit code 3)" in done.stdout
    assert "params/held.yml: failed (exit code 6)" in done.stdout
    assert "params/good.yml: done" in done.stdout
    assert done.stdout.count("reports/good") == 1
    assert "Another run" in done.stderr
    assert "MB of memory, more than its limit of 1,200 MB" in done.stderr
    assert "The kernel ended while this cell ran" in done.stderr
    assert "Traceback" not in done.stderr
    cells = json.loads((project / "reports/big.failed/01_suspensions.ipynb").read_text())["cells"]
    assert any("more than its limit" in "".join(cell["source"]) for cell in cells)


def test_a_study_over_its_time(project, change_first_notebook):
    (path,) = add_studies(project, "slow")
    change_first_notebook(project, FATES)
    outcome = run_one(project / path, limits=Limits(study=6.0))
    assert (outcome.state, outcome.code, outcome.folder) == ("failed", 6, "")
    assert "cell [4] `import os, signal, time`: The study ran longer than 6 seconds" in outcome.text
    assert "--study-timeout" in outcome.text
    assert 6 <= outcome.seconds < 60
    assert in_reports(project) == ["slow.failed", "tiny"]
    assert "longer than 6 seconds" in (project / "reports/slow.failed/failure.txt").read_text()


def test_a_limit_that_the_system_cannot_hold_is_told(project, monkeypatch, tmp_path, change_first_notebook):
    monkeypatch.setattr(limits, "PROCESSES", tmp_path / "none")
    change_first_notebook(project, "1 / 0")
    told = []

    class Listener(Lines):
        def line(self, text):
            told.append(text)

        def begin(self, target):
            pass

        def step(self, *where):
            pass

    listener = Listener(print, print, number=1, near=Path)
    outcome = run_one(project / "params/tiny.yml", limits=Limits(memory=1), listener=listener)
    assert "ZeroDivisionError" in outcome.text  # and not the limit of one megabyte
    assert told == ["tiny  This system does not tell how much memory a process holds: no limit."]


def test_a_killed_worker_harms_no_other_study(project, change_first_notebook, tmp_path, wait_for, is_alive):
    change_first_notebook(project, WAIT.format(all=False, folder=str(tmp_path)))
    paths = add_studies(project, "a", "b")
    run = subprocess.Popen([*COMMAND, *paths], cwd=project, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)  # fmt: skip
    kernel = int(wait_for(lambda: (tmp_path / "b").exists() and (tmp_path / "b").read_text(), 60))
    wait_for(lambda: (project / "reports" / "a").exists() and len(workers_of(run.pid)) == 1, 90)
    os.kill(workers_of(run.pid)[0], signal.SIGKILL)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 6
    assert "1 of 2 done." in out
    assert "params/b.yml: The process of this study was killed (signal 9)." in err
    assert in_reports(project) == ["a", "b.failed", "tiny"]
    assert not is_alive(kernel)


def test_a_stopped_batch_leaves_nothing(project, change_first_notebook, tmp_path, wait_for, is_alive):
    change_first_notebook(project, WAIT.format(all=True, folder=str(tmp_path)))
    paths = add_studies(project, "a", "b", "c")
    run = subprocess.Popen([*COMMAND, *paths, "-j", "2"], cwd=project, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)  # fmt: skip
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists(), 90)
    begun = [int((tmp_path / name).read_text()) for name in "ab"] + workers_of(run.pid)
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (130, "", "Stopped. Earlier reports are as they were.\n")
    assert len(begun) == 4
    assert not any(is_alive(process) for process in begun)
    assert in_reports(project) == ["tiny"]


def test_the_command_itself_stays_light():
    """What supervises hundreds of studies must not hold their libraries."""
    code = (
        "import sys, rpeval.cli, rpeval.runs.batch, rpeval.runs.progress, rpeval.runs.task\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_warm_process_that_died_is_replaced_and_at_last_done_without(monkeypatch):
    started = []

    class Dead:
        path = "socket"

        def __init__(self):
            started.append(self)
            self.process = self

        def poll(self):
            return -9

        def close(self):
            pass

    monkeypatch.delenv(SOCKET, raising=False)
    monkeypatch.setattr(batch, "WarmProcess", Dead)
    work = batch.Batch(1, LIMITS, {})
    work._warm_up()
    told = [work._find_warm() for _ in range(6)]
    assert told == ["socket"] * batch.DEATHS + ["off"] * (6 - batch.DEATHS)
    assert len(started) == batch.DEATHS + 1
    monkeypatch.setenv(SOCKET, "/somewhere")
    assert batch.Batch(1, LIMITS, {})._find_warm() == "/somewhere"


def test_lasting_batches_share_a_warm_process_while_it_lives(monkeypatch):
    monkeypatch.delenv(SOCKET, raising=False)
    monkeypatch.setattr(client, "_own", None)
    one, two = (batch.Batch(1, LIMITS, {}, lasting=True) for _ in range(2))
    one._warm_up()
    two._warm_up()
    first = one.warm
    try:
        assert one._find_warm() == two._find_warm() == first.path
        one.close()
        assert first.process.poll() is None  # the other uses it
        first.process.kill()
        first.process.wait()
        assert two._find_warm() == client.share().path != first.path
        assert not Path(first.folder).exists()
    finally:
        client.share().close()


def test_without_any_process_every_study_has_failed(monkeypatch):
    def none(*words, **named):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setenv(SOCKET, "off")
    monkeypatch.setattr(batch.subprocess, "Popen", none)
    told = []
    listener = Lines(print, told.append, number=2, near=Path)
    outcomes = batch.run_batch([Path("a.yml"), Path("b.yml")], listener=listener)
    assert [o.code for o in outcomes] == [6, 6]
    assert all("No process can be started: Resource temporarily unavailable." in text for text in told)


def test_an_outcome_is_plain_values():
    outcome = run_one("nowhere/x.yml")
    assert (outcome.state, outcome.code) == ("failed", 3)
    from dataclasses import asdict

    assert Outcome(**json.loads(json.dumps(asdict(outcome)))) == outcome


def test_the_picture_shows_who_runs_and_keeps_the_lines(monkeypatch):
    shown, lines = io.StringIO(), []
    console = Console(file=shown, force_terminal=True, width=90)
    monkeypatch.setattr("rich.console.Console", lambda: console)
    a, b = Path("params/a.yml"), Path("params/b.yml")
    with Picture(lines.append, lines.append, number=2, near=Path) as picture:
        picture.give(a)
        picture.give(b)
        picture.step(a, "01_suspensions", 1, 5)
        picture.tick()
        picture.line(a, "a  01_suspensions  3.0 s")
        picture.end(b, Outcome("params/b.yml", "failed", 4, 2.0, "", "no rows"))
        picture.end(a, Outcome("params/a.yml", "made", 0, 9.0, "reports/a"))
    text = shown.getvalue()
    assert "01_suspensions (1 of 5)" in text
    assert "writing pages" in text
    assert "2 of 2 ended, 1 failed" in text
    assert lines == ["no rows", "b  failed (exit code 4)  2.0 s", "a  done  9.0 s"]
