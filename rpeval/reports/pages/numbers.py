"""A page with the passport of every number of a report, each under its name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rpeval.findings import Collected
from rpeval.findings.passport import Passport, passport
from rpeval.reports.blocks import Document, typeset
from rpeval.reports.catalog import read_catalog
from rpeval.reports.pages.html import write


@dataclass(frozen=True, slots=True)
class Part:
    """The passports under one heading. id : its anchor"""

    id: str
    heading: str
    passports: tuple[Passport, ...]


def passports_of(found: Collected) -> list[Passport]:
    """Give the passport of every finding and every released table with rows, in the order they were made.

    Use it before writing the pages of a report. Nothing of a finished run's record enters, so that the pages
    can be written before there is one, and written again with the same bytes.
    """
    states = read_catalog()["states"]
    released = [id for id, table in found.tables.items() if len(table.frame)]
    return [_typeset(passport(found, id, states=states)) for id in [*found.findings, *released]]


def _typeset(told: Passport) -> Passport:
    rows = tuple((heading, typeset(text)) for heading, text in told.rows)
    return replace(told, label=typeset(told.label), citation=typeset(told.citation), rows=rows)


def numbers(document: Document, *, passports: Sequence[Passport], notebooks: Sequence[str] = ()) -> str:
    """Write the page numbers.html: every passport, under its name as anchor.

    Use it beside the report, whose numbers lead here. The page is complete without a script; where scripts
    run, it has a box that narrows it, and buttons that copy a sentence.
    document  : the report, for its title, language, stamps and words
    passports : as `passports_of` gives them
    notebooks : names of those that stand in appendix/ beside the page; the cells that made a number are links
    """
    parts = [_of_notebook(name, passports, document) for name in dict.fromkeys(p.notebook for p in passports)]
    tables = tuple(p for p in passports if is_table(p))
    parts += [Part("tables", document.words["tables_of"], tables)] if tables else []
    return write(
        "numbers.html.j2", styles=["report", "numbers"], scripts=["copy", "numbers"], looks="",
        document=document, parts=[part for part in parts if part.passports], notebooks=notebooks,
    )  # fmt: skip


def is_table(passport: Passport) -> bool:
    """Say whether a passport is that of a released table."""
    return any(heading == "File" for heading, _ in passport.rows)


def _of_notebook(name: str, passports: Sequence[Passport], document: Document) -> Part:
    own = tuple(p for p in passports if p.notebook == name and not is_table(p))
    return Part(f"made-in-{name}", f"{document.words['numbers_of']} {name}", own)
