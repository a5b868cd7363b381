"""Tiny notebooks and projects, for runs that start a real kernel."""

import os
import time
from pathlib import Path

import nbformat
import pytest

v4 = nbformat.v4


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


@pytest.fixture(name="write_notebook")
def _write_notebook():
    return write_notebook


@pytest.fixture(name="is_alive")
def _is_alive():
    return is_alive


@pytest.fixture(name="wait_for")
def _wait_for():
    return wait_for
