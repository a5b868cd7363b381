"""Other outcomes, removals, incidents, absences and IDEA counts: read by hand-made tables, every row counted."""

import numpy as np
import pandas as pd
import pytest
from tiny_study import said, source, study, write_table

from rpeval.errors import DataError, ParamsError
from rpeval.inputs.check import summarize
from rpeval.inputs.idea import read_idea
from rpeval.inputs.panel import gather_panel, read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.removals import gather_removals, read_removals

PANEL = """
    school_id year    enrolled_n oss_n oss_days iss_n
    a         2017-18 100        4     10       3
    a         2018-19 100        2     6        5
    b         2017-18 200        3     9        0
    b         2018-19 200        5     *        2
"""
ACTIONS = """
    student_id school_id date       kind days
    1          a         2018-10-01 OSS  2
    1          a         2018-11-01 ISS  1
    2          b         2018-10-02 OSS  _
    2          b         2018-10-03 LAW  _
    3          b         2017-10-03 OSS  1.5
"""
ENROLLMENT = """
    student_id school_id year
    1          a         2018-19
    1          a         2017-18
    2          b         2018-19
    3          b         2017-18
"""
INCIDENTS = """
    incident_id student_id school_id date       type     severity response
    I1          1          a         2018-09-28 fighting serious  sanction
    I2          1          a         2018-12-03 theft    minor    no_action
    I3          2          b         2018-10-01 fighting minor    restorative
    I3          2          b         2018-10-01 fighting minor    restorative
    I4          9          b         2018-12-01 theft    worst    _
    I5          _          b         2018-12-01 theft    minor    sanction
    I6          1          c         2018-12-01 theft    minor    sanction
    I7          1          a         2010-12-01 theft    minor    sanction
"""
ABSENCES = """
    student_id school_id date       kind          hours
    1          a         2018-12-05 unexcused     6
    1          a         2018-12-11 unexcused     6
    1          a         2018-12-03 early_release _
    9          b         2018-11-30 unexcused     6
    2          b         2018-10-08 unexcused     3
    2          b         2018-10-08 unexcused     3
    2          b         2018-10-09 sick          6
"""


@pytest.fixture
def logs(tmp_path):
    """A study from student records, with incidents and absences."""
    write_table(tmp_path / "enrollment.csv", ENROLLMENT)
    keys = {"layout": "actions", "enrollment": source("enrollment.csv", None), "hours": {"LAW": 1.0}}
    params = study(tmp_path, ACTIONS, keys=keys, last="2018-19")
    params.sources.incidents = source(write_table(tmp_path / "incidents.csv", INCIDENTS), "incidents")
    params.sources.absences = source(write_table(tmp_path / "absences.csv", ABSENCES), "absences")
    return params


def table_of(removals):
    frame = removals.frame.set_index(["school_id", "year", "kind"])
    return {
        key: tuple(row) for key, row in zip(frame.index, frame[["events_n", "hours"]].to_numpy(), strict=True)
    }


def reasons(accounting):
    return dict(accounting.by_reason()[["reason", "rows_n"]].to_numpy())


class TestRemovals:
    def test_a_panel_gives_hours_of_days_and_of_declared_kinds_only(self, tmp_path):
        params = study(tmp_path, PANEL, last="2018-19")
        removals = read_removals(params, read_panel(params))
        told = table_of(removals)
        assert told["a", 2017, "out_of_school"] == (4, 65)
        assert told["a", 2017, "in_school"][0] == 3
        assert np.isnan(told["a", 2017, "in_school"][1])
        assert np.isnan(told["b", 2018, "out_of_school"][1])
        assert removals.incidents is None
        assert set(removals.unseen) == {
            "expulsion", "alternative_placement", "transfer", "police_referral", "arrest", "early_release",
            "present_not_in_class", "absence_after_incident",
        }  # fmt: skip
        params = study(tmp_path, PANEL, last="2018-19", keys={"hours": {"iss_n": 2.0}})
        assert table_of(read_removals(params, read_panel(params)))["a", 2018, "in_school"] == (5, 10)

    def test_an_actions_log_gives_hours_and_unknown_days_stay_unknown(self, logs):
        told = table_of(read_removals(logs, read_panel(logs)))
        assert told["a", 2018, "out_of_school"] == (1, 13)
        assert told["a", 2018, "in_school"] == (1, 6.5)
        assert told["b", 2017, "out_of_school"] == (1, 9.75)
        assert told["b", 2018, "police_referral"] == (1, 1)
        assert told["b", 2018, "out_of_school"][0] == 1
        assert np.isnan(told["b", 2018, "out_of_school"][1])
        assert told["a", 2017, "out_of_school"] == (0, 0)

    def test_absences_soon_after_an_incident_are_removals(self, logs):
        removals = read_removals(logs, read_panel(logs))
        told = table_of(removals)
        assert told["a", 2018, "absence_after_incident"] == (1, 6)  # December 5, not December 11
        assert told["b", 2018, "absence_after_incident"] == (
            1,
            3,
        )  # October 8; not the one before an incident
        assert told["a", 2018, "early_release"][0] == 1
        assert np.isnan(told["a", 2018, "early_release"][1])
        codes = removals.codes.set_index(["school_id", "year", "kind"])["events_n"]
        assert codes["a", 2018, "unexcused"] == 2

    def test_every_row_is_counted(self, logs):
        removals, problems = gather_removals(logs, read_panel(logs))
        assert reasons(removals.incidents_accounting) == {
            "Incident listed again for the same student": 1, "No student id": 1,
            "School-year is not in the panel": 1, "Outside the study's years, 2017-18 to 2018-19": 1,
        }  # fmt: skip
        assert removals.incidents_accounting.rows_out == len(removals.incidents) == 4
        counted = reasons(removals.absences_accounting)
        assert counted["Unknown kind sick"] == 1
        assert counted["Absence listed again"] == 1
        text = said(problems)
        assert '"sick" (1)' in text
        assert '"worst" (1)' in text
        assert not any(problem.stops for problem in problems)


class TestIncidents:
    def test_no_student_id_leaves_the_reading(self, logs):
        frame = read_removals(logs, read_panel(logs)).incidents
        assert "student_id" not in frame
        assert frame["student"].tolist() == [0, 1, 2, 0]

    def test_what_followed_within_five_school_days(self, logs):
        frame = read_removals(logs, read_panel(logs)).incidents.set_index("incident_id")
        assert frame["acted"].to_dict() == {"I1": True, "I2": False, "I3": True, "I4": False}
        assert frame["absent"].to_dict() == {"I1": False, "I2": True, "I3": True, "I4": False}
        assert frame["sent_home"].to_dict() == {"I1": False, "I2": True, "I3": False, "I4": False}
        assert frame.loc["I4", ["severity", "response"]].tolist() == ["", ""]
        assert frame.loc["I1", "day"] == (pd.Timestamp("2018-09-28") - pd.Timestamp("1970-01-01")).days

    def test_without_an_actions_log_the_response_says_whether_there_was_one(self, tmp_path):
        panel = PANEL.replace("*", "7")
        params = study(tmp_path, panel, last="2018-19")
        params.sources.incidents = source(write_table(tmp_path / "incidents.csv", INCIDENTS), "incidents")
        frame = read_removals(params, read_panel(params)).incidents.set_index("incident_id")
        assert frame.loc[["I1", "I2", "I3"], "acted"].tolist() == [True, False, False]
        assert frame.loc["I4", "acted"] is pd.NA
        assert "absent" not in frame

    def test_the_order_of_rows_does_not_matter(self, logs, tmp_path):
        panel = read_panel(logs)
        first = read_removals(logs, panel)
        for name, text in (("incidents", INCIDENTS), ("absences", ABSENCES)):
            head, *rows = text.strip().splitlines()
            write_table(tmp_path / f"{name}.csv", "\n".join([head, *reversed(rows)]))
        again = read_removals(logs, panel)
        pd.testing.assert_frame_equal(first.incidents, again.incidents)
        pd.testing.assert_frame_equal(first.frame, again.frame)

    def test_a_day_in_no_calendar_is_told_with_its_row(self, logs, tmp_path):
        write_table(tmp_path / "incidents.csv", INCIDENTS.replace("2018-09-28", "2018-09-31"))
        with pytest.raises(DataError, match=r"1 date is in no calendar: \"2018-09-31\" \(row 2\)"):
            read_removals(logs, read_panel(logs))


OUTCOMES = """
    school_id year    achievement_sd chronic_absent_per_100
    a         2017-18 0.10           12
    a         2018-19 -0.20          *
    b         2017-18 0.30           15
    c         2017-18 0.30           15
"""


class TestOutcomes:
    def read(self, tmp_path, text=OUTCOMES, **keys):
        params = study(tmp_path, PANEL.replace("*", "7"), last="2018-19")
        reference = tmp_path / "data/reference/measures.yml"
        if not reference.exists():
            real = read_params("params/prairie.yml").root / "data/reference/measures.yml"
            reference.write_bytes(real.read_bytes())
        params.sources.outcomes = source(write_table(tmp_path / "outcomes.csv", text), "outcomes", **keys)
        return gather_panel(params)

    def test_they_become_columns_of_the_panel(self, tmp_path):
        panel, problems = self.read(tmp_path)
        assert panel.outcomes == ("achievement_sd", "chronic_absent_per_100")
        assert panel.frame["achievement_sd"].fillna(9).tolist() == [0.1, -0.2, 0.3, 9]
        assert panel.frame["oss_n"].tolist() == [4, 2, 3, 5]
        assert "achievement_sd (1), chronic_absent_per_100 (2)" in said(problems, stops=False)
        book = panel.outcomes_accounting
        assert (book.rows_in, book.rows_out) == (4, 3)
        assert reasons(book) == {"School-year is not in the panel": 1}

    def test_what_cannot_be_is_told(self, tmp_path):
        panel, problems = self.read(tmp_path, OUTCOMES.replace(" 15\n    c", " 115\n    c"))
        assert panel is None
        assert "1 value cannot be per 100 students: b in 2017-18." in said(problems)
        panel, problems = self.read(tmp_path, OUTCOMES.replace("c         2017", "b         2017"))
        assert panel is not None, "an exact copy leaves"
        panel, problems = self.read(
            tmp_path, OUTCOMES.replace("c         2017-18 0.30", "b         2017-18 0.40")
        )
        assert panel is None
        assert "more than once" in said(problems)

    def test_a_column_that_is_no_measure_is_refused(self, tmp_path):
        for name, meant in (("achievment_sd", "achievement_sd"), ("oss_per_100", None)):
            panel, problems = self.read(tmp_path, columns={name: "achievement_sd"})
            assert panel is None
            assert f'no measure "{name}"' in said(problems)
            assert meant is None or f'Write "{meant}" instead.' in said(problems)

    def test_a_panel_without_them_has_none(self, tmp_path):
        panel = read_panel(study(tmp_path, PANEL.replace("*", "7"), last="2018-19"))
        assert (panel.outcomes, panel.outcomes_accounting) == ((), None)


IDEA = """
    year    level    category group cell_n of_n
    2017-18 district removals Black 12     60
    2017-18 district removals White 10     90
    2017-18 state    removals White 100    900
    2018-19 _        removals Black *      70
    2010-11 district removals Black 1      2
"""


class TestIdea:
    def read(self, tmp_path, text=IDEA):
        params = study(tmp_path, PANEL, last="2018-19")
        params.sources.idea = source(write_table(tmp_path / "idea.csv", text), "idea")
        return read_idea(params)

    def test_counts_by_level_year_category_and_group(self, tmp_path):
        idea = self.read(tmp_path)
        rows = idea.frame[["level", "year", "group", "cell_n", "of_n"]].fillna(-1).to_numpy().tolist()
        assert rows == [
            ["district", 2017, "Black", 12, 60], ["district", 2017, "White", 10, 90],
            ["district", 2018, "Black", -1, 70], ["state", 2017, "White", 100, 900],
        ]  # fmt: skip
        assert (idea.accounting.rows_in, idea.accounting.rows_out) == (5, 4)

    @pytest.mark.parametrize(("change", "told"), [
        (("12     60", "72     60"), "1 cell counts more children than there are: removals of Black in 2017-18."),
        (("White 10 ", "Black 10 "), "1 cell stands twice"), (("state ", "county "), "There is no level county."),
        (("12     60", "-12    60"), "below zero"), (("12     60", "1.5    60"), "not whole"),
    ])  # fmt: skip
    def test_what_cannot_be_is_refused(self, tmp_path, change, told):
        with pytest.raises(DataError, match=told):
            self.read(tmp_path, IDEA.replace(*change))

    def test_a_study_without_them_has_none(self, tmp_path):
        assert read_idea(study(tmp_path, PANEL, last="2018-19")) is None


def test_a_check_tells_every_further_source(root):
    facts = "\n".join(summarize(read_params(root / "params/riverbend.yml")).facts)
    for name in ("outcomes", "incidents", "absences"):
        assert f"\n{name}: " in facts
    assert "\nidea: " in "\n".join(summarize(read_params(root / "params/lakeshore.yml")).facts)


def test_simulated_and_real_files_are_not_mixed(logs, tmp_path):
    text = INCIDENTS.replace("response\n", "response simulated\n", 1)
    rows = [f"{line} yes" if k else line for k, line in enumerate(text.strip().splitlines())]
    write_table(tmp_path / "incidents.csv", "\n".join(rows))
    with pytest.raises(DataError, match="this study is not simulated"):
        read_removals(logs, read_panel(logs))


def test_a_wrong_layout_is_told_at_its_source(logs):
    logs.sources.incidents = source("incidents.csv", "incidents", columns={"student_nr": "student_id"})
    with pytest.raises((ParamsError, DataError), match=r"sources\.incidents: columns"):
        read_removals(logs, read_panel(logs))
