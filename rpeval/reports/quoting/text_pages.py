"""The visible text of Markdown, HTML and PDF."""

import logging
import re
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path

from rpeval.errors import Problem
from rpeval.reports.quoting.texts import Passage, TextError, broken, squeezed

UNSEEN = {"script", "style", "svg", "template", "head", "noscript", "math", "object"}
INLINE = {
    "a", "abbr", "b", "bdi", "bdo", "br", "button", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u",
    "var", "wbr",
}  # fmt: skip
VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def markdown(path: Path) -> list[Passage]:
    """Read Markdown or plain text; comments and fenced code are not seen."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise broken(path, error) from None
    return passages_of(text)


def passages_of(text: str) -> list[Passage]:
    """Part Markdown into passages.

    >>> [(p.kind, p.where, p.text) for p in passages_of("# A\\n\\nb **c**\\nd\\n\\n- e")]
    [('heading', 'line 1', 'A'), ('text', 'line 3', 'b c d'), ('item', 'line 6', 'e')]
    """
    text = re.sub(r"<!--.*?-->", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    found: list[Passage] = []
    for kind, lines in groupby(_typed(text), key=lambda line: line[:2]):
        told = list(lines)
        number, first = told[0][2], kind[0]
        if first == "table":
            found += _cells([(n, line) for *_, n, line in told])
        elif first not in ("code", ""):
            joined = " ".join(_bare(line) for *_, line in told)
            found.append(Passage(f"line {number}", squeezed(_unmarked(joined)), first))
    return found


def lines_of(path: Path) -> list[Passage]:
    """Give the lines of a Markdown file as they are, with all their marks."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise broken(path, error) from None
    return [Passage(f"line {n}", line) for n, line in enumerate(lines, start=1)]


def _typed(text: str) -> list[tuple[str, int, int, str]]:
    """Give for each line its kind, the number of its block, its own number, and itself."""
    typed, block, fence, before = [], 0, "", ""
    for number, line in enumerate(text.splitlines(), start=1):
        kind = _kind(line, before)
        if fence or re.match(r"\s*(```|~~~)", line):
            fence = "" if fence and line.strip().startswith(fence) else fence or line.strip()[:3]
            kind = "code"
        starts_item = kind == "item" and re.match(r"\s*(?:[-*+]|\d+[.)])\s", line)
        block += kind != before or kind == "heading" or bool(starts_item)
        typed.append((kind, block, number, line))
        before = kind
    return typed


def _kind(line: str, before: str) -> str:
    if not line.strip() or re.fullmatch(r"\s*(?:[-*_=]\s*){3,}", line):
        return ""
    if re.match(r"\s{0,3}#{1,6}\s", line):
        return "heading"
    if re.match(r"\s*>", line):
        return "quote"
    if re.match(r"\s*(?:[-*+]|\d+[.)])\s", line):
        return "item"
    if line.lstrip().startswith("|"):
        return "table"
    return before if before in ("item", "quote") else "text"


def _bare(line: str) -> str:
    return re.sub(r"^\s*(?:#{1,6}\s+|(?:>\s?)+|[-*+]\s+|\d+[.)]\s+)", "", line)


def _unmarked(text: str) -> str:
    """Take the marks of Markdown out of a line."""
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"<[a-zA-Z/][^>]*>", "", text)
    text = re.sub(r"(?<!\\)(?:\*\*|__|`|\*(?=\S)|(?<=\S)\*)", "", text)
    text = re.sub(r"(?<![\w\\])_(?=\S)|(?<=[^\s\\])_(?!\w)", "", text)
    return re.sub(r"\\([\\`*_{}\[\]()#+.!|<>-])", r"\1", text)


def _cells(lines: list[tuple[int, str]]) -> list[Passage]:
    rows = [(n, re.split(r"(?<!\\)\|", line.strip().strip("|"))) for n, line in lines]
    rows = [(n, row) for n, row in rows if not all(re.fullmatch(r"\s*:?-+:?\s*", c) for c in row)]
    headings = [squeezed(_unmarked(c)) for c in rows[0][1]] if rows else []
    return [
        Passage(f"line {n}, column {c}", squeezed(_unmarked(cell)), "cell" if i else "heading",
                headings[c - 1] if i and c <= len(headings) else "")
        for i, (n, row) in enumerate(rows) for c, cell in enumerate(row, start=1)
    ]  # fmt: skip


class _Page(HTMLParser):
    """Collects the visible text of a page block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.passages: list[Passage] = []
        self.open: list[str] = []
        self.unseen: list[str] = []
        self.text, self.at = "", 1
        self.headings: list[str] = []
        self.column = 0

    def _begin(self, tag, attrs):
        if self.unseen or tag in UNSEEN or "hidden" in dict(attrs):
            self.unseen += [tag] if tag not in VOID else []
            return
        if tag not in INLINE:
            self.flush()
        if tag in VOID:
            self.text += " " if tag == "br" else ""
            return
        self.open.append(tag)
        if tag in ("table", "tr"):
            self.column = 0
            self.headings = [] if tag == "table" else self.headings
        self.column += tag in ("td", "th")

    def _end(self, tag):
        if self.unseen:
            if tag in self.unseen:
                while self.unseen.pop() != tag:
                    pass
            return
        if tag not in INLINE:
            self.flush()
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def _read(self, data):
        if not self.unseen:
            self.at = self.getpos()[0] if not self.text.strip() else self.at
            self.text += data

    def flush(self) -> None:
        """Put aside what was read since the last block began."""
        text, self.text = squeezed(self.text), ""
        if not text:
            return
        kind, column = self._kind(), ""
        if kind == "heading" and "th" in self.open:
            self.headings.append(text)
        if kind == "cell" and self.column <= len(self.headings):
            column = self.headings[self.column - 1]
        self.passages.append(Passage(f"line {self.at}", text, kind, column))

    def _kind(self) -> str:
        around = set(self.open)
        if around & {"blockquote"}:
            return "quote"
        if around & {"h1", "h2", "h3", "h4", "h5", "h6", "summary", "caption"} or "thead" in around:
            return "heading"
        if around & {"td", "th"}:
            return "cell"
        return "item" if "li" in around else "text"

    handle_starttag, handle_endtag, handle_data = _begin, _end, _read


def html(path: Path) -> list[Passage]:
    """Read the visible text of a page."""
    page = _Page()
    try:
        page.feed(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, OSError) as error:
        raise broken(path, error) from None
    page.close()
    page.flush()
    return page.passages


def pdf(path: Path) -> list[Passage]:
    """Read the text of a PDF, page by page."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            what = "The PDF is locked by a password."
            raise TextError(Problem(str(path), what, "Save it without a password."))
        pages = [page.extract_text() for page in reader.pages]
    except TextError:
        raise
    except Exception as error:  # whatever a broken file makes the reader raise
        raise broken(path, error) from None
    if not any(p.strip() for p in pages):
        what = "The PDF holds no text, perhaps because it was scanned."
        raise TextError(Problem(str(path), what, "Use the file that it was made from."))
    unbroken = (re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", page) for page in pages)
    return [Passage(f"page {n}", squeezed(page)) for n, page in enumerate(unbroken, start=1)]
