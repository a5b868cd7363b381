"""Wrong params and data files, as a user meets them: one clear message, the right exit code, no traceback."""

import re
from pathlib import Path

import pytest
from project import copy_project
from typer.testing import CliRunner

from rpeval.cli import app

PARAMS, PANEL = "params/prairie.yml", "data/simulated/prairie/export.tsv"
ADOPTION, SURVEY = "data/simulated/prairie/adoption.csv", "data/simulated/prairie/survey.csv"


def replace(old: str, new: str, count: int = 1):
    def change(text: str) -> str:
        assert old in text, f"nothing to break: {old!r}"
        return text.replace(old, new, count)

    return change


def line(number: int, change):
    def changed(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[number] = change(lines[number])
        return "".join(lines)

    return changed


def cell(number: int, column: int, value: str, sep: str = "\t"):
    def change(text: str) -> str:
        cells = text.rstrip("\n").split(sep)
        cells[column] = value
        return sep.join(cells) + "\n"

    return line(number, change)


def per_line(pattern: str, new: str):
    return lambda text: re.sub(pattern, new, text, flags=re.M)


# what breaks: file, change, exit code, what the message must say
BROKEN = {
    "not YAML": (PARAMS, replace("  title:", "  title: [", 1), 3, "line"),
    "tab for a blank": (PARAMS, replace("  study:", "\tstudy:"), 3, "tab"),
    "no params key": (PARAMS, replace("params:\n", "parms:\n"), 3, "params:"),
    "empty file": (PARAMS, lambda _: "", 3, "empty"),
    "unknown key": (PARAMS, replace("  outcome:", "  outcom:"), 3, "outcome"),
    "key twice": (
        PARAMS,
        replace("  weights: schools", "  weights: schools\n  weights: students"),
        3,
        "twice",
    ),
    "id lost a zero": (PARAMS, per_line(r'leaid: "\d+"', "leaid: 612345"), 3, "seven digits"),
    "year of one number": (PARAMS, per_line(r"first: \S+", "first: 2017"), 3, "2018-19"),
    "outcome unknown": (PARAMS, replace("outcome: oss_per_100", "outcome: oss_per_1000"), 3, "oss_per_100"),
    "privacy too low": (PARAMS, replace("minimum: 10", "minimum: 1"), 3, "too low"),
    "file not there": (PARAMS, replace("export.tsv", "exprot.tsv"), 3, "export.tsv"),
    "instrument not there": (PARAMS, replace("rpeval_belonging", "rpeval_belonginng"), 3, "rpeval_belonging"),
    "simulated, unsaid": (PARAMS, replace("simulated: true", "simulated: false"), 3, "simulated"),
    "column not there": (PARAMS, replace("OSS Events", "OSS Event"), 4, "OSS Events"),
    "no row left": (PARAMS, replace("{Lvl: School}", "{Lvl: Skool}"), 4, "Lvl"),
    "years read wrongly": (PARAMS, replace("year_style: ends", "year_style: label"), 4, "year"),
    "empty table": (PANEL, lambda _: "", 4, "empty"),
    "headings only": (PANEL, lambda text: text.splitlines(keepends=True)[0], 4, "row"),
    "not text": (PANEL, lambda _: "\x00\x01\x02", 4, "export.tsv"),
    "text for a number": (PANEL, cell(3, 4, "many"), 4, "many"),
    "negative enrollment": (PANEL, cell(3, 4, "-300"), 4, "below zero"),
    "same school-year twice": (
        PANEL,
        lambda t: t + cell(0, 4, "999")(t.splitlines(keepends=True)[3]),
        4,
        "more than once",
    ),
    "stamp missing": (PANEL, per_line(r"\tyes$", "\t"), 4, "simulated"),
    "school that is not there": (ADOPTION, per_line(r"^0107", "9107"), 4, "9107"),
    "two starts": (ADOPTION, lambda t: t + t.splitlines(keepends=True)[1].replace("20", "19", 1), 4, "start"),
    "adoption year unreadable": (ADOPTION, per_line(r"20\d\d-\d\d", "soon"), 4, "soon"),
    "survey without schools": (SURVEY, replace("school_id", "schoolid"), 4, "school_id"),
    "survey without an item": (SURVEY, replace("belong_3", "belong_33"), 4, "belong_3"),
    "answers off the scale": (SURVEY, per_line(r",[1-4](?=,)", ",7"), 4, "not on the scale"),
    "waves outside the study": (SURVEY, per_line(r"20\d\d-\d\d", "1999-00"), 4, "Outside"),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def check(pristine, monkeypatch):
    """Break one file, run `rpeval check` on the study, and mend the file again."""
    monkeypatch.chdir(pristine)

    def broken(name: str, change):
        path = pristine / name
        whole = path.read_text(encoding="utf-8")
        path.write_text(change(whole), encoding="utf-8")
        try:
            return CliRunner().invoke(app, ["check", PARAMS], obj={"debug": False})
        finally:
            path.write_text(whole, encoding="utf-8")

    return broken


def test_the_study_is_sound_before_it_is_broken(check):
    assert check(PARAMS, lambda text: text).exit_code == 0


@pytest.mark.parametrize("kind", BROKEN)
def test_one_clear_message_and_its_exit_code(check, kind):
    name, change, code, says = BROKEN[kind]
    done = check(name, change)
    assert done.exit_code == code, done.output
    lines = done.stderr.splitlines()
    assert re.match(r"[1-9] problems? in the (params|data):", lines[0]), done.stderr
    assert re.match(r" 1\. \S+\.(yml|csv|tsv)", lines[1]), "which file"
    assert says in lines[1] + lines[2], done.stderr
    assert lines[2].startswith("    "), "what mends it"
    assert "Traceback" not in done.output


def test_there_are_enough_kinds():
    assert len(BROKEN) >= 25
