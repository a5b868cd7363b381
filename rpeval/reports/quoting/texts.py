"""What a reader sees of a document: its paragraphs, headings and cells, from Markdown, Word, HTML or PDF."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rpeval.errors import FindingError, Problem

# Words that end with a point and end no sentence.
_SHORT = (
    r"(?:\b(?:e\.g|i\.e|vs|cf|etc|al|Dr|Mr|Mrs|Ms|St|No|Nos|Fig|Figs|Eq|Sec|Ch|pp?|U\.S|Jan|Feb|Mar|Apr|Aug"
    r"|Sept?|Oct|Nov|Dec|approx|Inc|Jr|Sr|Ed|Supt|[A-Z]))\.$"
)
_END = re.compile(r"[.!?][\"”’)\]]*\s+(?=[\"“‘(\[]?[A-Z0-9−])")


class TextError(FindingError):
    """A document cannot be read, filled or vouched for."""

    subject = "in the document"


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph, heading, item or cell of a document.

    where  : where a person finds it ("paragraph 12", "table 2, row 3, column 1", "line 40", "page 2")
    kind   : text, heading, item, cell, or quote for what the document quotes as a block
    column : heading of the column of a cell
    """

    where: str
    text: str
    kind: str = "text"
    column: str = ""


def read_texts(path: Path | str) -> list[Passage]:
    """Read what a reader sees of a document, in its order.

    Use it before judging or checking the words of a document that rpeval did not write.
    path : a file that ends in .md, .markdown, .txt, .docx, .html, .htm or .pdf
    Returns passages without empty ones. Of Word also headers, footers, notes and text boxes, without deleted
    text; of HTML no script, style or drawing; of a PDF one passage for each page.
    Refuses (FindingError) a file that is not there, of another kind, broken, or locked by a password.
    """
    path = Path(path)
    read = _reader(path)
    if not path.is_file():
        raise TextError(Problem(str(path), "There is no such file.", "Check its name."))
    return [p for p in read(path) if p.text]


def _reader(path: Path) -> Callable[[Path], list[Passage]]:
    from rpeval.reports.quoting import text_pages, text_word

    readers = {
        ".md": text_pages.markdown, ".markdown": text_pages.markdown, ".txt": text_pages.markdown,
        ".html": text_pages.html, ".htm": text_pages.html, ".pdf": text_pages.pdf, ".docx": text_word.word,
    }  # fmt: skip
    if path.suffix.lower() not in readers:
        what = f"A file that ends in {path.suffix or 'nothing'} cannot be read."
        raise TextError(Problem(str(path), what, f"Save it as one of: {', '.join(sorted(readers))}."))
    return readers[path.suffix.lower()]


def broken(path: Path, error: Exception) -> TextError:
    """Say that a file is not what its name says."""
    kind = {".docx": "a Word document", ".pdf": "a PDF"}.get(path.suffix.lower(), "text")
    return TextError(
        Problem(str(path), f"This is not {kind} that can be read ({type(error).__name__}).", "Save it anew.")
    )


def sentences(text: str) -> list[str]:
    """Part a passage into sentences.

    >>> sentences("Rates fell, e.g. in East. By 3.5 points! “Why?” Nobody knows (see p. 4).")
    ['Rates fell, e.g. in East.', 'By 3.5 points!', '“Why?”', 'Nobody knows (see p. 4).']
    """
    parts, begin = [], 0
    for end in _END.finditer(text):
        so_far = text[begin : end.end()].rstrip()
        if not re.search(_SHORT, so_far):
            parts.append(so_far)
            begin = end.end()
    return [p for p in [*parts, text[begin:].strip()] if p]


def squeezed(text: str) -> str:
    """Make every run of white space one space.

    >>> squeezed("  a\\u00a0b\\n c ")
    'a b c'
    """
    return re.sub(r"[\s\u00ad\u200b]+", " ", text.replace("\u00ad", "").replace("\u200b", "")).strip()
