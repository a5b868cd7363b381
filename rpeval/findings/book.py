"""The book of findings that a notebook fills: add a number, release a table, save once at the end."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from rpeval.errors import FindingError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.findings.cells import running_code, stored_cells
from rpeval.findings.disclosure import Counts, blur, hide_small, small
from rpeval.findings.finding import Finding, find, suppress
from rpeval.findings.store import check_id, save_part
from rpeval.findings.table import Table, legend


def marks_within(id: str, marks: Mapping[int, str], frame: pd.DataFrame) -> dict[int, str]:
    """Keep the marks of years that a table spans; refuse marks that cannot be drawn."""
    for year, text in marks.items():
        if not re.fullmatch(r"[12][0-9]{3}", str(year)) or not str(text).strip():
            what = f"A mark needs a year and words, not {year!r}: {text!r}."
            raise FindingError(Problem(id, what, 'Write it as {2021: "New code of conduct"}.'))
    time = next((c for c in ("year", "wave") if c in frame.columns), None)
    if marks and time is None:
        raise FindingError(Problem(id, "The table has no years to mark.", "Leave out its marks."))
    if not marks or frame.empty:
        return {}
    seen = frame[time].map(lambda value: int(str(value)[:4]))
    kept = {int(year): str(text).strip().rstrip(".") for year, text in sorted(marks.items())}
    return {year: text for year, text in kept.items() if seen.min() <= year <= seen.max()}


class Findings:
    """What one notebook found. Numbers and tables enter by name, once, through disclosure control.

    params   : the study's params (study, title, simulated, district, seed, privacy.minimum, folder, root)
    notebook : the notebook's name without its ending; also the name of the saved part

    >>> from types import SimpleNamespace as S
    >>> study = S(study="x", title="X", simulated=True, district=S(name="X (simulated)"), seed=1,
    ...           privacy=S(minimum=10), folder=None, root=None)
    >>> book = Findings(study, notebook="01_suspensions")
    >>> book.add("data.schools", 60, label="Schools").shown
    '60'
    """

    def __init__(self, params: Any, *, notebook: str):
        self.params, self.notebook = params, notebook
        self.findings: dict[str, Finding] = {}
        self.tables: dict[str, Table] = {}
        self._cells = stored_cells(params.root, notebook)

    def add(
        self, id: str, what: Estimate | Refusal | float | int | str, *, label: str,
        cell_n: float | None = None, of_n: float | None = None, **more: Any,
    ) -> Finding:  # fmt: skip
        """Record one finding.

        what         : an Estimate, a Refusal (why there is none), a number or a text
        cell_n, of_n : students counted, and students at risk; hidden when either, or the rest, is small
        more         : unit, digits, kind, decision, claims, n, n_unit, method
        Refuses (FindingError) an id that is malformed or already taken.
        """
        self._new(id)
        made = replace(find(id, what, label=label, **more), notebook=self.notebook, cell=self._cell())
        minimum = self.params.privacy.minimum
        if (cell_n is not None or of_n is not None) and small(cell_n, of_n, minimum):
            made = suppress(made, f"It rests on fewer than {minimum} students.", "Pool years or groups.")
        self.findings[id] = made
        return made

    def release(
        self, id: str, frame: pd.DataFrame, *, title: str, labels: Mapping[str, str],
        keys: Sequence[str] = (), counts: Counts = (), within: str | None = None,
        digits: Mapping[str, int] | None = None, percents: Mapping[str, str] | None = None,
        figure: str | None = None, alt: str = "", note: str = "", marks: Mapping[int, str] | None = None,
    ) -> Table:  # fmt: skip
        """Release a table: hide rows with small counts, then give it a name.

        labels : columns to print and their headings, in order
        keys, counts, within : see `hide_small`
        percents : column of percents to the column with its students; blurred near 0 and 100, see `blur`
        figure, alt : kind of figure to draw from it, with its text alternative (required with a figure)
        marks : year (in which the school year starts) to what happened in it beside the program, in a few
                words; figures over years draw a line for each within the table's years, and the text
                alternative names them
        Refuses (FindingError) a figure without `alt`, columns that are not there, marks that say nothing.
        """
        self._new(id)
        if figure and not alt.strip():
            raise FindingError(
                Problem(id, "The figure has no text alternative.", "Say in `alt` what it shows.")
            )
        gone = [c for c in labels if c not in frame.columns]
        if gone:
            raise FindingError(
                Problem(id, f"The table has no column {', '.join(gone)}.", "Name its columns.")
            )
        if unsaid := sorted({*(percents or {}).values()} - {*labels}):
            what = f"Percents are printed without their base {', '.join(unsaid)}."
            raise FindingError(Problem(id, what, "Print that column, too."))
        frame = frame.reset_index(drop=True)
        frame, hidden = hide_small(
            frame, keys=keys, counts=counts, minimum=self.params.privacy.minimum, within=within
        )
        frame = blur(frame, percents or {})
        marks = marks_within(id, marks or {}, frame)
        alt = " ".join([alt, *(f"Marked {words}." for words in legend(marks))])
        self.tables[id] = Table(id, title, frame, dict(labels), dict(digits or {}), figure, alt, note, hidden,
                                self.notebook, self._cell(), marks, dict(percents or {}))  # fmt: skip
        return self.tables[id]

    def say(self, id: str) -> str:
        """Write one finding as a line of text: label, number, unit, interval, or the reason there is none."""
        f = self.findings[id]
        if f.value is None:
            return f"{f.label}: {f.shown}. {f.reason} {f.remedy}"
        interval = f" ({f.level:.0%} CI {f.shown_interval})" if f.shown_interval else ""
        return f"{f.label}: {f.shown}{' ' + f.unit if f.unit else ''}{interval}"

    def seed(self, id: str) -> int:
        """Give the seed of a simulated finding: from the study's seed and the finding's name alone."""
        digest = hashlib.sha256(f"{self.params.seed}/{id}".encode()).digest()
        return int.from_bytes(digest[:4], "big")

    def save(self) -> str:
        """Write the part (findings and tables of this notebook) and say where; all or nothing."""
        return save_part(self.params, self.notebook, self.findings, self.tables)

    def _cell(self) -> str:
        """Name the cell that is running; empty when the stored notebook has no such cell."""
        return self._cells.get(running_code(), "")

    def _new(self, id: str) -> None:
        check_id(id)
        if id in self.findings or id in self.tables:
            raise FindingError(Problem(id, "This id is taken.", "Give each finding an id of its own."))
