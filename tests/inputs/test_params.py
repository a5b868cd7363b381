"""Params files: what is read, and every way of being wrong told once, by file, key and fix."""

import copy
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpeval.errors import ParamsError
from rpeval.inputs.measures import read_measures
from rpeval.inputs.params import find_root, read_params
from rpeval.inputs.schema.sources import TableSource
from rpeval.inputs.tables import layouts

FULL = """\
params:
  study: lakeshore
  title: Restorative practices in Lakeshore
  simulated: true
  seed: 20260901
  district: {name: Lakeshore (simulated), leaid: 0612345, state: OR}
  program: {name: Restorative practices, description: Circles.}
  years: {first: 2016-17, last: 2023-24, leave_out: [2020-21], leave_out_reason: Remote.}
  sources:
    panel:
      path: data/lakeshore/panel.csv
      columns: {school_id: [District, School], year: AcademicYear, enrolled_n: Enrollment, oss_n: OSS}
      where: {Level: S, Group: [TA, ALL]}
      missing: ["*", --, ""]
      pad: {District: 5, School: 7}
      delimiter: "\\t"
      encoding: cp1252
      corrections:
        - columns: [enrolled_n]
          years: [2017-18]
          multiply: 0.5
          expect: {column: enrolled_n, ratio_to_next: 2.0}
          reason: Doubled by the publisher.
    groups: {path: data/lakeshore/panel.csv, layout: by_group}
    adoption: {path: data/lakeshore/panel.csv, start_rules: [{where: {Type: [Middle]}, start: 2020-21}, {where: {Type: High}, start: never}]}
    survey: {path: data/lakeshore/survey.csv, shape: long, instrument: six_items, groups: {race: Race}, columns: {item: Q}}
    outcomes: {path: data/lakeshore/panel.csv}
    incidents: {path: data/lakeshore/panel.csv}
    absences: {path: data/lakeshore/panel.csv}
    idea: {path: data/lakeshore/panel.csv}
    truth: {path: data/lakeshore/truth.yml}
  outcome: oss_per_100
  companions: [iss_per_100, removals_per_100]
  weights: students
  gaps: [{group: Black, reference: White}]
  exclusions:
    - {schools: [0105, 7], years: [2019-20], reason: Merged with another school.}
    - {years: [2018-19], reason: A strike.}
  privacy: {minimum: 12}
  margins: {oss_per_100: 1.0, belonging: .1}
  harms: {achievement_sd: 0.05, chronic_absent_per_100: 1}
  hours_per_day: 6.25
  definitions: own_pack
  state_rules: own_rule
  policies: [{year: 2020-21, what: The state bans suspensions for defiance., schools: [0101, 0102]}]
"""
ROOT = Path(__file__).resolve().parents[2]
LEAST = ("study", "title", "simulated", "seed", "district", "program", "years", "sources", "outcome")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A project folder that holds just what the params of these tests name."""
    root = tmp_path_factory.mktemp("project")
    files = [
        "data/lakeshore/panel.csv", "data/lakeshore/survey.csv", "data/lakeshore/truth.yml",
        "data/simulated/lakeshore/panel.csv", "data/reference/layouts/rpeval.yml",
        "data/reference/layouts/by_group.yml", "data/reference/instruments/six_items.yml",
        "data/reference/definitions/own_pack.yml", "data/reference/significant_disproportionality/own_rule.yml",
    ]  # fmt: skip
    for name in ("notebooks", "params"):
        (root / name).mkdir()
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    measures = (ROOT / "data/reference/measures.yml").read_text(encoding="utf-8")
    (root / "data/reference/measures.yml").write_text(measures, encoding="utf-8")
    return root


def read_text(room, text, name="lakeshore.yml"):
    path = room / "params" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return read_params(path)


def problems_of(read, *args, **kwargs):
    with pytest.raises(ParamsError) as caught:
        read(*args, **kwargs)
    return caught.value.problems


def full_content():
    """What a reader that guesses types makes of the file, once ids are in quotes and .1 is written 0.1."""
    text = FULL.replace("0612345", '"0612345"').replace("[0105, 7]", '["0105", "7"]')
    return yaml.safe_load(text.replace("[0101, 0102]", '["0101", "0102"]').replace(" .1}", " 0.1}"))["params"]


def least_content():
    content = {key: value for key, value in full_content().items() if key in LEAST}
    content["sources"] = {"panel": {"path": "data/lakeshore/panel.csv"}}
    return content


class TestWhatIsRead:
    def test_every_value_has_the_kind_its_key_says(self, room):
        params = read_text(room, FULL)
        assert (params.study, params.simulated, params.seed) == ("lakeshore", True, 20260901)
        assert (params.district.leaid, params.district.state) == ("0612345", "OR")
        assert (params.years.first, params.years.last, params.years.leave_out) == (2016, 2023, (2020,))
        assert params.exclusions[0].schools == ("0105", "7")
        assert params.exclusions[0].years == (2019,)
        assert params.margins == {"oss_per_100": 1.0, "belonging": 0.1}
        assert params.privacy.minimum == 12
        assert params.policies[0].schools == ("0101", "0102")
        panel = params.sources.panel
        assert panel.columns["school_id"] == ("District", "School")
        assert panel.columns["oss_n"] == "OSS"
        assert panel.where == {"Level": "S", "Group": ("TA", "ALL")}
        assert (panel.missing, panel.pad["School"], panel.delimiter) == (("*", "--", ""), 7, "\t")
        assert (panel.corrections[0].years, panel.corrections[0].multiply) == ((2017,), 0.5)
        assert [rule.start for rule in params.sources.adoption.start_rules] == ["2020-21", "never"]
        assert params.sources.survey.columns.item == "Q"

    def test_what_is_not_written_has_its_default(self, room):
        params = read_params(least_content(), root=room)
        assert (params.weights, params.privacy.minimum, params.sources.panel.layout) == (
            "schools",
            10,
            "rpeval",
        )
        assert (params.companions, params.gaps, params.exclusions, params.policies) == ((), (), (), ())
        assert params.margins == {}
        assert params.sources.survey is None
        assert params.years.complete is False

    def test_params_cannot_be_changed(self, room):
        params = read_params(least_content(), root=room)
        for change in (lambda: setattr(params, "seed", 1), lambda: setattr(params.years, "first", 1)):
            with pytest.raises(ValueError, match="frozen"):
                change()

    def test_paths_start_at_the_project(self, room):
        params = read_text(room, FULL)
        assert params.root == room
        assert params.source_paths() == {
            "panel": room / "data/lakeshore/panel.csv", "groups": room / "data/lakeshore/panel.csv",
            "adoption": room / "data/lakeshore/panel.csv", "survey": room / "data/lakeshore/survey.csv",
            "truth": room / "data/lakeshore/truth.yml",
            **dict.fromkeys(("outcomes", "incidents", "absences", "idea"), room / "data/lakeshore/panel.csv"),
        }  # fmt: skip

    def test_the_enrollment_of_an_actions_file_is_a_source_too(self, room):
        content = least_content()
        content["sources"]["panel"]["enrollment"] = {"path": "data/lakeshore/survey.csv"}
        paths = read_params(content, root=room).source_paths()
        assert paths["panel.enrollment"] == room / "data/lakeshore/survey.csv"

    def test_the_folder_is_a_draft_outside_a_clean_room(self, room, tmp_path):
        params = read_params(least_content(), root=room)
        assert params.folder == room / "reports" / "lakeshore.draft"
        mark = room / ".rpeval-room"
        mark.touch()
        assert params.folder == room / "reports" / "lakeshore"
        mark.unlink()

    def test_a_layout_written_whole_in_the_params_needs_no_file(self, tmp_path, room):
        for folder in ("notebooks", "params", "data/reference", "data/lakeshore"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "data/lakeshore/panel.csv").touch()
        measures = (room / "data/reference/measures.yml").read_bytes()
        (tmp_path / "data/reference/measures.yml").write_bytes(measures)
        content = least_content()
        (problem,) = problems_of(read_params, content, root=tmp_path)
        assert problem.where == "params: sources.panel.layout"
        assert problem.fix == "Add data/reference/layouts/rpeval.yml."
        content["sources"]["panel"]["columns"] = {"school_id": "School"}
        assert read_params(content, root=tmp_path).sources.panel.columns == {"school_id": "School"}

    def test_it_is_fast_and_imports_no_tables(self, room):
        started = []
        for _ in range(5):
            began = time.perf_counter()
            read_text(room, FULL)
            started.append(time.perf_counter() - began)
        assert min(started) < 0.1
        code = "import rpeval.inputs.params, sys; sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class TestSameParams:
    def test_resolved_content_reads_back_equal_and_is_plain_json(self, room):
        params = read_text(room, FULL)
        content = params.resolved()
        assert json.loads(json.dumps(content, allow_nan=False)) == content
        assert content["years"] == {
            "first": "2016-17", "last": "2023-24", "leave_out": ["2020-21"], "leave_out_reason": "Remote.",
            "complete": False,
        }  # fmt: skip
        again = read_params(content, root=room)
        assert again == params
        assert json.dumps(again.resolved()) == json.dumps(content)

    def test_the_order_of_keys_changes_nothing(self, room):
        def turned(value):
            if isinstance(value, dict):
                return {key: turned(value[key]) for key in reversed(value)}
            return value

        first, second = read_params(full_content(), root=room), read_params(turned(full_content()), root=room)
        assert json.dumps(first.resolved()) == json.dumps(second.resolved())

    def test_content_with_and_without_the_outer_key_is_the_same(self, room):
        assert read_params({"params": full_content()}, root=room) == read_params(full_content(), root=room)

    def test_a_reader_that_guesses_types_gives_equal_params_once_ids_are_quoted(self, room):
        assert read_params(full_content(), root=room) == read_text(room, FULL)

    def test_papermill_passes_equal_params(self, room):
        translators = pytest.importorskip("papermill.translators")
        names = {}
        exec(translators.PythonTranslator.codify({"params": full_content()}), names)  # its injected cell
        assert read_params(names["params"], root=room) == read_text(room, FULL)

    def test_reading_changes_no_content_and_params_travel_between_processes(self, room):
        content = full_content()
        before = copy.deepcopy(content)
        params = read_params(content, root=room)
        assert content == before
        assert pickle.loads(pickle.dumps(params)) == params
        assert pickle.loads(pickle.dumps(params)).root == room


class TestWhereTheFileIs:
    def test_from_the_project_or_any_folder_in_it(self, room, monkeypatch):
        wanted = read_text(room, FULL)
        for folder, source in [
            (room, "params/lakeshore.yml"), (room / "notebooks", "params/lakeshore.yml"),
            (room / "notebooks", "../params/lakeshore.yml"), (room / "params", Path("lakeshore.yml")),
        ]:  # fmt: skip
            monkeypatch.chdir(folder)
            assert read_params(source) == wanted

    def test_a_given_root_goes_before_the_working_directory(self, room, tmp_path, monkeypatch):
        wanted = read_text(room, FULL)
        (tmp_path / "params").mkdir()
        (tmp_path / "params/lakeshore.yml").write_text("params: {study: other}")
        monkeypatch.chdir(tmp_path)
        assert read_params("params/lakeshore.yml", root=room) == wanted

    def test_a_file_outside_any_project_belongs_to_the_project_here(self, room, tmp_path, monkeypatch):
        wanted = read_text(room, FULL)
        (tmp_path / "lakeshore.yml").write_text(FULL)
        monkeypatch.chdir(room / "notebooks")
        assert read_params(tmp_path / "lakeshore.yml") == wanted
        monkeypatch.chdir(tmp_path)
        (problem,) = problems_of(read_params, "lakeshore.yml")
        assert "notebooks/ and params/" in problem.what

    def test_the_ending_yaml_is_read_too(self, room):
        read_text(room, FULL, "lakeshore.yaml")
        (room / "params/lakeshore.yaml").unlink()

    def test_the_root_is_found_walking_up(self, room, tmp_path):
        assert find_root(room / "data" / "lakeshore" / "panel.csv") == room
        (problem,) = problems_of(find_root, tmp_path)
        assert "notebooks/ and params/" in problem.what
        assert str(tmp_path) not in str(problem)

    @pytest.mark.parametrize(
        ("source", "where", "fix"),
        [
            ("params/lakeshoer.yml", "params/lakeshoer.yml", 'Write "params/lakeshore.yml" instead.'),
            ("nowhere/at_all.yml", "nowhere/at_all.yml", "Check its path."),
            ("lakeshore", "lakeshore", "Write its path, like params/lakeshore.yml."),
            ("", "", "Write its path, like params/lakeshore.yml."),
            ("a\0.yml", r"a\x00.yml", "Check its path."),
            (None, "params", "Write the path of a params file, like params/lakeshore.yml."),
            (
                ["params/lakeshore.yml"],
                "params",
                "Write the path of a params file, like params/lakeshore.yml.",
            ),
        ],
    )
    def test_what_is_no_params_file_is_refused(self, room, monkeypatch, source, where, fix):
        read_text(room, FULL)
        monkeypatch.chdir(room)
        (problem,) = problems_of(read_params, source)
        assert (problem.where, problem.fix) == (where, fix)


# One change to the full file → the one problem it must give: where, a part of what, a part of the fix.
BROKEN = {
    "unknown key": ("  title:", "  tittle:", "tittle", "no such key", '"title"'),
    "unknown key without a near one": ("  seed:", "  zzz: 1\n  seed:", "zzz", "no such key", "use one of: study"),
    "unknown key below": ("state: OR", "state: OR, stat: OR", "district.stat", "no such key", "name, leaid, state"),
    "misspelled optional key": ("{minimum: 12}", "{minimun: 12}", "privacy.minimun", "no such", '"minimum"'),
    "misspelled source": ("    groups: {path", "    gruops: {path", "sources.gruops", "no such key", '"groups"'),
    "misspelled layout key": ("      pad:", "      padd:", "sources.panel.padd", "no such key", '"pad"'),
    "code as a key": ("  seed:", '  "x=1; import os": 1\n  seed:', '"x=1; import os"', "no such", "Delete"),
    "key twice": ("  seed: 20260901", "  seed: 1\n  seed: 2", "line 6, column 3", "on line 5 and on line 6", "Keep"),
    "simulated left out": ("  simulated: true\n", "", "simulated", "missing", "`simulated: false`"),
    "seed left out": ("  seed: 20260901\n", "", "seed", "missing", "`seed: 20260901`"),
    "section left out": ("  program: {name: Restorative practices, description: Circles.}\n", "", "program",
                         "missing", "name"),
    "key of a list item left out": (", reference: White", "", "gaps[1].reference", "missing", "`reference: White`"),
    "reason left out": ("reason: A strike.", "", "exclusions[2].reason", "missing", "reason:"),
    "no value": ("outcome: oss_per_100", "outcome:", "outcome", "Nothing is written", "delete the line"),
    "no value of an optional key": ("  weights: students", "  weights:", "weights", "Nothing", "delete"),
    "empty text": ("title: Restorative practices in Lakeshore", 'title: "  "', "title", "Nothing", "value"),
    "leaid too short": ("leaid: 0612345", "leaid: 612345", "district.leaid", "seven digits", '"0612345"'),
    "leaid with a letter": ("leaid: 0612345", "leaid: 06I2345", "district.leaid", "seven digits", "quotes"),
    "state in words": ("state: OR", "state: Oregon", "district.state", "abbreviation", "two capital letters"),
    "study not a file name": ("study: lakeshore", "study: Lake shore", "study", "cannot name a folder",
                              "lower-case"),
    "study leaves the folder": ("study: lakeshore", "study: ../x", "study", "cannot name", "lower-case"),
    "study is not the file's name": ("study: lakeshore", "study: seaside", "study",
                                     'The file is named "lakeshore", but the study "seaside"', "study: lakeshore"),
    "simulated is not true or false": ("simulated: true", "simulated: yes", "simulated", "not true or false",
                                       "Write true or false"),
    "seed not whole": ("seed: 20260901", "seed: 1.5", "seed", "not a whole number", "digits only"),
    "seed with a leading zero": ("seed: 20260901", "seed: 010", "seed", '"010"', "leading zero"),
    "seed negative": ("seed: 20260901", "seed: -1", "seed", "not from 0", "from 0"),
    "seed as a date": ("seed: 20260901", "seed: 2026-09-01", "seed", "not a whole number", "digits"),
    "year of two ends": ("first: 2016-17", "first: 2016-18", "years.first", '"2016-17"', "school year"),
    "year of one number": ("last: 2023-24", "last: 2024", "years.last", "not a school year", "2018-19"),
    "years reversed": ("last: 2023-24", "last: 2015-16", "years.last", "not after the first", "later"),
    "left-out year outside": ("leave_out: [2020-21]", "leave_out: [2012-13]", "years.leave_out", "2012-13 lies outside",
                              "Take it out"),
    "left-out year twice": ("leave_out: [2020-21]", "leave_out: [2020-21, 2020-2021]", "years.leave_out",
                            "listed twice", "once"),
    "left-out year not in a list": ("leave_out: [2020-21]", "leave_out: 2020-21", "years.leave_out", "list is expected",
                                    "[2020-21]"),
    "left-out without a reason": (", leave_out_reason: Remote.", "", "years.leave_out_reason", "without a reason",
                                  "leave_out_reason"),
    "misspelled panel": ("    panel:\n", "    panle:\n", "sources.panle", "no such key", '"panel"'),
    "file not there": ("panel:\n      path: data/lakeshore/panel.csv", "panel:\n      path: data/lakeshore/pannel.csv",
                       "sources.panel.path", 'no file "data/lakeshore/pannel.csv"', '"data/lakeshore/panel.csv"'),
    "folder not there": ("{path: data/lakeshore/survey.csv,", "{path: data/lakshore/survey.csv,",
                         "sources.survey.path", "no file", '"data/lakeshore/survey.csv"'),
    "file with no near name": ("{path: data/lakeshore/survey.csv,", "{path: data/lakeshore/zzz.parquet,",
                               "sources.survey.path", "no file", "panel.csv, survey.csv, truth.yml"),
    "a folder as the file": ("{path: data/lakeshore/truth.yml}", "{path: data/lakeshore}", "sources.truth.path",
                             "is a folder", "panel.csv"),
    "absolute path": ("{path: data/lakeshore/truth.yml}", "{path: /etc/passwd}", "sources.truth.path",
                      "path of one machine", "data/<study>/"),
    "nothing beside the project": ("{path: data/lakeshore/truth.yml}", "{path: data/../../x.yml}",
                                   "sources.truth.path", 'no file "../x.yml"', "Put it there"),
    "drive": ("{path: data/lakeshore/truth.yml}", "{path: 'C:/x.yml'}", "sources.truth.path", "one machine", "Copy"),
    "backslashes": ("{path: data/lakeshore/truth.yml}", r"{path: data\lakeshore\truth.yml}", "sources.truth.path",
                    "backslashes", '"data/lakeshore/truth.yml"'),
    "layout not there": ("layout: by_group", "layout: by_gruop", "sources.groups.layout",
                         'no "by_gruop" in data/reference/layouts/', '"by_group"'),
    "instrument not there": ("instrument: six_items", "instrument: seven", "sources.survey.instrument",
                             "data/reference/instruments/", "six_items"),
    "unknown shape": ("shape: long", "shape: lnog", "sources.survey.shape", "not a choice", '"long"'),
    "unknown encoding": ("encoding: cp1252", "encoding: cp125x", "sources.panel.encoding", "not a known encoding",
                         "cp1252"),
    "padding not whole": ("School: 7}", "School: wide}", "sources.panel.pad.School", "not a whole number", "digits"),
    "correction by zero": ("multiply: 0.5", "multiply: 0", "sources.panel.corrections[1].multiply", "not above zero",
                           "above zero"),
    "correction without its guard": ("          expect: {column: enrolled_n, ratio_to_next: 2.0}\n", "",
                                     "sources.panel.corrections[1].expect", "missing", "column"),
    "guard without a ratio": (", ratio_to_next: 2.0}", "}", "sources.panel.corrections[1].expect", "one ratio",
                              "ratio_to_next or ratio_to_previous"),
    "start rule with a number": ("start: never", "start: 2021", "sources.adoption.start_rules[2].start",
                                 "not a school year", "2018-19"),
    "unknown outcome": ("outcome: oss_per_100", "outcome: oss_per_10", "outcome", "no measure", '"oss_per_100"'),
    "unknown companion": ("[iss_per_100,", "[iss,", "companions[1]", 'no measure "iss"', "iss_per_100"),
    "companion is the outcome": ("[iss_per_100,", "[oss_per_100,", "companions[1]", "outcome already", "Delete"),
    "companion twice": ("[iss_per_100,", "[removals_per_100,", "companions", "listed twice", "once"),
    "companions not in a list": ("[iss_per_100, removals_per_100]", "iss_per_100", "companions", "list is expected",
                                 "[iss_per_100]"),
    "unknown weights": ("weights: students", "weights: student", "weights", "not a choice", '"students"'),
    "gap with itself": ("reference: White", "reference: Black", "gaps[1].reference", "compared with itself",
                        "another group"),
    "exclusion of nothing": ("{years: [2018-19], reason", "{reason", "exclusions[2]", "neither schools nor years",
                             "schools: [...]"),
    "exclusion outside the years": ("years: [2018-19], reason", "years: [2008-09], reason", "exclusions",
                                    "2008-09 lies outside", "Take it out"),
    "minimum too low": ("minimum: 12", "minimum: 4", "privacy.minimum", "lets a reader recognize", "from 5 to 100"),
    "minimum too high": ("minimum: 12", "minimum: 101", "privacy.minimum", "not from 5 to 100", "from 5 to 100"),
    "unknown margin": ("belonging: .1", "belongin: .1", "margins.belongin", "no measure", '"belonging"'),
    "margin of zero": ("oss_per_100: 1.0", "oss_per_100: 0", "margins.oss_per_100", "not above zero", "above"),
    "margin not finite": ("oss_per_100: 1.0", "oss_per_100: .inf", "margins.oss_per_100", "not a number", "0.5"),
    "margin too large to hold": ("oss_per_100: 1.0", "oss_per_100: 1e999", "margins.oss_per_100", "not a number",
                                 "0.5"),
    "margin NaN": ("oss_per_100: 1.0", "oss_per_100: NaN", "margins.oss_per_100", "not a number", "0.5"),
    "policy for some": ("schools: [0101, 0102]", "schools: some", "policies[1].schools", "not a choice", "all"),
    "simulated without saying so": ("name: Lakeshore (simulated)", "name: Lakeshore", "district.name",
                                    "does not say so", '"Lakeshore (simulated)"'),
    "section as text": ("{minimum: 12}", "12", "privacy", "keys are expected", "minimum"),
    "text as a list": ("title: Restorative practices in Lakeshore", "title: [a, b]", "title", "A list stands where",
                       "one text"),
    "list as text": ("gaps: [{group: Black, reference: White}]", "gaps: Black", "gaps", "list is expected", "[Black]"),
    "item as text": ("gaps: [{group: Black, reference: White}]", "gaps: [Black]", "gaps[1]", "keys are expected",
                     "group, reference"),
    "invisible character": ("Restorative practices in Lakeshore", '"a\\u200bb"', "title", "U+200B", "Delete"),
    "beside params": ("  policies:", "policies:", "policies", "beside `params:`", "Indent"),
}  # fmt: skip


class TestBroken:
    @pytest.mark.parametrize(("old", "new", "where", "what", "fix"), BROKEN.values(), ids=BROKEN)
    def test_one_mistake_gives_one_clear_problem(self, room, old, new, where, what, fix):
        assert FULL.count(old) == 1
        problems = problems_of(read_text, room, FULL.replace(old, new))
        assert [p.where for p in problems] == [f"params/lakeshore.yml: {where}"]
        assert what in problems[0].what
        assert fix in problems[0].fix
        assert problems[0].what.endswith(".")
        assert problems[0].fix.endswith(".")

    @pytest.mark.parametrize(
        ("text", "where", "what", "fix"),
        [
            ("", "", "empty", "Write"),
            ("# only a comment", "", "empty", "Write"),
            ("params:", "", "Nothing stands below", "indented"),
            ("params: lakeshore", "", "No keys stand below", "indented"),
            ("params: [a]", "", "No keys stand below", "indented"),
            ("study: lakeshore\nseed: 1", "", "`params:` is missing", "first line"),
            ("parms: {study: lakeshore}", "", "`params:` is missing", "instead of `parms:`"),
            ("- params", "", "no keys", "Write"),
            (FULL + "---\nparams: {}", ": line 46, column 1", "second document", "Delete"),
            (FULL + "\tx: 1", ": line 46, column 1", "tab", "spaces"),
            (FULL.encode("utf-16"), "", "UTF-16", "UTF-8"),
            (FULL.replace("Circles", "Caf\xe9").encode("latin-1"), ": line 7, column 58", "0xE9", "UTF-8"),
        ],
    )
    def test_a_file_of_the_wrong_form_gives_one_problem(self, room, text, where, what, fix):
        (problem,) = problems_of(read_text, room, text)
        assert problem.where == f"params/lakeshore.yml{where}"
        assert what in problem.what
        assert fix in problem.fix

    def test_everything_is_told_at_once(self, room):
        picked = (
            "unknown key", "key of a list item left out", "leaid too short", "left-out year outside", "unknown outcome",
            "file not there", "unknown shape", "minimum too low", "exclusion of nothing", "beside params",
        )  # fmt: skip
        text = FULL
        for name in picked:
            text = text.replace(*BROKEN[name][:2])
        where = {problem.where for problem in problems_of(read_text, room, text)}
        assert where == {f"params/lakeshore.yml: {BROKEN[name][2]}" for name in picked}

    def test_an_error_never_shows_where_the_project_lies_on_the_machine(self, room):
        text = (
            FULL.replace("data/lakeshore/", "data/lake/").replace("by_group", "x").replace("six_items", "y")
        )
        assert str(room) not in str(ParamsError(problems_of(read_text, room, text)))


LAYOUT_KEYS = {
    "optional": ["school_id"], "where": {"Level": ["S", "D"]}, "without": {"School": ["0000000", ""]},
    "values": {"group": {"RB": "Black", "RD": "none"}}, "missing": ["*", "--"], "year_style": "ends", "pad": {"School": 7},
    "pivot": {"column": "Kind", "value": "N", "names": {"OSS": "oss_n", "(empty)": "none"}, "absent": "zero"},
    "corrections": [{"columns": ["oss_n"], "years": ["2019-20"], "multiply": 0.5, "reason": "Doubled.",
                     "expect": {"column": "oss_n", "ratio_to_previous": 2.0}}],
    "start_rules": [{"where": {"Type": "Middle"}, "start": "2020-21"}], "kinds": {"OSS": "oss_n", "DET": "none"}, "hours": {"OSS": 6.5},
    "columns": {"school_id": ["District", "School"]}, "join": "", "sheet": "Schools", "encoding": "cp1252", "delimiter": "\t",
}  # fmt: skip


class TestLayoutKeys:
    """A source may say itself whatever a layout file says."""

    def test_every_key_of_a_layout_is_a_key_of_a_source(self):
        assert set(LAYOUT_KEYS) == set(layouts.KEYS)

    @pytest.mark.parametrize("key", LAYOUT_KEYS)
    def test_a_source_takes_it_and_the_layout_follows(self, room, key):
        content = least_content()
        content["sources"]["panel"][key] = LAYOUT_KEYS[key]
        params = read_params(content, root=room)
        assert read_params(params.resolved(), root=room) == params
        layout = layouts.layout_for(params.sources.panel, root=ROOT)
        assert getattr(layout, key) != getattr(layouts.layout_for(TableSource(path="x.csv"), root=ROOT), key)

    @pytest.mark.parametrize(
        ("key", "changes", "where", "what"),
        [
            ("pivot", {"absent": "none"}, "pivot.absent", "not a choice"),
            ("pivot", {"names": {}}, "pivot.names", "Nothing is written"),
            ("corrections", {"expect": {"column": "oss_n", "ratio_to_previous": 2.0, "ratio_to_next": 2.0}},
             "corrections[1].expect", "Exactly one ratio"),
            ("corrections", {"expect": {"column": "oss_n", "ratio_to_previous": 0}},
             "corrections[1].expect.ratio_to_previous", "not above zero"),
            ("without", {"School": 0}, "without.School", "number 0"),
            ("values", {"group": ["RB"]}, "values.group", "keys are expected"),
        ],
    )  # fmt: skip
    def test_what_it_says_wrong_is_told_by_its_place(self, room, key, changes, where, what):
        content, told = least_content(), copy.deepcopy(LAYOUT_KEYS[key])
        (told[0] if isinstance(told, list) else told).update(changes)
        content["sources"]["panel"][key] = told
        (problem,) = problems_of(read_params, content, root=room)
        assert problem.where == f"params: sources.panel.{where}"
        assert what in problem.what


class TestHarmsAndPacks:
    """Margins decided beforehand, hours of a school day, and packs that exist."""

    def test_they_are_read_and_written_again(self, room):
        params = read_text(room, FULL)
        assert params.harms == {"achievement_sd": 0.05, "chronic_absent_per_100": 1.0}
        assert (params.hours_per_day, params.definitions, params.state_rules) == (
            6.25,
            "own_pack",
            "own_rule",
        )
        assert read_params(params.resolved(), root=room) == params

    def test_what_is_not_said_is_not_guessed(self, room):
        params = read_params(least_content(), root=room)
        assert (params.harms, params.definitions, params.state_rules) == ({}, None, None)
        sources = params.sources
        assert [sources.outcomes, sources.incidents, sources.absences, sources.idea] == [None] * 4
        assert params.hours_per_day == 6.5

    @pytest.mark.parametrize(
        ("key", "value", "where", "fix"),
        [
            ("harms", {"achievment_sd": 0.05}, "harms.achievment_sd", 'Write "achievement_sd" instead.'),
            ("harms", {"achievement_sd": -0.05}, "harms.achievement_sd", "above zero"),
            ("hours_per_day", 65, "hours_per_day", "hours of one school day"),
            ("definitions", "own_pak", "definitions", 'Write "own_pack" instead.'),
            ("state_rules", "own_rul", "state_rules", 'Write "own_rule" instead.'),
        ],
    )
    def test_what_it_says_wrong_is_told(self, room, key, value, where, fix):
        (problem,) = problems_of(read_params, least_content() | {key: value}, root=room)
        assert problem.where == f"params: {where}"
        assert fix in problem.fix


class TestClaimsAskedFor:
    """claims: what a study is asked to answer."""

    def asked(self, *claims):
        content = yaml.safe_load((ROOT / "params/lakeshore.yml").read_text(encoding="utf-8"))["params"]
        return read_params(content | {"claims": list(claims)}, root=ROOT).claims

    def test_ids_and_organizations_of_the_register_may_be_named(self):
        assert self.asked() == ()
        assert self.asked("C01", "BASE Education") == ("C01", "BASE Education")

    @pytest.mark.parametrize(("name", "fix"), [
        ("BASE Educaton", 'Write "BASE Education" instead.'),
        ("Nobody", "Use ids or organizations of data/reference/claims.yml."),
    ])  # fmt: skip
    def test_what_the_register_does_not_know_is_refused(self, name, fix):
        (problem,) = problems_of(self.asked, name)
        assert (problem.where, problem.fix) == ("params: claims[1]", fix)


class TestRealStudies:
    """simulated: false."""

    def test_a_study_of_several_districts_has_no_id(self, room):
        content = least_content() | {"simulated": False}
        content["district"] = {"name": "All of Oregon", "leaid": "none", "state": "OR"}
        params = read_params(content, root=room)
        assert params.district.leaid == params.resolved()["district"]["leaid"] == "none"
        text = yaml.safe_dump({"params": content})
        assert read_text(room, text) == params
        content["district"]["leaid"] = "None"
        (problem,) = problems_of(read_params, content, root=room)
        assert "none for several districts" in problem.fix

    @pytest.mark.parametrize("written", ["../shared/x.csv", "./../shared//x.csv", "data/../../shared/x.csv"])
    def test_a_file_beside_the_project_is_found_and_named_from_the_project(self, tmp_path, room, written):
        root = tmp_path / "project"
        root.mkdir()
        for name in ("notebooks", "params", "data"):
            (root / name).symlink_to(room / name)
        content = least_content() | {"simulated": False}
        content["district"]["name"] = "Lakeshore"
        content["sources"]["panel"]["path"] = written
        (problem,) = problems_of(read_params, content, root=root)
        assert problem.what == 'There is no file "../shared/x.csv".'
        assert str(tmp_path) not in str(problem)
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared/x.csv").touch()
        params = read_params(content, root=root)
        assert params.sources.panel.path == "../shared/x.csv"
        assert params.source_paths()["panel"].samefile(tmp_path / "shared/x.csv")
        assert read_params(params.resolved(), root=root) == params

    def test_a_real_study_is_read(self, room):
        content = least_content() | {"simulated": False}
        content["district"]["name"] = "Lakeshore"
        assert read_params(content, root=room).simulated is False

    def test_it_has_no_truth_no_simulated_data_and_no_simulated_name(self, room):
        content = least_content() | {"simulated": False}
        content["sources"]["panel"]["path"] = "data/simulated/lakeshore/panel.csv"
        content["sources"]["truth"] = {"path": "data/lakeshore/truth.yml"}
        problems = {p.where: p for p in problems_of(read_params, content, root=room)}
        assert set(problems) == {
            "params: district.name", "params: sources.panel.path", "params: sources.truth"
        }  # fmt: skip


class TestContentFromOtherReaders:
    """papermill -f and -p hand over what a reader made of the text: what cannot be trusted is refused."""

    @pytest.mark.parametrize(
        ("typed", "what", "fix"),
        [
            ("0612345", "number 201957", '"0612345"'),
            ("9900001", "number 9900001", '"9900001"'),
            ("no", "read as false", "quotes"),
            ("1e30", "seven digits", "quotes"),
            ("1.5", "number 1.5", "quotes"),
            ("2020-07-01", "date 2020-07-01", "quotes"),
            ("null", "Nothing", "value"),
            ("[a]", "list", "one text"),
        ],
    )
    def test_an_id_that_was_not_text_is_refused(self, room, typed, what, fix):
        content = least_content()
        content["district"]["leaid"] = yaml.safe_load(typed)
        (problem,) = problems_of(read_params, content, root=room)
        assert problem.where == "params: district.leaid"
        assert what in problem.what
        assert fix in problem.fix

    @pytest.mark.parametrize("typed", ["0105", "105", "no", "1.0", "2020-07-01"])
    def test_a_school_id_that_was_not_text_is_refused(self, room, typed):
        content = least_content()
        content["exclusions"] = yaml.safe_load(f"[{{schools: [a, {typed}], reason: x}}]")
        (problem,) = problems_of(read_params, content, root=room)
        assert problem.where == "params: exclusions[1].schools[2]"
        assert "by YAML" in problem.what
        if typed.isdigit():
            assert f'"{typed}"' in problem.fix

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("seed", True), ("seed", 1.0), ("seed", float("nan")), ("seed", 2**32), ("simulated", 1),
            ("simulated", "yes"), ("title", 5), ("margins", {"oss_per_100": True}), ("weights", False),
            ("margins", {"oss_per_100": float("inf")}), ("margins", {"oss_per_100": 10**400}),
            ("companions", "iss_per_100"), ("privacy", []), (5, 1), (None, 1), (True, 1), ("study\n", "x"),
        ],
    )  # fmt: skip
    def test_a_value_of_the_wrong_kind_is_refused_once(self, room, key, value):
        problems = problems_of(read_params, least_content() | {key: value}, root=room)
        assert len(problems) == 1
        assert str(problems[0]).isprintable()

    def test_a_year_as_a_number_is_refused(self, room):
        content = least_content()
        content["years"]["first"] = 2016
        (problem,) = problems_of(read_params, content, root=room)
        assert "2016 is not text" in problem.what


class TestMeasures:
    def test_the_standard_outcomes_are_there(self):
        measures = read_measures(ROOT)
        of_the_panel = [
            "oss_per_100", "iss_per_100", "expelled_per_100", "suspended_per_100", "removals_per_100",
            "oss_days_per_100", "referred_per_100", "arrested_per_100", "transferred_per_100", "placed_per_100",
        ]  # fmt: skip
        assert list(measures)[: len(of_the_panel)] == of_the_panel
        assert {measures[name].better for name in of_the_panel} == {"lower"}
        assert {measures[name].unit for name in of_the_panel} == {"per 100 students"}
        assert all(measures[name].log for name in of_the_panel)
        assert not any(measures[name].log for name in ("police_per_100", "victimized_per_100"))
        assert {name for name, m in measures.items() if m.better == "higher"} == {
            "achievement_sd", "student_safety", "staff_safety", "classroom_order",
        }  # fmt: skip
        assert measures["suspended_per_100"].counts == "students"
        assert measures["oss_days_per_100"].counts == "days"
        assert measures["oss_per_100"].label == "Out-of-school suspensions"

    def test_a_broken_file_is_told_with_the_params(self, room, tmp_path):
        (tmp_path / "data/reference/layouts").mkdir(parents=True)
        (tmp_path / "data/reference/layouts/rpeval.yml").touch()
        (tmp_path / "data/reference/measures.yml").write_text(
            "oss_per_100: {label: x, better: less, counts: days}"
        )
        content = least_content()
        del content["seed"]
        where = [p.where.split(": ", 1)[1] for p in problems_of(read_params, content, root=tmp_path)]
        assert sorted(where) == ["oss_per_100: better", "oss_per_100: unit", "seed", "sources.panel.path"]


within_a_test = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
plain = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
years = st.lists(st.integers(1990, 2040), min_size=2, max_size=6, unique=True).map(sorted)
amounts = st.floats(1e-6, 1e6) | st.integers(1, 1000)
texts = st.lists(plain, max_size=3, unique=True)


def show(year):
    return f"{year}-{(year + 1) % 100:02d}"


@st.composite
def studies(draw):
    """Content of params that must be accepted, of many shapes."""
    first, *between, last = draw(years)
    content = least_content() | {
        "title": draw(plain),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "weights": draw(st.sampled_from(["schools", "students"])),
        "margins": draw(
            st.dictionaries(st.sampled_from(["oss_per_100", "iss_per_100", "belonging"]), amounts)
        ),
        "policies": [{"year": show(first), "what": draw(plain), "schools": draw(texts | st.just("all"))}],
        "privacy": {"minimum": draw(st.integers(5, 100))},
    }
    content["years"] = {"first": show(first), "last": f"{last}-{last + 1}", "leave_out_reason": draw(plain)}
    content["years"]["leave_out"] = [show(y) for y in between]
    content["district"] = {
        "name": "(simulated)",
        "leaid": draw(st.from_regex("[0-9]{7}", fullmatch=True)),
        "state": "NO",
    }
    panel = {"missing": draw(texts), "where": draw(st.dictionaries(plain, plain | texts, max_size=2))}
    content["sources"]["panel"] |= panel
    if draw(st.booleans()):
        content["exclusions"] = [{"schools": [draw(plain)], "reason": draw(plain)}]
    return content


@within_a_test
@given(studies())
def test_any_study_survives_resolving_and_both_ways_of_reading(room, content):
    params = read_params(content, root=room)
    assert read_params(params.resolved(), root=room) == params
    text = yaml.safe_dump({"params": content}, allow_unicode=True, sort_keys=False)
    assert read_text(room, text) == params
    assert read_params(yaml.safe_load(text), root=room) == params


@within_a_test
@given(st.from_regex(r"0[0-9]{1,11}", fullmatch=True))
def test_every_id_keeps_its_zeros(room, id):
    params = read_text(room, FULL.replace("[0105, 7]", f"[{id}, x{id}]").replace("0612345", id[:7].zfill(7)))
    assert params.exclusions[0].schools == (id, f"x{id}")
    assert params.district.leaid == id[:7].zfill(7)


def every_key(content, loc=()):
    """Every place in nested content that a key or a list position leads to."""
    steps = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else []
    )
    for part, value in steps:
        yield (*loc, part)
        yield from every_key(value, (*loc, part))


def fixed_keys():
    """Places whose key the schema names (not column names, groups or measures, which are free)."""
    free = {"columns", "where", "pad", "margins", "harms", "groups"}
    for loc in every_key(full_content()):
        if (
            isinstance(loc[-1], str)
            and not (len(loc) > 1 and loc[-2] in free - {"groups"})
            and "race" not in loc
        ):
            yield loc


@within_a_test
@given(st.sampled_from(sorted(fixed_keys(), key=str)), st.integers(0, 20), st.sampled_from("xqz_"))
def test_a_key_with_one_letter_more_is_named(room, loc, position, letter):
    content, key = full_content(), loc[-1]
    wrong = key[: position % (len(key) + 1)] + letter + key[position % (len(key) + 1) :]
    parent = content
    for part in loc[:-1]:
        parent = parent[part]
    parent[wrong] = parent.pop(key)
    told = [p for p in problems_of(read_params, content, root=room) if p.where.endswith(f"{wrong}")]
    assert len(told) == 1
    assert told[0].fix == f'Write "{key}" instead.'


anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})
)


@within_a_test
@given(st.sampled_from(sorted(every_key(full_content()), key=str)), anything)
def test_any_value_anywhere_gives_params_or_problems(room, loc, value):
    content = full_content()
    parent = content
    for part in loc[:-1]:
        parent = parent[part]
    parent[loc[-1]] = value
    accepted_or_told(read_params, content, root=room)


@within_a_test
@given(st.data())
def test_a_damaged_file_gives_params_or_problems(room, data):
    text = FULL
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = (
            text[:start]
            + data.draw(st.text(max_size=3) | st.sampled_from(["\t", ": ", "\n", "- ", "*", "&a "]))
            + text[end:]
        )
    accepted_or_told(read_text, room, text)


@within_a_test
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_file_gives_params_or_problems(room, content):
    accepted_or_told(read_text, room, content)


def accepted_or_told(read, *args, **kwargs):
    """Read; anything but Params or a whole ParamsError fails the test."""
    problems = []
    try:
        params = read(*args, **kwargs)
    except ParamsError as error:
        problems = error.problems
    else:
        assert read_params(params.resolved(), root=params.root) == params
    for problem in problems:
        assert problem.where.startswith(("params", "data/reference"))
        assert problem.what.endswith(".")
        assert problem.fix.endswith(".")
        str(problem).encode("utf-8")
