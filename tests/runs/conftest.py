"""Tiny notebooks and projects, for runs that start a real kernel."""

import os
import shutil
import time
from pathlib import Path

import nbformat
import pytest

v4 = nbformat.v4
REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
PARAMS = """params:
  study: tiny
  title: Restorative practices in Tiny
  simulated: true
  seed: 1
  district: {name: Tiny (simulated), leaid: "0900009", state: ZZ}
  program: {name: Restorative practices}
  years: {first: 2016-17, last: 2019-20}
  sources:
    panel: {path: data/tiny/panel.csv, layout: rpeval}
  outcome: oss_per_100
"""
OPEN = """from rpeval.findings import Findings, collect
from rpeval.inputs.params import read_params
params = read_params(params)"""
FIND = """book = Findings(params, notebook="01_suspensions")
book.add("data.schools", 4, label="Schools", kind="count")
book.save()"""
LOOK = 'Findings(params, notebook="02_disproportionality").save()'
SHOW = """print(len(collect(params.folder).findings))
book = Findings(params, notebook="05_report")
book.add("study.program", params.program.name, label="Program")
book.save()"""


def write_notebook(path: Path, *cells: str, tag: str = "parameters", first: str = "params = None") -> Path:
    """Write a notebook whose first cell is tagged and whose other cells hold the given code."""
    made = [v4.new_code_cell(first, metadata={"tags": [tag]}), *(v4.new_code_cell(cell) for cell in cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=made, metadata=kernel), path)
    return path


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and only waits to be collected does not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition, seconds: float = 20.0):
    """Wait until a condition holds and give its value; fail when it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    pytest.fail("waited in vain")


def write_project(root: Path, *cells: str) -> Path:
    """Write a project with one study, whose first notebook runs the given cells before it saves its findings."""
    shutil.copytree(REFERENCE, root / "data" / "reference")
    rows = [
        f"000{school},School {school},{year}-{(year + 1) % 100:02d},500,{20 + school + year % 3},yes"
        for school in range(4) for year in range(2016, 2020)
    ]  # fmt: skip
    for name, text in {
        "params/tiny.yml": PARAMS,
        "data/tiny/panel.csv": "\n".join(["school_id,school_name,year,enrolled_n,oss_n,simulated", *rows])
        + "\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    write_notebook(root / "notebooks" / "01_suspensions.ipynb", OPEN, *cells, FIND)
    write_notebook(root / "notebooks" / "02_disproportionality.ipynb", OPEN, LOOK)
    write_notebook(root / "notebooks" / "05_report.ipynb", OPEN, SHOW)
    return root


def change_first_notebook(root: Path, *cells: str) -> None:
    """Give a project's first notebook other cells."""
    write_notebook(root / "notebooks" / "01_suspensions.ipynb", OPEN, *cells, FIND)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A project whose study has run once, to be copied."""
    from rpeval.runs.study import run_study

    root = write_project(tmp_path_factory.mktemp("finished") / "project")
    run_study(root / "params" / "tiny.yml")
    return root


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the project with a finished report."""
    return shutil.copytree(finished, tmp_path / "project")


@pytest.fixture(name="write_project")
def _write_project():
    return write_project


@pytest.fixture(name="change_first_notebook")
def _change_first_notebook():
    return change_first_notebook


@pytest.fixture(name="write_notebook")
def _write_notebook():
    return write_notebook


@pytest.fixture(name="is_alive", scope="session")
def _is_alive():
    return is_alive


@pytest.fixture(name="wait_for", scope="session")
def _wait_for():
    return wait_for
