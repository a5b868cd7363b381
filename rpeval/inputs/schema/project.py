"""Where the project is, and which of its files a params file can name."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.words import list_words, nearest, quote

LAYOUTS = "data/reference/layouts"
INSTRUMENTS = "data/reference/instruments"
FIDELITY = "data/reference/fidelity"
DEFINITIONS = "data/reference/definitions"
STATE_RULES = "data/reference/significant_disproportionality"
NAMED = 5  # files named in one message


@dataclass(frozen=True, slots=True)
class Project:
    """What the checks of a params file may look at beyond the file.

    root      : the project's folder
    stem      : the file's name without .yml, or None where the content came without a file
    simulated : whether the study says that it is simulated, or None where that is not clear
    measures  : names of the measures, or None where they cannot be read
    claimed   : gives the ids and the organizations of the claims register, read only when it is asked for
    """

    root: Path
    stem: str | None = None
    simulated: bool | None = None
    measures: tuple[str, ...] | None = None
    claimed: Callable[[], tuple[str, ...]] = tuple


def find_root(start: str | Path | None = None) -> Path:
    """Find the project's folder: the nearest one, walking up, that holds notebooks/ and params/.

    Use so that a notebook, papermill and the command line agree on what a path means.

    start : a file or folder inside the project; the working directory where absent
    Refuses (ParamsError) where no folder above `start` holds both.
    """
    here = Path(os.path.abspath(start or Path.cwd()))
    for folder in (here, *here.parents):
        if os.path.isdir(folder / "notebooks") and os.path.isdir(folder / "params"):
            return folder
    what = "No project is found here: no folder from here upward holds both notebooks/ and params/."
    raise ParamsError(Problem(here.name or str(here), what, "Run this inside the project's folder."))


def show_path(path: Path, root: Path) -> str:
    """Name a file relative to the project, where it lies inside; messages never show a machine's folders."""
    path = Path(os.path.abspath(path))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def reference_names(root: Path, folder: str) -> list[str]:
    """List the layouts, instruments or packs of a project by name, sorted."""
    return sorted(path.stem for path in (root / folder).glob("*.yml"))


def explain_absent(root: Path, relative: str) -> tuple[str, str] | None:
    """Say why a path does not lead to a file, and what was probably meant; None where it does."""
    if os.path.isfile(root / relative):
        return None
    if os.path.isdir(root / relative):
        return f"{quote(relative)} is a folder.", f"Write the path of a file in it{_files(root / relative)}."
    folder, depth = root, 0
    parts = PurePosixPath(relative).parts
    while os.path.exists(folder / parts[depth]):
        folder, depth = folder / parts[depth], depth + 1
    what, meant = f"There is no file {quote(relative)}.", nearest(parts[depth], _names(folder))
    if meant:
        return what, f"Write {quote('/'.join((*parts[:depth], meant, *parts[depth + 1 :])))} instead."
    where = "The project's folder" if depth == 0 else f"{'/'.join(parts[:depth])}/"
    return what, f"Put it there, or name a file that exists ({where} holds{_files(folder)})."


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []


def _files(folder: Path) -> str:
    names = _names(folder)
    more = ", …" if len(names) > NAMED else ""
    return f": {list_words(names[:NAMED])}{more}" if names else ": nothing"
