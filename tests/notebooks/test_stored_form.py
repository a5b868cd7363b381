"""Stored notebooks: their form, that nbval compares something in each, and that it can fail."""

import ast
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import stored_form

NOTEBOOKS = stored_form.notebooks()
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])


def code_cells(path: Path) -> list:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def test_there_are_notebooks():
    names = [p.stem for p in NOTEBOOKS]
    assert names[0] == "00_planning"
    assert names[-1] == "06_synthesis"


@each
def test_it_is_stored_in_the_one_form(path):
    again = stored_form.tidy(nbformat.read(path, as_version=4))
    assert path.read_text(encoding="utf-8") == stored_form.text_of(again), "run `make notebooks`"


@each
def test_nbval_would_compare_something(path):
    """A null execution count makes nbval compare nothing, and a tagged cell without output is vacuous."""
    tagged = [c for c in code_cells(path) if stored_form.TAG in c.metadata.get("tags", [])]
    assert len(tagged) >= 2
    for cell in tagged:
        assert isinstance(cell.execution_count, int)
        assert cell.outputs
        assert all(o.get("text") or o.data["text/plain"] for o in cell.outputs)


@each
def test_it_takes_one_parameter(path):
    tagged = [c for c in code_cells(path) if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert [t.id for n in ast.parse(tagged[0].source).body for t in n.targets] == ["params"]


@each
def test_it_reads_as_a_story(path):
    """A sentence before each code cell; cells of at most ten lines; no def, no class; nothing of runs."""
    cells = nbformat.read(path, as_version=4).cells
    for before, cell in pairwise(cells):
        if cell.cell_type != "code":
            continue
        assert before.cell_type == "markdown", cell.source
        assert len(cell.source.splitlines()) <= 10, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.M), cell.source
        assert "rpeval.runs" not in cell.source


def nbval(folder: Path) -> subprocess.CompletedProcess:
    """Run nbval on stored notebooks with the kernel "rpeval", whose processes are forked from a warm one."""
    spec = folder / "jupyter/kernels/rpeval"
    if not spec.exists():
        shutil.copytree(stored_form.ROOT / "rpeval/kernels/spec", spec)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-kernel-name", "rpeval", "-q", "-p", "no:xdist",
               "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", "/dev/null", str(folder / "notebooks")]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False,
                          env={**os.environ, "JUPYTER_PATH": str(spec.parents[1])})  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of what notebooks need, so that the test leaves nothing in the tree."""
    folder = tmp_path_factory.mktemp("project")
    for name in ["notebooks", "params", "data/reference", "data/simulated"]:
        shutil.copytree(stored_form.ROOT / name, folder / name)
    return folder


def test_the_stored_notebooks_say_what_they_compute(project):
    done = nbval(project)
    cells = sum(len(code_cells(p)) for p in NOTEBOOKS)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(rf"\b{cells} passed", done.stdout), done.stdout[-2000:]


def test_nbval_fails_when_a_stored_number_is_wrong(project):
    path = project / "notebooks" / "01_suspensions.ipynb"
    good = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(good, as_version=4)
    keep = next(i for i, c in enumerate(notebook.cells) if stored_form.TAG in c.metadata.get("tags", []))
    output = notebook.cells[keep].outputs[0]
    if "text" in output:
        output.text = re.sub(r"\d", lambda m: str((int(m[0]) + 1) % 10), output.text)
    else:
        output.data["text/plain"] = re.sub(
            r"\d", lambda m: str((int(m[0]) + 1) % 10), output.data["text/plain"]
        )
    notebook.cells = notebook.cells[: keep + 1]
    others = [p for p in (project / "notebooks").glob("*.ipynb") if p != path]
    for other in others:
        other.rename(other.with_suffix(".away"))
    try:
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        done = nbval(project)
    finally:
        path.write_text(good, encoding="utf-8")
        for other in others:
            other.with_suffix(".away").rename(other)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
