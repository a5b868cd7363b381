"""The pack: what is in it, what is not, and whether a stranger can work from it alone."""

import hashlib
import io
import json
import shutil
import stat
import zipfile

import pytest
from finished_folder import PANEL, PARAMS, finished
from project import copy_project
from report_folder import write_folder

from rpeval.audit.crate import NAME as CRATE
from rpeval.audit.pack import GUIDE, pack_report
from rpeval.errors import RunError


def opened(path):
    with zipfile.ZipFile(path) as zipped:
        assert zipped.testzip() is None
        return {name: zipped.read(name) for name in zipped.namelist()}


def test_a_simulated_study_goes_whole(tmp_path):
    folder = finished(tmp_path)
    made = pack_report(folder)
    there = opened(tmp_path / "reports" / "lakeshore.zip")
    report = {
        f"reports/lakeshore/{p.relative_to(folder).as_posix()}" for p in folder.rglob("*") if p.is_file()
    }
    assert set(there) == report | {"params/lakeshore.yml", "data/lakeshore/panel.csv", GUIDE, CRATE}
    assert there["data/lakeshore/panel.csv"] == PANEL
    assert there["params/lakeshore.yml"].decode() == PARAMS
    assert made.left_out == ()
    assert "Nothing: the pack holds every input" in there[GUIDE].decode()
    assert not (folder / CRATE).exists()  # the folder is as the run left it


def test_the_same_report_gives_the_same_bytes(tmp_path):
    folder = finished(tmp_path)
    first = pack_report(folder, target=tmp_path / "x.zip").path.read_bytes()
    again = shutil.copytree(tmp_path / "reports", tmp_path / "other" / "reports")
    shutil.copytree(tmp_path / "data", tmp_path / "other" / "data")
    assert pack_report(again / "lakeshore", target=tmp_path / "other" / "x.zip").path.read_bytes() == first
    entries = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert {e.date_time for e in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {stat.S_IMODE(e.external_attr >> 16) for e in entries} == {0o644}


def test_real_data_stay_out_unless_asked(tmp_path):
    folder = finished(tmp_path, simulated=False)
    made = pack_report(folder)
    there = opened(made.path)
    assert {left.path for left in made.left_out} == {
        "data/lakeshore/panel.csv", "reports/lakeshore/notebooks/01_suspensions.ipynb",
        "reports/lakeshore/restricted/salt.txt"}  # fmt: skip
    assert "params/lakeshore.yml" in there
    assert not {left.path for left in made.left_out} & set(there)
    guide = there[GUIDE].decode()
    assert "| `data/lakeshore/panel.csv` | 52 | Data of a real district; --restricted puts it in. |" in guide
    crate = there[CRATE].decode()
    assert "01_suspensions.ipynb" in crate  # told as the tool
    assert "reports/lakeshore/notebooks" not in crate
    whole = opened(pack_report(folder, restricted=True).path)
    assert whole["data/lakeshore/panel.csv"] == PANEL
    assert "reports/lakeshore/notebooks/01_suspensions.ipynb" in whole


def test_no_real_row_is_in_the_pack(tmp_path):
    there = opened(pack_report(finished(tmp_path, simulated=False)).path)
    assert not [name for name, body in there.items() if PANEL in body or b"0101,2016-17,400,40" in body]


def test_an_input_from_beside_the_project_gets_a_place(tmp_path):
    folder = finished(tmp_path / "project", panel="../beside/panel.csv")
    there = opened(pack_report(folder).path)
    assert there["data/beside/panel/panel.csv"] == PANEL
    assert '    cp "data/beside/panel/panel.csv" "../beside/panel.csv"' in there[GUIDE].decode()
    assert all(not name.startswith((".", "/")) for name in there)


@pytest.mark.parametrize(("spoil", "words"), [
    ("reports/lakeshore/tables/suspensions.trend.csv", "not as the run left it"),
    ("data/lakeshore/panel.csv", "not what the run read"),
])  # fmt: skip
def test_what_was_changed_is_refused(tmp_path, spoil, words):
    folder = finished(tmp_path)
    (tmp_path / spoil).write_bytes((tmp_path / spoil).read_bytes() + b" ")
    with pytest.raises(RunError, match=words):
        pack_report(folder)
    (tmp_path / spoil).unlink()
    with pytest.raises(RunError, match=words):
        pack_report(folder)
    assert not list(tmp_path.rglob("*.zip"))


def test_changed_params_in_the_project_do_not_matter(tmp_path):
    folder = finished(tmp_path)
    (tmp_path / "params" / "lakeshore.yml").write_text("params: {study: other}\n")
    assert opened(pack_report(folder).path)["params/lakeshore.yml"].decode() == PARAMS


def test_a_draft_is_refused(tmp_path):
    with pytest.raises(RunError, match="no finished report"):
        pack_report(write_folder(tmp_path, draft=True))


def test_a_tree_that_was_not_clean_is_told(tmp_path):
    folder = finished(tmp_path, git={"commit": "1" * 40, "clean": False})
    guide = opened(pack_report(folder).path)[GUIDE].decode()
    assert "with changes or new files that are not in it" in guide
    assert f"git checkout {'1' * 40}" in guide


def test_a_stranger_has_what_the_manifest_names(studies, tmp_path):
    """With the code and the zip alone, every input lies where the manifest says, and the params can be read."""
    made = pack_report(studies / "prairie", target=tmp_path / "prairie.zip")
    clone = copy_project(tmp_path / "clone")
    shutil.rmtree(clone / "data" / "simulated")
    shutil.rmtree(clone / "params")
    with zipfile.ZipFile(made.path) as zipped:
        wanted = [n for n in zipped.namelist() if n.startswith(("params/", "data/", "reports/"))]
        zipped.extractall(clone, wanted)
    content = json.loads((clone / "reports" / "prairie" / "manifest.json").read_text())
    for item in content["inputs"]:
        assert hashlib.sha256((clone / item["path"]).read_bytes()).hexdigest() == item["sha256"], item["path"]
    for output in content["outputs"]:
        body = (clone / "reports" / "prairie" / output["path"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == output["sha256"]
    from rpeval.inputs.check import check
    from rpeval.inputs.params import read_params

    assert not [problem for problem in check(read_params(clone / "params" / "prairie.yml")) if problem.stops]
