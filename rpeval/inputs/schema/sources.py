"""What a params file may say of the study's files: where each lies and how it is read."""

from pathlib import Path
from typing import Annotated, Literal, Self
from zipfile import BadZipFile, ZipFile

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from rpeval.inputs.schema.project import FIDELITY, INSTRUMENTS, LAYOUTS, explain_absent, reference_names
from rpeval.inputs.schema.values import (
    Encoding,
    Exact,
    ExactOrExacts,
    Exacts,
    Form,
    Positive,
    SourcePath,
    Start,
    Switch,
    Text,
    TextOrTexts,
    Texts,
    Whole,
    Years,
    between,
    in_order,
    matching,
    refuse,
)
from rpeval.inputs.words import instead, quote

OWN = "rpeval"  # the project's own form of a table
Sorted = AfterValidator(in_order)
RowValues = Annotated[dict[Text, ExactOrExacts], Sorted]
Renamed = Annotated[dict[Exact, Text], Sorted]
Delimiter = Annotated[Exact, Field(min_length=1)]
YearStyle = Literal["label", "starts", "ends"]


def named_in(folder: str) -> AfterValidator:
    """Require a file of this name in the reference data, or columns that make one needless."""

    def check(name: str, info: ValidationInfo) -> str:
        names = reference_names(info.context.root, folder) if info.context else [name]
        if name not in names and not (name == OWN and info.data.get("columns")):
            fix = instead(name, names) if names else f"Add {folder}/{name}.yml."
            raise refuse(f"There is no {quote(name)} in {folder}/.", fix)
        return name

    return AfterValidator(check)


def _is_there(path: str, info: ValidationInfo) -> str:
    """Require a file of the study, which is simulated only where the study is."""
    if info.context and info.context.simulated is False and path.startswith("data/simulated/"):
        fix = "Name the district's own file, or write `simulated: true`."
        raise refuse(f"The study is not simulated, but {quote(path)} is.", fix)
    if info.context and (absent := explain_absent(info.context.root, path)):
        raise refuse(*absent)
    return path


def _is_word(path: str, info: ValidationInfo) -> str:
    """Require a Word document that opens without a password."""
    if not path.lower().endswith(".docx"):
        fix = "Save it in Word as a document (.docx), and write that path."
        raise refuse(f"{quote(path)} does not end in .docx.", fix)
    if info.context and not _opens(info.context.root / path):
        fix = "Save it in Word as .docx, without a password."
        raise refuse(f"{quote(path)} cannot be read as a Word document.", fix)
    return path


def _opens(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return "word/document.xml" in file.namelist()
    except (OSError, BadZipFile):
        return False


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
    """A known fault of a file and how it is mended, with a guard that it is still there."""

    columns: Texts = Field(min_length=1, examples=["[enrolled_n]"])
    years: Years = Field(min_length=1, examples=["[2017-18]"])
    multiply: Positive = Field(examples=["0.5"])
    expect: Expected
    reason: Text = Field(examples=["The publisher counted every student twice."])


class Pivot(Form):
    """A file with one row per kind of event: which column names the kind, which holds the count.

    names  : kind → column of the panel; two kinds of one column are added; none = counts nothing, but the row
             shows that the school reported
    absent : what a kind without a row means
    """

    column: Text = Field(examples=["REMOVAL_TYPE_DESCRIPTION"])
    value: Text = Field(examples=["REMOVAL_COUNT"])
    names: Annotated[Renamed, Field(min_length=1)]
    absent: Literal["unknown", "zero"] | None = None


class StartRule(Form):
    """Schools whose program start follows from a column: the year of the start, or never."""

    where: RowValues = Field(min_length=1)
    start: Start = Field(examples=["2020-21"])


class LayoutKeys(Form):
    """How to read a table: the keys of a layout file, each of which a params file may override.

    columns  : field of the study → column of the file, or columns, with `join` between them (- where absent)
    optional : fields that may be absent from the file
    pad      : column → width to fill with zeros from the left
    where    : column → values that stay; without: values that leave
    missing  : texts that mean unknown, never zero
    values   : field → {value in the file: value in the study, none = not used}; (empty) = an empty cell
    kinds    : kind of an action → column it counts in, none = not counted
    hours    : kind of an action or absence → school hours of one, where its row does not say
    """

    sheet: Text | None = None
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    columns: Annotated[dict[Text, TextOrTexts], Field(min_length=1), Sorted] | None = None
    join: Exact | None = None
    optional: Texts | None = None
    where: RowValues | None = None
    without: RowValues | None = None
    values: Annotated[dict[Text, Renamed], Sorted] | None = None
    missing: Exacts | None = None
    year_style: YearStyle | None = None
    pad: Annotated[dict[Text, Annotated[Whole, between(1, 30)]], Sorted] | None = None
    pivot: Pivot | None = None
    corrections: tuple[Correction, ...] | None = None
    start_rules: tuple[StartRule, ...] | None = None
    kinds: Renamed | None = None
    hours: Annotated[dict[Text, Positive], Sorted] | None = None


LayoutName = Annotated[Text, named_in(LAYOUTS)]
InstrumentName = Annotated[Text, named_in(INSTRUMENTS)]
FidelityName = Annotated[Text, named_in(FIDELITY)]
ScaleName = Annotated[
    str,
    matching(
        "[a-z][a-z0-9_]{0,29}",
        "{} cannot name a scale.",
        "Use lower-case letters, digits and _ (at most 30), beginning with a letter.",
    ),
]


class FileSource(Form):
    """A file of the study."""

    path: Annotated[SourcePath, AfterValidator(_is_there)] = Field(examples=["data/lakeshore/panel.csv"])


class TemplateSource(Form):
    """The district's own Word document, whose styles, page, headers and footers the Word report takes."""

    path: Annotated[SourcePath, AfterValidator(_is_there), AfterValidator(_is_word)] = Field(
        examples=["data/lakeshore/template.docx"]
    )


class EnrollmentSource(LayoutKeys, FileSource):
    """The enrollment that belongs to a file of actions."""

    layout: LayoutName | None = None


class TableSource(LayoutKeys, FileSource):
    """A table of the study: its file, the layout it follows, and what it does differently."""

    layout: LayoutName = Field(OWN, validate_default=True)
    enrollment: EnrollmentSource | None = None


class FidelitySource(TableSource):
    """Ratings of fidelity, and the instrument that they were made with."""

    instrument: FidelityName = Field(examples=["rpeval_fidelity"])


class SurveyColumns(Form):
    """Which column of the survey file plays which part; the part's own name where nothing is said."""

    respondent_id: Text = "respondent_id"
    school_id: Text = "school_id"
    wave: Text = "wave"
    weight: Text | None = None
    item: Text | None = None  # long shape only
    answer: Text | None = None  # long shape only


class SurveySource(FileSource):
    """A file of survey answers: one row per respondent (wide, qualtrics) or per answer (long).

    instrument : the main scale; also: further scales of the file, by the name their findings bear
    groups     : student group → column; items: item of a scale → column, or text in the column of items
    labels     : text in the file → category of the scale, where the file words it otherwise
    year_style : as in a layout, and date: the school year of a date
    drop_straight_lines : leave out who gave one answer to all items of a scale that points both ways
    """

    shape: Literal["wide", "long", "qualtrics"] = "wide"
    instrument: InstrumentName = Field(examples=["rpeval_belonging"])
    also: Annotated[dict[ScaleName, InstrumentName], Sorted] = Field(default_factory=dict)
    columns: SurveyColumns = SurveyColumns()
    groups: Annotated[dict[Text, Text], Sorted] = Field(default_factory=dict)
    items: Annotated[dict[Text, Text], Sorted] = Field(default_factory=dict)
    answers: Literal["codes", "labels"] = "codes"
    labels: Annotated[Renamed, Sorted] = Field(default_factory=dict)
    missing: Exacts = ()
    drop_straight_lines: Switch = False
    year_style: Literal["label", "starts", "ends", "date"] = "label"
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    sheet: Text | None = None

    @field_validator("labels")
    @classmethod
    def _of_labels(cls, labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if labels and info.data.get("answers") == "codes":
            raise refuse("The answers are read as codes, which have no labels.", "Write `answers: labels`.")
        return labels


class Sources(Form):
    """The files of the study.

    outcomes  : other outcomes of each school and year, one column for each measure
    incidents : one row per incident and student, with what answered it; absences: attendance codes by student
    idea      : children counted by year, category of 34 CFR 300.647 and group
    practices, training, fidelity, staffing, sections, summer, costs : what was done of the program, and what
                it took
    template  : a Word document that gives the Word report its looks; no data is read from it
    """

    panel: TableSource
    groups: TableSource | None = None
    adoption: TableSource | None = None
    outcomes: TableSource | None = None
    incidents: TableSource | None = None
    absences: TableSource | None = None
    idea: TableSource | None = None
    practices: TableSource | None = None
    training: TableSource | None = None
    fidelity: FidelitySource | None = None
    staffing: TableSource | None = None
    sections: TableSource | None = None
    summer: TableSource | None = None
    costs: TableSource | None = None
    survey: SurveySource | None = None
    invited: TableSource | None = None
    truth: FileSource | None = None
    template: TemplateSource | None = None

    @field_validator("truth", mode="before")
    @classmethod
    def _simulated(cls, truth: object, info: ValidationInfo) -> object:
        if info.context and info.context.simulated is False:
            raise refuse("Only a simulated study has a known truth.", "Delete it.")
        return truth

    @field_validator("invited")
    @classmethod
    def _to_a_survey(cls, invited: TableSource, info: ValidationInfo) -> TableSource:
        if info.data.get("survey", "") is None:
            what = "The study names no survey to which anybody was invited."
            raise refuse(what, "Name it in sources.survey, or delete this.")
        return invited
