"""A table that may be printed and drawn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

import pandas as pd

from rpeval.findings.disclosure import extreme
from rpeval.findings.finding import show_number

YEAR_COLUMNS = frozenset({"year", "wave", "cohort", "start_year", "first_year", "last_year"})


def show_year(value: object) -> str:
    """Write the year in which a school year starts as the school year; leave any other text alone.

    >>> show_year(2018), show_year(2018.0), show_year("2018-19"), show_year("never")
    ('2018-19', '2018-19', '2018-19', 'never')
    """
    text = str(value).removesuffix(".0")
    if not re.fullmatch(r"[12][0-9]{3}", text):
        return text
    return f"{text}-{(int(text) + 1) % 100:02d}"


def lettered(marks: Mapping[int, str]) -> list[tuple[str, int, str]]:
    """Give each mark its letter, in order of year.

    >>> lettered({2021: "New code of conduct", 2019: "Counselors added"})
    [('A', 2019, 'Counselors added'), ('B', 2021, 'New code of conduct')]
    """
    return [(letter, year, marks[year]) for letter, year in zip(ascii_uppercase, sorted(marks), strict=False)]


def legend(marks: Mapping[int, str]) -> list[str]:
    """Say for each mark what its letter stands for.

    >>> legend({2021: "New code of conduct"})
    ['A, 2021-22: New code of conduct']
    """
    return [f"{letter}, {show_year(year)}: {text}" for letter, year, text in lettered(marks)]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that has passed disclosure control; only such tables are printed or drawn.

    id, title    : stable id and caption
    frame        : the released rows; hidden rows keep their keys, `suppressed` says which they are
    labels       : column to heading, in the order in which columns are printed
    digits       : column to decimals
    figure, alt  : kind of figure drawn from it (or None) and the figure's text alternative
    marks        : year to what happened in it beside the program, drawn on figures over years
    suppressed_n : rows hidden
    percents     : column of percents to the column with its students; "≤5" and "≥95" say where it was blurred

    >>> Table("x.y", "Title", pd.DataFrame({"a": [1]}), {"a": "A"}).rows()
    [['1']]
    """

    id: str
    title: str
    frame: pd.DataFrame
    labels: Mapping[str, str]
    digits: Mapping[str, int] = field(default_factory=dict)
    figure: str | None = None
    alt: str = ""
    note: str = ""
    suppressed_n: int = 0
    notebook: str = ""
    cell: str = ""
    marks: Mapping[int, str] = field(default_factory=dict)
    percents: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """Give the printable text of each cell, row by row, columns as in `labels`."""
        columns = [self._texts(column) for column in self.labels]
        return (
            [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in self.frame.index]
        )

    def _texts(self, column: str) -> list[str]:
        n = len(self.frame)
        values = self.frame[column].tolist()
        hidden = self.frame["suppressed"].tolist() if "suppressed" in self.frame else [False] * n
        students = self.frame[self.percents[column]].tolist() if column in self.percents else [None] * n
        return [
            _blurred(value, of) + self._show(value, column, bool(hides))
            for value, hides, of in zip(values, hidden, students, strict=True)
        ]

    def _show(self, value: Any, column: str, hidden: bool) -> str:
        if value is None or (not isinstance(value, str) and pd.isna(value)):
            return "hidden" if hidden else "–"
        if column in YEAR_COLUMNS:
            return show_year(value)
        return str(value) if isinstance(value, str) else show_number(value, self.digits.get(column))


def _blurred(value: Any, n: Any) -> str:
    """Give the sign before a percent of n that stands for all that are nearer to 0 or 100."""
    if n is None or pd.isna(n) or pd.isna(value):
        return ""
    return "≤" if value <= extreme(n) else "≥" if value >= 100 - extreme(n) else ""


def printed(table: Table) -> pd.DataFrame:
    """Give a table as pages print it: headings and texts, for a notebook to show.

    >>> printed(Table("x.y", "Title", pd.DataFrame({"year": [2018], "rate": [4.25]}),
    ...               {"year": "Year", "rate": "Rate"}, {"rate": 1}))
          Year Rate
    0  2018-19  4.2
    """
    return pd.DataFrame(table.rows(), columns=list(table.labels.values()))
