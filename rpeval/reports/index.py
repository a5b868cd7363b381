"""One page over all studies of a folder: what each asked, found and could not say, in the order of names."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rpeval.errors import FindingError, Problem
from rpeval.findings import Collected, Finding
from rpeval.findings.store import SCHEMA, write_whole
from rpeval.reports.catalog import read_catalog
from rpeval.reports.pages.html import write
from rpeval.reports.wording import Wording

MAIN, BELONGING = "suspensions.att", "belonging.att"
CAVEATS = ("suspensions.relabeled", "suspensions.paths_differed")  # what the bottom line says, too
HARMS = ("harm", "harm signal", "not ruled out", "cleared", "not assessed")
FILES = {
    "report.html": "Report", "report.pdf": "PDF", "report.docx": "Word", "brief.html": "Brief",
    "brief.pdf": "Brief, PDF", "brief.docx": "Brief, Word", "brief.es.html": "Resumen",
    "brief.es.pdf": "Resumen, PDF", "brief.es.docx": "Resumen, Word",
}  # fmt: skip
WIDE, HIGH = 132, 16  # of the picture of an interval, in pixels
SYNTHESIS = "findings/06_synthesis.json"  # what only a synthesis of several studies has
WITHIN = 0.95  # share of intervals that the common scale holds whole


@dataclass(frozen=True, slots=True)
class Picture:
    """An interval on the scale of all studies with its unit, in pixels; clipped where it leaves the scale.

    left, right : ends of the line; None where the interval goes on beyond the scale
    """

    dot: float | None
    left: float | None
    right: float | None
    says: str


@dataclass(frozen=True, slots=True)
class Result:
    """An effect as the index prints it. state : its verdict, as named in the report."""

    finding: Finding
    state: str
    picture: Picture | None = None
    others_n: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """A finished study, as far as the index tells of it.

    caveats : what limits the main outcome, in sentences
    gap   : the gap with the largest estimate, whatever its direction; others_n says how many more there are
    harms : state of a harm to the number of outcomes with it, the worst state first
    files : what can be opened, address to name
    """

    name: str
    title: str
    district: str
    simulated: bool
    years: str
    schools: str
    adopters: str
    main: Result | None
    belonging: Result | None
    gap: Result | None
    caveats: tuple[str, ...] = ()
    harms: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    failed: bool = False


def write_index(reports: Path | str) -> Path:
    """Write reports/index.html, whole or not at all, and return its path.

    Use it after a study was run, or again at any time. It refuses what `index` refuses.
    """
    path = Path(reports) / "index.html"
    write_whole(path, index(reports))
    return path


def index(reports: Path | str) -> str:
    """Make one HTML page over all finished studies in a folder, in the order of their names.

    Use it where a reader looks for a study among several. Nothing is computed: numbers and verdicts are those
    of the studies' own findings. The page is complete without a script; with one, it can be searched, sorted
    and filtered. Drafts are left out; what stopped, or cannot be read, is named.
    reports : the folder that holds one folder for each study
    Refuses (FindingError) a folder that is not there.
    """
    reports = Path(reports)
    if not reports.is_dir():
        raise FindingError(Problem(str(reports), "There is no such folder.", "Run a study first."))
    folders = sorted(p for p in reports.iterdir() if p.is_dir() and not p.name.startswith("."))
    finished = [p for p in folders if _finished(p)]
    states = {key: state["name"] for key, state in read_catalog()["states"].items()}
    failed = [p.name.removesuffix(".failed") for p in folders if p.name.endswith(".failed")]
    studies, unread = [], []
    for folder in finished:
        found = _read(folder)
        if found is None:
            unread.append(folder.name)
        else:
            studies.append(_study(folder, found, states, folder.name in failed))
    names = {s.name for s in studies}
    studies = _pictured(sorted(studies, key=lambda s: (s.title.casefold(), s.name)))
    verdicts = [name for name in states.values() if any(s.main and s.main.state == name for s in studies)]
    return write(
        "index.html.j2", styles=["report", "index"], scripts=["index"], studies=studies, unread=unread,
        failed=[name for name in failed if name not in names], verdicts=verdicts, states=states,
        syntheses=[p.name for p in folders if (p / SYNTHESIS).is_file() and (p / "manifest.json").is_file()],
        wide=WIDE, high=HIGH,
    )  # fmt: skip


def _finished(folder: Path) -> bool:
    """Say whether a folder holds a study's recorded run: no draft, failure, or synthesis of several."""
    aside = folder.name.endswith((".draft", ".failed", ".audit")) or (folder / SYNTHESIS).is_file()
    return not aside and all((folder / name).is_file() for name in ("findings.json", "manifest.json"))


def _read(folder: Path) -> Collected | None:
    """Read of a study only the findings that the index prints; None where they cannot be read."""
    try:
        whole = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        if whole["schema"] != SCHEMA:
            return None
        known = {f.name for f in fields(Finding)}
        asked = [f for f in whole["findings"] if _asked(f["id"])]
        findings = {f["id"]: Finding(**{k: v for k, v in f.items() if k in known}) for f in asked}
        head = {k: whole[k] for k in ("study", "title", "district", "simulated")}
        return Collected(**head, findings=findings, tables={}, folder=folder)
    except (ValueError, KeyError, TypeError):
        return None


def _asked(id: str) -> bool:
    room, _, rest = id.partition(".")
    whole = room in ("suspensions", "belonging") and rest in ("att", "verdict")
    begins = id.startswith(("data.years", "data.schools", "data.adopters", "harms.", "suspensions.gap."))
    return whole or begins or id in CAVEATS


def _study(folder: Path, found: Collected, states: dict[str, str], failed: bool) -> Study:
    wording = Wording(found, {}, states, {})

    def shown(id: str) -> str:
        finding = found.findings.get(id)
        return "" if finding is None or finding.value is None else finding.shown

    def result(id: str, others_n: int = 0) -> Result | None:
        finding = found.findings.get(id)
        state = states.get(wording.decision(id), "No verdict stated")
        return None if finding is None else Result(finding, state, others_n=others_n)

    gaps = wording.matching("suspensions.gap.*.att")
    widest = max(gaps, key=lambda id: abs(found.findings[id].value or 0.0), default="")
    harms = Counter(wording.decision(id) for id in wording.matching("harms.*.att"))
    return Study(
        name=folder.name, title=found.title, district=found.district, simulated=found.simulated,
        years=shown("data.years"), schools=shown("data.schools"), adopters=shown("data.adopters"),
        main=result(MAIN), belonging=result(BELONGING), gap=result(widest, len(gaps) - 1),
        caveats=tuple(filter(None, map(shown, CAVEATS))),
        harms={state: harms[state] for state in HARMS if harms[state]}, failed=failed,
        files={f"{folder.name}/{file}": name for file, name in FILES.items() if (folder / file).is_file()},
    )  # fmt: skip


def _pictured(studies: Sequence[Study]) -> list[Study]:
    """Draw the main and the belonging intervals, each on one scale for all studies with the same unit."""
    drawn = {}
    for part in ("main", "belonging"):
        results = {s.name: getattr(s, part) for s in studies if _has_interval(getattr(s, part))}
        ends = scales([r.finding for r in results.values()])
        for name, r in results.items():
            drawn[name, part] = replace(r, picture=picture(r.finding, end=ends[r.finding.unit]))
    return [
        replace(s, **{p: drawn.get((s.name, p), getattr(s, p)) for p in ("main", "belonging")})
        for s in studies
    ]


def _has_interval(result: Result | None) -> bool:
    return result is not None and result.finding.low is not None and result.finding.high is not None


def scales(findings: Sequence[Finding]) -> dict[str, float]:
    """Give for each unit the end of a scale around zero that holds nearly all intervals, in round numbers.

    One study with a very wide interval must not make all others a dot: it is drawn with an arrow.

    >>> many = [Finding("a.b", "", 0.0, "exact", "0", low=-k, high=k, unit="%") for k in (2.0, 3.0, 7.0)]
    >>> scales(many)
    {'%': 10.0}
    """
    far: dict[str, list[float]] = {}
    for f in findings:
        far.setdefault(f.unit, []).append(max(abs(f.low or 0.0), abs(f.high or 0.0)))
    return {unit: _round_up(sorted(x)[math.ceil(WITHIN * len(x)) - 1]) for unit, x in far.items()}


def _round_up(x: float) -> float:
    if x <= 0:
        return 1.0
    ten = 10.0 ** math.floor(math.log10(x))
    return next(float(f"{k * ten:.6g}") for k in (1, 2, 5, 10) if k * ten >= x * (1 - 1e-12))


def picture(finding: Finding, *, end: float) -> Picture:
    """Place a finding's estimate and interval on a scale from -end to end.

    >>> picture(Finding("a.b", "", 5.0, "exact", "5", low=0.0, high=20.0), end=10.0)
    Picture(dot=97.0, left=66.0, right=None, says='On a scale from −10 to 10')
    """

    def at(x: float | None) -> float | None:
        if x is None or abs(x) > end:
            return None
        return round(WIDE / 2 + x / end * (WIDE / 2 - 4), 1)

    says = f"On a scale from −{end:g} to {end:g}"
    value: Any = finding.value
    return Picture(at(value), at(finding.low), at(finding.high), says)
