"""Many machines: real schedulers and workers in processes of their own, one of which is killed in the middle."""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_studies import add_studies, read_report

from rpeval.errors import RunError
from rpeval.inputs.params import read_params
from rpeval.runs import parcel
from rpeval.runs.cluster import run_on_cluster
from rpeval.runs.parcel import Returned, pack_study, run_parcel, seal, take_in
from rpeval.runs.progress import Lines
from rpeval.runs.study import at_place
from rpeval.runs.task import LIMITS, Outcome

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
COMMAND = [sys.executable, "-P", "-c", "from rpeval.cli import main; main()", "run"]
WORKERS = 3
FATES = """import time
if params.study == "slow":
    time.sleep(300)
if params.study == "wrong":
    1 / 0"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, wait_for):
    """A scheduler and its workers, as a cluster starts them; gives the address and the workers' processes."""
    folder = tmp_path_factory.mktemp("cluster")
    started = []

    def start(*words: str, name: str) -> subprocess.Popen:
        with (folder / f"{name}.log").open("w") as log:
            command = [sys.executable, "-P", "-m", "dask", *words, "--no-dashboard"]
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
        return started[-1]

    place = folder / "scheduler.json"
    start(
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--scheduler-file",
        str(place),
        "--no-show",
        name="s",
    )
    wait_for(lambda: place.exists() and place.stat().st_size, 60)
    address = json.loads(place.read_text())["address"]
    workers = {}
    for number in range(WORKERS):
        scratch = folder / f"scratch{number}"
        threads = "2" if number == 1 else "1"
        words = ("worker", address, "--nthreads", threads, "--no-nanny", "--local-directory", str(scratch))
        workers[start(*words, name=f"w{number}")] = scratch
    yield address, workers
    for process in started:
        process.kill()
        process.wait()


def at_work(scratch: Path) -> list[Path]:
    """Give the studies that a worker has unpacked."""
    return list(scratch.glob(f"*/*/{parcel.SCRATCH}*/project/params/*.yml"))


def descendants(process: int) -> set[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


def run(root: Path, address: str, *words: str) -> subprocess.CompletedProcess:
    command = [*COMMAND, *words, "--scheduler", address]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)


def test_a_worker_is_killed_and_every_report_is_that_of_one_machine(
    cluster, project, tmp_path, wait_for, is_alive
):
    address, workers = cluster
    names = ["a", "b", "c", "d"]
    paths = add_studies(project, *names)
    alone = shutil.copytree(project, tmp_path / "alone")
    words = [*COMMAND, *paths, "--scheduler", address]
    running = subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed = wait_for(lambda: [w for w, scratch in workers.items() if at_work(scratch)], 60)[0]
    of_it = wait_for(lambda: [p for p in descendants(killed.pid) if is_alive(p)], 60)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    out, told = running.communicate(timeout=300)
    workers.pop(killed)
    assert (running.returncode, told) == (0, ""), out
    assert "4 of 4 done." in out
    wait_for(lambda: not any(map(is_alive, of_it)), 20)
    subprocess.run([*COMMAND, *paths, "-j", "2"], cwd=alone, check=True, stdout=subprocess.DEVNULL)
    for name in names:
        assert read_report(project / "reports" / name) == read_report(alone / "reports" / name)
    beside = {path.name for path in (project / "reports").iterdir()}
    assert beside == {*names, "tiny", "index.html"}
    assert not any(at_work(scratch) for scratch in workers.values())

    (project / "params" / "a.yml").open("a").write("# a word\n")
    again = run(project, address, *paths, "--resume")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count(": nothing changed") == 3
    assert "a  params changed" in again.stdout


def test_what_fails_there_fails_as_it_does_here(cluster, project, change_first_notebook):
    address, _ = cluster
    change_first_notebook(project, FATES)
    paths = add_studies(project, "wrong", "good", "spoiled", "over")
    (project / "data" / "tiny" / "spoiled.csv").write_text("a,b\n1,2\n")
    spoiled = (project / paths[2]).read_text().replace("data/tiny/panel.csv", "data/tiny/spoiled.csv")
    (project / paths[2]).write_text(spoiled)
    with at_place(project / "reports" / "over"):
        done = run(project, address, *paths, "params/none.yml")
    assert done.returncode == 6
    assert "1 of 5 done." in done.stdout
    assert "params/spoiled.yml: failed (exit code 4)" in done.stdout
    assert "params/none.yml: failed (exit code 3)" in done.stdout
    assert "data/tiny/spoiled.csv" in done.stderr
    assert "wrong, notebooks/01_suspensions.ipynb, cell [4]" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "Another run" in done.stderr
    assert "Traceback" not in done.stderr
    failed = project / "reports" / "wrong.failed"
    assert {p.name for p in failed.iterdir()} == {"failure.txt", "01_suspensions.ipynb"}
    assert "ZeroDivisionError" in (failed / "01_suspensions.ipynb").read_text()


def test_a_file_of_many_megabytes_travels_without_a_word(cluster, project):
    """Dask warns of what has more than ten; compressed, it must still have that."""
    address, _ = cluster
    panel = project / "data" / "tiny" / "panel.csv"
    first, *rows = panel.read_text().splitlines()
    noise = random.Random(1)
    panel.write_text("\n".join([f"{first},note", *(f"{row},{noise.randbytes(2**19).hex()}" for row in rows)]))
    assert panel.stat().st_size > 16e6
    done = run(project, address, "params/tiny.yml")
    assert (done.returncode, done.stderr) == (0, "")


def test_when_nobody_waits_a_worker_stops(cluster, project, change_first_notebook, wait_for):
    address, workers = cluster
    change_first_notebook(project, FATES)
    paths = add_studies(project, "slow")
    words = [*COMMAND, *paths, "--scheduler", address]
    running = subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any(at_work(scratch) for scratch in workers.values()), 60)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told.splitlines()[-1] == "Stopped. Earlier reports are as they were."
    wait_for(lambda: not any(at_work(scratch) for scratch in workers.values()), 60)
    assert not (project / "reports" / "slow").exists()
    with at_place(project / "reports" / "slow"):
        pass


def test_no_scheduler_is_one_clear_message(project):
    done = run(project, "tcp://127.0.0.1:9", "params/tiny.yml")
    assert done.returncode == 6
    assert "1. --scheduler: No scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_word_that_is_no_address(project):
    with pytest.raises(RunError, match="No scheduler answers at nowhere"):
        run_on_cluster([], scheduler="nowhere", listener=Lines(print, print, number=1, near=Path))


@pytest.fixture
def packed(project):
    path = project / "params" / "tiny.yml"
    return pack_study(read_params(path), path)


def test_a_parcel_holds_what_was_declared_and_nothing_else(project, packed):
    (project / "data" / "tiny" / "private.csv").write_text("x")
    path = project / "params" / "tiny.yml"
    again = pack_study(read_params(path), path)
    assert again == packed
    of_study = {name for name in packed.files if not name.startswith("data/reference/")}
    notebooks = {f"notebooks/{n}.ipynb" for n in ("01_suspensions", "02_disproportionality", "05_report")}
    assert of_study == {"params/tiny.yml", "data/tiny/panel.csv", *notebooks}


def test_a_real_study_takes_the_key_of_its_marks_along(project):
    path = project / "params" / "tiny.yml"
    path.write_text(
        path.read_text().replace("simulated: true", "simulated: false").replace(" (simulated)", "")
    )
    key = project / "reports" / "tiny" / "restricted" / "salt.txt"
    key.parent.mkdir()
    key.write_text("ab" * 32)
    assert pack_study(read_params(path), path).files["params/tiny.lock.key"] == b"ab" * 32


@pytest.fixture
def packed_without_its_data(project, monkeypatch):
    """The study's parcel where everything larger than its params stays where it is."""
    path = project / "params" / "tiny.yml"
    data = project / "data" / "tiny" / "panel.csv"
    monkeypatch.setattr(parcel, "LARGE", data.stat().st_size - 1)
    packed = pack_study(read_params(path), path)
    assert packed.files["data/tiny/panel.csv"].place == str(data)
    return packed


def test_a_file_too_large_to_be_sent_is_read_where_it_lies(project, packed_without_its_data, tmp_path):
    path, target = project / "params" / "tiny.yml", project / "reports" / "tiny"
    before = read_report(target)
    returned = run_parcel(packed_without_its_data, LIMITS, False, wanted=lambda: True, scratch=str(tmp_path))
    assert returned.outcome.state == "made", returned.outcome.text
    shutil.rmtree(target)
    with at_place(target):
        take_in(returned, read_params(path), path)
    assert read_report(target) == before
    assert (project / "data" / "tiny" / "panel.csv").is_file()


def removed(data: Path) -> None:
    data.unlink()


def rewritten(data: Path) -> None:
    data.write_bytes(data.read_bytes().replace(b"1", b"2", 1))


@pytest.mark.parametrize(("change", "told"), [(removed, "does not see it"), (rewritten, "sees another one")])
def test_a_worker_that_does_not_see_a_large_file_says_so(project, packed_without_its_data, change, told):
    data = project / "data" / "tiny" / "panel.csv"
    change(data)
    returned = run_parcel(packed_without_its_data, LIMITS, False, wanted=lambda: True)
    assert (returned.outcome.state, returned.outcome.code, returned.files) == ("failed", 6, {})
    sentence = f"data/tiny/panel.csv: With 0 MB it is too large to be sent, and a worker {told} at {data}."
    assert sentence in returned.outcome.text


@pytest.mark.parametrize(("change", "told"), [
    (lambda p: dataclasses.replace(p, seal="0"), "What arrived is not what was sent."),
    (lambda p: dataclasses.replace(p, software={**p.software, "rpeval": "0"}), "another version of rpeval."),
    (lambda p: dataclasses.replace(p, software={**p.software, "python": "2", "packages": {}}),
     "another Python and another version of a library."),
])  # fmt: skip
def test_a_worker_refuses_what_it_cannot_vouch_for(packed, change, told):
    returned = run_parcel(change(packed), LIMITS, False, wanted=lambda: True)
    assert (returned.outcome.state, returned.outcome.code, returned.files) == ("failed", 6, {})
    assert told in returned.outcome.text


def whole(project: Path) -> Returned:
    """What comes back of a study that is well: here, its own report."""
    made = sorted((project / "reports" / "tiny").rglob("*"))
    files = {p.relative_to(project / "reports").as_posix(): p.read_bytes() for p in made if p.is_file()}
    return Returned(Outcome("there/tiny.yml", "made", 0, 1.0, "there"), files, seal(files))


def test_a_whole_report_is_put_in_place(project):
    path, target = project / "params" / "tiny.yml", project / "reports" / "tiny"
    before, returned = read_report(target), whole(project)
    shutil.rmtree(target)
    with at_place(target):
        outcome = take_in(returned, read_params(path), path)
    assert outcome == Outcome(str(path), "made", 0, 1.0, str(target))
    assert read_report(target) == before


def torn(returned):
    returned.files["tiny/findings.json"] += b" "
    return returned


def altered(returned):
    returned.files["tiny/findings.json"] += b" "
    return dataclasses.replace(returned, seal=seal(returned.files))


def cut(returned):
    del returned.files["tiny/report.html"]
    return dataclasses.replace(returned, seal=seal(returned.files))


def leading_out(returned):
    returned.files["tiny/../../data/tiny/panel.csv"] = b"other"
    return dataclasses.replace(returned, seal=seal(returned.files))


@pytest.mark.parametrize("change", [torn, altered, cut, leading_out])
def test_a_report_that_is_not_as_its_run_left_it_is_not_taken(project, change):
    path, target = project / "params" / "tiny.yml", project / "reports" / "tiny"
    before = read_report(target)
    with (
        at_place(target),
        pytest.raises(RunError, match=r"What arrived is not what was sent|leaves the folder"),
    ):
        take_in(change(whole(project)), read_params(path), path)
    assert read_report(target) == before
    assert sorted(p.name for p in target.parent.iterdir() if p.name != "index.html") == ["tiny"]


def test_an_input_that_changed_meanwhile_is_told(project):
    returned, path = whole(project), project / "params" / "tiny.yml"
    with (project / "data" / "tiny" / "panel.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(RunError, match=r"data/tiny/panel.csv: This file was changed during the run"):
        take_in(returned, read_params(path), path)
