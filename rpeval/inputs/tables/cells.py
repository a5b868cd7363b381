"""What the text in a cell means: a number, a school year, nothing. Each different text is read once."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Found
from rpeval.inputs.words import FEW, list_words, quote
from rpeval.inputs.years import FIRST, LAST, parse_year

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
ISO_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})([ T].*)?")
US_DATE = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})( .*)?")
JULY = 7
EPOCH = date(1970, 1, 1)
NEVER = {"", "never", "none", "no", "n/a", "na"}


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Texts read as numbers.

    values : float, NaN where the text is unknown or cannot be read
    bad    : True where the text cannot be read
    """

    values: np.ndarray
    bad: np.ndarray


def each_text(texts: pd.Series, read: Callable[[str], str]) -> pd.Series:
    """Turn texts into other texts, each different one once."""
    codes, different = pd.factorize(texts)
    turned = pd.array([read(text) for text in different.to_numpy(dtype=object)], dtype="str")
    return pd.Series(turned.take(codes), index=texts.index)


def read_cells(texts: pd.Series, read: Callable[[str], float]) -> Read:
    """Read texts with a function that returns NaN for unknown and raises ValueError for unreadable text."""
    codes, different = pd.factorize(texts)
    values, bad = np.full(len(different), np.nan), np.zeros(len(different), bool)
    for number, text in enumerate(different.to_numpy(dtype=object)):
        try:
            values[number] = read(text)
        except ValueError:
            bad[number] = True
    return Read(values[codes], bad[codes])


def read_number(text: str) -> float:
    """Read a number with thousands commas or a percent sign; "5.3%" is 5.3, a rate per 100.

    >>> [read_number(t) for t in ("1,234", "5.3%", "007", "")]
    [1234.0, 5.3, 7.0, nan]
    """
    if not text.strip():
        return np.nan
    plain = text.strip().removesuffix("%").strip()
    plain = plain.replace(",", "") if THOUSANDS.fullmatch(plain) else plain
    if not NUMBER.fullmatch(plain):
        raise ValueError(text)
    return float(plain)


def read_numbers(texts: pd.Series, *, missing: Collection[str]) -> Read:
    """Read a column of numbers; empty cells and missing markers are unknown, never zero.

    >>> read_numbers(pd.Series(["12", "*", "x"]), missing=["*"]).values.tolist()
    [12.0, nan, nan]
    """
    unknown = {marker.strip().casefold() for marker in missing}
    return read_cells(texts, lambda text: np.nan if text.strip().casefold() in unknown else read_number(text))


def year_reader(style: str) -> Callable[[str], float]:
    """Give the function that reads a school year as the calendar year of its start.

    style : label ("2018-19"), starts (2018 is 2018-19) or ends (2019 is 2018-19)

    >>> year_reader("label")("2018-19"), year_reader("ends")("2019")
    (2018.0, 2018.0)
    """
    if style == "label":
        return lambda text: float(parse_year(text.replace("–", "-").replace("/", "-").replace(" ", "")))

    def read(text: str) -> float:
        start = read_number(text) - (style == "ends")
        if not (FIRST <= start <= LAST and float(start).is_integer()):
            raise ValueError(text)
        return float(start)

    return read


def start_reader(style: str) -> Callable[[str], float]:
    """Give the function that reads a first program year; "never" and empty are NaN.

    >>> start_reader("label")("never"), start_reader("label")("2019-20")
    (nan, 2019.0)
    """
    year = year_reader(style)
    return lambda text: np.nan if text.strip().casefold() in NEVER else year(text)


def read_date(text: str) -> float:
    """Read the school year of a date; a school year begins on July 1.

    >>> read_date("2019-06-30"), read_date("7/1/2019"), read_date("2019-07-01 08:15")
    (2018.0, 2019.0, 2019.0)
    """
    told = ISO_DATE.fullmatch(text.strip()) or US_DATE.fullmatch(text.strip())
    year, month = (int(told["year"]), int(told["month"])) if told else (0, 0)
    if not (1 <= month <= 12 and FIRST <= year <= LAST):
        raise ValueError(text)
    return float(year if month >= JULY else year - 1)


def read_day(text: str) -> float:
    """Read the day of a date, counted from January 1, 1970; an empty cell is unknown.

    >>> read_day("1970-01-31"), read_day("2/1/1970"), read_day("")
    (30.0, 31.0, nan)
    """
    if not text.strip():
        return np.nan
    told = ISO_DATE.fullmatch(text.strip()) or US_DATE.fullmatch(text.strip())
    if not told:
        raise ValueError(text)
    return float((date(*(int(told[part]) for part in ("year", "month", "day"))) - EPOCH).days)


def find_cells(texts: pd.Series, rows: pd.Series) -> Found:
    """Note cells with their rows in the file; rows has the index of texts, and more."""
    first = sorted(zip(rows[texts.index].tolist(), texts.tolist(), strict=True))[:FEW]
    return Found(len(texts), first=tuple(first))


def show_cells(found: Found) -> str:
    """Show the first five cells with their rows in the file: "x" (row 5), "y" (row 9) and 3 more."""
    shown = [f"{quote(text)} (row {row})" for row, text in found.first]
    return list_words(shown) + (f" and {found.n - FEW} more" if found.n > FEW else "")
