"""The federal rule by hand: thresholds, minimums, the alternate ratio, years, progress, distance in children."""

import math
from pathlib import Path

import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.inputs.rules import read_state_rules
from rpeval.methods.disparity.significant import CATEGORIES, GROUPS, significant_disproportionality

ROOT = Path(__file__).resolve().parents[3]
RULE = {"thresholds": dict.fromkeys(CATEGORIES, 3.0), "cell": 10, "n": 30, "years": 3}


def counts(*rows, category="removals"):
    """Rows of year, group, children with the outcome, children."""
    frame = pd.DataFrame(rows, columns=["year", "group", "cell_n", "of_n"])
    return frame.assign(category=category)


def judge(frame, **options):
    made = significant_disproportionality(frame, **(RULE | options))
    return made.set_index(["year", "group"])


def test_the_fourteen_categories_and_seven_groups():
    assert (len(CATEGORIES), len(GROUPS)) == (14, 7)


@pytest.mark.parametrize("cells", [(18, 120, 5_000, 100_000), (13, 30, 13, 90)])
def test_a_ratio_that_meets_the_threshold_does_not_exceed_it(cells):
    """Both are 3 exactly; in floating point arithmetic the first is below it and the second above."""
    a, n, other, others = cells
    assert ((a / n) / (other / others) > 3.0) == (a == 13)
    row = judge(counts((2018, "Black", a, n), (2018, "White", other, others))).loc[(2018, "Black")]
    assert (row["ratio"], row["above"], row["more_n"]) == (3.0, False, 1)
    row = judge(counts((2018, "Black", a + 1, n), (2018, "White", other, others))).loc[(2018, "Black")]
    assert (bool(row["above"]), row["fewer_n"]) == (True, 1)
    assert math.isnan(row["more_n"])


def test_the_comparison_is_all_other_groups():
    frame = counts((2018, "Black", 30, 100), (2018, "Hispanic", 12, 150), (2018, "White", 18, 250))
    row = judge(frame).loc[(2018, "Black")]
    assert row["ratio"] == pytest.approx(0.30 / (30 / 400))
    assert row["kind"] == "risk ratio"
    assert row["fewer_n"] == 8  # 22 of 100 is 2.93, 23 would be 3.07


@pytest.mark.parametrize(("cell", "of", "fewer"), [(40, 100, 10), (31, 100, 1), (12, 30, 3), (11, 30, 2)])
def test_the_distance_is_what_a_recount_finds(cell, of, fewer):
    """Taking children away one at a time until "above" ends; the others' risk is 1 in 10 throughout."""
    frame = counts((2018, "Black", cell, of), (2018, "White", 30, 300))
    row = judge(frame).loc[(2018, "Black")]
    assert row["fewer_n"] == fewer
    for taken in range(fewer + 1):
        again = counts((2018, "Black", cell - taken, of), (2018, "White", 30, 300))
        above = judge(again).loc[(2018, "Black"), "above"]
        assert (above is not pd.NA and bool(above)) == (taken < fewer)


def test_no_calculation_below_the_groups_minimums():
    frame = counts((2018, "Black", 9, 100), (2018, "Asian", 12, 29), (2018, "White", 50, 500))
    made = judge(frame)
    for group in ("Black", "Asian"):
        assert math.isnan(made.loc[(2018, group), "ratio"])
        assert made.loc[(2018, group), "rule"].startswith("not calculated: the group has under 10")
        assert made.loc[(2018, group), "above"] is pd.NA
        assert not made.loc[(2018, group), "flagged"]


def test_the_alternate_ratio_only_where_the_others_here_are_too_few():
    here = counts((2018, "Black", 18, 120), (2018, "White", 2, 25))
    state = counts((2018, "Black", 4_000, 20_000), (2018, "White", 4_500, 100_000))
    row = judge(here, state=state).loc[(2018, "Black")]
    assert row["kind"] == "alternate risk ratio"
    assert row["ratio"] == pytest.approx((18 / 120) / (4_500 / 100_000))
    assert row["fewer_n"] == 2  # 16 of 120 over .045 is 2.96
    alone = judge(here).loc[(2018, "Black")]
    assert alone["rule"] == "not calculated: the others are too few, and the state's counts are not given"
    small = judge(here, state=counts((2018, "Black", 40, 200), (2018, "White", 9, 100))).loc[(2018, "Black")]
    assert small["rule"] == "not calculated: the others are too few, also in the state"
    enough = counts((2018, "Black", 18, 120), (2018, "White", 20, 250))
    assert judge(enough, state=state).loc[(2018, "Black"), "kind"] == "risk ratio"


def over_years(*cells, start=2016):
    rows = [(start + k, "Black", cell, 100) for k, cell in enumerate(cells)]
    return counts(*rows, *[(start + k, "White", 30, 300) for k in range(len(cells))])


def test_a_flag_needs_consecutive_years():
    made = judge(over_years(40, 35, 31, 25, 33)).xs("Black", level="group")
    assert made["years_above"].tolist() == [1, 2, 3, 0, 1]
    assert made["flagged"].tolist() == [False, False, True, False, False]
    assert judge(over_years(40, 35), years=1).xs("Black", level="group")["flagged"].tolist() == [True, True]


def test_a_missing_year_and_an_uncalculated_year_break_the_run():
    gap = over_years(40, 40, 40, 40)
    gap = gap[gap["year"] != 2018]
    assert judge(gap).xs("Black", level="group")["years_above"].tolist() == [1, 2, 1]
    small = over_years(40, 40, 9, 40)
    assert judge(small).xs("Black", level="group")["years_above"].tolist() == [1, 2, 0, 1]


def test_progress_in_each_of_the_last_two_years_spares_the_flag():
    """Ratios 5.0, 4.5, 4.2: falls of .5 and .3."""
    made = judge(over_years(50, 45, 42), progress_fall=0.3).xs("Black", level="group")
    assert made["progress"].tolist() == [pd.NA, pd.NA, True]
    assert not made["flagged"].iloc[-1]
    strict = judge(over_years(50, 45, 42), progress_fall=0.31).xs("Black", level="group")
    assert strict["progress"].iloc[-1] == False  # noqa: E712
    assert strict["flagged"].iloc[-1]
    once = judge(over_years(50, 45, 46), progress_fall=0.3).xs("Black", level="group")
    assert once["flagged"].iloc[-1]
    assert judge(over_years(50, 45, 42)).xs("Black", level="group")["progress"].isna().all()


def test_an_unknown_count_stops_the_ratios_it_enters():
    frame = counts((2018, "Black", 30, 100), (2018, "Asian", float("nan"), 20), (2018, "White", 18, 250))
    made = judge(frame)
    assert made.loc[(2018, "Black"), "rule"] == "not calculated: another group's count is unknown"
    assert made.loc[(2018, "Asian"), "rule"] == "not calculated: the group's count is unknown"


def test_categories_keep_apart_and_rows_may_come_in_any_order():
    frame = pd.concat([over_years(40, 35, 31), over_years(20, 20, 20).assign(category="oss_over_10")])
    made = significant_disproportionality(frame, **RULE)
    assert made.groupby("category")["flagged"].sum().to_dict() == {"oss_over_10": 0, "removals": 1}
    pd.testing.assert_frame_equal(
        made, significant_disproportionality(frame.sample(frac=1, random_state=2), **RULE)
    )


def test_refusals():
    frame = over_years(40)
    with pytest.raises(MethodError, match="Unknown categories: lunch"):
        judge(frame.assign(category="lunch"))
    with pytest.raises(MethodError, match="Categories without a threshold: removals"):
        judge(frame, thresholds={"autism": 3.0})
    with pytest.raises(MethodError, match="Unknown groups: Martian"):
        judge(frame.replace({"group": {"Black": "Martian"}}))
    with pytest.raises(MethodError, match="More children with the outcome than there are: removals"):
        judge(over_years(101))


def test_a_states_rules_are_what_the_method_asks_for():
    rules = read_state_rules(ROOT, "wisconsin")
    made = significant_disproportionality(over_years(40, 35, 31), **rules.rule)
    assert made.query("group == 'Black'")["flagged"].tolist() == [False, False, True]
