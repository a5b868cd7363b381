"""Many studies on many machines: dask sends each to a worker and brings its report back."""

import contextlib
import dataclasses
import logging
import math
import secrets
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.inputs.params import read_params
from rpeval.runs.interrupt import interruptible
from rpeval.runs.parcel import Parcel, Returned, pack_study, run_parcel, take_in
from rpeval.runs.resume import why_again
from rpeval.runs.study import at_place
from rpeval.runs.task import KEPT, LIMITS, Limits, Outcome, failed

TICK = 0.25  # seconds between two looks
CONNECT = 10  # seconds in which a scheduler has to answer
GONE = ("FutureCancelledError", "CancelledError", "ClosedClientError", "CommClosedError")
COUNT = 2  # seconds between two counts of the workers: each is a question to the scheduler
QUEUED = 2  # studies sent for each thread of a worker, so that none waits for the next


@dataclasses.dataclass
class Flight:
    """A study that was sent: its params, and its place, which is held until it has come back."""

    path: Path
    params: Any
    place: contextlib.ExitStack


def run_on_cluster(
    paths: Iterable[Path], *, scheduler: str, jobs: int | None = None, limits: Limits = LIMITS,
    resume: bool = False, debug: bool = False, listener: Any,
) -> list[Outcome]:  # fmt: skip
    """Run studies on the workers of a dask cluster and say what became of each, in the order given.

    paths     : params files, each named once
    scheduler : address of the cluster's scheduler ("tcp://10.0.0.7:8786", or "tls://…")
    jobs      : how many are sent at a time; twice as many as the workers have threads where it is None
    limits, resume, debug, listener : as `rpeval.runs.batch.run_batch` has them
    A worker needs this package and these libraries, and nothing else: the files a study declares are sent to
    it, and its report is put in place here when every file is as its run left it. A study whose worker dies
    is run by another one. Raises RunError when there is no such scheduler.
    """
    paths = list(paths)
    with interruptible(), _connected(scheduler) as client:
        sent = _Sent(client, jobs, limits, debug, listener)
        try:
            sent.run(paths, resume)
        finally:
            sent.call_back()
    return [sent.outcomes[path] for path in paths]


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        what, fix = "The library for this, distributed, is not installed.", "Install rpeval[cluster]."
        raise RunError(Problem("--scheduler", what, fix)) from None
    for name in ("distributed", "distributed.client"):  # what goes wrong is told by us
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        what = f"No scheduler answers at {address} ({type(error).__name__})."
        fix = "Start one with `dask scheduler`, and give the address it prints."
        raise RunError(Problem("--scheduler", what, fix)) from None
    try:
        yield client
    finally:
        client.close(timeout=5)


class _Sent:
    """The studies of one command that are sent, and those that wait."""

    def __init__(self, client: Any, jobs: int | None, limits: Limits, debug: bool, listener: Any):
        self.client, self.jobs, self.limits, self.debug = client, jobs, limits, debug
        self.listener = listener
        self.outcomes: dict[Path, Outcome] = {}
        self.flying: dict[Any, Flight] = {}
        self.threads, self.counted = 0, -math.inf

    def run(self, paths: list[Path], resume: bool) -> None:
        """Send all, as many at a time as there is room for, and take in what comes back."""
        waiting = list(paths)
        if paths and not self._threads():
            self.listener.complain("No worker has joined this scheduler yet; the studies wait for one.")
        while waiting or self.flying:
            while waiting and len(self.flying) < self._room():
                self._depart(waiting.pop(0), resume)
            for future in self._landed():
                self._land(future)
            self.listener.tick()

    def _room(self) -> int:
        return self.jobs or max(QUEUED * self._threads(), 1)

    def _threads(self) -> int:
        """Give the threads of all workers, as last counted; none when the scheduler has gone."""
        if time.monotonic() - self.counted > COUNT:
            self.threads = 0
            with contextlib.suppress(Exception):
                self.threads = sum(self.client.nthreads().values())
            self.counted = time.monotonic()
        return self.threads

    def _depart(self, path: Path, resume: bool) -> None:
        """Send a study; one that cannot be sent has failed."""
        self.listener.give(path)
        place = contextlib.ExitStack()
        with self._telling(path, place):
            if resume:
                folder, why = why_again(path, elsewhere=True)
                if not why:
                    self._end(path, Outcome(str(path), KEPT, folder=str(folder)))
                    return
                self.listener.again(path, why)
            params = read_params(path)
            place.enter_context(at_place(params.root / "reports" / params.study))
            key = f"rpeval-{params.study}-{secrets.token_hex(4)}"
            parcel = pack_study(params, path)
            try:
                task = (run_on_worker, parcel, self.limits, self.debug)
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "Sending large graph")  # what is too large is not sent
                    future = self.client.submit(*task, key=key, pure=False)
            except Exception as error:
                raise _lost(params.study, error) from error
            self.flying[future] = Flight(path, params, place)

    def _landed(self) -> list[Any]:
        landed = [future for future in self.flying if future.done()]
        if not landed:
            time.sleep(TICK)
        return landed

    def _land(self, future: Any) -> None:
        """Take in what came back; a study that was lost on the way has failed."""
        flight = self.flying.pop(future)
        with self._telling(flight.path, flight.place):
            try:
                returned: Returned = future.result()
            except Exception as error:
                raise _lost(flight.params.study, error) from error
            outcome = take_in(returned, flight.params, flight.path)
            flight.place.close()
            self._end(flight.path, outcome)
        future.release()

    @contextlib.contextmanager
    def _telling(self, path: Path, place: contextlib.ExitStack) -> Iterator[None]:
        """Let a study's place go and end the study, when anything about it fails."""
        try:
            yield
        except Exception as error:
            place.close()
            self._end(path, failed(path, error, debug=self.debug))

    def _end(self, path: Path, outcome: Outcome) -> None:
        self.outcomes[path] = outcome
        self.listener.end(path, outcome)

    def call_back(self) -> None:
        """Tell the workers that nobody waits any more, and let all places go."""
        with contextlib.suppress(Exception):
            self.client.cancel([*self.flying], force=True)
        for flight in self.flying.values():
            flight.place.close()


def _lost(study: str, error: Exception) -> RunError:
    name = type(error).__name__
    if name == "KilledWorker":
        what = "Every worker that was given this study died."
        fix = "Give workers more memory, and run it again."
    elif name in GONE:
        what, fix = "The connection to the scheduler was lost.", "Run it again with --resume."
    elif isinstance(error, ImportError):
        what, fix = f"A worker cannot import rpeval ({error}).", "Install rpeval and requirements.lock there."
    else:
        what, fix = f"The study was lost on the way ({name}: {error}).", "Run it again with --resume."
    return RunError(Problem(study, what, fix))


def run_on_worker(parcel: Parcel, limits: Limits, debug: bool) -> Returned:
    """Run a parcel on a dask worker; it is ended when the one who sent it, or the scheduler, has gone."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return run_parcel(parcel, limits, debug, wanted=wanted, scratch=worker.local_directory)
