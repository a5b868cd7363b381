"""The clean room, the lock, and the swap of reports: what is there, what is not, and what a crash leaves."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from rpeval.errors import RunError
from rpeval.runs.lock import hold, is_held
from rpeval.runs.manifest import SCHEMA
from rpeval.runs.room import check_inputs, furnish, open_room, sweep_rooms
from rpeval.runs.swap import check_place, publish, recover


@pytest.fixture
def params(tmp_path):
    """A project with one declared and one undeclared file, as the room sees it."""
    for name, text in {
        "params/lakeshore.yml": "params: {}\n", "notebooks/01_x.ipynb": "{}", "notebooks/.hidden": "x",
        "notebooks/.ipynb_checkpoints/01_x.ipynb": "{}", "data/reference/measures.yml": "x",
        "data/lakeshore/panel.csv": "a,b\n1,2\n", "data/lakeshore/secret.csv": "never", "rpeval/x.py": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return project(tmp_path, "data/lakeshore/panel.csv")


def project(root, path):
    """Params whose one source is at `path`."""
    return SimpleNamespace(root=root, study="lakeshore", source_paths=lambda: {"panel": root / path},
                           resolved=lambda: {"sources": {"panel": {"path": path}}})  # fmt: skip


@contextmanager
def opened(params):
    with open_room(params.root / "reports", params.study) as root:
        yield furnish(root, params, params.root / "params/lakeshore.yml")


def test_only_what_is_declared_exists_in_the_room(params):
    with opened(params) as room:
        files = {p.relative_to(room.root).as_posix() for p in room.root.rglob("*") if p.is_file()}
        assert files == {".rpeval-room", "notebooks/01_x.ipynb", "data/reference/measures.yml",
                         "data/lakeshore/panel.csv", "params/lakeshore.yml"}  # fmt: skip
        assert room.root.parent == params.root / "reports"
        assert room.folder == room.root / "reports" / "lakeshore"
        assert [(i.key, i.path) for i in room.inputs] == [
            ("params", "params/lakeshore.yml"), ("panel", "data/lakeshore/panel.csv")]  # fmt: skip
    assert list((params.root / "reports").iterdir()) == []


def test_a_file_from_beside_the_project_is_brought_in(params):
    beside = params.root.parent / "beside.csv"
    beside.write_text("a,b\n1,2\n")
    with opened(project(params.root, "../beside.csv")) as room:
        assert room.content["sources"]["panel"]["path"] == "data/beside/panel/beside.csv"
        assert (room.root / "data/beside/panel/beside.csv").read_bytes() == beside.read_bytes()
        assert [(i.key, i.path) for i in room.inputs][1:] == [("panel", "../beside.csv")]


def test_the_room_goes_when_the_run_is_interrupted(params):
    with pytest.raises(KeyboardInterrupt), opened(params):
        raise KeyboardInterrupt
    assert list((params.root / "reports").iterdir()) == []


@pytest.mark.parametrize("where", ["source", "place"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_an_input_that_changes_is_noticed(params, where, how):
    with opened(params) as room:
        check_inputs(room.inputs)
        path = getattr(room.inputs[1], where)
        if how == "changed":
            path.write_text("a,b\n1,3\n")
        else:
            path.unlink()
        with pytest.raises(RunError, match=rf"data/lakeshore/panel\.csv: This file (was )?{how}"):
            check_inputs(room.inputs)


def test_the_same_bytes_again_are_no_change(params):
    with opened(params) as room:
        room.inputs[1].source.write_text("a,b\n1,2\n")
        check_inputs(room.inputs)


def test_rooms_of_dead_runs_go_and_others_stay(tmp_path):
    for name, mark in {
        "lakeshore-aa": True, "lakeshore-bb": False, "harbor-cc": True, "my-town-dd": True,
    }.items():  # fmt: skip
        (tmp_path / f".room-{name}").mkdir()
        (tmp_path / f".room-{name}" / (".rpeval-room" if mark else "my own notes.txt")).touch()
    (tmp_path / ".room-lakeshore-ee").mkdir()  # died before it was marked
    with hold(tmp_path, "lakeshore"), hold(tmp_path, "my-town"):
        sweep_rooms(tmp_path, "lakeshore")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".room-lakeshore-bb", ".room-my-town-dd"]


def test_two_runs_on_one_study_are_told_apart(tmp_path):
    with (
        hold(tmp_path, "lakeshore"),
        pytest.raises(RunError, match=f"Another run \\(process {os.getpid()}\\)"),
        hold(tmp_path, "lakeshore"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_locks_nothing(tmp_path, wait_for):
    code = ("import sys, time; from pathlib import Path; from rpeval.runs.lock import hold\n"
            "with hold(Path(sys.argv[1]), 'lakeshore'):\n    print('held', flush=True); time.sleep(60)")  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert is_held(tmp_path, "lakeshore")
        other.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        other.wait()
    assert (tmp_path / ".lock-lakeshore").read_text() == str(other.pid)
    with hold(tmp_path, "lakeshore"):
        assert is_held(tmp_path, "lakeshore")


def test_a_run_that_holds_the_lock_only_to_look_does_not_stop_another(tmp_path):
    stack = ExitStack()
    stack.enter_context(hold(tmp_path, "lakeshore"))
    threading.Timer(0.05, stack.close).start()
    with hold(tmp_path, "lakeshore"):
        assert is_held(tmp_path, "lakeshore")


def test_a_lock_that_cannot_be_written_is_let_go(tmp_path, monkeypatch):
    """On a full disk the owner's number cannot be written; the process lives on and must hold nothing."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"), hold(tmp_path, "lakeshore"):
        pass
    monkeypatch.undo()
    assert not is_held(tmp_path, "lakeshore")


def test_no_two_of_many_hold_the_lock_at_once(tmp_path):
    """Four processes take and give back the lock in turn; each finds nobody else inside."""
    code = """
import os, sys, time
from pathlib import Path
from rpeval.errors import RunError
from rpeval.runs.lock import hold
folder, end, held = Path(sys.argv[1]), time.monotonic() + 1.0, 0
while time.monotonic() < end:
    try:
        with hold(folder, "x"):
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
            held += 1
            os.unlink(folder / "inside")
    except RunError:
        pass
print(held)
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    held = [int(run.communicate()[0]) for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert sum(held) > 100


def report(path, text):
    path.mkdir(parents=True)
    (path / "report.html").write_text(text)
    (path / "manifest.json").write_text(json.dumps({"schema": SCHEMA}))
    return path


def shown(folder):
    return (folder / "report.html").read_text()


def test_publishing_replaces_and_leaves_nothing_aside(tmp_path):
    target = tmp_path / "reports" / "lakeshore"
    target.parent.mkdir()
    for text in ("first", "second"):
        publish(report(tmp_path / "room" / text, text), target)
        assert shown(target) == text
    assert [p.name for p in target.parent.iterdir()] == ["lakeshore"]


@pytest.mark.parametrize("fails_at", [1, 2])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failing_rename_leaves_the_old_report(tmp_path, monkeypatch, fails_at, error):
    target, new = report(tmp_path / "lakeshore", "old"), report(tmp_path / "room", "new")
    rename, calls = os.rename, []

    def failing(*paths):
        calls.append(paths)
        if len(calls) == fails_at:
            raise error
        rename(*paths)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(error):
        publish(new, target)
    assert shown(target) == "old"
    assert not (tmp_path / ".old-lakeshore").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(("dies_before", "left"), [("first", "old"), ("second", "old"), ("removal", "new")])
def test_a_crash_at_any_moment_of_the_swap_is_mended_by_the_next_run(tmp_path, dies_before, left):
    """A real process dies by SIGKILL inside the swap; then the next run's first act is `recover`."""
    target, new = report(tmp_path / "lakeshore", "old"), report(tmp_path / "room", "new")
    number = {"first": 1, "second": 2, "removal": 9}[dies_before]
    code = f"""
import os, shutil, signal, sys
from pathlib import Path
from rpeval.runs.swap import publish
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
rename, calls = os.rename, []
def counted(*paths):
    calls.append(paths)
    if len(calls) == {number}: die()
    rename(*paths)
os.rename, shutil.rmtree = counted, die
publish(Path(sys.argv[1]), Path(sys.argv[2]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(new), str(target)])
    assert done.returncode == -signal.SIGKILL
    assert target.exists() is (dies_before != "second")
    recover(target)
    assert shown(target) == left
    assert not (tmp_path / ".old-lakeshore").exists()


def test_a_folder_that_no_run_made_is_never_replaced(tmp_path):
    check_place(tmp_path / "lakeshore")
    check_place(report(tmp_path / "harbor", "x"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.docx").touch()
    with pytest.raises(RunError, match="no finished report, so it is not replaced"):
        check_place(mine)
    shutil.rmtree(mine)
    check_place(mine)


def test_waiting_for_the_lock_is_not_needed_after_it_is_given_back(tmp_path):
    begun = time.monotonic()
    for _ in range(50):
        with hold(tmp_path, "lakeshore"):
            pass
    assert time.monotonic() - begun < 5
