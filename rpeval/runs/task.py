"""One study as a task: a plain function from plain values to plain values, for a worker here or elsewhere."""

import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import RpevalError

FAULT = 70
MADE, KEPT, FAILED = "made", "kept", "failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one study may take.

    cell   : seconds for one cell of a notebook
    study  : seconds for the whole study; None for no limit
    memory : megabytes of memory, the kernel's included; None for no limit
    """

    cell: int = 600
    study: float | None = None
    memory: int | None = None


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study; plain values, so it can be written as JSON.

    params  : the params file, as it was given
    state   : "made", "kept" (nothing had changed) or "failed"
    code    : exit code, 0 unless it failed
    seconds : how long it took
    folder  : the report, where there is one
    text    : what went wrong, in words
    """

    params: str
    state: str
    code: int = 0
    seconds: float = 0.0
    folder: str = ""
    text: str = ""


class Silent:
    """Hears how a study goes on, and does nothing; the form of every listener."""

    def again(self, why: str) -> None:
        """Hear why a study that has a report is run."""

    def begin(self, target: Path) -> None:
        """Hear where the report of the study that begins now will be."""

    def step(self, name: str, number: int, of: int) -> None:
        """Hear that a notebook begins."""

    def line(self, text: str) -> None:
        """Hear a line about a notebook that has ended."""


def run_one(
    params_path: str | Path, *, limits: Limits = LIMITS, resume: bool = False, debug: bool = False,
    listener: Any = None,
) -> Outcome:  # fmt: skip
    """Run one study and say what became of it; no error leaves this function but KeyboardInterrupt.

    params_path : the params file
    limits      : what the study may take
    resume      : keep a report that is whole and whose making has not changed, see `why_again`
    debug       : tell the traceback of a fault of rpeval
    listener    : hears how it goes on; see `Silent`
    """
    begun = time.monotonic()
    try:
        state, folder = _run(Path(params_path), limits, resume, listener or Silent())
    except Exception as error:
        return failed(params_path, error, seconds=time.monotonic() - begun, debug=debug)
    return Outcome(str(params_path), state, 0, round(time.monotonic() - begun, 1), str(folder))


def _run(path: Path, limits: Limits, resume: bool, listener: Any) -> tuple[str, Path | str]:
    from rpeval.runs.resume import why_again
    from rpeval.runs.study import run_study

    if resume:
        folder, why = why_again(path)
        if not why:
            return KEPT, folder
        listener.again(why)
    return MADE, run_study(
        path, timeout=limits.cell, say=listener.line, study_timeout=limits.study, memory=limits.memory,
        listener=listener,
    )  # fmt: skip


def failed(path: str | Path, error: Exception, *, seconds: float = 0.0, debug: bool = False) -> Outcome:
    """Give the outcome of a study that an error ended; an error that is none of ours is a fault of rpeval.

    >>> failed("params/x.yml", KeyError("oss"), seconds=1.26).code
    70
    """
    ours = isinstance(error, RpevalError)
    code = error.exit_code if ours else FAULT
    text = str(error) if ours else tell_fault(path, error, debug=debug)
    return Outcome(str(path), FAILED, code, round(seconds, 1), "", text)


def tell_fault(path: str | Path, error: Exception, *, debug: bool) -> str:
    """Say in words that rpeval itself has a fault.

    >>> tell_fault("params/x.yml", KeyError("oss"), debug=False)[:40]
    "params/x.yml: KeyError: 'oss'. This is a"
    """
    trace = "".join(traceback.format_exception(error)) if debug else ""
    return (
        f"{trace}{path}: {type(error).__name__}: {error}. This is a fault of rpeval; run again with --debug"
        " for the traceback."
    )
