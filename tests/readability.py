"""How hard a text is to read: grade in school for English, ease for Spanish, from its own words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rpeval.reports.blocks import (
    Block,
    Bullets,
    Document,
    FigureBlock,
    Paragraph,
    Runs,
    TableBlock,
    opened,
    plain,
)

_WORD = re.compile(r"[\w$%'’\u2212+-]*\w[\w%'’,.-]*")
_END = re.compile(r"[.!?]+(?=[\s\"”»)]|$)")
_VOWELS = re.compile(r"[aeiouy]+")
_APART = re.compile(  # two vowels that are said one after the other
    r"i(?:a|o(?!n|u)|u|e[rt]$)|(?<![ct])ious|y(?=i|on)|(?<![qg])u(?:al|ou|at)|[^aeiou]eo|[dr]ien|sm$"
)
_PART = re.compile(r"[^\W\d_]+")

# Words of plain English whose syllables no rule below counts.
_UNRULY = {
    "area": 3, "areas": 3, "being": 2, "business": 2, "called": 1, "create": 2, "created": 3, "creates": 2,
    "doing": 2, "elsewhere": 2, "evening": 2, "every": 2, "everyone": 3, "everything": 3, "going": 2,
    "idea": 3, "ideas": 3, "notebook": 2, "notebooks": 2, "people": 2, "real": 1, "really": 3, "science": 2,
    "seeing": 2, "seemingly": 3, "somebody": 3, "something": 2, "sometimes": 2, "somewhere": 2,
    "therefore": 2, "tier": 1, "whole": 1, "wholly": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted in a text: words, sentences and syllables, and the two measures made of them.

    >>> round(Reading(words_n=6, sentences_n=1, syllables_n=6).grade, 2)
    -1.45
    """

    words_n: int
    sentences_n: int
    syllables_n: int

    @property
    def grade(self) -> float:
        """Grade in a U.S. school (Flesch–Kincaid), for English."""
        return 0.39 * self.words_n / self.sentences_n + 11.8 * self.syllables_n / self.words_n - 15.59

    @property
    def ease(self) -> float:
        """Ease from 0 to 100 (Fernández Huerta), for Spanish: 60 to 70 is the text of a daily paper."""
        return 206.84 - 60 * self.syllables_n / self.words_n - 1.02 * self.words_n / self.sentences_n


def read(text: str | Iterable[str], *, lang: str = "en") -> Reading:
    """Count words, sentences and syllables of a text.

    Use it to hold a text for parents to a grade. A number counts as one word of one syllable, and so does a
    hyphenated word as one word, with the syllables of its parts. A sentence ends at a period, a question
    mark or an exclamation mark, never inside a number; a piece without one is a sentence of its own.
    text : one text, or its pieces (paragraphs, items of a list)
    lang : "en" or "es", which tells the syllables
    Refuses (ValueError) a text without words.
    Source: Kincaid, Fishburne, Rogers & Chissom 1975 (grade); Fernández Huerta 1959, with words per sentence
    as Law 2011 corrected it (ease).

    >>> read("This sentence, taken as a reading passage unto itself, is being used to prove a point.")
    Reading(words_n=16, sentences_n=1, syllables_n=23)
    """
    pieces = [text] if isinstance(text, str) else list(text)
    sentences = [s for piece in pieces for s in _END.split(piece) if _WORD.search(s)]
    words = [w for s in sentences for w in _WORD.findall(s)]
    if not words:
        raise ValueError("A text without words has no grade.")
    return Reading(len(words), len(sentences), sum(syllables(w, lang=lang) for w in words))


def syllables(word: str, *, lang: str = "en") -> int:
    """Count the syllables of a word; a number counts as one.

    >>> syllables("suspensions"), syllables("out-of-school"), syllables("4.9"), syllables("país", lang="es")
    (3, 3, 1, 2)
    """
    count = _spanish if lang == "es" else _english
    parts = _PART.findall(re.sub(r"['’]", "", word.lower()))
    return max(1, sum(map(count, parts)))


def _english(word: str) -> int:
    if word in _UNRULY:
        return _UNRULY[word]
    stem = re.sub(r"(?<=[aeiouy])(less|ful|ment|ly|ness)(s|ly)?$", r"|\1\2", word)
    stem = re.sub(r"(?<![aeiouy])e(?=\||$)", lambda m: m[0] if _sounded(word, m.start()) else "", stem)
    stem = re.sub(r"(?<![aeiouy]l)(?<=l)e(?=[sd]$)", "|e|", stem)
    stem = re.sub(r"(?<=[^aeioutdy])ed$|(?<=[^aeiousxzcgyh])es$|(?<=[^aeiousc]h)es$", "d", stem)
    return max(1, len(_VOWELS.findall(stem)) + len(_APART.findall(stem)))


def _sounded(word: str, at: int) -> bool:
    """Say whether a last e is heard: as the only vowel, or in -le after a consonant."""
    alone = not re.search(r"[aeiouy]", word[:at])
    return alone or bool(re.search(r"[^aeiouylrw]l$", word[:at]))


def _spanish(word: str) -> int:
    """Count by the rules of diphthongs: two open vowels part, and so does an accented í or ú beside one."""
    plain = re.sub(r"(?<=[gq])u(?=[eiéí])", "", word)
    plain = re.sub(r"y(?=[^aeiouáéíóú]|$)", "i", plain)
    parted = re.sub(r"(?<=[aeoáéó])(?=[aeoáéóíú])|(?<=[íú])(?=[aeoáéó])", "|", plain)
    return len(re.findall(r"[aeiouáéíóúü]+", parted))


def prose(document: Document) -> list[str]:
    """List what a document says in sentences: paragraphs, bullets and notes, without headings and tables.

    Use it with `read`. Callouts are opened.
    """
    blocks = (block for section in document.sections for block in opened(section.blocks))
    return [plain(runs) for block in blocks for runs in _said(block) if runs]


def _said(block: Block) -> Iterator[Runs]:
    if isinstance(block, Paragraph):
        yield block.runs
    elif isinstance(block, Bullets):
        yield from block.items
    elif isinstance(block, TableBlock | FigureBlock):
        yield block.note
