"""Tiny notebooks and projects, for runs that start a real kernel."""

import os
import shutil
import time
from pathlib import Path

import pytest
import tiny_studies


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A project whose study has run once, to be copied."""
    from rpeval.runs.study import run_study

    root = tiny_studies.write_project(tmp_path_factory.mktemp("finished") / "project")
    run_study(root / "params" / "tiny.yml")
    return root


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the project with a finished report."""
    return shutil.copytree(finished, tmp_path / "project")


@pytest.fixture(name="write_project")
def _write_project():
    return tiny_studies.write_project


@pytest.fixture(name="change_first_notebook")
def _change_first_notebook():
    return tiny_studies.change_first_notebook


@pytest.fixture(name="write_notebook")
def _write_notebook():
    return tiny_studies.write_notebook


@pytest.fixture(name="is_alive", scope="session")
def _is_alive():
    return is_alive


@pytest.fixture(name="wait_for", scope="session")
def _wait_for():
    return wait_for
