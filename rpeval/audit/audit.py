"""Six steps that say whether a report's numbers stand, and if not, why."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpeval.audit.case import Attempt, Case
from rpeval.audit.cues import Cue, find_cues, look, unknown_data
from rpeval.audit.explain import Explanation, explain
from rpeval.audit.folder import (
    Alteration,
    find_alterations,
    find_contradictions,
    find_stray_digits,
    left_out,
)
from rpeval.audit.recorded import Past
from rpeval.audit.rerun import Failed, Say
from rpeval.audit.verdict import EXIT_CODES, Reason, Verdict
from rpeval.errors import ParamsError
from rpeval.findings import open_findings
from rpeval.findings.compare import Comparison
from rpeval.inputs.params import find_root
from rpeval.runs.interrupt import interruptible
from rpeval.runs.manifest import NAME, fingerprint, open_manifest, read_key
from rpeval.runs.software import PACKAGE

REFUSED = (3, 4)  # exit codes of a run whose params or data are refused before a notebook starts
STOPPED = (5, 6, 7)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    study, title, simulated, folder : which report; `folder` is its name
    verdict, reason : from the closed lists
    contradictions, alterations, left_out, stray : step 1, the folder
    cues, unknown   : step 2, what changed; data files of which nobody can say
    origin, attempt : step 3, from what it was made again, and how that went; None where it was not
    comparison      : step 4; None where there is nothing to compare
    explanation     : step 5; None where there is nothing to explain
    record          : the manifest, and `seal` its SHA-256; `machine` and `code`: the same of this audit
    start, end      : when it was done (UTC)
    """

    study: str
    title: str
    simulated: bool
    folder: str
    verdict: Verdict
    reason: Reason
    contradictions: tuple[str, ...]
    alterations: tuple[Alteration, ...]
    left_out: tuple[str, ...]
    stray: tuple[str, ...] | None
    cues: tuple[Cue, ...]
    unknown: tuple[str, ...]
    origin: tuple[str, ...]
    attempt: Attempt | None
    comparison: Comparison | None
    explanation: Explanation | None
    record: Mapping[str, Any]
    seal: str
    machine: Mapping[str, Any]
    code: Mapping[str, Any]
    start: str
    end: str

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return EXIT_CODES[self.verdict]


def say_nothing(line: str) -> None:
    """Take a line of progress and drop it."""


def audit(folder: Path | str, *, say: Say = say_nothing) -> Audit:
    """Say whether a report's numbers stand, and if not, why.

    Use it on a finished report beside the repository and the data that the params name.

    folder : reports/<study>; it is only read
    say    : told a line now and then
    Six steps: is the folder as the run left it; what changed since; make it again in a folder of its own from
    the recorded params, with the data at their places and, where git has it, the recorded commit's code;
    compare the named findings, conclusions first; explain a difference by putting back what changed, one
    thing at a time, or by a second run where nothing changed; the verdict. A report that was altered is not
    made again, and where all findings agree nothing is explained, so an audit takes one run and little more.
    Refuses (RunError) a folder that is no finished report; ParamsError where no project is found.
    """
    folder = Path(os.path.abspath(folder))
    record, start = open_manifest(folder), _now()
    with interruptible(), _case(folder, record, say) as case:
        made = _begin(case, start)
        if made.contradictions or any(a.how != "added" for a in made.alterations):
            reason = Reason.FILES if made.alterations else Reason.RECORD
            made = replace(made, verdict=Verdict.ALTERED, reason=reason)
        elif case.missing:
            made = replace(made, verdict=Verdict.NOT_RUN, reason=Reason.MISSING)
        else:
            made = _make_again(case, made)
    return replace(made, end=_now())


@contextlib.contextmanager
def _case(folder: Path, record: Mapping[str, Any], say: Say) -> Iterator[Case]:
    root, key = _find_project(folder), read_key(folder)
    present = look(root, package=PACKAGE, key=key)
    with tempfile.TemporaryDirectory(prefix="rpeval-audit-") as place:
        past = Past(record, folder, root, Path(place) / "past", key)
        past.place.mkdir()
        cues = tuple(past.detail(cue, present) for cue in find_cues(record, present))
        yield Case(record, folder, present, past, cues, Path(place), say)


def _find_project(folder: Path) -> Path:
    """Find the project: the one the report lies in or, for a report from elsewhere, the one around here."""
    try:
        return find_root(folder)
    except ParamsError:
        return find_root()


def _begin(case: Case, start: str) -> Audit:
    """Take the first two steps: the folder, and what changed."""
    record, folder = case.record, case.folder
    case.say(f"{record['study']}: the folder")
    alterations = find_alterations(folder, record, case.past.key)
    altered = any(a.how != "added" for a in alterations)
    return Audit(
        study=record["study"], title=_title(folder, record), simulated=record["simulated"],
        folder=f"{folder.parent.name}/{folder.name}", verdict=Verdict.REPRODUCED, reason=Reason.UNCHANGED,
        contradictions=find_contradictions(folder, record), alterations=alterations,
        left_out=left_out(folder, record), stray=() if altered else find_stray_digits(folder, record),
        cues=case.cues, unknown=unknown_data(record, case.present), origin=(), attempt=None, comparison=None,
        explanation=None, record=record, seal=fingerprint(folder / NAME), machine=case.present.machine,
        code=case.present.code, start=start, end=start,
    )  # fmt: skip


def _title(folder: Path, record: Mapping[str, Any]) -> str:
    try:
        return open_findings(folder).title
    except Exception:  # an altered folder may hold anything
        return str(record["params"]["resolved"].get("title", record["study"]))


def _make_again(case: Case, made: Audit) -> Audit:
    """Take the steps from the re-run on."""
    case.say("Making it again")
    first = case.attempt()
    made = replace(made, attempt=first, origin=tell_origin(case))
    if isinstance(first.made, Failed):
        code = first.made.code
        reason = Reason.REFUSED if code in REFUSED else Reason.STOPPED if code in STOPPED else Reason.BROKEN
        return replace(made, verdict=Verdict.NOT_RUN, reason=reason)
    found = case.compare(first)
    if found is None or found.same:
        used = set(case.from_commit) | ({"params", "seed"} & {cue.kind for cue in case.cues})
        reason = Reason.RESTORED if used else Reason.HARMLESS if case.cues else Reason.UNCHANGED
        return replace(made, comparison=found, reason=reason)
    told = explain(case, first, found)
    verdict = Verdict.CHANGED if found.conclusions else Verdict.MOVED
    return replace(made, comparison=found, explanation=told, verdict=verdict, reason=told.reason)


def tell_origin(case: Case) -> tuple[str, ...]:
    """Say from what the report was made again, and of code that changed, why it was not put back."""
    commit, git = case.past.commit, case.record["code"]["git"]
    used = [f"{_NAMES[kind]} from commit {commit[:12]}" for kind in case.from_commit] if commit else []
    left = [_NAMES[k] for k in _NAMES if case.changed(k) and k not in case.from_commit]
    told = ["The params are those that the manifest holds, letter for letter."]
    if used:
        told.append(f"Put back as recorded: {', '.join(used)}.")
    if left:
        why = "the run was not in a git repository"
        if git:
            why = f"git here does not have the recorded commit {git['commit'][:12]}"
        if commit:
            why = f"what ran is not in the recorded commit {commit[:12]}: it had been changed before the run"
        told.append(f"As they are now: {', '.join(left)}, because {why}.")
    if case.changed("data"):
        told.append("The data are those at the recorded paths now.")
    if case.changed("environment"):
        told.append("The libraries and the machine are those of this audit.")
    return tuple(told)


_NAMES = {"notebooks": "the notebooks", "package": "the package", "reference": "the reference data"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
