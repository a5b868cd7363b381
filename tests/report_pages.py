"""A small notebook as a run leaves it in a report folder."""

import json
from pathlib import Path


def write_notebook(folder: Path, name: str = "01_suspensions", svg: str = "") -> Path:
    """Write a notebook with every kind of output that a run may leave."""
    table = (
        '<div><style scoped>.x {}</style><table border="1" class="dataframe"><thead><tr style="text-align: right;">'
        "<th></th><th>Year</th><th>Rate &lt;1&gt;</th></tr></thead><tbody>"
        "<tr><th>0</th><td>2018-19</td><td>4.2</td></tr><tr><th>1</th><td>2019-20</td><td>3.9</td></tr>"
        "</tbody></table></div>"
    )
    cells = [
        _words("top", "# Suspensions\n\nWhat **changed**?\n\n<script>alert(1)</script> [here](javascript:alert(1))"),
        _words("more", "## The data\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n### Rows\n\n![A drawing](x.png)"),
        _code("effect", 'book.add("suspensions.att", est)  # <b>', [
            {"output_type": "stream", "name": "stdout", "text": ["first <i>\n"]},
            {"output_type": "stream", "name": "stdout", "text": "second\n"},
        ]),
        _code("frame", "frame", [_data({"text/html": table, "text/plain": "Year Rate"})]),
        _code("wide", "wide", [
            _data({"text/html": table.replace("<th>Year", '<th colspan="1" rowspan="2">Year'), "text/plain": "plain form"})
        ]),
        _code("drawn", "figure", [_data({"image/svg+xml": svg, "text/plain": "<SVG>"})] if svg else []),
        _code("foreign", "plt.show()", [_data({"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})]),
    ]  # fmt: skip
    path = folder / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def _words(id: str, text: str) -> dict:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(id: str, source: str, outputs: list[dict]) -> dict:
    return {
        "cell_type": "code", "id": id, "metadata": {}, "source": source, "outputs": outputs, "execution_count": 1,
    }  # fmt: skip


def _data(data: dict) -> dict:
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}
