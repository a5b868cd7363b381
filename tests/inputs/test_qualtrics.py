"""Qualtrics exports: heading rows skipped, what is no response counted, nothing that names a person read."""

import csv
import io

import pandas as pd
import pytest
from test_survey import asked
from tiny_study import said

from rpeval.errors import DataError
from rpeval.inputs.answers.qualtrics import read_export
from rpeval.inputs.survey import read_survey

HEADINGS = [
    "StartDate", "EndDate", "Status", "IPAddress", "Progress", "Finished", "ResponseId", "RecipientLastName",
    "RecipientEmail", "ExternalReference", "LocationLatitude", "DistributionChannel", "Q1_1", "Q1_2", "Q1_3", "Q9",
    "school",
]  # fmt: skip
TEXTS = [
    "Start Date", "End Date", "Response Type", "IP Address", "Progress", "Finished", "Response ID",
    "Recipient Last Name", "Recipient Email", "External Data Reference", "Location Latitude",
    "Distribution Channel", "How much do you agree? - I like it\nhere, really", "… - It is good", "… - It is bad",
    "Anything else?", "school",
]  # fmt: skip
IMPORTS = [f'{{"ImportId":"{name}"}}' for name in HEADINGS]
ROWS = [
    ["2018-10-01 09:00:00", 0, 1, "R_1a", "s1", "anonymous", 1, 2, 4, "fine", "01"],
    ["2018-10-01 09:05:00", 0, 1, "R_1b", "s2", "qr", 4, "", 1, "Mr. Smith, shouts\nat me", "01"],
    ["2018-10-02 10:00:00", 1, 1, "R_1c", "", "preview", 4, 4, 4, "", "01"],
    ["2018-10-02 10:01:00", 0, 1, "R_1d", "", "preview", 4, 4, 4, "", "01"],
    ["2018-10-02 10:02:00", 2, 1, "R_1e", "", "test", 3, 3, 3, "", "01"],
    ["2018-10-03 11:00:00", 0, 0, "R_1f", "s3", "anonymous", 2, "", "", "", "02"],
    ["2019-11-04 12:00:00", 8, 1, "R_1g", "s1", "anonymous", 3, 3, 2, "", "02"],
    ["2019-11-04 12:30:00", 16, 1, "R_1h", "s4", "gl", 2, 2, 3, "", "02"],
]
ITEMS = {"q1": "Q1_1", "q2": "Q1_2", "q3": "Q1_3"}
KEYS = {
    "shape": "qualtrics", "items": ITEMS, "columns": {"school_id": "school", "wave": "StartDate"},
    "year_style": "date",
}  # fmt: skip
KEPT = {"R_1a": [1, 2, 4], "R_1b": [4, -1, 1], "R_1g": [3, 3, 2], "R_1h": [2, 2, 3]}


def response(started, status, finished, id, external, channel, *answers):
    person = ["130.92.34.66", 100, finished, id, "Miller", "ann@example.org", external, "47.1"]
    return [started, started, status, *person, channel, *answers]


def export(tmp_path, *, headings=HEADINGS, above=(TEXTS, IMPORTS), rows=ROWS, name="export.csv", change=str):
    table = [headings, *above, *([change(v) for v in response(*row)] for row in rows)]
    if name.endswith(".xlsx"):
        pd.DataFrame(table).to_excel(tmp_path / name, index=False, header=False)
    else:
        text = io.StringIO()
        csv.writer(text, delimiter="\t" if name.endswith(".tsv") else ",").writerows(table)
        (tmp_path / name).write_text(text.getvalue(), encoding="utf-8-sig")
    return name


def read(tmp_path, name, **keys):
    return read_survey(asked(tmp_path, path=name, **KEYS | keys))


def answers(survey):
    frame = survey.frame.set_index("respondent_id")[["q1", "q2", "q3"]].fillna(-1)
    return {id: row.tolist() for id, row in frame.iterrows()}


def reasons(survey):
    return dict(survey.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist())


def test_an_export_with_three_heading_rows(tmp_path):
    survey = read(tmp_path, export(tmp_path))
    assert answers(survey) == KEPT
    assert survey.frame["wave"].tolist() == [2018, 2018, 2019, 2019]
    assert survey.frame["school_id"].tolist() == ["01", "01", "02", "02"]
    assert (survey.accounting.rows_in, survey.accounting.rows_out) == (8, 4)
    assert reasons(survey) == {
        "Preview of the survey, no response": 2,
        "Test of the survey, no response": 1,
        "Response not finished": 1,
    }
    assert "1 response is marked as spam and kept" in said(survey.warnings)


def test_nothing_that_names_a_person_or_is_free_text_is_read(tmp_path):
    survey = read(tmp_path, export(tmp_path))
    held = [*map(str, survey.frame.to_numpy().ravel()), said(survey.warnings)]
    for private in ("130.92", "Miller", "ann@example.org", "47.1", "Smith", "fine"):
        assert not [text for text in held if private in text], private
    only = {"school", "StartDate", "ResponseId", *ITEMS.values()}
    assert set(read_export(tmp_path / "export.csv", only=only).frame) == only
    for column in ("IPAddress", "RecipientEmail", "RecipientLastName", "LocationLatitude"):
        with pytest.raises(DataError, match="name or locate persons"):
            read(tmp_path, "export.csv", groups={"who": column})


@pytest.mark.parametrize("name", ["export.tsv", "export.xlsx"])
@pytest.mark.parametrize("above", [(TEXTS, IMPORTS), (TEXTS,), ()], ids=["three", "two", "one"])
def test_every_kind_of_export_gives_the_same(tmp_path, name, above):
    found = read(tmp_path, export(tmp_path, name=name, above=above))
    pd.testing.assert_frame_equal(found.frame, read(tmp_path, export(tmp_path)).frame)
    assert found.accounting.rows_in == 8


def test_an_export_of_labels(tmp_path):
    words = {1: "Strongly disagree", 2: "Disagree", 3: "Agree", 4: "Strongly agree"}
    statuses = {0: "IP Address", 1: "Survey Preview", 2: "Survey Test", 8: "Spam", 16: "Offline Response"}
    rows = []
    for started, status, finished, id, external, channel, *given, text, school in ROWS:
        said_so = [words.get(code, "") for code in given]
        rows.append([started, statuses[status], "True" if finished else "False", id, external, channel])
        rows[-1] += [*said_so, text, school]
    survey = read(tmp_path, export(tmp_path, rows=rows), answers="labels")
    plain = read(tmp_path, export(tmp_path))
    pd.testing.assert_frame_equal(survey.frame, plain.frame)
    assert reasons(survey) == reasons(plain)


def test_the_legacy_export_names_its_columns_in_the_second_row(tmp_path):
    headings = [
        "V1",
        "V2",
        "V3",
        "V4",
        "V5",
        "V6",
        "V7",
        "V8",
        "V9",
        "V10",
        *ITEMS.values(),
        "Q9",
        "school",
        "",
    ]
    second = ["ResponseID", "ResponseSet", "Name", "ExternalDataReference", "EmailAddress", "IPAddress", "Status",
              "StartDate", "EndDate", "Finished", "How …", "How …", "How …", "Anything?", "school", ""]  # fmt: skip
    table = [headings, second]
    for started, status, finished, id, external, _, *rest in ROWS:
        who = [id, "Default", "Ann Miller", external, "ann@example.org", "1.2.3.4"]
        table.append([*who, status, started, started, finished, *rest, ""])
    text = io.StringIO()
    csv.writer(text).writerows(table)
    (tmp_path / "legacy.csv").write_text(text.getvalue(), encoding="utf-8-sig")
    survey = read(tmp_path, "legacy.csv")
    assert answers(survey) == KEPT | {"R_1d": [4, 4, 4]}  # no channel tells that this one was a preview
    assert "no column DistributionChannel" in said(survey.warnings)
    by_name = {"columns": KEYS["columns"] | {"respondent_id": "ResponseID"}}
    pd.testing.assert_frame_equal(read(tmp_path, "legacy.csv", **by_name).frame, survey.frame)
    linked = read(
        tmp_path, "legacy.csv", columns=KEYS["columns"] | {"respondent_id": "ExternalDataReference"}
    )
    assert sorted(linked.frame["respondent_id"]) == ["s1", "s1", "s2", "s4"]
    with pytest.raises(DataError, match="name or locate persons"):
        read(tmp_path, "legacy.csv", groups={"who": "EmailAddress"})


def test_an_external_reference_links_the_waves(tmp_path):
    columns = KEYS["columns"] | {"respondent_id": "ExternalReference"}
    survey = read(tmp_path, export(tmp_path), columns=columns)
    assert survey.frame["respondent_id"].tolist() == ["s1", "s2", "s1", "s4"]


def test_a_file_without_import_ids_and_response_ids_is_refused(tmp_path):
    headings = ["Id" if name == "ResponseId" else name for name in HEADINGS]
    with pytest.raises(DataError, match="does not look like a Qualtrics export"):
        read(tmp_path, export(tmp_path, headings=headings, above=()))


def test_an_export_without_the_columns_that_tell_says_so(tmp_path):
    headings = [
        name if name not in ("Status", "Finished", "DistributionChannel") else f"x{name}" for name in HEADINGS
    ]
    survey = read(tmp_path, export(tmp_path, headings=headings))
    assert len(survey.frame) == 8
    assert "no column Status and no column DistributionChannel and no column Finished" in said(
        survey.warnings
    )


def test_an_unknown_word_for_finished_is_told_and_kept(tmp_path):
    survey = read(tmp_path, export(tmp_path, change=lambda v: "Falsch" if v == 0 else str(v)))
    assert "R_1f" in set(survey.frame["respondent_id"])
    assert 'whether these mean finished: "falsch"' in said(survey.warnings)


def test_a_missing_column_is_named_with_the_headings_of_the_export(tmp_path):
    with pytest.raises(DataError, match='There is no column "Q1_9"') as caught:
        read(tmp_path, export(tmp_path), items=ITEMS | {"q3": "Q1_9"})
    assert 'Write "Q1_3"' in str(caught.value)


@pytest.mark.parametrize("name", ["qualtrics_sample.csv", "qualtrics_sample_legacy.csv"])
def test_published_samples_of_both_kinds(shared_data, name):
    path = shared_data(f"data/layouts/{name}")
    table = read_export(path, only={"ResponseId", "Status", "StartDate", "Finished", "Q1"})
    assert table.frame[["ResponseId", "Status", "StartDate", "Finished", "Q1"]].to_numpy().tolist() == [
        ["R_2YPOQ602ER1jkf1", "0", "2017-07-18 08:28:09", "1", "2"]
    ]
    assert table.frame.index.tolist() == [1 if "legacy" in name else 2]
