"""A document as a Word file: native headings, lists and tables, pictures with words for them."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from docx.oxml import parse_xml
from docx.oxml.ns import qn

from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Document,
    FigureBlock,
    Mixed,
    Number,
    Paragraph,
    Reference,
    Run,
    Runs,
    TableBlock,
    opened,
)
from rpeval.reports.pages import raster, word_file
from rpeval.reports.pages.pdf import elsewhere
from rpeval.reports.pages.word_marks import bookmark_of
from rpeval.reports.pages.word_tables import table, told
from rpeval.reports.pages.word_xml import (
    DECLARED,
    bookmark,
    bookmark_name,
    field,
    field_code,
    field_mark,
    link,
    paragraph,
    picture,
    run,
)

PPI = 200  # of the pictures
BELOW_TABLE = '<w:spacing w:before="200"/>'  # a table has no space of its own below it
CAPTION = '<w:keepNext/><w:spacing w:before="300"/>'  # whatever a template says: it may follow a table
TALLEST = 0.82  # share of a page's height that a picture may take


def word(document: Document, *, template: Path | None = None) -> bytes:
    """Write a document as a Word file (.docx) that people edit.

    Use it for what goes to a board or into a proposal. Nothing is computed; every number stands in a
    bookmark by which `word_marks.marked` finds it again. Left out is what the PDF leaves out
    (`pdf.elsewhere`), and the document says where it is.
    template : the district's own .docx; its styles, page, headers and footers are used, what it lacks is
               added, and the report takes the place of a paragraph {{ report }}, or follows what it holds
    Returns the bytes of the file; the same document and template give the same bytes.
    Refuses (FindingError) a template that cannot be read.

    A document whose words for contents are empty is short, and begins on its first page.

    >>> words = {"contents": "Contents", "kicker": "Report", "printed": "Tables are in tables/."}
    >>> word(Document("A & B", (), "en", False, False, (), words=words))[:2]
    b'PK'
    """
    own = template is None
    file = word_file.open_file(template)
    style = word_file.take_styles(file, own=own, lang=document.lang)
    body, at = word_file.place_of(file, own=own)
    writer = _Writer(document, file, style, word_file.room_of(file, at))
    written = parse_xml(f"<w:body {DECLARED}>{''.join(writer.pieces())}</w:body>")
    for offset, element in enumerate(list(written)):
        body.insert(at + offset, element)
    _margins(document, file, writer, own=own)
    if own:
        word_file.modern(file)
    subject = "".join(told(r) for r in document.subtitle)
    word_file.tell_properties(
        file, title=document.title, author=document.district, subject=subject, lang=document.lang
    )
    return word_file.as_bytes(file)


def stamps(document: Document) -> list[str]:
    """List what every page must say of a document: that its data are simulated, that it is a draft.

    >>> stamps(Document("A", (), "en", True, False, (), words={"simulated": "Simulated data"}))
    ['Simulated data']
    """
    true = {"simulated": document.simulated, "draft": document.draft}
    return [document.words[name] for name, holds in true.items() if holds]


def _margins(document: Document, file: Any, writer: "_Writer", *, own: bool) -> None:
    """Put the stamps at the top of every page, and a page number at a foot that is empty."""
    stamp = " · ".join(stamps(document)).upper()
    for header in word_file.margins(file, "header") if own or stamp else ():
        title = run(document.title) if own else ""
        _add(header, writer.margin("header", title, run(stamp, bold=True)), own=own)
    for footer in word_file.margins(file, "footer"):
        if own or not "".join(footer._element.itertext()).strip():
            page = f"{field('PAGE', '1')}{run(' / ')}{field('NUMPAGES', '1')}"
            _add(footer, writer.margin("footer", run(document.district) if own else "", page), own=own)


def _add(margin: Any, line: str, *, own: bool) -> None:
    margin.is_linked_to_previous = False
    element = margin._element
    for empty in element.findall(qn("w:p")) if own else ():
        element.remove(empty)
    element.append(parse_xml(line.replace("<w:p>", f"<w:p {DECLARED}>", 1)))


def _exhibits(document: Document) -> Iterator[TableBlock | FigureBlock]:
    blocks = (block for section in document.sections for block in opened(section.blocks))
    return (block for block in blocks if isinstance(block, TableBlock | FigureBlock))


def _place(section: int) -> str:
    """Name the bookmark of a section's heading as Word names those of its contents."""
    return f"_Toc{section + 1:06d}"


class _Writer:
    """Writes the blocks of one document, in order; serial numbers and names are its own."""

    def __init__(self, document: Document, file: Any, style: Callable[[str], str], room: tuple[int, int]):
        self.document, self.file, self.style, self.room = document, file, style, room
        self.serial = 1000 + len(list(file.element.body.iter(qn("w:bookmarkStart"))))
        self.named: set[str] = set()
        self.targets = {bookmark_name(b.anchor) for b in _exhibits(document)}
        self.counted: dict[str, int] = {}
        drawn = document.figures()
        pictures = raster.png([b.svg for b in drawn], ppi=PPI)
        self.pictures = dict(zip((b.id for b in drawn), pictures, strict=True))

    def pieces(self) -> Iterator[str]:
        """Write the whole document, piece by piece."""
        yield from self._front()
        for number, section in enumerate(self.document.sections):
            heading = bookmark(_place(number), run(section.heading), serial=self._next())
            first = number == 0 and self.document.words["contents"]
            fresh = '<w:pageBreakBefore/><w:spacing w:before="0"/>' if first else ""
            yield paragraph(heading, style=self.style(f"heading {section.level - 1}"), more=fresh)
            yield from self._blocks(section.blocks)

    def margin(self, style: str, left: str, right: str) -> str:
        """Write a line at the edge of a page, with a text at either end or only at the right."""
        if not left:
            return paragraph(right, style=self.style(style), more='<w:jc w:val="right"/>')
        tab = f'<w:tabs><w:tab w:val="right" w:pos="{self.room[0]}"/></w:tabs>'
        return paragraph(f"{left}<w:r><w:tab/></w:r>{right}", style=self.style(style), more=tab)

    def _front(self) -> Iterator[str]:
        document, words = self.document, self.document.words
        for name in ("simulated", "draft"):
            if getattr(document, name):
                text = run(f"{words[name]}. ", bold=True) + run(words[f"{name}_banner"])
                yield paragraph(text, style=self.style("Report Banner"))
        yield paragraph(run(words["kicker"]), style=self.style("Report Kicker"))
        yield paragraph(run(document.title), style=self.style("Title"))
        yield paragraph(self._runs(document.subtitle), style=self.style("Subtitle"))
        if document.sections and words["contents"]:
            yield paragraph(run(words["contents"]), style=self.style("Report Contents"))
            yield from self._contents()
        if words["printed"]:
            above = '<w:spacing w:before="240"/>'
            yield paragraph(run(words["printed"]), style=self.style("Report Note"), more=above)

    def _contents(self) -> Iterator[str]:
        """Write the contents as a field that is filled already; it names no pages, which only Word knows."""
        last = len(self.document.sections) - 1
        for number, section in enumerate(self.document.sections):
            entry = link(_place(number), run(section.heading))
            if number == 0:
                code = field_code(r'TOC \o "1-2" \n \h \z')
                entry = f"{field_mark('begin')}{code}{field_mark('separate')}{entry}"
            if number == last:
                entry += field_mark("end")
            yield paragraph(entry, style=self.style(f"toc {section.level - 1}"))

    def _blocks(self, blocks: Iterable[Block], *, boxed: bool = False) -> Iterator[str]:
        apart = ""
        for block in blocks:
            if isinstance(block, Paragraph):
                style = self.style("Report Callout" if boxed else "Normal")
                yield paragraph(self._runs(block.runs), style=style, more=apart)
            elif isinstance(block, Bullets):
                style = self.style("Report Callout Bullet" if boxed else "List Bullet")
                more = [apart, *[""] * (len(block.items) - 1)]
                for item, above in zip(block.items, more, strict=True):
                    yield paragraph(self._runs(item), style=style, more=above)
            elif isinstance(block, Callout):
                yield from self._callout(block)
            elif isinstance(block, TableBlock):
                yield from self._table(block)
            else:
                yield from self._figure(block)
            apart = BELOW_TABLE if isinstance(block, TableBlock) and not block.note else ""

    def _callout(self, block: Callout) -> Iterator[str]:
        boxed = block.kind != "fold"
        style = self.style("Report Callout Heading" if boxed else "Report Fold")
        yield paragraph(run(block.heading), style=style)
        *inner, last = self._blocks(block.blocks, boxed=boxed)
        yield from inner
        below = boxed and last.startswith("<w:p>") and BELOW_TABLE not in last
        yield last.replace("</w:pPr>", '<w:spacing w:after="180"/></w:pPr>', 1) if below else last

    def _table(self, block: TableBlock) -> Iterator[str]:
        yield self._caption(block)
        if file := elsewhere(block):
            yield self._note(block.note, file)
            return
        yield table(
            block, room=self.room[0], write=self._run, style=self.style, title=block.name,
            description="".join(map(told, block.caption)),
        )  # fmt: skip
        if block.note:
            yield self._note(block.note)

    def _figure(self, block: FigureBlock) -> Iterator[str]:
        yield self._caption(block)
        relation, image = self.file.part.get_or_add_image(io.BytesIO(self.pictures[block.id]))
        wide, high = self.room[0], self.room[0] * image.px_height / image.px_width
        scale = min(1.0, TALLEST * self.room[1] / high)
        size = int(wide * scale), int(high * scale)
        shown = picture(relation, serial=self._next(), size=size, name=block.name, alt=block.alt)
        file = elsewhere(block.table) if block.table else ""
        keep = "<w:keepNext/>" if block.note or file else ""
        yield paragraph(shown, style=self.style("Report Figure"), more=keep)
        if block.note or file:
            yield self._note(block.note, file)

    def _note(self, note: Runs, file: str = "") -> str:
        """Write what stands below a figure or table: its note, and where its numbers are if not here."""
        where = run(self.document.words["in_file"].format(file=file)) if file else ""
        between = run(" ") if note and file else ""
        return paragraph(f"{self._runs(note)}{between}{where}", style=self.style("Report Note"))

    def _caption(self, block: TableBlock | FigureBlock) -> str:
        """Write "Table 3. Caption": the number is Word's own, the name a bookmark for what refers to it."""
        label, _, number = block.name.rpartition(" ")
        next_one = self.counted.get(label, 0) + 1 == int(number)
        code = f"SEQ {label} \\* ARABIC" if next_one else f"SEQ {label} \\r {number}"
        self.counted[label] = int(number)
        name = self._named(bookmark_name(block.anchor), run(f"{label} ") + field(code, number))
        return paragraph(
            f"{name}{run('. ')}{self._runs(block.caption)}", style=self.style("caption"), more=CAPTION
        )

    def _named(self, name: str, inner: str) -> str:
        """Put a bookmark around runs, the first time its name is used."""
        if name in self.named:
            return inner
        self.named.add(name)
        return bookmark(name, inner, serial=self._next())

    def _runs(self, runs: Runs) -> str:
        return "".join(map(self._run, runs))

    def _run(self, r: Run) -> str:
        if isinstance(r, Mixed):
            return self._runs(r.runs)
        if isinstance(r, Number):
            serial = self._next()
            return bookmark(bookmark_of(r, serial=serial), run(r.shown), serial=serial)
        if isinstance(r, Reference) and (target := bookmark_name(r.target)) in self.targets:
            return field(f"REF {target} \\h", r.shown)
        return run(told(r))

    def _next(self) -> int:
        self.serial += 1
        return self.serial
