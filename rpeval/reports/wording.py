"""Sentences with named numbers: a small, closed template language over the findings of one study."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rpeval.errors import FindingError, Problem
from rpeval.findings import Collected, Finding
from rpeval.findings.patterns import match
from rpeval.reports.blocks import Declared, Number, Reference, Run, Runs

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
PARTS = (
    "number",
    "interval",
    "level",
    "unit",
    "label",
    "n",
    "clusters",
    "treated",
    "method",
    "reason",
    "remedy",
)


class Wording:
    """Turns a sentence template into runs, so that each number keeps its finding's id.

    found   : findings and tables of the study
    phrases : the few phrases that code joins ("missing", "interval"), from the text catalog
    states  : decision to its printed name
    names   : figure and table ids to their printed names, "figure:suspensions.trend" to "Figure 1"

    A template may use the filters number, estimate, interval, level, unit, label, n, clusters, treated,
    method, reason, remedy, state, table and figure, and the functions exists, estimated, decision, released,
    matching and declared. What the study declares or found never passes through the template itself: it
    enters as a numbered mark, so text in a file cannot become template code, and is escaped where it is
    written.
    """

    def __init__(
        self,
        found: Collected,
        phrases: Mapping[str, str],
        states: Mapping[str, str],
        names: Mapping[str, str],
    ):
        self.found, self.phrases, self.states, self.names = found, phrases, states, names
        self._runs: list[Run] = []

    def runs(self, template: str, **more: Any) -> Runs:
        """Write a sentence: text, and numbers that know where they come from. Empty when nothing is said."""
        self._runs = []
        try:
            text = _compiled(template).render(self._context(), **more)
        except TemplateError as error:
            raise FindingError(
                Problem(f"text {template!r}", f"{error}.", "Mend the text catalog.")
            ) from error
        text = re.sub(r"\s+", " ", text).strip()
        pieces = [self._runs[int(p)] if i % 2 else p for i, p in enumerate(_MARK.split(text))]
        return tuple(p for p in pieces if p != "")

    def true(self, condition: str, **more: Any) -> bool:
        """Say whether a condition holds ('estimated("suspensions.att")'); an empty one holds."""
        return not condition or bool(_condition(condition)(**self._context(), **more))

    def matching(self, *patterns: str) -> list[str]:
        """Give the ids of findings that match, in the order of the patterns; * stands for one word.

        A word is what stands between dots: "suspensions.*.att" matches suspensions.iss_per_100.att only.
        """
        return match(self.found.findings, patterns)

    def decision(self, id: str) -> str:
        """Give the state of the verdict on a finding: its own, or for "<x>.att" that of "<x>.verdict"."""
        finding = self.found.findings.get(id)
        room, _, rest = id.partition(".")
        judged = self.found.findings.get(f"{room}.verdict") if rest == "att" else None
        for candidate in (finding, judged):
            if candidate is not None and candidate.decision in self.states:
                return candidate.decision
            if candidate is not None and candidate.value in self.states:
                return str(candidate.value)
        return "not estimable" if finding is not None and finding.value is None else ""

    def part(self, id: str, part: str) -> Run:
        """Give one part of a finding as a run; the phrase "missing" when the study has no such finding."""
        finding = self.found.findings.get(id)
        if finding is None:
            return self.phrases["missing"]
        return number_of(finding, "value" if part == "number" else part)

    def _context(self) -> dict[str, Any]:
        findings, tables = self.found.findings, self.found.tables
        return {
            "wording": self,
            "simulated": self.found.simulated,
            "exists": lambda id: id in findings,
            "estimated": lambda id: id in findings and findings[id].value is not None,
            "decision": self.decision,
            "released": lambda *patterns: bool(match(tables, patterns)),
            "matching": self.matching,
            "declared": self._declared,
        }

    def mark(self, run: Run) -> str:
        """Put a run aside and give the mark that stands for it in the template."""
        self._runs.append(run)
        return f"{_OPEN}{len(self._runs) - 1}{_CLOSE}"

    def _declared(self, name: str, default: str = "") -> str:
        """Print what the study declares: title, district, or a finding that is text; else the default."""
        if name in ("title", "district"):
            return self.mark(Declared(getattr(self.found, name), "params"))
        finding = self.found.findings.get(name)
        return self.mark(number_of(finding, "value")) if finding is not None else default

    def estimate(self, id: str) -> str:
        """Print value, unit and interval of a finding; only "not estimated" where there is none."""
        said = self.mark(self.part(id, "number"))
        finding = self.found.findings.get(id)
        if finding is None or finding.value is None:
            return said
        if finding.unit:
            said += ("" if finding.unit.startswith("%") else " ") + self.mark(self.part(id, "unit"))
        if finding.shown_interval:
            marks = {p: self.mark(self.part(id, p)) for p in ("level", "interval")}
            said += self.phrases["interval"].format(**marks)
        return said


def number_of(finding: Finding, part: str) -> Number:
    """Make the run for one part of a finding.

    >>> number_of(Finding("a.b", "Effect", -2.0, "exact", "−2.0", level=0.95), "level").shown
    '95%'
    """
    if finding.kind == "text" and part == "value" and finding.value is not None:
        return Number(finding.id, finding.shown, "text", "", finding.label)
    machine = {"value": finding.value, "level": finding.level, "n": finding.n, "clusters": finding.clusters,
               "treated": finding.treated}.get(part)  # fmt: skip
    if part == "interval" and finding.low is not None:
        machine = f"{finding.low}/{finding.high}"
    shown = {
        "value": finding.shown,
        "interval": finding.shown_interval,
        "level": "" if finding.level is None else f"{finding.level * 100:g}%",
    }.get(part)
    if shown is None:
        plain = getattr(finding, part)
        shown = "" if plain is None else f"{plain:,}" if isinstance(plain, int) else str(plain)
    return Number(finding.id, shown, part, "" if machine is None else str(machine), finding.label)


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Make the sandbox. It does not escape: its output is text, escaped once, where a writer writes it."""
    made = ImmutableSandboxedEnvironment(autoescape=False, undefined=StrictUndefined)
    made.filters = {part: _with_wording(functools.partial(_part, part)) for part in PARTS}
    made.filters["estimate"] = _with_wording(_estimate)
    made.filters["state"] = _with_wording(_state)
    for kind in ("table", "figure"):
        made.filters[kind] = _with_wording(functools.partial(_refer, kind))
    return made


def _with_wording(filter):
    @pass_context
    def filtered(context, id):
        return filter(wording=context["wording"], id=id)

    return filtered


def _part(part: str, *, wording: Wording, id: str) -> str:
    return wording.mark(wording.part(id, part))


def _estimate(*, wording: Wording, id: str) -> str:
    return wording.estimate(id)


def _state(*, wording: Wording, id: str) -> str:
    return wording.states.get(wording.decision(id), wording.phrases["no_verdict"])


def _refer(kind: str, *, wording: Wording, id: str) -> str:
    name = wording.names.get(f"{kind}:{id}")
    return wording.mark(Reference(anchor(kind, id), name)) if name else wording.phrases["missing"]


def anchor(kind: str, id: str) -> str:
    """Name a figure or table on the page.

    >>> anchor("table", "data.accounting")
    'table-data-accounting'
    """
    return f"{kind}-{re.sub(r'[^a-z0-9]+', '-', id.lower())}"


@functools.lru_cache(2048)
def _compiled(template: str):
    return _environment().from_string(template)


@functools.lru_cache(2048)
def _condition(expression: str):
    return _environment().compile_expression(expression, undefined_to_none=False)
