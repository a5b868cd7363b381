"""Find the numbers of a Word document: by their controls, or by their bookmarks where those are lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docx.oxml.ns import qn

from rpeval.reports.blocks import Number
from rpeval.reports.pages.word_marks import NAME, mark_of
from rpeval.reports.quoting import ledger, text_word
from rpeval.reports.quoting.fill_word import kept
from rpeval.reports.quoting.ledger import Entry, Ledger
from rpeval.reports.quoting.quotes import PICTURE, ROWS, Quotes
from rpeval.reports.quoting.seen import Names, Seen, known_names, read_tag
from rpeval.reports.quoting.texts import Passage


def read(path: Path, quotes: Quotes) -> tuple[list[Seen], Ledger | None, list[Passage]]:
    """Give the numbers of a document, what was filled into it, and the text around them."""
    file = text_word.open_word(path)
    listed, names = ledger.read(kept(file)), known_names(quotes)
    entries = {e.tag: e for e in listed.entries} if listed else {}
    marks = _marks(names, entries)
    seen: list[Seen] = []
    passages: list[Passage] = []
    for name, root in text_word.roots(file):
        numbered = _numbered(root, marks)
        for number, paragraph in enumerate(text_word.paragraphs(root), start=1):
            for tag, text in _in_paragraph(paragraph, numbered):
                seen.append(Seen(f"{name}paragraph {number}", *read_tag(tag, names), text, entries.get(tag)))
        passages += text_word.passages(
            root, name, file, without=lambda e, n=numbered: n.get(e, ledger.STAMP) != ledger.STAMP
        )
        seen += _exhibits(root, name, entries, names)
    return seen, listed, [p for p in passages if p.text]


def _marks(names: Names, entries: dict[str, Entry]) -> dict[str, str]:
    """Give the tag for each mark that a bookmark may bear."""
    told = {tag: read_tag(tag, names) for tag in (*names, *entries)}
    return {mark_of(Number(id, "", part)): tag for tag, (id, part) in told.items()}


def _numbered(root: Any, marks: dict[str, str]) -> dict[Any, str]:
    """Give the elements that hold a number, each with its tag: a control, or what a bookmark spans."""
    found = {}
    for control in root.iter(qn("w:sdt")):
        tag = control.find(f"{qn('w:sdtPr')}/{qn('w:tag')}")
        if tag is not None and (value := tag.get(qn("w:val"), "")).startswith("rpeval:"):
            found[control] = value
    for start in root.iter(qn("w:bookmarkStart")):
        told = NAME.fullmatch(start.get(qn("w:name"), ""))
        inside = any(a in found for a in start.iterancestors(qn("w:sdt")))
        if told and not inside and told[1] in marks:
            found |= dict.fromkeys(_between(start), marks[told[1]])
    return found


def _between(start: Any) -> Iterator[Any]:
    """Give what stands between the two ends of a bookmark, and its first end, which stands for all of it."""
    yield start
    for element in start.itersiblings():
        if element.tag == qn("w:bookmarkEnd") and element.get(qn("w:id")) == start.get(qn("w:id")):
            return
        yield element


def _in_paragraph(paragraph: Any, numbered: dict[Any, str]) -> Iterator[tuple[str, str]]:
    for element in paragraph.iter(qn("w:sdt"), qn("w:bookmarkStart")):
        if element not in numbered or numbered[element] == ledger.STAMP:
            continue
        if next(element.iterancestors(qn("w:p"))) is not paragraph:
            continue
        if element.tag == qn("w:sdt"):
            yield numbered[element], text_word.text_of(element.find(qn("w:sdtContent")))
        else:
            pieces = [e for e in _between(element) if e in numbered and e is not element]
            yield numbered[element], "".join(map(_text, pieces))


def _text(element: Any) -> str:
    return text_word.text_of(element)


def _exhibits(root: Any, name: str, entries: dict[str, Entry], names: Names) -> Iterator[Seen]:
    """Give the tables and pictures that still are there. Whether their labels were changed is not seen."""
    pictures = [e.get("name", "") for e in root.iter() if str(e.tag).endswith("}docPr")]
    captions = [e.get(qn("w:val"), "") for e in root.iter(qn("w:tblCaption"))]
    for tag, entry in entries.items():
        id, part = read_tag(tag, names)
        if part == PICTURE and tag in pictures:
            yield Seen(f"{name}picture {pictures.index(tag) + 1}", id, part, None, entry)
        elif part == ROWS and id in captions:
            yield Seen(f"{name}table {captions.index(id) + 1}", id, part, None, entry)
