"""Digits on the pages of a report that come from nowhere: no finding, nothing declared, no exhibit's name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rpeval.findings import open_findings
from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Document,
    FigureBlock,
    Paragraph,
    TableBlock,
    opened,
    plain,
)
from rpeval.reports.document import compose
from rpeval.reports.draft import text_of
from rpeval.reports.quoting.texts import Passage, read_texts, squeezed

PAGES = ("report.html", "report.docx", "report.pdf")


def stray(folder: Path | str, *, text: str = "report") -> list[tuple[str, str, str]]:
    """List what stands with digits on the pages of a report and is not what its findings say.

    Use it in an audit: a digit that was typed, or changed after the run, has no source.
    folder : a report folder; nothing is written into it
    text   : report or brief; its pages, <text>.html, .docx and .pdf, are read where they exist
    Returns (file, where, text) in the order of the pages; empty where every digit has a source.
    """
    folder = Path(folder)
    pages = [name for page in PAGES if (folder / (name := page.replace("report", text))).exists()]
    if not pages:
        return []
    found = open_findings(folder)
    document = compose(found, text=text_of(found) if text == "report" else text)
    return [(name, *one) for name in pages for one in _of_page(folder / name, document)]


def _of_page(path: Path, document: Document) -> Iterator[tuple[str, str]]:
    passages = read_texts(path)
    if path.suffix == ".pdf":
        whole = " ".join(p.text for p in passages)
        for token in stray_digits(document, whole, pages=len(passages)):
            yield _around(token, passages)
        return
    known = {_bare(text) for text in pieces(document)}
    margin = {*_numbers(f"{document.title} {document.district}"), "1"}
    for passage in passages:
        digits = _numbers(passage.text)
        edge = passage.where.startswith(("header", "footer"))
        if digits and not _known(_bare(passage.text), known) and not (edge and set(digits) <= margin):
            yield passage.where, passage.text


def _known(text: str, known: set[str]) -> bool:
    """Say whether a text is a piece of the document, perhaps with words after it that hold no digit."""
    return text in known or any(k and text.startswith(k) and not _numbers(text[len(k) :]) for k in known)


def stray_digits(document: Document, text: str, *, pages: int = 0) -> list[str]:
    """List the numbers of a text that the document does not account for, each as often as it is too much.

    Use it where a page gives its text as one string (a PDF): order and line breaks do not matter.
    text  : all text of the page
    pages : of the file; their numbers, and what is repeated at the top of each, are expected

    >>> from rpeval.reports.blocks import Number, Section
    >>> said = Paragraph(("The data cover ", Number("data.schools", "60"), " schools."))
    >>> document = Document("A", (), "en", False, False, (Section("s", "S", (said,)),))
    >>> stray_digits(document, "The data cover 60 schools in 12 towns.")
    ['12']
    """
    expected = Counter(n for piece in pieces(document) for n in _numbers(piece))
    repeated = [document.title, document.district, plain(document.subtitle), *_headings(document)]
    for number in {n for piece in repeated for n in _numbers(piece)}:
        expected[number] += 2 * pages
    for page in range(1, pages + 1):
        expected[str(page)] += 2
    expected[str(pages)] += pages
    return sorted((Counter(_numbers(text)) - expected).elements())


def pieces(document: Document) -> Iterator[str]:
    """Give every piece of text of a document, as it stands by itself on a page."""
    yield document.title
    yield f"{document.title} ({document.words.get('simulated', '')})"
    yield plain(document.subtitle)
    yield document.district
    yield from document.words.values()
    for section in document.sections:
        yield section.heading
        for block in opened(section.blocks):
            yield from _of_block(block, document)


def _of_block(block: Block, document: Document) -> Iterator[str]:
    match block:
        case Paragraph():
            yield plain(block.runs)
        case Bullets():
            yield from map(plain, block.items)
        case Callout():
            yield block.heading
        case TableBlock():
            yield from _of_table(block)
        case FigureBlock():
            yield from _of_figure(block, document)


def _of_table(block: TableBlock) -> Iterator[str]:
    caption = plain(block.caption)
    yield from (f"{block.name}. {caption}" if block.name else caption, plain(block.note))
    for row in (block.headings, *block.rows):
        yield from (plain((cell,)) for cell in row)


def _of_figure(block: FigureBlock, document: Document) -> Iterator[str]:
    yield from (f"{block.name}. {plain(block.caption)}", plain(block.note))
    behind = document.words.get("behind", "")
    yield f"{behind} {block.name}"
    if block.table is not None:
        yield from _of_table(block.table)
    yield from (re.sub(r"<[^>]+>", "", t) for t in re.findall(r"<text\b.*?</text>", block.svg, re.S))


def _headings(document: Document) -> Iterator[str]:
    for section in document.sections:
        yield section.heading
        for block in filter(None, map(_table_of, opened(section.blocks))):
            yield from (plain((h,)) for h in block.headings)
            yield f"{block.name}. {plain(block.caption)}"


def _table_of(block: Block) -> TableBlock | None:
    return block if isinstance(block, TableBlock) else block.table if isinstance(block, FigureBlock) else None


def _numbers(text: str) -> list[str]:
    return re.findall(r"[0-9]+", text)


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", squeezed(text))


def _around(token: str, passages: Iterable[Passage]) -> tuple[str, str]:
    """Show where a number stands; of several places, the last, because one of them is too much."""
    places = [(p.where, p.text, m) for p in passages for m in re.finditer(rf"(?<!\d){token}(?!\d)", p.text)]
    where, text, found = places[-1]
    return where, f"{token} in “… {text[max(0, found.start() - 40) : found.end() + 40]} …”"
