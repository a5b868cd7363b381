"""What a study may say of the program itself: thresholds, kinds of practice, instruments of fidelity."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.schema.forms import read_entries, read_named
from rpeval.inputs.schema.project import FIDELITY
from rpeval.inputs.schema.values import Form, Number, Positive, Text, Whole, between, distinct, refuse
from rpeval.inputs.words import list_words, quote

PRACTICES = "data/reference/practices.yml"
LONGEST_YEAR = 12  # months


def _a_share(value: float) -> float:
    if not 0 < value <= 1:
        raise refuse(f"{value:g} is not a share.", "Write a number above 0, at most 1, like 0.8.")
    return value


def _a_discount(value: float) -> float:
    if not 0 <= value < 0.5:
        raise refuse(f"{value:g} is no yearly discount.", "Write a share of one, like 0.03 for 3 percent.")
    return value


def _in_a_year(value: float) -> float:
    if value > LONGEST_YEAR:
        raise refuse(f"A year has no {value:g} months.", "Write the months in which school is held.")
    return value


Share = Annotated[Number, AfterValidator(_a_share)]
Discount = Annotated[Number, AfterValidator(_a_discount)]
Months = Annotated[Positive, AfterValidator(_in_a_year)]
Tier = Annotated[Whole, between(1, 3)]


class Thresholds(Form):
    """What counts as enough of the program, decided before a result is seen; none = not judged.

    trained_hours : hours of training from which a person counts as trained
    months        : school months of a year, for circles per class and month
    partly        : share of a threshold from which a state is called partly met
    trained_share : share of current staff trained; response_share : of eligible incidents answered
                    restoratively; agreements_completed : of agreements; sections_share : of planned sections
    fidelity      : share of the instrument's points of a school; fidelity_schools : share of schools there
    rater_agreement : agreement of two raters beyond chance; fte_per_500 : coordinators per 500 students
    """

    trained_hours: Positive = 12.0
    months: Months = 9.0
    partly: Share = 0.5
    trained_share: Share | None = None
    fidelity: Share | None = None
    fidelity_schools: Share | None = None
    circles_per_class_month: Positive | None = None
    minutes_per_student_year: Positive | None = None
    response_share: Share | None = None
    agreements_completed: Share | None = None
    sections_share: Share | None = None
    rater_agreement: Share | None = None
    fte_per_500: Positive | None = None


class Practice(Form):
    """A restorative practice: its name for readers, its tiers, and what one row of the log stands for.

    crosswalk : names of the elements in the International Institute for Restorative Practices' list
    """

    label: Text
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1), AfterValidator(distinct)]
    log_unit: Text
    crosswalk: tuple[Text, ...] = ()


class Indicator(Form):
    """One thing that a fidelity instrument rates; the label is our own words, absent where keys only.

    facet : adherence, dose, quality, responsiveness or reach
    """

    id: Text
    label: Text | None = None
    facet: Literal["adherence", "dose", "quality", "responsiveness", "reach"] | None = None


class FidelityInstrument(Form):
    """A fidelity instrument as its file in data/reference/fidelity says it; scores run from min to max."""

    id: Text
    title: Text
    source: Text
    license: Text
    wording: Literal["own", "none"] = "none"
    min: Whole
    max: Whole
    indicators: tuple[Indicator, ...] = Field(min_length=1)
    unchecked: Text | None = None


def read_practice_catalog(root: Path) -> dict[str, Practice]:
    """Read the practices that a log can name, from data/reference/practices.yml; root: the project's folder.

    >>> catalog = read_practice_catalog(Path("."))
    >>> catalog["community_circle"].tiers, catalog["community_conference"].tiers
    ((1,), (3,))
    """
    return read_entries(Practice, root / PRACTICES, name=PRACTICES)


def read_fidelity_instrument(name: str, root: Path) -> FidelityInstrument:
    """Read an instrument from data/reference/fidelity/<name>.yml; root: the project's folder.

    Refuses (ParamsError, all at once): no such instrument; a file that does not fit; a range that is none; an
    indicator twice; wording in an instrument whose wording belongs to somebody else.

    >>> told = read_fidelity_instrument("rpeval_fidelity", Path("."))
    >>> len(told.indicators), told.min, told.max
    (10, 0, 3)
    """
    told = read_named(FidelityInstrument, name, folder=FIDELITY, root=root)
    where = f"{FIDELITY}/{name}.yml"
    if found := [Problem(f"{where}: {key}", what, fix) for key, what, fix in _contradictions(told, name)]:
        raise ParamsError(found)
    return told


def _contradictions(told: FidelityInstrument, name: str) -> Iterator[tuple[str, str, str]]:
    ids = [indicator.id for indicator in told.indicators]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    worded = [indicator.id for indicator in told.indicators if indicator.label]
    if told.id != name:
        yield "id", f"The id is {quote(told.id)}.", f"Write {quote(name)}."
    if told.max <= told.min:
        yield "max", f"The range is {told.min} to {told.max}.", "Write a max above min."
    if twice:
        yield "indicators", f"They stand twice: {list_words(twice)}.", "Give each its own id."
    if told.wording == "none" and worded:
        fix = "Take it away, or write `wording: own` where the words are your own."
        yield "indicators", f"`wording` is none, but these have it: {list_words(worded)}.", fix
