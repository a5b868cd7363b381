"""The manifest: nothing forgotten, nothing invented, one schema."""

import copy
import hashlib
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from rpeval.runs import manifest
from rpeval.runs.manifest import describe_commit, hash_tree, is_finished, open_manifest
from rpeval.runs.measure import count_cells

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
        "key": "panel", "path": "data/tiny/panel.csv", "sha256": hashlib.sha256(panel).hexdigest(),
        "bytes": len(panel), "rows": 16, "columns": 6,
    }  # fmt: skip
    assert [n["name"] for n in made["notebooks"]] == [
        "01_suspensions", "02_disproportionality", "05_report"]  # fmt: skip


def test_versions_are_those_installed(made):
    assert made["code"]["packages"]["pandas"] == version("pandas")
    assert "pytest" not in made["code"]["packages"]


def test_no_path_of_this_machine_is_told(finished, made):
    assert str(finished) not in json.dumps(made)
    assert str(Path.home()) not in json.dumps(made)


def test_the_tree_hash_sees_content_and_names(tmp_path):
    (tmp_path / "a.py").write_text("1")
    once = hash_tree(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert hash_tree(tmp_path) == once
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert hash_tree(tmp_path) != once


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
