"""Faults at random moments, a few of each: `python bench/faults.py --full` does two hundred."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import faults

from rpeval.kernels.client import SOCKET, WarmProcess

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills by what /proc tells")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two tiny studies and one warm process for all runs, so that a run takes a few seconds."""
    with pytest.MonkeyPatch.context() as patch:
        warm = WarmProcess()
        patch.setenv(SOCKET, warm.path)
        yield faults.Place(tmp_path_factory.mktemp("faults") / "project", studies=2, jobs=1)
        warm.close()


@pytest.mark.parametrize("kind", ["runner", "worker", "kernel", "two runs"])
def test_after_a_fault_resume_makes_every_byte_as_it_should_be(place, kind):
    chance = random.Random(kind)
    fault = faults.disturb(place, kind, chance.uniform(0.2, place.seconds), chance)
    assert fault.wrong == []


def test_the_death_of_the_warm_process(place, monkeypatch):
    monkeypatch.delenv(SOCKET)
    fault = faults.disturb(place, "warm process", place.seconds / 2, random.Random(1))
    assert fault.wrong == []


def test_the_harness_sees_what_is_wrong(place, monkeypatch):
    """A report with one byte more, one that is missing under a claimed success, and something left beside."""
    shutil.rmtree(place.reports, ignore_errors=True)
    for name, files in place.right.items():
        for path, content in files.items():
            (place.reports / name / path).parent.mkdir(parents=True, exist_ok=True)
            (place.reports / name / path).write_bytes(content)
    assert place.judge(0) == []
    (place.reports / ".room-study1-00").mkdir()
    done = subprocess.CompletedProcess([], 0, "params/study1.yml: nothing changed", "")
    monkeypatch.setattr(place, "run", lambda *words: done)
    assert place.resume() == (["after --resume: left beside the reports: .room-study1-00"], 1)
    (place.reports / "study1" / "report.html").write_text("torn")
    assert place.judge(6) == ["study1 differs in report.html"]
    shutil.rmtree(place.reports / "study1")
    assert place.judge(0) == ["exit code 0 with 1 reports"]
    place.said.write_text("Traceback (most recent call last):\nKeyError: 1\n")
    assert place.judge(6) == ["a traceback: KeyError: 1"]


def test_the_table_names_what_went_wrong(tmp_path):
    done = [faults.Fault("runner", 1.5, []), faults.Fault("full disk", 2.0, ["torn"])]
    text = faults.write(done, tmp_path).read_text()
    assert "1 of 2 faults ended well" in text
    assert "- full disk after 2.0 s: torn" in text
    assert "| runner | 1 | 1 | 0 |" in text
