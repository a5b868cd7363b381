"""The visible text of a Word document, and the parts of its XML that hold it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docx import Document
from docx.document import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from rpeval.reports.quoting.texts import Passage, broken, squeezed

# Parts that hold text, by the end of their content type, and how a person calls them.
PARTS = {
    "document.main+xml": "",
    "header+xml": "header, ",
    "footer+xml": "footer, ",
    "footnotes+xml": "footnotes, ",
    "endnotes+xml": "endnotes, ",
}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SPACES = {qn("w:tab"), qn("w:br"), qn("w:cr")}
_HYPHEN = qn("w:noBreakHyphen")
_UNREAD = {qn("w:del"), qn("w:moveFrom"), _FALLBACK, qn("w:delText"), qn("w:tabs")}


def open_word(path: Path) -> WordDocument:
    """Open a Word document; refuse what is none."""
    try:
        return Document(str(path))
    except Exception as error:  # whatever a broken package makes the reader raise
        raise broken(path, error) from None


def word(path: Path) -> list[Passage]:
    """Read the text of a Word document: body, tables, text boxes, headers, footers, notes."""
    document = open_word(path)
    return [p for name, root in roots(document) for p in passages(root, name, document)]


def roots(document: WordDocument) -> list[tuple[str, Any]]:
    """Give the part of a document that holds its body, then those with headers, footers and notes."""
    found = []
    for part in document.part.package.iter_parts():
        ending = next((e for e in PARTS if part.content_type.endswith(e)), None)
        if ending is not None:
            root = getattr(part, "_element", None)
            found.append((list(PARTS).index(ending), str(part.partname), PARTS[ending],
                          parse_xml(part.blob) if root is None else root))  # fmt: skip
    return [(name, root) for _, _, name, root in sorted(found, key=lambda f: f[:2])]


def passages(
    root: Any, name: str, document: WordDocument, *, without: Callable[[Any], bool] | None = None
) -> Iterator[Passage]:
    """Give the passages of one part. without : elements whose text is left out."""
    tables = {table: n for n, table in enumerate(root.iter(qn("w:tbl")), start=1)}
    headings: dict[tuple[Any, int], str] = {}
    styles = {s.style_id: (s.name or "").lower() for s in document.styles}
    for number, paragraph in enumerate(paragraphs(root), start=1):
        text = squeezed(text_of(paragraph, without=without))
        cell = next(paragraph.iterancestors(qn("w:tc")), None)
        if cell is None:
            yield Passage(f"{name}paragraph {number}", text, _kind(paragraph, styles))
            continue
        row = next(cell.iterancestors(qn("w:tr")))
        table = next(row.iterancestors(qn("w:tbl")))
        r, c = _place(row, qn("w:tr")), _place(cell, qn("w:tc"))
        if r == 1:
            headings[table, c] = text
        column = headings.get((table, c), "") if r > 1 else ""
        where = f"{name}table {tables[table]}, row {r}, column {c}"
        yield Passage(where, text, "cell" if r > 1 else "heading", column)


def paragraphs(root: Any) -> Iterator[Any]:
    """Give the paragraphs of a part, also those in tables, content controls and text boxes, each once."""
    for paragraph in root.iter(qn("w:p")):
        if next(paragraph.iterancestors(_FALLBACK), None) is None:
            yield paragraph


def text_of(element: Any, *, without: Callable[[Any], bool] | None = None) -> str:
    """Give the text of a paragraph or a control as it is read, without deleted text and without what it holds
    as paragraphs of their own.
    """
    said = []
    for child in element:
        if child.tag in _UNREAD or child.tag == qn("w:p") or (without is not None and without(child)):
            continue
        if child.tag == qn("w:t"):
            said.append(child.text or "")
        elif child.tag in _SPACES:
            said.append(" ")
        elif child.tag == _HYPHEN:
            said.append("-")
        else:
            said.append(text_of(child, without=without))
    return "".join(said)


def _place(element: Any, tag: str) -> int:
    return 1 + sum(1 for _ in element.itersiblings(tag, preceding=True))


def _kind(paragraph: Any, styles: Mapping[str, str]) -> str:
    style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
    name = "" if style is None else styles.get(style.get(qn("w:val"), ""), "")
    if name.startswith(("heading", "title", "subtitle", "toc")):
        return "heading"
    if "quote" in name:
        return "quote"
    numbered = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None
    return "item" if numbered or name.startswith("list") else "text"
