"""Any table file is read as the text that stands in it, or refused in words."""

import gzip

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpeval.errors import DataError
from rpeval.inputs.tables.cells import read_date, read_number, read_numbers, start_reader, year_reader
from rpeval.inputs.tables.files import missing_columns, read_table

ROWS = [["0042", "Lincoln, Ñ", "1,204"], ["007", 'the "old" one', ""]]
HEADINGS = ["id", "name", "enrolled"]
CSV = 'id,name,enrolled\n0042,"Lincoln, Ñ","1,204"\n007,"the ""old"" one",\n'


def read(tmp_path, name: str, content: bytes | str, **how):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **how)


def refusal(tmp_path, name: str, content: bytes | str, **how) -> str:
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, content, **how)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("a.csv", CSV, {}),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode(), {}),
        ("crlf.csv", CSV.replace("\n", "\r\n"), {}),
        ("latin.csv", CSV.encode("latin-1"), {"encoding": "latin-1"}),
        ("utf16.csv", CSV.encode("utf-16"), {"encoding": "utf-16"}),
        ("packed.csv.gz", gzip.compress(CSV.encode(), mtime=0), {}),
        ("blank_line.csv", CSV.replace("007", "\n007"), {}),
    ],
)
def test_the_same_table_however_it_is_written(tmp_path, name, content, how):
    table = read(tmp_path, name, content, **how)
    assert list(table.headings) == HEADINGS
    assert table.frame.to_numpy().tolist() == ROWS


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_delimiters_are_found_in_the_headings_or_named(tmp_path, delimiter):
    text = f'"a, b"{delimiter}id\nx{delimiter}01\n'
    assert read(tmp_path, "a.txt", text).frame.to_numpy().tolist() == [["x", "01"]]
    assert read(tmp_path, "b.txt", text, delimiter=delimiter).headings == ("a, b", "id")


def test_a_workbook_gives_its_typed_cells_as_text(tmp_path):
    typed = pd.DataFrame({"id": ["0042", "007"], "n": [12.0, None], "rate": [0.5, 3.0], "text": [" x ", "y"]})
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        pd.DataFrame({"other": [1]}).to_excel(writer, sheet_name="First", index=False)
        typed.to_excel(writer, sheet_name="Schools", index=False)
    table = read_table(tmp_path / "a.xlsx", sheet="Schools")
    assert table.frame.to_numpy().tolist() == [["0042", "12", "0.5", "x"], ["007", "", "3", "y"]]
    assert read_table(tmp_path / "a.xlsx").headings == ("other",)
    with pytest.raises(DataError, match=r'no sheet "School".\n.*"First", "Schools"'):
        read_table(tmp_path / "a.xlsx", sheet="School")


def test_parquet_gives_its_typed_columns_as_text(tmp_path):
    typed = pd.DataFrame(
        {
            "code": [1100170112607.0, 7.0],
            "n": pd.array([846, None], dtype="Int64"),
            "rate": [0.1, float("nan")],
            "kind": pd.Categorical(["a", "b"]),
        }
    )
    typed.to_parquet(tmp_path / "a.parquet")
    frame = read_table(tmp_path / "a.parquet").frame
    assert frame.to_numpy().tolist() == [["1100170112607", "846", "0.1", "a"], ["7", "", "", "b"]]
    assert list(read_table(tmp_path / "a.parquet", only=["n", "absent"]).frame) == ["n"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "torn.csv",
            "a,b,c\n1,2,3\n1,2\n1,2,3,4\n",
            "2 rows do not have the 3 columns.*row 3 has 2, row 4 has 4",
        ),
        ("twice.csv", "a,b,a\n1,2,3\n", '1 heading stands more than once: "a"'),
        ("empty.csv", " \n", "The file is empty"),
        ("headings.csv", "a,b\n", "has headings but no rows"),
        ("open.csv", 'a,b\n1,"2\n3,4\n', "quote is opened and never closed"),
        ("latin.csv", b"a,b\n1,2\n\xf1,3\n", "Line 3 is not UTF-8.*\n.*latin-1"),
        ("page.csv", "<!DOCTYPE html><html>", "web page"),
        ("book.csv", b"PK\x03\x04", "workbook or zip"),
        ("binary.csv", "a,b\n1,\0\n", "not a text table"),
        ("book.xlsx", "a,b\n", "not a workbook"),
        ("a.parquet", "a,b\n", "not a Parquet file"),
        ("a.csv.gz", "a,b\n", "not a whole gzip file"),
        ("a.docx", "a,b\n", '".docx" file is not read'),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, name, content, told):
    with pytest.raises(DataError, match=f"(?s){told}"):
        read(tmp_path, name, content)


def test_a_wrong_encoding_is_refused(tmp_path):
    assert "no encoding" in refusal(tmp_path, "a.csv", CSV, encoding="utf-99")
    assert "not utf-16" in refusal(tmp_path, "b.csv", b"abc", encoding="utf-16")


def test_a_missing_file_names_its_neighbor(tmp_path):
    (tmp_path / "panel.csv").write_text(CSV)
    with pytest.raises(DataError, match=r'Write "panel\.csv" instead'):
        read_table(tmp_path / "pannel.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_a_heading_twice_matters_only_where_it_is_read(tmp_path):
    table = read(tmp_path, "a.csv", "a,a,b\n1,2,3\n", only={"b"})
    assert table.frame.to_numpy().tolist() == [["3"]]


def test_missing_columns_are_named_with_what_was_meant(tmp_path):
    table = read(tmp_path, "a.csv", CSV)
    near, far = missing_columns(table, ["id", "enroled", "zzz"], "sources.panel")
    assert '"enroled"' in near.what
    assert near.fix == 'Write "enrolled" in sources.panel.'
    assert '"id", "name", "enrolled"' in far.fix


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6),
                         min_size=2, max_size=2), min_size=1, max_size=5))  # fmt: skip
def test_any_text_survives_the_round_trip(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    pd.DataFrame([["x", *row] for row in cells], columns=["k", "a", "b"]).to_csv(path, index=False)
    got = read_table(path).frame
    assert [[v.strip() for v in row] for row in cells] == [
        [v.strip() for v in row] for row in got[["a", "b"]].to_numpy()
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234", 1234), ("12,345,678.5", 12345678.5), ("0.00%", 0), ("4.7 %", 4.7), ("-3", -3), ("1e-7", 1e-7)],
)
def test_numbers_as_files_write_them(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["1,23", "12,34", "x", "nan", "inf", "%", "1 2", "½", "１２", "<10", "5-10"])
def test_text_that_is_no_number_is_not_read_as_one(text):
    with pytest.raises(ValueError):
        read_number(text)


def test_missing_markers_are_unknown_never_zero():
    got = read_numbers(pd.Series(["*", " ", "n/a", "0", "x"]), missing=["*", "N/A"])
    assert got.values.tolist()[3] == 0
    assert pd.isna(got.values).tolist() == [True, True, True, False, True]
    assert got.bad.tolist() == [False, False, False, False, True]


def test_years_starts_and_dates():
    assert year_reader("label")("2018-2019") == year_reader("label")("2018–19") == 2018
    assert year_reader("starts")("2018") == year_reader("ends")("2019") == 2018
    assert start_reader("ends")("2020") == 2019
    assert pd.isna(start_reader("label")("Never"))
    assert [read_date(d) for d in ("2019-06-30", "7/1/2019", "12/31/2018 14:05")] == [2018, 2019, 2018]
    for style, text in (("label", "2018"), ("label", "2018-20"), ("starts", "2018-19"), ("ends", "18")):
        with pytest.raises(ValueError):
            year_reader(style)(text)
    for text in ("13/1/2019", "2019", "1-2-2019"):
        with pytest.raises(ValueError):
            read_date(text)
