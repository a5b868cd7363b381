"""What a params file may hold, key by key; the form alone, without a look at the project's files."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from rpeval.inputs.typed import (
    AllOrTexts,
    Encoding,
    Exact,
    ExactOrExacts,
    Exacts,
    Form,
    Leaid,
    Positive,
    SourcePath,
    Start,
    State,
    StudyName,
    Switch,
    Text,
    TextOrTexts,
    Texts,
    Whole,
    Year,
    Years,
    between,
    distinct,
    in_order,
    refuse,
)
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

ROOM = ".rpeval-room"  # marks a clean room: a copy of the project that holds only what one run declares
Sorted = AfterValidator(in_order)
WhereRows = Annotated[dict[Text, ExactOrExacts], Sorted]


class District(Form):
    """The school district."""

    name: Text = Field(examples=["Lakeshore (simulated)"])
    leaid: Leaid = Field(examples=['"0612345"'])
    state: State = Field(examples=["CA"])


class Program(Form):
    """The program that is evaluated, in words for the report."""

    name: Text = Field(examples=["Restorative practices"])
    description: Text | None = None


class StudyYears(Form):
    """The school years of the study, first and last included."""

    first: Year = Field(examples=["2016-17"])
    last: Year = Field(examples=["2023-24"])
    leave_out: Years = ()
    leave_out_reason: Text | None = None
    complete: Switch = False  # use only schools that have a row in every year

    def __str__(self) -> str:
        return f"{show_year(self.first)} to {show_year(self.last)}"

    @field_validator("last")
    @classmethod
    def _after_first(cls, last: int, info: ValidationInfo) -> int:
        first = info.data.get("first")
        if first is not None and last <= first:
            raise refuse(f"The last year {show_year(last)} is not after the first, {show_year(first)}.",
                         "Write a last year that is later than the first.")  # fmt: skip
        return last

    @field_validator("leave_out")
    @classmethod
    def _inside(cls, leave_out: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        first, last = info.data.get("first"), info.data.get("last")
        return leave_out if first is None or last is None else inside(leave_out, first=first, last=last)


def inside(years: tuple[int, ...], *, first: int, last: int) -> tuple[int, ...]:
    """Refuse years that are not in the study."""
    outside = [show_year(year) for year in years if not first <= year <= last]
    if outside:
        verb = "lies" if len(outside) == 1 else "lie"
        span = f"{show_year(first)} to {show_year(last)}"
        raise refuse(f"{list_words(outside)} {verb} outside the study's years, {span}.",
                     "Take it out of the list, or widen the study's years.")  # fmt: skip
    return years


class Expected(Form):
    """What the file must show for a correction to be right: a column's ratio to the next or previous year."""

    column: Text = Field(examples=["enrolled_n"])
    ratio_to_next: Positive | None = None
    ratio_to_previous: Positive | None = None

    @model_validator(mode="after")
    def _one_ratio(self) -> Self:
        if (self.ratio_to_next is None) == (self.ratio_to_previous is None):
            raise refuse("Exactly one ratio is needed.", "Write ratio_to_next or ratio_to_previous.")
        return self


class Correction(Form):
    """A known fault of a published file, mended by a factor, with a guard."""

    columns: Texts = Field(min_length=1, examples=["[enrolled_n]"])
    years: Years = Field(min_length=1, examples=["[2017-18]"])
    multiply: Positive = Field(examples=["0.5"])
    expect: Expected
    reason: Text = Field(examples=["The publisher counted every student twice."])


class Pivot(Form):
    """A file with one row per kind of event: which column names the kind, which holds the count."""

    column: Text = Field(examples=["REMOVAL_TYPE_DESCRIPTION"])
    value: Text = Field(examples=["REMOVAL_COUNT"])
    names: Annotated[dict[Exact, Text], Field(min_length=1), Sorted]
    absent: Literal["unknown", "zero"] | None = None


class StartRule(Form):
    """Schools whose program start follows from a column: the year of the start, or never."""

    where: WhereRows = Field(min_length=1)
    start: Start = Field(examples=["2020-21"])


class LayoutKeys(Form):
    """How to read a table: the keys of a layout file, each of which a params file may override."""

    sheet: Text | None = None
    encoding: Encoding | None = None
    delimiter: Exact | None = Field(None, min_length=1)
    columns: Annotated[dict[Text, TextOrTexts], Field(min_length=1), Sorted] | None = None
    optional: Texts | None = None
    join: Exact | None = None
    where: WhereRows | None = None
    without: WhereRows | None = None
    values: Annotated[dict[Text, Annotated[dict[Exact, Text], Sorted]], Sorted] | None = None
    missing: Exacts | None = None
    year_style: Literal["label", "starts", "ends"] | None = None
    pad: Annotated[dict[Text, Annotated[Whole, between(1, 30)]], Sorted] | None = None
    pivot: Pivot | None = None
    corrections: tuple[Correction, ...] | None = None
    start_rules: tuple[StartRule, ...] | None = None
    kinds: Annotated[dict[Exact, Text], Sorted] | None = None


class FileSource(Form):
    """A file of the study."""

    path: SourcePath = Field(examples=["data/lakeshore/panel.csv"])


class EnrollmentSource(LayoutKeys, FileSource):
    """The enrollment that belongs to a file of actions."""

    layout: Text | None = None


class TableSource(LayoutKeys, FileSource):
    """A table of the study: its file, the layout it follows, and what it does differently."""

    layout: Text = "rpeval"
    enrollment: EnrollmentSource | None = None


class SurveyColumns(Form):
    """Which column of the survey file plays which part; the part's own name where nothing is said."""

    respondent_id: Text = "respondent_id"
    school_id: Text = "school_id"
    wave: Text = "wave"
    weight: Text | None = None
    item: Text | None = None  # long shape only
    answer: Text | None = None  # long shape only


class SurveySource(FileSource):
    """A file of survey answers, one row per respondent (wide) or per answer (long)."""

    shape: Literal["wide", "long"] = "wide"
    instrument: Text = Field(examples=["rpeval_belonging"])
    columns: SurveyColumns = SurveyColumns()
    groups: Annotated[dict[Text, Text], Sorted] = Field(default_factory=dict)
    items: Annotated[dict[Text, Text], Sorted] = Field(default_factory=dict)
    answers: Literal["codes", "labels"] = "codes"
    missing: Exacts = ()
    year_style: Literal["label", "starts", "ends"] = "label"
    encoding: Encoding | None = None
    delimiter: Exact | None = Field(None, min_length=1)
    sheet: Text | None = None


class Sources(Form):
    """The files of the study."""

    panel: TableSource
    groups: TableSource | None = None
    adoption: TableSource | None = None
    survey: SurveySource | None = None
    invited: TableSource | None = None
    truth: FileSource | None = None


class Gap(Form):
    """Two student groups whose difference is followed."""

    group: Text = Field(examples=["Black"])
    reference: Text = Field(examples=["White"])

    @property
    def id(self) -> str:
        """The part of a finding's name that stands for the gap.

        >>> Gap(group="Two or more", reference="White").id
        'two_or_more_white'
        """
        return re.sub(r"[^a-z0-9]+", "_", f"{self.group} {self.reference}".lower()).strip("_")


class Exclusion(Form):
    """Schools or school years left out of the analysis, and why."""

    schools: Texts = ()
    years: Years = ()
    reason: Text = Field(examples=["Merged with another school."])


class Privacy(Form):
    """The smallest count of students that may be shown."""

    minimum: Annotated[
        Whole, between(5, 100, "is too low: a count below 5 lets a reader recognize a student")
    ] = 10


class Policy(Form):
    """Another change of the same years that the report must name."""

    year: Year = Field(examples=["2020-21"])
    what: Text = Field(examples=["The state bans suspensions for defiance."])
    schools: AllOrTexts = "all"


class Params(Form):
    """One study, as its params file says it.

    Everything a notebook may read about the study; made by `rpeval.inputs.params.read_params`.
    """

    study: StudyName = Field(examples=["lakeshore"])
    title: Text = Field(examples=["Restorative practices in Lakeshore"])
    simulated: Switch = Field(examples=["false"])
    seed: Annotated[Whole, between(0, 2**32 - 1)] = Field(examples=["20260901"])
    district: District
    program: Program
    years: StudyYears
    sources: Sources
    outcome: Text = Field(examples=["oss_per_100"])
    companions: Texts = ()
    weights: Literal["schools", "students"] = "schools"
    gaps: Annotated[tuple[Gap, ...], AfterValidator(distinct)] = ()
    exclusions: tuple[Exclusion, ...] = ()
    privacy: Privacy = Privacy()
    margins: Annotated[dict[Text, Positive], Sorted] = Field(default_factory=dict)
    policies: tuple[Policy, ...] = ()

    @field_validator("exclusions")
    @classmethod
    def _of_the_study(cls, exclusions: tuple[Exclusion, ...], info: ValidationInfo) -> tuple[Exclusion, ...]:
        if span := info.data.get("years"):
            inside(tuple(y for e in exclusions for y in e.years), first=span.first, last=span.last)
        return exclusions

    _root: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def weight_column(self) -> str | None:
        """The column that weights schools: their enrollment, or none when each counts the same."""
        return "enrolled_n" if self.weights == "students" else None

    @property
    def root(self) -> Path:
        """The project's folder, from which every path of the study starts."""
        return self._root

    @property
    def folder(self) -> Path:
        """The folder that the notebooks write to: a draft, unless the project is a clean room."""
        clean = (self._root / ROOM).exists()
        return self._root / "reports" / (self.study if clean else f"{self.study}.draft")

    def resolved(self) -> dict[str, Any]:
        """Give the whole content, defaults included, as plain JSON-able values in a fixed order.

        Reading it with `read_params` gives equal params; it is what a run passes to its notebooks.
        """
        return self.model_dump(mode="json", exclude_none=True)

    def source_paths(self) -> dict[str, Path]:
        """Give the path of every file the study reads, by the name of its source."""
        written = {name: source for name, source in self.sources if source is not None}
        written |= {
            f"{n}.enrollment": s.enrollment for n, s in written.items() if getattr(s, "enrollment", None)
        }
        return {name: self._root / source.path for name, source in written.items()}
