"""The file around a Word report: the district's template or our own, its styles, margins, and fixed bytes."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
from docx.document import Document as WordDocument
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.parts.numbering import NumberingPart
from docx.shared import Inches
from lxml import etree

from rpeval.errors import FindingError, Problem
from rpeval.reports.pages.word_marks import UNREADABLE
from rpeval.reports.pages.word_xml import DECLARED, plain

STYLES = Path(__file__).parent / "templates" / "word_styles.xml"
PLACE = "{{ report }}"  # the paragraph of a template where the report goes
THEN = datetime(1980, 1, 1)  # the earliest date that a zip file knows
LANGUAGES = {"en": "en-US", "es": "es-US"}
BULLET = (
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/>'
    '<w:lvlJc w:val="left"/></w:lvl>'
)
BALLAST = ("thumbnail", "stylesWithEffects", "customXml")
BULLETS = ("List Bullet", "Report Callout Bullet")


def open_file(template: Path | None) -> WordDocument:
    """Open the district's template, or an empty document of our own: US letter, margins of an inch.

    Refuses (FindingError) a template that is no readable .docx.
    """
    if template is None:
        file = docx.Document()
        section = file.sections[0]
        section.page_width, section.page_height = Inches(8.5), Inches(11)
        section.left_margin = section.right_margin = Inches(1)
        section.top_margin, section.bottom_margin = Inches(1), Inches(0.9)
        section.header_distance = section.footer_distance = Inches(0.5)
        _drop_ballast(file)
        return file
    try:
        return docx.Document(str(template))
    except UNREADABLE:
        what = "This template cannot be read as a Word document."
        fix = "Save it in Word as .docx, without macros and without a password, and run again."
        raise FindingError(Problem(Path(template).name, what, fix)) from None


def _drop_ballast(file: WordDocument) -> None:
    """Take out what the empty document of python-docx brings along and nobody reads."""
    for rels in (file.part.package.rels, file.part.rels):
        for id in [id for id, rel in rels.items() if rel.reltype.rpartition("/")[2] in BALLAST]:
            del rels[id]


def take_styles(file: WordDocument, *, own: bool, lang: str) -> Callable[[str], str]:
    """Bring the report's styles in: all of them, or only those that a template lacks.

    own : the document is ours, so that its styles give way to the report's
    Returns a function from a style's name to its id in this document; Word keeps the names of its own styles
    in English, and their ids in the language of whoever made the template.
    """
    styles, told = file.styles.element, etree.parse(STYLES).getroot()
    if own:
        for child in list(styles):
            styles.remove(child)
        styles.append(parse_xml(etree.tostring(told.find(qn("w:docDefaults")))))
        for place in styles.iter(qn("w:lang")):
            place.set(qn("w:val"), LANGUAGES.get(lang, lang))
    ids = {_name(style): style.get(qn("w:styleId")) for style in styles.iter(qn("w:style"))}
    missing = [style for style in told.iter(qn("w:style")) if _name(style) not in ids]
    renamed = {style.get(qn("w:styleId")): ids.get(_name(style)) for style in told.iter(qn("w:style"))}
    for style in missing:
        ids[_name(style)] = style.get(qn("w:styleId"))
        styles.append(_related(style, renamed))
    _number(file, [s for s in styles.iter(qn("w:style")) if _name(s) in map(str.lower, BULLETS)])
    return lambda name: ids[name.lower()]


def _name(style: Any) -> str:
    return style.find(qn("w:name")).get(qn("w:val")).lower()


def _related(style: Any, renamed: dict[str, str | None]) -> Any:
    """Copy a style so that it rests on the styles of this document, whatever their ids are there."""
    made = parse_xml(etree.tostring(style))
    if any(renamed.values()):
        made.attrib.pop(qn("w:default"), None)
    for tag in ("w:basedOn", "w:next"):
        for place in made.iter(qn(tag)):
            place.set(qn("w:val"), renamed.get(place.get(qn("w:val"))) or place.get(qn("w:val")))
    return made


def _number(file: WordDocument, styles: list[Any]) -> None:
    """Make the bullets of list styles that have none of their own."""
    bare = [style for style in styles if style.find(f".//{qn('w:numPr')}") is None]
    if not bare:
        return
    numbering = _numbering(file)
    taken = [int(n.get(qn("w:abstractNumId"))) for n in numbering.iter(qn("w:abstractNum"))]
    abstract = max(taken, default=-1) + 1
    made = parse_xml(
        f'<w:abstractNum {DECLARED} w:abstractNumId="{abstract}">'
        f'<w:multiLevelType w:val="singleLevel"/>{BULLET}</w:abstractNum>'
    )
    first = numbering.find(qn("w:num"))
    numbering.insert(len(numbering) if first is None else numbering.index(first), made)
    number = max((int(n.get(qn("w:numId"))) for n in numbering.iter(qn("w:num"))), default=0) + 1
    numbering.append(
        parse_xml(f'<w:num {DECLARED} w:numId="{number}"><w:abstractNumId w:val="{abstract}"/></w:num>')
    )
    for style in bare:
        held = style.get_or_add_pPr()
        held.get_or_add_numPr().get_or_add_numId().val = number


def _numbering(file: WordDocument) -> Any:
    """Give the document's list definitions, which a template may lack."""
    try:
        return file.part.part_related_by(RELATIONSHIP_TYPE.NUMBERING).element
    except KeyError:
        empty = parse_xml(f"<w:numbering {DECLARED}/>")
        part = NumberingPart(
            PackURI("/word/numbering.xml"), CONTENT_TYPE.WML_NUMBERING, empty, file.part.package
        )
        file.part.relate_to(part, RELATIONSHIP_TYPE.NUMBERING)
        return empty


def place_of(file: WordDocument, *, own: bool) -> tuple[Any, int]:
    """Say where the report goes: the parent and the position in it.

    In place of the first paragraph that says {{ report }}, or after all that the template holds.
    """
    body = file.element.body
    if own:
        return body, 0
    for element in body.iterchildren(qn("w:p")):
        if "".join(t.text or "" for t in element.iter(qn("w:t"))).strip() == PLACE:
            at = body.index(element)
            body.remove(element)
            return body, at
    return body, len(body) - (body.sectPr is not None)


def room_of(file: WordDocument, at: int) -> tuple[int, int]:
    """Give width and height of the text on the pages where the report goes, in twentieths of a point."""
    body = file.element.body
    ending = [s for child in body[at:] for s in child.iter(qn("w:sectPr"))] or [body.get_or_add_sectPr()]
    section = next(s for s in file.sections if s._sectPr is ending[0])
    width = section.page_width - section.left_margin - section.right_margin - section.gutter
    height = section.page_height - abs(section.top_margin) - abs(section.bottom_margin)
    return width // 635, height // 635


def tell_properties(file: WordDocument, *, title: str, author: str, subject: str, lang: str) -> None:
    """Fill in what a file says of itself, with dates that never differ."""
    told = file.core_properties
    told.title, told.author, told.subject, told.language = (
        plain(t)[:255] for t in (title, author, subject, lang)
    )
    told.last_modified_by, told.comments, told.keywords, told.revision = "rpeval", "", "", 1
    told.created = told.modified = THEN


def margins(file: WordDocument, kind: str) -> Iterator[Any]:
    """Give every header (or footer) that pages of the document show, each once; kind : header, footer."""
    both = file.settings.odd_and_even_pages_header_footer
    for number, section in enumerate(file.sections):
        names = [kind]
        names += [f"first_page_{kind}"] if section.different_first_page_header_footer else []
        names += [f"even_page_{kind}"] if both else []
        for name in names:
            margin = getattr(section, name)
            if number == 0 or not margin.is_linked_to_previous:
                yield margin


def as_bytes(file: WordDocument) -> bytes:
    """Write the file so that equal content gives equal bytes: no entry of it has a date of today."""
    written, fixed = io.BytesIO(), io.BytesIO()
    file.save(written)
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, THEN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return fixed.getvalue()


def modern(file: WordDocument) -> None:
    """Say that the document is written for today's Word, so that it does not open in a mode for old files."""
    for setting in file.settings.element.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), "15")
