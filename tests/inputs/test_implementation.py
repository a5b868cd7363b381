"""The logs of the program: hand-made tables read row by row, and what was planted in the simulated ones."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_study import said, source, study, write_table

from rpeval.errors import DataError, ParamsError
from rpeval.inputs.check import summarize
from rpeval.inputs.implementation import LOGS, gather_implementation, read_implementation
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.program.reading import school_year_of
from rpeval.inputs.schema.forms import fill
from rpeval.inputs.schema.program import (
    PRACTICES,
    Thresholds,
    read_fidelity_instrument,
    read_practice_catalog,
)
from rpeval.inputs.schema.project import FIDELITY, reference_names
from rpeval.inputs.schema.sources import FidelitySource
from rpeval.inputs.simulation import program
from rpeval.inputs.simulation.outcomes import treated_cells
from rpeval.inputs.simulation.schools import draw_district, draw_students, enrollment
from rpeval.inputs.truth import read_truth

PANEL = """
    school_id year    enrolled_n oss_n
    a         2017-18 100        4
    a         2018-19 100        2
    a         2019-20 100        2
    b         2017-18 200        3
    b         2018-19 200        5
    b         2019-20 200        5
"""
STARTS = """
    school_id start_year
    a         2018-19
    b         _
"""
PRACTICE_ROWS = """
    event_id date       school_id practice             tier events_n minutes students_n incident_id voluntary agreement completed
    E1       2018-10-01 a         community_circle     _    12       25      24         _           _         _         _
    E2       2018-11-05 a         repairing_circle     2    _        40      4          I7          Yes       yes       no
    E2       2018-11-05 a         repairing_circle     2    _        40      4          I7          Yes       yes       no
    E3       2018-11-06 a         community_conference 2    _        75      *          _           y         no        _
    E4       2019-02-01 a         yoga                 1    _        30      20         _           _         _         _
    E5       2019-02-02 c         community_circle     1    _        30      20         _           _         _         _
    E6       2020-10-02 a         community_circle     1    _        30      20         _           _         _         _
    E8       2018-12-01 b         restorative_conversation _ _       10      1          _           maybe     _         _
"""
TRAINING_ROWS = """
    staff_id school_id course      hours date       hired_on   left_on    employed
    T9       a         foundations 8     2018-09-10 _          _          yes
    T9       a         circles     6     2018-11-10 _          _          yes
    T9       a         circles     6     2018-11-10 _          _          yes
    T2       a         foundations 8     2020-09-10 2020-08-01 2021-07-10 no
    T3       a         _           _     _          _          _          no
    T4       b         foundations *     2018-09-10 _          _          yes
    T5       b         circles     6     _          _          _          yes
    _        b         circles     6     2018-09-10 _          _          yes
    T6       z         circles     6     2018-09-10 _          _          yes
"""
FIDELITY_ROWS = """
    school_id date       indicator rater score
    a         2019-04-01 f_team    R1    3
    a         2019-04-01 f_team    R2    1
    a         2019-04-01 f_kept    R1    4
    a         2019-04-01 f_magic   R1    2
    a         2019-04-01 f_voice   R1    *
    a         2019-04-01 f_team    R1    3
"""
STAFFING_ROWS = """
    school_id year    role        fte staff_n funding
    a         2018-19 all_staff   _   10      _
    a         2018-19 coordinator 0.5 1       grant
    z         2018-19 coordinator 0.5 1       grant
"""
SECTION_ROWS = """
    school_id year    classes_n sections_n planned_n
    a         2018-19 4         2          3
"""
SUMMER_ROWS = """
    site  school_id year    restorative enrolled_n attended_days possible_days
    Dock  a         2018-19 yes         10         80            100
    Camp  _         2018-19 N           12         90            120
    Quay  a         2018-19 perhaps     12         90            120
    Isle  z         2018-19 no          12         90            120
"""
COST_ROWS = """
    ingredient  year    quantity unit_price phase   life_years
    Coordinator 2018-19 0.5      90000      _       _
    Room        2018-19 1        5000       startup 10
    Books       2018-19 *        10         _       _
    Early       2001-02 1        10         _       _
"""
ROWS = {
    "practices": PRACTICE_ROWS, "training": TRAINING_ROWS, "fidelity": FIDELITY_ROWS, "staffing": STAFFING_ROWS,
    "sections": SECTION_ROWS, "summer": SUMMER_ROWS, "costs": COST_ROWS,
}  # fmt: skip


def day(text):
    return (pd.Timestamp(text) - pd.Timestamp(0)).days


@pytest.fixture
def read(tmp_path, root):
    """Read a study with some of the logs, given as text."""
    for name in (FIDELITY, PRACTICES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(root / name)

    def read(rows, *, gather=False, keys=None, **rest):
        params = study(tmp_path, PANEL, adoption=STARTS, **rest)
        for name, text in rows.items():
            path, own = write_table(tmp_path / f"{name}.csv", text), (keys or {}).get(name, {})
            if name == "fidelity":
                told = FidelitySource(path=path, layout=name, instrument="rpeval_fidelity", **own)
            else:
                told = source(path, name, **own)
            setattr(params.sources, name, told)
        panel = read_panel(params)
        return gather_implementation(params, panel) if gather else read_implementation(params, panel)

    return read


def reasons(told, name):
    return dict(told.accounting[name].by_reason()[["reason", "rows_n"]].to_numpy())


# The logs, by hand


def test_all_logs_are_read_together_and_every_row_is_counted(read):
    told = read(ROWS)
    assert told.unseen == ()
    for name in LOGS:
        books = told.accounting[name]
        assert books.rows_out == len(getattr(told, name))
        assert books.rows_in == len(ROWS[name].strip().splitlines()) - 1


def test_practices_keep_what_is_known_and_count_what_leaves(read):
    told = read({"practices": PRACTICE_ROWS})
    log = told.practices.set_index("practice")
    assert list(log.index) == [
        "community_circle", "repairing_circle", "community_conference", "restorative_conversation"
    ]  # fmt: skip
    assert log["tier"].tolist()[:3] == [1, 2, 2]
    assert log["tier"].isna().tolist() == [False, False, False, True]
    assert log["events_n"].tolist() == [12, 1, 1, 1]
    assert np.isnan(log.loc["community_conference", "students_n"])
    assert log.loc["repairing_circle", ["incident_id", "voluntary", "agreement", "completed"]].tolist() == [
        "I7", "yes", "yes", "no"
    ]  # fmt: skip
    assert log.loc["restorative_conversation", "voluntary"] == ""
    assert log.loc["community_circle", "day"] == day("2018-10-01")
    assert log["arm"].tolist() == ["adopting"] * 3 + ["comparison"]
    assert reasons(told, "practices") == {
        "Event listed again": 1,
        "Outside the study's years, 2017-18 to 2019-20": 1,
        "School-year is not in the panel": 1,
        "Unknown practice yoga": 1,
    }
    warned = said(told.warnings)
    assert "community_conference in tier 2" in warned
    assert '"maybe" (1)' in warned
    assert '"yoga" (1)' in warned


def test_equal_rows_without_an_event_id_are_each_counted_and_told(read):
    rows = """
        date       school_id practice         minutes
        2018-10-01 a         community_circle 20
        2018-10-01 a         community_circle 20
    """
    told = read({"practices": rows})
    assert len(told.practices) == 2
    assert "without an event_id each is counted" in said(told.warnings)


def test_training_keeps_left_out_years_and_no_key_of_a_person(read):
    told = read({"training": TRAINING_ROWS}, last="2020-21", leave_out=("2020-21",))
    log = told.training
    assert told.roster
    assert "staff_id" not in log
    assert not log.astype(str).isin(["T2", "T3", "T4", "T9"]).any(axis=None)
    by = log.groupby("staff")
    assert sorted(by["hours"].sum()) == [0, 0, 8, 14]
    late = log[log["day"] == day("2020-09-10")].iloc[0]
    assert (late["year"], late["hired_day"], late["left_day"]) == (2020, day("2020-08-01"), day("2021-07-10"))
    gone = log[log["course"] == ""].iloc[0]
    assert (gone["hours"], gone["left_day"]) == (0, day("2021-06-30"))
    assert pd.isna(gone["year"])
    assert reasons(told, "training") == {
        "Course listed again for the same person": 1,
        "Course without a day": 1,
        "No staff key": 1,
        "School is not in the panel": 1,
    }
    warned = said(told.warnings)
    assert "1 course has no hours" in warned
    assert "1 person has left, at an unknown day" in warned


def test_a_person_with_several_days_has_the_first_and_the_last(read):
    rows = """
        staff_id school_id hours date       hired_on   left_on
        T1       a         8     2018-09-10 2018-08-01 2019-07-10
        T1       a         6     2018-10-10 2017-08-01 2020-07-10
        T2       a         6     2018-10-10 _          _
    """
    told = read({"training": rows})
    assert told.training["hired_day"].tolist()[:2] == [day("2017-08-01")] * 2
    assert told.training["left_day"].tolist()[:2] == [day("2020-07-10")] * 2
    assert told.training["left_day"].isna().tolist() == [False, False, True]
    assert "2 persons" not in said(told.warnings)
    assert "several days of hiring or leaving" in said(told.warnings)


def test_a_log_of_trained_people_only_is_no_roster(read):
    rows = """
        staff_id school_id hours date
        T1       a         8     2018-09-10
    """
    assert not read({"training": rows}).roster


def test_fidelity_is_scored_on_its_instrument(read):
    told = read({"fidelity": FIDELITY_ROWS})
    assert told.fidelity[["indicator", "rater", "share"]].values.tolist() == [
        ["f_team", "R1", 1.0],
        ["f_team", "R2", pytest.approx(1 / 3)],
    ]
    assert reasons(told, "fidelity") == {
        "Listed again": 1,
        "No score": 1,
        "Score off the instrument's range": 1,
        "Unknown indicator f_magic": 1,
    }
    assert "1 score is not from 0 to 3" in said(told.warnings)


def test_a_scale_that_begins_at_one_ends_at_the_whole_share(tmp_path, root):
    (tmp_path / FIDELITY).mkdir(parents=True)
    (tmp_path / PRACTICES).symlink_to(root / PRACTICES)
    text = "{id: mine, title: x, source: x, license: x, min: 1, max: 5, indicators: [{id: k}]}"
    (tmp_path / FIDELITY / "mine.yml").write_text(text)
    params = study(tmp_path, PANEL)
    rows = "school_id date indicator score\n a 2019-04-01 k 1\n a 2019-04-02 k 3\n a 2019-04-03 k 5"
    path = write_table(tmp_path / "fidelity.csv", rows)
    params.sources.fidelity = FidelitySource(path=path, layout="fidelity", instrument="mine")
    told = read_implementation(params, read_panel(params))
    assert told.fidelity["share"].tolist() == [0.0, 0.5, 1.0]
    assert told.fidelity["rater"].tolist() == [""] * 3


def test_two_ratings_of_one_rater_that_differ_are_refused(read):
    rows = FIDELITY_ROWS + "    a         2019-04-01 f_team    R1    2\n"
    with pytest.raises(DataError, match="1 rating stands twice and differs"):
        read({"fidelity": rows})


def test_staffing_sections_and_summers(read):
    told = read({name: ROWS[name] for name in ("staffing", "sections", "summer")})
    assert told.staffing[["role", "fte", "staff_n", "funding"]].iloc[1].tolist() == [
        "coordinator",
        0.5,
        1,
        "grant",
    ]
    assert np.isnan(told.staffing["fte"].iloc[0])
    assert told.sections.loc[0, ["classes_n", "sections_n", "planned_n"]].tolist() == [4, 2, 3]
    assert np.isnan(told.sections.loc[0, "students_n"])
    assert told.summer[["site", "school_id", "year", "restorative"]].values.tolist() == [
        ["Camp", "", 2018, False],
        ["Dock", "a", 2018, True],
    ]
    assert told.summer["fall_incidents_n"].isna().all()
    assert reasons(told, "summer") == {"School is not in the panel": 1, "Unknown restorative (empty)": 1}


def test_costs_are_multiplied_and_unknown_ones_told(read):
    told = read({"costs": COST_ROWS}, last="2018-19", leave_out=("2018-19",), first="2016-17")
    costs = told.costs.set_index("ingredient")
    assert costs.loc["Coordinator", "cost"] == 45000
    assert costs.loc["Coordinator", ["phase", "perspective"]].tolist() == ["recurring", "district"]
    assert costs.loc["Room", ["phase", "life_years"]].tolist() == ["startup", 10]
    assert "Books in 2018-19" in said(told.warnings)
    assert reasons(told, "costs") == {"Outside the study's years, 2016-17 to 2018-19": 1}


# What is refused


def test_every_problem_of_every_log_is_told_at_once(read):
    rows = {
        "practices": PRACTICE_ROWS.replace("2018-10-01", "2018-02-31").replace("25      24", "-5      24"),
        "staffing": STAFFING_ROWS.replace("_   10", "_   -1"),
        "costs": COST_ROWS.replace("startup", "begin"),
        "summer": SUMMER_ROWS.replace("80            100", "180           100"),
    }
    told, problems = read(rows, gather=True)
    assert told is None
    stops = said(problems, stops=True)
    for part in (
        "in no calendar",
        "staff_n: 1 value is below zero",
        '"begin" (1)',
        "more days attended than",
    ):
        assert part in stops


@pytest.mark.parametrize(
    ("name", "columns", "named"),
    [
        ("training", {"staff_id": "E-Mail Address"}, "E-Mail Address"),
        ("practices", {"incident_id": "Narrative"}, "Narrative"),
        ("fidelity", {"rater": "Rater Name"}, "Rater Name"),
    ],
)
def test_columns_that_name_persons_or_hold_their_words_are_refused(read, name, columns, named):
    with pytest.raises(DataError, match=f"name persons or hold their words and are not read: {named}"):
        read({name: ROWS[name]}, keys={name: {"columns": columns}})


@pytest.mark.parametrize("key", ["kim@lakes.example", "Lee, Kim", "Kim Lee"])
def test_staff_keys_that_look_like_persons_are_refused(tmp_path, key):
    params = study(tmp_path, PANEL)
    (tmp_path / "training.csv").write_text(
        f'staff_id,school_id,hours,date\n"{key}",a,8,2018-09-10\nT1,a,8,2018-09-10\n'
    )
    params.sources.training = source("training.csv", "training")
    with pytest.raises(DataError, match="1 staff key looks like a name or a mail address"):
        read_implementation(params, read_panel(params))


def test_unread_columns_never_enter(read):
    rows = SECTION_ROWS.replace("planned_n", "planned_n principal_name").replace("3\n", "3 Kim\n")
    told = read({"sections": rows})
    assert not told.sections.astype(str).isin(["Kim"]).any(axis=None)


def test_a_log_without_a_needed_column_and_costs_without_a_price_year_are_refused(read, tmp_path):
    with pytest.raises(DataError, match="There is no column"):
        read({"practices": "date school_id\n2018-10-01 a"})
    with pytest.raises(DataError, match="The log lacks practice"):
        read({"practices": PRACTICE_ROWS}, keys={"practices": {"columns": {"practice": "none"}}})
    params = study(tmp_path, PANEL)
    params.sources.costs, params.price_year = (
        source(write_table(tmp_path / "costs.csv", COST_ROWS), "costs"),
        None,
    )
    with pytest.raises(DataError, match="in which year's dollars"):
        read_implementation(params, read_panel(params))


def test_a_log_of_other_schools_only_is_refused(read):
    with pytest.raises(DataError, match="No row of the study's schools and years is left"):
        read({"sections": SECTION_ROWS.replace(" a ", " q ")})


def test_a_tier_that_is_none_is_refused(read):
    with pytest.raises(DataError, match="There is no tier 7"):
        read({"practices": PRACTICE_ROWS.replace("repairing_circle     2 ", "repairing_circle     7 ")})


# What does not matter


def test_the_order_of_rows_does_not_matter(read):
    usual = read(ROWS)
    turned = {}
    for name, text in ROWS.items():
        head, *rows = text.strip().splitlines()
        turned[name] = "\n".join([head, *reversed(rows)])
    again = read(turned)
    for name in LOGS:
        pd.testing.assert_frame_equal(getattr(usual, name), getattr(again, name))


def test_own_words_of_a_file_are_translated(read):
    rows = PRACTICE_ROWS.replace("community_circle ", "Circle           ")
    keys = {"practices": {"values": {"practice": {"Circle": "community_circle", "yoga": "none"}}}}
    told = read({"practices": rows}, keys=keys)
    assert (told.practices["practice"] == "community_circle").sum() == 1
    assert "Unknown practice (empty)" in reasons(told, "practices")


def test_school_years_begin_on_july_1():
    days = pd.Series([day("2019-06-30"), day("2019-07-01"), day("1970-01-01"), np.nan], dtype=float)
    assert school_year_of(days).astype(object).where(days.notna(), None).tolist() == [2018, 2019, 1969, None]


# Who is answered


def test_access_counts_incidents_and_answers_by_group(tmp_path, root):
    (tmp_path / "data/reference").mkdir(parents=True)
    for name in ("layouts", "practices.yml"):
        (tmp_path / "data/reference" / name).symlink_to(root / "data/reference" / name)
    write_table(
        tmp_path / "enrollment.csv",
        """
        student_id school_id year    race
        1          a         2018-19 Black
        2          a         2018-19 White
        3          a         2018-19 White
        1          a         2017-18 Black
        """,
    )
    actions = """
        student_id school_id date       kind days
        1          a         2018-10-01 OSS  2
    """
    keys = {"layout": "actions", "enrollment": source("enrollment.csv", None)}
    params = study(tmp_path, actions, keys=keys, last="2018-19")
    incidents = """
        incident_id student_id school_id date       response
        I1          1          a         2018-10-01 sanction
        I2          1          a         2018-10-05 no_action
        I3          2          a         2018-10-05 restorative
        I4          3          a         2018-10-06 no_action
        I5          9          a         2018-10-06 no_action
    """
    params.sources.incidents = source(write_table(tmp_path / "incidents.csv", incidents), "incidents")
    practices = """
        date       school_id practice         incident_id
        2018-10-09 a         repairing_circle I2
    """
    panel = read_panel(params)
    without = read_implementation(params, panel).access
    assert without[["group", "eligible_n", "answered_n"]].values.tolist() == [
        ["Black", 2, 0],
        ["White", 2, 1],
    ]
    params.sources.practices = source(write_table(tmp_path / "practices.csv", practices), "practices")
    access = read_implementation(params, panel).access
    assert access[["year", "group", "eligible_n", "answered_n"]].values.tolist() == [
        [2018, "Black", 2, 1],
        [2018, "White", 2, 1],
    ]
    assert not {"student_id", "student", "incident_id"} & set(access)


# Reference data and params


@pytest.mark.parametrize("name", ["blank", "rpeval_fidelity", "rutgers_12", "tfi_rp"])
def test_instruments_of_fidelity_are_read_and_only_our_own_show_wording(root, name):
    told = read_fidelity_instrument(name, root)
    own = told.wording == "own"
    assert all(bool(indicator.label) == own for indicator in told.indicators)
    assert bool(told.unchecked) != own


def test_every_instrument_of_fidelity_is_tested(root):
    assert reference_names(root, FIDELITY) == ["blank", "rpeval_fidelity", "rutgers_12", "tfi_rp"]


def test_an_instrument_that_contradicts_itself_is_refused(tmp_path):
    (tmp_path / FIDELITY).mkdir(parents=True)
    text = """
        {id: other, title: x, source: x, license: x, wording: none, min: 2, max: 2,
         indicators: [{id: k}, {id: k, label: shown}]}
    """
    (tmp_path / FIDELITY / "mine.yml").write_text(text)
    with pytest.raises(ParamsError) as refused:
        read_fidelity_instrument("mine", tmp_path)
    told = said(refused.value.problems)
    for part in ('"other"', "2 to 2", "They stand twice: k", "these have it: k"):
        assert part in told


def test_the_five_practices_and_their_tiers(root):
    tiers = {name: told.tiers for name, told in read_practice_catalog(root).items()}
    assert tiers == {
        "restorative_language": (1,),
        "restorative_conversation": (1, 2),
        "community_circle": (1,),
        "repairing_circle": (2,),
        "community_conference": (3,),
    }


@pytest.mark.parametrize(
    ("key", "value"), [("trained_share", "80"), ("fidelity", "0"), ("months", "13"), ("fte_per_500", "-1")]
)
def test_thresholds_that_cannot_be_are_refused(key, value):
    filled, problems = fill(Thresholds, {key: value}, name="x.yml")
    assert filled is None
    assert key in said(problems)


def test_nothing_is_judged_where_no_threshold_is_said():
    told = Thresholds()
    assert (told.trained_hours, told.months, told.partly) == (12, 9, 0.5)
    assert told.trained_share is None


# The simulated studies


@pytest.fixture(scope="module")
def studies(root):
    told = {}
    for name in ("lakeshore", "riverbend", "prairie"):
        params = read_params(root / f"params/{name}.yml")
        panel = read_panel(params)
        told[name] = panel, read_implementation(params, panel), read_truth(params)
    return told


def treated(panel):
    frame = panel.frame[panel.frame["year"] >= panel.frame["start_year"]]
    return frame.set_index(["school_id", "year"])


def value(truth, id):
    return truth[id if id.startswith(("cost.", "summer.")) else f"implementation.{id}"]["value"]


def trained_share(training, *, hours=12.0):
    """Share of people listed and employed on each June 30 who have the hours, by school and year."""
    parts = {}
    for year in range(2016, 2024):
        end = day(f"{year + 1}-06-30")
        there = training[~(training["hired_day"] > end) & ~(training["left_day"] <= end)]
        had = (
            there["hours"].where(there["day"] <= end, 0.0).groupby([there["school_id"], there["staff"]]).sum()
        )
        parts[year] = (had >= hours).groupby("school_id").agg(["sum", "size"])
    return pd.concat(parts, names=["year"]).swaplevel()


def test_a_study_without_logs_has_none_of_them(root):
    content = read_params(root / "params/prairie.yml").resolved()
    content["sources"] = {key: told for key, told in content["sources"].items() if key not in LOGS}
    params = read_params({"params": content}, root)
    told = read_implementation(params, read_panel(params))
    assert told.unseen == LOGS
    assert all(getattr(told, name) is None for name in (*LOGS, "access"))


def test_circles_minutes_and_agreements_are_those_planted(studies):
    panel, told, truth = studies["lakeshore"]
    cells, log = treated(panel), told.practices
    circles = log[log["practice"] == "community_circle"].groupby(["school_id", "year"])["events_n"].sum()
    circles = circles.reindex(cells.index, fill_value=0)
    months = 9 * told.sections.set_index(["school_id", "year"]).loc[cells.index, "classes_n"]
    error = np.sqrt((circles / months**2).sum()) / len(cells)
    assert (circles / months).mean() == pytest.approx(value(truth, "circles_per_class_month"), abs=4 * error)
    spent = (
        (log["events_n"] * log["minutes"] * log["students_n"]).groupby([log["school_id"], log["year"]]).sum()
    )
    minutes = (spent.reindex(cells.index, fill_value=0) / cells["enrolled_n"]).mean()
    assert minutes == pytest.approx(value(truth, "minutes_per_student_year"), rel=0.02)
    for _, told, truth in (studies["lakeshore"], studies["riverbend"]):
        reached = told.practices[told.practices["agreement"] == "yes"]
        share = value(truth, "agreements")
        error = 100 * np.sqrt(share / 100 * (1 - share / 100) / len(reached))
        assert 100 * (reached["completed"] == "yes").mean() == pytest.approx(share, abs=4 * error)


def test_all_five_practices_are_in_the_log_and_little_is_done_elsewhere(studies):
    log = studies["lakeshore"][1].practices
    assert set(log["practice"]) == set(program.TIERS)
    by_arm = log.groupby("arm")["events_n"].sum()
    assert 0 < by_arm["comparison"] < 0.2 * by_arm["adopting"]
    assert (
        log.loc[log["arm"] == "adopting", "year"] >= log.loc[log["arm"] == "adopting", "start_year"]
    ).all()


def test_the_share_of_trained_staff_is_that_planted(studies):
    panel, told, truth = studies["lakeshore"]
    cells = treated(panel).index
    staff = told.staffing[told.staffing["role"] == "all_staff"].set_index(["school_id", "year"])["staff_n"]
    trained = trained_share(told.training)["sum"].reindex(cells, fill_value=0)
    share = value(truth, "trained_share")
    error = 100 * np.sqrt(0.25 / staff.loc[cells].groupby("school_id").first().sum())
    assert 100 * (trained / staff.loc[cells]).mean() == pytest.approx(share, abs=4 * error)
    panel, told, truth = studies["riverbend"]
    both = trained_share(told.training).loc[treated(panel).index]
    error = 100 * np.sqrt(0.25 / both["size"].groupby("school_id").first().sum())
    assert 100 * (both["sum"] / both["size"]).mean() == pytest.approx(
        value(truth, "trained_share"), abs=4 * error
    )


def test_staff_leave_as_often_as_planted(studies):
    people = studies["riverbend"][1].training.drop_duplicates(["school_id", "staff"])
    left = n = 0
    for year in range(2017, 2023):
        end = day(f"{year + 1}-06-30")
        there = people[~(people["hired_day"] > end) & ~(people["left_day"] <= end)]
        n, left = n + len(there), left + (there["left_day"] <= end + 31).sum()
    share = value(studies["riverbend"][2], "staff_turnover") / 100
    assert left / n == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / n))


def test_ratings_are_those_planted(studies):
    panel, told, truth = studies["lakeshore"]
    rated = told.fidelity.set_index(["school_id", "year"])
    rated = rated[rated.index.isin(treated(panel).index)]
    shares = rated.groupby(level=[0, 1])["share"].mean()
    assert len(shares) == 96
    assert 100 * shares.mean() == pytest.approx(
        value(truth, "fidelity_share"), abs=4 * 100 * 0.45 / np.sqrt(2 * 960)
    )
    keys = ["school_id", "year", "indicator"]
    pairs = told.fidelity.pivot(index=keys, columns="rater", values="score")
    found = pairs.corr().iloc[0, 1]
    assert found == pytest.approx(value(truth, "rater_agreement"), abs=4 * 0.5 / np.sqrt(960))


def test_costs_are_exactly_those_planted(studies):
    panel, told, truth = studies["lakeshore"]
    costs, cells = told.costs, treated(panel)
    paid = costs[costs["perspective"] == "district"]
    assert paid["cost"].sum() == value(truth, "cost.total")
    assert costs["cost"].sum() == value(truth, "cost.total.societal")
    used = paid[paid["year"].isin(panel.frame["year"])]
    by_student = used["cost"].sum() / cells["enrolled_n"].sum()
    assert by_student == pytest.approx(value(truth, "cost.per_student.spent"), abs=1e-3)


def test_summers_are_those_planted(studies):
    _, told, truth = studies["lakeshore"]
    sums = told.summer.groupby("restorative")[
        ["attended_days", "possible_days", "incidents_n", "fall_attended_days", "fall_possible_days"]
    ].sum()
    shares = 100 * sums["attended_days"] / sums["possible_days"]
    sites = 100 * 0.015 * np.sqrt(2 / 5)
    assert shares[True] - shares[False] == pytest.approx(value(truth, "summer.attendance.att"), abs=4 * sites)
    rates = sums["incidents_n"] / sums["possible_days"]
    error = np.sqrt((1 / sums["incidents_n"]).sum())
    planted = np.log(value(truth, "summer.incidents.ratio"))
    assert np.log(rates[True] / rates[False]) == pytest.approx(planted, abs=4 * error)
    fall = 100 * sums["fall_attended_days"] / sums["fall_possible_days"]
    assert fall[True] - fall[False] == pytest.approx(0, abs=4 * sites)


def test_restorative_answers_are_as_rare_as_planted_in_every_group(studies):
    _, told, truth = studies["riverbend"]
    access = told.access[told.access["year"] >= told.access["start_year"]]
    by_group = access.groupby("group")[["eligible_n", "answered_n"]].sum()
    by_group.loc["all"] = by_group.sum()
    for group, row in by_group.iterrows():
        id = "response_share" if group == "all" else f"access.{group.lower().replace(' ', '_')}"
        share = value(truth, id) / 100
        # students differ in proneness and school-years in rates, so counts vary more than binomially
        error = np.sqrt(share * (1 - share) / row["eligible_n"]) * 2
        assert row["answered_n"] / row["eligible_n"] == pytest.approx(share, abs=4 * error), group
    assert value(truth, "access.black") < value(truth, "access.white")


def test_planted_shares_hold_over_many_draws(root):
    """The recursion behind the share of trained staff, and the raters' correlation, against their own noise."""
    recipe = yaml.safe_load((root / "data/reference/recipes/lakeshore.yml").read_text(encoding="utf-8"))
    trained, rated = [], []
    for seed in range(24):
        recipe = deepcopy(recipe) | {"seed": seed}
        district = draw_district(recipe)
        enrolled = enrollment(draw_students(district, recipe), district).sum(axis=1)
        cells = treated_cells(district, recipe)
        table, positions, planted = program.draw_training(enrolled, district, recipe)
        found = _trained_cells(table, positions, district.years)[cells].mean()
        trained.append(100 * found - planted["implementation.trained_share"][0])
        scores, planted = program.draw_fidelity(district, recipe)
        scores = scores.assign(spring=scores["date"].str[:4])
        pairs = scores.pivot(index=["school_no", "spring", "indicator_no"], columns="rater", values="score")
        rated.append(pairs.corr().iloc[0, 1] - planted["implementation.rater_agreement"][0])
    for off in (trained, rated):
        assert abs(np.mean(off)) < 4 * np.std(off, ddof=1) / np.sqrt(len(off))
    assert np.std(trained) < 2.5


def _trained_cells(table, positions, years):
    """Share of the positions whose holder has both courses at the end of each school year."""
    both = table.groupby(["school_no", "staff_no"]).agg(
        hours=("hours", "sum"), last=("trained_on", "max"), left=("left_on", "first")
    )
    both = both[both["hours"] >= 12].reset_index()
    share = np.zeros((len(positions), len(years)))
    for k, year in enumerate(years):
        there = both[
            (both["last"] <= f"{year + 1}-06-30")
            & ((both["left"] == "") | (both["left"] > f"{year + 1}-06-30"))
        ]
        share[:, k] = np.bincount(there["school_no"], minlength=len(positions)) / positions
    return share


def test_check_tells_what_became_of_the_logs(root):
    facts = summarize(read_params(root / "params/riverbend.yml")).facts
    assert "practices: 538 rows read, 533 used" in facts
    assert any(fact.startswith("training: ") for fact in facts)
