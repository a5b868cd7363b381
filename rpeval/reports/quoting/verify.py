"""Tell which numbers of a document still are what the study says, and what to do about the others."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rpeval.errors import Problem
from rpeval.reports.blocks import plain
from rpeval.reports.quoting import verify_markdown, verify_word
from rpeval.reports.quoting.ledger import Ledger
from rpeval.reports.quoting.placeholders import KINDS
from rpeval.reports.quoting.quotes import ASKED, CELL, PICTURE, ROWS, Quote, Quotes
from rpeval.reports.quoting.seen import Seen
from rpeval.reports.quoting.texts import Passage, TextError, squeezed

READERS = {".docx": verify_word.read, ".md": verify_markdown.read, ".markdown": verify_markdown.read}
CURRENT, STALE, ALTERED, GONE, FOREIGN, UNMARKED, STAMP = (
    "current", "stale", "altered", "gone", "from another study", "unmarked", "without its stamp",
)  # fmt: skip
NOT_JUDGED = ("label", "unit", "level", "reason", "remedy")  # parts that a new verdict leaves as they are

# What holds digits and states no number of a study: dates, school years, parts of a document, addresses.
_MONTHS = (
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+\d{1,2}(?:st|nd|rd|th)?(?:,?\s+\d{4})?"
)
HARMLESS = re.compile(
    rf"\b{_MONTHS}|\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b(?:19|20)\d\d(?:[-–/](?:19|20)?\d\d)?\b"
    r"|\b(?:Table|Figure|Fig\.|Section|Chapter|Appendix|Part|Page|p\.|pp\.|Goal|Objective|Step|Tier|Title|Item"
    r"|Question|Exhibit|Attachment|Year|Phase|Grades?|No\.|Rev\.|SB|AB|HB|CFR|U\.S\.C\.|ISO|WWC)"
    r"\s*\d[\d.]*(?:\s*[-–]\s*\d+)?\b"
    r"|^\s*\(?\d+(?:\.\d+)*[.)]?\s+(?=[A-Z])|\bpages?\s+\d+(?:\s*(?:of|[-–])\s*\d+)?"
    r"|\b(?:grades?|ages?)\s+\d+(?:\s*(?:to|[-–])\s*\d+)?"
    r"|https?://\S+|\S+@\S+|\b\d{3}[-.]\d{3}[-.]\d{4}\b|\b\d+(?:st|nd|rd|th)\b"
    r"|\b95\s?(?:%|percent) (?:confidence )?interval",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?<![\w.])[−-]?(?:\$\s?)?\d[\d,]*(?:\.\d+)?(?:\s?%)?")


@dataclass(frozen=True, slots=True)
class Checked:
    """One number of a document and what has become of it.

    state : current, stale, altered, gone, from another study, unmarked or without its stamp
    what, fix : what is the matter, and what to do; empty for a current one
    """

    where: str
    name: str
    state: str
    what: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of all numbers of a document.

    checked  : one for each number that rpeval filled, and for each other that looks like one of the study's
    unmarked : other numbers without an id, with where they stand; they are nobody's business but the author's
    """

    checked: tuple[Checked, ...]
    unmarked: tuple[tuple[str, str], ...]

    @property
    def wrong(self) -> list[Checked]:
        """List those that ask for something to be done."""
        return [c for c in self.checked if c.state != CURRENT]


def verify(path: Path | str, folder: Path | str) -> Verified:
    """Check the numbers of a filled document, or of a report's own Word file, against a study.

    Use it before a document leaves the house, and again after each new run.
    path   : .docx or .md
    folder : a report folder
    A number is stale when the study prints another, or judges it otherwise; altered when somebody changed it
    in the document; gone when the study has it no more, refuses or hides it. A number without an id that
    equals one of the study's is named with that id. Dates, years and numbers of pages, tables and lists are
    passed over.
    Refuses (FindingError) a file that cannot be read, or that holds no number filled by rpeval.
    """
    path, quotes = Path(path), Quotes(folder)
    if path.suffix.lower() not in READERS:
        what = f"A file that ends in {path.suffix or 'nothing'} cannot be checked."
        raise TextError(Problem(str(path), what, f"Use one of: {', '.join(READERS)}."))
    if not path.is_file():
        raise TextError(Problem(str(path), "There is no such file.", "Check its name."))
    seen, ledger, passages = READERS[path.suffix.lower()](path, quotes)
    if not seen:
        what = "It holds no number that rpeval filled."
        raise TextError(Problem(str(path), what, "Write placeholders and run rpeval fill."))
    if ledger is not None and ledger.study != quotes.found.study:
        return Verified((_foreign(len(seen), ledger, quotes),), ())
    checked = [_check(one, quotes) for one in seen]
    known = _distinctive(quotes) if ledger else {}
    notes = {
        squeezed(plain(quotes.table(one.id).note))
        for one in seen
        if one.part == ROWS and one.id in quotes.found.tables
    }
    loose = list(_loose(p for p in passages if p.text not in notes))
    like = [_like(where, number, known[number]) for where, number in loose if number in known]
    others = tuple((where, number) for where, number in loose if number not in known)
    return Verified((*_stamp(passages, quotes), *checked, *like), others)


def _foreign(n: int, ledger: Ledger, quotes: Quotes) -> Checked:
    what = f"They were filled from the study {ledger.study}, not {quotes.found.study}."
    return Checked(
        "document", f"all {n} numbers", FOREIGN, what, f"Check it with --from reports/{ledger.study}."
    )


def _check(one: Seen, quotes: Quotes) -> Checked:
    name = f"{_KIND.get(one.part, '')}{one.id}" + ("" if one.part in (*_KIND, "estimate") else f"|{one.part}")
    made = Checked(one.where, name, CURRENT)
    now = current(one.id, one.part, quotes)
    if now is None or (now.reason and not _was_refused(one)):
        what = "The study does not have it any more." if now is None else now.shown.strip("[]")
        return replace(
            made, state=GONE, what=f"{_said(one)} {what}".strip(), fix="Remove what it is said to show."
        )
    return _compare(one, now, made)


def _compare(one: Seen, now: Quote, made: Checked) -> Checked:
    """Compare what stands there with what was filled and with what the study says now."""
    fix = "Fill the template again, or replace it by hand."
    now = replace(now, shown=_straight(now.shown))
    if one.text is not None:
        one = replace(one, text=_straight(one.text))
    then, moved = one.entry, one.part in (ROWS, PICTURE)
    if then is not None:
        then = replace(then, shown=_straight(then.shown))
    judged = then is not None and one.part not in NOT_JUDGED and then.decision != now.decision
    if judged and (moved or one.text in (then.shown, now.shown)):
        what = f"Its verdict was {then.decision or 'none'} and is now {now.decision or 'none'}."
        changed = "" if moved or then.shown == now.shown else f" {_change(then.shown, now.shown)}"
        return replace(made, state=STALE, what=what + changed, fix="Fill again and read its sentence anew.")
    if moved:
        if then is not None and then.shown != now.shown:
            return replace(
                made, state=STALE, what="The table behind it has changed.", fix="Fill the template again."
            )
        if one.text is not None and then is not None and one.text != then.shown:
            return replace(made, state=ALTERED, what="It was changed in the document.", fix="Fill it again.")
        return made
    if one.text == now.shown:
        return made
    if then is None:
        return replace(made, state=STALE, what=_change(one.text or "", now.shown), fix=fix)
    if one.text != then.shown:
        there = "It is not found where it was filled" if one.text is None else f"It says “{one.text}”"
        what = f"{there}; filled was “{then.shown}”, and the study says “{now.shown}”."
        return replace(made, state=ALTERED, what=what, fix="Write what the study says, or remove it.")
    return replace(made, state=STALE, what=_change(then.shown, now.shown), fix=fix)


def _straight(text: str) -> str:
    """Make no difference between apostrophes: a word processor turns them by itself."""
    return text.replace("’", "'")


_KIND = {part: f"{kind}." for kind, part in KINDS.items()}


def _change(old: str, new: str) -> str:
    return f"“{old}” is now “{new}”."


def _said(one: Seen) -> str:
    return f"“{one.text}”:" if one.text and one.part not in (ROWS, PICTURE) else ""


def _was_refused(one: Seen) -> bool:
    return one.entry is not None and one.entry.shown.lstrip("\\").startswith("[")


def current(id: str, part: str, quotes: Quotes) -> Quote | None:
    """Give what the study says now in the place of a number; None where it has it no more."""
    if part in (ROWS, PICTURE):
        return Quote(id, part, quotes.fingerprint(id)) if id in quotes.found.tables else None
    if "/" in id:
        told = quotes.quote(id, CELL)
        return told if told.shown else None
    if id not in quotes.found.findings:
        return None
    if part in ASKED:
        return quotes.quote(id, part)
    return Quote(
        id, part, quotes.found.findings[id].shown, quotes.wording.decision(id)
    )  # as reports print it


def _stamp(passages: Iterable[Passage], quotes: Quotes) -> list[Checked]:
    text = " ".join(p.text for p in passages).lower()
    missing = [name for name, _ in quotes.stamps if name.lower() not in text]
    return [
        Checked("document", n, STAMP, f"It does not say: {n}.", "Write it at the start.") for n in missing
    ]


def _loose(passages: Iterable[Passage]) -> Iterable[tuple[str, str]]:
    """Give the numbers of a text that are no date, year, page or number of a list."""
    for passage in passages:
        bare = HARMLESS.sub(lambda m: " " * len(m[0]), passage.text)
        for number in NUMBER.findall(bare):
            yield passage.where, number.strip().rstrip(",")


def _distinctive(quotes: Quotes) -> Mapping[str, list[str]]:
    """Give the printed numbers that hardly stand in another text by chance: decimals, or three digits."""
    found: dict[str, list[str]] = {}
    for f in quotes.found.findings.values():
        if isinstance(f.value, int | float) and ("." in f.shown or len(re.sub(r"\D", "", f.shown)) > 2):
            for way in {f.shown, f.shown.replace("−", "-")}:
                found.setdefault(way, []).append(f.id)
    return found


def _like(where: str, number: str, ids: list[str]) -> Checked:
    names = " or ".join(ids[:3]) + (" …" if len(ids) > 3 else "")
    fix = f"Write {{{{ {ids[0]}|number }}}} in the template, or make sure that it is another number."
    return Checked(where, number, UNMARKED, f"It has no id and equals {names}.", fix)
