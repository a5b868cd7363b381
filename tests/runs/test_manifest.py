"""The manifest: nothing forgotten, nothing invented, one schema."""

import copy
import hashlib
import hmac
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pandas as pd
import pytest

from rpeval.errors import RunError
from rpeval.findings import Collected, Table
from rpeval.findings.finding import find
from rpeval.runs import manifest
from rpeval.runs.manifest import (
    choose_key,
    fingerprint,
    is_as_recorded,
    is_finished,
    list_outputs,
    open_manifest,
    read_key,
)
from rpeval.runs.measure import count_cells
from rpeval.runs.room import Input, Room
from rpeval.runs.software import describe_commit, hash_files, hash_tree

SCHEMA = json.loads((Path(manifest.__file__).parent / "manifest.schema.json").read_text())


@pytest.fixture(scope="module")
def made(finished):
    return open_manifest(finished / "reports" / "tiny")


def test_it_follows_its_schema(made):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(made, SCHEMA)


@pytest.mark.parametrize("spoil", [
    lambda m: m.pop("inputs"),
    lambda m: m.update(extra=1),
    lambda m: m["inputs"][0].update(sha256="abc"),
    lambda m: m["when"].update(start="yesterday"),
    lambda m: m["outputs"].clear(),
    lambda m: m["code"].pop("packages"),
    lambda m: m["outputs"][0].update(level="secret"),
    lambda m: m["notebooks"][0].pop("cells"),
])  # fmt: skip
def test_the_schema_refuses(made, spoil):
    spoiled = copy.deepcopy(made)
    spoil(spoiled)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoiled, SCHEMA)


def test_every_output_is_listed_with_its_true_hash(finished, made):
    folder = finished / "reports" / "tiny"
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {o["path"] for o in made["outputs"]} == files - {"manifest.json"}
    for output in made["outputs"]:
        content = (folder / output["path"]).read_bytes()
        assert (output["sha256"], output["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))


def test_inputs_and_params_are_as_on_disk(finished, made):
    text = (finished / "params" / "tiny.yml").read_text()
    panel = (finished / "data" / "tiny" / "panel.csv").read_bytes()
    assert made["params"]["text"] == text
    assert made["params"]["resolved"]["district"]["leaid"] == "0900009"
    assert made["inputs"][1] == {
        "key": "panel", "path": "data/tiny/panel.csv", "keyed": False, "sha256": hashlib.sha256(panel).hexdigest(),
        "bytes": len(panel), "rows": 16, "columns": 6,
    }  # fmt: skip
    assert [n["name"] for n in made["notebooks"]] == [
        "01_suspensions", "02_disproportionality", "05_report"]  # fmt: skip


def test_versions_are_those_installed(made):
    assert made["code"]["packages"]["pandas"] == version("pandas")
    assert made["code"]["packages"]["python-dateutil"] == version("python-dateutil")  # pandas stands on it
    assert "pytest" not in made["code"]["packages"]
    assert "rpeval" not in made["code"]["packages"]


def test_each_cell_module_and_reference_file_has_its_own_hash(finished, made):
    stored = json.loads((finished / "notebooks" / "01_suspensions.ipynb").read_text())
    cells = {c["id"]: hashlib.sha256("".join(c["source"]).encode()).hexdigest() for c in stored["cells"]}
    assert made["notebooks"][0]["cells"] == cells
    assert "methods/did/imputation.py" in made["code"]["rpeval"]["modules"]
    assert "layouts/rpeval.yml" in made["code"]["reference"]["files"]
    assert made["code"]["reference"]["sha256"] == hash_tree(made["code"]["reference"]["files"])


def test_the_processor_for_which_linear_algebra_runs_is_told(made):
    """OPENBLAS_CORETYPE chooses it, where numpy brings OpenBLAS."""
    told = subprocess.run(
        [sys.executable, "-c", "from rpeval.runs.software import blas_core; print(blas_core())"],
        env={**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made["machine"]["blas"]["name"] != "scipy-openblas" or platform.machine() != "x86_64" or (
        told.stdout.strip() == "Nehalem")  # fmt: skip


@pytest.fixture
def real(project):
    """The manifest of the same report as that of a real district."""
    folder, panel = project / "reports" / "tiny", project / "data" / "tiny" / "panel.csv"
    text = project / "params" / "tiny.yml"
    inputs = [Input(key, str(path.relative_to(project)), path, path, fingerprint(path), path.stat().st_size)
              for key, path in (("params", text), ("panel", panel))]  # fmt: skip
    params = SimpleNamespace(study="tiny", simulated=False, seed=1, root=project, resolved=dict)
    room = Room(project, "tiny", folder, tuple(inputs), {})
    names = ("01_suspensions", "02_disproportionality", "05_report")
    when = dict.fromkeys(("start", "end"), "2027-01-05T10:00:00+00:00")
    manifest.write_manifest(folder, room=room, params=params, notebooks=names, when=when)
    return open_manifest(folder)


def test_no_fingerprint_of_private_data_is_told(project, real):
    """Of a file of a real study, and of what holds more than was released, only a keyed hash is told."""
    folder, panel = project / "reports" / "tiny", project / "data" / "tiny" / "panel.csv"
    jsonschema.validate(real, SCHEMA)
    executed = folder / "notebooks" / "01_suspensions.ipynb"
    for path in (panel, executed):
        assert fingerprint(path) not in json.dumps(real)
    by_key = {i["key"]: i for i in real["inputs"]}
    assert (by_key["params"]["keyed"], by_key["panel"]["keyed"]) == (False, True)
    key = read_key(folder)
    assert is_as_recorded(panel, by_key["panel"], key) is True
    assert is_as_recorded(panel, by_key["panel"], None) is None
    assert is_as_recorded(executed, by_key["panel"], key) is False
    told = hmac.new(key, panel.read_bytes(), "sha256").hexdigest()
    assert by_key["panel"]["sha256"] == told
    assert key.decode() not in (folder / "manifest.json").read_text()


def test_what_is_restricted_is_marked(real, made):
    levels = {o["path"]: o["level"] for o in real["outputs"]}
    hidden = {path for path, level in levels.items() if level == "restricted"}
    assert hidden == {p for p in levels if p.startswith(("notebooks/", "appendix/"))} | {
        "restricted/salt.txt"
    }
    assert any(path.startswith("appendix/") for path in hidden)
    assert all(o["keyed"] == (o["level"] == "restricted") for o in real["outputs"])
    assert {o["level"] for o in made["outputs"]} == {"shareable"}


def test_the_key_stays_from_run_to_run(project, real):
    earlier = project / "reports" / "tiny"
    assert choose_key(SimpleNamespace(study="tiny", root=project)) == read_key(earlier)
    assert choose_key(SimpleNamespace(study="other", root=project)) != read_key(earlier)
    assert list_outputs(earlier, simulated=False) == real["outputs"]


def test_a_report_of_another_version_is_finished_and_says_so(project):
    folder = project / "reports" / "tiny"
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("rpeval/manifest/2", "rpeval/manifest/1"))
    assert is_finished(folder)
    with pytest.raises(RunError, match="Another version of rpeval made this report"):
        open_manifest(folder)


def test_rows_that_entered_are_counted(tmp_path):
    reasons = Table("data.accounting", "Rows", pd.DataFrame({"reason": ["Twice"], "rows_n": [None]}), {})
    other = Table("data.levels", "Levels", pd.DataFrame({"a": [1]}), {})
    found = {
        id: find(id, 7, label="Rows") for id in ("data.panel.rows_in", "data.panel.rows_out", "data.rows")
    }
    whole = Collected(
        "x", "X", "X", True, found, {"data.accounting": reasons, "data.levels": other}, tmp_path
    )
    assert manifest.count_rows(whole) == {
        "counts": {"data.panel.rows_in": 7, "data.panel.rows_out": 7},
        "reasons": {"data.accounting": [{"reason": "Twice", "rows_n": None}]},
    }


def test_no_path_of_this_machine_is_told(finished, made):
    assert str(finished) not in json.dumps(made)
    assert str(Path.home()) not in json.dumps(made)


def test_the_tree_hash_sees_content_and_names(tmp_path):
    (tmp_path / "a.py").write_text("1")
    once = hash_tree(hash_files(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert hash_tree(hash_files(tmp_path)) == once
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert hash_tree(hash_files(tmp_path)) != once


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    assert describe_commit(tmp_path) is None
    commands = ["init -q", "add a", "-c user.name=x -c user.email=x@example.org commit -qm x"]
    (tmp_path / "a").write_text("1")
    for command in commands:
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    assert describe_commit(tmp_path)["clean"] is True
    (tmp_path / "a").write_text("2")
    told = describe_commit(tmp_path)
    assert told["clean"] is False
    assert len(told["commit"]) == 40


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"schema": "another/1"}'])
def test_a_folder_without_a_manifest_is_not_finished(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert not is_finished(tmp_path)


TABLE = pd.DataFrame({"a": ["x", "two\nlines, one cell", "ñ"], "b": [1, 2, 3]})


@pytest.mark.parametrize(("name", "write"), [
    ("t.csv", lambda p: TABLE.to_csv(p, index=False)),
    ("t.TSV", lambda p: TABLE.to_csv(p, index=False, sep="\t", encoding="utf-16")),
    ("t.txt", lambda p: TABLE.to_csv(p, index=False, sep=";", encoding="cp1252")),
    ("t.xlsx", lambda p: TABLE.to_excel(p, index=False)),
    ("t.parquet", lambda p: TABLE.to_parquet(p)),
])  # fmt: skip
def test_rows_and_columns_of_each_kind_of_file(tmp_path, name, write):
    write(tmp_path / name)
    assert count_cells(tmp_path / name) == (3, 2)


@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet", "t.yml"])
def test_a_file_that_cannot_be_counted_has_no_count(tmp_path, name):
    (tmp_path / name).write_text("no table")
    assert count_cells(tmp_path / name) == (None, None)
