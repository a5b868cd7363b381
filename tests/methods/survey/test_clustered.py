"""CR2 against clubSandwich and its own definition; effects by hand, planted, and under a true null."""

import numpy as np
import pandas as pd
import pytest
from causaldata import castle
from scipy import stats

from rpeval.errors import MethodError
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import fit_clustered
from rpeval.methods.survey.clustered import did_school_changes, did_survey, gap_did, in_standard_deviations
from rpeval.methods.survey.survey_design import lay_out

TWO_WAVES = pd.DataFrame(
    {
        "school_id": np.repeat(list("abcdef"), 4),
        "wave": [2018, 2018, 2020, 2020] * 6,
        "start_year": [2019.0] * 8 + [2020.0] * 4 + [np.nan] * 12,
        "score": [1, 3, 4, 2, 2, 2, 3, 3, 2, 4, 4, 4, 1, 1, 2, 1, 3, 2, 2, 3, 4, 3, 4, 2.0],
    }
)


def simulate(rng, *, schools=20, adopting=8, waves=(2017, 2018, 2019, 2020), starts=(2019,), effect=0.0):
    """Students in schools that drift between waves: the drift is what ordinary standard errors miss."""
    size = rng.integers(8, 30, schools)
    start = np.full(schools, np.nan)
    start[:adopting] = np.resize(starts, adopting)
    code = np.repeat(np.arange(schools), size * len(waves))
    at = np.concatenate([np.repeat(np.arange(len(waves)), k) for k in size])
    drift = rng.normal(0, 0.3, schools)[:, None] + rng.normal(0, np.sqrt(0.02), (schools, len(waves)))
    group = np.where(rng.random(len(code)) < 0.4, "a", "b")
    frame = pd.DataFrame({"school_id": code, "wave": np.array(waves)[at], "start_year": start[code]})
    reached = frame["wave"] >= frame["start_year"]
    score = drift[code, at] + 0.1 * at + rng.normal(size=len(code)) + effect * reached
    return frame.assign(el=group, score=score)


# ---- the CR2 algebra


def test_clubsandwich_on_the_castle_panel():
    data = castle.load_pandas().data
    years = (data["year"].to_numpy()[:, None] == np.arange(2001, 2011)).astype(float)
    fit = fit_clustered(
        data["l_homicide"].to_numpy(),
        np.column_stack([data["post"], years]),
        cluster=data["sid"].to_numpy(),
        within=np.zeros(len(data)),
    )
    assert fit.value == pytest.approx(0.0693984338854515, abs=1e-7)  # the package stores single precision
    assert fit.se == pytest.approx(0.0560899662194493, abs=1e-7)
    assert fit.df == pytest.approx(36.8311237735685, abs=1e-5)
    p = 2 * stats.t.sf(fit.value / fit.se, fit.df)
    assert p == pytest.approx(0.223817398473869, abs=1e-6)


def brute_force(y, D, cluster, w):
    """CR2 and Satterthwaite df of the first column, straight from the n x n residual maker."""
    W, bread = np.diag(w), np.linalg.inv(D.T @ np.diag(w) @ D)
    maker = np.eye(len(y)) - D @ bread @ D.T @ W
    variance, rows = 0.0, []
    for label in np.unique(cluster):
        i = np.flatnonzero(cluster == label)
        d, q = np.linalg.eigh((maker @ maker.T)[np.ix_(i, i)])
        root = np.where(d > 1e-10, np.abs(d) ** -0.5, 0.0)
        v = (q * root) @ q.T @ W[np.ix_(i, i)] @ D[i] @ bread[:, 0]
        variance += (v @ (maker @ y)[i]) ** 2
        rows.append(maker[i].T @ v)
    P = np.array(rows) @ np.array(rows).T
    return (bread @ D.T @ W @ y)[0], np.sqrt(variance), np.trace(P) ** 2 / (P**2).sum()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("by_cell", [False, True])
def test_the_definition_with_dummies_for_every_school(weighted, by_cell):
    rng = np.random.default_rng(3)
    n, schools = 160, 7
    school, wave = rng.integers(0, schools, n), rng.integers(0, 3, n)
    w = rng.uniform(0.5, 2, n) if weighted else np.ones(n)
    treated = ((school < 3) & (wave > 0)).astype(float)
    X = np.column_stack([treated, wave == 1, wave == 2]).astype(float)
    D = np.column_stack([X, school[:, None] == np.arange(schools)]).astype(float)
    y = rng.normal(size=n) + rng.normal(size=schools)[school]
    cell = school * 10 + wave if by_cell else None
    fit = fit_clustered(y, X, cluster=school, within=np.zeros(n), weight=w, cell=cell)
    value, se, df = brute_force(y, D, school, w)
    assert (fit.value, fit.se, fit.df) == pytest.approx((value, se, df), rel=1e-9)


def test_two_ways_of_absorbing_inside_a_school():
    rng = np.random.default_rng(4)
    n = 180
    school, wave, group = rng.integers(0, 6, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    X = np.column_stack([(school < 3) * wave * group, wave * group]).astype(float)
    inside = [(school == s) & (wave == t) for s in range(6) for t in range(2)]
    D = np.column_stack([X, *inside, *[(school == s) & (group == 1) for s in range(6)]]).astype(float)
    y = rng.normal(size=n)
    fit = fit_clustered(y, X, cluster=school, within=np.column_stack([wave, group]))
    assert (fit.value, fit.se, fit.df) == pytest.approx(brute_force(y, D, school, np.ones(n)), rel=1e-9)


def test_a_mean_of_equal_clusters_is_the_t_test_of_their_means():
    rng = np.random.default_rng(5)
    y = rng.normal(size=60)
    fit = fit_clustered(y, np.ones((60, 1)), cluster=np.repeat(np.arange(10), 6))
    means = y.reshape(10, 6).mean(axis=1)
    assert (fit.se, fit.df) == pytest.approx((means.std(ddof=1) / np.sqrt(10), 9.0), rel=1e-9)


def test_an_effect_that_is_not_in_the_data_is_refused():
    wave = np.array([0, 1] * 4)
    design = np.column_stack([wave, wave]).astype(float)
    with pytest.raises(MethodError, match="cannot be told apart"):
        fit_clustered(np.arange(8.0), design, cluster=np.repeat(range(4), 2), within=np.zeros(8))


# ---- effects by hand


def test_did_by_hand():
    """Means move 2 to 3, 2 to 3, 3 to 4 with the program; 1 to 1.5, 2.5 to 2.5, 3.5 to 3 without."""
    effect = did_survey(lay_out(TWO_WAVES, outcome="score"))
    assert effect.value == pytest.approx(1.0 - 0.0)
    assert (effect.n, effect.clusters, effect.treated) == (24, 6, 3)
    change = did_school_changes(lay_out(TWO_WAVES, outcome="score"))
    reference = stats.ttest_ind([1.001, 1, 0.999], [0.5, 0, -0.5])
    assert (change.value, change.p) == pytest.approx((1.0, reference.pvalue), rel=1e-4)
    interval = reference.confidence_interval()
    assert (change.low, change.high, change.df) == pytest.approx((interval.low, interval.high, 4), rel=1e-4)


def test_one_answer_per_cell_makes_both_methods_agree():
    cells = TWO_WAVES.groupby(["school_id", "wave", "start_year"], dropna=False, as_index=False).mean()
    one, two = (
        did_survey(lay_out(cells, outcome="score")),
        did_school_changes(lay_out(cells, outcome="score")),
    )
    assert (one.value, one.se, one.df) == pytest.approx((two.value, two.se, two.df))


def test_a_gap_is_the_did_of_within_school_gaps():
    rng = np.random.default_rng(6)
    cells = pd.DataFrame(
        [(s, w, g) for s in range(8) for w in (2018, 2019, 2021) for g in "ab" for _ in range(3)],
        columns=["school_id", "wave", "el"],
    ).assign(
        score=lambda d: rng.normal(size=len(d)),
        start_year=lambda d: np.where(d["school_id"] < 3, 2019, np.nan),
    )
    means = cells.pivot_table(
        index=["school_id", "wave", "start_year"], columns="el", values="score", dropna=False
    )
    gaps = means.assign(gap=means["a"] - means["b"]).dropna().reset_index()
    told = gap_did(lay_out(cells, outcome="score"), group="el", member="a", reference="b")
    by_hand = did_survey(lay_out(gaps, outcome="gap"))
    assert (told.value, told.se, told.df) == pytest.approx((by_hand.value, by_hand.se, by_hand.df), rel=1e-9)


def test_the_standardized_effect_by_hand():
    answers = simulate(np.random.default_rng(7), effect=0.3)
    raw = did_survey(lay_out(answers, outcome="score"))
    first = answers[answers["wave"] == 2017]
    arms = first.groupby(first["start_year"].notna())["score"]
    pooled = np.sqrt((arms.var() * (arms.size() - 1)).sum() / (len(first) - 2))
    correction = 1 - 3 / (4 * len(first) - 9)
    standard = in_standard_deviations(raw, lay_out(answers, outcome="score"))
    assert standard.value == pytest.approx(raw.value / pooled * correction)
    assert standard.low / raw.low == pytest.approx(standard.high / raw.high)
    assert (standard.unit, standard.p) == ("SD", raw.p)


# ---- invariances


def test_units_weights_order_and_labels_do_not_matter():
    answers = simulate(np.random.default_rng(8), starts=(2018, 2019), effect=0.2).assign(w=2.5)
    plain = did_survey(lay_out(answers, outcome="score"))
    for other, scale in [
        (answers.sample(frac=1, random_state=1), 1),
        (answers.assign(school_id=answers["school_id"].map(lambda s: f"school {99 - s}")), 1),
        (answers.assign(score=10 + 4 * answers["score"]), 4),
        (answers.assign(start_year=answers["start_year"].fillna(2030)), 1),
    ]:
        moved = did_survey(lay_out(other, outcome="score"))
        found = (moved.value, moved.se, moved.df)
        assert found == pytest.approx((scale * plain.value, scale * plain.se, plain.df))
    weighted = did_survey(lay_out(answers, outcome="score", weight="w"))
    assert (weighted.value, weighted.se, weighted.df) == pytest.approx((plain.value, plain.se, plain.df))


def test_whole_weights_give_the_point_of_repeated_rows():
    answers = simulate(np.random.default_rng(9)).assign(w=lambda d: 1 + d.index % 3)
    repeated = answers.loc[answers.index.repeat(answers["w"])]
    weighted = did_survey(lay_out(answers, outcome="score", weight="w"))
    assert weighted.value == pytest.approx(did_survey(lay_out(repeated, outcome="score")).value)


def test_schools_without_both_sides_change_nothing_and_are_counted():
    late = pd.DataFrame(
        {"school_id": "late", "wave": [2018, 2020], "start_year": 2017.0, "score": [9.0, 1.0]}
    )
    once = pd.DataFrame({"school_id": ["once"], "wave": [2020], "start_year": [np.nan], "score": [9.0]})
    more = did_survey(lay_out(pd.concat([TWO_WAVES, late, once]), outcome="score"))
    assert more.value == pytest.approx(did_survey(lay_out(TWO_WAVES, outcome="score")).value)
    assert "2 schools without the needed waves left out" in more.method


# ---- planted effects


def growing(rng=None):
    """Three starts, an effect that grows by one a year, common wave effects, no noise."""
    rows = [
        (s, w, start, (w - start + 1) * (w >= start) + 5 * (w - 2016) ** 2 + s)
        for s, start in enumerate([2017, 2017, 2018, 2018, 2019, 2019, 9999, 9999, 9999])
        for w in range(2016, 2021)
    ]
    return pd.DataFrame(rows, columns=["school_id", "wave", "start_year", "score"], dtype=float)


def test_staggered_starts_never_use_schools_already_in_the_program():
    """Each start's own mean effect is 2.5, 2 and 1.5; two-way fixed effects would find less than any of them."""
    data = growing()
    effect = did_survey(lay_out(data, outcome="score"))
    assert 1.5 < effect.value < 2.5
    alone = [
        did_survey(lay_out(data[data["start_year"].isin([start, 9999])], outcome="score")).value
        for start in (2017, 2018, 2019)
    ]
    assert alone == pytest.approx([2.5, 2.0, 1.5])
    assert did_school_changes(lay_out(data, outcome="score")).value == pytest.approx(2.0)


def test_a_planted_effect_is_found():
    rng = np.random.default_rng(10)
    draws = [
        did_survey(lay_out(simulate(rng, starts=(2018, 2019), effect=0.5), outcome="score"))
        for _ in range(40)
    ]
    values = np.array([d.value for d in draws])
    assert values.mean() == pytest.approx(0.5, abs=3 * values.std(ddof=1) / np.sqrt(40))
    covered = sum(d.low < 0.5 < d.high for d in draws)
    assert covered >= 33  # 38 expected


@pytest.mark.parametrize(
    ("method", "schools", "adopting", "draws"),
    [(did_survey, 8, 4, 400), (did_survey, 20, 8, 400), (did_school_changes, 8, 3, 200)],
)
def test_a_true_null_is_rejected_about_one_time_in_twenty(method, schools, adopting, draws):
    """School-by-wave variance 2 %, nominal 5 %. Monte Carlo error at .05: .011 with 400 draws, .015 with 200."""
    rng = np.random.default_rng(schools)
    rejected = 0
    for _ in range(draws):
        answers = simulate(rng, schools=schools, adopting=adopting, waves=(2018, 2020))
        rejected += method(lay_out(answers, outcome="score")).p < 0.05
    error = np.sqrt(0.05 * 0.95 / draws)
    assert 0.03 - 2 * error < rejected / draws < 0.07 + 2 * error


# ---- refusals


def reasons(method, frame, **asked):
    with pytest.raises(MethodError) as caught:
        method(lay_out(frame, outcome="score"), **asked)
    return " ".join(str(problem) for problem in caught.value.problems)


def test_what_is_refused():
    one_wave = TWO_WAVES[TWO_WAVES["wave"] == 2018]
    assert "1 wave" in reasons(did_survey, one_wave)
    few = TWO_WAVES[TWO_WAVES["school_id"].isin(["a", "d"])]
    said = reasons(did_school_changes, few)
    assert "1 adopting school answered" in said
    assert "1 school with two waves" in said
    moving = TWO_WAVES.assign(start_year=[2018.0, 2019.0] * 12)
    assert "6 schools with more than one" in reasons(did_survey, moving)
    assert "No answers for x" in reasons(
        gap_did, TWO_WAVES.assign(el="y"), group="el", member="x", reference="y"
    )


def test_without_schools_to_compare_with_the_fix_names_usable_waves():
    everyone = growing()[lambda d: d["start_year"] < 9999]
    assert "Use only the waves before 2019-20, when 2 schools" in reasons(did_survey, everyone)
    earlier = everyone[everyone["wave"] < 2019]
    assert did_survey(lay_out(earlier, outcome="score")).treated == 4


def test_equal_answers_have_no_standard_deviation():
    with pytest.raises(MethodError, match="are equal"):
        in_standard_deviations(Estimate(value=1.0), lay_out(TWO_WAVES.assign(score=1.0), outcome="score"))
