"""People's numbers by hand: which average is multiplied by what, and how wide it is."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.recovered import recovered


def study(sizes, effects, starts, *, others=4, years=6, noise=0.0, seed=0):
    """Schools of fixed size around a level; in the program, each loses its own number per 100."""
    rng = np.random.default_rng(seed)
    G = len(sizes) + others
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(G)], years)})
    frame["year"] = np.tile(np.arange(2014, 2014 + years), G)
    frame["start_year"] = np.repeat([*map(float, starts), *[np.nan] * others], years)
    frame["enrolled_n"] = np.repeat([*map(float, sizes), *[400.0] * others], years)
    change = np.repeat([*effects, *[0.0] * others], years) * (frame.year >= frame.start_year)
    level = np.repeat(rng.uniform(8, 12, G), years) + 0.3 * (frame.year - 2014)
    return frame.assign(oss_per_100=level + change + noise * rng.normal(size=len(frame)))


def test_suspensions_averted_are_counted_school_by_school():
    """900 students lose 4 per 100 for 2 years, 100 students 1 per 100 for 3: 72 and 3 suspensions."""
    frame = study([900, 100], [-4.0, -1.0], [2018, 2017])
    design = lay_out(frame, outcome="oss_per_100", weights="enrolled_n")
    found = recovered(design, att_imputation(design))
    assert found.total.value == pytest.approx(72 + 3)
    assert found.per_year.value == pytest.approx(75 / 3)  # 2017-18 to 2019-20
    assert (found.student_years, found.school_years_n, found.years_n) == (2100.0, 5, 3)
    assert (found.total.unit, found.per_year.unit) == ("suspensions", "suspensions per year")
    by_school = lay_out(frame, outcome="oss_per_100")
    assert -att_imputation(by_school).value * 2100 / 100 == pytest.approx(
        11 / 5 * 21
    )  # 46: the wrong average


def test_suspensions_added_are_below_zero_and_the_interval_turns_with_the_sign():
    frame = study([500] * 5, [2.0] * 5, [2017] * 5, noise=0.5, seed=1)
    design = lay_out(frame, outcome="oss_per_100", weights="enrolled_n")
    att = att_imputation(design)
    found = recovered(design, att, what="days of instruction")
    students = 5 * 500 * 3
    assert found.total.low < found.total.value < 0
    assert (found.total.low, found.total.high) == pytest.approx(
        (-att.high * students / 100, -att.low * students / 100)
    )
    assert (found.total.se, found.total.p) == pytest.approx((att.se * students / 100, att.p))
    assert found.per_year.high == pytest.approx(found.total.high / 3)
    assert found.per_year.unit == "days of instruction per year"
    assert "times 7,500 student-years" in found.per_year.method


def test_school_years_without_an_outcome_count_nothing():
    frame = study([500, 300], [-2.0, -2.0], [2018, 2018])
    frame.loc[(frame.school_id == "00") & (frame.year == 2019), "oss_per_100"] = np.nan
    design = lay_out(frame, outcome="oss_per_100", weights="enrolled_n")
    found = recovered(design, att_imputation(design))
    assert found.student_years == 500 + 300 + 300
    assert found.total.value == pytest.approx(22)


def test_the_interval_holds_the_planted_number_as_often_as_it_says():
    """Schools of 150 to 900 students with effects of their own; what the study's own schools were spared."""
    sizes, effects = [900, 700, 500, 300, 200, 150], [-3.0, -2.5, -2.0, -1.5, -1.0, -0.5]
    truth = sum(size * 3 * -own / 100 for size, own in zip(sizes, effects, strict=True))
    draws, held, values = 300, 0, []
    for seed in range(draws):
        frame = study(sizes, effects, [2017] * 6, others=10, noise=1.0, seed=seed)
        design = lay_out(frame, outcome="oss_per_100", weights="enrolled_n")
        total = recovered(design, att_imputation(design)).total
        values.append(total.value)
        held += total.low <= truth <= total.high
    assert abs(np.mean(values) - truth) < 3 * np.std(values) / np.sqrt(draws)
    assert held / draws > 0.95 - 3 * np.sqrt(
        0.05 * 0.95 / draws
    )  # effects that differ widen it: it may hold more


def test_an_average_over_schools_and_another_study_are_refused():
    frame = study([500, 300], [-3.0, -1.0], [2018, 2018])
    by_school = lay_out(frame, outcome="oss_per_100")
    by_student = lay_out(frame, outcome="oss_per_100", weights="enrolled_n")
    with pytest.raises(MethodError, match="not that on the average student"):
        recovered(by_school, att_imputation(by_school))
    with pytest.raises(MethodError, match=r"The effect given is -2; .* 4 treated school-years is -2.25."):
        recovered(by_student, att_imputation(by_school))
