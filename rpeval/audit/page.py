"""One audit as a page: in the terminal, as audit.html that can be filed, and as audit.json."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from rpeval.audit.audit import Audit
from rpeval.audit.cues import flatten
from rpeval.audit.rerun import Failed
from rpeval.audit.verdict import EXIT_CODES, Reason, Verdict
from rpeval.errors import Problem, RunError
from rpeval.findings.compare import Comparison, Difference
from rpeval.findings.store import dump, write_whole
from rpeval.reports.pages.html import TEMPLATES, compact

SCHEMA = "rpeval/audit/1"
SHOWN = 40  # differences on the page; audit.json has all
IN_TERMINAL = 12
HERE = Path(__file__).parent / "templates"
MEANING = {
    Verdict.REPRODUCED: "Every finding and table came out the same, each within the tolerance of its kind.",
    Verdict.MOVED: "Some numbers or words came out differently; every conclusion is the same.",
    Verdict.CHANGED: "At least one conclusion came out differently.",
    Verdict.NOT_RUN: "The report could not be made again, so nothing is known of its numbers.",
    Verdict.ALTERED: "The report is not what the run wrote, so it was not made again.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an audit as it is told.

    title : the question; answer : in a few words; lines : what belongs to it
    """

    title: str
    answer: str
    lines: tuple[str, ...] = ()


def tell_steps(made: Audit) -> tuple[Step, ...]:
    """Tell the six steps in order, in words."""
    done = made.attempt is not None
    return (
        _tell_folder(made), _tell_cues(made), _tell_run(made) if done else _skip(TITLES[2], made),
        _tell_comparison(made) if made.comparison else _skip(TITLES[3], made),
        _tell_explanation(made) if made.comparison else _skip(TITLES[4], made),
        Step(TITLES[5], f"{made.verdict.capitalize()}.", (str(made.reason), MEANING[made.verdict])),
    )  # fmt: skip


TITLES = (
    "Is the folder as the run left it?", "What changed since the run?", "From what was it made again?",
    "Are the findings the same?", "What explains the difference?", "Verdict",
)  # fmt: skip


def _skip(title: str, made: Audit) -> Step:
    return Step(title, "Not done.", (str(made.reason),))


def _tell_folder(made: Audit) -> Step:
    lines = [f"{NAME}: {told}" for told in made.contradictions]
    lines += [f"{a.path}: {a.how}. {' '.join(a.what)}".strip() for a in made.alterations]
    if made.left_out:
        lines.append(f"Left out of this copy because they are restricted: {', '.join(made.left_out)}.")
    if made.stray:
        lines.append(f"Digits that come from no finding, date or params: {'; '.join(made.stray)}.")
    elif made.stray is None:
        lines.append(
            "Digits without a source were not looked for: the package is not the one that wrote the pages."
        )
    broken = made.contradictions or [a for a in made.alterations if a.how != "added"]
    files = len(made.record["outputs"]) - len(made.left_out)
    counted = f"All {_count(files, 'file')} have their recorded hashes."
    return Step(TITLES[0], "No." if broken else f"Yes. {counted}", tuple(lines))


NAME = "manifest.json"


def _tell_cues(made: Audit) -> Step:
    lines = [f"{cue.kind}: {cue.name}: {cue.what}" for cue in made.cues]
    if made.unknown:
        told = "Without the report's restricted/salt.txt nobody can say whether these are the recorded files"
        lines.append(f"{told}: {', '.join(made.unknown)}.")
    kinds = ", ".join(dict.fromkeys(cue.kind for cue in made.cues))
    return Step(TITLES[1], f"{kinds.capitalize()}." if kinds else "Nothing that was recorded.", tuple(lines))


def _tell_run(made: Audit) -> Step:
    run = made.attempt
    if run is None or isinstance(run.made, Failed):
        said = run.made.said.splitlines() if run else []
        return Step(TITLES[2], f"It was begun and did not finish. {made.reason}", (*made.origin, *said))
    equal, of = run.outputs
    told = f"{equal} of {of} files came out equal to the byte."
    return Step(TITLES[2], f"It ran in a folder of its own, in {run.seconds:.0f} s.", (*made.origin, told))


def _tell_comparison(made: Audit) -> Step:
    found = made.comparison
    if found is None or found.same:
        return Step(
            TITLES[3], f"Yes. All {_counted(found)} are the same, each within the tolerance of its kind."
        )
    numbers = {d.id for d in (*found.numbers, *found.cells)} | {*found.added, *found.removed}
    parts = {
        "conclusions": {d.id for d in found.conclusions}, "numbers, tables and texts": numbers,
        "words beside numbers": {d.id for d in found.words}, "pictures": {*found.figures},
    }  # fmt: skip
    told = "; ".join(f"{what}: {len(ids)}" for what, ids in parts.items())
    return Step(TITLES[3], f"No. Of {_counted(found)}, these differ.",
                (f"{told[0].upper()}{told[1:]}.",))  # fmt: skip


def _counted(found: Comparison | None) -> str:
    if found is None:
        return "findings"
    return f"{_count(found.findings_n, 'finding')} and {_count(found.tables_n, 'table')}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _tell_explanation(made: Audit) -> Step:
    told = made.explanation
    if told is None:
        return Step(TITLES[4], "There is nothing to explain.")
    how = "It was" if told.reason in (Reason.EXPLAINED, Reason.TOGETHER) else "Could not be put back"
    named = [f"{how}: {', '.join(told.named)}."] if told.named else []
    where = [f"First cell whose findings differ: {told.first}."] if told.first else []
    return Step(TITLES[4], str(told.reason), (*named, *told.tried, *where))


def tell_difference(each: Difference) -> tuple[str, str, str, str, str]:
    """Write a difference as a row: what, was, is, by how much, allowed."""
    size = "" if each.relative is None else f"{each.relative:.1e}"
    return f"{each.id}, {each.what}", _short(each.old), _short(each.new), size, each.tolerance


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    text = "nothing" if value in (None, "", ()) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


def as_text(made: Audit) -> str:
    """Write an audit for a terminal."""
    stamp = " (simulated data)" if made.simulated else ""
    lines = [f"Audit of {made.folder}: {made.title}{stamp}", "", f"{made.verdict.upper()}. {made.reason}", ""]
    for number, step in enumerate(tell_steps(made), start=1):
        lines.append(f"{number}. {step.title} {step.answer}")
        lines += [f"     {line}" for line in step.lines[:IN_TERMINAL]]
        lines += [f"     … and {more} more." for more in [len(step.lines) - IN_TERMINAL] if more > 0]
    for each in made.comparison.differences[:IN_TERMINAL] if made.comparison else ():
        what, old, new, size, told = tell_difference(each)
        lines.append(f"     {what}: {old} is now {new} ({f'{size}; ' if size else ''}{told})")
    return "\n".join(lines)


def as_json(made: Audit) -> dict[str, Any]:
    """Give an audit as plain JSON content."""
    found = made.comparison
    return {
        "schema": SCHEMA, "study": made.study, "title": made.title, "simulated": made.simulated,
        "report": made.folder, "manifest_sha256": made.seal, "verdict": str(made.verdict),
        "reason": str(made.reason), "exit_code": made.exit_code,
        "steps": [asdict(step) for step in tell_steps(made)],
        "alterations": [asdict(each) for each in made.alterations],
        "contradictions": list(made.contradictions), "stray_digits": made.stray,
        "changed": [asdict(cue) for cue in made.cues],
        "explanation": asdict(made.explanation) if made.explanation else None,
        "differences": [_plain(d) for d in found.differences] if found else [],
        "conclusions_changed": [d.id for d in found.conclusions] if found else [],
        "figures_changed": list(found.figures) if found else [],
        "environment": [dict(zip(("what", "run", "audit"), row, strict=True)) for row in environment(made)],
        "when": {"start": made.start, "end": made.end},
    }  # fmt: skip


def _plain(each: Difference) -> dict[str, Any]:
    plain = {"old": _value(each.old), "new": _value(each.new)}
    return {**asdict(each), **plain}


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | bool) or value == value else str(value)


def environment(made: Audit) -> list[tuple[str, str, str]]:
    """List what the report and this audit ran on: what, in the run, in the audit."""
    was, now = ((code, flatten(dict(machine))) for code, machine in
                ((made.record["code"], made.record["machine"]), (made.code, made.machine)))  # fmt: skip
    software = (_software(made.record["code"]), _software(made.code))
    rows = [(name, *(told[name] for told in software)) for name in software[0]]
    packages = [c["packages"] for c, _ in (was, now)]
    shown = [n for n in MAIN if n in packages[0]]
    shown += [n for n in {**packages[0], **packages[1]} if n not in MAIN
              and packages[0].get(n) != packages[1].get(n)]  # fmt: skip
    rows += [(n, *(p.get(n, "absent") for p in packages)) for n in shown]
    machine = {n: tuple(_short(m.get(n)) for _, m in (was, now)) for n in {**was[1], **now[1]}}
    return rows + [(MACHINE.get(name, name), *told) for name, told in machine.items() if name in MACHINE]


MAIN = ("numpy", "scipy", "pandas", "statsmodels")
MACHINE = {"system": "System", "libc": "C library", "cpu": "Processor", "blas.name": "Linear algebra",
           "blas.version": "Its version", "blas.core": "Its processor type",
           "threads.OPENBLAS_NUM_THREADS": "Threads"}  # fmt: skip


def _software(code: Mapping[str, Any]) -> dict[str, str]:
    return {
        "rpeval": f"{code['rpeval']['version']}, SHA-256 {code['rpeval']['sha256'][:16]}…",
        "Commit": _commit(code["git"]), "Python": code["python"],
        "requirements.lock": f"SHA-256 {code['lock_sha256'][:16]}…" if code["lock_sha256"] else "none",
    }  # fmt: skip


def _commit(git: dict[str, Any] | None) -> str:
    if not git:
        return "not in a git repository"
    return f"{git['commit'][:12]}{'' if git['clean'] else ', with changed files'}"


def as_html(made: Audit) -> str:
    """Write an audit as one page without script and network, to be read, printed and filed."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8") + (HERE / "audit.css").read_text("utf-8")
    found = made.comparison
    rows = [tell_difference(d) for d in found.differences] if found else []
    return _environment().get_template("audit.html.j2").render(
        made=made, steps=tell_steps(made), style=Markup(compact(style)), differences=rows[:SHOWN],
        more=len(rows) - SHOWN, environment=environment(made), inputs=_inputs(made), codes=EXIT_CODES,
        python=".".join(made.record["code"]["python"].split(".")[:2]), meaning=MEANING,
    )  # fmt: skip


def _inputs(made: Audit) -> Sequence[tuple[str, str, str, str]]:
    """List the declared files: path, rows, hash, and whether it is the same now."""
    states = dict.fromkeys(made.unknown, "not known")
    states |= {cue.name: "changed" for cue in made.cues if cue.kind in ("data", "params", "seed")}
    return [
        (item["path"], "" if item["rows"] is None else f"{item['rows']:,}",
         f"{item['sha256'][:16]}…{' (keyed)' if item['keyed'] else ''}",
         states.get(item["path"], "the same"))
        for item in made.record["inputs"]
    ]  # fmt: skip


@functools.cache
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
                                trim_blocks=True, lstrip_blocks=True)  # fmt: skip


def write_pages(made: Audit, folder: Path | str) -> Path:
    """Write audit.html and audit.json into <report>.audit, beside the report, which stays as it is.

    Returns the path of audit.html. Refuses (RunError) where that folder cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    target = folder.with_name(f"{folder.name}.audit")
    try:
        write_whole(target / "audit.json", dump(as_json(made)))
        write_whole(target / "audit.html", as_html(made))
    except OSError as error:
        what = f"The audit cannot be written: {error.strerror or error}."
        raise RunError(
            Problem(f"{target.parent.name}/{target.name}", what, "Allow writing there.")
        ) from error
    return target / "audit.html"
