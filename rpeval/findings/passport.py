"""The passport of a number: what it is, how sure it is, what it rests on, who made it, how to quote it."""

import difflib
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import FindingError, Problem
from rpeval.findings.claims import decision, quoted
from rpeval.findings.finding import Finding
from rpeval.findings.store import Collected
from rpeval.findings.table import Table

SHORT = 8  # characters of a hash that are printed
NEAREST = 3
BOARD = ("id", "says", "answer", "number")  # columns of a table that answers claims
Rows = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Passport:
    """Everything that is known of one number, as text.

    id       : of the finding, of a released table, or of a table's cell ("suspensions.trend/3/oss_per_100")
    label    : what it is, in words
    rows     : (heading, text), in the order in which a reader asks
    citation : the sentence to copy; it holds the interval, and says when the data are simulated or a draft
    notebook, cell : where it was made
    """

    id: str
    label: str
    rows: tuple[tuple[str, str], ...]
    citation: str
    notebook: str = ""
    cell: str = ""


def passport(
    found: Collected, id: str, *, states: Mapping[str, Mapping[str, str]] | None = None,
    run: Mapping[str, Any] | None = None,
) -> Passport:  # fmt: skip
    """Give the passport of a finding, a released table, or a cell of one.

    Use it wherever a reader asks what a number is: beside the page, on the command line, in an audit.
    found  : the findings of a study's folder
    id     : "suspensions.att", "suspensions.trend", or "suspensions.trend/3/oss_per_100"
    states : decision to its printed name and meaning ("states" of a text catalog); without them a verdict is
             printed by its plain name
    run    : the manifest of the run, see `recorded_run`; adds its commit and its inputs
    Refuses (FindingError) an unknown id, naming the nearest ones.

    >>> finding = Finding("data.schools", "Schools", 60, "count", "60", notebook="01", cell="arms")
    >>> found = Collected("x", "A study", "D", False, {finding.id: finding}, {}, Path("x"), "ab12" * 16)
    >>> passport(found, "data.schools").citation
    '60; Schools. Source: A study, rpeval finding data.schools, params ab12ab12.'
    """
    table, row, column = _split(id)
    if id in found.findings:
        finding = found.findings[id]
        told, source = tuple(_of_finding(found, finding, states or {})), f"finding {id}"
        label, made, said = (
            finding.label,
            (finding.notebook, finding.cell),
            _said(found, finding, states or {}),
        )
    elif table in found.tables:
        of = found.tables[table]
        told, label, said = _of_table(of) if not column else _of_cell(of, id, row, column)
        source, made = f"{'cell' if column else 'table'} {id}", (of.notebook, of.cell)
    else:
        raise _unknown(found, id)
    rows = (("Name", id), *told, ("Made in", " / ".join(filter(None, made))), *_data(found, run))
    citation = f"{said}. {_source(found, source, run)}"
    return Passport(id, label, tuple((h, t) for h, t in rows if t), citation, *made)


def recorded_run(folder: Path | str) -> dict[str, Any] | None:
    """Read what a finished run recorded of itself (manifest.json); None where there is no such record.

    >>> recorded_run("no/such/folder") is None
    True
    """
    path = Path(folder) / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise FindingError(Problem(str(path), f"Not readable: {error}.", "Run the study again.")) from None


def _split(id: str) -> tuple[str, str, str]:
    table, _, place = id.partition("/")
    row, _, column = place.partition("/")
    return table, row, column


def _unknown(found: Collected, id: str) -> FindingError:
    known = [*found.findings, *found.tables]
    near = difflib.get_close_matches(id, known, NEAREST, cutoff=0.5)
    near = near or [k for k in known if k.split(".")[0] == id.split(".")[0]][:NEAREST]
    fix = f"Use one of: {', '.join(near)}." if near else "Look it up in findings.json."
    return FindingError(Problem(id, f"The study {found.study} has no finding of this name.", fix))


def _of_finding(found: Collected, f: Finding, states: Mapping[str, Mapping[str, str]]) -> Rows:
    yield "What it is", f.label
    yield "Value", _value(f)
    if f.shown_interval:
        yield "Uncertainty", _interval(f)
    yield "Rests on", "; ".join(_counted(f))
    yield "Method", f.method
    yield "Verdict", " ".join(_verdict(found, f, states))
    yield "Answers", " ".join(_claims(found, f))
    yield "Why there is no number", f.reason if f.value is None else ""
    yield "What would mend it", f.remedy if f.value is None else ""


def _value(f: Finding) -> str:
    if f.value is None or not f.unit:
        return f.shown
    return f"{f.shown}{'' if f.unit.startswith('%') else ' '}{f.unit}"


def _interval(f: Finding) -> str:
    return f"{'' if f.level is None else f'{f.level * 100:g}% '}interval {f.shown_interval}"


def _counted(f: Finding) -> Iterator[str]:
    if f.n is not None:
        yield f"{f.n:,} {f.n_unit or 'observations'}"
    if f.clusters is not None:
        with_program = f", {f.treated:,} of them with the program" if f.treated is not None else ""
        yield f"{f.clusters:,} independent units (schools or sites){with_program}"


def _verdict(found: Collected, f: Finding, states: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    state = decision(f.id, found.findings) if f.value is not None else f.decision
    if state:
        yield f"{states.get(state, {}).get('name', state[0].upper() + state[1:])}."
        yield states.get(state, {}).get("means", "")


def _claims(found: Collected, f: Finding) -> Iterator[str]:
    """Name the claims and worries of the register that the board answers by this finding."""
    if f.claims:
        yield f"{', '.join(f.claims)}."
    said = quoted(f.id, found.findings)
    yield from _answers(found).get(said, ()) if said else ()


@functools.lru_cache(maxsize=1)
def _answers(found: Collected) -> dict[str, list[str]]:
    """Say of each number, as the boards quote it, which claims and worries it answers, and how."""
    answers: dict[str, list[str]] = {}
    boards = (table.frame for table in found.tables.values() if {*BOARD} <= {*table.frame.columns})
    for id, says, answer, number in (row for board in boards for row in board[[*BOARD]].to_numpy().tolist()):
        answers.setdefault(number, []).append(f"{id}, “{says.rstrip('.')}”: {answer}")
    return answers


def _of_table(table: Table) -> tuple[tuple[tuple[str, str], ...], str, str]:
    rows = (
        ("What it is", table.title), ("Holds", f"{len(table.frame):,} rows, {len(table.labels)} columns"),
        ("Hidden", f"{table.suppressed_n:,} rows, to protect students" if table.suppressed_n else ""),
        ("Note", table.note), ("File", f"tables/{table.id}.csv"),
    )  # fmt: skip
    return rows, table.title, f"Table “{table.title}”"


def _of_cell(table: Table, id: str, row: str, column: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """Tell of a cell together with the rest of its row, so that no estimate stands without its interval."""
    if not (row.isdecimal() and int(row) < len(table.frame) and column in table.labels):
        what = f"There is no such cell: {table.id} has {len(table.frame)} rows, counted from 0."
        raise FindingError(Problem(id, what, f"Name its column: {', '.join(table.labels)}."))
    texts = dict(zip(table.labels.values(), table.rows()[int(row)], strict=True))
    heading = table.labels[column]
    shown = texts.pop(heading)
    beside = "; ".join(f"{name}: {text}" for name, text in texts.items())
    rows = (("What it is", f"{table.title}: {heading}"), ("Value", shown), ("In the same row", beside),
            ("Note", table.note), ("File", f"tables/{table.id}.csv"))  # fmt: skip
    return rows, heading, f"{heading}: {shown}; {beside}; {table.title}" if beside else f"{heading}: {shown}"


def _said(found: Collected, f: Finding, states: Mapping[str, Mapping[str, str]]) -> str:
    """Say value, unit, interval, label and verdict; of a number that is not there, why."""
    said = _value(f).rstrip(".")
    if f.shown_interval:
        said += f" ({_interval(f)})"
    said += f"; {f.label}"
    judged = next(_verdict(found, f, states), "").rstrip(".")
    if judged and judged.lower() != f.shown.lower():
        said += f"; verdict: {judged[0].lower()}{judged[1:]}"
    return f"{said}. {f.reason.rstrip('.')}" if f.value is None and f.reason else said


def _source(found: Collected, source: str, run: Mapping[str, Any] | None) -> str:
    parts = [found.title, f"rpeval {source}", *_version(found), *_commit(run)]
    parts += ["simulated data"] if found.simulated else []
    parts += ["draft, not a recorded run"] if found.draft else []
    return f"Source: {', '.join(parts)}."


def _version(found: Collected) -> Iterator[str]:
    if found.params_sha256:
        yield f"params {found.params_sha256[:SHORT]}"


def _commit(run: Mapping[str, Any] | None) -> Iterator[str]:
    git = ((run or {}).get("code") or {}).get("git")
    if git:
        yield f"commit {git['commit'][:SHORT]}{'' if git['clean'] else ' with changes'}"


def _data(found: Collected, run: Mapping[str, Any] | None) -> Rows:
    """Say which data, which params and, where a run is recorded, which code and which files."""
    stamps = ["simulated data"] * found.simulated + ["draft, not a recorded run"] * found.draft
    yield "Data", ", ".join([f"study {found.study}", *_version(found), *stamps])
    yield "Code", "".join(_commit(run))
    inputs = (run or {}).get("inputs", [])
    yield "Inputs", "; ".join(f"{i['path']} sha256 {i['sha256'][:SHORT]}" for i in inputs)
