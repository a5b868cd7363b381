"""The findings that the three simulated studies must give; how far a number may move is the audit's own rule.

`python tests/golden/golden.py reports` stores them anew from finished reports; say in the commit why they moved.
"""

import json
import sys
from pathlib import Path

from rpeval.findings.compare import compare

HERE = Path(__file__).parent
STUDIES = ("lakeshore", "riverbend", "prairie")
KEPT = ("kind", "value", "low", "high", "p", "shown", "shown_interval", "decision", "reason", "suppressed")


def read(folder: Path) -> dict[str, dict]:
    """Give what is kept of each finding of a report, by id."""
    whole = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    return {f["id"]: {name: f[name] for name in KEPT} for f in whole["findings"]}


def differences(old: dict[str, dict], new: dict[str, dict]) -> list[str]:
    """List what differs by the audit's own comparison: beyond the tolerance of its kind, under the same seed."""
    return [f"{d.id}, {d.what}: {d.old!r} is now {d.new!r}" for d in compare(old, new).differences]


def store(reports: Path) -> None:
    """Store the findings of finished reports."""
    for study in STUDIES:
        text = json.dumps(read(reports / study), indent=1, ensure_ascii=False)
        (HERE / f"{study}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    store(Path(sys.argv[1]))
