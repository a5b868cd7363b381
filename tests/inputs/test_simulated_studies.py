"""The committed studies are read by the ordinary road: params, panel, survey."""

import pandas as pd
import pytest
import yaml

from rpeval.errors import ParamsError
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.schema.sources import FileSource
from rpeval.inputs.survey import read_survey
from rpeval.inputs.truth import read_truth
from rpeval.inputs.years import parse_year

STUDIES = ("lakeshore", "prairie", "riverbend")


@pytest.fixture(scope="module")
def recipes(root):
    paths = {name: root / f"data/reference/recipes/{name}.yml" for name in STUDIES}
    return {name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in paths.items()}


@pytest.fixture(scope="module")
def panels(root):
    return {name: read_panel(read_params(root / f"params/{name}.yml")) for name in STUDIES}


@pytest.mark.parametrize("name", STUDIES)
def test_params_of_the_studies_are_read(root, recipes, name):
    params = read_params(root / f"params/{name}.yml")
    recipe = recipes[name]
    assert params.simulated
    assert params.district.name.endswith("(simulated)")
    assert params.district.leaid.startswith("99")
    assert params.seed == recipe["seed"]
    assert [params.years.first, params.years.last] == [
        parse_year(recipe["years"][k]) for k in ("first", "last")
    ]
    assert list(params.years.leave_out) == [parse_year(year) for year in recipe["years"]["leave_out"]]
    assert all(path.is_file() for path in params.source_paths().values())


@pytest.mark.parametrize(
    ("name", "schools", "years"), [("lakeshore", 60, 7), ("prairie", 12, 6), ("riverbend", 24, 6)]
)
def test_panels_of_the_studies_are_read_whole(panels, recipes, name, schools, years):
    panel = panels[name]
    assert len(panel.frame) == schools * years
    assert panel.accounting.rows_out == len(panel.frame)
    assert set(panel.frame["year"]) == set(range(2024 - years - 1, 2024)) - {2020}
    starts = panel.frame.groupby("school_id")["start_year"].first().dropna()
    cohorts = {parse_year(year): n for year, n in recipes[name]["program"]["cohorts"].items()}
    assert starts.value_counts().to_dict() == cohorts
    assert panel.frame[["oss_per_100", "iss_per_100", "removals_per_100"]].notna().all(axis=None)


def test_riverbend_counts_are_those_of_its_students(root, panels):
    panel = panels["riverbend"]
    folder = root / "data/simulated/riverbend"
    students = pd.read_csv(folder / "enrollment.csv", dtype=str)
    actions = pd.read_csv(folder / "actions.csv", dtype=str).drop_duplicates("action_id")
    year = panel.frame["year"] == 2018
    here = students[students["year"] == "2018-19"]
    assert panel.frame.loc[year, "enrolled_n"].tolist() == here.groupby("school_id").size().tolist()
    date = actions["date"]
    during = actions[(date >= "2018-07-01") & (date < "2019-07-01")]
    for kind in ("OSS", "ISS"):
        assert panel.frame.loc[year, f"{kind.lower()}_n"].sum() == (during["kind"] == kind).sum()
    black = during[during["student_id"].isin(here.loc[here["race"] == "Black", "student_id"])]
    told = panel.groups[(panel.groups["year"] == 2018) & (panel.groups["group"] == "Black")]
    assert told["oss_n"].sum() == (black["kind"] == "OSS").sum()


@pytest.mark.parametrize("name", STUDIES)
def test_surveys_of_the_studies_are_read_and_the_dirt_is_counted(root, panels, recipes, name):
    survey = read_survey(read_params(root / f"params/{name}.yml"), panels[name])
    told, dirt = recipes[name]["survey"], recipes[name]["dirt"]
    assert survey.instrument.id == told["instrument"]
    assert sorted(set(survey.frame["wave"])) == [parse_year(wave) for wave in told["waves"]]
    assert set(survey.frame["race"]) == set(recipes[name]["groups"]["shares"])
    assert survey.frame[survey.instrument.item_ids].max(axis=None) == 4
    reasons = survey.accounting.drops.groupby("reason")["rows_n"].sum()
    assert reasons["Same respondent answered again in the wave"] == dirt["duplicates"]
    assert any(f"{dirt['out_of_range']} answers are not on the scale" in w.what for w in survey.warnings)


@pytest.mark.parametrize("name", STUDIES)
def test_the_truth_is_read_as_it_stands(root, name):
    params = read_params(root / f"params/{name}.yml")
    told = yaml.safe_load((root / f"data/simulated/{name}/truth.yml").read_text(encoding="utf-8"))
    assert read_truth(params) == told
    assert (
        read_truth(params.model_copy(update={"sources": params.sources.model_copy(update={"truth": None})}))
        == {}
    )


def test_a_truth_without_a_number_is_refused(root, tmp_path):
    (tmp_path / "truth.yml").write_text("a: {value: 1.5}\nb: {unit: SD}\nc: {value: none}\n")
    params = read_params(root / "params/prairie.yml")
    params._root = tmp_path
    sources = params.sources.model_copy(update={"truth": FileSource(path="truth.yml")})
    with pytest.raises(ParamsError) as caught:
        read_truth(params.model_copy(update={"sources": sources}))
    assert [problem.where for problem in caught.value.problems] == [
        "truth.yml: b: value",
        "truth.yml: c: value",
    ]
