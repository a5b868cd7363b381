"""The audit as a user meets it: real runs, the command's exit codes, the page, what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from project import ROOT
from small_study import change_cell, write_small_study

from rpeval.audit import explain
from rpeval.audit.audit import audit
from rpeval.audit.case import Attempt
from rpeval.audit.folder import as_given
from rpeval.audit.page import as_html, as_json, as_text, tell_steps, write_pages
from rpeval.audit.rerun import Failed, Sources, build_project
from rpeval.audit.verdict import EXIT_CODES, Reason, Verdict
from rpeval.errors import RunError
from rpeval.findings import Collected
from rpeval.findings.finding import find
from rpeval.runs.study import run_study

COMMAND = "import sys, typer; from rpeval.cli import auditing; app = typer.Typer(); app.callback()(lambda: None); " \
          "app.command()(auditing.audit); app(sys.argv[1:], obj={'debug': False})"  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = write_small_study(tmp_path_factory.mktemp("whole") / "project")
    run_study(root / "params/small.yml")
    return root


def command(project, *words, **more):
    return subprocess.run([sys.executable, "-c", COMMAND, "audit", *words], cwd=project, capture_output=True,
                          text=True, check=False, timeout=300, **more)  # fmt: skip


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_report_is_reproduced_by_the_command(project):
    before = contents(project / "reports/small")
    done = command(project, "reports/small")
    assert (done.returncode, done.stderr) == (0, "")
    assert "REPRODUCED. Nothing changed since the run." in done.stdout
    assert [line[:2] for line in done.stdout.splitlines() if re.match(r"\d\. ", line)] == [
        f"{n}." for n in range(1, 7)]  # fmt: skip
    assert contents(project / "reports/small") == before
    told = json.loads((project / "reports/small.audit/audit.json").read_text())
    assert (told["schema"], told["verdict"], told["exit_code"]) == ("rpeval/audit/1", "reproduced", 0)
    listed = json.loads((project / "reports/small/manifest.json").read_text())["outputs"]
    equal = f"{len(listed)} of {len(listed)} files came out equal to the byte."
    assert equal in told["steps"][2]["lines"]


@pytest.fixture(scope="module")
def moved(project, tmp_path_factory):
    """An audit, by real runs, after a notebook changed a conclusion."""
    copy = shutil.copytree(project, tmp_path_factory.mktemp("moved") / "project")
    change_cell(copy / "notebooks/01_suspensions.ipynb", "verdict", "< 4.3", "< 4.0")
    said = []
    return copy, audit(copy / "reports/small", say=said.append), said


def test_real_runs_name_the_notebook_that_changed_a_conclusion(moved):
    _, made, said = moved
    assert (made.verdict, made.reason, made.exit_code) == (Verdict.CHANGED, Reason.EXPLAINED, 11)
    assert [(d.id, d.old, d.new) for d in made.comparison.conclusions if d.what == "decision"] == [
        ("suspensions.verdict", "supported", "inconclusive")]  # fmt: skip
    assert sum("01_suspensions" in line for line in said) == 2


def test_the_page_tells_everything_and_is_written_beside_the_report(moved):
    copy, made, _ = moved
    path = write_pages(made, copy / "reports/small")
    page = path.read_text(encoding="utf-8")
    assert path == copy / "reports/small.audit/audit.html"
    for words in (
        "a conclusion changed",
        "Simulated data",
        "suspensions.verdict, decision",
        "supported",
        "inconclusive",
        made.seal,
        "rpeval audit reports/small",
        "Cell verdict changed",
    ):
        assert words in page  # fmt: skip
    assert "<script" not in page
    assert len(page) < 60_000
    told = json.loads((path.parent / "audit.json").read_text())
    assert told["conclusions_changed"] == ["suspensions.verdict", "suspensions.verdict"]
    assert told == json.loads(json.dumps(as_json(made)))


@pytest.mark.parametrize("form", [as_text, as_html])
def test_the_same_audit_gives_the_same_page(moved, form):
    assert form(moved[1]) == form(moved[1])


def test_every_step_is_told_in_every_case(moved):
    steps = tell_steps(moved[1])
    assert len(steps) == 6
    assert all(step.title and step.answer for step in steps)


def test_every_verdict_has_its_own_exit_code_and_none_is_taken():
    assert sorted(EXIT_CODES.values()) == [0, 10, 11, 12, 13]
    assert set(EXIT_CODES) == set(Verdict)


def test_a_folder_that_is_no_report_is_refused(project):
    with pytest.raises(RunError, match="no finished report"):
        audit(project / "data")
    done = command(project, "reports/nowhere")
    assert (done.returncode, done.stdout) == (6, "")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_stopped_audit_ends_its_run_and_leaves_nothing(project, tmp_path, wait_until):
    before = contents(project / "reports")
    place = tmp_path / "tmp"
    place.mkdir()
    running = subprocess.Popen([sys.executable, "-c", COMMAND, "audit", "reports/small"], cwd=project,
                               env={**os.environ, "TMPDIR": str(place)}, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    wait_until(lambda: list(place.glob("rpeval-audit-*/*/*/project/reports/.room-*/notebooks")))
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "Stopped. Earlier reports are as they were.\n")
    assert list(place.glob("rpeval-audit-*")) == []
    assert contents(project / "reports") == before


@pytest.fixture
def wait_until():
    import time

    def wait(condition, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        pytest.fail("waited in vain")

    return wait


def test_a_report_from_elsewhere_is_audited_in_the_project_around_here(project, tmp_path, monkeypatch):
    import rpeval.audit.case

    monkeypatch.setattr(rpeval.audit.case, "make_again", lambda *_, **__: Failed(6, "It stopped."))
    copy = shutil.copytree(project / "reports/small", tmp_path / "small")
    monkeypatch.chdir(project)
    made = audit(copy)
    assert (made.cues, made.verdict, made.reason) == ((), Verdict.NOT_RUN, Reason.STOPPED)
    assert "It stopped." in as_text(made)


def test_a_project_for_one_run_holds_files_from_beside_it(tmp_path):
    for name in ("notebooks", "reference", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere/panel.csv").write_text("x\n")
    sources = Sources("s", "params/s.yml", "params:\r\n", (tmp_path / "notebooks",), tmp_path / "reference", ROOT / "rpeval",
                      {"../../far/panel.csv": tmp_path / "elsewhere/panel.csv"})  # fmt: skip
    made = build_project(sources, tmp_path / "base")
    assert (made / "../../far/panel.csv").read_text() == "x\n"
    assert made.is_relative_to(tmp_path / "base")
    assert (made / "params/s.yml").read_bytes() == b"params:\r\n"


class _Case:
    """An audit whose runs are told beforehand: which candidates must go back for the findings to agree."""

    def __init__(self, candidates, ready, needed):
        self.candidates, self.ready, self.needed, self.runs = candidates, ready, set(needed), []
        self.record, self.found = {"notebooks": []}, _found(1)

    def say(self, line):
        pass

    def can_go_back(self, each):
        return each in self.ready

    def attempt(self, back=()):
        self.runs.append(back)
        value = 1 if self.needed and self.needed <= set(back) else 2
        return Attempt(back, _found(value), 0.0, (0, 0))

    def compare(self, attempt):
        return explain.compare(self.found, attempt.made)


def _found(value):
    return Collected("x", "X", "X", True, {"a.b": find("a.b", value, label="B")}, {}, None)


@pytest.mark.parametrize(("candidates", "ready", "needed", "reason", "named", "runs"), [
    (("d",), ("d",), ("d",), Reason.EXPLAINED, ("d",), 1),
    (("d", "notebooks"), ("d", "notebooks"), ("notebooks",), Reason.EXPLAINED, ("notebooks",), 2),
    (("d", "notebooks"), ("d", "notebooks"), ("d", "notebooks"), Reason.TOGETHER, ("d", "notebooks"), 3),
    (("package",), (), ("package",), Reason.ALONE, ("package",), 0),
    (("d", "package"), ("d",), ("package",), Reason.UNDECIDED, ("package",), 1),
    (("d", "package", "environment"), ("d",), ("d",), Reason.EXPLAINED, ("d",), 1),
    (("package", "environment"), (), ("package",), Reason.UNDECIDED, ("package", "environment"), 0),
    ((), (), (), Reason.UNRECORDED, (), 1),
])  # fmt: skip
def test_what_changed_is_put_back_one_thing_at_a_time(candidates, ready, needed, reason, named, runs):
    case = _Case(candidates, ready, needed)
    first = Attempt((), _found(2), 0.0, (0, 0))
    told = explain.explain(case, first, case.compare(first))
    assert (told.reason, told.named, len(case.runs)) == (reason, named, runs)


def test_params_are_compared_as_the_notebooks_got_them():
    """A file from beside the project leads to its copy in the clean room."""
    told = {"params": {"resolved": {"sources": {"panel": {"path": "../far/p.csv", "enrollment": {"path": "e.csv"}}}}},
            "inputs": [{"key": "params", "path": "params/x.yml"}, {"key": "panel", "path": "../far/p.csv"},
                       {"key": "panel.enrollment", "path": "e.csv"}]}  # fmt: skip
    assert as_given(told)["sources"] == {
        "panel": {"path": "data/beside/panel/p.csv", "enrollment": {"path": "e.csv"}}
    }
    assert told["params"]["resolved"]["sources"]["panel"]["path"] == "../far/p.csv"
