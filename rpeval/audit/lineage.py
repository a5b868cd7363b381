"""From a number back to what made it: notebook, cells, functions, settings, files, columns and rows."""

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rpeval.audit.columns import columns_of, known_names
from rpeval.audit.dataflow import Code, Site, Use, find_site, read_code, recorded, trace, uses
from rpeval.errors import FindingError, Problem, RpevalError
from rpeval.findings.finding import Finding
from rpeval.findings.store import Collected, open_findings
from rpeval.findings.table import Table
from rpeval.inputs.measures import read_measures
from rpeval.inputs.params import Params, find_root, read_params
from rpeval.runs.manifest import is_synthesis, open_manifest
from rpeval.runs.notebook import read_notebook

READERS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    (Path(__file__).parent / "readers.yml").read_text(encoding="utf-8")
)
STOP = frozenset({*READERS, "read_params", "read_measures", "Findings", "collect"})
ROOMS = ("rpeval.methods.", "rpeval.inputs.", "rpeval.findings.")
PLUMBING = ("Findings", "collect", "printed")
SETTINGS = {"weight_column": "weights"}  # properties of the params that stand for a key
NOT_SETTINGS = ("root", "folder", "draft", "resolved", "source_paths")
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Step:
    """One cell that a number rests on.

    cell, number : the cell's id and number; code : its statements that matter, first lines
    functions    : functions of rpeval that they name, dotted
    """

    cell: str
    number: int
    code: tuple[str, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One file that may have entered a number.

    key, path, sha256 : as the manifest names it; rows_n : rows of the file, None where it has none
    columns : headings that entered; none where it cannot be told
    used    : what became of the rows, as text; none where no account was kept
    """

    key: str
    path: str
    sha256: str
    rows_n: int | None
    columns: tuple[str, ...]
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a number rests on, as far as the code and the run's records tell.

    id, label, shown : the finding or table; on : what it counts (n, schools), as text
    notebook, steps  : where it was made, cells in order, its own last
    settings : keys of the params that entered; findings : other findings it was made from
    sources  : files, with columns and rows; gaps : what else cannot be told, as sentences
    """

    id: str
    label: str
    shown: str
    on: str
    notebook: str
    steps: tuple[Step, ...]
    settings: tuple[str, ...]
    findings: tuple[str, ...]
    sources: tuple[Source, ...]
    gaps: tuple[str, ...]


def lineage(folder: Path | str, id: str) -> Lineage:
    """Trace a finding or a table of a finished report back to files, columns and rows.

    Use it to answer "where does this number come from" without running anything: the executed notebook's
    code is read, names are followed back to the readers, and files, rows and hashes come from the manifest.

    folder : a finished report; id : of a finding or a released table
    A method is one step: which columns it uses inside is told by the outcome it was given. What cannot be
    told is named in `gaps`. Refuses (FindingError) an id that the report does not have; RunError: a folder
    that is no finished report, a notebook that is not there.
    """
    folder = Path(os.path.abspath(folder))
    content, found = open_manifest(folder), open_findings(folder)
    made = found.findings.get(id) or found.tables.get(id)
    if made is None:
        raise FindingError(Problem(id, "The report has no such finding or table.", "Look in findings.csv."))
    code = read_code(read_notebook(folder / "notebooks" / f"{made.notebook}.ipynb"), made.notebook)
    site, told = find_site(code, id), _told(made)
    if site is None:
        gap = "No cell of the notebook spells this id, so its road cannot be told."
        return Lineage(id, *told, made.notebook, (), (), (), (), (gap,))
    kept, used = trace(code, site, STOP)
    params, gaps = _open_params(content, folder)
    keys = _sources(code, kept, used)
    names = _names(code, kept, site, used, params) if params else set()
    entered = [item for item in content["inputs"] if item["key"].partition(".")[0] in keys]
    told_of = (_source(item, params, names, content["accounting"]) for item in entered)
    sources = tuple(source for source in told_of if source is not None)
    rests, unsure = _findings(code, kept, used, found, id)
    return Lineage(id, *told, made.notebook, tuple(_steps(code, kept, site)), _settings(used, params), rests,
                   sources, (*gaps, *unsure))  # fmt: skip


def _told(made: Finding | Table) -> tuple[str, str, str]:
    """Give label, what is shown, and what it counts."""
    if isinstance(made, Table):
        return made.title, f"table of {len(made.frame)} rows", ""
    interval = f" ({made.shown_interval})" if made.shown_interval else ""
    counted = [f"{made.n:,} {made.n_unit}".strip()] if made.n is not None else []
    counted += [f"{made.clusters:,} schools"] if made.clusters else []
    counted += [f"{made.treated:,} of them adopting"] if made.treated else []
    return made.label, f"{made.shown} {made.unit}".strip() + interval, ", ".join(counted)


def _open_params(content: Mapping[str, Any], folder: Path) -> tuple[Params | None, list[str]]:
    """Read the params as recorded, against the project around the report; without it columns are not told.

    A synthesis reads reports, or a table of estimates, and no column of a study's files.
    """
    if is_synthesis(content):
        return None, []
    try:
        root = find_root(folder)
        return read_params(content["params"]["resolved"], root=root), []
    except RpevalError:
        return None, ["The study's files are not here, so columns cannot be told."]


def _resolve(use: Use, code: Code) -> str:
    """Give the dotted name of a function of rpeval that a use stands for, or nothing."""
    name, attribute = use
    dotted = code.imported.get(name, "")
    if not dotted.startswith(ROOMS) or name in PLUMBING or attribute.isupper():
        return ""
    module = dotted.rpartition(".")[2].islower() and attribute
    return f"{dotted}.{attribute}" if module else dotted


def _steps(code: Code, kept: Mapping[int, None], site: Site) -> Iterator[Step]:
    cells: dict[tuple[str, int], list[int]] = {}
    for at in kept:
        cells.setdefault((code.statements[at].cell, code.statements[at].number), []).append(at)
    for (cell, number), places in cells.items():
        lines, functions = [], []
        for at in places:
            statement = code.statements[at]
            lines.append(ast.unparse(statement.node).splitlines()[0])
            value = recorded(site.call) if at == site.at else statement.value
            functions += sorted(filter(None, (_resolve(use, code) for use in uses(value))))
        yield Step(cell, number, tuple(dict.fromkeys(lines)), tuple(dict.fromkeys(functions)))


def _sources(code: Code, kept: Mapping[int, None], used: set[Use]) -> set[str]:
    """Name the sources behind the readers in use: those of the parts that are used, or all of them."""
    keys: set[str] = set()
    for at in kept:
        statement = code.statements[at]
        for name, part in uses(statement.value, STOP):
            if name in READERS:
                parts = {part} if part else {a for n, a in used if n in statement.makes}
                keys |= _parts(READERS[name], parts)
    return keys


def _parts(reader: Mapping[str, list[str]], parts: set[str]) -> set[str]:
    known = [reader.get(part) for part in parts]
    listed = [reader[part] for part in reader] if None in known or not known else known
    return {key for keys in listed for key in keys or ()}


def _names(code: Code, kept: Mapping[int, None], site: Site, used: set[Use], params: Params) -> set[str]:
    """Collect the outcomes and columns that the statements name: as text, in the id, through the params."""
    measures = tuple(read_measures(params.root))
    own = known_names(site.wild, measures)
    values = [v for at in kept if at != site.at for v in code.statements[at].value] + recorded(site.call)
    nodes = (node for value in values for node in ast.walk(value))
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    if not own:
        told = {"outcome": [params.outcome], "companions": params.companions, "harms": params.harms}
        texts += [name for part, names in told.items() if ("study", part) in used for name in names]
    if ("study", "weight_column") in used and params.weight_column:
        texts.append(params.weight_column)
    return known_names(texts, measures) | own


def _settings(used: set[Use], params: Params | None) -> tuple[str, ...]:
    asked = {SETTINGS.get(part, part) for name, part in used if name == "study"} - {"", *NOT_SETTINGS}
    known = asked if params is None else {key for key in asked if key in type(params).model_fields}
    return tuple(sorted(known))


def _source(
    item: Mapping[str, Any], params: Params | None, names: set[str], accounting: Mapping[str, Any]
) -> Source | None:
    """Describe a file that may have entered; None where the params say that no column of it did."""
    key, mark = item["key"], f"keyed {item['sha256']}" if item["keyed"] else item["sha256"]
    columns = columns_of(params, key, names) if params else ()
    if columns is None:
        return None
    return Source(key, item["path"], mark, item["rows"], columns, tuple(_rows(key, accounting)))


def _rows(key: str, accounting: Mapping[str, Any]) -> Iterator[str]:
    """Tell what became of a file's rows, from the account that the manifest keeps of them."""
    for name, words in (("rows_in", "read"), ("rows_out", "used")):
        count = accounting["counts"].get(f"data.{key}.{name}")
        if count is not None:
            yield f"{count:,} rows {words}"
    for row in (row for rows in accounting["reasons"].values() for row in rows):
        if row.get("source") == key:
            yield f"{row['rows_n']:,} left out: {row['reason']}"


def _findings(
    code: Code, kept: Mapping[int, None], used: set[Use], found: Collected, id: str
) -> tuple[tuple[str, ...], list[str]]:
    """Name the findings a number was made from: those whose ids the statements spell."""
    if not {("book", "findings"), ("found", "findings"), ("found", "tables")} & used:
        return (), []
    known = {*found.findings, *found.tables} - {id}
    nodes = (n for at in kept for value in code.statements[at].value for n in ast.walk(value))
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    spelled = tuple(sorted(texts & known))
    return spelled, [f"It rests on other findings; which of them beside those that are spelled: {NOT_TOLD}."]


def tell_lineage(road: Lineage) -> list[str]:
    """Write a lineage as an indented tree, from the number back to the files."""
    lines = [f"{road.label} [{road.id}]", f"  {road.shown}", *([f"  from {road.on}"] if road.on else [])]
    lines.append(f"  made in notebooks/{road.notebook}.ipynb")
    for step in reversed(road.steps):
        lines.append(f"    cell [{step.number}] {step.cell}")
        lines += [f"      {text}" for text in step.functions or step.code]
    if road.settings:
        lines.append(f"  by the params' {', '.join(road.settings)}")
    if road.findings:
        lines.append(f"  from the findings {', '.join(road.findings)}")
    for source in road.sources:
        rows = f", {source.rows_n:,} rows" if source.rows_n is not None else ""
        lines += [f"  from {source.path} ({source.key}{rows})", f"    SHA-256 {source.sha256}"]
        lines.append(f"    columns: {', '.join(source.columns) or NOT_TOLD}")
        lines += [f"    {text}" for text in source.used or (f"rows: {NOT_TOLD}",)]
    return [*lines, *(f"  {gap}" for gap in road.gaps)]
