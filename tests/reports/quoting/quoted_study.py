"""Invented studies for the tests of quoting, and a way to let a later run find something else."""

import json
from pathlib import Path

from report_folder import write_folder

from rpeval.findings import collect


def folder_of(root: Path, **told) -> Path:
    """Write a report folder with findings.json, as a finished run leaves it."""
    folder = write_folder(root, **told)
    collect(folder)
    return folder


def found_later(folder: Path, id: str, /, **changes) -> None:
    """Change one finding, or remove it (gone=True), as if a later run had found something else."""
    path = folder / "findings.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    if changes.pop("gone", False):
        whole["findings"] = [f for f in whole["findings"] if f["id"] != id]
    for finding in whole["findings"]:
        if finding["id"] == id:
            finding.update(changes)
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
