"""What need not be run again: only what is whole, and would come out the same."""

import copy
import json
import os
import shutil

import pytest

from rpeval.errors import ParamsError, RunError
from rpeval.runs import resume, swap
from rpeval.runs.resume import why_again
from rpeval.runs.software import describe_code, describe_machine
from rpeval.runs.study import run_study
from rpeval.runs.task import run_one


def why(project, study="tiny"):
    folder, reason = why_again(project / "params" / f"{study}.yml")
    assert folder == project / "reports" / study
    return reason


@pytest.fixture
def same_code(monkeypatch, finished):
    """Let the package be the one that made the report, though it may be under work."""
    record = json.loads((finished / "reports" / "tiny" / "manifest.json").read_text())
    monkeypatch.setattr(resume, "describe_code", lambda root: copy.deepcopy(record["code"]))
    return record


def test_nothing_changed(project, same_code):
    assert why(project) == ""
    outcome = run_one(project / "params" / "tiny.yml", resume=True)
    assert (outcome.state, outcome.code, outcome.folder) == ("kept", 0, str(project / "reports" / "tiny"))


def append(name, text="\n"):
    def change(project):
        with (project / name).open("a") as file:
            file.write(text)

    return change


def edit_notebook(position, key):
    def change(project):
        path = project / "notebooks" / "05_report.ipynb"
        content = json.loads(path.read_text())
        if key == "markdown":
            content["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": "New."})
        else:
            content["cells"][position]["source"] = "x = 1"
        path.write_text(json.dumps(content))

    return change


@pytest.mark.parametrize(("change", "reason"), [
    (append("params/tiny.yml", "# a word\n"), "params changed"),
    (append("data/tiny/panel.csv"), "data of panel changed"),
    (append("params/tiny.lock.json", "{}"), "the locked plan added"),
    (append("params/tiny.decisions.json", "{}"), "the log of decisions changed"),
    (append("reports/tiny/report.html"), "the report's report.html is not as the run left it"),
    (append("reports/tiny/more.txt"), "the report's more.txt is not as the run left it"),
    (lambda p: (p / "reports/tiny/findings.csv").unlink(), "the report's findings.csv is not as the run left it"),
    (lambda p: shutil.rmtree(p / "reports/tiny"), "no report"),
    (edit_notebook(2, "code"), "notebook 05_report changed"),
    (edit_notebook(2, "markdown"), "notebook 05_report changed"),
    (lambda p: (p / "data/tiny/panel.csv").unlink(), "data of panel changed"),
])  # fmt: skip
def test_what_changed_is_named(project, same_code, change, reason):
    change(project)
    if reason == "data of panel changed" and not (project / "data/tiny/panel.csv").exists():
        with pytest.raises(ParamsError):
            why(project)
        return
    assert why(project) == reason


def test_the_package_the_reference_data_and_the_libraries(project, same_code, monkeypatch):
    code = same_code["code"]
    for changed, reason in (
        ({"rpeval": {**code["rpeval"], "sha256": "0" * 64}}, "the package changed"),
        ({"reference": {**code["reference"], "sha256": "0" * 64}}, "the reference data changed"),
        ({"packages": {**code["packages"], "pandas": "0"}}, "Python or a library changed"),
        ({"python": "3.99.0"}, "Python or a library changed"),
        ({"git": {"commit": "0" * 40, "clean": False}}, ""),
    ):
        monkeypatch.setattr(resume, "describe_code", lambda root, changed=changed: {**code, **changed})
        assert why(project) == reason


def test_the_machine(project, same_code, monkeypatch):
    here = describe_machine()
    monkeypatch.setattr(resume, "describe_machine", lambda: {**here, "cpu": "another model"})
    assert why(project) == ""
    monkeypatch.setattr(resume, "describe_machine", lambda: {**here, "blas": {**here["blas"], "core": "Zen"}})
    assert why(project) == "another kind of machine made the report"


def test_pages_that_another_package_rendered_are_not_kept(project, same_code):
    path = project / "reports" / "tiny" / "manifest.json"
    record = json.loads(path.read_text())
    record["code"]["rendered_sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    assert why(project) == "the package changed"


def test_another_version_of_the_manifest(project, same_code):
    path = project / "reports" / "tiny" / "manifest.json"
    path.write_text(path.read_text().replace("rpeval/manifest/2", "rpeval/manifest/1"))
    assert why(project) == "another version of rpeval made the report"


def test_what_a_crash_left_is_put_in_order(project, same_code):
    """Between its two renames a run leaves the old report aside; rooms and old failures lie about."""
    reports = project / "reports"
    (reports / "tiny").rename(reports / ".old-tiny")
    (reports / ".room-tiny-0123abcd").mkdir()
    (reports / "tiny.failed").mkdir()
    assert why(project) == ""
    assert sorted(p.name for p in reports.iterdir()) == ["tiny"]


def test_someones_own_folder_is_not_taken_for_a_report(project):
    (project / "reports" / "tiny" / "manifest.json").unlink()
    with pytest.raises(RunError, match="not replaced"):
        why(project)


def test_a_real_studys_report_needs_its_key(project):
    """The hashes of a real study's data are keyed: without the key nobody can say that they are the same."""
    text = (project / "params" / "tiny.yml").read_text().replace("study: tiny", "study: real")
    text = text.replace("simulated: true", "simulated: false").replace("Tiny (simulated)", "Tiny")
    (project / "params" / "real.yml").write_text(text)
    rows = (project / "data" / "tiny" / "panel.csv").read_text().replace(",simulated", "").replace(",yes", "")
    (project / "data" / "tiny" / "panel.csv").write_text(rows)
    folder = run_study(project / "params" / "real.yml")
    code = json.loads((folder / "manifest.json").read_text())["code"]
    if code["rpeval"]["sha256"] == describe_code(project)["rpeval"]["sha256"]:
        assert why(project, "real") == ""
    (folder / "restricted" / "salt.txt").unlink()
    assert "not as the run left it" in why(project, "real")


def test_a_report_has_reached_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    """What no test can do is cut the power; so the order of calls is what is held."""
    new, calls = tmp_path / "new", []
    (new / "findings").mkdir(parents=True)
    for name in ("report.html", "findings/a.json", "manifest.json"):
        (new / name).write_text("x")
    synced, renamed = os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: calls.append(os.readlink(f"/proc/self/fd/{handle}")) or synced(handle)
    )
    monkeypatch.setattr(os, "rename", lambda a, b: calls.append("renamed") or renamed(a, b))
    swap.publish(new, tmp_path / "tiny")
    before = calls[: calls.index("renamed")]
    assert {os.path.basename(p) for p in before} == {
        "new",
        "findings",
        "report.html",
        "a.json",
        "manifest.json",
    }
