"""A process that runs studies, one after the other, as its parent tells it on standard input.

Each line in is a study, as JSON; each line out tells how it goes on, the last one its outcome. The process
ends when its standard input closes, which the end of its parent does, however that ends.
"""

import dataclasses
import gc
import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rpeval.runs.task import Limits, run_one

STOPPED = 130


class Told:
    """Tells the parent how a study goes on; the listener of `run_one`."""

    def __init__(self, out: Any):
        self._out = out

    def send(self, **what: Any) -> None:
        """Write one line to the parent; a parent that has gone is seen elsewhere."""
        try:
            self._out.write(json.dumps(what) + "\n")
            self._out.flush()
        except OSError:
            pass

    def again(self, why: str) -> None:
        """Tell why a study that has a report is run."""
        self.send(event="again", why=why)

    def begin(self, target: Path) -> None:
        """Tell where the report of the study that begins now will be."""
        self.send(event="begin", target=str(target))

    def step(self, name: str, number: int, of: int) -> None:
        """Tell that a notebook begins."""
        self.send(event="step", name=name, number=number, of=of)

    def line(self, text: str) -> None:
        """Tell a line about a notebook that has ended."""
        self.send(event="line", text=text)


class Tasks:
    """The studies that the parent tells; ends the process when the parent has gone."""

    def __init__(self) -> None:
        self.running = False
        self._waiting: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> dict[str, Any] | None:
        """Wait for the next study; None when there will be none."""
        self.running = False
        line = self._waiting.get()
        self.running = bool(line)
        return json.loads(line) if line else None

    def _read(self) -> None:
        for line in sys.stdin:
            self._waiting.put(line)
        self._waiting.put("")
        if self.running:  # the parent was killed: let go of the place at once; the next run sweeps it
            from rpeval.runs.kernel import end_kernels

            end_kernels()
            os._exit(STOPPED)


def settle() -> None:
    """After the first study: search for garbage from now on, but not in the libraries, which stay."""
    if not gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.enable()


def main() -> None:
    """Run studies until there are no more."""
    told = Told(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what a library prints must not reach the parent as a line of ours
    tasks = Tasks()
    gc.disable()  # until everything is imported, which the first study does, there is little to collect
    import rpeval.runs.resume  # noqa: F401  while the parent prepares the first study

    try:
        while task := tasks.take():
            os.environ.update(task["environment"])
            outcome = run_one(
                task["params"], limits=Limits(**task["limits"]), resume=task["resume"], debug=task["debug"],
                listener=told,
            )  # fmt: skip
            told.send(event="outcome", **dataclasses.asdict(outcome))
            settle()
    except KeyboardInterrupt:
        os._exit(STOPPED)
    os._exit(0)  # everything is told and on disk; Python would spend a second on tidying its memory


if __name__ == "__main__":
    main()
