"""The passport of a number: complete, never without its interval, stamped, and silent on what is hidden."""

import json
import re

import pytest
from report_folder import write_folder

from rpeval.errors import FindingError
from rpeval.findings import collect
from rpeval.findings.passport import passport, recorded_run
from rpeval.reports.catalog import read_catalog

STATES = read_catalog()["states"]
RUN = {
    "code": {"git": {"commit": "0123456789abcdef", "clean": True}},
    "inputs": [{"path": "data/panel.csv", "sha256": "fedcba9876543210"}],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return collect(write_folder(tmp_path_factory.mktemp("passport")))


def rows(found, id, **how):
    return dict(passport(found, id, states=STATES, **how).rows)


def test_an_effect_tells_everything_that_is_known(found):
    told = rows(found, "suspensions.att")
    assert told["What it is"] == "Effect on out-of-school suspensions"
    assert told["Value"] == "−2.1 per 100 students"
    assert told["Uncertainty"] == "95% interval −3.3 to −0.9"
    assert told["Rests on"] == (
        "420 school-years; 60 independent units (schools or sites), 24 of them with the program"
    )
    assert told["Method"] == "imputation DiD; jackknife by school, t(59)"
    assert told["Verdict"].startswith("Leaning. The estimate favors the program, but")
    assert told["Made in"] == "01_suspensions"
    assert told["Data"] == f"study lakeshore, params {found.params_sha256[:8]}, simulated data"
    assert {"Code", "Inputs", "Why there is no number"} & {*told} == set()


def test_a_recorded_run_adds_its_code_and_its_inputs(found):
    told = rows(found, "suspensions.att", run=RUN)
    assert told["Code"] == "commit 01234567"
    assert told["Inputs"] == "data/panel.csv sha256 fedcba98"
    assert "commit 01234567, simulated data." in passport(found, "suspensions.att", run=RUN).citation
    changed = {"code": {"git": {"commit": "0123456789abcdef", "clean": False}}}
    assert rows(found, "data.schools", run=changed)["Code"] == "commit 01234567 with changes"
    assert "Code" not in rows(found, "data.schools", run={"code": {"git": None}, "inputs": []})


def test_the_sentence_to_copy(found):
    params = found.params_sha256[:8]
    assert passport(found, "suspensions.att").citation == (
        "−2.1 per 100 students (95% interval −3.3 to −0.9); Effect on out-of-school suspensions;"
        " verdict: leaning. Source: Restorative practices in Lakeshore, rpeval finding suspensions.att,"
        f" params {params}, simulated data."
    )
    assert passport(found, "suspensions.att.percent").citation.startswith("−21% (95% interval −33 to −9);")


def test_no_number_is_quoted_without_its_interval_or_its_stamp(found):
    for id, finding in found.findings.items():
        citation = passport(found, id, states=STATES).citation
        assert finding.shown.rstrip(".") in citation
        assert finding.shown_interval in citation
        assert citation.endswith("simulated data.")
        assert "  " not in citation
        assert ".." not in citation


def test_a_draft_says_so_and_real_data_are_not_called_simulated(tmp_path):
    draft = collect(write_folder(tmp_path, draft=True, simulated=False))
    told = passport(draft, "suspensions.att")
    assert told.citation.endswith("draft, not a recorded run.")
    assert "simulated" not in told.citation.replace(draft.district, "")
    assert dict(told.rows)["Data"].endswith("draft, not a recorded run")


def test_a_refusal_says_why_and_what_would_mend_it(tmp_path):
    refused = collect(write_folder(tmp_path, refused=True))
    told = rows(refused, "suspensions.att")
    assert told["Value"] == "not estimated"
    assert told["Why there is no number"] == "The study has no list of adopting schools."
    assert told["What would mend it"] == "Name one in sources.adoption."
    said = passport(refused, "suspensions.att").citation
    assert said.startswith(
        "not estimated; Effect on out-of-school suspensions. The study has no list of adopting schools. Source"
    )


def test_a_cell_stands_with_its_row_and_a_table_with_its_file(found):
    cell = passport(found, "suspensions.methods/1/value")
    told = dict(cell.rows)
    assert (told["Value"], told["In the same row"]) == (
        "−2.0",
        "Method: Group-time averages; Low: −3.3; High: −0.7",
    )
    assert "Low: −3.3; High: −0.7" in cell.citation
    table = rows(found, "suspensions.methods")
    assert table["File"] == "tables/suspensions.methods.csv"
    assert table["Holds"] == "3 rows, 4 columns"


def test_a_hidden_number_stays_hidden(tmp_path):
    from report_folder import book_of

    book = book_of(folder=tmp_path / "reports" / "lakeshore", notebook="01_suspensions")
    book.add("suspensions.few", 7, label="Suspended", cell_n=7, of_n=400)
    book.save()
    told = passport(collect(tmp_path / "reports" / "lakeshore"), "suspensions.few")
    assert dict(told.rows)["Value"] == "suppressed"
    assert not re.search(r"\b7\b", told.citation.replace(told.id, ""))


def test_the_claims_that_the_board_answers_by_a_number(found, tmp_path):
    import pandas as pd
    from report_folder import book_of

    folder = write_folder(tmp_path)
    book = book_of(folder=folder, notebook="06_more")
    row = {"id": "C01", "who": "A", "says": "It lowers suspensions.", "answer": "Leaning.", "also": "",
           "beside": "", "number": "Effect on out-of-school suspensions: −2.1 per 100 students (95% CI −3.3 to −0.9)"}  # fmt: skip
    other = row | {"id": "C02", "number": ""}
    book.release("claims.board", pd.DataFrame([row, other]), title="Claims", labels={"says": "Claim"})
    book.save()
    assert rows(collect(folder), "suspensions.att")["Answers"] == "C01, “It lowers suspensions”: Leaning."
    assert "Answers" not in rows(collect(folder), "data.schools")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("suspension.att", "suspensions.att"),
        ("belonging.alfa", "belonging.alpha"),
        ("suspensions.methods/9/value", "method, value, low, high"),
        ("suspensions.methods/0/nothing", "method, value, low, high"),
        ("zzz", "findings.json"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(found, asked, named):
    with pytest.raises(FindingError, match=re.escape(named)):
        passport(found, asked)


def test_the_record_of_a_run_is_read_where_there_is_one(tmp_path):
    assert recorded_run(tmp_path) is None
    (tmp_path / "manifest.json").write_text(json.dumps(RUN))
    assert recorded_run(tmp_path) == RUN
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(FindingError, match=r"manifest\.json"):
        recorded_run(tmp_path)
