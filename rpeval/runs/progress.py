"""How the studies of one command go on, for the person who waits: lines, or one picture on a terminal."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rpeval.runs.task import FAILED, KEPT, Outcome

Write = Callable[[str], None]


class Lines:
    """Plain lines: for one study one for each notebook, for several one for each study as it ends.

    say, complain : write a line to standard output, to standard error
    number        : how many studies there are
    near          : shows a path as a person would write it
    """

    def __init__(self, say: Write, complain: Write, *, number: int, near: Callable[[Path], Path]):
        self.say, self.complain, self.number, self.near = say, complain, number, near

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def give(self, path: Path) -> None:
        """Hear that a study is given to a worker."""

    def again(self, path: Path, why: str) -> None:
        """Hear why a study is run where only what is missing or changed is run."""
        self.say(f"{path.stem}  {why}")

    def begin(self, path: Path, target: Path) -> None:
        """Hear that a study's own work begins."""

    def step(self, path: Path, name: str, number: int, of: int) -> None:
        """Hear that a notebook begins."""

    def line(self, path: Path, text: str) -> None:
        """Hear that a notebook has ended."""
        if self.number == 1:
            self.say(text)

    def tick(self) -> None:
        """Hear that time passes."""

    def end(self, path: Path, outcome: Outcome) -> None:
        """Hear what became of a study."""
        if outcome.text:
            self.complain(outcome.text)
        if self.number > 1:
            self.say(f"{path.stem}  {tell(outcome)}  {outcome.seconds:.1f} s")
        elif outcome.folder:
            kept = "  Nothing has changed." if outcome.state == KEPT else ""
            self.say(f"{self.near(Path(outcome.folder))}{kept}")


def tell(outcome: Outcome) -> str:
    """Say in a word or two what became of a study."""
    words = {FAILED: f"failed (exit code {outcome.code})", KEPT: "nothing changed"}
    return words.get(outcome.state, "done")


def summarize(outcomes: Iterable[Outcome], *, near: Callable[[Path], Path]) -> list[str]:
    """Write what became of several studies: a line for all, then one for each.

    >>> made = Outcome("params/a.yml", "made", 0, 31.2, "reports/a")
    >>> print("\\n".join(summarize([made, Outcome("params/b.yml", "failed", 4, 0.5)], near=Path)))
    1 of 2 done.
      params/a.yml: done                  31.2 s  reports/a
      params/b.yml: failed (exit code 4)   0.5 s
    """
    outcomes = list(outcomes)
    wide = max(len(f"{o.params}: {tell(o)}") for o in outcomes)
    long = max(len(f"{o.seconds:.1f}") for o in outcomes)
    lines = [f"{sum(o.code == 0 for o in outcomes)} of {len(outcomes)} done."]
    for o in outcomes:
        folder = near(Path(o.folder)) if o.folder else ""
        lines.append(f"  {f'{o.params}: {tell(o)}':{wide}}  {o.seconds:{long}.1f} s  {folder}".rstrip())
    return lines


class Picture(Lines):
    """One picture on a terminal that shows which studies run, at which notebook, and how long already."""

    def __init__(self, *words: Any, **named: Any):
        super().__init__(*words, **named)
        from rich.console import Console
        from rich.live import Live

        self._running: dict[Path, tuple[float, str]] = {}
        self._begun, self._ended, self._failed = time.monotonic(), 0, 0
        self._live = Live(get_renderable=self._draw, console=Console(), transient=True, auto_refresh=False)

    def __enter__(self) -> "Picture":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def give(self, path: Path) -> None:
        """Show a study."""
        self._running[path] = (time.monotonic(), "reading")

    def step(self, path: Path, name: str, number: int, of: int) -> None:
        """Show its notebook."""
        self._running[path] = (self._running[path][0], f"{name} ({number} of {of})")

    def line(self, path: Path, text: str) -> None:
        """Hear that a notebook has ended: until the next begins, pages are made."""
        self._running[path] = (self._running[path][0], "writing pages")

    def tick(self) -> None:
        """Draw anew."""
        self._live.refresh()

    def end(self, path: Path, outcome: Outcome) -> None:
        """Let the study's line stand above the picture."""
        self._running.pop(path, None)
        self._ended, self._failed = self._ended + 1, self._failed + (outcome.code != 0)
        super().end(path, outcome)
        self._live.refresh()

    def _draw(self) -> Any:
        from rich.table import Table

        table, now = Table.grid(padding=(0, 2)), time.monotonic()
        for path, (begun, at) in self._running.items():
            table.add_row(path.stem, at, f"{now - begun:.0f} s")
        failed = f", {self._failed} failed" if self._failed else ""
        table.add_row(f"{self._ended} of {self.number} ended{failed}", "", f"{now - self._begun:.0f} s")
        return table
