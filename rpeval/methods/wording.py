"""Words for messages: years, counts and lists of schools, and the one way to refuse."""

from collections.abc import Iterable, Sequence

import pandas as pd

from rpeval.errors import MethodError, Problem

NAMED = 5


def refuse(problems: Iterable[Problem]) -> None:
    """Raise one MethodError that carries all problems, if there are any."""
    problems = tuple(problems)
    if problems:
        raise MethodError(problems)


def needed(frame: pd.DataFrame | None, source: str, what: str, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Give a frame that is there and not empty; refuse (MethodError) a study without it, or without a column.

    source : the entry of `sources` that would name the file; what: its content, in words
    """
    if frame is None or frame.empty:
        said = f"The study names no file with {what}, so this is not assessed."
        refuse([Problem(f"sources.{source}", said, f"Name one in sources.{source}.")])
    missing = [column for column in columns if column not in frame]
    if missing:
        said = f"The file with {what} has no {some(missing)}, so this is not assessed."
        refuse([Problem(f"sources.{source}", said, "Map the column, or name the file it needs.")])
    return frame


def school_year(year: float) -> str:
    """Write a year the way a reader does.

    >>> school_year(2018)
    '2018-19'
    """
    return f"{int(year)}-{(int(year) + 1) % 100:02d}"


def some(names: Iterable[object]) -> str:
    """Name the first five and say how many more there are.

    >>> some(range(7))
    '0, 1, 2, 3, 4 and 2 more'
    """
    shown = [str(name) for name in names]
    more = len(shown) - NAMED
    return ", ".join(shown[:NAMED]) + (f" and {more} more" if more > 0 else "")


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun.

    >>> count_of(1, "school"), count_of(3, "school-year")
    ('1 school', '3 school-years')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def name_schools(panel: pd.DataFrame, codes: Iterable[int], units: Sequence) -> list[str]:
    """Call schools by id and name, where the panel has a `school_name` column."""
    if "school_name" not in panel.columns:
        return [str(units[code]) for code in codes]
    called = panel.drop_duplicates("school_id").set_index("school_id")["school_name"]
    return [f"{units[code]} ({called[units[code]]})" for code in codes]
