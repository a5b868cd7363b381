"""What a report was made from: every input, notebook, line of code and version, and every file that came out.

Two runs on one machine with the same inputs and code give the same manifest but for the part named "when".
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.findings import Collected, open_findings
from rpeval.findings.store import dump, write_whole
from rpeval.inputs.params import read_params
from rpeval.inputs.plan import fingerprint, key_path, read_key_file
from rpeval.inputs.synthesis import read_synthesis
from rpeval.runs.measure import count_cells
from rpeval.runs.notebook import hash_cells, hash_code
from rpeval.runs.room import Room
from rpeval.runs.software import PACKAGE, describe_code, describe_machine, hash_files, hash_tree

NAME = "manifest.json"
FAMILY = "rpeval/manifest/"
SCHEMA = f"{FAMILY}2"
KEY = "restricted/salt.txt"
PLAIN = ("params", "lock")  # inputs that hold no data
# Folders of a real study's report that may not be passed on freely, and why. All else in a report has passed
# disclosure control. Nothing in a simulated study's report is restricted.
RESTRICTED = {
    "notebooks/": "Executed cells may print names of schools, and counts before disclosure control.",
    "appendix/": "The same cells, as pages.",
    "restricted/": "The key to the fingerprints of files that hold data.",
}


def write_manifest(
    folder: Path, *, room: Room, params: Any, notebooks: tuple[str, ...], when: Mapping[str, str]
) -> None:
    """Write the manifest of a finished report: last, and whole or not at all.

    folder    : the report, complete but for the manifest
    room      : the clean room it was made in
    params    : the study's params
    notebooks : names of the notebooks that ran, in order
    when      : start and end, the only part that differs between equal runs

    A hash of a small file is a fingerprint from which its content can be guessed: of twelve schools, who
    started when has few answers. So in a study of real data the hashes of data files and of restricted
    outputs are keyed (HMAC). The key lies in the report's own restricted/ and stays there from run to run,
    and the lock of the study's plan has the same; who has it can check the files, who has the manifest alone
    can guess nothing.
    """
    key = None if params.simulated else choose_key(params)
    if key:
        write_whole(folder / KEY, f"{key.decode()}\n")
    content = {
        "schema": SCHEMA,
        "study": params.study,
        "simulated": params.simulated,
        "seed": params.seed,
        "params": {"text": room.inputs[0].place.read_bytes().decode(), "resolved": params.resolved()},
        "inputs": [_input(item, key) for item in room.inputs],
        "accounting": count_rows(open_findings(folder)),
        "notebooks": [describe_notebook(room.root / "notebooks" / f"{name}.ipynb") for name in notebooks],
        "code": describe_code(params.root),
        "machine": describe_machine(),
        "outputs": list_outputs(folder, simulated=params.simulated),
        "when": dict(when),
    }
    write_whole(folder / NAME, dump(content))


def choose_key(params: Any) -> bytes:
    """Give the one key of a study, that of its lock or of its earlier report; a new one where it has none."""
    known = read_key_file(key_path(params)) or read_key(params.root / "reports" / params.study)
    return known or secrets.token_hex(32).encode()


def read_key(folder: Path) -> bytes | None:
    """Give the key to a report's keyed hashes; None where it is not there, as in a pack for the public."""
    return read_key_file(folder / KEY)


def is_as_recorded(path: Path, record: Mapping[str, Any], key: bytes | None) -> bool | None:
    """Say whether a file is the one that a manifest's input or output tells of; None where nobody can say.

    record : an entry of a manifest's inputs or outputs; key : what `read_key` gives for its report
    It cannot be said of a keyed entry without the key.
    """
    if not path.is_file():
        return False
    if record["keyed"] and key is None:
        return None
    return fingerprint(path, key if record["keyed"] else None) == record["sha256"]


def _input(item: Any, key: bytes | None) -> dict[str, Any]:
    rows, columns = count_cells(item.place)
    key = None if item.key in PLAIN else key
    mark = item.sha256 if key is None else fingerprint(item.place, key)
    return {"key": item.key, "path": item.path, "keyed": key is not None, "sha256": mark,
            "bytes": item.bytes_n, "rows": rows, "columns": columns}  # fmt: skip


def count_rows(found: Collected) -> dict[str, Any]:
    """Gather which rows entered and why others did not: counts of rows in and out, and tables of reasons."""
    counts = {id: f.value for id, f in found.findings.items() if re.search(r"\.rows_(in|out)$", id)}
    reasons = {id: json.loads(table.frame.to_json(orient="records"))
               for id, table in found.tables.items() if id.endswith("accounting")}  # fmt: skip
    return {"counts": counts, "reasons": reasons}


def describe_notebook(path: Path) -> dict[str, Any]:
    """Fingerprint a notebook's code: as a whole, and cell by cell."""
    return {"name": path.stem, "code_sha256": hash_code(path), "cells": hash_cells(path)}


def list_outputs(folder: Path, *, simulated: bool) -> list[dict[str, Any]]:
    """List every file of a report but the manifest itself, by path, each with its level."""
    key = None if simulated else read_key(folder)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [_output(folder, name, simulated, key) for name in files if name != NAME]


def _output(folder: Path, name: str, simulated: bool, key: bytes | None) -> dict[str, Any]:
    hidden = not simulated and name.startswith(tuple(RESTRICTED))
    key = key if hidden else None
    return {"path": name, "level": "restricted" if hidden else "shareable", "keyed": key is not None,
            "sha256": fingerprint(folder / name, key), "bytes": (folder / name).stat().st_size}  # fmt: skip


def open_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a report.

    Refuses (RunError) a folder that is no finished report, and a report that another version of rpeval made.
    """
    content = _read(folder)
    if content is None:
        raise RunError(
            Problem(str(folder), "This is no finished report.", "Run the study first: rpeval run.")
        )
    if content["schema"] != SCHEMA:
        what = f"Another version of rpeval made this report ({content['schema']}, not {SCHEMA})."
        raise RunError(Problem(str(folder), what, "Run the study again, or use the version that made it."))
    return content


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return content if content["schema"].startswith(FAMILY) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_synthesis(record: Mapping[str, Any]) -> bool:
    """Say whether a manifest is of a synthesis over several studies."""
    return "synthesis" in record["params"]["resolved"]


def params_reader(record: Mapping[str, Any]) -> Callable[..., Any]:
    """Give what reads the params of a manifest's report: those of a study, or of a synthesis."""
    return read_synthesis if is_synthesis(record) else read_params


def is_finished(folder: Path) -> bool:
    """Say whether a folder is a finished report, of this version or another."""
    return _read(folder) is not None


def check_outputs(folder: Path, content: Mapping[str, Any]) -> None:
    """Refuse (RunError) a report whose findings or tables were changed after the run."""
    key = read_key(folder)
    of_run = ("findings", "tables/", "notebooks/", "template", "decisions")
    kept = [o for o in content["outputs"] if o["path"].startswith(of_run)]
    changed = [
        Problem(f"{folder.name}/{o['path']}", "This file is not as the run left it.", "Run the study again.")
        for o in kept
        if is_as_recorded(folder / o["path"], o, key) is False
    ]
    if changed:
        raise RunError(changed)


def renew_manifest(folder: Path, content: Mapping[str, Any], rendered: str) -> None:
    """Write a manifest again after its report was rendered again: outputs, and when and by which code."""
    code = {**content["code"], "rendered_sha256": hash_tree(hash_files(PACKAGE))}
    when = {**content["when"], "rendered": rendered}
    outputs = list_outputs(folder, simulated=content["simulated"])
    write_whole(folder / NAME, dump({**content, "code": code, "outputs": outputs, "when": when}))
