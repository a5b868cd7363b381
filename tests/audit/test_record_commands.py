"""The commands about finished reports, as a user types them."""

import json
import shutil

import pytest
import typer
from finished_folder import finished
from project import copy_project
from typer.testing import CliRunner

from rpeval.cli import record


@pytest.fixture
def rpeval():
    """The four commands alone."""
    app = typer.Typer()
    for command in record.COMMANDS:
        app.command()(command)
    return lambda *words: CliRunner().invoke(app, [str(w) for w in words], obj={"debug": True})


def test_pack(tmp_path, rpeval):
    folder = finished(tmp_path)
    done = rpeval("pack", folder, "-o", tmp_path / "x.zip")
    assert (done.exit_code, (tmp_path / "x.zip").is_file()) == (0, True)
    assert rpeval("pack", tmp_path).exit_code == 6
    assert rpeval("pack", folder, folder, "-o", tmp_path / "y.zip").exit_code == 2


def test_diff(tmp_path, rpeval):
    old = finished(tmp_path)
    new = shutil.copytree(old, tmp_path / "new")
    assert rpeval("diff", old, new).exit_code == 0
    content = json.loads((new / "findings.json").read_text())
    next(f for f in content["findings"] if f["id"] == "suspensions.att").update(value=-2.9, shown="−2.9")
    (new / "findings.json").write_text(json.dumps(content))
    done = rpeval("diff", old, new, "--markdown")
    assert done.exit_code == 1
    assert done.stdout.startswith("# Errata: ")
    assert rpeval("diff", old, tmp_path / "none").exit_code == 6


def test_log(tmp_path, rpeval):
    study = copy_project(tmp_path) / "params" / "prairie.yml"
    assert "Nothing is on record" in rpeval("log", study).stdout
    told = ["--what", "A school left.", "--why", "It closed.", "--who", "evaluation office"]
    assert rpeval("log", study, "--kind", "exclusion", *told, "--finding", "suspensions.att").exit_code == 0
    assert "1. exclusion: A school left." in rpeval("log", study).stdout
    assert rpeval("log", study, *told).exit_code == 3
    path = study.parent / "prairie.decisions.json"
    path.write_text(path.read_text().replace("It closed.", "It moved."))
    done = rpeval("log", study)
    assert done.exit_code == 3
    assert "Entry 1 of the decision log is not as it was recorded" in done.output


def test_lineage(tmp_path, rpeval):
    folder = finished(tmp_path)
    assert "No cell of the notebook spells this id" in rpeval("lineage", folder, "suspensions.att").stdout
    assert rpeval("lineage", folder, "suspensions.att", "--svg").stdout.startswith("<svg")
    assert rpeval("lineage", folder, "suspensions.all").exit_code == 7
