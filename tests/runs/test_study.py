"""A study from params to report: whole or not at all, whatever happens in between."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from tiny_studies import OPEN, write_notebook

from rpeval.errors import DataError, RunError
from rpeval.reports import figures
from rpeval.runs import manifest, study
from rpeval.runs.lock import hold
from rpeval.runs.study import choose_steps, report_again, run_study

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
SCHEMA = json.loads((Path(manifest.__file__).parent / "manifest.schema.json").read_text())


def params_of(root):
    return root / "params" / "tiny.yml"


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def in_reports(root):
    return sorted(p.name for p in (root / "reports").iterdir())


def test_a_run_makes_a_whole_report_and_nothing_else(finished):
    folder = finished / "reports" / "tiny"
    assert in_reports(finished) == ["tiny"]
    assert {"report.html", "manifest.json", "findings.json", "findings/01_suspensions.json",
            "notebooks/01_suspensions.ipynb", "notebooks/05_report.ipynb"} <= set(contents(folder))  # fmt: skip
    assert b".room-" not in b"".join(contents(folder).values())


def test_a_second_run_gives_the_same_bytes_but_for_when(project):
    before = contents(project / "reports" / "tiny")
    (project / "reports" / "tiny.failed").mkdir()
    lines = []
    assert run_study(params_of(project), say=lines.append) == project / "reports" / "tiny"
    after = contents(project / "reports" / "tiny")
    first, second = (json.loads(each.pop("manifest.json")) for each in (before, after))
    assert before == after
    assert in_reports(project) == ["tiny"]  # what an earlier failure left is gone
    for each in (first, second):
        del each["when"], each["code"]["rpeval"]  # the package may be under work
    assert first == second
    assert list(first) == list(second) == [k for k in SCHEMA["required"] if k != "when"]
    assert [line.split()[:2] for line in lines] == [
        ["tiny", "01_suspensions"], ["tiny", "02_disproportionality"], ["tiny", "05_report"]]  # fmt: skip


DRAWN = """import pandas as pd
from rpeval.reports.figures import draw
book = Findings(params, notebook="01_suspensions")
changes = pd.DataFrame({"school_name": ["A", "B"], "value": [1 / 3, -2.0]})
draw(book.release("suspensions.schools", changes, title="Changes", figure="dots", alt="B fell.",
                  labels={"school_name": "School", "value": "Change"}))"""


def test_a_figure_is_drawn_once_by_the_notebook_that_shows_it(project, monkeypatch):
    write_notebook(project / "notebooks" / "01_suspensions.ipynb", OPEN, DRAWN, "book.save()")
    with monkeypatch.context() as patch:
        patch.setattr(figures, "_drawn", None)  # the notebook draws in a process of its own
        folder = run_study(params_of(project))
    before = contents(folder)
    shown = json.loads(before["notebooks/01_suspensions.ipynb"])["cells"][3]["outputs"][0]["data"]
    assert "".join(shown["image/svg+xml"]).encode() == before["figures/suspensions.schools.svg"]
    report_again(folder)  # this draws
    after = contents(folder)
    assert before.pop("manifest.json") != after.pop("manifest.json")
    assert before == after


SAVE = """from rpeval.findings import Findings
book = Findings(params, notebook="NAME")
book.save()"""
READS = """import os
from pathlib import Path
from rpeval.inputs.panel import read_panel
params = read_params(params)
kept = sorted(Path(os.environ["RPEVAL_INPUTS"]).glob("gather_panel-*"))
before = kept[0].stat().st_mtime_ns
read_panel(params).frame.iloc[:, 0] = "spoiled"
print(len(kept), kept == sorted(kept[0].parent.glob("gather_panel-*")), kept[0].stat().st_mtime_ns == before)"""


def test_a_file_is_read_once_by_the_check_and_not_by_the_notebooks(project):
    for name in ("01_suspensions", "02_disproportionality"):
        imports = "from rpeval.inputs.params import read_params"
        write_notebook(project / "notebooks" / f"{name}.ipynb", imports, READS, SAVE.replace("NAME", name))
    folder = run_study(params_of(project))
    for name in ("01_suspensions", "02_disproportionality"):
        cells = json.loads((folder / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        assert cells[3]["outputs"][0]["text"] == ["1 True True\n"]
    assert in_reports(project) == ["tiny"]


def test_a_failed_run_keeps_the_old_report_and_the_notebook_that_failed(project, change_first_notebook):
    before = contents(project / "reports" / "tiny")
    change_first_notebook(project, "rates = {}\nrates['oss']")
    with pytest.raises(RunError) as caught:
        run_study(params_of(project))
    said = str(caught.value)
    assert "tiny, notebooks/01_suspensions.ipynb, cell [4] `rates = {}`: KeyError: 'oss'" in said
    assert 'jupyter lab "reports/tiny.failed/01_suspensions.ipynb"' in said
    assert contents(project / "reports" / "tiny") == before
    assert in_reports(project) == ["tiny", "tiny.failed"]
    kept = contents(project / "reports" / "tiny.failed")
    assert set(kept) == {"01_suspensions.ipynb", "failure.txt"}
    assert b"papermill-error-cell" in kept["01_suspensions.ipynb"]
    assert kept["failure.txt"].decode().strip() == said.strip()


def test_the_command_names_the_jupyter_of_the_project(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    target = tmp_path / "reports" / "tiny"
    said = study._command(target, "reports/tiny.failed/01_x.ipynb")
    assert said == f'{Path(".venv/bin/jupyter")} lab "reports/tiny.failed/01_x.ipynb"'


def test_an_undeclared_file_is_not_there(project, change_first_notebook):
    (project / "data" / "tiny" / "other.csv").write_text("x\n1\n")
    change_first_notebook(project, "open('../data/tiny/other.csv')")
    with pytest.raises(RunError, match="FileNotFoundError"):
        run_study(params_of(project))


@pytest.mark.parametrize("name", ["data/tiny/panel.csv", "params/tiny.yml"])
def test_an_input_that_changes_between_the_check_and_the_copy_stops_the_run(project, monkeypatch, name):
    """What was read and checked must be what the notebooks get."""
    path, real = project / name, study.check

    def change(params):
        found = real(params)
        path.write_bytes(path.read_bytes() + b"\n")
        return found

    monkeypatch.setattr(study, "check", change)
    before = contents(project / "reports" / "tiny")
    with pytest.raises(RunError, match=rf"{re.escape(name)}: This file changed during the run"):
        run_study(params_of(project))
    assert contents(project / "reports" / "tiny") == before


def test_an_input_that_changes_during_the_run_stops_it(project, change_first_notebook):
    panel = project / "data" / "tiny" / "panel.csv"
    before = contents(project / "reports" / "tiny")
    change_first_notebook(project, f"with open({str(panel)!r}, 'a') as file:\n    file.write('\\n')")
    with pytest.raises(RunError, match=r"data/tiny/panel\.csv: This file changed during the run"):
        run_study(params_of(project))
    assert contents(project / "reports" / "tiny") == before


def test_an_error_in_the_data_starts_no_kernel(project, monkeypatch):
    monkeypatch.setattr(study, "execute_notebook", lambda task: pytest.fail("a notebook ran"))
    (project / "data" / "tiny" / "panel.csv").write_text("school_id,year\n")
    with pytest.raises(DataError):
        run_study(params_of(project))


def test_two_runs_on_one_folder_are_told_apart(project):
    with hold(project / "reports", "tiny"), pytest.raises(RunError, match="Another run"):
        run_study(params_of(project))


def test_a_folder_of_someones_own_is_not_replaced(project):
    shutil.rmtree(project / "reports" / "tiny")
    (project / "reports" / "tiny").mkdir()
    (project / "reports" / "tiny" / "notes.txt").touch()
    with pytest.raises(RunError, match="not replaced"):
        run_study(params_of(project))
    assert (project / "reports" / "tiny" / "notes.txt").exists()


def test_reports_that_cannot_be_written(project):
    shutil.rmtree(project / "reports")
    (project / "reports").write_text("a file in the place of the folder")
    with pytest.raises(RunError, match="cannot be written"):
        run_study(params_of(project))


@pytest.mark.parametrize(("options", "said"), [("size=1m", "disk is full"), ("ro", "cannot be written")])
def test_a_full_and_a_locked_file_system(project, options, said):
    """Real ones, where this machine allows them; on the full one an earlier report stands."""
    reports, old = project / "reports", project / "reports" / "tiny"
    before = contents(old)
    kept = shutil.move(old, project.parent / "tiny")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", reports], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user cannot mount a small file system")
    try:
        if options != "ro":
            shutil.copytree(kept, old)
            free = os.statvfs(reports).f_bavail * os.statvfs(reports).f_frsize
            (reports / "ballast").write_bytes(bytes(free - 16_000))
        with pytest.raises(RunError, match=said):
            run_study(params_of(project))
        assert in_reports(project) == ([] if options == "ro" else ["ballast", "tiny"])
        assert options == "ro" or contents(old) == before
    finally:
        subprocess.run(["umount", reports], check=True)


def test_plain_papermill_finds_the_same(project):
    """The command of papermill itself, without a clean room, writes the same findings to the draft."""
    command = [sys.executable, "-m", "papermill", "notebooks/01_suspensions.ipynb", "out.ipynb", "--no-progress-bar",
               "-p", "params", "params/tiny.yml"]  # fmt: skip
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name = "findings/01_suspensions.json"
    assert (project / "reports" / "tiny.draft" / name).read_bytes() == (
        project / "reports" / "tiny" / name
    ).read_bytes()


def test_a_fault_of_rpeval_leaves_its_traceback(project, monkeypatch):
    before = contents(project / "reports" / "tiny")

    def broken(folder, **more):
        raise TypeError("no such thing")

    monkeypatch.setattr(study, "execute_notebook", lambda task: None)
    monkeypatch.setattr(study, "_load_pages", lambda: broken)
    with pytest.raises(TypeError, match="no such thing"):
        run_study(params_of(project))
    assert "Traceback" in (project / "reports" / "tiny.failed" / "failure.txt").read_text()
    assert contents(project / "reports" / "tiny") == before


WAIT = """import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path({new!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
os.rename({new!r}, {pids!r})
time.sleep(60)"""


def started(project, change_first_notebook, wait_for):
    """Start the command on a notebook that waits; give the process and the kernel's and its child's ids."""
    new, pids = project.parent / "new", project.parent / "pids"
    change_first_notebook(project, WAIT.format(new=str(new), pids=str(pids)))
    command = [sys.executable, "-c", "from rpeval.cli import main; main()", "run", "params/tiny.yml"]
    run = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ids = wait_for(lambda: (pids.exists() and pids.read_text()) or run.poll() is not None, 60)
    assert isinstance(ids, str), run.communicate()
    return run, [int(pid) for pid in ids.split()]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_everything_it_began(project, change_first_notebook, wait_for, is_alive, number):
    before = contents(project / "reports" / "tiny")
    run, pids = started(project, change_first_notebook, wait_for)
    run.send_signal(number)
    run.send_signal(number)  # an impatient second one must not disturb the cleaning up
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert (out, err) == ("", "Stopped. Earlier reports are as they were.\n")
    assert not any(is_alive(pid) for pid in pids)
    assert in_reports(project) == ["tiny"]
    assert contents(project / "reports" / "tiny") == before


@posix
def test_a_killed_run_is_swept_by_the_next(project, change_first_notebook, wait_for, is_alive):
    run, pids = started(project, change_first_notebook, wait_for)
    run.kill()
    run.wait()
    for pipe in (run.stdout, run.stderr):
        pipe.close()
    assert any(name.startswith(".room-tiny-") for name in in_reports(project))
    wait_for(lambda: not is_alive(pids[0]))  # the kernel notices by itself that nobody is left
    if is_alive(pids[1]):
        os.kill(pids[1], signal.SIGKILL)
    (project / "notebooks" / "01_suspensions.ipynb").unlink()  # this run ends soon
    with pytest.raises(RunError, match="it is not there"):
        run_study(params_of(project))
    assert in_reports(project) == ["tiny", "tiny.failed"]


def room_with(tmp_path, *names):
    (tmp_path / "notebooks").mkdir()
    for name in names:
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    return SimpleNamespace(root=tmp_path, study="tiny")


EVERY = ("01_suspensions", "02_disproportionality", "03_belonging", "04_implementation", "05_report")


@pytest.mark.parametrize(("sources", "chosen"), [
    ({"panel"}, "01 02 05"),
    ({"panel", "survey"}, "01 02 03 05"),
    ({"panel", "costs"}, "01 02 04 05"),
])  # fmt: skip
def test_params_decide_which_notebooks_run(tmp_path, sources, chosen):
    params = SimpleNamespace(resolved=lambda: {"sources": {key: {} for key in sources}})
    steps = choose_steps(room_with(tmp_path, *EVERY), params)
    assert " ".join(step.name[:2] for step in steps) == chosen


def test_a_needed_notebook_that_is_missing_is_named(tmp_path):
    params = SimpleNamespace(resolved=lambda: {"sources": {"panel": {}, "survey": {}}})
    with pytest.raises(
        RunError, match=r"3 problems(.|\n)*02_disp(.|\n)*03_belonging\.ipynb(.|\n)*05_report\.ipynb"
    ):
        choose_steps(room_with(tmp_path, "01_suspensions"), params)


def test_rendering_again_gives_the_same_page_and_says_so_in_the_manifest(project):
    folder = project / "reports" / "tiny"
    before = contents(folder)
    (folder / "report.html").write_text("spoiled")
    assert report_again(folder) == folder
    after = contents(folder)
    old, new = (json.loads(each.pop("manifest.json")) for each in (before, after))
    assert before == after
    assert new["outputs"] == old["outputs"]
    assert "rendered" in new["when"]
    jsonschema.validate(new, SCHEMA)
    assert in_reports(project) == ["tiny"]


def test_rendering_again_refuses_what_is_no_finished_report(project):
    shutil.copytree(project / "reports" / "tiny", project / "reports" / "tiny.draft")
    (project / "reports" / "tiny.draft" / "manifest.json").unlink()
    for name in ("tiny.draft", "nowhere"):
        with pytest.raises(RunError, match="no finished report"):
            report_again(project / "reports" / name)


def test_rendering_again_refuses_changed_findings(project):
    path = project / "reports" / "tiny" / "findings" / "01_suspensions.json"
    path.write_text(path.read_text().replace('"4"', '"40"'))
    with pytest.raises(RunError, match=r"findings/01_suspensions\.json: This file is not as the run left it"):
        report_again(project / "reports" / "tiny")
