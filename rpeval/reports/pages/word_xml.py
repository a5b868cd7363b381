"""The smallest pieces of a Word document, as text: runs, fields, bookmarks, paragraphs, pictures."""

import re
from hashlib import sha256
from xml.sax.saxutils import escape, quoteattr

SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
}
DECLARED = " ".join(f'xmlns:{name}="{uri}"' for name, uri in SPACES.items())
LONGEST_NAME = 40  # letters in the name of a bookmark
EMU = 635  # in a twentieth of a point
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """Take out what XML cannot hold, such as control characters.

    >>> plain("a" + chr(0) + "b")
    'ab'
    """
    return _NOT_XML.sub("", text)


def run(text: str, *, bold: bool = False) -> str:
    """Write text as a run.

    >>> run("a < b")
    '<w:r><w:t xml:space="preserve">a &lt; b</w:t></w:r>'
    """
    look = "<w:rPr><w:b/></w:rPr>" if bold else ""
    return f'<w:r>{look}<w:t xml:space="preserve">{escape(plain(text))}</w:t></w:r>'


def field(code: str, shown: str) -> str:
    """Write a field and what it shows until it is brought up to date."""
    return f"<w:fldSimple w:instr={quoteattr(f' {code} ')}>{run(shown)}</w:fldSimple>"


def bookmark(name: str, inner: str, *, serial: int) -> str:
    """Put a bookmark around runs. serial : a number that no other bookmark of the document has."""
    return (
        f'<w:bookmarkStart w:id="{serial}" w:name={quoteattr(name)}/>{inner}<w:bookmarkEnd w:id="{serial}"/>'
    )


def bookmark_name(anchor: str) -> str:
    """Turn an anchor into a name that Word takes: letters, digits and _, forty at most.

    >>> bookmark_name("table-suspensions-trend")
    'table_suspensions_trend'
    >>> len(bookmark_name("table-" + "long-" * 20))
    40
    """
    name = re.sub(r"\W", "_", anchor, flags=re.ASCII)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{sha256(anchor.encode()).hexdigest()[:8]}"


def paragraph(inner: str, *, style: str, more: str = "") -> str:
    """Write a paragraph. style : id of its style; more : what else its properties hold."""
    return f"<w:p><w:pPr><w:pStyle w:val={quoteattr(style)}/>{more}</w:pPr>{inner}</w:p>"


def link(anchor: str, inner: str) -> str:
    """Write runs that lead to a bookmark."""
    return f'<w:hyperlink w:anchor={quoteattr(anchor)} w:history="1">{inner}</w:hyperlink>'


def field_mark(kind: str) -> str:
    """Write the begin, the middle (separate) or the end of a field that spans paragraphs."""
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def field_code(code: str) -> str:
    """Write the code of a field that spans paragraphs."""
    return f'<w:r><w:instrText xml:space="preserve"> {escape(code)} </w:instrText></w:r>'


def picture(relation: str, *, serial: int, size: tuple[int, int], name: str, alt: str) -> str:
    """Write a picture in a run.

    relation : id of the picture's file in the document
    size     : width and height in twentieths of a point
    name     : its title; alt: what it shows, in words
    """
    extent = f'cx="{size[0] * EMU}" cy="{size[1] * EMU}"'
    told = f"name={quoteattr(plain(name))} descr={quoteattr(plain(alt))} title={quoteattr(plain(name))}"
    return (
        f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent {extent}/>'
        f'<wp:docPr id="{serial}" {told}/><wp:cNvGraphicFramePr><a:graphicFrameLocks noChangeAspect="1"/>'
        f'</wp:cNvGraphicFramePr><a:graphic><a:graphicData uri="{SPACES["pic"]}"><pic:pic><pic:nvPicPr>'
        f'<pic:cNvPr id="{serial}" {told}/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>'
        f'<a:blip r:embed="{relation}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr>'
        f'<a:xfrm><a:off x="0" y="0"/><a:ext {extent}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/>'
        "</a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    )
