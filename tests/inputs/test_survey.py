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
        "respondent_id", "school_id", "wave", "weight", "race", "q1", "q2", "q3", "straight_line", "start_year", "arm",
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
    assert "2 rows have an id that stands in several schools" not in told
    assert "same answer to all" not in told  # three items are too few to tell
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


# ---- several scales in one file


FAIR = {
    "id": "fair", "title": "Two items", "construct": "fairness", "source": "This test.", "license": "MIT",
    "categories": ["Never", "Sometimes", "Often"], "min": 0, "max": 2,
    "items": [{"id": "f1"}, {"id": "f2"}], "favorable": [2],
}  # fmt: skip


def with_fairness(root, **changes):
    instrument(root)
    (root / "data/reference/instruments/fair.yml").write_text(yaml.safe_dump(FAIR | changes))
    return root


FAIR_CLEAN = CLEAN.assign(f1=[0, 1, 2, 0, 1, 2, 0, None], f2=[2, 2, 1, 1, 0, 0, None, 4])


def test_a_second_scale_is_read_from_the_same_file(tmp_path):
    alone = read_clean(tmp_path)
    FAIR_CLEAN.to_csv(with_fairness(tmp_path) / "both.csv", index=False)
    survey = read_survey(asked(tmp_path, path="both.csv", also={"fairness": "fair"}))
    assert survey.instrument.id == "tiny"
    assert {name: told.id for name, told in survey.also.items()} == {"fairness": "fair"}
    pd.testing.assert_frame_equal(survey.frame[alone.columns], alone)
    found = survey.frame.set_index("respondent_id").loc[CLEAN["respondent_id"], ["f1", "f2"]]
    assert found.fillna(-1).to_numpy().tolist() == [
        [0, 2], [1, 2], [2, 1], [0, 1], [1, 0], [2, 0], [0, -1], [-1, -1],
    ]  # fmt: skip
    assert "1 answer is not on the scale (0 to 2)" in said(survey.warnings)
    assert read_survey(asked(tmp_path, path="both.csv")).also == {}


def test_whoever_answered_one_of_the_scales_stays(tmp_path):
    frame = FAIR_CLEAN.assign(
        q1=[None, *CLEAN["q1"][1:]], q2=[None, *CLEAN["q2"][1:]], q3=[None, *CLEAN["q3"][1:]]
    )
    frame.to_csv(with_fairness(tmp_path) / "both.csv", index=False)
    assert len(read_survey(asked(tmp_path, path="both.csv", also={"fairness": "fair"})).frame) == 8
    assert len(read_survey(asked(tmp_path, path="both.csv")).frame) == 7


def test_a_long_file_gives_the_same_two_scales(tmp_path):
    FAIR_CLEAN.to_csv(with_fairness(tmp_path) / "wide.csv", index=False)
    long = FAIR_CLEAN.melt(["respondent_id", "school_id", "wave"], var_name="item", value_name="answer")
    long.to_csv(tmp_path / "long.csv", index=False)
    long.to_excel(tmp_path / "long.xlsx", index=False, sheet_name="Answers")
    keys = {"also": {"fairness": "fair"}}
    wide = read_survey(asked(tmp_path, path="wide.csv", **keys))
    for name, sheet in [("long.csv", {}), ("long.xlsx", {"sheet": "Answers"})]:
        long = read_survey(asked(tmp_path, path=name, shape="long", **sheet, **keys))
        pd.testing.assert_frame_equal(wide.frame, long.frame)
        pd.testing.assert_frame_equal(wide.flags, long.flags)


def test_scales_that_share_items_or_lack_columns_are_refused(tmp_path):
    CLEAN.to_csv(with_fairness(tmp_path, items=[{"id": "q1"}, {"id": "f2"}]) / "both.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_survey(asked(tmp_path, path="both.csv", also={"fairness": "fair"}, items={"f9": "x"}))
    told = said(caught.value.problems)
    assert "Several scales have an item of the same name: q1." in told
    assert 'There is no column "f2".' in told
    assert 'The instruments have no item "f9".' in told


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"also": {"Fair ness": "rpeval_fairness"}}, '"Fair ness" cannot name a scale.'),
        (
            {"also": {"fairness": "rpeval_fairnes"}},
            'There is no "rpeval_fairnes" in data/reference/instruments/.',
        ),
        ({"labels": {"Yes": "Agree"}}, "The answers are read as codes, which have no labels."),
        ({"shape": "qualtric"}, '"qualtric" is not a choice here.'),
    ],
)
def test_what_the_params_say_of_a_survey_is_checked(root, keys, what):
    content = read_params(root / "params/lakeshore.yml").resolved()
    content["sources"]["survey"] |= keys
    with pytest.raises(ParamsError) as caught:
        read_params(content, root=root)
    assert what in said(caught.value.problems)


def test_the_own_scales_can_all_be_asked_for(root):
    content = read_params(root / "params/lakeshore.yml").resolved()
    also = {name: f"rpeval_{name}" for name in ("exposure", "fairness", "relationships", "safety")}
    content["sources"]["survey"]["also"] = also
    assert read_params(content, root=root).sources.survey.also == also


# ---- labels, as files word them


def test_labels_are_read_with_their_codes_and_in_other_words(tmp_path):
    plain = read_clean(tmp_path)
    shown = {1: "1 - Strongly disagree", 2: "Disagree (2)", 3: "(3) Agree", 4: "Yes, definitely"}
    frame = CLEAN.replace(dict.fromkeys(("q1", "q2", "q3"), shown))
    labels = {"yes, definitely": "strongly Agree"}
    found = read_clean(tmp_path, frame, name="clean.csv", answers="labels", labels=labels)
    pd.testing.assert_frame_equal(plain, found)


def test_a_label_with_the_code_of_another_is_unknown(tmp_path):
    frame = CLEAN.replace({item: dict(enumerate(TINY["categories"], start=1)) for item in ("q1", "q2", "q3")})
    frame["q1"] = ["4 - Agree", "Agre", "Agre", *frame["q1"][3:]]
    frame.to_csv(tmp_path / "clean.csv", index=False)
    survey = read_survey(asked(tmp_path, path="clean.csv", answers="labels"))
    assert survey.frame["q1"].isna().sum() == 3
    told = said(survey.warnings)
    assert "3 answers are not on the scale (Strongly disagree, Disagree, Agree, Strongly agree)" in told
    assert '"Agre" (2), "4 - Agree" (1). By item: q1 3. Say under `labels` which category each is' in told


def test_unknown_labels_stop_a_file_of_them_and_a_wrong_target_is_named(tmp_path):
    frame = CLEAN.assign(**dict.fromkeys(("q1", "q2", "q3"), "Somewhat"))
    with pytest.raises(DataError, match=r"Say under `labels` in sources\.survey which category each text is"):
        read_clean(tmp_path, frame, answers="labels")
    with pytest.raises(DataError, match="Say `answers: codes`"):
        read_clean(tmp_path, answers="labels")
    with pytest.raises(DataError, match='The instrument has no category "Agreed"'):
        read_clean(tmp_path, frame, answers="labels", labels={"Somewhat": "Agreed"})
    assert read_clean(tmp_path, frame, answers="labels", labels={"Somewhat": "Agree"})["q1"].eq(3).all()


def test_students_own_words_are_not_repeated_in_a_message(tmp_path):
    secret = "Mr. Smith shouted at me on Monday"
    frame = CLEAN.assign(q1=[secret, *CLEAN["q1"][1:].astype(str)])
    frame.to_csv(tmp_path / "clean.csv", index=False)
    survey = read_survey(asked(tmp_path, path="clean.csv"))
    assert secret not in said(survey.warnings)
    assert "longer texts that stand once (1)" in said(survey.warnings)
    assert not [text for text in map(str, survey.frame.to_numpy().ravel()) if "Smith" in text]


# ---- careless answers

FIVE = [{"id": "q1"}, {"id": "q2"}, {"id": "q3", "reverse": True}, {"id": "q4"}, {"id": "q5"}]
LINES = """
respondent_id school_id wave q1 q2 q3 q4 q5
r1 01 2018-19 3 3 3 3 3
r2 01 2018-19 3 3 3 3 _
r3 01 2018-19 3 3 2 3 3
r4 02 2018-19 1 1 1 1 1
r5 02 2018-19 1 2 9 4 _
"""


def five(root, *, reverse=True, **keys):
    params = asked(root, LINES, **keys)
    instrument(root, items=[item | {"reverse": reverse and item.get("reverse", False)} for item in FIVE])
    return params


def test_one_answer_to_every_item_is_marked_and_kept(tmp_path):
    survey = read_survey(five(tmp_path))
    assert survey.frame["straight_line"].tolist() == [True, False, False, True, False]
    assert (
        '2 respondents (40.0 %) gave the same answer to all 5 items of "tiny", although they point both ways; '
        "they are kept." in said(survey.warnings)
    )
    assert survey.flags.to_numpy().tolist() == [
        ["tiny", "Answers that are not on the scale", 1, 23],
        ["tiny", "Questions without an answer on the scale", 3, 25],
        ["tiny", "Respondents with one answer to every item", 2, 5],
    ]


def test_a_switch_drops_them_counted(tmp_path):
    survey = read_survey(five(tmp_path, drop_straight_lines=True))
    assert survey.frame["respondent_id"].tolist() == ["r2", "r3", "r5"]
    drops = dict(survey.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist())
    assert drops == {"One answer to every item of a scale that points both ways": 2}
    assert "they leave" in said(survey.warnings)
    assert not survey.frame["straight_line"].any()


def test_where_all_items_point_one_way_they_are_told_but_never_dropped(tmp_path):
    survey = read_survey(five(tmp_path, reverse=False, drop_straight_lines=True))
    assert len(survey.frame) == 5
    assert not survey.frame["straight_line"].any()
    assert "which all point one way, so it may be meant; they are kept" in said(survey.warnings)
    assert survey.flags["n"].tolist() == [1, 3, 2]


def test_an_id_used_in_several_schools_is_named(tmp_path):
    text = LINES.replace("r4 02", "r1 02")
    params = asked(tmp_path, text)
    instrument(tmp_path, items=FIVE)
    assert "2 rows have an id that stands in several schools." in said(read_survey(params).warnings)


# ---- what must not be read


@pytest.mark.parametrize("keys", [
    {"groups": {"who": "IPAddress"}}, {"columns": {"respondent_id": "RecipientEmail"}}, {"items": {"q1": "First Name"}},
])  # fmt: skip
def test_columns_that_name_persons_are_refused(tmp_path, keys):
    frame = CLEAN.assign(IPAddress="1.2.3.4", RecipientEmail="a@b.c", **{"First Name": "Ann"})
    with pytest.raises(DataError, match="name or locate persons and are not read"):
        read_clean(tmp_path, frame, **keys)


def test_own_words_are_no_group(tmp_path):
    frame = CLEAN.assign(words=[f"My school is {n} nice" for n in range(8)], sex=["f", "m"] * 4)
    with pytest.raises(DataError, match="8 different values for 8 respondents are no groups"):
        read_clean(tmp_path, frame, groups={"words": "words"})
    assert set(read_clean(tmp_path, frame, groups={"sex": "sex"})["sex"]) == {"f", "m"}


def test_only_the_columns_that_were_asked_for_enter(tmp_path):
    found = read_clean(tmp_path, CLEAN.assign(comment="I like it", Email="a@b.c"))
    assert found.columns.tolist() == read_clean(tmp_path).columns.tolist()


def test_the_school_year_of_a_date_is_the_wave(tmp_path):
    dates = {"2018-19": "2018-10-05 09:30", "2019-20": "3/2/2020 8:15"}
    found = read_clean(tmp_path, CLEAN.replace({"wave": dates}), year_style="date")
    pd.testing.assert_frame_equal(found, read_clean(tmp_path))


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
