"""The numbers that a document says it has from a study, as they stand there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rpeval.reports.quoting.ledger import Entry, tag_of
from rpeval.reports.quoting.quotes import ASKED, CELL, PICTURE, ROWS, Quotes

Names = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One number of a document.

    text  : what stands there now (of a table or picture a hash); None where its place is not found, or where
            it cannot be seen whether it was changed
    entry : what was filled there; None where the document does not say
    """

    where: str
    id: str
    part: str
    text: str | None
    entry: Entry | None = None


def known_names(quotes: Quotes) -> Names:
    """Give id and part for every tag that can be filled from a study today."""
    named = [(id, part) for id in quotes.found.findings for part in (*ASKED, "value", "text")]
    cells = [
        (id, part) for table in quotes.found.tables for id in quotes.cells(table) for part in (CELL, "value")
    ]
    exhibits = [(id, part) for id in quotes.found.tables for part in (ROWS, PICTURE)]
    return {tag_of(id, part): (id, part) for id, part in (*named, *cells, *exhibits)}


def read_tag(tag: str, names: Names) -> tuple[str, str]:
    """Give id and part that a tag names, also of what the study has no more.

    >>> read_tag("rpeval:a.b|n", {})
    ('a.b', 'n')
    """
    id, _, part = tag.removeprefix("rpeval:").partition("|")
    return names.get(tag, (id, re.sub(r"\W.*", "", part) or "estimate"))
