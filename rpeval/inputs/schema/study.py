"""What a params file may hold, key by key: one study."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from rpeval.inputs.schema.params_file import SIMULATED, ParamsFile
from rpeval.inputs.schema.program import Discount, Thresholds
from rpeval.inputs.schema.project import DEFINITIONS, STATE_RULES
from rpeval.inputs.schema.sources import Sorted, Sources, named_in
from rpeval.inputs.schema.values import (
    AllOrTexts,
    Form,
    Leaid,
    Positive,
    State,
    StudyName,
    Switch,
    Text,
    Texts,
    Whole,
    Year,
    Years,
    between,
    distinct,
    refuse,
)
from rpeval.inputs.words import instead, list_words, nearest, quote
from rpeval.inputs.years import show_year

LONGEST_DAY = 12  # hours


def _measured(*also: str) -> AfterValidator:
    """Require the name of a measure, or one of these."""

    def check(name: str, info: ValidationInfo) -> str:
        known = info.context and info.context.measures
        if known and name not in (*known, *also):
            raise refuse(f"There is no measure {quote(name)}.", instead(name, [*known, *also]))
        return name

    return AfterValidator(check)


def _not_the_outcome(name: str, info: ValidationInfo) -> str:
    if name == info.data.get("outcome"):
        raise refuse(f"{quote(name)} is the outcome already.", "Delete it from the companions.")
    return name


def _a_school_day(hours: float) -> float:
    if hours > LONGEST_DAY:
        raise refuse(f"{hours:g} hours are longer than a school day.", "Write the hours of one school day.")
    return hours


def _in_the_register(name: str, info: ValidationInfo) -> str:
    known = info.context.claimed() if info.context else ()
    if known and name not in known:
        meant = nearest(name, known)
        listed = "Use ids or organizations of data/reference/claims.yml."
        fix = f"Write {quote(meant)} instead." if meant else listed
        raise refuse(f"There is no claim and no organization {quote(name)}.", fix)
    return name


Asked = Annotated[Text, AfterValidator(_in_the_register)]
Measure = Annotated[Text, _measured()]
Companion = Annotated[Measure, AfterValidator(_not_the_outcome)]
Margin = Annotated[Text, _measured("belonging")]


class District(Form):
    """The school district."""

    name: Text = Field(examples=["Lakeshore (simulated)"])
    leaid: Leaid = Field(examples=['"0612345"'])
    state: State = Field(examples=["CA"])

    @field_validator("name")
    @classmethod
    def _says_what_it_is(cls, name: str, info: ValidationInfo) -> str:
        simulated = info.context and info.context.simulated
        if simulated and SIMULATED not in name:
            what = f"The study is simulated, and {quote(name)} does not say so."
            raise refuse(what, f"Write {quote(f'{name} {SIMULATED}')}.")
        if simulated is False and SIMULATED in name:
            what = f"The name says {SIMULATED}, but the study is not."
            raise refuse(what, "Write `simulated: true`, or the district's own name.")
        return name


class Program(Form):
    """The program that is evaluated, in words for the report."""

    name: Text = Field(examples=["Restorative practices"])
    description: Text | None = None


class StudyYears(Form):
    """The school years of the study, first and last included.

    leave_out : years whose rows leave; used : those that stay
    complete  : use only schools that have a row in every year
    """

    first: Year = Field(examples=["2016-17"])
    last: Year = Field(examples=["2023-24"])
    leave_out: Years = ()
    leave_out_reason: Text | None = None
    complete: Switch = False

    def __str__(self) -> str:
        return f"{show_year(self.first)} to {show_year(self.last)}"

    @property
    def used(self) -> tuple[int, ...]:
        """The school years that the study uses."""
        return tuple(year for year in range(self.first, self.last + 1) if year not in self.leave_out)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.last <= self.first:
            what = f"The last year {show_year(self.last)} is not after the first, {show_year(self.first)}."
            raise refuse(what, "Write a last year that is later than the first.", at="last")
        self.check(self.leave_out, at="leave_out")
        if self.leave_out and self.leave_out_reason is None:
            fix = "Add `leave_out_reason:` with one sentence for the report."
            raise refuse("Years are left out without a reason.", fix, at="leave_out_reason")
        return self

    def check(self, years: tuple[int, ...], *, at: str = "") -> None:
        """Refuse years that are not in the study."""
        outside = [show_year(year) for year in years if not self.first <= year <= self.last]
        if outside:
            verb = "lies" if len(outside) == 1 else "lie"
            what = f"{list_words(outside)} {verb} outside the study's years, {self}."
            raise refuse(what, "Take it out of the list, or widen the study's years.", at=at)


class Gap(Form):
    """Two student groups whose difference is followed."""

    group: Text = Field(examples=["Black"])
    reference: Text = Field(examples=["White"])

    @field_validator("reference")
    @classmethod
    def _another(cls, reference: str, info: ValidationInfo) -> str:
        if reference == info.data.get("group"):
            what = f"{quote(reference)} is compared with itself."
            raise refuse(what, "Name another group as the reference.")
        return reference

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

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not (self.schools or self.years):
            fix = "Add `schools: [...]`, `years: [...]` or both."
            raise refuse("It names neither schools nor years.", fix)
        return self


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


class Plan(Form):
    """A rollout that is planned: what notebook 00 simulates before a program starts.

    adopters : schools that start; half of them where it is not said
    waves    : groups that start one year after another
    years_before, years_after : years before the first start, and from it on
    lottery  : the words that a public draw gave, from which the order of adoption follows
    by_size  : deal the order within small, middle and large schools
    """

    adopters: Annotated[Whole, between(3, 100_000)] | None = Field(None, examples=["20"])
    waves: Annotated[Whole, between(1, 20)] = 1
    years_before: Annotated[Whole, between(2, 30)] = 3
    years_after: Annotated[Whole, between(1, 30)] = 3
    lottery: Text | None = None
    by_size: Switch = False


class Params(ParamsFile):
    """One study, as its params file says it.

    Everything a notebook may read about the study; made by `rpeval.inputs.params.read_params`.

    margins : smallest change that matters, by measure; harms : how far a measure may move to the worse side
              and still pass as unharmed; both in the measure's unit, above zero, decided before any result
    hours_per_day : school hours of a day of removal
    claims  : claims of the register to answer, by id or by organization; all where none is named
    definitions   : what the sources count, by name of the pack; state_rules : the state's rule for IDEA
    implementation : what counts as enough of the program; price_year : calendar year whose dollars the costs
                    are in; discount : yearly, from the first year of the study
    """

    study: StudyName = Field(examples=["lakeshore"])
    title: Text = Field(examples=["Restorative practices in Lakeshore"])
    simulated: Switch = Field(examples=["false"])
    seed: Annotated[Whole, between(0, 2**32 - 1)] = Field(examples=["20260901"])
    district: District
    program: Program
    years: StudyYears
    sources: Sources
    outcome: Measure = Field(examples=["oss_per_100"])
    companions: Annotated[tuple[Companion, ...], AfterValidator(distinct)] = ()
    weights: Literal["schools", "students"] = "schools"
    gaps: Annotated[tuple[Gap, ...], AfterValidator(distinct)] = ()
    exclusions: tuple[Exclusion, ...] = ()
    privacy: Privacy = Privacy()
    margins: Annotated[dict[Margin, Positive], Sorted] = Field(default_factory=dict)
    harms: Annotated[dict[Measure, Positive], Sorted] = Field(default_factory=dict)
    claims: Annotated[tuple[Asked, ...], AfterValidator(distinct)] = ()
    hours_per_day: Annotated[Positive, AfterValidator(_a_school_day)] = 6.5
    definitions: Annotated[Text, named_in(DEFINITIONS)] | None = None
    state_rules: Annotated[Text, named_in(STATE_RULES)] | None = None
    implementation: Thresholds = Thresholds()
    price_year: Annotated[Whole, between(1990, 2099)] | None = Field(None, examples=["2024"])
    discount: Discount = 0.03
    policies: tuple[Policy, ...] = ()
    plan: Plan | None = None

    @field_validator("exclusions")
    @classmethod
    def _of_the_study(cls, exclusions: tuple[Exclusion, ...], info: ValidationInfo) -> tuple[Exclusion, ...]:
        if span := info.data.get("years"):
            span.check(tuple(year for exclusion in exclusions for year in exclusion.years))
        return exclusions

    @property
    def weight_column(self) -> str | None:
        """The column that weights schools: their enrollment, or none when each counts the same."""
        return "enrolled_n" if self.weights == "students" else None

    @property
    def rollout(self) -> Plan:
        """The planned rollout, by default where the params plan none."""
        return self.plan or Plan()

    def source_paths(self) -> dict[str, Path]:
        """Give the path of every file the study reads, by the name of its source."""
        written = {name: source for name, source in self.sources if source is not None}
        second = {f"{name}.enrollment": getattr(of, "enrollment", None) for name, of in written.items()}
        written |= {name: source for name, source in second.items() if source}
        return {name: self._root / source.path for name, source in written.items()}
