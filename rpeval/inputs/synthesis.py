"""Read the params of a synthesis: one finding, and the studies that have it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.params import find_file, take_inner
from rpeval.inputs.schema.forms import fill
from rpeval.inputs.schema.params_file import SIMULATED, ParamsFile
from rpeval.inputs.schema.project import Project, explain_absent, find_root, show_path
from rpeval.inputs.schema.study import Privacy
from rpeval.inputs.schema.values import Form, SourcePath, StudyName, Switch, Text, distinct, matching, refuse
from rpeval.inputs.schema.yaml_text import read_yaml
from rpeval.inputs.words import quote

ABOUT = "# Written by rpeval synthesize; kept in params/syntheses/, it makes the same synthesis again.\n"
FINISHED = ("findings.json", "manifest.json")
TREND = "tables/suspensions.trend.csv"  # tells in how many years schools started
FindingId = Annotated[
    str,
    matching(
        r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+",
        "{} is not the name of a finding.",
        "Write one like suspensions.att.",
    ),
]


def folder_name(synthesis: str) -> str:
    """Give the name of a synthesis's folder below reports/."""
    return f"synthesis-{synthesis}"


def _is_there(path: str, info: ValidationInfo) -> str:
    if info.context and (absent := explain_absent(info.context.root, path)):
        raise refuse(*absent)
    return path


def _is_finished(path: str, info: ValidationInfo) -> str:
    lacking = [name for name in FINISHED if info.context and not (info.context.root / path / name).is_file()]
    if lacking:
        what = f"{quote(path)} is no finished report: it has no {' and no '.join(lacking)}."
        raise refuse(what, "Run the study with rpeval run, or leave the folder out.")
    return path


class SourceFile(Form):
    """A file of the synthesis."""

    path: Annotated[SourcePath, AfterValidator(_is_there)]


class SynthesisSources(Form):
    """Where the estimates come from: a table with one row per study, or the folders of finished reports.

    truth : what a simulated table was drawn around
    """

    estimates: SourceFile | None = None
    reports: Annotated[
        tuple[Annotated[SourcePath, AfterValidator(_is_finished)], ...], AfterValidator(distinct)
    ] = ()
    truth: SourceFile | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.estimates is None) == (not self.reports):
            fix = "Write `estimates: {path: ...}`, or `reports: [...]`."
            raise refuse("The estimates come from one place: a table, or reports.", fix)
        return self


@dataclass(frozen=True, slots=True)
class Several:
    """The districts of a synthesis, under one name."""

    name: str


class Synthesis(ParamsFile):
    """One synthesis, as its params say it; what a notebook may read about it, like the Params of a study.

    districts : what is pooled, in words
    finding   : id of the finding
    leave_out : study to the reason why it is not pooled
    """

    synthesis: StudyName = Field(examples=["districts"])
    title: Text = Field(examples=["Restorative practices in twelve districts"])
    simulated: Switch = Field(examples=["false"])
    districts: Text = Field(examples=["Twelve districts of one state"])
    finding: FindingId = Field(examples=["suspensions.att"])
    leave_out: dict[Text, Text] = Field(default_factory=dict)
    sources: SynthesisSources

    @field_validator("districts")
    @classmethod
    def _says_what_they_are(cls, districts: str, info: ValidationInfo) -> str:
        if info.data.get("simulated") and SIMULATED not in districts:
            what = f"The synthesis is simulated, and {quote(districts)} does not say so."
            raise refuse(what, f"Write {quote(f'{districts} {SIMULATED}')}.")
        return districts

    @property
    def study(self) -> str:
        """The name of the report's folder."""
        return folder_name(self.synthesis)

    @property
    def district(self) -> Several:
        """What stands where a study names its district."""
        return Several(self.districts)

    @property
    def privacy(self) -> Privacy:
        """The smallest count of students that may be shown; no count of a synthesis is of students."""
        return Privacy()

    @property
    def seed(self) -> int:
        """Nothing in a synthesis is drawn by chance."""
        return 0

    def source_paths(self) -> dict[str, Path]:
        """Give every file that the synthesis reads, by the name of its source."""
        files = {name: of for name, of in self.sources if isinstance(of, SourceFile)}
        paths = {name: self._root / of.path for name, of in files.items()}
        for folder in self.sources.reports:
            named = Path(folder).name
            paths |= {f"{named}/{name}": self._root / folder / name for name in (*FINISHED, TREND)}
        return {name: path for name, path in paths.items() if path.is_file()}


def read_synthesis(source: str | Path | dict[str, Any], root: str | Path | None = None) -> Synthesis:
    """Read the params of a synthesis and check them against the project.

    Use first in the notebook on several studies; it takes what `read_params` takes for one.

    source : a file of params/syntheses, or its content with or without the outer `params`
    root   : the project's folder; found by walking up where absent
    Refuses (ParamsError, all problems at once): unknown and missing keys, a table or a finished report that
    is not there, both or neither of them.

    >>> read_synthesis({"synthesis": "x"}, root=".")
    Traceback (most recent call last):
        ...
    rpeval.errors.ParamsError: 5 problems in the params:
     1. params: title: This key is missing.
    ...
    """
    root = Path(os.path.abspath(root)) if root is not None else None
    name, stem, content = "params", None, source
    if isinstance(source, str | Path):
        path = find_file(str(source), root)
        root = root or find_root(path.parent)
        name, stem = show_path(path, root), path.stem
        content = read_yaml(path, name=name)
    if not isinstance(content, dict):
        fix = "Write the path of a file like params/syntheses/districts.yml."
        raise ParamsError(Problem("params", f"{quote(source)} is neither a file nor its content.", fix))
    root = root or find_root()
    inner, problems = take_inner(content if "params" in content else {"params": content}, name)
    filled, wrong = (None, []) if inner is None else _fill(inner, name, root, stem)
    if problems or wrong or filled is None:
        raise ParamsError([*problems, *wrong])
    filled._root = root
    return filled


def _fill(content: dict[str, Any], name: str, root: Path, stem: str | None) -> Any:
    return fill(Synthesis, content, name=name, context=Project(root, stem))
