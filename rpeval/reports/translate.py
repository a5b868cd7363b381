"""A text in another language: its English sentences are the keys of a message catalog (text/es.po).

`python -m rpeval.reports.translate` lists what the catalog lacks, and what it has and no text asks for.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rpeval.errors import FindingError, Problem
from rpeval.findings import Collected, Finding, Table
from rpeval.reports.catalog import FOLDER, load, read_catalog

Say = Callable[[str], str]

# What of a block is no sentence: ids, conditions, kinds.
CODE = {
    "id", "when", "each", "needs", "choose", "table", "figure", "grid", "of", "level", "index", "rest",
    "effects", "refusals", "states", "callout", "cut",
}  # fmt: skip
_PART = re.compile(r"\{([a-z]+)\}")
_NUMBERS, _NAMES = {"low", "high", "first", "last", "year"}, {"name", "place"}


@dataclass(frozen=True)
class Language:
    """The messages of one language.

    lang     : its code ("es")
    messages : English sentence, with single spaces, to its translation
    terms    : those sentences that findings say (text/terms.yml)
    mark     : what follows a sentence that is not translated
    """

    lang: str
    messages: dict[str, str]
    terms: tuple[str, ...]
    mark: str

    def say(self, sentence: str) -> str:
        """Translate a sentence or a template; one that is not known stays in English, and says so."""
        if not re.search(r"[^\W\d_]", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", sentence)):
            return sentence
        said = self.messages.get(plain(sentence))
        return re.match(r"\s*", sentence)[0] + said if said else f"{sentence} {self.mark}"

    def find(self, words: str) -> str:
        """Translate what a finding says; what is not known stays in English, and says so.

        >>> language("es").find("Effect on in-school suspensions")
        'Efecto en las suspensiones dentro de la escuela'
        >>> language("es").find("−6.4 to −3.5"), language("es").find("Snow days")
        ('de −6.4 a −3.5', 'Snow days [en inglés]')
        """
        if not re.search(r"[^\W\d_]", words):
            return words
        return self.known(words) or f"{words} {self.mark}"

    def known(self, words: str) -> str:
        """Translate what a finding says, whole or by its parts; empty when it is not known."""
        if said := self.messages.get(words) if words in self.terms else "":
            return said
        small = words[:1].lower() + words[1:]
        if small != words and (said := self.messages.get(small) if small in self.terms else ""):
            return said[:1].upper() + said[1:]
        return next((said for term in self.terms if (said := self._by_parts(term, words))), "")

    def _by_parts(self, term: str, words: str) -> str:
        pattern = _pattern(term)
        found = pattern.fullmatch(words) if pattern else None
        if found is None or term not in self.messages:
            return ""
        parts = {k: v if k in _NUMBERS | _NAMES else self.known(v) for k, v in found.groupdict().items()}
        return self.messages[term].format(**parts) if all(parts.values()) else ""


@functools.cache
def _pattern(term: str) -> re.Pattern[str] | None:
    """Make the pattern of a term with parts; None for one without."""
    pieces = _PART.split(term)
    if len(pieces) == 1:
        return None
    part = {**dict.fromkeys(_NUMBERS, r"[−\d.,%-]*\d[%]?")}
    return re.compile("".join(
        f"(?P<{p}>{part.get(p, '.+')})" if i % 2 else re.escape(p) for i, p in enumerate(pieces)
    ))  # fmt: skip


def plain(sentence: str) -> str:
    """Give a sentence with single spaces, however the file wraps it: the form of a key."""
    return re.sub(r"\s+", " ", sentence).strip()


@functools.cache
def language(lang: str) -> Language:
    """Read the messages of a language.

    Use it to write a text in that language. lang : "es"
    Refuses (FindingError) a language without a catalog. Fuzzy messages count as not translated.

    >>> language("es").say("Decisions to take")
    'Decisiones por tomar'
    """
    known = _read(lang)
    messages = {plain(str(m.id)): str(m.string) for m in known if m.id and m.string and not m.fuzzy}
    told = _terms()
    mark = told["note"]["untranslated"]
    return Language(lang, messages, tuple(told["findings"]), messages.get(mark, mark))


def _read(lang: str) -> Any:
    from babel.messages.pofile import read_po

    path = FOLDER / f"{lang}.po"
    if not path.exists():
        languages = ", ".join(["en", *sorted(p.stem for p in FOLDER.glob("*.po"))])
        raise FindingError(Problem("lang", f"There is no text in {lang!r}.", f"Use one of: {languages}."))
    with path.open("rb") as file:
        return read_po(file, locale=lang)


@functools.cache
def _terms() -> dict[str, Any]:
    return load(FOLDER / "terms.yml")


def translated(found: Collected, catalog: dict[str, Any], *, lang: str) -> tuple[Collected, dict[str, Any]]:
    """Give findings and text catalog in another language, with a note that says so at the beginning.

    Use it before a document is composed. Numbers, ids, conditions and verdicts stay as they are; what has no
    translation stays in English and says so.
    """
    spoken = language(lang)
    told = worded(catalog, spoken.say) | {"lang": lang}
    first, *others = told["sections"]
    told["sections"] = [first | {"blocks": [_about(spoken), *first["blocks"]]}, *others]
    findings = {id: _finding(f, spoken) for id, f in found.findings.items()}
    tables = {id: _table(t, spoken) for id, t in found.tables.items()}
    names = {key: spoken.known(getattr(found, key)) or getattr(found, key) for key in ("title", "district")}
    return replace(found, findings=findings, tables=tables, **names), told


def _about(spoken: Language) -> dict[str, Any]:
    """Make the block that says that a text is translated, and by whom it was not reviewed."""
    note = _terms()["note"]
    told = [{"text": spoken.say(note["about"])}]
    return {"callout": "note", "heading": spoken.say(note["heading"]), "blocks": told}


def _finding(finding: Finding, spoken: Language) -> Finding:
    number = finding.value is not None and finding.kind != "text"
    return replace(
        finding, label=spoken.find(finding.label), unit=spoken.find(finding.unit),
        shown=finding.shown if number else spoken.find(finding.shown),
        shown_interval=spoken.find(finding.shown_interval), method=spoken.find(finding.method),
        reason=spoken.find(finding.reason), remedy=spoken.find(finding.remedy),
    )  # fmt: skip


def _table(table: Table, spoken: Language) -> Table:
    labels = {column: spoken.find(label) for column, label in table.labels.items()}
    told = {key: spoken.find(getattr(table, key)) for key in ("title", "alt", "note")}
    return replace(table, labels=labels, **told)


def worded(catalog: dict[str, Any], say: Say) -> dict[str, Any]:
    """Give a text catalog in which each sentence is what `say` makes of it; ids and conditions stay.

    >>> told = {"sections": [{"id": "limits", "blocks": [{"text": "None.", "when": "simulated"}]}]}
    >>> worded(told, str.upper)["sections"]
    [{'id': 'limits', 'blocks': [{'text': 'NONE.', 'when': 'simulated'}]}]
    """
    made = dict(catalog)
    for key in ("words", "phrases"):
        made[key] = {name: say(text) for name, text in catalog.get(key, {}).items()}
    made["states"] = {
        name: state | {key: say(state[key]) for key in ("name", "means")}
        for name, state in catalog.get("states", {}).items()
    }
    for key in ("subtitle", "sections"):
        if key in catalog:
            made[key] = _worded(catalog[key], say)
    return made


def _worded(told: Any, say: Say) -> Any:
    if isinstance(told, str):
        return say(told)
    if isinstance(told, list):
        return [_worded(one, say) for one in told]
    if isinstance(told, dict):
        return {key: one if key in CODE else _worded(one, say) for key, one in told.items()}
    return told


def sentences(text: str) -> list[str]:
    """List the sentences of a text and of the words around it, each once, as keys of a message catalog.

    text : "brief", or another text; "" for what findings say
    """
    said: list[str] = []
    if text:
        worded(read_catalog(text), lambda sentence: said.append(sentence) or sentence)
    else:
        said += [*_terms()["note"].values(), *_terms()["findings"]]
    letters = re.compile(r"[^\W\d_]|\{\w+\}")
    return list(dict.fromkeys(
        plain(s) for s in said if letters.search(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", s))
    ))  # fmt: skip


def faults(lang: str, *, texts: tuple[str, ...] = ("brief",)) -> Iterator[tuple[str, str]]:
    """List what a message catalog lacks for these texts, and what stands in it that no text asks for.

    Gives pairs of what is wrong (missing, fuzzy, obsolete) and the English sentence.
    """
    asked = {s for text in (*texts, "") for s in sentences(text)}
    known = {plain(str(m.id)): m for m in _read(lang) if m.id}
    for sentence in sorted(asked | set(known)):
        if sentence not in known or not known[sentence].string:
            yield "missing", sentence
        elif sentence not in asked:
            yield "obsolete", sentence
        elif known[sentence].fuzzy:
            yield "fuzzy", sentence


if __name__ == "__main__":
    listed = list(faults("es"))
    for fault, sentence in listed:
        print(f"{fault}: {sentence}")
    sys.exit(bool(listed))
