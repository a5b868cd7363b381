"""The places in a document that ask for a number: {{ suspensions.att }}, {{ suspensions.att|interval }}, …"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rpeval.errors import Problem
from rpeval.reports import figures
from rpeval.reports.quoting.quotes import ESTIMATE, PICTURE, ROWS, Quotes, near
from rpeval.reports.quoting.texts import Passage

ID = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+"
PLACEHOLDER = re.compile(rf"\{{\{{\s*({ID})\s*(?:\|\s*([a-z]+)\s*)?\}}\}}")
_BRACES = re.compile(r"\{\{.*?\}\}|\{\{|\}\}|\{%.*?%\}|\{%|\{#")
KINDS = {"table": ROWS, "figure": PICTURE}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one placeholder asks for. part : of a finding; rows of a table; picture of a figure."""

    where: str
    id: str
    part: str


def asked(match: re.Match[str], where: str = "") -> Asked:
    """Read one placeholder.

    >>> one = asked(PLACEHOLDER.search("{{ table.suspensions.methods }}"))
    >>> one.id, one.part
    ('suspensions.methods', 'rows')
    """
    id, part = match[1], match[2]
    kind, _, rest = id.partition(".")
    if kind in KINDS and part is None and "." in rest:
        return Asked(where, rest, KINDS[kind])
    return Asked(where, id, part or ESTIMATE)


def wanted(passages: Iterable[Passage]) -> list[Asked]:
    """List what a document asks for, in its order."""
    return [asked(m, p.where) for p in passages for m in PLACEHOLDER.finditer(p.text)]


def problems(passages: Iterable[Passage], quotes: Quotes) -> list[Problem]:
    """List every placeholder that cannot be filled; a refused or hidden number can, with its reason."""
    passages = list(passages)
    found = [p for passage in passages for p in _of_passage(passage, quotes)]
    if not found and not wanted(passages):
        what = "There is no placeholder in it."
        return [Problem("document", what, "Write one where a number belongs: {{ suspensions.att }}.")]
    return found


def _of_passage(passage: Passage, quotes: Quotes) -> Iterator[Problem]:
    for braces in _BRACES.findall(passage.text):
        match = PLACEHOLDER.fullmatch(braces)
        if match is None:
            fix = "Write {{ suspensions.att }} or {{ suspensions.att|interval }}, in one paragraph."
            yield Problem(passage.where, f"{braces} is not a placeholder.", fix)
        elif problem := _of_asked(asked(match, passage.where), quotes):
            yield problem
        elif asked(match).part in KINDS.values() and passage.text.strip() != braces:
            what = f"{braces} does not stand alone."
            yield Problem(passage.where, what, "Give it a paragraph of its own.")


def _of_asked(one: Asked, quotes: Quotes) -> Problem | None:
    if one.part not in KINDS.values():
        return quotes.problem(one.where, one.id, one.part)
    known = quotes.found.tables
    if one.id not in known:
        what = f"The study {quotes.found.study} has no table {one.id}."
        return Problem(one.where, what, near(one.id, known))
    if one.part == PICTURE and not figures.drawable(known[one.id]):
        what = f"No picture is drawn from the table {one.id}."
        return Problem(one.where, what, f"Write {{{{ table.{one.id} }}}}.")
    return None
