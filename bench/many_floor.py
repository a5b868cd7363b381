"""The floor of bench/many.py: the notebooks of many studies as plain Python, and their pages; no Jupyter."""

import ast
import contextlib
import gc
import io
import json
import linecache
import multiprocessing
import os
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

NOTEBOOKS = ("01_suspensions", "02_disproportionality", "03_belonging", "04_implementation", "05_report")
JOBS = 2


def plainly(root: Path, names: list[str]) -> list[str]:
    """Run studies in two processes that are forked when everything is imported; name those that failed."""
    contents = {name: json.loads((root / "notebooks" / f"{name}.ipynb").read_text()) for name in NOTEBOOKS}
    for cell in (cell for content in contents.values() for cell in code_of(content)):
        for node in ast.parse("".join(cell["source"])).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), "<imports>", "exec"), {})
    from rpeval.reports import draft, render  # noqa: F401  (its own imports are the point)

    draft.render_page = lambda folder: folder  # the last notebook's page, which is made with all others
    os.chdir(root / "notebooks")
    gc.collect()
    gc.freeze()  # as the warm process of rpeval does: what is imported is not searched for garbage again
    with multiprocessing.get_context("fork").Pool(JOBS) as pool:
        failed = pool.map(partial(study_plainly, root, contents), names, chunksize=1)
        pool.close()
        pool.join()
    return [name for name in failed if name]


def study_plainly(root: Path, contents: Mapping[str, dict[str, Any]], name: str) -> str:
    """Run one study's notebooks and make its pages in its draft folder; give its name when that fails."""
    from rpeval.inputs.kept import KEPT as INPUTS
    from rpeval.reports.drawing import KEPT
    from rpeval.reports.render import render

    folder = root / "reports" / f"{name}.draft"
    (folder / "notebooks").mkdir(parents=True)
    kept = root / "figures" / name  # a figure that a notebook shows is not drawn again for the pages
    os.environ[KEPT] = str(kept)
    os.environ[INPUTS] = str(root / "read" / name)  # nor is a file read again by the next notebook
    try:
        for notebook, content in contents.items():
            ran = execute(content, f"params/{name}.yml")
            (folder / "notebooks" / f"{notebook}.ipynb").write_text(json.dumps(ran), encoding="utf-8")
        render(folder, kept=kept)
    except Exception:
        traceback.print_exc()
        return name
    return ""


def code_of(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give a notebook's cells of code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def execute(notebook: Mapping[str, Any], params: str) -> dict[str, Any]:
    """Execute a notebook's code in a namespace of its own, and give the notebook with what was shown."""
    space: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        cells.append(cell)
        if "parameters" in cell["metadata"].get("tags", []):
            given = {"cell_type": "code", "id": "given", "metadata": {"tags": ["injected-parameters"]}}
            cells.append({**given, "source": f"params = {params!r}"})
    for at, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            count += 1
            outputs = run_cell("".join(cell["source"]), space, f"<cell {count}>")
            cells[at] = {**cell, "execution_count": count, "outputs": outputs}
    return {**notebook, "cells": cells}


def run_cell(source: str, space: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Execute one cell: what it prints, displays, and the value of an expression at its end."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    body, shown, said = ast.parse(source).body, [], io.StringIO()
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    space["display"] = lambda *values: shown.extend(map(represent, values))
    with contextlib.redirect_stdout(said):
        exec(compile(ast.Module(body, []), name, "exec"), space)
        value = eval(compile(last, name, "eval"), space) if last else None
    if value is not None:
        shown.append(represent(value))
    text = said.getvalue().splitlines(keepends=True)
    return [*([{"output_type": "stream", "name": "stdout", "text": text}] if text else []), *shown]


def represent(value: object) -> dict[str, Any]:
    """Give a value as a notebook keeps it: as text, and as a table or picture where it has such a form."""
    data = {"text/plain": repr(value)}
    for kind, form in {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_"}.items():
        made = getattr(value, form, lambda: None)()
        data |= {} if made is None else {kind: made}
    return {"output_type": "display_data", "data": data, "metadata": {}}
