"""One run at a time on one study."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rpeval.errors import Problem, RunError

_FAR = 1 << 20  # Windows forbids reading locked bytes, so the lock sits far behind the process number
_PAUSES = (0, 0.01, 0.04, 0.2)  # seconds: another run may hold the lock only to see whether anybody does


@contextlib.contextmanager
def hold(folder: Path, study: str) -> Iterator[None]:
    """Hold the lock of a study's report folder, or refuse (RunError) because another run holds it.

    The lock belongs to the process, not to the file: when a process dies, the system lets go of its locks, so
    a stale file of a dead run locks nothing.
    """
    path = _path(folder, study)
    for pause in _PAUSES:
        time.sleep(pause)
        if (handle := _take(path)) is not None:
            break
    else:
        what = f"Another run{_owner(path)} is writing this report."
        raise RunError(Problem(f"reports/{study}", what, "Wait until it has ended, or end it."))
    try:
        yield
    finally:
        _give_back(handle, path)


def is_held(folder: Path, study: str) -> bool:
    """Say whether a run that is alive holds the lock of a study."""
    handle = _take(_path(folder, study))
    if handle is None:
        return True
    _give_back(handle, _path(folder, study))
    return False


def _path(folder: Path, study: str) -> Path:
    return folder / f".lock-{study}"


def _take(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, handle)
            try:
                _lock(handle)
            except (BlockingIOError, PermissionError):
                return None
            if _same_file(handle, path):
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
                stack.pop_all()
                return handle
        # the holder before us removed the file between our opening and our locking it: once more


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _give_back(handle: int, path: Path) -> None:
    """Remove the file, then let go; Windows cannot remove an open file, so there it stays, unlocked."""
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(handle)


def _owner(path: Path) -> str:
    try:
        return f" (process {int(path.read_text())})"
    except (OSError, ValueError):
        return ""
