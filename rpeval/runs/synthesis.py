"""One synthesis over several studies, from finished reports or a table of estimates to a report."""

import copy
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from rpeval.errors import ParamsError, Problem, RpevalError
from rpeval.findings.store import write_whole
from rpeval.inputs.params import find_file, find_root
from rpeval.inputs.synthesis import ABOUT, Synthesis, read_synthesis
from rpeval.kernels import client as warm
from rpeval.reports.render import render
from rpeval.runs.execute import TIMEOUT, Task, execute_notebook
from rpeval.runs.interrupt import interruptible
from rpeval.runs.kernel import kept_figures
from rpeval.runs.manifest import write_manifest
from rpeval.runs.room import (
    Input,
    Room,
    bring,
    check_inputs,
    copy_folder,
    open_room,
    place_inside,
    record_input,
    report_places,
)
from rpeval.runs.study import at_place, failed_folder, now, say_nothing
from rpeval.runs.swap import drop_failure, keep_failure, publish

NOTEBOOK = "06_synthesis"
Say = Callable[[str], None]


def name_studies(
    folders: Sequence[Path | str], *, finding: str, name: str = "", root: Path | None = None
) -> dict[str, Any]:
    """Give the params of a synthesis over the reports in some folders, for `run_synthesis`.

    folders : finished reports
    finding : id of what is pooled
    name    : of the synthesis; after the finding where none is given
    root    : the project's folder, found from here where absent
    Whether it is simulated follows the first report; one of the other kind is refused when the reports are
    read. Refuses (ParamsError) no folder at all, and a first folder that is no finished report.
    """
    root = root or find_root()
    if not folders:
        raise ParamsError(
            Problem("synthesize", "No report is named.", "Name folders like reports/lakeshore.")
        )
    simulated = _is_simulated(Path(folders[0]))
    several = f"{len(folders)} {'study' if len(folders) == 1 else 'studies'}"
    return {
        "synthesis": name or finding.replace(".", "-").replace("_", "-"),
        "title": f"Synthesis of {finding} over several districts",
        "simulated": simulated,
        "districts": f"{several} (simulated)" if simulated else several,
        "finding": finding,
        "sources": {"reports": [Path(os.path.relpath(folder, root)).as_posix() for folder in folders]},
    }


def _is_simulated(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["simulated"])
    except (OSError, ValueError, KeyError, TypeError):
        what, fix = "This is no finished report.", "Run the study first: rpeval run."
        raise ParamsError(Problem(str(folder), what, fix)) from None


def run_synthesis(
    source: Path | str | dict[str, Any], *, root: Path | None = None, timeout: int = TIMEOUT,
    say: Say = say_nothing,
) -> Path:  # fmt: skip
    """Make the report of a synthesis: run notebook 06 in a clean room, render, put it in place.

    source  : a file of params/syntheses, or what `name_studies` gives
    root    : the project's folder, found by walking up where absent
    timeout : seconds that one cell may take
    say     : told one line
    Returns reports/synthesis-<name>. What is read (a table, or of each report its findings, manifest and one
    table) is copied into the room and hashed in the manifest. A synthesis that is refused, fails or is
    stopped leaves an earlier report untouched and keeps the notebook in reports/synthesis-<name>.failed.
    Raises ParamsError, DataError, MethodError (the studies do not answer one question), RunError.
    """
    warm.start()
    synthesis = read_synthesis(source, root)
    text = _text(source)
    target = synthesis.root / "reports" / synthesis.study
    with interruptible(), at_place(target), open_room(target.parent, target.name) as place:
        room = _furnish(place, synthesis, text)
        _make(room, synthesis, target, timeout=timeout)
    say(f"{synthesis.study}  {NOTEBOOK}")
    return target


def _text(source: Path | str | dict[str, Any]) -> str:
    """Give the params as a file holds them, or would."""
    if isinstance(source, dict):
        return ABOUT + yaml.safe_dump({"params": source}, sort_keys=False, allow_unicode=True, width=110)
    path = find_file(str(source), None)
    return path.read_text(encoding="utf-8")


def _make(room: Room, synthesis: Synthesis, target: Path, *, timeout: int) -> None:
    """Run the notebook, render, write the manifest last, and swap; keep what there is where one fails."""
    started = now()
    notebook = f"notebooks/{NOTEBOOK}.ipynb"
    task = Task(
        study=room.study, source=room.root / notebook, target=room.folder / notebook,
        part=room.folder / "findings" / f"{NOTEBOOK}.json",
        content=room.content, home=room.home, timeout=timeout,
    )  # fmt: skip
    try:
        execute_notebook(task)
        render(room.folder, kept=kept_figures(room.home))
        check_inputs(room.inputs)
        when = {"start": started, "end": now()}
        write_manifest(room.folder, room=room, params=synthesis, notebooks=(NOTEBOOK,), when=when)
        publish(room.folder, target)
    except RpevalError as error:
        kept = failed_folder(target)
        keep_failure(kept, task.target, f"{error}\n")
        error.args = (f"{error}\nThe notebook is kept in reports/{kept.name}.",)
        raise
    drop_failure(failed_folder(target))


def _furnish(place: Path, synthesis: Synthesis, text: str) -> Room:
    """Put the notebook, the reference data, the params and what they name into a room."""
    (place / "notebooks").mkdir()
    shutil.copyfile(synthesis.root / f"notebooks/{NOTEBOOK}.ipynb", place / f"notebooks/{NOTEBOOK}.ipynb")
    copy_folder(synthesis.root / "data/reference", place / "data/reference")
    inputs, content = [_params(place, synthesis, text)], copy.deepcopy(synthesis.resolved())
    moved = report_places(synthesis.sources.reports)
    content["sources"]["reports"] = list(moved.values())
    for key, source in synthesis.source_paths().items():
        path = Path(os.path.relpath(source, synthesis.root)).as_posix()
        folder = next((f for f in moved if path.startswith(f"{f}/")), None)
        inside = path.replace(folder, moved[folder], 1) if folder else place_inside(path, key)
        inputs.append(bring(key, path, source, place / inside))
        if key in content["sources"]:
            content["sources"][key]["path"] = inside
    folder = place / "reports" / synthesis.study
    folder.mkdir(parents=True)
    return Room(place, synthesis.study, folder, tuple(inputs), content)


def _params(place: Path, synthesis: Synthesis, text: str) -> Input:
    path = f"params/syntheses/{synthesis.synthesis}.yml"
    write_whole(place / path, text)
    copied = place / path
    return record_input("params", path, copied, copied)
