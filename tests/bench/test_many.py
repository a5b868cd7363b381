"""The bench of many studies: what it draws, how it runs a cell, and what its table says of planted results."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import many
import many_floor

from rpeval.inputs.check import check
from rpeval.inputs.params import read_params


def ends(each: float, studies: int) -> list[float]:
    return [20.0 + each * number for number in range(1, studies + 1)]


def planted(
    *,
    naive: float = 400.0,
    rpeval: float = 50.0,
    cluster: float = 54.0,
    floor: float = 40.0,
    growth: float = 0.0,
) -> dict:
    """Results of 10 studies each way and a long run of 300, whose memory grows by so many MB a study."""
    about = {"studies": 10, "when": "2026-01-01 00:00 UTC", "load": 0.1, "busy": 0.01, "commit": "abc1234"}
    about |= {"cpu": 30.0, "failed": [], "numbers": {"study0001": {"suspensions.att": "0.2"}}}
    ended = ends(5.0, 300)
    samples = [(float(t), 900 + growth * t / 5, 34.0) for t in range(int(ended[-1]))]
    steps = {"papermill": 300.0, "nbconvert": 80.0, "pdf": 10.0, "word": 10.0}
    return {
        "naive": {**about, "seconds": naive, "steps": steps, "lacking": []},
        "rpeval": {**about, "seconds": rpeval},
        "cluster": {**about, "seconds": cluster},
        "floor": {**about, "seconds": floor},
        "large": {**about, "studies": 300, "seconds": ended[-1], "ended": ended, "samples": samples},
    }


def test_drawn_studies_differ_and_pass_the_check():
    with many.project(3) as (root, names):
        panels = {name: (root / "data" / name / "export.tsv").read_bytes() for name in names}
        assert len(set(panels.values())) == 3
        for name in names:
            text = (root / "params" / f"{name}.yml").read_text(encoding="utf-8")
            assert "simulated: true" in text
            assert "rairie" not in yaml.safe_dump(yaml.safe_load(text))
            params = read_params(root / "params" / f"{name}.yml")
            assert params.root == root
            assert not [problem for problem in check(params) if problem.stops]
        (root / "again").mkdir()
        shutil.copytree(root / "data" / "reference", root / "again" / "data" / "reference")
        (root / "again" / "params").mkdir()
        many.draw(root / "again", 2)
        assert (root / "again" / "data" / names[1] / "export.tsv").read_bytes() == panels[names[1]]
    assert not root.exists()


def test_what_is_to_be_close_is_measured_twice_there_and_back():
    parts = ["naive", "rpeval", "cluster", "floor", "large"]
    there_and_back = ["rpeval", "cluster", "floor", "floor", "cluster", "rpeval"]
    assert many.turns(parts, full=True) == [*there_and_back, "naive", "large"]
    assert many.turns(["rpeval", "floor"], full=False) == ["rpeval", "floor"]


def test_two_turns_of_a_way_are_one_measurement():
    first = planted()["rpeval"]
    then = {**first, "when": "later", "seconds": 70.0, "studies": 4, "busy": 0.3, "failed": ["study0003"],
            "numbers": {"study0002": {"suspensions.att": "0.4"}}}  # fmt: skip
    both = many.joined(first, then)
    assert (both["studies"], both["seconds"], both["cpu"], both["busy"]) == (14, 120.0, 60.0, 0.3)
    assert (both["when"], both["failed"], sorted(both["numbers"])) == (
        first["when"], ["study0003"], ["study0001", "study0002"])  # fmt: skip
    assert many.joined({**first, "cpu": None}, then)["cpu"] is None


def test_the_ratios_are_of_seconds_a_study(tmp_path):
    results = planted()
    results["naive"] |= {"studies": 20, "seconds": 1600.0}  # 80 seconds a study against 5 and 4
    page = many.write(results, tmp_path).read_text(encoding="utf-8")
    assert "| naive | 20 | 1600.0 | 80.00 | 1.50 | 1.00 | 20.00 |" in page
    assert "| rpeval | 10 | 50.0 | 5.00 | 3.00 | 16.00 | 1.25 |" in page
    assert "| floor | 10 | 40.0 | 4.00 | 3.00 | 20.00 | 1.00 |" in page
    assert page.count("**holds**") == 4
    assert "different numbers of studies" in page
    assert "a study costs 5.00 seconds, and the beginning 20.0" in page
    assert "| 300 | 1520 | 5.00 | 900 | 34 |" in page


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"naive": 299.0}, "**MISSED**: at least 6 times fewer seconds than the naive loop (5.98 times)"),
        ({"floor": 38.0}, "**MISSED**: within 1.3 times the floor (1.32 times)"),
        ({"cluster": 56.0}, "**MISSED**: on a cluster at most 1.1 times the seconds of one machine's own"),
        ({"growth": 1.0}, "**MISSED**: flat memory"),
    ],
)
def test_the_table_says_when_a_target_is_missed(tmp_path, change, line):
    page = many.write(planted(**change), tmp_path).read_text(encoding="utf-8")
    assert page.count("**MISSED**") == 1
    assert line in page


def test_a_few_studies_judge_no_ratio(tmp_path):
    results = planted(floor=1.0)
    results["rpeval"]["studies"] = 9
    page = many.write(results, tmp_path).read_text(encoding="utf-8")
    assert "**not judged**: within 1.3 times the floor (55.56 times)" in page
    assert page.count("**not judged**") == 3


def test_what_was_not_measured_or_failed_is_never_a_success(tmp_path):
    results = planted()
    del results["floor"]
    results["rpeval"]["failed"] = ["study0003"]
    results["large"] |= {"ended": results["large"]["ended"][:50]}
    results["naive"]["lacking"] = ["word"]
    page = many.write(results, tmp_path).read_text(encoding="utf-8")
    assert page.count("**not judged**") == 4
    assert "| floor | not measured |" in page
    assert "study0003" in page
    assert "makes no word" in page
    assert many.write({}, tmp_path).read_text(encoding="utf-8").count("**not judged**") == 4


def test_the_table_tells_of_numbers_that_differ_and_of_a_busy_machine(tmp_path):
    results = planted()
    assert "print the same 1 findings" in many.write(results, tmp_path).read_text(encoding="utf-8")
    results["floor"]["numbers"] = {"study0001": {"suspensions.att": "0.3"}}
    results["rpeval"]["busy"] = 0.6
    page = many.write(results, tmp_path).read_text(encoding="utf-8")
    assert "DIFFER in 1 of 1 findings: study0001 suspensions.att" in page
    assert "rpeval: the machine was 60% busy" in page


def test_a_cell_is_run_as_a_notebook_shows_it():
    code = "import pandas as pd\nprint('a')\ndisplay(params)\npd.DataFrame({'x': [params]})"
    first = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "source": "params = 1"}
    cell = {"cell_type": "code", "id": "b", "metadata": {}, "source": code.splitlines(keepends=True)}
    ran = many_floor.execute({"cells": [first, cell]}, "params/x.yml")["cells"]
    assert [cell["execution_count"] for cell in ran] == [1, 2, 3]
    stream, shown, last = ran[2]["outputs"]
    assert stream["text"] == ["a\n"]
    assert shown["data"] == {"text/plain": "'params/x.yml'"}
    assert last["data"]["text/html"] == pd.DataFrame({"x": ["params/x.yml"]})._repr_html_()
    assert first.keys() == {"cell_type", "id", "metadata", "source"}


def test_memory_counts_every_process_that_descends():
    held = "import time; block = bytearray(80_000_000); print(flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as run:
        run.stdout.readline()
        found = many.family(run.pid)
        total = sum(many.memory(process, "smaps_rollup", "Pss:") for process in found)
        assert found[0] == run.pid
        assert os.getpid() not in found
        for process in reversed(found):
            os.kill(process, 9)
    assert len(found) == 2
    assert 80 < total < 130
    assert many.memory(found[1], "smaps_rollup", "Pss:") == 0
