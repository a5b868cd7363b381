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


@pytest.mark.parametrize("name", ["lakeshore", "riverbend", "prairie"])
def test_the_shipped_lists_count_everybody_who_was_asked(root, name):
    """From the files alone: nobody answered uninvited, and about as many answered as the recipe says."""
    recipe = yaml.safe_load((root / f"data/reference/recipes/{name}.yml").read_text())["survey"]
    paths = read_params(root / f"params/{name}.yml").source_paths()
    with paths["invited"].open(newline="") as file:
        invited = {(row["school_id"], row["wave"]): int(row["invited_n"]) for row in csv.DictReader(file)}
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
