"""Callaway–Sant'Anna against R did 2.5.1, by hand, and its jackknife by brute force."""

import math

import numpy as np
import pandas as pd
import pytest
from jackknife_by_hand import by_hand, starts_of

from rpeval.errors import MethodError
from rpeval.estimate import Refusal
from rpeval.methods.did.callaway import att_callaway, cohort_effects, overall, rows
from rpeval.methods.did.design import lay_out

# R did 2.5.1, aggte on castle (never-treated comparison): estimate, analytic standard error
CASTLE = {
    "att(2007,2001)": (0.00243382202917768, 0.072458972144482),
    "att(2007,2008)": (-0.044237638132626, 0.0529982887404186),
    "att(2009,2010)": (0.0339231601724138, 0.0465640463637483),
    "simple": (0.0194028161849954, 0.0383886460478295),
    "cohort": (0.0115278286433772, 0.0396183856151275),
    "cohort 2007": (0.00243857853514592, 0.0342773235193155),
    "cohort 2009": (0.12796729887931, 0.069381242432202),
    "year": (0.0589931117928955, 0.0291389939959488),
    "year 2008": (-0.0631326702222222, 0.0756117223172626),
    "event": (0.0590541802358621, 0.034329367818132),
    "event -6": (-0.0149105387948276, 0.0506960190614247),
    "event 0": (0.0143337563399015, 0.0605224026067894),
    "event 3": (0.000897511918719236, 0.0492908798865909),
}
# the same on mpdta, by comparison group and adjustment for lpop
MPDTA = {
    ("never", None): {
        "att(2004,2006)": (-0.137258738889404, 0.0364356642876861),
        "simple": (-0.039951275155177, 0.0120340127701854),
        "cohort": (-0.031018282228749, 0.0124460593209979),
        "year": (-0.0417004321312833, 0.0159718518845598),
        "event": (-0.0772398214573161, 0.0199649890618492),
        "event -3": (0.0305066555832921, 0.0150335602801301),
    },
    ("not_yet", None): {
        "att(2004,2006)": (-0.136274346328679, 0.0354033849689097),
        "simple": (-0.0397636256230444, 0.0120524247873419),
        "cohort": (-0.0304622281125656, 0.0125751201316818),
        "year": (-0.0442670834758847, 0.0155709044211448),
        "event": (-0.0773993139705857, 0.0195601769463942),
    },
    ("never", "doubly_robust"): {
        "att(2004,2006)": (-0.140448336820238, 0.0353781547042286),
        "simple": (-0.0417517720610815, 0.0115028381509289),
        "cohort": (-0.0328195971622414, 0.0118981787275488),
        "event": (-0.0803539497500553, 0.0189575572424329),
    },
    ("not_yet", "doubly_robust"): {
        "att(2004,2006)": (-0.138191822608428, 0.0342280372213182),
        "simple": (-0.0413516292999431, 0.0114278390819951),
        "event -3": (0.0269326529006586, 0.0139136259706739),
    },
    ("never", "regression"): {
        "att(2004,2006)": (-0.141080104628589, 0.0348362869536182),
        "simple": (-0.0419686124215439, 0.0114448297682151),
        "event": (-0.0807817453337625, 0.0187458547114754),
    },
}


# csdid 0.4.3, which equals R did 2.5.1 on all of the above to 1e-14
ANTICIPATION = {
    ("never", 1, False): {
        "att(2006,2005)": (-0.002750818750518986, 0.0195585610358816),
        "att(2006,2006)": (-0.007345425703382402, 0.022942862267558976),
        "att(2007,2007)": (-0.057141530108885626, 0.02021016321868602),
        "simple": (-0.04520554068373833, 0.016683131272141834),
        "cohort": (-0.049777513241324, 0.01738506098943827),
        "year": (-0.030703566816993814, 0.0170206513431239),
        "event": (-0.04473430442438983, 0.01861170760409476),
        "event -1": (-0.02445874497116946, 0.0142364022105193),
    },
    ("not_yet", 1, False): {
        "att(2006,2004)": (-0.0025625509426104084, 0.022530235145338886),
        "simple": (-0.04520554068373833, 0.016683131272141834),
        "event -3": (0.029759364761030537, 0.014533541638651445),
        "event -2": (-0.0026876842443605106, 0.013438812713492128),
        "event 0": (-0.045493318552042764, 0.01718025095182931),
    },
    ("not_yet", 2, False): {
        "att(2006,2005)": (0.0037692936737144197, 0.03134202760181593),
        "att(2007,2006)": (-0.03381301227580496, 0.021129174924312627),
        "simple": (-0.044425839139390286, 0.020583692688433967),
        "event": (-0.041755790525465825, 0.024438592310193828),
        "event -1": (-0.025021829597554814, 0.018118920697401314),
    },
    ("not_yet", 1, True): {
        "att(2006,2004)": (-0.007455236111947441, 0.021835715405796128),
        "att(2006,2007)": (-0.0474963901679778, 0.025767941570901322),
        "simple": (-0.04552849648860815, 0.016626664487886814),
        "year": (-0.03009710034570852, 0.017580465983790233),
        "event -2": (-0.005249942774852658, 0.013001523806306819),
    },
}


# diff-diff 3.13.0 on mpdta without the rows whose 7 county + year is divisible by 31, never-treated comparison
UNBALANCED = {
    "att(2004,2004)": (-0.009790650127912193, 0.02446275050913483),
    "att(2004,2005)": (-0.06992969989559744, 0.03246107653396843),
    "att(2004,2006)": (-0.1405166863010853, 0.03675652797403301),
    "att(2004,2007)": (-0.10620248006122349, 0.03427536546897498),
    "att(2006,2004)": (0.006679194901072404, 0.02354179610278459),
}


def mpdta(shared_data, keep=lambda frame: slice(None)):
    """The county data of R did, laid out, some rows of it or all."""
    frame = pd.read_csv(shared_data("data/did_reference/mpdta.csv"))
    frame = frame.rename(columns={"countyreal": "school_id", "first.treat": "start_year"})
    return lay_out(frame.replace({"start_year": {0: np.nan}})[keep(frame)], outcome="lemp")


def laid(frame, **names):
    return lay_out(frame, outcome="oss", **names)


def everything(effects) -> dict[str, tuple[float, float]]:
    """Name every effect and average with its large-sample standard error."""
    found = {}
    cells = zip(effects.cohorts, effects.years, effects.parts.value, effects.parts.influence.T, strict=True)
    for cohort, year, value, influence in cells:
        found[f"att({cohort},{year})"] = (value, math.sqrt((influence**2).sum()))
    averages = {
        by: overall(effects, by=by, inference="influence") for by in ("simple", "cohort", "year", "event")
    }
    for by in ("cohort", "year", "event"):
        averages |= {f"{by} {key}": row for key, row in rows(effects, by=by, inference="influence")}
    return found | {name: (e.value, e.se) for name, e in averages.items()}


def agree(found: dict, expected: dict) -> None:
    for name, (value, se) in expected.items():
        assert found[name] == (pytest.approx(value, abs=1e-8), pytest.approx(se, abs=1e-8)), name


def draw(schools=16, years=7, adopters=6, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2017 + np.arange(adopters) % 2
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:02d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(starts, years),
    )
    frame["poor"] = np.repeat(rng.normal(0, 1, schools), years)
    frame["enrolled_n"] = np.repeat(rng.integers(100, 900, schools), years).astype(float)
    noise = rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    return frame.assign(oss=noise - 2 * (frame.year >= frame.start_year))


def test_equals_r_did_on_castle():
    data = pytest.importorskip("causaldata").castle.load_pandas().data
    data = data[["sid", "year", "post", "l_homicide"]].rename(columns={"sid": "school_id"})
    data["l_homicide"] = data["l_homicide"].astype(str).astype(float)
    data["start_year"] = data.school_id.map(data[data.post == 1].groupby("school_id").year.min())
    data["year"] = data.year.astype(int)
    effects = cohort_effects(lay_out(data, outcome="l_homicide"), comparison="never")
    found = everything(effects)
    agree(found, CASTLE)
    assert len(found) == 78  # as many as R gives
    assert dict(rows(effects, by="cohort"))[2010].reason == "Only 1 school."
    large_sample = overall(effects, inference="influence")
    assert "cohorts of one school (2006-07, 2010-11) add no chance of their own" in large_sample.method


@pytest.mark.shared
@pytest.mark.parametrize(("comparison", "adjust"), list(MPDTA))
def test_equals_r_did_on_mpdta(shared_data, comparison, adjust):
    design = mpdta(shared_data)
    choices = {"covariates": ["lpop"], "adjust": adjust} if adjust else {}
    agree(everything(cohort_effects(design, comparison=comparison, **choices)), MPDTA[comparison, adjust])


@pytest.mark.shared
def test_a_panel_with_holes_equals_another_program_on_mpdta(shared_data):
    holes = mpdta(shared_data, lambda frame: (7 * frame.school_id + frame.year) % 31 != 0)
    agree(everything(cohort_effects(holes, comparison="never")), UNBALANCED)


@pytest.mark.shared
@pytest.mark.parametrize(("comparison", "years", "adjusted"), list(ANTICIPATION))
def test_anticipation_equals_another_program_on_mpdta(shared_data, comparison, years, adjusted):
    design = mpdta(shared_data)
    choices = {"covariates": ["lpop"]} if adjusted else {}
    effects = cohort_effects(design, comparison=comparison, anticipation=years, **choices)
    found = everything(effects)
    agree(found, ANTICIPATION[comparison, years, adjusted])
    assert not any("2004," in name for name in found)
    assert "20 schools without a year before anticipation set aside" in effects.method


def test_anticipation_moves_the_base_back_and_spares_schools_about_to_start():
    """Two cohorts, by hand: base two years before, comparison with schools two years from their start."""
    frame = draw(seed=8)
    wide = frame.pivot(index="school_id", columns="year", values="oss")
    starts = frame.groupby("school_id").start_year.first()
    effects = cohort_effects(laid(frame), anticipation=1)
    found = dict(zip(zip(effects.cohorts, effects.years, strict=True), effects.parts.value, strict=True))
    early, never = starts == 2017, starts.isna()
    change = wide[2017] - wide[2015]
    assert found[2017, 2017] == pytest.approx(change[early].mean() - change[never].mean(), abs=1e-12)
    change, others = wide[2016] - wide[2015], ~(starts <= 2017)
    assert found[2017, 2016] == pytest.approx(change[early].mean() - change[others].mean(), abs=1e-12)
    assert overall(effects).n == frame.oss.size
    assert "1 year of anticipation" in overall(effects).method


def test_anticipation_recovers_an_effect_that_begins_before_the_start():
    """Schools change by -2 a year before they start; no noise. Without anticipation the base has it already."""
    frame = draw(seed=1)
    level = frame.groupby("school_id").oss.transform("first").round()
    frame["oss"] = level - 2 * (frame.year >= frame.start_year - 1) + 0.3 * frame.year
    assert att_callaway(laid(frame)).value > -1
    told = cohort_effects(laid(frame), anticipation=1)
    assert overall(told, inference="influence").value == pytest.approx(-2, abs=1e-12)
    assert dict(rows(told))[-1].value == pytest.approx(-2, abs=1e-12)


def test_one_cohort_is_the_difference_of_mean_changes():
    frame = draw(seed=2)
    frame.loc[frame.start_year == 2018, "start_year"] = 2017
    wide = frame.pivot(index="school_id", columns="year", values="oss")
    adopting = frame.groupby("school_id").start_year.first().notna()
    effects = dict(rows(cohort_effects(laid(frame)), by="event"))
    change = wide[2018] - wide[2016]
    assert effects[1].value == pytest.approx(change[adopting].mean() - change[~adopting].mean(), abs=1e-12)
    before = wide[2015] - wide[2014]
    assert effects[-2].value == pytest.approx(before[adopting].mean() - before[~adopting].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("weights", "covariates", "anticipation"),
    [(None, [], 0), ("enrolled_n", [], 0), (None, ["poor"], 0), (None, [], 1)],
)
@pytest.mark.parametrize("by", ["simple", "cohort", "year", "event"])
def test_jackknife_equals_estimating_again_without_each_school(weights, covariates, anticipation, by):
    def made(part):
        design = laid(part, weights=weights)
        return cohort_effects(design, covariates=covariates, anticipation=anticipation)

    frame = draw(seed=4)
    estimate = overall(made(frame), by=by)
    refits = {
        s: overall(made(frame[frame.school_id != s]), by=by, inference="influence").value
        for s in sorted(frame.school_id.unique())
    }
    se, df = by_hand(estimate.value, refits, starts_of(frame))
    assert (estimate.se, estimate.df) == (pytest.approx(se, abs=1e-9), pytest.approx(df, rel=1e-6))


def test_weights_count_schools_as_if_they_were_several():
    """A school of weight 2 moves the estimate as two schools with its numbers would."""
    frame = draw(seed=6).assign(w=lambda f: np.where(f.school_id.isin(["01", "09"]), 2.0, 1.0))
    twins = frame[frame.w == 2].assign(school_id=lambda f: f.school_id + "twin")
    both = pd.concat([frame, twins])
    weighted = att_callaway(laid(frame, weights="w")).value
    assert weighted == pytest.approx(att_callaway(laid(both)).value, abs=1e-12)


def test_adjusting_removes_a_trend_that_follows_a_covariate():
    """Comparison and adopting schools differ in a covariate that drives the trend; no noise, effect -2."""
    rng = np.random.default_rng(1)
    frame = draw(schools=40, adopters=14, seed=1)
    poor = rng.normal(0, 1, 40) + (np.arange(40) < 14) * 0.8
    frame["poor"] = np.repeat(poor, 7)
    frame["oss"] = 8 + 0.7 * frame.poor * (frame.year - 2014) - 2 * (frame.year >= frame.start_year)
    assert abs(att_callaway(laid(frame)).value + 2) > 0.3
    design = laid(frame)
    for adjust in ("regression", "doubly_robust"):
        estimate = overall(cohort_effects(design, covariates=["poor"], adjust=adjust))
        assert estimate.value == pytest.approx(-2, abs=1e-9)


def test_a_left_out_base_year_is_replaced_by_the_last_year_before():
    frame = draw(seed=7)
    frame = frame[(frame.year != 2016) & (frame.start_year != 2018)]
    wide = frame.pivot(index="school_id", columns="year", values="oss")
    adopting = frame.groupby("school_id").start_year.first().notna()
    change = wide[2017] - wide[2015]
    effect = dict(rows(cohort_effects(laid(frame))))[0]
    assert effect.value == pytest.approx(change[adopting].mean() - change[~adopting].mean(), abs=1e-12)


def test_a_key_of_one_school_is_refused_in_its_row():
    frame = draw(adopters=3, seed=3)  # 2017, 2018, 2017
    effects = cohort_effects(laid(frame))
    assert isinstance(dict(rows(effects, by="cohort"))[2018], Refusal)
    assert dict(rows(effects, by="cohort"))[2017].se > 0


def test_refusals():
    frame = draw(seed=5)
    missing = frame.assign(poor=frame.poor.where(frame.school_id != "03"))
    apart = frame.assign(poor=frame.poor + 100 * frame.start_year.notna())
    everyone = frame[frame.start_year.notna()]
    design = laid(frame)
    with pytest.raises(MethodError, match="every school observed is in the program in 2018-19"):
        laid(everyone)
    with pytest.raises(MethodError, match="no such numeric column"):
        cohort_effects(design, covariates=["rich"])
    with pytest.raises(MethodError, match="7 school-years with an outcome and no poor: 03"):
        cohort_effects(laid(missing), covariates=["poor"])
    with pytest.raises(MethodError, match="tell the cohort from its comparison schools perfectly"):
        cohort_effects(laid(apart), covariates=["poor"])
    with pytest.raises(MethodError, match="There cannot be -1 years of anticipation"):
        cohort_effects(design, anticipation=-1)
    with pytest.raises(MethodError, match="No cohort is seen, with comparison schools"):
        cohort_effects(design, anticipation=4)
