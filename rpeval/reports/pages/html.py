"""A document as one HTML page: no script, no network, readable without color, by keyboard and by ear."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from rpeval.reports.blocks import Document
from rpeval.reports.drawing.svgtext import share_glyphs

TEMPLATES = Path(__file__).parent / "templates"


def html(document: Document) -> str:
    """Write a document as one self-contained HTML page.

    Every number is a <data> element that carries its finding's id; every table cell carries its own. Text is
    escaped here and nowhere else. Figures are trusted: they are drawn by this package.

    >>> words = {"skip": "Skip", "contents": "Contents", "kicker": "Report"}
    >>> page = html(Document("A & B", (), "en", False, False, (), words=words))
    >>> "A &amp; B" in page, "<script" in page
    (True, False)
    """
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    drawn = document.figures()
    pictures = dict(
        zip((b.id for b in drawn), map(Markup, share_glyphs([b.svg for b in drawn])), strict=True)
    )
    template = _environment().get_template("report.html.j2")
    page = template.render(document=document, pictures=pictures, style=Markup(compact(style)))
    return re.sub(r"\n\s*\n+", "\n", page).strip() + "\n"


def compact(style: str) -> str:
    """Take comments and indents out of a style sheet.

    >>> compact("/* a */ p {  margin: 0 }")
    'p { margin: 0 }'
    """
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", style, flags=re.S)).strip()


def css_text(text: str) -> str:
    """Make text safe inside a quoted string of a style sheet: letters, digits, spaces and plain points only.

    >>> css_text('Draft"; } </style>')
    'Draft  style'
    """
    return re.sub(r"[^\w\s.,:-]", "", text)


def breakable(id: str) -> Markup:
    """Let a long name break after its dots.

    >>> print(breakable("suspensions.att"))
    suspensions.<wbr>att
    """
    return Markup(str(escape(id)).replace(".", ".<wbr>"))


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
    made.filters["css"] = css_text
    made.filters["breakable"] = breakable
    made.filters["right"] = right
    made.tests["text"] = lambda run: isinstance(run, str)
    made.tests["is_a"] = lambda thing, name: type(thing).__name__ == name
    return made
