"""School years: "2018-19" wherever a person reads or writes, the calendar year of its start (2018) inside."""

import re
from typing import Any

WRITTEN = re.compile(r"([0-9]{4})-([0-9]{2}|[0-9]{4})")
FIRST, LAST = 1900, 2099


def parse_year(text: Any) -> int:
    """Read a school year and return the calendar year in which it starts.

    Use wherever a person or a file names a school year.

    text : "2018-19" or "2018-2019"
    Returns 2018, an int.
    Refuses (ValueError, one sentence that says why) anything else: a number, which could be the year of the
    start or of the end; two years that do not follow each other; years before 1900 or after 2099.

    >>> parse_year("2018-19"), parse_year("1999-00"), parse_year("2018-2019")
    (2018, 1999, 2018)
    >>> parse_year("2018-20")
    Traceback (most recent call last):
        ...
    ValueError: "2018-20" is not a school year: the year after 2018 is 2019, so it would be "2018-19".
    """
    if not isinstance(text, str):
        raise ValueError(f'{text!r} is not text: a school year is written like "2018-19".')
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f'{_quote(text)} is not a school year, which is written like "2018-19".')
    start, end = int(match[1]), match[2]
    if not FIRST <= start <= LAST:
        raise ValueError(f'"{text}" starts before {FIRST} or after {LAST}.')
    if end not in (f"{start + 1}", f"{(start + 1) % 100:02d}"):
        raise ValueError(
            f'"{text}" is not a school year: the year after {start} is {start + 1}, '
            f'so it would be "{show_year(start)}".'
        )
    return start


def show_year(start: int) -> str:
    """Write the school year that starts in a calendar year.

    >>> show_year(2018), show_year(1999)
    ('2018-19', '1999-00')
    """
    return f"{start}-{(start + 1) % 100:02d}"


def _quote(text: str) -> str:
    return f'"{text}"' if text.isprintable() and len(text) <= 40 else repr(text[:40])
