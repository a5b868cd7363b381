"""What a difference-in-differences design refuses, sets aside and keeps."""

import math

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation


def table(text: str) -> pd.DataFrame:
    """Read a small panel: one line per school: id, start (- = never), one outcome per year from 2016."""
    rows = []
    for line in text.strip().splitlines():
        school, start, *values = line.split()
        for year, value in enumerate(values, start=2016):
            if value != "x":
                rows.append(
                    (school, f"School {school}", year, start, math.nan if value == "." else float(value))
                )
    frame = pd.DataFrame(rows, columns=["school_id", "school_name", "year", "start_year", "oss"])
    return frame.assign(start_year=pd.to_numeric(frame.start_year.replace("-", None)))


GOOD = """
a 2018 9 8 5 5
b 2019 7 7 7 4
c -    6 5 5 6
d -    4 4 3 3
"""


def refusal(frame: pd.DataFrame, **names) -> str:
    with pytest.raises(MethodError) as caught:
        lay_out(frame, outcome="oss", **names)
    assert all(problem.fix.endswith(".") and problem.what.endswith(".") for problem in caught.value.problems)
    return str(caught.value)


def test_a_good_panel_is_laid_out_in_order_of_id_and_year():
    design = lay_out(table(GOOD).sample(frac=1, random_state=1), outcome="oss")
    assert design.units == ("a", "b", "c", "d")
    assert design.names[0] == "a (School a)"
    assert design.times.tolist() == [2016, 2017, 2018, 2019]
    assert design.Y[1].tolist() == [7, 7, 7, 4]
    assert design.treated.sum(axis=1).tolist() == [2, 1, 0, 0]
    assert design.cohorts == (2018, 2019)
    assert design.event[1].tolist() == [-3, -2, -1, 0]
    assert design.notes == ()


def test_no_adoption_list():
    frame = table(GOOD)
    assert "No adoption list" in refusal(frame.drop(columns="start_year"))
    assert "No adoption list" in refusal(frame.assign(start_year=np.nan))
    assert "sources.adoption" in refusal(frame.assign(start_year=np.nan))


def test_no_school_starts_within_the_years():
    assert "No school starts within 2016-17 to 2019-20" in refusal(
        table("a 2025 1 2 3\nb 2025 2 1 3 4\nc - 2 2 3 1")
    )


def test_one_adopting_school_is_named_and_refused_with_a_remedy():
    text = refusal(table("a 2018 9 8 5\nc - 6 5 5\nd - 4 4 3"))
    assert "Only one adopting school (a (School a))" in text
    assert "Add adopting schools" in text


def test_a_year_without_comparison_is_named():
    text = refusal(table("a 2018 9 8 5 5\nb 2019 7 7 7 4"))
    assert "in the program in 2019-20" in text
    assert "years.leave_out" in text


def test_all_adopting_schools_always_in_the_program():
    text = refusal(table("a 2016 9 8 5\nb 2010 7 7 4\nc - 6 5 5\nd - 4 4 3"))
    assert "Every adopting school was in the program in every year seen" in text
    assert "a (School a), b (School b)" in text


def test_a_school_always_in_the_program_is_set_aside_with_a_counted_note():
    frame = pd.concat([table(GOOD), table("z 2012 50 1 50 9").assign(school_id="z")])
    estimate = att_imputation(lay_out(frame, outcome="oss"))
    assert estimate.value == att_imputation(lay_out(table(GOOD), outcome="oss")).value
    assert "1 school already in the program in every year observed set aside" in estimate.method
    assert estimate.clusters == 4


def test_missing_outcomes_leave_school_years_and_schools_out_with_a_count():
    design = lay_out(table(GOOD + "e - . . . .\nf - 3 . 3 x"), outcome="oss")
    assert design.units == ("a", "b", "c", "d", "f")
    assert design.notes == (
        "5 school-years without an outcome or with zero weight left out",
        "1 school never observed set aside",
    )
    assert design.observed[4].tolist() == [True, False, True, False]


def test_fewer_than_two_years_before_every_start():
    text = refusal(table("a 2017 9 8 5\nb 2017 7 7 4\nc - 6 5 5\nd - 4 4 3"))
    assert "No adopting school has two untreated years before its start (2017-18)" in text


def test_one_cohort_with_two_years_before_carries_another_with_one():
    assert lay_out(table("a 2017 9 8 5\nb 2018 7 7 4\nc - 6 5 5\nd - 4 4 3"), outcome="oss").cohorts == (
        2017,
        2018,
    )


def test_a_start_that_varies_within_a_school_is_named():
    frame = table(GOOD)
    frame.loc[1, "start_year"] = 2019
    frame.loc[5, "start_year"] = np.nan
    assert "varies within 2 schools: a (School a), b (School b)" in refusal(frame)


def test_school_years_that_appear_twice_are_named():
    frame = table(GOOD)
    assert "1 school-year more than once: a in 2017-18" in refusal(pd.concat([frame, frame.iloc[[1]]]))


def test_years_and_starts_must_be_numbers():
    frame = table(GOOD)
    text = refusal(frame.assign(year=["2016-17", "2017-18", "2018-19", "2019-20"] * 4))
    assert 'Give the calendar year in which the school year starts: 2018 for "2018-19"' in text
    assert "whose start is not a year (2018.5)" in refusal(frame.assign(start_year=2018.5))
    assert "whose start is not a year (fall 2018)" in refusal(frame.assign(start_year="fall 2018"))
    assert "leave it empty for schools that never started" in refusal(
        frame.assign(start_year=frame.start_year.fillna(0))
    )


def test_problems_of_the_frame_come_together():
    frame = table(GOOD).assign(start_year=2018.5, oss="low")
    frame.loc[0, "school_id"] = None
    with pytest.raises(MethodError) as caught:
        lay_out(frame, outcome="oss")
    assert [p.where for p in caught.value.problems] == ["panel: school_id", "panel: start_year", "panel: oss"]


def test_columns_that_are_not_there_are_named_together():
    with pytest.raises(MethodError) as caught:
        lay_out(table(GOOD), outcome="iss", weights="enrolled_n")
    assert [p.where for p in caught.value.problems] == ["panel: iss", "panel: enrolled_n"]


def test_an_outcome_that_never_varies():
    assert "The outcome is 3 in every school-year" in refusal(table(GOOD).assign(oss=3.0))


def test_weights_must_be_usable_where_there_is_an_outcome():
    frame = table(GOOD).assign(enrolled_n=100.0)
    frame.loc[[0, 3], "enrolled_n"] = [-1, np.nan]
    assert "2 school-years with an outcome and no usable weight: a" in refusal(frame, weights="enrolled_n")


def test_schools_that_share_no_untreated_year():
    text = refusal(
        table("a 2018 9 8 x x\nb 2021 7 7 x x x 4\nc - x x 6 5 5 5\nd - x x 4 4 3 3\ne 2020 3 2 x x 5")
    )
    assert "2 groups of schools that share no year" in text


def test_an_estimate_that_rests_on_one_school_names_it():
    frame = table("a 2018 9 8 5 5\nb 2019 7 7 7 4\nc - 6 5 5 6")
    with pytest.raises(MethodError, match=r"without c \(School c\) it cannot be made"):
        att_imputation(lay_out(frame, outcome="oss"))


def test_a_year_only_one_untreated_school_saw_does_not_stand_in_the_way():
    frame = pd.concat([table(GOOD), table("e - 3 4 3 2 8")])
    assert att_imputation(lay_out(frame, outcome="oss")).clusters == 5
