"""The clean room: a folder in which only the notebooks and the declared inputs exist."""

import contextlib
import copy
import functools
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import DataError, Problem, RunError
from rpeval.inputs.plan import fingerprint, lock_files
from rpeval.runs.lock import is_held

MARK = ".rpeval-room"


@dataclass(frozen=True, slots=True)
class Input:
    """One declared file.

    key    : where the params name it ("panel", "panel.enrollment")
    path   : as the params write it: relative to the project, with /
    source : the file itself
    place  : its copy in the room
    """

    key: str
    path: str
    source: Path
    place: Path
    sha256: str
    bytes_n: int


@dataclass(frozen=True, slots=True)
class Room:
    """A clean room that stands.

    root   : the room's folder; to the notebooks it is the project
    study  : name of the study
    folder : where the study's report grows
    inputs : the declared files, the params file first
    content: the params as the notebooks get them: files from beside the project lead to their copies
    """

    root: Path
    study: str
    folder: Path
    inputs: tuple[Input, ...]
    content: dict[str, Any]

    @property
    def home(self) -> Path:
        """The folder for files of the kernels' own, outside of what is checked and kept."""
        return home_in(self.root)


@contextlib.contextmanager
def open_room(reports: Path, study: str) -> Iterator[Path]:
    """Make an empty, marked folder for a study beside its report, and remove it in the end, whatever happens.

    It is on the reports' own file system, so that the finished report moves into place in one step.
    """
    root = reports / f".room-{study}-{secrets.token_hex(4)}"
    root.mkdir(parents=True)
    try:
        (root / MARK).write_text(f"{study}\n", encoding="utf-8")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def home_in(root: Path) -> Path:
    """Give the folder in a room for files of the kernels' own."""
    return root / ".kernel"


def furnish(root: Path, params: Any, params_path: Path) -> Room:
    """Make an empty room a clean one: with the notebooks, the reference data and a study's declared files.

    root        : the room's folder
    params      : the study's params (root, study, source_paths())
    params_path : the params file
    A notebook that reads a file nobody declared fails in it, rather than making a report that no one else can
    make again. Refuses (DataError) a declared file that is not there.
    """
    for name in ("notebooks", "data/reference"):
        copy_folder(params.root / name, root / name)
    content = copy.deepcopy(params.resolved())
    inputs = [_bring("params", params_path, f"params/{params.study}.yml", root)]
    for key, source in params.source_paths().items():
        told = functools.reduce(dict.__getitem__, key.split("."), content["sources"])
        inputs.append(_bring(key, source, told["path"], root))
        told["path"] = inputs[-1].place.relative_to(root).as_posix()
    for key, path in lock_files(params).items():
        inputs.append(_bring(key, path, f"params/{path.name}", root))
    folder = root / "reports" / params.study
    folder.mkdir(parents=True)
    return Room(root, params.study, folder, tuple(inputs), content)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder's files, hidden ones left out; the first that cannot be copied raises its own OSError."""
    for path in list_visible(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def list_visible(folder: Path) -> list[Path]:
    """List the files below a folder in order, hidden ones left out."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)]


def name_inputs(params: Any, params_path: Path) -> dict[str, Path]:
    """Give every declared file of a study by the name it has in the manifest."""
    return {"params": params_path, **params.source_paths(), **lock_files(params)}


def _bring(key: str, source: Path, path: str, root: Path) -> Input:
    """Copy one declared file of a study into its room."""
    if not source.is_file():
        raise DataError(Problem(f"sources.{key}", f"There is no file {path}.", "Correct its path."))
    return bring(key, path, Path(os.path.abspath(source)), root / place_inside(path, key))


def place_inside(path: str, key: str) -> str:
    """Say where in the room a file or folder goes: to its place in the project; from beside it, apart."""
    return f"data/beside/{key}/{Path(path).name}" if path.startswith("../") else path


def report_places(folders: Iterable[str]) -> dict[str, str]:
    """Say where in the room of a synthesis each report's folder goes, by its path in the params."""
    return {folder: place_inside(folder, f"report-{n}") for n, folder in enumerate(folders)}


def bring(key: str, path: str, source: Path, place: Path) -> Input:
    """Copy a file to its place in the room."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    return record_input(key, path, source, place)


def record_input(key: str, path: str, source: Path, place: Path) -> Input:
    """Describe a declared file by its copy in the room."""
    return Input(key, path, source, place, fingerprint(place), place.stat().st_size)


def check_inputs(inputs: tuple[Input, ...]) -> None:
    """Refuse (RunError) inputs that changed during the run, the files as well as their copies."""
    changed = [
        tell_change(item.path, "was removed" if now is None else "changed")
        for item in inputs
        for now in {hash_or_none(item.source), hash_or_none(item.place)} - {item.sha256}
    ]  # fmt: skip
    if changed:
        raise RunError(changed)


def check_copies(inputs: tuple[Input, ...], marks: Mapping[str, str | None]) -> None:
    """Refuse (RunError) copies in the room that are not the files which were marked before."""
    if changed := [tell_change(i.path, "changed") for i in inputs if i.sha256 != marks.get(i.key)]:
        raise RunError(changed)


def tell_change(path: str, how: str) -> Problem:
    """Say that an input is no longer what it was when its run began."""
    return Problem(path, f"This file {how} during the run.", "Let nothing write to it, and run again.")


def hash_or_none(path: Path) -> str | None:
    """Hash a file; None where it cannot be read."""
    try:
        return fingerprint(path)
    except OSError:
        return None


def sweep_rooms(reports: Path, study: str) -> None:
    """Remove the rooms that dead runs left behind. Call it while holding the study's own lock.

    A room is removed only when it bears the mark, or is empty, and no run that is alive holds its study.
    """
    for room in sorted(reports.glob(".room-*")):
        owner = room.name.removeprefix(".room-").rpartition("-")[0]
        if not room.is_dir():
            continue
        marked = (room / MARK).is_file() or not any(room.iterdir())
        if marked and (owner == study or not is_held(reports, owner)):
            shutil.rmtree(room, ignore_errors=True)
