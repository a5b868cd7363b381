"""What must not leave a survey file: columns that name or locate a person, and a student's own words."""

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from rpeval.errors import Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.words import list_words, quote

PERSONAL = {
    "name", "firstname", "lastname", "fullname", "studentname", "recipientfirstname", "recipientlastname",
    "email", "emailaddress", "recipientemail", "ipaddress", "locationlatitude", "locationlongitude",
    "locationaccuracy", "latitude", "longitude", "address", "phone", "birthdate", "dateofbirth",
}  # fmt: skip
GROUPS, CERTAIN = 50, 5


def check_personal(source: Any) -> list[Problem]:
    """Refuse to read columns that name or locate persons, whatever part they were to play."""
    own = source.columns
    asked = [own.respondent_id, own.wave, own.weight, *source.groups.values(), *source.items.values()]
    found = personal_among(column for column in asked if column)
    if not found:
        return []
    what = f"These columns name or locate persons and are not read: {list_words(map(quote, found))}."
    fix = "Use an id that names nobody, like ResponseId or a random number for each student."
    return [Problem("sources.survey", what, fix)]


def personal_among(columns: Iterable[str], *, also: Collection[str] = ()) -> list[str]:
    """Name the columns that name or locate persons, or are one of `also`, however they are spelled.

    >>> personal_among(["First Name", "staff_id", "Notes"], also={"notes"})
    ['First Name', 'Notes']
    """
    return sorted({column for column in columns if _folded(column) in {*PERSONAL, *also}})


def _folded(column: str) -> str:
    return "".join(letter for letter in column.casefold() if letter.isalnum())


def check_groups(frame: pd.DataFrame, groups: Collection[str], ledger: Ledger) -> None:
    """Refuse a group column that holds own words: over fifty values, or one for every other respondent."""
    people = frame["respondent_id"].nunique()
    for group in groups:
        n = frame[group].nunique()
        if n > GROUPS or (n > CERTAIN and n > people / 2):
            what = f"{n:,} different values for {people:,} respondents are no groups."
            ledger.say(what, "Name a column of groups; students' own words are never read.", where=group)
