"""Many studies at once: a few worker processes, one warm process for all their kernels, nothing lost.

This process itself imports next to nothing and reads no data, so it stays small however many studies there
are; a worker is replaced after a number of studies for the same reason.
"""

import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.kernels.client import SOCKET, UnavailableError, WarmProcess, share
from rpeval.runs.interrupt import interruptible
from rpeval.runs.task import LIMITS, Limits, Outcome, failed

STUDIES = 25  # after so many a worker is replaced
GRACE = 20.0  # seconds beyond a study's time limit after which its worker itself is killed
PATIENCE = 12.0  # seconds that workers may take to clean up when they are stopped
TICK = 0.25  # seconds between two looks at the clock
DEATHS = 3  # so often the warm process is started anew


def count_cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def name_once(paths: Iterable[Path]) -> list[Path]:
    """Give the files of a list, each once, as it was named last.

    >>> len(name_once([Path("a.yml"), Path("./b.yml"), Path("x/../a.yml")]))
    2
    """
    return list({os.path.abspath(path): path for path in paths}.values())


def run_batch(
    paths: Iterable[Path], *, jobs: int | None = None, limits: Limits = LIMITS, resume: bool = False,
    debug: bool = False, listener: Any,
) -> list[Outcome]:  # fmt: skip
    """Run studies in worker processes, some at a time, and say what became of each, in the order given.

    paths    : params files, each named once
    jobs     : how many run at a time; as many as there are processors where it is None
    limits   : what each study may take
    resume   : run only those whose report is missing or would change
    debug    : tell the traceback of a fault of rpeval
    listener : hears what happens (see rpeval.runs.progress)
    A study that fails, takes too long or too much memory, or whose process is killed, harms no other. When
    this process is told to stop, all workers and kernels are ended first and KeyboardInterrupt is raised.
    """
    batch = Batch(jobs or count_cores(), limits, {"resume": resume, "debug": debug})
    with interruptible():
        try:
            return batch.run(paths, listener)
        finally:
            batch.close()


class Worker:
    """One worker process, as its parent sees it; what it tells goes to a queue."""

    def __init__(self, heard: "queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]]"):
        # -P: a file named like a library, where the command is run, must not be taken for the library
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rpeval.runs.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True, encoding="utf-8",
        )  # fmt: skip
        self.path: Path | None = None
        self.target: Path | None = None
        self.begun, self.studies = 0.0, 0
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: Any) -> None:
        with contextlib.suppress(ValueError):  # a line cut short by the process's end
            for line in self.process.stdout or ():
                heard.put((self, json.loads(line)))
        heard.put((self, None))

    def give(self, path: Path, **task: Any) -> None:
        """Give it a study; a worker that has just died is heard of by itself."""
        self.path, self.target = path, None
        self.begun, self.studies = time.monotonic(), self.studies + 1
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps({"params": str(path), **task}) + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def leave(self) -> None:
        """Let it end: it has nothing to do any more."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]


class Batch:
    """The processes that run studies, and the studies that wait for them.

    lasting : keep the processes when no study waits, because more will come; the warm process is then the
              one that this process shares
    """

    def __init__(self, jobs: int, limits: Limits, manner: dict[str, bool], *, lasting: bool = False):
        self.jobs, self.limits, self.manner, self.lasting = jobs, limits, manner, lasting
        self.waiting: list[Path] = []
        self.outcomes: dict[Path, Outcome] = {}
        self.listener: Any = None
        self.workers: list[Worker] = []
        self.left: list[Worker] = []
        self.lost: list[Path] = []
        self.heard: queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self.warm: WarmProcess | None = None
        self.deaths = -1

    def run(self, paths: Iterable[Path], listener: Any) -> list[Outcome]:
        """Run until every study has its outcome; give the outcomes in the order of the paths."""
        paths, self.listener = list(paths), listener
        self.waiting += paths
        if not self.warm:
            self._warm_up()
        while self.waiting or any(worker.path for worker in self.workers):
            self._employ()
            with contextlib.suppress(queue.Empty):
                self._hear(*self.heard.get(timeout=TICK))
            self._watch_time()
            self.listener.tick()
        return [self.outcomes.pop(path) for path in paths]

    def _employ(self) -> None:
        """See that as many workers are at work as there may be."""
        idle = sum(not worker.path for worker in self.workers)
        for _ in range(min(len(self.waiting) - idle, self.jobs - len(self.workers))):
            try:
                self.workers.append(Worker(self.heard))
            except OSError as error:
                if not self.workers:
                    self._give_up(error)
                break
        for worker in [worker for worker in self.workers if not worker.path][: len(self.waiting)]:
            path, environment = self.waiting.pop(0), {SOCKET: self._find_warm()}
            limits = dataclasses.asdict(self.limits)
            worker.give(path, limits=limits, environment=environment, **self.manner)
            self.listener.give(path)

    def _hear(self, worker: Worker, told: dict[str, Any] | None) -> None:
        if told is None:
            self._bury(worker)
        elif worker.path is None:
            return
        elif (event := told.pop("event")) == "outcome":
            path, worker.path = worker.path, None
            self._end(path, Outcome(**told))
            if worker.studies >= STUDIES or not (self.waiting or self.lasting):
                self.workers.remove(worker)
                self.left = [*(gone for gone in self.left if gone.process.poll() is None), worker]
                worker.leave()
        else:
            if event == "begin":
                worker.target = told["target"] = Path(told["target"])
            getattr(self.listener, event)(worker.path, **told)

    def _end(self, path: Path, outcome: Outcome) -> None:
        self.outcomes[path] = outcome
        self.listener.end(path, outcome)

    def _bury(self, worker: Worker, what: str = "", fix: str = "Run it again with --resume.") -> None:
        """A worker's process has ended: where it had a study, that has failed."""
        code = worker.process.wait()
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        if worker.path is None:
            return
        how = f"was killed (signal {-code})" if code < 0 else f"ended (exit code {code})"
        error = RunError(Problem(str(worker.path), what or f"The process of this study {how}.", fix))
        if worker.target:
            self.lost.append(worker.target)
            leave_in_order(worker.target, str(error))
        path, worker.path = worker.path, None
        self._end(path, failed(path, error, seconds=time.monotonic() - worker.begun))

    def _watch_time(self) -> None:
        """Kill a worker that does not notice by itself that its study's time is over."""
        if self.limits.study is None:
            return
        from rpeval.runs.limits import tell_time

        for worker in list(self.workers):
            if worker.path and time.monotonic() - worker.begun > self.limits.study + GRACE:
                worker.process.kill()
                self._bury(worker, *tell_time(self.limits.study))

    def _give_up(self, error: OSError) -> None:
        for path in self.waiting:
            what = f"No process can be started: {error.strerror}."
            fix = "Close other programs, and run it again."
            self._end(path, failed(path, RunError(Problem(str(path), what, fix))))
        self.waiting.clear()

    def _warm_up(self) -> None:
        """Start the warm process, unless this process was told of another one."""
        self.deaths += 1
        self.warm = None
        if not os.environ.get(SOCKET) and self.deaths <= DEATHS:
            with contextlib.suppress(UnavailableError, OSError):
                self.warm = share() if self.lasting else WarmProcess()

    def _find_warm(self) -> str:
        """Say where workers find the warm process; one that has died is replaced."""
        if self.warm and self.warm.process.poll() is not None:
            self.warm.close()
            self._warm_up()
        return self.warm.path if self.warm else os.environ.get(SOCKET, "off")

    def close(self) -> None:
        """End every process, let those at work clean up, and clean up behind those that could not."""
        for worker in self.workers:
            worker.process.terminate() if worker.path else worker.leave()
        until = time.monotonic() + PATIENCE
        for worker in self.workers + self.left:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(until - time.monotonic(), 0.1))
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()
                self.lost += [worker.target] if worker.target else []
        if self.warm and not self.lasting:
            self.warm.close()
        for target in self.lost:
            leave_in_order(target)


def leave_in_order(target: Path, failure: str = "") -> None:
    """Clean up the place of a report whose process was killed, and keep the reason, where no run holds it."""
    from rpeval.runs.study import at_place, failed_folder
    from rpeval.runs.swap import keep_failure

    with contextlib.suppress(RunError), at_place(target):
        if failure:
            keep_failure(failed_folder(target), None, f"{failure}\n")
