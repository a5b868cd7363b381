"""Exactly one thing is changed; the audit names it, and no other, with the right verdict.

The report is made by a real run; the runs of the audit do without kernels (`make_again_lightly`), but for the
tests in test_audit.py.
"""

import json
import re
import shutil
import subprocess
from importlib import metadata

import pytest
from project import ROOT
from small_study import change_cell, commit, make_again_lightly, write_small_study

import rpeval.audit.audit
import rpeval.audit.case
from rpeval.audit.audit import audit
from rpeval.audit.verdict import Reason, Verdict
from rpeval.runs import software
from rpeval.runs.study import run_study


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """The small study, run once."""
    root = write_small_study(tmp_path_factory.mktemp("small") / "project")
    run_study(root / "params/small.yml")
    return root


@pytest.fixture(scope="session")
def ran_in_git(tmp_path_factory):
    """The same in a git repository that holds the package, too."""
    root = write_small_study(tmp_path_factory.mktemp("git") / "project")
    shutil.copytree(ROOT / "rpeval", root / "rpeval", ignore=shutil.ignore_patterns("__pycache__"))
    commit(root)
    run_study(root / "params/small.yml")
    return root


@pytest.fixture
def project(ran, tmp_path):
    return shutil.copytree(ran, tmp_path / "project")


@pytest.fixture
def repository(ran_in_git, tmp_path):
    return shutil.copytree(ran_in_git, tmp_path / "project")


@pytest.fixture(autouse=True)
def light(monkeypatch):
    runs = []

    def again(*words, **more):
        runs.append(words)
        return make_again_lightly(*words, **more)

    monkeypatch.setattr(rpeval.audit.case, "make_again", again)
    monkeypatch.setattr(rpeval.audit.audit, "find_stray_digits", lambda *_: ())
    return runs


def change(path, old, new, count=1):
    """Change a file's text; give the path for chaining."""
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def of(project, study="small"):
    return audit(project / "reports" / study)


def kinds(made):
    return {cue.kind for cue in made.cues}


def test_nothing_changed(project, light):
    made = of(project)
    assert (made.verdict, made.reason, made.exit_code) == (Verdict.REPRODUCED, Reason.UNCHANGED, 0)
    assert (made.cues, made.alterations, len(light)) == ((), (), 1)


# Params and seed: the recorded ones are used, so the report stands; what changed is named.


@pytest.mark.parametrize(("old", "new", "kind", "what"), [
    ("oss_per_100: 1.0", "oss_per_100: 9.0", "params", "margins.oss_per_100: 1.0 is now 9.0."),
    ("seed: 1", "seed: 2", "seed", "seed: 1 is now 2."),
    ("data/small/panel.csv", "data/small/moved.csv", "params",
     'sources.panel.path: "data/small/panel.csv" is now "data/small/moved.csv".'),
    ("last: 2019-20", "last: 2018-19", "params", 'years.last: "2019-20" is now "2018-19".'),
    ("params:\n", "# a remark\nparams:\n", "params", "It is written otherwise and says the same."),
])  # fmt: skip
def test_params_that_changed(project, old, new, kind, what):
    shutil.copyfile(project / "data/small/panel.csv", project / "data/small/moved.csv")
    change(project / "params/small.yml", old, new)
    made = of(project)
    assert [(cue.kind, cue.name, cue.what) for cue in made.cues] == [(kind, "params/small.yml", what)]
    assert (made.verdict, made.reason) == (Verdict.REPRODUCED, Reason.RESTORED)


def test_params_that_are_gone_or_spoiled(project):
    change(project / "params/small.yml", "outcome:", "outcum:")
    assert "cannot be read" in of(project).cues[0].what
    (project / "params/small.yml").unlink()
    made = of(project)
    assert [(c.kind, c.what) for c in made.cues] == [("params", "It is not there any more.")]
    assert made.verdict == Verdict.REPRODUCED


# Data: the files at their places are used.


@pytest.mark.parametrize(("old", "new", "verdict", "what"), [
    ("2016-17,1000,38,", "2016-17,1000,39,", Verdict.MOVED, "It has the same rows and columns with other content."),
    ("2016-17,1000,38,", "2016-17,1000,99,", Verdict.CHANGED, "It has the same rows and columns with other content."),
    ("0000,School 0,2016-17,1000,38,yes\n", "", Verdict.MOVED, "16 rows are now 15."),
    ("School 3,2019-20", "School Three,2019-20", Verdict.REPRODUCED,
     "It has the same rows and columns with other content."),
])  # fmt: skip
def test_a_data_row_that_changed(project, light, old, new, verdict, what):
    change(project / "data/small/panel.csv", old, new)
    made = of(project)
    assert [(c.kind, c.name, c.what) for c in made.cues] == [("data", "data/small/panel.csv", what)]
    assert made.verdict == verdict
    if verdict == Verdict.REPRODUCED:
        assert (made.reason, len(light)) == (Reason.HARMLESS, 1)
    else:
        assert (made.reason, made.explanation.named) == (Reason.ALONE, ("data/small/panel.csv",))
        assert made.explanation.first.startswith("notebooks/01_suspensions.ipynb, cell rate `rate = 100")


def test_a_data_row_that_changed_is_named_where_git_has_the_old_one(repository):
    change(repository / "data/small/panel.csv", "2016-17,1000,38,", "2016-17,1000,99,")
    made = of(repository)
    assert [c.what for c in made.cues] == [
        "It has the same rows and columns with other content. Row 1 changed, in oss_n."]  # fmt: skip
    assert (made.verdict, made.reason) == (Verdict.CHANGED, Reason.EXPLAINED)
    assert made.explanation.named == ("data/small/panel.csv",)
    assert made.explanation.tried == ("With data/small/panel.csv as recorded: the findings are as recorded.",)


def test_an_input_that_moved(project, light):
    (project / "data/small/panel.csv").rename(project / "data/small/elsewhere.csv")
    made = of(project)
    assert (made.verdict, made.reason, made.exit_code) == (Verdict.NOT_RUN, Reason.MISSING, 12)
    assert [(c.kind, c.name) for c in made.cues] == [("data", "data/small/panel.csv")]
    assert light == []


def test_data_that_the_check_refuses(project):
    change(project / "data/small/panel.csv", "oss_n", "oss")
    made = of(project)
    assert (made.verdict, made.reason) == (Verdict.NOT_RUN, Reason.REFUSED)
    assert "oss_n" in made.attempt.made.said


# Notebooks, package, reference: as they are now, unless git has what ran.


@pytest.mark.parametrize(("name", "cell", "old", "new", "verdict", "first"), [
    ("01_suspensions", "verdict", "< 4.3", "< 4.0", Verdict.CHANGED, "01_suspensions.ipynb, cell verdict"),
    ("01_suspensions", "rate", "100 *", "101 *", Verdict.MOVED, "01_suspensions.ipynb, cell rate"),
    ("01_suspensions", "levels", ".mean()", ".max()", Verdict.MOVED, "01_suspensions.ipynb, cell levels"),
    ("02_disproportionality", "draw", "normal()", "uniform()", Verdict.MOVED, "02_disproportionality.ipynb, cell draw"),
    ("02_disproportionality", "margin", "'Margin'", "'The margin'", Verdict.MOVED,
     "02_disproportionality.ipynb, cell margin"),
])  # fmt: skip
def test_a_notebook_cell_that_changed(project, name, cell, old, new, verdict, first):
    change_cell(project / f"notebooks/{name}.ipynb", cell, old, new)
    made = of(project)
    assert [(c.kind, c.name) for c in made.cues] == [("notebooks", f"notebooks/{name}.ipynb")]
    assert made.cues[0].what.startswith(f"Cell {cell} changed: `")
    assert (made.verdict, made.reason) == (verdict, Reason.EXPLAINED)
    assert made.explanation.named == ("notebooks",)
    assert first in made.explanation.first


def test_a_notebook_cell_that_changed_is_put_back_where_git_has_it(repository, light):
    change_cell(repository / "notebooks/01_suspensions.ipynb", "verdict", "< 4.3", "< 4.0")
    made = of(repository)
    assert (made.verdict, made.reason, len(light)) == (Verdict.REPRODUCED, Reason.RESTORED, 1)
    assert [c.what[:22] for c in made.cues] == ["Cell verdict changed: "]
    assert any(line.startswith("Put back as recorded: the notebooks from commit") for line in made.origin)


def test_a_notebook_that_stops(project):
    change_cell(project / "notebooks/01_suspensions.ipynb", "rate", "100 *", "1 / 0 *")
    made = of(project)
    assert (made.verdict, made.reason) == (Verdict.NOT_RUN, Reason.STOPPED)
    assert "division by zero" in made.attempt.made.said


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, which the audit takes for the installed one."""
    copy = tmp_path / "installed/rpeval"
    shutil.copytree(ROOT / "rpeval", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(rpeval.audit.audit, "PACKAGE", copy)
    return copy


def test_a_function_of_the_package_that_changed(project, package):
    change(package / "methods/multiplicity.py", "* len(order) /", "* (len(order) + 1) /")
    made = of(project)
    assert [(c.kind, c.name) for c in made.cues] == [("package", "rpeval/methods/multiplicity.py")]
    assert (made.verdict, made.reason) == (Verdict.MOVED, Reason.ALONE)
    assert made.explanation.named == ("package",)
    assert [d.id for d in made.comparison.numbers] == ["suspensions.size"]


def test_a_function_of_the_package_is_named_and_put_back_where_git_has_it(repository, package):
    path = repository / "rpeval/methods/multiplicity.py"
    for each in (path, package / "methods/multiplicity.py"):
        change(each, "* len(order) /", "* (len(order) + 1) /")
    made = of(repository)
    assert [(c.kind, c.name, c.what) for c in made.cues] == [
        ("package", "rpeval/methods/multiplicity.py", "It changed. Changed: benjamini_hochberg.")]  # fmt: skip
    assert (made.verdict, made.reason) == (Verdict.REPRODUCED, Reason.RESTORED)


def test_a_change_of_the_package_that_moves_nothing(project, package):
    (package / "methods/new.py").write_text("X = 1\n")
    made = of(project)
    assert [(c.name, c.what) for c in made.cues] == [("rpeval/methods/new.py", "It is new.")]
    assert (made.verdict, made.reason) == (Verdict.REPRODUCED, Reason.HARMLESS)


def test_reference_data_that_changed(project):
    path = project / "data/reference/claims.yml"
    path.write_text(path.read_text() + "\n# a remark\n")
    made = of(project)
    assert [(c.kind, c.name) for c in made.cues] == [("reference", "data/reference/claims.yml")]
    assert made.verdict == Verdict.REPRODUCED


# The environment


@pytest.fixture
def listed_anew():
    """Libraries are listed once in a process; list them again, now and after the test."""
    software.list_packages.cache_clear()
    yield
    software.list_packages.cache_clear()


@pytest.mark.usefixtures("listed_anew")
def test_a_dependency_of_another_version(project, monkeypatch):
    kind = type(metadata.distribution("pandas"))  # another library's, where that has put itself in place
    real = kind.version.fget
    changed = property(lambda self: "9.9.9" if self.metadata["Name"] == "pandas" else real(self))
    monkeypatch.setattr(kind, "version", changed)
    made = of(project)
    now = metadata.version("pandas")
    assert now == "9.9.9"
    assert [(c.kind, c.name) for c in made.cues] == [("environment", "pandas")]
    assert re.fullmatch(r"3\.[\d.]+ is now 9\.9\.9\.", made.cues[0].what)
    assert (made.verdict, made.reason) == (Verdict.REPRODUCED, Reason.HARMLESS)


@pytest.mark.parametrize(("spoil", "name"), [
    (lambda patch: patch.setattr(software.platform, "python_version", lambda: "3.99.0"), "Python"),
    (lambda patch: patch.setattr(software, "blas_core", lambda: "Zen9"), "blas.core"),
    (lambda patch: patch.setattr(software, "_cpu", lambda: "Another"), "cpu"),
])  # fmt: skip
def test_another_machine(project, monkeypatch, spoil, name):
    spoil(monkeypatch)
    made = of(project)
    assert [(c.kind, c.name) for c in made.cues] == [("environment", name)]
    assert made.verdict == Verdict.REPRODUCED


def test_another_lock_file(project):
    change(project / "requirements.lock", "2.0.0", "2.0.1")
    made = of(project)
    assert [(c.kind, c.name) for c in made.cues] == [("environment", "requirements.lock")]


# Several at once, and none


def test_of_two_changes_the_one_that_matters_is_named(repository):
    """A notebook that git does not know, and data that it does; only the data move a number."""
    (repository / "reports/small/manifest.json").write_text(
        (repository / "reports/small/manifest.json").read_text().replace(
            json.loads((repository / "reports/small/manifest.json").read_text())["code"]["reference"]["sha256"],
            "0" * 64))  # fmt: skip
    path = repository / "data/reference/claims.yml"
    path.write_text(path.read_text() + "\n# a remark\n")
    change(repository / "data/small/panel.csv", "2016-17,1000,38,", "2016-17,1000,39,")
    made = of(repository)
    assert kinds(made) == {"data", "reference"}
    assert (made.reason, made.explanation.named) == (Reason.EXPLAINED, ("data/small/panel.csv",))


def test_two_changes_that_cannot_be_put_back(project, package):
    change(package / "methods/multiplicity.py", "* len(order) /", "* (len(order) + 1) /")
    change(project / "data/small/panel.csv", "2016-17,1000,38,", "2016-17,1000,39,")
    made = of(project)
    assert (made.verdict, made.reason) == (Verdict.MOVED, Reason.UNDECIDED)
    assert set(made.explanation.named) == {"package", "data/small/panel.csv"}


def test_two_changes_that_explain_it_only_together(repository):
    """A notebook that git does not know comes back from its executed copy, the data from git."""
    forget_commit_of_notebooks(repository)
    change(repository / "data/small/panel.csv", "2016-17,1000,38,", "2016-17,1000,39,")
    change_cell(repository / "notebooks/02_disproportionality.ipynb", "draw", "normal()", "uniform()")
    made = of(repository)
    assert (made.verdict, made.reason) == (Verdict.MOVED, Reason.TOGETHER)
    assert made.explanation.named == ("data/small/panel.csv", "notebooks")
    assert len(made.explanation.tried) == 3


def forget_commit_of_notebooks(repository):
    """Let git's one commit hold another notebook than the one that ran."""
    stored = (repository / "notebooks/02_disproportionality.ipynb").read_text()
    change_cell(repository / "notebooks/02_disproportionality.ipynb", "save", "book.save()", "book.save() ")
    words = "-c user.name=x -c user.email=x@example.org commit -qam y"
    subprocess.run(["git", *words.split()], cwd=repository, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True
    )
    path = repository / "reports/small/manifest.json"
    content = json.loads(path.read_text())
    content["code"]["git"]["commit"] = head.stdout.strip()
    path.write_text(json.dumps(content))
    (repository / "notebooks/02_disproportionality.ipynb").write_text(stored)


@pytest.fixture
def restless(tmp_path):
    """A study whose second notebook draws without a seed."""
    root = write_small_study(tmp_path / "restless")
    change_cell(root / "notebooks/02_disproportionality.ipynb", "draw", "default_rng(book.seed('gaps.draw'))",
                "default_rng()")  # fmt: skip
    run_study(root / "params/small.yml")
    return root


def test_a_notebook_that_is_not_deterministic(restless, light):
    made = of(restless)
    assert (made.verdict, made.reason, len(light)) == (Verdict.MOVED, Reason.RANDOM, 2)
    assert made.explanation.first.startswith("notebooks/02_disproportionality.ipynb, cell draw `book = ")
    assert made.cues == ()


# What was done to the report itself needs no run.


def seal(project, path):
    """Record an altered file's hash as a careful forger would."""
    from rpeval.runs.manifest import fingerprint

    folder = project / "reports/small"
    content = json.loads((folder / "manifest.json").read_text())
    next(o for o in content["outputs"] if o["path"] == path)["sha256"] = fingerprint(folder / path)
    (folder / "manifest.json").write_text(json.dumps(content))


def test_a_forged_number_with_a_forged_hash_falls_to_the_run(project, light):
    """Who alters the findings and the manifest alike deceives the hashes, but not a run."""
    for name in ("findings.json", "findings/01_suspensions.json"):
        change(project / "reports/small" / name, '"value": 4.', '"value": 3.')
        seal(project, name)
    made = of(project)
    assert made.alterations == ()
    assert (made.verdict, made.reason) == (Verdict.MOVED, Reason.UNRECORDED)
    assert [d.id for d in made.comparison.numbers] == ["suspensions.rate"]


@pytest.mark.parametrize(("old", "new", "what"), [
    ('"seed": 1,', '"seed": 2,', "Its seed is not that of its params."),
    ("oss_per_100: 1.0", "oss_per_100: 9.0", "The params in it do not have their recorded hash."),
    ('"margins": {\n    "oss_per_100": 1.0', '"margins": {\n    "oss_per_100": 2.0',
     "The findings were made from other params than it holds."),
])  # fmt: skip
def test_a_manifest_that_contradicts_itself(project, light, old, new, what):
    change(project / "reports/small/manifest.json", old, new)
    made = of(project)
    assert (made.verdict, made.reason, made.exit_code) == (Verdict.ALTERED, Reason.RECORD, 13)
    assert what in made.contradictions
    assert light == []


def test_a_file_that_was_added_is_told_and_stops_nothing(project):
    (project / "reports/small/notes.txt").write_text("x")
    made = of(project)
    assert [(a.path, a.how) for a in made.alterations] == [("notes.txt", "added")]
    assert made.verdict == Verdict.REPRODUCED
