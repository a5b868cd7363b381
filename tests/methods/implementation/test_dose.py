"""Dose, reach and answers: by hand, and what is unknown stays unknown."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.dose import answers, dose, reach, silent, whole_reach
from rpeval.methods.implementation.program_years import in_program, share

FIVE = [
    "restorative_language",
    "restorative_conversation",
    "community_circle",
    "repairing_circle",
    "community_conference",
]


def schools(ids="abc", years=(2017, 2018, 2019)):
    rows = [(s, f"School {s}", y, np.nan if s == "c" else 2018.0, 200.0) for s in ids for y in years]
    return pd.DataFrame(rows, columns=["school_id", "school_name", "year", "start_year", "enrolled_n"])


def log(*rows):
    columns = [
        "school_id",
        "year",
        "practice",
        "tier",
        "events_n",
        "minutes",
        "students_n",
        "staff_n",
        "agreement",
        "completed",
    ]
    return pd.DataFrame(rows, columns=columns)


LOG = log(
    ("a", 2018, "community_circle", 1, 45.0, 20.0, 20.0, 1.0, "", ""),
    ("a", 2018, "restorative_language", 1, 6.0, np.nan, np.nan, np.nan, "", ""),
    ("a", 2019, "community_circle", 1, 90.0, 20.0, 20.0, 1.0, "", ""),
    ("a", 2019, "repairing_circle", 2, 1.0, 60.0, 5.0, 2.0, "yes", "yes"),
    ("b", 2019, "community_conference", 3, 1.0, 60.0, 4.0, 2.0, "yes", "no"),
    ("b", 2019, "community_conference", 3, 1.0, 60.0, 4.0, 2.0, "yes", ""),
    ("b", 2019, "community_conference", 3, 1.0, 60.0, 4.0, 2.0, "no", ""),
)  # fmt: skip


def test_dose_by_hand():
    classes = schools().assign(classes_n=10.0)
    made = dose(LOG, schools(), months=9, classes=classes).set_index(["school_id", "year"])
    assert made.loc[("a", 2018), "circles_per_class_month"] == pytest.approx(0.5)
    assert made.loc[("a", 2019), "circles_per_100_month"] == pytest.approx(90 / 2 / 9)
    assert made.loc[("a", 2018), "minutes_per_student"] == pytest.approx(45 * 20 * 20 / 200)
    assert made.loc[("a", 2019), "student_hours"] == pytest.approx((90 * 400 + 300) / 60)
    assert made.loc[("a", 2018), "known_percent"] == 100  # language takes no time, so it is not missing


def test_no_log_is_unknown_and_an_empty_year_is_zero():
    made = dose(LOG, schools(), months=9).set_index(["school_id", "year"])
    assert made.loc[("b", 2018), ["events_n", "minutes_per_student"]].tolist() == [0, 0]
    assert made.loc["c", "events_n"].isna().all()
    assert made.loc[("a", 2017), "events_n"] != made.loc[("a", 2017), "events_n"]  # before the log began
    assert made["circles_per_class_month"].isna().all()  # nobody says how many classes there are
    assert silent(made.reset_index())[["school_id", "year", "why"]].values.tolist() == [
        ["b", 2018, "no entry"]
    ]


@pytest.mark.parametrize(("lacking", "expected"), [(2, 100.0), (3, np.nan)])
def test_few_unknown_minutes_are_made_up_for_and_many_are_not(lacking, expected):
    rows = [
        ("a", 2018, "community_circle", 1, 1.0, np.nan if k < lacking else 100.0, 20.0, 1.0, "", "")
        for k in range(10)
    ]
    made = dose(log(*rows), schools("a"), months=9).set_index("year")
    assert made.loc[2018, "minutes_per_student"] == pytest.approx(expected, nan_ok=True)


def test_doubling_events_doubles_dose_and_students_halve_it():
    classes = schools().assign(classes_n=10.0)
    one, two = (
        dose(LOG.assign(events_n=LOG["events_n"] * k), schools(), months=9, classes=classes) for k in (1, 2)
    )
    for column in ("circles_per_class_month", "minutes_per_student", "circles_per_100_month"):
        assert (two[column].dropna() == 2 * one[column].dropna()).all()
    more = dose(LOG, schools().assign(enrolled_n=400.0), months=9)
    assert more["minutes_per_student"].dropna().tolist() == pytest.approx(
        (one["minutes_per_student"].dropna() / 2).tolist()
    )


def test_row_order_does_not_matter():
    mixed = dose(LOG.sample(frac=1, random_state=2), schools().sample(frac=1, random_state=3), months=9)
    pd.testing.assert_frame_equal(mixed, dose(LOG, schools(), months=9))


def test_reach_by_practice_and_tier():
    made = reach(LOG, schools(), by="practice", of={name: name for name in FIVE}).set_index("name")
    assert made["of_n"].tolist() == [2] * 5
    assert made["schools_n"].tolist() == [0, 0, 1, 1, 1]  # language was in 2018 alone
    assert made["share_of_hours"].sum() == pytest.approx(100)
    tiers = reach(LOG, schools(), by="tier", of={1: "1", 2: "2", 3: "3"})
    assert tiers["percent"].tolist() == [50, 50, 50]
    assert whole_reach(LOG, schools(), of=FIVE) == (0, 2)
    assert whole_reach(LOG, schools(), of=["community_circle", "repairing_circle"]) == (1, 2)


def test_agreements_of_unknown_end_are_counted_apart():
    made = answers(LOG, column="completed", among="agreement")
    assert made[["yes_n", "known_n", "unknown_n"]].sum().tolist() == [1, 2, 1]
    found = share(made, count="yes_n", base="known_n", what="agreements")
    assert found.value == 50
    assert (found.low, found.high) == (0, 100)  # two schools say little, and a share has ends


def test_what_is_not_there_is_refused_in_words():
    with pytest.raises(MethodError, match="names no file with a log of practices"):
        dose(None, schools(), months=9)
    with pytest.raises(MethodError, match="does not say which schools adopted"):
        in_program(schools().drop(columns="start_year"))
    with pytest.raises(MethodError, match="has no voluntary"):
        answers(LOG, column="voluntary")
    with pytest.raises(MethodError, match="logged anything in the last year"):
        reach(LOG[LOG["year"] < 2019], schools(), by="tier", of={1: "1"})
