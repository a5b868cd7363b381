"""Execute one notebook with papermill, unchanged, and believe that it finished only on every evidence."""

import errno
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rpeval import errors
from rpeval.errors import ParamsError, Problem, RpevalError, RunError
from rpeval.findings.store import write_whole
from rpeval.runs.kernel import KERNEL, kernel_class, kernel_environment, last_words, open_papermill
from rpeval.runs.notebook import Stop, check_notebook, find_stop, last_begun, read_notebook, settle

TIMEOUT = 600
NO_SPACE = f"[Errno {errno.ENOSPC}]"
FULL, FREE = "The disk is full", "Free some space and run again."
DEAD = "The kernel ended while this cell ran: killed, often because memory ran out, or by os._exit."
USER_ERRORS = {
    name: kind for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, RpevalError)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One notebook to execute.

    study   : name of the study, for messages
    source  : the notebook; it runs in its own folder
    target  : where the executed copy is written, whether the notebook finishes or not
    part    : the findings it must have saved when it has finished
    content : the params it is given
    home    : folder for the kernel's own files
    timeout : seconds that one cell may take
    excess  : says in words which limit of the study is exceeded, and what to do; two empty texts for none
    """

    study: str
    source: Path
    target: Path
    part: Path
    content: Mapping[str, Any]
    home: Path
    timeout: int = TIMEOUT
    excess: Callable[[], tuple[str, str]] = lambda: ("", "")


def execute_notebook(task: Task) -> None:
    """Execute one notebook and write its executed copy.

    Refuses (RunError) a notebook without the one parameters cell, and raises RunError unless every cell ran
    in order without an error and the notebook saved its findings. An error of rpeval's own that was raised
    in the notebook (DataError, ParamsError …) is raised again with its own text and exit code.
    """
    check_notebook(task.source)
    _check_finite(task)
    task.target.parent.mkdir(parents=True, exist_ok=True)
    ended = _run(task)
    ended = task.excess()[0] or ended
    if not task.target.exists():
        what, fix = _explain(Stop(None, "", "", ended or "The notebook was not written."), task)
        raise RunError(Problem(_where(task, None), what, fix))
    executed = read_notebook(task.target)
    stop = last_begun(executed, ended) if ended else find_stop(executed)
    what, fix = _explain(stop, task) if stop else ("", "")
    write_whole(task.target, json.dumps(settle(executed, stop, what), ensure_ascii=False, indent=1) + "\n")
    if stop:
        raise _error(stop, task, what, fix)
    _check_part(task)


def _check_finite(task: Task) -> None:
    """Refuse NaN and infinity: papermill would write them into the notebook as invalid JSON."""
    try:
        json.dumps(task.content, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise ParamsError(Problem(f"params/{task.study}.yml", f"A value cannot be handed over ({error}).",
                                  "Write finite numbers, text, true or false.")) from None  # fmt: skip


def _run(task: Task) -> str:
    """Run papermill. Give, in words, what ended the notebook where the executed copy does not show it."""
    papermill = open_papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    try:
        with kernel_environment(task.home):
            papermill.execute_notebook(
                _literal(task.source), _literal(task.target), parameters={"params": dict(task.content)},
                engine_name=_engine(), kernel_name=KERNEL, language="python", progress_bar=False,
                cwd=str(task.source.parent), start_timeout=120, execution_timeout=task.timeout,
                iopub_timeout=60, record_timing=False, shutdown_kernel="immediate",
                kernel_manager_class=kernel_class(),
            )  # fmt: skip
    except papermill.PapermillExecutionError:
        return ""  # the executed copy shows the error
    except CellTimeoutError:
        return f"This cell ran longer than {task.timeout} seconds, the time limit for one cell."
    except DeadKernelError:
        return DEAD
    except OSError as error:
        task.target.unlink(missing_ok=True)  # it may be cut short
        raise disk_error(error, _where(task, None)) from None
    except RuntimeError as error:
        said = last_words()
        if NO_SPACE in said:
            return f"{FULL}: the kernel could not write its own files."
        return f"The kernel did not start or did not answer: {said or _last_line(str(error))}"
    return ""


@cache
def _engine() -> str:
    """Name papermill's own engine, as we use it: the notebook is written once, however it ends.

    Papermill writes it before and after every cell, which costs as much as many a notebook's analysis, and
    nobody reads it before it is done.
    """
    open_papermill()
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.iorw import write_ipynb

    class WrittenOnce(NBClientEngine):
        """Papermill writes at the end and after a cell's error; this writes when the kernel has ended."""

        @classmethod
        def execute_notebook(
            cls, nb: Any, kernel_name: str, output_path: str | None = None, **settings: Any
        ) -> Any:
            try:
                return super().execute_notebook(nb, kernel_name, **settings)
            except Exception:
                write_ipynb(nb, output_path)
                raise

    papermill_engines.register("rpeval", WrittenOnce)
    return "rpeval"


def _literal(path: Path) -> str:
    """Write a path so that papermill, which fills in braces, leaves it as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _explain(stop: Stop, task: Task) -> tuple[str, str]:
    """Say what happened, and what to do about it."""
    if task.excess()[0]:
        return task.excess()
    if stop.name == "SystemExit":
        return "This cell called exit, so the notebook is not whole.", "Remove the call."
    if stop.name and NO_SPACE in stop.text:
        return f"{FULL}: {_last_line(stop.text)}.", FREE
    if stop.name:
        return f"{stop.name}: {_last_line(stop.text)}", "Mend the cell, or the data it reads, and run again."
    if stop.text.startswith(FULL):
        return stop.text, FREE
    if "longer than" in stop.text:
        return stop.text, "Allow more with --timeout, or make the cell faster."
    if stop.text == DEAD:
        return stop.text, "Close other programs or use a machine with more memory, and run again."
    return stop.text, "Run it again."


def _error(stop: Stop, task: Task, what: str, fix: str) -> RpevalError:
    kind = USER_ERRORS.get(stop.name)
    if kind is None or f" {kind.subject}:" not in stop.text:  # other libraries have a DataError, too
        return RunError(Problem(_where(task, stop), what, fix))
    error = kind(())
    error.args = (f"{stop.text}\nRaised in {_where(task, stop)}",)
    return error


def _where(task: Task, stop: Stop | None) -> str:
    place = f"{task.study}, notebooks/{task.source.name}"
    return f"{place}, cell [{stop.cell}] `{stop.line}`" if stop and stop.cell else place


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _check_part(task: Task) -> None:
    """Refuse (RunError) a notebook that ran to its end and left no findings, or another study's."""
    try:
        part = json.loads(task.part.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        part = {}
    if part.get("complete") is not True or part.get("study") != task.study:
        what = "Every cell ran, but the notebook saved no findings of this study."
        raise RunError(Problem(_where(task, None), what, "End the notebook with book.save()."))


def disk_error(error: OSError, where: str) -> RunError:
    """Say in words why a file could not be written or read."""
    name = Path(error.filename).name if isinstance(error.filename, str | bytes) and error.filename else ""
    reason = f"{error.strerror or error}{f' ({name})' if name else ''}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(Problem(where, f"{FULL}: {reason}.", FREE))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        fix = "Allow writing there, or move the project to a folder of your own."
        return RunError(Problem(where, f"A file or folder cannot be written: {reason}.", fix))
    return RunError(Problem(where, f"Reading or writing failed: {reason}.", "Run it again."))
