"""The decision log: what people decided about a study, to which entries are only added."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from rpeval.errors import ParamsError, Problem
from rpeval.findings.store import check_id, dump, write_whole
from rpeval.inputs.params import read_params
from rpeval.inputs.plan import check_chain, hash_plan, read_lock

SCHEMA = "rpeval/decisions/1"
Kind = Literal["exclusion", "override", "deviation", "release", "note"]
KINDS: tuple[str, ...] = get_args(Kind)
RESTORE = "Restore it from the repository's history."


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision.

    at       : when it was recorded (UTC)
    kind     : exclusion | override | deviation | release | note
    who      : the role that decided ("evaluation office"); no name is needed
    what, why: the decision and its reason
    findings : ids of the findings it touches
    previous : hash of the entry before, empty for the first
    hash     : SHA-256 of all of this
    """

    at: str
    kind: str
    who: str
    what: str
    why: str
    findings: tuple[str, ...]
    previous: str

    @property
    def hash(self) -> str:
        """Hash the entry: a change anywhere in it, or in an entry before it, gives another."""
        told = [self.at, self.kind, self.who, self.what, self.why, list(self.findings), self.previous]
        return hash_plan(told)

    def as_json(self) -> dict[str, Any]:
        """Give the entry as it stands in the log."""
        return {"at": self.at, "kind": self.kind, "who": self.who, "what": self.what, "why": self.why,
                "findings": list(self.findings), "previous": self.previous, "sha256": self.hash}  # fmt: skip


def log_path(params: Any) -> Path:
    """Say where a study's decision log lies: beside its params and its lock, by the study's name."""
    return params.root / "params" / f"{params.study}.decisions.json"


def read_decisions(path: Path, *, study: str) -> tuple[Decision, ...]:
    """Read a decision log, a study's own or the copy in a report's folder; none where there is no file.

    Refuses (ParamsError) a file that is no log of this study, and one that was changed by hand: the first
    entry that is not as it was recorded is named by its number.
    """
    if not path.is_file():
        return ()
    where = f"{path.parent.name}/{path.name}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told, rows = [content["schema"], content["study"]], content["entries"]
        entries = tuple(
            Decision(r["at"], r["kind"], r["who"], r["what"], r["why"], tuple(r["findings"]), r["previous"])
            for r in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParamsError(
            Problem(where, f"The log cannot be read ({type(error).__name__}).", RESTORE)
        ) from None
    if told != [SCHEMA, study]:
        raise ParamsError(Problem(where, "This is no decision log of this study.", RESTORE))
    check_chain(where, entries, [row.get("sha256") for row in rows], name="decision log")
    return entries


def record_decision(
    params_path: Path | str, *, kind: str, what: str, why: str, who: str, findings: Sequence[str] = (),
    at: str | None = None,
) -> tuple[Path, Decision]:  # fmt: skip
    """Add one decision to a study's log and give the log's path and the entry.

    Use it when a person decides something that the numbers do not show: rows or schools left out, a warning
    overridden, a departure from the locked plan, a report given out.

    params_path : the params file; kind, what, why, who, findings : see `Decision`; at : now by default
    Refuses (ParamsError): an unknown kind, an empty text, a log that was changed by hand; FindingError: what
    is not an id of a finding. Nothing is written then.
    """
    params = read_params(params_path)
    path = log_path(params)
    entries = read_decisions(path, study=params.study)
    told = {"kind": kind, "what": what, "why": why, "who": who}
    _check_told({name: text.strip() for name, text in told.items()}, f"params/{path.name}")
    for id in findings:
        check_id(id)
    at = at or datetime.now(UTC).isoformat(timespec="seconds")
    previous = entries[-1].hash if entries else ""
    new = Decision(at, kind.strip(), who.strip(), what.strip(), why.strip(), tuple(findings), previous)
    rows = [entry.as_json() for entry in (*entries, new)]
    write_whole(path, dump({"schema": SCHEMA, "study": params.study, "entries": rows}))
    return path, new


def _check_told(told: dict[str, str], where: str) -> None:
    problems = [
        Problem(where, f"The decision has no {name}.", f'Say it with --{name} "...".')
        for name, text in told.items()
        if not text
    ]
    if told["kind"] and told["kind"] not in KINDS:
        problems.append(
            Problem(where, f"{told['kind']} is no kind of decision.", f"Use one of {', '.join(KINDS)}.")
        )
    if problems:
        raise ParamsError(problems)


def tell_history(params_path: Path | str) -> list[str]:
    """Tell everything that is on record for a study, in order of time: its locked plan and its decisions.

    Both chains are verified first. Returns lines of text. Refuses (ParamsError) a chain that was changed.
    """
    params = read_params(params_path)
    plans, decisions = read_lock(params), read_decisions(log_path(params), study=params.study)
    told = [(e.at, [f"{e.at}  plan amended: {e.reason}" if e.reason else f"{e.at}  plan locked",
                    f"    SHA-256 {e.hash}"]) for e in plans]  # fmt: skip
    told += [(d.at, _tell(number, d)) for number, d in enumerate(decisions, start=1)]
    if not told:
        return ["Nothing is on record: no plan was locked and no decision was logged."]
    lines = [line for _, lines in sorted(told, key=lambda entry: entry[0]) for line in lines]
    return [*lines, f"The chains are whole. Entries of the plan: {len(plans)}; decisions: {len(decisions)}."]


def _tell(number: int, decision: Decision) -> list[str]:
    lines = [f"{decision.at}  {number}. {decision.kind}: {decision.what}",
             f"    Why: {decision.why}", f"    Who: {decision.who}"]  # fmt: skip
    if decision.findings:
        lines.append(f"    Findings: {', '.join(decision.findings)}")
    return [*lines, f"    SHA-256 {decision.hash}"]
