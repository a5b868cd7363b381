"""Training that stays: by hand, and what leaving and hiring do to it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.implementation.program_years import average, share
from rpeval.methods.implementation.training import by_year, coverage, last_day, turnover


def day(*when):
    return float((date(*when) - date(1970, 1, 1)).days)


SCHOOLS = pd.DataFrame(
    {"school_id": ["a", "a", "a", "b", "b", "b"], "year": [2018, 2019, 2020] * 2, "start_year": 2018.0}
)
# School a: 1 trained in two courses and stays; 2 the same and leaves in July 2019; 3 has the first course alone;
# 4 comes in August 2019 and is trained that fall; 5 has no course. School b: nobody is trained.
PEOPLE = pd.DataFrame(
    [("a", 1, np.nan, np.nan, day(2018, 9, 10), 8.0), ("a", 1, np.nan, np.nan, day(2018, 11, 5), 6.0),
     ("a", 2, np.nan, day(2019, 7, 10), day(2018, 9, 10), 8.0), ("a", 2, np.nan, day(2019, 7, 10), day(2018, 11, 5), 6.0),
     ("a", 3, np.nan, np.nan, day(2018, 9, 10), 8.0),
     ("a", 4, day(2019, 8, 12), np.nan, day(2019, 10, 1), 14.0),
     ("a", 5, np.nan, np.nan, np.nan, 0.0), ("b", 6, np.nan, np.nan, np.nan, 0.0)],
    columns=["school_id", "staff", "hired_day", "left_day", "day", "hours"],
)  # fmt: skip


def test_coverage_by_hand():
    made = coverage(PEOPLE, SCHOOLS, hours=12, roster=True)
    a = made[made["school_id"] == "a"]
    assert a["staff_n"].tolist() == [4, 4, 4]  # 2 gone and 4 come from 2019 on
    assert a["trained_n"].tolist() == [2, 2, 2]
    assert a["ever_n"].tolist() == [2, 3, 3]
    assert a["percent"].tolist() == [50, 50, 50]
    assert made[made["school_id"] == "b"]["trained_n"].tolist() == [0, 0, 0]


def test_hours_below_the_threshold_do_not_count():
    made = coverage(PEOPLE, SCHOOLS, hours=8, roster=True)
    assert made[made["school_id"] == "a"]["trained_n"].tolist() == [3, 3, 3]


def test_a_log_of_trained_people_needs_the_staff_of_another_file():
    log = PEOPLE[PEOPLE["hours"] > 0]
    assert coverage(log, SCHOOLS, hours=12, roster=False)["percent"].isna().all()
    staffing = SCHOOLS.assign(role="all_staff", staff_n=20.0)
    more = pd.concat([staffing, staffing.assign(role="coordinator", staff_n=1.0)])
    made = coverage(log, SCHOOLS, hours=12, roster=False, staffing=more)
    assert made["percent"].tolist() == [10, 10, 10, 0, 0, 0]
    with pytest.raises(MethodError, match=r"More trained staff than staff in 3 .*a in 2018-19"):
        coverage(log, SCHOOLS, hours=12, roster=False, staffing=staffing.assign(staff_n=1.0))


def test_a_course_without_a_date_counts_for_no_date():
    made = coverage(PEOPLE.assign(day=np.nan), SCHOOLS, hours=12, roster=True)
    assert made["trained_n"].sum() == 0


def test_turnover_by_hand():
    made = turnover(PEOPLE, SCHOOLS, roster=True).query("school_id == 'a'")
    assert made["there_n"].tolist() == [4, 4, 4]  # June 30: 1, 2, 3, 5; 2 leaves in July; then 4 has come
    assert made["left_n"].tolist() == [0, 1, 0]
    trained_only = turnover(PEOPLE[PEOPLE["hours"] > 0], SCHOOLS, roster=False).query("school_id == 'a'")
    assert trained_only["there_n"].tolist() == [0, 3, 3]
    assert trained_only["left_n"].tolist() == [0, 1, 0]


def test_a_planted_turnover_and_decay_are_recovered():
    """The rule: 40 schools of 50, all trained in fall 2018; 20 % leave each July, nobody who comes is trained."""
    rng, rows = np.random.default_rng(5), []
    for school in range(40):
        for person in range(50):
            left = next((y for y in (2019, 2020, 2021) if rng.random() < 0.2), None)
            gone = day(left, 7, 10) if left else np.nan
            rows.append((f"s{school:02d}", school * 50 + person, np.nan, gone, day(2018, 10, 1), 14.0))
    log = pd.DataFrame(rows, columns=PEOPLE.columns)
    schools = pd.DataFrame(
        [(f"s{s:02d}", y) for s in range(40) for y in (2018, 2019, 2020, 2021)], columns=["school_id", "year"]
    )
    staffing = schools.assign(role="all_staff", staff_n=50.0)
    made = coverage(log, schools, hours=12, roster=False, staffing=staffing)
    for year, planted in [(2018, 100), (2019, 80), (2020, 64), (2021, 51.2)]:
        found = made.loc[made["year"] == year, "percent"].mean()
        assert found == pytest.approx(planted, abs=4 * 100 * np.sqrt(0.25 / 2000))
    assert made.groupby("year")["ever_percent"].mean().tolist() == [100] * 4
    leaving = turnover(log, schools[schools["year"] > 2018], roster=False)
    found = share(leaving, count="left_n", base="there_n", what="leavers")
    assert found.low < 20 < found.high


def test_row_order_and_names_do_not_matter():
    one = coverage(PEOPLE, SCHOOLS, hours=12, roster=True)
    other = coverage(
        PEOPLE.sample(frac=1, random_state=1).assign(staff=PEOPLE["staff"] * 7),
        SCHOOLS[::-1],
        hours=12,
        roster=True,
    )
    pd.testing.assert_frame_equal(one, other)


def test_years_add_up():
    made = by_year(coverage(PEOPLE, SCHOOLS, hours=12, roster=True))
    assert made["staff_n"].tolist() == [5, 5, 5]
    assert made["percent"].tolist() == [40, 40, 40]


def test_the_end_of_a_school_year():
    assert last_day(2018) == day(2019, 6, 30)


def test_an_average_counts_schools_and_not_rows():
    rows = pd.DataFrame(
        {"school_id": ["a"] * 5 + ["b"] * 5 + ["c"] * 5, "x": [1.0] * 5 + [2.0] * 5 + [6.0] * 5}
    )
    found = average(rows, value="x", unit="", what="x")
    assert (found.value, found.clusters) == (3.0, 3)
    # three schools of equal size: the standard error of three means, 2 degrees of freedom
    assert found.se == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert found.df == pytest.approx(2)


def test_one_school_has_no_interval_and_nothing_known_is_refused():
    assert (
        average(pd.DataFrame({"school_id": ["a", "a"], "x": [1.0, 3.0]}), value="x", unit="", what="x").low
        is None
    )
    with pytest.raises(MethodError, match="nothing is known"):
        average(pd.DataFrame({"school_id": ["a"], "x": [np.nan]}), value="x", unit="", what="x")


def test_a_study_without_a_log_says_so():
    for made in (coverage, turnover):
        more = {"hours": 12} if made is coverage else {}
        with pytest.raises(MethodError, match="names no file with training"):
            made(None, SCHOOLS, roster=True, **more)
