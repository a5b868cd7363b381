"""The one stored form of a notebook: run on simulated data, text outputs of tagged cells only.

`python tests/notebooks/stored_form.py` runs every notebook of notebooks/ in order and stores it so.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
TAG = "nbval-check-output"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks(root: Path = ROOT) -> list[Path]:
    """Give the stored notebooks in the order in which they run."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Bring an executed notebook into the stored form."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.source = cell.source.strip()
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.setdefault("id", f"cell-{number}")
        if cell.cell_type != "code":
            continue
        count += 1
        kept = TAG in (tags or [])
        cell.execution_count = count if kept else None
        cell.outputs = _joined([_plain(o, count) for o in cell.outputs if _is_text(o)] if kept else [])
    return notebook


def _joined(outputs: list) -> list:
    """Put together what was printed in pieces: where it broke depends on the load of the machine."""
    joined: list = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _is_text(output) -> bool:
    return output.output_type in ("stream", "execute_result", "display_data") and (
        output.output_type == "stream" or "text/plain" in output.data
    )


def _plain(output, count):
    if output.output_type == "stream":
        return output
    output.data = nbformat.from_dict({"text/plain": output.data["text/plain"]})
    output.metadata = nbformat.from_dict({})
    if output.output_type == "execute_result":
        output.execution_count = count
    return output


def text_of(notebook: nbformat.NotebookNode) -> str:
    """Give the file's content, one stable form."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def run(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook in its folder with the stock kernel."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    return notebook


if __name__ == "__main__":
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    chosen = [Path(a).resolve() for a in sys.argv[1:]] or notebooks()
    for path in chosen:
        path.write_text(text_of(tidy(run(path))), encoding="utf-8")
        print(f"stored {path.relative_to(ROOT)}")
