"""Make a report again in a folder of its own, from what was recorded and from what is there now."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Say = Callable[[str], None]
SYNTHESES = "params/syntheses/"
COMMAND = "from rpeval.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from.

    study     : its name
    place     : where the params file lies in the project
    params    : text of the params file
    notebooks : folders of notebooks; a later one's files take the place of an earlier one's
    reference : folder of reference data
    package   : folder of the package
    inputs    : path of each data file, as the params name it, to the file that stands there
    """

    study: str
    place: str
    params: str
    notebooks: tuple[Path, ...]
    reference: Path
    package: Path
    inputs: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Failed:
    """A run that did not finish: exit code of the command, and what it said."""

    code: int
    said: str


def build_project(sources: Sources, base: Path) -> Path:
    """Build a project that holds only what one run needs, and give its folder.

    base : an empty folder; the project lies as deep in it as paths that begin with ../ climb
    Data files are linked, or copied where the system knows no links.
    """
    climbs = max((path.split("/").count("..") for path in sources.inputs), default=0)
    project = base.joinpath(*["beside"] * climbs, "project")
    params = project / sources.place
    params.parent.mkdir(parents=True)
    params.write_bytes(sources.params.encode())
    for folder in sources.notebooks:
        shutil.copytree(folder, project / "notebooks", ignore=_hidden, dirs_exist_ok=True)
    shutil.copytree(sources.reference, project / "data" / "reference", ignore=_hidden)
    for path, source in sources.inputs.items():
        place = Path(os.path.normpath(project / path))
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(source, place)
    return project


def _hidden(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith((".", "__pycache__"))]


def _link(source: Path, place: Path) -> None:
    try:
        place.symlink_to(os.path.abspath(source))
    except OSError:
        shutil.copyfile(source, place)


def make_again(
    sources: Sources, place: Path, *, say: Say, environment: Mapping[str, str] | None = None
) -> Path | Failed:
    """Run a study or a synthesis in a project of its own; give the report's folder, or how the run failed.

    place       : a folder to work in
    say         : told one line for each notebook
    environment : variables to set for the run
    The package is the one of `sources`, in a process of its own, under this interpreter and its libraries.
    """
    project = build_project(sources, Path(tempfile.mkdtemp(dir=place)))
    word = "synthesize" if sources.place.startswith(SYNTHESES) else "run"
    command = [sys.executable, "-c", COMMAND, word, sources.place]
    variables = {**os.environ, "PYTHONPATH": str(sources.package.parent), **(environment or {})}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        code = _run(command, project, variables, complaints, say)
        complaints.seek(0)
        said = complaints.read().replace(f"{project}{os.sep}", "").strip()
    return Failed(code, said) if code else project / "reports" / sources.study


def _run(command: list[str], project: Path, variables: dict[str, str], complaints: Any, say: Say) -> int:
    running = subprocess.Popen(
        command, cwd=project, env=variables, stdout=subprocess.PIPE, stderr=complaints, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    try:
        for line in running.stdout or ():
            if not line.startswith("reports/"):
                say(line.rstrip())
        return running.wait()
    except BaseException:
        running.terminate()  # it ends its own kernels
        running.wait()
        raise
    finally:
        if running.stdout:
            running.stdout.close()
