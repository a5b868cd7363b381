"""Projects of tiny studies, whose notebooks take a second, and what a report of theirs holds."""

import contextlib
import json
import shutil
from pathlib import Path

import nbformat

v4 = nbformat.v4
REFERENCE = Path(__file__).resolve().parents[1] / "data" / "reference"
PARAMS = """params:
  study: tiny
  title: Restorative practices in Tiny
  simulated: true
  seed: 1
  district: {name: Tiny (simulated), leaid: "0900009", state: ZZ}
  program: {name: Restorative practices}
  years: {first: 2016-17, last: 2019-20}
  sources:
    panel: {path: data/tiny/panel.csv, layout: rpeval}
  outcome: oss_per_100
"""
OPEN = """from rpeval.findings import Findings, collect
from rpeval.inputs.params import read_params
params = read_params(params)"""
FIND = """book = Findings(params, notebook="01_suspensions")
book.add("data.schools", 4, label="Schools", kind="count")
book.save()"""
LOOK = 'Findings(params, notebook="02_disproportionality").save()'
SHOW = """print(len(collect(params.folder).findings))
book = Findings(params, notebook="05_report")
book.add("study.program", params.program.name, label="Program")
book.save()"""


def write_notebook(path: Path, *cells: str, tag: str = "parameters", first: str = "params = None") -> Path:
    """Write a notebook whose first cell is tagged and whose other cells hold the given code."""
    made = [v4.new_code_cell(first, metadata={"tags": [tag]}), *(v4.new_code_cell(cell) for cell in cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=made, metadata=kernel), path)
    return path


def write_project(root: Path, *cells: str) -> Path:
    """Write a project with one study, whose first notebook runs the given cells before it saves its findings."""
    shutil.copytree(REFERENCE, root / "data" / "reference")
    rows = [
        f"000{school},School {school},{year}-{(year + 1) % 100:02d},500,{20 + school + year % 3},yes"
        for school in range(4) for year in range(2016, 2020)
    ]  # fmt: skip
    for name, text in {
        "params/tiny.yml": PARAMS,
        "data/tiny/panel.csv": "\n".join(["school_id,school_name,year,enrolled_n,oss_n,simulated", *rows])
        + "\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    write_notebook(root / "notebooks" / "01_suspensions.ipynb", OPEN, *cells, FIND)
    write_notebook(root / "notebooks" / "02_disproportionality.ipynb", OPEN, LOOK)
    write_notebook(root / "notebooks" / "05_report.ipynb", OPEN, SHOW)
    return root


def change_first_notebook(root: Path, *cells: str) -> None:
    """Give a project's first notebook other cells."""
    write_notebook(root / "notebooks" / "01_suspensions.ipynb", OPEN, *cells, FIND)


def add_studies(root: Path, *names: str) -> list[str]:
    """Give a project more studies, all of the same data; return their params files."""
    text = (root / "params" / "tiny.yml").read_text()
    for name in names:
        (root / "params" / f"{name}.yml").write_text(text.replace("study: tiny", f"study: {name}"))
    return [f"params/{name}.yml" for name in names]


def read_report(folder: Path) -> dict[str, bytes]:
    """Read all files of a report; of the manifest, all but when it was made."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with contextlib.suppress(KeyError, ValueError):
        manifest = json.loads(found["manifest.json"])
        del manifest["when"]
        found["manifest.json"] = json.dumps(manifest).encode()
    return found
