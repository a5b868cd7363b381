"""Flag wording that goes beyond what a study found, sentence by sentence, and tell what may be said."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rpeval.findings.patterns import match
from rpeval.reports.quoting.quotes import Quotes
from rpeval.reports.quoting.rules import Rule, read_rules
from rpeval.reports.quoting.texts import Passage, read_texts, sentences

AFTER = 90  # characters after a claim in which it may be taken back


@dataclass(frozen=True, slots=True)
class Flag:
    """One sentence that says more than was found.

    rule    : id of the rule, as in lint.yml
    why     : what is wrong with it
    instead : the sentence that may be said
    """

    where: str
    sentence: str
    rule: str
    why: str
    instead: str


def lint(path: Path | str, folder: Path | str) -> list[Flag]:
    """Judge the wording of a document by the verdicts of a study.

    Use it before a text about a study leaves the house. It knows words, not meaning: it passes denials,
    questions, plans, and what is told as the word of others, and who wants to can outwit it.
    path   : .md, .txt, .docx, .html or .pdf; a PDF does not tell its tables and quotations from its text, so
             that what others say there is judged, too
    folder : a report folder
    Returns flags in the order of the text, those on the whole text last; none where nothing is wrong.
    Refuses (FindingError) a file that cannot be read.
    """
    return judge(read_texts(path), Quotes(folder))


def judge(passages: Sequence[Passage], quotes: Quotes) -> list[Flag]:
    """Judge passages: every sentence by itself, then the text as a whole."""
    told = [p for p in passages if p.kind != "quote" and not _of_others(p)]
    flags = []
    for at, passage in enumerate(told):
        around = " ".join(p.text for p in told[max(0, at - 1) : at + 2])
        for sentence in sentences(passage.text):
            broken = broken_rules(sentence, quotes, around=around)
            flags += [
                Flag(passage.where, sentence, r.id, r.why, _instead(r, sentence, quotes)) for r in broken
            ]
    return [*flags, *_of_whole(told, quotes)]


def _of_others(passage: Passage) -> bool:
    """Say whether a cell holds what others say, such as the claims that a report answers."""
    return passage.kind == "cell" and bool(read_rules().shared["quoted_columns"].search(passage.column))


def broken_rules(sentence: str, quotes: Quotes, *, around: str = "") -> list[Rule]:
    """List the rules that one sentence breaks. around : its paragraph and the two beside it."""
    if sentence.rstrip('"”’)').endswith("?"):
        return []
    broken = [r for r in read_rules().rules if not r.document and _breaks(r, sentence, quotes, around)]
    return [r for r in broken if not r.alone] or broken


def _breaks(rule: Rule, sentence: str, quotes: Quotes, around: str) -> bool:
    found = next(
        (m for p in rule.finds for m in p.finditer(sentence) if not _excused(rule, m, sentence)), None
    )
    if found is None or not rule.needs.search(sentence) or rule.unless.search(sentence):
        return False
    if rule.unless_both and all(p.search(sentence) for p in rule.unless_both):
        return False
    if rule.counts is not None and not _tiny(rule, sentence):
        return False
    if rule.nearby.search(around or sentence):
        return False
    if rule.only_if and not quotes.wording.true(rule.only_if):
        return False
    return not _borne(rule, sentence, quotes)


def _excused(rule: Rule, found: re.Match[str], sentence: str) -> bool:
    """Say whether a claim is denied, asked, planned, or the word of others."""
    rules = read_rules()
    passes, shared = rules.passes, rules.shared
    if passes["anywhere"].search(sentence) or _is_quoted(found, sentence):
        return True
    until = shared["emphasis"].sub("", sentence[: found.end()])
    if passes["attributed"].search(until):
        return True
    if not rule.passes:
        return False
    clause = shared["clause"].split(until)[-1]
    return bool(passes["before"].search(clause) or passes["after"].search(sentence[found.end() :][:AFTER]))


def _is_quoted(found: re.Match[str], sentence: str) -> bool:
    """Say whether a claim stands in quotation marks and the rest of the sentence tells whose it is."""
    for quoted in re.finditer(r"[“\"][^”\"]+[”\"]", sentence):
        if quoted.start() <= found.start() and found.end() <= quoted.end():
            rest = sentence[: quoted.start()] + sentence[quoted.end() :]
            return bool(read_rules().passes["quoted"].search(rest))
    return False


def _tiny(rule: Rule, sentence: str) -> bool:
    rules = read_rules()
    said = [group.lower() for m in rule.counts.finditer(sentence) for group in m.groups() if group]
    numbers = [int(s) if s.isdecimal() else rules.numerals.index(s) + 1 for s in said]
    return any(n < rules.least for n in numbers)


def _borne(rule: Rule, sentence: str, quotes: Quotes) -> bool:
    """Say whether the verdict on what a sentence is about bears it."""
    if not rule.named.search(sentence) or rule.never.search(sentence):
        return False
    if rule.verdicts:
        harms = match(quotes.found.findings, ("harms.*.att",))
        return bool(harms) and all(quotes.wording.decision(id) in rule.verdicts for id in harms)
    id = _topic(rule, sentence, quotes)
    state = quotes.wording.decision(id) if id else ""
    return state in rule.allowed and (not rule.agrees or _agrees(rule, sentence, id, state, quotes))


def _agrees(rule: Rule, sentence: str, id: str, state: str, quotes: Quotes) -> bool:
    """Say whether a sentence speaks of the direction that was found."""
    if rule.direction:
        return state in rule.direction and bool(rule.direction[state].search(sentence))
    shared, value = read_rules().shared, quotes.found.findings[id].value
    down, up = bool(shared["down"].search(sentence)), bool(shared["up"].search(sentence))
    return down == up or not isinstance(value, int | float) or down == (value < 0)


def _topic(rule: Rule, sentence: str, quotes: Quotes) -> str:
    """Give the finding that a sentence is about; empty where the study has none on it."""
    if rule.topic:
        return rule.topic if rule.topic in quotes.found.findings else ""
    for finds, patterns in read_rules().topics:
        if finds.search(sentence):
            return next(iter(match(quotes.found.findings, patterns)), "")
    return ""


def _instead(rule: Rule, sentence: str, quotes: Quotes) -> str:
    id = _topic(rule, sentence, quotes)
    if rule.say and (id or "it|" not in rule.say):
        return quotes.say(rule.say, id)
    return quotes.sentence(id) if id else read_rules().silent


def _of_whole(passages: Sequence[Passage], quotes: Quotes) -> Iterator[Flag]:
    """Judge a text as a whole: what it should say somewhere and says nowhere."""
    for rule in read_rules().rules:
        if not rule.document or (rule.only_if and not quotes.wording.true(rule.only_if)):
            continue
        found = next(_claims(rule, passages), None)
        if found is None:
            continue
        if not rule.verdicts:
            if not any(rule.unless.search(p.text) for p in passages):
                yield Flag(*found, rule.id, rule.why, rule.say)
        elif unsaid := [id for id in _adverse(rule, quotes) if not _mentioned(id, passages, quotes)]:
            yield Flag(*found, rule.id, rule.why, " ".join(quotes.sentence(id) for id in unsaid))


def _claims(rule: Rule, passages: Sequence[Passage]) -> Iterator[tuple[str, str]]:
    for passage in passages:
        for sentence in sentences(passage.text):
            for found in (m for p in rule.finds for m in p.finditer(sentence)):
                excused = rule.unless.search(sentence) or _excused(rule, found, sentence)
                if not rule.verdicts or not (excused or sentence.endswith("?")):
                    yield passage.where, sentence


def _adverse(rule: Rule, quotes: Quotes) -> list[str]:
    ids = match(quotes.found.findings, read_rules().effects)
    return [id for id in ids if quotes.wording.decision(id) in rule.verdicts]


def _mentioned(id: str, passages: Sequence[Passage], quotes: Quotes) -> bool:
    """Say whether a text tells of what speaks against the program: its topic and a word for the direction."""
    rules = read_rules()
    topic = next((f for f, patterns in rules.topics if match([id], patterns)), None)
    label = quotes.found.findings[id].label.removeprefix("Effect on ")
    finds = topic or re.compile(re.escape(label), re.IGNORECASE)
    return any(finds.search(p.text) and rules.shared["adverse"].search(p.text) for p in passages)
