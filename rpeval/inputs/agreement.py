"""What the form of a params file cannot tell: whether its parts agree with each other and with the project.

Every check reads the content as it was written and passes over what is not of the right kind, because the
form has told that already; so one mistake never hides another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.forms import place
from rpeval.inputs.measures import read_measures
from rpeval.inputs.project import INSTRUMENTS, LAYOUTS, explain_absent, reference_names
from rpeval.inputs.schema import TableSource
from rpeval.inputs.typed import read_path, read_switch, read_text
from rpeval.inputs.words import instead, quote

SIMULATED = "(simulated)"
TABLES = ("panel", "groups", "adoption", "invited")
BELONGING = "belonging"
DEFAULT = TableSource.model_fields["layout"].default


@dataclass(frozen=True, slots=True)
class Written:
    """The content of a params file as it was written, and where it belongs.

    content : the keys under `params:`
    name    : how messages name the file
    root    : the project's folder
    stem    : the file's name without .yml, or None where the content came without a file
    """

    content: dict[str, Any]
    name: str
    root: Path
    stem: str | None

    def at(self, *loc: Any) -> Any:
        """Give what is written at a place, or None."""
        here: Any = self.content
        for part in loc:
            if isinstance(here, dict):
                here = here.get(part)
            else:
                here = here[part] if isinstance(here, list | tuple) and part in range(len(here)) else None
        return here

    def text(self, *loc: Any) -> str | None:
        """Give the text at a place, or None where there is none."""
        return _try(read_text, self.at(*loc))

    def items(self, *loc: Any) -> list[Any]:
        """Give the items of the list, or the keys of the group, at a place; none where there is neither."""
        here = self.at(*loc)
        return list(here) if isinstance(here, list | tuple | dict) else []

    def wrong(self, loc: tuple[Any, ...], what: str, fix: str) -> Problem:
        """Make the problem of a place."""
        return Problem(place(self.name, loc), what, fix)


def check_agreement(written: Written) -> list[Problem]:
    """Run every check on what was written, and give all problems."""
    return [problem for check in CHECKS for problem in check(written)]


def check_stem(w: Written) -> Iterator[Problem]:
    """The study's name is the file's name: the report's folder and the params file then belong together."""
    study = w.text("study")
    if study and w.stem is not None and study != w.stem:
        yield w.wrong(("study",), f"The file is named {quote(w.stem)}, but the study {quote(study)}.",
                      f"Write `study: {w.stem}`, or rename the file.")  # fmt: skip


def check_simulated(w: Written) -> Iterator[Problem]:
    """A simulated study says so in the district's name; a real one has no truth and no simulated data."""
    simulated, name = _try(read_switch, w.at("simulated")), w.text("district", "name")
    if simulated and name and SIMULATED not in name:
        yield w.wrong(("district", "name"), f"The study is simulated, and {quote(name)} does not say so.",
                      f"Write {quote(f'{name} {SIMULATED}')}.")  # fmt: skip
    if simulated is not False:
        return
    if name and SIMULATED in name:
        yield w.wrong(("district", "name"), f"The name says {SIMULATED}, but the study is not.",
                      "Write `simulated: true`, or the district's own name.")  # fmt: skip
    if w.at("sources", "truth") is not None:
        yield w.wrong(("sources", "truth"), "Only a simulated study has a known truth.", "Delete it.")
    for loc, path in _paths(w):
        if path.startswith("data/simulated/") and "truth" not in loc:
            yield w.wrong(loc, f"The study is not simulated, but {quote(path)} is.",
                          "Name the district's own file, or write `simulated: true`.")  # fmt: skip


def check_measures(w: Written) -> Iterator[Problem]:
    """Outcome, companions and margins are known measures, and the outcome is not its own companion."""
    try:
        known = list(read_measures(w.root))
    except ParamsError as error:
        yield from error.problems
        return
    named = [("outcome",), *(("companions", n) for n, _ in enumerate(w.items("companions")))]
    for loc in named:
        measure = w.text(*loc)
        if measure and measure not in known:
            yield w.wrong(loc, f"There is no measure {quote(measure)}.", instead(measure, known))
        elif measure and loc != ("outcome",) and measure == w.text("outcome"):
            yield w.wrong(loc, f"{quote(measure)} is the outcome already.", "Delete it from the companions.")
    for key in w.items("margins"):
        if isinstance(key, str) and key not in (*known, BELONGING):
            yield w.wrong(("margins", key), f"There is no measure {quote(key)}.",
                          instead(key, [*known, BELONGING]))  # fmt: skip


def check_years(w: Written) -> Iterator[Problem]:
    """Years that are left out have a reason."""
    if w.items("years", "leave_out") and w.at("years", "leave_out_reason") is None:
        yield w.wrong(("years", "leave_out_reason"), "Years are left out without a reason.",
                      "Add `leave_out_reason:` with one sentence for the report.")  # fmt: skip


def check_gaps(w: Written) -> Iterator[Problem]:
    """A gap lies between two different groups."""
    for n, _ in enumerate(w.items("gaps")):
        group = w.text("gaps", n, "group")
        if group and group == w.text("gaps", n, "reference"):
            yield w.wrong(("gaps", n, "reference"), f"{quote(group)} is compared with itself.",
                          "Name another group as the reference.")  # fmt: skip


def check_exclusions(w: Written) -> Iterator[Problem]:
    """An exclusion says what it excludes."""
    for n, exclusion in enumerate(w.items("exclusions")):
        if isinstance(exclusion, dict) and not (exclusion.get("schools") or exclusion.get("years")):
            yield w.wrong(("exclusions", n), "It names neither schools nor years.",
                          "Add `schools: [...]`, `years: [...]` or both.")  # fmt: skip


def check_invited(w: Written) -> Iterator[Problem]:
    """A list of who was invited belongs to a survey."""
    if w.at("sources", "invited") is not None and w.at("sources", "survey") is None:
        yield w.wrong(("sources", "invited"), "The study names no survey to which anybody was invited.",
                      "Name it in sources.survey, or delete this.")  # fmt: skip


def check_files(w: Written) -> Iterator[Problem]:
    """Every file of the study is there."""
    for loc, path in _paths(w):
        absent = explain_absent(w.root, path)
        if absent:
            yield w.wrong(loc, *absent)


def check_reference(w: Written) -> Iterator[Problem]:
    """The layouts and the instrument that the sources name are in the project's reference data."""
    layouts = reference_names(w.root, LAYOUTS)
    tables = [("sources", table) for table in TABLES]
    for loc, default in [(t, DEFAULT) for t in tables] + [((*t, "enrollment"), None) for t in tables]:
        layout, inline = w.text(*loc, "layout"), w.items(*loc, "columns")
        if w.items(*loc) and w.at(*loc, "layout") is None:
            layout = default
        if layout and layout not in layouts and not (layout == DEFAULT and inline):
            yield w.wrong((*loc, "layout"), *_not_in(LAYOUTS, layout, layouts))
    instrument, instruments = w.text("sources", "survey", "instrument"), reference_names(w.root, INSTRUMENTS)
    if instrument and instrument not in instruments:
        yield w.wrong(("sources", "survey", "instrument"), *_not_in(INSTRUMENTS, instrument, instruments))


CHECKS = (
    check_stem,
    check_simulated,
    check_measures,
    check_years,
    check_gaps,
    check_exclusions,
    check_invited,
    check_files,
    check_reference,
)


def _paths(w: Written) -> Iterator[tuple[tuple[str, ...], str]]:
    for source in w.items("sources"):
        for loc in (("sources", source, "path"), ("sources", source, "enrollment", "path")):
            path = _try(read_path, w.at(*loc))
            if path:
                yield loc, path


def _try(read: Any, value: Any) -> Any:
    try:
        return read(value)
    except PydanticCustomError:
        return None


def _not_in(folder: str, name: str, names: list[str]) -> tuple[str, str]:
    what = f"There is no {quote(name)} in {folder}/."
    return what, instead(name, names) if names else f"Add {folder}/{name}.yml."
