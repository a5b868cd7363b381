"""A second opinion: the headline numbers computed again by other libraries, beside ours."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rpeval.audit.second_numbers import (
    Number,
    group_numbers,
    panel_numbers,
    pooled_numbers,
    survey_numbers,
    version_of,
)
from rpeval.errors import DataError, Problem, RunError
from rpeval.findings.finding import Finding
from rpeval.findings.store import Collected, open_findings, write_whole
from rpeval.inputs.estimates import read_estimates
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import Params, find_root
from rpeval.inputs.survey import read_survey
from rpeval.inputs.synthesis import Synthesis
from rpeval.runs.manifest import PLAIN, is_as_recorded, open_manifest, params_reader, read_key

RELATIVE, ABSOLUTE = 1e-6, 1e-8
TOLERANCE = f"within {RELATIVE:g} of its size"
NONE = "no other implementation"
State = Literal["agrees", "differs", "not computed", "no other implementation"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One number, computed twice.

    id, label  : the finding; ours, theirs : the two values, in the finding's unit (theirs may be None)
    by         : library and version that computed theirs; state : whether they agree
    difference : theirs minus ours; why : why there is no second value, or empty
    """

    id: str
    label: str
    ours: float
    theirs: float | None
    by: str
    state: State
    difference: float | None = None
    why: str = ""


def independent(folder: Path | str) -> tuple[Opinion, ...]:
    """Compute a report's headline numbers again with other libraries, from the study's own files.

    Use it to know that a number does not rest on a slip of this program: the files are read as the study
    reads them, everything after that is another library's (diff-diff, statsmodels) or plain arithmetic.

    folder : a finished report in its project, with its files as the run read them
    Returns one row for each number with a second implementation, and for each number that carries a decision
    without one. Values must agree within 1e-6 of their size; intervals are not compared, because other
    libraries have other standard errors. Refuses (RunError) a folder that is no finished report, and inputs
    that are not as the run read them; DataError, ParamsError: files that cannot be read.
    """
    folder = Path(os.path.abspath(folder))
    params, found = open_study(folder), open_findings(folder)
    recipes = dict(_recipes(params, found))
    rows = []
    for id, finding in found.findings.items():
        if not isinstance(finding.value, int | float):
            continue
        if id in recipes:
            rows.append(_compare(finding, *recipes[id]))
        elif finding.decision:
            rows.append(Opinion(id, finding.label, finding.value, None, "", NONE))
    return tuple(rows)


def open_study(folder: Path) -> Params | Synthesis:
    """Read the params that a report recorded, of a study or a synthesis.

    Refuses (RunError) files that are not as the run read them.
    """
    content, root, key = open_manifest(folder), find_root(folder), read_key(folder)
    changed = [
        Problem(item["path"], "This input is not as the run read it.", "Put it back, or run the study again.")
        for item in content["inputs"]
        if item["key"] not in PLAIN and is_as_recorded(root / item["path"], item, key) is not True
    ]
    if changed:
        raise RunError(changed)
    return params_reader(content)(content["params"]["resolved"], root=root)


def _recipes(params: Params | Synthesis, found: Collected) -> Iterator[tuple[str, tuple[str, Number]]]:
    if isinstance(params, Synthesis):
        for id, by, number in pooled_numbers(read_estimates(params).frame):
            yield id, (by, number)
        return
    panel = read_panel(params)
    for id, by, number in (*panel_numbers(params, panel), *group_numbers(params, panel)):
        yield id, (by, number)
    for id, by, number in _survey(params, panel):
        yield id, (by, number)
        kind, lead = id.removeprefix("belonging.").removesuffix(".att"), found.findings.get("belonging.att")
        if lead is not None and lead.method == getattr(found.findings.get(id), "method", None):
            yield from [("belonging.att", (by, number))] * (kind in ("students", "schools"))


def _survey(params: Params, panel: Any) -> Iterator[tuple[str, str, Number]]:
    if params.sources.survey is None:
        return iter(())
    try:
        return survey_numbers(params, read_survey(params, panel))
    except DataError:
        return iter(())


def _compare(finding: Finding, by: str, number: Number) -> Opinion:
    ours = float(finding.value)  # type: ignore[arg-type]
    told = (finding.id, finding.label, ours)
    try:
        theirs = number()
    except ImportError:
        return Opinion(*told, None, by, "not computed", why=f"{by} is not installed: pip install {by}.")
    except Exception as error:  # another library may refuse these data in any way it likes
        why = f"{by} stopped with {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return Opinion(*told, None, version_of(by), "not computed", why=why)
    apart = theirs - ours
    agrees = abs(apart) <= max(RELATIVE * abs(ours), ABSOLUTE)
    return Opinion(*told, theirs, version_of(by), "agrees" if agrees else "differs", apart)


def tell_opinions(opinions: tuple[Opinion, ...]) -> list[str]:
    """Write a second opinion as lines of text, differences first."""
    order = {"differs": 0, "not computed": 1, "agrees": 2, NONE: 3}
    lines = []
    for row in sorted(opinions, key=lambda row: order[row.state]):
        if row.theirs is None:
            lines.append(f"{row.id}: {row.ours:.6g}; {row.state}{f'. {row.why}' if row.why else ''}")
        else:
            apart = f"apart by {row.difference:.1e}"
            lines.append(f"{row.id}: {row.ours:.6g}; {row.by} {row.theirs:.6g}, {apart}; {row.state}")
    counts = ", ".join(f"{state}: {sum(row.state == state for row in opinions)}" for state in order)
    return [*lines, f"{counts} (tolerance: {TOLERANCE})."]


def write_opinions(opinions: tuple[Opinion, ...], target: Path) -> list[str]:
    """Write a second opinion into a folder, as second_opinion.txt, and give its lines."""
    lines = tell_opinions(opinions)
    write_whole(target / "second_opinion.txt", "\n".join(lines) + "\n")
    return lines
