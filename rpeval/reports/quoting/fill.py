"""Put a study's numbers into somebody's document, each by its name, and write down inside it what was put."""

from dataclasses import dataclass
from pathlib import Path

from rpeval.errors import Problem
from rpeval.findings.store import write_bytes
from rpeval.reports.quoting import fill_markdown, fill_word
from rpeval.reports.quoting.placeholders import KINDS, problems, wanted
from rpeval.reports.quoting.quotes import Quotes
from rpeval.reports.quoting.text_pages import lines_of
from rpeval.reports.quoting.texts import TextError, read_texts

WRITERS = {".docx": fill_word.fill, ".md": fill_markdown.fill, ".markdown": fill_markdown.fill}


@dataclass(frozen=True, slots=True)
class Filled:
    """A document that was filled.

    path    : where it is
    numbers : how many places were filled
    without : places whose number the study refuses or hides, filled with the reason
    """

    path: Path
    numbers: int
    without: tuple[Problem, ...] = ()


def fill(
    template: Path | str, folder: Path | str, *, to: Path | str | None = None, force: bool = False
) -> Filled:
    """Fill the placeholders of a Word or Markdown document with the numbers of a study.

    Use it for a proposal or a letter, so that no number is typed by hand; `verify` then tells later which of
    them still hold. Placeholders: {{ suspensions.att }} is the estimate with unit and interval; |number,
    |interval, |unit, |label, |n, |sentence and the others of `quotes.ASKED` ask for a part; a paragraph with
    {{ table.suspensions.methods }} becomes a table, one with {{ figure.suspensions.trend }} a picture.
    A number that the study refuses or hides is filled with its reason in brackets, never left blank. A
    document filled from simulated data, or from a draft, says so in its first line, and in Word at the top of
    every page; no placeholder is needed for that, and none can suppress it.
    template : .docx or .md, never changed
    folder   : a report folder
    to       : the new document; "<template>.filled.<ending>" beside the template where it is not given
    force    : replace a document that is there
    Returns where it is and what could not be quoted. Written whole or not at all.
    Refuses (FindingError, all problems at once) unknown names, malformed placeholders, none at all.
    """
    template = Path(template)
    quotes, target = Quotes(folder), _target(template, to, force=force)
    passages = read_texts(template) if template.suffix.lower() == ".docx" else lines_of(template)
    if found := problems(passages, quotes):
        raise TextError(Problem(f"{template.name}, {p.where}", p.what, p.fix) for p in found)
    places = wanted(passages)
    write_bytes(target, WRITERS[template.suffix.lower()](template, quotes, target))
    return Filled(target, len(places), tuple(_refused(quotes, places)))


def _target(template: Path, to: Path | str | None, *, force: bool) -> Path:
    if template.suffix.lower() not in WRITERS:
        what = f"A file that ends in {template.suffix or 'nothing'} cannot be filled."
        raise TextError(Problem(str(template), what, f"Save it as one of: {', '.join(WRITERS)}."))
    if not template.is_file():
        raise TextError(Problem(str(template), "There is no such file.", "Check its name."))
    target = Path(to) if to else template.with_name(f"{template.stem}.filled{template.suffix}")
    if target.resolve() == template.resolve():
        raise TextError(Problem(str(target), "This is the template itself.", "Name another file with -o."))
    if target.suffix.lower() != template.suffix.lower():
        what = f"The new document would end in {target.suffix or 'nothing'}."
        raise TextError(Problem(str(target), what, f"Give it the ending {template.suffix}."))
    if target.exists() and not force:
        what = "There is a file of this name."
        raise TextError(Problem(str(target), what, "Name another with -o, or replace it with --force."))
    return target


def _refused(quotes: Quotes, places: list) -> list[Problem]:
    """List the places where a reason stands instead of a number."""
    found = []
    for one in places:
        if one.part not in KINDS.values() and quotes.quote(one.id, one.part).reason:
            f = quotes.found.findings[one.id]
            found.append(Problem(one.where, f"{one.id} is {f.shown}: {f.reason}", f.remedy, stops=False))
    return found
