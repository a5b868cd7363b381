"""What may be quoted of a study: each part of a finding as text, and the sentence that its verdict bears."""

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import Problem
from rpeval.findings import Finding, open_findings
from rpeval.reports.blocks import Number, TableBlock, plain
from rpeval.reports.catalog import read_catalog
from rpeval.reports.tables import printed
from rpeval.reports.wording import PARTS, Wording, number_of

# The parts that a placeholder may ask for; the first where it asks for none.
ESTIMATE, SENTENCE, STATE = "estimate", "sentence", "state"
ASKED = (ESTIMATE, *PARTS, STATE, SENTENCE)
CELL, ROWS, PICTURE = "cell", "rows", "picture"
WITHOUT_VALUE = ("label", "unit", "reason", "remedy", SENTENCE, STATE)  # told even of what has no number


@dataclass(frozen=True, slots=True)
class Quote:
    """One part of a finding as it may be written elsewhere.

    shown    : the only text to write
    decision : state of the verdict when it was quoted; empty where none is
    reason   : why there is no number, where there is none
    """

    id: str
    part: str
    shown: str
    decision: str = ""
    reason: str = ""


class Quotes:
    """The findings of a study, ready to be quoted.

    folder : a report folder with findings.json; nothing is written into it

    A finding is quoted by `quote(id, part)`, a cell of a table by `quote("suspensions.trend/3/oss_n",
    "cell")`. `sentence(id)` gives the sentence that its verdict bears: for the main outcome and for belonging
    the bottom line of the report, otherwise label, estimate, verdict and what the verdict means.
    """

    def __init__(self, folder: Path | str):
        self.found = open_findings(folder)
        self.file_sha256 = hashlib.sha256((Path(folder) / "findings.json").read_bytes()).hexdigest()
        self.catalog = read_catalog()
        self.words = self.catalog["words"]
        states = {k: v["name"] for k, v in self.catalog["states"].items()}
        self.wording = Wording(self.found, self.catalog["phrases"], states, {})
        self._bottom_lines = {b["choose"]: b["cases"] for b in _chosen(self.catalog["sections"])}
        self._tables: dict[str, TableBlock] = {}

    @property
    def stamps(self) -> list[tuple[str, str]]:
        """Give the stamps that every document must bear, each with what it says: simulated, draft."""
        named = {"simulated": self.found.simulated, "draft": self.found.draft}
        return [(self.words[n], self.words[f"{n}_banner"]) for n, holds in named.items() if holds]

    def problem(self, where: str, id: str, part: str = ESTIMATE) -> Problem | None:
        """Say why a part of a finding cannot be quoted; None where it can. A refused finding can: as such."""
        if part not in ASKED:
            what = f"There is no part {part!r} of a number."
            return Problem(where, what, f"Write one of: {', '.join(ASKED)}.")
        if id not in self.found.findings:
            what = f"The study {self.found.study} has no finding {id}."
            return Problem(where, what, near(id, self.found.findings))
        if not self.quote(id, part).shown:
            return Problem(where, f"{id} has no {part}.", "Ask for another part, or remove the placeholder.")
        return None

    def quote(self, id: str, part: str = ESTIMATE) -> Quote:
        """Give one part of a finding, or a cell of a table."""
        if part == CELL:
            return Quote(id, CELL, self.cells(id.split("/")[0]).get(id, ""))
        finding, decision = self.found.findings[id], self.wording.decision(id)
        if finding.value is None and part not in WITHOUT_VALUE:
            return Quote(id, part, _refused(finding), decision, f"{finding.reason} {finding.remedy}".strip())
        return Quote(id, part, self._text(finding, part), decision)

    def _text(self, finding: Finding, part: str) -> str:
        if part == SENTENCE:
            return self.sentence(finding.id)
        if part == STATE and not self.wording.decision(finding.id):
            return ""
        if part in (ESTIMATE, STATE):
            return self.say("{{ it|" + part + " }}", finding.id)
        return number_of(finding, "value" if part == "number" else part).shown

    def say(self, template: str, id: str) -> str:
        """Write a sentence of the template language about a finding, which it calls `it`."""
        return plain(self.wording.runs(template, it=id))

    def sentence(self, id: str) -> str:
        """Give the sentence that may be said of a finding."""
        finding, decision = self.found.findings[id], self.wording.decision(id)
        judged = f"{id.split('.')[0]}.verdict" if id.count(".") == 1 and id.endswith(".att") else id
        if decision in self._bottom_lines.get(judged, {}):
            return self.say(self._bottom_lines[judged][decision], judged)
        if finding.value is None:
            return plain(self.wording.runs(self.catalog["phrases"]["refused"], ids=[id]))
        said = self.say("{{ it|label }}: {{ it|estimate }}", id).rstrip(".") + "."
        state = self.catalog["states"].get(decision)
        return f"{said} {state['name']}. {state['means'].strip()}" if state else said

    def table(self, id: str) -> TableBlock:
        """Give a released table as it is printed."""
        if id not in self._tables:
            self._tables[id] = printed(self.found.tables[id], name="", phrases=self.catalog["phrases"])
        return self._tables[id]

    def cells(self, id: str) -> dict[str, str]:
        """Give name and text of each number in the cells of a table and in its note."""
        if id not in self.found.tables:
            return {}
        block = self.table(id)
        runs = (run for row in (*block.rows, block.note) for run in row)
        return {run.finding_id: run.shown for run in runs if isinstance(run, Number)}

    def fingerprint(self, id: str) -> str:
        """Give a hash of what a table prints, by which a change of it can be seen later."""
        block = self.table(id)
        cells = [[plain((cell,)) for cell in row] for row in (block.headings, *block.rows)]
        return hashlib.sha256(repr([cells, plain(block.note)]).encode()).hexdigest()[:16]


def near(id: str, known: Any) -> str:
    """Say what somebody who wrote an unknown id may have meant.

    >>> near("suspensions.at", ["suspensions.att", "belonging.att"])
    'Write suspensions.att.'
    """
    close = difflib.get_close_matches(id, known, 3, cutoff=0.6)
    return f"Write {' or '.join(close)}." if close else "Look it up: rpeval cite lists all names of a report."


def _chosen(sections: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the blocks of a text that choose a sentence by a verdict; the first of each finding comes last."""
    found = [b for s in sections for block in s["blocks"] for b in _within(block) if "choose" in b]
    return reversed(found)


def _within(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield block
    for inner in block.get("blocks", []):
        yield from _within(inner)


def _refused(finding: Finding) -> str:
    """Write why a number is not there, in brackets, so that nobody takes it for one."""
    return f"[{finding.shown}: {finding.reason} {finding.remedy}".rstrip() + "]"
