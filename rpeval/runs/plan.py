"""Lock a study's analysis plan before its outcomes are opened, and write it out for a registry."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.findings.store import dump, write_whole
from rpeval.inputs.params import read_params
from rpeval.inputs.plan import (
    SCHEMA,
    Entry,
    deviations,
    hash_plan,
    key_path,
    lock_path,
    mark_file,
    plan_of,
    read_lock,
    show_value,
)
from rpeval.runs.manifest import choose_key

OPEN = "to be filled in"
NUMBERS = {"plan.detectable": "Smallest detectable effect", "plan.mdes": "The same by formula"}


def lock_plan(
    params_path: Path | str, *, reason: str | None = None, at: str | None = None
) -> tuple[Path, str]:
    """Record a study's analysis plan, or amend the one on record, and give the lock's path and last hash.

    params_path : the params file; reason : why the recorded plan is amended; at : the time, now by default
    The lock is a list to which entries are only added, each with the hash of the one before. It proves what
    was planned when only if its hash is public since then: register it, or send it to someone who keeps it.
    A lock is made to be shown, and the content of a small data file can be guessed from a plain hash. In a
    study of real data the marks of its files are therefore keyed. The key is the one of the study's report;
    it lies beside the lock in params/<study>.lock.key and stays with the district. Who has it can compare.
    Refuses (RunError) to lock again without a reason, to amend what is not locked, and an amendment that
    changes nothing; ParamsError where the lock was changed by hand.
    """
    params = read_params(params_path)
    entries, plan, path = read_lock(params), plan_of(params), lock_path(params)
    where = f"params/{path.name}"
    if entries and not (reason or "").strip():
        what = f"The plan was locked on {entries[0].at[:10]}."
        fix = 'Leave it, or record a change of it with its reason: --amend "...".'
        raise RunError(Problem(where, what, fix))
    if reason is not None and not entries:
        raise RunError(Problem(where, "There is no locked plan to amend.", "Lock it first, without --amend."))
    if entries and hash_plan(plan) == hash_plan(entries[-1].plan):
        raise RunError(Problem(where, "The plan is as it was locked.", "Change the params file first."))
    at = at or datetime.now(UTC).isoformat(timespec="seconds")
    previous = entries[-1].hash if entries else ""
    new = Entry(at, (reason or "").strip(), plan, _mark_files(params), previous)
    rows = [entry.as_json() for entry in (*entries, new)]
    write_whole(path, dump({"schema": SCHEMA, "study": params.study, "entries": rows}))
    return path, new.hash


def _mark_files(params: Any) -> dict[str, str]:
    """Mark every file that is there; where the data are real, put the key beside the lock first."""
    key = None if params.simulated else choose_key(params)
    if key:
        write_whole(key_path(params), f"{key.decode()}\n")
    paths = params.source_paths().items()
    return {source: mark_file(path, key=key) for source, path in paths if path.is_file()}


def export_plan(params_path: Path | str) -> str:
    """Write a study's plan as Markdown, in the fields of the Registry of Efficacy and Effectiveness Studies.

    What the params do not know is marked "to be filled in". The smallest detectable effect comes from the
    planning notebook, where it was run.
    Source: the checklist of sreereg.icpsr.umich.edu, sections I to VIII.
    """
    params = read_params(params_path)
    entries, plan = read_lock(params), plan_of(params)
    fields = {**_about(params), **_analysis(params, plan), "VIII. Attachments": _attached(entries, plan)}
    stamp = ["**Simulated data: an example, not a study to register.**", ""] if params.simulated else []
    lines = [f"# {params.title}", "", *stamp]
    for title, told in fields.items():
        lines += [f"## {title}", "", *(f"- {what}: {text}" for what, text in told.items()), ""]
    return "\n".join(lines)


def _about(params: Any) -> dict[str, dict[str, str]]:
    program, question = params.program, f"Did {params.program.name} change {params.outcome}?"
    design = "Quasi-experiment: staggered difference-in-differences over schools and years"
    if params.sources.adoption is None:
        design = "No adoption list yet: a staggered rollout in random order is a cluster-randomized trial"
    exploratory = [f"the gap between {gap.group} and {gap.reference}" for gap in params.gaps]
    exploratory += list(params.companions)
    return {
        "I. General information": {
            "Title": params.title, "District": f"{params.district.name}, {params.district.state}",
            "Principal investigator": OPEN, "Funder": OPEN, "Review board": OPEN, "Years": str(params.years),
        },
        "II. Description of the study": {"Program": program.name, "Description": program.description or OPEN},
        "III. Research questions": {
            "Confirmatory": question, "Exploratory": "; ".join(exploratory) or "none",
            "Claims that are answered": "; ".join(params.claims) or "all of the register",
        },
        "IV. Design": {"Design": design, "Unit of assignment": "school"},
    }  # fmt: skip


def _analysis(params: Any, plan: dict[str, Any]) -> dict[str, dict[str, str]]:
    left_out = show_value(plan["exclusions"]) or "none"
    margin, harms = plan.get("margins", {}), plan.get("harms", {})
    return {
        "V. Sample": {
            "Schools": _number(params, "plan.schools"),
            "Schools that start": _number(params, "plan.adopters"),
            "Exclusions": left_out, "Years left out": ", ".join(plan["years"].get("leave_out", [])) or "none",
        },
        "VI. Outcomes": {
            "Outcome": params.outcome, "Companions": ", ".join(params.companions) or "none",
            "Smallest change that matters": _listed(margin), "Harms and their margins": _listed(harms),
            **{what: _number(params, id) for id, what in NUMBERS.items()},
        },
        "VII. Analysis plan": {
            "Model": "imputation difference-in-differences, school and year effects, no covariates",
            "Inference": "chosen by the design: jackknife by school or, with few schools, randomization",
            "Weights": f"{params.weights} count alike", "Baseline": "event study with simultaneous bands",
            "Missing data": "no imputation; unknown school-years are left out and counted",
            "Multiplicity": "one confirmatory outcome",
            "Verdict": "by rule from interval, margin and sensitivity",
        },
    }  # fmt: skip


def _attached(entries: tuple[Entry, ...], plan: dict[str, Any]) -> dict[str, str]:
    if not entries:
        return {"Locked plan": "none (rpeval lock)", "SHA-256 of this plan": hash_plan(plan)}
    changed = len(deviations(entries, plan))
    return {"Locked plan": f"{entries[0].at}, SHA-256 {entries[0].hash}", "Changes since": str(changed)}


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in numbers.items()) or "none declared"


def _number(params: Any, id: str) -> str:
    """Give a number of the planning notebook as it may be printed, from a draft or the finished report."""
    folders = (params.folder, params.root / "reports" / params.study)
    path = next((p for f in folders if (p := f / "findings" / "00_planning.json").is_file()), None)
    if path is None:
        return "to be planned (notebooks/00_planning.ipynb)"
    found = {f["id"]: f for f in json.loads(path.read_text(encoding="utf-8"))["findings"]}
    return f"{found[id]['shown']} {found[id]['unit']}".strip() if id in found else OPEN
