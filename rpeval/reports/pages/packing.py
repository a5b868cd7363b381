"""Passports packed for the page's script: what they say again and again is written once."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from rpeval.findings.passport import Passport

ELSEWHERE = (
    "Name",
    "What it is",
    "Made in",
    "Data",
    "Answers",
)  # said otherwise in a dialog, or left to its page
PLACE, PHRASE = 0xE000, 0xE100  # private characters: for another text of the same entry, for a phrase
ROUNDS, WORDS, LEAST = 8, 30, 8  # looks for phrases, the longest in words, the bytes that one must save


def packed(passports: Sequence[Passport]) -> Markup:
    """Write passports as compact JSON that a page's script can read.

    Of each: its id, the sentence to copy, its label, where it was made, and a text for each heading. In the
    sentence a private character stands for one of the other texts; in any text, one stands for a phrase.
    """
    headings = list(dict.fromkeys(h for p in passports for h, _ in p.rows if h not in ELSEWHERE))
    phrases, texts = fold(_json([[p.id, *_entry(p, headings)] for p in passports]))
    told = {"headings": headings, "phrases": phrases}
    return Markup(f'{_json(told)[:-1]},"texts":{texts}}}'.replace("<", "\\u003c"))


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _entry(passport: Passport, headings: Sequence[str]) -> list[str]:
    texts = dict(passport.rows)
    entry = [passport.label, texts.get("Made in", ""), *(texts.get(heading, "") for heading in headings)]
    sentence = passport.citation
    for i, text in enumerate([passport.id, *entry]):
        sentence = sentence.replace(text, chr(PLACE + i), 1) if text else sentence
    while not entry[-1]:
        entry.pop()
    return [sentence, *entry]


def fold(text: str) -> tuple[list[str], str]:
    """Replace phrases that come again and again by private characters; a phrase may hold earlier ones.

    >>> phrases, folded = fold("per 100 students; per 100 students; per 100 students")
    >>> phrases, len(folded)
    (['per 100 students'], 7)
    """
    phrases: list[str] = []
    for turn in range(1, ROUNDS + 1):
        counted = Counter(_phrases(text))
        likely = sorted((p for p, n in counted.items() if n > 1), key=lambda p: (-_saved(p, counted[p]), p))
        for phrase in likely[: 40 * turn]:
            if _saved(phrase, text.count(phrase)) > LEAST:
                text = text.replace(phrase, chr(PHRASE + len(phrases)))
                phrases.append(phrase)
    return phrases, text


def _saved(phrase: str, times: int) -> int:
    length = len(phrase.encode())
    return (length - 3) * times - length - 3


def _phrases(text: str) -> Iterator[str]:
    """Give every row of words inside a quoted text, without the quotes and escapes of JSON."""
    for quoted in re.split(r'["\\]', text):
        ends = [m.end() for m in re.finditer(r"[^ .;]+[ .;]*|[ .;]+", quoted)]
        starts = [0, *ends]
        for first, start in enumerate(starts):
            for end in ends[first : first + WORDS]:
                yield quoted[start:end].strip(" .;")


def unpacked(text: str) -> dict[str, tuple[str, ...]]:
    """Read all entries back, as the page's script does: by id the sentence, then the other texts.

    >>> one = Passport("a.b", "Schools", (("Made in", "01"), ("Value", "60")), "60; Schools. Source: a.b.")
    >>> unpacked(packed([one]))
    {'a.b': ('60; Schools. Source: a.b.', 'Schools', '01', '60')}
    """
    told = json.loads(text)
    mark = re.compile(f"[{chr(PHRASE)}-\uf8ff]")

    def whole(text: str) -> str:
        longer = mark.sub(lambda m: told["phrases"][ord(m[0]) - PHRASE], text)
        return text if longer == text else whole(longer)

    read = {}
    for entry in told["texts"]:
        id, sentence, *texts = map(whole, entry)
        places = [id, *texts]
        filled = re.sub(f"[{chr(PLACE)}-\ue0ff]", lambda m, all=places: all[ord(m[0]) - PLACE], sentence)
        read[id] = (filled, *texts)
    return read
