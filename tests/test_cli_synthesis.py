"""The command `rpeval synthesize`, as a person meets it."""

import pytest
import typer
from project import copy_project
from synthesis_reports import effect, write_report, write_three
from typer.testing import CliRunner

from rpeval.cli.synthesis import COMMANDS, synthesize


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = copy_project(tmp_path_factory.mktemp("project"))
    write_three(root)
    write_report(root / "reports", "dogwoods", effect(-3.1, 0.7, unit="hours"))
    return root


@pytest.fixture
def run(project, monkeypatch):
    monkeypatch.chdir(project)
    app = typer.Typer(add_completion=False)
    app.command()(synthesize)
    return lambda *words: CliRunner().invoke(app, list(words), obj={"debug": False})


def test_it_makes_a_report_of_reports_and_says_where(run, project):
    done = run("reports/ash", "reports/birch", "reports/cypress", "--name", "three")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "reports/synthesis-three")
    assert (project / "reports/synthesis-three/report.html").is_file()


def test_what_differs_is_told_with_the_exit_code_of_a_method(run):
    done = run("reports/ash", "reports/dogwoods")
    assert done.exit_code == 5
    assert "They differ in unit" in done.output


@pytest.mark.parametrize(("words", "code", "told"), [
    (["reports"], 3, "This is no finished report"),
    (["reports/ash", "--finding", "Suspensions"], 3, "is not the name of a finding"),
    (["params/syntheses/gone.yml"], 3, "There is no such file"),
    (["reports/ash", "params/syntheses/districts.yml"], 2, "not both"),
    ([], 2, "Missing argument"),
])  # fmt: skip
def test_wrong_words(run, words, code, told):
    done = run(*words)
    assert done.exit_code == code
    assert told in done.output


def test_its_help_is_short():
    assert all(len(text) < 80 for text in COMMANDS.values())
