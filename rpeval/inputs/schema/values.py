"""The kinds of value a params or layout file may hold; the kind decides how the text that was typed is read.

A file gives text only (`yaml_text`). A dict, as papermill passes it, gives what its YAML reader made of the
text: a field of text then refuses a number or a truth value rather than guess what was typed.
"""

import codecs
import math
import re
from collections.abc import Callable
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath
from posixpath import normpath
from typing import Annotated, Any, Literal
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    PlainSerializer,
    Tag,
    field_validator,
)
from pydantic_core import PydanticCustomError

from rpeval.inputs.words import quote
from rpeval.inputs.years import parse_year, show_year

WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[+-]?(?!0[0-9]+$)([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode categories: controls, formats, surrogates, line separators
KEPT = "\t\n\u200c\u200d"  # and the joiners that some scripts need
EMPTY = ("Nothing is written here.", "Give it a value, or delete the line.")


def refuse(what: str, fix: str, *, at: str = "") -> PydanticCustomError:
    """Make the error a field raises: what is wrong, and one imperative sentence that mends it.

    at : the key it is about, where the form as a whole raises it
    """
    return PydanticCustomError("rpeval", "{what} {fix}", {"what": what, "fix": fix, "at": at})


class Form(BaseModel):
    """Base of every part of a params or layout file: no unknown key, no empty key, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if value is None:
            raise refuse(*EMPTY)
        return value


def read_text(value: Any) -> str:
    """Take text, without the blanks around it; refuse what YAML read as something else."""
    text = read_exact(value).strip()
    if not text:
        raise refuse(*EMPTY)
    return text


def read_exact(value: Any) -> str:
    """Take text as it is, blanks and nothing ("") included."""
    if not isinstance(value, str):
        raise _not_text(value)
    hidden = [c for c in value if category(c) in HIDDEN and c not in KEPT]
    if hidden:
        raise refuse(f"The text holds the invisible character U+{ord(hidden[0]):04X}.", "Delete it.")
    return value


def is_whole(value: Any) -> bool:
    """Tell a whole number from a truth value, which Python counts among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_whole(value: Any) -> int:
    """Take a whole number, or text that is one."""
    if is_whole(value):
        return value
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        return int(value)
    raise _not_a("a whole number", value, "Write digits only, without a leading zero.")


def read_number(value: Any) -> float:
    """Take a finite number, or text that is one."""
    number = math.nan
    if is_whole(value) or isinstance(value, float):
        number = float(value) if abs(value) < 1e300 else math.inf
    elif isinstance(value, str) and DECIMAL.fullmatch(value.strip()):
        number = float(value)
    if not math.isfinite(number):
        raise _not_a("a number", value, "Write digits with a decimal point, like 0.5.")
    return number


def read_switch(value: Any) -> bool:
    """Take true or false."""
    known = {"true": True, "false": False}
    if isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in known):
        return known[str(value).strip().lower()]
    raise _not_a("true or false", value, "Write true or false.")


def read_year(value: Any) -> int:
    """Take a school year like 2018-19, as the year of its start."""
    if value in (None, ""):
        raise refuse(*EMPTY)
    try:
        return parse_year(value.strip() if isinstance(value, str) else value)
    except ValueError as error:
        raise refuse(str(error), 'Write both years of the school year, like "2018-19".') from None


def read_start(value: Any) -> str:
    """Take the school year in which a program starts, or never."""
    return "never" if value == "never" else show_year(read_year(value))


def read_path(value: Any) -> str:
    """Take a path relative to the project's folder, written with /; ../ may lead to a folder beside it."""
    text = read_text(value)
    if "\\" in text:
        fix = f"Write {quote(text.replace(chr(92), '/'))}."
        raise refuse(f"{quote(text)} is written with backslashes.", fix)
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or text.startswith("~"):
        fix = "Copy or link the file into data/<study>/ (git ignores it there), and write that path."
        raise refuse(f"{quote(text)} is a path of one machine only.", fix)
    return normpath(text)


def read_leaid(value: Any) -> str:
    """Take a district's NCES id: seven digits, as text, so that a leading zero stays; or "none".

    "none" is for a study across districts, which has no id of its own.
    """
    if is_whole(value):
        meant = next((t for t in (str(value), f"0{value:o}") if len(t) == 7), str(value).zfill(7))
        raise refuse(f"The id was read as the number {value} by YAML.", f'Write it in quotes: "{meant}".')
    text = read_text(value)
    if text != "none" and not re.fullmatch(r"[0-9]{7}", text):
        what = f"{quote(text)} is not an NCES district id, which has seven digits."
        raise refuse(what, 'Write all seven digits in quotes, like "0612345"; none for several districts.')
    return text


def read_encoding(value: Any) -> str:
    """Take the name of a text encoding that Python knows."""
    text = read_text(value)
    try:
        codecs.lookup(text)
    except (LookupError, ValueError):
        fix = "Write utf-8, utf-16, cp1252 or latin-1."
        raise refuse(f"{quote(text)} is not a known encoding.", fix) from None
    return text


def matching(pattern: str, what: str, fix: str) -> BeforeValidator:
    """Take text of one pattern; {} in `what` stands for the text that is not."""

    def read(value: Any) -> str:
        text = read_text(value)
        if not re.fullmatch(pattern, text):
            raise refuse(what.format(quote(text)), fix)
        return text

    return BeforeValidator(read)


def in_order(mapping: dict[str, Any]) -> dict[str, Any]:
    """Sort the keys of a mapping, so that equal params are written equally."""
    return dict(sorted(mapping.items()))


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that names something twice."""
    twice = [v for n, v in enumerate(values) if v in values[:n]]
    if twice:
        shown = show_year(twice[0]) if isinstance(twice[0], int) else quote(twice[0])
        raise refuse(f"{shown} is listed twice.", "Keep it once.")
    return values


def between(low: int, high: int, why: str = "") -> AfterValidator:
    """Require a number from `low` to `high`; `why` completes the sentence about one that is too low."""

    def check(value: int) -> int:
        if not low <= value <= high:
            reason = why if value < low and why else f"is not from {low} to {high}"
            raise refuse(f"{quote(value)} {reason}.", f"Write a number from {low} to {high}.")
        return value

    return AfterValidator(check)


def above_zero(value: float) -> float:
    """Require a number above zero."""
    if value <= 0:
        raise refuse(f"{value} is not above zero.", "Write a number above zero.")
    return value


def _not_text(value: Any) -> PydanticCustomError:
    if isinstance(value, bool):
        what = f"The text was read as {quote(value)} by YAML, as it reads no, off, yes and on."
        return refuse(what, 'Put the text in quotes, like "no".')
    if isinstance(value, int):
        zero = f', or "0{value:o}" if it was typed with a leading zero' if value > 7 else ""
        what = f"The text was read as the number {quote(value)} by YAML."
        return refuse(what, f"Put it in quotes: {quote(str(value))}{zero}.")
    if isinstance(value, float | date):
        kind = "number" if isinstance(value, float) else "date"
        fix = "Put it in quotes, as it was typed."
        return refuse(f"The text was read as the {kind} {value} by YAML.", fix)
    return _not_a("text", value, "Write one text here.")


def _not_a(kind: str, value: Any, fix: str) -> PydanticCustomError:
    if value is None or value == "":
        return refuse(*EMPTY)
    if isinstance(value, list | tuple | dict):
        shape = "A group of keys" if isinstance(value, dict) else "A list"
        return refuse(f"{shape} stands where {kind} is expected.", fix)
    return refuse(f"{quote(value)} is not {kind}.", fix)


def one_or_more(one: Any, many: Any) -> Any:
    """Take one value or a list of values."""
    kind: Callable[[Any], str] = lambda value: "<list>" if isinstance(value, list | tuple) else "<one>"  # noqa: E731
    return Annotated[Annotated[one, Tag("<one>")] | Annotated[many, Tag("<list>")], Discriminator(kind)]


Text = Annotated[str, BeforeValidator(read_text)]
Exact = Annotated[str, BeforeValidator(read_exact)]
Whole = Annotated[int, BeforeValidator(read_whole)]
Number = Annotated[float, BeforeValidator(read_number)]
Positive = Annotated[Number, AfterValidator(above_zero)]
Switch = Annotated[bool, BeforeValidator(read_switch)]
Year = Annotated[int, BeforeValidator(read_year), PlainSerializer(show_year)]
Start = Annotated[str, BeforeValidator(read_start)]
SourcePath = Annotated[str, BeforeValidator(read_path)]
Leaid = Annotated[str, BeforeValidator(read_leaid)]
Encoding = Annotated[str, BeforeValidator(read_encoding)]
State = Annotated[
    str,
    matching("[A-Z]{2}", "{} is not a state's abbreviation.", "Write two capital letters, like CA."),
]
StudyName = Annotated[
    str,
    matching(
        "[a-z0-9][a-z0-9_-]{0,59}",
        "{} cannot name a folder everywhere.",
        "Use only lower-case letters, digits, - and _ (at most 60), beginning with a letter or digit.",
    ),
]
Texts = Annotated[tuple[Text, ...], AfterValidator(distinct)]
Exacts = Annotated[tuple[Exact, ...], AfterValidator(distinct)]
Years = Annotated[tuple[Year, ...], AfterValidator(distinct)]
TextOrTexts = one_or_more(Text, Texts)
ExactOrExacts = one_or_more(Exact, Exacts)
AllOrTexts = one_or_more(Literal["all"], Texts)
