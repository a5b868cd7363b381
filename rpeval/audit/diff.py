"""What changed between two reports of one study, as an errata list: conclusions first."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.audit.cues import KINDS, Cue, flatten
from rpeval.errors import Problem, RunError
from rpeval.findings.compare import ABSENT, Comparison, compare
from rpeval.findings.finding import Finding
from rpeval.findings.store import Collected, open_findings
from rpeval.runs.manifest import open_manifest

SHOWN = 20  # cues of one kind that are told
LONGEST = 160  # characters of a value in a list
ARROW = "→"


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that is not the same.

    id, label : its name; old, new : what may be printed of it, with its interval
    moved     : how far the value moved, as a share of half the old interval; None where it has none
    """

    id: str
    label: str
    old: str
    new: str
    moved: float | None = None

    @property
    def printed(self) -> bool:
        """Whether a digit that a reader can see changed."""
        return self.old != self.new


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed from one report to another.

    study, title : the study; simulated : whether its data are
    old, new     : the reports' folders and times of their runs, in words
    conclusions  : conclusions that are not the same; numbers : numbers and texts, the largest moves first
    tables       : title of each table that differs, and in how many cells
    words        : findings and tables of which only labels, methods or reasons differ
    added, removed : ids there in one report only; cues : what went in and is not the same
    """

    study: str
    title: str
    simulated: bool
    old: str
    new: str
    conclusions: tuple[Change, ...]
    numbers: tuple[Change, ...]
    tables: tuple[tuple[str, int], ...]
    words: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    cues: tuple[Cue, ...]

    @property
    def same(self) -> bool:
        """Whether no finding and no table differs, whatever went in."""
        found = (self.conclusions, self.numbers, self.tables, self.words, self.added, self.removed)
        return not any(found)


def diff_reports(old: Path | str, new: Path | str) -> Changes:
    """Tell what changed between two finished reports of one study.

    Use it for an errata list, or before a new release takes the place of an old one.

    old, new : two finished reports (reports/<study>, or a copy kept of it)
    A number counts as changed beyond the tolerance of its kind (`findings.compare`). Refuses (RunError) a
    folder that is no finished report, and reports of two studies.
    """
    folders = [Path(os.path.abspath(folder)) for folder in (old, new)]
    was, now = (open_manifest(folder) for folder in folders)
    if was["study"] != now["study"]:
        what = f"These are reports of two studies, {was['study']} and {now['study']}."
        raise RunError(Problem(folders[1].name, what, "Name two reports of one study."))
    first, second = (open_findings(folder) for folder in folders)
    found = compare(first, second, same_seed=was["seed"] == now["seed"])
    return Changes(
        study=now["study"], title=second.title, simulated=now["simulated"],
        old=f"{folders[0].name}, run on {was['when']['end']}",
        new=f"{folders[1].name}, run on {now['when']['end']}",
        conclusions=tuple(_list(found.conclusions, first, second)), numbers=_numbers(found, first, second),
        tables=_tables(found, second), words=_words(found), added=found.added, removed=found.removed,
        cues=changed_cues(was, now),
    )  # fmt: skip


def _list(differences: Iterable[Any], first: Collected, second: Collected) -> Iterable[Change]:
    """Tell each finding once, by what a page prints of it."""
    for id in dict.fromkeys(d.id for d in differences):
        old, new = first.findings.get(id), second.findings.get(id)
        label = (new or old).label if new or old else id
        yield Change(id, label, _tell(old), _tell(new), _moved(old, new))


def _numbers(found: Comparison, first: Collected, second: Collected) -> tuple[Change, ...]:
    told = {d.id for d in found.conclusions}
    changes = _list((d for d in found.numbers if d.id not in told), first, second)
    return tuple(sorted(changes, key=lambda c: (not c.printed, -(c.moved if c.moved is not None else -1.0))))


def _tell(finding: Finding | None) -> str:
    if finding is None:
        return ABSENT
    unit = f" {finding.unit}" if finding.unit else ""
    interval = f" ({finding.shown_interval})" if finding.shown_interval else ""
    state = f"; {finding.decision}" if finding.decision not in ("", finding.shown) else ""
    return f"{finding.shown}{unit}{interval}{state}"


def _moved(old: Finding | None, new: Finding | None) -> float | None:
    told = [getattr(old, "value", None), getattr(new, "value", None), getattr(old, "low", None),
            getattr(old, "high", None)]  # fmt: skip
    if any(isinstance(x, str) or x is None for x in told) or told[2] == told[3]:
        return None
    return abs(told[1] - told[0]) / (abs(told[3] - told[2]) / 2)


def _tables(found: Comparison, second: Collected) -> tuple[tuple[str, int], ...]:
    ids = [d.id for d in found.cells]
    return tuple((second.tables[id].title, ids.count(id)) for id in dict.fromkeys(ids))


def _words(found: Comparison) -> tuple[str, ...]:
    elsewhere = {d.id for d in (*found.conclusions, *found.numbers, *found.cells)}
    return tuple(dict.fromkeys(d.id for d in found.words if d.id not in elsewhere))


def changed_cues(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Cue, ...]:
    """List what went into two runs and is not the same, from their manifests, as an audit names it."""
    cells = ({f"{n['name']} {id}": mark for n in m["notebooks"] for id, mark in n["cells"].items()}
             for m in (was, now))  # fmt: skip
    pairs = [
        ("params", *(flatten(m["params"]["resolved"]) for m in (was, now))),
        ("data", *(_data(m) for m in (was, now))),
        ("notebooks", *cells),
        ("package", *(_package(m["code"]) for m in (was, now))),
        ("reference", *(m["code"]["reference"]["files"] for m in (was, now))),
        ("environment", *(_environment(m) for m in (was, now))),
    ]
    return tuple(
        Cue(
            "seed" if name == "seed" else kind,
            name,
            f"{_brief(old.get(name))} {ARROW} {_brief(new.get(name))}",
        )
        for kind, old, new in pairs
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def _data(content: Mapping[str, Any]) -> dict[str, str]:
    """Name each input by source and path; the params have their own list."""
    inputs = (item for item in content["inputs"] if item["key"] != "params")
    return {f"{i['key']} ({i['path']})": f"{i['bytes']:,} bytes, {_rows(i)}{i['sha256']}" for i in inputs}


def _rows(item: Mapping[str, Any]) -> str:
    return f"{item['rows']:,} rows, " if item["rows"] is not None else ""


def _package(code: Mapping[str, Any]) -> dict[str, Any]:
    commit = (code["git"] or {}).get("commit")
    return {"version": code["rpeval"]["version"], "commit": commit, **code["rpeval"]["modules"]}


def _environment(content: Mapping[str, Any]) -> dict[str, Any]:
    code = content["code"]
    named = {"Python": code["python"], "requirements.lock": code["lock_sha256"]}
    return named | code["packages"] | flatten(content["machine"])


def _brief(value: Any) -> str:
    """Write a value for a list; of a hash its first digits, which tell two apart."""
    words = (ABSENT if value is None else str(value)).split()
    text = " ".join(word[:12] if len(word) in (40, 64) and word.isalnum() else word for word in words)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def as_markdown(changes: Changes) -> str:
    """Write an errata note in Markdown: what a reader of the old report must know, and what caused it."""
    stamp = ["**Simulated data: no real district is described.**", ""] if changes.simulated else []
    lines = [f"# Errata: {changes.title}", "", *stamp, f"- Old: {changes.old}", f"- New: {changes.new}", ""]
    for heading, rows in _sections(changes):
        lines += [f"## {heading}", "", *(f"- {row}" for row in rows), ""]
    return "\n".join(lines)


def as_text(changes: Changes) -> list[str]:
    """Write the same as lines for a terminal."""
    stamp = " (simulated data)" if changes.simulated else ""
    lines = [f"{changes.title}{stamp}", f"  old: {changes.old}", f"  new: {changes.new}"]
    for heading, rows in _sections(changes):
        lines += ["", heading, *(f"  {row}" for row in rows)]
    return lines


def _sections(changes: Changes) -> Iterable[tuple[str, list[str]]]:
    yield "Conclusions", [_row(c) for c in changes.conclusions] or ["No conclusion changed."]
    seen = [c for c in changes.numbers if c.printed]
    below = len(changes.numbers) - len(seen)
    rows = [_row(c) for c in seen] or ["No printed number changed."]
    if below:
        rows.append(f"Findings that moved by less than a printed digit: {below}.")
    yield "Numbers", rows
    tables = [f"{title}: cells that differ: {n}" for title, n in changes.tables]
    named = (("Tables", tables), ("Only the words differ", changes.words), ("New findings", changes.added),
             ("Findings no longer there", changes.removed))  # fmt: skip
    yield from ((heading, list(rows)) for heading, rows in named if rows)
    yield "What went in and changed", list(_cues(changes.cues)) or ["Nothing that is recorded."]


def _cues(cues: tuple[Cue, ...]) -> Iterable[str]:
    """Tell the first few cues of each kind, and how many more there are."""
    for kind in KINDS:
        those = [cue for cue in cues if cue.kind == kind]
        yield from (f"{kind}, {cue.name}: {cue.what}" for cue in those[:SHOWN])
        if len(those) > SHOWN:
            yield f"{kind}: {len(those) - SHOWN} more"


def _row(change: Change) -> str:
    moved = f", by {100 * change.moved:.0f} % of half the old interval" if change.moved is not None else ""
    return f"{change.label} [{change.id}]: {change.old} {ARROW} {change.new}{moved}"
