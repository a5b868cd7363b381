"""The simulator states its truth: what was planted is recovered from what the data were drawn from."""

import os
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml

from rpeval.inputs import simulate
from rpeval.inputs.simulation.files import study_files
from rpeval.inputs.simulation.schools import draw_district, expected_rates
from rpeval.inputs.simulation.survey import build_scale, draw_answers, expected_score, score_moments

STUDIES = ("lakeshore", "prairie", "riverbend")


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recipes(root):
    return {name: read_yaml(root / f"data/reference/recipes/{name}.yml") for name in STUDIES}


@pytest.fixture(scope="module")
def instrument(root):
    return read_yaml(root / "data/reference/instruments/rpeval_belonging.yml")


@pytest.fixture(scope="module")
def drawn(recipes, instrument):
    return {name: simulate.study(recipe, instrument) for name, recipe in recipes.items()}


@pytest.fixture(scope="module")
def committed(root):
    return root / "data/simulated"


def read_text(path):
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)


def write_year(start):
    return f"{start}-{(start + 1) % 100:02d}"


# The rates a study is drawn from


@pytest.mark.parametrize("name", STUDIES)
def test_trends_are_parallel_without_the_program(drawn, name):
    study = drawn[name]
    open_years = study.district.years != 2020
    for rate in (study.rates.oss_without[:, :, open_years], study.rates.iss_without[:, :, open_years]):
        change = np.diff(rate, axis=2)
        uncut = (rate > 0.5).all(axis=2)
        assert uncut.mean() > 0.98
        np.testing.assert_allclose(
            change[uncut], np.broadcast_to(change[uncut][0], change[uncut].shape), atol=1e-9
        )


def test_lakeshore_prevents_the_shares_in_its_recipe(drawn, recipes):
    study, told = drawn["lakeshore"], recipes["lakeshore"]["program"]
    start = study.district.schools["start_year"].to_numpy()
    for g, group in enumerate(study.district.groups):
        for i in np.flatnonzero(start == 2018)[:3]:
            kept = study.rates.oss[i, g] / study.rates.oss_without[i, g]
            full, first = told["oss_prevented"][group], told["steps"][0]
            expected = [1, 1, 1 - full * first] + [1 - full] * 5
            np.testing.assert_allclose(kept, expected)
    never = np.isnan(start)
    np.testing.assert_array_equal(study.rates.oss[never], study.rates.oss_without[never])
    np.testing.assert_array_equal(study.rates.iss, study.rates.iss_without)


def test_riverbend_moves_suspensions_and_removes_none(drawn):
    rates, groups = drawn["riverbend"].rates, drawn["riverbend"].district.groups
    np.testing.assert_allclose(rates.oss + rates.iss, rates.oss_without + rates.iss_without)
    treated = (rates.oss < rates.oss_without).any(axis=1)
    gap, gap_without = (
        rate[:, groups.index("Black")] - rate[:, groups.index("White")]
        for rate in (rates.oss, rates.oss_without)
    )
    assert (gap[treated] > gap_without[treated]).mean() > 0.95


def test_events_follow_the_rates(recipes, instrument):
    # without over-dispersion the counts of cells are Poisson: their chi-square is its degrees of freedom
    recipe = deepcopy(recipes["riverbend"])
    recipe["events"]["student_shape"] = 1e9
    for kind in ("oss", "iss"):
        recipe["events"][kind]["school_year_cv"] = 0
    study = simulate.study(recipe, instrument)
    axes = [study.students[f"{axis}_no"] for axis in ("school", "group", "year")]
    for kind in ("oss", "iss"):
        expected = pd.Series(getattr(study.rates, kind)[tuple(axes)] / 100).groupby(axes).sum()
        found = study.students[f"{kind}_n"].groupby(axes).sum()
        enough = expected > 1
        square = ((found - expected) ** 2 / expected)[enough]
        assert abs(square.sum() - len(square)) < 4 * np.sqrt(2 * len(square))
        assert abs(found.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())


def test_cohorts_are_those_of_the_recipe(drawn, recipes):
    for name in STUDIES:
        starts = drawn[name].district.schools["start_year"].dropna().astype(int).map(write_year)
        assert starts.value_counts().to_dict() == recipes[name]["program"]["cohorts"]


# The survey


def test_reliability_asked_for_is_the_reliability_of_the_latent_responses(recipes, instrument):
    told = recipes["lakeshore"]["survey"] | {"loadings": [1.0] * 6}
    square = build_scale({"survey": told}, instrument).loading ** 2
    np.testing.assert_allclose(6 * square / (1 + 5 * square), told["reliability"])


@pytest.mark.parametrize("name", STUDIES)
def test_clean_answers_have_the_stated_reliability_and_spread(drawn, name):
    study = drawn[name]
    answers = draw_answers(study.respondents, study.scale, seed=991)
    keyed = np.where(study.scale.reverse, 5 - answers, answers)
    cov = np.cov(keyed, rowvar=False)
    alpha = 6 / 5 * (1 - np.trace(cov) / cov.sum())
    n = len(keyed)
    assert alpha == pytest.approx(study.truth["belonging.alpha"]["value"], abs=4 * 0.25 / np.sqrt(n))
    theta = (study.respondents["theta"] + study.respondents["effect"]).to_numpy()
    spread, _, omega = score_moments(study.scale, theta)
    assert keyed.mean(axis=1).std() == pytest.approx(spread, rel=4 / np.sqrt(2 * n))
    assert np.corrcoef(keyed.mean(axis=1), theta)[0, 1] ** 2 == pytest.approx(omega, abs=0.03)


def test_survey_effect_is_what_the_same_students_gain(drawn):
    # the same students and the same noise, with and without the program: only the effect is left
    study = drawn["lakeshore"]
    reached = study.respondents[study.respondents["adopted"]]
    keyed = []
    for people in (reached, reached.assign(effect=0.0)):
        answers = draw_answers(people, study.scale, seed=992)
        keyed.append(np.where(study.scale.reverse, 5 - answers, answers))
    gain = (keyed[0] - keyed[1]).mean(axis=1)
    close = 4 * gain.std() / np.sqrt(len(gain))
    assert gain.mean() == pytest.approx(study.truth["belonging.att"]["value"], abs=close)
    by_school = pd.Series(gain).groupby(reached["school_no"].to_numpy()).mean().mean()
    assert by_school == pytest.approx(study.truth["belonging.schools.att"]["value"], abs=close)
    favorable = 100 * ((keyed[0] >= 3).mean(axis=1) - (keyed[1] >= 3).mean(axis=1))
    close = 4 * favorable.std() / np.sqrt(len(favorable))
    assert close < 0.8
    assert favorable.mean() == pytest.approx(study.truth["belonging.favorable.att"]["value"], abs=close)
    assert study.truth["belonging.att.sd"]["value"] == pytest.approx(0.2, abs=0.02)
    assert (study.respondents.groupby("adopted")["effect"].unique().str[0] == [0, 0.22]).all()


def test_expected_score_at_the_extremes_is_the_ends_of_the_scale(drawn):
    np.testing.assert_allclose(expected_score(drawn["prairie"].scale, np.array([-30.0, 30.0])), [1, 4])


def test_no_adopter_is_surveyed_between_the_waves(drawn):
    for study in drawn.values():
        first, last = study.respondents["wave"].min(), study.respondents["wave"].max()
        start = study.district.schools["start_year"].dropna()
        assert ((first < start) & (start <= last)).all()


# The committed files


def test_the_command_writes_the_committed_bytes_again(root, committed, tmp_path):
    environment = os.environ | {"PYTHONHASHSEED": "17"}
    command = [sys.executable, "-m", "rpeval.inputs.simulate", str(tmp_path)]
    subprocess.run(command, cwd=root, env=environment, check=True, timeout=60)
    names = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(committed) for path in committed.rglob("*") if path.is_file())
    different = [
        str(name) for name in names if (tmp_path / name).read_bytes() != (committed / name).read_bytes()
    ]
    assert different == [], f"drawn by numpy {np.__version__}; another version draws other numbers"


def test_every_row_is_stamped_and_the_files_stay_small(committed):
    paths = [path for path in committed.rglob("*") if path.suffix in {".csv", ".tsv"}]
    assert len(paths) == 33
    for path in paths:
        assert set(read_text(path)["simulated"]) == {"yes"}, path.name
    assert sum(path.stat().st_size for path in committed.rglob("*") if path.is_file()) < 9_000_000


def test_truth_of_riverbend_by_hand(committed, recipes, drawn):
    # from the committed enrollment: each treated school-year, group by group, in plain arithmetic
    study, told = drawn["riverbend"], recipes["riverbend"]["program"]["oss_moved_to_iss"]
    rows = read_text(committed / "riverbend/enrollment.csv").groupby(["school_id", "year", "race"]).size()
    adoption = read_text(committed / "riverbend/adoption.csv").set_index("school_id")["start_year"]
    without = study.rates.oss_without
    effects, untreated, gaps = [], [], []
    for i, (school_id, start) in enumerate(adoption.items()):
        for t, year in enumerate(map(write_year, study.district.years)):
            if start == "" or year < start or year == "2020-21":
                continue
            n = [rows.get((school_id, year, group), 0) for group in study.district.groups]
            change = [-told[group] * without[i, g, t] for g, group in enumerate(study.district.groups)]
            effects.append(sum(a * b for a, b in zip(n, change, strict=True)) / sum(n))
            untreated.append(sum(a * b for a, b in zip(n, without[i, :, t], strict=True)) / sum(n))
            gaps.append(change[0] - change[2])
    truth = study.truth
    assert truth["suspensions.att"]["value"] == pytest.approx(np.mean(effects), abs=1e-4)
    share = truth["suspensions.att.percent"]["value"]
    assert share == pytest.approx(100 * np.sum(effects) / np.sum(untreated), abs=1e-3)
    assert truth["suspensions.iss_per_100.att"]["value"] == pytest.approx(-np.mean(effects), abs=1e-4)
    assert truth["suspensions.removals_per_100.att"]["value"] == pytest.approx(0)
    assert truth["suspensions.gap.black_white.att"]["value"] == pytest.approx(np.mean(gaps), abs=1e-4)


def test_truth_says_what_each_study_is_for(committed):
    value = {
        name: {id: told["value"] for id, told in read_yaml(committed / name / "truth.yml").items()}
        for name in STUDIES
    }
    assert -6 < value["lakeshore"]["suspensions.att"] < -4
    assert value["lakeshore"]["suspensions.iss_per_100.att"] == 0
    assert value["lakeshore"]["suspensions.gap.black_white.att"] < -3
    assert value["riverbend"]["suspensions.att"] < -3
    assert value["riverbend"]["suspensions.gap.black_white.att"] > 3
    assert value["riverbend"]["belonging.att.sd"] == 0
    assert -0.8 < value["prairie"]["suspensions.att"] < -0.3


def test_lakeshore_files_agree_with_each_other(committed):
    panel = read_text(committed / "lakeshore/panel.csv")
    groups = read_text(committed / "lakeshore/groups.csv")
    assert len(panel) == 480
    hidden = groups["enrolled_n"] == "*"
    assert 0 < hidden.sum() < 0.1 * len(groups)
    assert (groups.loc[hidden, ["oss_n", "iss_n", "suspended_n"]] == "*").all(axis=None)
    assert groups.loc[~hidden, "enrolled_n"].astype(int).min() >= 10
    keys = ["school_id", "year"]
    whole = groups.groupby(keys)["enrolled_n"].transform(lambda cells: (cells != "*").all())
    for column in ("enrolled_n", "oss_n", "iss_n"):
        by_group = groups[whole].assign(n=groups[column][whole].astype(int)).groupby(keys)["n"].sum()
        overall = panel.set_index(keys)[column].astype(int).loc[by_group.index]
        assert by_group.equals(overall.rename("n"))
    assert (panel["suspended_n"] == "*").sum() == 4


def test_riverbend_actions_belong_to_enrolled_students(committed, drawn):
    listed = read_text(committed / "riverbend/actions.csv")
    actions = listed.drop_duplicates("action_id")
    assert len(listed.drop_duplicates()) == len(actions) == len(listed) - 6
    enrolled = read_text(committed / "riverbend/enrollment.csv")
    assert not enrolled[["student_id", "year"]].duplicated().any()
    assert enrolled["student_id"].str.fullmatch(r"[0-9]{7}").all()
    date = pd.to_datetime(actions["date"])
    assert (date.dt.day_of_week < 5).all()
    assert date.dt.month.isin([9, 10, 11, 12, 1, 2, 3, 4, 5, 6]).all()
    year = (date.dt.year - (date.dt.month < 7)).map(write_year)
    keys = pd.MultiIndex.from_frame(enrolled[["student_id", "school_id", "year"]])
    assert pd.MultiIndex.from_arrays([actions["student_id"], actions["school_id"], year]).isin(keys).all()
    assert (actions["kind"] == "OSS").sum() == drawn["riverbend"].students["oss_n"].sum()
    assert actions["days"].astype(int).min() == 1


def test_prairie_export_is_a_vendor_s(committed):
    export = read_text(committed / "prairie/export.tsv")
    schools = export[export["Lvl"] == "School"]
    assert len(schools) == 12 * 7
    assert (export["Lvl"] == "District").sum() == 7
    assert set(export["SY Ending"]) == {str(year) for year in range(2018, 2025)}
    assert (schools["Students w/ OSS"] == "--").sum() == 2
    assert not schools["Bldg Code"].str.startswith("0").any()
    assert set(schools["Bldg Code"].str.zfill(4)) == set(
        read_text(committed / "prairie/adoption.csv")["school_id"]
    )
    total = schools.groupby("SY Ending")["OSS Events"].apply(lambda counts: counts.astype(int).sum())
    told = export[export["Lvl"] == "District"].set_index("SY Ending")["OSS Events"].astype(int)
    assert told.to_dict() == total.to_dict()


@pytest.mark.parametrize("name", STUDIES)
def test_survey_dirt_is_what_the_recipe_says(committed, recipes, name):
    table, dirt = read_text(committed / name / "survey.csv"), recipes[name]["dirt"]
    keys = ["respondent_id", "item"] if "item" in table else ["respondent_id"]
    again = table.duplicated(keys)
    assert again.sum() == dirt["duplicates"] * (6 if "item" in table else 1)
    answers = table.loc[~again, ["answer"] if "item" in table else [f"belong_{k}" for k in range(1, 7)]]
    assert (answers == "9").sum().sum() == dirt["out_of_range"]
    assert answers.isin(["", "1", "2", "3", "4", "9"]).all(axis=None)
    missing = (answers == "").to_numpy().mean()
    assert missing == pytest.approx(dirt["item_missing"] + dirt["broken_off"] * 4 / 6, abs=0.012)


def test_one_change_in_a_recipe_leaves_the_other_draws_alone(recipes, instrument, drawn):
    recipe = deepcopy(recipes["prairie"])
    recipe["survey"]["effect"] = 1.0
    recipe["program"]["cohorts"] = {"2021-22": 4}
    changed = simulate.study(recipe, instrument)
    pd.testing.assert_series_equal(changed.students["iss_n"], drawn["prairie"].students["iss_n"])
    np.testing.assert_array_equal(changed.respondents["theta"], drawn["prairie"].respondents["theta"])


def test_district_and_rates_need_no_students(recipes):
    recipe = recipes["prairie"]
    rates = expected_rates(draw_district(recipe), recipe)
    assert rates.oss.shape == (12, 4, 7)
    assert (rates.oss > 0).all()


def test_files_of_a_study_are_named_for_what_they_hold(drawn):
    assert list(study_files(drawn["riverbend"])) == [
        "actions.csv",
        "enrollment.csv",
        "adoption.csv",
        "survey.csv",
        "invited.csv",
        "outcomes.csv",
        "incidents.csv",
        "absences.csv",
        "practices.csv",
        "training.csv",
        "costs.csv",
    ]


def test_data_readme_tells_the_planted_values(root, committed):
    text = (root / "data/README.md").read_text(encoding="utf-8")
    columns = ("att", "iss_per_100.att", "removals_per_100.att", "gap.black_white.att")
    for name in STUDIES:
        truth = {id: told["value"] for id, told in read_yaml(committed / name / "truth.yml").items()}
        cells = [f"{truth[f'suspensions.{column}']:.1f}" for column in columns]
        cells.append(f"{truth['belonging.att.sd']:.2f}")
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert [cell.strip().replace("−", "-") for cell in row.split("|")[5:-1]] == cells
