"""A finished report with a manifest and an input, quick to make: no notebook runs."""

import hashlib

from report_folder import write_folder

from rpeval.findings import collect
from rpeval.findings.store import dump
from rpeval.runs.manifest import SCHEMA, describe_machine

PANEL = b"school_id,year,enrolled_n,oss_n\n0101,2016-17,400,40\n"
PARAMS = "params:\n  study: lakeshore\n"
COMMIT = {"commit": "0" * 40, "clean": True}


def finished(root, *, simulated=True, panel="data/lakeshore/panel.csv", restricted=(), git=COMMIT):
    """A finished report with a manifest, in a small project of its own."""
    folder = write_folder(root, simulated=simulated)
    collect(folder)
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "01_suspensions.ipynb").write_text('{"cells": []}')
    for path, body in ((panel, PANEL), ("params/lakeshore.yml", PARAMS.encode())):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)
    sheets = [("params", "params/lakeshore.yml", PARAMS.encode()), ("panel", panel, PANEL)]
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    outputs = [{"path": p.relative_to(folder).as_posix(), "sha256": hashlib.sha256(p.read_bytes()).hexdigest(),
                "bytes": p.stat().st_size} for p in files]  # fmt: skip
    for output in outputs:
        output["level"] = "restricted" if output["path"].startswith(restricted) else "shareable"
    content = {
        "schema": SCHEMA, "study": "lakeshore", "simulated": simulated, "seed": 1,
        "params": {"text": PARAMS, "resolved": {"study": "lakeshore", "years": {"first": "2016-17"}}},
        "inputs": [{"key": k, "path": p, "sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b), "rows": None,
                    "columns": None} for k, p, b in sheets],
        "notebooks": [{"name": "01_suspensions", "code_sha256": "a" * 64}],
        "code": {"rpeval": {"version": "0.1.0", "sha256": "b" * 64}, "reference_sha256": "c" * 64, "git": git,
                 "lock_sha256": "d" * 64, "python": "3.11.7", "packages": {"pandas": "3.0.0", "numpy": "2.4.0"}},
        "machine": describe_machine(), "outputs": outputs,
        "when": {"start": "2027-01-05T10:00:00+00:00", "end": "2027-01-05T10:01:00+00:00"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(dump(content))
    return folder
