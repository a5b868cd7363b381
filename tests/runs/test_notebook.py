"""Which notebooks are fit to run, and which have run to their end."""

import json

import pytest

from rpeval.errors import RunError
from rpeval.runs.notebook import check_notebook, find_stop, hash_code, last_begun, settle


def cell(source, count=None, outputs=(), tags=(), **papermill):
    metadata = {"tags": list(tags), "papermill": papermill}
    return {"cell_type": "code", "id": "a", "source": source, "execution_count": count,
            "outputs": list(outputs), "metadata": metadata}  # fmt: skip


def notebook(*cells):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def refusal(tmp_path, content):
    path = tmp_path / "01_x.ipynb"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        check_notebook(path)
    return str(caught.value)


def test_one_cell_that_assigns_params_is_fit(tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_text(json.dumps(notebook(cell("# which study\nparams = 'params/x.yml'", tags=["parameters"]))))
    check_notebook(path)


@pytest.mark.parametrize(("cells", "said"), [
    ([cell("params = 1")], "0 code cells are tagged"),
    ([cell("params = 1", tags=["parameters"])] * 2, "2 code cells are tagged"),
    ([cell("district = 1", tags=["parameters"])], "must assign `params` and nothing else"),
    ([cell("params = 1\nminimum = 3", tags=["parameters"])], "must assign `params` and nothing else"),
    ([cell("params = (", tags=["parameters"])], "must assign `params` and nothing else"),
    ([cell("params = 1", tags=["parameters"]), cell("params = 2", tags=["injected-parameters"])], "executed copy"),
])  # fmt: skip
def test_a_notebook_that_would_run_with_other_params_is_refused(tmp_path, cells, said):
    assert said in refusal(tmp_path, notebook(*cells))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"worksheets": []}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    assert "not a notebook" in refusal(tmp_path, content)


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(RunError, match=r"notebooks/02_gone\.ipynb: There is no such notebook"):
        check_notebook(tmp_path / "02_gone.ipynb")


ERROR = {"output_type": "error", "ename": "SystemExit", "evalue": "0", "traceback": []}


@pytest.mark.parametrize(("cells", "expected"), [
    ([cell("a", 1), cell("b", 2)], None),
    ([cell("a", 1), cell("  \n"), cell("b", 2)], None),
    ([cell("a", 1), cell("b", 2, [ERROR])], (2, "SystemExit")),
    ([cell("a", 1), cell("b", None)], (2, "")),
    ([cell("a", 2), cell("b", 1)], (1, "")),
    ([cell("a", 1), cell("b", 3)], (2, "")),
])  # fmt: skip
def test_whole_means_every_cell_in_order_without_error(cells, expected):
    stop = find_stop(notebook(*cells))
    assert (stop and (stop.cell, stop.name)) == expected


def test_the_cell_that_ran_last_is_the_last_that_began():
    cells = [
        cell("a = 1", 1, start_time="t"),
        cell("b = 2", 2, start_time="t"),
        cell("c = 3", None, start_time=None),
    ]
    stop = last_begun(notebook(*cells), "The kernel ended.")
    assert (stop.cell, stop.line, stop.index) == (2, "b = 2", 1)


def test_hash_sees_code_and_nothing_else(tmp_path):
    def hashed(*cells):
        path = tmp_path / "n.ipynb"
        path.write_text(json.dumps(notebook(*cells)))
        return hash_code(path)

    text = {"cell_type": "markdown", "id": "t", "source": "words", "metadata": {}}
    once = hashed(cell("a = 1"), cell("b = 2"))
    assert hashed(cell("a = 1", 7, [ERROR], ["x"]), text, cell("b = 2")) == once
    assert hashed(cell("a = 1"), cell("b = 3")) != once
    assert hashed(cell("a = 1\nb = 2")) != once


def test_settling_leaves_nothing_of_when_and_where():
    record = {"parameters": {"params": 1}, "version": "2", "start_time": "now", "output_path": "/somewhere"}
    whole = notebook(cell("a", 1, start_time="now", duration=0.1))
    whole["metadata"]["papermill"] = record
    text = json.dumps(settle(whole, None))
    assert "now" not in text
    assert "/somewhere" not in text
    assert whole["metadata"]["papermill"] == {"parameters": {"params": 1}, "version": "2"}


def test_printed_text_is_joined_wherever_it_was_cut():
    def printed(*pieces):
        made = [{"output_type": "stream", "name": name, "text": text} for name, text in pieces]
        return settle(notebook(cell("print()", 1, made)), None)["cells"][0]["outputs"]

    whole = printed(("stdout", ["a\n", "b\n"]), ("stderr", ["!\n"]), ("stdout", ["c\n"]))
    cut = printed(
        ("stdout", ["a"]), ("stdout", ["\n"]), ("stdout", ["b\n"]), ("stderr", ["!\n"]), ("stdout", ["c\n"])
    )
    assert whole == cut
    assert [output["text"] for output in cut] == [["a\n", "b\n"], ["!\n"], ["c\n"]]
