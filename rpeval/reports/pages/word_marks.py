"""How a number of a Word document is found again: each stands in a bookmark that tells its finding."""

import io
import re
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn

from rpeval.errors import FindingError, Problem
from rpeval.reports.blocks import Number

NAME = re.compile(r"_n\d+_([0-9a-f]{12})")
UNREADABLE = (PackageNotFoundError, BadZipFile, KeyError, ValueError, OSError, SyntaxError)


def mark_of(number: Number) -> str:
    """Give the mark of a number: twelve letters that follow from its finding's id and its part.

    Word allows forty plain letters in the name of a bookmark, which is less than an id may have.

    >>> mark_of(Number("suspensions.att", "-2.1"))
    '3b52820060fb'
    """
    return sha256(f"{number.finding_id}#{number.part}".encode()).hexdigest()[:12]


def bookmark_of(number: Number, *, serial: int) -> str:
    """Name the bookmark around a number; Word hides names that begin with _.

    >>> bookmark_of(Number("suspensions.att", "-2.1"), serial=7)
    '_n7_3b52820060fb'
    """
    return f"_n{serial}_{mark_of(number)}"


def marked(source: Path | bytes) -> list[tuple[str, str]]:
    """Read the numbers of a Word document: (mark, the text that stands there now), in their order.

    Use it to learn which numbers of a document, or of a copy that people edited, still are what was found:
    compare with `mark_of` and `shown` of every Number of the Document. Bookmarks stay when Word or
    LibreOffice saves, and go along when a whole passage is copied to another document; a number that is typed
    over loses its own, or shows the new text in it.
    Refuses (FindingError) what is no Word document.
    """
    try:
        body = docx.Document(io.BytesIO(source) if isinstance(source, bytes) else str(source)).element.body
    except UNREADABLE:
        where = "document" if isinstance(source, bytes) else Path(source).name
        what = "This is no Word document that can be read."
        raise FindingError(Problem(where, what, "Save it in Word as .docx.")) from None
    found: list[tuple[str, list[str]]] = []
    open_now: dict[str, list[str]] = {}
    for element in body.iter(qn("w:bookmarkStart"), qn("w:bookmarkEnd"), qn("w:t")):
        if element.tag == qn("w:t"):
            for text in open_now.values():
                text.append(element.text or "")
        elif element.tag == qn("w:bookmarkEnd"):
            open_now.pop(element.get(qn("w:id")), None)
        elif told := NAME.fullmatch(element.get(qn("w:name"), "")):
            found.append((told[1], open_now.setdefault(element.get(qn("w:id")), [])))
    return [(mark, "".join(text)) for mark, text in found]
