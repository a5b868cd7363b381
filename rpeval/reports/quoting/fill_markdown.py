"""Fill a Markdown document; what was filled is listed in a comment at its end, which no page shows."""

import os
import re
from pathlib import Path

from rpeval.errors import Problem
from rpeval.reports.blocks import TableBlock, plain
from rpeval.reports.quoting import ledger
from rpeval.reports.quoting.placeholders import PLACEHOLDER, asked
from rpeval.reports.quoting.quotes import PICTURE, ROWS, Quote, Quotes
from rpeval.reports.quoting.texts import TextError, squeezed

BEFORE = 24  # characters of context that are kept
HEAD = "<!-- filled by rpeval; leave this list as it is, it is how the numbers are checked"
COMMENT = re.compile(rf"\n*{HEAD}\n(.*?)\n-->\n?", re.S)


def fill(template: Path, quotes: Quotes, target: Path) -> bytes:
    """Give the filled document; target : where it will be, for the links to pictures."""
    text = template.read_text(encoding="utf-8-sig")
    pieces, entries, end = [], [], 0
    for match in PLACEHOLDER.finditer(text):
        pieces.append(text[end : match.start()])
        one, end = asked(match), match.end()
        said, shown = _said(one.id, one.part, quotes, target)
        before = squeezed("".join(pieces)[-4 * BEFORE :])[-BEFORE:]
        entries.append(
            ledger.entry_of(Quote(one.id, one.part, shown, quotes.wording.decision(one.id)), before)
        )
        pieces.append(said)
    filled = _stamped("".join([*pieces, text[end:]]), quotes)
    return (filled.rstrip("\n") + _comment(ledger.write(ledger.ledger_of(quotes, entries)))).encode()


def _comment(listed: str) -> str:
    return f"\n\n{HEAD}\n{listed}\n-->\n"


def _said(id: str, part: str, quotes: Quotes, target: Path) -> tuple[str, str]:
    """Give what is written in the place of a placeholder, and what is kept of it."""
    if part == ROWS:
        return pipes(quotes.table(id)), quotes.fingerprint(id)
    if part == PICTURE:
        return _picture(id, quotes, target), quotes.fingerprint(id)
    said = escaped(quotes.quote(id, part).shown)
    return said, said


def escaped(text: str) -> str:
    """Write text so that Markdown shows it as it is.

    >>> print(escaped("a_b * <c> | d"))
    a\\_b \\* \\<c> \\| d
    """
    return re.sub(r"([\\`*_\[\]<|])", r"\\\1", text)


def pipes(block: TableBlock) -> str:
    """Write a table in pipes, columns of numbers to the right."""
    rows = [[escaped(plain((cell,))) for cell in row] for row in (block.headings, *block.rows)]
    rule = ["---:" if right else "---" for right in block.numeric]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
    return "\n".join([*lines, *(["", escaped(plain(block.note))] if block.note else [])])


def _picture(id: str, quotes: Quotes, target: Path) -> str:
    path = Path(quotes.found.folder) / "figures" / f"{id}.svg"
    if not path.exists():
        what = f"The report has no picture figures/{id}.svg."
        raise TextError(Problem(str(quotes.found.folder), what, "Write it again with rpeval report."))
    link = Path(os.path.relpath(path.resolve(), target.resolve().parent)).as_posix()
    return f"![{escaped(quotes.found.tables[id].alt)}](<{link}>)"


def stamp_line(name: str, banner: str) -> str:
    """Write a stamp.

    >>> stamp_line("Draft", "Do not quote it.")
    '> **Draft.** Do not quote it.'
    """
    return f"> **{name}.** {banner.strip()}"


def _stamped(text: str, quotes: Quotes) -> str:
    """Put the stamps before everything but the front matter."""
    stamps = "".join(f"{stamp_line(*stamp)}\n\n" for stamp in quotes.stamps)
    front = re.match(r"---\n.*?\n---\n+", text, re.S)
    at = front.end() if front else 0
    return text[:at] + stamps + text[at:]
