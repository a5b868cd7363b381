"""School years as text and as the calendar year of their start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpeval.inputs.years import parse_year, show_year


@pytest.mark.parametrize(
    ("text", "start"),
    [("2018-19", 2018), ("2018-2019", 2018), ("1999-00", 1999), ("1999-2000", 1999), ("2009-10", 2009)],
)
def test_both_ways_of_writing_are_read(text, start):
    assert parse_year(text) == start


@pytest.mark.parametrize(
    "wrong",
    [
        "2018-20", "2018-18", "2018-2020", "2018", "18-19", "2018-9", "2018/19", "2018–19", "2018-19 ", "",
        "2018-019", "٢٠١٨-19", "1899-00", "2100-01", "9999-00", 2018, 2018.0, True, None, ["2018-19"],
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        parse_year(wrong)
    assert str(wrong)[:5] in str(caught.value)


def test_the_refusal_names_the_year_that_was_probably_meant():
    with pytest.raises(ValueError, match='"2018-19"'):
        parse_year("2018-20")


@given(st.integers(1900, 2099))
def test_every_year_survives_writing_and_reading(start):
    assert parse_year(show_year(start)) == start
    assert parse_year(f"{start}-{start + 1}") == start


@given(st.text(alphabet="0123456789-", max_size=10))
def test_what_is_read_says_what_was_written(text):
    try:
        start = parse_year(text)
    except ValueError:
        return
    assert text in (show_year(start), f"{start}-{start + 1}")
