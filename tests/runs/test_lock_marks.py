"""The marks of files in a lock: keyed where the data are real, and compared with the key alone."""

import hashlib
import hmac
import json

import pytest

from rpeval.inputs.params import read_params
from rpeval.inputs.plan import (
    Entry,
    already_there,
    hash_files,
    key_path,
    lock_path,
    mark_file,
    read_key_file,
    read_lock,
)
from rpeval.runs.manifest import choose_key, read_key
from rpeval.runs.plan import lock_plan
from rpeval.runs.resume import why_again
from rpeval.runs.study import run_study

AT = "2027-05-03T10:00:00+00:00"
SOURCES = "    panel: {path: data/tiny/panel.csv, layout: rpeval}\n"
ADOPTION = "    adoption: {path: data/tiny/adoption.csv, layout: rpeval}\n"


@pytest.fixture
def project(write_project, tmp_path):
    """A project with a simulated study."""
    return write_project(tmp_path / "project")


@pytest.fixture
def real(project):
    """The params file of the same study as that of a real district, which also says who started when."""
    path, panel = project / "params" / "tiny.yml", project / "data" / "tiny" / "panel.csv"
    text = path.read_text().replace("simulated: true", "simulated: false").replace("Tiny (simulated)", "Tiny")
    path.write_text(text.replace(SOURCES, SOURCES + ADOPTION))
    panel.write_text(panel.read_text().replace(",simulated", "").replace(",yes", ""))
    schools = sorted({line.split(",")[0] for line in panel.read_text().splitlines()[1:]})
    starts = [f"{school},{'2018-19' if k % 2 else 'never'}" for k, school in enumerate(schools)]
    (project / "data/tiny/adoption.csv").write_text("\n".join(["school_id,start_year", *starts]) + "\n")
    return path


def files_of(path):
    return read_params(path).source_paths()


def seen(path):
    params = read_params(path)
    return already_there(read_lock(params), hash_files(params))


def change(path):
    path.write_text(path.read_text() + "\n")


def test_a_lock_of_real_data_holds_no_hash_of_a_file_that_could_be_guessed(real):
    place, _ = lock_plan(real, at=AT)
    key, text = key_path(read_params(real)).read_text().strip(), place.read_text()
    assert key not in text
    for source, path in files_of(real).items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() not in text
        told = read_lock(read_params(real))[0].files[source]
        made = hmac.new(key.encode(), path.read_bytes(), "sha256").hexdigest()
        assert told.split(":") == ["hmac-sha256", hashlib.sha256(key.encode()).hexdigest()[:8], made]


def test_the_same_bytes_have_the_same_mark_with_the_same_key_alone(tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for path, content in ((one, "a"), (same, "a"), (other, "b")):
        path.write_text(content)
    assert mark_file(one, key=b"k") == mark_file(same, key=b"k") != mark_file(other, key=b"k")
    assert mark_file(one, key=b"k").split(":")[1:] != mark_file(one, key=b"j").split(":")[1:]
    assert mark_file(one, key=b"k").rpartition(":")[2] != mark_file(one, key=b"j").rpartition(":")[2]
    assert mark_file(one) == mark_file(same) == hashlib.sha256(b"a").hexdigest()


@pytest.mark.parametrize("changed", ["panel", "adoption"])
def test_a_file_that_changed_is_told_from_one_that_did_not(real, changed):
    lock_plan(real, at=AT)
    assert seen(real) == ["panel", "adoption"]
    change(files_of(real)[changed])
    assert seen(real) == [source for source in ("panel", "adoption") if source != changed]


@pytest.mark.parametrize("spoil", [lambda key: key.unlink(), lambda key: key.write_text("another\n")])
def test_without_the_key_nobody_claims_to_know(real, spoil):
    lock_plan(real, at=AT)
    spoil(key_path(read_params(real)))
    assert seen(real) == [
        f"{name} (not known: the key of the lock is gone)" for name in ("panel", "adoption")
    ]


def test_a_file_that_came_later_was_not_there(real):
    text = real.read_text()
    real.write_text(text.replace(ADOPTION, ""))
    lock_plan(real, at=AT)
    real.write_text(text)
    assert seen(real) == ["panel"]


def test_a_lock_from_before_there_were_keys_is_compared_as_before(real):
    """It keeps its plain hashes; what is added to it is keyed."""
    place, _ = lock_plan(real, at=AT)
    params = read_params(real)
    plain = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files_of(real).items()}
    first = Entry(AT, "", read_lock(params)[0].plan, plain, "")
    content = json.loads(place.read_text()) | {"entries": [first.as_json()]}
    place.write_text(json.dumps(content))
    key_path(params).unlink()
    assert read_lock(params) == (first,)
    assert seen(real) == ["panel", "adoption"]
    change(files_of(real)["panel"])
    assert seen(real) == ["adoption"]

    real.write_text(real.read_text().replace("seed: 1", "seed: 2"))
    lock_plan(real, reason="Another seed.", at=AT)
    before, added = read_lock(params)
    assert before == first
    assert all(mark.startswith("hmac-sha256:") for mark in added.files.values())
    assert seen(real) == ["adoption"]


def test_a_simulated_study_needs_no_key(project):
    path = project / "params" / "tiny.yml"
    lock_plan(path, at=AT)
    params = read_params(path)
    panel = params.source_paths()["panel"].read_bytes()
    assert read_lock(params)[0].files == {"panel": hashlib.sha256(panel).hexdigest()}
    assert not key_path(params).exists()


def test_a_lock_takes_the_key_of_a_report_that_is_there(real):
    params = read_params(real)
    folder = params.root / "reports" / "tiny" / "restricted"
    folder.mkdir(parents=True)
    (folder / "salt.txt").write_text("ours\n")
    lock_plan(real, at=AT)
    assert read_key_file(key_path(params)) == b"ours" == choose_key(params)


LOOK = """from rpeval.inputs.plan import already_there, hash_files, read_lock
more = Findings(params, notebook="02_more")
more.add("plan.seen", ", ".join(already_there(read_lock(params), hash_files(params))), label="Seen")
more.save()"""


def test_the_key_goes_into_the_room_and_is_the_reports_own(real, project, change_first_notebook):
    change_first_notebook(project, LOOK)
    lock_plan(real, at=AT)
    folder = run_study(real)
    assert '"panel, adoption"' in (folder / "findings.json").read_text()
    key = key_path(read_params(real))
    assert read_key(folder) == read_key_file(key)
    inputs = {item["key"]: item for item in json.loads((folder / "manifest.json").read_text())["inputs"]}
    assert list(inputs) == ["params", "panel", "adoption", "lock", "lock.key"]
    assert [inputs[name]["keyed"] for name in ("lock", "lock.key")] == [False, True]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "salt.txt":
            assert key.read_bytes().strip() not in path.read_bytes()
    assert lock_path(read_params(real)).name == inputs["lock"]["path"].split("/")[1]
    key.unlink()
    assert why_again(real)[1] == "the key of the locked plan removed"
