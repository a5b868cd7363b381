"""A study of three small notebooks whose numbers follow from everything an audit looks at."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from project import ROOT

from rpeval.audit.rerun import Failed, build_project

v4 = nbformat.v4
PARAMS = """params:
  study: small
  title: Restorative practices in Small
  simulated: true
  seed: 1
  district: {name: Small (simulated), leaid: "0900009", state: ZZ}
  program: {name: Restorative practices}
  years: {first: 2016-17, last: 2019-20}
  sources:
    panel: {path: data/small/panel.csv, layout: rpeval}
    adoption: {path: data/small/adoption.csv, layout: rpeval}
  outcome: oss_per_100
  margins: {oss_per_100: 1.0}
"""
OPEN = """import numpy as np
import pandas as pd
from rpeval.findings import Findings, collect
from rpeval.inputs.params import read_params
from rpeval.methods.multiplicity import benjamini_hochberg
params = read_params(params)"""
FIRST = {
    "read": "panel = pd.read_csv(params.source_paths()['panel'], dtype={'school_id': str})\n"
            "book = Findings(params, notebook='01_suspensions')",
    "rate": "rate = 100 * panel['oss_n'].sum() / panel['enrolled_n'].sum()\n"
            "book.add('suspensions.rate', rate, label='Rate', unit='per 100 students')",
    "size": "size = benjamini_hochberg([rate / 100, 0.5])[0]\n"
            "book.add('suspensions.size', size, label='Size')",
    "verdict": "state = 'supported' if rate < 4.3 else 'inconclusive'\n"
               "book.add('suspensions.verdict', state, label='Verdict', decision=state)",
    "levels": "levels = panel.groupby('year', as_index=False)['oss_n'].mean()\n"
              "book.release('suspensions.levels', levels, title='Levels', labels={'year': 'Year', 'oss_n': 'Mean'})",
    "save": "book.save()",
}  # fmt: skip
SECOND = {
    "draw": "book = Findings(params, notebook='02_disproportionality')\n"
            "drawn = np.random.default_rng(book.seed('gaps.draw')).normal()\n"
            "book.add('gaps.draw', drawn, label='Draw', kind='simulated')",
    "margin": "margin = params.resolved()['margins']['oss_per_100']\n"
              "book.add('gaps.margin', margin, label='Margin', kind='exact')",
    "save": "book.save()",
}  # fmt: skip
LAST = {
    "count": "book = Findings(params, notebook='05_report')\n"
             "book.add('report.findings', len(collect(params.folder).findings), label='Findings', kind='count')\n"
             "book.save()",
}  # fmt: skip


def write_notebook(path: Path, cells: dict[str, str]) -> None:
    """Write a notebook whose cells have readable ids."""
    first = v4.new_code_cell("params = None", id="params", metadata={"tags": ["parameters"]})
    made = [
        first,
        v4.new_code_cell(OPEN, id="open"),
        *(v4.new_code_cell(c, id=id) for id, c in cells.items()),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=made, metadata=kernel), path)


def write_small_study(root: Path) -> Path:
    """Write the project: 16 school-years, 669 suspensions among 16,000 students' years, a rate of 4.18."""
    shutil.copytree(ROOT / "data/reference", root / "data/reference")
    panel = [
        f"000{school},School {school},{year}-{(year + 1) % 100:02d},1000,{38 + school + 2 * (year % 4)},yes"
        for school in range(4) for year in range(2016, 2020)
    ]  # fmt: skip
    starts = [
        f"000{school},{start},yes" for school, start in enumerate(["2018-19", "2018-19", "never", "never"])
    ]
    for name, lines in {
        "panel": ["school_id,school_name,year,enrolled_n,oss_n,simulated", *panel],
        "adoption": ["school_id,start_year,simulated", *starts],
    }.items():
        (root / "data/small").mkdir(parents=True, exist_ok=True)
        (root / f"data/small/{name}.csv").write_text("\n".join(lines) + "\n")
    (root / "params").mkdir()
    (root / "params/small.yml").write_text(PARAMS)
    (root / "requirements.lock").write_text("numpy==2.0.0\n")
    for name, cells in {"01_suspensions": FIRST, "02_disproportionality": SECOND, "05_report": LAST}.items():
        write_notebook(root / f"notebooks/{name}.ipynb", cells)
    return root


def change_cell(path: Path, id: str, old: str, new: str) -> None:
    """Change the code of one cell of a notebook."""
    content = json.loads(path.read_text())
    cell = next(cell for cell in content["cells"] if cell["id"] == id)
    source = "".join(cell["source"])
    assert old in source
    cell["source"] = source.replace(old, new)
    path.write_text(json.dumps(content, indent=1))


def commit(root: Path) -> None:
    """Put a project under git, as it is."""
    (root / ".gitignore").write_text("/reports/\n__pycache__/\n")
    for words in ("init -q", "add -A", "-c user.name=x -c user.email=x@example.org commit -qm x"):
        subprocess.run(["git", *words.split()], cwd=root, check=True)


LIGHT = """
import json, os, sys
from pathlib import Path
from rpeval.errors import DataError, RpevalError
from rpeval.findings import collect
from rpeval.inputs.check import check
from rpeval.inputs.params import read_params

def run(study):
    params = read_params(f"params/{study}.yml")
    stopping = [problem for problem in check(params) if problem.stops]
    if stopping:
        raise DataError(stopping)
    Path(".rpeval-room").touch()
    os.chdir("notebooks")
    for path in sorted(Path().glob("*.ipynb")):
        known = {}
        for cell in json.loads(path.read_text())["cells"]:
            exec("".join(cell["source"]), known)
            if cell["id"] == "params":
                known["params"] = params.resolved()
    collect(params.folder)

try:
    run(sys.argv[1])
except RpevalError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
except Exception as error:
    print(error, file=sys.stderr)
    sys.exit(6)
"""


def make_again_lightly(sources, place, *, say, environment=None):
    """Make a report again without kernels and pages: the cells in order, in one process, in a second."""
    project = build_project(sources, Path(tempfile.mkdtemp(dir=place)))
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, sources.study], cwd=project, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(sources.package.parent), "OPENBLAS_NUM_THREADS": "1", **(environment or {})},
    )  # fmt: skip
    if done.returncode:
        return Failed(done.returncode, done.stderr)
    return project / "reports" / sources.study
