"""A notebook on disk: fit to be run with a study's params, and, once run, run to its end."""

import ast
import hashlib
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError

ERROR_TAG = "papermill-error-cell-tag"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and why a notebook stopped.

    cell  : number of the code cell, from 1, as the notebook shows it in brackets; None when no cell had begun
    line  : first line of the cell
    name  : name of the error ("KeyError"), or "" when there was none
    text  : the error's own text, or what happened in words
    index : position among all cells of the executed notebook
    """

    cell: int | None
    line: str
    name: str
    text: str
    index: int | None = None


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook as plain JSON; refuses (RunError) a file that is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["cells"] = [{**cell, "source": "".join(cell["source"])} for cell in content["cells"]]
    except FileNotFoundError:
        raise RunError(Problem(f"notebooks/{path.name}", "There is no such notebook.",
                               "Put it back from the repository.")) from None  # fmt: skip
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise RunError(Problem(f"notebooks/{path.name}", "This is not a notebook in format 4.",
                               "Open it in JupyterLab and save it again.")) from None  # fmt: skip
    return content


def code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give position and cell of each code cell that holds code."""
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code" and cell["source"].strip():
            yield index, cell


def check_notebook(path: Path) -> None:
    """Refuse (RunError) a notebook that would run with other params than those it is given.

    Papermill only warns when no cell is tagged `parameters`, and then runs the notebook with its own
    defaults: another district's report. So one code cell must have the tag and assign `params`, no more.
    """
    cells = read_notebook(path)["cells"]
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    injected = [c for c in cells if "injected-parameters" in c.get("metadata", {}).get("tags", [])]
    where = f"notebooks/{path.name}"
    if injected:
        raise RunError(Problem(where, "This is an executed copy: it holds a cell of injected parameters.",
                               "Put the stored notebook back."))  # fmt: skip
    if len(tagged) != 1 or tagged[0]["cell_type"] != "code":
        what = f"{len(tagged)} code cells are tagged `parameters`; exactly one must be."
        raise RunError(Problem(where, what, "Tag the cell that assigns `params`, and no other."))
    if _assigned(tagged[0]["source"]) != ["params"]:
        raise RunError(Problem(where, "The cell tagged `parameters` must assign `params` and nothing else.",
                               'Write params = "params/<study>.yml" in it.'))  # fmt: skip


def _assigned(source: str) -> list[str]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return []
    return [ast.unparse(t) for s in statements if isinstance(s, ast.Assign) for t in s.targets]


def hash_code(path: Path) -> str:
    """Hash a notebook's code cells, in order: the same for any outputs, metadata and text."""
    digest = hashlib.sha256()
    for _, cell in code_cells(read_notebook(path)):
        digest.update(cell["source"].encode() + b"\0")
    return digest.hexdigest()


def hash_cells(path: Path) -> dict[str, str]:
    """Hash each code cell by its id, in order; a cell without an id is named by its number."""
    return {
        cell.get("id") or f"cell {number}": hashlib.sha256(cell["source"].encode()).hexdigest()
        for number, (_, cell) in enumerate(code_cells(read_notebook(path)), start=1)
    }


def find_stop(notebook: dict[str, Any]) -> Stop | None:
    """Find where an executed notebook stopped; None when every cell ran, in order, without an error.

    An error output counts even where papermill lets it pass (SystemExit with 0).
    """
    for number, (index, cell) in enumerate(code_cells(notebook), start=1):
        line = first_line(cell)
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                return Stop(number, line, output["ename"], output["evalue"], index)
        count = cell.get("execution_count")
        if count != number:
            text = "It never ran" if count is None else f"It ran as number {count}"
            return Stop(number, line, "", f"{text}, so the notebook is not whole.", index)
    return None


def last_begun(notebook: dict[str, Any], text: str) -> Stop:
    """Give the last cell that papermill began: the one that ran when the kernel ended or time was up."""
    begun = [
        (number, index, cell)
        for number, (index, cell) in enumerate(code_cells(notebook), start=1)
        if cell.get("metadata", {}).get("papermill", {}).get("start_time")
    ]
    if not begun:
        return Stop(None, "", "", text)
    number, index, cell = begun[-1]
    return Stop(number, first_line(cell), "", text, index)


def first_line(cell: dict[str, Any]) -> str:
    """Give a cell's first line of code, shortened.

    >>> first_line({"source": "# a comment\\nx = 1"})
    'x = 1'
    """
    lines = [line.strip() for line in cell["source"].splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= 70 else line[:69] + "…"


def settle(notebook: dict[str, Any], stop: Stop | None, what: str = "") -> dict[str, Any]:
    """Take out of an executed notebook what differs from run to run, and mark the cell where it stopped.

    Papermill records times, the room's path and, after a dead kernel, that every cell completed; none of
    that is kept. Kept are the parameters, each cell's outputs and count, and papermill's marks at the
    failing cell, which are added, with `what` happened, where papermill did not write them itself.
    """
    record = notebook["metadata"].get("papermill", {})
    notebook["metadata"]["papermill"] = {k: record[k] for k in ("parameters", "version") if k in record}
    for index, cell in enumerate(notebook["cells"]):
        cell["metadata"].pop("papermill", None)
        cell["metadata"].pop("execution", None)
        cell["source"] = cell["source"].splitlines(keepends=True)
        if "outputs" in cell:
            cell["outputs"] = _join_streams(cell["outputs"])
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags or ERROR_TAG in tags:
            cell["id"] = f"{tags[0]}-{index}"
    marked = any(ERROR_TAG in c["metadata"].get("tags", []) for c in notebook["cells"])
    if stop and stop.index is not None and not marked:
        _mark(notebook["cells"], stop.index, stop.cell, html.escape(what))
    return notebook


def _join_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join printed text that arrived in pieces: where it was cut depends on how busy the machine was."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] = "".join([*last["text"], *output["text"]]).splitlines(keepends=True)
        else:
            joined.append(output)
    return joined


def _mark(cells: list[dict[str, Any]], at: int, number: int | None, what: str) -> None:
    anchor = f'<span id="papermill-error-cell">The notebook stopped in the next cell.</span> {what}'
    link = f'The notebook stopped at <a href="#papermill-error-cell">In [{number}]</a>. {what}'
    for index, text in ((at, anchor), (0, link)):
        cells.insert(index, {"cell_type": "markdown", "id": f"{ERROR_TAG}-{index}", "source": text,
                                  "metadata": {"tags": [ERROR_TAG]}})  # fmt: skip
