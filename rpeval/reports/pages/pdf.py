"""A document as PDF: tagged for screen readers (PDF/UA-1), the same bytes on every machine."""

import json
import re
from typing import Any

import typst

from rpeval.errors import FindingError, Problem
from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Document,
    FigureBlock,
    Number,
    Paragraph,
    Reference,
    Run,
    Runs,
    TableBlock,
    plain,
)
from rpeval.reports.pages.raster import TEMPLATES, fonts, letters, with_fonts

SHORT = 20  # characters of a number or an interval that stay on one line
TOGETHER, LITTLE = 7, 900  # rows and characters of a table that stays on one page
LONG_WORD = 28  # characters after which a word without a break may be broken


def pdf(document: Document) -> bytes:
    """Write a document as one PDF that conforms to PDF/UA-1: tagged, with bookmarks, for US letter.

    Everything in the document is printed, folds open, except what `elsewhere` names. Text is data of the
    template and is never read as Typst. No date is written and no font of the machine is used.
    Refuses (FindingError) a figure without alternative text.

    >>> from rpeval.reports.catalog import read_catalog
    >>> words = read_catalog("report")["words"]
    >>> made = pdf(Document("A #B", (), "en", False, False, (), words=words))
    >>> made[:8], made == pdf(Document("A #B", (), "en", False, False, (), words=words))
    (b'%PDF-1.7', True)
    """
    silent = [figure.id for figure in document.figures() if not figure.alt.strip()]
    if silent:
        raise FindingError(
            [Problem(id, "The figure has no alternative text.", "Write one.") for id in silent]
        )
    told = json.dumps(_told(document))
    try:
        made, settled = _typeset(told, floating="yes")
        return made if settled else _typeset(told, floating="no")[0]
    except typst.TypstError as error:
        what = f"No accessible PDF can be made of it: {error.message}."
        raise FindingError(Problem(document.title, what, "Report this with the folder.")) from None


def _typeset(told: str, *, floating: str) -> tuple[bytes, bool]:
    """Set the pages, and say whether they settled: page numbers are right only then.

    floating : "yes" where tall figures may wait for the next page
    """
    made, warnings = typst.compile_with_warnings(
        TEMPLATES / "report.typ", root=TEMPLATES, font_paths=fonts(), format="pdf", pdf_standards=["ua-1"],
        sys_inputs={"document": told, "float": floating},
    )  # fmt: skip
    return made, not any("converge" in warning.message for warning in warnings)


def elsewhere(table: TableBlock) -> str:
    """Name the file that has a table the PDF leaves out; empty for a table that is printed.

    Left out are the numbers behind a figure, which have no name of their own, and the list of every number.

    >>> elsewhere(TableBlock("suspensions.trend", "table-t", "", (), (), (), ()))
    'tables/suspensions.trend.csv'
    >>> elsewhere(TableBlock("suspensions.methods", "table-m", "Table 3", (), (), (), ()))
    ''
    """
    if table.id == "index":
        return "findings.csv"
    return "" if table.name else f"tables/{table.id}.csv"


def _told(document: Document) -> dict[str, Any]:
    """Give a document as plain data, for the template."""
    return {
        "title": _text(document.title), "subtitle": _runs(document.subtitle), "lang": document.lang,
        "district": _text(document.district), "simulated": document.simulated, "draft": document.draft,
        "words": dict(document.words),
        "sections": [
            {"id": s.id, "heading": _text(s.heading), "level": s.level - 1, "blocks": _blocks(s.blocks)}
            for s in document.sections
        ],
    }  # fmt: skip


def _blocks(blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
    return [_block(block) for block in blocks]


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph(runs):
            return {"kind": "paragraph", "runs": _runs(runs)}
        case Bullets(items):
            return {"kind": "bullets", "items": [_runs(item) for item in items]}
        case Callout(kind, heading, blocks):
            kind = "fold" if kind == "fold" else "callout"
            return {"kind": kind, "heading": _text(heading), "blocks": _blocks(blocks)}
        case FigureBlock():
            picture = {"svg": with_fonts(block.svg), "alt": block.alt}
            return {"kind": "figure"} | picture | _head(block, elsewhere(block.table) if block.table else "")
        case TableBlock():
            return {"kind": "table"} | _head(block, elsewhere(block)) | _grid(block)


def _head(block: TableBlock | FigureBlock, file: str) -> dict[str, Any]:
    told = {"anchor": block.anchor, "name": block.name, "file": file}
    return told | {"caption": _runs(block.caption), "note": _runs(block.note)}


def _grid(table: TableBlock) -> dict[str, Any]:
    """Give a table's cells, and for each column what must and what would like to stand on one line."""
    if elsewhere(table):
        return {"rows": [], "breakable": False}
    rows, headings = [_runs(row) for row in table.rows], _runs(table.headings)
    columns = [_column(*column) for column in zip(headings, *rows, strict=True)]
    told = {"headings": headings, "rows": rows, "columns": columns, "numeric": table.numeric}
    characters = sum(len(cell["text"]) for row in rows for cell in row)
    return told | {"breakable": len(rows) > TOGETHER or characters > LITTLE}


def _column(heading: dict[str, Any], *cells: dict[str, Any]) -> dict[str, Any]:
    words = [w for cell in cells for w in ([cell["text"]] if cell["whole"] else cell["text"].split())]
    return {"heading": heading["text"], "texts": [cell["text"] for cell in cells], "words": words}


def _runs(runs: Runs) -> list[dict[str, Any]]:
    return [_run(run) for run in runs]


def _run(run: Run) -> dict[str, Any]:
    text = _text(plain((run,)))
    number = isinstance(run, Number) and len(text) <= SHORT and re.match(r"[^\w\s]?[0-9]", text)
    whole = bool(number) or isinstance(run, Reference)
    return {"text": text, "to": run.target if isinstance(run, Reference) else "", "whole": whole}


def _text(text: str) -> str:
    """Make text printable: letters that no font has become their numbers, and overlong words may break.

    >>> _text("a word"), _text("東 \x07"), len(_text("x" * 60))
    ('a word', 'U+6771 U+0007', 62)
    """
    if not text.isascii() or not text.isprintable():
        text = "".join(c if c.isspace() or ord(c) in letters() else f"U+{ord(c):04X}" for c in text)
    return re.sub(rf"\S{{{LONG_WORD}}}(?=\S)", "\\g<0>\u200b", text)
