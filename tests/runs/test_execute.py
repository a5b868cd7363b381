"""Faults of notebooks and kernels, with real kernels and real kills: none may pass for success."""

import errno
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from rpeval.errors import DataError, ParamsError, RunError
from rpeval.runs import execute
from rpeval.runs.execute import Task, execute_notebook
from rpeval.runs.notebook import read_notebook

SAVE = """
import json, pathlib
part = pathlib.Path(params["out"]) / "part.json"
part.write_text(json.dumps({"study": "lakeshore", "complete": True}))
"""
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def make_task(tmp_path, write_notebook):
    def make(*cells, timeout=60, **content):
        source = write_notebook(tmp_path / "notebooks" / "01_x.ipynb", *cells)
        return Task(
            study="lakeshore", source=source, target=tmp_path / "out {braces}" / "01_x.ipynb",
            part=tmp_path / "part.json", content={"out": str(tmp_path), **content},
            home=tmp_path / ".kernel", timeout=timeout,
        )  # fmt: skip

    return make


def failure(task, kind=RunError):
    with pytest.raises(kind) as caught:
        execute_notebook(task)
    return str(caught.value)


def marks(task):
    """Give the texts that mark the failing cell in the executed copy, and the source of the cell marked."""
    cells = read_notebook(task.target)["cells"]
    tagged = [i for i, c in enumerate(cells) if "papermill-error-cell-tag" in c["metadata"].get("tags", [])]
    assert len(tagged) == 2
    assert tagged[0] == 0
    return cells[0]["source"] + cells[tagged[1]]["source"], cells[tagged[1] + 1]["source"]


def test_a_whole_notebook_in_undisturbed_surroundings(make_task, tmp_path, monkeypatch, capfd):
    """A user's start-up file and settings must not reach the kernel; ids must keep their zeros."""
    home = tmp_path / "ipython" / "profile_default" / "startup"
    home.mkdir(parents=True)
    (home / "00.py").write_text("disturbed = True")
    (tmp_path / "start.py").write_text("disturbed = True")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    look = ("import os, sys\nprint(params['leaid'], 'disturbed' in globals(), os.environ['OPENBLAS_NUM_THREADS'],"
            " os.path.basename(os.getcwd()), sys.executable)")  # fmt: skip
    task = make_task(look, SAVE, leaid="0612345", odd={"none": None, "text": 'it\'s {"x"}\n…', "yes": True})
    execute_notebook(task)
    cells = read_notebook(task.target)["cells"]
    assert "".join(cells[2]["outputs"][0]["text"]).split()[:4] == ["0612345", "False", "1", "notebooks"]
    assert "".join(cells[2]["outputs"][0]["text"]).split()[4] == os.path.abspath(os.sys.executable)
    assert [c["execution_count"] for c in cells] == [1, 2, 3, 4]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"
    assert capfd.readouterr() == ("", "")


@posix
def test_a_killed_kernel_is_not_success_and_leaves_no_child(make_task, tmp_path, wait_for, is_alive):
    pids = tmp_path / "pids"
    wait = f"""
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path({str(tmp_path / "new")!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
os.rename({str(tmp_path / "new")!r}, {str(pids)!r})
time.sleep(60)
"""
    found = []

    def kill():
        found.extend(int(pid) for pid in wait_for(lambda: pids.exists() and pids.read_text()).split())
        os.kill(found[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    task = make_task(wait, SAVE)
    said = failure(task)
    killer.join()
    assert "lakeshore, notebooks/01_x.ipynb, cell [3] `import os, pathlib, subprocess, time`" in said
    assert "The kernel ended while this cell ran" in said
    wait_for(lambda: not any(is_alive(pid) for pid in found))
    text, cell = marks(task)
    assert "The kernel ended" in text
    assert cell.startswith("\nimport os, pathlib")


def test_leaving_without_a_word_is_not_success(make_task):
    assert "cell [3] `import os; os._exit(0)`: The kernel ended" in failure(
        make_task("import os; os._exit(0)", SAVE)
    )


def test_a_cell_over_time(make_task):
    said = failure(make_task("import time; time.sleep(60)", SAVE, timeout=1))
    assert "cell [3] `import time; time.sleep(60)`: This cell ran longer than 1 seconds" in said
    assert "--timeout" in said


@pytest.mark.parametrize("last", [False, True])
def test_sys_exit_with_zero_is_not_success(make_task, last):
    cells = [SAVE, "import sys\nsys.exit(0)"] if last else ["import sys\nsys.exit(0)", SAVE]
    task = make_task(*cells)
    said = failure(task)
    assert f"cell [{4 if last else 3}] `import sys`: This cell called exit" in said
    assert marks(task)[1] == "import sys\nsys.exit(0)"


def test_an_error_in_a_cell_is_told_in_one_line(make_task):
    task = make_task("rates = {}\nrates['oss_per_100']", SAVE)
    said = failure(task)
    assert "cell [3] `rates = {}`: KeyError: 'oss_per_100'" in said
    assert "Traceback" not in said
    assert marks(task)[1] == "rates = {}\nrates['oss_per_100']"


def test_an_error_of_ours_keeps_its_text_and_code(make_task):
    code = ("from rpeval.errors import DataError, Problem\n"
            "raise DataError([Problem('panel.csv', '2 rows twice.', 'Keep one.'),"
            " Problem('a.csv', 'b', 'c')])")  # fmt: skip
    with pytest.raises(DataError) as caught:
        execute_notebook(make_task(code))
    assert caught.value.exit_code == 4
    own = "2 problems in the data:\n 1. panel.csv: 2 rows twice.\n    Keep one.\n 2. a.csv: b\n    c\n"
    assert str(caught.value).startswith(own)
    assert "notebooks/01_x.ipynb, cell [3]" in str(caught.value)


def test_an_error_of_the_same_name_from_elsewhere_is_a_fault_of_the_run(make_task):
    said = failure(make_task("import pandas as pd\nraise pd.errors.DataError('No numeric types')"))
    assert "DataError: No numeric types" in said


@pytest.mark.parametrize(("cell", "said"), [
    ("x = 1", "saved no findings"),
    (SAVE.replace("True", "False"), "saved no findings"),
    (SAVE.replace("lakeshore", "harbor"), "saved no findings of this study"),
])  # fmt: skip
def test_a_notebook_must_have_saved_this_studys_findings(make_task, cell, said):
    assert said in failure(make_task(cell))


def test_nan_never_reaches_papermill(make_task):
    task = make_task(SAVE, margin=float("nan"))
    assert "cannot be handed over" in failure(task, ParamsError)
    assert not task.target.exists()


def test_a_full_disk_under_papermill(make_task, monkeypatch):
    """When papermill writes the notebook there is no room; no part of a notebook is left."""
    import papermill.iorw

    def full(self, text, path):
        Path(path).write_text(text[:40])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(papermill.iorw.LocalHandler, "write", full)
    task = make_task(SAVE)
    said = failure(task)
    assert not task.target.exists()
    assert "The disk is full: No space left on device (01_x.ipynb)" in said
    assert "Free some space" in said


def test_a_full_disk_under_the_notebook(make_task, tmp_path):
    """A real file system of 64 KB, where this machine allows one."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user cannot mount a small file system")
    try:
        fill = f"import pathlib\npathlib.Path({str(small / 'x')!r}).write_bytes(bytes(10**6))"
        said = failure(make_task(fill, SAVE))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert "cell [3] `import pathlib`: The disk is full" in said


@pytest.mark.parametrize(("said", "told"), [
    ("", "The kernel did not start or did not answer: "),
    ("OSError: [Errno 28] No space left on device: '/x'", "The disk is full: the kernel could not write its own"),
])  # fmt: skip
def test_a_kernel_that_cannot_start_is_told_in_one_line(make_task, monkeypatch, capfd, said, told):
    """What the kernel itself says of it, a traceback, stays out of sight; its last line is the reason."""
    task = make_task(SAVE)
    task.home.mkdir(parents=True)
    (task.home / "profile_default").write_text("in the way of a folder")
    if said:
        monkeypatch.setattr(execute, "last_words", lambda: said)
    text = failure(task)
    assert told in text
    assert ("Free some space and run again." in text) == bool(said)
    assert ("profile_default" in text) == (not said)
    assert capfd.readouterr() == ("", "")
