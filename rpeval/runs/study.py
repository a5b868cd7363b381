"""One study, from its params file to a finished report."""

import contextlib
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpeval.errors import DataError, Problem, RpevalError, RunError
from rpeval.inputs.check import check
from rpeval.inputs.kept import keeping
from rpeval.inputs.params import read_params
from rpeval.kernels import client as warm
from rpeval.runs.execute import TIMEOUT, Task, disk_error, execute_notebook
from rpeval.runs.interrupt import interruptible
from rpeval.runs.kernel import kept_figures, kept_inputs, open_papermill
from rpeval.runs.limits import Watch, can_measure_memory
from rpeval.runs.lock import hold
from rpeval.runs.manifest import check_outputs, open_manifest, renew_manifest, write_manifest
from rpeval.runs.room import (
    Room,
    check_copies,
    check_inputs,
    copy_folder,
    furnish,
    hash_or_none,
    home_in,
    name_inputs,
    open_room,
    sweep_rooms,
)
from rpeval.runs.swap import check_place, drop_failure, keep_failure, publish, recover
from rpeval.runs.task import Silent

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A notebook of the road.

    name    : the notebook's name without its ending
    sources : entries of `sources`, or of the params; it runs with any of them, or always where none is named
    """

    name: str
    sources: tuple[str, ...] = ()


LOGS = ("practices", "training", "fidelity", "staffing", "sections", "summer", "costs")
STEPS = (
    Step("00_planning", sources=("plan",)),
    Step("01_suspensions"),
    Step("02_disproportionality"),
    Step("03_belonging", sources=("survey",)),
    Step("04_implementation", sources=LOGS),
    Step("05_report"),
)


def say_nothing(line: str) -> None:
    """Take a line of progress and drop it."""


def run_study(
    params_path: Path | str, *, timeout: int = TIMEOUT, say: Say = say_nothing,
    study_timeout: float | None = None, memory: int | None = None, listener: Any = None,
) -> Path:  # fmt: skip
    """Make a study's report: check, run the notebooks in a clean room, render, put it in place.

    params_path   : the params file
    timeout       : seconds that one cell may take
    say           : told one line for each notebook
    study_timeout : seconds that the whole study may take; None for no limit
    memory        : megabytes that this process and the notebook's kernel may hold; None for no limit. Where
                    the system does not tell what a process holds, that is said, and there is no limit.
    listener      : hears where the report will be and which notebook begins, see rpeval.runs.task
    Returns the report's folder. A run that does not finish leaves the earlier report untouched and keeps the
    notebook that stopped in reports/<study>.failed. Raises ParamsError, DataError, RunError, FindingError.
    """
    warm.start()
    listener = listener or Silent()
    params_path = Path(params_path)
    marks = {"params": hash_or_none(params_path)}  # what is checked must be what is used
    params = read_params(params_path)
    target = params.root / "reports" / params.study
    with Watch(params.study, seconds=study_timeout, megabytes=memory) as watch:
        files = name_inputs(params, params_path)
        marks |= {key: hash_or_none(path) for key, path in files.items() if key not in marks}
        if memory is not None and not can_measure_memory():
            say(f"{params.study}  This system does not tell how much memory a process holds: no limit.")
        with interruptible(), at_place(target), open_room(target.parent, params.study) as root:
            with keeping(kept_inputs(home_in(root))):
                stopping = [problem for problem in check(params) if problem.stops]
            if stopping:
                raise DataError(stopping)
            room = furnish(root, params, params_path)
            check_copies(room.inputs, marks)
            listener.begin(target)
            open_papermill()
            _make(room, params, target, timeout=timeout, say=say, watch=watch, listener=listener)
    return target


def _make(
    room: Room, params: Any, target: Path, *, timeout: int, say: Say, watch: Watch, listener: Any
) -> None:
    """Run the notebooks in a room, render, and put the report in its place."""
    started = now()
    threading.Thread(target=_preload_pages, daemon=True).start()
    with _keeping_failure(target):
        steps = choose_steps(room, params)
    for number, step in enumerate(steps, start=1):
        task = _task(step, room, timeout, watch)
        with _keeping_failure(target, task.target):
            begun = time.monotonic()
            listener.step(step.name, number, len(steps))
            execute_notebook(task)
            watch.check()
            say(f"{room.study}  {step.name}  {time.monotonic() - begun:.1f} s")
    with _keeping_failure(target):
        _finish(room, params, steps=steps, started=started)
        watch.check()
        publish(room.folder, target)
    drop_failure(failed_folder(target))


def _finish(room: Room, params: Any, *, steps: tuple[Step, ...], started: str) -> None:
    """Turn what the notebooks saved into a whole report: pages (they collect the findings), manifest last."""
    for item in room.inputs:
        if item.key == "template":
            shutil.copyfile(item.place, room.folder / "template.docx")
    log = params.root / "params" / f"{params.study}.decisions.json"
    if log.is_file():  # what was decided, as it stood: an output, for a later entry does not change the data
        shutil.copyfile(log, room.folder / "decisions.json")
    _load_pages()(room.folder, kept=kept_figures(room.home))
    check_inputs(room.inputs)
    names = tuple(step.name for step in steps)
    when = {"start": started, "end": now()}
    write_manifest(room.folder, room=room, params=params, notebooks=names, when=when)


def _load_pages() -> Callable[..., Path]:
    """Import what makes the pages: it takes seconds, so it is done while the first notebook runs."""
    from rpeval.reports.render import render

    return render


def _preload_pages() -> None:
    """Import it beside a notebook; what is wrong with it is told when it is used."""
    with contextlib.suppress(Exception):
        _load_pages()


def choose_steps(room: Room, params: Any) -> tuple[Step, ...]:
    """Choose the notebooks that a study's params call for; refuses (RunError) when one of them is missing."""
    resolved = params.resolved()
    given = {*resolved, *resolved["sources"]}
    wanted = [s for s in STEPS if not s.sources or given & set(s.sources)]
    missing = [s.name for s in wanted if not (room.root / "notebooks" / f"{s.name}.ipynb").is_file()]
    if missing:
        raise RunError([
            Problem(f"notebooks/{name}.ipynb", f"{room.study} needs this notebook and it is not there.",
                    "Put it back from the repository.") for name in missing
        ])  # fmt: skip
    return tuple(wanted)


def _task(step: Step, room: Room, timeout: int, watch: Watch) -> Task:
    return Task(
        study=room.study, source=room.root / "notebooks" / f"{step.name}.ipynb",
        target=room.folder / "notebooks" / f"{step.name}.ipynb",
        part=room.folder / "findings" / f"{step.name}.json",
        content=room.content, home=room.home, timeout=timeout, excess=lambda: watch.excess,
    )  # fmt: skip


@contextlib.contextmanager
def at_place(target: Path) -> Iterator[None]:
    """Hold a report's place: locked, in order, free of what dead runs left, and fit to be replaced.

    Refuses (RunError) a place that another run holds, and a folder that no run made.
    """
    reports, where = target.parent, f"reports/{target.name}"
    try:
        reports.mkdir(exist_ok=True)
        with hold(reports, target.name):
            recover(target)
            sweep_rooms(reports, target.name)
            check_place(target)
            yield
    except OSError as error:
        raise disk_error(error, where) from error


@contextlib.contextmanager
def _keeping_failure(target: Path, notebook: Path | None = None) -> Iterator[None]:
    """When this part of a run fails, keep the notebook it was about, say where, and let the error go on."""
    try:
        yield
    except OSError as error:
        failure = disk_error(error, f"reports/{target.name}")
        _keep(target, failure, str(failure), notebook)
        raise failure from error
    except RpevalError as error:
        _keep(target, error, str(error), notebook)
        raise
    except Exception as error:
        _keep(target, error, traceback.format_exc(), notebook)
        raise


def _keep(target: Path, error: Exception, text: str, notebook: Path | None) -> None:
    """Keep what there is; a full disk must not hide the error that came first."""
    folder = failed_folder(target)
    place = f"{folder.parent.name}/{folder.name}"
    note = f"Kept in {place}/failure.txt."
    if notebook is not None and notebook.is_file():
        note = f"The notebook is kept. Open it with: {_command(target, f'{place}/{notebook.name}')}"
    try:
        keep_failure(folder, notebook, f"{text}\n{note}\n")
    except OSError:
        return
    if isinstance(error, RpevalError):
        error.args = (f"{error}\n{note}",)


def _command(target: Path, place: str) -> str:
    """Write the command that opens a notebook in JupyterLab, run from the project's folder."""
    root, scripts = target.parent.parent, Path(sys.executable).parent
    jupyter = scripts.relative_to(root) / "jupyter" if scripts.is_relative_to(root) else Path("jupyter")
    return f'{jupyter} lab "{place}"'


def failed_folder(target: Path) -> Path:
    """Give the folder beside a report in which a run that failed leaves what there is to look at."""
    return target.with_name(f"{target.name}.failed")


def now() -> str:
    """Give the time in UTC, to the second, as a manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def report_again(folder: Path | str) -> Path:
    """Render a finished report's pages again from its findings, without running any notebook.

    Use after a change of templates or wording. Refuses (RunError) a folder that is no finished report, and
    one whose findings, tables or notebooks are not as the run left them.
    """
    target = Path(os.path.abspath(folder))
    content = open_manifest(target)
    with interruptible(), at_place(target):
        check_outputs(target, content)
        with replacing(target) as copy:
            copy_folder(target, copy)
            _load_pages()(copy)
            renew_manifest(copy, content, now())
    return target


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give an empty folder, and put it in a report's place when all that is to be in it was written.

    Call it while holding the place. When anything fails, the report stays as it was.
    """
    with open_room(target.parent, target.name) as room:
        (room / target.name).mkdir()
        yield room / target.name
        publish(room / target.name, target)
