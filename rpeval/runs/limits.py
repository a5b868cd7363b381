"""How long a study may take and how much memory it may hold, watched from beside it.

A study over a limit is stopped by killing its own kernel, so that no other study is harmed.
"""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from rpeval.errors import Problem, RunError
from rpeval.runs.kernel import kernel_groups

LOOK = 0.2  # seconds between two looks
PROCESSES = Path("/proc")
MB = 1_000_000


def can_measure_memory() -> bool:
    """Say whether this system tells how much memory a process holds (Linux does)."""
    return (PROCESSES / "self" / "stat").is_file()


class Watch:
    """Watches one study for as long as it runs: `with Watch(...) as watch`.

    study     : name of the study, for messages
    seconds   : the longest it may run; None for no limit
    megabytes : the most memory that this process and the notebook's kernel, with all that it starts, may hold
                together (resident memory, 1 MB = 1,000,000 bytes); None for no limit
    Over a limit, `excess` says in words what happened and what to do, and the kernel is killed.
    """

    def __init__(self, study: str, *, seconds: float | None = None, megabytes: int | None = None):
        self.study, self.seconds, self.megabytes = study, seconds, megabytes
        self.excess: tuple[str, str] = ("", "")
        self._until = None if seconds is None else time.monotonic() + seconds
        self._left = threading.Event()

    def __enter__(self) -> "Watch":
        if self._until is not None or self._limits_memory():
            threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def check(self) -> None:
        """Refuse (RunError) to go on with a study that is over a limit."""
        if self.excess[0]:
            raise RunError(Problem(self.study, *self.excess))

    def _limits_memory(self) -> bool:
        return self.megabytes is not None and can_measure_memory()

    def _look(self) -> None:
        while not self._left.wait(LOOK):
            self.excess = self.excess if self.excess[0] else self._judge()
            for group in kernel_groups() if self.excess[0] else ():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)

    def _judge(self) -> tuple[str, str]:
        if self._until is not None and time.monotonic() > self._until:
            return tell_time(self.seconds or 0)
        held = held_memory(kernel_groups()) // MB if self._limits_memory() else 0
        if held > (self.megabytes or held):
            what = f"The study held {held:,} MB of memory, more than its limit of {self.megabytes:,} MB."
            return what, "Allow more with --memory, or give the study less data."
        return "", ""


def tell_time(seconds: float) -> tuple[str, str]:
    """Say that a study ran too long, and what to do.

    >>> tell_time(60)[0]
    'The study ran longer than 60 seconds, the time limit for one study.'
    """
    what = f"The study ran longer than {seconds:g} seconds, the time limit for one study."
    return what, "Allow more with --study-timeout, or find what takes so long in the notebook."


def held_memory(groups: list[int]) -> int:
    """Give the bytes of memory that this process and all processes of some process groups hold."""
    total, own = 0, os.getpid()
    for path in PROCESSES.glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[2]) in groups or path.parent.name == str(own):
            total += int(fields[21])
    return total * os.sysconf("SC_PAGE_SIZE")
