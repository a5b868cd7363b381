"""Find the numbers of a Markdown document by the list at its end and the words before each."""

import re
from pathlib import Path

from rpeval.reports.quoting import ledger
from rpeval.reports.quoting.fill_markdown import BEFORE, COMMENT, pipes
from rpeval.reports.quoting.ledger import Entry, Ledger
from rpeval.reports.quoting.quotes import PICTURE, ROWS, Quotes
from rpeval.reports.quoting.seen import Seen, known_names, read_tag
from rpeval.reports.quoting.text_pages import passages_of
from rpeval.reports.quoting.texts import Passage, broken, squeezed

_BLANK = "\u2003"  # stands where a number was taken out


def read(path: Path, quotes: Quotes) -> tuple[list[Seen], Ledger | None, list[Passage]]:
    """Give the numbers of a document, what was filled into it, and the text around them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise broken(path, error) from None
    comment = COMMENT.search(text)
    listed = ledger.read(comment[1]) if comment else None
    text = COMMENT.sub("\n", text)
    names, seen, begin = known_names(quotes), [], 0
    for entry in listed.entries if listed else ():
        id, part = read_tag(entry.tag, names)
        if part in (ROWS, PICTURE):
            at, text = _exhibit(text, id, part, quotes)
            seen.append(Seen(_line(text, at), id, part, None, entry))
            continue
        at = _place(text, entry, begin)
        if at is None:
            seen.append(Seen(_nearby(text, entry), id, part, None, entry))
            continue
        end = at + len(entry.shown)
        seen.append(Seen(_line(text, at), id, part, _unescaped(entry.shown), _plain(entry)))
        text, begin = text[:at] + _BLANK * len(entry.shown) + text[end:], end
    return seen, listed, passages_of(text)


def _place(text: str, entry: Entry, begin: int) -> int | None:
    """Find where an entry stands: after the words that stood before it, else the next such text."""
    edge = r"(?<![\w.,−-])" if re.match(r"[\w−]", entry.shown) else ""
    after = r"(?![\w]|[.,]\d)" if re.search(r"\w$", entry.shown) else ""
    places = [m.start() for m in re.finditer(edge + re.escape(entry.shown) + after, text)]
    for at in places:
        before = squeezed(text[max(0, at - 4 * BEFORE) : at].replace(_BLANK, ""))
        if entry.before and before.endswith(entry.before[-BEFORE // 2 :]):
            return at
    return next((at for at in places if at >= begin), None)


def _exhibit(text: str, id: str, part: str, quotes: Quotes) -> tuple[int, str]:
    """Find a picture by its file or a table by its first line; take the table's numbers out of the text."""
    if part == PICTURE:
        found = re.search(rf"!\[[^\n]*figures/{re.escape(id)}\.svg[^\n]*", text)
        return (0, text) if found is None else (found.start(), _without(text, found[0]))
    if id not in quotes.found.tables:
        return 0, text
    now = pipes(quotes.table(id))
    at = text.find(now.split("\n")[0])
    return max(at, 0), _without(text, now)


def _without(text: str, ours: str) -> str:
    """Take the numbers of a piece that rpeval wrote out of a text."""
    return text.replace(ours, re.sub(r"\d", _BLANK, ours), 1)


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"


def _nearby(text: str, entry: Entry) -> str:
    """Say where an entry should stand, by the words that stood before it."""
    words = entry.before.split()[-2:]
    found = re.search(r"\s+".join(map(re.escape, words)), text) if words else None
    return _line(text, found.end()) if found else "document"


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\`*_\[\]<|])", r"\1", text)


def _plain(entry: Entry) -> Entry:
    return Entry(entry.tag, _unescaped(entry.shown), entry.decision, entry.before)
