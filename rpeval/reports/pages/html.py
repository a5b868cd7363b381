"""A document as one HTML page: no network, no script needed, readable without color, by key and by ear."""

import base64
import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from rpeval.findings.passport import Passport
from rpeval.reports.blocks import Document, Number, Run, TableBlock, plain
from rpeval.reports.pages.lighter import lighter
from rpeval.reports.pages.packing import packed

TEMPLATES = Path(__file__).parent / "templates"
INDEX = "index"  # the table of every number


def html(document: Document, *, passports: Sequence[Passport] = (), notebooks: Sequence[str] = ()) -> str:
    """Write a document as one self-contained HTML page.

    Every number carries its finding's id, itself or by the row or table in which it stands. Text is escaped
    here and nowhere else. Figures are trusted: they are drawn by this package.
    passports : of the numbers and tables that have an entry in numbers.html beside the page. Such numbers are
                links to it; where scripts run, a number opens its passport in place. Without them there are
                no links, no script, and the index of all numbers is a table of the page.
    notebooks : names of those that stand in appendix/ beside the page

    >>> words = {"skip": "Skip", "contents": "Contents", "kicker": "Report"}
    >>> page = html(Document("A & B", (), "en", False, False, (), words=words))
    >>> "A &amp; B" in page, "<script" in page
    (True, False)
    """
    drawn = document.figures()
    svgs, looks = lighter([b.svg for b in drawn])
    pictures = {figure.id: Markup(svg) for figure, svg in zip(drawn, svgs, strict=True)}
    printed = {id for section in document.sections for id in numbers_in(section.blocks)}
    shown = [p for p in passports if p.id in printed]
    return write(
        "report.html.j2", styles=["report"], scripts=["copy", "passport"] if passports else [],
        looks=Markup(looks), document=document, pictures=pictures, known={p.id for p in passports},
        notebooks=notebooks, passports=packed(shown),
    )  # fmt: skip


def write(template: str, *, styles: Sequence[str], scripts: Sequence[str], **content: Any) -> str:
    """Fill a page's template; the style sheets and scripts it names are put into the page."""
    style = "".join((TEMPLATES / f"{name}.css").read_text(encoding="utf-8") for name in styles)
    script = "".join((TEMPLATES / f"{name}.js.j2").read_text(encoding="utf-8") for name in scripts)
    script = f"(() => {{ {compact(script)} }})()" if scripts else ""
    page = _environment().get_template(template)
    text = page.render(**content, style=Markup(compact(style)), script=Markup(script))
    return re.sub(r"\n\s*\n+", "\n", text).strip() + "\n"


def numbers_in(thing: Any) -> Iterator[str]:
    """Name the findings whose value is printed in blocks, other than in the index of all.

    >>> list(numbers_in((Number("a.b", "2"), "and", Number("a.c", "3"), Number("a.d", "schools", "unit"))))
    ['a.b', 'a.c']
    """
    if isinstance(thing, Number):
        yield from [thing.finding_id] if thing.part == "value" else []
    elif isinstance(thing, tuple):
        for part in thing:
            yield from numbers_in(part)
    elif is_dataclass(thing) and getattr(thing, "id", "") != INDEX:
        for part in fields(thing):
            yield from numbers_in(getattr(thing, part.name))


def made_at(passport: Passport, notebooks: Sequence[str]) -> str:
    """Give the address of the cell that made a number; empty where the notebook is not beside the page."""
    place = f"#cell-{passport.cell}" if passport.cell else ""
    return f"appendix/{passport.notebook}.html{place}" if passport.notebook in notebooks else ""


def spoken(notebook: str) -> str:
    """Say a notebook's name without its place in the order.

    >>> spoken("01_suspensions")
    'suspensions'
    """
    return re.sub(r"^[0-9]+_", "", notebook).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table on the page, and where all of it comes from, if one place can be named.

    finding : the finding that every cell of it tells of
    cell    : its place in a released table, where that is not the next one
    sourced : whether the row or its table says where the cells come from, so that they need not
    """

    cells: tuple[Run, ...]
    finding: str = ""
    cell: str = ""
    sourced: bool = False


def grouped(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Put together what stands in a row about one finding, with the words between, so that it is named once.

    >>> says = ("About ", Number("a.b", "2.0"), " ", Number("a.b", "points", "unit"), ".")
    >>> [(id, len(those)) for id, those in grouped(says)]
    [('', 1), ('a.b', 3), ('', 1)]
    """
    groups: list[tuple[str, list[Run]]] = []
    for run in runs:
        id = run.finding_id if isinstance(run, Number) else ""
        *before, last = groups or [("", [])]
        between = groups and isinstance(last[1][-1], str) and not last[0]
        if id and between and before and before[-1][0] == id:
            before[-1][1].extend([*last[1], run])
            groups = before
        elif id and groups and last[0] == id:
            last[1].append(run)
        else:
            groups.append((id, [run]))
    return groups


def rows(table: TableBlock) -> list[Row]:
    """Give the rows of a table with their sources."""
    return [_row(table, i, cells) for i, cells in enumerate(table.rows)]


def _row(table: TableBlock, i: int, cells: tuple[Run, ...]) -> Row:
    if released(table):
        cell = "" if table.sources[i] == f"{table.id}/{i}" else table.sources[i]
        return Row(cells, cell=cell, sourced=True)
    finding = table.sources[i] if table.sources else about(cells)
    return Row(cells, finding=finding, sourced=bool(finding))


def released(table: TableBlock) -> bool:
    """Say whether a table is printed as it was released, so that its cells are found by row and column."""
    return bool(table.sources) and "/" in table.sources[0]


def about(cells: Sequence[Run]) -> str:
    """Name the finding of which all cells tell; empty where there is none, or more than one.

    >>> about((Number("a.b", "Effect", "label"), Number("a.b", "2.0"), "Leaning"))
    'a.b'
    >>> about((Number("a.b", "1"), Number("a.c", "2")))
    ''
    """
    if not all(isinstance(cell, str | Number) for cell in cells):
        return ""
    ids = {cell.finding_id for cell in cells if isinstance(cell, Number)}
    return ids.pop() if len(ids) == 1 and "/" not in next(iter(ids)) else ""


def compact(style: str) -> str:
    """Take comments and indents out of a style sheet or a script.

    >>> compact("/* a */ p {  margin: 0 }")
    'p { margin: 0 }'
    """
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", style, flags=re.S)).strip()


def fingerprint(script: str) -> str:
    """Name a script in a content security policy, so that it runs and no other does.

    >>> fingerprint("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def css_text(text: str) -> str:
    """Make text safe inside a quoted string of a style sheet: letters, digits, spaces and plain points only.

    >>> css_text('Draft"; } </style>')
    'Draft  style'
    """
    return re.sub(r"[^\w\s.,:-]", "", text)


def headings(runs: Sequence[Run]) -> str:
    """Hand the headings of a table to the style sheet, which shows them on a small screen at each cell.

    >>> headings(["Claim", "What this study says"])
    "--h2:'What this study says'"
    """
    return ";".join(f"--h{i}:'{css_text(plain((run,)))}'" for i, run in enumerate(runs[1:], start=2))


def breakable(id: str) -> Markup:
    """Let a long name break after its dots.

    >>> print(breakable("suspensions.att"))
    suspensions.<wbr>att
    """
    return Markup(str(escape(id)).replace(".", ".<wbr>"))


def words(run: Run) -> Markup:
    """Write a run as plain text; the name of a finding may break after its dots."""
    text = plain((run,))
    return breakable(text) if getattr(run, "source", "").startswith("id:") else escape(text)


def right(numeric: Sequence[bool]) -> str:
    """Name the columns of a table that stand to the right, for the style sheet.

    >>> right([False, True, True])
    'n2 n3'
    """
    return " ".join(f"n{column}" for column, number in enumerate(numeric, start=1) if number)


@functools.cache
def _environment() -> SandboxedEnvironment:
    made = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "css": css_text, "breakable": breakable, "right": right, "words": words, "headings": headings,
        "plain": plain, "rows": rows, "released": released, "any": any, "fingerprint": fingerprint,
        "made_at": made_at, "grouped": grouped, "spoken": spoken,
    }  # fmt: skip
    made.tests["text"] = lambda run: isinstance(run, str)
    made.tests["is_a"] = lambda thing, name: type(thing).__name__ == name
    return made
