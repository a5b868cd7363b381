"""The findings that the three simulated studies must give, and how far a number may move.

`python tests/golden/golden.py reports` stores them anew from finished reports; say in the commit why they moved.
"""

import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).parent
STUDIES = ("lakeshore", "riverbend", "prairie")
KEPT = ("kind", "value", "low", "high", "p", "shown", "shown_interval", "decision", "reason", "suppressed")
TOLERANCE = {"count": 0.0, "exact": 1e-9, "iterative": 1e-6, "simulated": 1e-9, "text": 0.0}


def read(folder: Path) -> dict[str, dict]:
    """Give what is kept of each finding of a report, by id."""
    whole = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    return {f["id"]: {name: f[name] for name in KEPT} for f in whole["findings"]}


def differences(old: dict[str, dict], new: dict[str, dict]) -> list[str]:
    """List what differs beyond the tolerance of its kind; a simulated number has its own seed, so it is exact."""
    found = [f"{id}: {'gone' if id in old else 'new'}" for id in sorted(set(old) ^ set(new))]
    for id in sorted(set(old) & set(new)):
        for name in KEPT:
            a, b = old[id][name], new[id][name]
            if isinstance(a, float) and isinstance(b, float):
                near = math.isclose(a, b, rel_tol=TOLERANCE[old[id]["kind"]], abs_tol=1e-9)
            else:
                near = a == b
            if not near:
                found.append(f"{id}.{name}: {a!r} is now {b!r}")
    return found


def store(reports: Path) -> None:
    """Store the findings of finished reports."""
    for study in STUDIES:
        text = json.dumps(read(reports / study), indent=1, ensure_ascii=False)
        (HERE / f"{study}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    store(Path(sys.argv[1]))
