"""Whom a survey invited: counted against its answers, by hand and in the shipped studies."""

import csv
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml
from test_survey import asked
from tiny_study import said, source, write_table

from rpeval.errors import DataError, ParamsError
from rpeval.inputs.params import read_params
from rpeval.inputs.survey import read_survey

ANSWERS = """
respondent_id school_id wave q1 q2 q3
r1 01 2018-19 1 2 4
r2 01 2018-19 1 2 3
r3 01 2018-19 2 2 4
r4 02 2018-19 2 3 4
r5 01 2021-22 2 3 4
r6 02 2021-22 2 3 4
"""
INVITED = """
school_id wave invited_n
02 2018-19 5
01 2018-19 4
01 2021-22 3
02 2021-22 9
03 2021-22 7
"""


def read(tmp_path, invited=INVITED, *, adoption=None, **keys):
    params = asked(tmp_path, ANSWERS, adoption=adoption)
    params.sources.invited = source(write_table(tmp_path / "invited.csv", invited), "invited", **keys)
    return read_survey(params)


def told(tmp_path, invited=INVITED, **keys):
    return said([w for w in read(tmp_path, invited, **keys).warnings if "invited" in w.where])


def test_a_list_by_hand(tmp_path):
    survey = read(tmp_path)
    assert survey.invited[["school_id", "wave", "invited_n", "arm"]].to_numpy().tolist() == [
        ["01", 2018, 4, "adopting"], ["01", 2021, 3, "adopting"], ["02", 2018, 5, "comparison"],
        ["02", 2021, 9, "comparison"], ["03", 2021, 7, "adopting"],
    ]  # fmt: skip
    assert survey.invited["start_year"].fillna(0).tolist() == [2019, 2019, 0, 0, 2019]
    assert (survey.invited_accounting.rows_in, survey.invited_accounting.rows_out) == (5, 5)
    assert not [w for w in survey.warnings if "invited" in w.where]


def test_without_a_list_there_is_none(tmp_path):
    survey = read_survey(asked(tmp_path, ANSWERS))
    assert survey.invited is None
    assert survey.invited_accounting is None


def test_more_answers_than_invitations_are_named(tmp_path):
    names = "school_id school_name start_year\n01 Oak 2019-20\n02 Elm never\n03 Fir never"
    few = INVITED.replace("01 2018-19 4", "01 2018-19 1").replace("02 2021-22 9", "02 2021-22 0")
    assert told(tmp_path, few, adoption=names) == (
        "invited.csv: 2 school-waves have more answers than invitations: Oak (01) in 2018-19; Elm (02) in 2021-22. "
        "The most: 3 answers of 1 invited (Oak, 2018-19). Check that the list counts everybody who was asked."
    )


def test_schools_and_waves_that_the_list_lacks_are_told(tmp_path):
    assert "invited.csv: 1 school-wave has answers (1 answer) and no row here: 02 in 2018-19." in told(
        tmp_path, INVITED.replace("02 2018-19 5", "2 2018-19 5")
    )
    lacking = "\n".join(line for line in INVITED.strip().splitlines() if "2021" not in line)
    assert "It has no row of 2021-22, and the survey has answers of then." in told(tmp_path, lacking)
    assert "1 of 4 schools (1 row) are not in the adoption list" in told(tmp_path, INVITED + "04 2018-19 9")


def test_rows_that_cannot_be_counted_leave_with_a_reason(tmp_path):
    more = INVITED + "01 2018-19 4\n01 2019-20 9\n01 2015-16 9\n02 2020-21 8\n"
    survey = read(tmp_path, more)
    assert len(survey.invited) == 5
    assert dict(survey.invited_accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist()) == {
        "Exact copy of another row": 1, "The survey has no answer in that wave": 1,
        "Outside the study's years, 2017-18 to 2021-22": 1, "Year left out: Remote": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("01 2018-19 4", "01 2018-19 4\n01 2018-19 5", "appears more than once, with different values: 01 in 2018-19"),
        ("01 2018-19 4", "01 2018-19 -4", "invited_n: 1 value is below zero: 01 in 2018-19"),
        ("01 2018-19 4", "01 2018-19 4.5", "invited_n: 1 value is not whole: 01 in 2018-19"),
        ("01 2018-19 4", "01 2018-19 all", 'invited_n: 1 cell is not a number: "all"'),
        ("invited_n", "asked", 'There is no column "invited_n"'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_stops(tmp_path, old, new, what):
    with pytest.raises(DataError) as caught:
        read(tmp_path, INVITED.replace(old, new))
    assert what in said(caught.value.problems, stops=True)


def test_unknown_invitations_stay_unknown_and_are_told(tmp_path):
    unknown = INVITED.replace("01 2018-19 4", "01 2018-19 *")
    assert np.isnan(read(tmp_path, unknown).invited["invited_n"].iloc[0])
    assert "1 of 5 school-years (2018-19: 1): students invited (invited_n)" in told(tmp_path, unknown)


def test_a_list_with_other_headings_is_mapped(tmp_path):
    other = INVITED.replace("wave", "SY").replace("invited_n", "Roster").replace("2018-19", "2019")
    other = other.replace("2021-22", "2022")
    columns = {"year": "SY", "invited_n": "Roster"}
    pd.testing.assert_frame_equal(
        read(tmp_path, other, columns=columns, year_style="ends").invited, read(tmp_path).invited
    )


def test_invitations_to_no_survey_are_refused(root):
    content = read_params(root / "params/prairie.yml").resolved()
    del content["sources"]["survey"]
    with pytest.raises(ParamsError, match="names no survey to which anybody was invited"):
        read_params(content, root=root)


# ---- by student group

BY_GROUP = """
school_id wave race invited_n
01 2018-19 Black 3
01 2018-19 White 2
02 2018-19 Black 1
02 2018-19 White 4
01 2021-22 Black 3
01 2021-22 White 3
02 2021-22 White 9
"""
RACES = dict(
    zip(["r1", "r2", "r3", "r4", "r5", "r6"], ["Black", "White", "Black", "White", "White", "_"], strict=True)
)


def read_groups(tmp_path, invited=BY_GROUP, *, groups=None, races=RACES, **keys):
    rows = ANSWERS.strip().splitlines()
    text = "\n".join([f"{rows[0]} race", *(f"{row} {races[row.split()[0]]}" for row in rows[1:])])
    params = asked(tmp_path, text, groups=groups or {"race": "race"})
    params.sources.invited = source(write_table(tmp_path / "invited.csv", invited), "invited", **keys)
    return read_survey(params)


def told_groups(tmp_path, invited=BY_GROUP, **keys):
    return said([w for w in read_groups(tmp_path, invited, **keys).warnings if "invited" in w.where])


def test_a_list_by_group_by_hand(tmp_path):
    survey = read_groups(tmp_path)
    assert survey.invited.columns.tolist() == ["school_id", "wave", "race", "invited_n", "start_year", "arm"]
    assert survey.invited[["school_id", "wave", "race", "invited_n"]].to_numpy().tolist() == [
        ["01", 2018, "Black", 3], ["01", 2018, "White", 2], ["01", 2021, "Black", 3], ["01", 2021, "White", 3],
        ["02", 2018, "Black", 1], ["02", 2018, "White", 4], ["02", 2021, "White", 9],
    ]  # fmt: skip
    assert survey.invited_accounting.rows_out == 7
    assert not told_groups(tmp_path)


def test_a_list_without_groups_still_serves_a_survey_with_them(tmp_path):
    assert read_groups(tmp_path, INVITED).invited.columns.tolist() == [
        "school_id", "wave", "invited_n", "start_year", "arm",
    ]  # fmt: skip


def test_a_group_column_that_was_asked_for_must_be_there(tmp_path):
    with pytest.raises(DataError, match='There is no column "Ethnicity"'):
        read_groups(tmp_path, columns={"race": "Ethnicity"})
    renamed = BY_GROUP.replace("race", "Ethnicity").replace("Black", "B")
    found = read_groups(tmp_path, renamed, columns={"race": "Ethnicity"}, values={"race": {"B": "Black"}})
    pd.testing.assert_frame_equal(found.invited, read_groups(tmp_path).invited)


def test_students_of_an_unknown_group_stay_in_the_list(tmp_path):
    survey = read_groups(tmp_path, BY_GROUP + "02 2021-22 _ 2")
    unknown = survey.invited[survey.invited["race"].isna()]
    assert unknown[["school_id", "wave", "invited_n"]].to_numpy().tolist() == [["02", 2021, 2]]


def test_answers_are_counted_against_the_sum_of_the_groups(tmp_path):
    few = BY_GROUP.replace("01 2018-19 Black 3", "01 2018-19 Black 1").replace("White 2", "White 1")
    told = told_groups(tmp_path, few)
    assert "1 school-wave has more answers than invitations: 01 in 2018-19. The most: 3 answers of 2" in told
    assert (
        "invited.csv: race: 1 group has more answers than invitations in a school and wave, by at most 1."
        in told
    )
    unknown = BY_GROUP.replace("01 2018-19 Black 3", "01 2018-19 Black *").replace("White 2", "White 1")
    told = told_groups(tmp_path, unknown)
    assert "more answers" not in told  # the sum is unknown where a part is
    assert "in 1 of 7 rows (2018-19: 1): students invited (invited_n)" in told


def test_groups_that_only_one_file_has_are_named(tmp_path):
    told = told_groups(tmp_path, BY_GROUP.replace("White", "white"))
    assert 'Groups that only the list has: "white".' in told
    assert 'Groups that only the survey has: "White".' in told


@pytest.mark.parametrize("name", ["All", "_"])
def test_totals_among_the_groups_stop(tmp_path, name):
    sums = f"01 2018-19 {name} 5\n02 2018-19 {name} 5\n01 2021-22 {name} 6\n02 2021-22 {name} 9\n"
    shown = "Rows without a group" if name == "_" else '"All"'
    with pytest.raises(DataError, match=f"{shown} is the sum of the other groups"):
        read_groups(tmp_path, BY_GROUP + sums)
    left_out = read_groups(tmp_path, BY_GROUP + sums, without={"race": ["All", ""]})
    pd.testing.assert_frame_equal(left_out.invited, read_groups(tmp_path).invited)


def test_one_group_twice_stops_and_copies_leave(tmp_path):
    with pytest.raises(DataError, match="1 school-year of a student group appears more than once") as caught:
        read_groups(tmp_path, BY_GROUP + "01 2018-19 Black 9")
    assert "01, Black, in 2018-19" in str(caught.value)
    survey = read_groups(tmp_path, BY_GROUP + "01 2018-19 Black 3")
    assert survey.invited_accounting.by_reason()["reason"].tolist() == ["Exact copy of another row"]


def test_rows_of_several_groups_are_cells_and_order_does_not_matter(tmp_path):
    rows = [line.split() for line in BY_GROUP.strip().splitlines()]
    cells = [[*row[:3], sex, str(int(row[3]) + (sex == "m"))] for row in rows[1:] for sex in ("f", "m")]
    text = "school_id wave race sex invited_n\n" + "\n".join(" ".join(row) for row in cells)
    back = "school_id wave race sex invited_n\n" + "\n".join(" ".join(row) for row in cells[::-1])
    answers = {id: f"{race} f" for id, race in RACES.items()}

    def read_both(text):
        lines = ANSWERS.strip().splitlines()
        table = "\n".join([f"{lines[0]} race sex", *(f"{x} {answers[x.split()[0]]}" for x in lines[1:])])
        params = asked(tmp_path, table, groups={"race": "race", "sex": "sex"})
        params.sources.invited = source(write_table(tmp_path / "invited.csv", text), "invited")
        return read_survey(params).invited

    found = read_both(text)
    assert found.columns.tolist() == ["school_id", "wave", "race", "sex", "invited_n", "start_year", "arm"]
    assert found["invited_n"].sum() == 2 * 25 + 7
    pd.testing.assert_frame_equal(found, read_both(back))


@pytest.mark.parametrize("name", ["lakeshore", "riverbend"])
def test_the_shipped_lists_by_race_hold_for_each_race(root, name):
    """Nobody of any race answered uninvited, and the races of those invited are those of the students."""
    survey = read_survey(read_params(root / f"params/{name}.yml"))
    keys = ["school_id", "wave", "race"]
    answered = survey.frame.groupby(keys).size().rename("answers_n").reset_index()
    both = answered.merge(survey.invited, on=keys, how="left")
    assert (both["answers_n"] <= both["invited_n"]).all()
    assert not [w for w in survey.warnings if "invited" in w.where]
    recipe = yaml.safe_load((root / f"data/reference/recipes/{name}.yml").read_text())
    shares = survey.invited.groupby("race")["invited_n"].sum() / survey.invited["invited_n"].sum()
    schools = survey.invited["school_id"].nunique()
    for race, share in recipe["groups"]["shares"].items():
        spread = np.sqrt(share * (1 - share) / (recipe["groups"]["alike"] + 1) / schools)
        assert shares[race] == pytest.approx(share, abs=4 * spread)


@pytest.mark.parametrize("name", ["lakeshore", "riverbend", "prairie"])
def test_the_shipped_lists_count_everybody_who_was_asked(root, name):
    """From the files alone: nobody answered uninvited, and about as many answered as the recipe says."""
    recipe = yaml.safe_load((root / f"data/reference/recipes/{name}.yml").read_text())["survey"]
    paths = read_params(root / f"params/{name}.yml").source_paths()
    with paths["invited"].open(newline="") as file:
        invited = Counter()
        for row in csv.DictReader(file):
            invited[row["school_id"], row["wave"]] += int(row["invited_n"])
    with paths["survey"].open(newline="") as file:
        people = {(row["school_id"], row["wave"], row["respondent_id"]) for row in csv.DictReader(file)}
    answered = Counter((school, wave) for school, wave, _ in people)
    assert set(answered) == set(invited)
    assert all(answered[key] <= n for key, n in invited.items())
    assert max(invited.values()) == recipe["invited"]
    rate = sum(answered.values()) / sum(invited.values())
    spread = recipe["response"]["sd"] / np.sqrt(len(invited)) + 0.5 / np.sqrt(sum(invited.values()))
    assert rate == pytest.approx(recipe["response"]["mean"], abs=4 * spread)


def test_a_small_school_invites_all_it_has(root):
    from rpeval.inputs import simulate

    recipe = yaml.safe_load((root / "data/reference/recipes/prairie.yml").read_text())
    recipe["survey"]["invited"] = 10**6
    instrument = yaml.safe_load((root / "data/reference/instruments/rpeval_belonging.yml").read_text())
    drawn = simulate.study(recipe, instrument)
    waves = [int(wave[:4]) for wave in recipe["survey"]["waves"]]
    enrolled = drawn.students[np.isin(drawn.district.years[drawn.students["year_no"]], waves)]
    assert drawn.invited.groupby("school_no").size().equals(enrolled.groupby("school_no").size())
