"""The rules of wording, read from lint.yml and made ready to be asked."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.reports.catalog import load

FILE = Path(__file__).parent / "lint.yml"
NEVER = re.compile(r"(?!)")  # fits nothing


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it looks for, what excuses it, why, and what to say instead; the keys of lint.yml."""

    id: str
    finds: tuple[re.Pattern[str], ...]
    needs: re.Pattern[str]
    unless: re.Pattern[str]
    unless_both: tuple[re.Pattern[str], ...]
    named: re.Pattern[str]
    never: re.Pattern[str]
    nearby: re.Pattern[str]
    counts: re.Pattern[str] | None
    allowed: tuple[str, ...]
    direction: Mapping[str, re.Pattern[str]]
    passes: bool
    agrees: bool
    only_if: str
    document: bool
    alone: bool
    verdicts: tuple[str, ...]
    topic: str
    why: str
    say: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, and what they share."""

    rules: tuple[Rule, ...]
    topics: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]
    passes: Mapping[str, re.Pattern[str]]
    shared: Mapping[str, re.Pattern[str]]
    numerals: tuple[str, ...]
    effects: tuple[str, ...]
    silent: str
    least: int


SHARED = ("emphasis", "quoted_columns", "clause", "down", "up", "adverse")


@functools.cache
def read_rules() -> Rules:
    """Read the rules of wording.

    >>> [rule.id for rule in read_rules().rules][:3]
    ['proof', 'cause', 'effect']
    """
    told = load(FILE)
    words = {name: re.sub(r"\|\s+", "|", text).strip() for name, text in told["words"].items()}
    make = functools.partial(_pattern, words=words)
    return Rules(
        rules=tuple(_rule(rule, make) for rule in told["rules"]),
        topics=tuple((make(t["finds"]), tuple(t["of"])) for t in told["topics"]),
        passes={name: make(text) for name, text in told["passes"].items()},
        shared={name: make(told[name]) for name in SHARED},
        numerals=tuple(words["numeral"].split("|")), effects=tuple(told["effects"]), silent=told["silent"],
        least=told["least"],
    )  # fmt: skip


def _pattern(text: str, *, words: Mapping[str, str]) -> re.Pattern[str]:
    text = re.sub(r"\|\s+", "|", text).strip()
    for name, listed in words.items():
        text = text.replace(f"{{{name}}}", f"(?:{listed})")
    return re.compile(text, re.IGNORECASE)


def _rule(told: dict[str, Any], make: Any) -> Rule:
    def one(key: str, default: re.Pattern[str]) -> re.Pattern[str]:
        return make(told[key]) if key in told else default

    return Rule(
        id=told["id"], finds=tuple(map(make, told["finds"])), needs=one("with", re.compile("")),
        unless=one("unless", NEVER), unless_both=tuple(map(make, told.get("unless_both", []))),
        named=one("named", re.compile("")), never=one("never", NEVER),
        counts=make(told["counts"]) if "counts" in told else None, allowed=tuple(told.get("allowed", [])),
        direction={state: make(text) for state, text in told.get("direction", {}).items()},
        passes=told.get("passes", True), agrees=told.get("agrees", False),
        nearby=one("nearby", NEVER), only_if=told.get("only_if", ""),
        document=told.get("scope") == "document", alone=told.get("alone", False),
        verdicts=tuple(told.get("document_verdicts", told.get("adverse", []))), topic=told.get("topic", ""),
        why=told["why"], say=told.get("say", ""),
    )  # fmt: skip
