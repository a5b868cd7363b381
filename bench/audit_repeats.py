"""The same study under another BLAS kernel, hash seed, number of threads, and with shuffled rows: reproduced?

python bench/audit_repeats.py [STUDY ...] writes bench/audit_repeats.md. Each condition is one audit of a
report made without it. Threads are the exception: rpeval gives linear algebra one thread whatever is
asked, so there the notebooks run under plain papermill.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]
from project import copy_project  # noqa: E402

from rpeval.findings import collect, open_findings  # noqa: E402
from rpeval.findings.compare import compare  # noqa: E402
from rpeval.runs.study import run_study  # noqa: E402

TARGET = ROOT / "bench/audit_repeats.md"
CONDITIONS = {
    "as it was": {},
    "OPENBLAS_CORETYPE=Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "OPENBLAS_CORETYPE=Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "PYTHONHASHSEED=1": {"PYTHONHASHSEED": "1"},
    "PYTHONHASHSEED=2": {"PYTHONHASHSEED": "2"},
}
AUDIT = """
import sys
from rpeval.audit.audit import audit
from rpeval.audit.page import write_pages
made = audit(sys.argv[1])
write_pages(made, sys.argv[1])
"""


def audit_under(project: Path, study: str, environment: dict[str, str]) -> tuple[str, str]:
    """Audit a report under some environment; give the verdict and what differs."""
    subprocess.run([sys.executable, "-c", AUDIT, f"reports/{study}"], cwd=project, check=True,
                   env={**os.environ, **environment})  # fmt: skip
    told = json.loads((project / f"reports/{study}.audit/audit.json").read_text(encoding="utf-8"))
    ids = dict.fromkeys(d["id"] for d in told["differences"])
    return told["verdict"], ", ".join(ids) or told["steps"][2]["lines"][-1]


def shuffle(project: Path, study: str) -> None:
    """Put the rows of every data file into another order."""
    order = random.Random(1)
    record = json.loads((project / f"reports/{study}/manifest.json").read_text(encoding="utf-8"))
    for item in record["inputs"]:
        path = project / item["path"]
        if path.suffix not in (".csv", ".tsv"):
            continue
        mark = "\t" if path.suffix == ".tsv" else ","
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file, delimiter=mark)
        order.shuffle(rows)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=mark, lineterminator="\n").writerows([head, *rows])


def run_plainly(project: Path, study: str, threads: int) -> tuple[str, str]:
    """Run a study's notebooks under plain papermill with some threads, and compare with its report."""
    many = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(threads))
    for told in json.loads((project / f"reports/{study}/manifest.json").read_text())["notebooks"]:
        command = [sys.executable, "-m", "papermill", f"notebooks/{told['name']}.ipynb", "out.ipynb", "--cwd",
                   "notebooks", "--no-progress-bar", "-p", "params", f"params/{study}.yml"]  # fmt: skip
        subprocess.run(command, cwd=project, check=True, env={**os.environ, **many}, capture_output=True)
    found = compare(open_findings(project / f"reports/{study}"), collect(project / f"reports/{study}.draft"))
    return ("reproduced" if found.same else "differs"), ", ".join(found.ids)


def measure(study: str) -> list[tuple[str, str, str, str]]:
    """Give the rows of one study."""
    with tempfile.TemporaryDirectory() as place:
        project = copy_project(Path(place) / "project")
        run_study(project / f"params/{study}.yml")
        rows = [(study, what, *audit_under(project, study, how)) for what, how in CONDITIONS.items()]
        rows += [(study, f"{n} threads", *run_plainly(project, study, n)) for n in (1, 2)]
        shuffle(project, study)
        rows.append((study, "shuffled rows", *audit_under(project, study, {})))
        shutil.rmtree(project)
    return rows


def main() -> None:
    """Measure the named studies, or prairie, and write the table."""
    rows = [row for study in sys.argv[1:] or ["prairie"] for row in measure(study)]
    lines = ["# The same study under other conditions", "", "Made by `python bench/audit_repeats.py`.", "",
             "| study | condition | verdict | differs, or files equal |", "|---|---|---|---|"]  # fmt: skip
    TARGET.write_text(
        "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n", encoding="utf-8"
    )
    print("\n".join(" | ".join(row) for row in rows))


if __name__ == "__main__":
    main()
