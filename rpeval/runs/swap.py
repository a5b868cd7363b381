"""Put a finished report in the place of the old one, so that at any moment one whole report can be found."""

import os
import shutil
from pathlib import Path

from rpeval.errors import Problem, RunError
from rpeval.runs.manifest import is_finished


def publish(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`; both on one file system.

    A folder cannot be renamed onto another, so there are two renames: the old report goes aside, the new one
    takes its place. After a crash between them there is no report but the one aside, and `recover` puts it
    back; after a crash behind them there are both, and `recover` removes the one aside. What is renamed has
    reached the disk, so that a power cut leaves no report with empty files.
    """
    aside = _aside(target)
    _write_through(new)
    try:
        if target.exists():
            os.rename(target, aside)
        os.rename(new, target)
    finally:
        recover(target)


def _write_through(folder: Path) -> None:
    """Let the system write a folder's files to the disk, and the list of them, where it can."""
    for path in sorted([folder, *folder.rglob("*")]):
        if path.is_file() or os.name == "posix":  # elsewhere a folder cannot be opened
            handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def recover(target: Path) -> None:
    """Bring a report's place in order, whatever moment a run died at. Call it while holding the lock."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        os.rename(aside, target)
    elif aside.exists():
        shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".old-{target.name}")


def check_place(target: Path) -> None:
    """Refuse (RunError) to replace a folder that no run made: someone's own files may be in it."""
    if target.exists() and not is_finished(target):
        where = f"{target.parent.name}/{target.name}"
        raise RunError(Problem(where, "This folder is no finished report, so it is not replaced.",
                               "Move it away or remove it, and run again."))  # fmt: skip


def keep_failure(folder: Path, notebook: Path | None, text: str) -> None:
    """Keep what a failed run leaves to look at: the notebook as far as it ran, and what went wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "failure.txt").write_text(text, encoding="utf-8")
    if notebook is not None and notebook.exists():
        shutil.copyfile(notebook, folder / notebook.name)


def drop_failure(folder: Path) -> None:
    """Remove what an earlier failed run left."""
    shutil.rmtree(folder, ignore_errors=True)
