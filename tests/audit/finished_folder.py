"""A finished report with a manifest and an input, quick to make: no notebook runs."""

import hashlib
import hmac

from report_folder import write_folder

from rpeval.findings import collect, open_findings
from rpeval.findings.store import dump
from rpeval.runs.manifest import KEY, SCHEMA, count_rows, list_outputs
from rpeval.runs.software import describe_machine

PANEL = b"school_id,year,enrolled_n,oss_n\n0101,2016-17,400,40\n"
PARAMS = "params:\n  study: lakeshore\n"
KEY_TEXT = "5" * 64
COMMIT = {"commit": "0" * 40, "clean": True}


def mark(body, key):
    """Hash bytes as the manifest does."""
    return hmac.new(key, body, hashlib.sha256).hexdigest() if key else hashlib.sha256(body).hexdigest()


def finished(root, *, simulated=True, panel="data/lakeshore/panel.csv", git=COMMIT):
    """A finished report with a manifest, in a small project of its own."""
    folder = write_folder(root, simulated=simulated)
    collect(folder)
    (folder / "notebooks").mkdir()
    if not simulated:
        (folder / KEY).parent.mkdir()
        (folder / KEY).write_text(KEY_TEXT)
    (folder / "notebooks" / "01_suspensions.ipynb").write_text('{"cells": []}')
    for path, body in ((panel, PANEL), ("params/lakeshore.yml", PARAMS.encode())):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)
    sheets = [("params", "params/lakeshore.yml", PARAMS.encode()), ("panel", panel, PANEL)]
    outputs = list_outputs(folder, simulated=simulated)
    key = None if simulated else KEY_TEXT.encode()
    inputs = [{"key": k, "path": p, "keyed": bool(key) and k != "params", "sha256": mark(b, key if k != "params" else None),
               "bytes": len(b), "rows": None, "columns": None} for k, p, b in sheets]  # fmt: skip
    content = {
        "schema": SCHEMA, "study": "lakeshore", "simulated": simulated, "seed": 1,
        "params": {"text": PARAMS, "resolved": {"study": "lakeshore", "years": {"first": "2016-17"}}},
        "inputs": inputs, "accounting": count_rows(open_findings(folder)),
        "notebooks": [{"name": "01_suspensions", "code_sha256": "a" * 64, "cells": {"effect": "a" * 64}}],
        "code": {"rpeval": {"version": "0.1.0", "sha256": "b" * 64, "modules": {"errors.py": "b" * 64}},
                 "reference": {"sha256": "c" * 64, "files": {"measures.yml": "c" * 64}}, "git": git,
                 "lock_sha256": "d" * 64, "python": "3.11.7", "packages": {"pandas": "3.0.0", "numpy": "2.4.0"}},
        "machine": describe_machine(), "outputs": outputs,
        "when": {"start": "2027-01-05T10:00:00+00:00", "end": "2027-01-05T10:01:00+00:00"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(dump(content))
    return folder
