"""Fill a Word document; every number stands in a content control that tells its name."""

import copy
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree

from rpeval.errors import Problem
from rpeval.reports import figures
from rpeval.reports.blocks import Number, Run, plain
from rpeval.reports.pages import raster, word_file, word_tables, word_xml
from rpeval.reports.pages.word_marks import bookmark_of
from rpeval.reports.quoting import ledger
from rpeval.reports.quoting.placeholders import KINDS
from rpeval.reports.quoting.quotes import ASKED, CELL, ESTIMATE, PICTURE, ROWS, Quote, Quotes
from rpeval.reports.quoting.text_word import roots
from rpeval.reports.quoting.texts import TextError

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
SERIAL = 700_000  # above the numbers that bookmarks and pictures of a template bear
LEDGER = PackURI("/customXml/rpeval.xml")
BINDING = ("w:text", "w:dataBinding", "w:showingPlcHdr", "w15:dataBinding")


def fill(template: Path, quotes: Quotes, target: Path) -> bytes:
    """Give the filled document."""
    places = _Places(quotes)
    file = _rendered(template, places)
    places.settle(file)
    told = file.core_properties
    for name in ("title", "subject", "comments"):
        setattr(told, name, _MARK.sub(lambda m: places.asked[int(m[1])].shown, getattr(told, name)))
    _stamp(file, quotes)
    _keep(file, ledger.write(ledger.ledger_of(quotes, list(places.entries.values()))))
    return word_file.as_bytes(file)


def _rendered(template: Path, places: "_Places") -> Any:
    """Give the document with a mark in each place; opened anew, because docxtpl exchanges its margins."""
    file, written = DocxTemplate(str(template)), io.BytesIO()
    file.render(places.names(), jinja_env=places.environment(), autoescape=False)
    file.docx.save(written)
    return docx.Document(written)


class _Name:
    """A finding's name as a template reads it, one word after the other: suspensions, then .att."""

    def __init__(self, id: str, places: "_Places"):
        self._id, self._places = id, places

    def __getattr__(self, word: str) -> "_Name":
        return _Name(f"{self._id}.{word}", self._places)

    def __str__(self) -> str:
        return self._places.put(self._id)


@dataclass
class _Places:
    """The places of one document: first a mark in each, then, in the finished tree, what belongs there.

    docxtpl joins placeholders that Word has split, in body, headers, footers and notes. What the study says
    never passes through it: it enters as a numbered mark, which becomes a control afterwards.
    """

    quotes: Quotes
    asked: list[Quote] = field(default_factory=list)
    entries: dict[str, ledger.Entry] = field(default_factory=dict)
    serial: int = 0

    def names(self) -> dict[str, _Name]:
        """Give the first words of all names."""
        known = [
            *self.quotes.found.findings,
            *(f"{k}.{id}" for k in KINDS for id in self.quotes.found.tables),
        ]
        return {word: _Name(word, self) for word in sorted({id.split(".")[0] for id in known})}

    def environment(self) -> ImmutableSandboxedEnvironment:
        """Make the sandbox in which names are read."""
        made = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        made.filters = {part: lambda name, part=part: self.put(name._id, part) for part in ASKED}
        return made

    def put(self, id: str, part: str = "") -> str:
        """Put aside what a placeholder asks for and give the mark that stands for it."""
        kind, _, rest = id.partition(".")
        if kind in KINDS and not part:
            quote = Quote(rest, KINDS[kind], self.quotes.fingerprint(rest))
        else:
            quote = self.quotes.quote(id, part or ESTIMATE)
        self.asked.append(quote)
        return f"{_OPEN}{len(self.asked) - 1}{_CLOSE}"

    def settle(self, file: Any) -> None:
        """Put what belongs there in the place of every mark of a document."""
        for name, root in roots(file):
            for paragraph in [p for p in root.iter(qn("w:p")) if _MARK.search(_own_text(p))]:
                whole = _MARK.fullmatch(_own_text(paragraph).strip())
                one = self.asked[int(whole[1])] if whole else None
                if one is not None and one.part in (ROWS, PICTURE):
                    self._exhibit(file, paragraph, one, name)
                else:
                    self._controls(paragraph)
            for part in file.part.package.iter_parts():
                if name == "footnotes, " and part.content_type.endswith("footnotes+xml"):
                    part._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)

    def _controls(self, paragraph: Any) -> None:
        for run in [r for r in paragraph.iter(qn("w:r")) if _MARK.search(_own_text(r))]:
            for control in run.iterancestors(qn("w:sdt")):
                _unbind(control)
            parent, at = run.getparent(), run.getparent().index(run)
            parent.remove(run)
            for offset, piece in enumerate(self._pieces(run)):
                parent.insert(at + offset, piece)

    def _pieces(self, run: Any) -> Iterator[Any]:
        """Part a run at its marks; every piece looks as the run did."""
        look = run.find(qn("w:rPr"))
        for child in run:
            if child is look:
                continue
            if child.tag != qn("w:t"):
                yield _run(look, child)
                continue
            for i, piece in enumerate(_MARK.split(child.text or "")):
                if i % 2:
                    quote = self.asked[int(piece)]
                    yield self.control(quote, _run(look, _t(quote.shown)))
                elif piece:
                    yield _run(look, _t(piece))

    def control(self, quote: Quote, run: Any) -> Any:
        """Put a run into a content control that tells which number it is, and write it down."""
        entry = ledger.entry_of(quote)
        self.entries[entry.tag] = entry
        self.serial += 1
        id = int(hashlib.sha256(f"{entry.tag}/{self.serial}".encode()).hexdigest()[:7], 16) + 1
        made = _control(entry.tag, quote.id, id, run)
        serial = SERIAL + self.serial
        name = bookmark_of(Number(quote.id, quote.shown, quote.part), serial=serial)
        made.find(qn("w:sdtContent")).insert(0, _end("Start", serial, f'w:name="{name}"'))
        made.find(qn("w:sdtContent")).append(_end("End", serial))
        return made

    def _exhibit(self, file: Any, paragraph: Any, one: Quote, where: str) -> None:
        """Put a table before the paragraph, which then holds its note, or a picture into it."""
        if where or next(paragraph.iterancestors(qn("w:tbl")), None) is not None:
            what = "The placeholder of a table or picture stands in a table or a margin."
            raise TextError(Problem(one.id, what, "Move it into the text."))
        entry = ledger.entry_of(one)
        self.entries[entry.tag] = entry
        top = next(p for p in (paragraph, *paragraph.iterancestors()) if p.getparent() is file.element.body)
        room = word_file.room_of(file, file.element.body.index(top))
        block = self.quotes.table(one.id)
        runs = [c for c in paragraph if c.tag != qn("w:pPr")]
        for child in runs:
            paragraph.remove(child)
        if one.part == ROWS:
            paragraph.addprevious(self._table(file, block, room[0]))
        else:
            paragraph.append(self._picture(file, one.id, room))
        if block.note:
            paragraph.addnext(note := copy.deepcopy(paragraph))
            for child in [c for c in note if c.tag != qn("w:pPr")]:
                note.remove(child)
            note.append(_run(None, _t(plain(block.note))))
            if one.part == ROWS:
                paragraph.getparent().remove(paragraph)

    def _table(self, file: Any, block: Any, room: int) -> Any:
        style = word_file.take_styles(file, own=False, lang=self.quotes.catalog["lang"])
        xml = word_tables.table(block, room=room, write=self._cell, style=style, title=block.id,
                                description=plain(block.caption))  # fmt: skip
        return parse_xml(xml.replace("<w:tbl>", f"<w:tbl {word_xml.DECLARED}>", 1))

    def _cell(self, cell: Run) -> str:
        if not isinstance(cell, Number):
            return word_xml.run(plain((cell,)))
        run = _run(None, _t(cell.shown))
        return etree.tostring(self.control(Quote(cell.finding_id, CELL, cell.shown), run), encoding="unicode")

    def _picture(self, file: Any, id: str, room: tuple[int, int]) -> Any:
        table = self.quotes.found.tables[id]
        relation, image = file.part.get_or_add_image(io.BytesIO(raster.png([figures.svg(table)])[0]))
        size = room[0], int(room[0] * image.px_height / image.px_width)
        self.serial += 1
        xml = word_xml.picture(relation, serial=SERIAL + self.serial, size=size,
                               name=ledger.tag_of(id, PICTURE), alt=table.alt)  # fmt: skip
        return parse_xml(xml.replace("<w:r>", f"<w:r {word_xml.DECLARED}>", 1))


def _own_text(element: Any) -> str:
    """Give the text of a paragraph or run without that of paragraphs inside it (text boxes)."""
    inner = {t for p in element.iterdescendants(qn("w:p")) for t in p.iter(qn("w:t"))}
    return "".join(t.text or "" for t in element.iter(qn("w:t")) if t not in inner)


def _t(text: str) -> Any:
    made = parse_xml(f"<w:t {word_xml.DECLARED} xml:space='preserve'/>")
    made.text = word_xml.plain(text)
    return made


def _run(look: Any, child: Any) -> Any:
    made = parse_xml(f"<w:r {word_xml.DECLARED}/>")
    if look is not None:
        made.append(copy.deepcopy(look))
    made.append(child)
    return made


def _control(tag: str, alias: str, id: int, run: Any) -> Any:
    made = parse_xml(
        f"<w:sdt {word_xml.DECLARED}><w:sdtPr><w:alias w:val={quoteattr(alias[: ledger.LONGEST])}/>"
        f'<w:tag w:val={quoteattr(tag)}/><w:id w:val="{id}"/></w:sdtPr><w:sdtContent/></w:sdt>'
    )
    made.find(qn("w:sdtContent")).append(run)
    return made


def _end(which: str, serial: int, more: str = "") -> Any:
    return parse_xml(f'<w:bookmark{which} {word_xml.DECLARED} w:id="{serial}" {more}/>')


def _unbind(control: Any) -> None:
    """Let a control of the template hold another: it may not be plain text, nor filled from elsewhere."""
    properties = control.find(qn("w:sdtPr"))
    for child in list(properties) if properties is not None else ():
        if etree.QName(child).localname in {name.split(":")[1] for name in BINDING}:
            properties.remove(child)


def _stamp(file: Any, quotes: Quotes) -> None:
    """Say at the start, and at the top of every page, that the data are simulated or that it is a draft."""
    if not quotes.stamps:
        return
    for header in word_file.margins(file, "header"):
        header.is_linked_to_previous = False
        header._element.insert(0, _stamp_line(" · ".join(name for name, _ in quotes.stamps).upper(), "", 1))
    for number, (name, banner) in enumerate(reversed(quotes.stamps), start=2):
        file.element.body.insert(0, _stamp_line(f"{name}. ", banner.strip(), number))


def _stamp_line(name: str, banner: str, id: int) -> Any:
    line = parse_xml(f"<w:p {word_xml.DECLARED}/>")
    bold = parse_xml(f"<w:rPr {word_xml.DECLARED}><w:b/></w:rPr>")
    control = _control(ledger.STAMP, "stamp", 0x6FFFFF00 + id, _run(bold, _t(name)))
    if banner:
        control.find(qn("w:sdtContent")).append(_run(None, _t(banner)))
    line.append(control)
    return line


def _keep(file: Any, listed: str) -> None:
    """Keep the ledger in a part of the file that Word carries along and nobody sees."""
    package = file.part.package
    root = etree.Element(f"{{{ledger.NAMESPACE}}}filled", nsmap={None: ledger.NAMESPACE})
    root.text = listed
    for id, relation in list(file.part.rels.items()):
        if not relation.is_external and relation.target_part.partname == LEDGER:
            file.part.drop_rel(id)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    file.part.relate_to(Part(LEDGER, "application/xml", content, package), RELATIONSHIP_TYPE.CUSTOM_XML)


def kept(file: Any) -> str:
    """Read the ledger of a document as text; empty where it has none."""
    for relation in file.part.rels.values():
        if not relation.is_external and relation.reltype == RELATIONSHIP_TYPE.CUSTOM_XML:
            root = etree.fromstring(relation.target_part.blob)
            if root.tag == f"{{{ledger.NAMESPACE}}}filled":
                return root.text or ""
    return ""
