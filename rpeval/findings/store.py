"""Findings on disk: one part per notebook, collected into findings.json and findings.csv."""

import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from rpeval.errors import FindingError, Problem
from rpeval.findings.finding import Finding
from rpeval.findings.table import Table

SCHEMA = "rpeval/findings/1"
_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")


def check_id(id: str) -> None:
    """Refuse an id that is not lower-case words joined by dots.

    >>> check_id("suspensions.att")
    """
    if not _ID.fullmatch(id):
        raise FindingError(Problem(id, "This is not a finding id.", "Write lower-case words joined by dots."))


def write_whole(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file completely or not at all: to a neighbor first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def dump(content: Any) -> str:
    """Write JSON in one stable form; a number that is not finite is refused."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def save_part(
    params: Any, notebook: str, findings: Mapping[str, Finding], tables: Mapping[str, Table]
) -> str:
    """Write the findings and tables of one notebook into the study's folder.

    Returns the path of the part, relative to the project, for the notebook to show.
    """
    folder = Path(params.folder)
    listed = []
    for table in tables.values():
        name = f"tables/{table.id}.csv"
        write_whole(folder / name, frame_text(table.frame))
        listed.append({
            "id": table.id, "title": table.title, "file": name, "labels": dict(table.labels),
            "digits": dict(table.digits), "figure": table.figure, "alt": table.alt, "note": table.note,
            "suppressed_n": table.suppressed_n, "notebook": notebook, "cell": table.cell,
            "marks": {str(year): text for year, text in table.marks.items()},
            "percents": dict(table.percents),
        })  # fmt: skip
    found = [f.as_json() for f in findings.values()]
    part = {**_head(params), "notebook": notebook, "complete": True, "findings": found, "tables": listed}
    path = folder / "findings" / f"{notebook}.json"
    write_whole(path, dump(part))
    return f"{len(found)} findings and {len(listed)} tables saved to {path.relative_to(params.root)}"


def frame_text(frame: pd.DataFrame) -> str:
    """Write a table's rows as the text that is stored.

    >>> frame_text(pd.DataFrame({"school_id": ["001"], "rate": [0.5]}))
    'school_id,rate\\n001,0.5\\n'
    """
    return frame.to_csv(index=False, lineterminator="\n")


def read_frame(text: str) -> pd.DataFrame:
    """Read a table's rows from the text that is stored; ids stay text.

    >>> read_frame("school_id,rate\\n001,0.5\\n")["school_id"].tolist()
    ['001']
    """
    columns = pd.read_csv(io.StringIO(text), nrows=0).columns
    return pd.read_csv(io.StringIO(text), dtype={c: str for c in columns if c.endswith("_id")})


def _head(params: Any) -> dict[str, Any]:
    content = json.dumps(params.resolved(), sort_keys=True, ensure_ascii=False)
    return {
        "schema": SCHEMA, "study": params.study, "title": params.title, "district": params.district.name,
        "simulated": params.simulated, "params_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """All findings and tables of a study's folder; one is equal to itself alone.

    findings : id to Finding
    tables   : id to Table
    params_sha256 : of the study's resolved params, with which every notebook worked
    """

    study: str
    title: str
    district: str
    simulated: bool
    findings: dict[str, Finding]
    tables: dict[str, Table]
    folder: Path
    params_sha256: str = ""

    @property
    def draft(self) -> bool:
        """Whether the folder is a draft: written by notebooks outside of a recorded run."""
        return Path(self.folder).name.endswith(".draft")


def collect(folder: Path | str, *, without: str = "") -> Collected:
    """Merge the parts of all notebooks into findings.json and findings.csv.

    without : a notebook whose part is left out, because it is about to be made again
    Refuses (FindingError) no part at all, an unfinished part, parts of different params, one id twice.
    """
    folder = Path(folder)
    paths = sorted((folder / "findings").glob("*.json"))
    parts = [_read(path) for path in paths if path.stem != without]
    _check_parts(folder, parts)
    whole = {k: parts[0][k] for k in ("schema", "study", "title", "district", "simulated", "params_sha256")}
    whole["findings"] = [f for part in parts for f in part["findings"]]
    whole["tables"] = [t for part in parts for t in part["tables"]]
    write_whole(folder / "findings.json", dump(whole))
    columns = [f.name for f in fields(Finding)]
    flat = pd.DataFrame(whole["findings"], columns=columns)
    flat = flat.assign(simulated=whole["simulated"], study=whole["study"])
    flat["claims"] = flat["claims"].map(" ".join)
    write_whole(folder / "findings.csv", flat.to_csv(index=False, lineterminator="\n"))
    return open_findings(folder)


def gather(folder: Path | str) -> Collected:
    """Read the findings of a folder: merged anew where the notebooks' parts are there, else as they stand."""
    return collect(folder) if (Path(folder) / "findings").is_dir() else open_findings(folder)


def open_findings(folder: Path | str) -> Collected:
    """Read findings.json of a study's folder."""
    whole = _read(Path(folder) / "findings.json")
    names = {f.name for f in fields(Finding)}
    made = [Finding(**{k: v for k, v in f.items() if k in names}) for f in whole["findings"]]
    found = {f.id: replace(f, claims=tuple(f.claims)) for f in made}
    tables = {t["id"]: _table(Path(folder), t) for t in whole["tables"]}
    head = {k: whole[k] for k in ("study", "title", "district", "simulated", "params_sha256")}
    return Collected(**head, findings=found, tables=tables, folder=Path(folder))


def _table(folder: Path, record: dict[str, Any]) -> Table:
    known = {f.name for f in fields(Table)} - {"frame"}
    frame = read_frame((folder / record["file"]).read_text(encoding="utf-8"))
    marks = {int(year): text for year, text in record.get("marks", {}).items()}
    return Table(frame=frame, **{k: v for k, v in record.items() if k in known} | {"marks": marks})


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FindingError(Problem(str(path), "No findings here.", "Run the study first.")) from None
    except ValueError as error:
        raise FindingError(Problem(str(path), f"Not readable: {error}.", "Run it again.")) from None


def _check_parts(folder: Path, parts: list[dict[str, Any]]) -> None:
    where = f"{folder.name}/findings"
    if not parts:
        raise FindingError(Problem(where, "No notebook has saved findings.", "Run 01_suspensions first."))
    problems = [
        Problem(f"{where}/{p.get('notebook')}.json", "The notebook did not finish.", "Run it again.")
        for p in parts if not p.get("complete") or p.get("schema") != SCHEMA
    ]  # fmt: skip
    if len({p.get("params_sha256") for p in parts}) > 1:
        names = ", ".join(p["notebook"] for p in parts)
        problems.append(Problem(where, f"The parts ({names}) come from different params.",
                                "Run all notebooks again with the same params file."))  # fmt: skip
    ids = [x["id"] for p in parts for x in [*p["findings"], *p["tables"]]]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        problems.append(Problem(where, f"{', '.join(twice)} found twice.", "Give each finding its own id."))
    if problems:
        raise FindingError(problems)
