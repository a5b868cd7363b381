"""The project as a test copies and runs it, so that nothing is left in the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_project(target: Path) -> Path:
    """Copy what a run needs, so that tests leave nothing in the tree."""
    for name in ("notebooks", "params", "data/reference", "data/simulated"):
        shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True)
    return target


def rpeval(project: Path, *words: str, timeout: int = 600) -> subprocess.CompletedProcess:
    """Run the command as a user would, in a project's folder."""
    command = [sys.executable, "-c", "from rpeval.cli import main; main()", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=timeout, check=False)
