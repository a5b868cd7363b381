"""YAML in which every value stays the text that was typed, and nothing is read silently as something else.

A YAML reader that guesses types turns the id 0612345 into 201957, the state NO into False and 12:30 into 750,
and keeps the last of two equal keys. Here the schema decides what is a number; the reader only reads.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, Event, NodeEvent, ScalarEvent, SequenceStartEvent

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.words import quote

LARGEST = 1_000_000  # bytes; a params file has about 3,000
DEEPEST = 20
FAULTS = Path(__file__).with_name("yaml_faults.yml")


def read_yaml(path: Path, *, name: str | None = None) -> dict[str, Any]:
    """Read a YAML file; every value stays the text that was typed.

    Use for params, layouts, instruments and measures alike; a schema then decides what is a number.

    path : the file, UTF-8 with or without a byte-order mark
    name : how messages name the file; the path as given where absent
    Returns a dict of text, lists, dicts, and None where a key has no value.
    Refuses (ParamsError, all at once with line and column): a file that is missing, empty, not UTF-8, larger
    than 1 MB or not a mapping; a key twice; anchors, aliases, tags and merge keys; several documents.
    """
    name = name or str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise _refuse(name, f"The file cannot be read: {why}.", "Check its path.") from None
    if len(content) > LARGEST:
        what = f"The file has {len(content):,} bytes, and at most {LARGEST:,} are read."
        raise _refuse(name, what, "Check that this is the right file.")
    return parse_yaml(_decode(content, name), name=name)


def parse_yaml(text: str, *, name: str) -> dict[str, Any]:
    """Read YAML text like `read_yaml` reads a file.

    >>> parse_yaml("{leaid: 0612345, state: NO, years: [2019-20], note: }", name="x.yml")
    {'leaid': '0612345', 'state': 'NO', 'years': ['2019-20'], 'note': None}
    """
    reading, content = _Reading(name), None
    try:
        content = reading.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except _StoppedError:
        pass
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reading.problems.append(_explain(error, text, name))
    if reading.problems:
        raise ParamsError(reading.problems)
    if content is None:
        raise _refuse(name, "The file is empty.", "Write its keys, each with its value.")
    if not isinstance(content, dict):
        fix = "Write a key, a colon, a space and its value on each line."
        raise _refuse(name, "The file holds no keys.", fix)
    return content


class _StoppedError(Exception):
    """Reading cannot go on; the problem is already noted."""


@dataclass(slots=True)
class _Reading:
    """Builds plain values from the parser's events and notes every problem on the way."""

    name: str
    problems: list[Problem] = field(default_factory=list)

    def document(self, events: Iterator[Event]) -> Any:
        content, documents = None, 0
        for event in events:
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                self.note(event, "A second document begins here.", "Delete the line that reads ---.")
                raise _StoppedError
            if isinstance(event, NodeEvent):
                content = self.value(event, events, depth=1)
        return content

    def value(self, event: Event, events: Iterator[Event], *, depth: int) -> Any:
        self.check_node(event)
        if isinstance(event, AliasEvent):
            return ""
        if isinstance(event, ScalarEvent):
            return event.value if event.value or event.style else None
        if depth > DEEPEST:
            self.note(event, f"Values are nested more than {DEEPEST} deep.", "Take out the inner levels.")
            raise _StoppedError
        if isinstance(event, SequenceStartEvent):
            return [self.value(item, events, depth=depth + 1) for item in _until_end(events)]
        return self.mapping(events, depth=depth)

    def mapping(self, events: Iterator[Event], *, depth: int) -> dict[str, Any]:
        content: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for event in _until_end(events):
            key, line = self.key(event, events, depth=depth), event.start_mark.line + 1
            value = self.value(next(events), events, depth=depth + 1)
            if key in lines:
                what = f"{quote(key)} is written twice, on line {lines[key]} and on line {line}."
                self.note(event, what, "Keep one of the two.")
            lines.setdefault(key, line)
            content.setdefault(key, value)
        return content

    def key(self, event: Event, events: Iterator[Event], *, depth: int) -> str:
        if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
            self.note(event, "Merge keys (<<) are not read.", "Write the keys out.")
        key = self.value(event, events, depth=depth + 1)
        if isinstance(key, str) and key.strip():
            return key
        if not isinstance(event, AliasEvent):
            self.note(event, "A key is not plain text.", "Write a plain word before the colon.")
        return f"line {event.start_mark.line + 1}"

    def check_node(self, event: Event) -> None:
        mark = f"*{event.anchor}" if isinstance(event, AliasEvent) else f"&{event.anchor}"
        if isinstance(event, AliasEvent):
            fix = f'Write the value out, or put text in quotes: "{mark}".'
            self.note(event, f"References ({mark}) are not read.", fix)
        elif event.anchor:
            fix = f'Delete it, or put text in quotes: "{mark}".'
            self.note(event, f"Anchors ({mark}) are not read.", fix)
        if getattr(event, "tag", None):
            self.note(event, f"Type tags ({event.tag}) are not read.", "Delete it, or put text in quotes.")

    def note(self, event: Event, what: str, fix: str) -> None:
        mark = event.start_mark
        self.problems.append(Problem(_place(self.name, mark.line, mark.column), what, fix))


def _until_end(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event


def _refuse(where: str, what: str, fix: str) -> ParamsError:
    return ParamsError(Problem(where, what, fix))


def _place(name: str, line: int, column: int) -> str:
    return f"{name}: line {line + 1}, column {column + 1}"


def _place_after(before: str, name: str) -> str:
    """Name the place of the character that follows some text."""
    lines = (before + "x").splitlines()
    return _place(name, len(lines) - 1, len(lines[-1]) - 1)


def _decode(content: bytes, name: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refuse(name, "The file is written in UTF-16.", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _place_after(content[: error.start].decode("utf-8-sig"), name)
        what = f"The byte 0x{content[error.start]:02X} is not UTF-8, so a letter here cannot be read."
        raise _refuse(where, what, "Save the file as UTF-8.") from None


def _explain(error: Exception, text: str, name: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        what = f"The character U+{error.character:04X} cannot be seen or printed."
        return Problem(_place_after(text[: error.position], name), what, "Delete it.")
    faults = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))
    marked = isinstance(error, yaml.MarkedYAMLError)
    said = f"{error.context or ''} {error.problem or ''}" if marked else "escape"
    fault = next((fault for fault in faults if all(word in said for word in fault["words"])), None)
    if not marked:
        return Problem(name, fault["what"], fault["fix"])
    mark = error.problem_mark or error.context_mark
    if fault is None:
        found = str(error.problem).replace(r"'\x00'", "the end of the file")
        what = f"The file is not readable as YAML from here on: {found}."
        fault = {"what": what, "fix": "Check the indentation, the quotes and the colons here."}
    elif "opened here" in fault["what"] or "begins with" in fault["what"]:
        mark = error.context_mark or mark
    return Problem(_place(name, mark.line, mark.column), fault["what"], fault["fix"])
