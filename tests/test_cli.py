"""The command line as a person meets it: what it prints, where, and with which exit code."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from rpeval.cli import telling
from rpeval.errors import DataError, ParamsError, Problem, RunError

COMMAND = [sys.executable, "-c", "from rpeval.cli import main; main()"]
PARAMS = """params:
  study: {study}
  title: Restorative practices in Tiny
  simulated: true
  seed: 1
  district: {{name: Tiny (simulated), leaid: "{leaid}", state: ZZ}}
  program: {{name: Restorative practices}}
  years: {{first: 2016-17, last: 2019-20}}
  sources:
    panel: {{path: data/tiny/panel.csv, layout: rpeval}}
  outcome: oss_per_100
"""
REFERENCE = Path(__file__).resolve().parents[1] / "data" / "reference"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a good study, one with bad data, and one with bad params; no notebook."""
    root = tmp_path_factory.mktemp("project")
    for name in ("notebooks", "params", "data/tiny", "data/bad"):
        (root / name).mkdir(parents=True)
    (root / "data" / "reference").symlink_to(REFERENCE)
    rows = [
        f"000{s},School {s},{y}-{y % 100 + 1},500,{20 + s},yes" for s in range(4) for y in range(2016, 2020)
    ]
    table = "\n".join(["school_id,school_name,year,enrolled_n,oss_n,simulated", *rows])
    (root / "data/tiny/panel.csv").write_text(table)
    (root / "data/bad/panel.csv").write_text(table.replace(",500,20,", ",-5,20,"))
    good = PARAMS.format(study="tiny", leaid="0900009")
    (root / "params/tiny.yml").write_text(good)
    (root / "params/bad.yml").write_text(good.replace("tiny", "bad"))
    (root / "params/short.yml").write_text(PARAMS.format(study="short", leaid="12"))
    return root


def rpeval(*words, cwd=None, **more):
    return subprocess.run([*COMMAND, *words], cwd=cwd, capture_output=True, text=True, timeout=60, **more)


def test_help_is_quick_and_tells_the_exit_codes():
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        done = rpeval("--help")
        took.append(time.perf_counter() - begun)
    assert done.returncode == 0
    assert min(took) < 0.5  # 0.1 s on an idle machine; nothing heavy may be imported
    for told in ("check", "run", "report", "Exit codes", "3 the params", "130"):
        assert told in done.stdout


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys, rpeval.cli; print(sorted({'pandas', 'numpy', 'papermill', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("words", [["--version"], ["--debug", "--version"]])
def test_version(words):
    assert rpeval(*words).stdout == "rpeval 0.1.0\n"


@pytest.mark.parametrize("words", [["frobnicate"], ["run"], ["run", "--timeout", "0", "x.yml"]])
def test_a_wrong_word_of_the_command(words):
    done = rpeval(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_check_says_what_was_read(project):
    done = rpeval("check", "params/tiny.yml", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing stops a run" in done.stdout
    assert "✓ 4 schools" in done.stdout
    assert "✓ School years 2016-17 to 2019-20" in done.stdout
    assert "✓ panel: 16 rows read, 16 used" in done.stdout
    assert "\x1b" not in done.stdout
    assert not (project / "reports").exists()


def test_check_on_a_terminal_that_knows_no_ticks(project):
    done = rpeval("check", "params/tiny.yml", cwd=project, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "- 4 schools" in done.stdout


def test_several_studies_one_failure_stops_no_other(project):
    done = rpeval("check", "params/short.yml", "params/bad.yml", "params/tiny.yml", cwd=project)
    assert done.returncode == 4
    assert "1 of 3 done." in done.stdout
    assert "params/short.yml: failed (exit code 3)" in done.stdout
    assert "params/tiny.yml: done" in done.stdout
    assert "leaid" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_without_its_notebooks_is_a_failed_run(project):
    done = rpeval("run", "params/tiny.yml", cwd=project)
    assert done.returncode == 6
    assert "notebooks/01_suspensions.ipynb" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in (project / "reports").iterdir()) == ["tiny.failed"]


def test_report_of_nothing(project):
    done = rpeval("report", "reports/nowhere", cwd=project)
    assert done.returncode == 6
    assert "no finished report" in done.stderr


def test_nobody_reads_any_more(project):
    """`rpeval check ... | head -1`: no complaint, no traceback, the work goes on."""
    run = subprocess.Popen([*COMMAND, "check", "params/tiny.yml"], cwd=project, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)  # fmt: skip
    run.stdout.close()
    assert run.stderr.read() == ""
    assert run.wait() == 0
    run.stderr.close()


def outcome(monkeypatch, capsys, error, *, debug=False):
    """Give exit code, standard output and standard error of a command that meets an error."""

    def act(path):
        if error:
            raise error

    context = typer.Context.__new__(typer.Context)
    context.obj = {"debug": debug}
    with pytest.raises(typer.Exit) as caught:
        telling.each(context, [Path("params/x.yml")], act)
    return caught.value.exit_code, *capsys.readouterr()


PROBLEM = Problem("a", "b.", "c.")


@pytest.mark.parametrize(("error", "code"), [
    (None, 0), (ParamsError(PROBLEM), 3), (DataError(PROBLEM), 4), (RunError(PROBLEM), 6),
    (KeyboardInterrupt(), 130), (KeyError("x"), 70),
])  # fmt: skip
def test_each_error_has_its_exit_code_and_no_traceback(monkeypatch, capsys, error, code):
    found, out, err = outcome(monkeypatch, capsys, error)
    assert (found, out) == (code, "")
    assert "Traceback" not in err


def test_a_fault_of_rpeval_names_itself(monkeypatch, capsys):
    _, _, err = outcome(monkeypatch, capsys, KeyError("oss"))
    assert err == ("params/x.yml: KeyError: 'oss'. This is a fault of rpeval; run again with --debug for the"
                   " traceback.\n")  # fmt: skip
    assert "Traceback" in outcome(monkeypatch, capsys, KeyError("oss"), debug=True)[2]
