"""Why a re-run differs from a report: put back what changed, one thing at a time; or run twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rpeval.audit.case import Attempt, Case
from rpeval.audit.verdict import Reason
from rpeval.findings import Collected
from rpeval.findings.compare import Comparison, compare
from rpeval.runs.notebook import code_cells, first_line, read_notebook


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why findings differ.

    reason : from the closed list
    named  : what explains it, as candidates (data files, "notebooks", "package", "reference", "environment")
    tried  : each further run, and what came of it, as a sentence
    first  : the first cell, in notebook order, whose findings differ
    """

    reason: Reason
    named: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    first: str = ""


def explain(case: Case, first: Attempt, differs: Comparison) -> Explanation:
    """Say what explains that the first re-run differs from the report.

    first   : the first re-run, made from the recorded params and, where git has it, the recorded commit
    differs : its comparison with the report
    """
    where = first_cell(case, differs)
    if not case.candidates:
        return _twice(case, first, where)
    ready = [each for each in case.candidates if case.can_go_back(each)]
    tried: list[str] = []
    for each in ready:
        if _restores(case, (each,), tried):
            return Explanation(Reason.EXPLAINED, (each,), tuple(tried), where)
    if len(ready) > 1 and _restores(case, tuple(ready), tried):
        return Explanation(Reason.TOGETHER, tuple(ready), tuple(tried), where)
    stuck = tuple(each for each in case.candidates if each not in ready)
    if len(case.candidates) == 1 and stuck:
        return Explanation(Reason.ALONE, stuck, (), where)
    return Explanation(Reason.UNDECIDED, stuck or case.candidates, tuple(tried), where)


def _restores(case: Case, back: tuple[str, ...], tried: list[str]) -> bool:
    """Run with some things put back, note what came of it, and say whether the findings are as recorded."""
    case.say(f"Again, with {' and '.join(back)} as recorded")
    found = case.compare(case.attempt(back))
    how = "the run failed" if found is None else f"{len(found.ids)} findings and tables differ"
    how = "the findings are as recorded" if found is not None and found.same else how
    tried.append(f"With {' and '.join(back)} as recorded: {how}.")
    return found is not None and found.same


def _twice(case: Case, first: Attempt, where: str) -> Explanation:
    """Run again as before: two runs that differ from each other show that a notebook is not deterministic."""
    case.say("Again, because nothing changed")
    second = case.attempt()
    if not isinstance(first.made, Collected) or not isinstance(second.made, Collected):
        return Explanation(Reason.UNRECORDED, (), ("A second run failed.",), where)
    between = compare(first.made, second.made)
    if between.same:
        return Explanation(Reason.UNRECORDED, (), ("A second run gives what the first gave.",), where)
    told = f"A second run differs from the first in {len(between.ids)} findings and tables."
    return Explanation(Reason.RANDOM, (), (told,), first_cell(case, between))


def first_cell(case: Case, differs: Comparison) -> str:
    """Name the first cell, in the order of the notebooks, whose findings or tables differ; "" for none."""
    order = {(told["name"], cell): (n, c) for n, told in enumerate(case.record["notebooks"])
             for c, cell in enumerate(told["cells"])}  # fmt: skip
    made = {id: (f.notebook, f.cell) for id, f in case.found.findings.items()}
    made |= {id: (t.notebook, t.cell) for id, t in case.found.tables.items()}
    places = sorted((order[made[id]], id) for id in differs.ids if made.get(id) in order)
    if not places:
        return ""
    notebook, cell = made[places[0][1]]
    return f"notebooks/{notebook}.ipynb, cell {cell}{_line(case, notebook, cell)}"


def _line(case: Case, notebook: str, cell: str) -> str:
    path = case.folder / "notebooks" / f"{notebook}.ipynb"
    if not path.is_file():
        return ""
    lines: Mapping[Any, str] = {c.get("id"): first_line(c) for _, c in code_cells(read_notebook(path))}
    return f" `{lines[cell]}`" if cell in lines else ""
