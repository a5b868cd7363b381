"""What a run keeps of its files: the same as reading them, and only as long as nothing about it changed."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import DataError
from rpeval.inputs import kept as module
from rpeval.inputs.check import gather
from rpeval.inputs.idea import read_idea
from rpeval.inputs.implementation import read_implementation
from rpeval.inputs.kept import KEPT, keeping, kept
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.removals import read_removals
from rpeval.inputs.survey import read_survey

HOME = Path(__file__).resolve().parents[2]


def same(one: object, other: object) -> bool:
    """Compare what two readings gave, cell by cell and type by type."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True)
        return True
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, n), getattr(other, n)) for n in names)
    return one == other


@pytest.mark.parametrize("study", ["lakeshore", "prairie", "riverbend"])
def test_what_was_kept_is_what_would_be_read(study, tmp_path):
    with keeping(tmp_path):
        gather(read_params(HOME / f"params/{study}.yml"))
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(files) == 5
    params = read_params(HOME / f"params/{study}.yml")
    panel = read_panel(params)
    read = [read_idea, lambda p: read_panel(p), lambda p: read_removals(p, read_panel(p)),
            lambda p: read_survey(p, read_panel(p)), lambda p: read_implementation(p, read_panel(p))]  # fmt: skip
    plain = [each(params) for each in read]
    with keeping(tmp_path):
        assert all(same(each(params), one) for each, one in zip(read, plain, strict=True))
        removals = read_removals(params, panel)
    assert same(removals, plain[2])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files  # nothing was read again


@pytest.fixture
def project(tmp_path):
    """A project with the files that one study needs."""
    root = tmp_path / "project"
    for name in ("params/prairie.yml", "data/simulated/prairie", "data/reference"):
        copy = shutil.copytree if (HOME / name).is_dir() else shutil.copy
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copy(HOME / name, root / name)
    return root


@pytest.fixture
def readings():
    return []


@pytest.fixture
def read(readings):
    """A function that reads, and counts how often it does."""

    @kept
    def read_something(params, *others):
        readings.append(others)
        return {"study": params.study, "rows": [1, 2]}

    return read_something


def params_of(project):
    return read_params(project / "params/prairie.yml", root=project)


def test_it_is_read_once_and_each_gets_a_copy(project, read, readings, tmp_path):
    with keeping(tmp_path / "kept"):
        read(params_of(project))["rows"].append(3)
        assert read(params_of(project)) == {"study": "prairie", "rows": [1, 2]}
    assert len(readings) == 1
    assert KEPT not in os.environ
    read(params_of(project))
    assert len(readings) == 2


def test_another_place_of_the_project_is_no_difference(project, read, readings, tmp_path):
    moved = shutil.copytree(project, tmp_path / "elsewhere")
    (project / "data/reference/.DS_Store").write_text("of no concern")
    with keeping(tmp_path / "kept"):
        read(params_of(project))
        read(params_of(moved))
    assert len(readings) == 1


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("change", [
    lambda root: edit(root / "data/simulated/prairie/export.tsv", "1", "2"),
    lambda root: (root / "data/simulated/prairie/survey.csv").write_text("a,b\n"),
    lambda root: edit(root / "data/reference/measures.yml", "oss", "oss "),
    lambda root: (root / "data/reference/layouts/new.yml").write_text("columns: {}\n"),
    lambda root: (root / "data/simulated/prairie/costs.csv").unlink(),
])  # fmt: skip
def test_whatever_changes_is_read_again(project, read, readings, tmp_path, change):
    params = params_of(project)
    with keeping(tmp_path / "kept"):
        read(params)
        change(project)
        read(params)
    assert len(readings) == 2


def test_other_params_are_read_for_themselves(project, read, readings, tmp_path):
    with keeping(tmp_path / "kept"):
        read(params_of(project))
        edit(project / "params/prairie.yml", "minimum: 10", "minimum: 11")
        read(params_of(project))
    assert len(readings) == 2


FRAME = pd.DataFrame({"school_id": ["0001", "0002"], "year": [2018, 2019], "oss_n": [3.0, np.nan]})


@pytest.mark.parametrize("other", [
    FRAME.assign(oss_n=[4.0, np.nan]), FRAME.assign(oss_n=[3.0, 0.0]), FRAME.assign(year=[2018.0, 2019.0]),
    FRAME.rename(columns={"oss_n": "iss_n"}), FRAME[::-1], FRAME.iloc[:1], FRAME.set_index("school_id"),
    FRAME.assign(school_id=["0001", "0003"]), FRAME.assign(school_id=[["0001"], ["0002"]]), FRAME["year"], FRAME[["year"]], None, [FRAME, None], {"frame": FRAME},
])  # fmt: skip
def test_another_argument_is_read_for_itself(project, read, readings, tmp_path, other):
    params = params_of(project)
    with keeping(tmp_path):
        for each in (FRAME, other, FRAME.copy(), other):
            read(params, each)
    assert len(readings) == 2


def test_a_panel_that_somebody_changed_is_not_the_one_that_was_read(project, tmp_path):
    params = params_of(project)
    with keeping(tmp_path):
        gather(params)
        panel = read_panel(params)
        panel.frame.loc[0, "enrolled_n"] += 100
        changed = read_removals(params, panel)
    assert same(changed, read_removals(params, panel))
    assert not read_removals(params, read_panel(params)).frame.equals(changed.frame)


def test_what_older_code_read_is_not_taken(project, read, readings, tmp_path, monkeypatch):
    params = params_of(project)
    with keeping(tmp_path):
        read(params)
        assert {"panel.py", "actions.py"} <= {name for name, _ in module.CODE}
        monkeypatch.setattr(module, "CODE", [("panel.py", 0)])
        read(params)
    assert len(readings) == 2


def test_where_nothing_can_be_kept_it_is_read_each_time(project, read, readings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with keeping(tmp_path / "file"):
        assert read(params_of(project)) == read(params_of(project))
    assert len(readings) == 2


def test_a_refusal_is_not_kept(project, tmp_path):
    params = params_of(project)
    whole = (project / "data/simulated/prairie/export.tsv").read_text()
    (project / "data/simulated/prairie/export.tsv").write_text("a\tb\n")
    with keeping(tmp_path):
        for _ in range(2):
            with pytest.raises(DataError, match=r"export\.tsv"):
                read_panel(params)
        (project / "data/simulated/prairie/export.tsv").write_text(whole)
        assert len(read_panel(params).frame) == 72
