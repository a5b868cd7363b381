"""What was filled into a document, kept inside it, so that it can be checked later."""

import hashlib
import json
from dataclasses import dataclass, field

from rpeval.reports.quoting.quotes import Quote, Quotes

NAMESPACE = "rpeval/filled/1"
STAMP = "rpeval:stamp"
LONGEST = 64  # characters that Word allows in the tag of a content control


@dataclass(frozen=True, slots=True)
class Entry:
    """One number as it was filled.

    tag    : "rpeval:<finding id>|<part>"
    shown  : the text that was written; of a table or picture, a hash of what it showed
    before : the words before it, by which its place is found where there is no control (Markdown)
    """

    tag: str
    shown: str
    decision: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which study a document was filled from, and with what."""

    study: str
    params_sha256: str
    findings_sha256: str
    entries: tuple[Entry, ...] = field(default=())


def tag_of(id: str, part: str) -> str:
    """Name a number in a document; a name too long for Word is cut and ends in a hash.

    >>> tag_of("suspensions.att", "interval")
    'rpeval:suspensions.att|interval'
    >>> len(tag_of("a." + "b" * 80, "n"))
    64
    """
    tag = f"rpeval:{id}|{part}"
    if len(tag) <= LONGEST:
        return tag
    return f"{tag[: LONGEST - 9]}~{hashlib.sha256(tag.encode()).hexdigest()[:8]}"


def ledger_of(quotes: Quotes, entries: list[Entry]) -> Ledger:
    """Make the ledger of a document that was filled from a study."""
    return Ledger(quotes.found.study, quotes.found.params_sha256, quotes.file_sha256, tuple(entries))


def entry_of(quote: Quote, before: str = "") -> Entry:
    """Write down one number."""
    return Entry(tag_of(quote.id, quote.part), quote.shown, quote.decision, before)


def write(ledger: Ledger) -> str:
    """Write a ledger as JSON, one number a line, without two hyphens in a row: a comment may hold it."""
    head = [NAMESPACE, ledger.study, ledger.params_sha256, ledger.findings_sha256]
    lines = [head, *([e.tag, e.shown, e.decision, e.before] for e in ledger.entries)]
    text = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    return "[" + text.replace("--", "-\\u002d") + "]"


def read(text: str) -> Ledger | None:
    """Read a ledger; None where the text is none.

    >>> one = Ledger("x", "p", "f", (Entry("rpeval:a.b|estimate", "1--2"),))
    >>> read(write(one)) == one, read("[]")
    (True, None)
    """
    try:
        head, *lines = json.loads(text)
        if head[0] != NAMESPACE:
            return None
        return Ledger(*head[1:], entries=tuple(Entry(*line) for line in lines))
    except (ValueError, TypeError, IndexError, KeyError):
        return None
