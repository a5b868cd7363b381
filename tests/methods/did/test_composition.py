"""Who comes and goes, counted by hand; enrollment that changes with the program."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did.composition import composition, enrollment_change, presence
from rpeval.methods.did.design import lay_out


def draw(schools=12, adopters=4, years=6, *, growth=0.0, noise=0.02, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["school_name"] = "School " + frame.school_id
    frame["year"] = np.tile(np.arange(2014, 2014 + years), schools)
    frame["start_year"] = np.repeat([2017.0] * adopters + [np.nan] * (schools - adopters), years)
    size = np.repeat(rng.integers(200, 900, schools).astype(float), years)
    return frame.assign(
        enrolled_n=size
        * np.exp(rng.normal(0, noise, len(frame)))
        * (1 + growth * (frame.year >= frame.start_year))
    )


def laid_out(frame):
    return lay_out(frame, outcome="enrolled_n")


def without(frame, **gone):
    """Take out the given years of schools, named s00 and so on."""
    for school, years in gone.items():
        frame = frame[~((frame.school_id == school[1:]) & frame.year.isin(years))]
    return frame


def test_joiners_leavers_and_gaps_are_counted_by_arm():
    frame = without(
        draw(), s00=[2019], s03=[2014, 2016], s05=[2014, 2015], s06=[2018, 2019], s07=[2016], s08=[2014, 2019]
    )
    made = composition(laid_out(frame)).set_index("arm")
    assert made.loc["adopting"].to_dict() == {
        "schools_n": 4, "every_year_n": 2, "late_n": 1, "early_n": 1, "gap_n": 1, "school_years_n": 21,
    }  # fmt: skip
    assert made.loc["comparison"].to_dict() == {
        "schools_n": 8, "every_year_n": 4, "late_n": 2, "early_n": 2, "gap_n": 1, "school_years_n": 41,
    }  # fmt: skip
    assert made.school_years_n.sum() == len(frame)


def test_each_school_by_name():
    rows = presence(laid_out(without(draw(), s06=[2018, 2019]))).set_index("school")
    assert len(rows) == 12
    gone = rows.loc["06 (School 06)"]
    assert (gone.first_year, gone.last_year, gone.years_n) == (2014, 2017, 4)
    assert (gone.late, gone.early, gone.gap) == (False, True, False)
    assert rows.loc["00 (School 00)", "start_year"] == 2017


def test_an_adopting_school_that_closed_before_its_start_is_still_an_adopting_school():
    made = composition(laid_out(without(draw(), s00=[2017, 2018, 2019]))).set_index("arm")
    assert made.loc["adopting", ["schools_n", "early_n"]].tolist() == [4, 1]


def test_a_year_that_nobody_has_is_no_gap():
    frame = draw()
    made = composition(laid_out(frame[frame.year != 2016]))
    assert made.every_year_n.tolist() == [4, 8]


def test_a_missing_outcome_does_not_make_a_school_leave():
    frame = draw().assign(oss=1.0)
    frame.loc[frame.school_id == "05", "oss"] = np.nan
    assert composition(laid_out(frame)).every_year_n.tolist() == [4, 8]


def test_growth_is_found_in_percent_as_often_as_said():
    """A tenth more students with the program: 300 draws."""
    draws = 300
    found = [enrollment_change(laid_out(draw(growth=0.10, noise=0.05, seed=seed))) for seed in range(draws)]
    logs = np.log1p([e.value / 100 for e in found])
    assert abs(logs.mean() - np.log(1.1)) < 3 * logs.std() / np.sqrt(draws)
    missed = np.mean([not e.low <= 10 <= e.high for e in found])
    assert missed == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / draws))
    assert {e.unit for e in found} == {"percent"}


def test_enrollment_in_other_units_changes_by_the_same_percent():
    frame = draw(growth=0.1)
    one, ten = (enrollment_change(laid_out(frame.assign(enrolled_n=k * frame.enrolled_n))) for k in (1, 10))
    assert (ten.value, ten.low, ten.high, ten.se) == pytest.approx((one.value, one.low, one.high, one.se))


def test_a_school_year_without_students_is_refused_by_name():
    frame = draw()
    frame.loc[3, "enrolled_n"] = 0.0
    with pytest.raises(MethodError, match=r"1 school-year without students: 00 \(School 00\)"):
        enrollment_change(laid_out(frame))


def test_order_of_rows_does_not_matter():
    frame = without(draw(seed=2), s05=[2014])
    mixed = frame.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(composition(laid_out(frame)), composition(laid_out(mixed)))
    assert enrollment_change(laid_out(frame)) == enrollment_change(laid_out(mixed))
