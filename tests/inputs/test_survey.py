"""The survey: every row accounted for, answers read the same however the file writes them, real and simulated files."""

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_study import said, source, tiny_params, write_table

from rpeval.errors import DataError, ParamsError
from rpeval.inputs.panel import read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.schema.instruments import read_instrument
from rpeval.inputs.schema.sources import SurveySource
from rpeval.inputs.survey import read_survey

TINY = {
    "id": "tiny", "title": "Three items", "construct": "belonging", "source": "This test.", "license": "MIT",
    "categories": ["Strongly disagree", "Disagree", "Agree", "Strongly agree"], "min": 1, "max": 4,
    "items": [{"id": "q1"}, {"id": "q2"}, {"id": "q3", "reverse": True}], "favorable": [3, 4],
}  # fmt: skip

ANSWERS = """
respondent_id school_id wave race q1 q2 q3
r1 01 2018-19 Black 1 2 4
r2 01 2018-19 White _ _ _
r3 01 2018-19 White 9 3 x
r4 _ 2018-19 White 1 1 1
r5 02 _ White 2 2 2
r6 02 soon White 2 2 2
r1 01 2018-19 Black 4 4 1
r7 02 2019-20 _ 3 _ 2
r7 02 2019-20 White 3 4 2
r8 02 2014-15 White 3 4 2
r9 02 2020-21 White 3 4 2
r1 02 2019-20 Black 4 4 4
"""

STARTS = "school_id start_year\n01 2019-20\n02 _\n03 2019-20"


def instrument(root, **changes):
    folder = root / "data/reference/instruments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yml").write_text(yaml.safe_dump({**TINY, **changes}))


def asked(root, text=ANSWERS, *, path=None, adoption=None, panel=None, **keys):
    """The params of a study with a survey; keys go to the survey's source."""
    instrument(root)
    keys = {"path": path or write_table(root / "survey.csv", text), "instrument": "tiny", **keys}
    adoption = (None if panel else STARTS) if adoption is None else adoption
    starts = source(write_table(root / "adoption.csv", adoption), "adoption") if adoption else None
    return tiny_params(
        root,
        panel=panel or source("no_panel.csv"),
        survey=SurveySource(**keys),
        adoption=starts,
        last="2021-22",
        leave_out=["2020-21"],
    )


def test_a_survey_by_hand(tmp_path):
    survey = read_survey(asked(tmp_path, groups={"race": "race"}))
    frame = survey.frame
    assert frame.columns.tolist() == [
        "respondent_id", "school_id", "wave", "weight", "race", "q1", "q2", "q3", "start_year", "arm",
    ]  # fmt: skip
    assert frame[["respondent_id", "school_id", "wave"]].to_numpy().tolist() == [
        ["r1", "01", 2018], ["r3", "01", 2018], ["r1", "02", 2019], ["r7", "02", 2019],
    ]  # fmt: skip
    answers = frame[["q1", "q2", "q3"]].fillna(-1).to_numpy().tolist()
    assert answers == [[1, 2, 4], [-1, 3, -1], [4, 4, 4], [3, 4, 2]]
    assert frame["race"].tolist() == ["Black", "White", "Black", "White"]
    assert frame["arm"].tolist() == ["adopting", "adopting", "comparison", "comparison"]
    assert (frame["weight"] == 1).all()
    assert (survey.accounting.rows_in, survey.accounting.rows_out) == (12, 4)
    assert dict(survey.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist()) == {
        "No item answered": 1,
        "No school id": 1,
        "No wave": 1,
        "Wave cannot be read": 1,
        "Outside the study's years, 2017-18 to 2021-22": 1,
        "Year left out: Remote": 1,
        "Same respondent answered again in the wave": 2,
    }
    told = said(survey.warnings)
    assert (
        '2 answers are not on the scale (1 to 4) and left as unanswered: "9" (1), "x" (1). By item: q1 1, q3 1.'
        in told
    )
    assert "2 rows come from a respondent" in told
    assert "1 respondent (25.0 %) gave the same answer to all 3 items" in told
    assert not any(problem.stops for problem in survey.warnings)


CLEAN = pd.DataFrame(
    {
        "respondent_id": [f"r{k}" for k in range(8)],
        "school_id": ["01"] * 4 + ["02"] * 4,
        "wave": ["2018-19", "2019-20"] * 4,
        "q1": [1, 2, 3, 4, 4, 3, 2, 1],
        "q2": [2, 2, 3, 3, None, 4, 1, 1],
        "q3": [4, 3, 1, 2, 2, 1, 4, None],
    }
)


def read_clean(root, frame=CLEAN, *, name="clean.csv", **keys):
    write = {
        "clean.csv": lambda path: frame.to_csv(path, index=False),
        "clean.tsv": lambda path: frame.to_csv(path, index=False, sep="\t"),
        "clean.xlsx": lambda path: frame.to_excel(path, index=False),
        "clean.parquet": lambda path: frame.to_parquet(path),
    }
    write[name](root / name)
    return read_survey(asked(root, path=name, **keys)).frame


@pytest.mark.parametrize("name", ["clean.tsv", "clean.xlsx", "clean.parquet"])
def test_every_kind_of_file_gives_the_same(tmp_path, name):
    pd.testing.assert_frame_equal(read_clean(tmp_path), read_clean(tmp_path, name=name))


def test_codes_labels_long_and_other_headings_give_the_same(tmp_path):
    plain = read_clean(tmp_path)
    items = ["q1", "q2", "q3"]
    labels = CLEAN.replace({item: dict(enumerate(TINY["categories"], start=1)) for item in items})
    labels["q1"] = " " + labels["q1"].str.upper() + ". "
    pd.testing.assert_frame_equal(plain, read_clean(tmp_path, labels, answers="labels"))
    long = CLEAN.melt(["respondent_id", "school_id", "wave"], var_name="item", value_name="answer")
    long["item"] = long["item"].replace({"q1": "Q12a"})
    pd.testing.assert_frame_equal(plain, read_clean(tmp_path, long, shape="long", items={"q1": "Q12a"}))
    renamed = CLEAN.rename(
        columns={"respondent_id": "ResponseId", "school_id": "Bldg", "wave": "Year", "q1": "Q12a"}
    )
    renamed["Year"] = renamed["Year"].str[:4].astype(int) + 1
    columns = {"respondent_id": "ResponseId", "school_id": "Bldg", "wave": "Year"}
    found = read_clean(tmp_path, renamed, columns=columns, items={"q1": "Q12a"}, year_style="ends")
    pd.testing.assert_frame_equal(plain, found)


@given(st.permutations(range(8)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_rows_does_not_matter(tmp_path_factory, order):
    root = tmp_path_factory.mktemp("order")
    pd.testing.assert_frame_equal(read_clean(root), read_clean(root, CLEAN.iloc[list(order)]))


def test_in_a_long_file_other_questions_leave_and_a_second_try_is_seen(tmp_path):
    text = """
    respondent_id school_id wave item answer
    r1 01 2018-19 q1 1
    r1 01 2018-19 q2 2
    r1 01 2018-19 lunch 5
    r1 01 2018-19 q1 4
    r1 01 2018-19 q2 4
    r1 01 2018-19 q3 4
    r2 02 2018-19 q3 3
    """
    survey = read_survey(asked(tmp_path, text, shape="long"))
    found = survey.frame[["respondent_id", "q1", "q2", "q3"]].fillna(-1).to_numpy().tolist()
    assert found == [["r1", 1, 2, 4], ["r2", -1, -1, 3]]
    assert dict(survey.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist()) == {
        "Answer joined to the others of its respondent": 3,
        "Question is not of this scale": 1,
        "Same respondent answered again in the wave": 1,
    }


def test_schools_that_nobody_listed_are_counted(tmp_path):
    survey = read_survey(asked(tmp_path, adoption="school_id start_year\n01 2019-20"))
    assert survey.frame.groupby("school_id")["arm"].first().to_dict() == {
        "01": "adopting",
        "02": "comparison",
    }
    assert (
        '1 of 2 schools (2 respondents) are not in the adoption list and count as never adopting: "02"'
        in said(survey.warnings)
    )
    with pytest.raises(DataError, match="2 of 2 schools") as caught:
        read_survey(asked(tmp_path, adoption="school_id start_year\n1 2019-20\n2 _"))
    assert "leading zeros" in str(caught.value)


def test_without_an_adoption_list_the_panel_gives_the_starts(tmp_path):
    rows = "\n".join(f"0{s} 0{s} {y} 100 5" for s in (1, 2) for y in ("2018-19", "2019-20", "2021-22"))
    file = write_table(tmp_path / "panel.csv", f"school_id school_name year enrolled_n oss_n\n{rows}")
    bare = asked(tmp_path, panel=source(file))
    assert read_survey(bare).frame["start_year"].isna().all()
    assert "arm" not in read_survey(bare).frame
    starting = "\n".join(f"{row} {'2019-20' if row.startswith('01') else '_'}" for row in rows.splitlines())
    file = write_table(
        tmp_path / "panel.csv", f"school_id school_name year enrolled_n oss_n start_year\n{starting}"
    )
    own = asked(tmp_path, panel=source(file, columns={"start_year": ["start_year"]}))
    assert read_survey(own).frame["arm"].tolist() == ["adopting", "adopting", "comparison", "comparison"]
    pd.testing.assert_frame_equal(read_survey(own).frame, read_survey(own, read_panel(own)).frame)


def test_anonymous_surveys_are_read_and_say_what_cannot_be_seen(tmp_path):
    frame = CLEAN.drop(columns="respondent_id")
    found = read_clean(tmp_path, frame)
    assert found["respondent_id"].is_unique
    assert len(found) == 8
    survey = read_survey(asked(tmp_path, path="clean.csv"))
    assert "nobody can see whether a student answered twice" in said(survey.warnings)


def test_weights_are_read_and_rows_without_one_leave(tmp_path):
    frame = CLEAN.assign(w=[1.5, 2, 0, -1, "", "x", 3, 4])
    found = read_clean(tmp_path, frame, columns={"weight": "w"})
    assert found["weight"].tolist() == [1.5, 3.0, 2.0, 4.0]


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    told = ""
    try:
        read_survey(asked(tmp_path, items={"q9": "Q9", "q2": "Q2"}, groups={"wave": "race", "sex": "Sex"}))
    except DataError as error:
        told = said(error.problems)
    assert 'The instrument has no item "q9".' in told
    assert "named like other columns: wave" in told
    assert 'There is no column "Q2".' in told
    assert 'There is no column "Sex".' in told
    assert "sources.survey" in told


def test_a_file_read_in_the_wrong_way_is_refused(tmp_path):
    labels = CLEAN.replace({"q1": {1: "Agree"}, "q2": {2: "Agree"}})
    frame = labels.assign(q1="Agree", q2="Disagree")
    with pytest.raises(DataError, match="Say `answers: labels`"):
        read_clean(tmp_path, frame)
    with pytest.raises(DataError, match="Write 2018-19, or say with `year_style"):
        read_clean(tmp_path, CLEAN.assign(wave="2019"))
    with pytest.raises(DataError, match="No respondent is left"):
        read_clean(tmp_path, CLEAN.assign(wave="2010-11"))
    params = asked(tmp_path)
    params.sources.survey = None
    with pytest.raises(DataError, match="names no survey"):
        read_survey(params)


def test_real_answers_are_not_taken_for_simulated_ones(tmp_path):
    with pytest.raises(DataError, match="simulated"):
        read_clean(tmp_path, CLEAN.assign(simulated="yes"))


# ---- instruments


def test_contradictions_of_an_instrument_are_told_at_once(tmp_path):
    wrong = {
        "id": "other",
        "max": 5,
        "favorable": [3, 9],
        "items": [{"id": "q1"}, {"id": "q1"}],
        "answered_share": 2,
    }
    instrument(tmp_path, **wrong)
    with pytest.raises(ParamsError) as caught:
        read_instrument("tiny", tmp_path)
    told = said(caught.value.problems)
    for part in (": id:", ": categories:", ": items:", ": favorable:", ": answered_share:"):
        assert part in told
    with pytest.raises(ParamsError, match='Write "tiny" instead'):
        read_instrument("tinny", tmp_path)


def test_shipped_instruments_read_and_print_only_wording_that_is_free(root):
    names = sorted(path.stem for path in (root / "data/reference/instruments").glob("*.yml"))
    assert {
        "blank",
        "pisa_belonging",
        "pssm",
        "rpeval_belonging",
        "us_ed_belonging",
        "yrbs_connectedness",
    } <= set(names)
    for name in names:
        told = read_instrument(name, root)
        printed = [item.wording for item in told.items if item.wording]
        free = told.license.startswith(("MIT", "Public domain"))
        assert free or not printed, name
        assert not (told.wording in ("unchecked", "none") and printed), name


def test_pssm_reverses_five_items_of_eighteen(root):
    pssm = read_instrument("pssm", root)
    assert pssm.scale["reverse"] == ["pssm_03", "pssm_06", "pssm_09", "pssm_12", "pssm_16"]
    assert len(pssm.items) == 18


# ---- simulated and real files


@pytest.mark.parametrize("name", ["lakeshore", "riverbend", "prairie"])
def test_the_dirt_of_the_simulated_studies_is_counted(root, name):
    recipe = yaml.safe_load((root / f"data/reference/recipes/{name}.yml").read_text())
    survey = read_survey(read_params(root / f"params/{name}.yml"))
    reasons = dict(survey.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist())
    assert reasons["Same respondent answered again in the wave"] == recipe["dirt"]["duplicates"]
    off = recipe["dirt"]["out_of_range"]
    assert f'{off} answers are not on the scale (1 to 4) and left as unanswered: "9" ({off})' in said(
        survey.warnings
    )
    assert not survey.frame.duplicated(["respondent_id", "wave"]).any()
    assert survey.frame["start_year"].notna().any()


def test_pisa_as_it_comes(root, tmp_path, shared_data):
    """A real file of 17,633 students: waves named by the year of spring, sampling weights, one school once."""
    file = shared_data("data/pisa_turkiye/pisa_tur_belong_2012_2015_2018.csv")
    raw = pd.read_csv(file)
    (tmp_path / "pisa.csv").write_bytes(file.read_bytes())
    folder = tmp_path / "data/reference/instruments"
    folder.mkdir(parents=True)
    (folder / "pisa_belonging.yml").write_text(
        (root / "data/reference/instruments/pisa_belonging.yml").read_text()
    )
    params = asked(
        tmp_path,
        path="pisa.csv",
        instrument="pisa_belonging",
        year_style="ends",
        columns={"respondent_id": "student", "school_id": "school", "weight": "w"},
        adoption="school_id start_year\n2012_1 _",
    )
    params.years = params.years.model_copy(update={"first": 2011})
    survey = read_survey(params)
    items = survey.instrument.item_ids
    answered = raw[items].notna().any(axis=1)
    assert survey.accounting.rows_in == len(raw) == 17_633
    assert survey.accounting.rows_out == answered.sum() - raw[answered].duplicated(["wave", "student"]).sum()
    assert sorted(survey.frame["wave"].unique()) == [2011, 2014, 2017]
    kept = raw[answered].drop_duplicates(["wave", "student"])
    assert survey.frame["weight"].sum() == pytest.approx(kept["w"].sum())
    assert survey.frame[items].sum().to_numpy() == pytest.approx(kept[items].sum().to_numpy())
    assert np.isin(survey.frame[items].stack().dropna(), [1, 2, 3, 4]).all()
