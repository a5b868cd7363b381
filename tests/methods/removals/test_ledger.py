"""The removal ledger: sums by hand, and the planted substitution of the simulated study recovered."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.findings.verdicts import judge_substitution
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.removals import read_removals
from rpeval.inputs.truth import read_truth
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation, leave_one_out
from rpeval.methods.removals import ledger

TWO = pd.DataFrame(
    [  # school, year, start, arm, enrolled, kind, events, hours
        ("a", 2017, 2018.0, "adopting", 100.0, "out_of_school", 4.0, 40.0),
        ("a", 2017, 2018.0, "adopting", 100.0, "in_school", 1.0, 6.0),
        ("a", 2018, 2018.0, "adopting", 200.0, "out_of_school", 2.0, 20.0),
        ("a", 2018, 2018.0, "adopting", 200.0, "in_school", 5.0, 30.0),
        ("b", 2017, np.nan, "comparison", 50.0, "out_of_school", 1.0, 10.0),
        ("b", 2017, np.nan, "comparison", 50.0, "in_school", 2.0, np.nan),
        ("b", 2018, np.nan, "comparison", 50.0, "out_of_school", 2.0, 25.0),
        ("b", 2018, np.nan, "comparison", 50.0, "in_school", 0.0, 0.0),
    ],
    columns=["school_id", "year", "start_year", "arm", "enrolled_n", "kind", "events_n", "hours"],
)


@pytest.fixture(scope="module")
def riverbend(root):
    params = read_params(root / "params/riverbend.yml")
    return params, read_removals(params, read_panel(params))


def test_rates_by_hand_and_an_unknown_part_is_unknown():
    rates = ledger.hour_rates(TWO).set_index(["school_id", "year"])
    assert rates.loc[("a", 2017), ["out_of_school", "in_school", "other", "total"]].tolist() == [40, 6, 6, 46]
    assert rates.loc[("a", 2018), ["out_of_school", "in_school", "other", "total"]].tolist() == [
        10,
        15,
        15,
        25,
    ]
    assert rates.loc[("b", 2017), "out_of_school"] == 20
    assert rates.loc[("b", 2017), ["in_school", "other", "total"]].isna().all()
    assert rates.loc[("b", 2018), "total"] == 50


def test_a_kind_without_hours_anywhere_has_no_column():
    police = TWO[TWO["kind"] == "in_school"].assign(kind="police_referral", hours=np.nan)
    both = pd.concat([TWO, police])
    rates = ledger.hour_rates(both)
    assert "police_referral" not in rates
    assert rates["total"].notna().sum() == 3
    table = ledger.coverage(both, unseen=["transfer"]).set_index("kind")
    assert table.index[0] == "out_of_school"
    assert table.loc["police_referral", ["seen", "events_n"]].tolist() == ["yes", 8]
    assert np.isnan(table.loc["police_referral", "hours"])
    assert table.loc["transfer", "seen"] == "no"


def test_without_hours_out_of_school_there_is_no_ledger():
    with pytest.raises(MethodError, match="No hours of out-of-school"):
        ledger.hour_rates(TWO.assign(hours=np.nan))


def test_before_and_after_by_hand():
    table = ledger.before_after(TWO)
    assert table.attrs["years"] == {"before": ("2017-18",), "after": ("2018-19",)}
    assert table["kind"].tolist() == ["out_of_school", "out_of_school", "in_school", "in_school"]
    rows = table.set_index(["kind", "arm"])
    assert rows.loc[("out_of_school", "adopting"), ["events_before", "events_after"]].tolist() == [4.0, 1.0]
    assert rows.loc[("out_of_school", "adopting"), "change"] == -30
    assert rows.loc[("in_school", "adopting"), "change"] == 9
    assert np.isnan(rows.loc[("in_school", "comparison"), "change"])
    assert rows.loc[("in_school", "comparison"), "events_before"] == 4


@pytest.mark.parametrize(("change", "told"), [
    ({"start_year": np.nan}, "No adoption list"), ({"start_year": 2017.0}, "before the program"),
    ({"start_year": 2019.0}, "after the program"),
])  # fmt: skip
def test_before_and_after_need_years_on_both_sides(change, told):
    with pytest.raises(MethodError, match=told):
        ledger.before_after(TWO.assign(**change))


def test_the_order_of_rows_does_not_matter():
    mixed = TWO.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(ledger.hour_rates(mixed), ledger.hour_rates(TWO))
    pd.testing.assert_frame_equal(ledger.before_after(mixed), ledger.before_after(TWO))


def share_of(rates, kind):
    designs = {name: lay_out(rates, outcome=name) for name in (kind, "out_of_school")}
    effects = {name: att_imputation(design) for name, design in designs.items()}
    left = {name: leave_one_out(design) for name, design in designs.items()}
    return effects, ledger.substitution(
        effects[kind], effects["out_of_school"], other_left_out=left[kind], out_left_out=left["out_of_school"]
    )


def test_riverbend_took_back_what_was_planted(riverbend):
    params, removals = riverbend
    truth = {id: told["value"] for id, told in read_truth(params).items()}
    rates = ledger.hour_rates(removals.frame)
    for kind, id in (("in_school", ".in_school"), ("other", "")):
        effects, ratio = share_of(rates, kind)
        assert ratio.low < truth[f"removals.substitution{id}"] < ratio.high
        assert ratio.value == pytest.approx(-100 * effects[kind].value / effects["out_of_school"].value)
    for kind in ("out_of_school", "in_school", "early_release", "absence_after_incident", "total"):
        effect = att_imputation(lay_out(rates, outcome=kind))
        assert effect.low < truth[f"removals.{kind}.att"] < effect.high
    judged = judge_substitution(ratio, seen=ledger.others_seen(removals.frame))
    assert (judged.state, judged.capped) == ("substituted", True)


def test_the_planted_share_by_hand(root):
    """Hours that came back in expectation, in plain arithmetic from the recipe."""
    truth = {id: told["value"] for id, told in read_truth(read_params(root / "params/riverbend.yml")).items()}
    moved = -truth["suspensions.att"]
    fall, in_school = moved * 2.6 * 6.5, moved * 1.4 * 6.5
    home, away = 4.0 * (0.50 - 0.05) * 3.0, 4.0 * (0.35 - 0.06) * 6.5
    assert truth["removals.out_of_school.att"] == pytest.approx(-fall, abs=1e-3)
    assert truth["removals.substitution.in_school"] == pytest.approx(100 * 1.4 / 2.6, abs=1e-3)
    assert truth["removals.substitution"] == pytest.approx(100 * (in_school + home + away) / fall, abs=1e-2)


def test_nothing_is_taken_back_where_nothing_fell():
    names = pd.DataFrame({"school_id": ["a", "b"], "value": [1.0, 1.0]})
    with pytest.raises(MethodError, match="did not fall"):
        ledger.substitution(
            Estimate(1.0, se=1), Estimate(2.0, se=1), other_left_out=names, out_left_out=names
        )
