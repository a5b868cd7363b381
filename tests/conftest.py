"""What all tests share: where the project is, and the real public files where a developer has them."""

import fcntl
import os
from pathlib import Path

import pytest
from project import ROOT, copy_project, rpeval

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Give the path of a real public file, or skip and say which file is absent."""

    def find(relative: str) -> Path:
        path = SHARED / relative
        if not path.exists():
            pytest.skip(f"real public data not present: ../shared/{relative}")
        return path

    return find


@pytest.fixture(scope="session")
def studies(tmp_path_factory) -> Path:
    """The reports folder of the three simulated studies, run once for all tests and all workers."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (base / "studies.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project = base / "studies"
        if not project.exists():
            copy_project(project)
            done = rpeval(
                project, "run", *(f"params/{p.name}" for p in sorted((ROOT / "params").glob("*.yml")))
            )
            (project / "run.txt").write_text(f"{done.returncode}\n{done.stdout}\n{done.stderr}")
    said = (project / "run.txt").read_text()
    assert said.startswith("0\n"), said
    return project / "reports"
